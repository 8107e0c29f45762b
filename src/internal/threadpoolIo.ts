/**
 * The life of a `ThreadpoolIo`: binding a handle, and closing with its scope.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"
import type { Handle } from "../Handle.js"
import { Kernel } from "../Kernel.js"
import { isBalanced } from "../Ledger.js"
import type * as ThreadpoolIo from "../ThreadpoolIo.js"
import * as Win32Error from "../Win32Error.js"
import { aBoolean, aString, InvalidArgument, ioKinds, optionsOf, refusal } from "./arguments.js"
import {
  ERROR_INVALID_HANDLE,
  ERROR_INVALID_PARAMETER,
  ERROR_NOT_ENOUGH_MEMORY,
  ERROR_NOT_SUPPORTED,
  ERROR_SUCCESS
} from "./constants.js"
import type { CloseReport, ThreadpoolIoObject } from "./engine/ThreadpoolIoObject.js"
import { waitingCallbacks } from "./kernel/budget.js"

export const TypeId: ThreadpoolIo.TypeId = Symbol.for("effect-threadpool-io/ThreadpoolIo") as ThreadpoolIo.TypeId

const BIND = "BindIoCompletionCallback"
const DEFAULT_WAITING_CALLBACKS = 8

const bindingErrors = {
  "already-bound": {
    reason: "AlreadyBound",
    detail: "The file has a completion port already, through this handle or a duplicate; a file has one."
  },
  "not-overlapped": {
    reason: "NotOverlapped",
    detail: "The handle was opened without FILE_FLAG_OVERLAPPED: open it again with that flag."
  },
  invalid: {
    reason: "InvalidHandle",
    detail:
      "The number is not a handle of this process, or that handle has been closed: bind it while its owner keeps it open."
  },
  unsupported: {
    reason: "Unsupported",
    detail:
      "The handle is of nothing that a completion port can be bound to: it takes a file, a pipe, a directory or a device."
  }
} as const

const bindingError = (
  kernel: Kernel.Service,
  syscall: string,
  handle: Handle,
  path: string | undefined,
  code: number
): Win32Error.Win32Error =>
  Win32Error.make({
    code,
    syscall,
    path,
    handle: typeof handle === "number" ? handle : undefined,
    text: kernel.engine.kernel.message(code),
    ...(code === ERROR_INVALID_PARAMETER || code === ERROR_INVALID_HANDLE
      ? bindingErrors[kernel.engine.diagnose(handle)]
      : code === ERROR_NOT_ENOUGH_MEMORY && syscall === BIND
      ? { detail: waitingCallbacks(kernel.engine.kernel.pools.callbacksLeft) }
      : code === ERROR_NOT_SUPPORTED && syscall === BIND
      ? {
        detail:
          "Not in a worker, unless completions come by relay: they would come after its end. Use ThreadpoolIo.make."
      }
      : {})
  })

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

const readOptions = optionsOf<ThreadpoolIo.Options>({ ...ioKinds, owned: aBoolean, path: aString })

const DEFAULT_IN_FLIGHT = 1024

/** Makes an object that closes with the scope. */
export const scoped = (acquire: (kernel: Kernel.Service) => ThreadpoolIo.ThreadpoolIo | Win32Error.Win32Error) =>
  Effect.flatMap(Kernel, (kernel) =>
    Effect.flatMap(Scope.Scope, (scope) =>
      // Not `acquireRelease`: it keeps and compares the FiberRefs of both moments, at several times the cost of all the
      // rest.
      Effect.uninterruptible(Effect.suspend(() => {
        const io = acquire(kernel)
        return io instanceof Win32Error.Win32Error
          ? Effect.fail(io)
          : Effect.as(Scope.addFinalizer(scope, close(io)), io)
      }))))

/** `make`, without its scope. */
export const make = (
  kernel: Kernel.Service,
  handle: Handle,
  options: ThreadpoolIo.Options
): ThreadpoolIo.ThreadpoolIo | Win32Error.Win32Error => {
  const looked = readOptions(options)
  return looked instanceof InvalidArgument ? refusal("CreateThreadpoolIo", looked) : acquire(kernel, handle, looked)
}

/** The caller closes the object. A plain function, because some open very many files. */
export const acquire = (
  kernel: Kernel.Service,
  handle: Handle,
  options: ThreadpoolIo.Options
): ThreadpoolIo.ThreadpoolIo | Win32Error.Win32Error => {
  const owned = options.owned ?? false
  const maxInFlight = options.maxInFlight ?? DEFAULT_IN_FLIGHT
  const { environment } = kernel
  if (!(maxInFlight >= 1)) {
    return refused("CreateThreadpoolIo", `maxInFlight must be at least 1, not ${maxInFlight}.`)
  }
  if (environment?.usable === false) return closedEnvironment(handle, options.path)
  const object = kernel.engine.bind(handle, {
    owned,
    skipMode: options.skipMode ?? owned,
    maxInFlight,
    drainTimeoutMs: Duration.toMillis(options.drainTimeout ?? kernel.drainTimeout),
    environment
  })
  if (typeof object === "number") return bindingError(kernel, "CreateThreadpoolIo", handle, options.path, object)
  return fromObject(kernel, object, handle, options)
}

const refused = (syscall: string, detail: string): Win32Error.Win32Error =>
  Win32Error.make({ code: ERROR_INVALID_PARAMETER, syscall, detail })

const closedEnvironment = (handle: Handle, path: string | undefined): Win32Error.Win32Error =>
  Win32Error.make({
    code: ERROR_INVALID_HANDLE,
    reason: "Closed",
    syscall: "CreateThreadpoolIo",
    path,
    handle,
    detail: "The scope of its CallbackEnvironment, or of the pool or the cleanup group there, has closed."
  })

const fromObject = (
  { form }: Kernel.Service,
  object: ThreadpoolIoObject,
  handle: Handle,
  options: ThreadpoolIo.Options
): ThreadpoolIo.ThreadpoolIo =>
  Object.assign(Object.create(Proto), {
    handle,
    skipMode: object.skipMode,
    object,
    path: options.path,
    spans: options.spans ?? false,
    form
  })

/** `bind`, without its scope. */
export const bind = (
  kernel: Kernel.Service,
  handle: Handle,
  given: ThreadpoolIo.BindOptions
): ThreadpoolIo.ThreadpoolIo | Win32Error.Win32Error => {
  const looked = readOptions(given)
  if (looked instanceof InvalidArgument) return refusal(BIND, looked)
  const options: ThreadpoolIo.BindOptions = looked
  const { callbacksLimit } = kernel.engine.kernel.pools
  const limited = callbacksLimit < Infinity
  const maxInFlight = options.maxInFlight ?? (limited ? DEFAULT_WAITING_CALLBACKS : DEFAULT_IN_FLIGHT)
  if (limited && !(Number.isInteger(maxInFlight) && maxInFlight >= 1 && maxInFlight <= callbacksLimit)) {
    return refused(BIND, `maxInFlight must be an integer from 1 to ${callbacksLimit}, not ${maxInFlight}.`)
  }
  if (!(maxInFlight >= 1)) return refused(BIND, `maxInFlight must be at least 1, not ${maxInFlight}.`)
  const object = kernel.engine.bindForLife(handle, {
    owned: true,
    skipMode: options.skipMode ?? true,
    maxInFlight,
    drainTimeoutMs: Duration.toMillis(options.drainTimeout ?? kernel.drainTimeout)
  })
  return typeof object === "number"
    ? bindingError(kernel, BIND, handle, options.path, object)
    : fromObject(kernel, object, handle, options)
}

export const close = (io: ThreadpoolIo.ThreadpoolIo): Effect.Effect<void> =>
  Effect.async<CloseReport>((resume) => io.object.close((report) => resume(Exit.succeed(report)))).pipe(
    // A scope may be closed by hand, by a fiber that can be interrupted: the kernel is waited for all the same.
    Effect.uninterruptible,
    Effect.flatMap((report) => {
      const ledger = io.object.counters.read()
      if (report.defect !== undefined) return Effect.die(report.defect)
      if (!isBalanced(ledger) || ledger.inFlight !== 0) {
        return Effect.die(new Error(`The ledger of a TP_IO does not balance: ${JSON.stringify(ledger)}`))
      }
      if (report.retained === undefined && report.closeStatus === ERROR_SUCCESS) return Effect.void
      // A borrowed handle on a system that cannot unbind is the normal case there, not a warning.
      const log = io.object.options.owned || report.quarantined.length > 0 ? Effect.logWarning : Effect.logDebug
      return log("A TP_IO was not closed cleanly").pipe(Effect.annotateLogs({
        handle: io.handle,
        path: io.path ?? "",
        quarantined: report.quarantined.join(", "),
        retained: report.retained ?? "",
        closeStatus: report.closeStatus
      }))
    })
  )
