// Where a proposal writes, and writing there.
//
// Edit path: ← the writes of a proposal; → operations of the change that settles.

import type { Handle } from './changes'
import type { Reading } from './document'
import { keyedItems } from './facts'
import { isList, isMap, memberOf } from './json'
import type { OperationId } from './operation'
import { ANY } from './path'
import type { Plan } from './plan'
import type { Write } from './remedy'
import { asJson, number, sameScalar, text, typedTogether, write, type Written } from './written'

/** A register: the object that holds it, and its name or index there; and the way from the root. */
export interface Place {
  readonly holder: OperationId
  readonly prop: string | number
  readonly path: readonly (string | number)[]
}

/** Where a write goes; nothing where there is no such place. */
export function placeOf(reading: Reading, plan: Plan, { keys, field }: Write): Place | undefined {
  const prefix = plan.collections[field.collection]?.prefix ?? []
  const rest = [...keys]
  const steps = [...prefix, ...plan.wish(field).names].map((step) =>
    step === ANY ? { any: true, key: rest.shift() ?? '' } : { any: false, key: step },
  )
  let holder: unknown = reading.root
  const path: (string | number)[] = []
  for (const [n, { any, key }] of steps.entries()) {
    const prop = propOf(reading, holder, key, any)
    if (prop === undefined) return undefined
    path.push(prop)
    if (n < steps.length - 1) holder = (holder as Record<string | number, unknown>)[prop]
  }
  const prop = path.at(-1)
  return prop === undefined ? undefined : { holder: reading.idOf(holder), prop, path }
}

/** Carries out one write of a proposal in a copy of the document that was read. */
export function carryOut(copy: Handle, reading: Reading, plan: Plan, one: Write): void {
  const place = placeOf(reading, plan, one)
  if (!place) throw new RangeError('what was looked at is gone')
  if (one.what.write === 'delete') copy.delete(place.holder, place.prop)
  else write(copy, place.holder, place.prop, writtenAt(reading, place, one.what))
}

/** What is written, with the kind of every number as the server writes it. */
function writtenAt(
  reading: Reading,
  place: Place,
  what: Exclude<Write['what'], { readonly write: 'delete' }>,
): Written {
  if (what.write === 'keep') return kept(reading, place, what.op)
  const value = what.write === 'put' ? made(what.value) : first(reading, place)
  // Always a new value, never an edit of a text or a count: when two settle at different heads, both stand beside each other
  // and are the same, where two edits would add up.
  const isText = reading.all(place.holder, place.prop).at(-1)?.kind === 'text'
  return isText ? typedTogether(value) : value
}

function made(value: number | string): Written {
  return typeof value === 'number' ? number(value) : text(value)
}

/** The value that a member was created with. */
function first(reading: Reading, { holder, prop }: Place): Written {
  const hash = reading.changes.hashOf(holder)
  const live = hash === undefined ? undefined : reading.firstLive(holder, String(prop), hash)
  if (hash === undefined || !live) throw new RangeError('there was no first value')
  return asJson(reading, live, [hash])
}

/** The live value that an operation set, once more. */
function kept(reading: Reading, { holder, prop }: Place, op: OperationId): Written {
  const live = reading.all(holder, prop).find((one) => one.op === op)
  if (!live) throw new RangeError('the value is gone')
  const isScalar = !['map', 'list', 'text', 'table'].includes(live.kind)
  return isScalar ? sameScalar(live) : asJson(reading, live, reading.heads)
}

function propOf(reading: Reading, holder: unknown, key: string, any: boolean): string | number | undefined {
  if (isMap(holder)) return memberOf(holder, key) === undefined && any ? undefined : key
  if (!isList(holder) || !any) return undefined
  for (const [known, at] of keyedItems(reading, holder)) if (known === key) return at
  return undefined
}
