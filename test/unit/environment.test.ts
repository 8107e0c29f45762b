/**
 * Groups, pools and environments in the engine: what is kept when a member cannot be closed, and for how long.
 */
import { describe, expect, it } from "@effect/vitest"
import * as C from "../../src/internal/constants.js"
import {
  CleanupGroupObject,
  EnvironmentObject,
  type GroupReport,
  ThreadpoolObject
} from "../../src/internal/engine/Environment.js"
import { statusOf } from "../../src/internal/kernel/win32/bound.js"
import { bench, DRAIN, read } from "../support/bench.js"
import * as simulated from "../support/simulated.js"

/** An environment with a pool and a group, in which the bench binds. */
const inEnvironment = () => {
  const here = bench()
  const { engine } = here
  const { pools } = engine.kernel
  const pool = new ThreadpoolObject(engine, pools.createThreadpool({ minimum: 0, maximum: 2, stack: undefined }))
  const group = new CleanupGroupObject(engine, pools.createCleanupGroup())
  const id = pools.initializeEnvironment({
    pool: pool.pool,
    group: group.group,
    priority: C.TP_CALLBACK_PRIORITY_NORMAL,
    runsLong: false,
    library: undefined
  })
  const environment = new EnvironmentObject(engine, id, pool, group)
  const bind = () => here.bind({ owned: true, environment }, here.control.borrowedHandle("file"))
  const closeGroup = (limitMs = DRAIN) => {
    const answer: { report: GroupReport | undefined } = { report: undefined }
    group.close(limitMs, (report) => answer.report = report)
    return answer
  }
  const left = pools.callbacksLeft
  /** Nothing is used any more: the pool has given its threads back. */
  const poolIsClosed = () => pools.callbacksLeft > left
  return { ...here, pool, group, environment, bind, closeGroup, poolIsClosed }
}

describe("a cleanup group that closes", () => {
  it("drains its members first, whatever they are doing", () => {
    const { bind, closeGroup, control, environment, pool, poolIsClosed, settle } = inEnvironment()
    const members = [bind(), bind(), bind()]
    control.script(simulated.pend, simulated.packet)
    const operations = [members[0]!.submit(read()), members[1]!.submit(read())]
    pool.close()
    environment.close()
    const close = closeGroup()
    expect(control.log).not.toContain("CloseThreadpoolCleanupGroupMembers")
    settle()
    expect(close.report).toEqual({ retained: undefined, defect: undefined })
    expect(operations.map(({ delivered, status }) => [delivered, status])).toEqual([[true, 995], [
      true,
      C.ERROR_HANDLE_EOF
    ]])
    expect(control.log.filter((name) => name === "CloseThreadpoolIo")).toEqual([])
    expect(control.census()).toMatchObject({ objects: 0, started: 0 })
    expect(poolIsClosed()).toBe(true)
  })
  it("is kept with a member whose operation is quarantined; the others are closed by themselves (rule 20)", () => {
    const { bind, closeGroup, control, environment, loop, pool, poolIsClosed, settle } = inEnvironment()
    const [stuck] = [bind(), bind(), bind()]
    control.script(simulated.stuck)
    const operation = stuck!.submit(read())
    pool.close()
    environment.close()
    const close = closeGroup()
    settle()
    expect(close.report).toBeUndefined()
    loop.pass(DRAIN)
    settle()
    expect(operation.ending).toBe("quarantined")
    expect(close.report).toMatchObject({ retained: "1 of its members could not be closed" })
    expect(control.log.filter((name) => name === "CloseThreadpoolIo").length).toBe(2)
    expect(control.log).not.toContain("CloseThreadpoolCleanupGroupMembers")
    // Its late completion would come on this pool: that stays, too.
    expect([control.census().objects, poolIsClosed()]).toEqual([1, false])
  })
  it("is told of a member whose CloseHandle hangs, and goes without it; that one closes itself in the end", () => {
    const { bind, closeGroup, control, loop, settle } = inEnvironment()
    bind()
    control.scriptCall("CloseHandle", simulated.holdCall)
    const close = closeGroup()
    settle()
    loop.pass(DRAIN)
    settle()
    expect(close.report).toMatchObject({ retained: "1 of its members could not be closed" })
    control.held[0]!.release()
    settle()
    expect(control.log.slice(-1)).toEqual(["CloseThreadpoolIo"])
    expect(control.census()).toMatchObject({ objects: 0 })
  })
  it("whose members' call hangs is reported after the limit, and without one waited for", () => {
    for (const limit of [DRAIN, Infinity]) {
      const { bind, closeGroup, engine, loop, settle } = inEnvironment()
      bind()
      const call = engine.kernel.call.bind(engine.kernel)
      engine.kernel.call = (name, arguments_, done) =>
        name === "CloseThreadpoolCleanupGroupMembers" ? () => false : call(name, arguments_, done)
      const close = closeGroup(limit)
      settle()
      loop.pass(DRAIN)
      expect(close.report).toEqual(
        limit === Infinity
          ? undefined
          : { retained: "CloseThreadpoolCleanupGroupMembers has not returned yet", defect: undefined }
      )
    }
  })
})

describe("an object that is closed twice, by its scope and by its group,", () => {
  it("is closed once, and both hear the same", () => {
    const { bind, control, settle } = inEnvironment()
    const object = bind()
    const heard: Array<unknown> = []
    object.close((report) => heard.push(report))
    object.close((report) => heard.push(report), true)
    settle()
    object.close((report) => heard.push(report))
    expect(new Set(heard).size).toBe(1)
    expect(heard.length).toBe(3)
    expect(control.log.filter((name) => name === "CloseThreadpoolIo").length).toBe(1)
  })
})

describe("rule 8: the code that a bound handle's callback is handed", () => {
  const native = { RtlNtStatusToDosError: ((status: number) => [status]) as never }
  it("is left alone when it is a Win32 code", () => {
    for (const code of [0, 38, 109, 234, 995, 1359]) expect(statusOf(native, code)).toBe(code)
  })
  it("is translated, as a signed number, when it is an NTSTATUS", () => {
    expect(statusOf(native, 0xC000_0120)).toEqual([0xC000_0120 | 0])
    expect(statusOf(native, 0x8000_0005)).toEqual([0x8000_0005 | 0])
  })
})
