// The program of `npm run example:cluster`: the client with its runners, or, started by it, one of these.
import { run } from "../run.js"
import { parse } from "./options.js"

const [role, text, ...rest] = process.argv.slice(2)

if (role === "runner" && text !== undefined && rest.length === 0) {
  const { runner } = await import("./runner.js")
  run(runner(JSON.parse(text)))
} else {
  const options = parse(process.argv.slice(2))
  if ("print" in options) process.stdout.write(options.print)
  else if ("wrong" in options) {
    process.stderr.write(`${options.wrong}\n`)
    process.exitCode = 1
  } else {
    const { program } = await import("./program.js")
    run(program(options))
  }
}
