// Taking back one's own edits, and making them again.
//
// Edit path: ← a person takes their last edit back; → one change that undoes it (takeback.ts), which merges like any other.
//
// Always true: what others changed meanwhile stays (takeback.ts). A widget that was added and that they have worked on is not
// removed.

import { Automerge, type Doc } from '../automerge'
import type { Heads, UndoState } from '../types'
import { Watched } from '../watch'
import { sameHeads } from '../ids'
import type { Draft } from './assign'
import type { Copy, Made } from './copy'
import type { Offered, TabOrder, Way } from './order'
import { plain, samePlain } from './plain'
import { takingBack } from './takeback'

/** How many edits can be taken back. */
const STEPS_MAX = 100

interface Step extends Offered {
  readonly before: Heads
  readonly after: Heads
}

/** When something was typed: its first letter and its last. */
export interface TypedTime {
  readonly beganAtMs: number
  readonly lastAtMs: number
}

/** Typing that can be taken back as one. */
interface Typing extends TypedTime {
  readonly step: Step
}

/** Something typed, and how long typing is one step, as in `ResolvedConfig.batching`. */
export interface OneStep extends TypedTime {
  readonly pauseMs: number
  readonly longestMs: number
}

export class Undo {
  readonly state = new Watched<UndoState>({ undo: undefined, redo: undefined })
  readonly #order: TabOrder
  #done: Step[] = []
  #undone: Step[] = []
  #typing: Typing | undefined
  #madeAt = 0

  /** `order`: all that is made in this tab. */
  constructor(order: TabOrder) {
    this.#order = order
  }

  /** When the last edit was made here that was no undoing. */
  get madeAt(): number {
    return this.#madeAt
  }

  /** What comes next. */
  next(way: Way): Offered | undefined {
    return (way === 'undo' ? this.#done : this.#undone).at(-1)
  }

  /** An edit was made here. What was undone cannot be made again after it. `typing`: it is one step with the typing before it. */
  made({ label, before, after }: Omit<Step, 'at'>, typing?: OneStep): void {
    const goesOn = typing && this.#goesOn(before, typing)
    const step = { label, before: goesOn?.step.before ?? before, after, at: this.#order.now() }
    const others = goesOn ? this.#done.slice(0, -1) : this.#done
    this.#done = [...others, step].slice(-STEPS_MAX)
    this.#undone = []
    this.#madeAt = step.at
    this.#typing = typing && {
      beganAtMs: (goesOn ?? typing).beganAtMs,
      lastAtMs: typing.lastAtMs,
      step,
    }
    this.#tell()
  }

  /** What was made so far is not offered any more. */
  forget(): void {
    this.#done = []
    this.#undone = []
    this.#typing = undefined
    this.#tell()
  }

  undo(copy: Copy): void {
    const last = this.#done.at(-1)
    if (last) this.takeBack(copy, last.at)
  }

  /** Takes back what was made at this moment, whatever was made here since. False when there is nothing of it. */
  takeBack(copy: Copy, at: number): boolean {
    const step = this.#done.find((each) => each.at === at)
    if (!step) return false
    const taken = takeBack(copy, step, `Undid: ${step.label}`)
    const others = this.#done.filter((each) => each !== step)
    this.#done = step === this.#done.at(-1) ? brought(copy, others) : others
    if (taken) this.#undone = [...this.#undone, { ...taken, label: step.label, at: this.#order.now() }]
    this.#tell()
    return taken !== undefined
  }

  redo(copy: Copy): void {
    const step = this.#undone.at(-1)
    if (!step) return
    const taken = takeBack(copy, step, `Did again: ${step.label}`)
    this.#undone = brought(copy, this.#undone.slice(0, -1))
    if (taken) this.#done = [...this.#done, { ...taken, label: step.label, at: this.#order.now() }]
    this.#tell()
  }

  /** The document was put together anew: what is not in it cannot be taken back. */
  rebuilt(doc: Doc<unknown>): void {
    const isThere = ({ after }: Step) => Automerge.hasHeads(doc, [...after])
    this.#done = this.#done.filter(isThere)
    this.#undone = this.#undone.filter(isThere)
    this.#tell()
  }

  /** Typing before it, when it is one with that: nothing else was done since, by anybody, and it did not rest. */
  #goesOn(before: Heads, { pauseMs, longestMs, beganAtMs, lastAtMs }: OneStep): Typing | undefined {
    const last = this.#typing
    if (!last || this.#done.at(-1) !== last.step || !this.#order.isLast(last.step.at)) return undefined
    const isInTime = beganAtMs - last.lastAtMs <= pauseMs && lastAtMs - last.beganAtMs <= longestMs
    return isInTime && sameHeads(last.step.after, before) ? last : undefined
  }

  #tell(): void {
    const before = this.state.getState()
    const now = { undo: this.#done.at(-1)?.label, redo: this.#undone.at(-1)?.label }
    if (before.undo !== now.undo || before.redo !== now.redo) this.state.set(now)
    this.#order.changed()
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
  const edit = (draft: Draft) => {
    for (const step of steps) step(draft)
  }
  return copy.change(label, edit, 'unknown')
}
