/**
 * The ground of every contract test: the kernel of this lane, seen from outside and from inside, a directory of its
 * own, and a check that nothing is left when a test has ended.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import type { CallName } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import { isBalanced } from "../../src/Ledger.js"
import * as Testing from "../../src/testing.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { removeTree } from "./removeTree.js"
import { everythingPends } from "./simulatedLane.js"

/** Which kernel this lane runs on. The lane says it; a person may too. */
export const kernelName = (process.env.TPIO_KERNEL ?? "portable") as KernelName

export type KernelName = "portable" | "win32" | "simulated"

/** How completions come on kernel32 in this lane; the others of the three ways run a part of the suite. */
export const completions = (process.env.TPIO_COMPLETIONS ?? "relay") as Kernel.Kernel.CompletionWay

/** How fibers wait for operations in this lane; the other form runs a part of the suite. */
export const submit = (process.env.TPIO_SUBMIT ?? "auto") as "auto" | "mask"

export const options: Kernel.Kernel.Options = {
  kernel: kernelName === "win32" ? "win32" : "portable",
  completions,
  submit
}

/** The seed that decides everything that the simulated system of that lane does. */
const seed = Number(process.env.TPIO_SEED ?? 1)

/** The simulated system lives by the real clock here, and its files are real: claims look at both. */
const simulated = Layer.unwrapEffect(Effect.promise(async () => {
  // Not loaded elsewhere: the programs that are processes of their own run outside of it.
  const { expect } = await import("vitest")
  const file = basename(expect.getState().testPath ?? "")
  return Testing.layer({
    seed,
    clock: "inherited",
    disk: "real",
    submit,
    behaviour: {
      ...(everythingPends(file) ? { synchronous: 0, early: 0 } : { early: 25 }),
      late: 5,
      latest: 1,
      // Nor does the portable kernel, and Windows not with a regular file.
      short: 0
    }
  })
}))

export const layer: Layer.Layer<Kernel.Kernel, Win32Error> = kernelName === "simulated"
  ? simulated
  : Kernel.layerOptions(options)

/**
 * Runs the case where this kernel can do it; elsewhere lists it as skipped, with the reason in its name.
 *
 *     on("win32", "it needs a pipe")(it.scoped)("a read that is pending …", () => …)
 */
export const on = (kernels: Kernels, reason: string) => where([kernels].flat().includes(kernelName), reason)

export type Kernels = KernelName | ReadonlyArray<KernelName>

export const isWine = kernelName === "win32" && process.env.WINEPREFIX !== undefined

/** The kernels of a claim that takes a POSIX file system. */
export const onPosix: ReadonlyArray<KernelName> = process.platform === "win32" ? [] : ["portable", "simulated"]

/** The kernels of a claim about several names of one file. */
export const hardLinks: ReadonlyArray<KernelName> = ["portable", "simulated", "win32"]

/** The kernels of a claim that Windows keeps and Wine does not. */
export const notOnWine: Kernels = isWine ? ["portable"] : ["portable", "win32"]

const where =
  (holds: boolean, reason: string) => (run: Runner) => (name: string, body: () => unknown, timeout?: number): void => {
    if (holds) run(name, body, timeout)
    else run.skip(`${name} [not on ${kernelName}: ${reason}]`, body, timeout)
  }

const callbacksWait = kernelName !== "win32" || completions === "callback"

/** Where callbacks wait for JavaScript there is a limit of them, which the portable kernel keeps too. */
export const limited = where(callbacksWait, "no callback waits for JavaScript")
export const unlimited = where(!callbacksWait, "callbacks wait for JavaScript")

/** `it`, `it.effect`, `it.scoped`: what they have in common. */
interface Runner {
  (name: string, body: any, timeout?: number): unknown
  readonly skip: (name: string, body: any, timeout?: number) => unknown
}

/** A directory for one test, removed with its scope. */
export const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tpio-"))),
  (path) => Effect.sync(() => removeTree(path))
)

/** Everything that must be nothing once the scopes of a test have closed. */
export interface Leftovers {
  readonly inFlight: number
  readonly queued: number
  readonly unbalanced: boolean
  readonly objects: number
  readonly lentBytes: number
  readonly openHandles: number
  readonly stray: number
}

export const nothing: Leftovers = {
  inFlight: 0,
  queued: 0,
  unbalanced: false,
  objects: 0,
  lentBytes: 0,
  openHandles: 0,
  stray: 0
}

/** The calls that answer a handle. */
const opens: ReadonlySet<CallName> = new Set(["CreateFileW", "CreateNamedPipeW"])

/**
 * Watches a kernel's handles from inside: what CreateFileW and others like it have opened and CloseHandle has not
 * closed.
 */
export const watch = (
  kernel: Kernel.Kernel.Service
): {
  readonly leftovers: () => Leftovers
  /** Handles that a failed test has leaked are not held against the next. */
  readonly forget: () => void
} => {
  const { engine } = kernel
  const internal = engine.kernel as { call: Internal["call"] }
  const strayBefore = engine.kernel.slots.stray
  const original = internal.call
  const open = new Set<number>()
  internal.call =
    ((name: CallName, arguments_: never, done: (...rest: Array<unknown>) => void) =>
      original.call(engine.kernel, name, arguments_, (status: number, value: unknown, cause: unknown) => {
        if (status === 0 && opens.has(name)) open.add(value as number)
        if (status === 0 && name === "CloseHandle") open.delete((arguments_ as { readonly handle: number }).handle)
        done(status, value, cause)
      })) as Internal["call"]
  return {
    forget: () => open.clear(),
    leftovers: () => ({
      inFlight: engine.counters.inFlight,
      queued: engine.counters.queued,
      unbalanced: !isBalanced(engine.counters.read()),
      objects: engine.objects.size,
      lentBytes: engine.buffers.lentBytes,
      openHandles: open.size,
      stray: engine.kernel.slots.stray - strayBefore
    })
  }
}

/** Polls until `condition` holds, or fails with its name: a wait with a way out. */
export const eventually = (name: string, condition: () => boolean, ms = 5000): Effect.Effect<void> =>
  Effect.suspend(() => {
    const end = Date.now() + ms
    const look: Effect.Effect<void> = Effect.suspend(() =>
      condition()
        ? Effect.void
        : Date.now() > end
        ? Effect.die(new Error(`not within ${ms} ms: ${name}`))
        : Effect.zipRight(Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 1)), look)
    )
    return look
  })
