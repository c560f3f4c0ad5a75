// Order keys: text between any two texts. The same as `crdt-core/src/dashboard/order.rs`, letter by letter; its file tells why
// keys are made as they are, and `crdt-core/vectors/order.json` holds both to it.

import { ORDER_KEY_BYTES_MAX } from '../generated/constants'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = DIGITS.length

const LEVEL_LETTERS_MAX = 5

/** The key of a widget that stands alone, and of one that has none. */
export const MIDDLE = 'V'

/** Whether `text` is a key: letters and digits, the last not `0`. */
export function isOrderKey(text: string): boolean {
  return text.length <= ORDER_KEY_BYTES_MAX && /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(text)
}

/**
 * A key after `lower` and before `upper`; an end that is undefined is open. Nothing when `lower` does not come before `upper`,
 * or when a key there would grow too long.
 */
export function between(lower: string | undefined, upper: string | undefined): string | undefined {
  if (lower !== undefined && upper !== undefined && lower >= upper) return undefined
  const choose = choice(lower, upper)
  let key = ''
  let ceiling = upper
  for (let level = 0; ; level++) {
    const letters = Math.min(level + 1, LEVEL_LETTERS_MAX)
    if (key.length + letters > ORDER_KEY_BYTES_MAX) return undefined
    const floorDigit = lower === undefined ? 0 : digit(lower, key.length, letters)
    const ceilingDigit = ceiling === undefined ? BASE ** letters : digit(ceiling, key.length, letters)
    if (ceilingDigit - floorDigit > 1) {
      return (key + text(choose(floorDigit, ceilingDigit, level), letters)).replace(/0+$/, '')
    }
    // From here on the key is below `upper` whatever follows.
    if (ceilingDigit > floorDigit) ceiling = undefined
    key += text(floorDigit, letters)
  }
}

/** `count` keys in ascending order, evenly apart, with room between any two. */
export function spread(count: number): string[] {
  const parts = BigInt(count + 1)
  let letters = 1
  while (BASE ** letters < (count + 1) * 4 && letters < LEVEL_LETTERS_MAX) letters++
  const places = BigInt(BASE ** letters)
  return Array.from({ length: count }, (_, n) =>
    text(Number((BigInt(n + 1) * places) / parts), letters).replace(/0+$/, ''),
  )
}

type Choice = (floor: number, ceiling: number, level: number) => number

function choice(lower: string | undefined, upper: string | undefined): Choice {
  if (lower === undefined && upper === undefined)
    return (floor, ceiling) => floor + Math.floor((ceiling - floor) / 2)
  if (upper === undefined) return (floor) => floor + 1
  if (lower === undefined) return (_, ceiling) => ceiling - 1
  return (floor, ceiling, level) => {
    const root = Math.floor(Math.sqrt(ceiling - floor))
    return level % 2 === 0 ? floor + root : ceiling - root
  }
}

/** The digit of `letters` letters that starts at `offset`; letters beyond the end count as zeros. */
function digit(key: string, offset: number, letters: number): number {
  let sum = 0
  for (let at = offset; at < offset + letters; at++)
    sum = sum * BASE + (at < key.length ? DIGITS.indexOf(key.charAt(at)) : 0)
  return sum
}

function text(digit: number, letters: number): string {
  let written = ''
  for (let rest = digit, n = 0; n < letters; n++, rest = Math.floor(rest / BASE))
    written = DIGITS.charAt(rest % BASE) + written
  return written
}
