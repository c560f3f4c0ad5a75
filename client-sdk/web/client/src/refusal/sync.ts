// Begins the sync of one document anew with all peers, as if it had just been opened.
//
// A sync state remembers what the other side was sent and what both have. After changes left the document it is wrong: what it
// takes for common is not there any more. automerge-repo 2.5.6 has no word for that. To cut a peer off and let it in again keeps
// what both have (`DocSynchronizer` never forgets a peer), and to connect anew costs all documents their sync and everybody
// their presence. But a document's synchronizer can be taken away and put back, which begins with nothing for this one document.
//
// The server keeps its state for us: it never counted what it refused, and all that it holds of us beyond that is still true.

import type { DocHandle, Repo } from '../automerge'

/** The events of a handle that a synchronizer listens to. */
const EVENTS = ['change', 'ephemeral-message-outbound'] as const

type Listener = (...told: unknown[]) => void

/** The sync of one document. */
export class SyncAnew {
  readonly #handle: DocHandle<unknown>
  readonly #listeners = new Map<(typeof EVENTS)[number], Listener>()

  constructor(handle: DocHandle<unknown>) {
    this.#handle = handle
  }

  begin({ synchronizer }: Repo): void {
    synchronizer.removeDocument(this.#handle.documentId)
    // One that was taken away goes on listening to the handle, with nobody to tell. Only those that we put there are known.
    for (const [event, listener] of this.#listeners) this.#handle.off(event, listener)
    const before = EVENTS.map((event) => new Set<unknown>(this.#handle.listeners(event)))
    synchronizer.addDocument(this.#handle)
    EVENTS.forEach((event, at) => {
      const added = this.#handle.listeners(event).find((listener) => !before[at]?.has(listener))
      if (added) this.#listeners.set(event, added as Listener)
    })
  }
}
