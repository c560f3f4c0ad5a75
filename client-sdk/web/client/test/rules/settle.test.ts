// RU14 to RU19: settling makes the very change that the server makes; waiving is an ordinary edit.

import { describe, expect, it } from 'vitest'
import { Automerge, type Doc } from '../../src/automerge'
import {
  compileRules,
  judge,
  preview,
  settle,
  settled,
  unwaive,
  waive,
  type Conflict,
  type Decided,
} from '../../src/rules'
import { toJson } from '../../src/rules/json'
import { entryChange } from '../../src/rules/reserved'
import { documentOf, readJson, vectors, type Vector } from './vectors'

interface Settling extends Vector {
  readonly settle: { readonly conflict: string; readonly proposal: string; readonly by: string | null }
  readonly changes: readonly string[]
  readonly content: unknown
}

const CASES = vectors('settle') as readonly Settling[]

function settleAs(
  { document, ruleSet, settle: { conflict, proposal, by }, now }: Settling,
  doc: Doc<unknown>,
): Decided {
  return settle(doc, document, compileRules(ruleSet), conflict, proposal, by ?? undefined, now)
}

function done(decided: Decided): Extract<Decided, { decided: true }> {
  if (!decided.decided) throw new Error(decided.message)
  return decided
}

function hashOf(change: Uint8Array): string {
  return Automerge.decodeChange(change).hash
}

describe.each(CASES.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
  it('is told in full as on the server, with its causes', () => {
    const judged = judge(documentOf(vector), vector.document, compileRules(vector.ruleSet), vector.now)
    expect(judged.conflicts).toEqual(vector.conflicts)
  })

  it('is settled by the very changes that the server makes', () => {
    const doc = documentOf(vector)
    const actor = Automerge.getActorId(doc)
    const { doc: after, changes, conflict } = done(settleAs(vector, doc))
    expect(changes.map(hashOf)).toEqual(vector.changes)
    expect(toJson(after)).toEqual(vector.content)
    expect(Automerge.getActorId(after)).toBe(actor)
    expect(conflict).toEqual(vector.conflicts[0])
  })

  it('is previewed as it is settled', () => {
    const before = documentOf(vector)
    const { conflict, proposal } = vector.settle
    const writes = preview(before, vector.document, compileRules(vector.ruleSet), conflict, proposal)
    const expected = toJson(done(settleAs(vector, before)).doc)
    expect(writes.length).toBeGreaterThan(0)
    for (const { path, value } of writes) {
      const place = path.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], expected)
      expect(place).toEqual(value)
    }
  })
})

describe('deciding', () => {
  const [vector] = CASES as [Settling]
  const { document, now } = vector
  const rules = compileRules(vector.ruleSet)
  const id = vector.settle.conflict
  const open = (doc: Doc<unknown>, at = now): readonly Conflict[] => judge(doc, document, rules, at).conflicts

  it('sets the reserved key up by the change that is the same everywhere', () => {
    expect(entryChange().hash).toBe('fa8e7a921304bf48f456dcc2b5b11698e4b2735741bf651a2ed4aaa93d658ade')
  })

  it('is one change when two do the same while apart, and none is lost when they do not', () => {
    const [ana, bo] = [documentOf(vector), documentOf(vector)]
    const one = done(settleAs(vector, ana))
    const other = done(settleAs(vector, bo))
    const merged = Automerge.merge(one.doc, other.doc)
    expect(Automerge.getAllChanges(merged).length).toBe(Automerge.getAllChanges(one.doc).length)
    // At other heads the same decision is another change, and both say the same.
    const later = Automerge.change(documentOf(vector), (draft) => {
      Object.assign(draft as object, { note: 'x' })
    })
    const third = done(settleAs(vector, later))
    expect(third.changes.map(hashOf)[1]).not.toBe(one.changes.map(hashOf)[1])
    const all = Automerge.merge(merged, third.doc)
    expect(open(all)).toEqual([])
    expect(settled(all, document, rules).map(({ settlement }) => settlement)).toEqual([
      { proposal: 'push_down', by: 'ana' },
    ])
  })

  it('refuses what is not there, or not offered, and writes nothing', () => {
    const doc = documentOf(vector)
    const heads = Automerge.getHeads(doc)
    const refusals = [
      settle(doc, document, rules, 'nobody', 'push_down', undefined, now),
      settle(doc, document, rules, id, 'clamp', undefined, now),
      settle(doc, document, rules, id, 'push_down', 'ä'.repeat(101), now),
      waive(doc, document, rules, id, { reason: ' ' }, now),
      waive(doc, document, rules, id, { reason: 'x'.repeat(1_001) }, now),
      waive(doc, document, rules, id, { reason: 'so', until: now }, now),
      waive(doc, document, rules, id, { reason: 'so', until: 253_402_300_800_000 }, now),
      waive(doc, document, rules, 'nobody', { reason: 'so' }, now),
      unwaive(doc, document, rules, 'nobody', now),
    ]
    expect(refusals.map((refused) => (refused.decided ? 'decided' : refused.error))).toEqual([
      'conflict_not_found',
      'proposal_not_offered',
      'bad_name',
      'bad_waiver',
      'bad_waiver',
      'bad_waiver',
      'bad_waiver',
      'conflict_not_found',
      'conflict_not_found',
    ])
    expect(Automerge.getHeads(doc)).toEqual(heads)
    expect(preview(doc, document, rules, id, 'clamp')).toEqual([])
  })

  it('lets a conflict stay until its time is over, the facts change, or somebody takes it back', () => {
    const until = now + 60_000
    const waiver = { reason: 'on purpose', by: 'ana', until }
    const waived = done(waive(documentOf(vector), document, rules, id, waiver, now))
    expect(waived.changes.length).toBe(2)
    expect(waived.conflict).toMatchObject({ state: 'waived', waiver })
    expect(open(waived.doc)[0]).toMatchObject({ id, state: 'waived', waiver })
    expect(open(waived.doc, until)[0]).toMatchObject({ id, state: 'open' })
    const moved = Automerge.change(Automerge.clone(waived.doc), (draft) => {
      ;(draft as { items: Record<string, { layout: { h: number } }> }).items['a']!.layout.h = 9
    })
    expect(open(moved)[0]).toMatchObject({ id, state: 'open' })
    const back = done(unwaive(waived.doc, document, rules, id, now))
    expect(back.changes.length).toBe(1)
    expect(open(back.doc)[0]).toMatchObject({ id, state: 'open' })
  })

  it('tells what others decided while apart', () => {
    const decide = (reason: string, actor: string): Doc<unknown> => {
      const doc = Automerge.clone(documentOf(vector), { actor })
      return done(waive(doc, document, rules, id, { reason }, now)).doc
    }
    const [one, other] = [decide('one', '05'.repeat(16)), decide('two', '06'.repeat(16))]
    const found = open(Automerge.merge(one, other))[0]
    expect(found).toMatchObject({ waiver: { reason: 'two' }, also: [{ decision: 'waived', reason: 'one' }] })
  })

  it('writes into the place of what a stranger left at the reserved key', () => {
    for (const odd of [7, { waived: [], settled: 'none' }, { waived: { [id]: { fingerprint: 5 } } }]) {
      const doc = Automerge.change(documentOf(vector), (draft) => {
        ;(draft as Record<string, unknown>)['_dovetail'] = odd
      })
      expect(open(doc)[0]).toMatchObject({ id, state: 'open' })
      expect(settled(doc, document, rules)).toEqual([])
      const waived = done(waive(doc, document, rules, id, { reason: 'so' }, now))
      expect(open(waived.doc)[0]).toMatchObject({ id, state: 'waived' })
      expect(open(done(settleAs(vector, waived.doc)).doc)).toEqual([])
    }
  })
})

it('has the rules for dashboards that the server has', async () => {
  const { defaultDashboardRules } = await import('../../src/rules')
  expect(defaultDashboardRules).toEqual(readJson('crdt-core/src/rules/dashboard.json'))
  expect(compileRules(defaultDashboardRules).rules.every(({ judged }) => judged === 'here')).toBe(true)
})
