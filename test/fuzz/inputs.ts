/**
 * Inputs by number: a seed and a number are one call of one public function with its arguments. Each batch of them runs
 * at once, on one world; afterwards nothing may be left.
 */
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Kernel from "../../src/Kernel.js"
import * as lab from "../support/lab.js"
import type { Recipe } from "./recipe.js"
import { targets } from "./targets.js"
import { type Ending, judge, type Verdict } from "./verdict.js"
import * as worlds from "./world.js"

export interface Input {
  readonly number: number
  readonly target: typeof targets[number]
  readonly arguments: ReadonlyArray<Recipe>
}

export const textOf = ({ arguments: given, target }: Input): string =>
  `${target.name}(${given.map(({ text }) => text).join(", ")})`

const arbitraries = targets.map(({ arguments: given }) => fc.tuple(...given))

/** Every target has its turn: so many inputs in a row are all of them. */
export const inputOf = (seed: number, number: number, name?: string): Input => {
  const index = name === undefined ? number % targets.length : targets.findIndex((target) => target.name === name)
  const [given] = fc.sample(arbitraries[index]!, {
    seed: (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b)) | 0,
    numRuns: 1
  })
  return { number, target: targets[index]!, arguments: given! }
}

export interface Finding {
  /** The inputs of it, by number: one, or all of a batch that has left something. */
  readonly from: number
  readonly to: number
  readonly input: string
  readonly problem: string
}

export interface Report {
  readonly inputs: number
  readonly endings: Readonly<Record<Ending, number>>
  readonly findings: ReadonlyArray<Finding>
}

/** At once, on one world. */
export const BATCH = 128

/** A rejection or exception without a handler belongs to some input of the batch. */
const unhandled: Array<string> = []

export const listen = (): void => {
  process.on("unhandledRejection", (reason) => void unhandled.push(`an unhandled rejection: ${describe(reason)}`))
  process.on("uncaughtException", (error) => void unhandled.push(`an uncaught exception: ${describe(error)}`))
}

const describe = (it: unknown): string => it instanceof Error ? it.stack ?? it.message : String(it)

/** The first line of the stack that is the library's. */
const whereOf = (stack: string | undefined): string =>
  stack?.split("\n").find((line) => /\/src\/|\\src\\/.test(line))?.trim().replace(
    /^at .*?([^/\\(]+:\d+:\d+)\)?$/,
    "at $1"
  ) ?? ""

const findingOf = (input: Input, verdict: Exclude<Verdict, Ending>): Finding => ({
  from: input.number,
  to: input.number + 1,
  input: textOf(input),
  problem: `${verdict.what.split("\n")[0]} ${whereOf(verdict.stack)}`
})

export interface Options {
  readonly seed: number
  readonly from: number
  readonly to: number
  /** Only inputs of this function. */
  readonly target?: string | undefined
  /** Told before a batch runs: what has brought the process down is there. */
  readonly onBatch?: ((from: number, to: number) => void) | undefined
  readonly show?: boolean | undefined
}

/** Runs inputs in a directory of their own: a relative path among the arguments makes its file there. */
export const run = async (options: Options): Promise<Report> => {
  const before = process.cwd()
  const directory = mkdtempSync(join(tmpdir(), "tpio-fuzz-cwd-"))
  process.chdir(directory)
  try {
    return await runHere(options)
  } finally {
    process.chdir(before)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

const runHere = async ({ from, onBatch, seed, show, target, to }: Options): Promise<Report> => {
  const endings: Record<Ending, number> = { answered: 0, failed: 0, interrupted: 0, threw: 0 }
  const findings: Array<Finding> = []
  const runtime = ManagedRuntime.make(lab.layer)
  const watched = lab.watch(await runtime.runPromise(Kernel.Kernel))
  const others = ManagedRuntime.make(lab.layer)
  const program = (foreign: worlds.Foreign, first: number, last: number) =>
    Effect.flatMap(worlds.make(foreign), (world) =>
      Effect.promise(async () => {
        const inputs = Array.from({ length: last - first }, (_, index) => inputOf(seed, first + index, target))
        await Promise.all(inputs.map(async (input) => {
          if (show === true) console.log(textOf(input))
          const verdict = await judge(runtime, world, input.target, input.arguments.map(({ make }) => make(world)))
          if (show === true) console.log(verdict)
          if (typeof verdict === "string") endings[verdict]++
          else findings.push(findingOf(input, verdict))
        }))
      }))
  const all = Effect.gen(function*() {
    const foreign = yield* worlds.foreign.pipe(Effect.provide(others))
    // Foreign things stay open; both kernels may be over one kernel32, whose handles are watched.
    watched.forget()
    for (let first = from; first < to; first += BATCH) {
      const last = Math.min(to, first + BATCH)
      onBatch?.(first, last)
      const left = (problem: string) => findings.push({ from: first, to: last, input: "a batch", problem })
      yield* Effect.promise(() =>
        runtime.runPromise(Effect.scoped(program(foreign, first, last))).catch((error) =>
          void left(`the world could not be made or closed: ${describe(error)}`)
        )
      )
      yield* Effect.ignore(Effect.sandbox(lab.eventually("nothing left", () => same(watched.leftovers()), 10_000)))
      const leftovers = watched.leftovers()
      if (!same(leftovers)) {
        left(`left behind: ${JSON.stringify(leftovers)}`)
        watched.forget()
      }
      for (const one of unhandled.splice(0)) left(one)
    }
  })
  await Effect.runPromise(Effect.scoped(all))
  for (const one of [runtime, others]) await one.dispose()
  return { inputs: to - from, endings, findings }
}

const same = (leftovers: lab.Leftovers): boolean => JSON.stringify(leftovers) === JSON.stringify(lab.nothing)
