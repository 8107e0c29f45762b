/**
 * The functions of named pipes that take no OVERLAPPED.
 */
import {
  ERROR_GEN_FAILURE,
  ERROR_SUCCESS,
  PIPE_READMODE_BYTE,
  PIPE_READMODE_MESSAGE,
  PIPE_SERVER_END,
  PIPE_TYPE_MESSAGE,
  PIPE_UNLIMITED_INSTANCES
} from "../../constants.js"
import type { PipeInformation } from "../Calls.js"
import type { Bindings } from "./bindings.js"
import type { Capabilities } from "./capabilities.js"
import type { Answer, Implementation } from "./implementation.js"
import { createAnchor, parametersOf } from "./pipeAnchor.js"
import { Security } from "./security.js"

type PipeCallName =
  | "CreateNamedPipeW"
  | "DisconnectNamedPipe"
  | "SetNamedPipeHandleState"
  | "GetNamedPipeInfo"

const INVALID_HANDLE_VALUE = -1

/** The places that the functions write to, in the 64 bytes of a running call. */
const SCRATCH = { first: 0, second: 4, third: 8, fourth: 12 } as const

export const pipeCalls = (
  native: Bindings,
  capabilities: Capabilities,
  answer: Answer
): { readonly [K in PipeCallName]: Implementation<K> } => {
  let security: Security | undefined

  return {
    // Its security is the first one's, and whoever makes another must have the right to (FILE_CREATE_PIPE_INSTANCE).
    CreateNamedPipeW: (arguments_, scratch, done) => {
      if (arguments_.first) {
        security ??= new Security(native)
        const { anchors, holdsUnconnected } = capabilities
        const anchor = createAnchor(anchors, holdsUnconnected, security, arguments_, scratch)
        return queueMicrotask(() => anchor > 0 ? done(ERROR_SUCCESS, anchor) : done(-anchor, undefined))
      }
      native.CreateNamedPipeW.async(...parametersOf(arguments_, 0), (error, handle) => {
        const status = handle === INVALID_HANDLE_VALUE ? native.GetLastError() || ERROR_GEN_FAILURE : ERROR_SUCCESS
        if (error !== null) done(ERROR_GEN_FAILURE, undefined, error)
        else done(status, status === ERROR_SUCCESS ? handle : undefined)
      })
    },

    DisconnectNamedPipe: ({ handle }, _, done) => native.DisconnectNamedPipe.async(handle, answer(done)),

    SetNamedPipeHandleState: ({ handle, messages }, { address, view }, done) => {
      view.setUint32(SCRATCH.first, messages ? PIPE_READMODE_MESSAGE : PIPE_READMODE_BYTE, true)
      native.SetNamedPipeHandleState.async(handle, address + SCRATCH.first, 0, 0, answer(done))
    },

    GetNamedPipeInfo: ({ handle }, { address, view }, done) => {
      const { first, fourth, second, third } = SCRATCH
      const at = (word: number): number => view.getUint32(word, true)
      /** The next question, or the end. koffi throws when too many calls of everybody's run in the process. */
      const then = (next: () => void) =>
        answer((status, _, cause) => {
          if (status !== ERROR_SUCCESS) return done(status, undefined, cause)
          try {
            next()
          } catch (thrown) {
            done(ERROR_GEN_FAILURE, undefined, thrown)
          }
        })
      const state = (known: Omit<PipeInformation, "readsMessages" | "instances" | "peerProcessId">): void => {
        const ask = known.side === "server" ? native.GetNamedPipeClientProcessId : native.GetNamedPipeServerProcessId
        const peer = then(() => {
          const readsMessages = (at(first) & PIPE_READMODE_MESSAGE) !== 0
          const instances = at(second)
          ask.async(handle, address + third, (error, told) =>
            done(ERROR_SUCCESS, {
              ...known,
              readsMessages,
              instances,
              peerProcessId: error === null && told !== 0 ? at(third) : undefined
            }))
        })
        native.GetNamedPipeHandleStateW.async(handle, address + first, address + second, 0, 0, 0, 0, peer)
      }
      const info = then(() =>
        state({
          side: (at(first) & PIPE_SERVER_END) !== 0 ? "server" : "client",
          messages: (at(first) & PIPE_TYPE_MESSAGE) !== 0,
          outBufferSize: at(second),
          inBufferSize: at(third),
          // Wine tells MAXDWORD for no limit.
          maxInstances: Math.min(at(fourth), PIPE_UNLIMITED_INSTANCES)
        })
      )
      native.GetNamedPipeInfo.async(
        handle,
        address + first,
        address + second,
        address + third,
        address + fourth,
        info
      )
    }
  }
}
