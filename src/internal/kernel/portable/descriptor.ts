/**
 * A descriptor that is shown to a thread, to find out whether it can use it: in some runtimes, as Deno, descriptors
 * belong to the thread that has opened them.
 */
import * as NodeFs from "node:fs"
import { devNull } from "node:os"

export interface Descriptor {
  readonly fd: number
  readonly dev: number
  readonly ino: number
  /** May be called again. */
  readonly close: () => void
}

export const ownDescriptor = (): Descriptor => {
  const fd = NodeFs.openSync(devNull, "r")
  const { dev, ino } = NodeFs.fstatSync(fd)
  let open = true
  const close = () => {
    if (open) NodeFs.closeSync(fd)
    open = false
  }
  return { fd, dev, ino, close }
}

/* v8 ignore start: it runs in threads of its own, from its own text */
export function usesDescriptor(fs: typeof NodeFs, { dev, fd, ino }: Omit<Descriptor, "close">): boolean {
  try {
    const stat = fs.fstatSync(fd)
    return stat.dev === dev && stat.ino === ino
  } catch {
    return false
  }
}
/* v8 ignore stop */
