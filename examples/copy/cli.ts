// The command line of the copy program.
import { choice, flag, type Grammar, kernel, read, whole } from "../commandLine.js"
import { excluded, included } from "../globs.js"
import { chunk, type Settings, settingsOf } from "./Settings.js"

const options = {
  // More than the portable kernel has threads, so that none waits for us.
  queueDepth: whole(1, 1024, 4, "Reads in flight in each file."),
  // Two descriptors each: the most is half of what a process usually gets.
  concurrency: whole(1, 256, 8, "Files that are copied at once."),
  chunk: chunk("Bytes per read and write, such as 65536, 64KiB or 1MiB."),
  kernel: kernel("does the I/O"),
  overwrite: flag("Replaces files and links that are there, and copies into directories that are there."),
  verify: choice(
    ["none", "read", "durable"],
    "read",
    "read: reads back what was written and compares the SHA-256. durable: flushes it to the disk, then reads it back past " +
      "the cache where the system can. none: neither hashes nor reads back."
  ),
  resume: flag(
    "Goes on with what a killed copy left: complete files are compared and left alone, a partial one is compared as far " +
      "as its journal says, and gone on with. Ctrl-C then keeps what is partial."
  ),
  takeOver: flag(
    "With --resume: also takes over partial files that another copy may still be writing, for example in another " +
      "container or on another machine. Without it they are left alone, and named."
  ),
  keepGoing: flag("When a file cannot be copied, copies the others, and says at the end which could not."),
  include: included,
  exclude: excluded,
  links: choice(
    ["copy", "follow", "skip", "refuse"],
    "copy",
    "Symbolic links in SOURCE. copy: as links. follow: what they lead to, also from elsewhere. skip: not at all. refuse: " +
      "where there is one, nothing is copied."
  ),
  hardLinks: flag("Keeps several names of one file as that. Without it each becomes a file of its own."),
  dryRun: flag("Says what would be done, a line each, and does not do it."),
  keep: flag("Without SOURCE and DESTINATION: keeps the temporary copy.")
}

const grammar: Grammar<typeof options> = {
  name: "copy",
  before: [
    "Copies a directory tree, or one file, with thread-pool I/O. Without SOURCE and DESTINATION it copies the project's " +
    "own node_modules into a temporary directory and removes that afterwards.",
    "Copied: contents (zeros become holes), directories, symbolic links as links, permission bits without setuid and " +
    "setgid, the read-only attribute, times of access and modification to the microsecond.",
    "Not copied: ownership, ACLs, extended attributes, alternate data streams; hard links become files of their own " +
    "without --hard-links. FIFOs, sockets and devices are refused, unless they are left out."
  ],
  arguments: [
    {
      name: "SOURCE",
      description: "The directory or file to copy. A link here is followed; for links inside a directory see --links."
    },
    {
      name: "DESTINATION",
      description: "The name of the copy. It must not exist (see --overwrite), but the directory it is in must."
    }
  ],
  options,
  after: [
    "Every file gets its final name only when it is complete and verified. A copy that fails removes all that it has " +
    "made; what it has replaced under --overwrite cannot be restored. Ctrl-C removes what is partial and keeps the " +
    "files that are complete; a second Ctrl-C leaves at once.",
    "After a kill or a crash, the same command with --resume goes on: beside the partial file of a large source there " +
    "is a journal (unless --verify none and no --resume), and what it says is believed only after it has been read " +
    "back. Other partial files of processes that have ended are removed; files that may be another copy's are left " +
    "alone, and named.",
    "Exit code: 0 copied, 1 failed or refused, 130 Ctrl-C, 143 SIGTERM."
  ]
}

/** The settings; a text to print; or the sentence that refuses. */
export const parse = (
  args: ReadonlyArray<string>
): Settings | { readonly print: string } | { readonly wrong: string } =>
  read(grammar, args, (values, [source, destination]) => settingsOf({ ...values, source, destination }))
