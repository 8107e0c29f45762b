/**
 * Changes to an open file besides its contents: room on the disk, another name, and its end.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import { contract, failureOf, fileOf, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"

const deletable = { access: "readwrite", disposition: "openAlways", deletable: true } as const

/** A file that is open, beside a place for another. */
const opened = Effect.gen(function*() {
  const folder = yield* lab.directory
  const path = join(folder, "one")
  writeFileSync(path, "one's contents")
  const scope = yield* Scope.make()
  const file = yield* Scope.extend(File.open(path, deletable), scope)
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  return { file, path, other: join(folder, "other"), close: Scope.close(scope, Exit.void) }
})

contract("an open file", ({ claim, only }) => {
  describe("renameTo", () => {
    claim("gives it another name, with what is in it, and it stays open", function*() {
      const { file, other, path } = yield* opened
      yield* File.renameTo(file, other, {})
      expect([existsSync(path), readFileSync(other, "latin1")]).toEqual([false, "one's contents"])
      yield* File.writeAll(file, new TextEncoder().encode("ONE"), 0)
      expect(readFileSync(other, "latin1")).toBe("ONE's contents")
      expect(file.path).toBe(path)
    })
    claim("again and again", function*() {
      const { file, other, path } = yield* opened
      for (const name of [other, path, `${other}-2`, `${other}-3`, path]) {
        yield* File.renameTo(file, name, {})
        expect(readFileSync(name, "latin1")).toBe("one's contents")
      }
    })
    claim("replaces a read-only file when it is told to; so do rename and a copy", function*() {
      const { file, other, path } = yield* opened
      const third = `${other}-3`
      writeFileSync(third, "third")
      const ways = {
        rename: File.rename(third, other, { replace: true }),
        copy: Pipeline.copy(path, other, { overwrite: true }),
        renameTo: File.renameTo(file, other, { replace: true })
      }
      for (const [way, replacing] of Object.entries(ways)) {
        writeFileSync(other, "read-only")
        chmodSync(other, 0o444)
        yield* replacing
        expect([way, readFileSync(other, "latin1")]).toEqual([way, way === "rename" ? "third" : "one's contents"])
      }
    })
    claim("replaces nothing unless it is told to, and then as one step", function*() {
      const { file, other, path } = yield* opened
      writeFileSync(other, "other's contents")
      expect(yield* failureOf(File.renameTo(file, other, {}))).toMatchObject({ code: 183, reason: "AlreadyExists" })
      expect([readFileSync(path, "latin1"), readFileSync(other, "latin1")])
        .toEqual(["one's contents", "other's contents"])
      yield* File.renameTo(file, other, { replace: true })
      expect([existsSync(path), readFileSync(other, "latin1")]).toEqual([false, "one's contents"])
    })
    claim("takes names outside ASCII, and long ones", function*() {
      const { file, other } = yield* opened
      for (const name of [`${other} – süß 名`, `${other}-${"x".repeat(200)}`]) {
        yield* File.renameTo(file, name, {})
        expect(readFileSync(name, "latin1")).toBe("one's contents")
      }
    })
    claim("into a folder that is not there fails, and the name stays", function*() {
      const { file, other, path } = yield* opened
      const error = yield* failureOf(File.renameTo(file, join(other, "below"), {}))
      expect(error).toMatchObject({ reason: "NotFound", path })
      expect(error.detail).toContain("below")
      expect(readFileSync(path, "latin1")).toBe("one's contents")
    })
    claim("to no name is refused, without a call", function*() {
      const { file } = yield* opened
      for (const name of ["", "a\0b"]) {
        expect(yield* refused(File.renameTo(file, name, {}))).toMatchObject({ code: 123, reason: "InvalidArgument" })
      }
    })
    only("portable", "by the handle it is always the right file")(
      "whose name means another file by now fails with NotFound, and that one stays",
      function*() {
        const { file, other, path } = yield* opened
        renameSync(path, `${path}-gone`)
        writeFileSync(path, "somebody else's")
        expect(yield* failureOf(File.renameTo(file, other, {}))).toMatchObject({ code: 2, reason: "NotFound" })
        expect(readFileSync(path, "latin1")).toBe("somebody else's")
        expect(existsSync(other)).toBe(false)
      }
    )
    only("win32", "node renames names, not files")("is of the file, whatever its name has become", function*() {
      const { file, other, path } = yield* opened
      yield* File.rename(path, `${path}-moved`)
      writeFileSync(path, "somebody else's")
      yield* File.renameTo(file, other, {})
      // Wine renames by the name that it has kept: another file by now.
      const { engine } = yield* Kernel.Kernel
      const wine = !engine.kernel.waitsForLocks
      expect(readFileSync(other, "latin1")).toBe(wine ? "somebody else's" : "one's contents")
    })
    only(lab.notOnWine, "Wine does not ask for the right")(
      "without `deletable` fails with PermissionDenied",
      function*() {
        const path = yield* fileOf("x")
        const file = yield* File.open(path, { access: "readwrite" })
        expect(yield* failureOf(File.renameTo(file, `${path}-2`, {}))).toMatchObject({ code: 5 })
        expect(existsSync(path)).toBe(true)
      }
    )
  })

  describe("setDeleteOnClose", () => {
    claim("deletes it when it is closed, and not before", function*() {
      const { close, file, path } = yield* opened
      yield* File.setDeleteOnClose(file, true)
      const bytes = new Uint8Array(3)
      yield* File.readExact(file, bytes, 0)
      expect(new TextDecoder().decode(bytes)).toBe("one")
      yield* close
      expect(existsSync(path)).toBe(false)
    })
    claim("can be taken back", function*() {
      const { close, file, path } = yield* opened
      yield* File.setDeleteOnClose(file, true)
      yield* File.setDeleteOnClose(file, false)
      yield* close
      expect(readFileSync(path, "latin1")).toBe("one's contents")
    })
    claim("under its latest name", function*() {
      const { close, file, other, path } = yield* opened
      yield* File.renameTo(file, other, {})
      yield* File.setDeleteOnClose(file, true)
      yield* close
      expect([existsSync(path), existsSync(other)]).toEqual([false, false])
    })
    claim("without `deletable` fails with PermissionDenied, and it stays", function*() {
      const path = yield* fileOf("x")
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* File.open(path, { access: "readwrite" })
        const error = yield* failureOf(File.setDeleteOnClose(file, true))
        expect(error).toMatchObject({ code: 5, reason: "PermissionDenied", syscall: "SetDispositionInformation" })
      }))
      expect(existsSync(path)).toBe(true)
    })
    only("portable", "by the handle it is always the right file")(
      "never removes what somebody else has put in its place",
      function*() {
        const { close, file, path } = yield* opened
        yield* File.setDeleteOnClose(file, true)
        renameSync(path, `${path}-gone`)
        writeFileSync(path, "somebody else's")
        yield* close
        expect(readFileSync(path, "latin1")).toBe("somebody else's")
      }
    )
  })

  describe("allocate", () => {
    claim("takes room and leaves the size, or is Unsupported, typed", function*() {
      const { file } = yield* opened
      const answer = yield* Effect.either(File.allocate(file, 1 << 20))
      if (answer._tag === "Left") {
        expect(answer.left).toMatchObject({ reason: "Unsupported", syscall: "SetAllocationInformation" })
      } else expect(lab.kernelName).not.toBe("portable")
      expect(yield* File.size(file)).toBe(14n)
    })
    claim("never cuts the file", function*() {
      const { file, path } = yield* opened
      yield* Effect.ignore(File.allocate(file, 3))
      expect(readFileSync(path, "latin1")).toBe("one's contents")
    })
    claim("of what is no length is refused, without a call", function*() {
      const { file } = yield* opened
      for (const length of [-1, 0.5, Number.NaN, 2n ** 63n]) {
        expect(yield* refused(File.allocate(file, length))).toMatchObject({ reason: "InvalidArgument" })
      }
    })
  })

  claim("whose scope has closed fails with Closed, without a call", function*() {
    const { close, file, other } = yield* opened
    yield* close
    for (
      const attempt of [
        File.renameTo(file, other, {}),
        File.setDeleteOnClose(file, true),
        File.allocate(file, 10),
        File.sectors(file),
        File.withLock(file, {}, Effect.die("it ran")),
        File.setSparse(file, false),
        File.zeroRange(file, 0, 10),
        File.allocatedRanges(file, {}),
        File.readVectored(file, [new Uint8Array(1)], 0)
      ]
    ) {
      expect(yield* refused<unknown, never>(attempt)).toMatchObject({ reason: "Closed" })
    }
  })
})
