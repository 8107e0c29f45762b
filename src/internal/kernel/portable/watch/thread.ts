/**
 * The thread that watches the directories of the portable kernel. A thread of its own has an event loop of its own, and
 * with it a queue of inotify that no other watcher of the process can fill; and it looks at files with calls that
 * block, which takes a fraction of what it takes to ask libuv's threads for each.
 *
 * The function is started from its own text, so that a bundle needs no second file: it uses nothing but its arguments.
 */
import type * as NodeFs from "node:fs"
import type * as NodePath from "node:path"
import type { watchEntries } from "./entries.js"
import type { watchOutbox } from "./outbox.js"
import type { Loop, Order, Settings, Shared } from "./protocol.js"
import type { watchTree } from "./tree.js"

/** Functions of other files that the thread runs. */
export interface Parts {
  readonly watchEntries: typeof watchEntries
  readonly watchOutbox: typeof watchOutbox
  readonly watchTree: typeof watchTree
}

/* v8 ignore start: it runs in a thread of its own */
export function watchThread(
  fs: typeof NodeFs,
  path: typeof NodePath,
  settings: Settings,
  loop: Loop,
  { watchEntries, watchOutbox, watchTree }: Parts
): (order: Order) => void {
  /** How long one directory is looked at before everybody is heard again. */
  const SLICE_MILLIS = 5
  const ROOT_MILLIS = 1000

  const retired: Array<{ readonly close: () => void }> = []
  /** Directories whose end has not been told yet. */
  const endings: Array<number> = []
  let heard = 0
  let awaited = false
  let settled = false
  let checking = false

  const soon = (): void => {
    if (awaited) return
    awaited = true
    loop.turn(turn)
  }

  const shared: Shared = {
    /** The queue may have been full when as many events as it holds were heard between two turns. */
    hear: () => {
      if (++heard === settings.queue) { for (const tree of trees.values()) tree.lost() }
      soon()
    },
    soon,
    retire: (watcher) => {
      retired.push(watcher)
      soon()
    }
  }
  const entries = watchEntries(fs, path, settings)
  const Tree = watchTree(fs, path, settings, loop, shared, entries, watchOutbox(loop))
  const trees = new Map<number, InstanceType<typeof Tree>>()

  const turn = (): void => {
    awaited = false
    heard = 0
    for (const watcher of retired.splice(0)) watcher.close()
    for (const id of endings.splice(0)) loop.tell({ kind: "ended", id })
    let busy = false
    for (const tree of trees.values()) {
      if (settled) tree.work(loop.now() + SLICE_MILLIS)
      if (!tree.ended) tree.outbox.flush()
      if (tree.busy) busy = true
    }
    // Work begins one turn later: the halves of a rename are heard together.
    settled = busy
    if (busy) soon()
  }

  const checkRoots = (): void => {
    checking = trees.size > 0
    if (!checking) return
    for (const tree of trees.values()) if (!tree.ended) tree.checkRoot()
    soon()
    loop.timer(ROOT_MILLIS, checkRoots)
  }

  const begin = ({ id, parameters, path }: Extract<Order, { readonly kind: "watch" }>): void => {
    try {
      const tree = new Tree(id, fs.realpathSync(path), parameters)
      tree.begin()
      trees.set(id, tree)
      if (!checking) checkRoots()
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException
      loop.tell({ kind: "failed", id, problem: { code, message } })
    }
  }

  return (order) => {
    if (order.kind === "watch") begin(order)
    else if (order.kind === "taken") trees.get(order.id)?.outbox.taken(order.room)
    else {
      trees.get(order.id)?.end()
      trees.delete(order.id)
      endings.push(order.id)
    }
    soon()
  }
}
/* v8 ignore stop */
