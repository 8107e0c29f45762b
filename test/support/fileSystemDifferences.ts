/**
 * Where our `FileSystem` is not `NodeFileSystem`, case by case: what ours comes to on each kernel, and why. What is not
 * told here is the same: also that `copyFile` and `copy` keep setuid and setgid, which `Pipeline` and `File.copy` never
 * do.
 */
import type { Observation, Outcome } from "./fileSystems.js"

export interface Difference {
  readonly why: string
  /** Some versions of node do as we do, or node does on some file systems. */
  readonly varies?: boolean
  readonly portable?: Partial<Observation>
  readonly win32?: Partial<Observation>
}

const value = (value: unknown): Outcome => ({ value })
const failure = (method: string, reason: string): Outcome => ({ error: { tag: "SystemError", method, reason } })
const refused = (method: string): Outcome => ({ error: { tag: "BadArgument", method, reason: undefined } })

const everywhere = (why: string, ours: Partial<Observation>): Difference => ({ why, portable: ours, win32: ours })

// --- reasons

const REASON = "the reason is not lost in Unknown"

const reason = (method: string, reason: string): Difference => everywhere(REASON, { outcome: failure(method, reason) })

/** A difference of Windows alone, whose errno node does not translate. */
const onWin32 = ({ win32, why }: Difference): Difference => ({ why, win32: win32! })
const varying = (difference: Difference): Difference => ({ ...difference, varies: true })
const onPortable = ({ portable, why }: Difference): Difference => ({ why, portable: portable! })

const reasons: Record<string, Difference> = {
  "link of a directory": reason("link", "PermissionDenied"),
  "readLink of a file": reason("readLink", "InvalidData"),
  "remove of a directory": reason("remove", "BadResource"),
  "rename of a directory to one that is not empty": {
    why: REASON,
    // On xfs the errno is EEXIST, which node does translate.
    varies: true,
    portable: { outcome: failure("rename", "AlreadyExists") },
    win32: { outcome: failure("rename", "PermissionDenied") }
  },
  "rename of a file to a directory": onWin32(reason("rename", "PermissionDenied")),
  "rename of a directory into itself": reason("rename", "InvalidData"),
  "rename to a name that is too long": onPortable(reason("rename", "InvalidData")),
  "readFile of a name that is too long": onPortable(reason("readFile", "InvalidData")),
  "truncate of a directory": onWin32(reason("truncate", "BadResource")),
  "writeFile \"r\" of what is there": reason("writeFile", "PermissionDenied"),
  "read when its scope has closed": reason("read", "BadResource"),
  "copyFile of a directory": {
    why: "on btrfs node makes an empty file of it and succeeds",
    varies: true,
    portable: {
      outcome: failure("copyFile", "BadResource"),
      path: "HOME/directory",
      tree: ["directory/ 755 1970-01-01T00:16:40.000Z"]
    },
    win32: { outcome: failure("copyFile", "BadResource") }
  },
  "copy of a directory to a file": reason("copy", "BadResource"),
  "copy of a file to a directory": reason("copy", "BadResource"),
  "copy of a directory into itself": reason("copy", "InvalidData"),
  "copy of a directory into itself, through a link": onPortable(reason("copy", "InvalidData")),
  "copy of a file onto itself": reason("copy", "InvalidData"),
  "copy of a link to a directory over the link to what is above it": onPortable(reason("copy", "InvalidData")),
  "copy of a link to a directory over the link to what is below it": onPortable(reason("copy", "InvalidData")),
  "truncate of a file that is read": onPortable(reason("truncate", "PermissionDenied")),
  "copy of a FIFO": onPortable(reason("copy", "InvalidData"))
}

/** Each flag that does not read, or does not write. */
const steps = (...outcomes: ReadonlyArray<unknown>): Difference => everywhere(REASON, { outcome: value(outcomes) })

const UNREADABLE = "SystemError of readAlloc: PermissionDenied"

const openings: Record<string, Difference> = {
  "open \"r\" of what is there, read, write, read": steps(
    { some: "bytes 012" },
    "SystemError of write: PermissionDenied",
    { some: "bytes 345" },
    10n
  ),
  "open \"w\" of what is there, read, write, read": steps(UNREADABLE, 2n, UNREADABLE, 2n),
  "open \"w\" of nothing, read, write, read": steps(UNREADABLE, 2n, UNREADABLE, 2n),
  "open \"wx\" of nothing, read, write, read": steps(UNREADABLE, 2n, UNREADABLE, 2n),
  "open \"a\" of what is there, read, write, read": steps(UNREADABLE, 2n, UNREADABLE, 12n),
  "open \"a\" of nothing, read, write, read": steps(UNREADABLE, 2n, UNREADABLE, 2n),
  "open \"ax\" of nothing, read, write, read": steps(UNREADABLE, 2n, UNREADABLE, 2n)
}

// --- repairs

const repairs: Record<string, Difference> = {
  "writeAll of nothing": everywhere("there is nothing that could fail", { outcome: value(undefined) }),
  "sink": {
    why: "an empty element of a stream is no failure",
    portable: { outcome: value(undefined), tree: ["file 644 x1 just now \"onetwo\""] },
    win32: { outcome: value(undefined), tree: ["file 666 x1 just now \"onetwo\""] }
  },
  "makeTempDirectoryScoped, removed before its scope": everywhere("what has gone need not be removed", {
    outcome: value(undefined)
  }),
  "readAlloc of less than nothing": everywhere("an argument is no defect", { outcome: refused("readAlloc") }),
  "stream in chunks of less than nothing": everywhere("an argument is no defect", { outcome: refused("readAlloc") }),
  "seek before the start, and read": varying(
    everywhere("node 20 goes to where the descriptor is", { outcome: refused("read") })
  ),
  "seek before the start, and write": {
    why: "node goes to where the descriptor is",
    varies: true,
    portable: { outcome: refused("write"), tree: ["file 644 x1 1970-01-01T00:16:40.000Z \"0123456789\""] },
    win32: { outcome: refused("write"), tree: ["file 666 x1 1970-01-01T00:16:40.000Z \"0123456789\""] }
  },
  "stream from before the start": varying(
    everywhere("node 20 goes to where the descriptor is", { outcome: refused("readAlloc") })
  ),
  "readDirectory with a name with NUL": everywhere("it is an argument that is wrong", {
    outcome: refused("readDirectory"),
    path: undefined
  }),
  "copyFile below nothing": everywhere("what is told is what is missing", { path: "HOME/none/copy" }),
  "copyFile over a directory": {
    why: "what is told is what is in the way, and the reason",
    portable: { path: "HOME/directory" },
    win32: { outcome: failure("copyFile", "BadResource"), path: "HOME/directory" }
  }
}

// --- what some versions of node do

const EMPTY = {
  why: "node 26 keeps the time of an empty file",
  varies: true,
  portable: { tree: ["copy 644 x1 just now \"\"", "file 644 x1 1970-01-01T00:16:40.000Z \"\""] }
}
const DIRECTORIES = {
  why: "node 26 keeps the times of directories, too",
  varies: true,
  portable: {
    tree: [
      "copy/ 755 just now",
      "copy/below/ 755 just now",
      ...["copy/below/two 644 x1 1970-01-01T00:16:40.000Z \"22\"", "copy/one 644 x1 1970-01-01T00:16:40.000Z \"1\""],
      ...["directory/ 755 1970-01-01T00:16:40.000Z", "directory/below/ 755 1970-01-01T00:16:40.000Z"],
      "directory/below/two 644 x1 1970-01-01T00:16:40.000Z \"22\"",
      "directory/one 644 x1 1970-01-01T00:16:40.000Z \"1\""
    ]
  }
}

const versions: Record<string, Difference> = {
  "copyFile of an empty one": EMPTY,
  "copyFile of an empty one over another": EMPTY,
  "copyFile of an empty one over what is not": EMPTY,
  "copy of an empty file over another": EMPTY,
  "copy of a directory with its times": DIRECTORIES,
  "copy of a directory over one that is there, with its times": DIRECTORIES
}

// --- what cannot be, or should not

const NO_DIRECTORY = "a directory is not opened as a file: Windows has no file I/O on one"
const BLOCKS = "what is no regular file can hold one of node's few threads for ever, and nothing can stop it"

const refusals: Record<string, Difference> = {
  "open of a directory to read": everywhere(NO_DIRECTORY, {
    outcome: failure("open", "BadResource"),
    path: "HOME/directory"
  }),
  "stream of a directory": everywhere(NO_DIRECTORY, {
    outcome: failure("open", "BadResource"),
    path: "HOME/directory"
  }),
  "readFile of a device": onPortable(everywhere(BLOCKS, {
    outcome: failure("readFile", "BadResource"),
    path: "/dev/null"
  })),
  "writeFile of a device": onPortable(everywhere(BLOCKS, {
    outcome: failure("writeFile", "BadResource"),
    path: "/dev/null"
  })),
  "sync of a file that is read": everywhere("FlushFileBuffers needs a file that was opened to write", {
    outcome: failure("sync", "PermissionDenied"),
    path: "HOME/file"
  }),
  "makeTempDirectory with a prefix that leads elsewhere": everywhere(
    "`directory` says where, and a prefix is part of a name",
    {
      outcome: refused("makeTempDirectory"),
      path: undefined
    }
  ),
  "stat of an open file": {
    why: "a handle does not tell how many blocks its file takes",
    win32: { outcome: value(["blocks differs"]) }
  }
}

export const differences: Record<string, Difference> = { ...reasons, ...openings, ...repairs, ...versions, ...refusals }
