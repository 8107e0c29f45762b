/**
 * The contract suite on the simulated kernel: which files it does not run, and why, and in which of them its system
 * makes everything pend. In the others an operation may complete inline, early or late, as a seed has it (`TPIO_SEED`).
 */

/** By file of test/contract. */
export const notRun: Readonly<Record<string, string>> = {
  "chunksInterruption.test.ts": "a long sweep; test/unit/exhaustive.test.ts goes through every schedule",
  "directory.test.ts": "nobody tells it what happens to real files; test/simulate watches files in memory",
  "directory-filesystem.test.ts": "nobody tells it what happens to real files",
  "directory-interruption.test.ts": "nobody tells it what happens to real files",
  "directory-programs.test.ts": "nobody tells it what happens to real files",
  "interruptions.test.ts": "npm run test:simulate interrupts far more of them, in virtual time",
  "pipeInterruption.test.ts": "a long sweep; test/unit/exhaustive.test.ts goes through every schedule",
  "pipeProcess.test.ts": "its pipes are in one process",
  "process.test.ts": "the processes are of the portable kernel",
  "resume.test.ts": "the processes that are killed are of the portable kernel",
  "traces.test.ts": "the model that judges is its own"
}

/** Here claims say what is in flight, before the event loop has turned. */
const pending: ReadonlySet<string> = new Set([
  "combinators.test.ts",
  "fileSystem-own.test.ts",
  "interruption.test.ts",
  "lifecycle.test.ts",
  "many.test.ts",
  "memory.test.ts",
  "operations.test.ts"
])

export const everythingPends = (file: string): boolean => pending.has(file)
