// The program of `npm run example:sync`.
import { run } from "../run.js"
import { program } from "./program.js"

run(program(process.argv))
