/**
 * The declarations that are published: complete without what is internal, and without a way to what is internal.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../support/root.js"

mkdirSync(join(root, "build"), { recursive: true })
/** Inside the project, so that `effect` is found from there. */
const folder = mkdtempSync(join(root, "build/published-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const compiler = join(root, "node_modules/typescript/bin/tsc")

/** Compiles in a process of its own, and answers what the compiler says. This one goes on meanwhile. */
const compile = (project: string, ...args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [compiler, "-p", project, "--pretty", "false", ...args],
      { cwd: root, maxBuffer: 16 << 20 },
      (_, stdout, stderr) => resolve(stdout + stderr)
    )
  })

/** The type tests of this project, with the declarations in the place of the sources. */
const project = (): string => {
  for (const name of readdirSync(join(root, "test/types"))) {
    const source = readFileSync(join(root, "test/types", name), "utf8")
    writeFileSync(join(folder, name), source.replaceAll("../../src/", "./dist/"))
  }
  const path = join(folder, "tsconfig.json")
  const compilerOptions = { noEmit: true, rootDir: ".", types: ["node"] }
  const include = ["*.ts", "dist/index.d.ts", "dist/testing.d.ts"]
  writeFileSync(path, JSON.stringify({ extends: "../../tsconfig.build.json", compilerOptions, include }))
  return path
}

/** On a machine with other things to do. */
const PATIENCE = 300_000

describe("the declarations that are published", () => {
  const dist = join(folder, "dist")
  let emitted: string
  beforeAll(async () => {
    emitted = await compile(
      join(root, "tsconfig.build.json"),
      ...["--emitDeclarationOnly", "--declarationMap", "false", "--outDir", dist]
    )
  }, PATIENCE)

  it("compile, with every type test, on their own", async () => {
    expect(emitted).toBe("")
    expect(await compile(project())).toBe("")
  }, PATIENCE)
  it("do not tell of what is internal", () => {
    const forbidden =
      /^\s*readonly (engine|environment|request|object|unbuffered|kernel|server|unfinished): |\bconst (acquire|close|leaseOf)\b/
    const lines = readdirSync(dist).filter((name) => name.endsWith(".d.ts")).flatMap((name) =>
      readFileSync(join(dist, name), "utf8").split("\n")
    )
    expect(lines.length).toBeGreaterThan(500)
    expect(lines.filter((line) => forbidden.test(line))).toEqual([])
  })
})
