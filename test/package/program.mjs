// The program that every consumer runs: small requests in numbers, copies, a pipe that nobody answers, and a ledger
// that balances.
import { Effect, Option } from "effect"
import { File, Kernel, Ledger, NamedPipe, Operation, Pipeline, ThreadpoolIo } from "effect-threadpool-io"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "consumer-"))
const assert = (holds, what) => {
  if (!holds) throw new Error(`not so: ${what}`)
}

/** More small requests than the portable kernel leaves to the runtime before it starts threads of its own. */
const smallRequests = Effect.gen(function*() {
  const path = join(folder, "small")
  const file = yield* File.open(path, { access: "readwrite", disposition: "createNew" })
  const bytes = Uint8Array.from({ length: 64 * 1024 }, (_, index) => index % 251)
  yield* File.writeAll(file, bytes, 0)
  for (let round = 0; round < 6; round++) {
    yield* Effect.forEach(Array.from({ length: 100 }, (_, index) => index), (index) =>
      Effect.gen(function*() {
        const buffer = new Uint8Array(512)
        const read = yield* File.read(file, buffer, index * 512)
        assert(
          read === 512 && buffer.every((byte, at) => byte === bytes[index * 512 + at]),
          "reads bring what is there"
        )
      }), { concurrency: "unbounded", discard: true })
  }
}).pipe(Effect.scoped)

const copies = Effect.gen(function*() {
  yield* Effect.forEach(
    Array.from({ length: 200 }, (_, index) => index),
    (index) =>
      File.withFile(
        join(folder, `tree-${index}`),
        { access: "readwrite", disposition: "createNew" },
        (file) => File.writeAll(file, Buffer.from(`contents ${index}`), 0)
      ),
    { concurrency: 16, discard: true }
  )
  yield* Effect.forEach(
    Array.from({ length: 200 }, (_, index) => index),
    (index) => Pipeline.copy(join(folder, `tree-${index}`), join(folder, `copy-${index}`)),
    { concurrency: 16, discard: true }
  )
  for (let index = 0; index < 200; index++) {
    assert(readFileSync(join(folder, `copy-${index}`), "utf8") === `contents ${index}`, "copies are like their sources")
  }
})

const interrupted = Effect.gen(function*() {
  const name = `consumer-${process.pid}`
  yield* NamedPipe.listen(name)
  const { io } = yield* NamedPipe.connect(name)
  const read = ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(4096) }))
  assert(
    Option.isNone(yield* Effect.timeoutOption(read, "50 millis")),
    "a timeout interrupts a read that nobody answers"
  )
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  yield* smallRequests
  yield* copies
  yield* interrupted
  const ledger = yield* Kernel.ledger
  assert(Ledger.isBalanced(ledger) && ledger.inFlight === 0, "the ledger balances")
})

Effect.runPromise(Effect.provide(program, Kernel.layer)).then(() => {
  console.log("all is well")
}).finally(() => rmSync(folder, { recursive: true, force: true }))
