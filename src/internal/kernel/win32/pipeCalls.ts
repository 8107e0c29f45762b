/**
 * The functions of named pipes that take no OVERLAPPED.
 */
import {
  ERROR_ACCESS_DENIED,
  ERROR_GEN_FAILURE,
  ERROR_SUCCESS,
  FILE_FLAG_FIRST_PIPE_INSTANCE,
  FILE_FLAG_OVERLAPPED,
  GENERIC_READ,
  GENERIC_WRITE,
  OPEN_EXISTING,
  PIPE_ACCESS_DUPLEX,
  PIPE_READMODE_BYTE,
  PIPE_READMODE_MESSAGE,
  PIPE_REJECT_REMOTE_CLIENTS,
  PIPE_SERVER_END,
  PIPE_TYPE_MESSAGE,
  PIPE_UNLIMITED_INSTANCES,
  SECURITY_ANONYMOUS,
  SECURITY_SQOS_PRESENT
} from "../../constants.js"
import type { Calls, PipeInformation } from "../Kernel.js"
import type { Bindings } from "./bindings.js"
import type { Answer, Implementation, Scratch } from "./calls.js"
import { Security } from "./security.js"

type PipeCallName =
  | "CreateNamedPipeW"
  | "DisconnectNamedPipe"
  | "SetNamedPipeHandleState"
  | "PeekNamedPipe"
  | "GetNamedPipeInfo"

const INVALID_HANDLE_VALUE = -1

/** For those who wait in WaitNamedPipe without a time of their own. */
const DEFAULT_TIMEOUT = 0

/** What the functions write to, in the 64 bytes of a running call. */
const SCRATCH = { first: 0, second: 4, third: 8, fourth: 12 } as const

export const pipeCalls = (
  native: Bindings,
  answer: Answer
): { readonly [K in PipeCallName]: Implementation<K> } => {
  let security: Security | undefined

  /** What the function is called with, and what frees the access list afterwards; or a status. */
  const prepared = (arguments_: Calls["CreateNamedPipeW"][0], scratch: Scratch) => {
    security ??= new Security(native)
    const attributes = arguments_.security === undefined
      ? security.onlyUser()
      : security.fromSddl(arguments_.security, scratch)
    if (typeof attributes === "number") return attributes
    const { first, inBufferSize, maxInstances, messages, outBufferSize, path } = arguments_
    const parameters = [
      path,
      (PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0)) >>> 0,
      PIPE_REJECT_REMOTE_CLIENTS | (messages ? PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE : 0),
      maxInstances,
      outBufferSize,
      inBufferSize,
      DEFAULT_TIMEOUT,
      attributes.address
    ] as const
    return { parameters, free: attributes.free }
  }

  const create: Implementation<"CreateNamedPipeW"> = (arguments_, scratch, done) => {
    const call = prepared(arguments_, scratch)
    if (typeof call === "number") return queueMicrotask(() => done(call, undefined))
    native.CreateNamedPipeW.async(...call.parameters, (error, handle) => {
      const status = handle === INVALID_HANDLE_VALUE ? native.GetLastError() || ERROR_GEN_FAILURE : ERROR_SUCCESS
      call.free()
      if (error !== null) done(ERROR_GEN_FAILURE, undefined, error)
      else done(status, status === ERROR_SUCCESS ? handle : undefined)
    })
  }

  /**
   * An instance that holds the name and that nobody can connect to: its own client has come and gone. On the JavaScript thread,
   * because a client that comes between the two calls, which wait for nobody, is turned away; answers a negative status.
   */
  const createAnchor = (arguments_: Calls["CreateNamedPipeW"][0], scratch: Scratch): number => {
    const call = prepared(arguments_, scratch)
    if (typeof call === "number") return -call
    const handle = native.CreateNamedPipeW(...call.parameters)
    const status = handle === INVALID_HANDLE_VALUE ? native.GetLastError() || ERROR_GEN_FAILURE : ERROR_SUCCESS
    call.free()
    if (status !== ERROR_SUCCESS) return -status
    const instances = scratch.address + SCRATCH.second
    // Wine 8 ignores FILE_FLAG_FIRST_PIPE_INSTANCE: more instances than ours say that the name was taken.
    const known = native.GetNamedPipeHandleStateW(handle, 0, instances, 0, 0, 0, 0)
    if (known !== 0 && scratch.view.getUint32(SCRATCH.second, true) > 1) {
      native.CloseHandle(handle)
      return -ERROR_ACCESS_DENIED
    }
    const access = (GENERIC_READ | GENERIC_WRITE) >>> 0
    const flags = SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS
    const client = native.CreateFileW(arguments_.path, access, 0, 0, OPEN_EXISTING, flags, 0)
    if (client !== INVALID_HANDLE_VALUE) native.CloseHandle(client)
    // Somebody was faster, or the descriptor keeps us out ourselves.
    else native.DisconnectNamedPipe(handle)
    return handle
  }

  return {
    CreateNamedPipeW: (arguments_, scratch, done) => {
      if (!arguments_.first) return create(arguments_, scratch, done)
      const anchor = createAnchor(arguments_, scratch)
      queueMicrotask(() => anchor > 0 ? done(ERROR_SUCCESS, anchor) : done(-anchor, undefined))
    },

    DisconnectNamedPipe: ({ handle }, _, done) => native.DisconnectNamedPipe.async(handle, answer(done)),

    SetNamedPipeHandleState: ({ handle, messages }, { address, view }, done) => {
      view.setUint32(SCRATCH.first, messages ? PIPE_READMODE_MESSAGE : PIPE_READMODE_BYTE, true)
      native.SetNamedPipeHandleState.async(handle, address + SCRATCH.first, 0, 0, answer(done))
    },

    PeekNamedPipe: ({ handle }, { address, view }, done) => {
      const { first, second } = SCRATCH
      const peeked = answer((status, _, cause) =>
        done(
          status,
          status !== ERROR_SUCCESS ? undefined : {
            bytesAvailable: view.getUint32(first, true),
            bytesLeftInMessage: view.getUint32(second, true)
          },
          cause
        )
      )
      native.PeekNamedPipe.async(handle, 0, 0, 0, address + first, address + second, peeked)
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
