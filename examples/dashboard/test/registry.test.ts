// Which kinds are drawn, and that panels of real Grafana dashboards look here as they are set there.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  appearance,
  calculationOf,
  colorOf,
  optionEdit,
  PATHS,
  thresholdsOption,
} from '../src/widgets/options'
import { cssColor } from '../src/widgets/colors'
import { kindLabel, kindOf, KINDS, sizeOn } from '../src/widgets/registry'

const FOLDER = join(import.meta.dirname, '../../../tests/data/grafana')

interface Panel {
  readonly type: string
  readonly panels?: readonly Panel[]
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
}

function panelsOf(panels: readonly Panel[]): readonly Panel[] {
  return panels.flatMap((panel) => [panel, ...panelsOf(panel.panels ?? [])])
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))

test.each(files)('every panel of %s is drawn, or is a row', (name) => {
  const { panels } = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as {
    readonly panels: readonly Panel[]
  }
  const all = panelsOf(panels)
  expect(all.length).toBeGreaterThan(0)
  for (const panel of all) {
    if (panel.type === 'row') continue
    expect(kindOf(panel.type), panel.type).toBeDefined()
    const unit = panel.fieldConfig?.defaults?.unit
    if (unit !== undefined) expect(appearance({ options: { ...panel } }).unit).toBe(unit)
  }
})

test('kinds of other names are drawn as what they are, and unknown ones have a name', () => {
  const drawn = ['graph', 'chart', 'singlestat', 'barchart', 'bargauge', 'gauge', 'table-old', 'text']
  expect(drawn.map((kind) => kindOf(kind)?.label)).toEqual([
    'Time series',
    'Time series',
    'Stat',
    'Bars',
    'Bars',
    'Gauge',
    'Table',
    'Text',
  ])
  expect(kindOf('heatmap')).toBeUndefined()
  expect(kindOf('constructor')).toBeUndefined()
  expect(kindLabel('heatmap')).toBe('Heatmap')
  expect(kindLabel('grafana-worldmap-panel')).toBe('Worldmap')
  expect(kindLabel('row')).toBe('Row')
  expect(kindLabel('')).toBe('Unknown')
})

test('every kind that is offered is drawn, and begins with a size that fits any grid', () => {
  for (const kind of KINDS) {
    expect(kindOf(kind.kind)).toBe(kind)
    for (const columns of [1, 12, 24]) {
      const { w, h } = sizeOn(kind.size, { columns, rowHeight: 30 })
      expect(w).toBeGreaterThanOrEqual(1)
      expect(w).toBeLessThanOrEqual(columns)
      expect(h).toBeGreaterThanOrEqual(1)
    }
  }
  expect(sizeOn({ w: 12, h: 8 }, { columns: 12, rowHeight: 68 })).toEqual({ w: 6, h: 4 })
})

test('old panels say the same in other places', () => {
  const graph = appearance({ options: { yaxes: [{ format: 'bytes', min: '0', max: null }], decimals: 1 } })
  expect(graph).toMatchObject({ unit: 'bytes', min: 0, max: undefined, decimals: 1 })
  const stat = { options: { format: 'percent', valueName: 'avg', gauge: { minValue: 0, maxValue: 50 } } }
  expect(appearance(stat)).toMatchObject({ unit: 'percent', min: 0, max: 50 })
  expect(calculationOf(stat)).toBe('mean')
})

test('odd options count as not said', () => {
  const odd = appearance({
    options: { fieldConfig: { defaults: { unit: 7, min: 'low', thresholds: { steps: 'no' } } } },
  })
  expect(odd).toMatchObject({ unit: '', min: undefined, thresholds: [] })
  expect(appearance({ options: { fieldConfig: null } }).unit).toBe('')
})

test('a value has the colour of the highest threshold that it reaches', () => {
  const steps = thresholdsOption([
    { from: 80, color: 'red' },
    { from: undefined, color: 'green' },
    { from: 50, color: 'yellow' },
  ])
  const look = appearance({ options: { fieldConfig: { defaults: { thresholds: steps } } } })
  expect([-5, 49.9, 50, 80, 500].map((value) => colorOf(value, look))).toEqual([
    'green',
    'green',
    'yellow',
    'red',
    'red',
  ])
  expect(colorOf(null, look)).toBeUndefined()
  const relative = { ...look, relative: true, min: 0, max: 200 }
  expect(colorOf(120, relative)).toBe('yellow')
})

test('no colour of a document becomes another piece of CSS', () => {
  expect(cssColor('semi-dark-orange')).toBe('var(--c-orange)')
  expect(cssColor('#E02F44')).toBe('#E02F44')
  expect(cssColor('rgba(245, 54, 54, 0.9)')).toBe('rgba(245, 54, 54, 0.9)')
  expect(cssColor('red;background:url(https://example.org)')).toBe('var(--c-blue)')
  expect(cssColor('url(https://example.org)')).toBe('var(--c-blue)')
})

test('an option that is emptied is cleared', () => {
  expect(optionEdit('cpu', PATHS.unit, 'ms')).toEqual({
    edit: 'setOption',
    id: 'cpu',
    path: ['fieldConfig', 'defaults', 'unit'],
    value: 'ms',
  })
  expect(optionEdit('cpu', PATHS.unit, '')).toMatchObject({ edit: 'clearOption' })
  expect(optionEdit('cpu', PATHS.min, 0)).toMatchObject({ edit: 'setOption', value: 0 })
})
