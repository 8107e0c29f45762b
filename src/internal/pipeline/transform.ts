/**
 * One file through a stream function into another.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { lstatSync } from "node:fs"
import { basename, dirname } from "node:path"
import * as File from "../../File.js"
import { Kernel } from "../../Kernel.js"
import type { Transformed, TransformOptions } from "../../Pipeline.js"
import type { PipelineError } from "../../PipelineError.js"
import type { Win32Error } from "../../Win32Error.js"
import {
  aBoolean,
  aFunction,
  aNumber,
  aStream,
  InvalidArgument,
  listOf,
  oneOf,
  optionsOf,
  wrong
} from "../arguments.js"
import { FILE_ATTRIBUTE_READONLY } from "../constants.js"
import { stillIs, streamOfAll } from "../file/everything.js"
import { permissions } from "../file/permissions.js"
import { inside, placeIn, plainPlace } from "../held/Place.js"
import type { Restore } from "../settle.js"
import { alreadyExists, attempt, badTarget, cannot, changed, failing, failure } from "./failures.js"
import { findLeft } from "./leftovers.js"
import { partialName } from "./names.js"
import { wrongPath } from "./Settings.js"
import { type Maker, withTag } from "./tags.js"
import { quoted } from "./text.js"
import { removeFile } from "./UndoLog.js"

const CHUNK = 512 << 10

const readOptions = optionsOf<TransformOptions>({
  chunkSize: aNumber,
  inFlight: aNumber,
  overwrite: aBoolean,
  durable: aBoolean,
  preserve: listOf(oneOf("times", "permissions")),
  takeOver: aBoolean,
  onProgress: aFunction
})

export const transform = <E, R>(
  from: string,
  to: string,
  f: (bytes: Stream.Stream<Uint8Array, Win32Error>) => Stream.Stream<Uint8Array, E, R>,
  given: TransformOptions
): Effect.Effect<Transformed, E | PipelineError, R | Kernel> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<Transformed, E | PipelineError, R | Kernel> => {
    const path = wrongPath(from, to) ?? badTarget(to, basename(to))
    if (path !== undefined) return Effect.fail(path)
    const options = wrong("f", f, aFunction) ?? readOptions(given)
    if (options instanceof InvalidArgument) {
      const sentence = `Cannot transform ${quoted(from)}: ${options.problem}.`
      return Effect.fail(failure("InvalidArgument", from, sentence, options.cause))
    }
    return Effect.flatMap(Kernel, ({ engine }) => {
      const maker = { locks: engine.kernel.opensAlone === true, owner: undefined }
      const looked = failing(() => {
        lookAt(to)
        return Effect.void
      })
      const begun = options.takeOver === true ? Effect.zipRight(looked, removeLeft(to, maker)) : looked
      return Effect.zipRight(restore(begun), withTag(maker, (tag) => transformed(restore, from, to, f, options, tag)))
    })
  })

/** A name that no file can have is told before anything is done. */
const lookAt = (path: string): void => {
  attempt("make", path, () => lstatSync(path, { throwIfNoEntry: false }))
}

/** Partial files of earlier transformations; those of copies that can be resumed have a journal. */
const removeLeft = (to: string, maker: Maker): Effect.Effect<void, PipelineError, Kernel> => {
  const directory = plainPlace(dirname(to))
  return Effect.flatMap(
    findLeft(directory, [basename(to)], { maker, takeOver: true }),
    ({ useless }) => Effect.forEach(useless, (name) => removeFile(placeIn(directory, name).system), { discard: true })
  )
}

const transformed = <E, R>(
  restore: Restore,
  from: string,
  to: string,
  f: (bytes: Stream.Stream<Uint8Array, Win32Error>) => Stream.Stream<Uint8Array, E, R>,
  options: TransformOptions,
  tag: string
): Effect.Effect<Transformed, E | PipelineError, R | Kernel> =>
  Effect.suspend(() => {
    const partial = inside(dirname(to), partialName(basename(to), tag))
    const replace = options.overwrite ?? false
    let ours = true
    const fill = Effect.scoped(Effect.gen(function*() {
      const source = yield* Effect.mapError(openSource(from), cannot("read", from))
      const target = yield* Effect.mapError(openTarget(partial, source.stat, options), (error) => {
        // A file that has the name already is somebody else's.
        if (error.reason === "AlreadyExists") ours = false
        return cannot("write", to)(error)
      })
      const done = yield* pump(source, target, to, f, options)
      const same = yield* Effect.mapError(stillIs(source.file, source.stat), cannot("read", from))
      if (!same) return yield* Effect.fail(changed(from))
      yield* Effect.mapError(finish(source.stat, target, options), cannot("write", to))
      return done
    }))
    const named = Effect.mapError(File.rename(partial, to, { replace }), (error) => nameError(to, error))
    return Effect.onError(
      Effect.zipLeft(restore(fill), named),
      () => ours ? removeFile(partial) : Effect.void
    )
  })

const nameError = (to: string, error: Win32Error): PipelineError => {
  if (isDirectory(to)) {
    return failure("AlreadyExists", to, `${quoted(to)} is a directory and cannot be replaced by a file.`, error)
  }
  return error.reason === "AlreadyExists" ? alreadyExists(to, error) : cannot("make", to)(error)
}

const isDirectory = (path: string): boolean => {
  try {
    return lstatSync(path).isDirectory()
  } catch {
    return false
  }
}

interface Source {
  readonly file: File.File
  readonly stat: File.Stat
}

const openSource = (path: string): Effect.Effect<Source, Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(
    File.open(path, { hint: "sequential" }),
    (file) => Effect.map(File.stat(file), (stat) => ({ file, stat }))
  )

const keeps = ({ preserve = ["permissions"] }: TransformOptions, what: "times" | "permissions"): boolean =>
  preserve.includes(what)

/** A result that is not finished is its owner's alone: it gets its permissions at the end. */
const openTarget = (path: string, { mode }: File.Stat, options: TransformOptions) =>
  File.open(path, {
    access: "write",
    disposition: "createNew",
    mode: mode === undefined || !keeps(options, "permissions") ? 0o666 : 0o600
  })

const pump = <E, R>(
  { file, stat }: Source,
  target: File.File,
  to: string,
  f: (bytes: Stream.Stream<Uint8Array, Win32Error>) => Stream.Stream<Uint8Array, E, R>,
  options: TransformOptions
): Effect.Effect<Transformed, E | PipelineError, R> => {
  const totalBytes = Number(stat.size)
  const { chunkSize = CHUNK, inFlight, onProgress } = options
  let bytesRead = 0
  const bytes = streamOfAll(file, { chunkSize, inFlight }, stat).pipe(Stream.tap(({ length }) =>
    Effect.sync(() => {
      bytesRead += length
      onProgress?.({ bytes: bytesRead, totalBytes })
    })
  ))
  // The sink's errors are ours, those of the function its own.
  const sink = Sink.mapError(File.sink(target, { chunkSize, inFlight }), cannot("write", to))
  const transformed = f(bytes)
  if (wrong("what f answers", transformed, aStream) !== undefined) {
    const sentence = `Cannot transform ${quoted(file.path)}: f must answer a Stream.`
    return Effect.fail(failure("InvalidArgument", file.path, sentence))
  }
  return Effect.map(Stream.run(transformed, sink), (written) => ({ bytesRead, bytesWritten: Number(written) }))
}

const finish = (
  { accessTimeNs, attributes, mode, modifiedTimeNs }: File.Stat,
  target: File.File,
  options: TransformOptions
): Effect.Effect<void, Win32Error> => {
  const times = keeps(options, "times") ? { accessTimeNs, modifiedTimeNs } : {}
  // On Windows, the attribute.
  const rights = !keeps(options, "permissions") ? {} : mode === undefined
    ? (attributes & FILE_ATTRIBUTE_READONLY) === 0 ? {} : { readOnly: true }
    : { mode: permissions(mode) }
  const changes = { ...times, ...rights }
  const set = Object.keys(changes).length === 0 ? Effect.void : File.setBasicInfo(target, changes)
  return options.durable === true ? Effect.zipRight(set, File.sync(target)) : set
}
