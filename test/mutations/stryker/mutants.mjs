// The name of a mutant, wherever its line has gone, and which of them a sample takes.

/** The text that a mutant replaces. */
const original = (source, { end, start }) => {
  const lines = source.split("\n").slice(start.line - 1, end.line)
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1)
  lines[0] = lines[0].slice(start.column - 1)
  return lines.join("\n")
}
const short = (text) => text.replace(/\s+/g, " ").trim()

/** A mutant as `survivors.json` names it. Lines and columns count from 1. */
export const described = (file, source, location, replacement) => ({
  file,
  line: short(source.split("\n")[location.start.line - 1]),
  from: short(original(source, location)),
  to: short(replacement)
})

export const keyOf = ({ file, line, from, to }) => [file, line, from, to].join("\n")

/** Whether a sample of this share takes the mutant: by its name alone, so that it is the same sample every time. */
export const inSample = (share, mutant) => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(keyOf(mutant))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  // The last bytes have not reached the upper bits yet.
  hash = Math.imul(hash ^ hash >>> 15, 0x2c1b3c6d) >>> 0
  hash = Math.imul(hash ^ hash >>> 12, 0x297a2d39) >>> 0
  return (hash ^ hash >>> 15) >>> 0 < share * 2 ** 32
}
