// The plainest connection to a server: what the package's own link does, without its care for tokens and bad networks.

import { cbor, NetworkAdapter, type Message, type PeerId, type PeerMetadata } from '../../src/automerge'
import type { OwnMessage } from '../../src/link/link'
import type { TabPlace } from './origin'

/** Tries again after this long. */
const AGAIN_MS = 50

export class PlainLine extends NetworkAdapter {
  readonly #place: TabPlace
  readonly #hear: (message: OwnMessage) => void
  #socket: WebSocket | undefined
  #server: PeerId | undefined
  #isEnded = false
  readonly #ready: Promise<void>
  #isReady = false
  #becomeReady: () => void = () => undefined

  constructor(place: TabPlace, hear: (message: OwnMessage) => void) {
    super()
    this.#place = place
    this.#hear = hear
    this.#ready = new Promise((resolve) => {
      this.#becomeReady = () => {
        this.#isReady = true
        resolve()
      }
    })
    place.environment.onNetwork((isOnline) => {
      if (isOnline) this.#open()
    })
  }

  isReady(): boolean {
    return this.#isReady
  }

  whenReady(): Promise<void> {
    return this.#ready
  }

  connect(peerId: PeerId, peerMetadata?: PeerMetadata): void {
    this.peerId = peerId
    this.peerMetadata = peerMetadata ?? {}
    setTimeout(() => this.#becomeReady(), 100)
    this.#open()
  }

  send(message: Message): void {
    this.#say(message)
  }

  disconnect(): void {
    this.#isEnded = true
    this.#socket?.close()
  }

  #open(): void {
    if (this.#isEnded || this.#socket || !this.#place.isOnline || this.#place.isGone) return
    const socket = this.#place.environment.webSocket('ws://server/sync', ['automerge-repo.v1'])
    this.#socket = socket
    socket.onopen = () => {
      const peerMetadata = { ...this.peerMetadata, dovetail: { v: 1 } }
      this.#say({ type: 'join', senderId: this.peerId, peerMetadata, supportedProtocolVersions: ['1'] })
    }
    socket.onmessage = ({ data }: { readonly data: ArrayBuffer }) => this.#receive(new Uint8Array(data))
    socket.onclose = () => this.#closed()
  }

  #closed(): void {
    this.#socket = undefined
    const server = this.#server
    this.#server = undefined
    if (server) this.emit('peer-disconnected', { peerId: server })
    setTimeout(() => this.#open(), AGAIN_MS)
  }

  #receive(bytes: Uint8Array): void {
    if (this.#place.isGone) return
    const message: Record<string, unknown> = cbor.decode(bytes)
    if (message['type'] === 'peer') {
      this.#server = message['senderId'] as PeerId
      this.#becomeReady()
      const peerMetadata = message['peerMetadata'] as PeerMetadata
      this.emit('peer-candidate', { peerId: this.#server, peerMetadata })
    } else if (String(message['type']).startsWith('dovetail-')) {
      this.#hear(message as unknown as OwnMessage)
    } else {
      this.emit('message', message as unknown as Message)
    }
  }

  #say(message: object): void {
    if (this.#socket?.readyState === 1) this.#socket.send(cbor.encode(message) as Uint8Array<ArrayBuffer>)
  }
}
