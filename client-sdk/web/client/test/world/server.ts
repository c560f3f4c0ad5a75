// A server in memory: it syncs documents as Automerge does, judges every change before it takes it, and says in Dovetail's own
// messages what became of each (docs/PROTOCOL.md).
//
// Always true: what it refused is not in its documents, nor is anything that builds on it; what is lawful is taken, also when it
// comes together with what is not. It remembers of each connection what it refused there, and understands heads without that.

import { Automerge, cbor, type Change, type Doc, type DocumentId } from '../../src/automerge'
import { singleChanges } from '../../src/refusal/chunks'
import { openChange, type OpenChange } from '../../src/refusal/operations'
import { MemorySocket, Wire } from './sockets'

/** Says with which code a change is refused; nothing when it is taken. */
export type Judge = (change: OpenChange) => string | undefined

type Frame = Readonly<Record<string, unknown>>

export class FakeServer {
  static readonly storageId = 'b5e1e2a8-0d7c-4f4e-9f0e-5e0f3f9d0c11'
  static readonly peerId = 'the-server'
  readonly documents = new Map<DocumentId, Doc<unknown>>()
  readonly wire: Wire
  /** What holds for every change. */
  judge: Judge = () => undefined
  /** Nobody may write any more. */
  isReadOnly = false
  /** How many connections were made, and how many messages said that changes are not taken. */
  connections = 0
  rejects = 0
  readonly #connections = new Set<Connection>()

  constructor(delayMs: () => number = () => 1) {
    this.wire = new Wire(delayMs)
  }

  /** A connection to it. */
  readonly dial = (url: string, protocols: readonly string[]): MemorySocket => {
    const [client, server] = MemorySocket.pair(this.wire, url, protocols[0] ?? '')
    const connection = new Connection(this, server)
    this.connections += 1
    this.#connections.add(connection)
    server.onclose = () => this.#connections.delete(connection)
    return client
  }

  get connected(): number {
    return this.#connections.size
  }

  doc(id: DocumentId): Doc<unknown> {
    return this.documents.get(id) ?? Automerge.init()
  }

  /** Somebody elsewhere edits. */
  edit(id: DocumentId, label: string, edit: (draft: never) => void): void {
    this.documents.set(
      id,
      Automerge.change(this.doc(id), { message: label }, edit as (draft: unknown) => void),
    )
    this.tellAll(id)
  }

  /** Takes what is lawful of these changes. */
  take(id: DocumentId, changes: readonly Uint8Array[]): void {
    const doc = this.documents.get(id) ?? Automerge.init<unknown>()
    this.documents.set(id, Automerge.applyChanges(doc, changes as Change[])[0])
  }

  tellAll(id: DocumentId): void {
    for (const connection of this.#connections) connection.sync(id)
  }
}

/** One client, as the server sees it. */
class Connection {
  readonly #server: FakeServer
  readonly #socket: MemorySocket
  readonly #states = new Map<DocumentId, Automerge.SyncState>()
  /** What was refused here, and what it builds on. */
  readonly #refused = new Map<string, readonly string[]>()
  #peerId = ''

  constructor(server: FakeServer, socket: MemorySocket) {
    this.#server = server
    this.#socket = socket
    socket.onmessage = ({ data }: { readonly data: ArrayBuffer }) =>
      this.#hear(cbor.decode(new Uint8Array(data)))
  }

  #hear(frame: Frame): void {
    const id = frame['documentId'] as DocumentId
    switch (frame['type']) {
      case 'join':
        this.#peerId = frame['senderId'] as string
        this.#say({
          type: 'peer',
          selectedProtocolVersion: '1',
          peerMetadata: { storageId: FakeServer.storageId, isEphemeral: false, dovetail: { v: 1 } },
        })
        return
      case 'request':
      case 'sync':
        this.#receive(id, frame['data'] as Uint8Array)
        return
      default:
    }
  }

  #receive(id: DocumentId, data: Uint8Array): void {
    const doc = this.#server.doc(id)
    const before = Automerge.getHeads(doc)
    const state = this.#states.get(id) ?? Automerge.initSyncState()
    const [fork, next] = Automerge.receiveSyncMessage(Automerge.clone(doc), state, data)
    const brought = Automerge.getChangesSince(fork, before).flatMap((bytes) => openChange(bytes) ?? [])
    const onRefused = changesIn(data).filter(
      ({ hash, deps }) => !this.#refused.has(hash) && deps.some((dep) => this.#isRefused(dep, doc)),
    )
    const codes = new Map<string, string[]>()
    const taken: string[] = []
    for (const change of [...brought, ...onRefused]) {
      const code = this.#judge(change, doc)
      if (code === undefined) {
        taken.push(change.hash)
        continue
      }
      this.#refused.set(change.hash, change.deps)
      codes.set(code, [...(codes.get(code) ?? []), change.hash])
    }
    const isTaken = new Set(taken)
    this.#server.take(
      id,
      Automerge.getChangesSince(fork, before).filter((bytes) => isTaken.has(openChange(bytes)?.hash ?? '')),
    )
    this.#states.set(id, this.#understood(next, this.#server.doc(id)))
    for (const [code, changes] of codes) {
      this.#server.rejects += 1
      const reason = `this is refused: ${code}`
      this.#say({ type: 'dovetail-reject', documentId: id, changes, code, reason, setAside: false })
    }
    if (Automerge.getHeads(this.#server.doc(id)).length === 0 && isTaken.size === 0 && codes.size === 0) {
      this.#say({ type: 'doc-unavailable', documentId: id })
      return
    }
    if (isTaken.size > 0) {
      const heads = Automerge.getHeads(this.#server.doc(id))
      this.#say({ type: 'dovetail-ack', documentId: id, heads, durableAt: Date.now(), conflicts: 0 })
    }
    this.#server.tellAll(id)
  }

  sync(id: DocumentId): void {
    const state = this.#states.get(id)
    if (!state) return
    const [next, message] = Automerge.generateSyncMessage(this.#server.doc(id), state)
    this.#states.set(id, next)
    if (message) this.#say({ type: 'sync', documentId: id, data: message })
  }

  #judge(change: OpenChange, doc: Doc<unknown>): string | undefined {
    if (this.#server.isReadOnly) return 'read_only'
    if (change.deps.some((dep) => this.#isRefused(dep, doc))) return 'depends_on_refused'
    return this.#server.judge(change)
  }

  #isRefused(hash: string, doc: Doc<unknown>): boolean {
    return this.#refused.has(hash) && !Automerge.hasHeads(doc, [hash])
  }

  /** In the place of each refused change what it builds on: otherwise it would be asked for again and again. */
  #understood(state: Automerge.SyncState, doc: Doc<unknown>): Automerge.SyncState {
    const without = (heads: readonly string[]): string[] => [
      ...new Set(
        heads.flatMap((hash) =>
          this.#isRefused(hash, doc) ? without(this.#refused.get(hash) ?? []) : [hash],
        ),
      ),
    ]
    const { theirHeads, sharedHeads } = state as { theirHeads?: string[]; sharedHeads: string[] }
    return {
      ...state,
      sharedHeads: without(sharedHeads).filter((hash) => Automerge.hasHeads(doc, [hash])),
      ...(theirHeads ? { theirHeads: without(theirHeads) } : {}),
    }
  }

  #say(frame: Frame): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.send(cbor.encode({ senderId: FakeServer.peerId, targetId: this.#peerId, ...frame }))
  }
}

function changesIn(message: Uint8Array): OpenChange[] {
  const { changes } = Automerge.decodeSyncMessage(message)
  return (changes as unknown as Uint8Array[])
    .flatMap((chunk) => singleChanges(chunk))
    .flatMap((bytes) => openChange(bytes) ?? [])
}
