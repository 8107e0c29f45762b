/**
 * Where Wine answers otherwise than Windows, and the library must know: measured on Wine 8.0. `wine_get_version` in ntdll.dll
 * is how Wine says what it is.
 */
import { FILE_DEVICE_FILE_SYSTEM } from "../../constants.js"
import type { Issue } from "../Kernel.js"

/**
 * Whether TRUE of this function brings no packet even where skip mode is off. Wine does `LockFileEx`, and the codes of file
 * systems, without its server, which is what sends packets; those of pipes go there.
 */
export const isSilent = ({ kind, parameters }: Issue): boolean =>
  kind === "lock" || (kind === "ioctl" && (parameters as number) >>> 16 === FILE_DEVICE_FILE_SYSTEM)
