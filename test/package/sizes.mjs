// How large a program becomes: bundled by esbuild, minified, everything in it but koffi.
import { build } from "esbuild"

/** Programs with their imports, the bytes of ours that they may have, and what must not be among them. */
export const programs = [
  {
    title: "File alone",
    source: `import { File } from "effect-threadpool-io"\nconsole.log(File)`,
    most: 85_000,
    without: /internal\/kernel\/(portable|win32|simulated|model)/
  },
  {
    title: "File.open with Kernel.layerPortable",
    source: `import * as File from "effect-threadpool-io/File"
      import * as Kernel from "effect-threadpool-io/Kernel"
      console.log(File.open, Kernel.layerPortable)`,
    most: 125_000,
    without: /internal\/kernel\/(win32|simulated)/
  }
]

/** Bundles in a folder that has the package in its node_modules; answers the bytes in all, of ours, and our modules. */
export const measure = async (folder, source) => {
  const { metafile } = await build({
    stdin: { contents: source, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    external: ["koffi"],
    metafile: true,
    write: false,
    logLevel: "error"
  })
  const [{ bytes, inputs }] = Object.values(metafile.outputs)
  const modules = Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => {
    const ours = path.match(/(?:^|node_modules\/effect-threadpool-io\/)(dist\/.+)/)?.[1]
    return ours === undefined || bytesInOutput === 0 ? [] : [[ours, bytesInOutput]]
  })
  return { bytes, ours: modules.reduce((sum, [, size]) => sum + size, 0), modules: modules.map(([path]) => path) }
}

/** Fails when a program has grown too large, or has in it what it does not use. */
export const holdSize = async (folder, { most, source, without }) => {
  const { bytes, modules, ours } = await measure(folder, source)
  const unwanted = modules.filter((path) => without.test(path))
  if (modules.length === 0) throw new Error("nothing of ours was found in the bundle")
  if (unwanted.length > 0) throw new Error(`it has in it what it does not use: ${unwanted.join(", ")}`)
  if (ours > most) throw new Error(`${ours} bytes of ours, and ${most} at most were meant`)
  return `${(ours / 1000).toFixed(1)} kB of ours, ${(bytes / 1000).toFixed(1)} kB with Effect`
}
