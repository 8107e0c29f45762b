/**
 * Functions on an open file that transfer none of its bytes: size, times, attributes, and control codes.
 */
import * as Effect from "effect/Effect"
import type { BasicInfo, DeviceIoControlOptions, File, Sectors, Stat } from "../../File.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import type { Win32Error } from "../../Win32Error.js"
import {
  aBigint,
  aBoolean,
  aMode,
  aNumber,
  anything,
  InvalidArgument,
  optionsOf,
  refusal,
  wrong
} from "../arguments.js"
import * as c from "../constants.js"
import { offsetProblem } from "../offset.js"
import { callOn, isGenuine, notAFile, refuse, refused } from "./self.js"

export const stat = (self: File): Effect.Effect<Stat, Win32Error> =>
  callOn(self, "GetFileInformationByHandle", { changes: true })

export const size = (self: File): Effect.Effect<bigint, Win32Error> =>
  Effect.map(callOn(self, "GetFileInformationByHandle", {}), ({ size }) => size)

export const sectors = (self: File): Effect.Effect<Sectors, Win32Error> => callOn(self, "GetStorageInformation", {})

export const sync = (self: File): Effect.Effect<void, Win32Error> => callOn(self, "FlushFileBuffers", {})

/** Sets a length of the file's: of what is in it, or of what is kept for it. */
const setLength = (
  self: File,
  name: "SetEndOfFile" | "SetAllocationInformation",
  length: number | bigint
): Effect.Effect<void, Win32Error> => {
  const problem = offsetProblem(length)
  return refuse(self, name, problem === undefined ? undefined : new InvalidArgument(problem)) ??
    callOn(self, name, { length: problem === undefined ? BigInt(length) : 0n })
}

export const truncate = (self: File, length: number | bigint) => setLength(self, "SetEndOfFile", length)

export const allocate = (self: File, length: number | bigint) => setLength(self, "SetAllocationInformation", length)

const lookAtBasicInfo = optionsOf<BasicInfo>({
  accessTimeNs: aBigint,
  modifiedTimeNs: aBigint,
  readOnly: aBoolean,
  mode: aMode
})

export const setBasicInfo = (self: File, info: BasicInfo): Effect.Effect<void, Win32Error> =>
  Effect.suspend(() => {
    const looked = lookAtBasicInfo(info)
    if (looked instanceof InvalidArgument) {
      return refuse(self, "SetBasicInformation", looked) ?? notAFile("SetBasicInformation", self)
    }
    const { accessTimeNs, mode, modifiedTimeNs, readOnly } = looked
    return callOn(self, "SetBasicInformation", { accessTimeNs, modifiedTimeNs, readOnly, mode })
  })

export const setDeleteOnClose = (self: File, remove: boolean): Effect.Effect<void, Win32Error> =>
  refuse(self, "SetDispositionInformation", wrong("remove", remove, aBoolean)) ??
    callOn(self, "SetDispositionInformation", { remove })

const lookAtIoControl = optionsOf<DeviceIoControlOptions>({ code: anything, input: anything, outputSize: aNumber })

export const deviceIoControl = (self: File, options: DeviceIoControlOptions): Effect.Effect<Uint8Array, Win32Error> =>
  Effect.suspend(() => {
    if (!isGenuine(self)) return notAFile("DeviceIoControl", self)
    const looked = lookAtIoControl(options)
    if (looked instanceof InvalidArgument) return Effect.fail(refusal("DeviceIoControl", looked, self))
    const { code, input, outputSize = 0 } = looked
    if (!Number.isInteger(outputSize) || outputSize < 0 || outputSize > c.MAXDWORD) {
      return Effect.fail(
        refused(
          self,
          "DeviceIoControl",
          `Refused: outputSize must be a whole number from 0 to ${c.MAXDWORD}, not ${outputSize}.`
        )
      )
    }
    const output = outputSize === 0 ? undefined : new Uint8Array(outputSize)
    const operation = Operation.deviceIoControl({ code, input, output })
    return Effect.flatMap(
      ThreadpoolIo.submit(self.io, operation),
      ({ bytesTransferred, status }) =>
        status === c.ERROR_MORE_DATA
          ? Effect.fail(
            refused(
              self,
              operation.request.syscall,
              `The answer has more bytes than the outputSize of ${outputSize}: ask again with a larger one.`,
              status
            )
          )
          : Effect.succeed(output === undefined ? new Uint8Array(0) : output.subarray(0, bytesTransferred))
    )
  })
