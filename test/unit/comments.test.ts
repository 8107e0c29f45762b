/**
 * The lint of comments: the subject comes first, and a line ends by column 120.
 */
import { expect, it } from "@effect/vitest"
import { Linter } from "eslint"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const { plugin } = await import(pathToFileURL(join(fileURLToPath(new URL("..", import.meta.url)), "comments.mjs")).href)

const faults = (code: string) =>
  new Linter().verify(code, { plugins: { house: plugin }, rules: { "house/comments": "error" } })
    .map(({ line, messageId }) => `${messageId} ${line}`)

it("a comment that opens without its subject is refused, in every form", () => {
  expect(faults("/** What it does. */")).toEqual(["opening 1"])
  expect(faults("/**\n * Whoever reads this.\n */\n// As was said.\n/* Of these. */")).toEqual([
    "opening 1",
    "opening 4",
    "opening 5"
  ])
})

it("a comment that goes on from the line above may begin with any word", () => {
  expect(faults("// The reader, and\n// What follows.\nconst a = 1 // a\n// Who reads it.")).toEqual(["opening 4"])
})

it("words that only begin alike, and code, are none", () => {
  expect(faults("// Asks the system. Of course.\n// \n/** Offers. */\nconst What = 1")).toEqual([])
})

it("a comment passes column 120 only by being refused", () => {
  const words = (length: number) => `// ${"x".repeat(length - 3)}`
  expect(faults(words(120))).toEqual([])
  expect(faults(words(121))).toEqual(["long 1"])
  expect(faults(`/**\n * ${"x".repeat(120)}\n */`)).toEqual(["long 2"])
})
