// Documents between the tabs of one origin, without a server.
//
// Edit path: ← the repo of this tab has a change; → the repos of those tabs that have the same document open.
//
// Always true: a tab hears of those documents only that it has open itself, or had. Otherwise every tab would load, keep up to
// date and offer to the server whatever any other has open. Those that it had open would be outdated when they are opened again.
// Words on the channel are those of automerge-repo's own adapter for it, which leaves its channel open for good: a page does not
// notice, and node does not end.

import { NetworkAdapter, type Message, type PeerId, type PeerMetadata } from '../automerge'
import type { TabChannel } from '../environment'
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

/** What the repos of tabs say, and tabs of themselves: `arrive`, `welcome`, `leave`. To all without a `targetId`. */
type Said = Omit<Message, 'targetId'> & { readonly targetId?: PeerId; readonly peerMetadata?: PeerMetadata }

/** The name of the channel on which tabs that share `name` say this. */
export const channelOf = (name: string): string => `${name}-documents`

export class TabAdapter extends NetworkAdapter {
  readonly #hears: Hears
  readonly #peers = new Set<PeerId>()
  readonly #whenReady: Promise<void>
  #channel: TabChannel | undefined
  #beReady: () => void = () => undefined
  #isReady = false
  #wait: ReturnType<typeof setTimeout> | undefined

  constructor(channel: TabChannel, hears: Hears) {
    super()
    this.#channel = channel
    this.#hears = hears
    this.#whenReady = new Promise((resolve) => (this.#beReady = resolve))
    this.#wait = setTimeout(() => this.#ready(), PEER_WAIT_MS)
  }

  isReady(): boolean {
    return this.#isReady
  }

  whenReady(): Promise<void> {
    return this.#whenReady
  }

  /** The repo connects when it knows its own id, which may be when the tab is gone. */
  connect(peerId: PeerId, peerMetadata: PeerMetadata = {}): void {
    this.peerId = peerId
    this.peerMetadata = peerMetadata
    this.#channel?.addEventListener('message', ({ data }) => this.#hear(data as Said))
    this.#present('arrive')
  }

  send(message: Message): void {
    const { data } = message
    // Posting a part of something larger would post all of it.
    this.#channel?.postMessage(data ? { ...message, data: data.slice().buffer } : message)
  }

  /** The tab is gone. */
  disconnect(): void {
    this.#present('leave')
    for (const peerId of this.#peers) this.#went(peerId)
    this.#channel?.close()
    this.#channel = undefined
    this.#ready()
  }

  #hear(said: Said): void {
    if (!this.#channel || (said.targetId !== undefined && said.targetId !== this.peerId)) return
    switch (said.type) {
      case 'arrive':
        this.#present('welcome', said.senderId)
        this.#came(said)
        break
      case 'welcome':
        this.#came(said)
        break
      case 'leave':
        this.#went(said.senderId)
        break
      default:
        this.#pass(said as Message)
    }
  }

  #pass({ data, ...message }: Message): void {
    const heard: Message = data ? { ...message, data: new Uint8Array(data) } : message
    const { documentId } = heard
    if (documentId !== undefined && !this.#hears.isHere(documentId)) this.#answer(heard)
    else if (this.#hears.mayHear(heard)) this.emit('message', heard)
  }

  /** Whoever asks for a document waits until every tab has said that it does not have it. */
  #answer({ type, documentId, senderId }: Message): void {
    if (type !== 'request' || !documentId || !this.peerId) return
    this.send({ type: 'doc-unavailable', documentId, senderId: this.peerId, targetId: senderId })
  }

  #present(type: 'arrive' | 'welcome' | 'leave', targetId?: PeerId): void {
    const { peerId: senderId, peerMetadata } = this
    if (!senderId) return
    this.#channel?.postMessage({ type, senderId, peerMetadata, ...(targetId ? { targetId } : {}) })
  }

  #came({ senderId, peerMetadata = {} }: Said): void {
    this.#ready()
    if (this.#peers.has(senderId)) return
    this.#peers.add(senderId)
    this.emit('peer-candidate', { peerId: senderId, peerMetadata })
  }

  #went(peerId: PeerId): void {
    if (this.#peers.delete(peerId)) this.emit('peer-disconnected', { peerId })
  }

  /** Whether it is a tab that is there. */
  isTab(peerId: string): boolean {
    return this.#peers.has(peerId as PeerId)
  }

  #ready(): void {
    clearTimeout(this.#wait)
    this.#isReady = true
    this.#beReady()
  }
}
