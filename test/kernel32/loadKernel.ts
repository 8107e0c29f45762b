/**
 * The kernel as the lane wants it, by its verbs: with completions that come in one way of the three.
 */
import type { CompletionWay } from "../../src/internal/kernel/Kernel.js"
import { load } from "../../src/internal/kernel/win32.js"

export const completions = (process.env.TPIO_COMPLETIONS ?? "relay") as CompletionWay

export const loadKernel = () => load({ completions })
