// `npm run prepack`: `dist` as it is published, made anew from `src`.
// - Modules without comments, every call at their top level marked as pure: a bundler leaves out what a program does
//   not use.
// - The native libraries, without their source.
// - Declarations of what the public modules show, with maps that lead to their sources, which are copied beside them.
import { transformSync } from "esbuild"
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("../..", import.meta.url))

const isCall = (node) => ts.isCallExpression(node) || ts.isNewExpression(node)

const pure = (node) => ts.addSyntheticLeadingComment(node, ts.SyntaxKind.MultiLineCommentTrivia, "#__PURE__", false)

/** Marks each call at the top level of a module, but none inside of a function: those run when they are asked for. */
const marksCalls = (context) => (file) => {
  const mark = (node) => {
    if (ts.isFunctionLike(node)) return node
    if (ts.isClassLike(node)) {
      const clauses = node.heritageClauses?.map((clause) => ts.visitEachChild(clause, mark, context))
      return ts.isClassDeclaration(node)
        ? ts.factory.updateClassDeclaration(node, node.modifiers, node.name, undefined, clauses, node.members)
        : node
    }
    const visited = ts.visitEachChild(node, mark, context)
    return isCall(visited) ? pure(visited) : visited
  }
  const statements = file.statements.map((statement) =>
    ts.isVariableStatement(statement) || ts.isClassDeclaration(statement) ? ts.visitNode(statement, mark) : statement
  )
  return ts.factory.updateSourceFile(file, statements)
}

const settings = (() => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.build.json"), ts.sys.readFile)
  return ts.parseJsonConfigFileContent(config, ts.sys, root)
})()

const program = ts.createProgram(settings.fileNames, settings.options)
const problems = ts.getPreEmitDiagnostics(program)
if (problems.length > 0) {
  console.error(ts.formatDiagnosticsWithColorAndContext(problems, ts.createCompilerHost(settings.options)))
  process.exit(1)
}

const files = new Map()
program.emit(undefined, (path, text) => files.set(path, text), undefined, false, { after: [marksCalls] })

/** The declarations that those of the public modules lead to. */
const shown = new Set()
const show = (path) => {
  if (shown.has(path)) return
  shown.add(path)
  for (const { fileName } of ts.preProcessFile(files.get(path)).importedFiles) {
    if (fileName.startsWith(".")) show(join(dirname(path), fileName.replace(/\.js$/, ".d.ts")))
  }
}
const dist = settings.options.outDir
for (const path of files.keys()) if (path.endsWith(".d.ts") && dirname(path) === dist) show(path)

const write = (path, text) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

rmSync(dist, { recursive: true, force: true })
for (const [path, text] of files) {
  if (path.endsWith(".js")) write(path, transformSync(text, { format: "esm", target: "es2022" }).code)
  else if (shown.has(path)) write(path, text)
  else if (shown.has(path.replace(/\.map$/, ""))) {
    const map = JSON.parse(text)
    const source = join(dirname(path), map.sources[0])
    const copy = join(dist, "src", relative(join(root, "src"), source))
    write(copy, readFileSync(source, "utf8"))
    write(path, JSON.stringify({ ...map, sources: [relative(dirname(path), copy).replaceAll("\\", "/")] }))
  }
}

const native = join(root, "src/internal/kernel/win32/native")
mkdirSync(join(dist, "native"))
for (const name of readdirSync(native).filter((name) => name.endsWith(".dll"))) {
  copyFileSync(join(native, name), join(dist, "native", name))
}
