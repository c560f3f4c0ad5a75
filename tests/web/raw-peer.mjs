// A peer made by hand: it sends exactly what a test says, valid or not, and keeps every frame it gets.

import { generateAutomergeUrl, parseAutomergeUrl } from '@automerge/automerge-repo'
import { Automerge } from 'peer-2.5.6'
import { WebSocket } from 'ws'
import { until } from './until.mjs'
import { V1, decode, encode } from './wire.mjs'

export class RawPeer {
  /** An open socket that has said nothing yet. */
  static async open(url, { peerId = `raw-${Math.random().toString(36).slice(2)}` } = {}) {
    const peer = new RawPeer()
    peer.peerId = peerId
    peer.frames = []
    peer.messages = []
    peer.socket = new WebSocket(url)
    peer.socket.on('error', () => {})
    peer.socket.on('message', (data) => {
      peer.frames.push(new Uint8Array(data))
      peer.messages.push(decode(data))
    })
    peer.socket.on('close', (code) => (peer.closeCode = code))
    await new Promise((resolve, reject) => {
      peer.socket.once('open', resolve)
      peer.socket.once('error', reject)
    })
    return peer
  }

  /** Joins and resolves with the server's answer. */
  async join(fields = {}) {
    this.send({
      type: 'join',
      senderId: this.peerId,
      peerMetadata: { storageId: undefined, isEphemeral: true },
      supportedProtocolVersions: ['1'],
      ...fields,
    })
    const answer = await this.next('peer')
    this.serverId = answer.senderId
    return answer
  }

  /** A message to the server in our own name, unless `message` says otherwise. */
  say(message) {
    this.send({ senderId: this.peerId, targetId: this.serverId, ...message })
  }

  send(message) {
    this.sendBytes(encode(message))
  }

  sendBytes(bytes) {
    this.socket.send(bytes, { binary: true })
  }

  sendText(text) {
    this.socket.send(text, { binary: false })
  }

  /** The first message of this type that no earlier call has taken. */
  next(type, matches = () => true) {
    return until(`${this.peerId} gets ${type} (has ${this.#summary()})`, () => {
      const at = this.messages.findIndex((message) => message.type === type && matches(message))
      return at >= 0 && this.messages.splice(at, 1)[0]
    })
  }

  /** Resolves with the close code once the server has ended this session. */
  async closed(deadlineMs) {
    await until(`the server closes ${this.peerId}`, () => this.closeCode !== undefined, deadlineMs)
    return this.closeCode
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN
  }

  #summary() {
    return this.messages.map((message) => message?.type).join(' ') || 'nothing'
  }

  close() {
    this.socket.terminate()
  }
}

export const newDocumentId = () => parseAutomergeUrl(generateAutomergeUrl()).documentId

/** A document in the hands of a raw peer, and how far it is with the server. */
export class RawReplica {
  #peer
  #state = Automerge.initSyncState()

  constructor(peer, { documentId = newDocumentId(), doc = Automerge.init() } = {}) {
    this.#peer = peer
    this.documentId = documentId
    this.doc = doc
  }

  edit(change) {
    this.doc = Automerge.change(this.doc, change)
  }

  /** Sends whatever the sync protocol has to say now. */
  offer(fields = {}) {
    const [state, data] = Automerge.generateSyncMessage(this.doc, this.#state)
    this.#state = state
    if (data) this.#peer.say({ type: 'sync', documentId: this.documentId, data, ...fields })
  }

  request() {
    this.offer({ type: 'request' })
  }

  /** Sends what somebody may have got hold of elsewhere, without having talked before: changes, or a whole document. */
  bring(changes, type = V1) {
    const message = { heads: Automerge.getHeads(this.doc), need: [], have: [], changes }
    const data = Automerge.encodeSyncMessage(message)
    data[0] = type
    this.#peer.say({ type: 'sync', documentId: this.documentId, data })
  }

  /** Talks with the server until the document is so. */
  async until(isSo) {
    this.offer()
    while (!isSo(this.doc, this.#state)) {
      const message = await this.#peer.next('sync', ({ documentId }) => documentId === this.documentId)
      const [doc, state] = Automerge.receiveSyncMessage(this.doc, this.#state, message.data)
      this.doc = doc
      this.#state = state
      this.offer()
    }
  }

  /** Until the server states the heads that we have. */
  saved() {
    const has = (doc, state) => String(state.theirHeads) === String(Automerge.getHeads(doc))
    return this.until(has)
  }
}
