/* global document */
// `npm run test:site`: opens every page of build/site in a headless Chromium, and fails for a dead link, an anchor
// that is not there, an answer that is no success, and an error on the console; then searches. CHROMIUM names the
// browser; `--pictures DIRECTORY` keeps a picture of some pages, light and dark.
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"

const built = fileURLToPath(new URL("../../build/site", import.meta.url))
const browsers = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser"]
const executablePath = browsers.find((path) => path !== undefined && existsSync(path))
if (executablePath === undefined) throw new Error("no Chromium: install one, or name it in CHROMIUM")
const base = process.env.SITE_BASE ?? "/"

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" }
const server = createServer(({ url }, response) => {
  const path = decodeURIComponent(new URL(url, "http://site").pathname)
  const file = join(built, path.startsWith(base) ? path.slice(base.length - 1) : "no such file")
  const found = [file, join(file, "index.html")].find((name) => existsSync(name) && extname(name) !== "")
  response.writeHead(found === undefined ? 404 : 200, { "content-type": types[extname(found ?? "")] ?? "font/woff2" })
  response.end(found === undefined ? "" : readFileSync(found))
})
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const home = `http://127.0.0.1:${server.address().port}${base}`

const pages = readdirSync(built, { recursive: true }).map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".html") && name !== "404.html")
const problems = []
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
const page = await browser.newPage()
let current = ""
page.on("console", (message) => {
  if (message.type() === "error") problems.push(`${current}: the console says ${message.text()}`)
})
page.on("pageerror", (error) => problems.push(`${current}: ${error.message}`))
page.on("response", (response) => {
  if (response.status() >= 400) problems.push(`${current}: ${response.status()} for ${response.url()}`)
})
page.on("request", (request) => {
  const url = request.url()
  if (!url.startsWith(home) && !url.startsWith("data:")) problems.push(`${current}: asks another site: ${url}`)
})

// --- every page, its links and its anchors

const ids = new Map()
const links = []
for (const name of pages) {
  current = name
  await page.goto(home + name, { waitUntil: "load" })
  const seen = await page.evaluate(() => ({
    ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
    links: [...document.querySelectorAll("a[href]")].map((a) => a.href),
    heading: document.querySelector("h1")?.textContent ?? ""
  }))
  if (seen.heading === "") problems.push(`${name} has no heading`)
  ids.set(name, new Set(seen.ids))
  links.push(...seen.links.map((link) => [name, link]))
}
for (const [name, link] of links) {
  if (!link.startsWith(home)) continue
  const { hash, pathname } = new URL(link)
  const path = decodeURIComponent(pathname.slice(base.length))
  const target = path === "" || path.endsWith("/") ? `${path}index.html` : extname(path) === "" ? `${path}.html` : path
  const anchor = decodeURIComponent(hash.slice(1))
  if (!ids.has(target)) problems.push(`${name}: a dead link to ${path}`)
  else if (anchor !== "" && !ids.get(target).has(anchor)) problems.push(`${name}: no anchor ${anchor} in ${target}`)
}

// --- the search

current = "the search"
await page.goto(home, { waitUntil: "load" })
await page.locator(".VPNavBarSearch button").first().click()
await page.locator("#localsearch-input").fill("File.readMany")
const first = page.locator(".VPLocalSearchBox .result").first()
await first.waitFor({ timeout: 30_000 })
const text = (await first.textContent()).replaceAll(/\s+/g, " ").trim()
if (!/readMany/.test(text) || !/File/.test(text)) problems.push(`the search for File.readMany finds first: ${text}`)
await first.click()
await page.waitForURL(/File/, { timeout: 30_000 }).catch(() => problems.push(`the search leads to ${page.url()}`))

// --- pictures

const at = process.argv.indexOf("--pictures")
if (at > 0) {
  const directory = process.argv[at + 1]
  mkdirSync(directory, { recursive: true })
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width: 1400, height: 1000 })
    for (const name of ["index.html", "api/File.html", "guide/pipelines.html", "performance.html"]) {
      await page.goto(home + name, { waitUntil: "load" })
      await page.screenshot({ path: join(directory, `${name.replaceAll(/\W/g, "-")}-${colorScheme}.png`) })
    }
  }
}

await browser.close()
server.close()
for (const problem of [...new Set(problems)]) console.error(problem)
console.log(`${pages.length} pages, ${links.length} links: ${new Set(problems).size} problems`)
process.exitCode = problems.length === 0 && pages.length > 30 ? 0 : 1
