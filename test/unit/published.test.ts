/**
 * The declarations that are published: complete without what is internal, and without a way to what is internal.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { root } from "../support/root.js"

mkdirSync(join(root, "build"), { recursive: true })
/** Inside the project, so that `effect` is found from there. */
const folder = mkdtempSync(join(root, "build/published-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const settings = (() => {
  const path = join(root, "tsconfig.build.json")
  const { config } = ts.readConfigFile(path, ts.sys.readFile)
  return ts.parseJsonConfigFileContent(config, ts.sys, root)
})()

const messages = (program: ts.Program) =>
  ts.getPreEmitDiagnostics(program).map(({ file, messageText, start }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
    return `${file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
  })

const emit = () => {
  const options = { ...settings.options, incremental: false, emitDeclarationOnly: true, declarationMap: false }
  delete options.tsBuildInfoFile
  const outDir = join(folder, "dist")
  ts.createProgram(settings.fileNames, { ...options, outDir }).emit()
  return outDir
}

/** The declarations, and the type tests of this project compiled against them. */
const check = (dist: string) => {
  const tests = readdirSync(join(root, "test/types")).map((name) => {
    const path = join(folder, name)
    const source = readFileSync(join(root, "test/types", name), "utf8")
    writeFileSync(path, source.replaceAll("../../src/", "./dist/"))
    return path
  })
  return messages(ts.createProgram([...tests, join(dist, "index.d.ts"), join(dist, "testing.d.ts")], {
    ...settings.options,
    incremental: false,
    noEmit: true,
    rootDir: folder,
    types: ["node"]
  }))
}

describe("the declarations that are published", () => {
  let dist: string
  beforeAll(() => {
    dist = emit()
  }, 60_000)

  it("compile, with every type test, on their own", () => {
    expect(check(dist)).toEqual([])
  }, 60_000)
  it("do not tell of what is internal", () => {
    const forbidden =
      /^\s*readonly (engine|environment|request|object|unbuffered|kernel|server|unfinished): |\bconst (acquire|close|fromInternal|leaseOf)\b/
    const lines = readdirSync(dist).filter((name) => name.endsWith(".d.ts")).flatMap((name) =>
      readFileSync(join(dist, name), "utf8").split("\n")
    )
    expect(lines.length).toBeGreaterThan(500)
    expect(lines.filter((line) => forbidden.test(line))).toEqual([])
  })
})
