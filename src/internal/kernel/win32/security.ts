/**
 * The users who may open our objects: a `SECURITY_ATTRIBUTES` from a security descriptor as SDDL. By default the
 * current user owns the object and nobody else is let in.
 */
import { ERROR_GEN_FAILURE, SDDL_REVISION_1, SECURITY_ATTRIBUTES, TOKEN_QUERY, TokenUser } from "../../constants.js"
import type { Bindings } from "./bindings.js"
import { reserve } from "./memory.js"

/** One page of our own: what the quick calls answer, and for good the attributes that are used by default. */
const PAGE = { size: 4096, answer: 0, length: 8, attributes: 16, user: 64, userLength: 1024 } as const

const SID = { SubAuthorityCount: 1, IdentifierAuthority: 2, SubAuthority: 8 } as const

/** The address of a `SECURITY_ATTRIBUTES`, and of the descriptor in it, good until `free`; or a status. */
export type Attributes =
  | { readonly address: number; readonly descriptor: number; readonly free: () => void }
  | number

/** An access list that holds nobody but the user, protected from what would be inherited; FA is `FILE_ALL_ACCESS`. */
export const onlyUser = (sid: string): string => `O:${sid}D:P(A;;FA;;;${sid})`

export class Security {
  readonly #native: Bindings
  readonly #address: number
  readonly #view: DataView
  #default: Attributes | undefined

  constructor(native: Bindings) {
    const { address, bytes } = reserve(native, PAGE.size)
    this.#native = native
    this.#address = address
    this.#view = new DataView(bytes.buffer)
  }

  /** The attributes of an object that only the current user may open. */
  onlyUser(): Attributes {
    if (this.#default !== undefined) return this.#default
    const sid = this.#userSid()
    if (typeof sid === "number") return sid
    const descriptor = this.#descriptor(onlyUser(sid))
    if (descriptor <= 0) return -descriptor
    writeAttributes(this.#view, PAGE.attributes, descriptor)
    return this.#default = { address: this.#address + PAGE.attributes, descriptor, free: () => {} }
  }

  /** The attributes that the SDDL says, in memory of the caller's of `SECURITY_ATTRIBUTES.size` bytes. */
  fromSddl(sddl: string, into: { readonly address: number; readonly view: DataView }): Attributes {
    const descriptor = this.#descriptor(sddl)
    if (descriptor <= 0) return -descriptor
    writeAttributes(into.view, 0, descriptor)
    return { address: into.address, descriptor, free: () => void this.#native.LocalFree(descriptor) }
  }

  /** The address of the security descriptor, or minus the last error. */
  #descriptor(sddl: string): number {
    const { ConvertStringSecurityDescriptorToSecurityDescriptorW, GetLastError } = this.#native
    const answer = this.#address + PAGE.answer
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, SDDL_REVISION_1, answer, 0) !== 0
      ? Number(this.#view.getBigUint64(PAGE.answer, true))
      : -(GetLastError() || ERROR_GEN_FAILURE)
  }

  /** The SID of the user whose process this is, as text; or the last error. */
  #userSid(): string | number {
    const { CloseHandle, GetCurrentProcess, GetLastError, GetTokenInformation, OpenProcessToken } = this.#native
    const failure = () => GetLastError() || ERROR_GEN_FAILURE
    if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, this.#address + PAGE.answer) === 0) return failure()
    const token = Number(this.#view.getBigInt64(PAGE.answer, true))
    const [user, length] = [this.#address + PAGE.user, this.#address + PAGE.length]
    const found = GetTokenInformation(token, TokenUser, user, PAGE.userLength, length) !== 0
    const status = found ? 0 : failure()
    CloseHandle(token)
    // TOKEN_USER begins with the address of the SID, which lies behind it.
    return found ? sidText(this.#view, Number(this.#view.getBigUint64(PAGE.user, true)) - this.#address) : status
  }
}

const writeAttributes = (view: DataView, start: number, descriptor: number): void => {
  const at = SECURITY_ATTRIBUTES
  view.setUint32(start + at.nLength, at.size, true)
  view.setBigUint64(start + at.lpSecurityDescriptor, BigInt(descriptor), true)
  view.setUint32(start + at.bInheritHandle, 0, true)
}

const sidText = (view: DataView, start: number): string => {
  // Six bytes, the highest first; the parts after it as all numbers here.
  const authority = view.getUint16(start + SID.IdentifierAuthority) * 2 ** 32 +
    view.getUint32(start + SID.IdentifierAuthority + 2)
  const parts = Array.from(
    { length: view.getUint8(start + SID.SubAuthorityCount) },
    (_, index) => view.getUint32(start + SID.SubAuthority + index * 4, true)
  )
  return ["S", view.getUint8(start), authority, ...parts].join("-")
}
