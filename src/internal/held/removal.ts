/**
 * Removal through a handle, on kernels that open directories (`Kernel.holdsDirectories`): what has been looked at and
 * what is removed are one, whatever becomes of the name in between.
 */
import * as Effect from "effect/Effect"
import type { Kernel } from "../../Kernel.js"
import type { Win32Error } from "../../Win32Error.js"
import { callIn } from "../call.js"
import * as C from "../constants.js"
import { whileBusy } from "../file/busy.js"
import { type Identity, identityOf } from "./identity.js"

/**
 * Removes a file, or a directory that is empty, also one that is read-only. Answers `false` where the name means
 * something else. A link is refused as it is by `CreateFileW` (1921).
 */
export const removeMeant = (
  kernel: Kernel.Service,
  path: string,
  isMeant: (there: Identity) => boolean
): Effect.Effect<boolean, Win32Error> =>
  whileBusy(Effect.uninterruptibleMask((restore) => {
    const arguments_ = {
      path,
      access: C.DELETE | C.FILE_WRITE_ATTRIBUTES,
      share: C.FILE_SHARE_READ | C.FILE_SHARE_WRITE | C.FILE_SHARE_DELETE,
      disposition: C.OPEN_EXISTING,
      flags: C.FILE_FLAG_BACKUP_SEMANTICS | C.FILE_FLAG_OPEN_REPARSE_POINT,
      mode: 0
    }
    const dispose = (handle: number): void => void kernel.engine.call("CloseHandle", { handle })
    // An interruption does not stop a call that has begun.
    const waits = <A, E, R>(effect: Effect.Effect<A, E, R>) => effect
    const remove = (handle: number): Effect.Effect<boolean, Win32Error> =>
      Effect.flatMap(callIn(waits, kernel, "GetFileInformationByHandle", { handle }, { path }), (there) => {
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
      })
    return Effect.flatMap(callIn(restore, kernel, "CreateFileW", arguments_, { path, dispose }), (handle) =>
      Effect.ensuring(remove(handle), Effect.ignore(callIn(waits, kernel, "CloseHandle", { handle }))))
  }))
