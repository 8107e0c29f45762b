/**
 * `Pipeline`: a name is there only when the file is whole, and what was stopped leaves nothing partial. On real files,
 * because it looks at names by node:fs.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import type { CopyOptions } from "../../../src/Pipeline.js"
import * as Pipeline from "../../../src/Pipeline.js"
import type { Actor, Program } from "../program.js"

const same = (one: Uint8Array | undefined, other: Uint8Array): boolean =>
  one !== undefined && Buffer.compare(one, other) === 0

const options = (one: Program): CopyOptions => ({
  chunkSize: 16 + one.below(64),
  inFlight: 1 + one.below(4),
  verify: one.below(3) === 2 ? "read" : "none",
  preserve: one.below(2) === 1 ? [] : ["times", "permissions"]
})

/** Checks that every file with a final name is whole, and where nothing fails, that no other is there. */
const whole = (one: Program, directory: string, files: ReadonlyMap<string, Uint8Array>, copied: boolean) =>
  Effect.gen(function*() {
    const names = existsSync(one.path(directory)) ? readdirSync(one.path(directory)) : []
    for (const [name, bytes] of files) {
      if (copied && !names.includes(name)) yield* Effect.dieMessage("it has succeeded, and a file is not there")
      if (names.includes(name) && !same(one.contents(`${directory}/${name}`), bytes)) {
        yield* Effect.dieMessage("a file has its name and is not whole")
      }
    }
    const others = names.filter((name) => !files.has(name))
    if (others.length > 0 && !one.lenient) yield* Effect.dieMessage(`left behind: ${others.join()}`)
  })

const filesOf = (one: Program, count: number): ReadonlyMap<string, Uint8Array> =>
  new Map(Array.from({ length: count }, (_, at) => [`file ${at}`, one.bytes(one.below(300))]))

const put = (one: Program, directory: string, files: ReadonlyMap<string, Uint8Array>): void => {
  mkdirSync(one.path(directory), { recursive: true })
  for (const [name, bytes] of files) one.put(`${directory}/${name}`, bytes)
}

export const pipeline: Actor = (one, _, index) =>
  Effect.gen(function*() {
    if (!one.place.real) return
    for (let round = 0; round < one.length / 40; round++) {
      const from = `from ${index} ${round}`
      const to = `to ${index} ${round}`
      const files = filesOf(one, 1 + one.below(5))
      const [name, bytes] = [...files][0]!
      const one1 = new Map([[name, bytes]])
      put(one, from, files)
      const paths = [one.path(`${from}/${name}`), one.path(`${to}/${name}`)] as const
      const way = one.below(5)
      if (way > 0) mkdirSync(one.path(to))
      if (way === 0) {
        const copied = yield* one.perhaps(
          Pipeline.copyTree(one.path(from), one.path(to), {
            ...options(one),
            concurrency: 1 + one.below(4),
            onFailure: (["undo", "keep", "collect"] as const)[one.below(3)]
          })
        )
        yield* whole(one, to, files, copied !== undefined)
      } else if (way === 1) {
        const copied = yield* one.perhaps(Pipeline.copy(...paths, options(one)))
        yield* whole(one, to, one1, copied !== undefined)
      } else if (way === 2) {
        const resumed = { ...options(one), resume: true, journalEvery: 64 }
        yield* one.perhaps(Pipeline.copy(...paths, resumed))
        const again = yield* Effect.either(Pipeline.copy(...paths, resumed))
        if (again._tag === "Left" && !one.lenient) yield* Effect.die(again.left)
        yield* whole(one, to, one1, again._tag === "Right")
      } else if (way === 3) {
        const inverted = bytes.map((byte) => byte ^ 0xff)
        const invert = Stream.map((part: Uint8Array) => part.map((byte) => byte ^ 0xff))
        const { chunkSize, inFlight } = options(one)
        const made = yield* one.perhaps(Pipeline.transform(...paths, invert, { chunkSize, inFlight }))
        yield* whole(one, to, new Map([[name, inverted]]), made !== undefined)
      } else {
        const hash = yield* one.perhaps(Pipeline.hash(paths[0], { chunkSize: 1 + one.below(64) }))
        if (hash !== undefined && hash !== createHash("sha256").update(bytes).digest("hex")) {
          yield* Effect.dieMessage("the hash is another file's")
        }
      }
    }
  })
