// This tab's copy of a document: the states that it has been in, and the changes that are made in it.
//
// Edit path: ← an edit; → one change in the repo's handle, which keeps it on this device and offers it to the server and to other
// tabs; → whoever counts what waits, and notes whose actors are ours.
//
// Always true: a change that was made here is entered by `make`, one by one; what the handle brings besides came from elsewhere.

import { Automerge, type Doc, type DocHandle } from '../automerge'
import { DovetailError } from '../errors'
import { sameHeads } from '../ids'
import type { Heads } from '../types'
import type { Draft } from './assign'

/** A change that was made here. */
export interface Made {
  readonly doc: Doc<Draft>
  readonly before: Heads
  readonly after: Heads
  readonly label: string
  /** About how large it is. */
  readonly bytes: number
}

/** The most letters of a label. The server takes 4 KiB, and a person reads one line. */
const LABEL_LETTERS_MAX = 500

export class Copy {
  readonly #made: (made: Made) => void
  #handle: DocHandle<Draft> | undefined
  #isMaking = false

  /** `made` is called after each change that is made here. */
  constructor(made: (made: Made) => void) {
    this.#made = made
  }

  /** The document is here. */
  start(handle: DocHandle<Draft>): void {
    this.#handle = handle
  }

  get isHere(): boolean {
    return this.#handle !== undefined
  }

  /** A change is being made here: what the handle tells now came from nowhere else. */
  get isMaking(): boolean {
    return this.#isMaking
  }

  /** Throws `not_ready`. */
  get doc(): Doc<Draft> {
    return this.#here.doc()
  }

  /** Its state; none when it is not here. */
  get heads(): Heads {
    return this.#handle ? Automerge.getHeads(this.#handle.doc()).sort() : []
  }

  /** Whether all of these are in it. */
  has(hashes: Heads): boolean {
    return Automerge.hasHeads(this.doc, [...hashes])
  }

  /** Makes one change. Nothing when there was nothing to change. */
  change(label: string, edit: (draft: Draft) => void): Made | undefined {
    const message = shortened(label)
    return this.#make(message, () => this.#here.change(edit, { message }))
  }

  /** Puts the document with changes of ours in it in the place of the one that is there. */
  become(label: string, next: (doc: Doc<Draft>) => Doc<Draft>): Made | undefined {
    return this.#make(shortened(label), () => this.#here.update(next))
  }

  get #here(): DocHandle<Draft> {
    if (this.#handle) return this.#handle
    throw new DovetailError('not_ready', 'The document is not here yet.', { passing: true })
  }

  #make(label: string, make: () => void): Made | undefined {
    const before = this.heads
    this.#isMaking = true
    try {
      make()
    } finally {
      this.#isMaking = false
    }
    const [after, doc] = [this.heads, this.doc]
    if (sameHeads(before, after)) return undefined
    const bytes = Automerge.getLastLocalChange(doc)?.byteLength ?? 0
    const made = { doc, before, after, label, bytes }
    this.#made(made)
    return made
  }
}

function shortened(label: string): string {
  return label.length <= LABEL_LETTERS_MAX
    ? label
    : `${Array.from(label)
        .slice(0, LABEL_LETTERS_MAX - 1)
        .join('')}…`
}
