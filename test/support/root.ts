/**
 * The project's directory: the same for tests that run from their sources and from what `tsc` has built of them.
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const find = (directory: string): string =>
  existsSync(join(directory, "package.json")) ? directory : find(dirname(directory))

export const root = find(dirname(fileURLToPath(import.meta.url)))
