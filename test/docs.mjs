// `npm run check:docs`: the documentation compiles and is complete.
// - Every ```ts block in the comments of `src/*.ts` and on every page type-checks against the sources.
// - Every export has @since, @category and, when it is a value, an @example.
// - Every relative link of a page leads to a file, and its anchor to a heading.
// - Rules of the contract are cited by a link, or beside the name of docs/CONTRACT.md, and exist.
// - README.md has at most 90 lines, and its example prints what the README says.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("..", import.meta.url))
const readme = join(root, "README.md")
const contract = join(root, "docs/CONTRACT.md")
const filesBelow = (directory, ending) =>
  readdirSync(join(root, directory), { recursive: true }).filter((name) => name.endsWith(ending)).map((name) =>
    join(root, directory, name)
  )
/** The site makes its own copies of the pages, and has packages of its own. */
const ofDocs = filesBelow("docs", ".md").filter((name) => !name.startsWith(join(root, "docs/site")))
const pages = [readme, join(root, "CONTRIBUTING.md"), join(root, "CHANGELOG.md"), ...ofDocs]
const modules = readdirSync(join(root, "src")).filter((name) => name.endsWith(".ts")).map((name) =>
  join(root, "src", name)
)

const problems = []
const complain = (file, line, message) => problems.push(`${relative(root, file)}:${line}  ${message}`)

/** The lines of a source file's doc comments, without their asterisks; every other line is empty. */
const docLines = (text) => {
  let inside = false
  return text.split("\n").map((line) => {
    inside ||= /^\s*\/\*\*/.test(line)
    const doc = inside ? line.replace(/^\s*\*? ?/, "") : ""
    inside &&= !line.includes("*/")
    return doc
  })
}

/** The ```ts blocks, each below as many empty lines as it had above it: so its errors have the right line numbers. */
const codeBlocks = (lines) => {
  const blocks = []
  let block
  for (const [index, line] of lines.entries()) {
    if (block !== undefined && line.startsWith("```")) {
      blocks.push(block)
      block = undefined
    } else if (block !== undefined) block += `${line}\n`
    else if (/^```ts\b/.test(line)) block = "\n".repeat(index + 1)
  }
  return blocks
}

/** The doc comment right above a node, or "". */
const docComment = (source, node) => {
  const ranges = ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? []
  return ranges.map(({ end, pos }) => source.text.slice(pos, end)).findLast((text) => text.startsWith("/**")) ?? ""
}

const hasTag = (comment, tag) => new RegExp(`^\\s*(/\\*)?\\*+ @${tag}\\b`, "m").test(comment)

const isExported = (node) =>
  ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

const hasValue = (node) =>
  ts.isVariableStatement(node) || ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) ||
  ts.isExportSpecifier(node) && !node.isTypeOnly && !node.parent.parent.isTypeOnly

const nameOf = (node) =>
  ts.isVariableStatement(node)
    ? node.declarationList.declarations.map(({ name }) => name.getText()).join(", ")
    : node.name.getText()

const checkExports = (file, source, statements, prefix) => {
  const exports = statements.flatMap((node) =>
    ts.isExportDeclaration(node) && node.exportClause !== undefined && ts.isNamedExports(node.exportClause)
      ? [...node.exportClause.elements]
      : isExported(node)
      ? [node]
      : []
  )
  const documented = new Set()
  for (const node of exports) {
    const name = prefix + nameOf(node)
    const namespace = ts.isModuleDeclaration(node)
    const comment = docComment(source, node)
    const overload = ts.isFunctionDeclaration(node) && documented.has(name)
    documented.add(name)
    if (overload || hasTag(comment, "internal")) continue
    const wanted = ["since"]
    if (!namespace) wanted.push("category")
    if (hasValue(node) && !name.endsWith("TypeId")) wanted.push("example")
    const missing = wanted.filter((tag) => !hasTag(comment, tag)).map((tag) => `@${tag}`)
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
    if (missing.length > 0) complain(file, line, `${name} lacks ${missing.join(", ")}`)
    else if (hasTag(comment, "example") && codeBlocks(docLines(comment)).length === 0) {
      complain(file, line, `the @example of ${name} has no \`\`\`ts block`)
    }
    if (namespace) checkExports(file, source, node.body.statements, `${name}.`)
  }
}

/**
 * By the path, as the compiler writes it, of a file that exists only for the compiler: its text, and where it is from.
 */
const examples = new Map()
const collect = (file, lines) => {
  const name = relative(root, file).replaceAll(/[\\/]/g, "-")
  for (const [index, text] of codeBlocks(lines).entries()) {
    examples.set(join(root, "build/docs", `${name}-${index}.ts`).replaceAll("\\", "/"), { file, text })
  }
}

for (const file of modules) {
  const text = readFileSync(file, "utf8")
  collect(file, docLines(text))
  if (basename(file) === "index.ts") continue
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  checkExports(file, source, source.statements, "")
}
for (const page of pages) collect(page, readFileSync(page, "utf8").split("\n"))

// The compiler finds packages as if the examples were files of this repository, and our own name in the sources.
const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), {
  noEmit: true,
  incremental: false,
  noUnusedLocals: false,
  moduleDetection: ts.ModuleDetectionKind.Force,
  paths: { "effect-threadpool-io": [join(root, "src/index.ts")], "effect-threadpool-io/*": [join(root, "src/*.ts")] }
}, ts.sys)
const disk = ts.createCompilerHost(config.options)
const host = {
  ...disk,
  fileExists: (path) => examples.has(path) || disk.fileExists(path),
  readFile: (path) => examples.get(path)?.text ?? disk.readFile(path),
  getSourceFile: (path, ...rest) =>
    examples.has(path)
      ? ts.createSourceFile(path, examples.get(path).text, ...rest)
      : disk.getSourceFile(path, ...rest)
}
const program = ts.createProgram([...examples.keys()], config.options, host)
for (const [path, { file }] of examples) {
  const source = program.getSourceFile(path)
  for (const { messageText, start } of ts.getPreEmitDiagnostics(program, source)) {
    const line = source.getLineAndCharacterOfPosition(start ?? 0).line + 1
    complain(file, line, ts.flattenDiagnosticMessageText(messageText, "\n    "))
  }
}

// --- pages

/** The lines of a page as a reader sees them: without blocks of code and without inline code. */
const proseLines = (file) => {
  let code = false
  return readFileSync(file, "utf8").split("\n").map((line) => {
    if (line.startsWith("```")) code = !code
    return code || line.startsWith("```")
      ? ""
      : line.replaceAll(/`[^`]*`/g, (inline) => inline.replaceAll(/[[\]]/g, " "))
  })
}

/** The anchor that GitHub makes of a heading. */
const slug = (heading) =>
  heading.toLowerCase().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").trim()
    .replaceAll(
      " ",
      "-"
    )

const anchors = new Map()
const anchorsOf = (file) => {
  if (!anchors.has(file)) {
    const lines = proseLines(file)
    const headings = lines.filter((line) => /^#+ /.test(line)).map((line) => slug(line.replace(/^#+ /, "")))
    const ids = lines.flatMap((line) => [...line.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id))
    anchors.set(file, new Set([...headings, ...ids]))
  }
  return anchors.get(file)
}

const checkLink = (page, line, link) => {
  if (/^[a-z]+:/.test(link)) return
  const [path, anchor] = link.split("#")
  const target = path === "" ? page : join(dirname(page), path)
  if (!existsSync(target)) complain(page, line, `leads nowhere: ${link}`)
  else if (anchor !== undefined && !anchorsOf(target).has(anchor)) complain(page, line, `no such heading: ${link}`)
}

const rules = new Set([...anchorsOf(contract)].filter((id) => id.startsWith("rule-")))
const CITATION = /\brules? (\d+)(?:(?:, | to | and )(\d+))?/g

/** Rules that are cited exist; on a page and in public documentation the reader is also told where they are. */
const checkCitations = (file, lines, published) => {
  for (const [index, text] of lines.entries()) {
    for (const [citation, ...numbers] of text.matchAll(CITATION)) {
      const unknown = numbers.filter((number) => number !== undefined && !rules.has(`rule-${number}`))
      if (unknown.length > 0) complain(file, index + 1, `docs/CONTRACT.md has no rule ${unknown.join(", ")}`)
      if (published && !text.includes("CONTRACT.md")) {
        complain(
          file,
          index + 1,
          `"${citation}" is no link to docs/CONTRACT.md, nor beside its name: say the rule in words`
        )
      }
    }
    if (!published && /(?<!docs\/)CONTRACT\.md/.test(text)) complain(file, index + 1, "it is called docs/CONTRACT.md")
  }
}

for (const page of pages) {
  const lines = proseLines(page)
  for (const [index, text] of lines.entries()) {
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) checkLink(page, index + 1, link)
  }
  if (page !== contract) checkCitations(page, lines, true)
}
for (const file of modules) checkCitations(file, readFileSync(file, "utf8").split("\n"), true)
for (const file of [...filesBelow("src/internal", ".ts"), ...filesBelow("test", ".ts")]) {
  checkCitations(file, readFileSync(file, "utf8").split("\n"), false)
}

// --- README

const MOST_LINES = 90
const front = readFileSync(readme, "utf8")
if (front.trimEnd().split("\n").length > MOST_LINES) {
  complain(readme, MOST_LINES + 1, `has more than ${MOST_LINES} lines`)
}

/** The example runs as it stands, on what `tsc` has built, and prints what the block after it says. */
const [example] = codeBlocks(front.split("\n"))
const [, promised] = /^```text\n([^`]*)```$/m.exec(front)
const library = join(root, "build/src/index.js")
if (existsSync(library)) {
  // A directory of its own for pipes: another program may run the example at the same time.
  const runtime = mkdtempSync(join(tmpdir(), "docs-"))
  const { outputText } = ts.transpileModule(example, { compilerOptions: { module: ts.ModuleKind.ESNext } })
  const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module"], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", XDG_RUNTIME_DIR: runtime },
    input: outputText.replace(`"effect-threadpool-io"`, JSON.stringify(pathToFileURL(library).href)),
    timeout: 60_000
  })
  rmSync(runtime, { recursive: true })
  if (stdout !== promised) complain(readme, 1, `its example printed:\n${stdout}${stderr}`)
} else complain(readme, 1, "its example cannot run: npm run build first")

for (const problem of problems) console.error(problem)
console.log(`${examples.size} examples, ${pages.length} pages, ${modules.length} modules: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
