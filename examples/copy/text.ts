// Numbers, sizes and names as people read them.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]

/** `17 bytes`, `1.5 KiB`, `182 MiB`. */
export const size = (bytes: number): string => {
  let unit = 0
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024
    unit++
  }
  const digits = unit === 0 || bytes >= 100 ? 0 : bytes >= 10 ? 1 : 2
  return `${bytes.toFixed(digits)} ${unit === 0 && bytes === 1 ? "byte" : UNITS[unit]}`
}

/** `12,401`. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",")

/** `12,401 files`, `1 file`, `2 directories`. */
export const count = (n: number, one: string, many = `${one}s`): string => `${grouped(n)} ${n === 1 ? one : many}`

/** `0.42 s`, `12.3 s`, `4 min 5 s`, `2 h 7 min`. */
export const duration = (seconds: number): string => {
  if (seconds < 10) return `${seconds.toFixed(2)} s`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

export { quoted, withoutPeriod } from "../../src/internal/pipeline/text.js"
