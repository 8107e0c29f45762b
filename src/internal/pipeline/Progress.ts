/**
 * How far a copy is: counted here, told to whoever listens.
 */
import type { Progress as Public } from "../../Pipeline.js"

export class Progress implements Public {
  files = 0
  bytes = 0
  verifiedBytes = 0
  foundFiles = 0
  foundBytes = 0
  totalFiles = 0
  totalBytes = 0
  readonly #temporary = new Set<string>()
  readonly #listener: ((progress: Public) => void) | undefined
  /** A property, which a copy of the state has too. */
  readonly partials = (): ReadonlyArray<string> => [...this.#temporary]

  constructor(listener: ((progress: Public) => void) | undefined) {
    this.#listener = listener
  }

  /** A file is going to be made that a process which is killed leaves behind. */
  begun(path: string): void {
    this.#temporary.add(path)
  }

  /** It has got its name, or has been removed. */
  ended(path: string): void {
    this.#temporary.delete(path)
  }

  planned(files: number, bytes: number): void {
    this.totalFiles = files
    this.totalBytes = bytes
    this.#listener?.(this)
  }

  copied(bytes: number): void {
    this.bytes += bytes
    this.#listener?.(this)
  }

  verified(bytes: number): void {
    this.verifiedBytes += bytes
    this.#listener?.(this)
  }

  /** Bytes that an earlier copy had written. */
  found(bytes: number): void {
    this.bytes += bytes
    this.foundBytes += bytes
    this.#listener?.(this)
  }

  /** A file that was complete before. */
  foundFile(bytes: number): void {
    this.foundFiles++
    this.files++
    this.found(bytes)
  }

  /** A file has its name. */
  file(): void {
    this.files++
    this.#listener?.(this)
  }
}
