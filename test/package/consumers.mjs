// `npm run test:consumers`: the package as its users have it: packed, installed into fresh projects, compiled, bundled,
// run.
// `--short` is the part of it in `npm test`: npm, this node, this TypeScript, esbuild.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { claim, conclude, pack, root, run } from "./pack.mjs"
import { measure, programs } from "./sizes.mjs"

const short = process.argv.includes("--short")
const home = mkdtempSync(join(tmpdir(), "consumers-"))
const { tarball } = pack(join(home, "packed"))
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
const PEERS = ["effect@3", "@effect/platform@0"]
const WELL = "all is well\n"

const same = (said, wanted) => {
  if (said !== wanted) throw new Error(`it said ${JSON.stringify(said)} where ${JSON.stringify(wanted)} was due`)
}

/** An empty project, with the program in it. */
const project = (name) => {
  const folder = join(home, name)
  mkdirSync(folder)
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ name, private: true, type: "module" })}\n`)
  copyFileSync(join(root, "test/package/program.mjs"), join(folder, "program.mjs"))
  return folder
}

/** The packages of the README's install line, with the tarball in the place of the library's name. */
const README_LINE = (() => {
  const [, line] = /^npm install (.+)$/m.exec(readFileSync(join(root, "README.md"), "utf8")) ?? []
  const words = line?.split(" ") ?? []
  if (words[0] !== "effect-threadpool-io") throw new Error(`the README has no line to install by: ${line}`)
  return [tarball, ...words.slice(1)]
})()

/** An empty directory, where an installer is to make what it needs. */
const nothingYet = (name) => {
  const folder = join(home, name)
  mkdirSync(folder)
  return folder
}

const runsThere = (folder) => {
  copyFileSync(join(root, "test/package/program.mjs"), join(folder, "program.mjs"))
  on(process.execPath, folder, ["program.mjs"])
}

const install = (folder, packages) => run("npm", ["install", ...QUIET, ...packages], { cwd: folder, minutes: 8 })
const on = (runtime, folder, args) => same(run(runtime, args, { cwd: folder, minutes: 2 }), WELL)

// --- with npm, on this node

const plain = project("npm")
await claim("npm installs it beside effect and @effect/platform", () => {
  install(plain, [tarball, ...PEERS])
})
await claim(`it runs on node ${process.versions.node}`, () => on(process.execPath, plain, ["program.mjs"]))

// --- types

const options = {
  target: "ES2022",
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  moduleDetection: "force",
  types: ["node"]
}

const SETTINGS = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  node16: { module: "node16", moduleResolution: "node16" },
  bundler: { module: "esnext", moduleResolution: "bundler" }
}

/** Every ```ts block of the documentation, as a file of its own. */
const writeExamples = (folder) => {
  const guides = readdirSync(join(root, "docs/guide")).map((name) => join(root, "docs/guide", name))
  let count = 0
  for (const page of [join(root, "README.md"), ...guides]) {
    for (const [, text] of readFileSync(page, "utf8").matchAll(/^```ts\n([^]*?)^```/gm)) {
      const name = relative(root, page).replaceAll(/[\\/]/g, "-")
      writeFileSync(join(folder, `${name}-${count++}.ts`), text)
    }
  }
  if (count < 10) throw new Error(`the documentation has ${count} examples only`)
  return `${count} examples`
}

/** With the declarations of libraries checked, but for the examples with vitest, whose own contradict each other. */
const compile = (folder, compiler, kind, skipLibCheck) => {
  const examples = readdirSync(folder).filter((name) =>
    name.endsWith(".ts") && (skipLibCheck || !readFileSync(join(folder, name), "utf8").includes("@effect/vitest"))
  )
  const config = { compilerOptions: { ...options, ...SETTINGS[kind], skipLibCheck }, files: examples }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  run(process.execPath, [compiler, "-p", "tsconfig.json"], { cwd: folder, minutes: 8 })
}

const typed = project("types")
await claim("the documentation's examples have what they import", () => {
  const theirs = ["@effect/platform-node@0", "@effect/rpc@0", "@effect/vitest@0", "vitest@3", "@types/node@20"]
  // The declarations of platform-node's sockets import it, and do not depend on it.
  theirs.push("@types/ws@8")
  const newest = short ? [] : ["oldest@npm:typescript@5.4", "newest@npm:typescript@latest"]
  install(typed, [tarball, ...PEERS, ...theirs, ...newest])
  return writeExamples(typed)
})
const ours = join(root, "node_modules/typescript/bin/tsc")
if (short) await claim("they compile, nodenext", () => compile(typed, ours, "nodenext", true))
else {
  for (const [name, skipLibCheck] of [["oldest", true], ["newest", false]]) {
    for (const kind of Object.keys(SETTINGS)) {
      const compiler = join(typed, "node_modules", name, "bin/tsc")
      await claim(
        `they compile with the ${name} TypeScript, ${kind}`,
        () => compile(typed, compiler, kind, skipLibCheck)
      )
    }
  }
}

// --- bundles

/** A bundle must run where nothing is installed. */
const runBundle = (name, file) => {
  const alone = mkdtempSync(join(home, "alone-"))
  const target = join(alone, name)
  copyFileSync(file, target)
  on(process.execPath, alone, [target])
}

const out = join(home, "bundles")
mkdirSync(out)
for (const format of ["esm", "cjs"]) {
  await claim(`a bundle of esbuild runs, ${format}`, async () => {
    const { build } = await import("esbuild")
    const outfile = join(out, format === "esm" ? "esbuild.mjs" : "esbuild.cjs")
    await build({
      absWorkingDir: plain,
      entryPoints: ["program.mjs"],
      bundle: true,
      platform: "node",
      external: ["koffi"],
      format,
      outfile,
      logLevel: "error",
      logOverride: { "empty-import-meta": "silent" }
    })
    runBundle(`esbuild.${format === "esm" ? "mjs" : "cjs"}`, outfile)
  })
}
for (const { source, title } of programs) {
  await claim(`size with ${title}`, async () => {
    const { bytes, ours } = await measure(plain, source)
    return `${(ours / 1000).toFixed(1)} kB of ours, ${(bytes / 1000).toFixed(1)} kB with Effect`
  })
}

if (!short) {
  const tools = project("tools")
  const bin = (name) => join(tools, "node_modules/.bin", name)
  const package_ = (name, path) => join(tools, "node_modules", name, path)
  await claim("bundlers, runtimes and pnpm from npm", () => {
    const runtimes = ["node20@npm:node@20", "node22@npm:node@22", "node24@npm:node@24", "bun", "deno", "pnpm"]
    const npms = ["npm9@npm:npm@9", "npm10@npm:npm@10", "npm11@npm:npm@11"]
    install(tools, [
      ...runtimes,
      ...npms,
      "webpack",
      "vite",
      "rollup",
      "@rollup/plugin-node-resolve",
      "esbuild",
      "postject"
    ])
  })
  const bundleScript = (name, text) => {
    const script = join(tools, `${name}.mjs`)
    writeFileSync(script, text)
    run(process.execPath, [script, plain, join(out, `${name}.mjs`)], { cwd: tools, minutes: 5 })
    runBundle(`${name}.mjs`, join(out, `${name}.mjs`))
  }
  await claim("a bundle of rollup runs", () =>
    bundleScript(
      "rollup",
      `
      import resolve from "@rollup/plugin-node-resolve"
      import { rollup } from "rollup"
      const [folder, file] = process.argv.slice(2)
      const plugins = [resolve({ preferBuiltins: true, exportConditions: ["node"] })]
      const bundle = await rollup({ input: folder + "/program.mjs", external: ["koffi", /^node:/], plugins, onwarn() {} })
      await bundle.write({ file, format: "es", inlineDynamicImports: true })
    `
    ))
  await claim("a bundle of webpack runs", () =>
    bundleScript(
      "webpack",
      `
      import { basename, dirname } from "node:path"
      import webpack from "webpack"
      const [context, file] = process.argv.slice(2)
      const output = { path: dirname(file), filename: basename(file), module: true, chunkFormat: "module" }
      webpack({
        mode: "production",
        target: "node20",
        context,
        entry: "./program.mjs",
        output: { ...output, library: { type: "module" } },
        experiments: { outputModule: true },
        // Imported when kernel32 is asked for, not at the start.
        externals: { koffi: "import koffi" },
        plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })]
      }, (error, stats) => {
        if (error || stats.hasErrors()) throw error ?? new Error(stats.toString("errors-only"))
      })
    `
    ))
  await claim("a bundle of Vite for SSR runs", () =>
    bundleScript(
      "vite",
      `
      import { basename, dirname } from "node:path"
      import { build } from "vite"
      const [root, file] = process.argv.slice(2)
      await build({
        root,
        configFile: false,
        logLevel: "error",
        ssr: { noExternal: true, external: ["koffi"] },
        build: {
          ssr: "program.mjs",
          outDir: dirname(file),
          emptyOutDir: false,
          rollupOptions: { output: { entryFileNames: basename(file), inlineDynamicImports: true } }
        }
      })
    `
    ))
  await claim("a single executable of node runs", () => {
    const node = package_("node22", "bin/node")
    const config = { main: join(out, "esbuild.cjs"), output: join(out, "blob"), disableExperimentalSEAWarning: true }
    writeFileSync(join(out, "sea.json"), JSON.stringify(config))
    run(node, ["--experimental-sea-config", "sea.json"], { cwd: out })
    const program = join(out, "program")
    copyFileSync(node, program)
    const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"
    run(process.execPath, [
      package_("postject", "dist/cli.js"),
      program,
      "NODE_SEA_BLOB",
      "blob",
      "--sentinel-fuse",
      fuse
    ], {
      cwd: out
    })
    on(program, out, [])
  })
  for (const version of ["20", "22", "24"]) {
    await claim(
      `it runs on the newest node ${version}`,
      () => on(package_(`node${version}`, "bin/node"), plain, ["program.mjs"])
    )
  }
  await claim("it runs on Bun", () => on(bin("bun"), plain, ["program.mjs"]))
  await claim(
    "it runs on Deno",
    () => on(bin("deno"), plain, ["run", "--quiet", "--allow-all", "--node-modules-dir=manual", "program.mjs"])
  )
  for (const npm of ["npm9", "npm10", "npm11"]) {
    await claim(`the README's line, by ${npm} in an empty directory, and it runs`, () => {
      const folder = nothingYet(`by-${npm}`)
      run(process.execPath, [package_(npm, "bin/npm-cli.js"), "install", ...QUIET, ...README_LINE], {
        cwd: folder,
        minutes: 8
      })
      runsThere(folder)
    })
  }
  await claim("the README's line, by pnpm in an empty directory, and it runs", () => {
    const folder = nothingYet("by-pnpm")
    run(bin("pnpm"), ["add", "--ignore-scripts", ...README_LINE], { cwd: folder, minutes: 8 })
    runsThere(folder)
  })
  await claim("the sources compile at the floor of the peers, and a part of the contract passes there", () => {
    const folder = project("floor")
    const floor = ["effect@3.19.0", "@effect/platform@0.93.0", "koffi@3.3.4", "@effect/vitest@0.27.0", "vitest@3.2.7"]
    install(folder, [...floor, "typescript@5.9.3", "@types/node@20"])
    for (
      const path of [
        "src",
        "test/contract",
        "test/support",
        "test/fuzz",
        "tsconfig.json",
        "tsconfig.build.json",
        "vitest.config.ts"
      ]
    ) {
      run("cp", ["-r", "--parents", path, folder], { cwd: root })
    }
    const within = (...args) => run(process.execPath, args, { cwd: folder, minutes: 8 })
    within("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--noEmit")
    const files = ["file", "pipe", "chunks", "lifecycle", "combinators", "interruption", "interruptions", "resume"]
    within("node_modules/vitest/vitest.mjs", "run", ...files.map((name) => `test/contract/${name}.test.ts`))
  })
}

if (existsSync(home)) rmSync(home, { recursive: true, force: true })
conclude()
