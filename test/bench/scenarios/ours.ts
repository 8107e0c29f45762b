// The same by this library.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as File from "../../../src/File.js"
import type { Kernel } from "../../../src/Kernel.js"
import type { Library } from "../harness/Bench.js"
import type { Read } from "./reading.js"
import { inOrder } from "./reading.js"

const IN_FLIGHT = 4

const opened = ({ File }: Library, path: string, use: (file: File.File) => Effect.Effect<unknown, unknown>) =>
  Effect.asVoid(File.withFile(path, { hint: "sequential" }, use))

export const forEachChunk = (library: Library, ordered: boolean): Read<Kernel> => (path, chunkSize, look) =>
  opened(library, path, (file) =>
    library.File.forEachChunk(
      file,
      { chunkSize, inFlight: IN_FLIGHT, ordered },
      ({ bytes, offset }) => Effect.sync(() => look(bytes, Number(offset)))
    ))

export const stream = (library: Library): Read<Kernel> => (path, chunkSize, look) =>
  opened(library, path, (file) => {
    const see = inOrder(look)
    return Stream.runForEach(
      library.File.stream(file, { chunkSize, inFlight: IN_FLIGHT }),
      (bytes) => Effect.sync(() => see(bytes))
    )
  })

export const streamRecycled = (library: Library): Read<Kernel> => (path, chunkSize, look) =>
  opened(library, path, (file) =>
    Stream.runForEach(
      library.File.streamRecycled(file, { chunkSize, inFlight: IN_FLIGHT }),
      ({ bytes, offset }) => Effect.sync(() => look(bytes, Number(offset)))
    ))
