// The tests that run on this machine's own node. Those for the real kernel32 are started by test/kernel32/vitest.ts.
// `--mode simulated` runs the contract suite on the simulated kernel, without the files that cannot run there;
// `--mode mask` what judges how fibers wait, with the other one of the two forms.
import { defineConfig } from "vitest/config"
import { notRun } from "./test/support/simulatedLane.js"

const WAITING = [
  "contract/interruption",
  "contract/interruptions",
  "contract/combinators",
  "contract/chunksInterruption"
]
  .concat("contract/fileSystem-interruption", "contract/directory-interruption", "unit/submit", "unit/settling")
  .map((name) => `test/${name}.test.ts`)

export default defineConfig(({ mode }) => {
  const simulated = mode === "simulated"
  const mask = mode === "mask"
  return {
    test: {
      include: mask ? WAITING : [simulated ? "test/contract/*.test.ts" : "test/**/*.test.ts"],
      exclude: [
        "test/kernel32/**",
        "test/types/**",
        ...(simulated ? Object.keys(notRun).map((file) => `test/contract/${file}`) : [])
      ],
      env: {
        TPIO_KERNEL: simulated ? mode : process.env.TPIO_KERNEL ?? "portable",
        TPIO_SUBMIT: mask ? mode : process.env.TPIO_SUBMIT ?? "auto"
      },
      setupFiles: ["test/support/umask.ts"],
      pool: "forks",
      // One process for file after file: to load Effect anew for each costs more than most of them.
      isolate: false,
      testTimeout: 20_000,
      hookTimeout: 20_000,
      coverage: {
        provider: "v8",
        include: ["src/**"],
        reporter: ["text-summary", "json-summary"]
      }
    }
  }
})
