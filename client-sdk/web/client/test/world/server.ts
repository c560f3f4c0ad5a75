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
  /** How many connections were made so far. */
  connections = 0
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
    for (const connection of this.#connections) connection.lookAgain(id)
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
  /** What came before what it builds on. */
  readonly #waiting = new Map<string, Uint8Array>()
  readonly #heard = new Map<DocumentId, string>()
  readonly #said = new Map<DocumentId, string>()
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
    this.#heard.set(id, data.toString())
    const doc = this.#server.doc(id)
    const state = this.#states.get(id) ?? Automerge.initSyncState()
    const [received, next] = Automerge.receiveSyncMessage(Automerge.clone(doc), state, data)
    for (const bytes of singleChangesIn(data)) {
      const hash = openChange(bytes)?.hash ?? ''
      if (!Automerge.hasHeads(received, [hash]) && !this.#refused.has(hash)) this.#waiting.set(hash, bytes)
    }
    const isNews = this.#take(id, received)
    this.#states.set(id, this.#understood(next, this.#server.doc(id)))
    if (Automerge.getHeads(this.#server.doc(id)).length === 0 && !isNews) {
      this.#say({ type: 'doc-unavailable', documentId: id })
    } else {
      this.#server.tellAll(id)
    }
  }

  /** Judges what is new in `received`, and what waited for it: takes it, or says that it is not taken. */
  #take(id: DocumentId, received: Doc<unknown>): boolean {
    const doc = this.#server.doc(id)
    const brought = Automerge.getChangesSince(this.#withWaiting(received), Automerge.getHeads(doc))
    const onRefused = [...this.#waiting.values()].filter((bytes) =>
      openChange(bytes)?.deps.some((dep) => this.#isRefused(dep, doc)),
    )
    const taken: Uint8Array[] = []
    const codes = new Map<string, string[]>()
    for (const bytes of [...brought, ...onRefused]) {
      const change = openChange(bytes)
      if (!change) continue
      this.#waiting.delete(change.hash)
      const code = this.#judge(change, doc)
      if (code === undefined) {
        taken.push(bytes)
      } else {
        this.#refused.set(change.hash, change.deps)
        codes.set(code, [...(codes.get(code) ?? []), change.hash])
      }
    }
    this.#server.take(id, taken)
    for (const [code, changes] of codes) {
      const reason = `this is refused: ${code}`
      this.#say({ type: 'dovetail-reject', documentId: id, changes, code, reason, setAside: false })
    }
    if (taken.length > 0) {
      const heads = Automerge.getHeads(this.#server.doc(id))
      this.#say({ type: 'dovetail-ack', documentId: id, heads, durableAt: Date.now(), conflicts: 0 })
    }
    return taken.length > 0 || codes.size > 0
  }

  /** What waited may have come by another connection. */
  lookAgain(id: DocumentId): void {
    if (this.#waiting.size > 0) this.#take(id, Automerge.clone(this.#server.doc(id)))
  }

  sync(id: DocumentId): void {
    const state = this.#states.get(id)
    if (!state) return
    // With what waits, as that says by name what it waits for.
    const doc = this.#withWaiting(Automerge.clone(this.#server.doc(id)))
    const [next, message] = Automerge.generateSyncMessage(doc, state)
    this.#states.set(id, next)
    if (!message) return
    // Two sides that cannot agree fall silent: who brings the same once more is not told the same once more.
    const said = `${this.#heard.get(id) ?? ''} ${message.toString()}`
    if (this.#said.get(id) === said) return
    this.#said.set(id, said)
    this.#say({ type: 'sync', documentId: id, data: message })
  }

  #judge(change: OpenChange, doc: Doc<unknown>): string | undefined {
    if (this.#server.isReadOnly) return 'read_only'
    if (change.deps.some((dep) => this.#isRefused(dep, doc))) return 'depends_on_refused'
    return this.#server.judge(change)
  }

  #withWaiting(doc: Doc<unknown>): Doc<unknown> {
    return this.#waiting.size === 0
      ? doc
      : Automerge.applyChanges(doc, [...this.#waiting.values()] as Change[])[0]
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

function singleChangesIn(message: Uint8Array): Uint8Array[] {
  return Automerge.decodeSyncMessage(message).changes.flatMap((chunk) => singleChanges(chunk))
}
