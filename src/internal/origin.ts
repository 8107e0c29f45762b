/**
 * Where in a program its operations are made, for whoever looks for a mistake there. A stack is expensive: it is taken
 * only while a simulation asks for it.
 */
import { dirname, sep } from "node:path"
import { fileURLToPath } from "node:url"
import type { Request } from "./engine/Operation.js"

let recording = 0
const origins = new WeakMap<Request, string>()
/** The folder of this library's own code, sources or build. */
const own = dirname(dirname(fileURLToPath(import.meta.url))) + sep

export const record = (): () => void => {
  recording++
  return () => {
    recording--
  }
}

/** The program is about to submit this. */
export const note = (request: Request): void => {
  if (recording === 0) return
  const frames = new Error().stack?.split("\n").slice(1) ?? []
  const frame = frames.find((line) => !line.includes(own) && !line.includes(`node_modules${sep}effect${sep}`))
  if (frame !== undefined) origins.set(request, frame.trim())
}

export const of = (request: Request): string | undefined => origins.get(request)
