/**
 * Which bytes of one memory the operations in flight use. Two conflict when their ranges overlap and the kernel writes
 * one of them; such an operation is refused before any native call.
 */

/** An operation's window, as byte offsets into the memory: `[rangeStart, rangeEnd)`. */
export interface Ranged {
  rangeStart: number
  rangeEnd: number
}

export class Ranges {
  /** The kernel writes them: disjoint, sorted by start. */
  readonly #written: Array<Ranged> = []
  /** The kernel reads them: these may overlap each other. */
  #read: Set<Ranged> | undefined = undefined

  get inUse(): boolean {
    return this.#written.length > 0 || (this.#read !== undefined && this.#read.size > 0)
  }

  /** Takes a range that is not empty for an operation; `false` when it conflicts with one in flight. */
  add(range: Ranged, kernelWrites: boolean): boolean {
    const at = this.#position(range.rangeStart)
    const before = this.#written[at - 1]
    const after = this.#written[at]
    if (before !== undefined && before.rangeEnd > range.rangeStart) return false
    if (after !== undefined && after.rangeStart < range.rangeEnd) return false
    if (!kernelWrites) {
      this.#read ??= new Set()
      this.#read.add(range)
      return true
    }
    if (this.#read !== undefined) {
      for (const other of this.#read) {
        if (other.rangeStart < range.rangeEnd && range.rangeStart < other.rangeEnd) return false
      }
    }
    if (after === undefined) this.#written.push(range)
    else this.#written.splice(at, 0, range)
    return true
  }

  remove(range: Ranged): void {
    if (this.#read?.delete(range) === true) return
    const at = this.#position(range.rangeStart) - 1
    if (this.#written[at] !== range) throw new Error("a range was given back twice")
    if (at === this.#written.length - 1) this.#written.pop()
    else this.#written.splice(at, 1)
  }

  /** The index of the first written range that starts after `start`. */
  #position(start: number): number {
    let low = 0
    let high = this.#written.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#written[middle]!.rangeStart <= start) low = middle + 1
      else high = middle
    }
    return low
  }
}
