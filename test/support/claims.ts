/**
 * How the contract suite writes a claim down: a generator with a kernel and a scope of its own, after which nothing
 * may be left: no operation, no memory, no handle, and a ledger that balances.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Scope from "effect/Scope"
import type { YieldWrap } from "effect/Utils"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { CallName } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import type { Ledger } from "../../src/Ledger.js"
import type { Win32Error } from "../../src/Win32Error.js"
import * as lab from "./lab.js"

type Body = () => Generator<YieldWrap<Effect.Effect<any, any, Kernel.Kernel | Scope.Scope>>, void, never>

export type Claim = (name: string, body: Body, timeout?: number) => void

export interface Claims {
  readonly claim: Claim
  /** For a claim that other kernels cannot be asked to keep: there it is listed, with the reason. */
  readonly only: (kernels: lab.Kernels, reason: string) => Claim
  /** For a claim about the limit of callbacks that wait for JavaScript, and about its absence. */
  readonly limited: Claim
  readonly unlimited: Claim
}

/** The claims of one file, on one kernel of this lane and on real time. */
export const contract = (title: string, claims: (claims: Claims) => void): void => {
  describe(title, () => {
    const runtime = ManagedRuntime.make(lab.layer)
    afterAll(() => runtime.dispose())
    const provided = (body: Body) => () => Effect.provide(leavingNothing(body), runtime)
    const claim = (name: string, body: Body, timeout?: number) => it.live(name, provided(body), timeout)
    const skip = (name: string, body: Body, timeout?: number) => it.live.skip(name, provided(body), timeout)
    const runner = Object.assign(claim, { skip })
    claims({
      claim,
      only: (kernels, reason) => lab.on(kernels, reason)(runner),
      limited: lab.limited(runner),
      unlimited: lab.unlimited(runner)
    })
  })
}

const watches = new WeakMap<Kernel.Kernel.Service, ReturnType<typeof lab.watch>>()

const leavingNothing = (body: Body) =>
  Effect.gen(function*() {
    const kernel = yield* Kernel.Kernel
    const watched = watches.get(kernel) ?? lab.watch(kernel)
    watches.set(kernel, watched)
    yield* Effect.scoped(Effect.gen(body))
    // An abandoned open closes its handle in a call of its own, which may still be under way.
    yield* lab.eventually("every handle closed", () => watched.leftovers().openHandles === 0)
    expect(watched.leftovers()).toEqual(lab.nothing)
  })

// --- files

/** Bytes that tell where they belong: no two stretches of one pattern are alike, nor those of two seeds. */
export const pattern = (length: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0, state = seed; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/** The path of a file with these contents, in a directory of its own. */
export const fileOf = (contents: Uint8Array | string) =>
  Effect.map(lab.directory, (directory) => {
    const path = join(directory, "file")
    writeFileSync(path, contents)
    return path
  })

/** A path where there is nothing yet. */
export const freshPath = Effect.map(lab.directory, (directory) => join(directory, "file"))

// --- what reaches the system

/** The requests of an effect to the system: Starts, and calls by name. */
export const nativeCalls = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    const calls: Array<CallName> = []
    internal.call = ((...arguments_: Parameters<Internal["call"]>) => {
      calls.push(arguments_[0])
      return original.apply(engine.kernel, arguments_)
    }) as Internal["call"]
    const before = engine.counters.started
    const value = yield* Effect.ensuring(effect, Effect.sync(() => internal.call = original))
    return { value, started: engine.counters.started - before, calls }
  })

/** The error of an effect that must fail. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.matchEffect(effect, {
    onFailure: Effect.succeed,
    onSuccess: () => Effect.die(new Error("it succeeded, and must fail"))
  })

/** The error of an effect that must fail before it has asked the system for anything. */
export const refused = <A, R>(effect: Effect.Effect<A, Win32Error, R>) =>
  Effect.map(nativeCalls(failureOf(effect)), ({ calls, started, value }) => {
    expect({ started, calls }).toEqual({ started: 0, calls: [] })
    return value
  })

/** How the kernel's ledger has moved while an effect ran. */
export const movement = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* Kernel.ledger
    const value = yield* effect
    const after = yield* Kernel.ledger
    const moved = (name: keyof Ledger) => after[name] - before[name]
    return {
      value,
      started: moved("started"),
      settled: moved("completedByCallback") + moved("completedInline"),
      completedByCallback: moved("completedByCallback"),
      completedInline: moved("completedInline"),
      failedAtStart: moved("failedAtStart"),
      cancelled: moved("cancelled"),
      quarantined: moved("quarantined"),
      retained: moved("retained")
    }
  })

/** Milliseconds of real time. */
export const sleep = (milliseconds: number): Effect.Effect<void> =>
  Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), milliseconds))

/** Every fiber gets as far as it can without the event loop turning. */
export const settleFibers: Effect.Effect<void> = Effect.yieldNow().pipe(Effect.repeatN(20))
