/**
 * The message that a connection is in the middle of: its pieces, up to a limit. They stay here when a read is
 * interrupted between two of them, so that the next read goes on where that one was.
 */
export class Messages {
  readonly #pieces: Array<Uint8Array> = []
  #length = 0
  #whole = false
  /** One reader at a time: two would get pieces of one message each. */
  reading = false

  /** The message has come to its end. */
  get whole(): boolean {
    return this.#whole
  }

  /** Bytes of it so far, also of what was dropped. */
  get length(): number {
    return this.#length
  }

  /** Copies a piece; `more` is 234. What is beyond the limit is dropped, with all that came before. */
  add(piece: Uint8Array, more: boolean, maximum: number): void {
    this.#length += piece.length
    if (this.#length > maximum) this.#pieces.length = 0
    else if (piece.length > 0) this.#pieces.push(piece.slice())
    this.#whole = !more
  }

  /** The whole message, or `undefined` when it was longer than the limit; then the next one begins. */
  take(): Uint8Array | undefined {
    const length = this.#length
    const pieces = this.#pieces.splice(0)
    this.#length = 0
    this.#whole = false
    if (pieces.length === 1 && pieces[0]!.length === length) return pieces[0]
    const message = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
    let at = 0
    for (const piece of pieces) {
      message.set(piece, at)
      at += piece.length
    }
    return at === length ? message : undefined
  }
}
