// Rules of the lint: a comment says its subject first and ends by column 120, and a class has a bounded length.

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

const MOST_LINES = 360

const classSize = {
  meta: {
    type: "suggestion",
    schema: [],
    messages: { long: `A class has at most ${MOST_LINES} lines, not {{lines}}.` }
  },
  create: ({ report }) => ({
    ClassBody: (node) => {
      const lines = node.loc.end.line - node.loc.start.line
      if (lines > MOST_LINES) report({ node, messageId: "long", data: { lines } })
    }
  })
}

export const plugin = { rules: { comments, classSize } }
