// kill -9 at random moments of a copy, while it resumes another one that was killed, too: what has its final name is
// complete and identical to its source, after every kill; and `--resume` ends with an identical tree and nothing else,
// also after two processes have gone on with one copy at once, which race for the same partial files.
//   npm run test:crash -- [--times 200] [--kernel32] [--seed N]
// Exit code 1 when anything of that does not hold. The last line is `N passed, N failed`.
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { isPartial, namesIn, partialsIn, takenOver } from "./support/partials.js"
import { bundled, type Ended, root, type Start, starter } from "./support/processes.js"
import { random } from "./support/traces/script.js"

const HELP = `kill -9 at random moments of copies, and of copies that resume them.

  npm run test:crash -- [options]

  --times N    kills (200)
  --kernel32   on the real kernel32, elsewhere than on Windows under Wine
  --seed N     of the tree, the options and the moments
  --at-once N  copies (2)
  --help`

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "200" },
    kernel32: { type: "boolean", default: false },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    "at-once": { type: "string", default: "2" },
    help: { type: "boolean", default: false }
  }
})

const KiB = 1 << 10
const MiB = 1 << 20

/**
 * The first one has a journal, with a complete stretch of 32 MiB before its end; the small ones are copied by a call
 * each.
 */
const LARGE = [36 * MiB + 4321, 5 * MiB, MiB, MiB + 1]
const SMALL = 60

const OPTIONS = [["--verify", "none"], ["--verify", "read"], ["--verify", "durable"], [
  "--verify",
  "none",
  "--chunk",
  "256KiB"
]]

/** So many kills in a row, at most, before the copy is left to end. */
const MOST_IN_A_ROW = 3

/** The limit for a copy that takes less than two seconds. */
const LIMIT = 120_000

const kernel = values.kernel32 ? "win32" : "portable"
const seed = Number(values.seed)
const below = random(seed)
const base = fs.mkdtempSync(join(tmpdir(), "tpio-crash-"))
const source = join(base, "source")
let serial = 0

const makeSource = (): void => {
  const file = (name: string, length: number) => {
    const path = join(source, name)
    fs.mkdirSync(dirname(path), { recursive: true })
    const bytes = Buffer.alloc(length, `${name} of ${seed}, `)
    // No two stretches of a large file are alike.
    for (let at = 0; at + 4 <= length; at += 4 * KiB) bytes.writeUInt32LE(below(2 ** 31), at)
    fs.writeFileSync(path, bytes)
  }
  LARGE.forEach((length, index) => file(`${index % 2 === 0 ? "" : "large/"}large ${index}`, length))
  for (let index = 0; index < SMALL; index++) file(`${index % 6}/small ${index}`, below(40 * KiB))
}

// --- one copy

/** The state of the copy at the moment of its kill. */
const PHASES = ["starting", "nothing complete", "some files complete", "all files complete"] as const
type Phase = typeof PHASES[number]

const files = (): ReadonlyArray<string> => namesIn(source).filter((name) => fs.statSync(join(source, name)).isFile())

const phaseOf = (complete: number, partials: number): Phase =>
  complete === sourceFiles.length
    ? "all files complete"
    : complete > 0
    ? "some files complete"
    : partials > 0
    ? "nothing complete"
    : "starting"

let sourceFiles: ReadonlyArray<string> = []

const figures = {
  kills: 0,
  /** By phase: of a first copy, and of one that resumes. */
  first: new Map<Phase, number>(),
  resuming: new Map<Phase, number>(),
  tooLate: 0,
  resumed: 0,
  /** By how many of the two have reached the end. */
  raced: [0, 0, 0],
  bytes: 0,
  filesCompared: 0
}

/** Compares whatever has its final name. */
const compareComplete = (copy: string): { readonly complete: number; readonly problems: ReadonlyArray<string> } => {
  const problems: Array<string> = []
  let complete = 0
  for (const name of namesIn(copy)) {
    if (isPartial(name) || fs.statSync(join(copy, name)).isDirectory()) continue
    complete++
    if (!fs.existsSync(join(source, name))) problems.push(`${name} is no file of the source`)
    else if (!fs.readFileSync(join(copy, name)).equals(fs.readFileSync(join(source, name)))) {
      problems.push(`${name} has its final name and is not what the source is`)
    }
  }
  figures.filesCompared += complete
  return { complete, problems }
}

/** Milliseconds of a copy that nobody kills: until its first file can be seen, and from there to its end. */
interface Pace {
  readonly start: number
  /** Corrected when copies end before they are killed: the machine was busier when it was measured. */
  work: number
}

interface World {
  readonly start: Start
  readonly program: string
  readonly pace: Pace
}

const begin = ({ program, start }: Omit<World, "pace">, args: ReadonlyArray<string>, copy: string) =>
  start(program, [...args, "--kernel", kernel, source, copy], join(base, `output-${serial++}`))

const begun = async (running: ReturnType<Start>, copy: string): Promise<void> => {
  while (!running.over() && namesIn(copy).length === 0) await sleep(1)
}

const measure = async (world: Omit<World, "pace">): Promise<Pace> => {
  const copy = join(base, "measured")
  const time = performance.now()
  const running = begin(world, [], copy)
  await begun(running, copy)
  const start = performance.now() - time
  const { code, output } = await running.ended
  if (code !== 0) throw new Error(`the copy that nobody kills ends with ${code}:\n${output}`)
  fs.rmSync(copy, { recursive: true })
  return { start, work: performance.now() - time - start }
}

/** Kills it at a random moment; answers its end, when that came first. */
const kill = async (world: World, args: ReadonlyArray<string>, copy: string): Promise<Ended | undefined> => {
  const running = begin(world, args, copy)
  const { start, work } = world.pace
  // Once in ten times before anything can be seen.
  if (below(10) === 0) await sleep(below(start))
  else {
    if (!args.includes("--resume")) await begun(running, copy)
    else await sleep(start * 0.8)
    await sleep(below(work * 1.1))
  }
  running.kill("SIGKILL")
  const ended = await running.ended
  return ended.code === 128 + 9 ? undefined : ended
}

/** A copy that is killed again and again, at last resumed, and compared; answers what was wrong. */
const chain = async (world: World): Promise<ReadonlyArray<string>> => {
  const directory = fs.mkdtempSync(join(base, "copy-"))
  const copy = join(directory, "copy")
  const options = OPTIONS[below(OPTIONS.length)]!
  const problems: Array<string> = []
  const inARow = 1 + below(MOST_IN_A_ROW)
  try {
    for (let kills = 0; kills < inARow && figures.kills < times; kills++) {
      figures.kills++
      const ended = await kill(world, kills === 0 ? options : [...options, "--resume"], copy)
      const compared = compareComplete(copy)
      problems.push(...compared.problems)
      if (ended !== undefined) {
        figures.kills--
        figures.tooLate++
        world.pace.work *= 0.9
        if (ended.code !== 0) problems.push(`it ended by itself with ${ended.code}:\n${ended.output}`)
        break
      }
      const phases = kills === 0 ? figures.first : figures.resuming
      const phase = phaseOf(compared.complete, partialsIn(copy).length)
      phases.set(phase, 1 + (phases.get(phase) ?? 0))
    }
    if (below(2) === 0) problems.push(...await race(world, options, copy))
    problems.push(...await resume(world, options, copy))
    const beside = fs.readdirSync(directory)
    if (beside.join() !== "copy") problems.push(`beside the copy there is ${beside.join(", ")}`)
  } finally {
    fs.rmSync(directory, { recursive: true, maxRetries: 5 })
  }
  return problems
}

/** A journal is one process's: the other one copies anew, or is told that the name is taken. */
const race = async (world: World, options: ReadonlyArray<string>, copy: string): Promise<ReadonlyArray<string>> => {
  const both = await Promise.all([1, 2].map(async () => {
    const running = begin(world, [...options, "--resume"], copy)
    const limit = setTimeout(() => running.kill("SIGKILL"), LIMIT)
    const ended = await running.ended
    clearTimeout(limit)
    return ended
  }))
  figures.raced[both.filter(({ code }) => code === 0).length]!++
  return [
    ...both.flatMap(({ code, output }) => code > 1 ? [`one of two that resume ended with ${code}:\n${output}`] : []),
    ...compareComplete(copy).problems
  ]
}

const resume = async (world: World, options: ReadonlyArray<string>, copy: string): Promise<ReadonlyArray<string>> => {
  const running = begin(world, [...options, "--resume"], copy)
  const limit = setTimeout(() => running.kill("SIGKILL"), LIMIT)
  const { code, output } = await running.ended
  clearTimeout(limit)
  figures.resumed++
  figures.bytes += takenOver(output)
  if (code !== 0) return [`--resume ended with ${code}:\n${output}`]
  const left = partialsIn(copy)
  return [...left.map((name) => `${name} is left`), ...differences(source, copy)]
}

// --- all of them

const times = Number(values.times)
let differences: (source: string, copy: string) => ReadonlyArray<string> = () => []

const row = (name: string, phases: ReadonlyMap<Phase, number>): string =>
  `  ${name.padEnd(10)} ${PHASES.map((phase) => `${phase} ${phases.get(phase) ?? 0}`).join(", ")}`

const all = async (): Promise<number> => {
  const manifest = await import(pathToFileURL(join(root, "test/examples/manifest.mjs")).href) as {
    readonly differences: typeof differences
  }
  differences = manifest.differences
  const [start, program] = [await starter(kernel), await bundled("examples/copy/main.ts", kernel)]
  makeSource()
  sourceFiles = files()
  const pace = await measure({ start, program })
  console.log(
    `${times} kills of copies of ${sourceFiles.length} files on ${kernel}, seed ${seed}; one takes ${
      (pace.start + pace.work).toFixed(0)
    } ms, ${pace.start.toFixed(0)} of them to start`
  )
  const time = performance.now()
  let [passed, failed] = [0, 0]
  const next = async (): Promise<void> => {
    while (figures.kills < times && !interrupted) {
      const problems = await chain({ start, program, pace })
      if (problems.length === 0) passed++
      else failed++
      for (const problem of problems) console.log(`WRONG: ${problem}`)
      if ((passed + failed) % 20 === 0) console.log(`${figures.kills} of ${times} kills`)
    }
  }
  await Promise.all(Array.from({ length: Number(values["at-once"]) }, next))
  console.log([
    `${figures.kills} kills in ${((performance.now() - time) / 1000).toFixed(0)} s, by what had its final name:`,
    row("copying:", figures.first),
    row("resuming:", figures.resuming),
    `${figures.tooLate} copies had ended before they were to be killed`,
    `${figures.filesCompared} files with their final names compared after kills`,
    `${figures.resumed} resumed to the end; they took over ${(figures.bytes / MiB).toFixed(0)} MiB of partial files`,
    `${figures.raced.reduce((sum, one) => sum + one)} races of two that resume: both ended well ${
      figures.raced[2]
    } times, one alone ${figures.raced[1]}, neither ${figures.raced[0]}`,
    `${passed} passed, ${failed} failed`
  ].join("\n"))
  return failed
}

let interrupted = false
process.once("SIGINT", () => {
  interrupted = true
})

if (values.help) console.log(HELP)
else {
  try {
    process.exitCode = await all() === 0 ? 0 : 1
  } finally {
    fs.rmSync(base, { recursive: true, force: true, maxRetries: 5 })
  }
}
