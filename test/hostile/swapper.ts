// Exchanges names in a tree for links that lead out of it, FIFOs and others, and puts them back, as fast as it can.
// Messages tell where.
import { rmSync } from "node:fs"
import { join } from "node:path"
import { setImmediate } from "node:timers"
import { type Kind, KINDS, World } from "../support/swaps.js"

/** Not the copy itself: a link there is meant. */
const NAMES = [
  ...["copy/sub", "copy/sub/deep", "source/sub", "source/sub/deep"],
  ...["source/a", "source/z", "copy/sub/b", "copy/sub/deep/c", "copy/.z.*.partial", "copy/sub/.b.*.partial"]
]

/** Plants the first kind most often; hard links only under names of partial files. */
const kindFor = (name: string): Kind => {
  const kinds = KINDS.filter((kind) => kind !== "hardLink" || name.endsWith(".partial"))
  return Math.random() < 0.4 ? kinds[0]! : oneOf(kinds)
}

const oneOf = <A>(all: ReadonlyArray<A>): A => all[Math.floor(Math.random() * all.length)]!

let world: World | undefined
let exchanges = 0

let running = false

const exchange = (): void => {
  running = world !== undefined
  if (world === undefined) return
  for (let count = 0; count < 8; count++) {
    try {
      const name = oneOf(NAMES)
      if (world.exchange(name, kindFor(name))) exchanges++
    } catch {
      // Another was faster.
    }
    for (let spin = Math.random() * 20_000; spin > 0; spin--);
    restore(world)
  }
  setImmediate(exchange)
}

const restore = (world: World): void => {
  try {
    world.restore()
  } catch {
    // The copy was faster and has made it again: what was taken away stays away, and is in nobody's way.
    try {
      rmSync(join(world.aside, "kept"), { force: true, recursive: true })
    } catch {
      // Windows: it is held.
    }
  }
}

process.on("message", (base: string) => {
  if (base !== "") {
    world = World.of(base)
    if (!running) exchange()
    return
  }
  world = undefined
  process.send!(exchanges)
})
process.on("disconnect", () => process.exit())
