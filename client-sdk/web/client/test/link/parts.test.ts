import { describe, expect, it } from 'vitest'
import { Automerge, type DocumentId, type Message, type PeerId } from '../../src/automerge'
import { partsOf } from '../../src/link/parts'

const KIB = 1024

/**
 * A document of so many changes, each with so many bytes that cannot be made smaller. Made below the document, which would read
 * all of itself anew with each of them.
 */
function long(changes: number, bytes: number): Automerge.Doc<unknown> {
  const handle = Automerge.getBackend(Automerge.init())
  for (let at = 0; at < changes; at++) {
    handle.put('_root', String(at), crypto.getRandomValues(new Uint8Array(bytes)))
    handle.commit()
  }
  return Automerge.load(handle.save())
}

/** What a document says to a server that has nothing of it, and said so. It takes single changes, no documents in one piece. */
function offer(doc: Automerge.Doc<unknown>): Message {
  const [, first] = Automerge.generateSyncMessage(Automerge.init(), Automerge.initSyncState())
  // The last three bytes say what else it takes.
  const asked = (first as Uint8Array).slice(0, -3)
  const [, state] = Automerge.receiveSyncMessage(doc, Automerge.initSyncState(), asked)
  const [, data] = Automerge.generateSyncMessage(doc, state)
  return {
    type: 'sync',
    senderId: 'me' as PeerId,
    targetId: 'server' as PeerId,
    documentId: 'document' as DocumentId,
    data: data as Uint8Array,
  }
}

function received(parts: readonly Message[]): Automerge.Doc<unknown> {
  let [doc, state] = [Automerge.init<unknown>(), Automerge.initSyncState()]
  for (const { data } of parts) [doc, state] = Automerge.receiveSyncMessage(doc, state, data as Uint8Array)
  return doc
}

describe('a sync message in parts', () => {
  it('CL290 is in as many messages as it takes, none larger than the server takes, and nothing is lost', () => {
    const doc = long(100, 3 * KIB)
    const message = offer(doc)
    expect(message.data?.byteLength).toBeGreaterThan(200 * KIB)
    const parts = partsOf(message, 64 * KIB)
    expect(parts.length).toBeGreaterThan(3)
    for (const part of parts) expect(part.data?.byteLength).toBeLessThan(64 * KIB)
    expect(Automerge.getHeads(received(parts))).toEqual(Automerge.getHeads(doc))
    // What came of some of them is a state that the document was in.
    expect(Object.keys(received(parts.slice(0, 2)) as object).length).toBeGreaterThan(20)
  })

  it('CL290 counts what stands beside the changes, which grows with their number', () => {
    // What is known here, ten bits for each change, is more than what is left for what stands around a message.
    const message = offer(long(4_500, 1))
    const beside = { ...Automerge.decodeSyncMessage(message.data as Uint8Array), changes: [] }
    expect(Automerge.encodeSyncMessage(beside).byteLength).toBeGreaterThan(5 * KIB)
    const parts = partsOf(message, 12 * KIB)
    expect(parts.length).toBeGreaterThan(10)
    for (const part of parts) expect(part.data?.byteLength).toBeLessThan(12 * KIB)
  })

  it('CL290 goes as it is when it fits, and when it is one change', () => {
    const small = offer(long(3, 10))
    expect(partsOf(small, 64 * KIB)).toEqual([small])
    const large = offer(long(1, 63 * KIB))
    const parts = partsOf(large, 32 * KIB)
    expect(parts).toHaveLength(1)
    expect(Automerge.getHeads(received(parts))).toHaveLength(1)
  })

  it('CL290 leaves alone what is no sync message', () => {
    const ephemeral = {
      ...offer(long(1, 100)),
      type: 'ephemeral',
      data: new Uint8Array(100 * KIB),
    } as Message
    expect(partsOf(ephemeral, KIB)).toEqual([ephemeral])
  })
})
