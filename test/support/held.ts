/**
 * Handles that are not the library's, and operations that are provably in flight: on kernel32 a pipe that nobody
 * writes to yet, on the portable kernel a file, whose completions need a turn of the event loop that has not come.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Handle from "../../src/Handle.js"
import * as constants from "../../src/internal/constants.js"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { fileOf, pattern } from "./claims.js"
import * as lab from "./lab.js"
import * as pipe from "./pipe.js"

/** An overlapped handle to a file that nobody has bound; whoever asks for it closes it. */
export const openFile = (path: string): Effect.Effect<Handle.Handle, never, Kernel.Kernel> =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) =>
    Effect.async((resume) => {
      engine.kernel.call("CreateFileW", {
        path,
        access: (constants.GENERIC_READ | constants.GENERIC_WRITE) >>> 0,
        share: 7,
        disposition: constants.OPEN_ALWAYS,
        flags: 0,
        mode: 0o666
      }, (status, handle) =>
        resume(status === 0 ? Effect.succeed(Handle.make(handle!)) : Effect.die(new Error(`CreateFileW: ${status}`))))
    }))

/** An overlapped handle to a file that nobody has bound, closed with the scope by its owner, the test. */
export const borrowedFile = (path: string): Effect.Effect<Handle.Handle, never, Kernel.Kernel | Scope.Scope> =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) =>
    Effect.acquireRelease(
      openFile(path),
      (handle) =>
        Effect.async<void>((resume) => {
          engine.kernel.call("CloseHandle", { handle }, () => resume(Effect.void))
        })
    ))

export interface Held {
  readonly io: ThreadpoolIo.ThreadpoolIo
  /** Lets reads of so many bytes end. */
  readonly feed: (bytes: Uint8Array) => Effect.Effect<void>
}

/** An object whose reads stay in flight until the event loop turns; on a pipe, until they are fed or cancelled. */
export const held = (
  options: ThreadpoolIo.Options = {}
): Effect.Effect<Held, Win32Error, Kernel.Kernel | Scope.Scope> =>
  Effect.gen(function*() {
    if (lab.kernelName === "win32") {
      const { send, server } = yield* pipe.make
      return { io: yield* ThreadpoolIo.make(server, { skipMode: true, ...options }), feed: send }
    }
    const handle = yield* borrowedFile(yield* fileOf(pattern(100_000)))
    return { io: yield* ThreadpoolIo.make(handle, { skipMode: true, ...options }), feed: () => Effect.void }
  })
