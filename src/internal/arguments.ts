/**
 * Arguments, looked at before anything is done with them. JavaScript does not keep types: what a wrong one would come
 * to inside is an error that says nothing to anybody, or a call of the system that nobody has asked for. Options are
 * read once, into a copy; what a getter or a proxy says the second time does not matter.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Win32Error from "../Win32Error.js"
import { ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER } from "./constants.js"
import { shown } from "./values.js"

// --- options

/** Whether a value is of a kind, and what to call the kind in "… must be …". */
export interface Kind {
  readonly name: string
  readonly is: (value: unknown) => boolean
}

const kind = (name: string, is: Kind["is"]): Kind => ({ name, is })

export const aString: Kind = kind("a string", (value) => typeof value === "string")
export const aBoolean: Kind = kind("a boolean", (value) => typeof value === "boolean")
export const aNumber: Kind = kind("a number", (value) => typeof value === "number")
/**
 * With or without the bits that say what it is the mode of. Not what node lets pass: it ends the process over one of
 * 2^31 and more, and over -0.
 */
export const aMode: Kind = kind(
  "permission bits, a whole number from 0 to 0o177777",
  (value) => Number.isInteger(value) && !Object.is(value, -0) && (value as number) >= 0 && (value as number) <= 0o177777
)
export const anOffset: Kind = kind(
  "a number or a bigint",
  (value) => typeof value === "number" || typeof value === "bigint"
)
export const aBigint: Kind = kind("a bigint", (value) => typeof value === "bigint")
export const aFunction: Kind = kind("a function", (value) => typeof value === "function")
/** No array: its own methods would be taken for options. */
export const anObject: Kind = kind(
  "an object",
  (value) => typeof value === "object" && value !== null && !Array.isArray(value)
)
export const aDuration: Kind = kind("a duration", (value) => Duration.decodeUnknown(value)._tag === "Some")
/** One that a fiber can run: over what only claims to be one, with no name of an instruction, the fiber never ends. */
export const isAnEffect: Kind = kind(
  "an Effect",
  (value) => Effect.isEffect(value) && typeof (value as { readonly _op?: unknown })._op === "string"
)
export const aConfig: Kind = kind("a Config", Config.isConfig)
export const aStream: Kind = kind(
  "a Stream",
  (value) => typeof value === "object" && value !== null && Stream.StreamTypeId in value
)
export const anything: Kind = kind("anything", () => true)
export const oneOf = (...names: ReadonlyArray<string>): Kind =>
  kind(`one of ${names.join(", ")}`, (value) => names.includes(value as string))
/** More than all there are of a vocabulary is no list of it. */
const LONGEST_LIST = 100
export const listOf = ({ is, name }: Kind): Kind =>
  kind(
    `a list, each ${name}`,
    (value) => Array.isArray(value) && value.length <= LONGEST_LIST && [...value].every(is)
  )

/** Why an argument is refused. */
export class InvalidArgument {
  constructor(readonly problem: string, readonly cause?: unknown) {}
}

/** The refusal of an argument that is not of its kind. */
export const wrong = (name: string, value: unknown, { is, name: expected }: Kind): InvalidArgument | undefined => {
  try {
    return is(value) ? undefined : new InvalidArgument(`${name} must be ${expected}, not ${shown(value)}`)
  } catch (cause) {
    return new InvalidArgument(`${name} must be ${expected}, and cannot be looked at`, cause)
  }
}

type Kinds<O> = { readonly [K in keyof O]-?: Kind }

/** A reader of options: a copy with what is there and of its kind, or what is wrong. */
export const optionsOf = <O extends object>(kinds: Kinds<O>, what = "options") => {
  const entries = Object.entries(kinds) as unknown as ReadonlyArray<readonly [keyof O & string, Kind]>
  return (given: O): O | InvalidArgument => {
    const problem = wrong(what, given, anObject)
    if (problem !== undefined) return problem
    const copy: Partial<O> = {}
    try {
      for (const [name, kind] of entries) {
        const value = given[name]
        if (value === undefined) continue
        const problem = wrong(name, value, kind)
        if (problem !== undefined) return problem
        copy[name] = value
      }
    } catch (cause) {
      return new InvalidArgument(`the ${what} cannot be read`, cause)
    }
    return copy as O
  }
}

/** The options that `ThreadpoolIo.make` has, and whatever opens something passes on. */
export const ioKinds = { maxInFlight: aNumber, drainTimeout: aDuration, spans: aBoolean, skipMode: aBoolean }

// --- paths

/** The fault of a path that no system can have, or `undefined`. */
export const pathProblem = (path: unknown, what = "path"): string | undefined =>
  typeof path !== "string"
    ? `The ${what} must be a string, not ${shown(path)}.`
    : path.length === 0
    ? `The ${what} is empty.`
    : path.includes("\0")
    ? `The ${what} has a NUL character.`
    : undefined

/** The error for it. */
export const badPath = (syscall: string, path: unknown, detail: string): Win32Error.Win32Error =>
  Win32Error.make({
    code: typeof path === "string" ? ERROR_INVALID_NAME : ERROR_INVALID_PARAMETER,
    syscall,
    path: typeof path === "string" ? path : undefined,
    detail
  })

// --- refusing

export const refusal = (
  syscall: string,
  { cause, problem }: InvalidArgument,
  where: { readonly path?: unknown; readonly handle?: number | undefined } = {}
): Win32Error.Win32Error =>
  Win32Error.make({
    code: ERROR_INVALID_PARAMETER,
    syscall,
    path: typeof where.path === "string" ? where.path : undefined,
    handle: where.handle,
    detail: `Refused: ${problem}.`,
    cause
  })

/** The error for a first argument of another kind. */
export const notA = (what: string, syscall: string, it: unknown): Win32Error.Win32Error =>
  refusal(syscall, new InvalidArgument(`it takes a ${what}, not ${shown(it)}`))

export const failNotA = (what: string, syscall: string, it: unknown): Effect.Effect<never, Win32Error.Win32Error> =>
  Effect.suspend(() => Effect.fail(notA(what, syscall, it)))

/**
 * For a function that answers a plain value, or an effect that does not fail: a TypeError that begins with its name.
 */
export const throwWrong = (name: string, { cause, problem }: InvalidArgument): never => {
  throw new TypeError(`${name}: ${problem}`, { cause })
}

export const throwNotA = (what: string, name: string, it: unknown): never =>
  throwWrong(name, new InvalidArgument(`it takes a ${what}, not ${shown(it)}`))
