/**
 * A doubly linked list through the items themselves: adding and removing at any place costs the same however long it
 * is, and allocates nothing. An item is in one list at a time.
 */

export interface Linked<A> {
  previous: A | undefined
  next: A | undefined
}

export class List<A extends Linked<A>> {
  first: A | undefined
  #last: A | undefined
  length = 0

  push(item: A): void {
    item.previous = this.#last
    item.next = undefined
    if (this.#last === undefined) this.first = item
    else this.#last.next = item
    this.#last = item
    this.length++
  }

  shift(): A | undefined {
    const item = this.first
    if (item !== undefined) this.remove(item)
    return item
  }

  remove(item: A): void {
    const previous = item.previous
    const next = item.next
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    item.previous = item.next = undefined
    this.length--
  }

  *[Symbol.iterator](): Generator<A> {
    // The next one is read first: what the loop does may take the present one out.
    for (let item = this.first; item !== undefined;) {
      const next = item.next
      yield item
      item = next
    }
  }
}
