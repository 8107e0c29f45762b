/**
 * Removes a tree of a test's own, also one with directories that forbid it: an ordinary user removes nothing from
 * those.
 */
import * as fs from "node:fs"
import { join } from "node:path"

const permit = (directory: string): void => {
  fs.chmodSync(directory, 0o700)
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) permit(join(directory, entry.name))
  }
}

export const removeTree = (path: string): void => {
  try {
    fs.rmSync(path, { recursive: true, force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error
    permit(path)
    fs.rmSync(path, { recursive: true, force: true })
  }
}
