/**
 * A `TP_CLEANUP_GROUP` as a Scope: closes all objects of its environments together.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Pipeable from "effect/Pipeable"
import * as Scope from "effect/Scope"
import { throwNotA } from "./internal/arguments.js"
import * as internal from "./internal/cleanupGroup.js"
import type { CleanupGroupObject } from "./internal/engine/Environment.js"
import { hasTypeId, isA } from "./internal/values.js"
import { Kernel } from "./Kernel.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A cleanup group. Its members are the objects that were made in an environment that names it, and have not closed.
 *
 * @since 0.1.0
 * @category models
 */
export interface CleanupGroup extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  /** @internal */
  readonly object: CleanupGroupObject
  /** @internal */
  readonly drainTimeout: Duration.Duration
}

/**
 * Whether a value is a `CleanupGroup`.
 *
 * @example
 * ```ts
 * import { CleanupGroup } from "effect-threadpool-io"
 *
 * console.log(CleanupGroup.isCleanupGroup({})) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isCleanupGroup = (u: unknown): u is CleanupGroup => hasTypeId(u, TypeId)

/**
 * `CreateThreadpoolCleanupGroup`. A `CallbackEnvironment` makes objects its members.
 *
 * When the scope closes: no new members; every member is drained here, in JavaScript (refused, cancelled, awaited, each
 * up to its `drainTimeout`), its handle closed or unbound; then `CloseThreadpoolCleanupGroupMembers` closes all of them
 * at once, and `CloseThreadpoolCleanupGroup` the group. The scope of a member that closes afterwards finds nothing left
 * to do; one that closes before takes its object out of the group.
 *
 * A member with a quarantined operation, or on a borrowed handle that the system cannot unbind, must not be closed: the
 * others are then closed one by one, and the group is kept, with a warning.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CallbackEnvironment, CleanupGroup, File, Kernel } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const cleanupGroup = yield* CleanupGroup.make
 *   const environment = yield* CallbackEnvironment.make({ cleanupGroup })
 *   const file = yield* File.open("notes.txt").pipe(CallbackEnvironment.provide(environment))
 *   return [yield* File.size(file), yield* CleanupGroup.members(cleanupGroup)]
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<CleanupGroup, Win32Error.Win32Error, Kernel | Scope.Scope> = Effect.flatMap(
  Kernel,
  (kernel) =>
    Effect.flatMap(Scope.Scope, (scope) =>
      Effect.uninterruptible(Effect.suspend(() => {
        const group = internal.acquire(kernel)
        return group instanceof Win32Error.Win32Error
          ? Effect.fail(group)
          : Effect.as(Scope.addFinalizer(scope, internal.close(group)), group)
      })))
)

/**
 * How many members it has now.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CleanupGroup } from "effect-threadpool-io"
 *
 * const isEmpty = (group: CleanupGroup.CleanupGroup) =>
 *   Effect.map(CleanupGroup.members(group), (members) => members === 0)
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const members = (self: CleanupGroup): Effect.Effect<number> =>
  Effect.sync(() =>
    isA(self, TypeId, "object") ? self.object.members.size : throwNotA("CleanupGroup", "CleanupGroup.members", self)
  )
