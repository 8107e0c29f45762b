/**
 * Where in a program its operations are made, for whoever looks for a mistake there. A stack is expensive: it is taken
 * only while a simulation asks for it.
 */
import type { Request } from "./engine/Operation.js"

let recording = 0
const origins = new WeakMap<Request, string>()
let own: string | undefined

/** The folder of this library's own code, as the frame of a function in here names it: by a path, or by a URL. */
const ownFolder = (frame: string): string =>
  own ??= /((?:file:|[A-Za-z]:|\/)[^()]*)internal[\\/]origin\.[jt]s/.exec(frame)?.[1] ?? "effect-threadpool-io"

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
  const folder = ownFolder(frames[0] ?? "")
  const frame = frames.find((line) => !line.includes(folder) && !/node_modules[\\/]effect[\\/]/.test(line))
  if (frame !== undefined) origins.set(request, frame.trim())
}

export const of = (request: Request): string | undefined => origins.get(request)
