// The connection as automerge-repo sees it: a network adapter with one peer, the server.
//
// Edit path: ← the repo sends, → the link; ← the link brings a message, → the repo.
//
// Always true: the repo is shown its own protocol and nothing else. While it is not connected what it sends is dropped without
// an error: it offers every document again to the next peer. A document that is looked for waits for no adapter longer than
// `READY_MS`, so that what is kept here opens while the server is away.

import { NetworkAdapter, type Message, type PeerId, type PeerMetadata } from '../automerge'

/** `find` of what is not kept here waits so long for a peer; a server that is near has answered by then. */
const READY_MS = 100

/** What the repo asks for. */
export interface RepoWishes {
  /** It has said who we are (`peerId`, `peerMetadata`), and wants a connection. */
  connect(): void
  send(message: Message): void
  disconnect(): void
}

/** See the top of the file. */
export class LinkAdapter extends NetworkAdapter {
  readonly #wishes: RepoWishes
  readonly #whenReady: Promise<void>
  #beReady: () => void = () => undefined
  #isReady = false
  #readyTimer: ReturnType<typeof setTimeout> | undefined
  #server: PeerId | undefined

  constructor(wishes: RepoWishes) {
    super()
    this.#wishes = wishes
    this.#whenReady = new Promise((resolve) => (this.#beReady = resolve))
  }

  isReady(): boolean {
    return this.#isReady
  }

  whenReady(): Promise<void> {
    return this.#whenReady
  }

  connect(peerId: PeerId, peerMetadata?: PeerMetadata): void {
    this.peerId = peerId
    // `NetworkSubsystem.reconnect` of 2.5.6 leaves it out; without its storage id we would be a stranger to the server.
    if (peerMetadata !== undefined) this.peerMetadata = peerMetadata
    if (!this.#isReady) this.#readyTimer ??= setTimeout(() => this.#ready(), READY_MS)
    this.#wishes.connect()
  }

  send(message: Message): void {
    this.#wishes.send(message)
  }

  disconnect(): void {
    this.#wishes.disconnect()
  }

  /** The server is there: the repo offers it what it has. */
  came(peerId: PeerId, peerMetadata: PeerMetadata): void {
    this.went()
    this.#server = peerId
    this.#ready()
    this.emit('peer-candidate', { peerId, peerMetadata })
  }

  /** The server is gone, if it was there. */
  went(): void {
    const peerId = this.#server
    this.#server = undefined
    if (peerId !== undefined) this.emit('peer-disconnected', { peerId })
  }

  /** Nothing will come any more, so nobody waits for it. */
  end(): void {
    this.went()
    this.#ready()
  }

  #ready(): void {
    clearTimeout(this.#readyTimer)
    this.#isReady = true
    this.#beReady()
  }
}
