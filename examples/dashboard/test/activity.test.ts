import type { HistoryGroup } from '@dovetail/client'
import { describe, expect, it } from 'vitest'
import { fold, NO_WIDGET, ROWS_MAX, widgetsIn, type Folding } from '../src/activity/fold'

const HOUR = 3_600_000
const NOW = new Date(2026, 5, 10, 14, 30).getTime()

function group(more: Partial<HistoryGroup> = {}): HistoryGroup {
  return {
    heads: ['aa'],
    fromMs: NOW,
    toMs: NOW,
    author: 'ana',
    mine: false,
    changes: 1,
    messages: [],
    messagesLeftOut: 0,
    ...more,
  }
}

const by = (more: Partial<Folding> = {}): Folding => ({
  span: 'day',
  of: 'person',
  nowMs: NOW,
  titles: [],
  name: (one) => (one.mine ? 'You' : (one.author ?? 'Somebody')),
  ...more,
})

describe('activity', () => {
  it('has 24 hours in a day, the last of them with now in it', () => {
    const { stretches } = fold([], by())
    expect(stretches).toHaveLength(24)
    expect(stretches.at(-1)).toEqual({
      fromMs: new Date(2026, 5, 10, 14).getTime(),
      toMs: new Date(2026, 5, 10, 15).getTime(),
    })
    for (const [at, stretch] of stretches.entries()) {
      if (at > 0) expect(stretch.fromMs).toBe(stretches[at - 1]?.toMs)
    }
  })

  it('counts every change once, whoever did most first', () => {
    const { rows, total, most } = fold(
      [
        group({ changes: 2 }),
        group({ author: 'bo', changes: 7, fromMs: NOW - 2 * HOUR, toMs: NOW }),
        group({ mine: true, author: 'me', changes: 1 }),
      ],
      by(),
    )
    expect(rows.map(({ label, total }) => [label, total])).toEqual([
      ['bo', 7],
      ['ana', 2],
      ['You', 1],
    ])
    expect(rows[0]?.cells.slice(-3)).toEqual([2, 2, 3])
    expect(total).toBe(10)
    expect(most).toBe(3)
  })

  it('leaves out what is older than what is shown', () => {
    const old = group({ fromMs: NOW - 40 * HOUR, toMs: NOW - 39 * HOUR, changes: 5 })
    expect(fold([old], by()).total).toBe(0)
    expect(fold([old], by({ span: 'week' })).total).toBe(5)
  })

  it('reaches back to the oldest change when all is shown, in few stretches', () => {
    for (const hours of [1, 30, 500, 9_000, 200_000]) {
      const oldest = NOW - hours * HOUR
      const { stretches, total } = fold([group({ fromMs: oldest, toMs: oldest })], by({ span: 'all' }))
      expect(stretches.length).toBeLessThanOrEqual(29)
      expect(stretches[0]?.fromMs).toBeLessThanOrEqual(oldest)
      expect(stretches.at(-1)?.toMs).toBeGreaterThan(NOW)
      expect(total).toBe(1)
    }
  })

  it('leaves out the first change, which nobody made at any time', () => {
    const first = group({ fromMs: 0, toMs: 0, author: undefined })
    const { total, stretches } = fold([group(), first], by({ span: 'all' }))
    expect(total).toBe(1)
    expect((stretches[0]?.fromMs ?? 0) > NOW - 60 * HOUR).toBe(true)
  })

  it('counts what comes from a clock that is ahead as now', () => {
    const { rows } = fold([group({ fromMs: NOW + 5 * HOUR, toMs: NOW + 5 * HOUR })], by())
    expect(rows[0]?.cells.at(-1)).toBe(1)
  })

  it('has a row for each widget that the words name', () => {
    const messages = ['Moved “CPU”', 'Changed unit of “CPU”', 'Called the dashboard “CPU”', 'Added “RAM”']
    expect([...widgetsIn({ messages, changes: 4 }, [])]).toEqual([
      ['CPU', 2],
      [NO_WIDGET, 1],
      ['RAM', 1],
    ])
    expect([...widgetsIn({ messages: [], changes: 3 }, [])]).toEqual([[NO_WIDGET, 3]])
    expect(fold([group({ messages })], by({ of: 'widget' })).rows.map((row) => row.label)).toEqual([
      'CPU',
      'RAM',
      NO_WIDGET,
    ])
  })

  it('finds a widget by its title where nothing is quoted, the longest that fits', () => {
    const messages = ['Move CPU load', 'Move CPU', 'Renamed “RAM” to “CPU”', 'Tick “Buy disks”']
    expect([...widgetsIn({ messages, changes: 4 }, ['CPU', 'CPU load', ''])]).toEqual([
      ['CPU load', 1],
      ['CPU', 2],
      [NO_WIDGET, 1],
    ])
  })

  it('puts those that did least into one row when there are many', () => {
    const many = Array.from({ length: 20 }, (_, n) => group({ author: `p${n}`, changes: n + 1 }))
    const { rows, total } = fold(many, by())
    expect(rows).toHaveLength(ROWS_MAX)
    expect(rows.at(-1)?.label).toBe('9 others')
    expect(total).toBe(210)
  })
})
