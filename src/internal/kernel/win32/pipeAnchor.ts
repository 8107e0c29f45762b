/**
 * The instance that holds a pipe's name and serves nobody. Windows makes one that no client can connect to. Elsewhere,
 * as on Wine, it is an ordinary one whose own client has come and gone; a client that was faster has an instance of its
 * own then, and is served.
 */
import * as C from "../../constants.js"
import type { Calls } from "../Calls.js"
import type { Bindings } from "./bindings.js"
import { reserve } from "./memory.js"
import type { Security } from "./security.js"

type Creation = Calls["CreateNamedPipeW"][0]

const INVALID_HANDLE_VALUE = -1

/** For clients that wait in WaitNamedPipe without a time of their own: the system's own default, 50 ms. */
export const DEFAULT_TIMEOUT = 0
const DEFAULT_TIMEOUT_100NS = -500_000n

/** Clients that may be faster than the own one, one after the other. */
const MOST_EARLY = 16

/** One page of our own. NtCreateNamedPipeFile looks at it before it returns, on the JavaScript thread. */
const PAGE = { size: 4096, attributes: 0, name: 64, status: 96, handle: 112, timeout: 120, instances: 128, text: 256 }

const STATUS_SUCCESS = 0

/** Answer the handle, or minus the last error. */
export class PipeAnchors {
  readonly #native: Bindings
  readonly #address: number
  readonly #view: DataView

  constructor(native: Bindings) {
    const { address, bytes } = reserve(native, PAGE.size)
    this.#native = native
    this.#address = address
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, PAGE.size)
  }

  /**
   * By an instance that is asked for without the right to read or to write: on Windows it begins disconnected, and
   * stays so. With FILE_CREATE it fails where there is a pipe of this name.
   */
  unconnected({ inBufferSize, maxInstances, messages, outBufferSize, path }: Creation, descriptor: number): number {
    const native = this.#native
    this.#writeAttributes(`\\??\\${path.slice("\\\\.\\".length)}`, descriptor)
    this.#view.setBigInt64(PAGE.timeout, DEFAULT_TIMEOUT_100NS, true)
    const status = native.NtCreateNamedPipeFile(
      this.#address + PAGE.handle,
      C.SYNCHRONIZE,
      this.#address + PAGE.attributes,
      this.#address + PAGE.status,
      C.FILE_SHARE_READ | C.FILE_SHARE_WRITE,
      C.FILE_CREATE,
      0,
      C.FILE_PIPE_REJECT_REMOTE_CLIENTS | (messages ? C.FILE_PIPE_MESSAGE_TYPE : 0),
      messages ? C.FILE_PIPE_MESSAGE_MODE : 0,
      0,
      maxInstances >= C.PIPE_UNLIMITED_INSTANCES ? C.MAXDWORD : maxInstances,
      inBufferSize,
      outBufferSize,
      this.#address + PAGE.timeout
    )
    return status === STATUS_SUCCESS
      ? Number(this.#view.getBigInt64(PAGE.handle, true))
      : -(native.RtlNtStatusToDosError(status) || C.ERROR_GEN_FAILURE)
  }

  /** `undefined` where there is no answer: then no such pipe can be made at all, by nobody. */
  holdsUnconnected(): boolean | undefined {
    const native = this.#native
    const path = `\\\\.\\pipe\\effect-threadpool-io-${process.pid}-${Math.random().toString(36).slice(2)}`
    const creation = { path, first: true, messages: false, maxInstances: 1, security: undefined }
    const anchor = this.unconnected({ ...creation, inBufferSize: 0, outBufferSize: 0 }, 0)
    if (anchor < 0) return undefined
    const client = this.#connect(path)
    native.CloseHandle(anchor)
    if (client === INVALID_HANDLE_VALUE) return true
    native.CloseHandle(client)
    return false
  }

  /** On the JavaScript thread, so that little time passes between the calls, which wait for nobody. */
  connected(creation: Creation, attributes: number): number {
    const native = this.#native
    const first = createInstance(native, creation, attributes)
    if (first < 0) return first
    // Wine 8 ignores FILE_FLAG_FIRST_PIPE_INSTANCE: more instances than ours say that the name was taken.
    const known = native.GetNamedPipeHandleStateW(first, 0, this.#address + PAGE.instances, 0, 0, 0, 0)
    if (known !== 0 && this.#view.getUint32(PAGE.instances, true) > 1) {
      native.CloseHandle(first)
      return -C.ERROR_ACCESS_DENIED
    }
    const early: Array<number> = []
    let anchor = first
    while (!this.#takesOwnClient(creation.path)) {
      const next = early.length < MOST_EARLY ? createInstance(native, { ...creation, first: false }, 0) : -1
      if (next < 0) {
        // There is no room for another one: who came last finds a pipe that has been closed.
        native.DisconnectNamedPipe(anchor)
        break
      }
      early.push(anchor)
      anchor = next
    }
    for (const handle of early) creation.early?.(handle)
    return anchor
  }

  /** `false`: the client of somebody else has come first. */
  #takesOwnClient(path: string): boolean {
    const client = this.#connect(path)
    if (client === INVALID_HANDLE_VALUE) return false
    this.#native.CloseHandle(client)
    return true
  }

  #connect(path: string): number {
    const access = (C.GENERIC_READ | C.GENERIC_WRITE) >>> 0
    return this.#native.CreateFileW(
      path,
      access,
      0,
      0,
      C.OPEN_EXISTING,
      C.SECURITY_SQOS_PRESENT | C.SECURITY_ANONYMOUS,
      0
    )
  }

  #writeAttributes(name: string, descriptor: number): void {
    const view = this.#view
    const at = C.OBJECT_ATTRIBUTES
    for (let index = 0; index < name.length; index++) {
      view.setUint16(PAGE.text + index * 2, name.charCodeAt(index), true)
    }
    view.setUint16(PAGE.name + C.UNICODE_STRING.Length, name.length * 2, true)
    view.setUint16(PAGE.name + C.UNICODE_STRING.MaximumLength, name.length * 2, true)
    view.setBigUint64(PAGE.name + C.UNICODE_STRING.Buffer, BigInt(this.#address + PAGE.text), true)
    view.setUint32(PAGE.attributes + at.Length, at.size, true)
    view.setBigUint64(PAGE.attributes + at.RootDirectory, 0n, true)
    view.setBigUint64(PAGE.attributes + at.ObjectName, BigInt(this.#address + PAGE.name), true)
    view.setUint32(PAGE.attributes + at.Attributes, C.OBJ_CASE_INSENSITIVE, true)
    view.setBigUint64(PAGE.attributes + at.SecurityDescriptor, BigInt(descriptor), true)
    view.setBigUint64(PAGE.attributes + at.SecurityQualityOfService, 0n, true)
  }
}

/** The arguments of CreateNamedPipeW. */
export const parametersOf = (creation: Creation, attributes: number) => {
  const { first, inBufferSize, maxInstances, messages, outBufferSize, path } = creation
  return [
    path,
    (C.PIPE_ACCESS_DUPLEX | C.FILE_FLAG_OVERLAPPED | (first ? C.FILE_FLAG_FIRST_PIPE_INSTANCE : 0)) >>> 0,
    C.PIPE_REJECT_REMOTE_CLIENTS | (messages ? C.PIPE_TYPE_MESSAGE | C.PIPE_READMODE_MESSAGE : 0),
    maxInstances,
    outBufferSize,
    inBufferSize,
    DEFAULT_TIMEOUT,
    attributes
  ] as const
}

const createInstance = (native: Bindings, creation: Creation, attributes: number): number => {
  const handle = native.CreateNamedPipeW(...parametersOf(creation, attributes))
  return handle === INVALID_HANDLE_VALUE ? -(native.GetLastError() || C.ERROR_GEN_FAILURE) : handle
}

/** The anchor of a name, whose `security` is that of all its instances: those that follow have none of their own. */
export const createAnchor = (
  anchors: PipeAnchors,
  holdsUnconnected: boolean,
  security: Security,
  creation: Creation,
  scratch: { readonly address: number; readonly view: DataView }
): number => {
  const attributes = creation.security === undefined
    ? security.onlyUser()
    : security.fromSddl(creation.security, scratch)
  if (typeof attributes === "number") return -attributes
  const anchor = holdsUnconnected
    ? anchors.unconnected(creation, attributes.descriptor)
    : anchors.connected(creation, attributes.address)
  attributes.free()
  return anchor
}
