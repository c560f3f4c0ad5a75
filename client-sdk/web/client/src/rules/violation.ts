// One place where a rule does not hold, in words and values: a conflict without its life.
//
// Edit path: ← a hit of evaluate.ts; → judge.ts, which adds what people decided.

import { cellOf, type Facts, type Item, type Keys } from './facts'
import { competing, optionalNumber, rectangleOf, setValue, Unknown, type Hit } from './evaluate'
import { conflictId, fingerprintOf } from './identity'
import { canonical, type Json } from './json'
import { render, shown, type Side, type Words } from './message'
import { byAge, type OperationId } from './operation'
import { pathToText } from './path'
import type { Field, Plan } from './plan'
import type { Operand, RectangleFields } from './predicate'
import type { JudgedRule } from './set'
import { itemSubject, subjectOf } from './subject'
import { byBytes, isBlank } from './text'

/** How many changes are named as causes of one conflict, the latest: two rectangles are eight registers. */
export const CAUSES_MAX = 8

/** What the root is called in words. */
const WHOLE_DOCUMENT = 'the document'

/** A place where a rule does not hold. */
export interface Violation {
  readonly id: string
  readonly fingerprint: string
  /** In byte order. */
  readonly subjects: readonly string[]
  readonly message: string
  readonly hit: Hit
  /** The registers in play, looked up when somebody asks. */
  registers(): readonly Register[]
}

/** A register in play: the operation that set it, and of what it is a field. */
export interface Register {
  readonly op: OperationId
  /** The item, as subjects name it. */
  readonly subject: string
  /** What people call the item. */
  readonly label: string
  /** The operation that made the item. */
  readonly item: OperationId
  /** The names that lead to the field; none for the item itself. */
  readonly names: readonly string[]
  /** What it holds. */
  readonly value: Json | undefined
}

/** Puts a hit into words and values. */
export function violationOf(
  documentId: string,
  plan: Plan,
  rule: JudgedRule,
  facts: Facts,
  hit: Hit,
): Violation {
  const subjects = keysOf(hit)
    .map((keys) => subjectOf(rule, keys))
    .sort(byBytes)
  const id = conflictId(documentId, rule.id, subjects)
  const details = new Details(plan, rule, facts, hit)
  const fingerprint = fingerprintOf(id, details.values.map(canonical))
  const message = render(rule.message, details)
  return { id, fingerprint, subjects, message, hit, registers: () => details.registers() }
}

function keysOf(hit: Hit): readonly Keys[] {
  switch (hit.about) {
    case 'one':
      return [hit.item.keys]
    case 'two':
      return [hit.earlier.keys, hit.later.keys]
    case 'collection':
      return [hit.keys]
  }
}

/** What a message may name, and what the fingerprint is made of. */
class Details implements Words<Field> {
  values: readonly Json[] = []
  found: Json | undefined
  limit: Json | undefined
  readonly #plan: Plan
  readonly #rule: JudgedRule
  readonly #facts: Facts
  readonly #hit: Hit
  /** Fields whose registers are in play, of the earlier and the later item. */
  readonly #fields: Record<Side, readonly Field[]> = { a: [], b: [] }

  constructor(plan: Plan, rule: JudgedRule, facts: Facts, hit: Hit) {
    this.#plan = plan
    this.#rule = rule
    this.#facts = facts
    this.#hit = hit
    this.#fill()
  }

  field(side: Side, field: Field): Json | undefined {
    const item = this.#item(side)
    return item && cellOf(item, field).value
  }

  key(side: Side): string {
    return itemSubject(this.#item(side)?.keys ?? []) || WHOLE_DOCUMENT
  }

  registers(): readonly Register[] {
    if (this.#hit.about === 'collection') return this.#contributors(this.#hit.keys)
    return (['a', 'b'] as const).flatMap((side) => {
      const item = this.#item(side)
      return item ? this.#fields[side].flatMap((field) => this.#registersOf(item, field)) : []
    })
  }

  /** Which values are in play, by predicate. */
  #fill(): void {
    const check = this.#rule.check
    switch (check.predicate) {
      case 'no_overlap':
        this.values = (['a', 'b'] as const).flatMap((side) => this.#rectangle(side, check.rectangle))
        this.#fields.a = this.#fields.b = check.rectangle
        return
      case 'in_bounds': {
        const [own] = this.#rectangle('a', check.rectangle)
        this.found = own
        this.limit = this.#number(check.columns)
        this.values = [own, this.limit].filter((value) => value !== undefined)
        this.#fields.a = check.rectangle
        return
      }
      case 'max_items':
      case 'sum_at_most':
        this.found = this.#hit.about === 'collection' ? this.#hit.amount : undefined
        this.limit = this.#number(check.limit)
        this.values = [this.found, this.limit].filter((value) => value !== undefined)
        return
      case 'mutually_exclusive': {
        const set = check.fields.filter((field) => this.#isSet(field))
        this.values = set.map((field) => pathToText(this.#plan.wish(field).names))
        this.#fields.a = set
        return
      }
      case 'immutable': {
        const item = this.#item('a')
        const cell = item && cellOf(item, check.value)
        this.limit = cell?.first
        this.found = cell?.value
        this.values = [this.limit ?? null, this.found ?? null]
        this.#fields.a = [check.value]
        return
      }
      case 'exclusive_field': {
        const item = this.#item('a')
        const cell = item && cellOf(item, check.value)
        this.values = cell ? competing(cell).map(({ earliest }) => cell.rivals[earliest]?.value ?? null) : []
        this.#fields.a = [check.value]
        return
      }
      case 'range':
        this.#oneValue(check.value)
        this.limit = `${this.#bound(check.min)} to ${this.#bound(check.max)}`
        return
      case 'unique':
        this.#oneValue(check.value)
        this.#fields.b = [check.value]
        return
      case 'reference_exists':
      case 'one_of':
      case 'required':
        this.#oneValue(check.value)
    }
  }

  #oneValue(field: Field): void {
    this.found = this.field('a', field)
    this.values = [this.found ?? null]
    this.#fields.a = [field]
  }

  #isSet(field: Field): boolean {
    const item = this.#item('a')
    return item !== undefined && setValue(cellOf(item, field)) !== undefined
  }

  #rectangle(side: Side, fields: RectangleFields): readonly Json[] {
    const item = this.#item(side)
    const own = item && rectangleOf(item, fields)
    return own ? [{ ...own }] : []
  }

  #number(operand: Operand | undefined): number | undefined {
    try {
      return optionalNumber(operand, this.#facts)
    } catch (error) {
      if (error instanceof Unknown) return undefined
      throw error
    }
  }

  #bound(operand: Operand | undefined): string {
    const bound = this.#number(operand)
    return bound === undefined ? '…' : shown(bound)
  }

  #item(side: Side): Item | undefined {
    const hit = this.#hit
    if (hit.about === 'one') return side === 'a' ? hit.item : undefined
    if (hit.about === 'two') return side === 'a' ? hit.earlier : hit.later
    return undefined
  }

  /** The register of a field; all live ones where it is contested. */
  #registersOf(item: Item, field: Field): readonly Register[] {
    const cell = cellOf(item, field)
    const of = { ...this.#named(item), names: this.#plan.wish(field).names }
    if (cell.rivals.length > 0) return cell.rivals.map(({ op, value }) => ({ ...of, op, value }))
    const op = cell.op()
    return op === undefined ? [] : [{ ...of, op, value: cell.value }]
  }

  #named(item: Item): Pick<Register, 'subject' | 'label' | 'item'> {
    return { subject: itemSubject(item.keys), label: this.#labelOf(item), item: item.op() }
  }

  /** What people call an item: its label, or else its key. */
  #labelOf(item: Item): string {
    const label = this.#rule.label && cellOf(item, this.#rule.label).value
    if (typeof label === 'string' && !isBlank(label)) return label
    return item.keys.length === 0 ? WHOLE_DOCUMENT : itemSubject(item.keys)
  }

  /** What made a collection as large as it is: its items, or their values. */
  #contributors(keys: Keys): readonly Register[] {
    const check = this.#rule.check
    const within = this.#facts
      .items(this.#rule.collection)
      .filter(
        (item) => item.keys.length === keys.length + 1 && keys.every((key, at) => item.keys[at] === key),
      )
    const registers = within.flatMap((item): readonly Register[] =>
      check.predicate === 'sum_at_most'
        ? this.#registersOf(item, check.value)
        : [{ ...this.#named(item), op: item.op(), names: [], value: undefined }],
    )
    return [...registers].sort((one, other) => byAge(other.op, one.op)).slice(0, CAUSES_MAX)
  }
}
