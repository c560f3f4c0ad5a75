// Where a rule does not hold.
//
// Edit path: ← the facts of a document; → violation.ts makes conflicts of the hits.
//
// Always true: the answer is a function of the facts alone, and a rule is evaluated over all of its items.

import type { Undecided } from './conflict'
import { cellOf, type Cell, type Facts, type Item, type Keys } from './facts'
import { liesWithin, meeting, type Owned, type Rectangle } from './geometry'
import { canonical, type Json } from './json'
import { byAge, latest } from './operation'
import type { Field } from './plan'
import type { Check, Operand, RectangleFields } from './predicate'
import type { JudgedRule } from './set'
import { subjectOf } from './subject'
import { byBytes, byTexts } from './text'

/** How many conflicts of one rule are listed, the first by subjects in byte order. */
export const LISTED_PER_RULE_MAX = 200

/** How many pairs one rule may compare: seven hundred widgets on one heap. */
const COMPARISONS_MAX = 250_000

/** Beyond this a double does not tell whole numbers apart, and cells are no place on a grid. */
const CELLS_MAX = 2 ** 53

/** One place where a rule does not hold: an item, two items of which the earlier comes first, or a collection. */
export type Hit =
  | { readonly about: 'one'; readonly item: Item }
  | { readonly about: 'two'; readonly earlier: Item; readonly later: Item }
  | { readonly about: 'collection'; readonly keys: Keys; readonly amount: number }

/** Where a rule does not hold: the first by their subjects in byte order, and how many there are beyond. */
export interface Hits {
  readonly listed: readonly Hit[]
  readonly beyond: number
}

/** What one rule says, and how many items and pairs it looked at. */
export interface Evaluated {
  readonly says: Hits | Unknown
  readonly looks: number
}

/** Why it cannot be decided. */
export class Unknown extends Error {
  readonly reason: Undecided['reason']

  constructor(reason: Undecided['reason']) {
    super('a rule cannot be judged')
    this.name = 'Unknown'
    this.reason = reason
  }
}

/** Evaluates one rule, with so many items and pairs that it may look at. */
export function evaluate(rule: JudgedRule, facts: Facts, looksMax: number): Evaluated {
  const reads = [...rule.fields.map(({ collection }) => collection), ...rule.keysOf, rule.collection]
  if (!reads.every((collection) => facts.isRead(collection))) {
    return { says: new Unknown('too_much_to_read'), looks: 0 }
  }
  const items = facts.items(rule.collection)
  const left = looksMax - items.length
  if (left < 0) return { says: new Unknown('too_much_to_compare'), looks: looksMax }
  const comparing = new Comparing(Math.min(left, COMPARISONS_MAX))
  const says = unlessUnknown(() => check(rule, facts, items, comparing))
  return { says, looks: items.length + comparing.made }
}

/** Counts comparisons. */
class Comparing {
  readonly most: number
  made = 0

  constructor(most: number) {
    this.most = most
  }

  /** Pairs of rectangles that meet. */
  meeting(rectangles: readonly Owned[]): readonly (readonly [number, number])[] {
    const { pairs, comparisons } = meeting(rectangles, this.most - this.made)
    this.made += comparisons
    if (pairs) return pairs
    // It stopped short of what it may not do.
    this.made = this.most
    throw new Unknown('too_much_to_compare')
  }
}

function unlessUnknown(say: () => Hits): Hits | Unknown {
  try {
    return say()
  } catch (error) {
    if (error instanceof Unknown) return error
    throw error
  }
}

function check(rule: JudgedRule, facts: Facts, items: readonly Item[], comparing: Comparing): Hits {
  const check = rule.check
  switch (check.predicate) {
    case 'no_overlap':
      return pairs(rule, items, overlaps(items, check.rectangle, check.within, comparing))
    case 'unique':
      return pairs(rule, items, doubles(items, check))
    case 'max_items':
      return collections(rule, items, () => 1, numberOf(check.limit, facts))
    case 'sum_at_most':
      return collections(
        rule,
        items,
        (item) => numberAt(cellOf(item, check.value)),
        numberOf(check.limit, facts),
      )
    default:
      return ones(rule, items.filter(isBroken(check, facts)))
  }
}

/** Whether a rule about one item does not hold for it. */
function isBroken(
  check: Exclude<Check, { predicate: 'no_overlap' | 'unique' | 'max_items' | 'sum_at_most' }>,
  facts: Facts,
): (item: Item) => boolean {
  switch (check.predicate) {
    case 'in_bounds': {
      const columns = numberOf(check.columns, facts)
      return (item) => {
        const own = rectangleOf(item, check.rectangle)
        return own !== undefined && !liesWithin(own, columns)
      }
    }
    case 'reference_exists':
      return (item) => {
        const value = setValue(cellOf(item, check.value))
        if (value === undefined) return false
        return typeof value !== 'string' || facts.item(check.target, [value]) === undefined
      }
    case 'required':
      return (item) => setValue(cellOf(item, check.value)) === undefined
    case 'range': {
      const [min, max] = [optionalNumber(check.min, facts), optionalNumber(check.max, facts)]
      return (item) => isOutOfRange(cellOf(item, check.value).value, min, max)
    }
    case 'one_of':
      return (item) => {
        const { value } = cellOf(item, check.value)
        return value !== undefined && value !== null && !check.allowed.has(canonical(value))
      }
    case 'mutually_exclusive':
      return (item) => check.fields.filter((field) => setValue(cellOf(item, field)) !== undefined).length > 1
    case 'immutable':
      return (item) => {
        const { first, value } = cellOf(item, check.value)
        return first !== undefined && (value === undefined || canonical(first) !== canonical(value))
      }
    case 'exclusive_field':
      return (item) => competing(cellOf(item, check.value)).length > 1
  }
}

/** The value, where it counts as set: not missing, not `null`, not an empty text. */
export function setValue({ value }: Cell): Json | undefined {
  return value === null || value === '' ? undefined : value
}

/** A number of the rule, or the one in the document that it names. Throws `Unknown`. */
export function numberOf(operand: Operand, facts: Facts): number {
  if (operand.operand === 'number') return operand.number
  const root = facts.item(operand.field.collection, [])
  const number = (root && numberAt(cellOf(root, operand.field))) ?? operand.default
  if (number === undefined) throw new Unknown({ no_limit: operand.path })
  return number
}

/** The same of an operand that may be left out. */
export function optionalNumber(operand: Operand | undefined, facts: Facts): number | undefined {
  return operand && numberOf(operand, facts)
}

function numberAt({ value }: Cell): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The rectangle of an item, when all four members are numbers within reason. */
export function rectangleOf(item: Item, fields: RectangleFields): Rectangle | undefined {
  const [x, y, w, h] = fields.map((field) => numberAt(cellOf(item, field)))
  if (x === undefined || y === undefined || w === undefined || h === undefined) return undefined
  return [x, y, w, h].every((cells) => Math.abs(cells) <= CELLS_MAX) ? { x, y, w, h } : undefined
}

/** Whether a value is set and not a number within the bounds. */
export function isOutOfRange(
  value: Json | undefined,
  min: number | undefined,
  max: number | undefined,
): boolean {
  if (value === undefined || value === null) return false
  if (typeof value !== 'number') return true
  return (min !== undefined && value < min) || (max !== undefined && value > max)
}

/** One of several live values: as canonical JSON, and the places in the rivals of the first and the last operation that set it. */
export interface Competing {
  readonly text: string
  readonly earliest: number
  readonly latest: number
}

/** The live values that differ, by their canonical JSON. */
export function competing({ rivals }: Cell): readonly Competing[] {
  const values = new Map<string, Competing>()
  for (const [at, { value }] of rivals.entries()) {
    const text = canonical(value)
    values.set(text, { text, earliest: values.get(text)?.earliest ?? at, latest: at })
  }
  return [...values.values()].sort((one, other) => byBytes(one.text, other.text))
}

/** Whether two items are compared with each other at all. */
export function sameScope(one: Item, other: Item, within: Field | undefined): boolean {
  return scopeOf(one, within) === scopeOf(other, within)
}

/** In which company an item is compared. Missing, `null` and empty are equal. */
function scopeOf(item: Item, within: Field | undefined): string {
  const value = within && setValue(cellOf(item, within))
  return value === undefined ? '' : canonical(value)
}

/** Pairs of items by their numbers, the earlier first. */
type Pairs = readonly (readonly [number, number])[]

function overlaps(
  items: readonly Item[],
  rectangle: RectangleFields,
  within: Field | undefined,
  comparing: Comparing,
): Pairs {
  const scopes = new Map<string, Owned[]>()
  for (const [index, item] of items.entries()) {
    const own = rectangleOf(item, rectangle)
    if (own) add(scopes, scopeOf(item, within), [index, own])
  }
  // The earlier is the one whose rectangle nobody has touched for longer.
  const touched = (index: number): string => {
    const cells = items[index] ? rectangle.map((field) => cellOf(items[index] as Item, field)) : []
    return latest(cells.map((cell) => cell.op()).filter((op) => op !== undefined)) ?? ''
  }
  const remembered = new Map<number, string>()
  const lastTouched = (index: number): string => {
    const known = remembered.get(index) ?? touched(index)
    remembered.set(index, known)
    return known
  }
  return [...scopes.values()]
    .flatMap((rectangles) => comparing.meeting(rectangles))
    .map(([one, other]) => (byAge(lastTouched(one), lastTouched(other)) <= 0 ? [one, other] : [other, one]))
}

/** For every value that several items have: the one that was created first, and each other. */
function doubles(items: readonly Item[], rule: Extract<Check, { predicate: 'unique' }>): Pairs {
  const holders = new Map<string, number[]>()
  for (const [index, item] of items.entries()) {
    const { value } = cellOf(item, rule.value)
    if (value === undefined || value === null || (rule.ignoreEmpty && value === '')) continue
    add(holders, `${canonical(value)} ${scopeOf(item, rule.within)}`, index)
  }
  return [...holders.values()]
    .filter((indexes) => indexes.length > 1)
    .flatMap((indexes) => {
      const created = new Map(indexes.map((index) => [index, items[index]?.op() ?? '']))
      const [keeper, ...others] = [...indexes].sort((a, b) =>
        byAge(created.get(a) ?? '', created.get(b) ?? ''),
      )
      return keeper === undefined ? [] : others.map((other) => [keeper, other] as const)
    })
}

function add<T>(groups: Map<string, T[]>, name: string, member: T): void {
  const group = groups.get(name)
  if (group) group.push(member)
  else groups.set(name, [member])
}

function ones(rule: JudgedRule, broken: readonly Item[]): Hits {
  const subjects = new Map(broken.map((item) => [item, subjectOf(rule, item.keys)]))
  const sorted = [...broken].sort((one, other) => byBytes(subjects.get(one) ?? '', subjects.get(other) ?? ''))
  return listed(sorted, (item) => ({ about: 'one', item }))
}

function pairs(rule: JudgedRule, items: readonly Item[], pairs: Pairs): Hits {
  // A heap of widgets makes a great many pairs: the subjects are made once, and then ranked.
  const concerned = [...new Set(pairs.flat())].map((index) => ({
    index,
    subject: subjectOf(rule, items[index]?.keys ?? []),
  }))
  concerned.sort((one, other) => byBytes(one.subject, other.subject) || one.index - other.index)
  const ranks = new Map(concerned.map(({ index }, rank) => [index, rank]))
  const rank = (index: number): number => ranks.get(index) ?? 0
  const ranked = pairs.map((pair) => {
    const [a, b] = [rank(pair[0]), rank(pair[1])]
    return { pair, first: Math.min(a, b), second: Math.max(a, b) }
  })
  ranked.sort((one, other) => one.first - other.first || one.second - other.second)
  return listed(ranked, ({ pair: [earlier, later] }) => ({
    about: 'two',
    earlier: items[earlier] as Item,
    later: items[later] as Item,
  }))
}

/** Hits on every collection whose items amount to more than the limit. */
function collections(
  rule: JudgedRule,
  items: readonly Item[],
  amount: (item: Item) => number | undefined,
  limit: number,
): Hits {
  const sums = new Map<string, { readonly keys: Keys; sum: number }>()
  for (const item of items) {
    if (item.keys.length === 0) continue
    const keys = item.keys.slice(0, -1)
    const name = JSON.stringify(keys)
    const known = sums.get(name) ?? { keys, sum: 0 }
    // In the order of the keys: sums of doubles depend on it.
    known.sum += amount(item) ?? 0
    sums.set(name, known)
  }
  const over = [...sums.values()].filter(({ sum }) => sum > limit)
  const sorted = over
    .map(({ keys, sum }) => ({ keys, sum, subject: subjectOf(rule, keys) }))
    .sort((one, other) => byBytes(one.subject, other.subject) || byTexts(one.keys, other.keys))
  return listed(sorted, ({ keys, sum }) => ({ about: 'collection', keys, amount: sum }))
}

function listed<T>(all: readonly T[], hit: (one: T) => Hit): Hits {
  const listed = all.slice(0, LISTED_PER_RULE_MAX).map(hit)
  return { listed, beyond: all.length - listed.length }
}
