/**
 * `Pipeline`: a name is there only when the file is whole, and what was stopped leaves nothing partial. On real files,
 * because it looks at names by node:fs.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { existsSync, linkSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs"
import type { CopyOptions, CopyTreeOptions } from "../../../src/Pipeline.js"
import * as Pipeline from "../../../src/Pipeline.js"
import type { Actor, Program } from "../program.js"

const same = (one: Uint8Array | undefined, other: Uint8Array): boolean =>
  one !== undefined && Buffer.compare(one, other) === 0

const options = (one: Program): CopyOptions => ({
  chunkSize: 16 + one.below(64),
  inFlight: 1 + one.below(4),
  verify: one.below(3) === 2 ? "read" : "none",
  preserve: one.below(2) === 1 ? [] : ["times", "permissions"],
  owner: one.below(3) === 2 ? "somebody" : undefined
})

const LINK = "link"

/** A tree with a further name of a file and a link, choices of what is copied, and the files that come of it. */
const choices = (one: Program, from: string, files: ReadonlyMap<string, Uint8Array>) => {
  const [name, bytes] = [...files][0]!
  const wanted = new Map(files)
  if (one.below(2) === 1) {
    linkSync(one.path(`${from}/${name}`), one.path(`${from}/again`))
    wanted.set("again", bytes)
  }
  const links = (["copy", "follow", "skip"] as const)[one.below(3)]!
  if (process.platform !== "win32" && one.below(2) === 1) {
    symlinkSync(name, one.path(`${from}/${LINK}`))
    if (links === "follow") wanted.set(LINK, bytes)
  }
  const ask = (path: string) => path !== "file 1"
  const way = one.below(3)
  const pause = one.below(5)
  if (way > 0) wanted.delete("file 1")
  const filter = way === 0 ? undefined : way === 1 ? ask : (path: string) => Effect.as(Effect.sleep(pause), ask(path))
  const hardLinks = one.below(2) === 1 ? "keep" : "copy"
  return { wanted, options: { filter, links, hardLinks } as const }
}

/** A dry run writes nothing; a copy does what it has told, and keeps what is one file. */
const copyTree = (one: Program, from: string, to: string, files: ReadonlyMap<string, Uint8Array>) =>
  Effect.gen(function*() {
    const { options: chosen, wanted } = choices(one, from, files)
    const all: CopyTreeOptions = {
      ...options(one),
      ...chosen,
      concurrency: 1 + one.below(4),
      onFailure: (["undo", "keep", "collect"] as const)[one.below(3)]
    }
    const plan = one.below(2) === 1
      ? yield* one.perhaps(Pipeline.copyTree(one.path(from), one.path(to), { ...all, dryRun: true }))
      : undefined
    if (existsSync(one.path(to))) yield* Effect.dieMessage("a dry run has written something")
    const copied = yield* one.perhaps(Pipeline.copyTree(one.path(from), one.path(to), all))
    yield* whole(one, to, wanted, copied !== undefined, chosen.links === "copy" ? [LINK] : [])
    if (copied === undefined) return
    if (plan !== undefined && (plan.files !== copied.files || plan.bytes !== copied.bytes)) {
      yield* Effect.dieMessage("it has not done what it had told")
    }
    const numbers = [[...files][0]![0], "again"].map((name) =>
      statSync(one.path(`${to}/${name}`), { throwIfNoEntry: false })
    )
    const isOne = numbers[0]?.ino === numbers[1]?.ino
    if (wanted.has("again") && isOne !== (chosen.hardLinks === "keep")) {
      yield* Effect.dieMessage("names of another file")
    }
  })

/** Checks that every file with a final name is whole, and where nothing fails, that no other is there. */
const whole = (
  one: Program,
  directory: string,
  files: ReadonlyMap<string, Uint8Array>,
  copied: boolean,
  ignored: ReadonlyArray<string> = []
) =>
  Effect.gen(function*() {
    const names = existsSync(one.path(directory)) ? readdirSync(one.path(directory)) : []
    for (const [name, bytes] of files) {
      if (copied && !names.includes(name)) yield* Effect.dieMessage("it has succeeded, and a file is not there")
      if (names.includes(name) && !same(one.contents(`${directory}/${name}`), bytes)) {
        yield* Effect.dieMessage("a file has its name and is not whole")
      }
    }
    const others = names.filter((name) => !files.has(name) && !ignored.includes(name))
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
        yield* copyTree(one, from, to, files)
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
