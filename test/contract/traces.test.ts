/**
 * The same seeded scripts on every kernel: what the real kernel32 answers must be something that the model behind the
 * portable kernel admits, and where the two answer differently, the difference must be one that is listed here.
 * `TPIO_SEED` and `TPIO_SCRIPTS` choose the scripts; every failure names its seed.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Kernel from "../../src/Kernel.js"
import * as lab from "../support/lab.js"
import { collect, judge, type Outcome } from "../support/traces/judge.js"
import { record } from "../support/traces/record.js"
import { makeScript, type Subject } from "../support/traces/script.js"

const seed = Number(process.env["TPIO_SEED"] ?? Date.now() % 2 ** 31)
/** The judge is the same everywhere; it is kernel32 that has to be heard. */
const SCRIPTS = Number(process.env["TPIO_SCRIPTS"] ?? (lab.kernelName === "win32" ? 4_000 : 2_000))

/** The request, the answer of the initiating call (0 is TRUE), and the end. */
type Ending = `${Subject} ${"read" | "write"}: ${number}, ${number}`

/** The endings on both kernels. */
const common: ReadonlyArray<Ending> = [
  "file read: 997, 0",
  "file read: 997, 38",
  "file write: 997, 0",
  "pipe read: 0, 0",
  "pipe read: 997, 0",
  "pipe read: 997, 109",
  "pipe read: 997, 995",
  "pipe read: 109, 109",
  "pipe write: 997, 0",
  "pipe write: 997, 109",
  "pipe write: 997, 995",
  "pipe write: 232, 232"
]

/** The endings on one of them alone, and which one is right. */
const differences: ReadonlyArray<
  { readonly on: "win32" | "portable"; readonly endings: ReadonlyArray<Ending>; readonly because: string }
> = [
  {
    on: "portable",
    endings: ["file read: 997, 995", "file write: 997, 995"],
    because:
      "rule 12: what waits for a thread can be cancelled; Wine has done a file's work before it answers (rule 30)"
  },
  {
    on: "win32",
    endings: ["file read: 0, 0", "file read: 38, 38", "file write: 0, 0"],
    because: "rule 30: Windows may do a file's work at once; Wine and the portable kernel never say so"
  },
  {
    on: "win32",
    endings: ["pipe write: 0, 0"],
    because: "a write that fits the buffer of a pipe is done at once; a socket tells later. The model admits both"
  }
]

const endingOf = (subject: Subject, { answer, kind, status }: Outcome): Ending =>
  `${subject} ${kind}: ${answer}, ${status}`

const listed = new Set([
  ...common,
  ...differences.filter(({ on }) => on === lab.kernelName).flatMap(({ endings }) => endings)
])

describe(`scripts from seed ${seed}`, () => {
  const seen = new Map<Ending, number>()
  const runtime = ManagedRuntime.make(lab.layer)
  afterAll(() => runtime.dispose())

  for (const subject of ["file", "pipe"] as const) {
    const scripts = Math.ceil(SCRIPTS / 2)
    it.live(`${scripts} on a ${subject}: each trace is one that the model admits`, () =>
      Effect.promise(async () => {
        const { engine } = await runtime.runPromise(Kernel.Kernel)
        for (let index = 0; index < scripts; index++) {
          const script = makeScript(seed + index, [subject])
          const trace = await record(engine.kernel, script)
          expect({ seed: script.seed, problems: judge(trace) }).toEqual({ seed: script.seed, problems: [] })
          for (const outcome of collect(trace)) {
            const ending = endingOf(subject, outcome)
            if (!listed.has(ending)) throw new Error(`seed ${script.seed}: ${ending} is no ending that is listed`)
            seen.set(ending, (seen.get(ending) ?? 0) + 1)
          }
        }
      }), 600_000)
  }

  afterAll(() => {
    const lines = [...seen].sort().map(([ending, count]) => {
      const why = differences.find(({ endings, on }) => on === lab.kernelName && endings.includes(ending))
      return `${String(count).padStart(8)}  ${ending.padEnd(22)}${
        why === undefined ? "" : `  here only: ${why.because}`
      }`
    })
    console.log(`endings on ${lab.kernelName} (answer, status), seed ${seed}:\n${lines.join("\n")}`)
  })
})
