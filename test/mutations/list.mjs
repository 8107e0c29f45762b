// Mistakes that this library must not make, each as a change of one place in it. The text is the same in the sources
// and in what the compiler makes of them. `after` says behind what to look for it, where it is there more than once.
// Those with `quick` are made in `npm test` as well, where what finds them soonest judges them: the small schedules,
// the first seeds, or one file of unit tests.

const object = "internal/engine/ThreadpoolIoObject"
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

export const mutations = [
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
    file: object,
    from: "const bytes = Math.min(operation.bytes, operation.length)",
    to: "const bytes = operation.length"
  },
  {
    name: "do not return the memory",
    file: object,
    after: "The copy is made before anyone",
    from: "this.engine.buffers.release(operation.block)",
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
    after: "this.#stage = \"closing\"",
    from: "of this.#inFlight",
    to: "of []"
  },
  {
    name: "close without ending what is queued",
    file: object,
    after: "this.#stage = \"closing\"",
    from: "of this.#queue",
    to: "of []"
  },
  {
    name: "close before wait",
    quick: "schedules",
    file: object,
    from: "this.binding.wait(kernel, threadpoolIo, closeHandle)",
    to: "closeHandle()"
  },
  {
    name: "close the object before its handle",
    file: object,
    from: "kernel.call(\"CloseHandle\", { handle }, (status) =>",
    to: "this.#closeObject(), kernel.call(\"CloseHandle\", { handle }, (status) =>"
  },
  { name: "close while a call works on the handle", file: object, from: "this.#calls > 0", to: "this.#calls > 1e9" },
  {
    name: "submit after the close has begun",
    file: object,
    after: "#refuse(operation",
    from: "this.#stage !== \"open\"",
    to: "this.#stage === \"closed\""
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
    file: object,
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
    from: "promises.link(aside, address)",
    to: "Promise.resolve()"
  },
  {
    name: "a socket is removed whatever it has become",
    file: pipeSocket,
    from: "!isSame(left, await promises.lstat(aside, { bigint: true }))",
    to: "false"
  },
  {
    name: "a completed read is told as an I/O error when its thread ends",
    file: threads,
    from: "!this.#completed.includes(request)",
    to: "true"
  },
  { name: "a withdrawn read still writes into its memory", file: threads, from: "if (withdrawn)", to: "if (false)" },
  {
    name: "the event loop is not kept alive by a request under way",
    file: threads,
    from: "worker?.ref()",
    to: "void 0"
  },
  {
    name: "a range beyond 2^63 reaches the system",
    file: "internal/engine/offset",
    from: "offset + BigInt(length) > LARGEST",
    to: "false"
  },
  {
    name: "a detached buffer passes for an empty one",
    file: object,
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
  }
]

/** The mutated text, or undefined where the place is not there exactly once. */
export const mutate = (text, { after, from, to }) => {
  const begin = after === undefined ? 0 : text.indexOf(after)
  const at = begin < 0 ? -1 : text.indexOf(from, begin)
  if (at < 0 || (after === undefined && text.indexOf(from, at + 1) >= 0)) return undefined
  return text.slice(0, at) + to + text.slice(at + from.length)
}
