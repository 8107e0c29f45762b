// The parts to change, and the unit tests that judge them: tests that find most in least time come first. A test that
// only uses a thing costs time at each of its mutants, and finds little, so each part has its own.
const engine = (...names) => names.map((name) => `src/internal/engine/${name}.ts`)

export const parts = {
  memory: {
    mutate: engine("BufferPool", "Ranges", "Segments", "List", "Ledger", "Host", "offset"),
    tests: ["memory", "parts"]
  },
  machine: {
    mutate: engine("ThreadpoolIoObject", "Engine", "Environment", "Operation", "Binding", "Call", "Turns"),
    tests: ["engine", "objects", "machine", "environment", "fileops", "settling", "exhaustive"]
  },
  submit: {
    mutate: ["src/internal/settle.ts", "src/ThreadpoolIo.ts"],
    tests: ["submit", "settling", "fileops", "exhaustive"]
  }
}

/** The one that this process works on. */
export const part = process.env.TPIO_STRYKER_PART ?? "machine"
