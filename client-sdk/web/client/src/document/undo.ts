// Taking back one's own edits, and making them again.
//
// Edit path: ← a person takes their last edit back; → one change that undoes it, made where the edit was made, so that it merges
// with what others did since like any other.
//
// Always true: what others changed meanwhile stays. A place that they wrote to after the edit is left as it is; a widget that
// was added and that they have worked on is not removed. What is inserted into texts and lists is found where it stands now.

import { Automerge, type Doc, type DocHandle, type Patch, decodeHeads, encodeHeads } from '../automerge'
import type { Heads, UndoState } from '../types'
import { Watched } from '../watch'
import type { Draft } from './assign'
import { plain, samePlain } from './plain'

/** How many edits can be taken back. */
const STEPS_MAX = 100

interface Step {
  readonly label: string
  readonly before: Heads
  readonly after: Heads
}

export class Undo {
  readonly state = new Watched<UndoState>({ undo: undefined, redo: undefined })
  #done: Step[] = []
  #undone: Step[] = []

  /** An edit was made here. What was undone cannot be made again after it. */
  made(step: Step): void {
    this.#done = [...this.#done, step].slice(-STEPS_MAX)
    this.#undone = []
    this.#tell()
  }

  undo(handle: DocHandle<Draft>): void {
    const step = this.#done.at(-1)
    if (!step) return
    this.#done = this.#done.slice(0, -1)
    const taken = takeBack(handle, step, `Undid: ${step.label}`)
    if (taken) this.#undone = [...this.#undone, { ...taken, label: step.label }]
    this.#tell()
  }

  redo(handle: DocHandle<Draft>): void {
    const step = this.#undone.at(-1)
    if (!step) return
    this.#undone = this.#undone.slice(0, -1)
    const taken = takeBack(handle, step, `Did again: ${step.label}`)
    if (taken) this.#done = [...this.#done, { ...taken, label: step.label }]
    this.#tell()
  }

  /** The document was put together anew: what is not in it cannot be taken back. */
  rebuilt(doc: Doc<unknown>): void {
    const isThere = ({ after }: Step) => Automerge.hasHeads(doc, [...after])
    this.#done = this.#done.filter(isThere)
    this.#undone = this.#undone.filter(isThere)
    this.#tell()
  }

  #tell(): void {
    const before = this.state.getState()
    const now = { undo: this.#done.at(-1)?.label, redo: this.#undone.at(-1)?.label }
    if (before.undo !== now.undo || before.redo !== now.redo) this.state.set(now)
  }
}

/** Undoes one step; nothing when there was nothing left of it to undo. */
function takeBack(
  handle: DocHandle<Draft>,
  { before, after }: Step,
  label: string,
): Omit<Step, 'label'> | undefined {
  const doc = handle.doc()
  if (!Automerge.hasHeads(doc, [...before]) || !Automerge.hasHeads(doc, [...after])) return undefined
  const mine = stillMine(Automerge.diff(doc, [...after], [...before]), Automerge.view(doc, [...after]), doc)
  if (mine.length === 0) return undefined
  const undone = handle.changeAt(
    encodeHeads([...after]),
    (draft) => {
      Automerge.applyPatches(draft, mine)
    },
    { message: label },
  )
  return undone && { before: after, after: decodeHeads(undone) }
}

/** Those of the patches whose places nobody wrote to since `then`; what lies in a place that is passed over is passed over too. */
function stillMine(patches: readonly Patch[], then: Doc<Draft>, now: Doc<Draft>): Patch[] {
  const others: (readonly (string | number)[])[] = []
  return patches.filter((patch) => {
    const isMine = !others.some((path) => isUnder(path, patch.path)) && isAsItWas(patch, then, now)
    if (!isMine) others.push(patch.path)
    return isMine
  })
}

/**
 * Members of maps are compared by what they hold. What goes into a text or a list needs that one to be there still: where in it,
 * Automerge finds out. Counters count whatever others counted.
 */
function isAsItWas({ action, path }: Patch, then: Doc<Draft>, now: Doc<Draft>): boolean {
  const list = path.findIndex((step) => typeof step === 'number')
  if (list >= 0) return objectAt(then, path.slice(0, list)) === objectAt(now, path.slice(0, list))
  return action === 'inc' || samePlain(plain(valueAt(then, path)), plain(valueAt(now, path)))
}

function objectAt(doc: Doc<Draft>, path: readonly (string | number)[]): string | null {
  const holder = valueAt(doc, path.slice(0, -1))
  return typeof holder === 'object' && holder !== null ? Automerge.getObjectId(holder, path.at(-1)) : null
}

function valueAt(doc: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (place, step) => (place as Record<string | number, unknown> | undefined | null)?.[step],
    doc,
  )
}

function isUnder(path: readonly (string | number)[], inner: readonly (string | number)[]): boolean {
  return path.every((step, at) => step === inner[at])
}
