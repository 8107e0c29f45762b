/**
 * The exports of the library, name by name: nothing that calls Start, Cancel, Wait or Close, and nothing by accident.
 */
import { describe, expect, it } from "@effect/vitest"
import * as ErrorSchema from "../../src/ErrorSchema.js"
import * as library from "../../src/index.js"
import * as testing from "../../src/testing.js"

const surface: Record<string, ReadonlyArray<string>> = {
  BufferPool: ["TypeId", "isPoolBuffer", "make"],
  CallbackEnvironment: ["TypeId", "isCallbackEnvironment", "layer", "make", "provide"],
  CleanupGroup: ["TypeId", "isCleanupGroup", "make", "members"],
  Directory: ["TypeId", "changes", "entries", "isDirectory", "match", "open", "watch"],
  File: [
    "TypeId",
    "allocate",
    "allocatedRanges",
    "append",
    "copy",
    "deviceIoControl",
    "forEachChunk",
    "isFile",
    "joinName",
    "lock",
    "open",
    "read",
    "readExact",
    "readMany",
    "readVectored",
    "remove",
    "rename",
    "renameTo",
    "sectors",
    "setBasicInfo",
    "setDeleteOnClose",
    "setSparse",
    "sink",
    "size",
    "stat",
    "stream",
    "streamRecycled",
    "submit",
    "sync",
    "truncate",
    "withFile",
    "withLock",
    "write",
    "writeAll",
    "writeMany",
    "writeVectored",
    "zeroRange"
  ],
  Handle: ["make"],
  Kernel: [
    "Kernel",
    "config",
    "layer",
    "layerConfig",
    "layerOptions",
    "layerPortable",
    "layerWin32",
    "ledger",
    "metrics"
  ],
  Ledger: ["format", "inlineShare", "isBalanced"],
  NamedPipe: [
    "ServerTypeId",
    "TypeId",
    "accept",
    "connect",
    "disconnect",
    "flush",
    "information",
    "isConnection",
    "listen",
    "peek",
    "read",
    "readMessage",
    "sink",
    "stream",
    "transact",
    "write",
    "writeAll"
  ],
  NamedPipeSocket: ["PipeConnection", "fromConnection", "layer", "make", "makeChannel"],
  NamedPipeSocketServer: ["layer", "make"],
  Operation: [
    "TypeId",
    "append",
    "connect",
    "deviceIoControl",
    "read",
    "readDirectoryChanges",
    "readVectored",
    "transact",
    "unsafeIoControlCode",
    "unsafeMake",
    "write",
    "writeVectored"
  ],
  Pipeline: ["copy", "copyTree", "hash", "isTemporaryName", "progress", "transform"],
  PipelineError: ["PipelineError", "make"],
  Threadpool: ["TypeId", "isThreadpool", "make", "stackInformation"],
  ThreadpoolFileSystem: [
    "TypeId",
    "isPositionalFile",
    "layer",
    "layerConfig",
    "layerOrDie",
    "layerPortable",
    "layerWin32",
    "make"
  ],
  ThreadpoolIo: [
    "TypeId",
    "awaitIdle",
    "bind",
    "cancelAll",
    "cancellable",
    "isThreadpoolIo",
    "ledger",
    "make",
    "submit"
  ],
  WatchBackend: ["layer"],
  Win32Error: ["Win32Error", "make", "toPlatformError"]
}

describe("the index", () => {
  it("has these modules", () => {
    expect(Object.keys(library).sort()).toEqual(Object.keys(surface))
  })
  for (const [name, module] of Object.entries(library)) {
    it(`${name} has these values`, () => {
      expect(Object.keys(module).sort()).toEqual(surface[name])
    })
  }
})

describe("the entry for schemas", () => {
  it("has these values, and is not in the index", () => {
    expect(Object.keys(ErrorSchema).sort()).toEqual(["PipelineError", "Win32Error"])
  })
})

describe("the entry for tests", () => {
  it("has these values, and is not in the index", () => {
    expect(Object.keys(testing).sort()).toEqual([
      "Simulation",
      "SimulationFailure",
      "check",
      "healthy",
      "layer",
      "test"
    ])
  })
})
