// What the server says, in bytes: the examples of the protocol, and all that is odd.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cbor, type PeerId } from '../../src/automerge'
import { joinFrame, pingFrame, read, tokenFrame } from '../../src/link/messages'

const ID = '4NMNnkMhL8jXrdJ9jamS58PAVdXu'
const HASH = 'ab'.repeat(32)
const NOW_MS = 1_799_999_999_000

const say = (message: unknown) => read(cbor.encode(message), NOW_MS)

/** `message` with one member taken out, or changed. */
const but = (message: object, change: object) => ({ ...message, ...change })

/** The examples of each of Dovetail's own messages, which the server is held to as well. */
function vectors() {
  const path = new URL('../../../../../crdt-core/vectors/own.json', import.meta.url)
  return JSON.parse(readFileSync(path, 'utf8')) as {
    hex: string
    decoded: Record<string, unknown> & { type: string }
  }[]
}

describe('what the server says', () => {
  it('CL3 reads each example of the protocol', () => {
    const fromServer = vectors().filter(({ decoded }) => 'targetId' in decoded)
    expect(fromServer.length).toBeGreaterThan(8)
    for (const { hex, decoded } of fromServer) {
      const said = read(new Uint8Array(Buffer.from(hex, 'hex')), NOW_MS)
      const { senderId, targetId, ...members } = decoded
      expect([senderId, targetId]).not.toContain(undefined)
      if (decoded.type === 'dovetail-welcome') {
        const { sessionId, limits, rules } = decoded
        expect(said).toMatchObject({
          kind: 'welcome',
          session: { sessionId, limits, rules, clockAheadMs: 1_000 },
        })
      } else if (decoded.type === 'dovetail-token') {
        expect(said).toEqual({ kind: 'token', untilMs: decoded['until'] })
      } else if (decoded.type === 'dovetail-pong') {
        expect(said).toEqual({ kind: 'pong' })
      } else {
        expect(said).toEqual({ kind: 'own', message: { paths: undefined, ...members } })
      }
    }
  })

  it('CL24 knows whom it is taken for, and until when', () => {
    const limits = { messageBytesMax: 1, changeBytesMax: 2, documentsMax: 3, silenceMsMax: 4 }
    const welcome = {
      type: 'dovetail-welcome',
      sessionId: '7',
      user: { id: 'ana' },
      serverTime: NOW_MS + 5,
      until: NOW_MS + 60_000,
      limits,
      rules: { dashboard: 3, odd: 'x' },
      later: { more: 1 },
    }
    expect(say(welcome)).toEqual({
      kind: 'welcome',
      session: {
        sessionId: '7',
        user: { id: 'ana', name: undefined },
        clockAheadMs: 5,
        untilMs: NOW_MS + 60_000,
        limits,
        rules: { dashboard: 3 },
      },
    })
    expect(say(but(welcome, { user: null, until: undefined }))).toMatchObject({
      session: { user: null, untilMs: undefined },
    })
    for (const odd of [
      { sessionId: 7 },
      { user: undefined },
      { user: {} },
      { serverTime: -1 },
      { limits: but(limits, { documentsMax: 'many' }) },
      { limits: null },
      { rules: [] },
    ])
      expect(say(but(welcome, odd)), JSON.stringify(odd)).toBeUndefined()
  })

  it('CL3 passes over own messages that are odd', () => {
    const ack = { type: 'dovetail-ack', documentId: ID, heads: [HASH], durableAt: 5, conflicts: null }
    const reject = {
      type: 'dovetail-reject',
      documentId: ID,
      changes: [HASH],
      code: 'read_only',
      reason: 'no',
    }
    const permission = { type: 'dovetail-permission', documentId: ID, role: 'read' }
    const conflicts = {
      type: 'dovetail-conflicts',
      documentId: ID,
      heads: [HASH],
      rules: { kind: 'dashboard', version: 1 },
      conflicts: [],
    }
    const token = { type: 'dovetail-token', until: 5 }
    for (const right of [ack, reject, permission, conflicts, token]) expect(say(right)).toBeDefined()
    const odd: [object, object][] = [
      [ack, { documentId: `${ID}x` }],
      [ack, { documentId: 7 }],
      [ack, { heads: ['AB'.repeat(32)] }],
      [ack, { heads: HASH }],
      [ack, { durableAt: 1.5 }],
      [ack, { conflicts: undefined }],
      [ack, { conflicts: -1 }],
      [reject, { changes: [7] }],
      [reject, { code: undefined }],
      [reject, { reason: null }],
      [permission, { role: 'owner' }],
      [conflicts, { rules: { kind: 'dashboard' } }],
      [conflicts, { conflicts: {} }],
      [token, { until: undefined }],
      [token, { until: 'soon' }],
      [token, { type: 'dovetail-tomorrow' }],
    ]
    for (const [right, change] of odd)
      expect(
        say(but(right, change)),
        `${JSON.stringify(right)} with ${JSON.stringify(change)}`,
      ).toBeUndefined()
  })

  it('CL3 leaves out what it does not understand of places, and of what could not be judged', () => {
    const paths = ['/a', { path: '/b', may: 'append' }, { path: '/c', may: 'look' }, 7]
    expect(say({ type: 'dovetail-permission', documentId: ID, role: 'write', paths })).toMatchObject({
      message: { paths: ['/a', { path: '/b', may: 'append' }] },
    })
    const said = say({
      type: 'dovetail-conflicts',
      documentId: ID,
      heads: ['b'.repeat(64), 'a'.repeat(64)],
      rules: { kind: 'dashboard', version: 1 },
      conflicts: [{ id: 'x', big: 2n ** 60n, list: [{ deep: 2n ** 60n }] }],
      undecided: [{ rule: 'r', reason: { cost: 2n ** 60n } }, { reason: 'x' }, 7],
      beyond: [{ rule: 'r', conflicts: 3 }, { rule: 'r' }],
    })
    expect(said).toMatchObject({
      message: {
        heads: ['a'.repeat(64), 'b'.repeat(64)],
        conflicts: [{ id: 'x', big: 2 ** 60, list: [{ deep: 2 ** 60 }] }],
        undecided: [{ rule: 'r', reason: { cost: 2 ** 60 } }],
        beyond: [{ rule: 'r', conflicts: 3 }],
      },
    })
    expect(() => JSON.stringify(said), 'a BigInt would throw').not.toThrow()
  })

  it('CL3 gives the repo its own messages, whole, and no others', () => {
    const sender = { senderId: 'server', targetId: 'me' }
    const data = new Uint8Array([1])
    const right = [
      { type: 'sync', ...sender, documentId: ID, data },
      { type: 'request', ...sender, documentId: ID, data },
      { type: 'doc-unavailable', ...sender, documentId: ID },
      { type: 'ephemeral', ...sender, documentId: ID, data, count: 1, sessionId: 's' },
      { type: 'remote-subscription-change', ...sender, add: [] },
      { type: 'remote-heads-changed', ...sender, documentId: ID, newHeads: {} },
    ]
    for (const message of right) {
      const said = say(message)
      expect(said, message.type).toMatchObject({ kind: 'repo', message: { type: message.type } })
      expect(say(but(message, { senderId: undefined })), message.type).toBeUndefined()
    }
    for (const odd of [
      but(right[0]!, { data: new Uint8Array() }),
      but(right[0]!, { data: 'x' }),
      but(right[2]!, { documentId: '' }),
      but(right[3]!, { count: 'x' }),
      but(right[5]!, { newHeads: [] }),
      { type: 'hello', ...sender },
      { type: 'toString', ...sender },
      { type: 7, ...sender },
      { type: 'leave', ...sender },
      { ...sender },
      [],
      null,
      7,
    ])
      expect(say(odd), JSON.stringify(odd)).toBeUndefined()
  })

  it('CL3 reads the server, its version and its complaints', () => {
    const peer = { type: 'peer', senderId: 'server', targetId: 'me', selectedProtocolVersion: '1' }
    expect(say(peer)).toEqual({ kind: 'peer', peerId: 'server', metadata: {}, version: '1' })
    expect(
      say(but(peer, { peerMetadata: { storageId: 's', isEphemeral: false, dovetail: { v: 1 } } })),
    ).toEqual({
      kind: 'peer',
      peerId: 'server',
      metadata: { storageId: 's', isEphemeral: false },
      version: '1',
    })
    expect(say(but(peer, { selectedProtocolVersion: '2' }))).toMatchObject({ version: '2' })
    expect(say(but(peer, { senderId: '' }))).toBeUndefined()
    expect(say({ type: 'error', message: 'slow_reader: read faster' })).toEqual({
      kind: 'error',
      words: 'slow_reader: read faster',
    })
    expect(say({ type: 'error' })).toEqual({ kind: 'error', words: '' })
    expect(say({ type: 'dovetail-pong' })).toEqual({ kind: 'pong' })
  })

  it('CL3 reads random and damaged bytes or passes over them, and never throws', () => {
    const frame = cbor.encode({ type: 'dovetail-ack', documentId: ID, heads: [HASH], durableAt: 5 })
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.nat(frame.length - 1),
        fc.nat(255),
        (bytes, at, byte) => {
          read(bytes, NOW_MS)
          const damaged = Uint8Array.from(frame)
          damaged[at] = byte
          read(damaged, NOW_MS)
          read(frame.subarray(0, at), NOW_MS)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

describe('what we say', () => {
  it('CL1 joins as automerge-repo does, and says that it understands more', () => {
    const frame = joinFrame('me' as PeerId, { isEphemeral: true })
    expect(cbor.decode(frame)).toEqual({
      type: 'join',
      senderId: 'me',
      peerMetadata: { isEphemeral: true, dovetail: { v: 1 } },
      supportedProtocolVersions: ['1'],
    })
  })

  it('CL6 CL12 says what a client says in the examples', () => {
    const said = vectors().flatMap(({ decoded }) => ('targetId' in decoded ? [] : [decoded]))
    const [peer, newer] = ['peer-ana' as PeerId, 'header.claims.signature']
    expect(said.map((message) => message.type)).toEqual(['dovetail-token', 'dovetail-ping'])
    expect(said).toEqual([cbor.decode(tokenFrame(peer, newer)), cbor.decode(pingFrame(peer))])
  })
})
