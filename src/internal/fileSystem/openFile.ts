/**
 * An open file of `FileSystem`: a cursor over a file that has none.
 */
import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PoolBuffer } from "../../BufferPool.js"
import * as File from "../../File.js"
import type * as Public from "../../ThreadpoolFileSystem.js"
import { InvalidArgument, throwWrong } from "../arguments.js"
import { plainBytes, shown } from "../values.js"
import * as contents from "./contents.js"
import { Cursor } from "./Cursor.js"
import { badArgument, fromWin32 } from "./errors.js"
import { ofStat } from "./info.js"

export const TypeId: Public.TypeId = Symbol.for("effect-threadpool-io/PositionalFile") as Public.TypeId

/**
 * A HANDLE is no descriptor, and a number that looked like one would be another file's. This is one that every function
 * of node:fs refuses.
 */
const NO_DESCRIPTOR = FileSystem.FileDescriptor(-1)

const failing = (method: string) => Effect.mapError(fromWin32(method))

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

export class OpenFile implements Public.PositionalFile {
  readonly [FileSystem.FileTypeId]: typeof FileSystem.FileTypeId = FileSystem.FileTypeId
  readonly [TypeId]: typeof TypeId = TypeId
  readonly fd = NO_DESCRIPTOR
  readonly #cursor = new Cursor()

  constructor(readonly file: File.File, private readonly append: boolean) {}

  get stat(): Failing<FileSystem.File.Info> {
    return Effect.map(failing("stat")(File.stat(this.file)), ofStat)
  }

  get sync(): Failing<void> {
    return failing("sync")(File.sync(this.file))
  }

  /** Answers the new position, as `NodeFileSystem` does, although the interface declares `void`. */
  seek(offset: FileSystem.SizeInput, from: FileSystem.SeekMode): Effect.Effect<FileSystem.Size> {
    const cursor = this.#cursor
    return cursor.exclusively(() =>
      Effect.sync(() => {
        const by = typeof offset === "bigint" || Number.isInteger(offset)
          ? FileSystem.Size(offset)
          : throwWrong("PositionalFile.seek", new InvalidArgument(`an offset is a whole number, not ${shown(offset)}`))
        if (from === "start") cursor.position = by
        else if (from === "current") cursor.position += by
        return FileSystem.Size(cursor.position)
      })
    )
  }

  read(buffer: Uint8Array): Failing<FileSystem.Size> {
    const cursor = this.#cursor
    return cursor.exclusively(() => this.#advancing(failing("read")(File.read(this.file, buffer, cursor.position))))
  }

  readAlloc(size: FileSystem.SizeInput): Failing<Option.Option<Uint8Array>> {
    const cursor = this.#cursor
    return cursor.exclusively(() => {
      const buffer = contents.allocate(size)
      if (buffer === undefined) {
        return Effect.fail(badArgument("readAlloc", `a buffer of ${shown(size)} bytes cannot be made`))
      }
      return Effect.map(failing("readAlloc")(contents.fill(this.file, buffer, cursor.position)), (bytes) => {
        cursor.position += BigInt(bytes)
        return bytes === 0 ? Option.none() : Option.some(contents.first(buffer, bytes))
      })
    })
  }

  truncate(length?: FileSystem.SizeInput): Failing<void> {
    const cursor = this.#cursor
    return cursor.exclusively(() =>
      Effect.map(failing("truncate")(contents.cut(this.file, length)), (length) => {
        if (!this.append && cursor.position > length) cursor.position = length
      })
    )
  }

  write(buffer: Uint8Array): Failing<FileSystem.Size> {
    const cursor = this.#cursor
    return cursor.exclusively(() => {
      const writing = failing("write")(File.write(this.file, buffer, this.append ? 0 : cursor.position))
      return this.append ? Effect.map(writing, FileSystem.Size) : this.#advancing(writing)
    })
  }

  writeAll(buffer: Uint8Array): Failing<void> {
    const cursor = this.#cursor
    const bytes = plainBytes(buffer)
    if (bytes === undefined) return Effect.fail(badArgument("writeAll", `${shown(buffer)} is no Uint8Array`))
    return cursor.exclusively(() =>
      this.append
        ? failing("writeAll")(contents.append(this.file, bytes))
        : failing("writeAll")(contents.write(this.file, bytes, cursor.position, (written) => {
          cursor.position += BigInt(written)
        }))
    )
  }

  readAt(buffer: PoolBuffer | Uint8Array, offset: FileSystem.SizeInput): Failing<FileSystem.Size> {
    return Effect.map(failing("readAt")(File.read(this.file, buffer, offset)), FileSystem.Size)
  }

  writeAt(buffer: PoolBuffer | Uint8Array, offset: FileSystem.SizeInput): Failing<FileSystem.Size> {
    return Effect.map(failing("writeAt")(File.write(this.file, buffer, offset)), FileSystem.Size)
  }

  writeAllAt(buffer: PoolBuffer | Uint8Array, offset: FileSystem.SizeInput): Failing<void> {
    return failing("writeAllAt")(File.writeAll(this.file, buffer, offset))
  }

  #advancing(transfer: Failing<number>): Failing<FileSystem.Size> {
    return Effect.map(transfer, (bytes) => {
      const size = FileSystem.Size(bytes)
      this.#cursor.position += size
      return size
    })
  }
}
