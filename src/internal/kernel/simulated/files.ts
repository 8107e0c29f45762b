/**
 * The storage of a simulated disk: memory, or real files. Everything is done at once, at the moment that the world has
 * chosen for it. What cannot be done throws a Win32 code, or an error of node's.
 */
import { errnoOf, Refusal, statusOf } from "../../errno.js"
import type { Calls, FileInformation } from "../Calls.js"

/** The file that a handle refers to. */
export interface Opened {
  /** Stands for the file, whoever else has it open. */
  readonly file: object
  readonly readable: boolean
  readonly writable: boolean
  /** Every write goes to the end. */
  readonly appends: boolean
}

/** `O` is what the storage itself knows of a handle. */
export interface Files<O extends Opened = Opened> {
  open(arguments_: Calls["CreateFileW"][0]): O
  close(opened: O): void
  size(opened: O): number
  /** Answers how many bytes there were to read. */
  read(opened: O, into: Uint8Array, offset: number): number
  write(opened: O, bytes: Uint8Array, offset: number): void
  flush(opened: O): void
  information(opened: O): FileInformation
  setEndOfFile(opened: O, length: bigint): void
  setBasicInformation(opened: O, information: Calls["SetBasicInformation"][0]): void
  setDisposition(opened: O, remove: boolean): void
  rename(opened: O, to: string, replace: boolean): void
  move(arguments_: Calls["MoveFileExW"][0]): void
  remove(path: string): void
  /** Closes everything that is open, when nothing is needed any more. */
  dispose?(): void
}

/** The answer of `work`, or what `refused` makes of the code and the error that it throws. A defect stays one. */
export const attempt = <A>(work: () => A, refused: (code: number, cause?: unknown) => A): A => {
  try {
    return work()
  } catch (thrown) {
    if (typeof thrown === "number") return refused(thrown)
    if (thrown instanceof Refusal || errnoOf(thrown) !== undefined) return refused(statusOf(thrown), thrown)
    throw thrown
  }
}
