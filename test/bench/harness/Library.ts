// The library that is measured: this working tree's, or one that was packed of another revision.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Api from "../../../src/index.js"
import type { Kernel } from "../../../src/Kernel.js"

export type Library = typeof Api

/** The environment of contestants: the kernel under test, and the file system of @effect/platform-node. */
export type Env = Kernel | FileSystem.FileSystem

export interface Copy {
  readonly title: string
  readonly library: Library
  /** Which exports all of it. */
  readonly module: URL
  readonly context: Context.Context<Env>
}

/** A copy of the library's public API, with a kernel of its own. */
export const load = (
  title: string,
  module: URL,
  kernel: "portable" | "win32"
): Effect.Effect<Copy, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const library: Library = yield* Effect.promise(() => import(module.href))
    const layer = Layer.merge(library.Kernel.layerOptions({ kernel }), NodeFileSystem.layer)
    return { title, library, module, context: yield* Layer.build(layer) }
  })

/** A kernel of the library whose fibers wait in the old form; `undefined` of a revision that has no other one. */
export const theMask = (library: Library, kernel: "portable" | "win32") =>
  Effect.orElseSucceed(Layer.build(library.Kernel.layerOptions({ kernel, submit: "mask" })), () => undefined)
