// Imports go down only, by the floors that docs/ARCHITECTURE.md names in its table:
// - no import from a higher floor, not even of a type;
// - no circle of imports of values;
// - no value from a public module of the same or of a higher floor, but error classes and Tags;
// - no Effect in the engine and in the kernels; koffi in one file.
import { cruise } from "dependency-cruiser"
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The public modules that are an error class or a Tag, and its makers. */
const forAll = ["Win32Error", "PipelineError", "Kernel"]

/** Imports that break a rule today, as "from > to". The list only becomes shorter. */
const notYet = []

const problems = []

// --- the floors

const expanded = (name) => {
  const [, before, inside, after] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? []
  return inside === undefined ? [name] : inside.split(",").map((part) => `${before}${part.trim()}${after}`)
}

/** The rows of the table, from the lowest floor up: each with the modules and folders below `src` that it names. */
const page = readFileSync(`${root}/docs/ARCHITECTURE.md`, "utf8")
const floors = [...page.matchAll(/^\| (\d) (\w+) \| ([^|]*) \|/gm)]
  .map(([, number, name, contents]) => ({
    name: `${number} ${name}`,
    number: Number(number),
    places: [...contents.matchAll(/`([^`]+)`/g)].flatMap(([, place]) => expanded(place))
  }))
  .sort((a, b) => a.number - b.number)

const files = readdirSync(`${root}/src`, { recursive: true }).map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts"))
const isIn = (file, place) => file === `${place}.ts` || file.startsWith(`${place}/`)

/** The floor of each file: the most exact place counts, so that a folder may have a file on another floor. */
const filesOf = new Map(floors.map(({ number }) => [number, []]))
for (const file of files) {
  const [best] = floors
    .flatMap(({ number, places }) => places.filter((place) => isIn(file, place)).map((place) => ({ number, place })))
    .sort((a, b) => b.place.length - a.place.length)
  if (best === undefined) problems.push(`src/${file} is on no floor of docs/ARCHITECTURE.md`)
  else filesOf.get(best.number).push(file)
}
for (const { name, places } of floors) {
  const empty = places.filter((place) => !files.some((file) => isIn(file, place)))
  if (empty.length > 0) problems.push(`docs/ARCHITECTURE.md, floor ${name}: there is no ${empty.join(", ")}`)
}

// --- the rules

const paths = (names) => names.map((name) => `^src/${name.replaceAll(".", "\\.")}$`)
const above = (number) => [...filesOf].filter(([other]) => other > number).flatMap(([, names]) => names)
const isPublic = (name) => !name.includes("/") && !forAll.includes(name.slice(0, -3))
const values = { dependencyTypesNot: ["type-only"] }
const rule = (name, from, to) => ({ name, severity: "error", from, to })

const forbidden = [
  ...floors.filter(({ number }) => above(number).length > 0).map(({ name, number }) =>
    rule(`floor ${name} imports upwards`, { path: paths(filesOf.get(number)) }, { path: paths(above(number)) })
  ),
  ...floors.map(({ name, number }) =>
    rule(`floor ${name} takes a value from a public module that is not below it`, {
      path: paths(filesOf.get(number).filter((file) => file !== "index.ts"))
    }, { path: paths([...filesOf.get(number), ...above(number)].filter(isPublic)), ...values })
  ),
  rule("a circle of imports of values", {}, { circular: true, viaOnly: values, ...values }),
  rule("the engine and the kernels know no Effect", { path: "^src/internal/(engine|kernel)" }, {
    path: "node_modules/(effect|@effect)/"
  }),
  rule("the engine knows no file system", { path: "^src/internal/engine/" }, { path: "^(node:)?fs$" }),
  rule("koffi is taken in one place", { pathNot: "^src/internal/kernel/win32\\.ts$" }, {
    path: "node_modules/koffi/",
    ...values
  })
]

const { output } = await cruise(
  ["src"],
  {
    baseDir: root,
    validate: true,
    ruleSet: { forbidden },
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true
  },
  {},
  { tsConfig: extractTSConfig(`${root}/tsconfig.json`) }
)

// A table that names no floor, or a tool that finds no import, has checked nothing.
if (floors.length < 6 || output.summary.totalDependenciesCruised < files.length) {
  problems.push(`only ${output.summary.totalDependenciesCruised} imports between ${floors.length} floors were found`)
}
const found = output.summary.violations.map(({ cycle, from, rule, to }) => ({
  text: `${rule.name}: ${
    cycle === undefined ? `${from} > ${to}` : [from, ...cycle.map(({ name }) => name)].join(" > ")
  }`,
  arrow: `${from} > ${to}`
}))
problems.push(...found.filter(({ arrow }) => !notYet.includes(arrow)).map(({ text }) => text))
for (const arrow of notYet) {
  if (!found.some((one) => one.arrow === arrow)) problems.push(`notYet: ${arrow} is gone: delete it from the list`)
}

for (const problem of problems) console.error(problem)
console.log(
  `${files.length} files, ${output.summary.totalDependenciesCruised} imports, ${floors.length} floors: ${problems.length} problems`
)
process.exitCode = problems.length === 0 ? 0 : 1
