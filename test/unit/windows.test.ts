/**
 * Calls of kernel32 where Wine would take anything, and questions that are asked of a system before it is believed: on
 * a kernel32 that only notes it, and answers as Windows or as Wine.
 */
import { sep } from "node:path"
import { describe, expect, it } from "vitest"
import * as C from "../../src/internal/constants.js"
import type { CallName, Calls } from "../../src/internal/kernel/Calls.js"
import type { Issue, Kernel } from "../../src/internal/kernel/Kernel.js"
import { DONE_WITHOUT_PACKET } from "../../src/internal/kernel/Kernel.js"
import { MemoryFiles } from "../../src/internal/kernel/simulated/memory.js"
import { over } from "../../src/internal/kernel/win32.js"
import { Capabilities } from "../../src/internal/kernel/win32/capabilities.js"
import { type Answers, recordedNative } from "../support/recordedNative.js"

const PIPE = "\\\\.\\pipe\\app"
const FIRST = C.FILE_FLAG_FIRST_PIPE_INSTANCE
const { ERROR_ACCESS_DENIED, ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, ERROR_PIPE_BUSY } = C

type Native = ReturnType<typeof recordedNative>

const kernelOver = ({ native }: Native): Kernel => over(native, { completions: "callback", relayLibrary: undefined })

const call = <K extends CallName>(kernel: Kernel, name: K, arguments_: Calls[K][0]) =>
  new Promise<{ readonly status: number; readonly value: unknown }>((resolve) => {
    kernel.call(name, arguments_, (status, value) => resolve({ status, value }))
  })

/** The number of a handle says what it is: the n-th that has been made, of its kind. */
const windows = (answers: Answers = {}): Native => {
  let [anchors, instances] = [0, 0]
  const here: Native = recordedNative({
    NtCreateNamedPipeFile: (handle) => {
      here.at(handle).setBigInt64(0, BigInt(1000 + anchors++), true)
      return 0
    },
    CreateNamedPipeW: () => 2000 + instances++,
    ConvertStringSecurityDescriptorToSecurityDescriptorW: (_sddl, _revision, answer) => {
      here.at(answer).setBigUint64(0, 4711n, true)
      return 1
    },
    // An anchor has no room for a client.
    CreateFileW: () => -ERROR_PIPE_BUSY,
    ...answers
  })
  return here
}

const creation = {
  path: PIPE,
  messages: false,
  maxInstances: 255,
  outBufferSize: 10,
  inBufferSize: 20,
  security: "D:(A;;FA;;;WD)"
}

describe("the instance that holds a pipe's name", () => {
  it("is one on Windows that no client can connect to, and that only a new name makes", async () => {
    const here = windows()
    const kernel = kernelOver(here)
    for (const path of [PIPE, "\\\\.\\pipe\\other"]) {
      const { status, value } = await call(kernel, "CreateNamedPipeW", { ...creation, path, first: true })
      expect([status, value]).toEqual([0, path === PIPE ? 1001 : 1002])
    }
    const [probe, first, second] = here.named("NtCreateNamedPipeFile")
    expect(probe![1]).toBe(C.SYNCHRONIZE)
    // Rights, sharing, FILE_CREATE, options, type, mode, wait, instances, and the quotas: what comes in first.
    expect(first!.slice(4, 13)).toEqual([3, C.FILE_CREATE, 0, 2, 0, 0, C.MAXDWORD, 20, 10])
    expect([first![1], second![1]]).toEqual([C.SYNCHRONIZE, C.SYNCHRONIZE])
    // Only the probe's was tried, once.
    expect(here.named("CreateFileW").map(([path]) => path)).toEqual([
      expect.stringMatching(/pipe\\effect-threadpool-io-/)
    ])
    expect(here.named("CreateNamedPipeW")).toEqual([])
  })
  it("is named as the system names it, and has the descriptor that was asked for", async () => {
    let [name, descriptor] = ["", 0]
    const here = windows({
      NtCreateNamedPipeFile: (_handle, _access, attributes) => {
        const view = here.at(attributes)
        const text = here.at(Number(view.getBigUint64(C.OBJECT_ATTRIBUTES.ObjectName, true)))
        const at = here.at(Number(text.getBigUint64(C.UNICODE_STRING.Buffer, true)))
        const units = text.getUint16(C.UNICODE_STRING.Length, true) / 2
        name = String.fromCharCode(...Array.from({ length: units }, (_, index) => at.getUint16(index * 2, true)))
        descriptor = Number(view.getBigUint64(C.OBJECT_ATTRIBUTES.SecurityDescriptor, true))
        return 0
      }
    })
    await call(kernelOver(here), "CreateNamedPipeW", { ...creation, first: true })
    expect([name, descriptor]).toEqual(["\\??\\pipe\\app", 4711])
  })
  it("is not made where the name is taken: 5, as of CreateNamedPipeW", async () => {
    const STATUS_ACCESS_DENIED = 0xc000_0022 | 0
    let asked = 0
    const here = windows({
      NtCreateNamedPipeFile: () => asked++ === 0 ? 0 : STATUS_ACCESS_DENIED,
      RtlNtStatusToDosError: (status) => status === STATUS_ACCESS_DENIED ? ERROR_ACCESS_DENIED : 0
    })
    const { status } = await call(kernelOver(here), "CreateNamedPipeW", { ...creation, first: true })
    expect(status).toBe(ERROR_ACCESS_DENIED)
  })
  it("is supposed to be like that where the probe cannot be made, as in an AppContainer", async () => {
    let asked = 0
    const here = windows({
      NtCreateNamedPipeFile: (handle) => {
        here.at(handle).setBigInt64(0, 1000n, true)
        return asked++ === 0 ? -1 : 0
      },
      RtlNtStatusToDosError: () => ERROR_ACCESS_DENIED
    })
    expect(await call(kernelOver(here), "CreateNamedPipeW", { ...creation, first: true })).toMatchObject({ status: 0 })
    expect(here.named("CreateFileW")).toEqual([])
  })

  /** Every instance can be connected to: the first clients of the name are others', so many. */
  const wine = (faster: number, room = Infinity): Native & { readonly early: Array<number> } => {
    let made = 0
    const here = windows({
      CreateNamedPipeW: () => made < room ? 2000 + made++ : -ERROR_PIPE_BUSY,
      CreateFileW: (path) => path !== PIPE ? 3000 : faster-- > 0 ? -ERROR_PIPE_BUSY : 3001,
      GetNamedPipeHandleStateW: (_handle, _state, instances) => {
        here.at(instances).setUint32(0, made, true)
        return 1
      }
    })
    return Object.assign(here, { early: [] })
  }
  const anchorOf = async (here: ReturnType<typeof wine>) => {
    const early = (handle: number) => void here.early.push(handle)
    return (await call(kernelOver(here), "CreateNamedPipeW", { ...creation, first: true, early })).value
  }

  it("is one whose own client has come and gone, where others could connect to it", async () => {
    const here = wine(0)
    expect([await anchorOf(here), here.early]).toEqual([2000, []])
    const [handles, names] = [here.named("CloseHandle"), here.named("CreateNamedPipeW")]
    expect(handles).toContainEqual([3001])
    expect(names.map(([path, mode]) => [path, (mode & FIRST) !== 0])).toEqual([[PIPE, true]])
  })
  it("leaves the instances of clients that were faster to their server, which serves them", async () => {
    const here = wine(2)
    expect([await anchorOf(here), here.early]).toEqual([2002, [2000, 2001]])
    expect(here.named("DisconnectNamedPipe")).toEqual([])
  })
  it("turns the last one away where there is no room for another instance", async () => {
    const here = wine(5, 2)
    expect([await anchorOf(here), here.early]).toEqual([2001, [2000]])
    expect(here.named("DisconnectNamedPipe")).toEqual([[2001]])
  })
  it("takes no name from a living server whose flag is ignored", async () => {
    const here = windows({
      CreateFileW: () => 3000,
      GetNamedPipeHandleStateW: (_handle, _state, instances) => {
        here.at(instances).setUint32(0, 2, true)
        return 1
      }
    })
    const { status } = await call(kernelOver(here), "CreateNamedPipeW", { ...creation, first: true })
    expect([status, here.named("CloseHandle").at(-1)]).toEqual([ERROR_ACCESS_DENIED, [2000]])
  })
})

describe("an instance of a pipe", () => {
  it("has no security descriptor of its own: Windows refuses one for all but the first", async () => {
    const here = windows()
    await call(kernelOver(here), "CreateNamedPipeW", { ...creation, first: false })
    const [[path, mode, , , out, into, , attributes]] = here.named("CreateNamedPipeW") as [ReadonlyArray<any>]
    expect([path, mode & FIRST, out, into, attributes]).toEqual([PIPE, 0, 10, 20, 0])
  })
  it("keeps its event in skip mode, for which synchronous functions may wait; a file does without", () => {
    const here = windows({ GetFileType: (handle) => handle === 7 ? C.FILE_TYPE_PIPE : 1 })
    const kernel = kernelOver(here)
    for (const handle of [7, 8]) expect(kernel.setSkipMode(handle)).toBe(0)
    const { FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: port, FILE_SKIP_SET_EVENT_ON_HANDLE: event } = C
    expect(here.named("SetFileCompletionNotificationModes")).toEqual([[7, port], [8, port | event]])
  })
  it("is peeked at by an operation, and never by a function that waits for its event", () => {
    const here = windows({ DeviceIoControl: () => -C.ERROR_MORE_DATA })
    expect(issue(kernelOver(here), { kind: "peek", handle: 7, length: 16 })).toBe(C.ERROR_MORE_DATA)
    const [[handle, code, , , , length, bytes]] = here.named("DeviceIoControl") as [ReadonlyArray<any>]
    expect([handle, code, length, bytes]).toEqual([7, C.FSCTL_PIPE_PEEK, 16, 0])
    expect(here.calls.map(({ name }) => name)).not.toContain("PeekNamedPipe")
  })
})

const issue = (kernel: Kernel, one: Partial<Issue>): number =>
  kernel.issue({
    kind: "read",
    handle: 1,
    threadpoolIo: 1,
    slot: kernel.slots.acquire({ completed: () => {} }),
    block: kernel.allocate(4096),
    start: 0,
    length: 0,
    offsetLow: 0,
    offsetHigh: 0,
    input: undefined,
    inputLength: 0,
    parameters: undefined,
    ...one
  })

describe("a lock that does not wait", () => {
  const lock = { handle: 7, offset: 2n ** 33n + 5n, length: 2n ** 34n + 6n, exclusive: true }
  /** With an event whose low bit is set, no packet can come. */
  const withEvent = (end: number) => {
    const events: Array<bigint> = []
    const here: Native = recordedNative({
      CreateEventW: () => 0x40,
      LockFileEx: (_handle, _flags, _reserved, _low, _high, overlapped) => {
        events.push(here.at(overlapped).getBigUint64(C.OVERLAPPED.hEvent, true))
        return end
      }
    })
    return { ...here, events }
  }
  it("is asked for with one event, without a packet, off the JavaScript thread", async () => {
    const here = withEvent(1)
    const kernel = kernelOver(here)
    for (let round = 0; round < 3; round++) {
      expect(await call(kernel, "LockFileEx", lock)).toEqual({ status: 0, value: "held" })
    }
    expect(await call(kernel, "LockFileEx", { ...lock, exclusive: false })).toMatchObject({ status: 0 })
    const flags = here.named("LockFileEx").map(([, flags]) => flags)
    expect(flags).toEqual([3, 3, 3, 1])
    expect(here.named("LockFileEx")[0]!.slice(3, 5)).toEqual([6, 4])
    expect([here.events, here.named("CreateEventW").length]).toEqual([[0x41n, 0x41n, 0x41n, 0x41n], 1])
    expect(here.calls.filter(({ name }) => name === "LockFileEx").every(({ async }) => async)).toBe(true)
  })
  it("that is taken is a status, also when the system says so only later", async () => {
    const now = withEvent(-ERROR_LOCK_VIOLATION)
    expect(await call(kernelOver(now), "LockFileEx", lock)).toEqual({ status: ERROR_LOCK_VIOLATION, value: undefined })
    for (const end of [1, -ERROR_LOCK_VIOLATION]) {
      const later: Native = recordedNative({
        CreateEventW: () => 0x40,
        LockFileEx: () => -ERROR_IO_PENDING,
        GetOverlappedResult: () => end
      })
      const { status } = await call(kernelOver(later), "LockFileEx", lock)
      expect(status).toBe(end > 0 ? 0 : ERROR_LOCK_VIOLATION)
      const [[handle, , , wait]] = later.named("GetOverlappedResult") as [ReadonlyArray<any>]
      expect([handle, wait]).toEqual([7, 1])
    }
  })
  it("fails where there is no event to be had, before it is asked for", async () => {
    const here = recordedNative({ CreateEventW: () => -C.ERROR_NOT_ENOUGH_MEMORY })
    expect(await call(kernelOver(here), "LockFileEx", lock)).toMatchObject({ status: C.ERROR_NOT_ENOUGH_MEMORY })
    expect(here.named("LockFileEx")).toEqual([])
  })
})

describe("a file that is opened and must be no link", () => {
  const [SYMLINK, MOUNT_POINT, DEDUP, CLOUD] = [0xa000000c, 0xa0000003, 0x80000013, 0x9000001a]
  const FLAGS = C.FILE_FLAG_OPEN_REPARSE_POINT | C.FILE_FLAG_SEQUENTIAL_SCAN

  interface There {
    readonly tag?: number | undefined
    /** The number of the file that the n-th handle is open on. */
    readonly file?: (n: number) => number
    readonly fails?: string
  }

  const opened = async ({ fails, file = () => 5, tag }: There, own: Partial<Calls["CreateFileW"][0]> = {}) => {
    const open = new Set<number>()
    let made = 0
    const here: Native = recordedNative({
      CreateFileW: () => {
        if (fails === "CreateFileW" && made === 1) return -2
        open.add(4000 + made)
        return 4000 + made++
      },
      CloseHandle: (handle) => open.delete(handle) ? 1 : -6,
      GetFileInformationByHandle: (handle, address) => {
        if (fails === "GetFileInformationByHandle") return -5
        const view = here.at(address)
        const tagged = tag === undefined ? 0 : C.FILE_ATTRIBUTE_REPARSE_POINT
        view.setUint32(C.BY_HANDLE_FILE_INFORMATION.FileAttributes, C.FILE_ATTRIBUTE_NORMAL | tagged, true)
        view.setUint32(C.BY_HANDLE_FILE_INFORMATION.FileIndexLow, file(handle - 4000), true)
        return 1
      },
      GetFileInformationByHandleEx: (_handle, kind, address, size) => {
        expect([kind, size]).toEqual([9, 8])
        if (fails === "GetFileInformationByHandleEx") return -87
        here.at(address).setUint32(4, tag!, true)
        return 1
      }
    })
    const given = {
      path: "C:\\file",
      access: C.GENERIC_READ,
      share: 0,
      disposition: C.OPEN_EXISTING,
      flags: FLAGS,
      mode: 0
    }
    const { status, value } = await call(kernelOver(here), "CreateFileW", { ...given, ...own })
    const flags = here.named("CreateFileW").map(([, , , , how, flags]) => [how, flags & FLAGS])
    return { status, value, flags, open: [...open] }
  }

  it("is opened once where it has no tag, and not looked at where links are followed", async () => {
    expect(await opened({})).toEqual({ status: 0, value: 4000, flags: [[C.OPEN_EXISTING, FLAGS]], open: [4000] })
    const followed = await opened({ tag: SYMLINK, fails: "GetFileInformationByHandle" }, { flags: 0 })
    expect(followed).toMatchObject({ status: 0, value: 4000, open: [4000] })
  })
  it("is refused, and closed, where its tag stands for another name", async () => {
    for (const tag of [SYMLINK, MOUNT_POINT, 0x20000000]) {
      expect(await opened({ tag })).toEqual({
        status: C.ERROR_CANT_RESOLVE_FILENAME,
        value: undefined,
        flags: [[C.OPEN_EXISTING, FLAGS]],
        open: []
      })
    }
  })
  it("is opened again, for its contents, where it has another tag", async () => {
    for (const tag of [DEDUP, CLOUD, 1]) {
      for (
        const [first, second] of [[C.OPEN_EXISTING, C.OPEN_EXISTING], [C.OPEN_ALWAYS, C.OPEN_EXISTING], [5, 5]] as const
      ) {
        expect(await opened({ tag }, { disposition: first })).toEqual({
          status: 0,
          value: 4001,
          flags: [[first, FLAGS], [second, C.FILE_FLAG_SEQUENTIAL_SCAN]],
          open: [4001]
        })
      }
    }
  })
  it("is refused where it is another one by then, or has gone, and leaves no handle open", async () => {
    expect(await opened({ tag: DEDUP, file: (n) => n })).toMatchObject({ status: 1921, value: undefined, open: [] })
    expect(await opened({ tag: DEDUP, fails: "CreateFileW" })).toMatchObject({ status: 2, open: [] })
    for (const [fails, status] of [["GetFileInformationByHandle", 5], ["GetFileInformationByHandleEx", 87]] as const) {
      expect(await opened({ tag: CLOUD, fails })).toMatchObject({ status, value: undefined, open: [] })
    }
  })
})

describe("a file that somebody has hidden", () => {
  it("is not replaced by CREATE_ALWAYS, which would have to hide it, too: 5", () => {
    const files = new MemoryFiles()
    files.create("file").hidden = true
    const open = (disposition: number) =>
      files.open({ path: "file", access: C.GENERIC_WRITE, share: 7, disposition, flags: 0, mode: 0o666 })
    const thrown = (() => {
      try {
        return open(C.CREATE_ALWAYS)
      } catch (code) {
        return code
      }
    })()
    expect(thrown).toBe(ERROR_ACCESS_DENIED)
    for (const disposition of [C.OPEN_ALWAYS, C.TRUNCATE_EXISTING]) expect(open(disposition).writable).toBe(true)
  })
})

describe("a simulated disk, as Windows and not as Wine,", () => {
  const WRITES = C.GENERIC_READ | C.GENERIC_WRITE | C.DELETE
  const codeOf = (work: () => unknown): unknown => {
    try {
      work()
      return 0
    } catch (code) {
      return code
    }
  }
  const disk = () => {
    const files = new MemoryFiles()
    files.create("file").write(new Uint8Array([1, 2, 3]), 0)
    const open = (access = WRITES, disposition = C.OPEN_EXISTING as number) =>
      files.open({ path: "file", access: access >>> 0, share: 7, disposition, flags: 0, mode: 0o666 })
    return { files, open }
  }

  it("empties no file for who may only append: 87", () => {
    const { files, open } = disk()
    expect(codeOf(() => open(C.FILE_APPEND_DATA, C.TRUNCATE_EXISTING))).toBe(C.ERROR_INVALID_PARAMETER)
    expect(files.names.get("file")!.size).toBe(3)
    expect(codeOf(() => open(WRITES, C.TRUNCATE_EXISTING))).toBe(0)
  })
  it("lets nobody get to a file that is marked for removal by its name: 5, until a marking handle is closed", () => {
    const { files, open } = disk()
    const [first, second] = [open(), open()]
    files.setDisposition(first, true)
    const attempts = [
      () => open(),
      () => files.move({ from: "file", to: "other", replace: true }),
      () => files.remove("file")
    ]
    expect(attempts.map(codeOf)).toEqual([5, 5, 5])
    files.close(second)
    expect([...files.names.keys()]).toEqual(["file"])
    files.close(first)
    expect([[...files.names.keys()], codeOf(() => open())]).toEqual([[], C.ERROR_FILE_NOT_FOUND])
  })
  it("takes the mark back by any handle, because it is the file's", () => {
    const { files, open } = disk()
    const [first, second] = [open(), open()]
    files.setDisposition(first, true)
    files.setDisposition(second, false)
    files.close(first)
    expect([[...files.names.keys()], codeOf(() => open())]).toEqual([["file"], 0])
  })
  it("renames no directory in which a file is open, on whatever level: 5", () => {
    const { files } = disk()
    const name = ["directory", "inner", "file"].join(sep)
    const open = () =>
      files.open({ path: name, access: WRITES >>> 0, share: 7, disposition: C.OPEN_ALWAYS, flags: 0, mode: 0o666 })
    const rename = () => files.move({ from: "directory", to: "other", replace: false })
    const [first, second] = [open(), open()]
    expect(codeOf(rename)).toBe(C.ERROR_ACCESS_DENIED)
    files.close(first)
    expect(codeOf(rename)).toBe(C.ERROR_ACCESS_DENIED)
    files.close(second)
    expect([codeOf(rename), [...files.names.keys()]]).toEqual([0, ["file", ["other", "inner", "file"].join(sep)]])
    expect(codeOf(rename)).toBe(C.ERROR_FILE_NOT_FOUND)
  })
  it("removes a marked file under its latest name", () => {
    const { files, open } = disk()
    const opened = open()
    files.setDisposition(opened, true)
    files.rename(opened, "other", false)
    files.close(opened)
    expect([...files.names.keys()]).toEqual([])
  })
})

describe("a read-only file", () => {
  const FILE_ATTRIBUTE_ARCHIVE = 0x20
  const { FILE_ATTRIBUTE_READONLY, FileDispositionInfoEx, FileRenameInfoEx } = C
  const READ_ONLY = FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_READONLY
  const IGNORES = C.FILE_RENAME_FLAG_IGNORE_READONLY_ATTRIBUTE
  /** The target, and what of it a system replaces: with `busy` nothing. `since` is the build of Windows. */
  const system = ({ attributes = READ_ONLY, busy = false, since = "1809" as "1809" | "1607" | "7" }) => {
    const target = { attributes, replaced: false }
    const replace = (even: boolean): number => {
      if (busy || (!even && (target.attributes & FILE_ATTRIBUTE_READONLY) !== 0)) return -ERROR_ACCESS_DENIED
      target.replaced = true
      return 1
    }
    const here: Native = recordedNative({
      CreateFileW: () => 3000,
      MoveFileExW: () => replace(false),
      GetFileAttributesW: () => target.attributes,
      SetFileAttributesW: (_name, attributes) => {
        target.attributes = attributes
        return 1
      },
      SetFileInformationByHandle: (_handle, class_, address) => {
        const flags = class_ === FileRenameInfoEx ? here.at(address).getUint32(0, true) : 0
        const even = (flags & IGNORES) !== 0
        const unknown = class_ === FileRenameInfoEx && (since === "7" || (since === "1607" && even))
        return unknown ? -C.ERROR_INVALID_PARAMETER : replace(even)
      }
    })
    return { here, kernel: kernelOver(here), target }
  }
  const names = { from: "C:\\new", to: "C:\\old", replace: true }
  const ways = {
    "by its name": (kernel: Kernel) => call(kernel, "MoveFileExW", names),
    "by a handle": (kernel: Kernel) => call(kernel, "SetRenameInformation", { handle: 7, to: names.to, replace: true })
  }

  for (const [way, rename] of Object.entries(ways)) {
    it(`is replaced ${way} by a flag where the system has it, and keeps its attribute under its other names`, async () => {
      const { here, kernel, target } = system({})
      expect(await rename(kernel)).toMatchObject({ status: 0 })
      expect([target.replaced, here.named("SetFileAttributesW")]).toEqual([true, []])
    })
    it(`is replaced ${way} on earlier systems without its attribute`, async () => {
      for (const since of ["1607", "7"] as const) {
        const { kernel, target } = system({ since })
        expect(await rename(kernel)).toMatchObject({ status: 0 })
        expect(target.replaced).toBe(true)
      }
    })
    it(`has its attribute back when it is not replaced ${way} after all: 5`, async () => {
      for (const since of ["1809", "1607", "7"] as const) {
        const { kernel, target } = system({ since, busy: true })
        expect(await rename(kernel)).toMatchObject({ status: ERROR_ACCESS_DENIED })
        expect(target).toEqual({ attributes: READ_ONLY, replaced: false })
      }
    })
    it(`and nothing else is changed: what is denied ${way} for another reason stays so, and a directory`, async () => {
      for (const attributes of [FILE_ATTRIBUTE_ARCHIVE, READ_ONLY | C.FILE_ATTRIBUTE_DIRECTORY]) {
        const { here, kernel } = system({ attributes, busy: true })
        expect(await rename(kernel)).toMatchObject({ status: ERROR_ACCESS_DENIED })
        expect(here.named("SetFileAttributesW")).toEqual([])
      }
    })
  }
  it("is renamed by its name with one call where nothing is denied, and leaves no handle open where it is", async () => {
    const free = system({ attributes: FILE_ATTRIBUTE_ARCHIVE })
    await ways["by its name"](free.kernel)
    expect(free.here.named("CreateFileW")).toEqual([])
    const taken = system({ busy: true })
    await ways["by its name"](taken.kernel)
    expect([taken.here.named("CreateFileW").length, taken.here.named("CloseHandle")]).toEqual([1, [[3000]]])
  })
  it("goes with its handle where the system knows the flag, and as before where not", async () => {
    for (const refused of [undefined, C.ERROR_INVALID_PARAMETER, ERROR_ACCESS_DENIED]) {
      const asked: Array<number> = []
      const here: Native = recordedNative({
        SetFileInformationByHandle: (_handle, class_, address) => {
          const flags = here.at(address).getUint32(0, true)
          asked.push(class_, flags)
          return refused !== undefined && (flags & C.FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE) !== 0
            ? -refused
            : 1
        }
      })
      const gone = await call(kernelOver(here), "SetDispositionInformation", { handle: 7, remove: true })
      const then = refused === undefined ? [] : [FileDispositionInfoEx, 3]
      expect([gone.status, asked]).toEqual([0, [FileDispositionInfoEx, 0x13, ...then]])
    }
  })
})

describe("what is asked of a system", () => {
  const { FSCTL_SET_SPARSE, IOCTL_STORAGE_QUERY_PROPERTY } = C.IO_CONTROL_CODES
  const control = (kernel: Kernel, code: number) => issue(kernel, { kind: "ioctl", parameters: code })

  it("is whether a control code that succeeds brings a packet: once, of a file that goes with its handle", () => {
    for (const posts of [true, false]) {
      const here = recordedNative({ GetQueuedCompletionStatus: () => posts ? 1 : -C.WAIT_TIMEOUT })
      const kernel = kernelOver(here)
      for (let round = 0; round < 2; round++) {
        expect(control(kernel, FSCTL_SET_SPARSE)).toBe(posts ? 0 : DONE_WITHOUT_PACKET)
      }
      const [[path, , , , disposition, flags]] = here.named("CreateFileW") as [ReadonlyArray<any>]
      expect(path).toContain("effect-threadpool-io-")
      expect([disposition, flags & C.FILE_FLAG_DELETE_ON_CLOSE]).toEqual([C.CREATE_NEW, C.FILE_FLAG_DELETE_ON_CLOSE])
      const [[, , , , time]] = here.named("GetQueuedCompletionStatus") as [ReadonlyArray<any>]
      expect([time, here.named("CreateFileW").length, here.named("CloseHandle").length]).toEqual([0, 1, 2])
    }
  })
  it("is not asked for what a pipe or a device is told, nor for what fails", () => {
    const here = recordedNative({ DeviceIoControl: (_handle, code) => code === FSCTL_SET_SPARSE ? -50 : 1 })
    const kernel = kernelOver(here)
    for (const code of [C.FSCTL_PIPE_PEEK, IOCTL_STORAGE_QUERY_PROPERTY]) expect(control(kernel, code)).toBe(0)
    expect(control(kernel, FSCTL_SET_SPARSE)).toBe(50)
    expect(here.named("CreateFileW")).toEqual([])
  })
  it("is answered as by Windows where the file cannot be made, or the code is unknown to its file system", () => {
    for (const answers of [{ CreateFileW: () => -5 }, { DeviceIoControl: () => -1 }]) {
      expect(new Capabilities(recordedNative(answers).native).controlCodesPost).toBe(true)
    }
  })
  it("is whether times of zero leave a file's own alone: what is there is written back where they do not", async () => {
    const ticks = (year: number) => BigInt(Date.UTC(year, 0)) * 10_000n + 116_444_736_000_000_000n
    for (const keeps of [true, false]) {
      const times = new Map<number, ReadonlyArray<bigint>>()
      const fields = [C.FILE_BASIC_INFO.LastAccessTime, C.FILE_BASIC_INFO.LastWriteTime]
      const here: Native = recordedNative({
        CreateFileW: () => 4000,
        SetFileInformationByHandle: (handle, kind, address) => {
          expect(kind).toBe(C.FileBasicInfo)
          const old = times.get(handle) ?? []
          const given = fields.map((at) => here.at(address).getBigInt64(at, true))
          times.set(handle, given.map((time, index) => time !== 0n || !keeps ? time : old[index]!))
          return 1
        },
        GetFileInformationByHandleEx: (handle, _kind, address) => {
          times.get(handle)!.forEach((time, index) => here.at(address).setBigInt64(fields[index]!, time, true))
          return 1
        }
      })
      const kernel = kernelOver(here)
      const set = async (accessTimeNs: bigint | undefined, modifiedTimeNs: bigint | undefined) => {
        const information = { handle: 8, accessTimeNs, modifiedTimeNs, readOnly: undefined, mode: undefined }
        expect(await call(kernel, "SetBasicInformation", information)).toMatchObject({ status: 0 })
        return times.get(8)
      }
      const at = (year: number) => BigInt(Date.UTC(year, 0)) * 1_000_000n
      expect(await set(at(2020), at(2021))).toEqual([ticks(2020), ticks(2021)])
      expect(here.named("CreateFileW")).toEqual([])
      expect(await set(undefined, at(2022))).toEqual([ticks(2020), ticks(2022)])
      expect(await set(at(2023), undefined)).toEqual([ticks(2023), ticks(2022)])
      expect(await set(undefined, undefined)).toEqual([ticks(2023), ticks(2022)])
      expect([here.named("CreateFileW").length, new Capabilities(here.native).keepsZeroFields]).toEqual([1, keeps])
    }
    expect(new Capabilities(recordedNative({ CreateFileW: () => -5 }).native).keepsZeroFields).toBe(true)
  })
  it("goes by the version where only a time-out would tell", () => {
    const of = (wineVersion: string | undefined) => {
      const { tellsRemoval, waitsForLocks } = new Capabilities(recordedNative({}, { wineVersion }).native)
      return [waitsForLocks, tellsRemoval]
    }
    for (const version of ["8.0", "9.0-rc3", "10.0~repack"]) expect(of(version)).toEqual([false, false])
    expect([of("12.3"), of(undefined)]).toEqual([[true, true], [true, true]])
  })
})
