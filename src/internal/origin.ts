/**
 * Where in a program its operations are made, for whoever looks for a mistake there. A stack is expensive: it is taken
 * only while a simulation asks for it.
 */
import { dirname, sep } from "node:path"
import { fileURLToPath } from "node:url"
import type { Request } from "./engine/Operation.js"

let recording = 0
const origins = new WeakMap<Request, string>()
let own: string | undefined

/** The folder of this library's own code, sources or build. A bundle that is a script does not know its own place. */
const ownFolder = (): string => {
  const place: string | undefined = import.meta.url
  return own ??= place === undefined ? "effect-threadpool-io" : dirname(dirname(fileURLToPath(place))) + sep
}

export const record = (): () => void => {
  recording++
  return () => {
    recording--
  }
}

/** The program is about to submit this. */
export const note = (request: Request): void => {
  if (recording === 0) return
  const folder = ownFolder()
  const frames = new Error().stack?.split("\n").slice(1) ?? []
  const frame = frames.find((line) => !line.includes(folder) && !line.includes(`node_modules${sep}effect${sep}`))
  if (frame !== undefined) origins.set(request, frame.trim())
}

export const of = (request: Request): string | undefined => origins.get(request)
