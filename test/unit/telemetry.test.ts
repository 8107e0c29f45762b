/**
 * The library as an OpenTelemetry SDK hears it: spans around calls that take long, none for the steps of a tree or a
 * stream, and the ledger as metrics.
 */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { describe, expect, it } from "@effect/vitest"
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Pipeline from "../../src/Pipeline.js"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "telemetry-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Runs a program under a real SDK; answers its spans, oldest first, and its metrics by name. */
const observed = <A, E>(program: Effect.Effect<A, E, Kernel.Kernel>) =>
  Effect.gen(function*() {
    const spans = new InMemorySpanExporter()
    const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 })
    const sdk = NodeSdk.layer(() => ({
      resource: { serviceName: "telemetry" },
      spanProcessor: new SimpleSpanProcessor(spans),
      metricReader: reader
    }))
    const told = yield* program.pipe(
      Effect.provide(Kernel.layerPortable),
      Effect.zipLeft(Effect.promise(() => reader.forceFlush())),
      Effect.map(() => ({
        spans: spans.getFinishedSpans().map((span) => ({
          name: span.name,
          attributes: span.attributes,
          status: span.status.code,
          id: span.spanContext().spanId,
          parent: span.parentSpanContext?.spanId
        })),
        metrics: new Map(
          metrics.getMetrics().flatMap(({ scopeMetrics }) =>
            scopeMetrics.flatMap((scope) =>
              scope.metrics.map(({ dataPoints, descriptor }) => [descriptor.name, dataPoints])
            )
          )
        )
      })),
      Effect.provide(sdk)
    )
    return told
  })

const named = (of: { readonly spans: ReadonlyArray<{ readonly name: string }> }) => of.spans.map(({ name }) => name)

describe("OpenTelemetry", () => {
  it.scopedLive("sees one span for a copy, a tree, a hash, with what a person wants to know, below the caller's own", () =>
    Effect.gen(function*() {
      const at = yield* folder
      mkdirSync(join(at, "tree"))
      for (let index = 0; index < 20; index++) writeFileSync(join(at, "tree", `${index}`), `contents ${index}`)
      const [one, from, to] = [join(at, "tree/1"), join(at, "tree"), join(at, "copy")]
      const told = yield* observed(
        Effect.gen(function*() {
          yield* Pipeline.copy(one, join(at, "one"))
          yield* Pipeline.copyTree(from, to)
          yield* Pipeline.hash(one)
          yield* Pipeline.transform(one, join(at, "same"), (bytes) => bytes)
        }).pipe(Effect.withSpan("nightly"))
      )
      const nightly = told.spans.at(-1)!
      expect(nightly.name).toBe("nightly")
      expect(told.spans.slice(0, -1).map(({ attributes, name, parent }) => ({ name, attributes, parent }))).toEqual([
        {
          name: "Pipeline.copy",
          attributes: { from: one, to: join(at, "one"), files: 1, bytes: 10 },
          parent: nightly.id
        },
        { name: "Pipeline.copyTree", attributes: { from, to, files: 20, bytes: 210 }, parent: nightly.id },
        { name: "Pipeline.hash", attributes: { path: one }, parent: nightly.id },
        {
          name: "Pipeline.transform",
          attributes: { from: one, to: join(at, "same"), bytesRead: 10, bytesWritten: 10 },
          parent: nightly.id
        }
      ])
    }))

  it.scopedLive("sees a failure as one", () =>
    Effect.gen(function*() {
      const at = yield* folder
      const told = yield* observed(Effect.either(Pipeline.copy(join(at, "none"), join(at, "copy"))))
      expect(told.spans.map(({ name, status }) => ({ name, status }))).toEqual([{ name: "Pipeline.copy", status: 2 }])
    }))

  it.scopedLive("sees connections of pipes", () =>
    Effect.gen(function*() {
      const pipe = `telemetry-${process.pid}`
      const told = yield* observed(Effect.scoped(Effect.gen(function*() {
        const server = yield* NamedPipe.listen(pipe)
        yield* Effect.all([NamedPipe.accept(server), NamedPipe.connect(pipe)], { concurrency: 2 })
      })))
      expect(named(told).sort()).toEqual(["NamedPipe.accept", "NamedPipe.connect"])
    }))

  it.scopedLive("sees no span for an open, a read or a write, unless it is asked for", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "file")
      writeFileSync(path, "contents")
      const read = (spans: boolean) =>
        Effect.scoped(Effect.flatMap(File.open(path, { spans }), (file) => File.read(file, new Uint8Array(8), 0)))
      expect(named(yield* observed(read(false)))).toEqual([])
      expect(named(yield* observed(read(true)))).toContain("ReadFile")
    }))

  it.scopedLive("sees the ledger as metrics, tagged with the kernel", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "file")
      writeFileSync(path, "contents")
      const { metrics } = yield* observed(
        Effect.scoped(Effect.flatMap(File.open(path), (file) => File.read(file, new Uint8Array(8), 0)))
      )
      const points = metrics.get("threadpool_io_started")
      expect(points?.some(({ attributes, value }) => attributes["kernel"] === "portable" && Number(value) >= 1)).toBe(
        true
      )
    }))
})
