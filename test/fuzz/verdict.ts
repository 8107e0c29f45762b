/**
 * One call, judged. Whatever the arguments are, it answers or fails with a typed error, in a bounded time: no error of
 * JavaScript's own comes out of the library, be it thrown or as a defect.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"

import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { isAnEffect, wrong } from "../../src/internal/arguments.js"
import { isInstance, shown } from "../../src/internal/values.js"
import type * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { Thrown } from "./recipe.js"
import type { Target } from "./targets.js"
import type { World } from "./world.js"

/** How it ended: what is counted. */
export type Ending = "answered" | "failed" | "interrupted" | "threw"

export interface Problem {
  readonly what: string
  readonly stack: string | undefined
}

export type Verdict = Ending | Problem

type Runtime = ManagedRuntime.ManagedRuntime<Kernel.Kernel, unknown>

/** A call that runs longer is interrupted. */
const PATIENCE = 20
/** And must have ended after this long: far more than any limit of the library's is in a test. */
const HANG = 30_000

const typed = new Set([
  ...["Win32Error", "PipelineError", "BadArgument", "SystemError", "SimulationFailure", "ConfigError"],
  ...["SocketError", "SocketServerError", "Thrown"]
])

const isObject = (it: unknown): it is object => (typeof it === "object" && it !== null) || typeof it === "function"
const has = (it: unknown, typeId: symbol): boolean => isObject(it) && typeId in it

/** The effect of whatever a function has answered; `undefined`: it is a plain value. */
const effectOf = (
  answer: unknown,
  world: World
): Effect.Effect<unknown, unknown, any> | undefined => {
  if (isAnEffect.is(answer)) return answer as Effect.Effect<unknown, unknown>
  if (!isObject(answer)) return undefined
  if (has(answer, Stream.StreamTypeId)) return Stream.runDrain(Stream.take(answer as Stream.Stream<unknown>, 3))
  if (has(answer, Sink.SinkTypeId)) {
    const bytes = Stream.fromChunk(Chunk.make(new Uint8Array(16), new Uint8Array(5000)))
    return Stream.run(bytes, answer as Sink.Sink<unknown, Uint8Array>)
  }
  if (Layer.isLayer(answer)) return Layer.build(answer as Layer.Layer<unknown>)
  if (has(answer, Channel.ChannelTypeId)) {
    return Effect.scoped(Channel.run(answer as Channel.Channel<never, unknown, unknown, unknown, unknown>) as never)
  }
  if (has(answer, Operation.TypeId) && "request" in answer) {
    const operation = answer as Operation.Operation
    return ThreadpoolIo.submit(operation._tag === "Read" ? world.files.readwrite.io : world.ios.pipe, operation)
  }
  return undefined
}

/**
 * The caller's own, however deep it is wrapped, and what a proxy of the caller's makes of it; a class throws when it is
 * called.
 */
const isCallers = (error: unknown): boolean =>
  isInstance(error, Thrown) ||
  (isInstance(error, Error) && (
    /the caller's|^Class constructors? .*cannot be invoked without 'new'$/.test(error.message) ||
    isInstance(error.cause, Thrown)
  ))

const problemOf = (what: string, error: unknown): Problem => ({
  what: `${what} ${isInstance(error, Error) ? `${error.name}: ${error.message}` : shown(error)}`,
  stack: isInstance(error, Error) ? error.stack : undefined
})

/** An error that whoever reads it can work with. */
const isWhole = (error: any): boolean => {
  if (error._tag !== "Win32Error") return typeof error.message === "string"
  return Number.isInteger(error.code) && typeof error.name === "string" && typeof error.reason === "string" &&
    typeof error.syscall === "string" && typeof error.message === "string"
}

const judgeExit = (target: Target, exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return "answered"
  for (const defect of Cause.defects(exit.cause)) {
    if (!isCallers(defect) && !isOwn(target, defect)) return problemOf("a defect:", defect)
  }
  for (const error of Cause.failures(exit.cause)) {
    if (isCallers(error)) continue
    if (!isObject(error) || !typed.has((error as { readonly _tag?: string })._tag ?? (error as any)._op)) {
      return problemOf("an error that is not typed:", error)
    }
    if ("_tag" in error && !isWhole(error)) return problemOf("an error that is not whole:", error)
  }
  return Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "failed"
}

/** Where it cannot fail typed. */
const isOwn = ({ name, throws }: Target, error: unknown): boolean =>
  throws === true && error instanceof TypeError &&
  error.message.startsWith(`${name.replace("testing.test", "testing.check").replace(/(make)?(Channel|layer)$/, "")}`)

const settled = (
  runtime: Runtime,
  target: Target,
  effect: Effect.Effect<unknown, unknown, Kernel.Kernel | Scope.Scope>
) =>
  new Promise<Verdict>((resolve) => {
    const fiber = runtime.runFork(Effect.scoped(effect))
    const late = setTimeout(() => fiber.unsafeInterruptAsFork(fiber.id()), PATIENCE)
    const hang = setTimeout(() => resolve({ what: `it has not ended after ${HANG} ms`, stack: undefined }), HANG)
    fiber.addObserver((exit) => {
      clearTimeout(late)
      clearTimeout(hang)
      resolve(judgeExit(target, exit))
    })
  })

/** Judges an error that a function threw synchronously. */
const judgeThrown = (target: Target, error: unknown): Verdict => {
  if (isCallers(error)) return "threw"
  return isOwn(target, error) ? "threw" : problemOf("thrown:", error)
}

export const judge = async (
  runtime: Runtime,
  world: World,
  target: Target,
  arguments_: ReadonlyArray<unknown>
): Promise<Verdict> => {
  let effect: Effect.Effect<unknown, unknown, any> | undefined
  try {
    let answer = target.call(world, arguments_)
    // The caller's own, handed back: a proxy that says it is everything is no stream.
    if (arguments_.includes(answer) && wrong("answer", answer, isAnEffect) !== undefined) return "answered"
    // The function that takes the first argument last, or `testing.test`.
    if (typeof answer === "function" && !Effect.isEffect(answer)) {
      answer = (answer as (self: unknown) => unknown)(world.files.readwrite)
    }
    if (answer instanceof Promise) {
      return await answer.then(
        () => "answered" as const,
        (error: unknown) => judgeExit(target, error instanceof TypeError ? Exit.die(error) : Exit.fail(error))
      )
    }
    effect = effectOf(answer, world)
  } catch (error) {
    return judgeThrown(target, error)
  }
  if (effect === undefined) return "answered"
  // Effect's own runtime throws over what is no effect at all.
  return await settled(runtime, target, effect).catch((error: unknown) => problemOf("thrown as it was run:", error))
}
