/**
 * What of the win32 kernel can be told without Windows: that it says why it is not there, and the form of its paths.
 */
import { win32 } from "node:path"
import { describe, expect, it } from "vitest"
import { load } from "../../src/internal/kernel/win32.js"
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

  describe("paths", () => {
    const long = "folder\\".repeat(40)

    it("are made absolute", () => {
      expect(toSystemPath("a/b\\..\\c.txt")).toBe(win32.resolve("a\\c.txt"))
      expect(toSystemPath("C:/a/./b.txt")).toBe("C:\\a\\b.txt")
      expect(toSystemPath("\\\\server\\share\\b.txt")).toBe("\\\\server\\share\\b.txt")
    })

    it("get a verbatim prefix when they are long", () => {
      expect(toSystemPath(`C:/${long}/b.txt`)).toBe(`\\\\?\\C:\\${long}b.txt`)
      expect(toSystemPath(`//server/share/${long}b.txt`)).toBe(`\\\\?\\UNC\\server\\share\\${long}b.txt`)
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
