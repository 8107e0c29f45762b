/**
 * Copies by handles alone, for tests that watch or change their single requests: a kernel that copies small files in
 * one request does so only once its threads run.
 */
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"

/** Answers what ends it. */
export const byHandles = (kernel: Internal): () => void => {
  const own = kernel as { copiesSmallFiles?: Internal["copiesSmallFiles"] }
  const original = own.copiesSmallFiles
  own.copiesSmallFiles = () => false
  return () => {
    if (original === undefined) delete own.copiesSmallFiles
    else own.copiesSmallFiles = original
  }
}
