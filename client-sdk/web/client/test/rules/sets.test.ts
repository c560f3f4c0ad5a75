// RU3, RU10, RU11, RU26: what a rule set may say, and how much it may look at.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Automerge, ImmutableString, type Doc } from '../../src/automerge'
import { compileRules, judge, RuleError, type Fault } from '../../src/rules'
import { firstFree, liesWithin, meeting, meets, pushDown, type Rectangle } from '../../src/rules/geometry'

const DOCUMENT = '6gMHXjsZ5cxdn4qSbgGYYY8CnKK'

function docOf(value: Record<string, unknown>): Doc<unknown> {
  return Automerge.from(value)
}

function judged(value: Record<string, unknown>, rule: readonly object[]): ReturnType<typeof judge> {
  return judge(docOf(value), DOCUMENT, compileRules({ kind: 'board', rule }), 0)
}

function faultsOf(set: unknown): readonly Fault[] {
  try {
    compileRules(set)
    return []
  } catch (error) {
    if (error instanceof RuleError) return error.faults
    throw error
  }
}

describe('rule sets', () => {
  const rule = { id: 'r', predicate: 'required', over: 'items.*.title', message: 'm' }

  it('are refused with all that is wrong, each with its place', () => {
    const set = {
      kind: '',
      rule: [
        rule,
        rule,
        { ...rule, id: 'no id' },
        { ...rule, id: 'b', over: 'items..title' },
        { ...rule, id: 'c', message: '{title' },
        { ...rule, id: 'd', limit: 3 },
        { ...rule, id: 'e', proposals: ['clamp'] },
        { id: 'f', predicate: 'range', over: 'items.*.n', message: 'm', min: 3, max: 2 },
        { id: 'g', predicate: 'no_overlap', over: 'layout', message: 'm' },
        {
          id: 'h',
          predicate: 'no_overlap',
          over: 'i.*',
          message: 'm',
          columns: 0,
          proposals: ['first_free'],
        },
        { id: 'i', predicate: 'mutually_exclusive', over: 'i.*', message: 'm', fields: ['a', 'a.b'] },
        { id: 'j', predicate: 'max_items', over: 'i', message: '{title}', limit: { path: '*' } },
        { id: 'k', predicate: 'immutable', over: 'i', message: 'm' },
        'no rule',
      ],
    }
    expect(faultsOf(set).map(({ place, character }) => [place, character])).toEqual([
      ['kind', undefined],
      ['rule[1].id', undefined],
      ['rule[2].id', undefined],
      ['rule[3].over', 7],
      ['rule[4].message', 1],
      ['rule[5].limit', undefined],
      ['rule[6].proposals', undefined],
      ['rule[7].min', undefined],
      ['rule[8].over', undefined],
      ['rule[9].columns', undefined],
      ['rule[10].fields[1]', undefined],
      ['rule[11].limit.default', undefined],
      ['rule[11].message', 2],
      ['rule[12].over', undefined],
      ['rule[13]', undefined],
    ])
    expect(faultsOf(7).map(({ place }) => place)).toEqual(['$'])
    expect(faultsOf({ kind: 'board', rule: {} }).map(({ place }) => place)).toEqual(['rule'])
  })

  it('leave to the server what only a newer one knows', () => {
    const newer = [
      { ...rule, id: 'predicate', predicate: 'sorted' },
      { ...rule, id: 'member', beyond: 3 },
      { ...rule, id: 'severity', severity: 'fatal' },
      { ...rule, id: 'expression', predicate: 'cel', expr: 'true' },
    ]
    const known = { ...rule, proposals: ['guess'] }
    const { conflicts, undecided } = judged({ items: { a: {} } }, [...newer, known])
    expect(undecided).toEqual(newer.map(({ id }) => ({ rule: id, reason: 'judged_by_server' })))
    expect(conflicts.map(({ rule, proposals }) => [rule, proposals])).toEqual([['r', []]])
  })

  it('read a bounded number of places', () => {
    const over = (n: number): object => ({ ...rule, id: `r${n}`, over: `p${n}.*.x` })
    const set = (n: number): object => ({
      kind: 'board',
      rule: Array.from({ length: n }, (_, at) => over(at)),
    })
    expect(faultsOf(set(24))).toEqual([])
    expect(faultsOf(set(25)).map(({ place }) => place)).toEqual(['rule'])
  })
})

describe('bounds', () => {
  const heap = (items: number): Record<string, unknown> =>
    Object.fromEntries(
      Array.from({ length: items }, (_, n) => [String(n).padStart(4, '0'), { x: 0, y: 0, w: 1, h: 1 }]),
    )
  const apart = { id: 'apart', predicate: 'no_overlap', over: 'items.*', message: '{a.key} {b.key}' }

  it('list the first 200 conflicts of a rule and count the rest', () => {
    const { conflicts, beyond } = judged({ items: heap(21) }, [apart])
    expect(beyond).toEqual([{ rule: 'apart', conflicts: 10 }])
    expect(conflicts.length).toBe(200)
    expect(conflicts[0]?.subjects).toEqual(['0000', '0001'])
    expect(conflicts[199]?.subjects).toEqual(['0015', '0020'])
  })

  it('list 500 conflicts of a set, the first rules first', () => {
    const items = Object.fromEntries(
      Array.from({ length: 250 }, (_, n) => [`i${n}`, { a: 1, b: 1, c: 1, d: 1 }]),
    )
    const rules = ['a', 'b', 'c', 'd'].map((field) => ({
      id: field,
      predicate: 'range',
      over: `items.*.${field}`,
      max: 0,
      message: '{found}',
    }))
    const { conflicts, beyond } = judged({ items }, rules)
    expect(['a', 'b', 'c', 'd'].map((id) => conflicts.filter(({ rule }) => rule === id).length)).toEqual([
      200, 200, 100, 0,
    ])
    expect(beyond.map((rule) => rule.conflicts)).toEqual([50, 50, 150, 250])
  })

  it('leave undecided what is too much to compare, and what has no limit to be held against', () => {
    const wide = { id: 'wide', predicate: 'max_items', over: 'items', limit: 'columns', message: '{found}' }
    const { conflicts, undecided } = judged({ items: heap(720) }, [apart, wide])
    expect(undecided).toEqual([
      { rule: 'apart', reason: 'too_much_to_compare' },
      { rule: 'wide', reason: { no_limit: 'columns' } },
    ])
    expect(conflicts).toEqual([])
  })

  it('let all rules of a set together look at 500,000 items and pairs', () => {
    const rules = ['one', 'two', 'three', 'four'].map((id) => ({ ...apart, id }))
    const { undecided } = judged({ items: heap(700) }, rules)
    expect(undecided.map(({ rule }) => rule)).toEqual(['three', 'four'])
  })

  it('leave undecided what is too much to read', () => {
    const few = { id: 'few', predicate: 'max_items', over: 'rows', limit: 3, message: '{found}' }
    const { undecided } = judged({ rows: Array.from({ length: 200_001 }, () => 1) }, [few])
    expect(undecided).toEqual([{ rule: 'few', reason: 'too_much_to_read' }])
  })

  it('judge a view of an earlier state as it was', () => {
    const one = docOf({ items: { a: { title: new ImmutableString('x') } } })
    const heads = Automerge.getHeads(one)
    const two = Automerge.change(one, (draft) => {
      ;(draft as { items: Record<string, object> }).items['b'] = { title: new ImmutableString('x') }
    })
    const rules = compileRules({
      kind: 'board',
      rule: [{ id: 'titles', predicate: 'unique', over: 'items.*.title', message: '{values}' }],
    })
    expect(judge(two, DOCUMENT, rules, 0).conflicts.length).toBe(1)
    expect(judge(Automerge.view(two, heads), DOCUMENT, rules, 0).conflicts).toEqual([])
  })
})

describe('rectangles', () => {
  const side = fc.integer({ min: -2, max: 12 })
  const size = fc.integer({ min: -1, max: 8 })
  const rectangle = fc.record({ x: side, y: side, w: size, h: size })

  it('that meet are all found', () => {
    fc.assert(
      fc.property(fc.array(rectangle, { maxLength: 24 }), (all) => {
        const { pairs = [] } = meeting([...all.entries()], 10_000)
        const found = pairs.map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`).sort()
        const expected = all.flatMap((one, a) =>
          all.flatMap((other, b) => (a < b && meets(one, other) ? [`${a} ${b}`] : [])),
        )
        expect(found).toEqual(expected.sort())
      }),
    )
  })

  it('go where they are in nobody’s way, and there is no free place before', () => {
    fc.assert(
      fc.property(rectangle, fc.array(rectangle, { maxLength: 12 }), (own, others) => {
        const isFree = (place: Rectangle): boolean => !others.some((other) => meets(other, place))
        if (own.w > 0 && own.h > 0) expect(isFree(pushDown(own, own.y, others))).toBe(true)
        const place = firstFree(own, 12, others)
        expect(place !== undefined).toBe(own.w > 0 && own.h > 0 && own.w <= 12)
        if (!place) return
        expect(isFree(place) && liesWithin(place, 12)).toBe(true)
        for (let y = 0; y <= place.y; y += 1) {
          for (let x = 0; x < (y < place.y ? 12 : place.x); x += 1) {
            const earlier = { ...own, x, y }
            expect(isFree(earlier) && liesWithin(earlier, 12)).toBe(false)
          }
        }
      }),
    )
  })
})
