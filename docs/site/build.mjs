// `npm run docs`: makes the site in build/site, from the pages of docs/ and the documentation comments of src/*.ts.
// SITE_BASE is the path below which it is published, "/" by default.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join, posix, relative } from "node:path"
import { fileURLToPath } from "node:url"

const site = fileURLToPath(new URL(".", import.meta.url))
const root = join(site, "../..")
const pages = join(site, "pages")

const run = (command, args, cwd = site) => {
  const { error, status } = spawnSync(command, args, { cwd, stdio: "inherit", shell: process.platform === "win32" })
  if (status !== 0) throw error ?? new Error(`${command} ${args[0]} failed: ${status}`)
}
const tool = (path, ...args) => run(process.execPath, [join(site, "node_modules", path), ...args])

if (!existsSync(join(site, "node_modules/vitepress"))) run("npm", ["ci", "--ignore-scripts"])
rmSync(pages, { recursive: true, force: true })
mkdirSync(pages, { recursive: true })

// --- the reference: each module's page, grouped by @category

tool("typedoc/bin/typedoc", "--options", "typedoc.json")

/** typedoc also numbers headings that it has made a table of: such a link goes to the last heading of that name. */
for (const name of readdirSync(join(pages, "api")).filter((name) => name.endsWith(".md"))) {
  const file = join(pages, "api", name)
  const text = readFileSync(file, "utf8")
  const headings = [...text.matchAll(/^#+ (\w+)/gm)].map(([, heading]) => heading.toLowerCase())
  const count = (anchor) => headings.filter((heading) => heading === anchor).length
  writeFileSync(
    file,
    text.replaceAll(/\(#(\w+)-(\d+)\)/g, (_, anchor, number) => `(#${anchor}-${Math.min(number, count(anchor) - 1)})`)
  )
}

// --- the pages

/** The pages by their paths in the repository, and their paths in the site. */
const paths = new Map([
  ["README.md", "index.md"],
  ["CONTRIBUTING.md", "CONTRIBUTING.md"],
  ["CHANGELOG.md", "CHANGELOG.md"],
  ...readdirSync(join(root, "docs"), { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".md") && !name.startsWith("site/"))
    .map((name) => [`docs/${name}`, name === "README.md" ? "pages.md" : name])
])
const modules = readdirSync(join(root, "src")).filter((name) => name.endsWith(".ts") && name !== "index.ts")
  .map((name) => basename(name, ".ts")).sort()

/** A module that exports a namespace has a folder. */
const referenceOf = (module) => existsSync(join(pages, "api", module)) ? `/api/${module}/` : `/api/${module}`

/** A link from one page to a file of the repository, as the site has it; `undefined`: the site has no such file. */
const inSite = (page, path) => {
  const target = posix.join(posix.dirname(page), path)
  const module = /^src\/(\w+)\.ts$/.exec(target)?.[1]
  return module !== undefined ? referenceOf(module) : paths.has(target) ? `/${paths.get(target)}` : undefined
}

const IMAGE = /(<img[^>]*\ssrc="|<source[^>]*\ssrcset="|!\[[^\]]*\]\()([^")\s]+)/g
for (const [page, to] of paths) {
  let code = false
  const text = readFileSync(join(root, page), "utf8").split("\n").map((line) => {
    if (line.startsWith("```")) code = !code
    return code ? line : line
      .replaceAll(IMAGE, (whole, before, path) => {
        if (/^[a-z]+:/.test(path)) return whole
        const name = `images/${basename(path)}`
        cpSync(join(root, dirname(page), path), join(pages, "public", name))
        return `${before}/${name}`
      })
      .replaceAll(/(?<!!)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (whole, text, link) => {
        if (/^([a-z]+:|#)/.test(link)) return whole
        const [path, anchor] = link.split("#")
        const found = inSite(page, path)
        return found === undefined ? text : `[${text}](${found}${anchor === undefined ? "" : `#${anchor}`})`
      })
  }).join("\n")
  mkdirSync(dirname(join(pages, to)), { recursive: true })
  writeFileSync(join(pages, to), text)
}

// --- the site

writeFileSync(join(pages, "modules.json"), JSON.stringify(modules.map((text) => ({ text, link: referenceOf(text) }))))
tool("vitepress/bin/vitepress.js", "build")
console.log(`the site is in ${relative(process.cwd(), join(root, "build/site"))}`)
