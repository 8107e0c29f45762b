/**
 * The names in the repository: Windows, macOS and Linux can all check them out.
 */
import { describe, expect, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { root } from "../support/root.js"

/** Room for the directory of a checkout, within the 260 characters of MAX_PATH. */
const LONGEST = 200

const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?: *\.|$)/i

/** Says why Windows cannot have a file of this path. */
const problemOf = (path: string): string | undefined => {
  if (path.length > LONGEST) return `longer than ${LONGEST} characters`
  if (/[\\<>:"|?*\u0000-\u001f]/.test(path)) return "a character that Windows does not take"
  for (const part of path.split("/")) {
    if (/[. ]$/.test(part)) return "a part that ends in a dot or a blank"
    if (RESERVED.test(part)) return "a name that is a device"
    if (/^git~\d/i.test(part)) return "a short name of .git"
  }
  return undefined
}

/** Groups of paths, directories included, that are one path where case does not count. */
const foldedTogether = (paths: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const groups = new Map<string, Set<string>>()
  for (const path of paths) {
    const parts = path.split("/")
    for (let length = 1; length <= parts.length; length++) {
      const prefix = parts.slice(0, length).join("/")
      const key = prefix.normalize("NFC").toLowerCase()
      groups.set(key, (groups.get(key) ?? new Set()).add(prefix))
    }
  }
  return [...groups.values()].filter((group) => group.size > 1).map((group) => [...group])
}

describe("a checkout", () => {
  // A source archive has no .git, and nothing to ask.
  it.skipIf(!existsSync(join(root, ".git")))("works on Windows, with every path that git tracks", () => {
    const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean)
    expect(tracked.length).toBeGreaterThan(100)
    expect(tracked.flatMap((path) => problemOf(path) === undefined ? [] : [`${path}: ${problemOf(path)}`])).toEqual([])
    expect(foldedTogether(tracked)).toEqual([])
  })

  it("is refused for each kind of name that Windows does not take", () => {
    const refused = [
      "a\\b",
      "\\\\.\\/tmp",
      "a:b",
      "a*",
      "a?",
      "a\"",
      "a<",
      "a|",
      "a\tb",
      "a./b",
      "a /b",
      "b/nul",
      "CON.ts"
    ]
    refused.push("com1", "lpt9.txt", "aux .x", "git~1", `${"x".repeat(120)}/${"y".repeat(120)}`)
    expect(refused.filter((path) => problemOf(path) === undefined)).toEqual([])
    const fine = ["a.b", ".gitignore", "console.ts", "null", "com10", "src/auxiliary.ts", "Müller"]
    expect(fine.filter((path) => problemOf(path) !== undefined)).toEqual([])
    expect(foldedTogether(["src/File.ts", "src/file/a.ts", "Src/b.ts"])).toEqual([["src", "Src"]])
    expect(foldedTogether(["a/u\u0308", "a/ü"])).toHaveLength(1)
  })
})
