// What we may do with a document, and whether it is still there for us.
//
// Edit path: ← the server says what we may do, or sends nothing of a document any more; → whether an edit may be made.
//
// Always true: what the server said last counts. An answer to a question is none when the server said something by itself
// meanwhile, or was asked once more.

import { DovetailError } from '../errors'
import type { PermissionState } from '../types'
import { Watched } from '../watch'
import type { WhyMissing } from './find'

/** Gone for everybody, or no longer shown to us; what is here is a copy then. */
export type Gone = 'deleted' | 'hidden'

export class Standing {
  readonly permission = new Watched<PermissionState>({ role: 'unknown', paths: undefined })
  readonly #why: () => Promise<WhyMissing>
  readonly #changed: () => void
  #gone: Gone | undefined
  /** How often the server was asked, or said by itself, whether we may see the document. */
  #questions = 0

  /** `why` asks the server; `changed`: it is gone, or is there again. */
  constructor(why: () => Promise<WhyMissing>, changed: () => void) {
    this.#why = why
    this.#changed = changed
  }

  get gone(): Gone | undefined {
    return this.#gone
  }

  /** The document is here, and this was known of it on the last visit. What the server said meanwhile counts more. */
  start(known: PermissionState | undefined): void {
    if (known && this.permission.getState().role === 'unknown') this.permission.set(known)
    if (this.permission.getState().role === 'none') this.#gone = 'hidden'
  }

  /** The server says what we may do. */
  told(permission: PermissionState): void {
    this.#questions += 1
    this.permission.set(permission)
    this.#become(permission.role === 'none' ? 'hidden' : this.#gone === 'hidden' ? undefined : this.#gone)
  }

  /** Asks the server about the document; nothing when the answer counts no more. */
  async ask(): Promise<WhyMissing | undefined> {
    const question = ++this.#questions
    const reason = await this.#why()
    return question === this.#questions ? reason : undefined
  }

  /** What the server answered of a document that is here. `wasThere`: it had it once. */
  answered(reason: WhyMissing, wasThere: boolean): void {
    if (reason === 'deleted') this.#become('deleted')
    else if (reason === 'not_found' && wasThere) this.#become('hidden')
    else if (reason === 'there') this.#become(undefined)
  }

  /** Why no edit may be made; nothing when one may. */
  get forbids(): DovetailError | undefined {
    if (this.#gone) return new DovetailError('document_gone', 'The document is gone; what is here is a copy.')
    const { role } = this.permission.getState()
    if (role !== 'read' && role !== 'none') return undefined
    return new DovetailError('read_only', 'You may look at this document only.')
  }

  #become(gone: Gone | undefined): void {
    if (this.#gone === gone) return
    this.#gone = gone
    this.#changed()
  }
}
