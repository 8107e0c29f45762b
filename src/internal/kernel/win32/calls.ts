/**
 * The second verb: functions without an OVERLAPPED, which may block (rule 29). They run on libuv's threads, fewer at
 * once than libuv has, so that the rest of the process keeps its `fs`; the others wait in line and can still be taken
 * back.
 */
import {
  BY_HANDLE_FILE_INFORMATION,
  ERROR_GEN_FAILURE,
  ERROR_INVALID_NAME,
  ERROR_INVALID_PARAMETER,
  ERROR_NOT_SUPPORTED,
  ERROR_SUCCESS,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_READONLY,
  FILE_BASIC_INFO,
  FileBasicInfo,
  FileEndOfFileInfo
} from "../../constants.js"
import type { CallName, FileInformation } from "../Calls.js"
import type { Kernel } from "../Kernel.js"
import type { Bindings } from "./bindings.js"
import type { Capabilities } from "./capabilities.js"
import { directoryCalls } from "./directoryCalls.js"
import { fileCalls } from "./fileCalls.js"
import { type Answer, type Implementation, MAX_INT64, refuse, type Scratch } from "./implementation.js"
import { reserve } from "./memory.js"
import { openCalls } from "./opening.js"
import { toSystemPath } from "./path.js"
import { pipeCalls } from "./pipeCalls.js"
import { renameCalls } from "./renaming.js"

const SCRATCH_BYTES = 64

/** `limit`: how many may run at once. */
export const makeCalls = (native: Bindings, capabilities: Capabilities, limit: number): Kernel["call"] => {
  const implementations = makeImplementations(native, capabilities)
  const scratch = makeScratch(native, limit)
  const waiting = new Set<() => void>()

  const next = (): void => {
    for (const begin of waiting) {
      if (scratch.length === 0) return
      waiting.delete(begin)
      begin()
    }
  }

  return (name, arguments_, done) => {
    const begin = (): void => {
      const mine = scratch.pop()!
      const settle: typeof done = (status, value, cause) => {
        scratch.push(mine)
        try {
          done(status, value, cause)
        } finally {
          next()
        }
      }
      const run = (): void => {
        try {
          implementations[name](arguments_, mine, settle)
        } catch (cause) {
          // koffi throws when the process has too many calls of everybody's running.
          queueMicrotask(() => settle(ERROR_GEN_FAILURE, undefined, cause))
        }
      }
      // Begun inside the completion that it waits for, it would make a `process.exit` there hang: that joins libuv's
      // threads.
      if (name === "WaitForThreadpoolIoCallbacks") queueMicrotask(run)
      else run()
    }
    waiting.add(begin)
    next()
    return () => waiting.delete(begin)
  }
}

const makeScratch = (native: Bindings, limit: number): Array<Scratch> => {
  const { address, bytes } = reserve(native, limit * SCRATCH_BYTES)
  return Array.from({ length: limit }, (_, index) => ({
    address: address + index * SCRATCH_BYTES,
    view: new DataView(bytes.buffer, index * SCRATCH_BYTES, SCRATCH_BYTES)
  }))
}

const makeImplementations = (
  native: Bindings,
  capabilities: Capabilities
): { [K in CallName]: Implementation<K> } => {
  /** For a BOOL: inside the callback of an `.async` call the last error is the one of the thread that made it. */
  const answer: Answer = (done) => (error, result) => {
    if (error !== null) done(ERROR_GEN_FAILURE, undefined, error)
    else done(result !== 0 ? ERROR_SUCCESS : native.GetLastError() || ERROR_GEN_FAILURE, undefined)
  }

  return {
    ...pipeCalls(native, capabilities, answer),
    ...fileCalls(native, answer),
    ...renameCalls(native, answer),
    ...openCalls(native, answer),

    CloseHandle: ({ handle }, _, done) => native.CloseHandle.async(handle, answer(done)),

    FlushFileBuffers: ({ handle }, _, done) => native.FlushFileBuffers.async(handle, answer(done)),

    GetFileInformationByHandle: ({ changes, handle }, { address, view }, done) => {
      const told = answer((status, _, cause) => {
        const information = status === 0 ? readFileInformation(view) : undefined
        if (information === undefined || changes !== true) return done(status, information, cause)
        const basic = answer((status, _, cause) => {
          // A file system that keeps no such time says 0, or does not know the question.
          const ticks = status === 0 ? view.getBigInt64(FILE_BASIC_INFO.ChangeTime, true) : 0n
          done(ERROR_SUCCESS, ticks === 0n ? information : { ...information, changedTimeNs: sinceEpoch(ticks) }, cause)
        })
        try {
          native.GetFileInformationByHandleEx.async(handle, FileBasicInfo, address, FILE_BASIC_INFO.size, basic)
        } catch (thrown) {
          done(ERROR_GEN_FAILURE, undefined, thrown)
        }
      })
      native.GetFileInformationByHandle.async(handle, address, told)
    },

    SetEndOfFile: ({ handle, length }, { address, view }, done) => {
      if (length < 0n || length > MAX_INT64) return refuse(done, ERROR_INVALID_PARAMETER)
      view.setBigInt64(0, length, true)
      native.SetFileInformationByHandle.async(handle, FileEndOfFileInfo, address, 8, answer(done))
    },

    SetBasicInformation: ({ accessTimeNs, handle, modifiedTimeNs, readOnly }, { address, view }, done) => {
      const accessTime = toFileTime(accessTimeNs)
      const modifiedTime = toFileTime(modifiedTimeNs)
      if (accessTime === undefined || modifiedTime === undefined) return refuse(done, ERROR_INVALID_PARAMETER)
      const set = (attributes: number): void => {
        // The present value is written back where a zero would change it.
        const setTime = (at: number, time: bigint): void => {
          if (time !== UNCHANGED || capabilities.keepsZeroFields) view.setBigInt64(at, time, true)
        }
        setTime(FILE_BASIC_INFO.LastAccessTime, accessTime)
        setTime(FILE_BASIC_INFO.LastWriteTime, modifiedTime)
        view.setBigInt64(FILE_BASIC_INFO.CreationTime, UNCHANGED, true)
        view.setBigInt64(FILE_BASIC_INFO.ChangeTime, UNCHANGED, true)
        view.setUint32(FILE_BASIC_INFO.FileAttributes, attributes, true)
        native.SetFileInformationByHandle.async(handle, FileBasicInfo, address, FILE_BASIC_INFO.size, answer(done))
      }
      const everyTime = accessTime !== UNCHANGED && modifiedTime !== UNCHANGED
      if (readOnly === undefined && (everyTime || capabilities.keepsZeroFields)) return set(0)
      const present = answer((status, _, cause) => {
        if (status !== 0) return done(status, undefined, cause)
        const attributes = view.getUint32(FILE_BASIC_INFO.FileAttributes, true)
        try {
          set(readOnly === undefined ? 0 : withReadOnly(attributes, readOnly))
        } catch (thrown) {
          done(ERROR_GEN_FAILURE, undefined, thrown)
        }
      })
      native.GetFileInformationByHandleEx.async(handle, FileBasicInfo, address, FILE_BASIC_INFO.size, present)
    },

    DeleteFileW: ({ path }, _, done) => {
      const name = toSystemPath(path)
      if (name === undefined) return refuse(done, ERROR_INVALID_NAME)
      native.DeleteFileW.async(name, answer(done))
    },

    CopySmallFile: (_, __, done) => refuse(done, ERROR_NOT_SUPPORTED),

    CopyFileW: ({ from, to }, _, done) => {
      const [source, target] = [toSystemPath(from), toSystemPath(to)]
      if (source === undefined || target === undefined) return refuse(done, ERROR_INVALID_NAME)
      native.CopyFileW.async(source, target, 1, answer(done))
    },

    ...directoryCalls(native, capabilities, answer),

    WaitForThreadpoolIoCallbacks: ({ threadpoolIo }, _, done) =>
      native.WaitForThreadpoolIoCallbacks.async(
        threadpoolIo,
        0,
        (error) => done(error === null ? ERROR_SUCCESS : ERROR_GEN_FAILURE, undefined, error ?? undefined)
      ),

    // It waits for their callbacks, of which there are none: the engine has drained the members.
    CloseThreadpoolCleanupGroupMembers: ({ group }, _, done) =>
      native.CloseThreadpoolCleanupGroupMembers.async(
        group,
        0,
        0,
        (error) => done(error === null ? ERROR_SUCCESS : ERROR_GEN_FAILURE, undefined, error ?? undefined)
      )
  }
}

// --- times: 100 ns units since 1601 there, nanoseconds since 1970 here

const UNIX_EPOCH = 116_444_736_000_000_000n
const UNCHANGED = 0n

/** `undefined` for what a FILETIME cannot say: 0 and below have meanings of their own. */
const toFileTime = (ns: bigint | undefined): bigint | undefined => {
  if (ns === undefined) return UNCHANGED
  const ticks = ns / 100n + UNIX_EPOCH
  return ticks > 0n && ticks <= MAX_INT64 ? ticks : undefined
}

const sinceEpoch = (ticks: bigint): bigint => (ticks - UNIX_EPOCH) * 100n

const fromFileTime = (view: DataView, offset: number): bigint => sinceEpoch(uint64(view, offset + 4, offset))

const uint64 = (view: DataView, high: number, low: number): bigint =>
  BigInt(view.getUint32(high, true)) << 32n | BigInt(view.getUint32(low, true))

// --- attributes

/** 0 would mean "unchanged": a file without any attribute is NORMAL. */
const withReadOnly = (attributes: number, readOnly: boolean): number => {
  const others = attributes & ~(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_NORMAL)
  return (readOnly ? others | FILE_ATTRIBUTE_READONLY : others) || FILE_ATTRIBUTE_NORMAL
}

const readFileInformation = (view: DataView): FileInformation => {
  const at = BY_HANDLE_FILE_INFORMATION
  return {
    size: uint64(view, at.FileSizeHigh, at.FileSizeLow),
    accessTimeNs: fromFileTime(view, at.LastAccessTime),
    modifiedTimeNs: fromFileTime(view, at.LastWriteTime),
    createdTimeNs: fromFileTime(view, at.CreationTime),
    changedTimeNs: undefined,
    attributes: view.getUint32(at.FileAttributes, true),
    mode: undefined,
    numberOfLinks: view.getUint32(at.NumberOfLinks, true),
    volume: BigInt(view.getUint32(at.VolumeSerialNumber, true)),
    fileIndex: uint64(view, at.FileIndexHigh, at.FileIndexLow)
  }
}
