/**
 * Type checks that cannot be fooled and do not throw: nothing here calls into the value, but behind a guard.
 */

/** A value for a message: as it is where that is short and certain, else what sort of value it is. */
export const shown = (value: unknown): string => {
  switch (typeof value) {
    case "bigint":
    case "boolean":
    case "number":
    case "undefined":
      return String(value)
    case "string":
      return value.length <= 40 ? JSON.stringify(value) : `a string of ${value.length} characters`
    case "object":
      return value === null ? "null" : "an object"
    case "function":
    case "symbol":
      return `a ${typeof value}`
  }
}

// --- what a thing of the library's is

/** For guards: also of what cannot be looked at, as a proxy that has been revoked. */
export const hasTypeId = (it: unknown, typeId: symbol): boolean => {
  try {
    return typeof it === "object" && it !== null && typeId in it
  } catch {
    return false
  }
}

/** `instanceof`, likewise. */
export const isInstance = <A>(it: unknown, kind: abstract new(...arguments_: never) => A): it is A => {
  try {
    return it instanceof kind
  } catch {
    return false
  }
}

export const isList = (it: unknown): it is ReadonlyArray<unknown> => {
  try {
    return Array.isArray(it)
  } catch {
    return false
  }
}

/** By its mark, and by the part of it that is ours: whoever makes the one up has not the other. */
export const isA = (it: unknown, typeId: symbol, part: string): boolean => {
  try {
    const there = it as Record<string | symbol, unknown>
    return typeof it === "object" && it !== null && there[typeId] === typeId && typeof there[part] === "object"
  } catch {
    return false
  }
}

// --- memory

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!
const intrinsic = (name: "buffer" | "byteLength" | "byteOffset") =>
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name)!.get!
const bufferOf = intrinsic("buffer")
const byteLengthOf = intrinsic("byteLength")
const byteOffsetOf = intrinsic("byteOffset")

/**
 * A `Uint8Array` as the engine may use it, or `undefined` for what is none, whatever it says of itself. One with ways
 * of its own, as a length that is another or a `subarray` of somebody else's, is seen through a plain one on the same
 * memory.
 */
export const plainBytes = (it: unknown): Uint8Array | undefined => {
  if (tagOf.call(it) !== "Uint8Array") return undefined
  const bytes = it as Uint8Array
  const prototype = Object.getPrototypeOf(bytes)
  if (
    (prototype === Uint8Array.prototype || prototype === Buffer.prototype) && bytes.byteLength === byteLengthOf.call(it)
  ) {
    return bytes
  }
  const buffer = bufferOf.call(it) as ArrayBuffer
  const length = byteLengthOf.call(it) as number
  if (length > 0) return new Uint8Array(buffer, byteOffsetOf.call(it) as number, length)
  return isDetached(buffer) ? detached : new Uint8Array(buffer, 0, 0)
}

/**
 * Whether a buffer has been transferred away. Its length is 0 then, as that of an empty one; no view can be made on it.
 */
export const isDetached = (buffer: ArrayBufferLike): boolean => {
  if (buffer.byteLength > 0) return false
  try {
    return new Uint8Array(buffer).length > 0
  } catch {
    return true
  }
}

/** Stands for whatever is detached and not plain. */
const detached = new Uint8Array(1)
structuredClone(detached.buffer, { transfer: [detached.buffer] })
