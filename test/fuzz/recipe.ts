/**
 * A recipe is an argument that can be written down: its text says what it is, and `make` makes it anew for the world of
 * a call, with memory, handles and scopes that exist only there.
 */
import * as fc from "effect/FastCheck"
import type { World } from "./world.js"

export interface Recipe {
  readonly text: string
  readonly make: (world: World) => unknown
}

export type Recipes = fc.Arbitrary<Recipe>

export const recipe = (text: string, make: Recipe["make"]): Recipe => ({ text, make })

/** The same value each time. */
export const value = (text: string, it: unknown): Recipe => ({ text, make: () => it })

export const among = (...recipes: ReadonlyArray<Recipe>): Recipes => fc.constantFrom(...recipes)

export const show = (it: unknown): string => {
  if (typeof it === "bigint") return `${it}n`
  if (Object.is(it, -0)) return "-0"
  if (typeof it === "string") return it.length > 60 ? `"…" of ${it.length}` : JSON.stringify(it)
  return String(it)
}

export const literal = <A>(values: fc.Arbitrary<A>): Recipes => values.map((it) => value(show(it), it))

/** The error of a getter, a proxy or a function of the caller's: it may come back to the caller, unchanged. */
export class Thrown extends Error {
  override readonly name = "Thrown"
}

const throwing = (): never => {
  throw new Thrown("by the caller's own code")
}

/** An object of which each property is left out, or is of its recipe. One in ten has a getter that throws. */
export const object = (properties: Readonly<Record<string, Recipes>>): Recipes => {
  const names = Object.keys(properties)
  const all = fc.record(
    Object.fromEntries(names.map((name) => [name, fc.option(properties[name]!, { freq: 2, nil: undefined })]))
  )
  const bad = fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, {
    weight: 1,
    arbitrary: fc.constantFrom(...names)
  })
  return fc.tuple(all, bad).map(([given, bad]) => {
    const there = names.filter((name) => given[name] !== undefined)
    return recipe(
      `{ ${
        [...there.map((name) => `${name}: ${given[name]!.text}`), ...bad === undefined ? [] : [`get ${bad}()`]].join(
          ", "
        )
      } }`,
      (world) => {
        const made = Object.fromEntries(there.map((name) => [name, given[name]!.make(world)]))
        return bad === undefined ? made : Object.defineProperty(made, bad, { get: throwing, enumerable: true })
      }
    )
  })
}

export const array = (of: Recipes, maxLength = 4): Recipes =>
  fc.array(of, { maxLength }).map((recipes) =>
    recipe(`[${recipes.map(({ text }) => text).join(", ")}]`, (world) => recipes.map((one) => one.make(world)))
  )

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Values that fit nowhere. */
export const wrong: Recipes = among(
  value("undefined", undefined),
  value("null", null),
  value("true", true),
  value("7", 7),
  value("NaN", Number.NaN),
  value("7n", 7n),
  value("\"text\"", "text"),
  value("\"\"", ""),
  value("Symbol()", Symbol("any")),
  recipe("{}", () => ({})),
  recipe("Object.create(null)", () => Object.create(null)),
  recipe("[]", () => []),
  recipe("[null]", () => [null]),
  recipe("a function", () => () => undefined),
  recipe("a class", () => class {}),
  recipe("a Date", () => new Date(0)),
  recipe("a Map", () => new Map()),
  recipe("a rejected promise", () => {
    const rejected = Promise.reject(new Thrown("a promise of the caller's"))
    rejected.catch(() => {})
    return rejected
  }),
  recipe(
    "a proxy that throws",
    () => new Proxy({}, { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing })
  ),
  recipe("a proxy that has everything", () => {
    const all: object = new Proxy(() => all, { get: () => all, has: () => true, apply: () => all })
    return all
  }),
  recipe("a revoked proxy", revoked),
  recipe("an array of a revoked proxy", () => [revoked()])
)

/** Mostly what a function takes, at times what it does not. */
export const mostly = (right: Recipes, weight = 8): Recipes =>
  fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: wrong })
