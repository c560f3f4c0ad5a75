// A link as the rest of the package uses it, over WebSockets and requests that are the test's.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Repo, type Message, type PeerId } from '../../src/automerge'
import { DOCUMENT, settle, world } from './world'

let made: ReturnType<typeof world>[] = []

/** One that is closed after the test; then nothing of it is left. */
function given(...config: Parameters<typeof world>) {
  const world_ = world(...config)
  made.push(world_)
  return world_
}

beforeEach(() => void vi.useFakeTimers())
afterEach(async () => {
  for (const { link, listeners } of made) {
    link.close()
    expect(link.getState()).toEqual({ status: 'closed' })
    expect(listeners.network.size + listeners.show.size, 'nobody listens').toBe(0)
  }
  for (const { openSockets } of made) expect(openSockets(), 'no socket is open').toBe(0)
  made = []
  // Farewells that nobody waits for.
  await settle()
  expect(vi.getTimerCount(), 'CL22 no timer is left').toBe(0)
  vi.useRealTimers()
})

const SYNC = { type: 'sync', documentId: DOCUMENT, data: new Uint8Array([1]) }
const ACK = { type: 'dovetail-ack', documentId: DOCUMENT, heads: [], durableAt: 5, conflicts: 0 }

describe('a connection', () => {
  it('CL1 joins with who we are, and brings the repo its peer', () => {
    const { link, socket, emitted, connect } = withSocket(given())
    expect(socket.url).toBe('ws://server.test/base/sync')
    expect(socket.sent).toEqual([])
    socket.join()
    expect(socket.sent[0]).toEqual({
      type: 'join',
      senderId: 'me',
      peerMetadata: { isEphemeral: true, dovetail: { v: 1 } },
      supportedProtocolVersions: ['1'],
    })
    const peer = { peerId: 'server', peerMetadata: { storageId: 'store', isEphemeral: false } }
    expect(emitted).toEqual([['peer-candidate', peer]])
    expect(link.server.getState()).toEqual({ peerId: 'server', storageId: 'store' })
    expect(link.getState()).toEqual({ status: 'live', via: 'websocket', sinceMs: Date.now() })
    socket.say({ type: 'peer', selectedProtocolVersion: '1' })
    expect(emitted, 'it has joined already').toHaveLength(1)
    socket.end(1012)
    expect(emitted[1]).toEqual(['peer-disconnected', { peerId: 'server' }])
    expect(link.server.getState()).toEqual({ peerId: undefined, storageId: 'store' })
    connect()
  })

  it('CL1 keeps its metadata when the repo leaves them out', async () => {
    const world_ = withSocket(given())
    world_.link.adapter.connect('me' as PeerId)
    await settle()
    world_.socket.join()
    expect(world_.socket.sent[0]).toMatchObject({ peerMetadata: { isEphemeral: true } })
  })

  it('CL2 is ready with its peer, or after a tenth of a second without', async () => {
    const away = withSocket(given())
    const { adapter } = away.link
    let isReady = false
    void adapter.whenReady().then(() => (isReady = true))
    await vi.advanceTimersByTimeAsync(99)
    expect([adapter.isReady(), isReady]).toEqual([false, false])
    await vi.advanceTimersByTimeAsync(1)
    expect([adapter.isReady(), isReady]).toEqual([true, true])
    const near = withSocket(given())
    near.socket.join()
    expect(near.link.adapter.isReady()).toBe(true)
    const closed = withSocket(given())
    closed.link.close()
    await closed.link.adapter.whenReady()
  })

  it('CL3 brings the repo its own messages, and Dovetail’s to whoever listens', () => {
    const { link, socket, emitted } = withSocket(given())
    const [heard, wrong] = [vi.fn(), vi.fn()]
    link.onMessage(() => {
      throw new Error('a listener that fails')
    })
    const stop = link.onMessage(heard)
    const errors = catchErrors()
    socket.open().say(SYNC).say(ACK)
    expect(heard, 'before the server has joined nothing counts').not.toHaveBeenCalled()
    socket.join()
    emitted.length = 0
    socket.say(SYNC).say(ACK)
    expect(emitted).toMatchObject([['message', { type: 'sync', documentId: DOCUMENT }]])
    expect(heard.mock.calls).toEqual([[ACK]])
    const conflict = { id: 'x', value: 2n ** 60n }
    const rules = { kind: 'dashboard', version: 1 }
    socket.say({
      type: 'dovetail-conflicts',
      documentId: DOCUMENT,
      heads: [],
      rules,
      conflicts: [conflict],
    })
    socket.say({ type: 'dovetail-tomorrow', big: 2n ** 60n })
    socket.say({ type: 'tomorrow', big: 2n ** 60n })
    expect(emitted, 'a BigInt would make the repo throw').toHaveLength(1)
    expect(heard).toHaveBeenCalledTimes(2)
    stop()
    link.onMessage(wrong)()
    socket.say(ACK)
    expect(heard).toHaveBeenCalledTimes(2)
    expect(wrong).not.toHaveBeenCalled()
    expect(errors()).toHaveLength(3)
  })

  it('CL23 drops what is sent while there is no connection', async () => {
    const { link, sockets, socket } = withSocket(given())
    const message = { ...SYNC, targetId: 'server', senderId: 'me' } as unknown as Message
    link.adapter.send(message)
    socket.open()
    link.adapter.send(message)
    expect(socket.types()).toEqual(['join'])
    socket.join()
    link.adapter.send(message)
    expect(socket.types()).toContain('sync')
    const { length } = socket.sent
    socket.end()
    link.adapter.send(message)
    await vi.advanceTimersByTimeAsync(200)
    link.adapter.send(message)
    expect(socket.sent).toHaveLength(length)
    expect(sockets.at(-1)!.sent).toEqual([])
  })

  it('CL23 offers every document again on the next connection', async () => {
    const { link, sockets } = given()
    const repo = new Repo({ network: [link.adapter], peerId: 'me' as PeerId })
    const handle = repo.create({ n: 1 })
    await settle()
    sockets[0]!.join()
    await vi.advanceTimersByTimeAsync(200)
    expect(sockets[0]!.types()).toContain('sync')
    sockets[0]!.end()
    handle.change((doc) => void (doc.n = 2))
    await vi.advanceTimersByTimeAsync(200)
    sockets[1]!.join()
    await vi.advanceTimersByTimeAsync(200)
    expect(sockets[1]!.sent).toContainEqual(
      expect.objectContaining({ type: 'sync', documentId: handle.documentId }),
    )
    await repo.shutdown()
    expect(link.getState()).toEqual({ status: 'closed' })
  })

  it('CL24 keeps what the server said of us, also while there is no connection', () => {
    const { link, socket } = withSocket(given())
    expect(link.session.getState()).toBeUndefined()
    socket.join({ until: Date.now() + 100_000 })
    expect(link.session.getState()).toMatchObject({
      sessionId: '7',
      user: { id: 'ana', name: 'Ana' },
      clockAheadMs: 1_000,
      untilMs: Date.now() + 100_000,
    })
    socket.end()
    expect(link.session.getState()).toMatchObject({ sessionId: '7' })
  })

  it('CL25 gives up a connection that is not made in time', async () => {
    const { link, sockets } = withSocket(given({ retry: { connectMs: 3_000 } }))
    sockets[0]!.open()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(sockets[0]!.isClosedByUs).toBe(true)
    expect(link.getState()).toMatchObject({
      status: 'waiting',
      reason: 'The server did not answer within 3 s.',
    })
  })

  it('CL16 does not talk to a server of another version', () => {
    const { link, socket } = withSocket(given())
    socket.open().say({ type: 'peer', selectedProtocolVersion: '2' })
    expect(link.getState()).toMatchObject({ status: 'refused', code: 'unsupported_version' })
    expect(socket.isClosedByUs).toBe(true)
  })
})

describe('tokens', () => {
  it('CL4 offers a token, asked afresh for each connection, and the link as sub-protocols', async () => {
    const token = vi.fn(() => `t${token.mock.calls.length}`)
    const { sockets } = withSocket(given({ token, link: 'dvl_secret' }))
    await settle()
    expect(sockets[0]!.protocols).toEqual([
      'automerge-repo.v1',
      'dovetail.token.t1',
      'dovetail.link.dvl_secret',
    ])
    sockets[0]!.join().end()
    await vi.advanceTimersByTimeAsync(200)
    expect(sockets[1]!.protocols).toContain('dovetail.token.t2')
    expect(token.mock.calls).toEqual([['connect'], ['connect']])
    const nobody = withSocket(given({ token: () => '' }))
    await settle()
    expect(nobody.socket.protocols).toEqual(['automerge-repo.v1'])
  })

  it('CL5 asks for another one when it was refused, and stays refused until there is one', async () => {
    const tokens = ['old', 'new', 'new', 'newest']
    const token = vi.fn(() => tokens.shift())
    const { link, sockets, show, states } = withSocket(given({ token }))
    await settle()
    sockets[0]!.refuse(4401, 'token_expired: it has ended')
    await settle()
    expect(sockets[1]!.protocols).toContain('dovetail.token.new')
    sockets[1]!.refuse(4401, 'token_wrong_audience: it is for others')
    expect(link.getState()).toEqual({
      status: 'refused',
      code: 'token_wrong_audience',
      reason: 'it is for others',
    })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(sockets).toHaveLength(2)
    show()
    await settle()
    expect(sockets).toHaveLength(2)
    show()
    await settle()
    expect(sockets[2]!.protocols).toContain('dovetail.token.newest')
    sockets[2]!.join()
    expect(token.mock.calls.flat()).toEqual(['connect', 'refused', 'refused', 'refused'])
    expect(states).toEqual(['refused', 'connecting', 'live'])
  })

  it('CL5 does not send what cannot be a token', async () => {
    const token = vi.fn(() => 'two words')
    const { link, sockets } = withSocket(given({ token }))
    await settle()
    expect(sockets).toEqual([])
    expect(link.getState()).toMatchObject({ status: 'refused', code: 'token_malformed' })
    expect(token.mock.calls.flat()).toEqual(['connect', 'refused'])
  })

  it('CL26 tries again while the source of tokens fails', async () => {
    const token = vi.fn((): string => {
      if (token.mock.calls.length < 3) throw new Error('sign-in is down')
      return 't'
    })
    const { link, sockets } = withSocket(given({ token }))
    await settle()
    expect(link.getState()).toMatchObject({
      status: 'waiting',
      reason: 'No token could be had: sign-in is down',
    })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sockets).toHaveLength(1)
  })

  it('CL6 renews a token on the connection that goes on', async () => {
    const token = vi.fn((why: string) => (why === 'renew' ? 'new' : 'old'))
    const { link, sockets } = withSocket(given({ token }))
    await settle()
    const clock = 1_000 // the server is ahead
    sockets[0]!.join({ until: Date.now() + clock + 70_000 })
    await vi.advanceTimersByTimeAsync(9_999)
    expect(token.mock.calls.flat()).toEqual(['connect'])
    await vi.advanceTimersByTimeAsync(1)
    expect(sockets[0]!.sent.at(-1)).toEqual({ type: 'dovetail-token', senderId: 'me', token: 'new' })
    const until = Date.now() + 3_600_000
    sockets[0]!.say({ type: 'dovetail-token', until })
    expect(link.session.getState()).toMatchObject({ sessionId: '7', untilMs: until })
    await vi.advanceTimersByTimeAsync(600_000)
    expect(token.mock.calls.flat()).toEqual(['connect', 'renew'])
    expect(link.getState()).toMatchObject({ status: 'live' })
    expect(sockets).toHaveLength(1)
    // Refused is the newer one: the same is not shown again.
    token.mockImplementation(() => 'new')
    sockets[0]!.refuse(4401, 'token_revoked: an administrator has blocked you')
    await settle()
    expect(link.getState()).toMatchObject({ status: 'refused', code: 'token_revoked' })
  })
})

describe('coming back', () => {
  it('CL8 waits longer and longer, and shows until when', async () => {
    const { link, sockets } = withSocket(given())
    for (const [at, waitMs] of [125, 250, 500, 1_000].entries()) {
      sockets[at]!.open().say({ type: 'error', message: 'slow_reader: read faster' })
      sockets[at]!.end(1008)
      expect(link.getState()).toEqual({
        status: 'waiting',
        retryAtMs: Date.now() + waitMs,
        attempt: at + 1,
        reason: 'slow_reader: read faster',
      })
      await vi.advanceTimersByTimeAsync(waitMs - 1)
      expect(sockets).toHaveLength(at + 1)
      await vi.advanceTimersByTimeAsync(1)
      expect(sockets).toHaveLength(at + 2)
    }
  })

  it('CL9 makes one connection, whoever wants it at once', async () => {
    const waiting: ((token: string) => void)[] = []
    const token = () => new Promise<string>((resolve) => void waiting.push(resolve))
    const { link, sockets, network, show, openSockets, connect } = given({ token })
    connect()
    network(true)
    link.reconnect()
    show()
    link.reconnect()
    network(false)
    network(true)
    await settle()
    for (const [n, give] of waiting.entries()) give(`t${n}`)
    await settle()
    expect(sockets).toHaveLength(1)
    expect(sockets[0]!.protocols).toContain(`dovetail.token.t${waiting.length - 1}`)
    sockets[0]!.join()
    sockets[0]!.end()
    await vi.advanceTimersByTimeAsync(124)
    network(true)
    await vi.advanceTimersByTimeAsync(1_000)
    for (const give of waiting) give('t')
    await settle()
    expect(sockets).toHaveLength(2)
    link.reconnect()
    expect(openSockets()).toBe(0)
    await settle()
    for (const give of waiting) give('t')
    await settle()
    expect(openSockets()).toBe(1)
  })

  it('CL9 hears nothing any more of a connection that was dropped', async () => {
    const { link, sockets, emitted } = withSocket(given())
    const old = sockets[0]!.join()
    link.reconnect()
    await settle()
    emitted.length = 0
    old.say(SYNC).say({ type: 'error', message: 'replaced: x' })
    old.end(4001, 'replaced: another connection joined as me')
    expect(emitted).toEqual([])
    sockets[1]!.join()
    expect(link.getState()).toMatchObject({ status: 'live' })
  })

  it('CL9 lets whoever hears that it is live ask for another one', async () => {
    const { link, sockets, emitted } = withSocket(given())
    const stop = link.subscribe(() => {
      if (link.getState().status !== 'live') return
      stop()
      link.reconnect()
    })
    sockets[0]!.join()
    await settle()
    expect(emitted).toEqual([])
    sockets[1]!.join()
    expect(emitted).toHaveLength(1)
  })

  it('CL10 closes at once when the device goes offline, and connects at once when it is back', async () => {
    const { link, sockets, network, emitted, states } = withSocket(given())
    sockets[0]!.join()
    network(false)
    expect(sockets[0]!.isClosedByUs).toBe(true)
    expect(emitted.at(-1)).toEqual(['peer-disconnected', { peerId: 'server' }])
    expect(link.getState()).toEqual({ status: 'offline' })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(sockets).toHaveLength(1)
    network(true)
    await settle()
    expect(sockets).toHaveLength(2)
    sockets[1]!.join()
    expect(states).toEqual(['live', 'offline', 'connecting', 'live'])
  })

  it('CL11 connects at once when the page is shown', async () => {
    const { sockets, show } = withSocket(given())
    sockets[0]!.join().end(1012)
    show()
    await settle()
    expect(sockets).toHaveLength(2)
  })

  it('CL15 comes again under another peer id when ours is taken, which nobody notices but the server', async () => {
    const { link, sockets } = withSocket(given())
    sockets[0]!.join().say({ type: 'error', message: 'replaced: another connection joined as me' })
    sockets[0]!.end(4001)
    const state = link.getState()
    await vi.advanceTimersByTimeAsync(state.status === 'waiting' ? state.retryAtMs - Date.now() : 0)
    await settle()
    const name = sockets[1]!.join().sent[0]?.['senderId']
    expect(name).toMatch(/^peer-/)
    for (const senderId of ['me', 'another tab'])
      link.adapter.send({ ...SYNC, targetId: 'server', senderId } as unknown as Message)
    expect(sockets[1]!.sent.slice(-2).map((said) => said['senderId'])).toEqual([name, 'another tab'])
  })

  it('CL17 does not take a complaint for an end, nor for the reason of a later one', () => {
    const { link, sockets } = withSocket(given())
    sockets[0]!.join().say({ type: 'error', message: 'read_only: you may read and not change' })
    expect(link.getState()).toMatchObject({ status: 'live' })
    sockets[0]!.say(ACK)
    sockets[0]!.end()
    expect(link.getState()).toMatchObject({ status: 'waiting', reason: 'The server cannot be reached.' })
    const refused = withSocket(given())
    refused.socket.refuse(4403, 'cookie_without_origin: no origin')
    expect(refused.link.getState()).toEqual({
      status: 'refused',
      code: 'cookie_without_origin',
      reason: 'no origin',
    })
    const cut = withSocket(given())
    cut.socket.open().end(4403, 'read_only: cut at 123 by')
    expect(cut.link.getState()).toMatchObject({ code: 'read_only', reason: 'cut at 123 by' })
  })
})

describe('signs of life', () => {
  const heartbeat = { askMs: 20_000, silenceMs: 10_000 }

  it('CL12 asks a silent server, and gives up one that does not answer', async () => {
    const { link, sockets } = withSocket(given({ heartbeat }))
    sockets[0]!.join().say({ type: 'dovetail-pong' })
    const pings = () => sockets[0]!.types().filter((type) => type === 'dovetail-ping').length
    expect(pings(), 'one, to hear whether it answers').toBe(1)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(pings()).toBe(2)
    sockets[0]!.say({ type: 'dovetail-pong' })
    await vi.advanceTimersByTimeAsync(29_999)
    expect(pings()).toBe(3)
    expect(link.getState()).toMatchObject({ status: 'live' })
    await vi.advanceTimersByTimeAsync(1)
    expect(sockets[0]!.isClosedByUs).toBe(true)
    expect(link.getState()).toMatchObject({
      status: 'waiting',
      reason: 'The server says nothing any more.',
    })
  })

  it('CL13 does not give up a server that never answers such a question', async () => {
    const { link, sockets } = withSocket(given({ heartbeat }))
    sockets[0]!.join()
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(link.getState()).toMatchObject({ status: 'live' })
    expect(sockets[0]!.types()).toEqual(['join', 'dovetail-ping'])
  })

  it('CL13 knows of the next connection that the server answers, and finds out when it does not any more', async () => {
    const { link, sockets } = withSocket(given({ heartbeat }))
    sockets[0]!.join().say({ type: 'dovetail-pong' })
    sockets[0]!.end()
    await vi.advanceTimersByTimeAsync(200)
    sockets[1]!.join()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(sockets[1]!.isClosedByUs).toBe(true)
    await vi.advanceTimersByTimeAsync(200)
    sockets[2]!.join()
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(link.getState()).toMatchObject({ status: 'live' })
  })

  it('CL13 bears silence longer after a connection was given up for it, so that a large document gets through', async () => {
    const { link, sockets } = withSocket(given({ heartbeat }))
    const bornMs: number[] = []
    for (let n = 0; n < 5; n++) {
      sockets[n]!.join().say({ type: 'dovetail-pong' })
      const since = Date.now()
      await vi.advanceTimersByTimeAsync(20_000)
      while (link.getState().status === 'live') await vi.advanceTimersByTimeAsync(500)
      bornMs.push(Date.now() - since - 20_000)
      await vi.advanceTimersByTimeAsync(200)
    }
    expect(bornMs).toEqual([10_000, 20_000, 40_000, 80_000, 80_000])
    const { length } = sockets
    sockets[length - 1]!.join().say({ type: 'dovetail-pong' })
    await vi.advanceTimersByTimeAsync(20_000 + 70_000)
    sockets[length - 1]!.say({ type: 'dovetail-pong' })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(link.getState(), 'late is not in time, but it is alive').toMatchObject({ status: 'live' })
    sockets[length - 1]!.end()
    await vi.advanceTimersByTimeAsync(200)
    sockets[length]!.join().say({ type: 'dovetail-pong' })
    await vi.advanceTimersByTimeAsync(20_000 + 60_000)
    expect(link.getState(), 'so the next one bears as much').toMatchObject({ status: 'live' })
    sockets[length]!.say({ type: 'dovetail-pong' })
    await vi.advanceTimersByTimeAsync(21_000)
    sockets[length]!.say({ type: 'dovetail-pong' }).end()
    await vi.advanceTimersByTimeAsync(200)
    sockets[length + 1]!.join()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(link.getState(), 'one that answered in time ends it').toMatchObject({ status: 'waiting' })
  })

  it('CL11 asks at once when the page is shown or the network is there', () => {
    const { sockets, show, network } = withSocket(given({ heartbeat }))
    sockets[0]!.join().say({ type: 'dovetail-pong' })
    show()
    expect(sockets[0]!.types()).toEqual(['join', 'dovetail-ping', 'dovetail-ping'])
    sockets[0]!.say({ type: 'dovetail-pong' })
    network(true)
    expect(sockets[0]!.types()).toHaveLength(4)
  })

  it('CL13 does not ask a stock server', async () => {
    const { sockets } = withSocket(given({ heartbeat }))
    sockets[0]!.open().say({ type: 'peer', peerMetadata: {}, selectedProtocolVersion: '1' })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(sockets[0]!.types()).toEqual(['join'])
  })
})

describe('the end', () => {
  it('CL22 closes what is open, and stays closed', async () => {
    const { link, sockets, emitted, connect } = withSocket(given())
    sockets[0]!.join({ until: Date.now() + 70_000 }).say({ type: 'dovetail-pong' })
    link.close()
    expect(sockets[0]!.isClosedByUs).toBe(true)
    expect(emitted.at(-1)).toEqual(['peer-disconnected', { peerId: 'server' }])
    expect(vi.getTimerCount()).toBe(0)
    link.reconnect()
    connect()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(sockets).toHaveLength(1)
    link.close()
  })

  it('CL22 closes also in the middle of anything', async () => {
    const asking = given({ token: () => new Promise(() => undefined) })
    asking.connect()
    asking.link.close()
    const opening = withSocket(given())
    opening.link.close()
    const waiting = withSocket(given())
    waiting.socket.join().end()
    waiting.link.close()
    const probing = withSocket(given())
    probing.device.fetch = () => new Promise(() => undefined)
    probing.socket.end()
    probing.link.close()
    // What is asked and nobody waits for has its own end.
    await vi.advanceTimersByTimeAsync(8_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

/** A link whose repo has connected, without a token: its first socket is being made. */
function withSocket(world_: ReturnType<typeof world>) {
  world_.connect()
  return world_
}

/** What listeners throw is told to the page; a test that wants it takes it. */
function catchErrors(): () => unknown[] {
  const errors: unknown[] = []
  vi.stubGlobal('queueMicrotask', (call: () => void) => {
    try {
      call()
    } catch (error) {
      errors.push(error)
    }
  })
  return () => {
    vi.unstubAllGlobals()
    return errors
  }
}
