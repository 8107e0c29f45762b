/**
 * Whether the model admits a trace. Two judges: the accounting of the model that the portable kernel runs on, which is
 * fed what the trace's kernel answered and refuses what breaks a rule; and a file and a pipe as they must look to a
 * reader.
 */
import * as C from "../../../src/internal/constants.js"
import type { Block } from "../../../src/internal/kernel/Kernel.js"
import { type Done, Model, ModelOperation, type Storage, type TakeBack } from "../../../src/internal/kernel/model.js"
import type { SlotTable } from "../../../src/internal/kernel/SlotTable.js"
import { Driven } from "../driver.js"
import { byteOf, type Event, INITIAL, packetFollows, type Trace } from "./record.js"
import type { End } from "./script.js"

/** Why a trace is not admitted; nothing when it is. */
export const judge = (trace: Trace): ReadonlyArray<string> => {
  const operations = collect(trace)
  const problems = [...accounting(trace), ...endings(trace, operations)]
  if (problems.length > 0) return problems
  return trace.script.subject === "file" ? contents(trace, operations) : streams(trace, operations)
}

// --- what became of each operation

export interface Outcome {
  readonly operation: number
  readonly end: End
  readonly kind: "read" | "write"
  readonly length: number
  readonly offset: number
  readonly answer: number
  /** The places in the trace of its issue, its end and its first cancel. */
  readonly issued: number
  ended: number
  cancelled: number
  status: number
  bytes: number
  data: Uint8Array | undefined
  packets: number
  /** The other end had gone by the time that it ended. */
  peerGone: boolean
}

export const collect = ({ events, script }: Trace): ReadonlyArray<Outcome> => {
  const outcomes: Array<Outcome> = []
  const gone = new Set<End>()
  const peerGone = (end: End) => gone.has(end === 0 ? 1 : 0)
  events.forEach((event, at) => {
    switch (event._tag) {
      case "issue": {
        const follows = packetFollows(event.answer, script.skipMode)
        outcomes[event.operation] = {
          ...event,
          issued: at,
          ended: follows ? Infinity : at,
          cancelled: Infinity,
          status: event.answer,
          packets: 0,
          peerGone: peerGone(event.end)
        }
        return
      }
      case "packet": {
        const outcome = outcomes[event.operation]!
        Object.assign(outcome, { status: event.status, bytes: event.bytes, data: event.data, ended: at })
        outcome.packets++
        outcome.peerGone = peerGone(outcome.end)
        return
      }
      case "cancel": {
        const outcome = outcomes[event.operation]!
        outcome.cancelled = Math.min(outcome.cancelled, at)
        return
      }
      case "closing":
        gone.add(event.end)
        return
      case "close":
    }
  })
  return outcomes
}

// --- the accounting

class Replayed extends ModelOperation<string> {}

/** Answers what the trace's kernel answered. */
class ReplayStorage implements Storage<string, Replayed> {
  readonly name = "simulated"
  readonly canUnbind = true
  readonly otherCalls = {}
  answer = 0
  readonly operations: Array<Replayed> = []

  allocate(bytes: number): Block {
    return { address: 0, bytes: new Uint8Array(bytes) }
  }
  operation(slot: number, slots: SlotTable): Replayed {
    return this.operations[slot] = new Replayed(slot, slots)
  }
  issue(): number {
    return this.answer
  }
  post(): void {}
  cancel(): void {}
  open(_: unknown, done: Done<string>): TakeBack {
    return told(() => done(C.ERROR_SUCCESS, "replayed"))
  }
  close(_: string, done: Done<void>): TakeBack {
    return told(() => done(C.ERROR_SUCCESS))
  }
  wait(done: Done<void>): TakeBack {
    return told(() => done(C.ERROR_SUCCESS))
  }
  turn(run: () => void): TakeBack {
    return told(run)
  }
  flush = unused
  information = unused
  setEndOfFile = unused
  setBasicInformation = unused
  move = unused
  remove = unused
}

const told = (run: () => void): TakeBack => {
  run()
  return () => false
}

const unused = (): never => {
  throw new Error("no script asks for this")
}

/** Feeds the events to the model; what it refuses is a trace that it does not admit. */
const accounting = ({ events, script, strays, stuck }: Trace): ReadonlyArray<string> => {
  const problems: Array<string> = []
  if (strays > 0) problems.push(`rule 1: ${strays} packets that no operation owned`)
  for (const operation of stuck) {
    problems.push(`rule 11: operation ${operation} was cancelled, and its packet did not come`)
  }
  const storage = new ReplayStorage()
  const model = new Model(storage)
  const ends = ([0, 1] as const).slice(0, script.subject === "file" ? 1 : 2).map(() => {
    const handle = model.openHandle("replayed")
    const threadpoolIo = model.createThreadpoolIo(handle)
    if (script.skipMode) model.setSkipMode(handle)
    return { handle, threadpoolIo }
  })
  const issued: Array<Driven> = []
  const replay = (event: Event): void => {
    switch (event._tag) {
      case "issue": {
        const { handle, threadpoolIo } = ends[event.end]!
        const block = model.allocate(Math.max(1, event.length))
        const { kind, length, offset } = event
        const operation = issued[event.operation] = new Driven(
          model,
          ...[kind, handle, threadpoolIo, block, length, offset, 0, 0] as const
        )
        storage.answer = event.answer
        model.startThreadpoolIo(threadpoolIo)
        model.issue(operation)
        if (!packetFollows(event.answer, script.skipMode)) model.cancelThreadpoolIo(threadpoolIo)
        return
      }
      case "packet":
        return storage.operations[issued[event.operation]!.slot]!.complete(event.status, event.bytes)
      case "cancel":
        return issued[event.operation]!.cancel()
      case "closing":
        return
      case "close": {
        const { handle, threadpoolIo } = ends[event.end]!
        if (event.wait !== C.ERROR_SUCCESS || event.status !== C.ERROR_SUCCESS) {
          problems.push(`rule 17: Wait answered ${event.wait}, CloseHandle ${event.status}`)
        }
        model.call("WaitForThreadpoolIoCallbacks", { threadpoolIo }, () => {})
        model.call("CloseHandle", { handle }, () => {})
        return model.closeThreadpoolIo(threadpoolIo)
      }
    }
  }
  try {
    events.forEach(replay)
    const { handles, inFlight, objects, started } = model.census()
    if (stuck.length === 0 && handles + inFlight + objects + started > 0) {
      problems.push(`rule 1: left over: ${JSON.stringify({ handles, inFlight, objects, started })}`)
    }
  } catch (violation) {
    problems.push((violation as Error).message)
  }
  return problems
}

// --- how an operation may end

const PEER_GONE: ReadonlySet<number> = new Set([
  C.ERROR_BROKEN_PIPE,
  C.ERROR_NO_DATA,
  C.ERROR_PIPE_NOT_CONNECTED
])

const endings = ({ script }: Trace, outcomes: ReadonlyArray<Outcome>): ReadonlyArray<string> =>
  outcomes.flatMap((outcome) => {
    const { bytes, cancelled, ended, kind, length, operation, peerGone, status } = outcome
    const what = `${kind} ${operation} of ${length} bytes ended with ${status}, ${bytes} bytes`
    if (ended === Infinity) return []
    if (bytes > length) return [`rule 13: ${what}`]
    switch (status) {
      case C.ERROR_SUCCESS:
        if (kind === "write" && bytes !== length) return [`a ${what}: a write is whole`]
        if (script.subject === "file" && kind === "read" && bytes === 0 && length > 0) return [`rule 9: ${what}`]
        return []
      case C.ERROR_OPERATION_ABORTED:
        return cancelled < ended ? [] : [`rule 12: ${what}, and nobody had cancelled it`]
      case C.ERROR_HANDLE_EOF:
        return script.subject === "file" && kind === "read" && bytes === 0 && length > 0 ? [] : [`rule 9: ${what}`]
      default:
        return script.subject === "pipe" && PEER_GONE.has(status) && peerGone ? [] : [`no rule has: ${what}`]
    }
  })

// --- what a file holds

/** Whether every byte that was read was there to be read at some moment between issue and end. */
const contents = (_: Trace, outcomes: ReadonlyArray<Outcome>): ReadonlyArray<string> => {
  const writes = outcomes.filter(({ kind, length }) => kind === "write" && length > 0)
  return outcomes.flatMap((read) => {
    if (read.kind === "write" || read.length === 0 || read.status === C.ERROR_OPERATION_ABORTED) return []
    const before = writes.filter((write) => write.issued < read.ended)
    const surely = before.filter((write) => write.status === C.ERROR_SUCCESS && write.ended < read.issued)
    const sizeOf = (some: ReadonlyArray<Outcome>) =>
      some.reduce((size, { length, offset }) => Math.max(size, offset + length), INITIAL.length)
    const [least, most] = [sizeOf(surely), sizeOf(before)].map((size) =>
      Math.min(read.length, Math.max(0, size - read.offset))
    )
    if (read.bytes < least! || read.bytes > most!) {
      return [`rule 9: read ${read.operation} got ${read.bytes} bytes, not ${least} to ${most}`]
    }
    for (let at = 0; at < read.bytes; at++) {
      if (!couldBe(read.data![at]!, read.offset + at, read, before, surely)) {
        return [`read ${read.operation}: the byte at ${read.offset + at} is ${read.data![at]}`]
      }
    }
    return []
  })
}

const covers = (at: number) => ({ length, offset }: Outcome): boolean => at >= offset && at < offset + length

const couldBe = (
  byte: number,
  at: number,
  read: Outcome,
  before: ReadonlyArray<Outcome>,
  surely: ReadonlyArray<Outcome>
): boolean => {
  const over = surely.filter(covers(at))
  const writer = before.filter(covers(at)).find(({ operation }) => byteOf(operation) === byte)
  // A byte without a writer is the first one, or in the gap that a write beyond the end has left.
  if (writer === undefined) return over.length === 0 && byte === (at < INITIAL.length ? INITIAL.byte : 0)
  return !over.some((later) => later.issued > writer.ended && later.ended < read.issued)
}

// --- what a pipe carries

/** Whether each end received what the other had sent: in order, whole, and nothing of it lost to a cancelled read. */
const streams = (trace: Trace, outcomes: ReadonlyArray<Outcome>): ReadonlyArray<string> => {
  const bothOpen = trace.script.steps.every(({ _tag }) => _tag !== "close")
  return ([0, 1] as const).flatMap((end) => {
    const received = outcomes.filter((one) => one.end === end && one.kind === "read" && one.bytes > 0)
    const sent = outcomes.filter((one) => one.end !== end && one.kind === "write")
    return stream(received, sent, bothOpen)
  })
}

const stream = (
  received: ReadonlyArray<Outcome>,
  sent: ReadonlyArray<Outcome>,
  complete: boolean
): ReadonlyArray<string> => {
  const all = Buffer.concat(received.map(({ bytes, data }) => data!.subarray(0, bytes)))
  let at = 0
  for (const write of sent) {
    let run = 0
    while (run < write.length && all[at + run] === byteOf(write.operation)) run++
    at += run
    const whole = run === write.length || write.status !== C.ERROR_SUCCESS
    if (!whole && (complete || at < all.length)) {
      return [`of write ${write.operation}, ${write.length} bytes long, ${run} bytes were received`]
    }
  }
  return at === all.length ? [] : [`${all.length - at} bytes were received that nobody had sent, or out of order`]
}
