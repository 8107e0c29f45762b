/**
 * Two trees and what is neither of them, and somebody who exchanges what is in the trees. For copies, undos and
 * removals: nothing outside is touched, and what says that it has succeeded has.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join, relative } from "node:path"
import { snapshot } from "./interposer.js"

export const SECRET = "what nobody is to read"
export const PLANTED = "what somebody else has put there"

export const FILES = { "a": "first", "sub/b": "second", "sub/deep/c": "third", "z": "last" } as const

const write = (root: string, files: Record<string, string>) => {
  for (const [name, contents] of Object.entries(files)) {
    fs.mkdirSync(join(root, name, ".."), { recursive: true })
    fs.writeFileSync(join(root, name), contents)
  }
}

let fifos: string | undefined

/** One FIFO has as many names as are wanted: to make one takes a process. */
const fifo = (): string => {
  if (fifos === undefined) {
    const directory = fifos = fs.mkdtempSync(join(tmpdir(), "tpio-fifo-"))
    process.on("exit", () => fs.rmSync(directory, { force: true, recursive: true }))
    execFileSync("mkfifo", [join(directory, "fifo")])
  }
  return join(fifos, "fifo")
}

const contentsOf = (path: string): string | undefined => {
  try {
    return fs.lstatSync(path).isFile() ? fs.readFileSync(path, "utf8") : undefined
  } catch {
    return undefined
  }
}

const filesIn = (root: string, prefix = ""): ReadonlyArray<readonly [name: string, contents: string]> =>
  entriesOf(join(root, prefix)).flatMap((entry) => {
    const name = join(prefix, entry.name)
    if (entry.isDirectory()) return filesIn(root, name)
    const contents = contentsOf(join(root, name))
    return contents === undefined ? [] : [[name, contents] as const]
  })

const entriesOf = (directory: string): ReadonlyArray<fs.Dirent> => {
  try {
    return fs.lstatSync(directory).isDirectory() ? fs.readdirSync(directory, { withFileTypes: true }) : []
  } catch {
    return []
  }
}

export class World {
  readonly source: string
  readonly copy: string
  /** Neither of the two. */
  readonly outside: string
  /** Where somebody keeps what he has taken away. */
  readonly aside: string
  readonly #before: ReadonlyArray<string>
  #taken: { readonly path: string; readonly kept: string } | undefined
  /** Files of the source that were others for a while. */
  readonly #others = new Map<string, string>()

  /** One that is there already. */
  static of(base: string): World {
    return new World(base, false)
  }

  constructor(readonly base: string, isNew = true) {
    this.source = join(base, "source")
    this.copy = join(base, "copy")
    this.outside = join(base, "outside")
    this.aside = join(base, "aside")
    if (!isNew) {
      this.#before = []
      return
    }
    write(this.source, FILES)
    write(this.outside, { secret: SECRET, b: SECRET, c: SECRET, "deep/c": SECRET, "kept/x": SECRET })
    fs.chmodSync(join(this.outside, "secret"), 0o600)
    fs.chmodSync(this.outside, 0o751)
    fs.mkdirSync(this.aside)
    this.#before = snapshot(this.outside)
  }

  /** Everything outside that is not as it was. */
  get touched(): ReadonlyArray<string> {
    const now = snapshot(this.outside)
    return [
      ...now.filter((line) => !this.#before.includes(line)),
      ...this.#before.filter((line) => !now.includes(line))
    ]
  }

  /** Names in a tree of files that show what is outside, but for those that the very file outside has been given. */
  leaked(root: string): ReadonlyArray<string> {
    const outside = fs.statSync(join(this.outside, "kept/x")).ino
    return filesIn(root).flatMap(([name, contents]) =>
      contents.includes(SECRET) && fs.lstatSync(join(root, name)).ino !== outside ? [name] : []
    )
  }

  /** All of the source is there again. */
  refill(): void {
    write(this.source, FILES)
  }

  /** Names that are not in the copy as it was in the source, or as it is now. */
  get differences(): ReadonlyArray<string> {
    const sources = [Object.entries(FILES), filesIn(this.source)]
    const differ = sources.map((files) =>
      files.flatMap(([name, contents]) => {
        const copied = contentsOf(join(this.copy, name))
        return copied === contents || (copied !== undefined && this.#others.get(name) === copied) ? [] : [name]
      })
    )
    return differ.find((names) => names.length === 0) ?? differ[0]!
  }

  /** Something that was put there, and has been removed by somebody else than who has put it there. */
  get removed(): ReadonlyArray<string> {
    if (this.#taken === undefined) return []
    const { path } = this.#taken
    const there = fs.lstatSync(path, { throwIfNoEntry: false })
    if (there === undefined || there.isDirectory() && !fs.existsSync(join(path, "b"))) return [path]
    return []
  }

  /** Nothing that has not been copied yet can be any more. */
  removeSource(names: ReadonlyArray<string> = Object.keys(FILES)): void {
    for (const name of names) {
      if (!fs.existsSync(join(this.copy, name))) fs.rmSync(join(this.source, name), { force: true })
    }
  }

  /**
   * Puts something in the place of a name, in which `*` stands for anything. Answers whether there was anything to take
   * away.
   */
  exchange(name: string, kind: Kind): boolean {
    const path = this.#named(name)
    if (!this.#isInside(path) || fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return false
    const kept = join(this.aside, "kept")
    try {
      fs.renameSync(path, kept)
    } catch (error) {
      // Windows lets nobody rename what is held.
      if (process.platform !== "win32") throw error
      return false
    }
    this.#taken = { path, kept }
    kinds[kind](path, this)
    const other = contentsOf(path)
    if (other !== undefined && name.startsWith("source/")) this.#others.set(relative(this.source, path), other)
    return true
  }

  #named(name: string): string {
    const path = join(this.base, name)
    const [beginning = "", ending] = basename(path).split("*")
    if (ending === undefined) return path
    const there = entriesOf(dirname(path)).find((one) => one.name.startsWith(beginning) && one.name.endsWith(ending))
    return there === undefined ? path : join(dirname(path), there.name)
  }

  /** A link may have been copied as a link: through that one we would reach outside ourselves. */
  #isInside(path: string): boolean {
    try {
      return fs.realpathSync(dirname(path)) === join(fs.realpathSync(this.base), dirname(relative(this.base, path)))
    } catch {
      return false
    }
  }

  /** Puts it back, if that still can be done. */
  restore(): void {
    if (this.#taken === undefined) return
    const { kept, path } = this.#taken
    this.#taken = undefined
    if (!this.#isInside(path)) return
    try {
      fs.rmSync(path, { force: true, recursive: true })
      fs.renameSync(kept, path)
    } catch (error) {
      // The directory that it was in has gone; or, on Windows, what has been put there is held.
      if (process.platform !== "win32" && fs.existsSync(dirname(path))) throw error
    }
  }
}

const kinds = {
  /** To a directory, or to a file. */
  link: (path: string, { outside }: World) =>
    fs.symlinkSync(/(copy|sub|deep)$/.test(path) ? outside : join(outside, "secret"), path),
  directory: (path: string) => {
    fs.mkdirSync(path)
    fs.writeFileSync(join(path, "b"), PLANTED)
  },
  file: (path: string) => fs.writeFileSync(path, PLANTED),
  fifo: (path: string) => fs.linkSync(fifo(), path),
  hardLink: (path: string, { outside }: World) => fs.linkSync(join(outside, "kept/x"), path)
} as const

export type Kind = keyof typeof kinds

/** Wine makes no links, and Windows has no FIFOs. */
export const KINDS: ReadonlyArray<Kind> = process.platform === "win32"
  ? ["directory", "file"]
  : ["link", "directory", "file", "hardLink", "fifo"]
