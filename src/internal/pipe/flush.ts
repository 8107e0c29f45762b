/**
 * FlushFileBuffers on a pipe returns when the other end has read everything, which may be never, and it occupies a
 * thread of libuv's for all that time. So it runs one at a time, whatever others need threads for goes on, and what
 * stops it is DisconnectNamedPipe: Windows has nothing else.
 */
import * as Effect from "effect/Effect"
import type { Kernel } from "../../Kernel.js"
import type { ThreadpoolIo } from "../../ThreadpoolIo.js"
import type { Win32Error } from "../../Win32Error.js"
import { callIn } from "../call.js"
import { settle, type Ticket } from "../settle.js"

class Turn implements Ticket {
  delivered = false
  listener: (() => void) | undefined = undefined
  /** Its turn has come, and `leave` is owed. */
  entered = false

  deliver(entered: boolean): void {
    this.entered = entered
    this.delivered = true
    this.listener?.()
  }
}

/** One at a time, in order of arrival. */
class Lane {
  readonly #waiting = new Set<Turn>()
  #busy = false

  enter(): Turn {
    const turn = new Turn()
    if (this.#busy) this.#waiting.add(turn)
    else {
      this.#busy = true
      turn.deliver(true)
    }
    return turn
  }

  leave(): void {
    const [next] = this.#waiting
    this.#busy = next !== undefined
    if (next === undefined) return
    this.#waiting.delete(next)
    next.deliver(true)
  }

  withdraw(turn: Turn): void {
    if (this.#waiting.delete(turn)) turn.deliver(false)
  }
}

const lanes = new WeakMap<Kernel.Service, Lane>()

const laneOf = (kernel: Kernel.Service): Lane => {
  let lane = lanes.get(kernel)
  if (lane === undefined) lanes.set(kernel, lane = new Lane())
  return lane
}

/** Interrupting it while it runs disconnects the client. */
export const flush = (kernel: Kernel.Service, io: ThreadpoolIo): Effect.Effect<void, Win32Error> =>
  Effect.uninterruptibleMask((restore) => {
    const lane = laneOf(kernel)
    const turn = lane.enter()
    const { handle, object, path } = io
    const leave = Effect.sync(() => {
      lane.leave()
    })
    return settle(
      restore,
      turn,
      () =>
        Effect.ensuring(
          callIn(restore, kernel, "FlushFileBuffers", { handle }, {
            path,
            handle,
            object,
            stop: () => {
              kernel.engine.call("DisconnectNamedPipe", { handle }, { object })
            }
          }),
          leave
        ),
      () => lane.withdraw(turn),
      (cause) => Effect.zipRight(turn.entered ? leave : Effect.void, Effect.failCause(cause))
    )
  })
