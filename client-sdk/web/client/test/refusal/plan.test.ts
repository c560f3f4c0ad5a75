// What becomes of a document in which a change is refused, edit by edit.

import { describe, expect, test } from 'vitest'
import { Automerge, Counter, ImmutableString, type Doc } from '../../src/automerge'
import { plain } from '../../src/document/plain'
import { emptyLedger, type Ledger } from '../../src/refusal/ledger'
import { isRefusedIn, plan, type Case, type Rejected } from '../../src/refusal/plan'
import { messagesOf } from '../world/tab'

interface Board {
  title: ImmutableString
  count: Counter
  text: string
  list: unknown[]
  map: Record<string, unknown>
  bad?: unknown
  [more: string]: unknown
}

let made = 0
const unique = () => (++made).toString(16).padStart(32, '0')

function board(): Doc<Board> {
  return Automerge.from<Record<string, unknown>>({
    title: new ImmutableString('first'),
    count: new Counter(1),
    text: 'abc',
    list: ['x', 'y'],
    map: { kept: 1 },
  }) as unknown as Doc<Board>
}

function edit(doc: Doc<Board>, label: string, change: (draft: Board) => void): Doc<Board> {
  return Automerge.change(doc, { message: label, time: 7 }, change)
}

const head = (doc: Doc<unknown>) => Automerge.getHeads(doc)[0] ?? ''

function given(doc: Doc<unknown>, more: Partial<Case> = {}): Case {
  return {
    doc,
    waiting: [],
    ledger: emptyLedger,
    rejected: undefined,
    held: undefined,
    nowMs: 1_000,
    newActor: unique,
    mayRemake: () => true,
    ...more,
  }
}

function rejected(...changes: string[]): Rejected {
  return { changes, code: 'path_forbidden', reason: 'not there', setAside: true, atMs: 1_000 }
}

/** What becomes of a board on which `bad` is done and refused, and then `after`. */
function without(bad: (draft: Board) => void, after: (draft: Board) => void) {
  const before = edit(board(), 'bad', bad)
  const doc = edit(before, 'after', after)
  const planned = plan(given(doc, { rejected: rejected(head(before)) }))
  if (!planned.doc) throw new Error('nothing was done')
  return {
    doc: planned.doc as Doc<Board>,
    shown: plain(planned.doc) as Record<string, unknown>,
    edit: [...planned.ledger.edits.values()][0]!,
    ledger: planned.ledger,
  }
}

describe('a document without what was refused', () => {
  test('CL40 everything before and beside it stays, with its hashes', () => {
    const first = edit(board(), 'first', (draft) => draft.count.increment(1))
    const bad = edit(Automerge.clone(first), 'bad', (draft) => (draft.bad = 1))
    const beside = edit(Automerge.clone(first), 'beside', (draft) => (draft.text = 'abcd'))
    const both = Automerge.merge(Automerge.clone(bad), beside)
    const { doc, ledger } = plan(given(both, { rejected: rejected(head(bad)) }))
    expect(Automerge.getHeads(doc!)).toEqual(Automerge.getHeads(beside))
    expect([...ledger.edits.values()]).toMatchObject([
      { code: 'path_forbidden', reason: 'not there', labels: ['bad'], remade: 0, lost: 0, setAside: true },
    ])
    expect([...ledger.edits.values()][0]?.patch).toEqual([{ op: 'add', path: '/bad', value: 1 }])
  })

  test('CL40 what waits in it for what it builds on waits there still, as nobody sends it again', () => {
    const first = board()
    const bad = edit(Automerge.clone(first), 'bad', (draft) => (draft.bad = 1))
    let there = Automerge.clone(first)
    const [one, two, , four] = ['one', 'two', 'three', 'four'].map((label) => {
      there = edit(there, label, (draft) => draft.count.increment(1))
      return Automerge.getLastLocalChange(there)!
    })
    const [doc] = Automerge.applyChanges(bad, [two!, four!])
    expect(messagesOf(doc)).toEqual(['bad'])
    const planned = plan(given(doc, { rejected: rejected(head(doc)) }))
    const [after] = Automerge.applyChanges(planned.doc!, [one!])
    expect(messagesOf(after)).toEqual(['one', 'two'])
    // While nothing has to go, what waits is no reason to do anything.
    expect(Automerge.getMissingDeps(after, [])).toHaveLength(1)
    expect(plan(given(after, { ledger: planned.ledger })).doc).toBeUndefined()
  })

  test('CL40 what it does next is made by a new actor', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const { doc } = plan(given(bad, { rejected: rejected(head(bad)) }))
    expect(Automerge.getActorId(doc!)).not.toBe(Automerge.getActorId(bad))
    const next = edit(doc as Doc<Board>, 'next', (draft) => draft.count.increment(1))
    expect(messagesOf(next)).toEqual(['next'])
  })

  test('CL40 where all of it is refused nothing is left', () => {
    const doc = board()
    const planned = plan(given(doc, { rejected: rejected(head(doc)) }))
    expect(plain(planned.doc)).toEqual({})
  })

  test('CL40 a refused change that is not here changes nothing here, and is known when it comes', () => {
    const doc = board()
    const bad = edit(Automerge.clone(doc), 'bad', (draft) => (draft.bad = 1))
    const planned = plan(given(doc, { rejected: rejected(head(bad)) }))
    expect(planned.doc).toBeUndefined()
    expect(isRefusedIn(doc, [], planned.ledger)).toBe(false)
    expect(isRefusedIn(bad, Automerge.getHeads(doc), planned.ledger)).toBe(true)
    expect(Automerge.getHeads(plan(given(bad, { ledger: planned.ledger })).doc!)).toEqual(
      Automerge.getHeads(doc),
    )
  })

  test('CL41 the message and the time of what is made anew are those of the edit', () => {
    const { doc } = without(
      (draft) => (draft.bad = 1),
      (draft) => draft.count.increment(2),
    )
    expect(Automerge.getChangesMetaSince(doc, []).at(-1)).toMatchObject({ message: 'after', time: 7 })
  })

  const inc = (draft: Board) => draft.count.increment(5)
  test.each<[string, (draft: Board) => void, (draft: Board) => void, Record<string, unknown>]>([
    ['a counter counts once', (d) => d.count.increment(100), inc, { count: 6 }],
    [
      'text keeps its place though text before it goes',
      (d) => Automerge.splice(d, ['text'], 0, 0, 'refused '),
      (d) => Automerge.splice(d, ['text'], 10, 1, 'B!'),
      { text: 'abB!' },
    ],
    [
      'text that was put into refused text stays where that was',
      (d) => Automerge.splice(d, ['text'], 1, 0, '<>'),
      (d) => Automerge.splice(d, ['text'], 2, 0, 'in'),
      { text: 'ainbc' },
    ],
    [
      'text that was deleted by what is refused is back, beside what was written in its place',
      (d) => Automerge.splice(d, ['text'], 0, 3, ''),
      (d) => Automerge.splice(d, ['text'], 0, 0, 'new'),
      { text: 'newabc' },
    ],
    [
      'an item is put behind the same item',
      (d) => d.list.unshift('bad'),
      (d) => d.list.splice(2, 0, 'z'),
      { list: ['x', 'z', 'y'] },
    ],
    [
      'an item behind a refused one takes its place',
      (d) => d.list.push('bad'),
      (d) => d.list.push('z'),
      { list: ['x', 'y', 'z'] },
    ],
    [
      'an item is deleted, and not the one that now has its number',
      (d) => d.list.unshift('bad'),
      (d) => d.list.splice(1, 1),
      { list: ['y'] },
    ],
    ['an item is replaced', (d) => d.list.unshift('bad'), (d) => (d.list[2] = 'Y'), { list: ['x', 'Y'] }],
    [
      'to take back what is refused needs no doing',
      (d) => (d.map['bad'] = 1),
      (d) => delete d.map['bad'],
      { map: { kept: 1 } },
    ],
    [
      'a member is replaced that was replaced by what is refused',
      (d) => (d.title = new ImmutableString('refused')),
      (d) => (d.title = new ImmutableString('good')),
      { title: 'good' },
    ],
    [
      'a member is deleted that was replaced by what is refused',
      (d) => (d.map['kept'] = 2),
      (d) => delete d.map['kept'],
      { map: {} },
    ],
    [
      'a member is set that was deleted by what is refused',
      (d) => delete d.map['kept'],
      (d) => (d.map['kept'] = 3),
      { map: { kept: 3 } },
    ],
    [
      'an object is made with all that is in it',
      (d) => (d.bad = 1),
      (d) =>
        (d.map['widget'] = {
          at: [1, { x: new Counter(3) }],
          text: 'plain',
          label: new ImmutableString('L'),
        }),
      { map: { kept: 1, widget: { at: [1, { x: 3 }], text: 'plain', label: 'L' } } },
    ],
  ])('CL42 %s', (_, bad, after, expected) => {
    const { doc, shown, edit } = without(bad, after)
    expect(shown).toMatchObject(expected)
    for (const key of Object.keys(expected)) expect(shown[key]).toEqual(expected[key])
    expect(edit.lost).toBe(0)
    expect(Automerge.getConflicts(doc, 'title')).toBeUndefined()
    expect(Automerge.getConflicts(doc.map, 'kept')).toBeUndefined()
  })

  test('CL42 scalar strings stay scalar strings, and text stays text that merges', () => {
    const { doc } = without(
      (draft) => (draft.bad = 1),
      (draft) => {
        draft.title = new ImmutableString('second')
        draft.map['note'] = 'text'
      },
    )
    expect(doc.title).toBeInstanceOf(ImmutableString)
    const other = edit(Automerge.clone(doc), 'other', (draft) =>
      Automerge.splice(draft, ['map', 'note'], 0, 0, '1'),
    )
    const mine = edit(doc, 'mine', (draft) => Automerge.splice(draft, ['map', 'note'], 4, 0, '2'))
    expect(Automerge.merge(mine, other).map['note']).toBe('1text2')
  })

  test('CL42 what others did at the same time merges as before', () => {
    const base = board()
    const bad = edit(Automerge.clone(base), 'bad', (draft) => draft.list.unshift('bad'))
    const after = edit(bad, 'after', (draft) => {
      draft.count.increment(2)
      draft.list.splice(2, 0, 'mine')
    })
    const theirs = edit(Automerge.clone(base), 'theirs', (draft) => {
      draft.count.increment(3)
      draft.list.splice(1, 0, 'theirs')
    })
    const { doc } = plan(given(Automerge.merge(after, theirs), { rejected: rejected(head(bad)) }))
    expect(plain(doc)).toMatchObject({ count: 6 })
    expect([...(doc as Doc<Board>).list].sort()).toEqual(['mine', 'theirs', 'x', 'y'])
    expect(Automerge.getChangesMetaSince(doc!, []).at(-1)?.deps).toEqual(Automerge.getHeads(base))
  })

  test('CL42 marks of a text stay on the same letters', () => {
    const { doc } = without(
      (draft) => Automerge.splice(draft, ['text'], 0, 0, 'refused '),
      (draft) => Automerge.mark(draft, ['text'], { start: 9, end: 10, expand: 'none' }, 'bold', true),
    )
    expect(Automerge.marks(doc, ['text'])).toEqual([{ name: 'bold', value: true, start: 1, end: 2 }])
  })

  test('CL43 what is done to what was refused is lost, is counted, and its patch is kept', () => {
    const { shown, edit } = without(
      (draft) => (draft.map['refused'] = { x: 1 }),
      (draft) => ((draft.map['refused'] as Record<string, unknown>)['y'] = 2),
    )
    expect(shown['map']).toEqual({ kept: 1 })
    expect(edit).toMatchObject({ remade: 0, lost: 1 })
    expect(edit.patch).toEqual([{ op: 'add', path: '/map/refused', value: { x: 1, y: 2 } }])
  })

  test('CL43 of an edit of which some is lost the rest is made anew', () => {
    const { shown, edit } = without(
      (draft) => (draft.map['refused'] = { x: 1 }),
      (draft) => {
        ;(draft.map['refused'] as Record<string, unknown>)['y'] = 2
        draft.map['other'] = 3
      },
    )
    expect(shown['map']).toEqual({ kept: 1, other: 3 })
    expect(edit).toMatchObject({ remade: 0, lost: 1 })
  })

  test('CL43 counting what was refused is lost, and counts nothing else', () => {
    const { shown, edit } = without(
      (draft) => (draft.count = new Counter(50)),
      (draft) => draft.count.increment(1),
    )
    expect(shown['count']).toBe(1)
    expect(edit.lost).toBe(1)
  })

  test('CL43 what JavaScript cannot write again is lost: bytes, and whole numbers beyond its own', () => {
    const { shown, edit } = without(
      (draft) => (draft.bad = 1),
      (draft) => (draft.map['bytes'] = new Uint8Array([1])),
    )
    expect(shown['map']).toEqual({ kept: 1 })
    expect(edit.lost).toBe(1)
  })

  test('CL44 edits of several people on top of it keep their order, each by a new actor', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const one = edit(Automerge.clone(bad), 'one', (draft) => draft.list.push('1'))
    const two = edit(Automerge.clone(bad), 'two', (draft) => draft.list.push('2'))
    const both = edit(Automerge.merge(Automerge.clone(one), two), 'both', (draft) => (draft.list[3] = '!'))
    const last = edit(both, 'last', (draft) => draft.list.push('3'))
    const { doc, ledger } = plan(given(last, { rejected: rejected(head(bad)) }))
    expect(messagesOf(doc!).sort()).toEqual(['both', 'last', 'one', 'two'])
    expect([...(doc as Doc<Board>).list].sort()).toEqual([...last.list].sort())
    expect([...ledger.edits.values()][0]).toMatchObject({ remade: 4, lost: 0 })
  })

  test('CL44 what the ledger says was made anew is not made anew again', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const after = edit(bad, 'after', (draft) => draft.count.increment(5))
    const first = plan(given(after, { rejected: rejected(head(bad)) }))
    const late = edit(Automerge.clone(after), 'late', (draft) => draft.count.increment(7))
    const second = plan(given(late, { ledger: first.ledger }))
    expect(messagesOf(second.doc!)).toEqual(['after', 'late'])
    expect((second.doc as Doc<Board>).count.value).toBe(13)
    expect(Automerge.getHeads(first.doc!)).toEqual(
      Automerge.getChangesMetaSince(second.doc!, []).at(-1)?.deps,
    )
    expect([...second.ledger.edits.values()][0]).toMatchObject({ remade: 2, lost: 0 })
  })

  test('CL44 what was made anew can be refused for itself, and what is on it is made anew once more', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const worse = edit(bad, 'worse', (draft) => (draft.bad = 2))
    const good = edit(worse, 'good', (draft) => draft.count.increment(5))
    const first = plan(given(good, { rejected: rejected(head(bad)) }))
    const [, worseAgain] = Automerge.getChangesMetaSince(first.doc!, [])
    const second = plan(given(first.doc!, { ledger: first.ledger, rejected: rejected(worseAgain!.hash) }))
    expect(messagesOf(second.doc!)).toEqual(['good'])
    // Another tab that still has the first edits comes to the same.
    const third = plan(given(good, { ledger: second.ledger }))
    expect(Automerge.getHeads(third.doc!)).toEqual(Automerge.getHeads(second.doc!))
  })

  test('CL44 an edit that waits for one that is gone is made anew from what the ledger has', () => {
    const bad = edit(board(), 'bad', (draft) => draft.list.unshift('bad'))
    const after = edit(bad, 'after', (draft) => draft.list.push('1'))
    const first = plan(given(after, { rejected: rejected(head(bad)) }))
    const late = edit(Automerge.clone(after), 'late', (draft) => draft.list.splice(4, 0, '2'))
    const waiting = [Automerge.getLastLocalChange(late)!]
    const second = plan(given(first.doc!, { ledger: first.ledger, waiting }))
    expect((second.doc as Doc<Board>).list).toEqual(['x', 'y', '1', '2'])
    expect(messagesOf(second.doc!)).toEqual(['after', 'late'])
  })

  test('CL45 what the server has is refused no more, whatever it said before', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const after = edit(bad, 'after', (draft) => draft.count.increment(5))
    const planned = plan(given(after, { rejected: rejected(head(bad)), held: Automerge.getHeads(bad) }))
    expect(planned.doc).toBeUndefined()
    expect(planned.ledger.refused.size).toBe(0)
    const again = plan(given(after, { ledger: planned.ledger, rejected: rejected(head(bad)) }))
    expect(again.doc).toBeUndefined()
  })

  test('CL46 what only builds on a refused change is not refused for itself', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const after = edit(bad, 'after', (draft) => draft.count.increment(5))
    const onRefused = { ...rejected(head(after)), code: 'depends_on_refused' }
    expect(plan(given(after, { rejected: onRefused }))).toMatchObject({ doc: undefined, ledger: emptyLedger })
  })

  test('CL46 what is not ours to make anew goes, and is told', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const theirs = edit(Automerge.clone(bad), 'theirs', (draft) => draft.list.push('1'))
    const ours = edit(Automerge.clone(bad), 'ours', (draft) => draft.list.push('2'))
    const doc = Automerge.merge(Automerge.clone(ours), theirs)
    const mayRemake = (actor: string) => actor === Automerge.getActorId(ours)
    const planned = plan(given(doc, { rejected: rejected(head(bad)), mayRemake }))
    expect(planned.left).toBe(1)
    expect(messagesOf(planned.doc!)).toEqual(['ours'])
  })

  test('CL46 said twice, it is told once', () => {
    const bad = edit(board(), 'bad', (draft) => (draft.bad = 1))
    const first = plan(given(bad, { rejected: rejected(head(bad)) }))
    const second = plan(given(first.doc!, { ledger: first.ledger, rejected: rejected(head(bad)) }))
    expect(second.doc).toBeUndefined()
    expect(second.ledger).toBe(first.ledger)
  })

  test('CL40 a chain of thousands of refused edits goes as one, and is one refused edit', () => {
    let doc = board()
    for (let at = 0; at < 3_000; at++) doc = edit(doc, `edit ${at}`, (draft) => (draft.map['n'] = at))
    const all = Automerge.getChangesMetaSince(doc, [])
      .slice(1)
      .map(({ hash }) => hash)
    const { ledger, doc: clean } = plan(given(doc, { rejected: rejected(...all) }))
    expect(plain(clean)).toMatchObject({ map: { kept: 1 } })
    const [only, ...more] = [...ledger.edits.values()]
    expect(more).toEqual([])
    expect(only!.labels).toHaveLength(100)
    expect((ledger satisfies Ledger).refused.size).toBe(3_000)
  })
})
