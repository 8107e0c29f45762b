/**
 * The plain parts of named pipes: who waits for whom, messages put together, and names.
 */
import { describe, expect, it } from "@effect/vitest"
import { Backlog } from "../../src/internal/pipe/Backlog.js"
import { Messages } from "../../src/internal/pipe/Messages.js"
import { nameProblem, pathOf } from "../../src/internal/pipe/name.js"

describe("a backlog", () => {
  it("gives clients to those who wait, in order, and keeps the others", () => {
    const backlog = new Backlog<string>(4, 10)
    const first = backlog.take()
    const second = backlog.take()
    for (const client of ["a", "b", "c"]) expect(backlog.offer(client)).toBe(true)
    expect([first.value, second.value, backlog.take().value]).toEqual(["a", "b", "c"])
  })
  it("gives nothing to one who has left, and takes back what came for him, first in line", () => {
    const backlog = new Backlog<string>(4, 10)
    const gone = backlog.take()
    backlog.withdraw(gone)
    expect([gone.delivered, gone.value]).toEqual([true, undefined])
    const late = backlog.take()
    backlog.offer("a")
    backlog.offer("b")
    backlog.withdraw(late)
    expect(late.value).toBe("a")
    backlog.offer(late.value!, true)
    expect([backlog.take().value, backlog.take().value]).toEqual(["a", "b"])
  })
  it("has room for so many instances, and for none while enough clients wait", () => {
    const backlog = new Backlog<string>(2, 3)
    expect([1, 2, 3, 4].map(() => backlog.reserve())).toEqual([true, true, true, false])
    let told = 0
    backlog.whenChanged(() => told++)
    backlog.release()
    expect([told, backlog.reserve()]).toEqual([1, true])
    backlog.release()
    backlog.offer("a")
    backlog.offer("b")
    expect(backlog.hasRoom).toBe(false)
    backlog.take()
    expect(backlog.hasRoom).toBe(true)
  })
  it("tries nothing after a failure until one has been told, after the clients who came before", () => {
    const backlog = new Backlog<string>(4, 10)
    backlog.offer("a")
    backlog.fail("why")
    backlog.fail("again")
    expect([backlog.hasRoom, backlog.take().value, backlog.hasRoom]).toEqual([false, "a", false])
    expect([backlog.take().value, backlog.hasRoom]).toEqual(["again", true])
    const waits = backlog.take()
    backlog.fail("at once")
    expect([waits.value, backlog.hasRoom]).toEqual(["at once", true])
  })
  it("that is closed tells those who wait, hands out those who do not, and takes nobody", () => {
    const backlog = new Backlog<string>(4, 10)
    backlog.offer("a")
    expect(backlog.close()).toEqual(["a"])
    expect([backlog.offer("b"), backlog.reserve(), backlog.take().delivered]).toEqual([false, false, true])
    const waiting = new Backlog<string>(4, 10)
    const taker = waiting.take()
    expect(waiting.close()).toEqual([])
    expect([taker.delivered, taker.value]).toEqual([true, undefined])
  })
})

describe("a message", () => {
  const bytes = (...values: Array<number>) => Uint8Array.from(values)

  it("is its pieces, copied, and nothing of the one before", () => {
    const messages = new Messages()
    const memory = bytes(1, 2)
    messages.add(memory, true, 10)
    memory.fill(0)
    expect(messages.whole).toBe(false)
    messages.add(bytes(3), false, 10)
    expect([messages.whole, messages.take()]).toEqual([true, bytes(1, 2, 3)])
    messages.add(bytes(), false, 10)
    expect(messages.take()).toEqual(bytes())
  })
  it("of exactly the limit is kept, a longer one is dropped whole", () => {
    const messages = new Messages()
    messages.add(bytes(1, 2), true, 3)
    messages.add(bytes(3), false, 3)
    expect(messages.take()).toEqual(bytes(1, 2, 3))
    for (const lengths of [[4], [2, 2], [2, 2, 1], [3, 0, 1], [4, 0]]) {
      lengths.forEach((length, index) => messages.add(new Uint8Array(length), index < lengths.length - 1, 3))
      expect([messages.whole, messages.take()]).toEqual([true, undefined])
    }
  })
})

describe("the name of a pipe", () => {
  it("is the same with its prefix and without", () => {
    const path = "\\\\.\\pipe\\app"
    expect([pathOf("app"), pathOf(path), pathOf("\\\\.\\PIPE\\app")]).toEqual([path, path, path])
  })
  it("has 247 characters at most, and no others than it may have", () => {
    expect(nameProblem(pathOf("x".repeat(247)))).toBeUndefined()
    expect(nameProblem(pathOf("app-1_{é}.v2"))).toBeUndefined()
    expect(nameProblem(pathOf("LOCAL\\app"))).toBeUndefined()
    for (const name of ["", "LOCAL\\", "local\\a\\b", "x".repeat(248), "a\0", "a\\b", "a/b", "..", ".", "a ", "a."]) {
      expect(nameProblem(pathOf(name))).toBeTypeOf("string")
    }
  })
})
