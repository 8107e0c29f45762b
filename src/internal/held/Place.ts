/**
 * A path twice: as the system is asked, and as the user knows it.
 */
import { sep } from "node:path"
import * as Win32Error from "../../Win32Error.js"

export interface Place {
  /** Good for as long as its directory is held. */
  readonly system: string
  /** The path that errors, progress and reports show. */
  readonly user: string
}

/** A root ends in its separator already. */
export const inside = (directory: string, name: string): string =>
  directory.endsWith(sep) ? directory + name : directory + sep + name

export const placeIn = ({ system, user }: Place, name: string): Place => ({
  system: inside(system, name),
  user: inside(user, name)
})

/** For what nobody holds. */
export const plainPlace = (path: string): Place => ({ system: path, user: path })

/** Puts the user's path into what is said of the place, or of another one in the same directory. */
export const asUserKnows = ({ system, user }: Place): (text: string) => string => {
  if (system === user) return (text) => text
  let common = 0
  while (common < system.length && system.at(-1 - common) === user.at(-1 - common)) common++
  const end = system.indexOf(sep, system.length - common)
  const from = end === -1 ? system.length : end
  const held = system.slice(0, from)
  const known = user.slice(0, user.length - (system.length - from))
  // A descriptor's number must not be taken for the beginning of a longer one.
  return (text) => text.split(held).reduce((told, rest) => told + (/^\d/.test(rest) ? held : known) + rest)
}

/** Puts it into an error of node's, which has just been made for us; answers it. */
export const retell = <E>(error: E, told: (text: string) => string): E => {
  if (!(error instanceof Error)) return error
  const texts = error as unknown as Record<string, unknown>
  for (const property of ["message", "path", "dest", "stack"]) {
    const text = texts[property]
    if (typeof text === "string") texts[property] = told(text)
  }
  return error
}

/** The same for an error of the library: answers another one. */
export const retellWin32 = (error: Win32Error.Win32Error, told: (text: string) => string): Win32Error.Win32Error => {
  const { cause, code, detail, handle, path, reason, syscall, text } = error
  return Win32Error.make({
    code,
    reason,
    syscall,
    handle,
    text,
    path: path === undefined ? undefined : told(path),
    detail: detail === undefined ? undefined : told(detail),
    cause: retell(cause, told)
  })
}
