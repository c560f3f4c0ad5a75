import { expect, test } from 'vitest'
import fc from 'fast-check'
import type { Layout } from '@dovetail/client'
import {
  bottom,
  byKey,
  firstFree,
  inside,
  MOST,
  nearestFree,
  overlap,
  placeInWords,
} from '../src/editor/placing'
import { stepAt } from '../src/editor/edgeScroll'

const place = fc.record({
  x: fc.integer({ min: -5, max: 30 }),
  y: fc.integer({ min: -5, max: 30 }),
  w: fc.integer({ min: -1, max: 30 }),
  h: fc.integer({ min: -1, max: 12 }),
})

test('what is inside the grid has a size, and does not stick out', () => {
  fc.assert(
    fc.property(place, fc.integer({ min: 1, max: 24 }), (wanted, columns) => {
      const { x, y, w, h } = inside(wanted, columns)
      expect(x).toBeGreaterThanOrEqual(0)
      expect(y).toBeGreaterThanOrEqual(0)
      expect(w).toBeGreaterThanOrEqual(1)
      expect(h).toBeGreaterThanOrEqual(1)
      expect(x + w).toBeLessThanOrEqual(columns)
    }),
  )
})

test('free places are free, and as large as asked', () => {
  fc.assert(
    fc.property(fc.array(place, { maxLength: 12 }), place, (others, wanted) => {
      const taken = others.map((other) => inside(other, 24))
      for (const free of [nearestFree(wanted, taken, 24), firstFree(wanted, taken, 24)]) {
        expect(taken.filter((other) => overlap(free, other))).toEqual([])
        expect(free.w).toBe(inside(wanted, 24).w)
        expect(free.x + free.w).toBeLessThanOrEqual(24)
        expect(free.y).toBeLessThanOrEqual(Math.max(bottom(taken), inside(wanted, 24).y))
      }
    }),
  )
})

test('CL243 a free place is the nearest, or the first, of all that a look at every cell finds', () => {
  const free = (taken: readonly Layout[], wanted: Layout) => {
    const all: Layout[] = []
    for (let y = 0; y <= 50; y++) for (let x = 0; x + wanted.w <= 12; x++) all.push({ ...wanted, x, y })
    return all.filter((candidate) => !taken.some((other) => overlap(candidate, other)))
  }
  const far = (one: Layout, other: Layout) => Math.abs(one.x - other.x) + Math.abs(one.y - other.y) / 2
  fc.assert(
    fc.property(fc.array(place, { maxLength: 8 }), place, (others, asked) => {
      const taken = others.map((other) => inside(other, 12))
      const wanted = inside(asked, 12)
      const all = free(taken, wanted)
      expect(far(nearestFree(wanted, taken, 12), wanted)).toBe(
        Math.min(...all.map((each) => far(each, wanted))),
      )
      expect(firstFree(wanted, taken, 12)).toEqual(all[0])
    }),
  )
})

test('CL243 what is as large as a document can say is placed at once', () => {
  const vast = { x: 0, y: 0, w: 2 ** 31 - 1, h: 2 ** 31 - 1 }
  const columns = 2 ** 32 - 1
  expect(firstFree({ w: 6, h: 4 }, [vast], 24)).toEqual({ x: 0, y: vast.h, w: 6, h: 4 })
  expect(nearestFree(vast, [inside(vast, columns)], columns).y).toBe(MOST.h)
  const many = Array.from({ length: 400 }, (_, n) => inside({ x: n * 7, y: n * 1e6, w: 9, h: 2e9 }, columns))
  const began = performance.now()
  firstFree({ w: 6, h: 4 }, many, columns)
  nearestFree(vast, many, columns)
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('a free place stays, one that is taken moves as little as it can', () => {
  const taken = [{ x: 0, y: 0, w: 6, h: 4 }]
  expect(nearestFree({ x: 6, y: 0, w: 6, h: 4 }, taken, 12)).toEqual({ x: 6, y: 0, w: 6, h: 4 })
  expect(nearestFree({ x: 1, y: 0, w: 6, h: 4 }, taken, 12)).toEqual({ x: 1, y: 4, w: 6, h: 4 })
  expect(firstFree({ w: 6, h: 2 }, taken, 12)).toEqual({ x: 6, y: 0, w: 6, h: 2 })
  expect(firstFree({ w: 12, h: 2 }, taken, 12)).toEqual({ x: 0, y: 4, w: 12, h: 2 })
})

test('arrows move by a cell, with Shift they resize, and at the edge nothing happens', () => {
  const here = { x: 6, y: 4, w: 5, h: 3 }
  expect(byKey('ArrowLeft', false, here, 12)).toEqual({ how: 'move', place: { ...here, x: 5 } })
  expect(byKey('ArrowDown', false, here, 12)).toEqual({ how: 'move', place: { ...here, y: 5 } })
  expect(byKey('ArrowRight', true, here, 12)).toEqual({ how: 'resize', place: { ...here, w: 6 } })
  expect(byKey('ArrowUp', true, here, 12)).toEqual({ how: 'resize', place: { ...here, h: 2 } })
  expect(byKey('ArrowRight', true, { ...here, w: 6 }, 12)).toBeUndefined()
  expect(byKey('ArrowUp', false, { ...here, y: 0 }, 12)).toBeUndefined()
  expect(byKey('ArrowUp', true, { ...here, h: 1 }, 12)).toBeUndefined()
  expect(byKey('Enter', false, here, 12)).toBeUndefined()
})

test('places are counted from one when they are said', () => {
  expect(placeInWords('CPU', { x: 6, y: 4, w: 5, h: 3 })).toBe('CPU: column 7, row 5, 5 wide, 3 high')
})

test('the page scrolls along only near its edges, and faster the nearer', () => {
  expect(stepAt(400, 54, 800)).toBe(0)
  expect(stepAt(60, 54, 800)).toBeLessThan(stepAt(95, 54, 800))
  expect(stepAt(95, 54, 800)).toBeLessThan(0)
  expect(stepAt(799, 54, 800)).toBeGreaterThan(stepAt(760, 54, 800))
  expect(stepAt(5_000, 54, 800)).toBe(14)
})
