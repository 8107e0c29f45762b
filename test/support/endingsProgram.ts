/**
 * The program of endings.ts: gets its operations in flight, says so, and ends as it is told. In a worker it is told by
 * `workerData`, in a process by its argument.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { constants } from "node:os"
import { isMainThread, parentPort, threadId, workerData } from "node:worker_threads"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { BLOCK, BLOCKS, EXIT_CODE, markOf, READY, runWorker, type Task, WRONG_CODE } from "./endings.js"
import { kernelName, layer } from "./lab.js"

const task = JSON.parse(isMainThread ? process.argv[2]! : workerData as string) as Task

// Before anything is in flight: whoever is told that it is may send one at once.
const signalled = task.way !== "interrupt" ? undefined : new Promise<void>((resolve) => {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      process.exitCode = 128 + constants.signals[name]
      resolve()
    })
  }
})

const say = (line: string): void => {
  if (isMainThread) console.log(line)
  else parentPort!.postMessage(line)
}

const times = <A>(make: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: task.operations }, (_, i) => make(i))

/** Reads that pend: nobody writes to the other end. */
const pipeReads = Effect.gen(function*() {
  const { io } = task.pipe === undefined ? yield* ownPipe : yield* NamedPipe.connect(task.pipe)
  return times((): Effect.Effect<unknown, Win32Error> =>
    Effect.suspend(() => ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(BLOCK) })))
  )
})

/** The server's end of a pipe whose name is given up at once: nothing but the reads is in flight. */
const ownPipe = Effect.gen(function*() {
  const scope = yield* Scope.Scope
  const name = `tpio-endings-${process.pid}-${threadId}`
  return yield* Effect.scoped(Effect.gen(function*() {
    const server = yield* NamedPipe.listen(name)
    yield* Scope.extend(NamedPipe.connect(name), scope)
    return yield* Scope.extend(NamedPipe.accept(server), scope)
  }))
})

/** Reads that end and begin again, at the next block. */
const fileReads = Effect.gen(function*() {
  const { io } = yield* File.open(task.file)
  return times((index): Effect.Effect<never, Win32Error> => {
    const buffer = new Uint8Array(BLOCK)
    let block = index
    const next = Effect.suspend(() =>
      Effect.map(ThreadpoolIo.submit(io, Operation.read({ buffer, offset: BLOCK * (block % BLOCKS) })), (done) => {
        const mark = markOf(block++)
        if (done.bytesTransferred === BLOCK && buffer.every((byte) => byte === mark)) return
        console.error("WRONG: a read of the file has brought something else")
        process.exit(WRONG_CODE)
      })
    )
    return Effect.forever(next)
  })
})

/** A turn of the event loop. Not a timer: nothing but the operations keeps the program alive. */
const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

const allInFlight: Effect.Effect<unknown, never, Kernel.Kernel> = Effect.flatMap(
  Kernel.ledger,
  ({ started }) => started < task.operations ? Effect.zipRight(turn, allInFlight) : turn
)

const waitForNobody = Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), task.after).unref())

const later = (end: () => void) => void setTimeout(end, task.after)

const workersEnd = Effect.promise(() =>
  Promise.all((["natural", "exit", "throw", "wait"] as const).map(async (way) => {
    const { code, error, ready } = await runWorker(new URL(import.meta.url), kernelName, { ...task, way })
    say(`worker, ${way}${ready ? "" : ", not ready"}: ${code}${error === undefined ? "" : `, ${error}`}`)
  }))
)

/** Not `Effect.never`, which keeps the program alive by a timer. */
const nothing = Effect.async<never>(() => {})

/**
 * Resolves when the operations are to end; otherwise the program is ended with them in flight, by itself or by somebody
 * else.
 */
const ending: Effect.Effect<unknown> = Effect.suspend(() => {
  switch (task.way) {
    case "natural":
      return waitForNobody
    case "interrupt":
      return Effect.promise(() => signalled!)
    case "workers":
      return workersEnd
    case "exit":
      later(() => process.exit(EXIT_CODE))
      break
    case "throw":
      later(() => {
        throw new Error("nobody catches this")
      })
      break
    case "reject":
      later(() => void Promise.reject(new Error("nobody handles this")))
      break
    case "kill":
      later(() => process.kill(process.pid, "SIGTERM"))
      break
    case "wait":
  }
  return nothing
})

await Effect.gen(function*() {
  yield* Effect.scoped(Effect.gen(function*() {
    const operations = yield* task.inFlight === "pipe" ? pipeReads : fileReads
    const fibers = yield* Effect.forEach(operations, Effect.fork)
    yield* allInFlight
    say(READY)
    yield* Effect.raceFirst(ending, Effect.forEach(fibers, Fiber.join, { concurrency: "unbounded", discard: true }))
    yield* Fiber.interruptAll(fibers)
  }))
  say(Ledger.format(yield* Kernel.ledger))
}).pipe(Effect.provide(layer), Effect.runPromise)
