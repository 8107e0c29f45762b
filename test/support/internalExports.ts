/** What the library's modules know of each other. It is taken out of the declarations that are published. */
export const internalExports: Readonly<Record<string, ReadonlyArray<string>>> = {
  BufferPool: ["PoolBufferImpl", "leaseOf"],
  CleanupGroup: ["acquire", "close"],
  Kernel: ["fromInternal"],
  Operation: ["isOperation", "lock", "sizeOf", "vectored"],
  Threadpool: ["acquire", "close"],
  ThreadpoolIo: ["acquire", "cancellableIn", "close", "errorOf", "failure", "transfer", "warnQuarantined"],
  WatchBackend: ["make"]
}
