// What a rule set reads of a document, each place once.
//
// Edit path: ← the paths of all rules (compile.ts); → facts.ts, which reads it.
//
// A path up to its last `*` names a **collection**; what the `*` meets are its **items**. A path without `*` belongs to the
// collection whose one item is the root. The names behind the `*` are **wishes**: fields of each item that some rule wants.

import { pathToText, type Path } from './path'

/** One field of each item. */
export interface Wish {
  /** The names that lead to it; none for the item itself. */
  readonly names: readonly string[]
  /** Whether all live values of a contested register are wanted. */
  rivals: boolean
  /** Whether the value that it was created with is wanted. */
  first: boolean
}

/** A place on the way to wishes. */
export interface Node {
  /** The wish that ends here. */
  wish: number | undefined
  /** Where it goes on, by name. */
  readonly members: Map<string, Node>
}

export interface CollectionPlan {
  /** The steps up to the last `*`; none for the root. */
  readonly prefix: Path
  readonly wishes: Wish[]
  readonly tree: Node
}

/** A wish of a collection. */
export interface Field {
  readonly collection: number
  readonly wish: number
}

/** All that is read. */
export class Plan {
  readonly collections: CollectionPlan[] = []
  readonly #numbers = new Map<string, number>()

  /** The collection at this prefix. */
  collection(prefix: Path): number {
    const text = pathToText(prefix)
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.collections.push({ prefix, wishes: [], tree: newNode() })
    this.#numbers.set(text, this.collections.length - 1)
    return this.collections.length - 1
  }

  /** A field of the collection's items. */
  field(collection: number, names: readonly string[]): Field {
    const { tree, wishes } = this.#at(collection)
    const node = names.reduce(memberOf, tree)
    node.wish ??= wishes.push({ names, rivals: false, first: false }) - 1
    return { collection, wish: node.wish }
  }

  /** The wish, to look at or to ask for more. */
  wish({ collection, wish }: Field): Wish {
    const found = this.#at(collection).wishes[wish]
    if (!found) throw new RangeError(`there is no wish ${wish}`)
    return found
  }

  #at(collection: number): CollectionPlan {
    const found = this.collections[collection]
    if (!found) throw new RangeError(`there is no collection ${collection}`)
    return found
  }
}

function newNode(): Node {
  return { wish: undefined, members: new Map() }
}

function memberOf(node: Node, name: string): Node {
  const known = node.members.get(name)
  if (known) return known
  const made = newNode()
  node.members.set(name, made)
  return made
}
