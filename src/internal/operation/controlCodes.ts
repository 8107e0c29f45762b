/**
 * `DeviceIoControl`, and the codes that it takes: those that the library knows, and those that a caller vouches for.
 */
import type * as Operation from "../../Operation.js"
import { aNumber, anything, aString, InvalidArgument, optionsOf } from "../arguments.js"
import * as c from "../constants.js"
import { callersMemoryTrouble } from "../engine/OperationMemory.js"
import { TypeId } from "../operation.js"
import { isInstance, plainBytes, shown } from "../values.js"
import { NOTHING, nowhere, window } from "./window.js"

const lookAtIoControl = optionsOf<Operation.IoControlOptions>({
  code: anything,
  input: anything,
  output: anything,
  start: aNumber,
  length: aNumber
})

export const deviceIoControl = (options: Operation.IoControlOptions): Operation.DeviceIoControl => {
  const looked = lookAtIoControl(options)
  const { code, name } = looked instanceof InvalidArgument ? UNKNOWN : codeOf(looked.code)
  const given = looked instanceof InvalidArgument ? undefined : looked.input
  const input = given === undefined ? NOTHING : plainBytes(given)
  const { length, memory, problem, start } = looked instanceof InvalidArgument
    ? { ...nowhere(looked), memory: undefined }
    : looked.output === undefined
    ? { memory: undefined, start: 0, length: 0, problem: undefined }
    : window(looked.output, looked)
  const wrong = problem ??
    (input === undefined ? `the input must be a Uint8Array, not ${shown(given)}` : undefined) ??
    callersMemoryTrouble(input!, input!.byteLength) ??
    (!Number.isInteger(code) || code < 0 || code > c.MAXDWORD
      ? `a control code is a whole number from 0 to ${c.MAXDWORD}, not ${shown(code)}`
      : (code & c.METHOD_MASK) === c.METHOD_IN_DIRECT
      ? "a code of METHOD_IN_DIRECT reads its second buffer: Operation.unsafeMake can make it"
      : undefined)
  return {
    [TypeId]: TypeId,
    _tag: "DeviceIoControl",
    request: {
      syscall: `DeviceIoControl(${name})`,
      kind: "ioctl",
      access: memory === undefined ? "none" : "kernel-writes",
      memory,
      start,
      length,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: code,
      input: wrong !== undefined || input!.byteLength === 0 ? undefined : new Uint8Array(input!),
      trueIsPending: false,
      doneStatus: undefined,
      problem: wrong
    }
  }
}

/** No code is NaN. */
const UNKNOWN = { code: NaN, name: "?" }

const codeOf = (code: Operation.IoControlOptions["code"]): { readonly code: number; readonly name: string } => {
  if (typeof code === "string") {
    return Object.hasOwn(c.IO_CONTROL_CODES, code) ? { code: c.IO_CONTROL_CODES[code], name: code } : UNKNOWN
  }
  return isInstance(code, VouchedCode) ? code : UNKNOWN
}

class VouchedCode implements Operation.IoControlCode {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly _tag = "IoControlCode"
  constructor(readonly name: string, readonly code: number) {}
}

const lookAtCode = optionsOf<{ readonly name: string; readonly code: number }>({ name: aString, code: aNumber })

export const unsafeIoControlCode = (
  options: { readonly name: string; readonly code: number }
): Operation.IoControlCode => {
  const looked = lookAtCode(options)
  return looked instanceof InvalidArgument
    ? new VouchedCode(UNKNOWN.name, UNKNOWN.code)
    : new VouchedCode(looked.name ?? UNKNOWN.name, looked.code ?? UNKNOWN.code)
}
