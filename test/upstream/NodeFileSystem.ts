/**
 * In the place of `@effect/platform-node/NodeFileSystem`, where Effect's own suites ask for it.
 */
import * as Layer from "effect/Layer"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"

export const layer = Layer.orDie(ThreadpoolFileSystem.layer)
