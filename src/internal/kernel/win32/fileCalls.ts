/**
 * The functions of files that take no OVERLAPPED and came after the first ones: unlocking, sectors, room on the disk,
 * and the removal of a file through its handle.
 */
import * as C from "../../constants.js"
import type { StorageInformation } from "../Calls.js"
import type { Bindings } from "./bindings.js"
import { type Answer, type Implementation, MAX_INT64, refuse } from "./implementation.js"
import { guarded, isUnknownClass } from "./renaming.js"

type FileCallName =
  | "LockFileEx"
  | "UnlockFileEx"
  | "GetStorageInformation"
  | "SetAllocationInformation"
  | "SetDispositionInformation"

// ntdll: FS_INFORMATION_CLASS, and where its IO_STATUS_BLOCK goes
const FileFsSizeInformation = 3
const IO_STATUS_BLOCK = 32

const TWO_32 = 2n ** 32n

/** In the low bit of `hEvent`: no packet comes to the port, whatever the operation comes to. */
const WITHOUT_PACKET = 1
/** Behind the OVERLAPPED in the memory of a call: bytes that nobody looks at. */
const TRANSFERRED = C.OVERLAPPED.size

const WITH_POSIX = C.FILE_DISPOSITION_FLAG_DELETE | C.FILE_DISPOSITION_FLAG_POSIX_SEMANTICS
const EVEN_READ_ONLY = WITH_POSIX | C.FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE

export const fileCalls = (native: Bindings, answer: Answer): { [K in FileCallName]: Implementation<K> } => {
  const writeOverlapped = (view: DataView, offset: bigint, hEvent: number): void => {
    for (let at = 0; at < C.OVERLAPPED.size; at += 8) view.setBigUint64(at, 0n, true)
    view.setUint32(C.OVERLAPPED.Offset, Number(offset % TWO_32), true)
    view.setUint32(C.OVERLAPPED.OffsetHigh, Number(offset / TWO_32), true)
    view.setBigUint64(C.OVERLAPPED.hEvent, BigInt(hEvent), true)
  }

  return {
    LockFileEx: ({ exclusive, handle, length, offset }, scratch, done) => {
      const { address, view } = scratch
      if (scratch.event === undefined) {
        const event = native.CreateEventW(0, 1, 0, 0)
        if (event === 0) return refuse(done, native.GetLastError() || C.ERROR_NOT_ENOUGH_MEMORY)
        scratch.event = event
      }
      writeOverlapped(view, offset, scratch.event | WITHOUT_PACKET)
      const flags = C.LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? C.LOCKFILE_EXCLUSIVE_LOCK : 0)
      const told = (status: number, _: undefined, cause?: unknown): void =>
        done(status, status === C.ERROR_SUCCESS ? "held" : undefined, cause)
      const ended = answer(told)
      const begun = answer((status, _, cause) => {
        if (status !== C.ERROR_IO_PENDING) return told(status, undefined, cause)
        guarded(told, () => native.GetOverlappedResult.async(handle, address, address + TRANSFERRED, 1, ended))
      })
      const [low, high] = [Number(length % TWO_32), Number(length / TWO_32)]
      native.LockFileEx.async(handle, flags, 0, low, high, address, begun)
    },

    UnlockFileEx: ({ handle, length, offset }, { address, view }, done) => {
      writeOverlapped(view, offset, 0)
      native.UnlockFileEx.async(handle, 0, Number(length % TWO_32), Number(length / TWO_32), address, answer(done))
    },

    GetStorageInformation: ({ handle }, { address, view }, done) => {
      const { LogicalBytesPerSector, PhysicalBytesPerSectorForPerformance, size } = C.FILE_STORAGE_INFO
      const told = (logical: number, physical: number): void => {
        const value: StorageInformation = {
          logicalBytesPerSector: logical,
          physicalBytesPerSector: Math.max(logical, physical)
        }
        done(C.ERROR_SUCCESS, value)
      }
      const ofVolume = (): void =>
        native.NtQueryVolumeInformationFile.async(
          handle,
          address + IO_STATUS_BLOCK,
          address,
          C.FILE_FS_SIZE_INFORMATION.size,
          FileFsSizeInformation,
          (error, status) => {
            const bytes = view.getUint32(C.FILE_FS_SIZE_INFORMATION.BytesPerSector, true)
            if (error !== null) done(C.ERROR_GEN_FAILURE, undefined, error)
            else if (status !== 0 || bytes === 0) done(C.ERROR_NOT_SUPPORTED, undefined)
            else told(bytes, bytes)
          }
        )
      const ofFile = answer((status, _, cause) => {
        if (status === C.ERROR_SUCCESS) {
          told(
            view.getUint32(LogicalBytesPerSector, true),
            view.getUint32(PhysicalBytesPerSectorForPerformance, true)
          )
        } else if (isUnknownClass(status)) guarded(done, ofVolume)
        else done(status, undefined, cause)
      })
      native.GetFileInformationByHandleEx.async(handle, C.FileStorageInfo, address, size, ofFile)
    },

    // FileAllocationInfo below the end of the file would cut it: what is there already is not asked for.
    SetAllocationInformation: ({ handle, length }, { address, view }, done) => {
      if (length < 0n || length > MAX_INT64) return refuse(done, C.ERROR_INVALID_PARAMETER)
      const { AllocationSize, EndOfFile, size } = C.FILE_STANDARD_INFO
      const present = answer((status, _, cause) => {
        if (status !== C.ERROR_SUCCESS) return done(status, undefined, cause)
        if (length <= view.getBigInt64(AllocationSize, true) || length <= view.getBigInt64(EndOfFile, true)) {
          return done(C.ERROR_SUCCESS, undefined)
        }
        view.setBigInt64(0, length, true)
        guarded(
          done,
          () => native.SetFileInformationByHandle.async(handle, C.FileAllocationInfo, address, 8, answer(done))
        )
      })
      native.GetFileInformationByHandleEx.async(handle, C.FileStandardInfo, address, size, present)
    },

    // With POSIX semantics the name goes when this handle is closed, without them when the last one of anybody is. A
    // read-only file goes as well where the system knows the flag, and the handle may write attributes.
    SetDispositionInformation: ({ handle, remove }, { address, view }, done) => {
      const plainly = (): void => {
        view.setUint32(0, remove ? 1 : 0, true)
        native.SetFileInformationByHandle.async(handle, C.FileDispositionInfo, address, 1, answer(done))
      }
      const set = (flags: number, otherwise: () => void): void => {
        view.setUint32(0, remove ? flags : 0, true)
        const tried = answer((status, _, cause) => {
          const next = isUnknownClass(status) || (status === C.ERROR_ACCESS_DENIED && flags === EVEN_READ_ONLY)
          if (next) guarded(done, otherwise)
          else done(status, undefined, cause)
        })
        native.SetFileInformationByHandle.async(handle, C.FileDispositionInfoEx, address, 4, tried)
      }
      set(EVEN_READ_ONLY, () => set(WITH_POSIX, plainly))
    }
  }
}
