/**
 * Everybody who may take part in a random program. New ones come last: a list of decisions says whom by number.
 */
import { chunks, many } from "./actors/chunks.js"
import { anyOrder, churn } from "./actors/closing.js"
import { watching } from "./actors/directories.js"
import { appends, copies, locks, poolBuffers, regions } from "./actors/files.js"
import { fileSystem } from "./actors/fileSystem.js"
import { pipeline } from "./actors/pipeline.js"
import { bytes, messages, sockets } from "./actors/pipes.js"
import type { Actor } from "./program.js"

export const actors: ReadonlyArray<Actor> = [
  regions,
  poolBuffers,
  appends,
  bytes,
  messages,
  locks,
  copies,
  churn,
  chunks,
  many,
  sockets,
  anyOrder,
  watching,
  pipeline,
  fileSystem
]
