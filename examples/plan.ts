// Prints the answer of a dry run as people read it.
import type { CopyPlan, CopyStep } from "../src/Pipeline.js"
import { count, quoted, size } from "./copy/text.js"

const KINDS: { readonly [K in CopyStep["kind"]]: string } = {
  directory: "directory",
  file: "file",
  hardLink: "hard link",
  link: "link"
}

/** A line for each thing that would be done or refused; what is there already is counted. */
export const planLines = ({ foundFiles, refused, steps }: CopyPlan): ReadonlyArray<string> => {
  const lines = steps.flatMap(({ action, bytes, kind, to }) =>
    action === "keep"
      ? []
      : [`${action.padEnd(8)} ${KINDS[kind]} ${quoted(to)}${kind === "file" ? `, ${size(bytes)}` : ""}`]
  )
  return [
    ...lines,
    ...refused.map(({ sentence }) => `refuse   ${sentence}`),
    ...foundFiles > 0 ? [`${count(foundFiles, "file is", "files are")} there already.`] : []
  ]
}

/** The sentence at the end. */
export const planSummary = ({ bytes, files, foundBytes, replaced, steps }: CopyPlan): string => {
  const isNew = (kind: CopyStep["kind"]) => steps.filter((step) => step.kind === kind && step.action !== "keep").length
  const kept = steps.filter(({ action, kind }) => action === "keep" && (kind === "file" || kind === "hardLink")).length
  const things = [count(files - kept, "file"), count(isNew("directory"), "directory", "directories")]
  if (isNew("link") > 0) things.push(count(isNew("link"), "link"))
  const over = replaced > 0 ? `; ${count(replaced, "thing")} would be replaced` : ""
  return `A dry run: nothing was written. Would copy ${things.join(", ")}: ${size(bytes - foundBytes)}${over}.`
}
