/**
 * Submits an operation: the one way from an Effect to an overlapped call, and what its end means.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Completion } from "../Completion.js"
import type { Operation } from "../Operation.js"
import type { ThreadpoolIo } from "../ThreadpoolIo.js"
import * as Win32Error from "../Win32Error.js"
import { failNotA, throwNotA } from "./arguments.js"
import {
  ERROR_BROKEN_PIPE,
  ERROR_HANDLE_EOF,
  ERROR_MORE_DATA,
  ERROR_NO_DATA,
  ERROR_NOT_ENOUGH_MEMORY,
  ERROR_OPERATION_ABORTED,
  ERROR_PIPE_NOT_CONNECTED,
  ERROR_SUCCESS
} from "./constants.js"
import type { Operation as Issued, Request } from "./engine/Operation.js"
import type { ThreadpoolIoObject } from "./engine/ThreadpoolIoObject.js"
import { maskedIn, type Waited } from "./forms.js"
import { isOperation } from "./operation.js"
import * as origin from "./origin.js"
import type { Restore } from "./settle.js"
import { TypeId } from "./threadpoolIo.js"
import { isA } from "./values.js"

/** Statuses of a read that mean: there is nothing more. */
const isEndOfFile = (status: number): boolean =>
  status === ERROR_HANDLE_EOF || status === ERROR_BROKEN_PIPE || status === ERROR_NO_DATA ||
  status === ERROR_PIPE_NOT_CONNECTED

const completionOf = (operation: Issued, endOfFile: boolean): Completion => ({
  bytesTransferred: operation.bytes,
  endOfFile,
  status: operation.status,
  inline: operation.inline,
  cancelRequested: operation.cancelRequested
})

/** Whether there was nothing more to read; `undefined`: it has failed. */
const endOfFile = ({ ending, request, status }: Issued): boolean | undefined => {
  if (ending !== "completed") return undefined
  if (status === ERROR_SUCCESS || status === request.doneStatus) return false
  if ((request.kind === "read" || request.kind === "scatter") && isEndOfFile(status)) return true
  return status === ERROR_MORE_DATA && request.access === "kernel-writes" ? false : undefined
}

const outcome = (io: ThreadpoolIo, operation: Issued): Exit.Exit<Completion, Win32Error.Win32Error> => {
  const atEnd = endOfFile(operation)
  return atEnd === undefined ? failure(io, operation) : Exit.succeed(completionOf(operation, atEnd))
}

const bytesTransferred = (io: ThreadpoolIo, operation: Issued): Exit.Exit<number, Win32Error.Win32Error> =>
  endOfFile(operation) === undefined ? failure(io, operation) : Exit.succeed(operation.bytes)

/** The exit of an operation that did not succeed. */
export const failure = (io: ThreadpoolIo, operation: Issued): Exit.Exit<never, Win32Error.Win32Error> =>
  operation.ending === "defect" ? Exit.die(operation.detail) : Exit.fail(errorOf(io, operation))

/** The error of an operation that failed. */
export const errorOf = (io: ThreadpoolIo, operation: Issued): Win32Error.Win32Error => {
  const { detail, ending, request, status } = operation
  return Win32Error.make({
    code: status,
    syscall: request.syscall,
    path: io.path,
    handle: io.handle,
    text: io.object.engine.kernel.message(status),
    ...(ending === "refused"
      ? {
        reason: status === ERROR_NOT_ENOUGH_MEMORY ? "Exhausted" : "InvalidArgument",
        detail: `Refused: ${String(detail)}.`
      }
      : ending === "closed"
      ? { reason: "Closed", detail: "The scope of this ThreadpoolIo has closed." }
      : ending === "quarantined"
      ? {
        reason: "TimedOut",
        detail: "The operation did not settle after its cancellation; its memory is kept for good."
      }
      : {})
  })
}

/** A warning that names an operation which was left behind; `undefined`: this one was not. */
export const quarantineOf = (io: ThreadpoolIo, operation: Issued): Effect.Effect<void> | undefined =>
  operation.ending !== "quarantined"
    ? undefined
    : Effect.logWarning("An operation did not settle after its cancellation and is quarantined").pipe(
      Effect.annotateLogs({
        syscall: operation.request.syscall,
        handle: io.handle,
        path: io.path ?? "",
        slot: operation.slot,
        bytes: operation.request.length
      })
    )

const spanned = <A>(
  io: ThreadpoolIo,
  operation: Pick<Operation, "request">,
  effect: Effect.Effect<A, Win32Error.Win32Error>
) =>
  Effect.withSpan(effect, operation.request.syscall, {
    kind: "client",
    attributes: { "threadpool_io.handle": io.handle, "threadpool_io.length": operation.request.length }
  })

export const submit = (self: ThreadpoolIo, operation: Operation): Effect.Effect<Completion, Win32Error.Win32Error> =>
  submitted(self, operation, outcome)

/** Like `submit`, for the number of bytes alone. A `map` would cost a tenth of the whole. */
export const transfer = (
  self: ThreadpoolIo,
  operation: Pick<Operation, "request">
): Effect.Effect<number, Win32Error.Win32Error> => submitted(self, operation, bytesTransferred)

const isGenuine = (u: unknown): boolean => isA(u, TypeId, "object")

/** For functions that cannot fail: a defect that says what it is about. */
export const objectOf = (name: string, self: ThreadpoolIo): ThreadpoolIoObject =>
  isGenuine(self) ? self.object : throwNotA("ThreadpoolIo", `ThreadpoolIo.${name}`, self)

/** Types are not kept when the program runs. */
const notSubmitted = (self: unknown, operation: unknown): Effect.Effect<never, Win32Error.Win32Error> => {
  const request = isOperation(operation) ? operation.request : undefined
  return request === undefined
    ? failNotA("value that Operation has made", "StartThreadpoolIo", operation)
    : failNotA("ThreadpoolIo", request.syscall, self)
}

const submitted = <A>(
  self: ThreadpoolIo,
  operation: Pick<Operation, "request">,
  outcome: (self: ThreadpoolIo, issued: Issued) => Exit.Exit<A, Win32Error.Win32Error>
): Effect.Effect<A, Win32Error.Win32Error> => {
  if (!isGenuine(self) || !isOperation(operation)) return notSubmitted(self, operation)
  origin.note(operation.request)
  const effect = self.form(new Submission(self, operation.request, outcome))
  return self.spans ? spanned(self, operation, effect) : effect
}

class Submission<A> implements Waited<Issued, A, Win32Error.Win32Error> {
  constructor(
    readonly io: ThreadpoolIo,
    readonly request: Request,
    readonly outcome: (io: ThreadpoolIo, issued: Issued) => Exit.Exit<A, Win32Error.Win32Error>
  ) {}
  start(): Issued {
    return this.io.object.submit(this.request)
  }
  exit(issued: Issued): Exit.Exit<A, Win32Error.Win32Error> {
    return this.outcome(this.io, issued)
  }
  cancel(issued: Issued): void {
    this.io.object.cancel(issued)
  }
  abandoned(issued: Issued): Effect.Effect<void> | undefined {
    return quarantineOf(this.io, issued)
  }
}

/** For a caller inside a mask of its own, who must know what the operation came to: whether a lock is held. */
export const cancellableIn = (
  restore: Restore,
  self: ThreadpoolIo,
  operation: Pick<Operation, "request">
): Effect.Effect<Completion, Win32Error.Win32Error> => {
  if (!isGenuine(self) || !isOperation(operation)) return notSubmitted(self, operation)
  origin.note(operation.request)
  const effect = Effect.suspend(() => maskedIn(restore, new Cancellable(self, operation.request, outcome)))
  return self.spans ? spanned(self, operation, effect) : effect
}

class Cancellable extends Submission<Completion> {
  late(issued: Issued): Exit.Exit<Completion, Win32Error.Win32Error> | undefined {
    const exit = outcome(this.io, issued)
    if (Exit.isSuccess(exit)) return exit
    // Cancelled in the middle: some systems say how far it came.
    return issued.status === ERROR_OPERATION_ABORTED && issued.bytes > 0
      ? Exit.succeed(completionOf(issued, false))
      : undefined
  }
}
