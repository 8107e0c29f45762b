/**
 * `FILE_NOTIFY_INFORMATION`, read and written: the records that `ReadDirectoryChangesW` brings. Reading believes
 * nothing that the buffer says about itself.
 */
import * as c from "./constants.js"

const at = c.FILE_NOTIFY_INFORMATION

/** One record. `name` is relative to the directory, with the separators of whoever wrote it. */
export interface Notified {
  /** `FILE_ACTION_*`, or something that we do not know. */
  readonly action: number
  readonly name: string
}

export interface Parsed {
  readonly records: ReadonlyArray<Notified>
  /** The buffer contradicts itself behind these records: what else it had is lost. */
  readonly malformed: boolean
}

/** The records in the first `length` bytes. */
export const parse = (bytes: Uint8Array, length: number): Parsed => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(length, bytes.byteLength))
  const records: Array<Notified> = []
  const answer = (malformed: boolean): Parsed => ({ records, malformed })
  let start = 0
  while (true) {
    if (start + at.FileName > buffer.length) return answer(true)
    const next = buffer.readUInt32LE(start + at.NextEntryOffset)
    const nameLength = buffer.readUInt32LE(start + at.FileNameLength)
    const nameEnd = start + at.FileName + nameLength
    // A record ends where the next one begins (on Wine not at a DWORD), or where the buffer ends.
    const end = next === 0 ? buffer.length : start + next
    if (nameLength % 2 !== 0 || nameEnd > end || end > buffer.length) return answer(true)
    records.push({
      action: buffer.readUInt32LE(start + at.Action),
      name: buffer.toString("utf16le", start + at.FileName, nameEnd)
    })
    if (next === 0) return answer(false)
    start = end
  }
}

/** Bytes that a record takes, with what brings the next one to a DWORD. */
export const sizeOf = ({ name }: Notified): number => (at.FileName + name.length * 2 + 3) & ~3

/** Writes records, which must fit, at the start of `bytes`. Answers how many bytes they take. */
export const write = (records: ReadonlyArray<Notified>, bytes: Uint8Array): number => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = 0
  let previous = -1
  for (const record of records) {
    if (previous >= 0) buffer.writeUInt32LE(start - previous, previous + at.NextEntryOffset)
    buffer.writeUInt32LE(0, start + at.NextEntryOffset)
    buffer.writeUInt32LE(record.action, start + at.Action)
    buffer.writeUInt32LE(record.name.length * 2, start + at.FileNameLength)
    buffer.write(record.name, start + at.FileName, "utf16le")
    previous = start
    start += sizeOf(record)
  }
  return start
}

/** The names of `FILE_NOTIFY_CHANGE_*`. */
export const notifications = {
  fileName: c.FILE_NOTIFY_CHANGE_FILE_NAME,
  directoryName: c.FILE_NOTIFY_CHANGE_DIR_NAME,
  attributes: c.FILE_NOTIFY_CHANGE_ATTRIBUTES,
  size: c.FILE_NOTIFY_CHANGE_SIZE,
  lastWrite: c.FILE_NOTIFY_CHANGE_LAST_WRITE,
  lastAccess: c.FILE_NOTIFY_CHANGE_LAST_ACCESS,
  creation: c.FILE_NOTIFY_CHANGE_CREATION,
  security: c.FILE_NOTIFY_CHANGE_SECURITY
} as const

/** A filter as the system takes it. */
export const bits = (filter: ReadonlyArray<keyof typeof notifications>): number =>
  filter.reduce((all, one) => all | notifications[one], 0)

/**
 * The action of a record that no system writes but the portable kernel: the directory of that name is not watched, nor
 * what is below it, because of the error with this code.
 */
export const unwatched = (code: number): number => UNWATCHED + code

const UNWATCHED = 0x8000_0000

/** One event of one or two records. */
export type Event =
  | { readonly _tag: "Created" | "Removed" | "Modified"; readonly name: string }
  | { readonly _tag: "Renamed"; readonly from: string; readonly to: string }
  | { readonly _tag: "Unwatched"; readonly name: string; readonly code: number }

/** Pairs the halves of renames, also when they come in two buffers. */
export class Pairing {
  /** The old name of a rename, until its new name comes. */
  #oldName: string | undefined = undefined

  get waits(): boolean {
    return this.#oldName !== undefined
  }

  /** The events of these records; an old name at their end waits. */
  next(records: ReadonlyArray<Notified>): Array<Event> {
    const events: Array<Event> = []
    for (const { action, name } of records) {
      const from = this.#oldName
      if (action === c.FILE_ACTION_RENAMED_NEW_NAME && from !== undefined) {
        this.#oldName = undefined
        events.push({ _tag: "Renamed", from, to: name })
        continue
      }
      events.push(...this.lone())
      if (action === c.FILE_ACTION_RENAMED_OLD_NAME) this.#oldName = name
      else if (action >= UNWATCHED) events.push({ _tag: "Unwatched", name, code: action - UNWATCHED })
      else events.push({ _tag: tagOf(action), name })
    }
    return events
  }

  /** An old name whose new one did not come: it is not there any more. */
  lone(): ReadonlyArray<Event> {
    const name = this.#oldName
    this.#oldName = undefined
    return name === undefined ? [] : [{ _tag: "Removed", name }]
  }
}

/** A new name whose old one did not come is new. What we do not know is a change of some kind. */
const tagOf = (action: number): "Created" | "Removed" | "Modified" => {
  if (action === c.FILE_ACTION_ADDED || action === c.FILE_ACTION_RENAMED_NEW_NAME) return "Created"
  return action === c.FILE_ACTION_REMOVED ? "Removed" : "Modified"
}
