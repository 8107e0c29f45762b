/**
 * The server's end: a name that is listened on, and the clients that are accepted.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Kernel } from "../../Kernel.js"
import type { Connection, ListenOptions, Server, ServerTypeId as PublicServerTypeId } from "../../NamedPipe.js"
import type * as Win32Error from "../../Win32Error.js"
import { aBoolean, aNumber, aString, failNotA, InvalidArgument, ioKinds, optionsOf, refusal } from "../arguments.js"
import * as c from "../constants.js"
import { spanned } from "../spans.js"
import { isA } from "../values.js"
import { invalid, ioOptions, make, Proto } from "./connection.js"
import { nameProblem, pathOf } from "./name.js"
import * as server from "./server.js"

export const ServerTypeId: PublicServerTypeId = Symbol.for(
  "effect-threadpool-io/NamedPipe/Server"
) as PublicServerTypeId

const lookAtListen = optionsOf<ListenOptions>({
  messages: aBoolean,
  backlog: aNumber,
  maxInstances: aNumber,
  outBufferSize: aNumber,
  inBufferSize: aNumber,
  security: aString,
  ...ioKinds
})

const listenProblem = (path: string, settings: server.Settings): Effect.Effect<never, Win32Error.Win32Error> | void => {
  const refuse = (detail: string) => invalid("CreateNamedPipeW", path, detail)
  const { backlog, inBufferSize, maxInstances, outBufferSize, security } = settings
  const between = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most
  if (!between(maxInstances, 1, c.PIPE_UNLIMITED_INSTANCES)) {
    return refuse(`maxInstances must be 1 to ${c.PIPE_UNLIMITED_INSTANCES}, not ${maxInstances}.`)
  }
  if (!between(backlog, 1, c.PIPE_UNLIMITED_INSTANCES)) {
    return refuse(`backlog must be 1 to ${c.PIPE_UNLIMITED_INSTANCES}, not ${backlog}.`)
  }
  for (const size of [outBufferSize, inBufferSize]) {
    if (!between(size, 0, c.MAXDWORD)) return refuse(`A buffer cannot have ${size} bytes.`)
  }
  if (security?.includes("\0") === true) return refuse("The security descriptor has a NUL character.")
}

export const listen = (
  name: string,
  given: ListenOptions = {}
): Effect.Effect<Server, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(Kernel, (kernel) =>
    Effect.flatMap(Scope.Scope, (scope) =>
      Effect.uninterruptibleMask((restore) => {
        const options = lookAtListen(given)
        if (options instanceof InvalidArgument) return Effect.fail(refusal("CreateNamedPipeW", options, { path: name }))
        const path = pathOf(name)
        const settings: server.Settings = {
          path,
          messages: options.messages ?? false,
          maxInstances: options.maxInstances ?? c.PIPE_UNLIMITED_INSTANCES,
          backlog: options.backlog ?? 4,
          outBufferSize: options.outBufferSize ?? 65_536,
          inBufferSize: options.inBufferSize ?? 65_536,
          security: options.security,
          io: ioOptions(options)
        }
        const problem = nameProblem(path)
        if (problem !== undefined) return invalid("CreateNamedPipeW", path, problem, c.ERROR_INVALID_NAME)
        return listenProblem(path, settings) ?? Effect.flatMap(server.openIn(restore, kernel, settings), (opened) =>
          Effect.as(
            Scope.addFinalizer(scope, server.close(opened)),
            Object.assign(Object.create(Proto), {
              [ServerTypeId]: ServerTypeId,
              path,
              messages: settings.messages,
              server: opened
            }) as Server
          ))
      })))

export const accept = (self: Server): Effect.Effect<Connection, Win32Error.Win32Error, Scope.Scope> =>
  spanned("NamedPipe.accept", isA(self, ServerTypeId, "server") ? { pipe: self.path } : {}, acceptOne(self))

const acceptOne = (self: Server): Effect.Effect<Connection, Win32Error.Win32Error, Scope.Scope> =>
  Effect.flatMap(
    Scope.Scope,
    (scope) =>
      Effect.uninterruptibleMask((restore) =>
        isA(self, ServerTypeId, "server")
          ? Effect.flatMap(server.acceptIn(restore, self.server), (accepted) =>
            Effect.as(
              Scope.addFinalizer(scope, server.closeAccepted(accepted)),
              make(self.server.kernel, accepted.io, self.path, "server", self.messages)
            ))
          : failNotA("Server", "ConnectNamedPipe", self)
      )
  )
