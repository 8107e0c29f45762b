/**
 * Sources that are not what they say, on any kernel: files of another size than their handles tell, and files that
 * something happens to while they are read.
 */
import * as Effect from "effect/Effect"
import { basename } from "node:path"
import type { CallName, Calls, FileInformation } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import { byHandles } from "./byHandles.js"

interface Watched {
  /** In the place of what its handle tells. */
  readonly size?: bigint
  /** Before the n-th read from it, from 1 on. */
  readonly beforeRead?: (n: number) => void
}

/** Files are known by their names. */
export const where = <A, E, R>(files: Readonly<Record<string, Watched>>, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) => {
    const kernel = engine.kernel as { call: Internal["call"]; issue: Internal["issue"] }
    const { call, issue } = kernel
    const end = byHandles(engine.kernel)
    const watched = new Map<number, Watched & { reads: number }>()
    const ofObject = new Map<number, number>()
    const { createThreadpoolIo } = engine.kernel
    const object = engine.kernel as { createThreadpoolIo: Internal["createThreadpoolIo"] }
    object.createThreadpoolIo = (handle, environment) => {
      const io = createThreadpoolIo.call(engine.kernel, handle, environment)
      ofObject.set(io, handle)
      return io
    }
    kernel.call = ((name: CallName, arguments_: never, done: (...rest: Array<unknown>) => void) =>
      call.call(engine.kernel, name, arguments_, (status: number, value: unknown, ...rest: Array<unknown>) => {
        if (name === "CreateFileW" && status === 0) {
          const { access, path } = arguments_ as Calls["CreateFileW"][0]
          const file = files[basename(path)]
          // A handle that is open for reading alone: the copy may have the name of its source.
          if (file !== undefined && (access & 0x40000000) === 0) {
            watched.set(value as number, { ...file, reads: 0 })
          } else watched.delete(value as number)
        }
        const size = watched.get((arguments_ as { readonly handle: number }).handle)?.size
        if (name === "GetFileInformationByHandle" && status === 0 && size !== undefined) {
          return done(status, { ...(value as FileInformation), size }, ...rest)
        }
        done(status, value, ...rest)
      })) as Internal["call"]
    kernel.issue = (one) => {
      const file = one.kind === "read" ? watched.get(ofObject.get(one.threadpoolIo)!) : undefined
      if (file !== undefined) {
        file.beforeRead?.(++file.reads)
      }
      return issue.call(engine.kernel, one)
    }
    return Effect.ensuring(
      effect,
      Effect.sync(() => {
        kernel.call = call
        kernel.issue = issue
        end()
        object.createThreadpoolIo = createThreadpoolIo
      })
    )
  })
