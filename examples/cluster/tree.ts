/**
 * A tree to copy, and whether two trees are the same.
 */
import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"

const IN_DIRECTORY = 100

/** The large ones are still under way when a runner is killed. */
const LARGE = 8 << 20
const LARGE_EVERY = 100

export const makeTree = (root: string, files: number, large: boolean): void => {
  const contents = randomBytes(LARGE)
  for (let index = 0; index < files; index++) {
    const directory = join(root, `part-${Math.floor(index / IN_DIRECTORY)}`)
    if (index % IN_DIRECTORY === 0) mkdirSync(directory, { recursive: true })
    const size = large && index % LARGE_EVERY === LARGE_EVERY / 2 ? LARGE : 200 + (index * 7919) % 2800
    const begin = (index * 4099) % (LARGE - size + 1)
    writeFileSync(join(directory, `file-${index}`), contents.subarray(begin, begin + size))
  }
  mkdirSync(join(root, "empty"), { recursive: true })
  symlinkSync("part-0", join(root, "link"))
}

/** All directories below one, and itself, relative to it. */
export const directoriesOf = (root: string): ReadonlyArray<string> => {
  const entries = readdirSync(root, { withFileTypes: true, recursive: true })
  return [
    "",
    ...entries.filter((entry) => entry.isDirectory()).map(({ name, parentPath }) =>
      relative(root, join(parentPath, name))
    )
  ]
}

/** The differences that `diff -r` tells of; none: empty. */
export const difference = (a: string, b: string): string => {
  const { error, stderr, stdout } = spawnSync("diff", ["-r", "--no-dereference", a, b], { encoding: "utf8" })
  return error === undefined ? `${stdout}${stderr}` : error.message
}
