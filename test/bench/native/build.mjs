// Builds the C programs that the benchmark compares itself with, where there is a compiler for them; otherwise it says
// so, and the benchmark runs without them: `node test/bench/native/build.mjs`.
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const COMPILER = "x86_64-w64-mingw32-gcc"

const here = fileURLToPath(new URL(".", import.meta.url))
const target = fileURLToPath(new URL("../../../build/test/bench/native", import.meta.url))

mkdirSync(target, { recursive: true })
const program = join(target, "tpio.exe")
// One of an earlier day must not pass for this one.
rmSync(program, { force: true })
const { error, status } = spawnSync(COMPILER, ["-O2", "-Wall", "-Wextra", "-o", program, join(here, "tpio.c")], {
  stdio: "inherit"
})
if (error !== undefined) {
  console.error(`bench: no ${COMPILER} (Debian: gcc-mingw-w64-x86-64), so there is no C program to compare with`)
} else if (status !== 0) process.exitCode = 1
