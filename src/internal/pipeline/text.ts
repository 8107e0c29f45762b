/**
 * Pieces of sentences.
 */

const escapes: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** A name in quotes, on one line whatever is in it: it must not be able to move the cursor. */
export const quoted = (name: string): string =>
  `"${
    name.replace(
      /[\u0000-\u001f\u007f-\u009f]/g,
      (c) => escapes[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`
    )
  }"`

/** A text of the system's, which may have several lines, to go on after. */
export const withoutPeriod = (text: string): string => text.replace(/\.?\s*$/, "").replace(/\s+/g, " ")
