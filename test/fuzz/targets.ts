/**
 * Every public function, with what its arguments are made of. What is added to the library and not here fails a test.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as library from "../../src/index.js"
import * as Operation from "../../src/Operation.js"
import * as testing from "../../src/testing.js"
import {
  among,
  array,
  literal,
  mostly,
  object,
  type Recipe,
  recipe,
  type Recipes,
  Thrown,
  value,
  wrong
} from "./recipe.js"
import * as v from "./values.js"
import type { World } from "./world.js"

export interface Target {
  readonly name: string
  readonly call: (world: World, arguments_: ReadonlyArray<unknown>) => unknown
  readonly arguments: ReadonlyArray<Recipes>
  /** Whether it cannot fail typed: it gives a TypeError that begins with its name, thrown or as a defect. */
  readonly throws?: boolean
}

// --- what is called back

const thrower = value("a function that throws", () => {
  throw new Thrown("by a function of the caller's")
})
const answering = (...answers: ReadonlyArray<Recipe>): Recipes =>
  mostly(fc.oneof(
    fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...answers) }, { weight: 1, arbitrary: wrong }).map((answer) =>
      recipe(`() => ${answer.text}`, (world) => () => answer.make(world))
    ),
    fc.constant(thrower)
  ))
const effects = [
  value("Effect.void", Effect.void),
  value("Effect.fail", Effect.fail(new Thrown("by an effect of the caller's"))),
  value("Effect.die", Effect.die(new Thrown("by an effect of the caller's"))),
  value("Effect.interrupt", Effect.interrupt)
]
const effect: Recipes = mostly(among(...effects, value("Effect.never", Effect.never)))
const toEffect = answering(...effects, value("Effect.never", Effect.never))
const usesFile: Recipes = fc.oneof(
  toEffect,
  among(recipe("File.size", () => library.File.size))
)
const answers = [
  value("Effect.succeed(true)", Effect.succeed(true)),
  value("Effect.succeed(undefined)", Effect.succeed(undefined)),
  value("Effect.never", Effect.never)
]
const listener = answering(value("undefined", undefined))
const progress = { onProgress: listener }

const transformer: Recipes = mostly(among(
  recipe("(bytes) => bytes", () => (bytes: unknown) => bytes),
  recipe("() => Stream.empty", () => () => Stream.empty),
  recipe("() => Stream.fail", () => () => Stream.fail(new Thrown("by a stream of the caller's"))),
  recipe("() => Stream.make(wrong)", () => () => Stream.make(null, 7, "text")),
  recipe("() => null", () => () => null),
  thrower
))

// --- operations, as values of any sort

const make = {
  read: Operation.read,
  write: Operation.write,
  append: Operation.append,
  readVectored: (options: any) => Operation.readVectored(options),
  writeVectored: (options: any) => Operation.writeVectored(options)
}
const madeBy = (name: "append" | "read" | "write"): Recipes =>
  v.operationOptions.map((options) =>
    recipe(`Operation.${name}(${options.text})`, (world) => make[name](options.make(world) as never))
  )
const vectoredBy = (name: "readVectored" | "writeVectored"): Recipes =>
  v.segments.map((buffers) =>
    recipe(`Operation.${name}({ buffers: ${buffers.text} })`, (world) => make[name]({ buffers: buffers.make(world) }))
  )
const operation: Recipes = mostly(fc.oneof(
  madeBy("read"),
  madeBy("write"),
  madeBy("append"),
  vectoredBy("readVectored"),
  vectoredBy("writeVectored"),
  among(
    value("Operation.connect", Operation.connect),
    recipe("what says that it is an operation", () => ({ [Operation.TypeId]: Operation.TypeId, _tag: "Read" }))
  )
))
/** Answers of an `issue` that has made no call: a status of failure, or nothing of the sort. */
const issue = answering(
  value("5", 5),
  value("87", 87),
  value("undefined", undefined),
  value("NaN", NaN),
  value("-1", -1),
  value("\"997\"", "997")
)
/** None that a driver might know. */
const unknownCode = literal(fc.constantFrom(-1, NaN, 2 ** 32, 0.5, 0x0009_0005, 0xffff_fffc, "FSCTL"))
const ioControlCode: Recipes = mostly(fc.oneof(
  literal(fc.constantFrom("FSCTL_GET_COMPRESSION", "FSCTL_SET_SPARSE", "FSCTL_QUERY_ALLOCATED_RANGES", "toString")),
  unknownCode.map((code) =>
    recipe(
      `unsafeIoControlCode(${code.text})`,
      (world) => Operation.unsafeIoControlCode({ name: "any", code: code.make(world) as number })
    )
  )
))

// --- options

const copyOptions = {
  chunkSize: v.small(8192),
  inFlight: v.small(4),
  overwrite: v.boolean,
  verify: v.oneOf("none", "read", "durable"),
  preserve: mostly(array(v.oneOf("times", "permissions"))),
  resume: v.boolean,
  takeOver: v.boolean,
  owner: v.text,
  journal: v.boolean,
  journalEvery: v.small(8192),
  ...progress
}
const connectOptions = {
  messages: v.boolean,
  timeout: v.duration,
  waitForServer: v.boolean,
  impersonation: v.oneOf("anonymous", "identification", "impersonation", "delegation"),
  ...v.ioOptions
}
const listenOptions = {
  messages: v.boolean,
  backlog: v.small(3),
  maxInstances: v.small(4),
  outBufferSize: v.small(70_000),
  inBufferSize: v.small(70_000),
  security: mostly(literal(fc.constantFrom("D:(A;;FA;;;WD)", "D:", "nonsense", "a\0b", ""))),
  ...v.ioOptions
}
const socketOptions = { closeCodeIsError: listener, bufferSize: v.small(4096), readLimit: v.small(4096) }
const poolOptions = {
  minThreads: v.small(2),
  maxThreads: v.small(3),
  stack: object({ reserve: v.number, commit: v.number })
}
const kernelOptions = {
  kernel: v.oneOf("auto"),
  drainTimeout: v.anyDuration,
  completions: v.oneOf("auto", "relay"),
  relayLibrary: fc.oneof(v.path, v.text)
}
const environmentOptions = mostly(object({
  threadpool: fc.oneof(v.threadpool, object(poolOptions)),
  cleanupGroup: fc.oneof(v.cleanupGroup, v.boolean),
  priority: v.oneOf("high", "normal", "low"),
  runsLong: v.boolean,
  library: mostly(literal(fc.constantFrom("kernel32.dll", "", "a\0b", "none-such.dll")))
}))
const ledger: Recipes = mostly(among(
  value("a ledger", {
    started: 1,
    completedByCallback: 1,
    completedInline: 0,
    failedAtStart: 0,
    cancelled: 0,
    quarantined: 0,
    inFlight: 0
  }),
  value("a ledger of NaN", { started: NaN, completedInline: NaN, completedByCallback: Infinity })
))
const win32Error = mostly(object({
  code: v.number,
  syscall: v.text,
  reason: v.oneOf("NotFound", "Busy"),
  path: v.text,
  handle: v.number,
  text: v.text,
  detail: v.text,
  cause: wrong
}))
const simulation = {
  seed: v.small(5),
  behaviour: mostly(object({ short: v.small(100), late: v.small(100) })),
  faults: mostly(array(object({ syscall: v.text, nth: v.small(3), code: v.number }))),
  capacity: v.number,
  files: mostly(object({ file: fc.oneof(v.text, v.bytes) })),
  drainTimeout: v.anyDuration
}

// --- the table

type Arguments = ReadonlyArray<Recipes>

const table: Readonly<Record<string, Arguments | { readonly throws: Arguments }>> = {
  "BufferPool.isPoolBuffer": [fc.oneof(v.bytes, wrong)],
  "BufferPool.make": [v.small(70_000)],
  "CallbackEnvironment.isCallbackEnvironment": [v.environment],
  "CallbackEnvironment.layer": [environmentOptions],
  "CallbackEnvironment.make": [environmentOptions],
  "CallbackEnvironment.provide": { throws: [effect, v.environment] },
  "CleanupGroup.isCleanupGroup": [v.cleanupGroup],
  "CleanupGroup.members": { throws: [v.cleanupGroup] },
  "Directory.changes": [v.directory],
  "Directory.entries": [v.path],
  "Directory.isDirectory": [v.directory],
  "Directory.open": [v.path, mostly(object(directoryOptions()))],
  "Directory.watch": [v.path, mostly(object(directoryOptions()))],
  "File.allocate": [v.file, v.offset],
  "File.allocatedRanges": [v.file, v.range],
  "File.append": [v.file, v.bytes],
  "File.copy": [v.path, v.freshPath],
  "File.deviceIoControl": [v.file, mostly(object({ code: ioControlCode, input: v.bytes, outputSize: v.small(64) }))],
  "File.forEachChunk": [v.file, v.chunkOptions, toEffect],
  "File.isFile": [v.file],
  "File.joinName": [v.path, v.text],
  "File.lock": [v.file, mostly(object({ offset: v.offset, length: v.offset, exclusive: v.boolean, wait: v.boolean }))],
  "File.open": [v.path, v.openOptions],
  "File.read": [v.file, v.bytes, v.offset],
  "File.readExact": [v.file, v.bytes, v.offset],
  "File.readMany": [v.file, mostly(array(requests())), manyOptions()],
  "File.readVectored": [v.file, v.segments, v.offset],
  "File.remove": [v.path],
  "File.rename": [v.path, v.freshPath, mostly(object({ replace: v.boolean }))],
  "File.renameTo": [v.file, v.freshPath, mostly(object({ replace: v.boolean }))],
  "File.sectors": [v.file],
  "File.setBasicInfo": [
    v.file,
    mostly(object({ accessTimeNs: v.offset, modifiedTimeNs: v.offset, readOnly: v.boolean, mode: v.number }))
  ],
  "File.setDeleteOnClose": [v.file, v.boolean],
  "File.setSparse": [v.file, v.boolean],
  "File.sink": [
    v.file,
    mostly(object({ offset: v.offset, chunkSize: v.small(8192), inFlight: v.small(4), sync: v.boolean }))
  ],
  "File.size": [v.file],
  "File.stat": [v.file],
  "File.stream": [v.file, v.chunkOptions],
  "File.streamRecycled": [v.file, v.chunkOptions],
  "File.submit": [v.file, operation],
  "File.sync": [v.file],
  "File.truncate": [v.file, fc.oneof(v.offset, v.small(9000))],
  "File.withFile": [v.path, v.openOptions, usesFile],
  "File.withLock": [v.file, v.range, effect],
  "File.write": [v.file, v.bytes, fc.oneof(v.small(9000), v.offset)],
  "File.writeAll": [v.file, v.bytes, fc.oneof(v.small(9000), v.offset)],
  "File.writeMany": [v.file, mostly(array(requests())), manyOptions()],
  "File.writeVectored": [v.file, v.segments, fc.oneof(v.small(9000), v.offset)],
  "File.zeroRange": [v.file, v.small(9000), v.small(9000)],
  "Handle.make": [v.number],
  "Kernel.layerConfig": [configOptions()],
  "Kernel.layerOptions": [mostly(object(kernelOptions))],
  "Ledger.format": { throws: [ledger] },
  "Ledger.inlineShare": { throws: [ledger] },
  "Ledger.isBalanced": { throws: [ledger] },
  "NamedPipe.accept": [v.server],
  "NamedPipe.connect": [v.pipeName, mostly(object(connectOptions))],
  "NamedPipe.disconnect": [v.connection],
  "NamedPipe.flush": [v.connection],
  "NamedPipe.information": [v.connection],
  "NamedPipe.isConnection": [v.connection],
  "NamedPipe.listen": [v.pipeName, mostly(object(listenOptions))],
  "NamedPipe.peek": [v.connection],
  "NamedPipe.read": [v.connection, v.bytes],
  "NamedPipe.readMessage": [v.connection, mostly(object({ maximum: v.small(4096) }))],
  "NamedPipe.sink": [v.connection],
  "NamedPipe.stream": [v.connection, mostly(object({ maximum: v.small(4096), bufferSize: v.small(4096) }))],
  "NamedPipe.transact": [v.connection, v.bytes, mostly(object({ maximum: v.small(4096) }))],
  "NamedPipe.write": [v.connection, v.bytes],
  "NamedPipe.writeAll": [v.connection, v.bytes],
  "NamedPipeSocket.fromConnection": {
    throws: [
      mostly(among(
        recipe("Effect.succeed(connection)", ({ connections }) => Effect.succeed(connections.client)),
        recipe("Effect.succeed(closed)", ({ connections }) => Effect.succeed(connections.closed)),
        value("Effect.succeed(null)", Effect.succeed(null)),
        ...effects
      )),
      mostly(object(socketOptions))
    ]
  },
  "NamedPipeSocket.layer": {
    throws: [v.pipeName, mostly(object({ ...connectOptions, ...socketOptions, openTimeout: v.duration }))]
  },
  "NamedPipeSocket.make": {
    throws: [v.pipeName, mostly(object({ ...connectOptions, ...socketOptions, openTimeout: v.duration }))]
  },
  "NamedPipeSocket.makeChannel": { throws: [v.pipeName, mostly(object({ ...connectOptions, ...socketOptions }))] },
  "NamedPipeSocketServer.layer": [v.pipeName, mostly(object({ ...listenOptions, ...socketOptions }))],
  "NamedPipeSocketServer.make": [v.pipeName, mostly(object({ ...listenOptions, ...socketOptions }))],
  "Operation.append": [v.operationOptions],
  "Operation.deviceIoControl": [
    mostly(object({ code: ioControlCode, input: v.bytes, output: v.bytes, start: v.small(16), length: v.small(16) }))
  ],
  "Operation.read": [v.operationOptions],
  "Operation.readDirectoryChanges": [
    mostly(object({
      buffer: v.bytes,
      recursive: v.boolean,
      filter: mostly(array(v.notification)),
      start: v.small(16),
      length: v.small(16)
    }))
  ],
  "Operation.readVectored": [mostly(object({ buffers: v.segments, offset: v.offset }))],
  "Operation.transact": [
    mostly(object({ message: v.bytes, buffer: v.bytes, start: v.small(16), length: v.small(16) }))
  ],
  "Operation.unsafeIoControlCode": [mostly(object({ name: v.text, code: unknownCode }))],
  "Operation.unsafeMake": {
    throws: [
      mostly(object({
        syscall: v.text,
        issue,
        buffer: v.bytes,
        start: v.small(16),
        length: v.small(16),
        offset: v.offset,
        access: v.oneOf("kernel-reads", "kernel-writes"),
        trueIsPending: v.boolean
      }))
    ]
  },
  "Operation.write": [v.operationOptions],
  "Operation.writeVectored": [mostly(object({ buffers: v.segments, offset: v.offset }))],
  "Pipeline.copy": [v.path, v.freshPath, mostly(object(copyOptions))],
  "Pipeline.copyTree": [
    v.path,
    v.freshPath,
    mostly(object({
      ...copyOptions,
      concurrency: v.small(4),
      onFailure: v.oneOf("undo", "keep", "collect"),
      filter: fc.oneof(answering(value("true", true), value("false", false)), answering(...answers, ...effects)),
      links: v.oneOf("copy", "follow", "skip", "refuse"),
      hardLinks: v.oneOf("copy", "keep"),
      dryRun: v.boolean
    }))
  ],
  "Pipeline.isTemporaryName": [v.text],
  "Pipeline.hash": [
    fc.oneof(v.path, v.file),
    mostly(object({
      algorithm: v.oneOf("sha256", "md5", "none such"),
      encoding: v.oneOf("hex", "base64", "base64url"),
      chunkSize: v.small(8192),
      inFlight: v.small(4),
      ...progress
    }))
  ],
  "Pipeline.progress": { throws: [toEffect] },
  "Pipeline.transform": [
    v.path,
    v.freshPath,
    transformer,
    mostly(object({
      chunkSize: v.small(8192),
      inFlight: v.small(4),
      overwrite: v.boolean,
      durable: v.boolean,
      preserve: mostly(array(v.oneOf("times", "permissions"))),
      ...progress
    }))
  ],
  "PipelineError.make": {
    throws: [
      mostly(object({ reason: v.oneOf("Changed"), path: v.text, sentence: v.text, failures: mostly(array(wrong)) }))
    ]
  },
  "Threadpool.isThreadpool": [v.threadpool],
  "Threadpool.make": [mostly(object(poolOptions))],
  "Threadpool.stackInformation": [v.threadpool],
  "ThreadpoolFileSystem.isPositionalFile": [v.file],
  "ThreadpoolFileSystem.layerConfig": [configOptions()],
  "ThreadpoolIo.awaitIdle": { throws: [v.io] },
  "ThreadpoolIo.bind": [v.handle, mostly(object({ ...v.ioOptions, path: v.text }))],
  "ThreadpoolIo.cancelAll": { throws: [v.io] },
  "ThreadpoolIo.cancellable": [v.io, operation],
  "ThreadpoolIo.isThreadpoolIo": [v.io],
  "ThreadpoolIo.ledger": { throws: [v.io] },
  "ThreadpoolIo.make": [v.handle, mostly(object({ owned: v.boolean, ...v.ioOptions, path: v.text }))],
  "ThreadpoolIo.submit": [v.io, operation],
  "Win32Error.make": { throws: [win32Error] },
  "Win32Error.toPlatformError": { throws: [v.text, v.text] },
  "testing.check": { throws: [effect, mostly(object({ ...simulation, seeds: v.small(2), steps: v.small(1000) }))] },
  "testing.layer": { throws: [mostly(object({ ...simulation, clock: v.oneOf("simulated", "inherited") }))] },
  // A promise, which nobody can interrupt: as many seeds as were asked for are run.
  "testing.test": {
    throws: [effect, mostly(object({ ...simulation, seeds: mostly(literal(fc.nat(2))), steps: v.small(1000) }))]
  }
}

function directoryOptions() {
  return {
    recursive: v.boolean,
    filter: mostly(array(v.notification)),
    bufferSize: v.small(8192),
    drainTimeout: v.anyDuration,
    spans: v.boolean
  }
}

/** A `Config` for each option; that of a wrong value is a value as others are. */
function configOptions() {
  return mostly(object({
    kernel: among(
      value("Config.succeed(\"auto\")", Config.succeed("auto")),
      value("Config.succeed(7)", Config.succeed(7))
    ),
    drainTimeout: among(
      value("Config.succeed(NaN)", Config.succeed(NaN)),
      value("Config.succeed(1)", Config.succeed(1))
    )
  }))
}

function manyOptions() {
  return mostly(object({ inFlight: v.small(4), mode: v.oneOf("default", "either") }))
}

function requests() {
  return fc.oneof(v.operationOptions, mostly(object({ offset: v.small(9000), length: v.small(64) })))
}

// --- the methods of the file system, of its files and of sockets

const sizes = { offset: v.offset, chunkSize: v.small(4096), bufferSize: v.small(4), bytesToRead: v.offset }
const flag = v.oneOf("r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+")
const temporary = mostly(object({
  directory: v.path,
  prefix: mostly(literal(fc.constantFrom("a", "", "a\0"))),
  suffix: mostly(literal(fc.constantFrom(".b", "", "\0")))
}))
const stamp: Recipes = mostly(
  fc.oneof(v.number, among(value("an invalid Date", new Date(NaN)), value("a Date", new Date(9))))
)

const methods: Readonly<Record<string, Arguments>> = {
  access: [v.path, mostly(object({ ok: v.boolean, readable: v.boolean, writable: v.boolean }))],
  chmod: [v.path, v.number],
  chown: [v.path, v.number, v.number],
  copy: [v.path, v.freshPath, mostly(object({ overwrite: v.boolean, preserveTimestamps: v.boolean }))],
  copyFile: [v.path, v.freshPath],
  exists: [v.path],
  link: [v.path, v.freshPath],
  makeDirectory: [v.freshPath, mostly(object({ recursive: v.boolean, mode: v.number }))],
  makeTempDirectory: [temporary],
  makeTempDirectoryScoped: [temporary],
  makeTempFile: [temporary],
  makeTempFileScoped: [temporary],
  open: [v.path, mostly(object({ flag, mode: v.number }))],
  readDirectory: [v.path, mostly(object({ recursive: v.boolean }))],
  readFile: [v.path],
  readFileString: [v.path, v.oneOf("utf8", "latin1", "none such")],
  readLink: [v.path],
  realPath: [v.path],
  remove: [v.path, mostly(object({ recursive: v.boolean, force: v.boolean }))],
  rename: [v.path, v.freshPath],
  sink: [v.freshPath, mostly(object({ flag, mode: v.number }))],
  stat: [v.path],
  stream: [v.path, mostly(object(sizes))],
  symlink: [v.path, v.freshPath],
  truncate: [v.path, fc.oneof(v.offset, v.small(9000))],
  utimes: [v.path, stamp, stamp],
  watch: [v.path, mostly(object({ recursive: v.boolean }))],
  writeFile: [v.freshPath, v.bytes, mostly(object({ flag, mode: v.number }))],
  writeFileString: [v.freshPath, v.text, mostly(object({ flag, mode: v.number }))]
}

const ofFile: Readonly<Record<string, Arguments>> = {
  seek: [v.offset, v.oneOf("start", "current")],
  read: [v.bytes],
  readAlloc: [fc.oneof(v.small(9000), v.offset)],
  truncate: [v.small(9000)],
  write: [v.bytes],
  writeAll: [v.bytes],
  readAt: [v.bytes, v.offset],
  writeAt: [v.bytes, fc.oneof(v.small(9000), v.offset)],
  writeAllAt: [v.bytes, fc.oneof(v.small(9000), v.offset)]
}

// --- all of them

type Callable = (...arguments_: ReadonlyArray<unknown>) => unknown

const entries: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { ...library, testing }

const ofModules = Object.entries(table).map(([name, entry]): Target => {
  const [module, key] = name.split(".") as [string, string]
  const f = entries[module]![key] as Callable
  const throws = "throws" in entry
  return {
    name,
    call: (_, arguments_) => f(...arguments_),
    arguments: throws ? entry.throws : entry as Arguments,
    throws
  }
})

const method = (name: string, of: (world: World) => unknown, table: Readonly<Record<string, Arguments>>) =>
  Object.entries(table).map(([key, arguments_]): Target => ({
    name: `${name}.${key}`,
    call: (world, given) => ((of(world) as Record<string, Callable>)[key]!)(...given),
    arguments: arguments_,
    throws: key === "seek"
  }))

export const targets: ReadonlyArray<Target> = [
  ...ofModules,
  ...method("FileSystem", ({ fs }) => fs, methods),
  ...method("PositionalFile", ({ positional }) =>
    new Proxy(positional, {
      get: (file, key) => {
        const it = (file as any)[key]
        return typeof it === "function" ? it.bind(file) : it
      }
    }), ofFile)
]

/** Exports that are no functions of arguments of ours: tags, classes of errors, and functions made by Effect. */
const noFunctions = new Set([
  "Directory.match",
  "Kernel.Kernel",
  "NamedPipeSocket.PipeConnection",
  "PipelineError.PipelineError",
  "Win32Error.Win32Error",
  "testing.Simulation",
  "testing.SimulationFailure"
])

/** Public functions for which there is no target. */
export const uncovered = (): ReadonlyArray<string> =>
  Object.entries(entries).flatMap(([module, exports]) =>
    Object.entries(exports).filter(([, it]) => typeof it === "function").map(([key]) => `${module}.${key}`)
  ).filter((name) => !(name in table) && !noFunctions.has(name))

/** The same of the methods of a file system and of its files. */
export const uncoveredMethods = (fs: object, file: object): ReadonlyArray<string> => {
  const functions = (it: object) =>
    [...Object.keys(it), ...Object.getOwnPropertyNames(Object.getPrototypeOf(it))].filter((key) => {
      const found = Object.getOwnPropertyDescriptor(it, key) ??
        Object.getOwnPropertyDescriptor(Object.getPrototypeOf(it), key)
      return !(key in Object.prototype) && typeof found?.value === "function"
    })
  const unlisted = (it: object, table: object) => functions(it).filter((key) => !Object.hasOwn(table, key))
  return [...unlisted(fs, methods), ...unlisted(file, ofFile)]
}
