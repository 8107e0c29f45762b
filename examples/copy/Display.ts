// How far the copy is: a bar on a terminal, now and then a line elsewhere.
import type { Progress } from "../../src/Pipeline.js"
import { count, duration, grouped, size } from "./text.js"

const REDRAW_MS = 100
const LINE_MS = 2000
/** The cost of a file beyond its bytes, in bytes: without it, a tree of small files would seem to stand still. */
const FILE_WORK = 64 * 1024
const RATE_AFTER_SECONDS = 0.5

const HIDE_CURSOR = "\x1b[?25l"
const SHOW_CURSOR = "\x1b[?25h"
const ERASE_LINE = "\r\x1b[2K"

export class Display {
  /** The library's progress, once the size of the work is known. */
  progress: Progress | undefined = undefined
  readonly #began = performance.now()
  #timer: ReturnType<typeof setInterval> | undefined = undefined

  constructor(private readonly out: NodeJS.WriteStream, private readonly verifies: boolean) {}

  get elapsedSeconds(): number {
    return (performance.now() - this.#began) / 1000
  }

  /** The library's own object: it is looked at now and then. */
  readonly watch = (progress: Progress): void => {
    if (this.progress !== undefined) return
    this.progress = progress
    this.#start(progress)
  }

  #start(progress: Progress): void {
    if (this.out.isTTY) {
      this.out.write(HIDE_CURSOR)
      this.#timer = setInterval(() => this.out.write(ERASE_LINE + this.#bar(progress)), REDRAW_MS)
    } else this.#timer = setInterval(() => this.out.write(`${this.#line(progress)}\n`), LINE_MS)
    this.#timer.unref()
  }

  /** Leaves the terminal as it was. */
  stop(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.out.isTTY) this.out.write(ERASE_LINE + SHOW_CURSOR)
  }

  /** From 0 to 1. */
  #fraction({ bytes, files, totalBytes, totalFiles, verifiedBytes }: Progress): number {
    const passes = this.verifies ? 2 : 1
    const work = totalBytes * passes + totalFiles * FILE_WORK
    const done = bytes + Math.min(verifiedBytes, totalBytes) + files * FILE_WORK
    return work === 0 ? 1 : Math.min(1, done / work)
  }

  #timeLeft(fraction: number): string {
    const elapsed = this.elapsedSeconds
    if (elapsed < RATE_AFTER_SECONDS || fraction <= 0) return ""
    return `, ${duration(elapsed * (1 - fraction) / fraction)} left`
  }

  #line(progress: Progress): string {
    const { bytes, files, foundBytes, totalBytes, totalFiles } = progress
    const rate = `${size((bytes - foundBytes) / this.elapsedSeconds)}/s`
    return `${size(bytes)} of ${size(totalBytes)}, ${grouped(files)} of ${count(totalFiles, "file")}, ${rate}` +
      this.#timeLeft(this.#fraction(progress))
  }

  /** One column is left free: some terminals wrap when the last one is written. */
  #bar(progress: Progress): string {
    const fraction = this.#fraction(progress)
    const text = ` ${String(Math.floor(fraction * 100)).padStart(3)} %  ${this.#line(progress)}`
    const columns = (this.out.columns || 80) - 1
    const width = Math.min(40, columns - text.length - 2)
    if (width < 5) return text.trimStart().slice(0, columns)
    const full = Math.round(fraction * width)
    return `[${"█".repeat(full)}${"░".repeat(width - full)}]${text}`
  }
}
