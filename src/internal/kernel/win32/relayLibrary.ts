/**
 * The native library of the relay: where it is, and what it needs of its host. native/relay.c is its source.
 */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Bindings } from "./bindings.js"

/** Both sides count on one layout: raised with `VERSION` in relay.c. */
const VERSION = 1

export interface RelayLibrary {
  readonly path: string
  readonly completed: number
  readonly completedBound: number
  readonly open: (relay: number, environment: unknown) => number
  readonly stop: (relay: number) => void
}

/** Where the repository has the libraries, and where the package has its copies. */
const FOLDERS = ["src/internal/kernel/win32/native", "dist/native"] as const

/**
 * In this module's own package, found by its name as `koffi` is: a bundle finds it as long as the package is installed
 * where it runs. Throws where it is not.
 */
export const packagedLibrary = (): string => {
  const manifest = createRequire(import.meta.url).resolve("effect-threadpool-io/package.json")
  const [inRepository, inPackage] = FOLDERS.map((folder) => join(dirname(manifest), folder))
  return join(existsSync(inRepository!) ? inRepository! : inPackage!, `relay-${process.arch}.dll`)
}

/** Throws when it is not there, cannot be loaded, or is that of another version. It is never unloaded. */
export const loadRelay = (native: Bindings, path: string): RelayLibrary => {
  const library = native.load(path)
  const version = library.function("relay_version", "uint32_t", [])()
  if (version !== VERSION) throw new Error(`${path} is of version ${version}, and ${VERSION} is needed`)
  const completed = library.address("relay_completed")
  native.pin(completed)
  return {
    path,
    completed,
    completedBound: library.address("relay_completed_bound"),
    open: library.function("relay_open", "int32_t", ["uintptr_t", "uintptr_t"]) as unknown as RelayLibrary["open"],
    stop: library.function("relay_stop", "void", ["uintptr_t"])
  }
}

const THREADSAFE_FUNCTION = [
  "napi_create_string_utf8",
  "napi_create_threadsafe_function",
  "napi_unref_threadsafe_function",
  "napi_call_threadsafe_function"
] as const
const HOOK = "napi_add_env_cleanup_hook"

/** Addresses of Node-API in the host, for `struct relay`; 0 is missing. */
export type NodeApi = { readonly [K in typeof THREADSAFE_FUNCTION[number] | typeof HOOK]: number }

export const nodeApi = (native: Bindings): NodeApi =>
  Object.fromEntries([...THREADSAFE_FUNCTION, HOOK].map((name) => [name, native.hostAddress(name)])) as NodeApi

/** The functions that the relay needs and the host lacks. */
export const missing = (api: NodeApi): ReadonlyArray<string> =>
  ([...THREADSAFE_FUNCTION, HOOK] as const).filter((name) => api[name] === 0)
