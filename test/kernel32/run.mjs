// Runs a script on the real kernel32: `node test/kernel32/run.mjs SCRIPT.js [args…]`. On Windows that is this very
// node; elsewhere it is node.exe under Wine, which cannot use pipes: its output goes to files that are copied to ours
// as they grow. Standard input is the terminal, or nothing.
import { spawn } from "node:child_process"
import { closeSync, fstatSync, mkdtempSync, openSync, read, rmSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { ensureKernel32, isMain, nodeExe, wineCommand, wineEnv } from "./setup.mjs"

const POLL_MILLIS = 20
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"]

const readAt = promisify(read)

/** A file without a name: nothing to clean up, however we end. */
const anonymousFile = () => {
  const directory = mkdtempSync(join(tmpdir(), "kernel32-"))
  try {
    return openSync(join(directory, "output"), "w+")
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Copies what a growing file has had appended since the last call. */
const follow = (fd, stream) => {
  const chunk = Buffer.allocUnsafe(65_536)
  let position = 0
  return async () => {
    while (stream.writable) {
      const { bytesRead } = await readAt(fd, chunk, 0, chunk.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      await new Promise((written) => stream.write(chunk.subarray(0, bytesRead), written))
    }
  }
}

const sameFile = (a, b) => {
  const [left, right] = [fstatSync(a), fstatSync(b)]
  return left.dev === right.dev && left.ino === right.ino
}

/** Where the child's output goes: the terminal itself, or files. With `2>&1` one file keeps the order of the lines. */
const outputs = () => {
  if (process.platform === "win32") return { stdout: "inherit", stderr: "inherit", copies: [], close: () => {} }
  const fds = []
  const copies = []
  const file = (stream) => {
    const fd = anonymousFile()
    fds.push(fd)
    copies.push(follow(fd, stream))
    return fd
  }
  const stdout = process.stdout.isTTY ? "inherit" : file(process.stdout)
  const stderr = process.stderr.isTTY ? "inherit" : sameFile(1, 2) ? stdout : file(process.stderr)
  return { stdout, stderr, copies, close: () => fds.forEach(closeSync) }
}

/** Resolves to the exit code, after all output has been written to our own stdout and stderr. */
export const run = async (script, args = [], { env = {} } = {}) => {
  ensureKernel32()
  const windows = process.platform === "win32"
  const { close, copies, stderr, stdout } = outputs()
  const interactive = process.stdout.isTTY === true
  const [command, words] = windows
    ? [process.execPath, [script, ...args]]
    : wineCommand("wine", [nodeExe, script, ...args])
  const child = spawn(command, words, {
    stdio: [interactive && process.stdin.isTTY ? "inherit" : "ignore", stdout, stderr],
    env: { ...process.env, ...(windows ? {} : wineEnv()), ...env },
    // A terminal sends Ctrl-C to its whole process group. The child is either in that group or is sent the signal by
    // us, never both: two interrupts mean "leave at once" to a program.
    detached: !windows && !interactive
  })
  let running = true
  let interrupted = false
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  }).finally(() => running = false)

  const forward = (signal) => {
    interrupted = true
    if (signal !== "SIGINT" || !(windows || interactive)) child.kill(signal)
  }
  const onReaderGone = () => {
    if (!interrupted) forward("SIGINT")
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  for (const stream of [process.stdout, process.stderr]) stream.on("error", onReaderGone)
  try {
    while (running) {
      await Promise.race([ended, sleep(POLL_MILLIS)])
      for (const copy of copies) await copy()
    }
    return await ended
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
    for (const stream of [process.stdout, process.stderr]) stream.off("error", onReaderGone)
    close()
  }
}

if (isMain(import.meta.url)) {
  const [script, ...args] = process.argv.slice(2)
  const wine = args.indexOf("--wine")
  if (wine >= 0) process.env.TPIO_WINE = args.splice(wine, 2)[1]
  if (script === undefined) {
    console.error("usage: node test/kernel32/run.mjs SCRIPT.js [--wine 10] [args…]")
    process.exitCode = 2
  } else {
    try {
      process.exitCode = await run(script, args)
    } catch (error) {
      console.error(error.message)
      process.exitCode = error.exitCode ?? 1
    }
  }
}
