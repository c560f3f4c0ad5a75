// A new value over an old one: read back it is the new one, and nothing is written where it was there.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Automerge, Counter, ImmutableString, type Doc } from '../../src/automerge'
import { assign, assignRoot, type Draft } from '../../src/document/assign'
import { difference } from '../../src/document/difference'
import { plain, samePlain, type Plain, type PlainObject } from '../../src/document/plain'
import { writeToDraft, writeToPlain, type Write } from '../../src/document/writes'
import { patched } from './patched'
import { documentOf, keptAs, names, objects, values } from './values'

/** In JSON there is no `-0`. */
const read = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown

function assigned(doc: Doc<Draft>, ...targets: readonly PlainObject[]): Doc<Draft> {
  return Automerge.change(doc, (draft) => {
    for (const target of targets) assignRoot(draft, target, [])
  })
}

test('CL60 what is assigned is read, and assigning it again writes nothing', () => {
  fc.assert(
    fc.property(objects, keptAs, objects, (before, as, after) => {
      const doc = assigned(documentOf(before, as), after)
      expect(read(plain(doc))).toEqual(read(after))
      expect(read(plain(Automerge.load(Automerge.save(doc))))).toEqual(read(after))
      expect(Automerge.getHeads(assigned(doc, after))).toEqual(Automerge.getHeads(doc))
    }),
  )
})

test('CL60 of two values assigned in one change the last counts', () => {
  fc.assert(
    fc.property(objects, keptAs, objects, (before, as, meanwhile) => {
      const doc = assigned(documentOf(before, as), meanwhile, before)
      expect(read(plain(doc))).toEqual(read(before))
    }),
  )
})

test('CL60 text that several may type in stays that, and a counter counts', () => {
  const doc = Automerge.change(Automerge.init<Draft>(), (draft) => {
    Object.assign(draft, { text: 'one', register: new ImmutableString('one'), counter: new Counter(3) })
  })
  const [ana, bo] = [Automerge.clone(doc), Automerge.clone(doc)]
  const typed = Automerge.change(ana, (draft) => {
    assign(draft, ['text'], 'one two')
    assign(draft, ['register'], 'two')
    assign(draft, ['counter'], 5)
  })
  const other = Automerge.change(bo, (draft) => {
    assign(draft, ['text'], 'zero one')
    assign(draft, ['counter'], 4)
  })
  const merged = Automerge.merge(typed, other)
  expect(plain(merged)).toEqual({ text: 'zero one two', register: 'two', counter: 6 })
  expect(merged['register']).toBeInstanceOf(ImmutableString)
})

test('CL60 a list keeps the items that both begin or end with, so that what others do to them stays', () => {
  const doc = documentOf({ rows: [{ n: 1 }, { n: 2 }, { n: 3 }] })
  const mine = Automerge.change(Automerge.clone(doc), (draft) =>
    assign(draft, ['rows'], [{ n: 1 }, { n: 9 }, { n: 2 }, { n: 3 }]),
  )
  const theirs = Automerge.change(Automerge.clone(doc), (draft) => assign(draft, ['rows', 2, 'n'], 33))
  expect(plain(Automerge.merge(mine, theirs))).toEqual({ rows: [{ n: 1 }, { n: 9 }, { n: 2 }, { n: 33 }] })
})

/** Writes that lead somewhere: members of any name, items of lists that are there, or right behind their end. */
function someWrites(root: PlainObject): fc.Arbitrary<Write[]> {
  const steps = fc.array(fc.tuple(names, fc.nat(3)), { minLength: 1, maxLength: 3 })
  const one = fc.tuple(steps, fc.option(values, { nil: undefined }))
  return fc.array(one, { maxLength: 5 }).map((drawn) => {
    let now = root
    return drawn.map(([way, value]) => {
      const path: (string | number)[] = []
      let place: Plain | undefined = now
      for (const [name, n] of way) {
        const items: readonly Plain[] | undefined =
          Array.isArray(place) && path.length > 0 ? (place as readonly Plain[]) : undefined
        const step: string | number = items ? Math.min(n, items.length) : name
        path.push(step)
        place = items ? items[step as number] : memberOf(place, name)
      }
      const write = value === undefined ? { path } : { path, value }
      now = writeToPlain(now, [write])
      return write
    })
  })
}

function memberOf(place: Plain | undefined, name: string): Plain | undefined {
  if (typeof place !== 'object' || place === null || Array.isArray(place)) return undefined
  return Object.hasOwn(place, name) ? (place as PlainObject)[name] : undefined
}

test('CL61 writes do the same to a document as to plain values', () => {
  const cases = objects.chain((root) => fc.tuple(fc.constant(root), keptAs, someWrites(root)))
  fc.assert(
    fc.property(cases, ([root, as, writes]) => {
      const before = documentOf(root, as)
      const doc = Automerge.change(before, (draft) => writeToDraft(draft, writes))
      expect(read(plain(doc))).toEqual(read(writeToPlain(plain(before) as PlainObject, writes)))
    }),
    { numRuns: 300 },
  )
})

test('CL61 what a write does not touch is the same object', () => {
  const root: PlainObject = { a: { b: 1 }, c: { d: [1] } }
  expect(writeToPlain(root, [{ path: ['a', 'b'], value: 2 }])['c']).toBe(root['c'])
  expect(writeToPlain(root, [{ path: ['x', 'y'] }, { path: ['a', 'z', 'z'] }])).toEqual(root)
})

test('CL62 a difference, applied, gives the second value; equal values have none', () => {
  fc.assert(
    fc.property(values, values, (from, to) => {
      expect(read(patched(from, difference(from, to)))).toEqual(read(to))
      expect(difference(from, from)).toEqual([])
      expect(samePlain(from, to)).toBe(difference(from, to).length === 0)
    }),
    { numRuns: 500 },
  )
})

test('CL62 an inserted item is one addition', () => {
  expect(difference({ l: [1, 2, 3] }, { l: [1, 9, 2, 3] })).toEqual([{ op: 'add', path: '/l/1', value: 9 }])
  expect(difference({ 'a/b': 1 }, {})).toEqual([{ op: 'remove', path: '/a~1b' }])
})

test('CL63 parts that did not change are the same plain objects as before', () => {
  const doc = documentOf({ a: { n: 1 }, b: { n: 1 } })
  const before = plain(doc) as PlainObject
  const after = plain(Automerge.change(doc, (draft) => assign(draft, ['a', 'n'], 2))) as PlainObject
  expect(after['b']).toBe(before['b'])
  expect(after).toEqual({ a: { n: 2 }, b: { n: 1 } })
})

test('CL63 whatever a document holds is a plain value', () => {
  const doc = Automerge.from<Draft>({
    when: new Date(5),
    counter: new Counter(2),
    register: new ImmutableString('r'),
    text: 't',
    bytes: new Uint8Array([1]),
    large: 2 ** 60,
  })
  expect(plain(doc)).toEqual({
    when: 5,
    counter: 2,
    register: 'r',
    text: 't',
    bytes: new Uint8Array([1]),
    large: 2 ** 60,
  })
  expect(plain(undefined)).toBeNull()
  expect(plain(() => 1)).toBeNull()
})
