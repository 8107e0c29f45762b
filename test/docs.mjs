// The documentation compiles, and is complete: type-checks every ```ts block in the comments of `src/*.ts` and in the
// README against the sources, and wants @since, @category and, for what has a value, an @example on every export.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("..", import.meta.url))
const readme = join(root, "README.md")
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

/** By the path, as the compiler writes it, of a file that exists only for the compiler: its text, and where it is from. */
const examples = new Map()
const collect = (file, lines) => {
  for (const [index, text] of codeBlocks(lines).entries()) {
    examples.set(join(root, "build/docs", `${basename(file)}-${index}.ts`).replaceAll("\\", "/"), { file, text })
  }
}

for (const file of modules) {
  const text = readFileSync(file, "utf8")
  collect(file, docLines(text))
  if (basename(file) === "index.ts") continue
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  checkExports(file, source, source.statements, "")
}
if (existsSync(readme)) collect(readme, readFileSync(readme, "utf8").split("\n"))

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

for (const problem of problems) console.error(problem)
console.log(`${examples.size} examples, ${modules.length} modules: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
