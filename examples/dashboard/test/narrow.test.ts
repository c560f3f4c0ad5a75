import { expect, test } from 'vitest'
import type { Widget } from '@dovetail/client'
import { behindWhom, column, indexAt, inOrder } from '../src/editor/narrow'

function widget(order: string, kind = 'stat', parent?: string): Widget {
  return {
    kind,
    title: '',
    layout: { x: 0, y: 0, w: 1, h: 1 },
    order,
    options: {},
    locked: false,
    ...(parent === undefined ? {} : { parent }),
  }
}

const ids = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id).join('')

test('the column follows the keys; equal keys go by id', () => {
  expect(
    ids(inOrder({ c: widget('V'), b: widget('V'), a: widget('Z'), d: widget('a'), e: widget('B') })),
  ).toBe('ebcad')
})

test('rows hide what lies in them, and what comes behind them once they are collapsed', () => {
  const widgets = {
    a: widget('A'),
    r: widget('B', 'row'),
    b: widget('C', 'stat', 'r'),
    s: widget('D', 'row'),
    c: widget('E'),
    d: widget('F'),
  }
  expect(ids(column({ widgets }, new Set()).entries)).toBe('arscd')
  expect(ids(column({ widgets }, new Set(['r'])).entries)).toBe('arbscd')
  expect(ids(column({ widgets }, new Set(['s'])).entries)).toBe('ars')
  expect(column({ widgets }, new Set(['s'])).rows.get('s')).toEqual({ expanded: false, holds: 2 })
})

test('an entry comes to stand behind the one that is then before it', () => {
  const entries = ['a', 'b', 'c', 'd'].map((id) => ({ id }))
  expect(behindWhom(entries, 'c', 0)).toEqual({ after: undefined })
  expect(behindWhom(entries, 'a', 1)).toEqual({ after: 'b' })
  expect(behindWhom(entries, 'a', 3)).toEqual({ after: 'd' })
  expect(behindWhom(entries, 'd', 2)).toEqual({ after: 'b' })
  expect(behindWhom(entries, 'b', 1)).toBeUndefined()
  expect(behindWhom(entries, 'a', -1)).toBeUndefined()
  expect(behindWhom(entries, 'd', 9)).toBeUndefined()
  expect(behindWhom(entries, 'x', 0)).toBeUndefined()
})

test('a drag ends before the first entry whose middle is below the finger', () => {
  const middles = [100, 200, 300]
  expect([50, 150, 299, 300, 900].map((y) => indexAt(middles, y))).toEqual([0, 1, 2, 3, 3])
})
