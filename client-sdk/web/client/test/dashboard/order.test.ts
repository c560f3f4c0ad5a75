// Keys between keys: always between, and short enough whatever people do.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writesOf } from '../../src/dashboard/edit'
import { between, isOrderKey, spread } from '../../src/dashboard/order'
import { ORDER_KEY_BYTES_MAX } from '../../src/generated/constants'
import { place } from '../../src/dashboard/place'
import { inOrder, readDashboard, readWidget } from '../../src/dashboard/read'
import type { PlainObject } from '../../src/document/plain'
import { writeToPlain } from '../../src/document/writes'
import type { Widget } from '../../src/types'

const keys = fc.stringMatching(/^[0-9A-Za-z]{0,6}[1-9A-Za-z]$/)

test('CL67 a key between two keys lies between them', () => {
  const ends = fc.option(keys, { nil: undefined })
  fc.assert(
    fc.property(ends, ends, (one, other) => {
      const isOrdered = one === undefined || other === undefined || one < other
      const [lower, upper] = isOrdered ? [one, other] : [other, one]
      const key = between(lower, upper)
      if (lower !== undefined && lower === upper) {
        expect(key).toBeUndefined()
        return
      }
      expect(isOrderKey(key ?? '')).toBe(true)
      if (lower !== undefined) expect(lower < (key ?? '')).toBe(true)
      if (upper !== undefined) expect((key ?? '') < upper).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test.each(['at the front', 'at the end', 'behind the first', 'in front of the last'])(
  'CL67 ten thousand widgets put %s have keys of some twenty letters',
  (where) => {
    const all = spread(2)
    let longest = 0
    for (let n = 0; n < 10_000; n++) {
      const at =
        { 'at the front': 0, 'at the end': all.length, 'behind the first': 1 }[where] ?? all.length - 1
      const key = between(all[at - 1], all[at]) ?? ''
      expect(isOrderKey(key)).toBe(true)
      longest = Math.max(longest, key.length)
      all.splice(at, 0, key)
    }
    expect(longest).toBeLessThan(32)
    expect(all.every((key, n) => n === 0 || (all[n - 1] ?? '') < key)).toBe(true)
  },
)

test('CL67 who nests on purpose gets hundreds deep, and then no key', () => {
  let [lower, upper] = ['V', 'W']
  let depth = 0
  for (; ; depth++) {
    const key = between(lower, upper)
    if (key === undefined) break
    expect(key.length).toBeLessThanOrEqual(ORDER_KEY_BYTES_MAX)
    if (depth % 2 === 0) lower = key
    else upper = key
  }
  expect(depth).toBeGreaterThan(200)
  expect(between('W', 'V')).toBeUndefined()
})

test('CL67 evenly spread keys ascend and leave room between any two', () => {
  for (const count of [0, 1, 2, 61, 62, 63, 1_000, 10_000]) {
    const all = spread(count)
    expect(all).toHaveLength(count)
    expect(all.every(isOrderKey)).toBe(true)
    expect(all.every((key, n) => between(all[n - 1], key) !== undefined)).toBe(true)
  }
})

type Board = Readonly<Record<string, Widget>>

const boards = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), keys, { minKeys: 1 })
  .map((orders): Board =>
    Object.fromEntries(
      Object.entries(orders).map(([id, order]) => [id, readWidget({ kind: 'note', order })]),
    ),
  )

test('CL67 a widget that is placed stands right behind the other, and the rest in the order in which it stood', () => {
  fc.assert(
    fc.property(boards, fc.nat(), fc.nat(), fc.boolean(), (board, n, m, isFirst) => {
      const ids = inOrder(board).map(([id]) => id)
      const id = ids[n % ids.length] ?? ''
      const others = ids.filter((other) => other !== id)
      const after = isFirst ? undefined : others[m % Math.max(1, others.length)]
      const root = { widgets: board } as unknown as PlainObject
      const edited = readDashboard(writeToPlain(root, writesOf(root, place(board, id, after))))
      const at = after === undefined ? 0 : others.indexOf(after) + 1
      expect(inOrder(edited.widgets).map(([each]) => each)).toEqual(others.toSpliced(at, 0, id))
      expect(place(edited.widgets, id, after)).toEqual([])
    }),
    { numRuns: 1_000 },
  )
})

test('CL67 where there is no room left all widgets get new keys', () => {
  let [lower, upper] = ['V', 'W']
  for (let depth = 0; ; depth++) {
    const key = between(lower, upper)
    if (key === undefined) break
    if (depth % 2 === 0) lower = key
    else upper = key
  }
  const board: Board = Object.fromEntries(
    Object.entries({ a: lower, b: upper, c: 'z' }).map(([id, order]) => [id, readWidget({ order })]),
  )
  const edits = place(board, 'c', 'a')
  expect(edits.map((edit) => 'id' in edit && edit.id)).toEqual(['a', 'c', 'b'])
})
