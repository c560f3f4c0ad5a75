// Which kinds of widgets there are: what each is called, what draws it, how it begins, and which options it has.
//
// Always true: a kind that is not listed here is no mistake. It keeps its place and its options, is exported as it came, and is
// shown as a placeholder that says what it is.

import {
  AlignLeft,
  ChartColumn,
  ChartLine,
  CircleGauge,
  Hash,
  ListChecks,
  ListTree,
  NotebookPen,
  Table2,
  Tally5,
  type LucideIcon,
} from 'lucide-react'
import type { ComponentType } from 'react'
import type { Layout, WidgetData } from '@dovetail/client'
import { laterPart } from '../app/later'
import { BarsView } from './Bars'
import { COUNTER } from './count'
import { ChecklistView } from './Checklist'
import { CounterView } from './Counter'
import { GaugeView } from './Gauge'
import { PATHS, type Path } from './options'
import { LOADING } from './pictures'
import { StatView } from './Stat'
import { TableView } from './Table'
import type { ViewProps } from './view'

/** How a kind is called when it cannot be loaded. */
const WHAT = 'This widget'

/** One option, as the panel asks for it. */
export type Field =
  | {
      readonly type: 'unit' | 'calculation' | 'color' | 'thresholds'
      readonly label: string
      readonly path: Path
    }
  | {
      readonly type: 'number'
      readonly label: string
      readonly path: Path
      readonly hint?: string
      readonly least?: number
      readonly most?: number
    }
  | {
      readonly type: 'text' | 'longtext'
      readonly label: string
      readonly path: Path
      readonly hint?: string
    }

/** A kind of widgets. */
export interface WidgetKind {
  readonly kind: string
  readonly label: string
  /** What it is good for, in a few words. */
  readonly hint: string
  readonly icon: LucideIcon
  /** How large it begins, in cells of a grid of 24 columns whose rows are 30 pixels high. */
  readonly size: Pick<Layout, 'w' | 'h'>
  /** What kind of document it shows, if any. */
  readonly shape: WidgetData['shape'] | undefined
  /** Its options when it is added. Objects that several people may write into are there from the start, so that they merge. */
  readonly options: Readonly<Record<string, unknown>>
  readonly fields: readonly Field[]
  readonly View: ComponentType<ViewProps>
}

const UNIT: Field = { type: 'unit', label: 'Unit', path: PATHS.unit }
const DECIMALS: Field = {
  type: 'number',
  label: 'Decimals',
  path: PATHS.decimals,
  least: 0,
  most: 10,
  hint: 'auto',
}
const MIN: Field = { type: 'number', label: 'Lowest value', path: PATHS.min, hint: 'auto' }
const MAX: Field = { type: 'number', label: 'Highest value', path: PATHS.max, hint: 'auto' }
const COLOR: Field = { type: 'color', label: 'Colour', path: PATHS.color }
const THRESHOLDS: Field = { type: 'thresholds', label: 'Thresholds', path: PATHS.thresholds }
const CALCULATION: Field = { type: 'calculation', label: 'Value', path: PATHS.calculation }

const NUMBERS = { fieldConfig: { defaults: { custom: {} }, overrides: [] }, options: { reduceOptions: {} } }

/** All kinds, in the order in which they are offered. */
export const KINDS: readonly WidgetKind[] = [
  {
    kind: 'timeseries',
    label: 'Time series',
    hint: 'A line over time',
    icon: ChartLine,
    size: { w: 12, h: 8 },
    shape: 'points',
    options: NUMBERS,
    fields: [
      UNIT,
      MIN,
      MAX,
      DECIMALS,
      { type: 'number', label: 'Fill below it (%)', path: PATHS.fill, least: 0, most: 100, hint: '12' },
      COLOR,
      THRESHOLDS,
    ],
    View: laterPart(WHAT, () => import('./TimeSeries').then((view) => view.default), LOADING),
  },
  {
    kind: 'stat',
    label: 'Stat',
    hint: 'One number and its trend',
    icon: Hash,
    size: { w: 6, h: 4 },
    shape: 'points',
    options: NUMBERS,
    fields: [CALCULATION, UNIT, DECIMALS, COLOR, THRESHOLDS],
    View: StatView,
  },
  {
    kind: 'gauge',
    label: 'Gauge',
    hint: 'One number between two limits',
    icon: CircleGauge,
    size: { w: 6, h: 6 },
    shape: 'points',
    options: NUMBERS,
    fields: [CALCULATION, UNIT, MIN, MAX, DECIMALS, COLOR, THRESHOLDS],
    View: GaugeView,
  },
  {
    kind: 'bargauge',
    label: 'Bars',
    hint: 'Numbers side by side',
    icon: ChartColumn,
    size: { w: 8, h: 7 },
    shape: 'table',
    options: NUMBERS,
    fields: [UNIT, MIN, MAX, DECIMALS, COLOR, THRESHOLDS],
    View: BarsView,
  },
  {
    kind: 'table',
    label: 'Table',
    hint: 'Cells that everybody can edit',
    icon: Table2,
    size: { w: 12, h: 8 },
    shape: 'table',
    options: {},
    fields: [],
    View: TableView,
  },
  {
    kind: 'note',
    label: 'Note',
    hint: 'Text that several people write at once',
    icon: NotebookPen,
    size: { w: 8, h: 7 },
    shape: 'text',
    options: {},
    fields: [],
    View: laterPart(WHAT, () => import('./Note').then((view) => view.default), LOADING),
  },
  {
    kind: 'checklist',
    label: 'Checklist',
    hint: 'Things to do, ticked off together',
    icon: ListChecks,
    size: { w: 8, h: 7 },
    shape: undefined,
    options: { items: {} },
    fields: [],
    View: ChecklistView,
  },
  {
    kind: COUNTER,
    label: 'Counter',
    hint: 'Counts every press, whoever makes it',
    icon: Tally5,
    size: { w: 6, h: 5 },
    shape: undefined,
    options: { fieldConfig: { defaults: {}, overrides: [] } },
    fields: [
      { type: 'number', label: 'Step', path: PATHS.step, least: 1, hint: '1' },
      { type: 'number', label: 'Goal', path: PATHS.goal, hint: 'none' },
      COLOR,
    ],
    View: CounterView,
  },
  {
    kind: 'text',
    label: 'Text',
    hint: 'A fixed text',
    icon: AlignLeft,
    size: { w: 8, h: 4 },
    shape: undefined,
    options: { options: { mode: 'markdown', content: '' } },
    fields: [{ type: 'longtext', label: 'Text (Markdown)', path: PATHS.content }],
    View: laterPart(WHAT, () => import('./Text').then((view) => view.default), LOADING),
  },
]

/** What is not offered with a picture of its own: a bar across the grid that holds what stands below it. */
export const ROW = {
  kind: 'row',
  label: 'Row',
  hint: 'A heading that folds what is below it',
  icon: ListTree,
} as const

/** Other names of the same kinds: old ones of Grafana's, and those of our own documents. */
const ALIASES: Readonly<Record<string, string>> = {
  graph: 'timeseries',
  chart: 'timeseries',
  line: 'timeseries',
  singlestat: 'stat',
  number: 'stat',
  barchart: 'bargauge',
  bar: 'bargauge',
  bars: 'bargauge',
  'table-old': 'table',
  markdown: 'text',
  todo: 'checklist',
}

/** What draws widgets of this kind; nothing when there is no renderer here. */
export function kindOf(kind: string): WidgetKind | undefined {
  const name = Object.hasOwn(ALIASES, kind) ? ALIASES[kind] : kind
  return KINDS.find((each) => each.kind === name)
}

/** A kind in words, also one that we know nothing of: "piechart" is "Piechart". */
export function kindLabel(kind: string): string {
  if (kind === ROW.kind) return ROW.label
  const known = kindOf(kind)
  if (known) return known.label
  const words = kind
    .replace(/^grafana-|-panel$/g, '')
    .replaceAll(/[-_]+/g, ' ')
    .trim()
  return words === '' ? 'Unknown' : words.charAt(0).toUpperCase() + words.slice(1)
}

/** How large a new widget is on a grid of this kind, in its cells. */
export function sizeOn(
  size: Pick<Layout, 'w' | 'h'>,
  grid: { readonly columns: number; readonly rowHeight: number },
): Pick<Layout, 'w' | 'h'> {
  return {
    w: Math.min(grid.columns, Math.max(1, Math.round((size.w * grid.columns) / 24))),
    h: Math.max(1, Math.round((size.h * 38) / (Math.max(1, grid.rowHeight) + 8))),
  }
}
