// `npm run build && node --expose-gc test/bench/entries.mjs [ENTRIES]`: what Directory.entries holds while it lists a
// directory of so many, and what readdir holds.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Directory from "../../build/src/Directory.js"
import * as Kernel from "../../build/src/Kernel.js"

const wanted = Number(process.argv[2] ?? 300_000)
const path = mkdtempSync(join(tmpdir(), "entries-"))
const live = () => {
  globalThis.gc()
  return process.memoryUsage().heapUsed / 1e6
}
try {
  for (let index = 0; index < wanted; index++) writeFileSync(join(path, `file-${index}`), "")
  const base = live()
  let [count, peak] = [0, 0]
  const look = (chunk) =>
    Effect.sync(() => {
      count += chunk.length
      if (count % 10_240 === 0) peak = Math.max(peak, live() - base)
    })
  await Effect.runPromise(Effect.provide(Stream.runForEachChunk(Directory.entries(path), look), Kernel.layer))
  console.log(`Directory.entries: ${count} entries, ${peak.toFixed(1)} MB at most`)
  const names = readdirSync(path, { withFileTypes: true })
  console.log(`readdir: ${names.length} entries, ${(live() - base).toFixed(1)} MB`)
} finally {
  rmSync(path, { recursive: true, force: true })
}
