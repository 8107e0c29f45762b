// The tests that run on this machine's own node. Those for the real kernel32 are started by test/kernel32/vitest.ts.
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/kernel32/**", "test/types/**"],
    env: { TPIO_KERNEL: process.env.TPIO_KERNEL ?? "portable" },
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
})
