// Both ends of a named pipe in this process: 64 bytes there and back, and 64 KiB a write in one direction.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, createServer, type Socket } from "node:net"
import type { Kernel } from "../../../src/Kernel.js"
import type * as NamedPipe from "../../../src/NamedPipe.js"
import { type Bench, contestant, type Env, type Library, type MakeScenario, promised } from "../harness/Bench.js"
import { checksum, Seen } from "../harness/inputs.js"
import {
  atLeastTimesTheRate,
  atMostTimesTheCost,
  type Case,
  megabytesPerSecond,
  microsPerOperation
} from "../harness/Scenario.js"

const PING = 64
const WRITE = 64 << 10

const OURS = "NamedPipe"
const NODE = "net.Socket"

export const pipe: MakeScenario = (bench) =>
  bench.kernel === "portable" ? undefined : {
    name: "pipe",
    title: "A named pipe, both ends in one process",
    cases: Effect.succeed([pingPong(bench), bulk(bench)])
  }

// --- the two ends, of each kind

interface Ends {
  readonly near: NamedPipe.Connection
  readonly far: NamedPipe.Connection
}

let made = 0

const ends = ({ NamedPipe }: Library): Effect.Effect<Ends, unknown, Kernel | Scope.Scope> =>
  Effect.gen(function*() {
    const name = `tpio-bench-${process.pid}-ours-${made++}`
    const server = yield* NamedPipe.listen(name)
    const [far, near] = yield* Effect.all([NamedPipe.accept(server), NamedPipe.connect(name)], { concurrency: 2 })
    return { near, far }
  })

const sockets: Effect.Effect<{ readonly near: Socket; readonly far: Socket }, unknown, Scope.Scope> = Effect.gen(
  function*() {
    const name = `\\\\.\\pipe\\tpio-bench-${process.pid}-node-${made++}`
    const server = yield* Effect.acquireRelease(
      promised(() =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const made = createServer({ pauseOnConnect: false })
          made.once("error", reject).listen(name, () => resolve(made))
        })
      ),
      (made) => Effect.sync(() => made.close())
    )
    return yield* Effect.acquireRelease(
      promised(async () => {
        const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve))
        const near = connect(name)
        const far = await accepted
        return { near, far }
      }),
      ({ far, near }) => Effect.sync(() => void (near.destroy(), far.destroy()))
    )
  }
)

// --- there and back

const pingPong = (bench: Bench): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const rounds = bench.quick ? 300 : 3000
    const ours = yield* ends(bench.library)
    const node = yield* sockets
    return {
      label: "64 bytes there and back",
      measure: microsPerOperation,
      amount: rounds,
      expected: { "warm-up": rounds * PING, measured: rounds * PING },
      contestants: [
        contestant<Env>("ours", OURS, () => oursThereAndBack(bench.library, ours, rounds)),
        contestant<Env>("peer", NODE, () => nodeThereAndBack(node, rounds))
      ],
      goals: [atMostTimesTheCost(OURS, [NODE], 1)]
    }
  })

type Sockets = Effect.Effect.Success<typeof sockets>

const oursThereAndBack = ({ BufferPool, NamedPipe }: Library, { far, near }: Ends, rounds: number) =>
  Effect.scoped(Effect.gen(function*() {
    const [ping, asked, answer] = yield* Effect.all([
      BufferPool.make(PING),
      BufferPool.make(PING),
      BufferPool.make(PING)
    ])
    let answered = 0
    const echo = Effect.repeatN(
      Effect.zipRight(NamedPipe.read(far, asked), NamedPipe.write(far, asked)),
      rounds - 1
    )
    const ask = Effect.repeatN(
      Effect.zipRight(
        NamedPipe.write(near, ping),
        Effect.map(NamedPipe.read(near, answer), ({ bytesTransferred }) => answered += bytesTransferred)
      ),
      rounds - 1
    )
    yield* Effect.all([echo, ask], { concurrency: 2, discard: true })
    return { checksum: answered }
  }))

const nodeThereAndBack = ({ far, near }: Sockets, rounds: number) =>
  promised(() =>
    new Promise<{ readonly checksum: number }>((resolve) => {
      const ping = Buffer.alloc(PING)
      let answered = 0
      let left = rounds
      const echo = (bytes: Buffer): void => void far.write(bytes)
      const hear = (bytes: Buffer): void => {
        answered += bytes.length
        if (--left > 0) near.write(ping)
        else {
          near.off("data", hear)
          far.off("data", echo)
          resolve({ checksum: answered })
        }
      }
      far.on("data", echo)
      near.on("data", hear)
      near.write(ping)
    })
  )

// --- one way

const bulk = (bench: Bench): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const writes = bench.quick ? 200 : 2000
    const ours = yield* ends(bench.library)
    const node = yield* sockets
    const block = new Uint8Array(WRITE).map((_, i) => i % 251)
    const sumOf = (phase: "warm-up" | "measured") => {
      let sum = 0
      for (let i = 0; i < writes; i++) sum = (sum + checksum(block, i * WRITE, phase)) | 0
      return sum
    }
    return {
      label: "64 KiB a write, one way",
      measure: megabytesPerSecond,
      amount: writes * WRITE,
      expected: { "warm-up": sumOf("warm-up"), measured: sumOf("measured") },
      contestants: [
        contestant<Env>("ours", OURS, (phase) => oursOneWay(bench.library, ours, writes, block, new Seen(phase))),
        contestant<Env>("peer", NODE, (phase) => nodeOneWay(node, writes, block, new Seen(phase)))
      ],
      goals: [atLeastTimesTheRate(OURS, [NODE], 1.5)]
    }
  })

const oursOneWay = (
  { BufferPool, NamedPipe }: Library,
  { far, near }: Ends,
  writes: number,
  block: Uint8Array,
  seen: Seen
) =>
  Effect.scoped(Effect.gen(function*() {
    const [out, taken] = yield* Effect.all([BufferPool.make(WRITE), BufferPool.make(WRITE)])
    out.bytes.set(block)
    let received = 0
    const receive = Effect.whileLoop({
      while: () => received < writes * WRITE,
      body: () => NamedPipe.read(far, taken),
      step: ({ bytesTransferred }) => {
        seen.look(taken.bytes.subarray(0, bytesTransferred), received)
        received += bytesTransferred
      }
    })
    yield* Effect.all([Effect.repeatN(NamedPipe.writeAll(near, out), writes - 1), receive], {
      concurrency: 2,
      discard: true
    })
    return { checksum: seen.sum }
  }))

const nodeOneWay = ({ far, near }: Sockets, writes: number, block: Uint8Array, seen: Seen) =>
  promised(async () => {
    const all = new Promise<void>((resolve) => {
      let received = 0
      const take = (bytes: Buffer): void => {
        seen.look(bytes, received)
        received += bytes.length
        if (received < writes * WRITE) return
        far.off("data", take)
        resolve()
      }
      far.on("data", take)
    })
    for (let i = 0; i < writes; i++) {
      if (!near.write(block)) await new Promise((drained) => near.once("drain", drained))
    }
    await all
    return { checksum: seen.sum }
  })
