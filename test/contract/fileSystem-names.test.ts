/**
 * `FileSystem` beside `NodeFileSystem`: names, links, permissions, temporary ones, and copies.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { contract } from "../support/claims.js"
import { claimEach } from "../support/fileSystemBeside.js"
import { ofContents, ofNames, special } from "../support/fileSystemCases.js"
import { differences } from "../support/fileSystemDifferences.js"

contract("FileSystem, names", ({ claim, only }) => {
  claimEach(claim, ofNames)
  claimEach(only(process.platform === "win32" ? [] : "portable", "Windows has none, or Wine"), special)

  claim("every difference that is listed belongs to a case", function*() {
    const cases = { ...ofNames, ...ofContents, ...special }
    expect(Object.keys(differences).filter((name) => !(name in cases))).toEqual([])
    yield* Effect.void
  })
})
