/**
 * Windows thread-pool I/O for Effect: every `TP_IO` is a Scope, every operation settles exactly once, and interruption
 * waits for the kernel to let go.
 *
 * @since 0.1.0
 */
export * as BufferPool from "./BufferPool.js"
export * as CallbackEnvironment from "./CallbackEnvironment.js"
export * as CleanupGroup from "./CleanupGroup.js"
export type { Completion } from "./Completion.js"
export * as Directory from "./Directory.js"
export * as File from "./File.js"
export * as Handle from "./Handle.js"
export * as Kernel from "./Kernel.js"
export * as Ledger from "./Ledger.js"
export * as NamedPipe from "./NamedPipe.js"
export * as NamedPipeSocket from "./NamedPipeSocket.js"
export * as NamedPipeSocketServer from "./NamedPipeSocketServer.js"
export * as Operation from "./Operation.js"
export * as Pipeline from "./Pipeline.js"
export * as PipelineError from "./PipelineError.js"
export * as Threadpool from "./Threadpool.js"
export * as ThreadpoolFileSystem from "./ThreadpoolFileSystem.js"
export * as ThreadpoolIo from "./ThreadpoolIo.js"
export * as WatchBackend from "./WatchBackend.js"
export * as Win32Error from "./Win32Error.js"
