// Mistakes in whose partial file it is, in journals and in times of copies, each judged by the files that speak of it.
const leftovers = "internal/pipeline/leftovers"
const owner = "internal/pipeline/owner"
const names = "internal/pipeline/names"
const tags = "internal/pipeline/tags"
const resume = "internal/pipeline/resume"
const contents = "internal/pipeline/contents"
const times = "internal/times"

const plan = "internal/pipeline/plan"
const hardLinks = "internal/pipeline/hardLinks"

const own = ["unit/owner"]
const choices = ["contract/treeOptions"]
const left = ["contract/leftovers"]

export const ofPipeline = [
  {
    name: "take a live owner for dead",
    tests: own,
    file: owner,
    from: "start === owner.start ? \"live\" : \"dead\"",
    to: "\"dead\""
  },
  {
    name: "take what this process is writing for abandoned",
    tests: own,
    file: tags,
    from: "if (active.has(tag))",
    to: "if (false)"
  },
  {
    name: "take what another named owner left",
    tests: left,
    file: tags,
    from: "system === ofNamed(name)",
    to: "true"
  },
  { name: "keep a tag in use for ever", tests: own, file: tags, from: "active.delete(tag)", to: "void 0" },
  {
    name: "another container's number is one of ours",
    tests: own,
    file: owner,
    from: "owner.namespace !== own.namespace",
    to: "false"
  },
  {
    name: "another boot is dead on a network file system",
    tests: own,
    file: owner,
    from: "where.isLocal() ? \"dead\" : \"unknown\"",
    to: "\"dead\""
  },
  {
    name: "believe a /proc of another namespace",
    tests: own,
    file: owner,
    from: ": isOfOurNamespace(system)",
    to: ": true"
  },
  { name: "a zombie lives", tests: own, file: owner, from: "return \"over\"", to: "return ticks.toString(36)" },
  { name: "take over a hard-linked partial file", tests: own, file: leftovers, from: "stat.nlink === 1n", to: "true" },
  {
    name: "take over another user's partial file",
    tests: own,
    file: leftovers,
    from: "uid === BigInt(user)",
    to: "true"
  },
  {
    name: "say nothing of what is left alone",
    tests: own,
    file: leftovers,
    from: "left.foreign.length === 0",
    to: "true"
  },
  {
    name: "leave the end of one's own killed copy",
    tests: own,
    file: leftovers,
    from: "if (isEndOfOwn(",
    to: "if (false && isEndOfOwn("
  },
  {
    name: "two long names share a stem",
    tests: ["unit/pipeline"],
    file: names,
    from: "createHash(\"sha256\").update(name)",
    to: "createHash(\"sha256\").update(\"\")"
  },
  {
    name: "write to what was exchanged before it was opened",
    tests: left,
    file: resume,
    from: "numberOfLinks === 1",
    to: "true"
  },
  {
    name: "a verified copy believes a journal about the source",
    tests: left,
    file: contents,
    after: "export const believable",
    from: "settings.verify === \"none\"",
    to: "true"
  },
  {
    name: "compare times as they are",
    tests: ["unit/times"],
    file: times,
    from: "a / 1000n === b / 1000n",
    to: "a === b"
  },
  {
    name: "half a microsecond late",
    tests: ["unit/times"],
    file: times,
    from: "micros / 1e6",
    to: "(micros + 0.5) / 1e6"
  },
  {
    name: "a time below its microsecond",
    tests: ["unit/times"],
    file: times,
    from: "time += time * 0.75 * 2 ** -52",
    to: "void 0"
  },
  {
    name: "a time before 1970 is one after it",
    tests: ["unit/times"],
    file: times,
    from: "ns < 0n ? -time : time",
    to: "time"
  },
  {
    name: "do not ask the destination what it makes of a time",
    tests: ["contract/copyTimes"],
    file: resume,
    from: "kept !== undefined",
    to: "false"
  },
  {
    name: "partial files of a complete target stay",
    tests: left,
    file: "internal/pipeline/copyFile",
    from: "error.value.reason !== \"AlreadyExists\"",
    to: "true"
  },
  {
    name: "keep the old tail of a partial file",
    tests: ["contract/resume"],
    file: "internal/pipeline/copyFile",
    from: "Effect.zipRight(File.truncate(copy, from))",
    to: "Effect.zipRight(Effect.void)"
  },
  {
    name: "a small file is copied although it has changed while it was read",
    tests: ["unit/threads"],
    file: "internal/kernel/portable/thread",
    from: "after.ctimeNs === before.ctimeNs",
    to: "true"
  },
  {
    name: "leave a small copy there that has failed",
    tests: ["unit/threads"],
    file: "internal/kernel/portable/thread",
    after: "closeSync(copy)",
    from: "fs.unlinkSync(name)",
    to: "void 0"
  },
  {
    name: "carry setuid over to the copy of a small file",
    tests: ["contract/smallFiles"],
    file: "internal/kernel/portable/thread",
    from: "Number(before.mode) & keeps",
    to: "Number(before.mode) & 0o7777"
  },
  {
    name: "resume small files without a look at what is there",
    tests: ["contract/smallFiles"],
    file: "internal/pipeline/copySmall",
    from: "!settings.resume",
    to: "true"
  },
  {
    name: "write the journal before its data",
    tests: ["contract/resume"],
    file: contents,
    from: "const told = Effect.zipRight(written, journal.append(entry))",
    to: "const told = Effect.zipRight(journal.append(entry), written)"
  },
  {
    name: "do not compare the source after it has been read",
    tests: ["contract/sizes"],
    file: contents,
    from: "copyAll.pipe(Effect.zipRight(unchanged(copying, source))",
    to: "copyAll.pipe(Effect.zipRight(Effect.void)"
  },
  {
    name: "believe a time of modification that was put back",
    tests: ["contract/sizes"],
    file: "internal/file/everything",
    from: "before.changedTimeNs === after.changedTimeNs",
    to: "true"
  },
  {
    name: "leave out the flush of a durable copy",
    tests: ["contract/resume"],
    file: "internal/pipeline/copyFile",
    from: "Effect.zipRight(File.sync(copy), Effect.zipLeft(",
    to: "Effect.zipRight(Effect.void, Effect.zipLeft("
  },
  {
    name: "lose the hole at the end of a mixed chunk",
    tests: ["contract/pipeline"],
    file: contents,
    from: "copying.writtenTo = offset + parts",
    to: "copying.writtenTo = offset + length || parts"
  },
  {
    name: "set the mode after the data in FileSystem.copyFile",
    tests: ["contract/rights"],
    file: "internal/fileSystem/copyFile",
    from: "return set(rightsOf(stat, present)).pipe(",
    to:
      "return ((first) => ({ pipe: (...steps) => Effect.zipRight(first.pipe(...steps), set(rightsOf(stat, present))) }))"
      + "(Effect.void).pipe("
  },
  {
    name: "take every reparse point for a link",
    tests: ["unit/windows"],
    file: "internal/kernel/win32/opening",
    from: "& C.NAME_SURROGATE) !== 0",
    to: "& C.NAME_SURROGATE) !== -1"
  },
  {
    name: "believe that a name means the same file when it is opened again",
    tests: ["unit/windows"],
    file: "internal/kernel/win32/opening",
    from: "found === identity ?",
    to: "identity !== \"\" ?"
  },
  {
    name: "File.copy takes what it has read although its source has changed",
    tests: ["contract/sizes"],
    file: "internal/file/copyFile",
    from: "(same) => same ? Effect.succeed(true) : Effect.fail(changed(from))",
    to: "(_same) => Effect.succeed(true)"
  },
  {
    name: "leave a copy of File.copy there that has failed",
    tests: ["contract/devices"],
    file: "internal/file/copyFile",
    from: "Effect.ignore(setDeleteOnClose(target, true))",
    to: "Effect.void"
  },
  {
    name: "copy a file with holes in one request",
    tests: ["contract/smallFiles"],
    file: "internal/kernel/portable/thread",
    from: "before.blocks * 512n >= before.size",
    to: "true"
  },
  {
    name: "go on with the copy of a source that was written to, and has its old time again",
    tests: left,
    file: "internal/pipeline/journal",
    from: "changedTimeNs: `${changedTimeNs}`",
    to: "changedTimeNs: `${typeof changedTimeNs}`"
  },
  {
    name: "take over a journal that is not one's own",
    tests: left,
    file: resume,
    from: "\"openExisting\"), scope), requireOwn)",
    to: "\"openExisting\"), scope), () => Effect.void)"
  },
  {
    name: "copy many small things without a turn of the event loop",
    tests: ["contract/slices"],
    file: "internal/pipeline/turns",
    from: "while (more && !slices.over)",
    to: "while (more)"
  },
  {
    name: "a name that goes away between two looks is a defect",
    tests: ["contract/vanishing"],
    file: "internal/pipeline/plan",
    from: "attempt(\"read\", source, () => lstatSync(source.system, { bigint: true }))",
    to: "lstatSync(source.system, { bigint: true })"
  },
  {
    name: "a directory is copied without asking the filter",
    tests: choices,
    file: plan,
    from: "filter === undefined ||",
    to: "filter === undefined || found.stat.isDirectory() ||"
  },
  {
    name: "a directory that the filter refuses is descended into",
    tests: choices,
    file: plan,
    from: "return decide(answer)",
    to: "return decide(answer || found.stat.isDirectory())"
  },
  {
    name: "failures of the filter are collected",
    tests: choices,
    file: plan,
    from: "if (error instanceof OfFilter)",
    to: "if (false)"
  },
  {
    name: "any answer of a filter's effect is one",
    tests: choices,
    file: "internal/pipeline/filter",
    from: "!(problem instanceof InvalidArgument)",
    to: "true"
  },
  {
    name: "what is left out is refused all the same",
    tests: choices,
    file: plan,
    from: "const { filter } = this.choice",
    to: "if (found.refusal !== undefined) throw found.refusal; const { filter } = this.choice"
  },
  {
    name: "a link that is to be skipped is followed",
    tests: choices,
    file: plan,
    from: "links === \"skip\"",
    to: "false"
  },
  {
    name: "a link that is to be refused is copied",
    tests: choices,
    file: plan,
    from: "refusal: linkRefused(source.user)",
    to: ""
  },
  {
    name: "a link may lead to where the destination is",
    tests: choices,
    file: plan,
    from: "this.#around.has(",
    to: "false && this.#around.has("
  },
  {
    name: "a followed link may lead elsewhere when it is used",
    tests: choices,
    file: plan,
    from: "child.stat = stat",
    to: "void 0"
  },
  {
    name: "the directory at the end of a followed link may be another one when it is used",
    tests: choices,
    file: plan,
    from: "from.stat = statSync(from.path, { bigint: true })",
    to: ""
  },
  {
    name: "a further name is given to whatever has the first one",
    tests: choices,
    file: hardLinks,
    from: "!isNow(look(copied), copy)",
    to: "false"
  },
  {
    name: "what the further name was given to is not looked at",
    tests: choices,
    file: hardLinks,
    from: "isNow(there, copy)",
    to: "there !== undefined"
  },
  {
    name: "a name that is another file by now becomes one of the first",
    tests: choices,
    file: hardLinks,
    from: "|| isOther(now, source)",
    to: ""
  },
  {
    name: "an undo leaves further names",
    tests: choices,
    file: hardLinks,
    from: "made.file(to, name, linked(named, target))",
    to: "linked(named, target)"
  },
  {
    name: "any file is the further name that is wanted",
    tests: choices,
    file: hardLinks,
    from: "job.settings.resume && isNow(look(named.target), copy)",
    to: "job.settings.resume && look(named.target) !== undefined"
  },
  {
    name: "a dry run copies",
    tests: choices,
    file: "internal/pipeline/copy",
    from: "settings.dryRun",
    to: "false"
  },
  {
    name: "a dry run makes a file to ask for its time",
    tests: choices,
    file: resume,
    from: "settings.dryRun ? Effect.succeed(undefined) : ",
    to: ""
  },
  {
    name: "a transformation into a name that is too long is a defect",
    tests: ["contract/refusals"],
    file: "internal/pipeline/transform",
    after: "const looked = ",
    from: "failing(",
    to: "Effect.suspend("
  },
  {
    name: "open files in a way that waits",
    tests: ["contract/refusals"],
    file: "internal/kernel/posix",
    from: "dispositionFlags(arguments_) | flag(\"O_NONBLOCK\")",
    to: "dispositionFlags(arguments_)"
  },
  {
    name: "give a directory on another machine up that takes no more than 64 KiB",
    tests: ["contract/directory-programs"],
    file: "internal/directory/reader",
    from: "this.buffers[0].size <= MOST_FROM_ANOTHER_MACHINE",
    to: "this.buffers[0].size > 0"
  },
  {
    name: "ask a directory on another machine again for as much",
    tests: ["contract/directory-programs"],
    file: "internal/directory/reader",
    from: "this.#operations = this.#reads(MOST_FROM_ANOTHER_MACHINE)",
    to: "void 0"
  },
  {
    name: "do not tell of a new group",
    tests: ["unit/watchThread"],
    file: "internal/kernel/portable/watch/entries",
    from: "before.gid !== now.gid",
    to: "false"
  },
  {
    name: "do not tell of a new owner",
    tests: ["unit/watchThread"],
    file: "internal/kernel/portable/watch/entries",
    from: "before.uid !== now.uid",
    to: "false"
  },
  {
    name: "tell of a size as of a time",
    tests: ["unit/watchThread"],
    file: "internal/kernel/portable/watch/entries",
    from: "bits |= c.size",
    to: "bits |= c.lastWrite"
  },
  {
    name: "tell of a time as of a size",
    tests: ["unit/watchThread"],
    file: "internal/kernel/portable/watch/entries",
    from: "bits |= c.lastWrite",
    to: "bits |= c.size"
  }
]
