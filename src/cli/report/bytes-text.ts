/** Numbers of bytes for people. */

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `bytes` with a unit that leaves at most four digits. */
export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}
