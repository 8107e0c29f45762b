/**
 * The journal beside a partial file: of what it is a copy, and up to where it is written. One JSON line each, so that a
 * line that a killed process has written half is seen as such.
 *
 * An entry is written when the writes before it have completed, and with `durable` when they are on the disk, and is on
 * the disk itself before the copy goes on. Whoever reads it believes nothing: each stretch is read back and must have
 * the SHA-256 that the entry says the source had. So also what a power failure has lost is seen.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { Win32Error } from "../../Win32Error.js"
import { LARGEST_SECTOR } from "../constants.js"
import { PRIVATE } from "../file/permissions.js"
import type { Seen } from "./seen.js"

const VERSION = 2

/** Bytes up to `to`, and from the entry before on, with their SHA-256. */
export interface Entry {
  readonly to: number
  readonly sha256: string
}

/** Which source, at which moment of its life. */
const headerOf = (name: string, { changedTimeNs = 0n, dev, ino, mtimeNs, size }: Seen): string =>
  line({
    version: VERSION,
    name,
    size: `${size}`,
    mtimeNs: `${mtimeNs}`,
    changedTimeNs: `${changedTimeNs}`,
    inode: `${ino}`,
    device: `${dev}`
  })

const line = (value: unknown): string => `${JSON.stringify(value)}\n`

export interface Read {
  readonly entries: ReadonlyArray<Entry>
  /** Bytes of the header, and then up to the end of each entry. */
  readonly ends: ReadonlyArray<number>
}

const NONE: Read = { entries: [], ends: [0] }

/**
 * A journal is open for as long as somebody uses it, and nobody else may write, rename or remove it: where the system
 * keeps others from opening it then (`Kernel.opensAlone`), whoever can open it knows that its process has ended, or its
 * copy has.
 */
export const openJournal = (
  path: string,
  disposition: "createNew" | "openExisting"
): Effect.Effect<File.File, Win32Error, Kernel | Scope.Scope> =>
  File.open(path, { access: "readwrite", disposition, share: ["read"], mode: PRIVATE, noFollow: true })

/**
 * The entries of a journal for the copy of this source; none when it is of another one, or of this one as it was once.
 */
export const readJournal = (file: File.File, name: string, stat: Seen): Effect.Effect<Read> =>
  Effect.flatMap(File.size(file), (size) => {
    if (size > MOST_BYTES) return Effect.succeed(NONE)
    const bytes = Buffer.alloc(Number(size))
    return Effect.map(File.read(file, bytes, 0), (length) => parse(bytes.subarray(0, length), name, stat))
  }).pipe(Effect.catchAll(() => Effect.succeed(NONE)))

/** The most bytes of a journal: enough for a file of more than a petabyte. */
const MOST_BYTES = 1 << 30

const parse = (bytes: Buffer, name: string, stat: Seen): Read => {
  const header = Buffer.from(headerOf(name, stat))
  if (!bytes.subarray(0, header.length).equals(header)) return NONE
  const entries: Array<Entry> = []
  const ends = [header.length]
  for (let at = header.length;;) {
    const end = bytes.indexOf("\n", at) + 1
    const entry = end === 0 ? undefined : entryOf(bytes.toString("utf8", at, end))
    if (entry === undefined || !follows(entries.at(-1), entry, stat.size)) return { entries, ends }
    entries.push(entry)
    ends.push(at = end)
  }
}

/** Entries are at whole sectors, and at the end of the file. */
const follows = (before: Entry | undefined, { to }: Entry, size: bigint): boolean =>
  to > (before?.to ?? 0) && (BigInt(to) === size || to < size && to % LARGEST_SECTOR === 0)

const entryOf = (text: string): Entry | undefined => {
  try {
    const { sha256, to } = JSON.parse(text) as Partial<Entry>
    return Number.isSafeInteger(to) && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)
      ? { to: to!, sha256 }
      : undefined
  } catch {
    return undefined
  }
}

/** An open journal, to append to. */
export class Journal {
  constructor(private readonly file: File.File, private at: number) {}

  /** The journal of a new copy. */
  begin(name: string, stat: Seen): Effect.Effect<void, Win32Error> {
    return this.#write(headerOf(name, stat))
  }

  append(entry: Entry): Effect.Effect<void, Win32Error> {
    return this.#write(line(entry))
  }

  sync(): Effect.Effect<void, Win32Error> {
    return File.sync(this.file)
  }

  #write(text: string): Effect.Effect<void, Win32Error> {
    const bytes = Buffer.from(text)
    return Effect.map(File.writeAll(this.file, bytes, this.at), () => {
      this.at += bytes.length
    })
  }
}
