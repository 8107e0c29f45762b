// The program that every consumer runs: small requests in numbers, copies of files and of a tree, a directory that is
// listed and watched, pipes that are answered and not, a refusal, and a ledger that balances.
import { Effect, Option, Stream } from "effect"
import { Directory, File, Kernel, Ledger, NamedPipe, Operation, Pipeline, ThreadpoolIo } from "effect-threadpool-io"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
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

const tree = Effect.gen(function*() {
  const [source, target] = [join(folder, "source"), join(folder, "target")]
  mkdirSync(join(source, "below"), { recursive: true })
  for (let index = 0; index < 300; index++) writeFileSync(join(source, "below", `${index}`), `contents ${index}`)
  yield* Pipeline.copyTree(source, target, { verify: "read" })
  const names = yield* Stream.runCollect(Directory.entries(join(target, "below")))
  assert([...names].filter(({ kind }) => kind === "File").length === 300, "entries are told, each once")
  assert(readdirSync(target).length === 1, "nothing is left beside a tree that was copied")
  assert(readFileSync(join(target, "below/299"), "utf8") === "contents 299", "trees are like their sources")
})

const watched = Effect.gen(function*() {
  const path = join(folder, "watched")
  mkdirSync(path)
  const directory = yield* Directory.open(path)
  writeFileSync(join(path, "new"), "")
  const change = yield* Stream.runHead(Directory.changes(directory))
  assert(Option.isSome(change) && change.value._tag === "Created", "a new file is told")
}).pipe(Effect.scoped, Effect.timeout("30 seconds"))

const answered = Effect.gen(function*() {
  const name = `answered-${process.pid}`
  const server = yield* NamedPipe.listen(name)
  const client = yield* NamedPipe.connect(name)
  const connection = yield* NamedPipe.accept(server)
  yield* NamedPipe.writeAll(client, Buffer.from("question"))
  const buffer = new Uint8Array(64)
  const { bytesTransferred } = yield* NamedPipe.read(connection, buffer)
  assert(Buffer.from(buffer.subarray(0, bytesTransferred)).toString() === "question", "a pipe brings what was written")
}).pipe(Effect.scoped, Effect.timeout("30 seconds"))

const refused = Effect.gen(function*() {
  const { reason } = yield* Effect.flip(Effect.scoped(File.open(join(folder, "missing"))))
  assert(reason === "NotFound", "what is missing is refused, typed")
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
  yield* tree
  yield* watched
  yield* answered
  yield* refused
  yield* interrupted
  const ledger = yield* Kernel.ledger
  assert(Ledger.isBalanced(ledger) && ledger.inFlight === 0, "the ledger balances")
})

Effect.runPromise(Effect.provide(program, Kernel.layer)).then(() => {
  console.log("all is well")
}).finally(() => rmSync(folder, { recursive: true, force: true }))
