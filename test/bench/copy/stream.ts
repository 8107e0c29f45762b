// The incumbent on one file: `FileSystem.stream` run into `FileSystem.sink`, as @effect/platform offers them.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const [source = "", destination = ""] = process.argv.slice(2)

await Effect.runPromise(
  Effect.flatMap(FileSystem, (fs) => Stream.run(fs.stream(source), fs.sink(destination))).pipe(
    Effect.provide(NodeFileSystem.layer)
  )
)
