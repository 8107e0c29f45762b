/**
 * Where the files of a random program are: in memory, or in a directory of their own, for what looks at files by
 * node:fs as well.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SimulatedKernel } from "../../src/internal/kernel/simulated/kernel.js"

export interface Place {
  readonly real: boolean
  readonly path: (name: string) => string
  readonly contents: (name: string) => Uint8Array | undefined
  readonly put: (name: string, bytes: Uint8Array) => void
  readonly remove: () => void
}

export const inMemory = (kernel: () => SimulatedKernel): Place => ({
  real: false,
  path: (name) => name,
  contents: (name) => kernel().disk.files.names.get(name)?.contents(),
  put: (name, bytes) => kernel().disk.files.create(name).write(bytes, 0),
  remove: () => {}
})

export const inDirectory = (): Place => {
  const home = mkdtempSync(join(tmpdir(), "tpio-simulate-"))
  const path = (name: string) => join(home, name)
  return {
    real: true,
    path,
    contents: (name) => {
      try {
        return readFileSync(path(name))
      } catch {
        return undefined
      }
    },
    put: (name, bytes) => writeFileSync(path(name), bytes),
    remove: () => rmSync(home, { recursive: true, force: true })
  }
}
