/**
 * The end of one TP_IO, once nothing of it is in flight: rules 17 to 20, in their order. The teardown waits for calls
 * that work on the handle; after `drainTimeout` whoever waits is told that the object is retained, and the teardown
 * goes on behind his back.
 */
import { ERROR_SUCCESS } from "../constants.js"
import type { CloseReport, ThreadpoolIoObject } from "./ThreadpoolIoObject.js"

export class Teardown {
  #calls = 0
  #whenNoCalls: (() => void) | undefined = undefined
  #waiting: Array<(report: CloseReport) => void> | undefined = undefined
  #report: CloseReport | undefined = undefined
  /** Its cleanup group closes the object itself. */
  #byGroup = false

  constructor(private readonly object: ThreadpoolIoObject) {}

  /** A call works on the handle: it is not closed meanwhile. */
  callBegan(): void {
    this.#calls++
  }

  callEnded(): void {
    if (--this.#calls === 0) this.#whenNoCalls?.()
  }

  /** Whether this is the first to ask. Calls everybody back once, however often it is asked. */
  asked(done: (report: CloseReport) => void, byGroup: boolean): boolean {
    if (this.#report !== undefined) done(this.#report)
    else if (this.#waiting !== undefined) this.#waiting.push(done)
    else {
      this.#waiting = [done]
      this.#byGroup = byGroup
      return true
    }
    return false
  }

  /** Nothing is in flight any more. */
  begin(quarantined: ReadonlyArray<string>): void {
    const { engine, options: { drainTimeoutMs } } = this.object
    const report = (retained: string | undefined, closeStatus = ERROR_SUCCESS, defect: unknown = undefined) => {
      stopTimer?.()
      engine.objects.delete(this.object)
      if (this.#report !== undefined) this.object.count("retained", retained === undefined ? -1 : 0)
      else {
        this.object.count("retained", retained === undefined ? 0 : 1)
        this.#report = { quarantined, retained, closeStatus, defect }
        for (const one of this.#waiting!.splice(0)) one(this.#report)
      }
      engine.onActivity?.()
    }
    const stopTimer = drainTimeoutMs === Infinity ? undefined : engine.host.setTimer(
      drainTimeoutMs,
      () => report("WaitForThreadpoolIoCallbacks or CloseHandle has not returned yet")
    )
    const guarded = (step: () => void) => () => {
      try {
        step()
      } catch (defect) {
        report("the teardown failed", ERROR_SUCCESS, defect)
      }
    }
    if (quarantined.length > 0) report("an operation did not settle")
    else if (this.#calls > 0) this.#whenNoCalls = guarded(() => this.#closeAll(guarded, report))
    else guarded(() => this.#closeAll(guarded, report))()
  }

  #closeAll(
    guarded: (step: () => void) => () => void,
    report: (retained: string | undefined, closeStatus?: number) => void
  ): void {
    const { binding, engine, environment, handle, options: { owned }, threadpoolIo } = this.object
    const { kernel } = engine
    if (!owned && !kernel.unbind(handle)) {
      engine.retain(handle, threadpoolIo, environment)
      return report("the handle is borrowed and this system cannot unbind it")
    }
    const closeHandle = guarded(() => {
      if (!owned) {
        this.#closeObject()
        return report(undefined)
      }
      kernel.call("CloseHandle", { handle }, (status) =>
        guarded(() => {
          this.#closeObject()
          report(undefined, status)
        })())
    })
    binding.wait(kernel, threadpoolIo, closeHandle)
  }

  /** Drained, and left for the group to close. */
  get awaitsGroup(): boolean {
    return this.#byGroup && this.#report?.retained === undefined
  }

  /** A group that was told of an object which is not closed yet does not wait for it. */
  #closeObject(): void {
    if (!this.#byGroup || this.#report !== undefined) this.object.closedByItself()
  }
}
