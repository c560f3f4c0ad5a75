// Points that are added here are kept as the server keeps them.

import fc from 'fast-check'
import { beforeEach, afterEach, expect, test, vi } from 'vitest'
import type { Point, Retention, WidgetDataStore } from '../../src/types'
import { POINTS_KEPT, POINTS_REMOVED_MAX } from '../../src/generated/constants'
import { codeOf, offline } from '../live/tabs'
import { Device } from '../live/tab'
import type { Environment } from '../../src/environment'

const NOW_MS = 1_800_000_000_000
const still: Partial<Environment> = { now: () => NOW_MS }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const dovetail = () =>
  offline(new Device(), { storage: { kind: 'memory' }, limits: { pendingChangesMax: 50_000 } }, still)

function series(retention: unknown, points: readonly unknown[] = []): WidgetDataStore {
  const made = dovetail().createWidgetData('points')
  made.change('Set it up', (draft) => {
    const data = draft as unknown as { retention: unknown; points: unknown[] }
    data.retention = retention
    data.points.push(...points)
  })
  return made
}

function seen(store: WidgetDataStore): readonly Point[] {
  const state = store.getState()
  if (state.status !== 'ready') throw new Error(`it is ${state.status}`)
  return state.value.points
}

/** What a series holds after all these: sorted, the last of equal times, cut to the window. */
function expected(posted: readonly Point[], { points, seconds }: Partial<Retention>): Point[] {
  const sorted = [...new Map(posted.map((point) => [point.t, point])).values()].sort((a, b) => a.t - b.t)
  const oldest = seconds === undefined ? -Infinity : NOW_MS - seconds * 1_000
  const fresh = sorted.filter(({ t }) => t >= oldest)
  return points === undefined ? fresh : fresh.slice(-points)
}

test('CL192 in whatever order and batches points come, one sorted list that is cut to the window is there', () => {
  const point = fc.record({
    t: fc.integer({ min: -40, max: 40 }).map((seconds) => NOW_MS + seconds * 1_000),
    v: fc.option(fc.integer(), { nil: null }),
  })
  const window = fc.record(
    { points: fc.integer({ min: 1, max: 30 }), seconds: fc.integer({ min: 1, max: 60 }) },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.array(fc.array(point, { maxLength: 12 }), { maxLength: 8 }),
      window,
      (batches, retention) => {
        const store = series({ ...retention })
        for (const batch of batches) {
          const { pending } = store.saving.getState()
          store.addPoints(batch)
          expect(store.saving.getState().pending).toBeLessThanOrEqual(pending + 1)
        }
        expect(seen(store)).toEqual(expected(batches.flat(), retention))
      },
    ),
    { numRuns: 60 },
  )
})

test('CL192 what leaves does so with the same change, and of what would leave at once nothing is written', () => {
  const store = series({ points: 2, seconds: 60 })
  store.addPoints([1, 2].map((n) => ({ t: NOW_MS - n * 1_000, v: n })))
  const before = store.saving.getState().pending
  store.addPoints([{ t: NOW_MS - 30_000, v: 30 }])
  store.addPoints([{ t: NOW_MS - 90_000, v: 90 }])
  store.addPoints([{ t: NOW_MS - 1_000, v: 1 }])
  expect(store.saving.getState().pending).toBe(before)
  store.addPoints([{ t: NOW_MS, v: 0 }])
  expect(store.saving.getState().pending).toBe(before + 1)
  expect(seen(store).map(({ v }) => v)).toEqual([1, 0])
})

test('CL192 what retention does not say, or cannot be read of it, counts as absent', () => {
  // How odd ones are read is in the vectors of the core.
  const many = Array.from({ length: POINTS_KEPT }, (_, t) => ({ t, v: 1 }))
  const store = series({ points: 0, seconds: 'many' }, many)
  store.addPoints([{ t: POINTS_KEPT, v: 1 }])
  expect([seen(store).length, seen(store)[0]?.t]).toEqual([POINTS_KEPT, 1])
})

test('CL192 one change removes no more than that of the server, and what is no point stays', () => {
  const many = Array.from({ length: POINTS_REMOVED_MAX + 5 }, (_, t) => ({ t, v: 1 }))
  const store = series({ points: 1 }, ['no point', ...many])
  store.addPoints([{ t: 1_000_000, v: 2 }])
  expect(seen(store).length).toBe(6)
  store.addPoints([{ t: 1_000_001, v: 3 }])
  expect(seen(store)).toEqual([{ t: 1_000_001, v: 3 }])
  expect((store.exportJson() as { points: unknown[] }).points[0]).toBe('no point')
})

test('CL192 what is no point is refused, and nothing is added', async () => {
  const store = series({})
  for (const point of [
    { t: 1.5, v: 1 },
    { t: 9e15, v: 1 },
    { t: 1, v: NaN },
    { t: NaN, v: 1 },
  ]) {
    expect(await codeOf(() => store.addPoints([{ t: 1, v: 1 }, point]))).toBe('bad_edit')
  }
  expect(seen(store)).toEqual([])
})
