// RU20: the cases that every implementation is held to.

import { describe, expect, it } from 'vitest'
import { compileRules, judge, settled, type Conflict } from '../../src/rules'
import { documentOf, vectors } from './vectors'

const FILES = [
  'exclusive_field',
  'immutable',
  'in_bounds',
  'life',
  'max_items',
  'mutually_exclusive',
  'no_overlap',
  'one_of',
  'range',
  'reference_exists',
  'required',
  'sum_at_most',
  'unique',
]

/** A conflict as far as the files tell it. */
function told({ id, rule, subjects, fingerprint, state, message, proposals }: Conflict): unknown {
  return { id, rule, subjects, fingerprint, state, message, proposals: proposals.map(({ name }) => name) }
}

describe.each(FILES)('%s', (name) => {
  it.each(vectors(name).map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const doc = documentOf(vector)
    const rules = compileRules(vector.ruleSet)
    const judged = judge(doc, vector.document, rules, vector.now)
    const conflicts = [...judged.conflicts, ...settled(doc, vector.document, rules)]
    expect(conflicts.map(told)).toEqual(vector.conflicts)
    expect(judged.undecided).toEqual(vector.undecided)
  })
})

it('leaves expressions to the server', () => {
  const [vector] = vectors('cel')
  const judged = judge(documentOf(vector!), vector!.document, compileRules(vector!.ruleSet), vector!.now)
  expect(judged.conflicts).toEqual([])
  expect(judged.undecided).toEqual(
    ['fits', 'tags', 'any'].map((rule) => ({ rule, reason: 'judged_by_server' })),
  )
})
