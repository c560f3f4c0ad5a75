// What the rules need to know of a document.
//
// Edit path: ← the merged document and the plan of a rule set; → evaluate.ts.
//
// Always true: the facts, and what they cost, are those that `crdt-core/src/rules/facts.rs` and `reader.rs` find, whatever the
// document's shape: what is too large for a rule there is too large here. Operations are looked up when somebody asks: most
// fields are never asked for.

import { bounded, isList, isMap, memberOf, textOf, type Json, type Members } from './json'
import { ANY, type Path } from './path'
import { byTexts } from './text'
import type { Reading, Rival } from './document'
import { ROOT, type OperationId } from './operation'
import type { CollectionPlan, Field, Node, Plan } from './plan'

/** How many members and items one collection may cost to look at. */
const STEPS_MAX = 200_000

/** What a look at the first value of a field costs: the document at another moment is slower to read. */
const FIRST_VALUE_STEPS = 50

/** What the `*` of a path met, outermost first. */
export type Keys = readonly string[]

/** One field of one item. */
export interface Cell {
  /** What stands there. */
  readonly value: Json | undefined
  /** The operation that set it. */
  op(): OperationId | undefined
  /** All live values, when there are several and they are wanted; the earliest operation first. */
  readonly rivals: readonly Rival[]
  /** The value it was created with, when that is wanted. */
  readonly first: Json | undefined
}

/** One item. */
export interface Item {
  readonly keys: Keys
  /** The operation that set it; for an object, the object. */
  op(): OperationId
  /** As the wishes of the plan. */
  readonly cells: readonly Cell[]
}

/** The items of one collection, in the order of their keys; or there is more than may be looked at. */
export type Collection =
  | { readonly read: true; readonly items: readonly Item[]; readonly byKeys: ReadonlyMap<string, Item> }
  | { readonly read: false }

const NOTHING: Cell = { value: undefined, op: () => undefined, rivals: [], first: undefined }

const TOO_MUCH: Collection = { read: false }

/** The facts of one document. */
export class Facts {
  readonly collections: readonly Collection[]

  constructor(reading: Reading, plan: Plan) {
    this.collections = plan.collections.map((collection) => new Reader(reading, collection).collection())
  }

  /** Whether a collection could be read. */
  isRead(collection: number): boolean {
    return this.collections[collection]?.read ?? false
  }

  /** The items of a collection; none where it could not be read. */
  items(collection: number): readonly Item[] {
    const found = this.collections[collection]
    return found?.read ? found.items : []
  }

  item(collection: number, keys: Keys): Item | undefined {
    const found = this.collections[collection]
    return found?.read ? found.byKeys.get(nameOf(keys)) : undefined
  }
}

/** A field of an item. */
export function cellOf(item: Item, field: Field): Cell {
  return item.cells[field.wish] ?? NOTHING
}

/** The items of a list with their stable keys: the item's `id` where that is text and no earlier item has it, else the operation that set it. */
export function* keyedItems(
  reading: Reading,
  list: readonly unknown[],
): Generator<readonly [string, number, unknown]> {
  const taken = new Set<string>()
  for (const [at, value] of list.entries()) {
    const named = isMap(value) ? textOf(memberOf(value, 'id')) : undefined
    const key = named === undefined || taken.has(named) ? reading.setterOf(list, at, value) : named
    taken.add(key)
    yield [key, at, value]
  }
}

/** Keys as one text, to look them up by. */
function nameOf(keys: Keys): string {
  return keys.length === 1 ? (keys[0] ?? '') : JSON.stringify(keys)
}

/** There is more than may be looked at. */
class TooMuch extends Error {}

/** A field that is being filled. */
interface Filled {
  value: Json | undefined
  op(): OperationId | undefined
  rivals: readonly Rival[]
  first: Json | undefined
}

class Reader {
  readonly #reading: Reading
  readonly #plan: CollectionPlan
  readonly #byKeys = new Map<string, Item>()
  #steps = 0

  constructor(reading: Reading, plan: CollectionPlan) {
    this.#reading = reading
    this.#plan = plan
  }

  collection(): Collection {
    try {
      this.#descend(this.#reading.root, this.#plan.prefix, [])
    } catch (error) {
      if (error instanceof TooMuch) return TOO_MUCH
      throw error
    }
    const items = [...this.#byKeys.values()].sort((one, other) => byTexts(one.keys, other.keys))
    return { read: true, items, byKeys: this.#byKeys }
  }

  #descend(object: unknown, steps: Path, keys: Keys): void {
    const [step, ...rest] = steps
    if (step === undefined) {
      // Only a path without `*` ends here: its item is the root.
      if (isMap(object)) this.#item(object, keys, () => ROOT)
    } else if (step === ANY) {
      if (isMap(object)) {
        for (const [name, value] of Object.entries(object))
          this.#met(object, name, value, rest, [...keys, name])
      } else if (isList(object)) {
        // Each item costs a step at least: what is too much is known before anything is asked of it.
        if (this.#steps + object.length > STEPS_MAX) throw new TooMuch()
        for (const [key, at, value] of keyedItems(this.#reading, object)) {
          this.#met(object, at, value, rest, [...keys, key])
        }
      }
    } else if (isMap(object)) {
      const inner = memberOf(object, step)
      if (isMap(inner) || isList(inner)) this.#descend(inner, rest, keys)
    }
  }

  /** What a `*` met. */
  #met(
    holder: Members | readonly unknown[],
    prop: string | number,
    value: unknown,
    rest: Path,
    keys: Keys,
  ): void {
    if (rest.length === 0) this.#item(value, keys, () => this.#reading.setterOf(holder, prop, value))
    else {
      this.#step(1)
      if (isMap(value) || isList(value)) this.#descend(value, rest, keys)
    }
  }

  #item(value: unknown, keys: Keys, op: () => OperationId): void {
    this.#step(1)
    const cells = this.#plan.wishes.map((): Filled => ({ ...NOTHING }))
    const setter = once(op)
    this.#fields(this.#plan.tree, value, setter, cells)
    this.#byKeys.set(nameOf(keys), { keys, op: setter, cells })
  }

  /** Fills the cells of one place and of what is wanted below it. */
  #fields(node: Node, value: unknown, op: () => OperationId, cells: readonly Filled[]): void {
    const cell = cellAt(node, cells)
    if (cell) {
      cell.value = bounded(value, op)
      cell.op = op
    }
    if (node.members.size === 0 || !isMap(value)) return
    this.#step(Object.keys(value).length)
    for (const [name, wanted] of node.members) {
      const member = memberOf(value, name)
      if (member !== undefined) {
        this.#rivals(wanted, value, name, cells)
        this.#fields(
          wanted,
          member,
          once(() => this.#reading.setterOf(value, name, member)),
          cells,
        )
      }
      this.#first(wanted, value, name, cells)
    }
  }

  /** All live values of a contested register, where they are wanted. */
  #rivals(node: Node, holder: Members, name: string, cells: readonly Filled[]): void {
    const cell = cellAt(node, cells)
    if (!cell || node.wish === undefined || !this.#plan.wishes[node.wish]?.rivals) return
    const rivals = this.#reading.rivals(holder, name)
    this.#step(rivals.length)
    cell.rivals = rivals
  }

  /** What a member of an object was created with, where that is wanted. */
  #first(node: Node, holder: Members, name: string, cells: readonly Filled[]): void {
    const cell = cellAt(node, cells)
    if (!cell || node.wish === undefined || !this.#plan.wishes[node.wish]?.first) return
    this.#step(FIRST_VALUE_STEPS)
    cell.first = this.#reading.first(this.#reading.idOf(holder), name)
  }

  #step(steps: number): void {
    this.#steps += steps
    if (this.#steps > STEPS_MAX) throw new TooMuch()
  }
}

function cellAt(node: Node, cells: readonly Filled[]): Filled | undefined {
  return node.wish === undefined ? undefined : cells[node.wish]
}

/** Asks once, and gives the same answer from then on. */
function once<T>(ask: () => T): () => T {
  let answer: { readonly is: T } | undefined
  return () => (answer ??= { is: ask() }).is
}
