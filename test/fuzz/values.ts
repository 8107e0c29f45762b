/**
 * The extremes of arguments: numbers, memory, paths, handles, options.
 */
import * as Duration from "effect/Duration"
import * as fc from "effect/FastCheck"
import { among, array, literal, mostly, object, type Recipe, recipe, type Recipes, show, value } from "./recipe.js"
import type { World } from "./world.js"

// --- numbers

const numbers = [
  ...[
    0,
    -0,
    1,
    2,
    3,
    4,
    7,
    255,
    256,
    512,
    4095,
    4096,
    4097,
    65_536,
    1 << 20,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32
  ],
  ...[2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64, 1e300, Infinity, -Infinity, NaN, -1, -4096, 0.5, 1.5, Number.MIN_VALUE]
]
const bigints = [0n, 1n, 4096n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n, 2n ** 200n]

export const number: Recipes = mostly(
  literal(fc.oneof(fc.constantFrom(...numbers), fc.integer(), fc.double(), fc.nat(64))),
  12
)
export const offset: Recipes = mostly(
  literal(fc.oneof(fc.nat(64), fc.nat(64), fc.constantFrom(...numbers), fc.constantFrom(...bigints), fc.bigInt())),
  12
)
/** A count of things or of bytes that a correct program would give; seldom an extreme one. */
export const small = (most: number): Recipes =>
  fc.oneof({ weight: 3, arbitrary: literal(fc.nat(most)) }, { weight: 1, arbitrary: number })
export const boolean: Recipes = mostly(literal(fc.boolean()))
export const oneOf = (...names: ReadonlyArray<string>): Recipes =>
  mostly(literal(fc.constantFrom(...names, "toString", "__proto__", "constructor")))
export const duration: Recipes = mostly(
  among(
    value("\"20 millis\"", "20 millis"),
    value("0", 0),
    value("1.5", 1.5),
    value("-1", -1),
    value("NaN", NaN),
    value("1e300", 1e300),
    value("\"soon\"", "soon"),
    value("10n", 10n),
    value("[0, 1]", [0, 1]),
    value("[NaN, NaN]", [NaN, NaN]),
    value("Duration.zero", Duration.zero)
  )
)
/** Any duration, the infinite one included: where nothing has to be waited for. */
export const anyDuration: Recipes = fc.oneof(duration, among(value("Duration.infinity", Duration.infinity)))

// --- text and names

const strings: ReadonlyArray<string> = [
  "",
  "\0",
  "a\0b",
  "\ud800",
  "a\udfff.txt",
  "x".repeat(300),
  "x".repeat(40_000),
  "\u202e",
  "é",
  "é",
  "%00",
  "$(true)"
]
export const text: Recipes = mostly(literal(fc.oneof(fc.constantFrom(...strings), fc.string({ maxLength: 12 }))))

const here = (text: string, name: string): Recipe =>
  recipe(text, ({ directory, separator }) => directory + separator + name)

/** Nothing that leads out of the directory of the world: what is removed and truncated must be of this test. */
const named = [
  ...[
    "file",
    "file",
    "file",
    "empty",
    "directory",
    "directory/inner",
    "missing",
    "missing/below",
    "file/below",
    "link"
  ],
  ...[
    "directory/../file",
    "./file",
    "file ",
    "file.",
    "CON",
    "NUL",
    "nul.txt",
    "COM1.txt",
    "file:stream",
    "file::$DATA"
  ],
  ...["FILE", "*", "fi?e", "<>", "|", "\"file\"", "directory/"]
]
const verbatim = (prefix: string): Recipe =>
  recipe(`${prefix}…file`, ({ directory, separator }) => prefix + directory + separator + "file")

const harmless = fc.string({ minLength: 1, maxLength: 10 }).map((name) => `r-${name.replace(/[/\\:]/g, "_")}`)

export const path: Recipes = mostly(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...named).map((name) => here(`…/${name}`, name)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...strings).map((name) =>
        name === "" ? value("\"\"", "") : here(`…/${show(name)}`, name)
      )
    },
    { weight: 1, arbitrary: harmless.map((name) => here(`…/${JSON.stringify(name)}`, name)) },
    {
      weight: 1,
      arbitrary: among(
        verbatim("\\\\?\\"),
        verbatim("\\\\.\\"),
        recipe("a URL", ({ directory }) => new URL(`file://${directory.replaceAll("\\", "/")}/file`)),
        recipe("a Buffer", ({ directory, separator }) => Buffer.from(directory + separator + "file"))
      )
    }
  ),
  12
)

/** A name that nothing has yet. */
export const freshPath: Recipes = fc.oneof(
  { weight: 3, arbitrary: fc.nat(9999).map((number) => here(`…/fresh${number}`, `fresh${number}`)) },
  { weight: 1, arbitrary: path }
)

export const pipeName: Recipes = mostly(
  fc.oneof(
    fc.nat(3).map((number) => recipe(`a pipe ${number}`, ({ pipeName }) => `${pipeName}-${number}`)),
    among(
      recipe("the world's pipe", ({ pipeName }) => pipeName),
      recipe("the world's pipe, as a path", ({ pipeName }) => `\\\\.\\PIPE\\${pipeName}`),
      value("\"a\\\\b\"", "a\\b"),
      value("\"../../x\"", "../../x"),
      value("\"a.\"", "a.")
    ),
    literal(fc.constantFrom(...strings))
  )
)

// --- memory

interface Growing {
  new(length: number, options: { readonly maxByteLength: number }): ArrayBuffer
}
const Resizable = ArrayBuffer as unknown as Growing

const detached = (bytes: Uint8Array): Uint8Array => {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
  return bytes
}

class Lying extends Uint8Array {
  override get byteLength(): number {
    return 1e9
  }
  override get length(): number {
    return 1e9
  }
  override subarray(): any {
    return new Uint8Array(1 << 16)
  }
  override slice(): any {
    return "no bytes"
  }
}

const ownBuffers: Recipes = among(
  recipe("new Uint8Array(16)", () => new Uint8Array(16)),
  recipe("new Uint8Array(4096)", () => new Uint8Array(4096)),
  recipe("new Uint8Array(0)", () => new Uint8Array(0)),
  recipe("new Uint8Array(100000)", () => new Uint8Array(100_000)),
  recipe("Buffer.from(\"text\")", () => Buffer.from("text")),
  recipe("a view in the middle", () => new Uint8Array(64).subarray(7, 31)),
  recipe("the world's memory", ({ memory }) => memory),
  recipe("the world's memory, its first half", ({ memory }) => memory.subarray(0, 32)),
  recipe("the world's memory, shifted", ({ memory }) => memory.subarray(16, 48)),
  recipe("a buffer of the pool", ({ buffer }) => buffer),
  recipe("a returned buffer of the pool", ({ returned }) => returned),
  recipe("a buffer of another kernel's pool", ({ foreign }) => foreign.buffer),
  recipe("the bytes of a buffer of the pool", ({ buffer }) => buffer.bytes)
)

const strange: Recipes = among(
  recipe("detached", () => detached(new Uint8Array(16))),
  recipe("of a SharedArrayBuffer", () => new Uint8Array(new SharedArrayBuffer(16))),
  recipe("of a resizable ArrayBuffer", () => new Uint8Array(new Resizable(16, { maxByteLength: 64 }))),
  recipe("out of its resizable ArrayBuffer", () => {
    const buffer = new Resizable(64, { maxByteLength: 64 })
    const bytes = new Uint8Array(buffer, 32, 32)
    ;(buffer as any).resize(8)
    return bytes
  }),
  recipe("a Uint8Array that lies", () => new Lying(8)),
  recipe(
    "a Uint8Array with a length of its own",
    () => Object.defineProperty(new Uint8Array(8), "byteLength", { value: 1e9 })
  ),
  recipe("a proxy of a Uint8Array", () => new Proxy(new Uint8Array(8), {})),
  recipe("a Uint8Array without a prototype", () => Object.setPrototypeOf(new Uint8Array(8), null)),
  recipe("an object with the prototype of a Uint8Array", () => Object.create(Uint8Array.prototype)),
  recipe("a Uint16Array", () => new Uint16Array(8)),
  recipe("a DataView", () => new DataView(new ArrayBuffer(8))),
  recipe("an ArrayBuffer", () => new ArrayBuffer(8)),
  recipe("an array of numbers", () => [1, 2, 3]),
  recipe("what says that it is a buffer of the pool", ({ poolTypeId }) => ({ [poolTypeId]: poolTypeId, size: 8 }))
)

export const bytes: Recipes = mostly(
  fc.oneof({ weight: 4, arbitrary: ownBuffers }, { weight: 1, arbitrary: strange }),
  16
)

// --- things of the library, as they can be: open, closed, of another kernel, and something else

const thing = (name: string, of: (world: World) => Readonly<Record<string, unknown>>, kinds: ReadonlyArray<string>) =>
  mostly(
    fc.constantFrom(...kinds).map((kind) => recipe(`${name} (${kind})`, (world) => of(world)[kind])),
    16
  )

export const file: Recipes = thing("a File", ({ files }) => files, [
  ...[
    "readwrite",
    "readwrite",
    "readwrite",
    "append",
    "readonly",
    "writeonly",
    "closed",
    "foreign",
    "proxied",
    "forged"
  ]
])
export const io: Recipes = thing("a ThreadpoolIo", ({ ios }) => ios, [
  ...["file", "file", "pipe", "closed", "directory", "foreign", "forged"]
])
export const connection: Recipes = thing("a Connection", ({ connections }) => connections, [
  ...["client", "server", "client", "server", "closed", "alone", "messages", "forged"]
])
export const server: Recipes = thing("a Server", ({ servers }) => servers, ["open", "open", "closed", "forged"])
export const directory: Recipes = thing("a Directory", ({ directories }) => directories, ["open", "closed", "forged"])
export const threadpool: Recipes = thing("a Threadpool", ({ threadpools }) => threadpools, [
  ...["open", "closed", "foreign", "forged"]
])
export const cleanupGroup: Recipes = thing("a CleanupGroup", ({ groups }) => groups, [
  ...["open", "closed", "foreign", "forged"]
])
export const environment: Recipes = thing("a CallbackEnvironment", ({ environments }) => environments, [
  ...["open", "closed", "foreign", "forged"]
])
/** A handle; the owner of a living one is closed with the world. Another number could be the test's own. */
export const handle: Recipes = thing("a handle", ({ handles }) => handles, [
  ...["bound", "zero", "minusOne", "fraction", "nan", "huge", "unknown", "bigint", "pseudo"]
])

// --- options

export const ioOptions = {
  maxInFlight: small(8),
  drainTimeout: anyDuration,
  spans: boolean,
  skipMode: boolean
}
export const openOptions: Recipes = mostly(object({
  access: oneOf("read", "write", "readwrite", "append", "readappend"),
  share: mostly(array(oneOf("read", "write", "delete"))),
  disposition: oneOf("openExisting", "openExisting", "createNew", "createAlways", "openAlways", "truncateExisting"),
  writeThrough: boolean,
  hint: oneOf("sequential", "random"),
  unbuffered: boolean,
  deletable: boolean,
  noFollow: boolean,
  mode: number,
  ...ioOptions
}))
const window = { start: small(16), length: small(16) }
export const operationOptions: Recipes = mostly(object({ buffer: bytes, offset, ...window }), 12)
const segment = fc.oneof(bytes, object({ buffer: bytes, ...window }))
export const segments: Recipes = mostly(array(segment), 12)
export const chunkOptions: Recipes = mostly(object({
  offset,
  length: offset,
  chunkSize: small(8192),
  inFlight: small(6),
  ordered: boolean
}))
export const range: Recipes = mostly(object({ offset, length: offset }))
export const notification: Recipes = oneOf("fileName", "directoryName", "attributes", "size", "lastWrite", "creation")
