// Runs the exhaustive schedules and the fixed seeds, and ends at the first thing that is wrong: exit code 1 and one
// line. With `TPIO_QUICK` it runs less: the small ones of the schedules, or the first seeds.
import { register } from "node:module"

register("./hook.mjs", import.meta.url)
const build = (path) => import(new URL(`../../build/test/${path}`, import.meta.url))

const caught = (by, error) => {
  console.log(`${by}: ${String(error?.message ?? error).split("\n").slice(0, 2).join(" ").slice(0, 150)}`)
  process.exit(1)
}
process.on("uncaughtException", (error) => caught("uncaught", error))
process.on("unhandledRejection", (error) => caught("unhandled", error))

const { cases, runAll } = await build("support/exhaustive.js")
const fibers = await build("support/exhaustiveFibers.js")
const { ofSeed } = await build("simulate/simulate.js")

const seeds = async (from, to) => {
  for (let seed = from; seed < to; seed++) {
    const { problems } = await ofSeed(seed)
    if (problems.length > 0) caught(`seed ${seed}`, problems[0])
  }
}

const schedules = (one, other) => {
  try {
    for (const each of one) runAll(each)
    for (const each of other) fibers.runAll(each)
  } catch (error) {
    caught("schedules", error)
  }
}

// A few seeds find much, and cost little; the small schedules cost less.
const FEW = 20
const quick = process.env.TPIO_QUICK ?? ""
if (quick === "") {
  await seeds(1, FEW)
  schedules(cases, fibers.cases)
  await seeds(FEW, Number(process.env.TPIO_SEEDS ?? 100))
}
if (quick.includes("schedules")) {
  schedules(cases.filter(({ operations }) => operations < 3), fibers.cases.filter((one) => one.fibers === 1))
}
if (quick.includes("seeds")) await seeds(1, 5)
