// Sync over plain requests: the line by itself over networks that lose things, and a link that falls back to it.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { cbor } from '../../src/automerge'
import { openHttp } from '../../src/link/http'
import { Door, lossy, type Fate } from './door'
import { DOCUMENT, settle, world } from './world'

const CONFIG = {
  url: 'http://server.test/base',
  heartbeat: { askMs: 20_000, silenceMs: 10_000 },
  retry: {
    firstMs: 250,
    mostMs: 30_000,
    connectMs: 8_000,
    webSocketFailuresMax: 2,
    webSocketAgainMs: 300_000,
  },
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A line with all that came of it. */
function opened(network: typeof fetch, { token, link }: { token?: string; link?: string } = {}) {
  const [frames, ends]: [Uint8Array[], unknown[]] = [[], []]
  const line = openHttp(
    CONFIG,
    { token, link },
    { fetch: network, random: () => 0.5 },
    {
      opened: () => undefined,
      frame: (frame) => frames.push(frame),
      ended: (...end) => ends.push(end),
    },
  )
  return { line, frames, ends }
}

const frame = (n: number) => cbor.encode({ n })
const numbers = (frames: readonly Uint8Array[]) => frames.map((frame) => cbor.decode<{ n: number }>(frame).n)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('a line over requests', () => {
  it('CL20 loses nothing and brings nothing twice, whatever requests and answers get lost', async () => {
    const fate = fc.constantFrom<Fate[]>(
      'arrives',
      'arrives',
      'arrives',
      'request_lost',
      'answer_lost',
      'answer_broken',
      'bad_gateway',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 60 }), fc.array(fc.nat(3)), async (fates, sends) => {
        const door = new Door()
        fates.unshift('arrives') // the opening: else there is no line
        const { line, frames, ends } = opened(lossy(door.fetch, () => fates.shift() ?? 'arrives'))
        await settle()
        let [sent, said] = [0, 0]
        for (const send of sends) {
          if (send !== 1) line.send(frame(sent++))
          if (send !== 2) door.sayFrame(frame(said++))
          await vi.advanceTimersByTimeAsync(send * 40)
        }
        await vi.advanceTimersByTimeAsync(120_000)
        if (ends.length === 0) {
          expect(numbers(door.heard)).toEqual(upTo(sent))
          expect(numbers(frames)).toEqual(upTo(said))
        } else {
          // It failed for too long in a row. What came until then came in order, and once.
          expect(numbers(door.heard)).toEqual(upTo(door.heard.length))
          expect(numbers(frames)).toEqual(upTo(frames.length))
        }
        line.close()
        await settle()
      }),
      { numRuns: 300 },
    )
  })

  it('CL20 gives up when nothing gets through for so long, and not before', async () => {
    const door = new Door()
    let fate: Fate = 'arrives'
    const { line, ends } = opened(lossy(door.fetch, () => fate))
    await settle()
    fate = 'request_lost'
    line.send(frame(0))
    await vi.advanceTimersByTimeAsync(9_000)
    expect(ends).toEqual([])
    await vi.advanceTimersByTimeAsync(2_500)
    expect(ends).toEqual([[undefined, 'The server does not answer.']])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('CL20 gives up a poll that is never answered', async () => {
    const door = new Door()
    let fate: Fate = 'arrives'
    const { ends } = opened(lossy(door.fetch, () => fate))
    await settle()
    fate = 'no_answer'
    door.wake()
    await vi.advanceTimersByTimeAsync(30_000 + 9_000)
    expect(ends).toEqual([])
    await vi.advanceTimersByTimeAsync(13_000)
    expect(ends).toHaveLength(1)
  })

  it('CL20 takes a large answer for as long as something of it comes', async () => {
    const door = new Door()
    let give: ReadableStreamDefaultController<Uint8Array> | undefined
    const { line, frames, ends } = opened((input, init) => {
      // A browser ends the body of a request that was given up.
      init?.signal?.addEventListener('abort', () => give?.error(new DOMException('', 'AbortError')))
      return door.fetch(input, init)
    })
    await settle()
    const body = new ReadableStream<Uint8Array>({ start: (controller) => (give = controller) })
    const headers = { 'dovetail-after': '0', 'dovetail-cursor': '1' }
    door.over = () => {
      door.over = undefined
      return new Response(body, { headers })
    }
    door.wake()
    for (const byte of frame(0)) {
      await vi.advanceTimersByTimeAsync(25_000)
      give?.enqueue(Uint8Array.of(byte))
    }
    give?.close()
    give = undefined
    await settle()
    expect(numbers(frames)).toEqual([0])
    expect(ends).toEqual([])
    line.close()
  })

  it('CL20 asks without waiting after a failure, and fetches what was lost', async () => {
    const door = new Door()
    const fates: Fate[] = ['arrives', 'answer_lost']
    const { line, frames } = opened(lossy(door.fetch, () => fates.shift() ?? 'arrives'))
    await settle()
    door.sayFrame(frame(0))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(door.waitedMs.slice(0, 3)).toEqual([20_000, 0, 20_000])
    expect(numbers(frames)).toEqual([0])
    line.close()
  })

  it('CL20 knows by its number what has come already', async () => {
    const door = new Door()
    const { line, frames } = opened(door.fetch)
    await settle()
    door.sayFrame(frame(0))
    await settle()
    const body = new Uint8Array([...frame(0), ...frame(1), ...frame(2)])
    const headers = { 'dovetail-after': '0', 'dovetail-cursor': '3' }
    door.over = () => {
      door.over = undefined
      return new Response(body, { headers })
    }
    door.wake()
    await settle()
    expect(numbers(frames)).toEqual([0, 1, 2])
    line.close()
  })

  it('CL20 sends one post at a time, as much in each as it may have', async () => {
    const door = new Door()
    door.framesMax = 3
    const { line } = opened(door.fetch)
    await settle()
    for (const n of upTo(7)) line.send(frame(n))
    await settle()
    expect(numbers(door.heard)).toEqual(upTo(7))
    const posts = door.requests.filter(({ what }) => what.startsWith('POST /'))
    expect(posts.map(({ headers }) => headers.get('dovetail-seq'))).toEqual(['1', '2', '3'])
    line.close()
    const narrow = new Door()
    narrow.bodyBytesMax = frame(1_000).length * 2
    const second = opened(narrow.fetch)
    await settle()
    for (const n of upTo(5)) second.line.send(frame(1_000 + n))
    await settle()
    expect(narrow.heard).toHaveLength(5)
    expect(narrow.requests.filter(({ what }) => what.startsWith('POST /'))).toHaveLength(3)
    second.line.send(cbor.encode({ long: 'x'.repeat(100) }))
    await settle()
    expect(second.ends, 'what is too large for any is for the server to refuse').toEqual([
      [1009, 'body_too_large: a body has at most…'],
    ])
  })

  it('CL21 shows who we are when a session is opened, in headers, and never again', async () => {
    const door = new Door()
    const { line } = opened(door.fetch, { token: 't', link: 'dvl_secret' })
    await settle()
    line.send(frame(0))
    await settle()
    line.close()
    await settle()
    const [first, ...others] = door.requests
    expect(first!.what).toBe('POST ')
    expect(first!.headers.get('authorization')).toBe('Bearer t')
    expect(first!.headers.get('dovetail-link')).toBe('dvl_secret')
    expect(others.map(({ what }) => what.slice(0, 7)).toSorted()).toEqual(['DELETE ', 'GET /01', 'POST /0'])
    for (const { headers } of others) {
      expect(headers.get('authorization')).toBeNull()
      expect(headers.get('dovetail-link')).toBeNull()
    }
    expect(vi.getTimerCount()).toBe(0)
  })

  it('CL21 ends as a WebSocket would, with the words of the server', async () => {
    const problem = (status: number, body: object) => () => Response.json(body, { status })
    const ended = (close_code: number, detail: string) =>
      problem(410, { code: 'session_ended', reason: { code: 'x', detail, close_code, try_again: true } })
    const cases: [() => Response, unknown[]][] = [
      [ended(1012, 'restart: the server is going down'), [1012, 'restart: the server is going down']],
      [ended(4401, 'token_expired: it has ended'), [4401, 'token_expired: it has ended']],
      [
        problem(404, { code: 'session_not_found', detail: 'there is none' }),
        [undefined, 'session_not_found: there is none'],
      ],
      [
        problem(409, { code: 'sequence_gap', detail: 'post 2 is missing' }),
        [undefined, 'sequence_gap: post 2 is missing'],
      ],
      [problem(413, { code: 'body_too_large', detail: 'too large' }), [1009, 'body_too_large: too large']],
      [() => new Response('<h1>too large</h1>', { status: 413 }), [1009, 'The server answered 413.']],
      [() => new Response('<h1>403</h1>', { status: 403 }), [undefined, 'The server answered 403.']],
    ]
    for (const [over, end] of cases) {
      const door = new Door()
      const { ends } = opened(door.fetch)
      await settle()
      door.over = over
      door.wake()
      await settle()
      expect(ends).toEqual([end])
      expect(vi.getTimerCount()).toBe(0)
    }
  })

  it('CL21 is refused as a WebSocket would be', async () => {
    const cases: [number, string, number | undefined][] = [
      [401, 'token_expired', 4401],
      [403, 'origin_not_allowed', 4403],
      [400, 'token_ambiguous', 4403],
      [400, 'bad_parameter', undefined],
      [429, 'too_many_requests', 1013],
      [503, 'draining', 1013],
      [404, 'not_found', undefined],
      [500, 'internal', undefined],
    ]
    for (const [status, code, closeCode] of cases) {
      const door = new Door()
      door.answer = Response.json({ code, detail: 'words' }, { status })
      const { ends } = opened(door.fetch)
      await settle()
      expect(ends, code).toEqual([[closeCode, `${code}: words`]])
    }
  })

  it('CL20 does not take somebody else for the server, nor answers that were changed', async () => {
    const hotel = new Door()
    hotel.answer = new Response('<h1>Room number?</h1>', { status: 201 })
    const { ends } = opened(hotel.fetch)
    await settle()
    expect(ends).toEqual([[undefined, 'Something else than the server answers.']])
    for (const change of [
      () => new Response(null, { status: 204 }),
      () => new Response('xx', { headers: { 'dovetail-after': '0', 'dovetail-cursor': '3' } }),
      () => new Response('', { headers: { 'dovetail-after': '7', 'dovetail-cursor': '7' } }),
      () =>
        new Response(frame(1000).subarray(0, 3) as Uint8Array<ArrayBuffer>, {
          headers: { 'dovetail-after': '0', 'dovetail-cursor': '1' },
        }),
    ]) {
      const door = new Door()
      const changed = opened(door.fetch)
      await settle()
      door.over = change
      door.wake()
      await settle()
      expect(changed.ends).toHaveLength(1)
      expect(changed.frames).toEqual([])
    }
  })

  it('CL22 brings nothing after it was closed', async () => {
    const door = new Door()
    const { line, frames, ends } = opened(door.fetch)
    await settle()
    line.close()
    door.sayFrame(frame(0))
    line.send(frame(0))
    await settle()
    expect([frames, ends, door.heard]).toEqual([[], [], []])
    const opening = opened(lossy(door.fetch, () => 'no_answer'))
    opening.line.close()
    await settle()
    expect(opening.ends).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a link without WebSockets', () => {
  /** A link of which two WebSockets did not open, while the door answers. */
  async function fallenBack(config: Parameters<typeof world>[0] = {}) {
    const made = world(config)
    const door = new Door()
    made.device.fetch = door.fetch
    made.connect()
    await settle()
    made.socket.end()
    await vi.advanceTimersByTimeAsync(200)
    made.socket.end()
    await settle()
    return {
      ...made,
      door,
      close: () => {
        made.link.close()
      },
    }
  }

  const joined = (door: Door) => {
    door.say({ type: 'peer', peerMetadata: { storageId: 'store' }, selectedProtocolVersion: '1' })
    door.say({
      type: 'dovetail-welcome',
      sessionId: '8',
      user: null,
      serverTime: Date.now(),
      until: Date.now() + 65_000,
      limits: { messageBytesMax: 1, changeBytesMax: 2, documentsMax: 3, silenceMsMax: 4 },
      rules: {},
    })
    return settle()
  }

  it('CL18 falls back to requests, and talks as before', async () => {
    const { link, sockets, states, emitted, door, close } = await fallenBack()
    expect(sockets).toHaveLength(2)
    expect(door.types()).toEqual(['join'])
    await joined(door)
    expect(link.getState()).toEqual({ status: 'live', via: 'http', sinceMs: Date.now() })
    expect(link.session.getState()).toMatchObject({ sessionId: '8' })
    expect(states).toEqual(['waiting', 'connecting', 'live'])
    expect(emitted.map(([event]) => event)).toEqual(['peer-candidate'])
    door.say({ type: 'doc-unavailable', documentId: DOCUMENT })
    await settle()
    expect(emitted.at(-1)).toMatchObject(['message', { type: 'doc-unavailable' }])
    close()
  })

  it('CL18 does not fall back where a hotel wants a password', async () => {
    const { link, door, close } = await fallenBack()
    close()
    const made = world()
    await settle()
    const asked = door.requests.length
    door.answer = new Response('<h1>Room number?</h1>')
    made.device.fetch = door.fetch
    made.connect()
    for (let n = 0; n < 5; n++) {
      await settle()
      made.socket.end()
      await settle()
      expect(made.link.getState()).toMatchObject({ status: 'waiting' })
      await vi.advanceTimersByTimeAsync(10_000)
    }
    expect(new Set(door.requests.slice(asked).map(({ what }) => what))).toEqual(new Set(['GET /base/health']))
    made.link.close()
    expect(link.getState()).toEqual({ status: 'closed' })
  })

  it('CL21 renews a token over requests', async () => {
    const token = vi.fn((why: string) => (why === 'renew' ? 'new' : 'old'))
    const { door, close } = await fallenBack({ token })
    await joined(door)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(cbor.decode(door.heard.at(-1)!)).toEqual({
      type: 'dovetail-token',
      senderId: 'me',
      token: 'new',
    })
    expect(door.types(), 'polls are sign enough of life').toEqual(['join', 'dovetail-token'])
    close()
  })

  it('CL21 opens another session, with a fresh token, when one is over', async () => {
    const token = vi.fn(() => `t${token.mock.calls.length}`)
    const { link, emitted, door, close } = await fallenBack({ token })
    await joined(door)
    door.over = () => Response.json({ code: 'session_not_found', detail: 'there is none' }, { status: 404 })
    door.wake()
    await settle()
    door.over = undefined
    expect(link.getState()).toMatchObject({
      status: 'waiting',
      reason: 'session_not_found: there is none',
    })
    await vi.advanceTimersByTimeAsync(1_000)
    await joined(door)
    expect(link.getState()).toMatchObject({ status: 'live', via: 'http' })
    expect(emitted.map(([event]) => event)).toEqual(['peer-candidate', 'peer-disconnected', 'peer-candidate'])
    const openings = door.requests.filter(({ what }) => what === 'POST ')
    expect(openings.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer t2', 'Bearer t3'])
    close()
  })

  it('CL19 goes back to a WebSocket once one opens, and nobody notices those that do not', async () => {
    const { link, sockets, states, emitted, door, close } = await fallenBack()
    await joined(door)
    await vi.advanceTimersByTimeAsync(300_000)
    expect(sockets).toHaveLength(3)
    sockets[2]!.end()
    await vi.advanceTimersByTimeAsync(300_000)
    expect(sockets).toHaveLength(4)
    await vi.advanceTimersByTimeAsync(8_000)
    expect(sockets[3]!.isClosedByUs, 'it did not open in time').toBe(true)
    expect(states).toEqual(['waiting', 'connecting', 'live'])
    await vi.advanceTimersByTimeAsync(300_000)
    sockets[4]!.join()
    expect(link.getState()).toMatchObject({ status: 'live', via: 'websocket' })
    expect(emitted.map(([event]) => event)).toEqual(['peer-candidate', 'peer-disconnected', 'peer-candidate'])
    await settle()
    expect(door.requests.at(-1)!.what).toMatch(/^DELETE/)
    expect(states).toEqual(['waiting', 'connecting', 'live', 'connecting', 'live'])
    await vi.advanceTimersByTimeAsync(600_000)
    expect(sockets, 'no more is tried').toHaveLength(5)
    close()
    await settle()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('CL19 does not mind a WebSocket that opens and bears nothing', async () => {
    const { link, sockets, door, close } = await fallenBack()
    await joined(door)
    await vi.advanceTimersByTimeAsync(300_000)
    sockets[2]!.open()
    await vi.advanceTimersByTimeAsync(8_000)
    await joined(door)
    expect(link.getState()).toMatchObject({ status: 'live', via: 'http' })
    close()
  })

  it('CL22 closes in the middle of a try', async () => {
    const { sockets, door, close } = await fallenBack()
    await joined(door)
    await vi.advanceTimersByTimeAsync(300_000)
    close()
    expect(sockets[2]!.isClosedByUs).toBe(true)
    await settle()
    expect(vi.getTimerCount()).toBe(0)
  })
})
