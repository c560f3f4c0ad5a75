// Makes changes anew that hang on a refused one: the same operations, where the refused ones never happened.
//
// Edit path: ← plan.ts has a lawful change on top of a refused one; → the bytes of one that stands on what was kept, by an actor
// of its own.
//
// Automerge knows no rebase. Two ways were tried. Patches (`diff` at the change, `applyPatches` on what was kept) speak of places
// by number, and numbers shift when the text or the list before them was refused. So the operations themselves are written
// again: they speak of objects and items by id, which is what makes texts merge, counters count and lists keep their order.
//
// Always true: nothing here depends on a document, only on the changes that were fed, in the order of their dependencies. What
// operation became what is remembered, so that a change which comes later finds what those before it became.

import {
  closeChange,
  makesObject,
  operationId,
  type OpenChange,
  type Operation,
  type OperationId,
} from './operations'

/** What became of a change. */
export type Remade =
  /** All of it was made anew. `without`: the places of operations that were left out, as nothing was left for them to do. */
  | { readonly outcome: 'whole'; readonly bytes: Uint8Array; readonly without: readonly number[] }
  /** Some of it could not be made anew. */
  | { readonly outcome: 'part'; readonly bytes: Uint8Array; readonly without: readonly number[] }
  /** Nothing of it was left to do: it only took back what was refused. */
  | { readonly outcome: 'nothing' }
  /** None of it could be made anew: all that it touches was made by what was refused. */
  | { readonly outcome: 'lost' }

/** What can be done with one operation. */
type Fate = { readonly became: Operation } | 'idle' | 'lost'

/** The changes of one document that are gone, and what became of those on top of them. */
export class Remaking {
  readonly #isKept: (id: OperationId) => boolean
  readonly #became = new Map<OperationId, OperationId>()
  readonly #gone = new Map<OperationId, Operation>()
  /** Which members of which map were deleted by what is gone, and by which change. */
  readonly #goneDeletes = new Map<string, { readonly by: string; readonly operation: Operation }[]>()
  readonly #deps = new Map<string, readonly string[]>()
  readonly #standsFor = new Map<string, readonly string[]>()

  /** `isKept`: whether the document still has an operation. What is neither there nor was fed here is gone without a trace. */
  constructor(isKept: (id: OperationId) => boolean) {
    this.#isKept = isKept
  }

  /** A change is gone, and nothing comes in its place. */
  goes(change: OpenChange): void {
    this.#know(change)
    change.ops.forEach((operation, place) => this.#goes(change, operation, place))
    this.#standsFor.set(change.hash, this.deps(change))
  }

  /** A change was made anew before: `bytes` were opened as `made`. */
  wasMade(change: OpenChange, made: OpenChange, without: readonly number[]): void {
    this.#know(change)
    const isOut = new Set(without)
    let place = 0
    change.ops.forEach((operation, at) => {
      if (isOut.has(at)) this.#goes(change, operation, at)
      else this.#became.set(operationId(change, at), operationId(made, place++))
    })
    this.#standsFor.set(change.hash, [made.hash])
  }

  /** Makes a change anew, by `actor`, as its change number `seq`. */
  make(change: OpenChange, actor: string, seq: number): Remade {
    this.#know(change)
    const ops: Operation[] = []
    const without: number[] = []
    let lost = 0
    change.ops.forEach((operation, place) => {
      const fate = this.#fate(change, operation)
      if (typeof fate !== 'object') {
        if (fate === 'lost') lost += 1
        without.push(place)
        this.#goes(change, operation, place)
        return
      }
      // The counter never grows past that of the old one, so it is above all that the change builds on, as it must be.
      this.#became.set(operationId(change, place), `${change.startOp + ops.length}@${actor}`)
      ops.push(fate.became)
    })
    const deps = this.deps(change)
    const { startOp, time, message } = change
    const bytes = ops.length > 0 ? closeChange({ actor, seq, startOp, time, message, deps, ops }) : undefined
    if (bytes) return { outcome: lost > 0 ? 'part' : 'whole', bytes, without }
    // What could not be written is gone as a whole, also for what comes on top of it.
    this.goes(change)
    return { outcome: lost === 0 && ops.length === 0 ? 'nothing' : 'lost' }
  }

  /** After `make`: what the change is called now. */
  isNow(change: OpenChange, hash: string): void {
    this.#standsFor.set(change.hash, [hash])
  }

  /** What a change depends on, when what is gone never happened. */
  deps(change: OpenChange): string[] {
    const found = change.deps.flatMap((dep) => this.#standsFor.get(dep) ?? [dep])
    return [...new Set(found)].sort()
  }

  #know(change: OpenChange): void {
    this.#deps.set(change.hash, change.deps)
  }

  #goes(change: OpenChange, operation: Operation, place: number): void {
    const id = operationId(change, place)
    this.#became.delete(id)
    this.#gone.set(id, operation)
    if (operation.action !== 'del' || operation.key === undefined) return
    const member = memberOf(operation)
    const deletes = this.#goneDeletes.get(member) ?? []
    this.#goneDeletes.set(member, [...deletes, { by: change.hash, operation }])
  }

  #fate(change: OpenChange, operation: Operation): Fate {
    const obj = operation.obj === '_root' ? operation.obj : this.#now(operation.obj)
    // Taking something out of what is not there needs no doing.
    if (obj === undefined) return operation.action === 'del' ? 'idle' : 'lost'
    const elemId = operation.insert ? this.#anchor(operation.elemId) : this.#item(operation.elemId)
    if (operation.elemId !== undefined && elemId === undefined) {
      return operation.action === 'del' ? 'idle' : 'lost'
    }
    const pred = this.#pred(change, operation)
    if (operation.action === 'del' && pred.length === 0) return 'idle'
    // The counter that it counted up is gone. What stood there before, if anything, was never counted by whoever did this.
    if (operation.action === 'inc' && pred.length === 0) return 'lost'
    return { became: { ...operation, obj, ...(elemId === undefined ? {} : { elemId }), pred } }
  }

  /** What an operation is called now; nothing when it is gone. */
  #now(id: OperationId): OperationId | undefined {
    const became = this.#became.get(id)
    if (became !== undefined) return became
    return !this.#gone.has(id) && this.#isKept(id) ? id : undefined
  }

  #item(id: OperationId | undefined): OperationId | undefined {
    return id === undefined ? undefined : this.#now(id)
  }

  /** What comes before an item: where that is gone, whatever that one was put behind. */
  #anchor(id: OperationId | undefined): OperationId | undefined {
    let before = id
    while (before !== undefined && before !== '_head') {
      const now = this.#now(before)
      if (now !== undefined) return now
      before = this.#gone.get(before)?.elemId
    }
    return before
  }

  /** What an operation replaces: where that is gone, whatever that one replaced. */
  #pred(change: OpenChange, operation: Operation): OperationId[] {
    const found = new Set<OperationId>()
    const follow = (id: OperationId): void => {
      const now = this.#now(id)
      if (now !== undefined) found.add(now)
      else if (operation.action !== 'inc') this.#gone.get(id)?.pred.forEach(follow)
    }
    operation.pred.forEach(follow)
    // A member that was deleted by what is gone is back. Whoever set it after that saw nothing there, and still replaces it:
    // otherwise both values would stand side by side as a conflict that nobody made.
    if (operation.key !== undefined && (operation.action === 'set' || makesObject(operation))) {
      for (const { by, operation: gone } of this.#goneDeletes.get(memberOf(operation)) ?? []) {
        if (this.#buildsOn(change.hash, by)) gone.pred.forEach(follow)
      }
    }
    return [...found]
  }

  /** Whether a change builds on another one. Between the two are only changes that were fed here. */
  #buildsOn(hash: string, on: string): boolean {
    const seen = new Set<string>()
    const next = [hash]
    for (let at = next.pop(); at !== undefined; at = next.pop()) {
      for (const dep of this.#deps.get(at) ?? []) {
        if (dep === on) return true
        if (!seen.has(dep)) next.push(dep)
        seen.add(dep)
      }
    }
    return false
  }
}

function memberOf(operation: Operation): string {
  return `${operation.obj} ${operation.key ?? ''}`
}
