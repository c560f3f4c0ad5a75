// The edits of a proposal: what to write so that the rule holds again.
//
// Edit path: ← the merged document's facts; → settle.ts writes them, and a preview shows them.
//
// Always true: the edits are a function of the facts, so replicas with the same document make the same ones; and after them that
// very conflict is gone. What cannot be made so is not offered.

import {
  competing,
  isOutOfRange,
  numberOf,
  optionalNumber,
  rectangleOf,
  sameScope,
  setValue,
  Unknown,
  type Hit,
} from './evaluate'
import { cellOf, type Facts, type Item, type Keys } from './facts'
import { bottom, clamped, firstFree, liesWithin, pushDown, type Rectangle } from './geometry'
import { isPlain, type Json } from './json'
import { byAge, type OperationId } from './operation'
import type { Field } from './plan'
import type { Check, RectangleFields } from './predicate'
import type { Proposal } from './proposal'
import type { JudgedRule } from './set'

/** One register to be written. */
export interface Write {
  readonly keys: Keys
  readonly field: Field
  readonly what: What
}

/** What is written. */
export type What =
  /** This number or text. */
  | { readonly write: 'put'; readonly value: number | string }
  /** The value that it was created with. */
  | { readonly write: 'put_first'; readonly value: Json }
  /** The live value that this operation set, once more: then it is the only one. */
  | { readonly write: 'keep'; readonly op: OperationId; readonly value: Json }
  /** Nothing stands there afterwards. */
  | { readonly write: 'delete' }

/** Where a place is looked for: a first look whether there is one must cost little. */
export type Effort = 'offer' | 'make'

/** The edits that make the rule hold at this place, or nothing when there are none. */
export function edits(
  rule: JudgedRule,
  facts: Facts,
  hit: Hit,
  proposal: Proposal,
  effort: Effort,
): readonly Write[] | undefined {
  try {
    return hit.about === 'two'
      ? ofTwo(rule, facts, hit, proposal, effort)
      : hit.about === 'one'
        ? ofOne(rule.check, facts, hit.item, proposal)
        : undefined
  } catch (error) {
    // A number that it takes does not stand where it should.
    if (error instanceof Unknown) return undefined
    throw error
  }
}

function ofTwo(
  rule: JudgedRule,
  facts: Facts,
  hit: Extract<Hit, { about: 'two' }>,
  proposal: Proposal,
  effort: Effort,
): readonly Write[] | undefined {
  const { check } = rule
  const items = facts.items(rule.collection)
  if (check.predicate === 'no_overlap') return moveLater(check, facts, items, hit, proposal, effort)
  if (check.predicate === 'unique' && proposal === 'number_title') return numberTitle(check, items, hit.later)
  return undefined
}

function ofOne(check: Check, facts: Facts, item: Item, proposal: Proposal): readonly Write[] | undefined {
  switch (check.predicate) {
    case 'in_bounds':
      return clampRectangle(check.rectangle, numberOf(check.columns, facts), item)
    case 'range':
      return clamp(check.value, optionalNumber(check.min, facts), optionalNumber(check.max, facts), item)
    case 'reference_exists':
      return [{ keys: item.keys, field: check.value, what: { write: 'delete' } }]
    case 'mutually_exclusive':
      return unsetLater(check.fields, item)
    case 'immutable': {
      const { first } = cellOf(item, check.value)
      if (first === undefined || !isPlain(first)) return undefined
      return [{ keys: item.keys, field: check.value, what: { write: 'put_first', value: first } }]
    }
    case 'exclusive_field':
      return keep(check.value, item, proposal)
    default:
      return undefined
  }
}

function moveLater(
  { rectangle, within, columns }: Extract<Check, { predicate: 'no_overlap' }>,
  facts: Facts,
  items: readonly Item[],
  { earlier, later }: Extract<Hit, { about: 'two' }>,
  proposal: Proposal,
  effort: Effort,
): readonly Write[] | undefined {
  const [own, above] = [rectangleOf(later, rectangle), rectangleOf(earlier, rectangle)]
  if (!own || !above) return undefined
  const width = optionalNumber(columns, facts)
  if (effort === 'offer') {
    // Below everything there is always room, unless the grid is too narrow.
    const isRoom = proposal === 'push_down' || (width !== undefined && own.w <= width)
    return isRoom ? [] : undefined
  }
  const others = items
    .filter((item) => item !== later && sameScope(item, later, within))
    .map((item) => rectangleOf(item, rectangle))
    .filter((other) => other !== undefined)
  const place =
    proposal === 'push_down'
      ? pushDown(own, bottom(above), others)
      : width === undefined
        ? undefined
        : firstFree(own, width, others)
  return place && differing(later, rectangle, own, place)
}

function clampRectangle(fields: RectangleFields, columns: number, item: Item): readonly Write[] | undefined {
  const own = rectangleOf(item, fields)
  const place = own && clamped(own, columns)
  return own && place && liesWithin(place, columns) ? differing(item, fields, own, place) : undefined
}

/** Writes of those numbers that differ. */
function differing(item: Item, fields: RectangleFields, own: Rectangle, place: Rectangle): readonly Write[] {
  const [x, y, w, h] = fields
  const cells: readonly (readonly [Field, number, number])[] = [
    [x, own.x, place.x],
    [y, own.y, place.y],
    [w, own.w, place.w],
    [h, own.h, place.h],
  ]
  return cells
    .filter(([, before, after]) => before !== after)
    .map(([field, , value]) => ({ keys: item.keys, field, what: { write: 'put', value } }))
}

function clamp(
  field: Field,
  min: number | undefined,
  max: number | undefined,
  item: Item,
): readonly Write[] | undefined {
  const own = cellOf(item, field).value
  if (typeof own !== 'number') return undefined
  const value = Math.max(Math.min(own, max ?? Number.MAX_VALUE), min ?? -Number.MAX_VALUE)
  return isOutOfRange(value, min, max)
    ? undefined
    : [{ keys: item.keys, field, what: { write: 'put', value } }]
}

/** `CPU` becomes `CPU (2)`, or the next number that nobody has. */
function numberTitle(
  { value: field, within }: Extract<Check, { predicate: 'unique' }>,
  items: readonly Item[],
  later: Item,
): readonly Write[] | undefined {
  const title = cellOf(later, field).value
  if (typeof title !== 'string') return undefined
  const taken = new Set(
    items.filter((item) => sameScope(item, later, within)).map((item) => cellOf(item, field).value),
  )
  let number = 2
  while (taken.has(`${title} (${number})`)) number += 1
  return [{ keys: later.keys, field, what: { write: 'put', value: `${title} (${number})` } }]
}

function unsetLater(fields: readonly Field[], item: Item): readonly Write[] {
  const set = fields
    .filter((field) => setValue(cellOf(item, field)) !== undefined)
    .map((field) => ({ field, op: cellOf(item, field).op() ?? '' }))
  const [first] = [...set].sort((one, other) => byAge(one.op, other.op))
  return set
    .filter((one) => one !== first)
    .map(({ field }) => ({ keys: item.keys, field, what: { write: 'delete' } }))
}

function keep(field: Field, item: Item, proposal: Proposal): readonly Write[] | undefined {
  const cell = cellOf(item, field)
  const values = competing(cell)
  const at =
    proposal === 'keep_earlier'
      ? Math.min(...values.map(({ earliest }) => earliest))
      : Math.max(...values.map((value) => value.latest))
  const rival = cell.rivals[at]
  if (!rival) return undefined
  const isObject = typeof rival.value === 'object' && rival.value !== null
  if (isObject && !isPlain(rival.value)) return undefined
  return [{ keys: item.keys, field, what: { write: 'keep', op: rival.op, value: rival.value } }]
}
