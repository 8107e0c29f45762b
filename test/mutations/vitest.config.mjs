// The unit tests of the engine, with one mistake in the sources.
import { defineConfig } from "vitest/config"
import { mutate, mutations } from "./list.mjs"

/** None: what all judges say of the sources as they are. */
const mutation = mutations[Number(process.env.TPIO_MUTATION)]
const judges = (mutation === undefined ? mutations : [mutation]).flatMap(({ tests = [] }) => tests)

export default defineConfig({
  plugins: [{
    name: "mutation",
    enforce: "pre",
    transform(code, id) {
      if (mutation === undefined || !id.endsWith(`/src/${mutation.file}.ts`)) return undefined
      const source = mutate(code, mutation)
      if (source === undefined) throw new Error(`the place of this mutation is not there: ${mutation.name}`)
      return source
    }
  }],
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: [
      ...[
        "engine",
        "settling",
        "forms",
        "objects",
        "model",
        "schedules",
        "fileops",
        "machine",
        "pipeSocket",
        "threads",
        "windows"
      ]
        .map((name) => `test/unit/${name}.test.ts`),
      "test/contract/misuse.test.ts",
      // The judges that an entry names.
      ...judges.map((name) => `test/${name}.test.ts`)
    ],
    pool: "forks",
    // A test that is slow on a busy machine has found nothing.
    testTimeout: 100_000
  }
})
