/**
 * Pools of threads: `make` and `close` without a scope.
 */
import * as Effect from "effect/Effect"
import { pipeArguments } from "effect/Pipeable"
import type { Kernel } from "../Kernel.js"
import type * as Threadpool from "../Threadpool.js"
import * as Win32Error from "../Win32Error.js"
import { aNumber, anything, InvalidArgument, optionsOf, refusal } from "./arguments.js"
import { ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY } from "./constants.js"
import { ThreadpoolObject } from "./engine/Environment.js"
import { maxThreads as mostThreads, waitingCallbacks } from "./kernel/budget.js"
import { shown } from "./values.js"

export const TypeId: Threadpool.TypeId = Symbol.for("effect-threadpool-io/Threadpool") as Threadpool.TypeId

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

const readOptions = optionsOf<Threadpool.Options>({ minThreads: aNumber, maxThreads: aNumber, stack: anything })
const lookAtStack = optionsOf<Threadpool.StackInformation>({ reserve: aNumber, commit: aNumber })

/** The caller closes it. */
export const acquire = (
  kernel: Kernel.Service,
  given: Threadpool.Options
): Threadpool.Threadpool | Win32Error.Win32Error => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return refusal("CreateThreadpool", options)
  const stack = options.stack === undefined ? undefined : lookAtStack(options.stack)
  if (stack instanceof InvalidArgument) return refusal("SetThreadpoolStackInformation", stack)
  const { maxThreads = 4, minThreads = 0 } = options
  const { engine } = kernel
  const most = mostThreads(engine.kernel.pools.callbacksLimit)
  const problem = threadsProblem(minThreads, maxThreads, most) ?? (stack && stackProblem(stack))
  if (problem !== undefined) return problem
  const pool = engine.kernel.pools.createThreadpool({ minimum: minThreads, maximum: maxThreads, stack })
  if (pool <= 0) {
    return Win32Error.make({
      code: -pool,
      syscall: "CreateThreadpool",
      text: engine.kernel.message(-pool),
      detail: -pool === ERROR_NOT_ENOUGH_MEMORY ? waitingCallbacks(engine.kernel.pools.callbacksLeft) : undefined
    })
  }
  return Object.assign(Object.create(Proto), { minThreads, maxThreads, object: new ThreadpoolObject(engine, pool) })
}

export const close = (threadpool: Threadpool.Threadpool): Effect.Effect<void> =>
  Effect.sync(() => threadpool.object.close())

const refused = (syscall: string, detail: string): Win32Error.Win32Error =>
  Win32Error.make({ code: ERROR_INVALID_PARAMETER, syscall, detail })

const threadsProblem = (minimum: number, maximum: number, most: number): Win32Error.Win32Error | undefined => {
  if (!Number.isInteger(maximum) || maximum < 1 || maximum > most) {
    return refused("SetThreadpoolThreadMaximum", `maxThreads must be an integer from 1 to ${most}, not ${maximum}.`)
  }
  return Number.isInteger(minimum) && minimum >= 0 && minimum <= maximum ? undefined : refused(
    "SetThreadpoolThreadMinimum",
    `minThreads must be an integer from 0 to maxThreads, which is ${maximum}, not ${minimum}.`
  )
}

const stackProblem = ({ commit, reserve }: Threadpool.StackInformation): Win32Error.Win32Error | undefined =>
  Number.isSafeInteger(reserve) && Number.isSafeInteger(commit) && commit >= 0 && commit <= reserve ?
    undefined :
    refused(
      "SetThreadpoolStackInformation",
      `A stack is bytes to reserve, and of them bytes to commit, not ${shown(reserve)} and ${shown(commit)}.`
    )
