// The incumbent on a tree: `FileSystem.copy`.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"

const [source = "", destination = ""] = process.argv.slice(2)

await Effect.runPromise(
  Effect.flatMap(FileSystem, (fs) => fs.copy(source, destination)).pipe(Effect.provide(NodeFileSystem.layer))
)
