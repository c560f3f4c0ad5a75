// One stock automerge-repo client, spoken to alike in every version. What is patched on the stock adapter is
// only what would end the test process: see `#tame`.

import { decodeHeads } from 'peer-2.5.6'
import { WebSocket } from 'ws'
import { httpAdapterOf } from './http-adapter.mjs'
import { until } from './until.mjs'

// 2.6 uses what the platform has from Node 22 on.
globalThis.WebSocket ??= WebSocket
Promise.withResolvers ??= () => {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

export const VERSIONS = ['1.2.1', '2.0.8', '2.5.6', '2.6.0-alpha.3']

/** Who writes and who reads, when two versions meet: each with itself, and the distant ones with each other. */
export const PAIRS = [
  ...VERSIONS.map((version) => [version, version]),
  ['1.2.1', '2.6.0-alpha.3'],
  ['2.6.0-alpha.3', '1.2.1'],
  ['2.0.8', '2.5.6'],
]

const OVER_HTTP = ' over HTTP'

/** Every version over its WebSocket, and one over plain HTTP. */
export const CLIENTS = [...VERSIONS, `2.5.6${OVER_HTTP}`]

/** The pairs above, and those in which one or both have no WebSocket. */
export const WAYS = [
  ...PAIRS,
  [`2.5.6${OVER_HTTP}`, `2.5.6${OVER_HTTP}`],
  [`2.5.6${OVER_HTTP}`, '2.5.6'],
  ['1.2.1', `2.5.6${OVER_HTTP}`],
]

const RETRY_MS = 100

export const packagesOf = (version) => import(`peer-${version}`)

export class Peer {
  /** `storage`: keep documents (in memory) and have a storage id. `online: false`: connect only when told. */
  static async create(named, url, { storage = false, gossip = false, online = true, peerId } = {}) {
    const peer = new Peer()
    const version = named.replace(OVER_HTTP, '')
    peer.isOverHttp = named !== version
    peer.version = version
    peer.lib = await packagesOf(version)
    peer.url = url
    peer.repo = new peer.lib.Repo({
      peerId: peerId ?? `${version}-${Math.random().toString(36).slice(2)}`,
      storage: storage ? new MemoryStorage() : undefined,
      network: [],
      enableRemoteHeadsGossiping: gossip,
      sharePolicy: async () => true,
    })
    if (online) await peer.connect()
    return peer
  }

  /** Dials, and waits until the server has answered our join. */
  async connect() {
    this.adapter = this.isOverHttp
      ? new (httpAdapterOf(this.lib))(this.url.replace(/^ws(.*)\/sync$/, 'http$1'), RETRY_MS)
      : this.#tame(new this.lib.ClientAdapter(this.url, RETRY_MS))
    this.repo.networkSubsystem.addNetworkAdapter(this.adapter)
    await this.connected()
  }

  connected() {
    return until(
      `${this.version} is connected`,
      () => this.serverId && this.repo.peers.includes(this.serverId),
    )
  }

  get serverId() {
    return this.adapter?.remotePeerId
  }
  get serverStorageId() {
    return this.repo.getStorageIdOfPeer(this.serverId)
  }
  get online() {
    return this.serverId !== undefined && this.repo.peers.includes(this.serverId)
  }

  /** Drops the connection without a farewell, as a tunnel does, and does not dial again. */
  goOffline() {
    const { adapter } = this
    if (this.isOverHttp) return adapter.disconnect()
    const { socket } = adapter
    if (this.version.startsWith('1.')) {
      for (const event of ['Open', 'Close', 'Message', 'Error'])
        socket.removeEventListener(event.toLowerCase(), adapter[`on${event}`])
      socket.close()
      adapter.emit('peer-disconnected', { peerId: adapter.remotePeerId })
      adapter.socket = undefined
    } else adapter.disconnect()
    socket.addEventListener('error', () => {}) // closed while it was still dialling
  }

  async goOnline() {
    const metadata = { storageId: await this.repo.storageId(), isEphemeral: !this.repo.storageSubsystem }
    this.adapter.connect(this.adapter.peerId, metadata)
    await this.connected()
  }

  create(value) {
    return this.repo.create(value)
  }

  /** A document that was made and saved elsewhere. */
  import(saved) {
    return this.repo.import(saved)
  }

  /** The handle once its document is here; throws when it is said to be unavailable. */
  async open(url) {
    if (!this.version.startsWith('1.')) return this.repo.find(url)
    const handle = this.repo.find(url)
    await handle.whenReady(['ready', 'unavailable'])
    if (handle.isUnavailable()) throw new Error(`Document ${url} is unavailable`)
    return handle
  }

  /** The handle whatever its state, for a document that `open` found unavailable. */
  handle(url) {
    return this.repo.handles[url.replace('automerge:', '')]
  }

  doc(handle) {
    return this.version.startsWith('1.') ? handle.docSync() : handle.doc()
  }

  /** The document as plain JSON, text as strings, counters as numbers. */
  json(handle) {
    return JSON.parse(JSON.stringify(this.doc(handle)))
  }

  /** Heads as hex, sorted, so that they compare across versions. */
  heads(handle) {
    return [...this.lib.Automerge.getHeads(this.doc(handle))].sort()
  }

  /** What the holder of this storage id last told us of its heads, as hex; undefined if nothing yet. */
  headsAt(handle, storageId) {
    const heads = handle.getSyncInfo
      ? handle.getSyncInfo(storageId)?.lastHeads
      : handle.getRemoteHeads(storageId)
    return heads && heads.map(asHex).sort()
  }

  /** Whether the server has said that it holds exactly what we hold. */
  isSaved(handle, storageId = this.serverStorageId) {
    return String(this.headsAt(handle, storageId)) === String(this.heads(handle))
  }

  saved(handle, deadlineMs) {
    return until(`the server acknowledges to ${this.version}`, () => this.isSaved(handle), deadlineMs)
  }

  hasChanges(handle, hexHeads) {
    return this.lib.Automerge.hasHeads(this.doc(handle), hexHeads)
  }

  close() {
    if (!this.adapter) return
    if (this.isOverHttp || this.adapter.socket) this.goOffline()
    this.adapter.connect = () => {} // versions before 2.6 dial once more from a timer
  }

  // Before 2.6 a lost socket throws out of the adapter's event handlers and so ends a Node process. What the
  // test is about is the server, so the throw is turned into what 2.6 does: note it, and dial again.
  #tame(adapter) {
    const send = adapter.send.bind(adapter)
    adapter.send = (message) => {
      if (adapter.socket?.readyState === WebSocket.OPEN) send(message)
    }
    adapter.onError = () => {}
    return adapter
  }
}

// Version 1.2 writes heads as hex, also to others; later ones as base58check.
function asHex(head) {
  if (/^[0-9a-f]{64}$/.test(head)) return head
  return decodeHeads([head])[0]
}

/** Keeps what a repo stores in a map: enough to have a storage id and to survive a reconnection. */
export class MemoryStorage {
  #entries = new Map()

  async load(key) {
    return this.#entries.get(key.join('\0'))?.data
  }
  async save(key, data) {
    this.#entries.set(key.join('\0'), { key, data })
  }
  async remove(key) {
    this.#entries.delete(key.join('\0'))
  }
  async loadRange(prefix) {
    return this.#under(prefix).map(([, entry]) => entry)
  }
  async removeRange(prefix) {
    for (const [id] of this.#under(prefix)) this.#entries.delete(id)
  }
  #under(prefix) {
    return [...this.#entries].filter(([, { key }]) => prefix.every((part, at) => key[at] === part))
  }
}
