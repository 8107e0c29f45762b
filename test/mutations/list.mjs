// Mistakes that this library must not make, each as a change of one place in it. The text is the same in the sources
// and in what the compiler makes of them. `after` says behind what to look for it, where it is there more than once.
// Those with `quick` are made in `npm test` as well, where what finds them soonest judges them: the small schedules,
// the first seeds, or one file of unit tests.

import { ofPipeline } from "./pipeline.mjs"

const object = "internal/engine/ThreadpoolIoObject"
const memory = "internal/engine/OperationMemory"
const teardown = "internal/engine/Teardown"
const settle = "internal/settle"
const forms = "internal/forms"
const slots = "internal/kernel/SlotTable"
const pool = "internal/engine/BufferPool"
const call = "internal/engine/Call"
const engine = "internal/engine/Engine"
const pipe = "internal/kernel/portable/pipe"
const pipeSocket = "internal/kernel/portable/pipeSocket"
const threads = "internal/kernel/portable/threads"
const anchor = "internal/kernel/win32/pipeAnchor"

const cancelCall = "this.binding.cancel(kernel, this.threadpoolIo)"
const startCall = "this.binding.start(kernel, this.threadpoolIo)"

const cursor = "internal/fileSystem/Cursor"
const nodeCall = "internal/fileSystem/nodeCall"
const openFile = "internal/fileSystem/openFile"
const temporary = "internal/fileSystem/temporary"
/** Their judge is one file. */
const judged = ["unit/fileSystem"]

const ofFileSystem = [
  {
    name: "lose the cursor's turn when its operation is interrupted",
    file: cursor,
    after: "onFailure",
    from: "this.#leave()",
    to: "void 0"
  },
  {
    name: "keep the turn when the operation has succeeded",
    file: cursor,
    after: "onSuccess",
    from: "this.#leave()",
    to: "void 0"
  },
  { name: "keep one that was interrupted in the line", file: cursor, from: "this.#line.remove(turn)", to: "void 0" },
  {
    name: "lose the turn of one that is interrupted as it comes",
    file: cursor,
    from: "if (turn.come)",
    to: "if (turn.never)"
  },
  { name: "give the cursor to all at once", file: cursor, from: "if (this.#busy)", to: "if (false)" },
  { name: "remove goes on after an interruption", file: nodeCall, from: "this.requested = true", to: "void 0" },
  {
    name: "do not wait for the function of node that runs",
    file: nodeCall,
    from: "() => call.cancel(Duration.toMillis(kernel.drainTimeout))",
    to: "() => call.cancel(0)"
  },
  {
    name: "wait for ever for a function of node",
    file: nodeCall,
    from: "this.givenUp = true",
    to: "return"
  },
  {
    name: "leave what a function of node brought after it was given up",
    file: nodeCall,
    after: "if (this.givenUp)",
    from: "options.dispose?.(value",
    to: "void (value"
  },
  {
    name: "leave what a function of node brought to an interrupted fiber",
    file: nodeCall,
    after: "warnGivenUp(options), ",
    from: "options.dispose?.(call.value",
    to: "void (call.value"
  },
  {
    name: "take back what a function of node has not brought",
    file: nodeCall,
    from: "!call.refused && call.error === null",
    to: "!call.refused"
  },
  { name: "take a refused argument for a failure", file: nodeCall, from: "this.refused = true", to: "void 0" },
  { name: "seek answers the old position", file: openFile, from: "cursor.position += by", to: "by" },
  { name: "seek answers nothing", file: openFile, from: "return FileSystem.Size(cursor.position)", to: "return" },
  {
    name: "a read leaves the cursor",
    file: openFile,
    from: "this.#cursor.position += size",
    to: "void size"
  },
  {
    name: "truncation leaves the cursor behind the end",
    file: openFile,
    from: "cursor.position > length",
    to: "cursor.position < length"
  },
  {
    name: "truncation moves the cursor of a file that is appended to",
    file: openFile,
    from: "if (!this.append && ",
    to: "if ("
  },
  {
    name: "an append moves the cursor",
    file: openFile,
    from: "return this.append ? Effect.map(writing, FileSystem.Size) : ",
    to: "return "
  },
  {
    name: "a temporary file that cannot be made leaves its directory",
    file: temporary,
    from: "Effect.ignore(remove(method, parent))",
    to: "Effect.void"
  },
  { name: "a prefix leads out of its directory", file: temporary, from: "!leadsElsewhere(", to: "!!(" },
  {
    name: "a prefix of dots leads out of its directory",
    file: temporary,
    from: "join(parent, `${prefix}x`).slice(0, -1)",
    to: "join(parent, prefix)"
  },
  {
    name: "a temporary directory outlives its scope",
    file: temporary,
    from: "Effect.orDie(remove(\"makeTempDirectoryScoped\", path))",
    to: "Effect.void"
  },
  {
    name: "a temporary file outlives its scope",
    file: temporary,
    from: "Effect.orDie(remove(\"makeTempFileScoped\", dirname(path)))",
    to: "Effect.void"
  },
  {
    name: "\"w\" keeps what is there",
    file: "internal/fileSystem/opening",
    from: "\"w\": { access: \"write\", disposition: \"createAlways\" }",
    to: "\"w\": { access: \"write\", disposition: \"openAlways\" }"
  },
  {
    name: "a sink writes each element over the one before",
    file: "internal/fileSystem/streams",
    from: "position += BigInt(written)",
    to: "position = 0n"
  },
  {
    name: "a stream goes on behind the part that was asked for",
    file: "internal/fileSystem/streams",
    from: "inFlight: aheadOf(size, bufferSize), offset, length }",
    to: "inFlight: aheadOf(size, bufferSize), offset }"
  },
  {
    name: "decode what no string can hold",
    file: "internal/fileSystem/text",
    tests: ["unit/text"],
    from: "if (text.length + more.length > most)",
    to: "if (text === undefined)"
  },
  {
    name: "decode pieces as if each were a text of its own",
    file: "internal/fileSystem/text",
    tests: ["unit/text"],
    from: "{ stream: at + piece < bytes.length }",
    to: "{}"
  },
  {
    name: "lose the reason that lies underneath",
    file: "internal/fileSystem/errors",
    from: "if (underneath !== undefined)",
    to: "if (error === undefined)"
  },
  {
    name: "an empty file is not touched when it is emptied",
    file: "internal/kernel/posix",
    tests: ["contract/fileSystem-contents"],
    from: "constants.O_CREAT | constants.O_TRUNC",
    to: "constants.O_CREAT"
  }
].map((mutation) => ({ tests: judged, ...mutation }))

export const mutations = [
  ...ofFileSystem,
  { name: "drop the Start", file: object, from: startCall, to: "void 0" },
  { name: "start twice", file: object, from: startCall, to: `${startCall}, ${startCall}` },
  { name: "drop the Cancel", quick: "schedules", file: object, from: cancelCall, to: "void 0" },
  { name: "cancel twice", quick: "schedules", file: object, from: cancelCall, to: `${cancelCall}, ${cancelCall}` },
  {
    name: "skip the hand-shake",
    quick: "schedules",
    file: object,
    after: "this.engine.turns.woke",
    from: "operation.state === \"Started\"",
    to: "operation.state === \"Nothing\""
  },
  {
    name: "take TRUE for the end without skip mode",
    file: object,
    from: "(!this.skipMode || operation.request.trueIsPending)",
    to: "operation.request.trueIsPending"
  },
  {
    name: "wait for a callback under skip mode",
    file: object,
    from: "(!this.skipMode || operation.request.trueIsPending)",
    to: "true"
  },
  {
    name: "free early: when the cancellation is asked for",
    quick: "schedules",
    file: object,
    from: "this.engine.kernel.cancelIoEx(this.handle, operation.slot)",
    to: "this.engine.buffers.release(operation.block), this.engine.kernel.cancelIoEx(this.handle, operation.slot)"
  },
  {
    name: "tell before the memory is copied",
    file: object,
    after: "#release(operation",
    from: "operation.stopTimer?.()",
    to: "operation.stopTimer?.(), this.#deliver(operation)"
  },
  {
    name: "copy more than has come",
    file: memory,
    from: "const bytes = Math.min(operation.bytes, operation.length)",
    to: "const bytes = operation.length"
  },
  {
    name: "do not return the memory",
    file: memory,
    after: "The copy is made before anyone",
    from: "engine.buffers.release(operation.block)",
    to: "void 0"
  },
  {
    name: "do not return the slot",
    quick: "schedules",
    file: object,
    from: "this.engine.kernel.slots.release(operation.slot)",
    to: "void 0"
  },
  {
    name: "forget whoever waits in the queue",
    file: object,
    after: "#ended(operation",
    from: "this.#next()",
    to: "void 0"
  },
  {
    name: "one more in flight than allowed",
    file: object,
    from: "this.#inFlight.length >= this.options.maxInFlight",
    to: "this.#inFlight.length > this.options.maxInFlight"
  },
  {
    name: "close without cancelling what is in flight",
    quick: "schedules",
    file: object,
    after: "this.#open = false",
    from: "of this.#inFlight",
    to: "of []"
  },
  {
    name: "close without ending what is queued",
    file: object,
    after: "this.#open = false",
    from: "of this.#queue",
    to: "of []"
  },
  {
    name: "close before wait",
    quick: "schedules",
    file: teardown,
    from: "binding.wait(kernel, threadpoolIo, closeHandle)",
    to: "closeHandle()"
  },
  {
    name: "close the object before its handle",
    file: teardown,
    from: "kernel.call(\"CloseHandle\", { handle }, (status) =>",
    to: "this.#closeObject(), kernel.call(\"CloseHandle\", { handle }, (status) =>"
  },
  { name: "close while a call works on the handle", file: teardown, from: "this.#calls > 0", to: "this.#calls > 1e9" },
  {
    name: "submit after the close has begun",
    file: object,
    after: "#refuse(operation",
    from: "!this.#open",
    to: "false"
  },
  {
    name: "leave the drain timer running",
    file: object,
    after: "#release(operation",
    from: "operation.stopTimer?.()",
    to: "void 0"
  },
  {
    name: "use quarantined memory again",
    file: object,
    from: "this.#quarantined.push(operation)",
    to: "this.#quarantined.push(operation), operation.block && this.engine.buffers.release(operation.block)"
  },
  {
    name: "follow a completion that comes after the quarantine",
    file: object,
    from: "operation.state === \"Quarantined\" || operation.state === \"CallbackSeen\"",
    to: "operation.state === \"CallbackSeen\""
  },
  { name: "do not cancel when interrupted", file: settle, from: "cancel()", to: "void 0" },
  {
    name: "do not wait for the kernel when interrupted",
    file: settle,
    from: "Effect.flatMap(wait(ticket), () => onAbandoned(cause))",
    to: "onAbandoned(cause)"
  },
  {
    name: "register the waiter late: miss what has been delivered",
    quick: "seeds",
    file: settle,
    after: "may have been delivered before",
    from: "ticket.delivered",
    to: "ticket.never"
  },
  {
    name: "do not put the interruptor in place",
    quick: "forms",
    file: forms,
    from: "if (!interruptible)",
    to: "if (true)"
  },
  {
    name: "resume before the kernel has let go",
    file: forms,
    from: "interruption = exit",
    to: "interruption = exit, resume(exit)"
  },
  {
    name: "resume twice",
    file: forms,
    from: "fiber.currentScheduler = together",
    to: "fiber.currentScheduler = together, fiber.startFork(exit)"
  },
  { name: "do not put the scheduler back", file: forms, from: "fiber.currentScheduler = scheduler", to: "void 0" },
  {
    name: "resume where the program's own scheduler does not see it",
    file: forms,
    from: "scheduler !== Scheduler.defaultScheduler",
    to: "scheduler === undefined"
  },
  { name: "lose the fibers behind one that throws", file: forms, from: "run < tasks.length) {", to: "run < 0) {" },
  {
    name: "forget what is left behind without a word",
    file: forms,
    from: "if (warning !== undefined)",
    to: "if (false)"
  },
  { name: "take the primitive without looking", file: forms, from: "works ??= primitiveWorks()", to: "works = true" },
  {
    name: "lose a generation: slots are told apart no more",
    quick: "engine",
    file: slots,
    from: "this.#generations[slot] !== generation",
    to: "this.#generations[slot] === -1"
  },
  {
    name: "recycle a buffer that an operation still uses",
    file: pool,
    after: "this.#block = undefined",
    from: "this.ranges.inUse",
    to: "this.ranges.never"
  },
  {
    name: "never recycle a buffer that was returned in flight",
    file: pool,
    from: "this.#late === undefined || this.ranges.inUse",
    to: "true"
  },
  { name: "leave open what a call brought too late", file: call, from: "this.options.dispose?.(value)", to: "void 0" },
  { name: "keep the process alive for nothing", file: engine, from: "this.host.unref()", to: "void 0" },
  {
    name: "two operations write to one memory",
    file: memory,
    from: "!operation.ranges.add(operation, access === \"kernel-writes\")",
    to: "!operation.ranges.add(operation, access === \"none\")"
  },
  {
    name: "a client beyond the line hangs",
    file: pipe,
    after: "this.#line.push(socket)",
    from: "socket.destroy()",
    to: "void 0"
  },
  {
    name: "a client in line that has left is given to an instance",
    file: pipe,
    from: "socket?.destroyed === true",
    to: "false"
  },
  {
    name: "a found living socket is not given back",
    file: pipeSocket,
    from: "fs.linkSync(aside, address)",
    to: "void 0"
  },
  {
    name: "a socket is removed whatever it has become",
    file: pipeSocket,
    from: "!isSame(left, fs.lstatSync(aside, { bigint: true }))",
    to: "false"
  },
  {
    name: "a completed read is told as an I/O error when its thread ends",
    file: threads,
    from: "!this.#completed.includes(request)",
    to: "true"
  },
  {
    name: "a withdrawn read still writes into its memory",
    file: "internal/kernel/portable/threadRequest",
    after: "value()",
    from: "if (this.withdrawn)",
    to: "if (false)"
  },
  {
    name: "the event loop is not kept alive by a request under way",
    file: threads,
    from: "worker?.ref()",
    to: "void 0"
  },
  {
    name: "a range beyond 2^63 reaches the system",
    file: "internal/offset",
    from: "offset + BigInt(length) > LARGEST",
    to: "false"
  },
  {
    name: "a detached buffer passes for an empty one",
    file: memory,
    from: "memory.byteLength === 0 && isDetached(buffer)",
    to: "false"
  },
  {
    name: "a retained object is given out for another file",
    file: engine,
    from: "kernel.identityOf(handle) === kept.identity",
    to: "true"
  },
  {
    name: "what was answered before skip mode was set waits for ever",
    file: object,
    from: "!skips || operation.missed++ === 0",
    to: "true"
  },
  {
    name: "what has no packet yet is ended at the first look",
    file: object,
    from: "operation.missed++ === 0",
    to: "operation.missed++ < 0"
  },
  {
    name: "a lock that is refused may bring a packet",
    file: "internal/kernel/win32/fileCalls",
    from: "scratch.event | WITHOUT_PACKET",
    to: "scratch.event"
  },
  {
    name: "a lock waits through the port without skip mode",
    file: "internal/file/locks",
    from: "kernel.engine.kernel.waitsForLocks && io.skipMode",
    to: "kernel.engine.kernel.waitsForLocks"
  },
  {
    name: "a client that comes while the name is taken is forgotten",
    file: anchor,
    from: "creation.early?.(handle)",
    to: "void 0"
  },
  { name: "a name is taken from a living server", file: anchor, from: "C.FILE_CREATE,", to: "3," },
  {
    name: "a pipe's event is not set in skip mode",
    file: "internal/kernel/win32",
    from: "? \"pipe\" : \"other\"",
    to: "? \"other\" : \"other\""
  },
  {
    name: "another directory is taken for the one that was held",
    tests: ["unit/held"],
    file: "internal/held/Room",
    from: "directory.stat !== undefined && isOther(directory.stat, stat)",
    to: "false"
  },
  {
    name: "a link in the place of a directory is followed",
    tests: ["contract/swapped"],
    file: "internal/held/Way",
    from: "DIRECTORY | fs.constants.O_NOFOLLOW",
    to: "DIRECTORY"
  },
  {
    name: "the undo removes what another program has put there",
    tests: ["contract/swapped"],
    file: "internal/pipeline/UndoLog",
    from: "isSameBirth(there, identity)",
    to: "true"
  },
  {
    name: "the directory above a durable copy is not flushed",
    tests: ["contract/trees"],
    file: "internal/pipeline/copyTree",
    from: "syncDirectory(job, above)",
    to: "Effect.void"
  },
  {
    name: "a name that has gone is believed before its directory is looked for",
    file: "internal/kernel/portable/watch/tree",
    tests: ["unit/watchThread"],
    from: "if (!this.#isThere(folder, place))",
    to: "if (false)"
  },
  {
    name: "half of a rename does not wait for the other half",
    file: "internal/kernel/portable/watch/tree",
    tests: ["unit/watchThread"],
    from: "(said & HALF) === 0",
    to: "(said & HALF) === 1"
  },
  {
    name: "a branch that is left out is not told",
    file: "internal/kernel/portable/watch/tree",
    tests: ["unit/watchThread"],
    from: "this.outbox.tell({ action: 0, name: folder.placeOf(\"\"), problem })",
    to: "void 0"
  },
  {
    name: "a branch that is left out ends the watch",
    file: "internal/kernel/portable/watch/tree",
    tests: ["unit/watchThread"],
    from: "if (folder === this.#root || (limit && !this.#begun))",
    to: "if (true)"
  },
  {
    name: "nothing is looked at again after something was lost",
    file: "internal/kernel/portable/watch/tree",
    tests: ["unit/watchThread"],
    from: "this.#again()",
    to: "void 0"
  },
  {
    name: "a full queue is not noticed",
    file: "internal/kernel/portable/watch/thread",
    tests: ["unit/watchThread"],
    from: "++heard === settings.queue",
    to: "++heard === -1"
  },
  {
    name: "events of many turns are taken for a full queue",
    file: "internal/kernel/portable/watch/thread",
    tests: ["unit/watchThread"],
    after: "const turn = ",
    from: "heard = 0",
    to: "void 0"
  },
  ...ofPipeline
]

/** The mutated text, or undefined where the place is not there exactly once. */
export const mutate = (text, { after, from, to }) => {
  const begin = after === undefined ? 0 : text.indexOf(after)
  const at = begin < 0 ? -1 : text.indexOf(from, begin)
  if (at < 0 || (after === undefined && text.indexOf(from, at + 1) >= 0)) return undefined
  return text.slice(0, at) + to + text.slice(at + from.length)
}
