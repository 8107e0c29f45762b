/** The internal exports that the library's modules share. They are taken out of the declarations that are published. */
export const internalExports: Readonly<Record<string, ReadonlyArray<string>>> = {
  BufferPool: ["PoolBufferImpl", "leaseOf"],
  CleanupGroup: ["acquire", "close"],
  Kernel: ["fromInternal"],
  Operation: ["isOperation", "lock", "peek", "sizeOf", "vectored"],
  Threadpool: ["acquire", "close"],
  ThreadpoolIo: ["acquire", "cancellableIn", "close", "errorOf", "failure", "quarantineOf", "transfer"],
  WatchBackend: ["make"]
}
