import { readFileSync } from "node:fs"
import { defineConfig } from "vitepress"

const modules = JSON.parse(readFileSync(new URL("../pages/modules.json", import.meta.url), "utf8"))
const page = (text, link) => ({ text, link })

/** The anchors that GitHub makes of headings, so that one link serves both. */
const slugify = (heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").trim().replaceAll(" ", "-")

const guides = [
  page("Files", "/guide/files"),
  page("Streams and batches", "/guide/streams"),
  page("FileSystem", "/guide/filesystem"),
  page("Pipelines", "/guide/pipelines"),
  page("Named pipes", "/guide/pipes"),
  page("Directories", "/guide/directories"),
  page("Bind your own handle", "/guide/handles"),
  page("In an application", "/guide/services"),
  page("Kernels and configuration", "/guide/kernel"),
  page("Environments", "/guide/environments"),
  page("Testing", "/guide/testing"),
  page("Interruption, ownership, errors", "/guide/interruption")
]
const facts = [
  page("Guarantees", "/guarantees"),
  page("Reliability", "/reliability"),
  page("What works where", "/support"),
  page("Stability", "/stability"),
  page("Limitations", "/limitations"),
  page("Windows and Wine", "/windows-differences"),
  page("Performance", "/performance"),
  page("How completions come", "/completions"),
  page("Paths", "/paths"),
  page("Names", "/names"),
  page("Changelog", "/CHANGELOG")
]
const contributors = [
  page("Contributing", "/CONTRIBUTING"),
  page("Architecture", "/ARCHITECTURE"),
  page("The contract", "/CONTRACT"),
  page("Which test to run", "/TESTING"),
  page("Decision: no sockets", "/decisions/sockets")
]

export default defineConfig({
  title: "effect-threadpool-io",
  description: "Windows thread-pool I/O for Effect",
  base: process.env.SITE_BASE ?? "/",
  srcDir: "pages",
  outDir: "../../build/site",
  cleanUrls: false,
  lastUpdated: false,
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: { anchor: { slugify }, headers: { slugify }, toc: { slugify } },
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [page("Guides", "/pages"), page("Reference", "/api/"), page("Changelog", "/CHANGELOG")],
    sidebar: [
      page("Start", "/"),
      { text: "Guides", items: guides },
      { text: "Facts", items: facts, collapsed: true },
      { text: "Reference", items: modules, collapsed: false },
      { text: "Contributors", items: contributors, collapsed: true }
    ]
  }
})
