/**
 * The win32 kernel without Windows: it says why it is not there, and the form of its paths.
 */
import { win32 } from "node:path"
import { describe, expect, it } from "vitest"
import { load, withKoffi } from "../../src/internal/kernel/win32.js"
import type { Koffi } from "../../src/internal/kernel/win32/bindings.js"
import { toSystemPath } from "../../src/internal/kernel/win32/path.js"

describe("win32 kernel", () => {
  it.runIf(process.platform !== "win32")("answers a reason, not an exception, where there is no Windows", async () => {
    const loaded = await load()
    expect(loaded).toEqual({
      platform: process.platform,
      path: "kernel32.dll",
      reason: `kernel32.dll needs Windows, this is ${process.platform}`,
      cause: undefined
    })
    expect(await load()).toBe(loaded)
  })

  it("answers a reason where the runtime refuses memory that is not its own, as Electron does", () => {
    const refused = new Error("External buffers are not allowed")
    const anything: unknown = new Proxy(() => anything, {
      get: (_, key) => key === Symbol.toPrimitive ? () => 1 : anything,
      apply: () => anything
    })
    const view = () => {
      throw refused
    }
    const koffi = new Proxy({}, { get: (_, key) => key === "view" ? view : anything }) as Koffi
    expect(withKoffi(koffi, { completions: "auto", relayLibrary: undefined })).toEqual({
      platform: process.platform,
      path: "kernel32.dll",
      reason: expect.stringMatching(
        /^this runtime refuses .* as Electron does since 21: use Kernel\.layerPortable there/
      ),
      cause: refused
    })
  })

  describe("paths", () => {
    it("are made absolute, and verbatim, long or not", () => {
      for (const folders of ["", "folder\\".repeat(40)]) {
        expect(toSystemPath(`c:/${folders}./a/../b.txt`)).toBe(`\\\\?\\c:\\${folders}b.txt`)
        expect(toSystemPath(`//server/share/${folders}b.txt`)).toBe(`\\\\?\\UNC\\server\\share\\${folders}b.txt`)
      }
    })

    it("that are relative are made absolute", () => {
      const absolute = win32.resolve("a\\c.txt")
      expect(toSystemPath("a/b\\..\\c.txt")?.endsWith(absolute)).toBe(true)
    })

    it("are those that node:fs passes on", () => {
      const names = ["b.txt", "x.", "x ", "NUL", "COM1.txt", "a:b", "*", "\u{1f389}"]
      for (const path of [...names.map((name) => `C:\\a\\${name}`), "\\\\server\\share\\x.", "C:\\", "C:/a/"]) {
        expect(toSystemPath(path)).toBe(win32.toNamespacedPath(path))
      }
    })

    it("of pipes and devices, and verbatim ones, stay", () => {
      for (const path of ["\\\\.\\pipe\\a", `\\\\.\\pipe\\${"a".repeat(255)}`, "\\\\?\\C:\\a\\..\\b", ""]) {
        expect(toSystemPath(path)).toBe(path)
      }
    })

    it("with a NUL character are refused", () => {
      expect(toSystemPath("a\0b")).toBeUndefined()
    })
  })
})
