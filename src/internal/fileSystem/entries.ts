/**
 * Names, links, permissions, times: what `FileSystem` does that is no I/O on an open handle, by node:fs.
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import type { Kernel } from "../../Kernel.js"
import { aBoolean, aMode, InvalidArgument, optionsOf, wrong } from "../arguments.js"
import { badArgument } from "./errors.js"
import { ofStats } from "./info.js"
import { nodeCall, nodeWork } from "./nodeCall.js"
import { list, removeTree } from "./trees.js"

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

const lookAtDirectory = optionsOf<FileSystem.MakeDirectoryOptions>({ recursive: aBoolean, mode: aMode })
const lookAtRemove = optionsOf<FileSystem.RemoveOptions>({ recursive: aBoolean, force: aBoolean })
const lookAtRead = optionsOf<FileSystem.ReadDirectoryOptions>({ recursive: aBoolean })

const refused = (method: string, looked: unknown) =>
  looked instanceof InvalidArgument ? Effect.fail(badArgument(method, looked.problem, looked.cause)) : undefined

export const make = (kernel: Kernel.Service) => {
  /** A function of node:fs that takes a path first and answers nothing. */
  const asking = <A>(
    method: string,
    path: string,
    start: (done: (error: Error | null, value?: A) => void) => void
  ): Failing<A> => nodeCall<A>(kernel, { method, path }, start)

  return {
    access: (path: string, options?: FileSystem.AccessFileOptions): Failing<void> =>
      asking("access", path, (done) => {
        const { F_OK, R_OK, W_OK } = fs.constants
        fs.access(path, F_OK | (options?.readable ? R_OK : 0) | (options?.writable ? W_OK : 0), done)
      }),

    chmod: (path: string, mode: number): Failing<void> =>
      refused("chmod", wrong("mode", mode, aMode)) ?? asking("chmod", path, (done) => fs.chmod(path, mode, done)),

    chown: (path: string, uid: number, gid: number): Failing<void> =>
      asking("chown", path, (done) => fs.chown(path, uid, gid, done)),

    link: (fromPath: string, toPath: string): Failing<void> =>
      asking("link", fromPath, (done) => fs.link(fromPath, toPath, done)),

    makeDirectory: (path: string, options?: FileSystem.MakeDirectoryOptions): Failing<void> =>
      refused("makeDirectory", options === undefined ? undefined : lookAtDirectory(options)) ??
        // Node answers the first directory that a recursive call has made, and so does `NodeFileSystem`.
        asking<string | undefined>("makeDirectory", path, (done) => {
          const { mode, recursive = false } = options ?? {}
          fs.mkdir(path, { recursive, ...(mode === undefined ? {} : { mode }) }, done)
        }),

    readDirectory: (path: string, options?: FileSystem.ReadDirectoryOptions): Failing<Array<string>> =>
      refused("readDirectory", options === undefined ? undefined : lookAtRead(options)) ?? (options?.recursive === true
        ? nodeWork(kernel, { method: "readDirectory", path }, list(path))
        : asking("readDirectory", path, (done) => fs.readdir(path, done))),

    readLink: (path: string): Failing<string> => asking("readLink", path, (done) => fs.readlink(path, done)),

    realPath: (path: string): Failing<string> => asking("realPath", path, (done) => fs.realpath(path, done)),

    remove: (path: string, options?: FileSystem.RemoveOptions): Failing<void> => {
      const looked = lookAtRemove(options ?? {})
      if (looked instanceof InvalidArgument) return Effect.fail(badArgument("remove", looked.problem, looked.cause))
      const { force = false, recursive = false } = looked
      return recursive
        ? removeTree(kernel, { method: "remove", path }, force)
        : asking("remove", path, (done) => fs.rm(path, { force }, done))
    },

    rename: (oldPath: string, newPath: string): Failing<void> =>
      asking("rename", oldPath, (done) => fs.rename(oldPath, newPath, done)),

    stat: (path: string): Failing<FileSystem.File.Info> =>
      Effect.map(asking<fs.Stats>("stat", path, (done) => fs.stat(path, done)), ofStats),

    symlink: (fromPath: string, toPath: string): Failing<void> =>
      asking("symlink", fromPath, (done) => fs.symlink(fromPath, toPath, done)),

    // Its method is the one that @effect/platform-node tells.
    utimes: (path: string, atime: Date | number, mtime: Date | number): Failing<void> =>
      asking("utime", path, (done) => fs.utimes(path, before1970(atime), before1970(mtime), done))
  }
}

/** Node takes a negative number for "now", but not its text. */
const before1970 = (time: Date | number): Date | number | string =>
  typeof time === "number" && time < 0 && Number.isFinite(time) ? `${time}` : time
