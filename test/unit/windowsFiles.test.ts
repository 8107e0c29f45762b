/**
 * Files as Windows has them and no machine of ours: holes by request, contents that are elsewhere, and no numbers that
 * tell one file from another. On the portable kernel, whose answers about files are changed on their way.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { YieldWrap } from "effect/Utils"
import builtin, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { basename, join } from "node:path"
import * as C from "../../src/internal/constants.js"
import type { CallName, FileInformation } from "../../src/internal/kernel/Calls.js"
import { DONE_WITHOUT_PACKET } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"

type Numbers = Partial<Record<"dev" | "ino", bigint>>

type Look = (...arguments_: Array<unknown>) => unknown
type Looks = Record<string, Look>

/** Node tells these numbers of every file, for everybody in this process, while an effect runs. */
const telling = <A, E, R>(numbers: Numbers, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const tables = [
        [builtin as unknown as Looks, ["fstatSync", "lstatSync", "statSync"]],
        [builtin.promises as unknown as Looks, ["lstat", "stat"]]
      ] as const
      const told = (stat: unknown) => stat === undefined ? undefined : Object.assign(stat as object, numbers)
      const undo = tables.flatMap(([functions, names]) =>
        names.map((name) => {
          const real = functions[name]!
          functions[name] = (...arguments_) => {
            const answer = real(...arguments_)
            return answer instanceof Promise ? answer.then(told) : told(answer)
          }
          return () => functions[name] = real
        })
      )
      syncBuiltinESMExports()
      return () => {
        for (const one of undo) one()
        syncBuiltinESMExports()
      }
    }),
    () => effect,
    (undo) => Effect.sync(undo)
  )

const { FSCTL_QUERY_ALLOCATED_RANGES, FSCTL_SET_SPARSE } = C.IO_CONTROL_CODES

interface Windows {
  /** In the place of what a handle tells. */
  readonly information?: Partial<FileInformation>
  /** Where the file system says that a file has data. */
  readonly ranges?: ReadonlyArray<readonly [offset: number, length: number]>
  /** Its answer to FSCTL_SET_SPARSE. */
  readonly setSparse?: number
}

interface Happened {
  readonly name: "read" | "write" | "set sparse" | "query ranges"
  readonly file: string
  readonly from: number
  readonly to: number
}

/** Every file may have holes by request only; what is done to files is noted. */
const onWindows = <A, E, R>(windows: Windows, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) => {
    const { kernel } = engine
    const { call, issue, transferred } = kernel
    const happened: Array<Happened> = []
    const names = new Map<number, string>()
    const answered = new Map<number, number>()
    const control: typeof issue = ({ block, handle, length, parameters, slot, start }) => {
      const asks = parameters === FSCTL_QUERY_ALLOCATED_RANGES
      happened.push({ name: asks ? "query ranges" : "set sparse", file: names.get(handle)!, from: 0, to: 0 })
      if (!asks) return windows.setSparse ?? DONE_WITHOUT_PACKET
      const view = new DataView(block!.bytes.buffer, block!.bytes.byteOffset + start, length)
      const ranges = windows.ranges ?? []
      ranges.forEach((range, index) => {
        range.forEach((number, part) => view.setBigInt64(index * 16 + part * 8, BigInt(number), true))
      })
      answered.set(slot, ranges.length * 16)
      return DONE_WITHOUT_PACKET
    }
    const changes = {
      sparseByRequest: true,
      copiesSmallFiles: () => false,
      transferred: (slot: number) => answered.get(slot) ?? transferred.call(kernel, slot),
      issue: ((one) => {
        if (
          one.kind === "ioctl" &&
          (one.parameters === FSCTL_SET_SPARSE || one.parameters === FSCTL_QUERY_ALLOCATED_RANGES)
        ) {
          return control(one)
        }
        answered.delete(one.slot)
        if (one.kind === "read" || one.kind === "write") {
          const from = one.offsetHigh * 2 ** 32 + one.offsetLow
          happened.push({ name: one.kind, file: names.get(one.handle)!, from, to: from + one.length })
        }
        return issue.call(kernel, one)
      }) as typeof issue,
      call: (name: CallName, arguments_: { readonly path: string }, done: (...rest: Array<unknown>) => void) =>
        call.call(
          kernel,
          name,
          arguments_ as never,
          ((status: number, value: unknown, ...rest: Array<unknown>) => {
            if (name === "CreateFileW" && status === 0) names.set(value as number, basename(arguments_.path))
            const seen = name === "GetFileInformationByHandle" && status === 0
            done(status, seen ? { ...(value as FileInformation), ...windows.information } : value, ...rest)
          }) as never
        )
    }
    const own = Object.keys(changes).map((name) => [name, Object.getOwnPropertyDescriptor(kernel, name)] as const)
    Object.assign(kernel, changes)
    const undo = Effect.sync(() => {
      for (const [name, descriptor] of own) {
        Reflect.deleteProperty(kernel, name)
        if (descriptor !== undefined) Object.defineProperty(kernel, name, descriptor)
      }
    })
    return Effect.ensuring(Effect.as(effect, happened), undo)
  })

type Body = () => Generator<YieldWrap<Effect.Effect<any, any, Kernel.Kernel | Scope.Scope>>, void, never>

const claim = (name: string, body: Body) =>
  it.live(name, () => Effect.gen(body).pipe(Effect.scoped, Effect.provide(Kernel.layerPortable)))

const filesOf = (contents: Uint8Array) =>
  Effect.map(lab.directory, (directory) => {
    const [source, copy] = [join(directory, "source"), join(directory, "copy")]
    fs.writeFileSync(source, contents)
    return { directory, source, copy }
  })

const names = (happened: ReadonlyArray<Happened>) => new Set(happened.map(({ name }) => name))
const same = (path: string, contents: Uint8Array) => fs.readFileSync(path).equals(contents)

const SIZE = 200_000
const VERIFIED = { verify: "read", chunkSize: 65_536 } as const

type Making = (from: string, to: string) => Effect.Effect<unknown, unknown, Kernel.Kernel>

describe("holes of a source", () => {
  claim("are not believed where its contents may be elsewhere: all of it is read", function*() {
    const elsewhere = {
      FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS: C.FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS,
      FILE_ATTRIBUTE_RECALL_ON_OPEN: C.FILE_ATTRIBUTE_RECALL_ON_OPEN,
      FILE_ATTRIBUTE_OFFLINE: C.FILE_ATTRIBUTE_OFFLINE,
      FILE_ATTRIBUTE_REPARSE_POINT: C.FILE_ATTRIBUTE_REPARSE_POINT,
      FILE_ATTRIBUTE_COMPRESSED: C.FILE_ATTRIBUTE_COMPRESSED
    }
    for (const [name, attribute] of Object.entries(elsewhere)) {
      const { copy, source } = yield* filesOf(pattern(SIZE))
      const attributes = C.FILE_ATTRIBUTE_SPARSE_FILE | attribute
      const happened = yield* onWindows({ information: { attributes } }, Pipeline.copy(source, copy, VERIFIED))
      expect([name, same(copy, pattern(SIZE)), names(happened)]).toEqual([name, true, new Set(["read", "write"])])
    }
  })
  claim("are not asked for where it is not sparse: that no range is told says nothing then", function*() {
    const { copy, source } = yield* filesOf(pattern(SIZE))
    const information = { attributes: C.FILE_ATTRIBUTE_NORMAL }
    const happened = yield* onWindows({ information }, Pipeline.copy(source, copy, VERIFIED))
    expect([same(copy, pattern(SIZE)), names(happened)]).toEqual([true, new Set(["read", "write"])])
  })
  claim("make no copy of ten bytes sparse, for good", function*() {
    for (const attributes of [C.FILE_ATTRIBUTE_NORMAL, C.FILE_ATTRIBUTE_SPARSE_FILE]) {
      const { copy, source } = yield* filesOf(pattern(10))
      const happened = yield* onWindows({ information: { attributes } }, Pipeline.copy(source, copy, VERIFIED))
      expect([same(copy, pattern(10)), names(happened)]).toEqual([true, new Set(["read", "write"])])
    }
  })
  claim("are neither read nor written where it is sparse, and the copy is so before it is written", function*() {
    const contents = new Uint8Array(SIZE)
    contents.set(pattern(1000), 100_000)
    const { copy, source } = yield* filesOf(contents)
    const windows: Windows = {
      information: { attributes: C.FILE_ATTRIBUTE_SPARSE_FILE },
      ranges: [[98_304, 8192]]
    }
    const happened = yield* onWindows(windows, Pipeline.copy(source, copy, { chunkSize: 65_536 }))
    expect(same(copy, contents)).toBe(true)
    expect(happened.map(({ from, name, to }) => [name, from, to])).toEqual([
      ["set sparse", 0, 0],
      ["query ranges", 0, 0],
      ["read", 98_304, 106_496],
      ["write", 98_304, 106_496],
      // Behind the size, where there may be more.
      ["read", 200_000, 265_536]
    ])
  })
})

describe("writes of a copy", () => {
  const contents = new Uint8Array(1_000_000)
  contents.set(pattern(70_000))
  contents.set(pattern(50_000), 900_000)
  const copyFile = (source: string, copy: string) =>
    Effect.flatMap(ThreadpoolFileSystem.make, (system) => system.copyFile(source, copy))
  const copies: Readonly<Record<string, Making>> = {
    "Pipeline.copy": (source: string, copy: string) => Pipeline.copy(source, copy, VERIFIED),
    "Pipeline.copy with a journal": (source: string, copy: string) =>
      Pipeline.copy(source, copy, { resume: true, journalEvery: 131_072 }),
    "Pipeline.transform": (source: string, copy: string) => Pipeline.transform(source, copy, (bytes) => bytes),
    "FileSystem.copyFile": copyFile
  }
  /** Writes that begin behind what has been written, to files that are not sparse. */
  const far = (happened: ReadonlyArray<Happened>) => {
    const ends = new Map<string, number>()
    return happened.filter(({ file, from, name, to }) => {
      const end = ends.get(file) ?? 0
      if (name === "write") ends.set(file, Math.max(end, to))
      return name === "write" && from > end
    })
  }
  for (const [name, make] of Object.entries(copies)) {
    claim(`begin nowhere behind what has been written, where it is not sparse: ${name}`, function*() {
      const { FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_SPARSE_FILE } = C
      const refuses = { setSparse: C.ERROR_INVALID_FUNCTION }
      for (
        const windows of [
          { information: { attributes: FILE_ATTRIBUTE_NORMAL } },
          { information: { attributes: FILE_ATTRIBUTE_SPARSE_FILE }, ...refuses }
        ]
      ) {
        const { copy, source } = yield* filesOf(contents)
        const happened = yield* onWindows(windows, make(source, copy))
        expect([same(copy, contents), names(happened).has("write"), far(happened)]).toEqual([true, true, []])
      }
    })
  }
})

describe("files without numbers", () => {
  const ALL_ONES = 2n ** 64n - 1n
  const unknown = [{ volume: 0n, fileIndex: 0n }, { volume: 7n, fileIndex: ALL_ONES }]
  const withNumbers = <A, E, R>({ fileIndex, volume }: typeof unknown[number], effect: Effect.Effect<A, E, R>) =>
    onWindows(
      { information: { fileIndex, volume } },
      telling({ dev: volume, ino: fileIndex }, effect)
    )
  const fileSystem = ThreadpoolFileSystem.make

  claim("are copied one into the other by copyFile, whether there is a copy already or not", function*() {
    const system = yield* fileSystem
    for (const numbers of unknown) {
      const { copy, source } = yield* filesOf(pattern(SIZE))
      for (let round = 0; round < 2; round++) {
        yield* withNumbers(numbers, system.copyFile(source, copy))
        expect(same(copy, pattern(SIZE))).toBe(true)
        fs.writeFileSync(copy, "another")
      }
    }
  })
  claim("are one by their names: copyFile onto itself keeps what is there", function*() {
    const system = yield* fileSystem
    for (const numbers of unknown) {
      const { directory, source } = yield* filesOf(pattern(SIZE))
      yield* withNumbers(numbers, system.copyFile(source, join(directory, ".", "source")))
      expect(same(source, pattern(SIZE))).toBe(true)
    }
  })
  claim("lie in directories that are copied, and not taken for one within the other", function*() {
    const system = yield* fileSystem
    const copyTree: Making = (from, to) => Pipeline.copyTree(from, to, { overwrite: true })
    for (const numbers of unknown) {
      for (const make of [system.copy, copyTree]) {
        for (const isThere of [false, true]) {
          const { directory } = yield* filesOf(pattern(0))
          const [from, to] = [join(directory, "from"), join(directory, "to")]
          fs.mkdirSync(join(from, "below"), { recursive: true })
          fs.writeFileSync(join(from, "below/file"), pattern(SIZE))
          if (isThere) fs.mkdirSync(to)
          yield* withNumbers(numbers, make(from, to))
          expect(same(join(to, "below/file"), pattern(SIZE))).toBe(true)
        }
      }
    }
  })
})
