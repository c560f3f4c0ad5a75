// What a widget's options say about how it looks. They stand where Grafana has them (`fieldConfig.defaults`, `options`), so that an
// imported panel looks as it did, and an exported widget is a panel there.
//
// Always true: reading never fails; what is missing or of another kind counts as not said.

import type { Edit, Widget } from '@dovetail/client'

/** A place within the options of a widget. */
export type Path = readonly (string | number)[]

/** From `from` on (nothing: from everything below) a value has this colour. */
export interface Threshold {
  readonly from: number | undefined
  readonly color: string
}

/** How numbers of a widget are shown. */
export interface Appearance {
  readonly unit: string
  readonly decimals: number | undefined
  readonly min: number | undefined
  readonly max: number | undefined
  /** The name of a colour, or one in CSS. */
  readonly color: string | undefined
  /** Ascending. */
  readonly thresholds: readonly Threshold[]
  /** Thresholds are parts of a hundred between `min` and `max`. */
  readonly relative: boolean
}

/** Where each of it stands. */
export const PATHS = {
  unit: ['fieldConfig', 'defaults', 'unit'],
  decimals: ['fieldConfig', 'defaults', 'decimals'],
  min: ['fieldConfig', 'defaults', 'min'],
  max: ['fieldConfig', 'defaults', 'max'],
  color: ['fieldConfig', 'defaults', 'color'],
  thresholds: ['fieldConfig', 'defaults', 'thresholds'],
  calculation: ['options', 'reduceOptions', 'calcs'],
  content: ['options', 'content'],
  goal: ['goal'],
  step: ['step'],
  fill: ['fieldConfig', 'defaults', 'custom', 'fillOpacity'],
} as const satisfies Record<string, Path>

/** The value at a place of the options; nothing when there is none. */
export function at(options: unknown, path: Path): unknown {
  return path.reduce<unknown>((place, step) => {
    if (typeof place !== 'object' || place === null) return undefined
    return Object.hasOwn(place, step) ? (place as Record<string | number, unknown>)[step] : undefined
  }, options)
}

/** A text at a place; nothing when there is none, or another kind of value. */
export function textAt(options: unknown, path: Path): string | undefined {
  const value = at(options, path)
  return typeof value === 'string' ? value : undefined
}

/** A number at a place. Old Grafana panels write numbers as texts, so those count too. */
export function numberAt(options: unknown, path: Path): number | undefined {
  const value = at(options, path)
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value)
  return undefined
}

/** How numbers of a widget are shown, from the present places in Grafana's panels and from those of old ones. */
export function appearance({ options }: Pick<Widget, 'options'>): Appearance {
  return {
    unit:
      textAt(options, PATHS.unit) ??
      textAt(options, ['yaxes', 0, 'format']) ??
      textAt(options, ['format']) ??
      '',
    decimals: numberAt(options, PATHS.decimals) ?? numberAt(options, ['decimals']),
    min:
      numberAt(options, PATHS.min) ??
      numberAt(options, ['yaxes', 0, 'min']) ??
      numberAt(options, ['gauge', 'minValue']),
    max:
      numberAt(options, PATHS.max) ??
      numberAt(options, ['yaxes', 0, 'max']) ??
      numberAt(options, ['gauge', 'maxValue']),
    color: textAt(options, [...PATHS.color, 'fixedColor']),
    thresholds: thresholds(options),
    relative: textAt(options, [...PATHS.thresholds, 'mode']) === 'percentage',
  }
}

/** The colour of a value by its thresholds; nothing when no threshold says one. */
export function colorOf(value: number | null | undefined, look: Appearance): string | undefined {
  if (value === null || value === undefined) return undefined
  const { min = 0, max = 100 } = look
  const compared = look.relative && max > min ? ((value - min) / (max - min)) * 100 : value
  return look.thresholds.findLast(({ from }) => from === undefined || compared >= from)?.color
}

/** What Grafana calls a calculation: how one value is made of many points. */
export function calculationOf({ options }: Pick<Widget, 'options'>): string {
  return (
    textAt(options, [...PATHS.calculation, 0]) ??
    LEGACY_CALCULATIONS[textAt(options, ['valueName']) ?? ''] ??
    'lastNotNull'
  )
}

/** The edit that sets an option, or clears it when there is nothing to set. */
export function optionEdit(id: string, path: Path, value: unknown): Edit {
  return value === undefined || value === ''
    ? { edit: 'clearOption', id, path }
    : { edit: 'setOption', id, path, value }
}

/** What `options.fieldConfig.defaults.thresholds` has for these. */
export function thresholdsOption(list: readonly Threshold[]): unknown {
  const sorted = list.toSorted((one, other) => (one.from ?? -Infinity) - (other.from ?? -Infinity))
  return { mode: 'absolute', steps: sorted.map(({ from, color }) => ({ color, value: from ?? null })) }
}

const LEGACY_CALCULATIONS: Readonly<Record<string, string>> = {
  avg: 'mean',
  min: 'min',
  max: 'max',
  total: 'sum',
  current: 'lastNotNull',
  first: 'firstNotNull',
}

function thresholds(options: unknown): Threshold[] {
  const steps = at(options, [...PATHS.thresholds, 'steps'])
  if (!Array.isArray(steps)) return []
  const read = (steps as readonly unknown[]).flatMap((step): Threshold[] => {
    const color = textAt(step, ['color'])
    return color === undefined ? [] : [{ from: numberAt(step, ['value']), color }]
  })
  return read.sort((one, other) => (one.from ?? -Infinity) - (other.from ?? -Infinity))
}
