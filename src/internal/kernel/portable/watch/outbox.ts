/**
 * The changes of a watched directory on their way out of the thread. The function runs in the thread that watches, from
 * its own text: it uses nothing but its arguments.
 */
import type { Loop, Told } from "./protocol.js"

/* v8 ignore start: it runs in a thread of its own */
export function watchOutbox(loop: Loop) {
  /**
   * Names that cannot be told are one overflow: when no more have come for so long, and at the latest after a second.
   */
  const BURST_MILLIS = 50
  const LONGEST_BURST_MILLIS = 1000
  /** Bytes of records that are told at once, until the first read says how large its buffer is. */
  const FIRST_ROOM = 32_768

  const sizeOf = ({ name }: Told): number => (12 + name.length * 2 + 3) & ~3

  return class Outbox {
    #waiting: Array<Told> = []
    #bytes = 0
    #room = FIRST_ROOM
    /** The last changes that were told have not been taken. */
    #owed = false
    #burst: { readonly since: number; last: number } | undefined = undefined
    #closed = false

    constructor(
      readonly id: number,
      /** The action of a new name. */
      readonly secondHalf: number
    ) {}

    /** There is as much in it as is told at once. */
    get full(): boolean {
      return this.#owed && this.#bytes >= this.#room
    }

    tell(told: Told): void {
      this.#waiting.push(told)
      this.#bytes += sizeOf(told)
    }

    overflow(): void {
      this.tell({ action: 0, name: "" })
    }

    taken(room: number): void {
      this.#room = room
      this.#owed = false
      this.flush()
    }

    /** Tells as much as there is room for; a rename is not divided. */
    flush(): void {
      const waiting = this.#waiting
      if (waiting.length === 0 || this.#owed) return
      let bytes = 0
      let count = 0
      while (count < waiting.length && (bytes < this.#room || waiting[count]!.action === this.secondHalf)) {
        bytes += sizeOf(waiting[count++]!)
      }
      this.#bytes -= bytes
      this.#owed = true
      loop.tell({ kind: "told", id: this.id, records: waiting.splice(0, count) })
    }

    /** Tells everything that waits: no more will come. */
    close(): void {
      this.#closed = true
      this.#owed = false
      this.#room = Infinity
      this.flush()
    }

    /** Something has happened to a name that cannot be told. */
    unknown(): void {
      const now = loop.now()
      if (this.#burst !== undefined) {
        this.#burst.last = now
        return
      }
      this.#burst = { since: now, last: now }
      this.#awaitEnd(this.#burst)
    }

    #awaitEnd(burst: { readonly since: number; readonly last: number }): void {
      loop.timer(BURST_MILLIS, () => {
        if (this.#closed) return
        const now = loop.now()
        if (now - burst.last < BURST_MILLIS && now - burst.since < LONGEST_BURST_MILLIS) return this.#awaitEnd(burst)
        this.#burst = undefined
        this.overflow()
        this.flush()
      })
    }
  }
}
/* v8 ignore stop */
