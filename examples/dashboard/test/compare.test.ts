import { describe, expect, it } from 'vitest'
import { becoming } from '../src/panels/becoming'
import { compare, marked } from '../src/panels/compare'
import { proposed, touched } from '../src/panels/proposed'
import { dashboard, widget } from './dashboards'

const words = (...states: Parameters<typeof compare>) =>
  compare(...states).map((difference) => difference.words)

describe('two states in words', () => {
  it('says nothing of states that read the same', () => {
    expect(compare(dashboard({ a: widget() }), dashboard({ a: widget() }))).toEqual([])
  })

  it.each([
    ['a title', dashboard(), dashboard({}, { title: 'All' }), ['The dashboard is called “All”, not “Hosts”']],
    ['a description', dashboard(), dashboard({}, { description: 'x' }), ['The description was written']],
    [
      'a grid',
      dashboard(),
      dashboard({}, { grid: { columns: 24, rowHeight: 40 } }),
      ['The grid has 24 columns, not 12', 'The rows of the grid are 40 pixels high, not 30'],
    ],
    ['a new widget', dashboard(), dashboard({ a: widget() }), ['“CPU” was added']],
    [
      'a new one without a title',
      dashboard(),
      dashboard({ a: widget({ title: '' }) }),
      ['A chart without a title was added'],
    ],
    ['a removed widget', dashboard({ a: widget() }), dashboard(), ['“CPU” was removed']],
    [
      'a name',
      dashboard({ a: widget() }),
      dashboard({ a: widget({ title: 'RAM' }) }),
      ['“CPU” was renamed to “RAM”'],
    ],
    [
      'a place',
      dashboard({ a: widget() }),
      dashboard({ a: widget({ layout: { x: 1, y: 3, w: 6, h: 4 } }) }),
      ['“CPU” moved 1 column right and 3 rows down'],
    ],
    [
      'a size',
      dashboard({ a: widget() }),
      dashboard({ a: widget({ layout: { x: 0, y: 0, w: 3, h: 4 } }) }),
      ['“CPU” is 3 wide and 4 high, not 6 by 4'],
    ],
    [
      'a kind',
      dashboard({ a: widget() }),
      dashboard({ a: widget({ kind: 'stat' }) }),
      ['“CPU” is a stat, not a chart'],
    ],
    ['a lock', dashboard({ a: widget() }), dashboard({ a: widget({ locked: true }) }), ['“CPU” was locked']],
    [
      'options, as deep as they go',
      dashboard({ a: widget({ options: { unit: '%', axis: { max: 100, min: 0 } } }) }),
      dashboard({ a: widget({ options: { unit: 'ms', axis: { min: 0 } } }) }),
      ['“CPU”: unit is “ms”, not “%”', '“CPU”: axis › max was taken away'],
    ],
  ])('%s', (_, from, to, said) => {
    expect(words(from, to)).toEqual(said)
  })

  it('does not bury the rest under many options', () => {
    const options = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`o${n}`, n]))
    const said = words(dashboard({ a: widget() }), dashboard({ a: widget({ options }) }))
    expect(said).toHaveLength(6)
    expect(said.at(-1)).toBe('“CPU”: 4 more options changed')
  })

  it('points at widgets that can still be seen', () => {
    const from = dashboard({ a: widget(), gone: widget() })
    const to = dashboard({ a: widget({ title: 'RAM', locked: true }) })
    expect(marked(compare(from, to), to)).toEqual(['a'])
  })
})

describe('a proposal before it is made', () => {
  const before = dashboard({
    a: widget({ options: { list: [1, 2], unit: '%' } }),
    b: widget({ title: 'RAM' }),
  })

  it('shows what it writes and leaves the rest as it is', () => {
    const after = proposed(before, [
      { path: ['widgets', 'a', 'layout', 'y'], value: 8 },
      { path: ['widgets', 'a', 'options', 'list', '1'], value: 5 },
    ])
    expect(after.widgets['a']?.layout).toEqual({ x: 0, y: 8, w: 6, h: 4 })
    expect(after.widgets['a']?.options['list']).toEqual([1, 5])
    expect(after.widgets['b']).toBe(before.widgets['b'])
    expect(before.widgets['a']?.layout.y).toBe(0)
  })

  it('takes away what becomes nothing', () => {
    const after = proposed(before, [{ path: ['widgets', 'a', 'options', 'unit'], value: undefined }])
    expect(after.widgets['a']?.options).toEqual({ list: [1, 2] })
  })

  it('passes over what no screen shows', () => {
    expect(proposed(before, [{ path: ['_dovetail', 'decisions', 'x'], value: 1 }])).toBe(before)
  })

  it('knows its widgets', () => {
    const path = (id: string) => ({ path: ['widgets', id, 'title'], value: '' })
    expect(touched([path('a'), path('a'), { path: ['title'], value: 'x' }])).toEqual(['a'])
  })
})

describe('what a proposal writes', () => {
  const one = dashboard({ a: widget(), b: widget({ title: '' }) })

  it.each([
    [['widgets', 'a', 'layout', 'y'], 7, '“CPU” goes to row 8'],
    [['widgets', 'a', 'layout', 'x'], 0, '“CPU” goes to column 1'],
    [['widgets', 'a', 'layout', 'w'], 4, '“CPU” becomes 4 wide'],
    [['widgets', 'a', 'title'], 'CPU (2)', '“CPU” is called “CPU (2)”'],
    [['widgets', 'b', 'parent'], undefined, 'A chart without a title leaves its row'],
    [['widgets', 'a', 'options', 'max'], 5, undefined],
    [['widgets', 'gone', 'layout', 'y'], 5, undefined],
    [['title'], 'x', undefined],
  ])('%j becomes %j', (path, value, words) => {
    expect(becoming(one, path, value)).toBe(words)
  })
})
