// The edits of one's own that can be taken back, over several documents, in the order in which they were made.
//
// Edit path: ← each document says what can be taken back of it (undo.ts); ← a person takes back what they did last on a screen that
// shows several documents; → the document in which that was.
//
// Always true: what a screen does not show is not taken back by it. Making something again ends with the next edit of any document
// that the screen shows. What goes on in one document becomes a change before anything is done in another.

import type { DocumentId } from '../ids'
import type { DoneStep, UndoState, Undoing } from '../types'
import { Watched } from '../watch'

export type Way = 'undo' | 'redo'

/** Something that can be taken back, or made again. */
export interface Offered {
  /** Counts up with everything that is made, taken back or made again in this tab. */
  readonly at: number
  readonly label: string
}

/** A document, as far as its edits can be taken back. */
export interface Undoable {
  next(way: Way): Offered | undefined
  /** When the last edit was made here that was no undoing. */
  madeAt(): number
  /** Whether edits may be made in it. */
  mayStep(): boolean
  /** Takes `next` back, or makes it again. Throws as edits do. */
  step(way: Way): void
  /** Takes back what was made at this moment, whatever was made since. False when there is nothing of it. Throws as edits do. */
  takeBack(at: number): boolean
  /** What was made so far is not offered any more. */
  forget(): void
  /** What goes on in it becomes a change. */
  flush(): void
  /** It stays open for as long as it is held; what is returned ends that. */
  hold(): () => void
}

/** All documents of this tab whose edits can be taken back together with those of others. */
export class TabOrder {
  /** Changes with everything that can be taken back. */
  readonly moment = new Watched(0)
  readonly #open = new Map<DocumentId, Undoable>()
  /** In which something was done last, and may go on. */
  #turn: Pick<Undoable, 'flush'> | undefined
  #last = 0

  /** The moment of what is made now. */
  now(): number {
    this.#last += 1
    return this.#last
  }

  /** Whether nothing was made in this tab since. */
  isLast(at: number): boolean {
    return at === this.#last
  }

  /** Something is done in this one now. */
  turnTo(undoable: Pick<Undoable, 'flush'>): void {
    if (this.#turn === undoable) return
    this.#turn?.flush()
    this.#turn = undoable
  }

  /** It is open; what is returned ends that. */
  enter(id: DocumentId, undoable: Undoable): () => void {
    this.#open.set(id, undoable)
    this.changed()
    return () => {
      if (this.#open.get(id) !== undoable) return
      this.#open.delete(id)
      this.changed()
    }
  }

  of(id: DocumentId): Undoable | undefined {
    return this.#open.get(id)
  }

  /** Something else can be taken back. */
  changed(): void {
    this.moment.set(this.moment.getState() + 1)
  }
}

/** One of the documents that a screen shows. */
export interface OnScreen {
  readonly undoable: Undoable
  /** What an edit of it is called on this screen. */
  readonly words: (label: string) => string
}

/** Takes back what was done last on a screen. */
export class ScreenUndo implements Undoing {
  readonly #state = new Watched<UndoState>({ undo: undefined, redo: undefined })
  readonly subscribe = this.#state.subscribe
  readonly getState = this.#state.getState
  readonly #own: OnScreen
  readonly #others: () => readonly OnScreen[]
  readonly #held = new Map<Undoable, () => void>()

  /** `own`: the document that the screen is of; `others`: what it shows besides by now. */
  constructor(own: Undoable, others: () => readonly OnScreen[]) {
    this.#own = { undoable: own, words: (label) => label }
    this.#others = others
  }

  undo(): void {
    this.#step('undo')
  }

  redo(): void {
    this.#step('redo')
  }

  latest(): DoneStep | undefined {
    this.#flush()
    const found = next([this.#own, ...this.#others()], 'undo')
    return found && doneStep(found)
  }

  forget(): void {
    this.#own.undoable.forget()
  }

  /** The screen shows something else, or something else can be taken back. */
  look(): void {
    const others = this.#others()
    for (const { undoable } of others) this.#hold(undoable)
    const shown = [this.#own, ...others]
    const before = this.#state.getState()
    const now = { undo: wordsOf(next(shown, 'undo')), redo: wordsOf(next(shown, 'redo')) }
    if (before.undo !== now.undo || before.redo !== now.redo) this.#state.set(now)
  }

  /** The screen is gone. */
  close(): void {
    for (const letGo of this.#held.values()) letGo()
    this.#held.clear()
  }

  #step(way: Way): void {
    this.#flush()
    next([this.#own, ...this.#others()], way)?.shown.undoable.step(way)
  }

  #flush(): void {
    this.#own.undoable.flush()
    for (const { undoable } of this.#others()) undoable.flush()
  }

  /** A document with edits of one's own stays open with the screen, also while it is not drawn: the edits would be forgotten. */
  #hold(undoable: Undoable): void {
    const isEdited = undoable.next('undo') !== undefined || undoable.next('redo') !== undefined
    if (isEdited && !this.#held.has(undoable)) this.#held.set(undoable, undoable.hold())
  }
}

/** What was done last in one document. */
export function latest(undoable: Undoable): DoneStep | undefined {
  undoable.flush()
  const offered = undoable.next('undo')
  return offered && doneStep({ shown: { undoable, words: (label) => label }, offered })
}

function doneStep({ shown: { undoable, words }, offered: { at, label } }: Next): DoneStep {
  return { label: words(label), takeBack: () => undoable.takeBack(at) }
}

interface Next {
  readonly shown: OnScreen
  readonly offered: Offered
}

/** What was done last, or taken back last and not overtaken by an edit since. */
function next(all: readonly OnScreen[], way: Way): Next | undefined {
  const madeAt = Math.max(0, ...all.map(({ undoable }) => undoable.madeAt()))
  const offers = all.flatMap((shown): Next[] => {
    const offered = shown.undoable.mayStep() ? shown.undoable.next(way) : undefined
    const isOver = !offered || (way === 'redo' && offered.at < madeAt)
    return isOver ? [] : [{ shown, offered }]
  })
  return offers.reduce<Next | undefined>(
    (last, offer) => (last && last.offered.at > offer.offered.at ? last : offer),
    undefined,
  )
}

function wordsOf(next: Next | undefined): string | undefined {
  return next?.shown.words(next.offered.label)
}
