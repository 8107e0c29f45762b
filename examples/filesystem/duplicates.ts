// Finds files with the same contents. Written against `FileSystem` alone: it neither knows nor cares whose it is.
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"

/** Files that are one and the same, by their names below the directory. */
export interface Duplicates {
  readonly bytes: bigint
  readonly names: ReadonlyArray<string>
}

interface Found {
  readonly name: string
  readonly path: string
  readonly bytes: bigint
}

/** The largest first. Only files of the same size are read. */
export const findDuplicates = (
  directory: string
): Effect.Effect<ReadonlyArray<Duplicates>, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const files = yield* filesIn(directory)
    const sameSize = groupsOf(files, ({ bytes }) => String(bytes)).flat()
    const hashed = yield* Effect.forEach(sameSize, (file) =>
      Effect.map(sha256(file.path), (hash) => ({ ...file, hash })), {
      concurrency: 4
    })
    return groupsOf(hashed, ({ hash }) =>
      hash)
      .map((group): Duplicates => ({
        bytes: group[0]!.bytes,
        names: group.map(({ name }) =>
          name
        ).sort()
      }))
      .sort((a, b) => Number(b.bytes - a.bytes) || (a.names[0]! < b.names[0]! ? -1 : 1))
  })

const filesIn = (directory: string): Effect.Effect<ReadonlyArray<Found>, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const names = yield* fs.readDirectory(directory, { recursive: true })
    const entries = yield* Effect.forEach(names, (name) => {
      const path = `${directory}/${name}`
      return Effect.map(fs.stat(path), ({ size, type }) => ({ name, path, bytes: BigInt(size), type }))
    }, { concurrency: 8 })
    return entries.filter(({ bytes, type }) => type === "File" && bytes > 0n)
  })

const sha256 = (path: string): Effect.Effect<string, PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.suspend(() => {
      const hash = createHash("sha256")
      return fs.stream(path, { chunkSize: FileSystem.KiB(256) }).pipe(
        Stream.runForEachChunk((chunk) =>
          Effect.sync(() => {
            for (const bytes of chunk) hash.update(bytes)
          })
        ),
        Effect.map(() => hash.digest("hex"))
      )
    }))

/** The groups of several items that share a key. */
const groupsOf = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string): ReadonlyArray<ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return [...groups.values()].filter((group) => group.length > 1)
}
