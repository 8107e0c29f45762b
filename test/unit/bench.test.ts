// The arithmetic and the pictures of the benchmark, so that they cannot rot between two runs of it.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { comparison } from "../bench/harness/against.js"
import { chart, step } from "../bench/harness/chart.js"
import { checksum, directory, PAGE, randomFile, randomPages, SeenPages } from "../bench/harness/inputs.js"
import { race } from "../bench/harness/race.js"
import { page } from "../bench/harness/report.js"
import {
  atLeastTimesAsFast,
  atLeastTimesTheRate,
  atMost,
  atMostOver,
  atMostTimesTheCost,
  type Case,
  flatRatioWithin,
  flatWithin,
  inCpu,
  megabytesPerSecond,
  microsPerOperation,
  seconds,
  told,
  unjudged
} from "../bench/harness/Scenario.js"
import { digits, median, summarize } from "../bench/harness/statistics.js"
import { caseTable, summaryTable } from "../bench/harness/table.js"

const machine = {
  kernel: "portable",
  node: "20",
  system: "Linux <&>",
  processors: 2,
  date: "2026-11-21",
  command: "npm run bench"
}

/** Contestants that tell values made up beforehand, one each round. */
const scripted = (
  values: Record<string, ReadonlyArray<number>>,
  goals: Case["goals"],
  expected?: Case["expected"]
): Case => ({
  label: "a < b & c",
  measure: told("µs"),
  amount: 1,
  expected,
  contestants: Object.entries(values).map(([name, told], i) => {
    let round = 0
    return {
      name,
      role: (["ours", "peer", "limit"] as const)[i % 3]!,
      run: (phase) =>
        Effect.sync(() => {
          const value = phase === "warm-up" ? WARMING_UP : told[round++]!
          return { value, millis: value, cpuMillis: 2 * value }
        })
    }
  }),
  goals
})

const WARMING_UP = 1e9
const options = { rounds: 3, warmUps: 2, progress: () => {}, before: () => {} }

describe("bench", () => {
  it("medians", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
    assert.deepStrictEqual(summarize([10, 9, 100]), { median: 10, min: 9, max: 100 })
  })

  it("measures", () => {
    assert.strictEqual(megabytesPerSecond.valueOf({ amount: 5e8, millis: 250, value: 0 }), 2000)
    assert.strictEqual(microsPerOperation.valueOf({ amount: 1000, millis: 4, value: 0 }), 4)
  })

  it("digits", () => {
    assert.deepStrictEqual([0, 0.1234, 1.234, 12.34, 123.4, 12345].map(digits), [
      "0",
      "0.123",
      "1.23",
      "12.3",
      "123",
      "12,345"
    ])
  })

  it.effect("a ratio is the median of the ratios of the rounds, and the warm-up counts for nothing", () =>
    Effect.gen(function*() {
      const result = yield* race(
        scripted({ ours: [1, 10, 4], peer: [2, 10, 16], other: [4, 40, 8] }, [
          atMostTimesTheCost("ours", ["peer", "other"], 0.5),
          atLeastTimesTheRate("ours", ["peer"], 0.6),
          atLeastTimesAsFast("ours", ["peer"], 2),
          atMostOver("ours", "peer", -1, "µs"),
          atMost("ours", 3, "µs"),
          flatWithin(["ours", "peer"], 2),
          unjudged(atMost("ours", 1, "µs"), "it is not there")
        ]),
        options
      )
      assert.deepStrictEqual(result.contestants.map(({ max, median, min }) => [median, min, max]), [
        [4, 1, 10],
        [10, 2, 16],
        [8, 4, 40]
      ])
      assert.deepStrictEqual(result.goals.map(({ measured, met }) => [measured, met]), [
        [0.5, true], // of 1/2, 10/10, 4/8
        [0.5, false], // of 1/2, 1, 1/4
        [2, true], // of 2, 1, 4
        [-1, true], // of -1, 0, -12
        [4, false],
        [2, true], // of 2, 1, 4
        [undefined, undefined]
      ])
    }))

  it.effect("whoever reads something else than is there is not measured", () =>
    Effect.gen(function*() {
      const result = yield* Effect.either(
        race(scripted({ ours: [1, 1, 1] }, [], { "warm-up": 7, measured: 7 }), options)
      )
      assert.strictEqual(result._tag, "Left")
    }))

  it.scoped("the checksum is that of all bytes, in whatever order the parts come", () =>
    Effect.gen(function*() {
      const input = randomFile(join(yield* directory, "input"), 3 * PAGE + 100)
      const bytes = readFileSync(input.path)
      for (const phase of ["warm-up", "measured"] as const) {
        for (const cut of [1, 100, PAGE, PAGE + 1, 3 * PAGE]) {
          const sum = (checksum(bytes.subarray(cut), cut, phase) + checksum(bytes.subarray(0, cut), 0, phase)) | 0
          assert.strictEqual(sum, input.checksums[phase])
        }
        assert.notStrictEqual(checksum(bytes, PAGE, phase), input.checksums[phase])
      }
      const { checksums, offsets } = randomPages(input, 50, 1)
      for (const phase of ["warm-up", "measured"] as const) {
        const seen = new SeenPages(offsets, phase)
        offsets.forEach((offset, i) => seen.look(i, bytes.subarray(offset, offset + PAGE)))
        assert.strictEqual(seen.sum, checksums[phase])
        assert.notStrictEqual(seen.sum, 0)
      }
      assert.notStrictEqual(checksums["warm-up"], checksums.measured)
    }))

  it.effect("a goal in CPU is judged by processor time", () =>
    Effect.gen(function*() {
      const one = scripted({ ours: [1, 2, 3] }, [atMost("ours", 3, "s"), inCpu(atMost("ours", 3, "s"))])
      const { goals } = yield* race({ ...one, measure: { ...one.measure, ...seconds } }, options)
      assert.deepStrictEqual(goals.map(({ measured, met }) => [measured, met]), [[0.002, true], [0.004, true]])
    }))

  it.effect("ratios to what stands beside them are flat within the largest over the smallest", () =>
    Effect.gen(function*() {
      const values = { a: [1, 1, 1], A: [1, 1, 1], b: [6, 6, 6], B: [2, 2, 2] }
      const { goals } = yield* race(scripted(values, [flatRatioWithin(["a", "b"], ["A", "B"], 1.5)]), options)
      assert.deepStrictEqual(goals.map(({ measured, met }) => [measured, met]), [[3, false]])
    }))

  it.effect("a comparison tells what it costs now in what it cost then, and what that revision costs in itself", () =>
    Effect.gen(function*() {
      const values = { "read: now": [1, 2, 2], "read: v1": [2, 2, 8], "read: v1 again": [2, 3, 4] }
      const timed = { ...scripted(values, []), measure: seconds }
      const ratios = ["0.500 × (0.250 – 1.00)", "1.00 × (0.500 – 1.50)"]
      assert.deepStrictEqual(comparison(yield* race(timed, options)), [["a < b & c", "read", ...ratios, ...ratios]])
      const told = yield* race(scripted(values, []), options)
      assert.deepStrictEqual(comparison(told), [["a < b & c", "read", "", "", ...ratios]])
      const rates = {
        ...scripted(values, []),
        measure: { ...told, valueOf: seconds.valueOf, better: "higher" as const }
      }
      assert.deepStrictEqual(comparison(yield* race(rates, options))[0]!.slice(4), [
        "2.00 × (1.00 – 4.00)",
        "1.00 × (0.667 – 2.00)"
      ])
    }))

  it("a scale has at most five steps", () => {
    assert.deepStrictEqual([1, 4, 9, 11, 13_000].map(step), [0.2, 1, 2, 2.5, 5000])
  })

  it.effect("tables and charts show every contestant and every goal, and charts are well-formed XML", () =>
    Effect.gen(function*() {
      const one = yield* race(
        scripted({ ours: [1, 2, 3], "<peer>": [2, 3, 4], limit: [1, 1, 1] }, [
          atMostTimesTheCost("ours", ["<peer>"], 0.5),
          unjudged(atMost("ours", 1, "µs"), "no & such <thing>")
        ]),
        options
      )
      const scenario = { name: "one", title: "A & B", cases: [one, one] }
      for (const text of [caseTable(one), summaryTable([scenario])]) {
        assert.include(text, "ours")
        assert.include(text, "<peer>")
        assert.include(text, "NOT MET")
      }
      const rows = page([{ ...scenario, machine }]).split("\n").filter((line) => line.startsWith("| portable"))
      assert.deepStrictEqual(rows.map((row) => row.split(" | ").length), [7, 7, 7, 7])
      const svg = chart(scenario, machine)
      assert.deepStrictEqual(malformed(svg), [])
      assert.include(svg, "&lt;peer&gt;")
      assert.strictEqual(svg.match(/<rect class="ours"/g)?.length, 2)
      assert.strictEqual(svg.match(/<rect class="limit"/g)?.length, 2)
      assert.notInclude(svg, "NaN")
      const less = yield* race(scripted({ ours: [-1, -2, 0] }, []), options)
      assert.deepStrictEqual(malformed(chart({ ...scenario, cases: [less] }, machine)), [])
    }))
})

/** Finds the faults of a chart: tags that do not match, attributes without quotes, bare ampersands. */
const malformed = (xml: string): Array<string> => {
  const open: Array<string> = []
  const problems: Array<string> = []
  for (
    const [, close, name = "", attributes = "", empty] of xml.matchAll(
      /<(\/?)([a-zA-Z]+)((?:[^<>"]|"[^"<]*")*?)(\/?)>/g
    )
  ) {
    if (!/^(\s+[\w-]+(:\w+)?="[^"<]*")*\s*$/.test(attributes)) problems.push(`<${name}${attributes}>`)
    if (close === "/") { if (open.pop() !== name) problems.push(`</${name}>`) }
    else if (empty !== "/") open.push(name)
  }
  if (/&(?!amp;|lt;|gt;)/.test(xml)) problems.push("&")
  if (xml.replaceAll(/<(\/?)([a-zA-Z]+)((?:[^<>"]|"[^"<]*")*?)(\/?)>/g, "").match(/[<]/)) problems.push("<")
  return [...problems, ...open]
}
