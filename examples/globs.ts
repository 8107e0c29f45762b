// Turns --include and --exclude into a filter of a tree.
import picomatch from "picomatch"
import type { SourceStat } from "../src/Pipeline.js"
import type { Listed } from "./commandLine.js"

/** So that one of somebody else's cannot take minutes. */
const LONGEST = 1000

const globs = (description: string): Listed<string> => ({
  _tag: "Listed",
  kind: "glob",
  parse: (text) => text === "" || text.length > LONGEST ? undefined : text,
  takes: `a glob, such as *.log or cache/**, of at most ${LONGEST} characters`,
  description
})

export const included = globs(
  "Copies only files and links that match. Directories are made all the same. A glob without a slash is compared with " +
    "the last name of a path, one with a slash with the whole path below SOURCE."
)
export const excluded = globs("Leaves out what matches, with all that is in it. Matters more than --include.")

const matcher = (globs: ReadonlyArray<string>): (path: string) => boolean => {
  const matchers = globs.map((glob) => picomatch(glob.replace(/\/$/, ""), { dot: true, basename: !glob.includes("/") }))
  return (path) => matchers.some((matches) => matches(path))
}

/** `undefined`: there is nothing to ask. */
export const filterOf = (
  { exclude, include }: { readonly include: ReadonlyArray<string>; readonly exclude: ReadonlyArray<string> }
): ((path: string, stat: Pick<SourceStat, "type">) => boolean) | undefined => {
  if (include.length === 0 && exclude.length === 0) return undefined
  const isIncluded = include.length === 0 ? () => true : matcher(include)
  const isExcluded = matcher(exclude)
  return (path, { type }) => !isExcluded(path) && (type === "Directory" || isIncluded(path))
}
