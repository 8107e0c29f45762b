// The parts to change, and the tests that judge them: tests that find most in least time come first. A test that
// only uses a thing costs time at each of its mutants, and finds little, so each part has its own.
const unit = (...names) => names.map((name) => `unit/${name}`)
const contract = (...names) => names.map((name) => `contract/${name}`)
const engine = (...names) => names.map((name) => `src/internal/engine/${name}.ts`)
const portable = (...names) => names.map((name) => `src/internal/kernel/portable/${name}.ts`)

/** Too slow to be asked about each mutant: smaller ones find the same. */
const SLOW =
  /^every schedule of (three operations|two fibers)|one completion that frees 50,000|^metrics › of the moment/

const NOTHING = /^$/

/** Tests on real files take longer: they judge a sample of each part, and the slowest of them are left out. */
const onFiles = { goal: 85, rounds: 120 }

export const parts = {
  memory: {
    mutate: [
      ...engine("BufferPool", "Ranges", "Segments", "List", "Ledger"),
      "src/internal/kernel/Host.ts",
      "src/internal/offset.ts"
    ],
    tests: unit("memory", "parts"),
    without: SLOW
  },
  machine: {
    mutate: engine(
      ...["ThreadpoolIoObject", "OperationMemory", "Teardown", "Engine", "Environment", "Operation", "Binding", "Call"],
      "Turns"
    ),
    tests: unit("engine", "objects", "machine", "environment", "fileops", "settling", "exhaustive"),
    without: SLOW
  },
  submit: {
    mutate: ["src/internal/settle.ts", "src/internal/threadpoolIo.ts", "src/internal/submit.ts"],
    tests: unit("submit", "settling", "fileops", "exhaustive"),
    without: SLOW
  },
  pipeline: {
    ...onFiles,
    sample: 0.1,
    mutate: ["src/internal/pipeline/*.ts", "src/internal/held/*.ts"],
    tests: [
      ...unit("pipeline", "held", "owner", "times", "windowsFiles"),
      ...contract(
        "pipeline",
        "copies",
        "resume",
        "leftovers",
        "copyTimes",
        "trees",
        "treeOptions",
        "swapped",
        "rights"
      ),
      ...contract("smallFiles"),
      ...contract("sizes", "sparse", "devices", "refusals", "slices", "names", "arguments", "vanishing", "properties")
    ],
    without:
      /150,000|^exchanged .* at any moment of|in their turn|as the system makes it up|any step|random steps|of a copy ›|request of (?!copy |transform)|many entries.* while it is copied|by the time they are used|is exchanged before the others/
  },
  fileSystem: {
    ...onFiles,
    sample: 0.25,
    mutate: ["src/internal/fileSystem/*.ts", "src/ThreadpoolFileSystem.ts"],
    tests: [
      ...unit("fileSystem", "text", "windowsFiles"),
      ...contract("fileSystem-own", "fileSystem-contents", "fileSystem-names", "fileSystem-interruption"),
      ...contract("directory-filesystem"),
      ...contract("rights", "sizes", "devices", "refusals", "vanishing", "arguments")
    ],
    without:
      /as the system makes it up|every fiber step › makeTemp|of a copy ›|request of (?!FileSystem\.(copyFile|readDirectory|remove|stream) )/
  },
  pipe: {
    ...onFiles,
    sample: 0.3,
    // Messages are none of the portable kernel's.
    kernels: ["portable", "simulated"],
    mutate: ["src/internal/pipe/*.ts", "src/internal/socket/*.ts", "src/NamedPipe*.ts"],
    tests: [...unit("pipes"), ...contract("pipe", "pipeMessages", "pipeInterruption", "socket")],
    without: /thousand connections|every fiber step › (an accept and|a write that|accept two|stream and)|10 MB each way/
  },
  directory: {
    ...onFiles,
    sample: 0.2,
    mutate: [
      "src/Directory.ts",
      "src/WatchBackend.ts",
      // Without removal.ts, which is for Wine and judged there.
      "src/internal/directory/reader.ts",
      ...portable("directory", "tree", "watch/watcher", "watch/protocol")
    ],
    tests: [
      ...unit("watcher", "directory-portable", "directory-records"),
      ...contract("directory", "listing", "directory-interruption", "directory-filesystem", "directory-programs")
    ],
    without: /every fiber step › a (change|stream)|every one of 600/
  },
  // A thread that watches gets its code as text: the tests of this part run it without a thread.
  watch: {
    ...onFiles,
    sample: 0.2,
    mutate: portable("watch/entries", "watch/outbox", "watch/thread", "watch/tree"),
    tests: unit("watchThread"),
    without: NOTHING
  },
  portable: {
    ...onFiles,
    sample: 0.15,
    mutate: [
      "src/internal/errno.ts",
      ...["portable", "posix", "gate", "budget"].map((name) => `src/internal/kernel/${name}.ts`),
      ...portable(
        "DiskFile",
        "PortableOperation",
        "fileCalls",
        "pipe",
        "pipeAddress",
        "pipeEnd",
        "pipeSocket",
        "requests",
        "threads",
        "threadRequest"
      )
    ],
    tests: [
      ...unit("portable", "threads", "pipeSocket", "pipes", "calls"),
      ...contract("file", "open", "handles", "setinfo", "pipe")
    ],
    without: /^the process ›/
  }
}

/** The one that this process works on. */
export const part = process.env.TPIO_STRYKER_PART ?? "machine"

/** The share of its mutants that is judged. */
export const shareOf = (part) => Number(process.env.TPIO_STRYKER_SHARE ?? parts[part].sample ?? 1)
