// `node test/examples/manifest.mjs SOURCE COPY` compares types, sizes, SHA-256, permission bits, times of modification
// and the texts of links. Prints each difference; exit code 1 when there is any.
import { createHash } from "node:crypto"
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** Setuid and setgid are not copied, and node sets times to the microsecond. */
const PERMISSIONS = 0o1777
const NANOSECONDS_PER_TICK = 1000n

const buffer = Buffer.alloc(1 << 20)

const sha256 = (path) => {
  const hash = createHash("sha256")
  const fd = openSync(path, "r")
  try {
    for (let bytes; (bytes = readSync(fd, buffer)) > 0;) hash.update(buffer.subarray(0, bytes))
  } finally {
    closeSync(fd)
  }
  return hash.digest("hex")
}

const describe = (path) => {
  const stat = lstatSync(path, { bigint: true })
  const modified = stat.mtimeNs / NANOSECONDS_PER_TICK
  if (stat.isSymbolicLink()) return { type: "link", text: readlinkSync(path), modified }
  const mode = (Number(stat.mode) & PERMISSIONS).toString(8)
  if (stat.isDirectory()) return { type: "directory", mode, modified }
  if (!stat.isFile()) return { type: "special" }
  return { type: "file", size: stat.size, sha256: sha256(path), mode, modified }
}

/** Every path below the root, and the root itself as "", with what is there. */
export const manifest = (root) => {
  const entries = new Map()
  const visit = (relative) => {
    const path = join(root, relative)
    const entry = describe(path)
    entries.set(relative, entry)
    if (entry.type === "directory") { for (const name of readdirSync(path)) visit(join(relative, name)) }
  }
  visit("")
  return entries
}

/** Node takes times as seconds in a double, which may round to the microsecond beside. */
const same = (want, have) =>
  want === have || (typeof want === "bigint" && typeof have === "bigint" && [-1n, 1n].includes(want - have))

/** One line for each difference. */
export const differences = (source, copy) => {
  const [expected, actual] = [manifest(source), manifest(copy)]
  const lines = []
  for (const path of new Set([...expected.keys(), ...actual.keys()])) {
    const [want, have] = [expected.get(path), actual.get(path)]
    const name = JSON.stringify(path)
    if (want === undefined) lines.push(`${name}: is only in the copy`)
    else if (have === undefined) lines.push(`${name}: is not in the copy`)
    else {
      for (const key of new Set([...Object.keys(want), ...Object.keys(have)])) {
        if (!same(want[key], have[key])) lines.push(`${name}: ${key} is ${have[key]}, not ${want[key]}`)
      }
    }
  }
  return lines
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [source, copy] = process.argv.slice(2)
  if (copy === undefined) {
    console.error("usage: node test/examples/manifest.mjs SOURCE COPY")
    process.exitCode = 2
  } else {
    const lines = differences(source, copy)
    for (const line of lines) console.log(line)
    console.log(lines.length === 0 ? "no difference" : `${lines.length} differences`)
    process.exitCode = lines.length === 0 ? 0 : 1
  }
}
