// Values for property tests: whatever a document may hold, and whatever JSON can say.

import fc from 'fast-check'
import { Automerge, Counter, type Doc } from '../../src/automerge'
import { put, type Draft } from '../../src/document/assign'
import { isObject, type Plain, type PlainObject } from '../../src/document/plain'

/** Names that objects have by themselves are names like all others. */
export const names = fc.constantFrom('a', 'b', 'c', '', 'constructor', 'toString', 'a/b', '~1', '0', 'ü😀')

const numbers = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 2 ** 53, -(2 ** 60), 1e300, Number.MAX_SAFE_INTEGER),
)

const scalars: fc.Arbitrary<Plain> = fc.oneof(
  numbers,
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
)

const tree = fc.letrec<{ value: Plain; list: readonly Plain[]; object: PlainObject }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalars, tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(names, tie('value'), { maxKeys: 4 }),
}))

export const values = tree.value
export const objects = tree.object

/** How texts and whole numbers are kept in a document; what is read is the same. */
export type Kept = 'registers' | 'text and counters'

export const keptAs = fc.constantFrom<Kept>('registers', 'text and counters')

export function documentOf(value: PlainObject, as: Kept = 'registers'): Doc<Draft> {
  return Automerge.change(Automerge.init<Draft>(), (draft) => {
    for (const [name, member] of Object.entries(value)) {
      if (as === 'registers') put(draft, name, member)
      else draft[name] = keep(member)
    }
  })
}

/** As `Automerge.from` and stock clients write it. */
function keep(value: Plain): unknown {
  // Larger ones are cut off by Automerge: no document has them as integers.
  if (typeof value === 'number') return Number.isInteger(value) ? new Counter(value % 1000) : value
  if (Array.isArray(value)) return (value as readonly Plain[]).map(keep)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, keep(member)]))
}
