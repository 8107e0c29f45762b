/**
 * The judge of traces must be able to say no: a trace of the portable kernel is admitted, and with one thing changed in
 * it, it is not.
 */
import { describe, expect, it } from "@effect/vitest"
import * as C from "../../src/internal/constants.js"
import * as Portable from "../../src/internal/kernel/portable.js"
import { judge } from "../support/traces/judge.js"
import { byteOf, type Event, record, type Trace } from "../support/traces/record.js"
import { makeScript, type Script } from "../support/traces/script.js"

const script: Script = {
  seed: 0,
  subject: "file",
  skipMode: true,
  steps: [
    { _tag: "write", end: 0, length: 100, offset: 50 },
    { _tag: "pause" },
    { _tag: "read", end: 0, length: 200, offset: 0 },
    { _tag: "read", end: 0, length: 10, offset: 5_000 },
    { _tag: "pause" }
  ]
}

const honest = record(Portable.make(), script)

const is = <T extends Event["_tag"]>(tag: T, operation: number) => (event: Event) =>
  event._tag === tag && "operation" in event && event.operation === operation

/** The honest trace, with the event that `which` picks replaced by what `change` makes of it. */
const tampered = async (
  which: (event: Event) => boolean,
  change: (event: Event) => ReadonlyArray<Event>
): Promise<Trace> => {
  const trace = await honest
  return { ...trace, events: trace.events.flatMap((event) => which(event) ? change(event) : [event]) }
}

const lie = (packet: { readonly status?: number; readonly bytes?: number }) => (event: Event) => [
  { ...event, ...packet } as Event
]

describe("the judge of traces", () => {
  it("admits what the portable kernel does", async () => {
    expect(judge(await honest)).toEqual([])
  })

  const lies: ReadonlyArray<readonly [string, (event: Event) => boolean, (event: Event) => ReadonlyArray<Event>]> = [
    ["a packet that does not come", is("packet", 0), () => []],
    ["a packet that comes twice", is("packet", 1), (event) => [event, event]],
    ["a packet after TRUE in skip mode", is("issue", 0), (event) => [{ ...event, answer: 0, bytes: 100 } as Event]],
    ["a packet after a failure", is("issue", 1), (event) => [{ ...event, answer: C.ERROR_ACCESS_DENIED } as Event]],
    ["a cancellation that nobody asked for", is("packet", 1), lie({ status: C.ERROR_OPERATION_ABORTED, bytes: 0 })],
    ["a success without a byte", is("packet", 1), lie({ bytes: 0 })],
    ["more bytes than were asked for", is("packet", 1), lie({ bytes: 201 })],
    ["fewer bytes than there are", is("packet", 1), lie({ bytes: 199 })],
    ["bytes beyond the end", is("packet", 2), lie({ status: C.ERROR_SUCCESS, bytes: 3 })],
    ["half a write", is("packet", 0), lie({ bytes: 50 })],
    ["an error that no rule has", is("packet", 0), lie({ status: C.ERROR_GEN_FAILURE })],
    ["a handle that could not be closed", ({ _tag }) => _tag === "close", (event) => [
      { ...event, status: C.ERROR_INVALID_HANDLE } as Event
    ]],
    ["an object that is closed with operations in flight", is("packet", 2), () => []]
  ]
  for (const [name, which, change] of lies) {
    it(`does not admit ${name}`, async () => {
      expect(judge(await tampered(which, change))).not.toEqual([])
    })
  }

  it("does not admit a byte that nobody has written, or that had been overwritten before", async () => {
    for (const byte of [0, 7, 0xff, byteOf(3)]) {
      const trace = await tampered(is("packet", 1), (event) => {
        if (event._tag !== "packet") return [event]
        const data = event.data!.slice()
        data[60] = byte
        return [{ ...event, data }]
      })
      expect(judge(trace)).toEqual([`read 1: the byte at 60 is ${byte}`])
    }
  })

  it("does not admit a stray packet, or an operation that a cancel does not end", async () => {
    expect(judge({ ...await honest, strays: 1 })).toEqual(["rule 1: 1 packets that no operation owned"])
    expect(judge({ ...await tampered(is("packet", 2), () => []), stuck: [2] })).not.toEqual([])
  })
})

describe("a script", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(makeScript(7, ["file", "pipe"])).toEqual(makeScript(7, ["file", "pipe"]))
    expect(makeScript(7, ["file"])).not.toEqual(makeScript(8, ["file"]))
  })
})
