/**
 * The code of the thread that watches for the portable kernel. The test arranges what the system tells and does.
 */
import { describe, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { afterEach } from "vitest"
import * as C from "../../src/internal/constants.js"
import {
  begin as beginIn,
  counted,
  error,
  eventually,
  NAMES,
  type Options,
  turns,
  type Watched,
  Watchers
} from "../support/watchThread.js"

const left: Array<() => Promise<void> | void> = []

afterEach(async () => {
  for (const undo of left.splice(0).reverse()) await undo()
})

/** A directory of its own, with these files and directories in it. */
const directory = (...names: ReadonlyArray<string>): string => {
  const home = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "tpio-watch-")))
  left.push(() => fs.rmSync(home, { recursive: true, force: true }))
  const path = join(home, "watched")
  fs.mkdirSync(path)
  for (const name of names) {
    if (name.endsWith("/")) fs.mkdirSync(join(path, name), { recursive: true })
    else {
      fs.mkdirSync(dirname(join(path, name)), { recursive: true })
      fs.writeFileSync(join(path, name), "")
    }
  }
  return path
}

const begin = async (path: string, options?: Options): Promise<Watched> => {
  const watched = await beginIn(path, options)
  left.push(() => watched.end)
  return watched
}

/** `what` of node:fs, which fails for some names as it does where one may not, or cannot. */
const failing = (what: "lstatSync" | "readdirSync" | "watch", code: string, fails: (path: string) => boolean) => ({
  [what]: ((path: string, ...others: ReadonlyArray<never>) => {
    if (fails(path)) throw error(code)
    return (fs[what] as (...parameters: ReadonlyArray<unknown>) => unknown)(path, ...others)
  }) as never
})

const onLinux = process.platform === "linux" ? it : it.skip

describe("of names the thread that watches tells", () => {
  /** The names that somebody has who does as he is told: a new name takes the place of what had it. */
  const replayed = (begun: ReadonlyArray<string>, lines: ReadonlyArray<string>): ReadonlyArray<string> => {
    const names = new Map(begun.map((name) => [name, name]))
    let from = ""
    for (const line of lines) {
      const [word, name] = line.split(" ") as [string, string]
      if (word === "Created") names.set(name, "new")
      else if (word === "Removed") names.delete(name)
      else if (word === "From") from = name
      else if (word === "To") {
        names.set(name, names.get(from)!)
        names.delete(from)
      }
    }
    return [...names].map((entry) => entry.join(" was ")).sort()
  }

  onLinux("two that were exchanged so that both are still there for the reader", async () => {
    const path = directory("a", "b")
    const watched = await begin(path)
    fs.renameSync(join(path, "a"), join(path, "x"))
    fs.renameSync(join(path, "b"), join(path, "a"))
    fs.renameSync(join(path, "x"), join(path, "b"))
    await watched.until("Created a")
    expect(watched.lines).toEqual(["Removed b", "From a", "To b", "Created a"])
  })

  onLinux("a chain of renames from its end, a circle with one that is new, and no two in one place", async () => {
    const names = ["a", "b", "c", "d", "e", "f", "g"]
    const path = directory(...names)
    const watched = await begin(path, { filter: NAMES })
    const move = (from: string, to: string) => fs.renameSync(join(path, from), join(path, to))
    for (
      const [from, to] of [["d", "+"], ["c", "d"], ["b", "c"], ["a", "b"], ["+", "a"], ["f", "z"], ["e", "f"], [
        "g",
        "e"
      ]]
    ) {
      move(from!, to!)
    }
    await watched.until("To e")
    const there = replayed(names, watched.lines)
    const moved = ["a was d", "b was a", "c was b", "d was c", "e was g", "f was e", "z was f"]
    expect(there.map((one) => one[0])).toEqual(moved.map((one) => one[0]))
    expect(there.filter((one) => !moved.includes(one)).map((one) => one.slice(1))).toEqual([" was new"])
  })

  onLinux("nothing of a file that has come and gone meanwhile", async () => {
    const path = directory()
    const watched = await begin(path)
    fs.writeFileSync(join(path, "brief"), "")
    fs.rmSync(join(path, "brief"))
    fs.writeFileSync(join(path, "stays"), "")
    await watched.until("Created stays")
    expect(watched.lines).toEqual(["Created stays"])
  })

  onLinux("a file that was replaced as removed first, whether its new contents had a name before or not", async () => {
    const path = directory("target")
    const watched = await begin(path, { filter: NAMES })
    fs.writeFileSync(join(path, "partial"), "new")
    fs.renameSync(join(path, "partial"), join(path, "target"))
    await watched.until("Created target")
    expect(watched.lines.splice(0)).toEqual(["Removed target", "Created target"])
    fs.writeFileSync(join(path, "partial"), "newer")
    await watched.until("Created partial")
    fs.renameSync(join(path, "partial"), join(path, "target"))
    await watched.until("To target")
    expect(watched.lines).toEqual(["Created partial", "Removed target", "From partial", "To target"])
  })

  it("one rename, when its halves are heard one after the other", async () => {
    const path = directory("old")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.renameSync(join(path, "old"), join(path, "new"))
    watchers.tell(path, "rename", "old")
    await turns()
    expect(watched.lines).toEqual([])
    watchers.tell(path, "rename", "new")
    await watched.until("To new")
    expect(watched.lines).toEqual(["From old", "To new"])
  })

  it("a removal, when the other half of a rename never comes", async () => {
    const path = directory("old")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.rmSync(join(path, "old"))
    watchers.tell(path, "rename", "old")
    await turns()
    expect(watched.lines).toEqual([])
    await watched.pass(10)
    expect(watched.lines).toEqual(["Removed old"])
  })

  it("a rename, when one of two names of a file goes", async () => {
    const path = directory("old")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.linkSync(join(path, "old"), join(path, "new"))
    fs.rmSync(join(path, "old"))
    watchers.tell(path, "rename", "new")
    watchers.tell(path, "rename", "old")
    await watched.until("To new")
    expect(watched.lines).toEqual(["From old", "To new"])
  })

  it("what is in a directory by its new name, and nothing as removed, whatever is heard first", async () => {
    const path = directory("old/deep/file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.renameSync(join(path, "old"), join(path, "new"))
    fs.appendFileSync(join(path, "new", "deep", "file"), "more")
    watchers.tell(join(path, "old", "deep"), "change", "file")
    await turns()
    watchers.tell(path, "rename", "old")
    watchers.tell(path, "rename", "new")
    await watched.until(`Modified ${join("new", "deep", "file")}`)
    expect(watched.lines).toEqual(["From old", "To new", `Modified ${join("new", "deep", "file")}`])
  })

  it("the same when nothing but the change in it is heard", async () => {
    const path = directory("old/file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.renameSync(join(path, "old"), join(dirname(path), "elsewhere"))
    fs.appendFileSync(join(dirname(path), "elsewhere", "file"), "more")
    watchers.tell(join(path, "old"), "change", "file")
    await turns()
    await watched.pass(10)
    expect(watched.lines).toEqual([`Removed ${join("old", "file")}`, "Removed old"])
    await eventually("it is not watched any more", () => watchers.open.size === 1)
  })

  it("of another directory in the place of one nothing under the name of that one's files", async () => {
    const path = directory("one/file", "two/file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.renameSync(join(path, "one"), join(path, "gone"))
    fs.renameSync(join(path, "two"), join(path, "one"))
    watchers.tell(join(path, "one"), "change", "file")
    for (const name of ["one", "gone", "two"]) watchers.tell(path, "rename", name)
    await watched.until(`Modified ${join("gone", "file")}`)
    expect(watched.lines.filter((line) => line.startsWith("Modified"))).toEqual([`Modified ${join("gone", "file")}`])
  })
})

describe("the thread that watches tells an overflow", () => {
  onLinux("when as many events as the system keeps were heard in one turn, and then what comes", async () => {
    const path = directory("there")
    const watched = await begin(path, { queue: 64, filter: NAMES })
    for (let file = 0; file < 100; file++) fs.writeFileSync(join(path, `file-${file}`), "")
    await watched.until("Overflow")
    expect(watched.lines).toEqual(["Overflow"])
    fs.rmSync(join(path, "file-99"))
    await watched.until("Removed file-99")
    expect(watched.lines).toEqual(["Overflow", "Removed file-99"])
  })

  onLinux("not when one fewer was heard in each of many turns", async () => {
    const path = directory("there")
    const watchers = new Watchers()
    const watched = await begin(path, { queue: 64, filter: NAMES, system: { watch: watchers.watch } })
    for (let turn = 0; turn < 10; turn++) {
      for (let event = 0; event < 63; event++) watchers.tell(path, "change", "there")
      await turns(3)
    }
    expect(watched.lines).toEqual([])
    for (let event = 0; event < 64; event++) watchers.tell(path, "change", "there")
    await watched.until("Overflow")
  })

  it("when the system does not say of what it tells", async () => {
    const path = directory("there")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.writeFileSync(join(path, "unheard"), "")
    watchers.tell(path, "rename", null)
    await watched.until("Overflow")
    fs.rmSync(join(path, "unheard"))
    watchers.tell(path, "rename", "unheard")
    await turns()
    await watched.pass(10)
    expect(watched.lines).toEqual(["Overflow", "Removed unheard"])
  })

  it("when more names wait than it can remember", async () => {
    const path = directory()
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    for (let name = 0; name <= 65_536; name++) watchers.tell(path, "change", `${name}`)
    await watched.until("Overflow")
    expect(watched.lines).toEqual(["Overflow"])
  })

  it("after what was lost while it looked for the first time", async () => {
    const path = directory("there")
    const watchers = new Watchers()
    let looks = 0
    const watched = await begin(path, {
      system: {
        watch: watchers.watch,
        readdirSync: ((...parameters: Parameters<typeof fs.readdirSync>) => {
          const names = fs.readdirSync(...parameters)
          if (looks++ === 0) {
            fs.writeFileSync(join(path, "unheard"), "")
            watchers.tell(path, "rename", null)
          }
          return names
        }) as never
      }
    })
    await watched.until("Overflow")
    fs.rmSync(join(path, "unheard"))
    watchers.tell(path, "rename", "unheard")
    await turns()
    await watched.until("Removed unheard")
  })

  it("once for a burst of names that are no UTF-8, and the other names as they are", async () => {
    const path = directory()
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, filter: NAMES, manual: true })
    for (let name = 0; name < 5; name++) {
      watchers.tell(path, "rename", `${name}\ufffd`)
      await watched.pass(40)
    }
    fs.writeFileSync(join(path, "file"), "")
    watchers.tell(path, "rename", "file")
    await turns()
    expect(watched.lines).toEqual(["Created file"])
    await watched.pass(50)
    expect(watched.lines).toEqual(["Created file", "Overflow"])
    watchers.tell(path, "rename", "again\ufffd")
    await watched.pass(50)
    expect(watched.lines).toEqual(["Created file", "Overflow", "Overflow"])
  })

  it("of names that are no UTF-8 once a second, when they come without end", async () => {
    const path = directory()
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    for (let name = 0; name < 60; name++) {
      watchers.tell(path, "rename", `${name}\ufffd`)
      await watched.pass(50 / 2)
    }
    expect(watched.lines).toEqual(["Overflow"])
  })
})

describe("a branch that cannot be watched is left out, and told once", () => {
  const cases: ReadonlyArray<readonly [name: string, code: string, system: (path: string) => Partial<typeof fs>]> = [
    [
      "its path is too long",
      "ENAMETOOLONG",
      (path) => failing("watch", "ENAMETOOLONG", (one) => one === join(path, "sub", "no"))
    ],
    [
      "nobody may read it",
      "EACCES",
      (path) => failing("readdirSync", "EACCES", (one) => one === join(path, "sub", "no"))
    ],
    [
      "nobody may look at what is in it",
      "EACCES",
      (path) => failing("lstatSync", "EACCES", (one) => dirname(one) === join(path, "sub", "no"))
    ],
    [
      "the system has no watcher left",
      "ENOSPC",
      (path) => failing("watch", "ENOSPC", (one) => one === join(path, "sub", "no"))
    ],
    ["its disk is broken", "EIO", (path) => failing("readdirSync", "EIO", (one) => one === join(path, "sub", "no"))],
    [
      "it says that it is not there, and is",
      "ENOENT",
      (path) => failing("readdirSync", "ENOENT", (one) => one === join(path, "sub", "no"))
    ]
  ]
  for (const [name, code, system] of cases) {
    onLinux(`because ${name}`, async () => {
      const path = directory("sub/")
      const watched = await begin(path, { system: system(path), filter: NAMES })
      fs.mkdirSync(join(path, "sub", "no"))
      fs.writeFileSync(join(path, "sub", "no", "unseen"), "")
      await watched.until("Created sub/no")
      await watched.until(`${code} sub/no`)
      fs.writeFileSync(join(path, "sub", "no", "neither"), "")
      fs.writeFileSync(join(path, "sub", "seen"), "")
      await watched.until("Created sub/seen")
      fs.chmodSync(join(path, "sub", "no"), 0o700)
      fs.rmSync(join(path, "sub", "no"), { recursive: true })
      await watched.until("Removed sub/no")
      expect(watched.lines).toEqual(["Created sub/no", `${code} sub/no`, "Created sub/seen", "Removed sub/no"])
      expect(watched.failed).toBeUndefined()
    })

    if (code !== "ENOSPC") {
      onLinux(`also when it is found at the beginning, because ${name}`, async () => {
        const path = directory("sub/no/")
        fs.writeFileSync(join(path, "sub", "no", "unseen"), "")
        const watched = await begin(path, { system: system(path), filter: NAMES })
        await watched.until(`${code} sub/no`)
        fs.writeFileSync(join(path, "seen"), "")
        await watched.until("Created seen")
        expect(watched.lines).toEqual([`${code} sub/no`, "Created seen"])
      })
    }
  }

  onLinux("but at the beginning the limits of the system are the caller's affair", async () => {
    const path = directory("sub/no/")
    const { open, watch } = counted()
    const system = {
      watch: ((place: string, ...others: ReadonlyArray<never>) => {
        if (basename(place) === "no") throw error("ENOSPC")
        return (watch as any)(place, ...others)
      }) as never
    }
    const watched = await begin(path, { system })
    expect(watched.failed?.code).toBe("ENOSPC")
    await eventually("nothing is watched", () => open() === 0)
  })

  onLinux("and is watched when it can be again", async () => {
    const path = directory("sub/file")
    let broken = true
    const watched = await begin(path, {
      system: failing("readdirSync", "EACCES", (one) => broken && basename(one) === "sub"),
      filter: NAMES
    })
    await watched.until("EACCES sub")
    broken = false
    fs.chmodSync(join(path, "sub"), 0o711)
    await watched.until("Created sub/file")
    fs.writeFileSync(join(path, "sub", "new"), "")
    await watched.until("Created sub/new")
  })

  onLinux("because its name is no UTF-8", async () => {
    const path = directory("sub/")
    fs.mkdirSync(Buffer.concat([Buffer.from(join(path, "sub", "x")), Buffer.of(0xff)]))
    const watched = await begin(path)
    await watched.until("EILSEQ sub")
    fs.writeFileSync(join(path, "sub", "seen"), "")
    await watched.until("Created sub/seen")
  })
})

describe("while it looks at a tree for the first time", () => {
  /** Something happens in the moment in which this directory is listed. */
  const when = (listed: (path: string) => boolean, happens: () => void): Partial<typeof fs> => {
    let done = false
    return {
      readdirSync: ((...parameters: Parameters<typeof fs.readdirSync>) => {
        const names = fs.readdirSync(...parameters)
        if (!done && listed(String(parameters[0]))) {
          done = true
          happens()
        }
        return names
      }) as never
    }
  }

  /** The names that are there, by those of the beginning and the changes since. */
  const picture = (watched: Watched, begun: ReadonlyArray<string>): ReadonlyArray<string> => {
    const names = new Set(begun)
    for (const line of watched.lines) {
      const [word, name] = line.split(" ") as [string, string]
      if (word === "Created") names.add(name)
      if (word === "Removed") names.delete(name)
    }
    return [...names].sort()
  }
  const listOf = (path: string) => (fs.readdirSync(path, { recursive: true }) as Array<string>).sort()

  onLinux("no change is lost, in a branch that was looked at already or in one that was not", async () => {
    const path = directory("a/x/1", "b/y/2", "c/z/3")
    const watched = await begin(path, {
      filter: NAMES,
      system: when((place) => place === join(path, "b"), () => {
        for (const branch of ["a/x", "b/y", "c/z"]) {
          fs.writeFileSync(join(path, branch, "new"), "")
          fs.mkdirSync(join(path, branch, "deep"))
          fs.writeFileSync(join(path, branch, "deep", "file"), "")
        }
        for (const file of ["a/x/1", "b/y/2", "c/z/3"]) fs.rmSync(join(path, file))
      })
    })
    const begun = listOf(path)
    await turns()
    fs.writeFileSync(join(path, "c", "z", "deep", "last"), "")
    await watched.until("Created c/z/deep/last")
    for (const branch of ["a/x", "b/y", "c/z"]) fs.rmSync(join(path, branch), { recursive: true })
    await eventually("the picture is right", () => picture(watched, begun).join() === listOf(path).join())
  })

  onLinux("nor in a branch that comes and is being looked at", async () => {
    const path = directory()
    const elsewhere = directory("branch/a/1", "branch/b/2")
    const watched = await begin(path, {
      filter: NAMES,
      system: when((place) => basename(place) === "branch", () => {
        fs.writeFileSync(join(path, "branch", "a", "new"), "")
        fs.writeFileSync(join(path, "branch", "new"), "")
        fs.rmSync(join(path, "branch", "b", "2"))
      })
    })
    fs.renameSync(join(elsewhere, "branch"), join(path, "branch"))
    await watched.until("Created branch/a/new")
    await watched.until("Created branch/new")
    await eventually("the picture is right", () => picture(watched, []).join() === listOf(path).join())
  })
})

describe("the watch of a directory ends", () => {
  it("when one above it is renamed, and what was changed in it is not told as removed", async () => {
    const path = directory("file", "sub/file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.renameSync(dirname(path), `${dirname(path)}-renamed`)
    left.push(() => fs.rmSync(`${dirname(path)}-renamed`, { recursive: true }))
    watchers.tell(path, "change", "file")
    watchers.tell(path, "rename", "file")
    watchers.tell(join(path, "sub"), "rename", "file")
    await turns()
    expect(watched.failed).toBeUndefined()
    await watched.pass(10)
    expect(watched.failed?.code).toBe("ENOENT")
    expect(watched.lines).toEqual([])
  })

  it("although nothing is heard", async () => {
    const path = directory("file")
    const watched = await begin(path, { system: { watch: new Watchers().watch }, manual: true })
    fs.renameSync(dirname(path), `${dirname(path)}-renamed`)
    fs.mkdirSync(path, { recursive: true })
    left.push(() => fs.rmSync(`${dirname(path)}-renamed`, { recursive: true }))
    await watched.pass(1000)
    await watched.pass(10)
    expect(watched.failed?.code).toBe("ENOENT")
    expect(watched.lines).toEqual([])
  })

  it("when it is removed, after what was in it", async () => {
    const path = directory("file", "sub/deep")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    fs.rmSync(path, { recursive: true })
    for (const name of ["file", "sub", basename(path)]) watchers.tell(path, "rename", name)
    await turns()
    await watched.pass(10)
    expect(watched.failed?.code).toBe("ENOENT")
    const below = join("sub", "deep")
    expect(watched.lines.slice().sort()).toEqual(["Removed file", "Removed sub", `Removed ${below}`])
  })

  it("and leaves no watcher, whatever has come and gone", async () => {
    const path = directory("a/b/c/", "d/")
    const { open, watch } = counted()
    const watched = await beginIn(path, { system: { watch } })
    expect(open()).toBe(5)
    fs.renameSync(join(path, "a"), join(path, "d", "a"))
    fs.mkdirSync(join(path, "new"))
    await watched.until("Created new")
    await watched.until(`Created ${join("d", "a", "b", "c")}`)
    fs.rmSync(join(path, "d"), { recursive: true })
    await watched.until("Removed d")
    await eventually("two are left", () => open() === 2)
    await watched.end
    await eventually("none is left", () => open() === 0)
  })
})

describe("a watch goes on", () => {
  it("when the system cannot tell of a directory any more, which is listened to anew", async () => {
    const path = directory("file", "sub/file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true, filter: NAMES })
    for (const place of [path, join(path, "sub")]) {
      const before = watchers.opened
      fs.writeFileSync(join(place, "unheard"), "")
      watchers.fail(place)
      await watched.until(`Created ${join(place, "unheard").slice(path.length + 1)}`)
      expect(watchers.opened).toBe(before + 1)
      fs.writeFileSync(join(place, "heard"), "")
      watchers.tell(place, "rename", "heard")
      await watched.until(`Created ${join(place, "heard").slice(path.length + 1)}`)
    }
    expect(watched.failed).toBeUndefined()
    await watched.end
    // The watcher has no listener left.
    expect(watchers.open.size).toBe(0)
    watched.taken()
    await turns()
  })

  it("when it was away for a moment, as often as that happens", async () => {
    const path = directory("file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true })
    const away = `${path}-away`
    for (let round = 0; round < 3; round++) {
      fs.renameSync(path, away)
      watchers.tell(path, "change", "file")
      await turns()
      expect(watched.failed).toBeUndefined()
      fs.renameSync(away, path)
      await watched.pass(10)
      expect(watched.failed).toBeUndefined()
    }
    fs.renameSync(path, away)
    watchers.tell(path, "change", "file")
    await turns()
    await watched.pass(10)
    expect(watched.failed?.code).toBe("ENOENT")
  })

  it("when nobody may look at the directory itself, which is told once", async () => {
    const path = directory("file")
    const watchers = new Watchers()
    let closed = false
    const system = { watch: watchers.watch, ...failing("lstatSync", "EACCES", (one) => closed && one === path) }
    const watched = await begin(path, { system, manual: true, filter: NAMES })
    closed = true
    for (const name of ["one", "two"]) {
      fs.writeFileSync(join(path, name), "")
      watchers.tell(path, "rename", name)
      await watched.until(`Created ${name}`)
    }
    expect([...watched.lines].sort()).toEqual(["Created one", "Created two", "EACCES "])
    await watched.pass(1000)
    await watched.pass(10)
    expect(watched.failed).toBeUndefined()
  })

  it("when a directory has gone by the time that it is listed, which is told as removed", async () => {
    const path = directory()
    const watchers = new Watchers()
    const gone = join(path, "brief")
    const watch = ((place: string, ...rest: ReadonlyArray<never>) => {
      if (place === gone && fs.existsSync(gone)) fs.rmSync(gone, { recursive: true })
      if (!fs.existsSync(place)) throw error("ENOENT")
      return (watchers.watch as (...parameters: ReadonlyArray<unknown>) => unknown)(place, ...rest)
    }) as never
    const watched = await begin(path, { system: { watch }, manual: true, filter: NAMES })
    fs.mkdirSync(join(gone, "deep"), { recursive: true })
    watchers.tell(path, "rename", "brief")
    await watched.until("Created brief")
    await turns()
    await watched.pass(10)
    expect(watched.lines).toEqual(["Created brief", "Removed brief"])
  })

  onLinux("without what is below, when it is not recursive: no branch is looked at there", async () => {
    const path = directory("sub/file")
    fs.mkdirSync(Buffer.concat([Buffer.from(join(path, "x")), Buffer.of(0xff)]))
    const { open, watch } = counted()
    const watched = await begin(path, { recursive: false, filter: NAMES, system: { watch } })
    expect(open()).toBe(1)
    fs.writeFileSync(join(path, "sub", "unseen"), "")
    fs.mkdirSync(join(path, "seen"))
    await watched.until("Created seen")
    expect([watched.lines, open()]).toEqual([["Created seen"], 1])
  })

  it("and remembers as many names as before, when what they are in has gone", async () => {
    const MANY = 40_000
    const path = directory("sub/file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true, filter: NAMES })
    for (let name = 0; name < MANY; name++) watchers.tell(join(path, "sub"), "change", `${name}`)
    fs.rmSync(join(path, "sub"), { recursive: true })
    watchers.tell(path, "rename", "sub")
    await turns()
    await watched.pass(10)
    await watched.until("Removed sub")
    for (let name = 0; name < MANY; name++) watchers.tell(path, "change", `${name}`)
    await turns()
    expect(watched.lines.filter((line) => !line.startsWith("Removed"))).toEqual([])
  })
})

describe("after its end", () => {
  it("nothing is told of names that could not be told", async () => {
    const path = directory("file")
    const watchers = new Watchers()
    const watched = await begin(path, { system: { watch: watchers.watch }, manual: true, filter: NAMES })
    watchers.tell(path, "rename", "x\ufffd")
    fs.renameSync(path, `${path}-away`)
    watchers.tell(path, "rename", "file")
    await turns()
    await watched.pass(10)
    expect(watched.failed?.code).toBe("ENOENT")
    const { times } = watched
    await watched.pass(50)
    await watched.pass(1000)
    expect([watched.lines, watched.times]).toEqual([[], times])
  })
})

describe("names of files and of directories are told apart by the filter", () => {
  const { FILE_NOTIFY_CHANGE_DIR_NAME, FILE_NOTIFY_CHANGE_FILE_NAME } = C
  for (
    const [filter, told] of [[FILE_NOTIFY_CHANGE_FILE_NAME, "file"], [FILE_NOTIFY_CHANGE_DIR_NAME, "sub"]] as const
  ) {
    it(`${told} alone`, async () => {
      const path = directory()
      const watchers = new Watchers()
      const watched = await begin(path, { system: { watch: watchers.watch }, manual: true, filter })
      fs.writeFileSync(join(path, "file"), "")
      fs.mkdirSync(join(path, "sub"))
      for (const name of ["file", "sub"]) watchers.tell(path, "rename", name)
      await watched.until(`Created ${told}`)
      fs.renameSync(join(path, "file"), join(path, "file2"))
      fs.renameSync(join(path, "sub"), join(path, "sub2"))
      for (const name of ["file", "sub", "file2", "sub2"]) watchers.tell(path, "rename", name)
      await watched.until(`To ${told}2`)
      fs.rmSync(join(path, "file2"))
      fs.rmdirSync(join(path, "sub2"))
      for (const name of ["file2", "sub2"]) watchers.tell(path, "rename", name)
      await turns()
      await watched.pass(10)
      await turns()
      expect(watched.lines).toEqual([`Created ${told}`, `From ${told}`, `To ${told}2`, `Removed ${told}2`])
    })
  }
})

describe("a write is told by what the system says", () => {
  it("although its times were put back, and so is a change of the access time, which looks the same", async () => {
    for (const change of ["a write", "an access time"] as const) {
      const path = directory("file")
      const file = join(path, "file")
      fs.writeFileSync(file, "one")
      fs.utimesSync(file, 1000, 1000)
      const watchers = new Watchers()
      const filter = C.FILE_NOTIFY_CHANGE_LAST_WRITE
      const watched = await begin(path, { system: { watch: watchers.watch }, manual: true, filter })
      if (change === "a write") fs.writeFileSync(file, "two")
      fs.utimesSync(file, change === "a write" ? 1000 : 2000, 1000)
      // Both are nothing but a change, and the name alone is none.
      watchers.tell(path, "rename", "file")
      await turns()
      expect(watched.lines).toEqual([])
      watchers.tell(path, "change", "file")
      await watched.until("Modified file")
    }
  })
})

describe("what was told and not taken", () => {
  onLinux("holds back what comes after it, and nothing of it is lost", async () => {
    const path = directory()
    const watched = await begin(path, { takes: false, room: 100, filter: NAMES })
    watched.taken()
    for (let file = 0; file < 50; file++) fs.writeFileSync(join(path, `file-${file}`), "")
    await watched.until("Created file-0")
    await turns()
    expect(watched.times).toBe(1)
    await eventually("all is told", () => {
      watched.taken()
      return watched.lines.length === 50
    })
    expect(new Set(watched.lines).size).toBe(50)
    expect(watched.times).toBeGreaterThan(5)
  })

  onLinux("never divides a rename", async () => {
    const path = directory("a", "b", "c", "d")
    const watched = await begin(path, { takes: false, room: 1, filter: NAMES })
    watched.taken()
    for (const name of ["a", "b", "c", "d"]) fs.renameSync(join(path, name), join(path, `${name}${name}`))
    const sizes: Array<number> = []
    await eventually("all is told", () => {
      if (sizes.at(-1) !== watched.lines.length) sizes.push(watched.lines.length)
      watched.taken()
      return watched.lines.length === 8
    })
    expect(sizes.every((size) => size % 2 === 0)).toBe(true)
  })
})

describe("a change of one thing alone is told where its bit is asked for, and nowhere else", () => {
  const bits = {
    size: C.FILE_NOTIFY_CHANGE_SIZE,
    lastWrite: C.FILE_NOTIFY_CHANGE_LAST_WRITE,
    security: C.FILE_NOTIFY_CHANGE_SECURITY,
    attributes: C.FILE_NOTIFY_CHANGE_ATTRIBUTES
  }
  const cases: ReadonlyArray<readonly [what: keyof fs.BigIntStats, told: ReadonlyArray<keyof typeof bits>]> = [
    ["size", ["size"]],
    ["mtimeNs", ["lastWrite"]],
    ["mode", ["security", "attributes"]],
    ["uid", ["security", "attributes"]],
    ["gid", ["security", "attributes"]]
  ]
  for (const [what, told] of cases) {
    it(what, async () => {
      for (const bit of Object.keys(bits) as Array<keyof typeof bits>) {
        const path = directory("file", "other")
        const watchers = new Watchers()
        let more = 0n
        const lstatSync = ((name: string, options: fs.StatSyncOptions & { bigint: true }) => {
          const stat = fs.lstatSync(name, options)
          return basename(name) === "file" ? Object.assign(stat!, { [what]: stat![what] as bigint + more }) : stat
        }) as never
        const system = { watch: watchers.watch, lstatSync }
        const watched = await begin(path, { system, manual: true, filter: bits[bit] | NAMES })
        more = 1n
        watchers.tell(path, "change", "file")
        await turns()
        await watched.pass(10)
        fs.writeFileSync(join(path, "last"), "")
        watchers.tell(path, "rename", "last")
        await watched.until("Created last")
        expect([bit, ...watched.lines]).toEqual([bit, ...told.includes(bit) ? ["Modified file"] : [], "Created last"])
      }
    })
  }
})
