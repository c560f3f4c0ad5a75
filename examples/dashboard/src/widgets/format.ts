// Numbers and times in words that fit a tile.
//
// Always true: the units have Grafana's names, because documents carry those; an unknown one is written behind the number as it is.

import type { Appearance } from './options'

/** A value with its unit, in two parts, so that a screen may draw the unit smaller. */
export interface Formatted {
  readonly number: string
  readonly unit: string
}

/** Units to choose from, as the options panel lists them. */
export const UNITS: readonly { readonly id: string; readonly label: string }[] = [
  { id: '', label: 'None' },
  { id: 'short', label: 'Short (1.2 K)' },
  { id: 'percent', label: 'Percent (0–100)' },
  { id: 'percentunit', label: 'Percent (0–1)' },
  { id: 'bytes', label: 'Bytes (KiB)' },
  { id: 'decbytes', label: 'Bytes (kB)' },
  { id: 'bps', label: 'Bits per second' },
  { id: 'Bps', label: 'Bytes per second' },
  { id: 's', label: 'Seconds' },
  { id: 'ms', label: 'Milliseconds' },
  { id: 'reqps', label: 'Requests per second' },
  { id: 'celsius', label: 'Degrees Celsius' },
  { id: 'currencyEUR', label: 'Euro' },
  { id: 'currencyUSD', label: 'US dollar' },
]

/** A value as the tile shows it; `–` where there is none. */
export function formatted(
  value: number | null | undefined,
  look: Pick<Appearance, 'unit' | 'decimals'>,
): Formatted {
  if (value === null || value === undefined) return { number: '–', unit: '' }
  const scaled = SCALES[look.unit]?.(value) ?? { value, unit: look.unit }
  return { number: plain(scaled.value, look.decimals), unit: scaled.unit }
}

/** The same in one text. */
export function valueText(
  value: number | null | undefined,
  look: Pick<Appearance, 'unit' | 'decimals'>,
): string {
  const { number, unit } = formatted(value, look)
  return unit === '' ? number : `${number} ${unit}`
}

/** Whether there is a day with this time: documents may have any number. */
export function isTime(atMs: number): boolean {
  return Math.abs(atMs) <= TIME_MAX_MS
}

/** As far as `Date` counts, in milliseconds. */
const TIME_MAX_MS = 8.64e15

const NO_TIME = 'no date'

/** A time of day, with the date when it is not today. */
export function timeText(atMs: number, nowMs: number): string {
  if (!isTime(atMs)) return NO_TIME
  const sameDay = new Date(atMs).toDateString() === new Date(nowMs).toDateString()
  return (sameDay ? TIME : DATE_TIME).format(atMs)
}

/** How long ago, in words. */
export function agoText(atMs: number, nowMs: number): string {
  if (!isTime(atMs)) return NO_TIME
  const minutes = Math.floor((nowMs - atMs) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ago`
  const days = Math.floor(hours / 24)
  return days === 1 ? 'yesterday' : days < 30 ? `${days} days ago` : DATE.format(atMs)
}

const TIME = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const DATE_TIME = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const DATE = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })

/** With more digits nobody reads a number, and no tile has room for it. */
const DIGITS_MAX = 15
const SCIENTIFIC = new Intl.NumberFormat('en', { notation: 'scientific', maximumFractionDigits: 2 })

function plain(value: number, decimals: number | undefined): string {
  if (Math.abs(value) >= 10 ** DIGITS_MAX) return SCIENTIFIC.format(value)
  const digits = decimals ?? (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
  const places = Math.min(20, Math.max(0, Math.trunc(digits)))
  return new Intl.NumberFormat('en', {
    maximumFractionDigits: places,
    minimumFractionDigits: decimals === undefined ? 0 : places,
  }).format(value)
}

type Scale = (value: number) => { readonly value: number; readonly unit: string }

/** Steps of `base`, named one by one. */
function steps(base: number, names: readonly string[]): Scale {
  return (value) => {
    let power = 0
    let rest = value
    while (Math.abs(rest) >= base && power < names.length - 1) {
      rest /= base
      power++
    }
    return { value: rest, unit: names[power] ?? '' }
  }
}

function named(unit: string): Scale {
  return (value) => ({ value, unit })
}

const seconds: Scale = (value) => {
  const size = Math.abs(value)
  if (size >= 86_400) return { value: value / 86_400, unit: 'd' }
  if (size >= 3_600) return { value: value / 3_600, unit: 'h' }
  if (size >= 60) return { value: value / 60, unit: 'min' }
  if (size >= 1 || size === 0) return { value, unit: 's' }
  if (size >= 1e-3) return { value: value * 1e3, unit: 'ms' }
  return { value: value * 1e6, unit: 'µs' }
}

const bytes = steps(1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'])
const decimalBytes = steps(1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
const short = steps(1000, ['', 'K', 'M', 'B', 'T'])

const SCALES: Readonly<Record<string, Scale>> = {
  none: named(''),
  short,
  percent: named('%'),
  percentunit: (value) => ({ value: value * 100, unit: '%' }),
  bytes,
  kbytes: (value) => bytes(value * 1024),
  mbytes: (value) => bytes(value * 1024 ** 2),
  gbytes: (value) => bytes(value * 1024 ** 3),
  decbytes: decimalBytes,
  Bps: steps(1000, ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s']),
  binBps: steps(1024, ['B/s', 'KiB/s', 'MiB/s', 'GiB/s', 'TiB/s']),
  bps: steps(1000, ['b/s', 'kb/s', 'Mb/s', 'Gb/s', 'Tb/s']),
  s: seconds,
  ms: (value) => seconds(value / 1e3),
  µs: (value) => seconds(value / 1e6),
  ns: (value) => seconds(value / 1e9),
  reqps: named('req/s'),
  ops: named('ops/s'),
  iops: named('io/s'),
  pps: named('p/s'),
  rps: named('reads/s'),
  wps: named('writes/s'),
  cps: named('c/s'),
  hertz: steps(1000, ['Hz', 'kHz', 'MHz', 'GHz']),
  celsius: named('°C'),
  fahrenheit: named('°F'),
  watt: steps(1000, ['W', 'kW', 'MW']),
  volt: named('V'),
  amp: named('A'),
  rotrpm: named('rpm'),
  currencyEUR: named('€'),
  currencyUSD: named('$'),
}
