// What tabs know of refused changes merges in any order, has bounds, and is read with care.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  AGE_MS_MAX,
  amended,
  bounded,
  BYTES_MAX,
  EDITS_MAX,
  editsOf,
  emptyLedger,
  HASHES_MAX,
  merged,
  readLedger,
  type Ledger,
} from '../../src/refusal/ledger'
import type { RefusedEdit } from '../../src/types'

const NOW_MS = 10 * AGE_MS_MAX

function edit(id: string, more: Partial<RefusedEdit> = {}): RefusedEdit {
  return {
    id,
    atMs: NOW_MS,
    code: 'read_only',
    reason: 'no',
    labels: [],
    remade: 0,
    lost: 0,
    patch: [],
    setAside: false,
    ...more,
  }
}

const key = fc.constantFrom('a', 'b', 'c')
const bytes = fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined })
const atMs = fc.integer({ min: NOW_MS - 2, max: NOW_MS })

function mapOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyMap<string, T>> {
  return fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries) => new Map(entries))
}

const ledger: fc.Arbitrary<Ledger> = fc
  .record({
    refused: mapOf(fc.record({ atMs, edit: key, bytes })),
    remade: mapOf(
      fc.record({
        atMs,
        bytes,
        now: fc.option(fc.record({ hash: key, bytes }), { nil: undefined }),
        without: fc.constant([]),
      }),
    ),
    lifted: mapOf(fc.constant(NOW_MS)),
    edits: fc
      .array(fc.tuple(key, fc.nat(3)), { maxLength: 3 })
      .map((all) => new Map(all.map(([id, remade]) => [id, edit(id, { remade })]))),
    dismissed: mapOf(fc.constant(NOW_MS)),
  })
  .map((parts) => amended(emptyLedger, parts))

describe('a ledger', () => {
  test('CL50 two tabs know the same afterwards, in whatever order they hear of each other', () => {
    fc.assert(
      fc.property(ledger, ledger, (one, other) => {
        const keys = (it: Ledger) =>
          [it.refused, it.remade, it.lifted, it.edits, it.dismissed].map((map) => [...map.keys()].sort())
        const [mine, theirs] = [merged(one, other), merged(other, one)]
        expect(keys(mine)).toEqual(keys(theirs))
        for (const [hash, { now }] of mine.remade) expect(now?.hash).toBe(theirs.remade.get(hash)?.now?.hash)
        for (const [hash, refusal] of mine.refused) expect(refusal.edit).toBe(theirs.refused.get(hash)?.edit)
        expect(editsOf(mine)).toEqual(editsOf(theirs))
        expect(merged(mine, other)).toBe(mine)
        expect(merged(mine, one)).toBe(mine)
      }),
    )
  })

  test('CL50 what was lifted is not refused again, and what was dismissed is not shown again', () => {
    const told = amended(emptyLedger, {
      refused: new Map([['h', { atMs: 1, edit: 'e', bytes: undefined }]]),
      edits: new Map([['e', edit('e')]]),
    })
    const over = amended(emptyLedger, { lifted: new Map([['h', 1]]), dismissed: new Map([['e', 1]]) })
    for (const both of [merged(told, over), merged(over, told), merged(merged(told, over), told)]) {
      expect(both.refused.size).toBe(0)
      expect(both.edits.size).toBe(0)
    }
  })

  test('CL51 the newest hashes and edits stay', () => {
    const many = amended(emptyLedger, {
      refused: new Map(
        Array.from({ length: HASHES_MAX + 5 }, (_, at) => [
          `h${at}`,
          { atMs: NOW_MS + at, edit: 'e', bytes: undefined },
        ]),
      ),
      edits: new Map(
        Array.from({ length: EDITS_MAX + 5 }, (_, at) => [`e${at}`, edit(`e${at}`, { atMs: NOW_MS + at })]),
      ),
    })
    const { refused, edits } = bounded(many, NOW_MS)
    expect(refused.size).toBe(HASHES_MAX)
    expect(refused.has('h4')).toBe(false)
    expect(refused.has('h5')).toBe(true)
    expect(edits.size).toBe(EDITS_MAX)
    expect(edits.has('e4')).toBe(false)
  })

  test('CL51 what is older than any stored chunk is forgotten, but for what nobody has read', () => {
    const old = amended(emptyLedger, {
      refused: new Map([
        ['old', { atMs: NOW_MS - AGE_MS_MAX - 1, edit: 'e', bytes: undefined }],
        ['new', { atMs: NOW_MS - AGE_MS_MAX + 1, edit: 'e', bytes: undefined }],
      ]),
      edits: new Map([['e', edit('e', { atMs: 1 })]]),
    })
    const { refused, edits } = bounded(old, NOW_MS)
    expect([...refused.keys()]).toEqual(['new'])
    expect(edits.size).toBe(1)
  })

  test('CL51 the bytes of the oldest go first, and their hashes stay', () => {
    const half = new Uint8Array(BYTES_MAX / 2)
    const heavy = amended(emptyLedger, {
      refused: new Map([1, 2, 3].map((at) => [`h${at}`, { atMs: NOW_MS + at, edit: 'e', bytes: half }])),
    })
    const { refused } = bounded(heavy, NOW_MS)
    expect([...refused].map(([hash, { bytes: kept }]) => [hash, kept?.length])).toEqual([
      ['h1', undefined],
      ['h2', half.length],
      ['h3', half.length],
    ])
  })

  test('CL51 within its bounds it stays the same object', () => {
    fc.assert(
      fc.property(ledger, (it) => {
        expect(bounded(it, NOW_MS)).toBe(it)
      }),
    )
  })

  test('CL52 what was written is read again', () => {
    fc.assert(
      fc.property(ledger, (it) => {
        expect(readLedger(structuredClone(it))).toEqual(it)
      }),
    )
  })

  test('CL52 whatever another version wrote is read or left out', () => {
    fc.assert(
      fc.property(fc.anything({ withMap: true, withTypedArray: true }), (anything) => {
        expect(Object.keys(readLedger(anything)).sort()).toEqual(Object.keys(emptyLedger).sort())
      }),
    )
    const odd = {
      refused: new Map<unknown, unknown>([
        ['good', { atMs: 1, edit: 'e', since: 'later' }],
        ['no edit', { atMs: 1 }],
        [5, { atMs: 1, edit: 'e' }],
      ]),
      remade: new Map([
        ['no list', { atMs: 1, without: 'x' }],
        ['no hash', { atMs: 1, without: [], now: { bytes: new Uint8Array() } }],
        ['nothing left', { atMs: 1, without: [0] }],
      ]),
      edits: new Map<string, unknown>([
        [
          'e',
          {
            ...edit('e'),
            patch: [
              { op: 'add', path: '/a', value: 1 },
              { op: 'remove', path: '/b' },
            ],
          },
        ],
        ['moved', { ...edit('moved'), patch: [{ op: 'move', path: '/a', from: '/b' }] }],
      ]),
      lifted: [],
    }
    const read = readLedger(odd)
    expect([...read.refused.keys()]).toEqual(['good'])
    expect([...read.remade.keys()]).toEqual(['nothing left'])
    expect([...read.edits.keys()]).toEqual(['e'])
    expect(read.lifted.size).toBe(0)
  })
})
