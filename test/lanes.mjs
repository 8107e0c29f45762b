// Runs the lanes of `npm test` side by side, as many as there are processors: each a process with all that it starts.
// What it says is printed whole when it has ended, so that no two lanes mix.
import { spawn, spawnSync } from "node:child_process"
import { availableParallelism } from "node:os"
import { setImmediate, setInterval } from "node:timers"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { killWine } from "./kernel32/setup.mjs"

const windows = process.platform === "win32"
const root = fileURLToPath(new URL("..", import.meta.url))

/** How long a lane may take to end after it has been told to, and its output to close after it has ended. */
const GRACE = 5_000

/** How often it is said what is running. */
const HEARTBEAT = 60_000

export const say = (line = "") => console.log(line)
export const heading = (title) => say(`\n${"─".repeat(8)} ${title} ${"─".repeat(Math.max(8, 100 - title.length))}\n`)

const processors = Math.max(2, availableParallelism())

const waiting = []
let busy = 0
/** The exclusive things that a lane has now: the Wine server of this project's prefix, the system's packages. */
const taken = new Set()

/** Lanes that may take longest come first. */
const admit = () => {
  waiting.sort((a, b) => b.minutes - a.minutes)
  for (const one of waiting.splice(0)) {
    if ((busy >= processors && !one.waits) || taken.has(one.needs)) waiting.push(one)
    else {
      if (!one.waits) busy++
      if (one.needs !== undefined) taken.add(one.needs)
      one.enter()
    }
  }
}

/** In a turn of its own: all that come now have come. */
const turn = (lane) =>
  new Promise((enter) => {
    waiting.push({ ...lane, enter })
    setImmediate(admit)
  })

const leave = ({ needs, waits }) => {
  if (!waits) busy--
  taken.delete(needs)
  setImmediate(admit)
}

const running = new Set()

/** Ends a lane with all that it has started: its process group, which on Windows is its tree, and Wine. */
const stop = async ({ child, exited, needs }) => {
  const kill = (signal) => {
    try {
      if (!windows) process.kill(-child.pid, signal)
      else spawnSync("taskkill", ["/pid", String(child.pid), "/t", "/f"], { stdio: "ignore" })
    } catch {
      // It has ended.
    }
  }
  kill("SIGTERM")
  await Promise.race([exited, sleep(GRACE)])
  kill("SIGKILL")
  if (needs === "wine" && !windows) killWine()
}

/** Prints what a lane has said. */
const print = ({ said, title }, note = "") => {
  heading(`${title}${note}`)
  process.stdout.write(Buffer.concat(said))
}

let stopped = false

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) {
  process.once(signal, async () => {
    stopped = true
    const lanes = [...running]
    await Promise.all(lanes.map(stop))
    for (const lane of lanes) print(lane, ", stopped")
    process.exit(code)
  })
}

const begun = Date.now()
const seconds = (since) => Math.round((Date.now() - since) / 1000)

setInterval(() => {
  if (running.size === 0) return
  const names = [...running].map(({ begin, title }) => `${title} (${seconds(begin)} s)`)
  say(`${seconds(begun)} s: ${names.join(", ")}`)
}, HEARTBEAT).unref()

/** Runs node, or another command, with these arguments to its end, which is killed when it takes longer. */
const run = async (lane, args, minutes) => {
  const { command = process.execPath, cwd = root, env } = lane
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    // Not our own stdout: a lane that sees a terminal draws on it, and Wine would draw over that.
    stdio: ["ignore", "pipe", "pipe"],
    detached: !windows
  })
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => lane.said.push(chunk))
  const exited = new Promise((resolve) => {
    child.once("error", (error) => resolve({ problem: error.message }))
    child.once(
      "exit",
      (code, signal) => resolve({ code, problem: code === 0 ? undefined : signal ?? `exit code ${code}` })
    )
  })
  const closed = new Promise((resolve) => child.once("close", resolve))
  const timers = new AbortController()
  const timeout = (millis) => sleep(millis, true, { signal: timers.signal }).catch(() => {})
  Object.assign(lane, { child, exited })
  running.add(lane)
  try {
    const late = await Promise.race([exited.then(() => false), timeout(minutes * 60_000)])
    if (late) await stop(lane)
    await Promise.race([closed, timeout(GRACE)])
    return late ? { problem: `stopped after ${minutes} minutes` } : await exited
  } finally {
    running.delete(lane)
    timers.abort()
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
  }
}

/**
 * Waits for its turn, runs node, or `command`, with these arguments for so many minutes at most, and prints its output.
 * A lane that mostly `waits` for a network takes no processor from the others. Answers the exit code, the problem (or
 * `undefined`), the output, and the seconds it took.
 */
export const lane = async ({ args, command, cwd, env, minutes = 5, needs, title, waits = false }) => {
  const lane = { title, needs, command, cwd, env, said: [], begin: 0 }
  await turn({ minutes, needs, waits })
  try {
    if (stopped) return await new Promise(() => {})
    lane.begin = Date.now()
    say(`begun: ${title}`)
    const { code, problem } = await run(lane, args, minutes)
    const result = {
      code,
      problem,
      said: Buffer.concat(lane.said).toString(),
      seconds: (Date.now() - lane.begin) / 1000
    }
    if (!stopped) print(lane)
    return result
  } finally {
    leave({ needs, waits })
  }
}
