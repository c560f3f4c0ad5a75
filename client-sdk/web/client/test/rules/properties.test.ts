// RU5, RU12, RU14: whatever people do while apart, every replica finds the same conflicts, in every order of arrival.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Automerge, ImmutableString, type Doc } from '../../src/automerge'
import { compileRules, judge, settle, type Judgement } from '../../src/rules'

const DOCUMENT = '6gMHXjsZ5cxdn4qSbgGYYY8CnKK'
const NOW = 1_700_000_000_000

const RULES = compileRules({
  kind: 'board',
  rule: [
    {
      id: 'apart',
      predicate: 'no_overlap',
      over: 'items.*.layout',
      within: 'group',
      columns: { path: 'columns', default: 6 },
      message: '{a.title} and {b.title}',
      proposals: ['push_down', 'first_free'],
    },
    {
      id: 'inside',
      predicate: 'in_bounds',
      over: 'items.*.layout',
      columns: { path: 'columns', default: 6 },
      message: '{title} in {limit}',
      proposals: ['clamp'],
    },
    {
      id: 'titles',
      predicate: 'unique',
      over: 'items.*.title',
      message: '{values}',
      proposals: ['number_title'],
    },
    {
      id: 'parents',
      predicate: 'reference_exists',
      over: 'items.*.group',
      in: 'items',
      message: '{found}',
      proposals: ['clear_reference'],
    },
    { id: 'few', predicate: 'max_items', over: 'items', limit: 2, message: '{found}' },
    { id: 'named', predicate: 'required', over: 'items.*.title', message: '{key}' },
    {
      id: 'load',
      predicate: 'range',
      over: 'items.*.limit',
      min: 1,
      max: 'columns',
      message: '{found} {limit}',
      proposals: ['clamp'],
    },
    { id: 'kinds', predicate: 'one_of', over: 'items.*.kind', values: ['x'], message: '{found}' },
    { id: 'sum', predicate: 'sum_at_most', over: 'items.*.limit', limit: 3, message: '{found}' },
    {
      id: 'either',
      predicate: 'mutually_exclusive',
      over: 'items.*',
      fields: ['kind', 'limit'],
      message: '{values}',
      proposals: ['unset_later'],
    },
    {
      id: 'kept',
      predicate: 'immutable',
      over: 'items.*.kind',
      message: '{limit} {found}',
      proposals: ['keep_earlier'],
    },
    {
      id: 'once',
      predicate: 'exclusive_field',
      over: 'items.*.limit',
      message: '{values}',
      proposals: ['keep_earlier', 'keep_later'],
    },
  ],
})

interface Board {
  columns?: number
  items: Record<string, Record<string, unknown>>
}

type Edit = (draft: Board) => void

/** What somebody does. */
type Act =
  | { readonly act: 'edit'; readonly who: number; readonly edit: Edit }
  | { readonly act: 'merge'; readonly who: number; readonly from: number }

const key = fc.constantFrom('a', 'b', 'c')
const cells = fc.integer({ min: -1, max: 6 })
const value = fc.oneof(
  cells,
  fc.constantFrom(0.5, null),
  fc.constantFrom('', 'x', 'b').map((word) => new ImmutableString(word)),
  fc.constant('typed'),
  fc.constant({ rows: [1, 2] }),
)

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .record({ name: key, x: cells, y: cells, title: fc.constantFrom('x', 'y') })
    .map(({ name, x, y, title }): Edit => (draft) => {
      draft.items[name] = { title: new ImmutableString(title), kind: 1, layout: { x, y, w: 3, h: 2 } }
    }),
  key.map((name): Edit => (draft) => {
    delete draft.items[name]
  }),
  fc
    .record({ name: key, member: fc.constantFrom('title', 'group', 'limit', 'kind'), value })
    .map(({ name, member, value }): Edit => (draft) => {
      const item = draft.items[name]
      if (item)
        item[member] = typeof value === 'object' && value && 'rows' in value ? { rows: [1, 2] } : value
    }),
  fc
    .record({ name: key, member: fc.constantFrom('x', 'y', 'w', 'h'), value: cells })
    .map(({ name, member, value }): Edit => (draft) => {
      const layout = draft.items[name]?.['layout'] as Record<string, number> | undefined
      if (layout) layout[member] = value
    }),
  fc.option(cells, { nil: undefined }).map((columns): Edit => (draft) => {
    if (columns === undefined) delete draft.columns
    else draft.columns = columns
  }),
)

const who = fc.integer({ min: 0, max: 2 })
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant('edit' as const), who, edit }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('merge' as const), who, from: who }) },
)

const acts = fc.array(act, { minLength: 4, maxLength: 24, size: 'max' })

function start(): Doc<Board>[] {
  const first = Automerge.change(Automerge.init<Board>({ actor: '01'.repeat(16) }), (draft) => {
    draft.columns = 6
    draft.items = { a: { title: new ImmutableString('x'), layout: { x: 0, y: 0, w: 3, h: 2 } } }
  })
  return [first, ...['02', '03'].map((actor) => Automerge.clone(first, { actor: actor.repeat(16) }))]
}

function done(doc: Doc<Board>, act: Act, all: readonly Doc<Board>[]): Doc<Board> {
  switch (act.act) {
    case 'edit':
      return Automerge.change(doc, { time: 0 }, act.edit)
    case 'merge':
      return act.from === act.who ? doc : Automerge.merge(doc, Automerge.clone(all[act.from]!))
  }
}

/** What is found in a copy that remembers nothing. */
function fresh(doc: Doc<unknown>): Judgement {
  return judge(Automerge.load(Automerge.save(doc)), DOCUMENT, RULES, NOW)
}

describe('whatever people do', () => {
  it('is judged alike by everybody, in any order of arrival', () => {
    let found = 0
    fc.assert(
      fc.property(acts, (all) => {
        const docs = start()
        for (const one of all) {
          docs[one.who] = done(docs[one.who]!, one, docs)
          // What was remembered from the state before must not show.
          expect(judge(docs[one.who]!, DOCUMENT, RULES, NOW)).toEqual(fresh(docs[one.who]!))
        }
        const orders = [
          [0, 1, 2],
          [2, 0, 1],
          [1, 2, 0],
        ]
        const judged = orders.map(([first, ...others]) => {
          const merged = others.reduce(
            (doc, other) => Automerge.merge(doc, Automerge.clone(docs[other]!)),
            Automerge.clone(docs[first!]!),
          )
          return judge(merged, DOCUMENT, RULES, NOW)
        })
        expect(judged[1]).toEqual(judged[0])
        expect(judged[2]).toEqual(judged[0])
        found += judged[0]!.conflicts.length
      }),
      { numRuns: 60 },
    )
    expect(found).toBeGreaterThan(120)
  })

  it('can be settled by what is offered, and then that very conflict is gone', () => {
    let settled = 0
    fc.assert(
      fc.property(acts, (all) => {
        const docs = start()
        for (const one of all) docs[one.who] = done(docs[one.who]!, one, docs)
        const doc = Automerge.merge(docs[0]!, docs[1]!)
        for (const { id, proposals } of judge(doc, DOCUMENT, RULES, NOW).conflicts) {
          for (const { name } of proposals) {
            const decided = settle(Automerge.clone(doc), DOCUMENT, RULES, id, name, undefined, NOW)
            if (!decided.decided) throw new Error(decided.message)
            const after = judge(decided.doc, DOCUMENT, RULES, NOW)
            expect(after.conflicts.map((conflict) => conflict.id)).not.toContain(id)
            settled += 1
          }
        }
      }),
      { numRuns: 30 },
    )
    expect(settled).toBeGreaterThan(10)
  })
})
