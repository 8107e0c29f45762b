// The same by this library.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import type { Read } from "./reading.js"
import { inOrder } from "./reading.js"

const IN_FLIGHT = 4

const opened = (path: string, use: (file: File.File) => Effect.Effect<unknown, unknown>) =>
  Effect.asVoid(File.withFile(path, { hint: "sequential" }, use))

export const forEachChunk = (ordered: boolean): Read<Kernel> => (path, chunkSize, look) =>
  opened(path, (file) =>
    File.forEachChunk(
      file,
      { chunkSize, inFlight: IN_FLIGHT, ordered },
      ({ bytes, offset }) => Effect.sync(() => look(bytes, Number(offset)))
    ))

export const stream: Read<Kernel> = (path, chunkSize, look) =>
  opened(path, (file) => {
    const see = inOrder(look)
    return Stream.runForEach(
      File.stream(file, { chunkSize, inFlight: IN_FLIGHT }),
      (bytes) => Effect.sync(() => see(bytes))
    )
  })

export const streamRecycled: Read<Kernel> = (path, chunkSize, look) =>
  opened(path, (file) =>
    Stream.runForEach(
      File.streamRecycled(file, { chunkSize, inFlight: IN_FLIGHT }),
      ({ bytes, offset }) => Effect.sync(() => look(bytes, Number(offset)))
    ))
