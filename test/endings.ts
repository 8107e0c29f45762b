// How a process, and a worker thread, ends with 64 operations in flight, pending on a pipe or going round on a file:
// with the exit code that Node gives to that end, without a crash, without a hang; and what ends in order balances its
// ledger.
//   npm run test:endings -- [--kernel32] [--times 1]
// Exit code 1 when anything of that does not hold. The last line is `N passed, N failed`.
import { mkdtempSync, rmSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { EXIT_CODE, READY, type Task, type Way, writeContents } from "./support/endings.js"
import { bundled, type Ended, type Start, starter } from "./support/processes.js"

const HELP = `How processes and workers end with operations in flight.

  npm run test:endings -- [options]

  --kernel32   on the real kernel32, elsewhere than on Windows under Wine
  --times N    every ending so often (1)
  --at-once N  processes (3)
  --help`

/** Milliseconds after which a program hangs. It takes less than two seconds on a machine that is not busy. */
const LIMIT = 60_000

/** How long operations must keep a program alive that has nothing else to do. */
const STAYS_MILLIS = 500

interface Ending {
  readonly name: string
  readonly way: Way
  /** Sent when everything is in flight. */
  readonly signal?: NodeJS.Signals
  /** Exit codes; 128 + N is the signal N, as a shell tells it. */
  readonly posix: number
  /** On kernel32 under Wine, where that is something else, or why it cannot be asked for. */
  readonly wine?: number | string
  /** On Windows, likewise. */
  readonly windows?: number | string
  readonly output: RegExp
}

const { SIGINT, SIGKILL, SIGTERM } = constants.signals
const inOrder = /, in flight 0\): balanced\n$/
const cut = /^in flight\n$/

/** The workers end in any order. */
const workersInOrder = new RegExp(
  `^${READY}\\n${
    [`exit: ${EXIT_CODE}`, "natural: 0", "throw: 1, nobody catches this", "wait: 1"]
      .map((end) => `(?=(?:.*\\n)*worker, ${end}\\n)`).join("")
  }(?:.*\\n){4}.*, in flight 0\\): balanced\\n$`
)

/** The reason why Node's `kill` gives some ends no case on Windows. */
const AT_ONCE = "Windows has no signals: kill() ends a process at once, and Ctrl-C goes to all processes of a console"

const ENDINGS: ReadonlyArray<Ending> = [
  { name: "the operations end, and there is nothing else to do", way: "natural", posix: 0, output: inOrder },
  { name: "process.exit", way: "exit", posix: EXIT_CODE, output: cut },
  { name: "an exception that nobody catches", way: "throw", posix: 1, output: /Error: nobody catches this/ },
  { name: "a rejection that nobody handles", way: "reject", posix: 1, output: /Error: nobody handles this/ },
  // `TerminateProcess` with 1.
  { name: "process.kill, by itself", way: "kill", posix: 128 + SIGTERM, wine: 1, windows: 1, output: cut },
  // The handler of Windows itself ends with STATUS_CONTROL_C_EXIT, Wine's with 0.
  { name: "Ctrl-C", way: "wait", signal: "SIGINT", posix: 128 + SIGINT, wine: 0, output: cut },
  { name: "Ctrl-C that interrupts", way: "interrupt", signal: "SIGINT", posix: 130, windows: AT_ONCE, output: inOrder },
  { name: "SIGTERM", way: "wait", signal: "SIGTERM", posix: 128 + SIGTERM, output: cut },
  {
    name: "SIGTERM that interrupts",
    way: "interrupt",
    signal: "SIGTERM",
    posix: 143,
    wine: "Windows has no signals: it ends the process of Wine at once",
    windows: AT_ONCE,
    output: inOrder
  },
  { name: "kill -9, when they have kept it alive", way: "wait", signal: "SIGKILL", posix: 128 + SIGKILL, output: cut },
  {
    name: "workers, in four ways, and the process goes on",
    way: "workers",
    posix: 0,
    output: workersInOrder
  }
]

const { values } = parseArgs({
  options: {
    kernel32: { type: "boolean", default: false },
    times: { type: "string", default: "1" },
    "at-once": { type: "string", default: "3" },
    help: { type: "boolean", default: false }
  }
})

const kernel = values.kernel32 ? "win32" : "portable"
const expected = ({ posix, windows = posix, wine = posix }: Ending): number | string =>
  process.platform === "win32" ? windows : values.kernel32 ? wine : posix

const directory = mkdtempSync(join(tmpdir(), "tpio-endings-"))
const file = join(directory, "file")
let serial = 0

interface Outcome extends Ended {
  readonly hung: boolean
  /** From the moment in which everything was in flight, or the signal. */
  readonly millis: number
}

const run = async (
  start: Start,
  program: string,
  { signal, way }: Ending,
  inFlight: Task["inFlight"]
): Promise<Outcome> => {
  const task: Task = { way, inFlight, file, operations: 64, after: 20 }
  const running = start(program, [JSON.stringify(task)], join(directory, `output-${serial++}`))
  let hung = false
  const limit = setTimeout(() => {
    hung = true
    running.kill("SIGKILL")
  }, LIMIT)
  while (!running.over() && !running.output().startsWith(READY)) await sleep(5)
  if (signal === "SIGKILL") await sleep(STAYS_MILLIS)
  const begin = performance.now()
  if (signal !== undefined) running.kill(signal)
  const ended = await running.ended
  clearTimeout(limit)
  return { ...ended, hung, millis: performance.now() - begin }
}

/** Describes the fault of an end; `undefined`: it has none. */
const judge = (ending: Ending, code: number, outcome: Outcome): string | undefined =>
  outcome.hung
    ? "it hangs"
    : outcome.code !== code
    ? `exit code ${outcome.code}, not ${code}`
    : ending.output.test(outcome.output)
    ? undefined
    : "the output is not as it must be"

const all = async (): Promise<number> => {
  const [start, program] = [await starter(kernel), await bundled("test/support/endingsProgram.ts", kernel)]
  const cases = Array.from(
    { length: Number(values.times) },
    () => ENDINGS.flatMap((ending) => (["pipe", "file"] as const).map((inFlight) => ({ ending, inFlight })))
  ).flat()
  let [passed, failed, longest] = [0, 0, 0]
  const one = async ({ ending, inFlight }: typeof cases[number]) => {
    const code = expected(ending)
    const name = `${inFlight}  ${ending.name}`
    if (typeof code === "string") return console.log(`not here  ${name}: ${code}`)
    const outcome = await run(start, program, ending, inFlight)
    const problem = judge(ending, code, outcome)
    longest = Math.max(longest, outcome.millis)
    if (problem === undefined) passed++
    else failed++
    console.log(
      problem === undefined
        ? `passed    ${name}: ${code}, ${outcome.millis.toFixed(0)} ms`
        : `FAILED    ${name}: ${problem}\n${outcome.output}`
    )
  }
  const next = async (): Promise<void> => {
    for (let taken = cases.shift(); taken !== undefined; taken = cases.shift()) await one(taken)
  }
  await Promise.all(Array.from({ length: Number(values["at-once"]) }, next))
  console.log(`64 operations in flight on ${kernel}; the longest end took ${(longest / 1000).toFixed(1)} s`)
  console.log(`${passed} passed, ${failed} failed`)
  return failed
}

if (values.help) console.log(HELP)
else {
  try {
    writeContents(file)
    process.exitCode = await all() === 0 ? 0 : 1
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
