// Checks a rule set as people wrote it.
//
// Edit path: ← the JSON of a set, as the server gives it; → a `RuleSet`, or everything that is wrong with it.
//
// Always true: nothing stops at the first fault. What this device does not know may be right on a newer server, so a rule with
// another predicate, member, severity or mode is no fault: it is the server's to judge.

import type { Mode, Severity } from './conflict'
import { RuleError, type Fault } from './faults'
import { canonical, isList, isMap, memberOf, type Json, type Members } from './json'
import { parseTemplate, quoted, type Items, type Template } from './message'
import { ANY, BadText, parsePath, pathToText, split, wildcards, type Path } from './path'
import { Plan, type Field } from './plan'
import {
  isPredicate,
  PREDICATES,
  type Check,
  type Operand,
  type Predicate,
  type RectangleFields,
} from './predicate'
import { fits, isProposal, type Proposal } from './proposal'
import type { JudgedRule, Rule, RuleSet } from './set'
import { bytesOf } from './text'

/** The most rules of a set. */
const RULES_MAX = 100

/** The most bytes of a rule's id and of a kind. */
const ID_BYTES_MAX = 64

/** The most values of `one_of` and fields of `mutually_exclusive`: a menu that a person can survey. */
const CHOICES_MAX = 256

/** How many places a set may read of a document. */
const COLLECTIONS_MAX = 24

/** What items are called by when the set does not say. */
const DEFAULT_LABEL = 'title'

const OF_RULE = new Set([
  'id',
  'predicate',
  'over',
  'message',
  'severity',
  'mode',
  'proposals',
  'auto_settle_after',
  ...Object.values(PREDICATES).flat(),
])

const SEVERITIES: readonly Severity[] = ['info', 'warning', 'error']
const MODES: readonly Mode[] = ['surface', 'audit']

/** What numbers of the rule set itself make sense, and what to say of others. */
interface Constants {
  readonly isRight: (number: number) => boolean
  readonly right: string
}
const ANY_NUMBER: Constants = { isRight: Number.isFinite, right: 'a number' }
const COLUMNS: Constants = {
  isRight: (number) => Number.isFinite(number) && number > 0,
  right: 'a number above 0: nothing lies on a grid without columns',
}
const COUNTED: Constants = {
  isRight: (number) => Number.isFinite(number) && number >= 0,
  right: 'a number, 0 or more: no collection has less than no members',
}

/** Reads and checks a rule set. Throws `RuleError`. */
export function compileRules(set: unknown): RuleSet {
  const compiler = new Compiler()
  const compiled = compiler.set(set)
  if (compiler.faults.length > 0) throw new RuleError(compiler.faults)
  return compiled
}

/** A value that is wrong was named; what it is part of cannot be made. */
class Unusable extends Error {}

/** Where a rule looks. */
interface Target {
  readonly path: Path
  readonly collection: number
  readonly names: readonly string[]
}

class Compiler {
  readonly faults: Fault[] = []
  readonly #plan = new Plan()
  /** The rule at hand: `rule[2].`; its members, and what it depends on. */
  #place = ''
  #members: Members = {}
  #fields: Field[] = []
  #keysOf: number[] = []

  set(set: unknown): RuleSet {
    if (!isMap(set)) {
      this.faults.push({
        place: '$',
        wrong: 'it is no object',
        right: 'an object with `kind`, `label` and `rule`',
      })
      return { kind: '', rules: [], plan: this.#plan }
    }
    this.#members = set
    const kind = this.#attempt(() => this.#text('kind')) ?? ''
    if (kind === '' || bytesOf(kind) > ID_BYTES_MAX) {
      this.#name(
        'kind',
        'no kind of document',
        `the text at \`kind\` in the documents' root, 1 to ${ID_BYTES_MAX} bytes`,
      )
    }
    const label = this.#attempt(() => this.#label()) ?? []
    const rules = this.#attempt(() => this.#rules(memberOf(set, 'rule') ?? [], label)) ?? []
    if (this.#plan.collections.length > COLLECTIONS_MAX) {
      const right = `at most ${COLLECTIONS_MAX}: paths that are equal up to their last \`*\` are one`
      this.#name('rule', `the rules look at ${this.#plan.collections.length} different places`, right)
    }
    return { kind, rules, plan: this.#plan }
  }

  #label(): readonly string[] {
    return this.#namesOf('label', this.#given('label') ?? DEFAULT_LABEL, 'a path of names')
  }

  #rules(rules: unknown, label: readonly string[]): readonly Rule[] {
    if (!isList(rules)) this.#fault('rule', 'it is no list', 'a list of rules')
    if (rules.length > RULES_MAX) this.#fault('rule', `${rules.length} rules`, `at most ${RULES_MAX}`)
    const ids = new Set<string>()
    const compiled = rules.flatMap((rule, index) => {
      this.#place = `rule[${index}]`
      const made = this.#attempt(() => this.#rule(rule, label)) ?? []
      const id = isMap(rule) ? memberOf(rule, 'id') : undefined
      if (typeof id === 'string' && ids.has(id)) {
        this.#name('id', `${JSON.stringify(quoted(id))} is the id of an earlier rule`, 'an id of its own')
      }
      if (typeof id === 'string') ids.add(id)
      return made
    })
    this.#place = ''
    return compiled
  }

  #rule(rule: unknown, label: readonly string[]): Rule {
    if (!isMap(rule)) this.#fault('', 'it is no object', 'a rule: an object')
    this.#members = rule
    this.#fields = []
    this.#keysOf = []
    const id = this.#attempt(() => this.#id())
    const predicate = this.#text('predicate')
    const severity = this.#word('severity', SEVERITIES, 'warning')
    const mode = this.#word('mode', MODES, 'surface')
    const isNewer = Object.keys(rule).some((name) => !OF_RULE.has(name))
    if (!isPredicate(predicate) || isNewer || !severity || !mode) {
      return { judged: 'by_server', id: id ?? '' }
    }
    this.#parameters(predicate)
    const proposals = this.#attempt(() => this.#proposals(predicate))
    const target = this.#target(predicate)
    const check = this.#attempt(() => this.#check(predicate, target))
    const message = this.#attempt(() => this.#message(itemsOf(predicate), target.collection))
    const isLabelled = itemsOf(predicate) !== 0 && wildcards(target.path) > 0 && label.length > 0
    const labelled = isLabelled ? this.#field(target.collection, label) : undefined
    if (id === undefined || !proposals || !check || !message) throw new Unusable()
    const { path, collection } = target
    const words = { severity, mode, proposals, check, message, label: labelled, tail: tail(predicate, path) }
    return {
      judged: 'here',
      id,
      ...words,
      collection,
      fields: this.#fields,
      keysOf: this.#keysOf,
    } satisfies JudgedRule
  }

  #id(): string {
    const id = this.#text('id')
    if (!/^[A-Za-z0-9_-]+$/.test(id) || bytesOf(id) > ID_BYTES_MAX) {
      const right = `1 to ${ID_BYTES_MAX} letters, digits, \`-\` and \`_\``
      this.#fault('id', `${JSON.stringify(quoted(id))} is no id`, right)
    }
    return id
  }

  /** A known word; nothing where only a newer server knows it. */
  #word<W extends string>(name: string, words: readonly W[], byDefault: W): W | undefined {
    const given = this.#given(name)
    return given === undefined ? byDefault : words.find((word) => word === given)
  }

  /** Parameters that the predicate does not take. */
  #parameters(predicate: Predicate): void {
    const takes = PREDICATES[predicate]
    const common = [
      'id',
      'predicate',
      'over',
      'message',
      'severity',
      'mode',
      'proposals',
      'auto_settle_after',
    ]
    for (const name of Object.keys(this.#members)) {
      if (common.includes(name) || takes.includes(name) || this.#given(name) === undefined) continue
      const right = takes.length === 0 ? 'no parameters but the common ones' : `it takes ${takes.join(', ')}`
      this.#name(name, `${predicate} does not take it`, right)
    }
  }

  #proposals(predicate: Predicate): readonly Proposal[] {
    const given = this.#given('proposals') ?? []
    if (!isList(given)) this.#fault('proposals', 'it is no list', 'a list of names')
    // What only a newer server knows cannot be made here, and so is not offered here.
    const known = given.filter((name): name is Proposal => typeof name === 'string' && isProposal(name))
    for (const proposal of known) {
      if (!fits(proposal, predicate))
        this.#name(
          'proposals',
          `${proposal} does not settle ${predicate}`,
          'proposals that fit the predicate',
        )
      if (proposal === 'first_free' && this.#given('columns') === undefined)
        this.#name('proposals', 'first_free has to know how wide the grid is', '`columns`')
    }
    if (new Set(known).size < known.length) this.#name('proposals', 'one is named twice', 'each once')
    return known
  }

  /** Where `over` leads, if the predicate can be judged there. */
  #target(predicate: Predicate): Target {
    const path = this.#path('over', this.#text('over'))
    const { prefix, names } = split(path)
    const right = unfit(predicate, path, names)
    if (right) this.#fault('over', `${predicate} cannot be judged at ${pathToText(path)}`, right)
    if (predicate === 'max_items') {
      // Its items are those of the collection that it counts.
      return { path, collection: this.#keysAt(path), names: [] }
    }
    return { path, collection: this.#plan.collection(prefix), names }
  }

  #check(predicate: Predicate, target: Target): Check {
    const value = (): Field => this.#field(target.collection, target.names)
    switch (predicate) {
      case 'no_overlap': {
        const within = this.#sibling('within', target)
        const columns = this.#operand('columns', COLUMNS)
        return { predicate, rectangle: this.#rectangle(target), within, columns }
      }
      case 'in_bounds':
        return {
          predicate,
          rectangle: this.#rectangle(target),
          columns: this.#mustOperand('columns', COLUMNS),
        }
      case 'unique': {
        const ignoreEmpty = this.#given('ignore_empty') ?? true
        if (typeof ignoreEmpty !== 'boolean') this.#fault('ignore_empty', 'it is neither', 'true or false')
        return { predicate, value: value(), within: this.#sibling('within', target), ignoreEmpty }
      }
      case 'reference_exists': {
        const path = this.#path('in', this.#text('in'))
        if (wildcards(path) > 0)
          this.#fault('in', '`*` stands for many collections', 'the path of one collection')
        return { predicate, value: value(), target: this.#keysAt(path) }
      }
      case 'max_items':
        return { predicate, limit: this.#mustOperand('limit', COUNTED) }
      case 'sum_at_most':
        return { predicate, value: value(), limit: this.#mustOperand('limit', ANY_NUMBER) }
      case 'required':
        return { predicate, value: value() }
      case 'range':
        return { predicate, value: value(), ...this.#range() }
      case 'one_of':
        return { predicate, value: value(), allowed: new Set(this.#choices('values', 1).map(canonicalOf)) }
      case 'mutually_exclusive':
        return { predicate, fields: this.#exclusive(target) }
      case 'immutable': {
        const field = value()
        this.#plan.wish(field).first = true
        return { predicate, value: field }
      }
      case 'exclusive_field': {
        const field = value()
        this.#plan.wish(field).rivals = true
        return { predicate, value: field }
      }
    }
  }

  #range(): { readonly min: Operand | undefined; readonly max: Operand | undefined } {
    const min = this.#operand('min', ANY_NUMBER)
    const max = this.#operand('max', ANY_NUMBER)
    if (!min && !max)
      this.#fault('min', 'it is missing', '`min`, `max` or both: a number, or the path of one')
    if (min?.operand === 'number' && max?.operand === 'number' && min.number > max.number)
      this.#fault('min', `${min.number} is more than \`max\``, `at most ${max.number}`)
    return { min, max }
  }

  #rectangle({ collection, names }: Target): RectangleFields {
    const member = (name: string): Field => this.#field(collection, [...names, name])
    return [member('x'), member('y'), member('w'), member('h')]
  }

  /** A member of the item beside the one that the rule is about. */
  #sibling(name: string, target: Target): Field | undefined {
    const given = this.#given(name)
    if (given === undefined) return undefined
    return this.#field(target.collection, this.#namesOf(name, given, 'a path of names within the item'))
  }

  #exclusive(target: Target): readonly Field[] {
    const paths = this.#choices('fields', 2).map((text, at) =>
      this.#namesOf(`fields[${at}]`, text, 'a path of names within the object'),
    )
    for (const [at, names] of paths.entries()) {
      const holder = paths.find(
        (other, n) => n !== at && names.length >= other.length && startsWith(names, other),
      )
      if (holder)
        this.#fault(`fields[${at}]`, 'another holds it, or is the same', 'fields of which none holds another')
    }
    return paths.map((names) => this.#field(target.collection, [...target.names, ...names]))
  }

  #mustOperand(name: string, constants: Constants): Operand {
    return (
      this.#operand(name, constants) ?? this.#fault(name, 'it is missing', 'a number, or the path of one')
    )
  }

  #operand(name: string, constants: Constants): Operand | undefined {
    const given = this.#given(name)
    if (given === undefined) return undefined
    if (typeof given === 'number')
      return { operand: 'number', number: this.#constant(name, given, constants) }
    if (typeof given === 'string') return this.#inRoot(name, given, undefined)
    if (!isMap(given))
      this.#fault(name, 'it is neither', 'a number, the path of one, or an object with `path` and `default`')
    const byDefault = this.#constant(`${name}.default`, memberOf(given, 'default'), constants)
    return this.#inRoot(`${name}.path`, memberOf(given, 'path'), byDefault)
  }

  #inRoot(place: string, text: unknown, byDefault: number | undefined): Operand {
    const names = this.#namesOf(place, text, 'a path from the root, without `*`')
    const field = this.#field(this.#plan.collection([]), names)
    return { operand: 'root', field, path: pathToText(names), default: byDefault }
  }

  #constant(place: string, number: unknown, { isRight, right }: Constants): number {
    if (typeof number !== 'number') return this.#fault(place, 'it is no number', right)
    return isRight(number) ? number : this.#fault(place, `it is ${number}`, right)
  }

  #choices(name: string, least: number): readonly unknown[] {
    const given = this.#given(name)
    if (!isList(given)) return this.#fault(name, 'it is missing, or no list', 'a list')
    if (given.length < least || given.length > CHOICES_MAX)
      this.#fault(name, `${given.length} of them`, `${least} to ${CHOICES_MAX}`)
    return given
  }

  #message(items: Items, collection: number): Template<Field> {
    const text = this.#text('message')
    return this.#parsed('message', () =>
      parseTemplate(text, items, (names) => this.#field(collection, names)),
    )
  }

  /** The collection of the keys of what stands at a path. */
  #keysAt(path: Path): number {
    const collection = this.#plan.collection([...path, ANY])
    this.#keysOf.push(collection)
    return collection
  }

  #field(collection: number, names: readonly string[]): Field {
    const field = this.#plan.field(collection, names)
    this.#fields.push(field)
    return field
  }

  #namesOf(place: string, text: unknown, right: string): readonly string[] {
    if (typeof text !== 'string') return this.#fault(place, 'it is no text', right)
    const path = this.#path(place, text)
    if (wildcards(path) > 0) this.#fault(place, '`*` stands for many values', right)
    return split(path).names
  }

  #path(place: string, text: string): Path {
    return this.#parsed(place, () => parsePath(text))
  }

  #parsed<T>(place: string, read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof BadText)) throw error
      this.faults.push({
        place: this.#placeOf(place),
        character: error.at,
        wrong: error.wrong,
        right: error.right,
      })
      throw new Unusable()
    }
  }

  #text(name: string): string {
    const text = this.#given(name)
    return typeof text === 'string' ? text : this.#fault(name, 'it is missing, or no text', 'a text')
  }

  /** A member that may be left out: `null` says as much. */
  #given(name: string): unknown {
    return memberOf(this.#members, name) ?? undefined
  }

  #fault(name: string, wrong: string, right: string): never {
    this.#name(name, wrong, right)
    throw new Unusable()
  }

  #name(name: string, wrong: string, right: string): void {
    this.faults.push({ place: this.#placeOf(name), wrong, right })
  }

  #placeOf(name: string): string {
    return [this.#place, name].filter((part) => part !== '').join('.') || '$'
  }

  /** What can be made, when nothing is wrong with it; what is wrong was named. */
  #attempt<T>(make: () => T): T | undefined {
    try {
      return make()
    } catch (error) {
      if (error instanceof Unusable) return undefined
      throw error
    }
  }
}

/** What would be right, where a predicate cannot be judged at a path. */
function unfit(predicate: Predicate, path: Path, names: readonly string[]): string | undefined {
  const stars = wildcards(path)
  switch (predicate) {
    case 'no_overlap':
    case 'unique':
    case 'sum_at_most':
      return stars === 0 ? 'a path with `*`: it compares or adds up items' : undefined
    case 'max_items':
      return stars > 1 ? 'a path with one `*` at most' : undefined
    case 'immutable':
      return names.length === 0 || (stars === 0 && names.length < 2)
        ? 'the path of a member of an object below the root: its first value is the one it was created with'
        : undefined
    case 'required':
    case 'exclusive_field':
      return names.length === 0 ? 'the path of a member: what `*` meets is there' : undefined
    default:
      return undefined
  }
}

/** What subjects of the rule end with. */
function tail(predicate: Predicate, over: Path): string {
  const last = over.lastIndexOf(ANY)
  switch (predicate) {
    // Of an item there is one rectangle, and one value that has to be its own.
    case 'no_overlap':
    case 'in_bounds':
    case 'unique':
      if (last >= 0) return ''
      break
    // The collection is what lies before the last `*`.
    case 'sum_at_most':
      return pathToText(split(over.slice(0, last)).names)
    default:
  }
  return pathToText(split(over).names)
}

function itemsOf(predicate: Predicate): Items {
  if (predicate === 'no_overlap' || predicate === 'unique') return 2
  return predicate === 'max_items' || predicate === 'sum_at_most' ? 0 : 1
}

function startsWith(names: readonly string[], beginning: readonly string[]): boolean {
  return beginning.every((name, at) => names[at] === name)
}

/** The values of a set are JSON as they are. */
function canonicalOf(value: unknown): string {
  return canonical(value as Json)
}
