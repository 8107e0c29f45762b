/**
 * The client's end: opened as soon as an instance of the server is free, within a time.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Kernel } from "../../Kernel.js"
import type { Connection, ConnectOptions } from "../../NamedPipe.js"
import * as Win32Error from "../../Win32Error.js"
import { aBoolean, aDuration, InvalidArgument, ioKinds, oneOf, optionsOf, refusal } from "../arguments.js"
import { callIn } from "../call.js"
import * as c from "../constants.js"
import { bindOrClose, openHandleIn } from "../openHandle.js"
import type { Restore } from "../settle.js"
import { spanned } from "../spans.js"
import * as life from "../threadpoolIo.js"
import { invalid, ioOptions, make } from "./connection.js"
import { nameProblem, pathOf } from "./name.js"

const impersonationLevels = {
  anonymous: c.SECURITY_ANONYMOUS,
  identification: c.SECURITY_IDENTIFICATION,
  impersonation: c.SECURITY_IMPERSONATION,
  delegation: c.SECURITY_DELEGATION
}

const lookAtConnect = optionsOf<ConnectOptions>({
  messages: aBoolean,
  timeout: aDuration,
  waitForServer: aBoolean,
  impersonation: oneOf(...Object.keys(impersonationLevels)),
  ...ioKinds
})

const SHORTEST_PAUSE = 1
const LONGEST_PAUSE = 50

/**
 * `CreateFileW` on a pipe. While it is busy, or not there and that is to be waited for, it tries again after a pause
 * that grows. Not `WaitNamedPipe`, which blocks a thread of libuv's for all that time, cannot be interrupted, and
 * promises nothing: another client may still be faster.
 */
const openIn = (
  restore: Restore,
  kernel: Kernel.Service,
  path: string,
  options: ConnectOptions
): Effect.Effect<number, Win32Error.Win32Error> => {
  const timeout = Duration.toMillis(options.timeout ?? "5 seconds")
  const level = impersonationLevels[options.impersonation ?? "identification"]
  const arguments_ = {
    path,
    access: (c.GENERIC_READ | c.GENERIC_WRITE) >>> 0,
    share: 0,
    disposition: c.OPEN_EXISTING,
    flags: (c.SECURITY_SQOS_PRESENT | level) >>> 0,
    mode: 0
  }
  const open = openHandleIn(restore, kernel, "CreateFileW", arguments_)
  const passes = ({ code }: Win32Error.Win32Error) =>
    code === c.ERROR_PIPE_BUSY || (options.waitForServer === true && code === c.ERROR_FILE_NOT_FOUND)
  const attempt = (deadline: number, pause: number): Effect.Effect<number, Win32Error.Win32Error> =>
    Effect.catchAll(open, (error) =>
      !passes(error) || timeout === 0
        ? Effect.fail(error)
        : Effect.flatMap(Clock.currentTimeMillis, (now) =>
          now >= deadline
            ? Effect.fail(Win32Error.make({
              code: c.ERROR_SEM_TIMEOUT,
              syscall: "CreateFileW",
              path,
              text: kernel.engine.kernel.message(c.ERROR_SEM_TIMEOUT),
              detail: error.code === c.ERROR_PIPE_BUSY
                ? `Busy for ${timeout} ms.`
                : `Not there for ${timeout} ms.`,
              cause: error
            }))
            : Effect.zipRight(
              restore(Effect.sleep(Math.min(pause, Math.max(deadline - now, SHORTEST_PAUSE)))),
              attempt(deadline, Math.min(pause * 2, LONGEST_PAUSE))
            )))
  return Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(now + timeout, SHORTEST_PAUSE))
}

export const connect = (
  name: string,
  given: ConnectOptions = {}
): Effect.Effect<Connection, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  spanned("NamedPipe.connect", { pipe: name }, connectOne(name, given))

const connectOne = (
  name: string,
  given: ConnectOptions
): Effect.Effect<Connection, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(Kernel, (kernel) =>
    Effect.flatMap(Scope.Scope, (scope) =>
      Effect.uninterruptibleMask((restore) => {
        const options = lookAtConnect(given)
        if (options instanceof InvalidArgument) return Effect.fail(refusal("CreateFileW", options, { path: name }))
        const path = pathOf(name)
        const messages = options.messages ?? false
        const problem = nameProblem(path)
        if (problem !== undefined) return invalid("CreateFileW", path, problem, c.ERROR_INVALID_NAME)
        return openIn(restore, kernel, path, options).pipe(
          Effect.flatMap((handle) => bindOrClose(kernel, handle, { ...ioOptions(options), path })),
          Effect.tap((io) =>
            messages
              ? Effect.onError(
                callIn(restore, kernel, "SetNamedPipeHandleState", { handle: io.handle, messages }, {
                  path,
                  handle: io.handle
                }),
                () => life.close(io)
              )
              : Effect.void
          ),
          Effect.flatMap((io) =>
            Effect.as(
              Scope.addFinalizer(scope, life.close(io)),
              make(kernel, io, path, "client", messages)
            )
          )
        )
      })))
