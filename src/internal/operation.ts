/**
 * Operations as the engine takes them: what each asks of the system, with what is wrong with it. Made by `Operation`.
 */
import type { PoolBuffer } from "../BufferPool.js"
import type * as Operation from "../Operation.js"
import {
  aBoolean,
  aFunction,
  anOffset,
  aNumber,
  anything,
  aString,
  InvalidArgument,
  listOf,
  oneOf,
  optionsOf,
  wrong
} from "./arguments.js"
import * as c from "./constants.js"
import type { Request } from "./engine/Operation.js"
import { callersMemoryTrouble } from "./engine/OperationMemory.js"
import type { Segment as EngineSegment } from "./engine/Segments.js"
import type { CustomIssue } from "./kernel/Kernel.js"
import { bits, notifications } from "./notify.js"
import { END_OF_FILE, high, low, offsetProblem } from "./offset.js"
import { NOTHING, nowhere, type Window, window, windowOf } from "./operation/window.js"
import { PoolBufferImpl } from "./PoolBuffer.js"
import { isInstance, isList, plainBytes, shown } from "./values.js"

export const TypeId: Operation.TypeId = Symbol.for("effect-threadpool-io/Operation") as Operation.TypeId

/** Whether one of the constructors of `Operation` has made the value. */
export const isOperation = (u: unknown): u is Operation.Operation => {
  try {
    return typeof u === "object" && u !== null && TypeId in u && typeof (u as Operation.Operation).request === "object"
  } catch {
    return false
  }
}

interface Made {
  readonly [TypeId]: Operation.TypeId
  readonly request: Request
}

const transfer = (kind: "read" | "write", given: Operation.Options, atEnd: boolean): Request => {
  const options = optionsRead(given)
  const { length, memory, problem, start } = windowOf(options)
  const offset = options instanceof InvalidArgument || atEnd || options.offset === undefined ? 0 : options.offset
  const wrong = problem ?? offsetProblem(offset, length)
  return {
    syscall: kind === "read" ? "ReadFile" : "WriteFile",
    kind,
    access: kind === "read" ? "kernel-writes" : "kernel-reads",
    memory,
    start,
    length,
    offsetLow: atEnd ? END_OF_FILE.low : wrong === undefined ? low(offset) : 0,
    offsetHigh: atEnd ? END_OF_FILE.high : wrong === undefined ? high(offset) : 0,
    parameters: undefined,
    input: undefined,
    trueIsPending: false,
    doneStatus: undefined,
    problem: wrong
  }
}

/** Each option once. `window` and `offsetProblem` look at what they are: this is on the way of every operation. */
const optionsRead = (given: Operation.Options): Operation.Options | InvalidArgument => {
  try {
    const { buffer, length, offset, start } = given
    return { buffer, length, offset, start }
  } catch (cause) {
    return new InvalidArgument("the options cannot be read", cause)
  }
}

// --- the constructors

export const read = (options: Operation.Options): Operation.Read => ({
  [TypeId]: TypeId,
  _tag: "Read",
  request: transfer("read", options, false)
})

export const write = (options: Operation.Options): Operation.Write => ({
  [TypeId]: TypeId,
  _tag: "Write",
  request: transfer("write", options, false)
})

export const append = (options: Omit<Operation.Options, "offset">): Operation.Write => ({
  [TypeId]: TypeId,
  _tag: "Write",
  request: transfer("write", options, true)
})

export const connect: Operation.Connect = {
  [TypeId]: TypeId,
  _tag: "Connect",
  request: {
    syscall: "ConnectNamedPipe",
    kind: "connect",
    access: "none",
    memory: undefined,
    start: 0,
    length: 0,
    offsetLow: 0,
    offsetHigh: 0,
    parameters: undefined,
    input: undefined,
    trueIsPending: false,
    doneStatus: c.ERROR_PIPE_CONNECTED,
    problem: undefined
  }
}

type TransactOptions = Parameters<typeof Operation.transact>[0]

const lookAtTransact = optionsOf<TransactOptions>({
  message: anything,
  buffer: anything,
  start: aNumber,
  length: aNumber
})

export const transact = (options: TransactOptions): Operation.Transact => {
  const looked = lookAtTransact(options)
  const { length, memory, problem, start } = windowOf(looked)
  const message = looked instanceof InvalidArgument ? NOTHING : plainBytes(looked.message)
  const trouble = message === undefined
    ? "it must be a Uint8Array"
    : callersMemoryTrouble(message, message.length)
  return {
    [TypeId]: TypeId,
    _tag: "Transact",
    request: {
      syscall: "TransactNamedPipe",
      kind: "transact",
      access: "kernel-writes",
      memory,
      start,
      length,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: undefined,
      input: trouble === undefined ? new Uint8Array(message!) : NOTHING,
      trueIsPending: false,
      doneStatus: undefined,
      problem: problem ?? (trouble === undefined ? undefined : `the message cannot be sent: ${trouble}`)
    }
  }
}

export const readVectored = (options: Operation.VectoredOptions): Operation.Read => ({
  _tag: "Read",
  ...vectored("read", options, false)
})

export const writeVectored = (options: Operation.VectoredOptions): Operation.Write => ({
  _tag: "Write",
  ...vectored("write", options, false)
})

/**
 * `inPlace`: by `ReadFileScatter` and `WriteFileGather`, where every segment is whole pages of the pool's.
 */
export const vectored = (
  kind: "read" | "write",
  given: Operation.VectoredOptions,
  inPlace: boolean
): Made => {
  const looked = lookAtVectored(given)
  const offset = looked instanceof InvalidArgument ? 0 : looked.offset ?? 0
  const windows = looked instanceof InvalidArgument ? [nowhere(looked)] : windowsOf(looked.buffers)
  const segments: ReadonlyArray<EngineSegment> = windows
  const problem = windows.find(({ problem }) => problem !== undefined)?.problem
  // A refused request may have lengths that cannot be added.
  const length = problem === undefined ? windows.reduce((total, one) => total + one.length, 0) : 0
  const wrong = problem ??
    (length > c.MAXDWORD
      ? `a request is at most ${c.MAXDWORD} bytes long (a DWORD), not ${length}: split it`
      : undefined) ??
    offsetProblem(offset, length)
  const direct = inPlace && wrong === undefined && length > 0 && windows.every(isPages)
  const request: Request = {
    syscall: names[direct ? "inPlace" : "copied"][kind],
    kind: direct ? kind === "read" ? "scatter" : "gather" : kind,
    access: kind === "read" ? "kernel-writes" : "kernel-reads",
    memory: undefined,
    segments,
    start: 0,
    length,
    offsetLow: wrong === undefined ? low(offset) : 0,
    offsetHigh: wrong === undefined ? high(offset) : 0,
    parameters: undefined,
    input: undefined,
    trueIsPending: false,
    doneStatus: undefined,
    problem: wrong
  }
  return { [TypeId]: TypeId, request }
}

const lookAtVectored = optionsOf<Operation.VectoredOptions>({ buffers: anything, offset: anOffset })

const windowsOf = (buffers: ReadonlyArray<Operation.Segment>): ReadonlyArray<Window> => {
  if (!isList(buffers)) return [nowhere(new InvalidArgument(`the buffers must be a list, not ${shown(buffers)}`))]
  try {
    return Array.from(buffers as ReadonlyArray<Operation.Segment>, (segment) => {
      if (isInstance(segment, PoolBufferImpl) || plainBytes(segment) !== undefined) {
        return window(segment as PoolBuffer, {})
      }
      const { buffer, length, start } = segment as Exclude<Operation.Segment, PoolBuffer | Uint8Array>
      return window(buffer, { length, start })
    })
  } catch (cause) {
    return [nowhere(new InvalidArgument("the buffers cannot be looked at", cause))]
  }
}

const names = {
  inPlace: { read: "ReadFileScatter", write: "WriteFileGather" },
  copied: { read: "ReadFile", write: "WriteFile" }
} as const

const isPages = ({ length, memory, start }: EngineSegment): boolean =>
  !(memory instanceof Uint8Array) && start % c.PAGE_SIZE === 0 && length % c.PAGE_SIZE === 0

/** Not public: `NamedPipe.peek` reads what it brings. */
export const peek = (buffer: Uint8Array): Made & { readonly _tag: "Peek" } => ({
  [TypeId]: TypeId,
  _tag: "Peek",
  request: {
    ...transfer("read", { buffer }, false),
    syscall: "DeviceIoControl(FSCTL_PIPE_PEEK)",
    kind: "peek"
  }
})

/** Not public: who locks must unlock, which `File.withLock` and `File.lock` do. */
export const lock = (options: {
  readonly offset: number | bigint
  readonly length: bigint
  readonly flags: number
  readonly problem: string | undefined
}): Made & { readonly _tag: "Lock" } => ({
  [TypeId]: TypeId,
  _tag: "Lock",
  request: {
    syscall: "LockFileEx",
    kind: "lock",
    access: "none",
    memory: undefined,
    start: 0,
    length: 0,
    offsetLow: options.problem === undefined ? low(options.offset) : 0,
    offsetHigh: options.problem === undefined ? high(options.offset) : 0,
    parameters: { flags: options.flags, lengthLow: low(options.length), lengthHigh: high(options.length) },
    input: undefined,
    trueIsPending: false,
    doneStatus: undefined,
    problem: options.problem
  }
})

type WatchOptions = Parameters<typeof Operation.readDirectoryChanges>[0]

const lookAtWatch = optionsOf<WatchOptions>({
  buffer: anything,
  recursive: aBoolean,
  filter: listOf(oneOf(...Object.keys(notifications))),
  start: aNumber,
  length: aNumber
})

export const readDirectoryChanges = (options: WatchOptions): Operation.ReadDirectoryChanges => {
  const looked = lookAtWatch(options)
  const { length, memory, problem, start } = windowOf(looked)
  const filter = looked instanceof InvalidArgument ? 0 : bits(looked.filter ?? [])
  return {
    [TypeId]: TypeId,
    _tag: "ReadDirectoryChanges",
    request: {
      syscall: "ReadDirectoryChangesW",
      kind: "watch",
      access: "kernel-writes",
      memory,
      start,
      length,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: { recursive: !(looked instanceof InvalidArgument) && looked.recursive === true, filter },
      input: undefined,
      trueIsPending: true,
      doneStatus: undefined,
      problem: problem ??
        (filter === 0
          ? "the filter is empty"
          : length === 0
          ? "the buffer is empty"
          : start % 4 !== 0 && !(memory instanceof Uint8Array)
          ? `the window must begin at a multiple of four bytes, not at ${start}`
          : undefined)
    }
  }
}

type UnsafeOptions = Parameters<typeof Operation.unsafeMake>[0]

const lookAtUnsafe = optionsOf<UnsafeOptions>({
  syscall: aString,
  issue: aFunction,
  buffer: anything,
  start: aNumber,
  length: aNumber,
  offset: anOffset,
  access: oneOf("kernel-reads", "kernel-writes"),
  trueIsPending: aBoolean
})

export const unsafeMake = (options: UnsafeOptions): Operation.Unsafe => {
  const looked = lookAtUnsafe(options)
  const given: Partial<UnsafeOptions> = looked instanceof InvalidArgument ? {} : looked
  const offset = given.offset ?? 0
  const { length, memory, problem, start } = given.buffer === undefined
    ? { memory: undefined, start: 0, length: 0, problem: undefined }
    : window(given.buffer, given)
  const wrongs = looked instanceof InvalidArgument
    ? looked.problem
    : (wrong("syscall", given.syscall, aString) ?? wrong("issue", given.issue, aFunction))?.problem
  const trouble = wrongs ?? problem ?? offsetProblem(offset, length)
  return {
    [TypeId]: TypeId,
    _tag: "Unsafe",
    request: {
      syscall: given.syscall ?? "an unknown function",
      kind: "custom",
      access: memory === undefined ? "none" : given.access ?? "kernel-writes",
      memory,
      start,
      length,
      offsetLow: trouble === undefined ? low(offset) : 0,
      offsetHigh: trouble === undefined ? high(offset) : 0,
      parameters: given.issue as CustomIssue,
      input: undefined,
      trueIsPending: given.trueIsPending ?? false,
      doneStatus: undefined,
      problem: trouble
    }
  }
}
