// Taking back one's own edits, and making them again.
//
// Edit path: ← a person takes their last edit back; → one change that undoes it (takeback.ts), which merges like any other.
//
// Always true: what others changed meanwhile stays (takeback.ts). A widget that was added and that they have worked on is not
// removed.

import { Automerge, type Doc } from '../automerge'
import type { Heads, UndoState } from '../types'
import { Watched } from '../watch'
import type { Copy, Made } from './copy'
import { plain, samePlain } from './plain'
import { takingBack } from './takeback'

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

  undo(copy: Copy): void {
    const step = this.#done.at(-1)
    if (!step) return
    const taken = takeBack(copy, step, `Undid: ${step.label}`)
    this.#done = brought(copy, this.#done.slice(0, -1))
    if (taken) this.#undone = [...this.#undone, { ...taken, label: step.label }]
    this.#tell()
  }

  redo(copy: Copy): void {
    const step = this.#undone.at(-1)
    if (!step) return
    const taken = takeBack(copy, step, `Did again: ${step.label}`)
    this.#undone = brought(copy, this.#undone.slice(0, -1))
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

/**
 * What came back is another object than the one that was removed. Where all reads now as the next step left it, that step is
 * taken to have left what is here now, so that it is found in there.
 */
function brought(copy: Copy, steps: Step[]): Step[] {
  const next = steps.at(-1)
  if (!next || !copy.has(next.after)) return steps
  if (!samePlain(plain(Automerge.view(copy.doc, [...next.after])), plain(copy.doc))) return steps
  return [...steps.slice(0, -1), { ...next, after: copy.heads }]
}

/** Undoes one step; nothing when there was nothing left of it to undo. */
function takeBack(copy: Copy, { before, after }: Step, label: string): Made | undefined {
  if (!copy.has(before) || !copy.has(after)) return undefined
  const steps = takingBack({ doc: copy.doc, before, after })
  if (steps.length === 0) return undefined
  return copy.change(label, (draft) => {
    for (const step of steps) step(draft)
  })
}
