// The program of `npm run example:cluster`: the client with its runners, or, started by it, one of these.
import { run } from "../run.js"
import { HELP, parse } from "./options.js"

const [role, text, ...rest] = process.argv.slice(2)

if (role === "runner" && text !== undefined && rest.length === 0) {
  const { runner } = await import("./runner.js")
  run(runner(JSON.parse(text)))
} else {
  const options = parse(process.argv.slice(2))
  if (options === undefined) process.stdout.write(HELP)
  else if (typeof options === "string") {
    process.stderr.write(`${options}\n`)
    process.exitCode = 1
  } else {
    const { program } = await import("./program.js")
    run(program(options))
  }
}
