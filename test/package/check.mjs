// `npm run check:package`: what would be published, looked at from outside.
// - The tarball has what it should and no more, in at most 620 kB; every declaration leads to its source.
// - publint and arethetypeswrong find nothing.
// - The public surface is the one in docs/api; `--update` writes it there.
// - Programs that use a part of the library have that part in their bundles.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { claim, conclude, pack, root, run } from "./pack.mjs"
import { holdSize, programs } from "./sizes.mjs"

const update = process.argv.includes("--update")
const MOST_BYTES = 620_000
const folder = join(root, "build/package")
const { manifest, tarball, unpacked } = pack(folder)

const sorted = (path) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(path.length + 1).replaceAll("\\", "/"))
    .sort()
const names = sorted(unpacked)
const modules = sorted(join(root, "src")).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -3))
const isPublic = (module) => !module.includes("/")

const same = (found, wanted, what) => {
  const more = found.filter((one) => !wanted.includes(one))
  const less = wanted.filter((one) => !found.includes(one))
  if (more.length + less.length > 0) {
    throw new Error(`${what}\n  too many: ${more.join(", ") || "none"}\n  missing: ${less.join(", ") || "none"}`)
  }
}

await claim("the tarball has these files", () => {
  const fixed = ["CHANGELOG.md", "LICENSE", "README.md", "docs/CONTRACT.md", "package.json"]
  const native = ["dist/native/relay-arm64.dll", "dist/native/relay-x64.dll"]
  const internalTypes = names.filter((name) => /^dist\/(src\/)?internal\/.*\.ts(\.map)?$/.test(name))
  same(names, [
    ...fixed,
    ...native,
    ...modules.map((module) => `dist/${module}.js`),
    ...modules.filter(isPublic).flatMap((module) => [
      `dist/${module}.d.ts`,
      `dist/${module}.d.ts.map`,
      `dist/src/${module}.ts`
    ]),
    ...internalTypes
  ], "files of the tarball")
  return `${names.length} files`
})

await claim(`it is at most ${MOST_BYTES / 1000} kB`, () => {
  const { size } = statSync(tarball)
  if (size > MOST_BYTES) throw new Error(`it has ${size} bytes`)
  return `${(size / 1000).toFixed(0)} kB`
})

await claim("every declaration leads to its source in TypeScript", () => {
  const maps = names.filter((name) => name.endsWith(".d.ts.map"))
  for (const name of maps) {
    const { sources } = JSON.parse(readFileSync(join(unpacked, name), "utf8"))
    const source = join(unpacked, dirname(name), sources[0])
    if (sources.length !== 1 || !existsSync(source)) throw new Error(`${name} leads to ${sources}`)
  }
  if (maps.length < modules.filter(isPublic).length) throw new Error("declarations lack maps")
})

await claim("versions are true", () => {
  const said = modules.filter(isPublic).flatMap((module) =>
    [...readFileSync(join(root, `src/${module}.ts`), "utf8").matchAll(/@since (\S+)/g)].map(([, since]) => since)
  )
  const later = said.filter((since) => since.localeCompare(manifest.version, undefined, { numeric: true }) > 0)
  if (later.length > 0) throw new Error(`@since ${later[0]} in version ${manifest.version}`)
})

await claim("publint finds nothing", async () => {
  const { messages, pkg } = await publint({ pkgDir: unpacked, pack: false, strict: true })
  if (messages.length > 0) throw new Error(messages.map((message) => formatMessage(message, pkg)).join("\n"))
})

await claim("arethetypeswrong finds nothing", () => {
  run(process.execPath, [
    join(root, "node_modules/@arethetypeswrong/cli/dist/index.js"),
    tarball,
    "--profile",
    "esm-only"
  ])
})

await claim("the public surface is the one in docs/api", () => {
  const printer = ts.createPrinter({ removeComments: true })
  const surface = new Map(
    modules.filter(isPublic).map((module) => {
      const text = readFileSync(join(unpacked, `dist/${module}.d.ts`), "utf8")
      const declarations = ts.createSourceFile(`${module}.d.ts`, text, ts.ScriptTarget.Latest)
      return [`${module}.txt`, printer.printFile(declarations).replace(/^\/\/# sourceMappingURL.*\n?/m, "")]
    })
  )
  const api = join(root, "docs/api")
  if (update) {
    rmSync(api, { recursive: true, force: true })
    mkdirSync(api, { recursive: true })
    for (const [name, text] of surface) writeFileSync(join(api, name), text)
  }
  same(existsSync(api) ? readdirSync(api) : [], [...surface.keys()], "modules in docs/api")
  const changed = [...surface].filter(([name, text]) =>
    readFileSync(join(api, name), "utf8").replaceAll("\r", "") !== text
  )
  if (changed.length > 0) {
    throw new Error(
      `${
        changed.map(([name]) => name).join(", ")
      } changed: \`npm run check:package -- --update\` writes it anew, for review`
    )
  }
})

for (const program of programs) {
  await claim(
    `a bundle with ${program.title} has at most ${program.most / 1000} kB of ours`,
    () => holdSize(unpacked, program)
  )
}

conclude()
