/**
 * The other process of tests about pipes: `node pipePrograms.js WHAT NAME`.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as lab from "./lab.js"

const [what, name = ""] = process.argv.slice(2)

const programs: Record<
  string,
  Effect.Effect<unknown, unknown, Effect.Effect.Context<ReturnType<typeof NamedPipe.listen>>>
> = {
  /** Gives back what it is sent, until it is killed. */
  echo: Effect.gen(function*() {
    const server = yield* NamedPipe.listen(name)
    yield* Console.log("listening")
    yield* Effect.forever(Effect.flatMap(
      NamedPipe.accept(server),
      (connection) => Effect.fork(Stream.run(NamedPipe.stream(connection), NamedPipe.sink(connection)))
    ))
  }),
  /** Tries to have the name. */
  take: Effect.gen(function*() {
    yield* NamedPipe.listen(name)
    yield* Console.log("taken over")
  }).pipe(Effect.catchTag("Win32Error", ({ reason }) => Console.log(reason))),
  /** Tries to connect. */
  connect: Effect.gen(function*() {
    yield* NamedPipe.connect(name)
    yield* Console.log("connected")
  }).pipe(Effect.catchTag("Win32Error", ({ reason }) => Console.log(reason))),
  /** Leaves a connection open on which nothing is in flight. */
  leave: Effect.gen(function*() {
    const scope = yield* Scope.make()
    yield* Scope.extend(NamedPipe.connect(name), scope)
    yield* Console.log("connected")
  })
}

const program = Effect.provide(Effect.scoped(programs[what!]!), lab.layer)
if (what === "leave") Effect.runFork(program)
else await Effect.runPromise(program)
