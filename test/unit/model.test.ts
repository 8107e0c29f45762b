/**
 * The model of TP_IO accounting, by the rules of docs/CONTRACT.md, over the simulated storage.
 */
import { describe, expect, it } from "vitest"
import * as C from "../../src/internal/constants.js"
import type { CustomIssue, Issue } from "../../src/internal/kernel/Kernel.js"
import { ContractViolation } from "../../src/internal/kernel/model.js"
import { Driver } from "../support/driver.js"
import * as Simulated from "../support/simulated.js"

/** A simulated kernel whose turns the test runs, and one bound handle. */
const setup = (options: { readonly skipMode?: boolean } = {}) => {
  const { control, kernel } = Simulated.make({ turn: "manual" })
  const driver = new Driver(kernel)
  const handle = control.borrowedHandle("file")
  if (options.skipMode === true) kernel.setSkipMode(handle)
  return { control, kernel, driver, handle, io: driver.bind(handle) }
}

const violates = (rule: number, misuse: () => unknown) => {
  let thrown: unknown
  try {
    misuse()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(ContractViolation)
  expect((thrown as ContractViolation).rule).toBe(rule)
  expect((thrown as ContractViolation).message).toMatch(new RegExp(`\\(rule ${rule}\\)$`))
}

const refused = (call: (done: (status: number) => void) => unknown, run: () => void): number => {
  let answered = -1
  call((status) => answered = status)
  expect(answered).toBe(-1)
  run()
  return answered
}

describe("the model refuses", () => {
  it("an operation issued without Start (rule 1)", () => {
    const { io, kernel } = setup()
    violates(1, () => kernel.issue(io.operation("read")))
  })

  it("a second operation on the Start of the first (rule 1)", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.pend)
    io.issue("read")
    violates(1, () => kernel.issue(io.operation("read")))
  })

  it("CancelThreadpoolIo without Start, and for an operation whose packet is to come (rule 1)", () => {
    const { control, io, kernel } = setup()
    violates(1, () => kernel.cancelThreadpoolIo(io.threadpoolIo))
    control.script(Simulated.pend)
    io.issue("read")
    violates(1, () => kernel.cancelThreadpoolIo(io.threadpoolIo))
  })

  it("a slot issued while it is pending (rule 13)", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.pend)
    const operation = io.issue("read")
    kernel.startThreadpoolIo(io.threadpoolIo)
    violates(13, () => kernel.issue(operation))
  })

  it("memory freed while an operation in flight uses it, freed twice, or not the kernel's (rule 13)", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.pend)
    const operation = io.issue("read")
    violates(13, () => kernel.free(operation.block!))
    control.pending[0]!.complete()
    kernel.free(operation.block!)
    violates(13, () => kernel.free(operation.block!))
    violates(13, () => kernel.free({ address: 0, bytes: new Uint8Array(1) }))
  })

  it("memory given away while an operation in flight uses it, or twice (rule 13)", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.pend)
    const operation = io.issue("read")
    violates(13, () => kernel.giveAway(operation.block!))
    control.pending[0]!.complete()
    kernel.giveAway(operation.block!)
    violates(13, () => kernel.giveAway(operation.block!))
    violates(13, () => kernel.free(operation.block!))
  })

  it("memory that is freed, missing or too small (rule 13)", () => {
    const { io, kernel } = setup()
    const block = kernel.allocate(16)!
    kernel.startThreadpoolIo(io.threadpoolIo)
    violates(13, () => kernel.issue(io.operation("read", { block, start: 1, length: 16 })))
    kernel.free(block)
    violates(13, () => kernel.issue(io.operation("read", { block })))
    const missing: Issue = {
      kind: "read",
      handle: io.handle,
      threadpoolIo: io.threadpoolIo,
      slot: 0,
      block: undefined,
      start: 0,
      length: 1,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: undefined,
      input: undefined,
      inputLength: 0
    }
    violates(13, () => kernel.issue(missing))
  })

  it("an operation on a handle that is not bound to the object (rule 24)", () => {
    const { control, driver, kernel } = setup()
    const other = driver.bind(control.borrowedHandle("other"))
    const stranger = driver.bind(control.borrowedHandle("stranger"))
    kernel.startThreadpoolIo(stranger.threadpoolIo)
    const operation = Object.assign(other.operation("read"), { threadpoolIo: stranger.threadpoolIo })
    violates(24, () => kernel.issue(operation))
  })

  it("a Wait that would never return: for a Start not issued (rule 3), for an operation in flight (rule 20)", () => {
    const { control, driver, io, kernel } = setup()
    const wait = () => driver.call("WaitForThreadpoolIoCallbacks", { threadpoolIo: io.threadpoolIo })
    kernel.startThreadpoolIo(io.threadpoolIo)
    violates(3, () => kernel.call("WaitForThreadpoolIoCallbacks", { threadpoolIo: io.threadpoolIo }, () => {}))
    kernel.cancelThreadpoolIo(io.threadpoolIo)
    control.script(Simulated.pend)
    io.issue("read")
    violates(20, () => kernel.call("WaitForThreadpoolIoCallbacks", { threadpoolIo: io.threadpoolIo }, () => {}))
    control.pending[0]!.complete()
    const waited = wait()
    control.turns()
    return expect(waited).resolves.toMatchObject({ status: 0 })
  })

  it("CloseThreadpoolIo with a Start that dangles (rule 5)", () => {
    const { io, kernel } = setup()
    kernel.startThreadpoolIo(io.threadpoolIo)
    violates(5, () => kernel.closeThreadpoolIo(io.threadpoolIo))
  })

  it("CloseThreadpoolIo while the handle lives and is bound (rule 18), until it is closed or unbound", () => {
    const { control, handle, io, kernel } = setup()
    violates(18, () => kernel.closeThreadpoolIo(io.threadpoolIo))
    kernel.call("CloseHandle", { handle }, () => {})
    violates(18, () => kernel.closeThreadpoolIo(io.threadpoolIo))
    control.turns()
    kernel.closeThreadpoolIo(io.threadpoolIo)
    expect(control.census()).toEqual({ handles: 0, objects: 0, started: 0, inFlight: 0 })
  })

  it("CloseHandle with operations in flight, unless another handle keeps the file object (rule 17)", () => {
    const { control, handle, io, kernel } = setup()
    control.script(Simulated.pend)
    io.issue("read")
    violates(17, () => kernel.call("CloseHandle", { handle }, () => {}))
    control.duplicateHandle(handle)
    expect(refused((done) => kernel.call("CloseHandle", { handle }, done), () => control.turns())).toBe(0)
  })

  it("unbind with operations in flight, whose packets would go nowhere (rule 18)", () => {
    const { control, handle, io, kernel } = setup()
    control.script(Simulated.pend)
    io.issue("read")
    violates(18, () => kernel.unbind(handle))
  })

  it("every use of a closed TP_IO, a second close among them (rule 17)", () => {
    const { handle, io, kernel } = setup()
    const { threadpoolIo } = io
    kernel.unbind(handle)
    kernel.closeThreadpoolIo(threadpoolIo)
    violates(17, () => kernel.startThreadpoolIo(threadpoolIo))
    violates(17, () => kernel.cancelThreadpoolIo(threadpoolIo))
    violates(17, () => kernel.issue(io.operation("read")))
    violates(17, () => kernel.call("WaitForThreadpoolIoCallbacks", { threadpoolIo }, () => {}))
    violates(17, () => kernel.closeThreadpoolIo(threadpoolIo))
  })

  /** A pool, a group, an environment of both, and an object in it. */
  const inEnvironment = () => {
    const { control, kernel } = Simulated.make({ turn: "manual" })
    const { pools } = kernel
    const pool = pools.createThreadpool({ minimum: 0, maximum: 2, stack: undefined })
    const group = pools.createCleanupGroup()
    const environment = pools.initializeEnvironment({ pool, group, priority: 1, runsLong: false, library: undefined })
    const handle = control.borrowedHandle("file")
    const threadpoolIo = kernel.createThreadpoolIo(handle, environment)
    const closeMembers = () => kernel.call("CloseThreadpoolCleanupGroupMembers", { group }, () => {})
    return { control, kernel, pools, pool, group, environment, handle, threadpoolIo, closeMembers }
  }

  it("a member closed by itself after its group has closed it (rule 22)", () => {
    const { closeMembers, control, group, handle, kernel, pools, threadpoolIo } = inEnvironment()
    kernel.unbind(handle)
    closeMembers()
    control.turns()
    violates(17, () => kernel.closeThreadpoolIo(threadpoolIo))
    pools.closeCleanupGroup(group, [threadpoolIo])
    violates(17, () => pools.closeCleanupGroup(group, []))
  })

  it("members closed with something started (rule 5), or on a handle that lives and is bound (rule 18)", () => {
    const { closeMembers, handle, kernel, threadpoolIo } = inEnvironment()
    violates(18, closeMembers)
    kernel.unbind(handle)
    kernel.startThreadpoolIo(threadpoolIo)
    violates(5, closeMembers)
  })

  it("a group, a pool and an environment closed before what uses them (rules 17 and 22)", () => {
    const { closeMembers, control, environment, group, handle, kernel, pool, pools } = inEnvironment()
    violates(22, () => pools.closeCleanupGroup(group, []))
    violates(17, () => pools.closeThreadpool(pool))
    violates(17, () => pools.destroyEnvironment(environment))
    kernel.unbind(handle)
    closeMembers()
    control.turns()
    violates(17, () => pools.closeThreadpool(pool)) // its group is open
    pools.closeCleanupGroup(group, [])
    pools.closeThreadpool(pool)
    pools.destroyEnvironment(environment)
    for (const closed of [() => pools.closeThreadpool(pool), () => pools.destroyEnvironment(environment)]) {
      violates(17, closed)
    }
  })

  it("Start, Cancel, Wait and Close on a handle bound without a TP_IO (rule 8)", () => {
    const { control, kernel } = Simulated.make({ turn: "manual" })
    const handle = control.borrowedHandle("file")
    const binding = kernel.bindIoCompletionCallback(handle, 8)
    violates(8, () => kernel.startThreadpoolIo(binding))
    violates(8, () => kernel.cancelThreadpoolIo(binding))
    violates(8, () => kernel.closeThreadpoolIo(binding))
    violates(8, () => kernel.call("WaitForThreadpoolIoCallbacks", { threadpoolIo: binding }, () => {}))
    violates(17, () => kernel.forgetBinding(binding)) // its handle lives
    kernel.call("CloseHandle", { handle }, () => {})
    control.turns()
    kernel.forgetBinding(binding)
  })

  it("a handle closed twice, also while the first close is under way (rule 17)", () => {
    const { control, handle, kernel } = setup()
    kernel.call("CloseHandle", { handle }, () => {})
    violates(17, () => kernel.call("CloseHandle", { handle }, () => {}))
    control.turns()
    violates(17, () => kernel.call("CloseHandle", { handle }, () => {}))
  })
})

describe("what an initiating call's result means", () => {
  const { ERROR_IO_PENDING, ERROR_MORE_DATA } = C
  const cases = [
    { name: "TRUE", plan: Simulated.inline({ status: 0, bytes: 7 }), answer: 0, off: [0, 7], on: undefined },
    { name: "997", plan: Simulated.packet, answer: ERROR_IO_PENDING, off: [0, 16], on: [0, 16] },
    {
      name: "234 returned synchronously",
      plan: Simulated.inline({ status: ERROR_MORE_DATA, bytes: 7 }),
      answer: ERROR_MORE_DATA,
      off: [ERROR_MORE_DATA, 7],
      on: undefined
    },
    { name: "38", plan: Simulated.failAtStart(C.ERROR_HANDLE_EOF), answer: 38, off: undefined, on: undefined },
    { name: "535", plan: Simulated.failAtStart(C.ERROR_PIPE_CONNECTED), answer: 535, off: undefined, on: undefined },
    { name: "5", plan: Simulated.failAtStart(C.ERROR_ACCESS_DENIED), answer: 5, off: undefined, on: undefined },
    {
      name: "TRUE with the packet suppressed",
      plan: Simulated.silent({ status: 0, bytes: 7 }),
      answer: 0,
      off: undefined,
      on: undefined
    }
  ]

  for (const skipMode of [false, true]) {
    for (const { answer, name, off, on, plan } of cases) {
      const packet = skipMode ? on : off
      const follows = packet === undefined ? "no packet, and the Start is there to cancel" : "a packet"
      it(`${name}, skip mode ${skipMode ? "on" : "off"}: ${follows}`, () => {
        const { control, io, kernel } = setup({ skipMode })
        control.files.names.get("file")!.write(new Uint8Array(64), 0)
        control.script(plan)
        const operation = io.issue("read")
        expect(operation.answer).toBe(answer)
        expect(operation.packets).toEqual([])
        control.turns()
        expect(operation.packets).toEqual(packet === undefined ? [] : [packet])
        if (packet === undefined) kernel.cancelThreadpoolIo(io.threadpoolIo)
        if (answer === 0 || answer === ERROR_MORE_DATA) expect(kernel.transferred(operation.slot)).toBe(7)
        expect(control.census()).toMatchObject({ started: 0, inFlight: 0 })
      })
    }

    it(`TRUE that means pending, skip mode ${skipMode ? "on" : "off"}: a packet, at the first change`, () => {
      const { control, io } = setup({ skipMode })
      control.script(Simulated.trueMeansPending)
      const operation = io.issue("read")
      control.turns()
      expect([operation.answer, operation.packets]).toEqual([0, []])
      control.pending[0]!.complete({ status: 0, bytes: 3 })
      expect(operation.packets).toEqual([[0, 3]])
    })
  }

  it("a packet may come before the initiating call returns (rule 6), and the slot may go on at once", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.duringIssue({ status: 0, bytes: 5 }), Simulated.pend)
    const first = io.operation("read")
    const { completed } = first
    first.completed = (status, bytes) => {
      completed.call(first, status, bytes)
      first.completed = completed
      kernel.startThreadpoolIo(io.threadpoolIo)
      expect(kernel.issue(first)).toBe(C.ERROR_IO_PENDING)
    }
    kernel.startThreadpoolIo(io.threadpoolIo)
    expect(kernel.issue(first)).toBe(C.ERROR_IO_PENDING)
    expect(first.packets).toEqual([[0, 5]])
    expect(control.census()).toMatchObject({ started: 1, inFlight: 1 })
    control.pending[0]!.complete({ status: 0, bytes: 6 })
    expect(first.packets).toEqual([[0, 5], [0, 6]])
  })

  it("a packet that came first is the only one, whatever the call then answers and the slot does", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.duringIssue({ status: 0, bytes: 5 }, C.ERROR_SUCCESS))
    const operation = io.operation("write")
    const { completed } = operation
    operation.completed = (status, bytes) => {
      operation.completed = completed
      operation.completed(status, bytes)
      kernel.startThreadpoolIo(io.threadpoolIo)
      kernel.issue(operation)
    }
    kernel.startThreadpoolIo(io.threadpoolIo)
    expect(kernel.issue(operation)).toBe(C.ERROR_SUCCESS)
    control.turns()
    expect(operation.packets).toEqual([[0, 5], [0, 16]])
  })

  it("a custom operation that throws leaves its Start to cancel, and its memory free", () => {
    const { control, io, kernel } = setup()
    const operation = io.operation("custom")
    operation.parameters = () => {
      throw new Error("from custom")
    }
    kernel.startThreadpoolIo(io.threadpoolIo)
    expect(() => kernel.issue(operation)).toThrow("from custom")
    kernel.cancelThreadpoolIo(io.threadpoolIo)
    kernel.free(operation.block!)
    expect(control.census()).toMatchObject({ started: 0, inFlight: 0 })
  })

  it("a custom operation is handed its handle, its OVERLAPPED, and the address of its memory", () => {
    const { control, io, kernel } = setup()
    const seen: Array<unknown> = []
    const operation = io.operation("custom", { length: 8 })
    operation.parameters = (arguments_: Parameters<CustomIssue>[0]) => {
      seen.push(arguments_)
      return C.ERROR_IO_PENDING
    }
    kernel.startThreadpoolIo(io.threadpoolIo)
    expect(kernel.issue(operation)).toBe(C.ERROR_IO_PENDING)
    const address = operation.block!.address
    expect(seen).toEqual([{ handle: io.handle, overlapped: expect.any(Number), address, length: 8 }])
    control.pending[0]!.complete({ status: 0, bytes: 2 })
    expect(operation.packets).toEqual([[0, 2]])
  })
})

describe("cancelling", () => {
  it("ends a pending operation with 995 by a packet, in a later turn", () => {
    const { control, io } = setup()
    control.script(Simulated.pend)
    const operation = io.issue("read")
    operation.cancel()
    expect(operation.packets).toEqual([])
    control.turns()
    expect(operation.packets).toEqual([[C.ERROR_OPERATION_ABORTED, 0]])
  })

  it("may lose the race: the operation succeeds, or fails by itself (rule 12)", () => {
    const { control, io } = setup()
    control.script(
      Simulated.pendUntilCancelled({ status: 0, bytes: 9 }),
      Simulated.pendUntilCancelled({ status: C.ERROR_IO_DEVICE, bytes: 0 })
    )
    const operations = [io.issue("read"), io.issue("read")]
    for (const operation of operations) operation.cancel()
    control.turns()
    expect(operations.map(({ packets }) => packets)).toEqual([[[0, 9]], [[C.ERROR_IO_DEVICE, 0]]])
  })

  it("may be ignored once, or for ever", () => {
    const { control, io } = setup()
    control.script(Simulated.ignoringCancels(1), Simulated.stuck)
    const [late, stuck] = [io.issue("read"), io.issue("read")]
    late.cancel()
    stuck.cancel()
    control.turns()
    expect([late.packets, stuck.packets]).toEqual([[], []])
    late.cancel()
    stuck.cancel()
    control.turns()
    expect([late.packets, stuck.packets]).toEqual([[[C.ERROR_OPERATION_ABORTED, 0]], []])
    expect(control.pending.map(({ cancels }) => cancels)).toEqual([2])
  })

  it("does nothing to what is done, not issued, or another handle's (rule 11)", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.pend)
    const operation = io.issue("read")
    kernel.cancelIoEx(control.borrowedHandle("other"), operation.slot)
    kernel.cancelIoEx(io.handle, 999)
    kernel.cancelIoEx(0, operation.slot)
    control.turns()
    expect(operation.packets).toEqual([])
    control.pending[0]!.complete()
    operation.cancel()
    control.turns()
    expect(operation.packets).toHaveLength(1)
  })
})

describe("handles", () => {
  it("bind once per file object: a second bind fails with 87, of a duplicate too (rule 24)", () => {
    const { control, handle, kernel } = setup()
    expect(kernel.createThreadpoolIo(handle)).toBe(-C.ERROR_INVALID_PARAMETER)
    expect(kernel.createThreadpoolIo(control.duplicateHandle(handle))).toBe(-C.ERROR_INVALID_PARAMETER)
    expect(kernel.diagnose(handle)).toBe("already-bound")
  })

  it("that are not overlapped fail with 87, and the two meanings of 87 are told apart (rule 24)", () => {
    const { control, kernel } = setup()
    const handle = control.borrowedHandle("synchronous", { overlapped: false })
    expect(kernel.createThreadpoolIo(handle)).toBe(-C.ERROR_INVALID_PARAMETER)
    expect(kernel.diagnose(handle)).toBe("not-overlapped")
    expect(kernel.diagnose(control.borrowedHandle("free"))).toBe("unsupported")
    expect(kernel.diagnose(0)).toBe("invalid")
  })

  it("that are none fail with 6, everywhere", async () => {
    const { control, driver, handle, io, kernel } = setup()
    for (const bad of [0, -1, 3, 1.5, NaN, 0x4_0000_0000]) {
      expect(kernel.createThreadpoolIo(bad)).toBe(-C.ERROR_INVALID_HANDLE)
      expect(kernel.setSkipMode(bad)).toBe(C.ERROR_INVALID_HANDLE)
      expect(kernel.unbind(bad)).toBe(false)
      for (const name of ["CloseHandle", "FlushFileBuffers", "GetFileInformationByHandle"] as const) {
        const status = driver.status(name, { handle: bad })
        control.turns()
        await expect(status).resolves.toBe(C.ERROR_INVALID_HANDLE)
      }
    }
    kernel.startThreadpoolIo(io.threadpoolIo)
    expect(kernel.issue(Object.assign(io.operation("read"), { handle: 0 }))).toBe(C.ERROR_INVALID_HANDLE)
    kernel.cancelThreadpoolIo(io.threadpoolIo)
    kernel.call("CloseHandle", { handle }, () => {})
    control.turns()
    expect(kernel.createThreadpoolIo(handle)).toBe(-C.ERROR_INVALID_HANDLE)
  })

  it("are multiples of 4, and a closed one's value is not soon another's", () => {
    const { control, kernel } = setup()
    const seen = new Set<number>()
    for (let count = 0; count < 1000; count++) {
      const handle = control.borrowedHandle("churn")
      expect(handle % 4).toBe(0)
      expect(seen.has(handle)).toBe(false)
      seen.add(handle)
      kernel.call("CloseHandle", { handle }, () => {})
      control.turns()
    }
    for (let count = 0; count < 1000; count++) {
      kernel.call("CloseHandle", { handle: control.borrowedHandle("churn") }, () => {})
      control.turns()
    }
    expect(control.borrowedHandle("churn")).toBeLessThan(5000)
  })

  it("can be bound again once they are unbound, with skip mode as it was", () => {
    const { control, driver, handle, io, kernel } = setup({ skipMode: true })
    expect(kernel.unbind(handle)).toBe(true)
    kernel.startThreadpoolIo(io.threadpoolIo)
    violates(24, () => kernel.issue(io.operation("read")))
    kernel.cancelThreadpoolIo(io.threadpoolIo)
    kernel.closeThreadpoolIo(io.threadpoolIo)
    const again = driver.bind(handle)
    control.script(Simulated.inline({ status: 0, bytes: 1 }))
    const operation = again.issue("read")
    control.turns()
    expect(operation.packets).toEqual([])
  })

  it("stay bound where the system cannot unbind", () => {
    const { control, handle, io, kernel } = setup()
    control.unbindSupported = false
    expect(kernel.unbind(handle)).toBe(false)
    violates(18, () => kernel.closeThreadpoolIo(io.threadpoolIo))
  })

  it("whose close is taken back are open again", () => {
    const { control, handle, io, kernel } = setup()
    control.scriptCall("CloseHandle", Simulated.queueCall)
    const takeBack = kernel.call("CloseHandle", { handle }, () => expect.unreachable())
    kernel.startThreadpoolIo(io.threadpoolIo)
    expect(kernel.issue(io.operation("read"))).toBe(C.ERROR_INVALID_HANDLE)
    expect([takeBack(), takeBack()]).toEqual([true, false])
    expect(kernel.issue(io.operation("read"))).toBe(C.ERROR_IO_PENDING)
  })
})

describe("the simulated kernel", () => {
  it("counts stray packets and follows none", () => {
    const { control, io, kernel } = setup()
    control.script(Simulated.pend)
    const operation = io.issue("read")
    control.strayPacket(operation.slot, kernel.slots.generation(operation.slot) - 1)
    control.strayPacket(500)
    expect([kernel.slots.stray, operation.packets]).toEqual([2, []])
  })

  it("does what is written and read, at the end of the file too", () => {
    const { control, io } = setup()
    const block = io.driver.kernel.allocate(4)!
    block.bytes.set([1, 2, 3, 4])
    const far = 0x1_0000_0000
    io.issue("write", { block, length: 4, offset: far })
    io.issue("write", { block, length: 4, offset: 0xffff_ffff_ffff_ffffn })
    control.turns()
    const read = io.issue("read", { length: 16, offset: far + 2 })
    const past = io.issue("read", { length: 16, offset: far + 8 })
    control.turns()
    expect([...read.block!.bytes.subarray(0, 6)]).toEqual([3, 4, 1, 2, 3, 4])
    expect([read.packets, past.packets]).toEqual([[[0, 6]], [[C.ERROR_HANDLE_EOF, 0]]])
  })

  it("answers calls late, with failure, or never, and gives back what has not begun", async () => {
    const { control, driver, handle, kernel } = setup()
    control.scriptCall(
      "FlushFileBuffers",
      Simulated.failCall(C.ERROR_IO_DEVICE, "worn out"),
      Simulated.holdCall,
      Simulated.queueCall
    )
    const failed = driver.call("FlushFileBuffers", { handle })
    control.turns()
    await expect(failed).resolves.toMatchObject({ status: C.ERROR_IO_DEVICE, cause: "worn out" })
    const late = refused((done) => {
      const takeBack = kernel.call("FlushFileBuffers", { handle }, done)
      expect(takeBack()).toBe(false)
    }, () => control.held[0]!.release())
    expect(late).toBe(0)
    const takeBack = kernel.call("FlushFileBuffers", { handle }, () => expect.unreachable())
    expect(takeBack()).toBe(true)
    expect(control.held).toEqual([])
  })

  it("has only the memory that it is given", () => {
    const { control, kernel } = setup()
    control.memoryLeft = 4096
    expect(kernel.allocate(4096)?.bytes.length).toBe(4096)
    expect(kernel.allocate(1)).toBeUndefined()
  })

  it("keeps a log of its verbs", () => {
    const { control, io } = setup()
    io.issue("read").cancel()
    expect(control.log).toEqual(["CreateThreadpoolIo", "StartThreadpoolIo", "read", "CancelIoEx"])
  })
})
