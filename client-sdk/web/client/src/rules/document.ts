// A document as the rules look at it: its values as JavaScript has them, and behind them the operations that set them.
//
// Edit path: ← any document, foreign ones too, or a view of an earlier state; → facts.ts and entries.ts.
//
// Always true: values come from the document's own objects, which cost nothing; Automerge is asked only for what they do not
// tell: who set a register, and what else was set there while apart. Each such question takes some 20 µs.

import { Automerge, type Doc } from '../automerge'
import { changesOf, type Changes, type Handle } from './changes'
import { bounded, isMap, type Json, type Members } from './json'
import { byAge, ROOT, type OperationId } from './operation'

/** A value of a register that nobody has overwritten. */
export interface Live {
  readonly op: OperationId
  /** Automerge's name of its kind: `int`, `str`, `map`… */
  readonly kind: string
  /** What a scalar holds. */
  readonly scalar: unknown
}

/** A live value with what it is as JSON. */
export interface Rival {
  readonly op: OperationId
  readonly value: Json
}

/**
 * Members that have one live value, by the object that holds them. Whenever a second one comes, Automerge puts another object
 * into the place of the holder, so what is known of the old one stays true. Contested members are looked at every time:
 * nobody is told what happens inside of a value that lost.
 */
const uncontested = new WeakMap<Members, Set<string>>()

/** One document at one state. */
export class Reading {
  readonly root: Members
  readonly handle: Handle
  readonly changes: Changes
  /** The state, where it is not the newest one. */
  readonly heads: string[] | undefined

  constructor(doc: Doc<unknown>) {
    this.root = doc
    this.handle = Automerge.getBackend(doc)
    this.changes = changesOf(this.handle)
    const [heads, newest] = [Automerge.getHeads(doc), this.handle.getHeads()]
    this.heads = [...heads].sort().join() === [...newest].sort().join() ? undefined : heads
  }

  /** The object that a map or a list of the document is. */
  idOf(object: unknown): OperationId {
    return Automerge.getObjectId(object) ?? ROOT
  }

  /** All live values of a register, the winner last; at `heads`, or at the state that is read. */
  all(object: OperationId, prop: string | number, heads = this.heads): readonly Live[] {
    return this.handle.getAll(object, prop, heads).map((found) => {
      const [kind, value, op] = found
      // Of an object the second part is what it is, of a scalar what it holds.
      return op === undefined
        ? { kind, op: value as OperationId, scalar: undefined }
        : { kind, op, scalar: value }
    })
  }

  /** All live values of a member, the earliest first; none where there is but one. */
  rivals(holder: Members, name: string): readonly Rival[] {
    const alone = uncontested.get(holder)
    if (alone?.has(name)) return []
    const all = this.all(this.idOf(holder), name)
    if (all.length < 2) {
      uncontested.set(holder, (alone ?? new Set()).add(name))
      return []
    }
    const rivals = all.map((live) => ({ op: live.op, value: this.content(live) }))
    return rivals.sort((one, other) => byAge(one.op, other.op))
  }

  /** A live value as JSON, as far as it is read. */
  content(live: Live, heads = this.heads): Json {
    return bounded(this.valueOf(live, heads), () => live.op)
  }

  /** A live value as the document's own objects would have it. */
  valueOf({ kind, op, scalar }: Live, heads = this.heads): unknown {
    switch (kind) {
      case 'map':
      case 'list':
        return this.handle.materialize(op, heads)
      case 'text':
        return this.handle.text(op, heads)
      case 'str':
      case 'int':
      case 'uint':
      case 'f64':
      case 'boolean':
      case 'timestamp':
      case 'bytes':
        return scalar
      case 'counter':
        return Number(scalar)
      default:
        return null
    }
  }

  /** The operation that set a member or an item, which holds `value`. */
  setterOf(holder: unknown, prop: string | number, value: unknown): OperationId {
    if (isMap(value) || Array.isArray(value)) return this.idOf(value)
    return this.all(this.idOf(holder), prop).at(-1)?.op ?? ROOT
  }

  /** The value of a field in the change that made the object which holds it. */
  first(object: OperationId, name: string): Json | undefined {
    const hash = this.changes.hashOf(object)
    if (hash === undefined) return undefined
    const found = this.firstLive(object, name, hash)
    return found && this.content(found, [hash])
  }

  /** The same, as Automerge has it. */
  firstLive(object: OperationId, name: string, hash: string): Live | undefined {
    return this.all(object, name, [hash]).at(-1)
  }

  /** The map at a member of a map. */
  mapAt(object: OperationId, name: string): OperationId | undefined {
    const found = this.all(object, name).at(-1)
    return found?.kind === 'map' ? found.op : undefined
  }
}
