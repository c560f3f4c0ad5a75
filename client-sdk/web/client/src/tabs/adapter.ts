// Documents between the tabs of one origin, without a server.
//
// Edit path: ← the repo of this tab has a change; → the repos of those tabs that have the same document open.
//
// Always true: a tab hears of those documents only that it has open itself, or had. Otherwise every tab would load, keep up to
// date and offer to the server whatever any other has open. Those that it had open are still in its repo, and would be outdated
// when they are opened again.

import { BroadcastChannelNetworkAdapter } from '@automerge/automerge-repo-network-broadcastchannel'
import type { Message } from '../automerge'
import type { DocumentId } from '../ids'
import type { Heard } from '../refusal/refusals'

/** How long a document that is not on this device waits for other tabs to say that they are there. They do within 10 ms. */
const PEER_WAIT_MS = 100

/** What a tab listens to. */
export interface Hears {
  /** Whether the tab has the document. */
  readonly isHere: (id: DocumentId) => boolean
  /** Whether a message about it is for the repo, see refusal/refusals.ts. */
  readonly mayHear: (message: Heard) => boolean
}

export class TabAdapter extends BroadcastChannelNetworkAdapter {
  readonly #hears: Hears

  #isGone = false

  constructor(name: string, hears: Hears) {
    super({ channelName: `${name}-documents`, peerWaitMs: PEER_WAIT_MS })
    this.#hears = hears
  }

  /** The tab is gone. The repo connects when it knows its own id, which may be after that. */
  override disconnect(): void {
    this.#isGone = true
    super.disconnect()
  }

  override connect(...self: Parameters<BroadcastChannelNetworkAdapter['connect']>): void {
    if (!this.#isGone) super.connect(...self)
  }

  override emit: BroadcastChannelNetworkAdapter['emit'] = (event, ...told) => {
    const [message] = told as [Partial<Message> | undefined]
    if (event !== 'message' || !message?.documentId) return super.emit(event, ...told)
    if (this.#hears.isHere(message.documentId))
      return this.#hears.mayHear(message as Heard) && super.emit(event, ...told)
    this.#answer(message)
    return false
  }

  /** Whoever asks for a document waits until every tab has said that it does not have it. */
  #answer({ type, documentId, senderId }: Partial<Message>): void {
    if (type !== 'request' || !documentId || !senderId || !this.peerId) return
    this.send({ type: 'doc-unavailable', documentId, senderId: this.peerId, targetId: senderId })
  }
}
