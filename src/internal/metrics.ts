/**
 * The ledger of a kernel as metrics. They are published from the counters, at most once a second and when the kernel
 * closes: an operation pays nothing for them.
 */
import * as Metric from "effect/Metric"
import * as MetricLabel from "effect/MetricLabel"
import type { Ledger } from "../Ledger.js"
import type { Engine } from "./engine/Engine.js"

const counter = (name: string, description: string) =>
  Metric.counter(`threadpool_io_${name}`, { description, incremental: true })

export const metrics = {
  started: counter("started", "Operations for which StartThreadpoolIo was called"),
  completedByCallback: counter("completed_by_callback", "Operations whose completion callback came"),
  wakeUps: counter("wake_ups", "Completions that woke JavaScript, and did not come along with another one"),
  completedInline: counter("completed_inline", "Operations that completed inside the initiating call"),
  failedAtStart: counter("failed_at_start", "Operations whose initiating call failed"),
  cancelled: counter("cancelled", "Operations whose cancellation was asked for"),
  quarantined: counter("quarantined", "Operations that did not settle after their cancellation"),
  initiatingMs: counter("initiating_ms", "Milliseconds spent inside initiating calls"),
  // These go down again. They are counters, not gauges, so that two kernels of one process add up.
  retained: Metric.counter("threadpool_io_retained", { description: "Objects that could not be closed" }),
  inFlight: Metric.counter("threadpool_io_in_flight", { description: "Operations started and not yet ended" }),
  queued: Metric.counter("threadpool_io_queued", { description: "Operations waiting to be started" })
}

const PUBLISH_EVERY_MS = 1000

/** Publishes what has changed since the last time; answers the function for the last time of all. */
export const publisher = (engine: Engine): () => void => {
  const tags = [MetricLabel.make("kernel", engine.kernel.name)]
  let last = engine.counters.read()
  let timer: ReturnType<typeof setTimeout> | undefined
  const publish = () => {
    timer = undefined
    const now = engine.counters.read()
    for (const name of Object.keys(metrics) as Array<keyof Ledger>) {
      if (now[name] !== last[name]) metrics[name].unsafeUpdate(now[name] - last[name], tags)
    }
    last = now
  }
  engine.onActivity = () => {
    if (timer === undefined) timer = setTimeout(publish, PUBLISH_EVERY_MS).unref()
  }
  return () => {
    clearTimeout(timer)
    engine.onActivity = undefined
    publish()
  }
}
