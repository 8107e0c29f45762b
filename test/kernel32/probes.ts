/**
 * Prints what this system answers where it may differ: the versions, how completions come, and each capability.
 */
import koffi from "koffi"
import { release } from "node:os"
import { load } from "../../src/internal/kernel/win32.js"
import { bind } from "../../src/internal/kernel/win32/bindings.js"
import { Capabilities } from "../../src/internal/kernel/win32/capabilities.js"

const getters = Object.entries(Object.getOwnPropertyDescriptors(Capabilities.prototype))
  .flatMap(([name, { get }]) => get === undefined ? [] : [name])

const native = bind(koffi)
const capabilities = new Capabilities(native)
const answers = Object.fromEntries(
  [...Object.keys(capabilities), ...getters]
    .map((name) => [name, capabilities[name as keyof Capabilities]] as const)
    .filter(([, answer]) => typeof answer === "boolean")
)
const kernel = await load()
if ("reason" in kernel) throw new Error(`the kernel is not there: ${kernel.reason}`, { cause: kernel.cause })

const found = {
  system: `${process.platform} ${release()}, ${process.arch}`,
  wine: native.wineVersion ?? "none",
  node: process.version,
  koffi: koffi.version,
  completions: kernel.completions?.way,
  ...kernel.completions?.reason !== undefined && { notRelayBecause: kernel.completions.reason },
  ...answers
}
for (const [name, value] of Object.entries(found)) console.log(`${name.padEnd(20)} ${value}`)
