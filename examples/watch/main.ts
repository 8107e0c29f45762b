// The program of `npm run example:watch`.
import { run } from "../run.js"
import { program } from "./program.js"

run(program(process.argv))
