/**
 * The functions of files that take no OVERLAPPED and came after the first ones: unlocking, sectors, room on the disk,
 * and what is done to a file's name through its handle.
 */
import * as C from "../../constants.js"
import type { StorageInformation } from "../Kernel.js"
import type { Bindings } from "./bindings.js"
import { type Answer, type Implementation, MAX_INT64, refuse } from "./calls.js"
import { allocate, free } from "./memory.js"
import { toSystemPath } from "./path.js"

type FileCallName =
  | "LockFileEx"
  | "UnlockFileEx"
  | "GetStorageInformation"
  | "SetAllocationInformation"
  | "SetDispositionInformation"
  | "SetRenameInformation"

// ntdll: FS_INFORMATION_CLASS, and where its IO_STATUS_BLOCK goes
const FileFsSizeInformation = 3
const IO_STATUS_BLOCK = 32

/** Whether a system does not know a class of information, as Wine. */
const isUnknownClass = (status: number): boolean =>
  status === C.ERROR_INVALID_PARAMETER || status === C.ERROR_INVALID_FUNCTION ||
  status === C.ERROR_NOT_SUPPORTED || status === C.ERROR_CALL_NOT_IMPLEMENTED

const TWO_32 = 2n ** 32n

/** In the low bit of `hEvent`: no packet comes to the port, whatever the operation comes to. */
const WITHOUT_PACKET = 1
/** Behind the OVERLAPPED in the memory of a call: bytes that nobody looks at. */
const TRANSFERRED = C.OVERLAPPED.size

export const fileCalls = (native: Bindings, answer: Answer): { [K in FileCallName]: Implementation<K> } => {
  /** A step that an earlier one's completion makes: what koffi throws there nobody else would catch. */
  const guarded = (done: (status: number, value: undefined, cause?: unknown) => void, step: () => void): void => {
    try {
      step()
    } catch (cause) {
      done(C.ERROR_GEN_FAILURE, undefined, cause)
    }
  }

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

    // With POSIX semantics the name goes when this handle is closed, without them when the last one of anybody is.
    SetDispositionInformation: ({ handle, remove }, { address, view }, done) => {
      const plainly = (): void => {
        view.setUint32(0, remove ? 1 : 0, true)
        native.SetFileInformationByHandle.async(handle, C.FileDispositionInfo, address, 1, answer(done))
      }
      const flags = C.FILE_DISPOSITION_FLAG_DELETE | C.FILE_DISPOSITION_FLAG_POSIX_SEMANTICS
      view.setUint32(0, remove ? flags : 0, true)
      const tried = answer((status, _, cause) =>
        isUnknownClass(status) ? guarded(done, plainly) : done(status, undefined, cause)
      )
      native.SetFileInformationByHandle.async(handle, C.FileDispositionInfoEx, address, 4, tried)
    },

    // With POSIX semantics a file that others have open is replaced too.
    SetRenameInformation: ({ handle, replace, to }, _, done) => {
      const name = toSystemPath(to)
      if (name === undefined) return refuse(done, C.ERROR_INVALID_NAME)
      const text = Buffer.from(name, "utf16le")
      const size = Math.max(C.FILE_RENAME_INFO.size, C.FILE_RENAME_INFO.FileName + text.length + 2)
      const block = allocate(native, size)
      if (block === undefined) return refuse(done, C.ERROR_NOT_ENOUGH_MEMORY)
      const view = new DataView(block.bytes.buffer)
      view.setUint32(C.FILE_RENAME_INFO.FileNameLength, text.length, true)
      block.bytes.set(text, C.FILE_RENAME_INFO.FileName)
      const ended = (status: number, _: undefined, cause?: unknown): void => {
        free(native, block)
        done(status, undefined, cause)
      }
      const set = (informationClass: number, flags: number, next: typeof ended): void =>
        guarded(ended, () => {
          view.setUint32(C.FILE_RENAME_INFO.Flags, flags, true)
          native.SetFileInformationByHandle.async(handle, informationClass, block.address, size, answer(next))
        })
      const { FILE_RENAME_FLAG_POSIX_SEMANTICS, FILE_RENAME_FLAG_REPLACE_IF_EXISTS } = C
      if (!replace) return queueMicrotask(() => set(C.FileRenameInfo, 0, ended))
      const flags = FILE_RENAME_FLAG_REPLACE_IF_EXISTS | FILE_RENAME_FLAG_POSIX_SEMANTICS
      queueMicrotask(() =>
        set(C.FileRenameInfoEx, flags, (status, _, cause) =>
          isUnknownClass(status)
            ? set(C.FileRenameInfo, FILE_RENAME_FLAG_REPLACE_IF_EXISTS, ended)
            : ended(status, undefined, cause))
      )
    }
  }
}
