/**
 * The native libraries that are published, as files: that they are for the machines that they are named after, need no
 * other library, and export what is called. That they are what their source makes is told by
 * `npm run build:native -- --check`.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "../support/root.js"

const EXPORTS = ["relay_completed", "relay_completed_bound", "relay_open", "relay_stop", "relay_version"]

// winnt.h
const IMAGE_FILE_MACHINE = { x64: 0x8664, arm64: 0xaa64 }
const DIRECTORY = { export: 0, import: 1, exception: 3, boundImport: 11, importAddresses: 12, delayImport: 13 }

/** Reads the parts of a Portable Executable that identify it. */
const inspect = (bytes: Buffer) => {
  const header = bytes.readUInt32LE(0x3c)
  expect(bytes.toString("latin1", header, header + 4)).toBe("PE\0\0")
  const optional = header + 24
  const directories = optional + 112
  const directory = (index: number) => ({
    address: bytes.readUInt32LE(directories + index * 8),
    size: bytes.readUInt32LE(directories + index * 8 + 4)
  })
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const section = optional + bytes.readUInt16LE(header + 20) + index * 40
    return { address: bytes.readUInt32LE(section + 12), file: bytes.readUInt32LE(section + 20) }
  })
  const at = (address: number) => {
    const section = [...sections].reverse().find((section) => section.address <= address)!
    return address - section.address + section.file
  }
  const names = at(directory(DIRECTORY.export).address)
  const table = at(bytes.readUInt32LE(names + 32))
  const exported = Array.from({ length: bytes.readUInt32LE(names + 24) }, (_, index) => {
    const name = at(bytes.readUInt32LE(table + index * 4))
    return bytes.toString("latin1", name, bytes.indexOf(0, name))
  })
  return { machine: bytes.readUInt16LE(header + 4), exported, directory }
}

describe.each(["x64", "arm64"] as const)("relay-%s.dll", (machine) => {
  const file = inspect(readFileSync(join(root, `src/internal/kernel/win32/native/relay-${machine}.dll`)))

  it("is for that machine, and exports what is called", () => {
    expect(file.machine).toBe(IMAGE_FILE_MACHINE[machine])
    expect(file.exported).toEqual(EXPORTS)
  })

  it("imports nothing", () => {
    const { boundImport, delayImport, import: imports, importAddresses } = DIRECTORY
    for (const index of [imports, boundImport, importAddresses, delayImport]) expect(file.directory(index).size).toBe(0)
  })

  it("can be unwound through", () => {
    expect(file.directory(DIRECTORY.exception).size).toBeGreaterThan(0)
  })
})
