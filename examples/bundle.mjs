// Puts a program into one file: Node takes longer to find and load 600 modules than to copy half a gigabyte.
// `node examples/bundle.mjs ENTRY.ts OUTPUT.mjs`; without arguments, the copy program into build/copy.mjs.
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Some modules of @effect/platform-node are CommonJS, and ask for `require`. */
const banner =
  "import { createRequire as makeRequire } from \"node:module\"; const require = makeRequire(import.meta.url);"

export const bundle = (entry, outfile) =>
  build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["koffi"], // native, and loaded on Windows only
    banner: { js: banner },
    minifySyntax: true,
    logLevel: "warning"
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [entry = "examples/copy/main.ts", outfile = "build/copy.mjs"] = process.argv.slice(2)
  await bundle(entry, outfile)
}
