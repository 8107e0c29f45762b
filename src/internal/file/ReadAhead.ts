/**
 * A ring of reads: so many of them in flight or waiting to be taken, each into memory of the pool of its own, in file
 * order or as they complete. It ends where the file does, or the range.
 */
import type { ThreadpoolIoObject } from "../engine/ThreadpoolIoObject.js"
import { advance } from "../offset.js"
import { Flight } from "../settle.js"
import { Transfer } from "./Transfer.js"

/** The bytes to read. */
export interface Range {
  readonly offset: number | bigint
  /** `Infinity`: to the end of the file. */
  readonly length: number
  /** In each read. */
  readonly chunkSize: number
  /** A read of more that fails is made again in pieces of this size, so that all before the failure comes. */
  readonly smallest: number
  readonly inFlight: number
  readonly alignment: number
}

/** A read of the ring. */
export class Piece extends Transfer {
  /** Bytes of it that belong to the range, and were there. */
  get size(): number {
    return Math.min(this.bytes, this.wanted)
  }

  constructor(
    io: ThreadpoolIoObject,
    lease: Transfer["lease"],
    range: Range,
    /** Bytes from the beginning of the range. */
    readonly at: number,
    readonly wanted: number,
    /** In the same measure: smaller pieces follow this one up to there, in the place of a read that has failed. */
    readonly until = at + wanted
  ) {
    const { alignment, offset } = range
    super(io, "read", lease, advance(offset, at), Math.ceil(wanted / alignment) * alignment, alignment)
  }
}

export class ReadAhead {
  readonly flight = new Flight(() => this.#cancel())
  /** In flight or ready, in file order. */
  readonly #pieces: Array<Piece> = []
  /** The end of what has been asked for, and of what there is, as bytes from the beginning of the range. */
  #asked = 0
  #end: number
  /**
   * One read has come whole. A file that is made up while it is read brings a page at a time, and begins anew for every
   * read that does not go on where the last one ended: reads ahead of each other would take a time that grows with the
   * square of its length.
   */
  #comesWhole = false
  /** There was no memory for a single read. */
  exhausted = false

  constructor(
    readonly io: ThreadpoolIoObject,
    readonly range: Range,
    readonly ordered: boolean,
    /** The taker keeps the memory of each piece. */
    readonly toKeep: boolean
  ) {
    this.#end = range.length
  }

  /** Starts reads, until enough are in flight or ready. */
  pump(): void {
    const { chunkSize, inFlight } = this.range
    while (this.#pieces.length < (this.#comesWhole ? inFlight : 1) && this.#asked < this.#end) {
      const { buffers } = this.io.engine
      const lease = this.toKeep ? buffers.leaseToGive(chunkSize) : buffers.lease(chunkSize)
      if (lease === undefined) {
        this.exhausted = this.#pieces.length === 0
        return
      }
      const wanted = Math.min(chunkSize, this.#end - this.#asked)
      const piece = new Piece(this.io, lease, this.range, this.#asked, wanted)
      this.#asked += wanted
      this.#pieces.push(piece)
      this.#start(piece)
      // Pieces behind a failure are not wanted.
      if (piece.failed !== undefined) return
    }
  }

  #start(piece: Piece): void {
    if (!piece.start().delivered) this.flight.add(piece)
  }

  /** Reads from here up to there in small pieces, one after the other, before anything else is taken. */
  #inSmall(at: number, until: number): void {
    const { smallest } = this.range
    const lease = this.io.engine.buffers.lease(smallest)
    if (lease === undefined) {
      this.exhausted = true
      this.#end = at
      return
    }
    const piece = new Piece(this.io, lease, this.range, at, Math.min(smallest, until - at), until)
    this.#pieces.unshift(piece)
    this.#start(piece)
  }

  /** `take` will not come without an answer: a piece, or that there is no more. */
  readonly ready = (): boolean => this.finished || this.exhausted || this.#next() >= 0

  /** Every piece of the range has been taken. */
  get finished(): boolean {
    return this.#asked >= this.#end && (this.#pieces.length === 0 || this.#pieces[0]!.at >= this.#end)
  }

  /** The next piece, which is then the taker's: it failed, or it has bytes. `undefined`: none is ready. */
  take(): Piece | undefined {
    for (let index = this.#next(); index >= 0; index = this.#next()) {
      const piece = this.#pieces[index]!
      if (index === 0) this.#pieces.shift()
      else this.#pieces.splice(index, 1)
      if (piece.at < this.#end) {
        if (piece.failed !== undefined) {
          piece.lease.release()
          if (piece.wanted <= this.range.smallest || piece.failed.ending !== "completed") return piece
          this.#inSmall(piece.at, piece.until)
          continue
        }
        if (piece.size < piece.wanted) this.#end = piece.at + piece.size
        else if (piece.at + piece.size < piece.until) this.#inSmall(piece.at + piece.size, piece.until)
        this.#comesWhole = !piece.inParts
        if (piece.size > 0) return piece
      }
      piece.lease.release()
    }
    return undefined
  }

  #next(): number {
    if (!this.ordered) return this.#pieces.findIndex((piece) => piece.delivered)
    return this.#pieces.length > 0 && this.#pieces[0]!.delivered ? 0 : -1
  }

  #cancel(): void {
    this.#end = 0
    for (const piece of this.#pieces) piece.cancel()
  }

  /** After the flight has stopped: the memory of what nobody has taken. Answers these pieces. */
  release(): ReadonlyArray<Piece> {
    const left = this.#pieces.splice(0)
    for (const piece of left) piece.lease.release()
    return left
  }
}
