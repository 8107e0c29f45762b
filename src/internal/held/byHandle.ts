/**
 * Removal and renaming through a handle, on kernels that open directories (`Kernel.holdsDirectories`): what has been
 * looked at and what is removed or renamed are one, whatever becomes of the name in between.
 */
import * as Effect from "effect/Effect"
import type { Kernel } from "../../Kernel.js"
import type { Win32Error } from "../../Win32Error.js"
import { callIn } from "../call.js"
import * as C from "../constants.js"
import { whileBusy } from "../file/busy.js"
import type { FileInformation } from "../kernel/Calls.js"
import { type Identity, identityOf } from "./identity.js"

/** An interruption does not stop a call that has begun. */
const waits = <A, E, R>(effect: Effect.Effect<A, E, R>) => effect

type Use<A> = (handle: number, there: FileInformation) => Effect.Effect<A, Win32Error>

/** Opens what has the name with the right to remove and to rename it; a link is refused by `CreateFileW` (1921). */
const withHandle = <A>(
  kernel: Kernel.Service,
  path: string,
  { access, flags, share }: { readonly access: number; readonly flags: number; readonly share: number },
  use: Use<A>
): Effect.Effect<A, Win32Error> =>
  whileBusy(Effect.uninterruptibleMask((restore) => {
    const arguments_ = {
      path,
      access: C.DELETE | access,
      share: C.FILE_SHARE_READ | C.FILE_SHARE_WRITE | share,
      disposition: C.OPEN_EXISTING,
      flags: C.FILE_FLAG_BACKUP_SEMANTICS | C.FILE_FLAG_OPEN_REPARSE_POINT | flags,
      mode: 0
    }
    const dispose = (handle: number): void => void kernel.engine.call("CloseHandle", { handle })
    return Effect.flatMap(callIn(restore, kernel, "CreateFileW", arguments_, { path, dispose }), (handle) =>
      Effect.ensuring(
        Effect.flatMap(look(kernel, path, handle), (there) =>
          use(handle, there)),
        Effect.ignore(callIn(waits, kernel, "CloseHandle", { handle }))
      ))
  }))

const look = (kernel: Kernel.Service, path: string, handle: number) =>
  callIn(waits, kernel, "GetFileInformationByHandle", { handle }, { path })

/**
 * Removes a file, or a directory that is empty, also one that is read-only. Answers `false` where the name means
 * something else. A link is refused as it is by `CreateFileW` (1921).
 */
export const removeMeant = (
  kernel: Kernel.Service,
  path: string,
  isMeant: (there: Identity) => boolean
): Effect.Effect<boolean, Win32Error> =>
  withHandle(
    kernel,
    path,
    { access: C.FILE_WRITE_ATTRIBUTES, share: C.FILE_SHARE_DELETE, flags: 0 },
    (handle, there) => {
      if (!isMeant(identityOf(there))) return Effect.succeed(false)
      const writable = (there.attributes & C.FILE_ATTRIBUTE_READONLY) === 0 ? Effect.void : callIn(
        waits,
        kernel,
        "SetBasicInformation",
        { handle, accessTimeNs: undefined, modifiedTimeNs: undefined, readOnly: false, mode: undefined },
        { path }
      )
      const marked = callIn(waits, kernel, "SetDispositionInformation", { handle, remove: true }, { path })
      return Effect.as(Effect.zipRight(writable, marked), true)
    }
  )

/**
 * Gives a file another name, written through as `MoveFileExW` does it. Answers what it is under that name, or
 * `undefined` where the old name means something else. Meanwhile nobody renames or removes it: Wine renames the name
 * that a handle was opened by.
 */
export const renameMeant = (
  kernel: Kernel.Service,
  from: string,
  to: string,
  replace: boolean,
  isMeant: (there: Identity) => boolean
): Effect.Effect<Identity | undefined, Win32Error> =>
  withHandle(
    kernel,
    from,
    { access: C.FILE_READ_ATTRIBUTES, share: 0, flags: C.FILE_FLAG_WRITE_THROUGH },
    (handle, there) => {
      if (!isMeant(identityOf(there))) return Effect.succeed(undefined)
      const detail = `The new name: ${to}`
      const renamed = callIn(waits, kernel, "SetRenameInformation", { handle, to, replace }, { path: from, detail })
      // Its number is another one by now on FAT.
      return Effect.flatMap(renamed, () => Effect.map(look(kernel, from, handle), identityOf))
    }
  )
