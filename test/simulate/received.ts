/**
 * Compares what comes out of a pipe with what went in: in order, and of each write at least what it said it had
 * written.
 */

export interface Sent {
  readonly mark: number
  readonly length: number
  /** Known once it has ended; until then anything may come. */
  atLeast: number
  atMost: number
}

export class Received {
  /** The byte that ends it all. Those of writes are smaller, and differ from those before. */
  static readonly LAST = 251
  readonly #sent: Array<Sent> = []
  #at = 0
  #of = 0
  complete = false

  /** `lenient`: operations were given up, and what they take or bring nobody hears. */
  constructor(readonly lenient: boolean) {}

  expect(mark: number, length: number): Sent {
    const sent = { mark, length, atLeast: 0, atMost: length }
    this.#sent.push(sent)
    return sent
  }

  take(bytes: Uint8Array): void {
    if (this.lenient) this.complete ||= bytes.includes(Received.LAST)
    else for (const byte of bytes) this.#take(byte)
  }

  #take(byte: number): void {
    for (let sent = this.#sent[this.#at]; sent !== undefined; sent = this.#sent[++this.#at]) {
      if (byte === sent.mark && this.#of < sent.atMost) {
        this.#of++
        if (byte === Received.LAST) this.complete = true
        return
      }
      if (this.#of < sent.atLeast) throw new Error(`of ${sent.atLeast} bytes written, ${this.#of} have come`)
      this.#of = 0
    }
    throw new Error(`a byte ${byte} has come that nobody had sent`)
  }
}
