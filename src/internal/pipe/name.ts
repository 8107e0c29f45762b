/**
 * The names of pipes, looked at before any function is called: what the system would refuse late, cut off or take for
 * another name is refused here.
 */
const PREFIX = "\\\\.\\pipe\\"
const LONGEST = 256
/** Where the pipes of an AppContainer are. */
const LOCAL = /^LOCAL\\/i

/** `\\.\pipe\name`, from either form. */
export const pathOf = (name: string): string =>
  // A value that is no name has no path: `nameProblem` says so.
  typeof name !== "string"
    ? PREFIX
    : name.slice(0, PREFIX.length).toLowerCase() === PREFIX
    ? PREFIX + name.slice(PREFIX.length)
    : PREFIX + name

/** The fault of the name in a path that `pathOf` made, or `undefined`. */
export const nameProblem = (path: string): string | undefined => {
  const name = path.slice(PREFIX.length).replace(LOCAL, "")
  if (name === "") return "The name of the pipe is empty."
  if (path.length > LONGEST) return `The path of a pipe has at most ${LONGEST} characters, not ${path.length}.`
  if (name.includes("\0")) return "The name of the pipe has a NUL character."
  if (/[\\/]/.test(name)) return "The name of a pipe has no backslash, nor a slash, which would become one."
  if (/[. ]$/.test(name)) return "The name of the pipe ends in a dot or a space, which Windows would cut off."
  return undefined
}
