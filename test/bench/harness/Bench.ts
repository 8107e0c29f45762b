// The parts that scenarios are given.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Input, MiB, randomFile } from "./inputs.js"
import type { Env, Library } from "./Library.js"
import type { Contestant, Scenario } from "./Scenario.js"

export type { Env, Library } from "./Library.js"

export interface Bench {
  readonly kernel: "portable" | "win32"
  readonly quick: boolean
  /** The one that is called ours. */
  readonly library: Library
  /** Where the module is that exports all of it, for other processes. */
  readonly module: URL
  /** Removed at the end. */
  readonly directory: string
  /** The file that most scenarios read, made when the first of them asks for it. */
  readonly large: Effect.Effect<Input>
  /** The C programs; `undefined` where they have not been built. */
  readonly tpio: string | undefined
}

/** Scenarios by what they are given; `undefined` on a kernel that they have nothing to say of. */
export type MakeScenario = (bench: Bench) => Scenario<Env> | undefined

export const NO_TPIO = "there is no C program: x86_64-w64-mingw32-gcc was not found when the benchmark was built"

export const make = (
  options: Pick<Bench, "kernel" | "quick" | "directory" | "library" | "module">
): Effect.Effect<Bench, never, Scope.Scope> =>
  Effect.gen(function*() {
    const bytes = (options.quick ? 64 : 512) * MiB
    const large = yield* Effect.cached(Effect.sync(() => randomFile(join(options.directory, "large"), bytes)))
    const tpio = fileURLToPath(new URL("../native/tpio.exe", import.meta.url))
    return { ...options, large, tpio: options.kernel === "win32" && existsSync(tpio) ? tpio : undefined }
  })

export const contestant = <R>(
  role: Contestant["role"],
  name: string,
  run: Contestant<R>["run"]
): Contestant<R> => ({ role, name, run })

/** A promise cannot be interrupted: what it does is waited for, so that nothing is removed under it. */
export const promised = <A>(run: () => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.uninterruptible(Effect.tryPromise({ try: run, catch: (error) => error }))
