/**
 * The model of some bytes of a file: what each may be, after writes that succeeded and writes that nobody knows about.
 */
export class Region {
  readonly #possible: ReadonlyArray<Set<number>>
  /** Bytes that may still arrive, from operations that were given up. */
  readonly #wild: ReadonlyArray<Set<number>>

  constructor(size: number, readonly hangs: boolean) {
    this.#possible = Array.from({ length: size }, () => new Set([0]))
    this.#wild = Array.from({ length: size }, () => new Set())
  }

  written(at: number, length: number, byte: number): void {
    for (let index = at; index < at + length; index++) {
      this.#possible[index]!.clear()
      this.#possible[index]!.add(byte)
    }
  }

  unknown(at: number, length: number, byte: number): void {
    for (let index = at; index < at + length; index++) {
      this.#possible[index]!.add(byte)
      if (this.hangs) this.#wild[index]!.add(byte)
    }
  }

  compare(at: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) {
      if (this.#possible[at + index]!.has(byte) || this.#wild[at + index]!.has(byte)) continue
      throw new Error(
        `byte ${at + index} of the region is ${byte}, and may be ${[...this.#possible[at + index]!].join()}`
      )
    }
  }
}
