// What a person does that goes on, like a drag or typing: shown at once, and a change when it is over.
//
// Edit path: ← a gesture or typing of a person; → plain values that a screen shows; → one change when it ends, when something else
// is done, or when the page goes.
//
// Always true: one thing goes on at a time. What could not be made in the end is told where refused edits are.

import type { DovetailError } from '../errors'
import { unique } from '../ids'
import type { RefusedEdit } from '../types'
import { Watched } from '../watch'
import type { PlainObject } from './plain'
import { writeToPlain, type Write } from './writes'

/** What a person does that goes on: a gesture, or typing. */
export interface Going {
  /** What it does to the document as it is by now; others may have changed it meanwhile. */
  readonly writes: (root: PlainObject) => readonly Write[]
  /** Makes a change of it. */
  readonly commit: () => void
  /** Others changed the document meanwhile. */
  readonly met?: () => void
  /** False when all of it is a change already, and only shown on. */
  readonly isWaiting?: boolean
}

/** How many edits that could not be made are told of. */
const LOST_MAX = 20

export class Ongoing {
  /** Edits that went on and could not be made in the end. */
  readonly lost = new Watched<readonly RefusedEdit[]>([])
  readonly #changed: (goesOn: boolean) => void
  #going: Going | undefined

  /** `changed`: something else is to be shown. `goesOn`: what is shown is no change yet, and saved nowhere. */
  constructor(changed: (goesOn: boolean) => void) {
    this.#changed = changed
  }

  /** Shows what goes on, or how it goes on. Something else that was going on becomes a change first. */
  show(going: Going): void {
    if (this.#going !== going) this.flush()
    this.#become(going)
  }

  /** It is over, without a change. */
  drop(going: Going): void {
    if (this.#going === going) this.#become(undefined)
  }

  /** It is over, and becomes a change. */
  end(going: Going): void {
    if (this.#going === going) this.flush()
    else going.commit()
  }

  /** What goes on becomes a change now. */
  flush(): void {
    const going = this.#going
    if (!going) return
    this.#going = undefined
    try {
      going.commit()
    } finally {
      // Told once it is a change: otherwise all would count as saved for a moment.
      this.#changed(this.#goesOn())
    }
  }

  /** Others changed the document. */
  met(): void {
    this.#going?.met?.()
  }

  /** `root` with what goes on. */
  over(root: PlainObject): PlainObject {
    return this.#going ? writeToPlain(root, this.#going.writes(root)) : root
  }

  /** Of an edit that was to become a change this part could not be made. */
  lose(label: string, { code, message }: DovetailError, atMs: number): void {
    const edit: RefusedEdit = {
      id: unique(),
      atMs,
      code,
      reason: message,
      labels: [label],
      remade: 0,
      lost: 0,
      patch: [],
      setAside: false,
    }
    this.lost.set([...this.lost.getState(), edit].slice(-LOST_MAX))
  }

  /** Whether it was one of these. */
  dismiss(which: string): boolean {
    const lost = this.lost.getState()
    if (!lost.some(({ id }) => id === which)) return false
    this.lost.set(lost.filter(({ id }) => id !== which))
    return true
  }

  #goesOn(): boolean {
    return this.#going !== undefined && this.#going.isWaiting !== false
  }

  #become(going: Going | undefined): void {
    this.#going = going
    this.#changed(this.#goesOn())
  }
}
