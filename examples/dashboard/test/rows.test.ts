import { expect, test } from 'vitest'
import { arrange, coveredAt } from '../src/editor/rows'
import type { Layout, Widget } from '@dovetail/client'

function widget(kind: string, layout: Layout, parent?: string): Widget {
  return {
    kind,
    title: '',
    layout,
    order: 'V',
    options: {},
    locked: false,
    ...(parent === undefined ? {} : { parent }),
  }
}

function row(y: number): Widget {
  return widget('row', { x: 0, y, w: 24, h: 1 })
}

const grid = { columns: 24, rowHeight: 30 }

/** Two rows that hold what lies in them, as Grafana saves collapsed ones, and something below both. */
const COLLAPSED = {
  grid,
  widgets: {
    one: row(0),
    two: row(1),
    a: widget('stat', { x: 0, y: 1, w: 12, h: 8 }, 'one'),
    b: widget('stat', { x: 12, y: 1, w: 12, h: 4 }, 'one'),
    c: widget('stat', { x: 0, y: 40, w: 24, h: 6 }, 'two'),
    last: widget('stat', { x: 0, y: 2, w: 6, h: 4 }),
  },
}

/** Two rows above what stands below them, as Grafana saves expanded ones. */
const EXPANDED = {
  grid,
  widgets: {
    one: row(0),
    a: widget('stat', { x: 0, y: 1, w: 12, h: 8 }),
    two: row(9),
    b: widget('stat', { x: 0, y: 10, w: 12, h: 8 }),
  },
}

function places(dashboard: typeof COLLAPSED | typeof EXPANDED, turned: readonly string[]) {
  const { shown } = arrange(dashboard, new Set(turned))
  return Object.fromEntries(shown.map(({ id, place }) => [id, place.y]))
}

test('what lies in a row is hidden until somebody expands it, and moves the rest down then', () => {
  expect(places(COLLAPSED, [])).toEqual({ one: 0, two: 1, last: 2 })
  expect(places(COLLAPSED, ['one'])).toEqual({ one: 0, a: 1, b: 1, two: 9, last: 10 })
  // Wherever the hidden ones were saved, they stand right below their row.
  expect(places(COLLAPSED, ['two'])).toEqual({ one: 0, two: 1, c: 2, last: 8 })
  expect(places(COLLAPSED, ['one', 'two'])).toEqual({ one: 0, a: 1, b: 1, two: 9, c: 10, last: 16 })
})

test('what stands below a row up to the next one is hidden when somebody collapses it', () => {
  expect(places(EXPANDED, [])).toEqual({ one: 0, a: 1, two: 9, b: 10 })
  expect(places(EXPANDED, ['one'])).toEqual({ one: 0, two: 1, b: 2 })
  expect(places(EXPANDED, ['one', 'two'])).toEqual({ one: 0, two: 1 })
})

test('rows say how much they hold', () => {
  const { rows } = arrange(COLLAPSED, new Set(['two']))
  expect(rows.get('one')).toEqual({ expanded: false, holds: 2 })
  expect(rows.get('two')).toEqual({ expanded: true, holds: 1 })
  expect(arrange(EXPANDED, new Set()).rows.get('one')).toEqual({ expanded: true, holds: 1 })
})

test('a place on the screen is written where it belongs, whatever is folded', () => {
  for (const [dashboard, turned] of [
    [COLLAPSED, ['one']],
    [COLLAPSED, ['one', 'two']],
    [EXPANDED, ['one']],
    [EXPANDED, []],
  ] as const) {
    const { shown, toDocument } = arrange(dashboard, new Set(turned))
    for (const {
      id,
      place,
      widget: { layout },
    } of shown) {
      if (dashboard === COLLAPSED && id === 'c') continue
      expect(toDocument(id, place)).toEqual(layout)
    }
  }
})

test('what is dropped among expanded widgets goes right below their row', () => {
  const { toDocument } = arrange(COLLAPSED, new Set(['one']))
  expect(toDocument('last', { x: 0, y: 5, w: 6, h: 4 }).y).toBe(1)
  expect(toDocument('last', { x: 0, y: 12, w: 6, h: 4 }).y).toBe(4)
})

test('a widget whose row is gone, or is no row, stands in the open', () => {
  const { shown } = arrange(
    {
      grid,
      widgets: {
        a: widget('stat', { x: 0, y: 0, w: 6, h: 4 }, 'gone'),
        b: widget('stat', { x: 6, y: 0, w: 6, h: 4 }, 'a'),
        c: widget('stat', { x: 12, y: 0, w: 6, h: 4 }, 'c'),
      },
    },
    new Set(),
  )
  expect(shown.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
})

test('what sticks out of the grid is shown inside it', () => {
  const { shown } = arrange(
    { grid: { columns: 12, rowHeight: 30 }, widgets: { a: widget('stat', { x: 20, y: -3, w: 30, h: 0 }) } },
    new Set(),
  )
  expect(shown[0]?.place).toEqual({ x: 0, y: 0, w: 12, h: 1 })
})

test('CL324 a place is taken by what stands there in the same row, and by nothing that lies in another', () => {
  const at = (id: string, place: Layout) => coveredAt(COLLAPSED, id, place).map(({ layout }) => layout)
  expect(at('last', { x: 0, y: 0, w: 1, h: 9 })).toEqual([row(0).layout, row(1).layout])
  expect(at('a', { x: 11, y: 1, w: 2, h: 1 })).toEqual([COLLAPSED.widgets.b.layout])
  expect(at('a', COLLAPSED.widgets.a.layout)).toEqual([])
  expect(at('last', { x: 0, y: 40, w: 24, h: 6 })).toEqual([])
})
