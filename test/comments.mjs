// The form of comments, as a rule of the lint: the subject comes first, and no comment passes column 120.
// `node test/comments.mjs` prints how many comments are left in the files that eslint.config.mjs does not ask yet.
import { ESLint } from "eslint"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript-eslint"

/** The files that are not asked yet. The list only becomes shorter. */
export const notYet = [
  "src/Kernel.ts",
  "src/Pipeline.ts",

  "src/internal/kernel/win32.ts"
]

const OPENING = /^(What|Whatever|Who|Whoever|Of|Those|Nobody|Somebody|Elsewhere|As|That which)\b/
const COLUMNS = 120

const comments = {
  meta: {
    type: "suggestion",
    schema: [],
    messages: {
      opening: "A comment says its subject first, then the verb: it does not open with \"{{word}}\".",
      long: `A comment ends by column ${COLUMNS}.`
    }
  },
  create: ({ report, sourceCode }) => ({
    Program: () => {
      const { lines } = sourceCode
      const isAlone = ({ loc: { start } }) => lines[start.line - 1].slice(0, start.column).trim() === ""
      let above
      for (const comment of sourceCode.getAllComments()) {
        const { end, start } = comment.loc
        const goesOn = comment.type === "Line" && isAlone(comment) && above === start.line - 1
        above = comment.type === "Line" && isAlone(comment) ? end.line : undefined
        const [word] = goesOn ? [] : OPENING.exec(comment.value.replace(/^[\s*]+/, "")) ?? []
        if (word !== undefined) report({ loc: comment.loc, messageId: "opening", data: { word } })
        for (let line = start.line; line <= end.line; line++) {
          if (lines[line - 1].length > COLUMNS) report({ loc: { line, column: COLUMNS }, messageId: "long" })
        }
      }
    }
  })
}

export const plugin = { rules: { comments } }

const countLeft = async () => {
  const rule = {
    files: ["**/*.ts", "**/*.mjs"],
    languageOptions: { parser: ts.parser },
    linterOptions: { noInlineConfig: true },
    plugins: { house: plugin },
    rules: { "house/comments": "error" }
  }
  const cwd = fileURLToPath(new URL("..", import.meta.url))
  const results = await new ESLint({ cwd, overrideConfigFile: true, overrideConfig: rule }).lintFiles(notYet)
  const left = (id) => results.flatMap(({ messages }) => messages).filter(({ messageId }) => messageId === id).length
  console.log(
    `comments in ${notYet.join(", ")}: ${left("opening")} without their subject first, ${left("long")} lines too long`
  )
}

if (resolve(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) await countLeft()
