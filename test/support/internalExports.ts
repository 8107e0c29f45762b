/** The internal exports that the library's modules share. They are taken out of the declarations that are published. */
export const internalExports: Readonly<Record<string, ReadonlyArray<string>>> = {
  Kernel: ["fromInternal"],
  Operation: ["lock", "peek", "sizeOf", "vectored"],
  ThreadpoolIo: ["cancellableIn", "errorOf", "failure", "quarantineOf", "transfer"]
}
