// Documents between the tabs of one origin, without a server.
//
// Edit path: ← the repo of this tab has a change; → the repos of those tabs that have the same document open.
//
// Always true: a tab hears of those documents only that it has open itself. Otherwise every tab would load, keep up to date and
// offer to the server whatever any other has open.

import { BroadcastChannelNetworkAdapter } from '@automerge/automerge-repo-network-broadcastchannel'
import type { DocumentId } from '../ids'

/** How long a document that is not on this device waits for other tabs to say that they are there. They do within 10 ms. */
const PEER_WAIT_MS = 100

export class TabAdapter extends BroadcastChannelNetworkAdapter {
  readonly #isOpen: (id: DocumentId) => boolean

  constructor(name: string, isOpen: (id: DocumentId) => boolean) {
    super({ channelName: `${name}-documents`, peerWaitMs: PEER_WAIT_MS })
    this.#isOpen = isOpen
  }

  override emit: BroadcastChannelNetworkAdapter['emit'] = (event, ...told) => {
    const [message] = told as [{ readonly documentId?: DocumentId } | undefined]
    if (event === 'message' && message?.documentId && !this.#isOpen(message.documentId)) return false
    return super.emit(event, ...told)
  }
}
