/**
 * A directory that is watched while others work in it. What is told, replayed, comes to what is there, unless changes
 * were lost, which is told as well.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Directory from "../../../src/Directory.js"
import * as File from "../../../src/File.js"
import type { Actor, Program } from "../program.js"

/** The file that ends the watch; there are several, because the system may lose one. */
const LAST = "last"

const isLast = (change: Directory.Change): boolean => change._tag === "Created" && change.name.startsWith(LAST)

class Told {
  readonly there = new Set<string>()
  lost = false
  ended = false

  hear(change: Directory.Change): void {
    this.ended ||= isLast(change)
    switch (change._tag) {
      case "Created":
        this.there.add(change.name)
        break
      case "Removed":
        this.#gone(change.name)
        break
      case "Renamed":
        this.#gone(change.from.name)
        this.there.add(change.to.name)
        break
      case "Modified":
        if (!this.lost && !this.there.has(change.name)) throw new Error(`${change.name} was modified, and is not there`)
        break
      case "Overflow":
        this.lost = true
    }
  }

  #gone(name: string): void {
    if (!this.there.delete(name) && !this.lost) throw new Error(`${name} has gone, and was never there`)
  }
}

const work = (one: Program, home: string) =>
  Effect.gen(function*() {
    const name = () => `${home}/${"abcd"[one.below(4)]}`
    for (let step = 0; step < one.length / 6; step++) {
      const path = name()
      const make = File.withFile(
        path,
        { access: "write", disposition: "openAlways" },
        (file) => File.write(file, new Uint8Array(1 + one.below(3)), one.below(9))
      )
      const way = one.below(4)
      const to = name()
      yield* one.perhaps(Effect.ignore(
        way < 2 ? make : way === 2 ? File.remove(path) : File.rename(path, to, { replace: one.below(2) === 1 })
      ))
    }
  })

export const watching: Actor = (one, { kernel }, index) =>
  Effect.gen(function*() {
    // The simulated disk does not hear of changes to real files.
    if (one.place.real) return
    const home = `watched ${index}`
    const directory = yield* Directory.open(home, { bufferSize: [65_536, 1024][one.below(2)] })
    const told = new Told()
    const all = Stream.runForEach(
      Stream.takeUntil(Directory.changes(directory), isLast),
      (change) => Effect.sync(() => told.hear(change))
    )
    const pauses = one.below(3) === 2
    const watch = Effect.gen(function*() {
      while (!told.ended) {
        if (pauses) yield* Effect.sleep(one.below(200))
        // A stream that is stopped may not have shown everything that it had been given.
        if ((yield* one.perhaps(Effect.as(all, true))) === undefined) told.lost = true
      }
    })
    const watcher = yield* Effect.forkScoped(watch)
    yield* work(one, home)
    const names = [...kernel.disk.files.names.keys()]
      .filter((name) => name.startsWith(`${home}/`))
      .map((name) => name.slice(home.length + 1))
    for (let last = 0; last < 100 && Option.isNone(yield* Fiber.poll(watcher)); last++) {
      kernel.disk.files.create(`${home}/${LAST} ${last}`)
      yield* Effect.sleep(50)
    }
    if (Option.isNone(yield* Fiber.poll(watcher))) {
      if (one.profile.hangs) return
      yield* Effect.dieMessage("a directory tells nothing more")
    }
    yield* Fiber.join(watcher)
    const heard = [...told.there].filter((name) => !name.startsWith(LAST))
    if (!told.lost && !one.profile.hangs && heard.sort().join() !== names.sort().join()) {
      yield* Effect.dieMessage(`the directory has ${names.join()}, and told of ${heard.join()}`)
    }
  })
