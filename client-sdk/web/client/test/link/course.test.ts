// What is done next, step by step: no sockets, no timers.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BEGINNING,
  HELD_MS,
  SOON_MS,
  dueAtMs,
  stateOf,
  step,
  type Course,
  type Effect,
  type Event,
  type Retry,
} from '../../src/link/course'

const RETRY: Retry = {
  firstMs: 250,
  mostMs: 30_000,
  connectMs: 8_000,
  webSocketFailuresMax: 2,
  webSocketAgainMs: 300_000,
  hasTokenSource: true,
}

/** A course that is driven by hand: its clock stands still, and its lots are all drawn in the middle. */
class Driven {
  course: Course = BEGINNING
  nowMs = 1_000_000
  isOnline = true
  random = 0.5
  retry = RETRY
  effects: readonly Effect[] = []

  take(event: Event): this {
    const moment = { nowMs: this.nowMs, random: this.random, isOnline: this.isOnline }
    const { course, effects } = step(this.course, event, moment, this.retry)
    this.course = course
    this.effects = effects
    return this
  }

  get turn(): number {
    return this.course.turn
  }

  get state() {
    return stateOf(this.course)
  }

  /** What is to be done, in words. */
  get todo(): string[] {
    return this.effects.map((effect) =>
      [
        effect.do,
        ...('why' in effect ? [effect.why] : []),
        ...('way' in effect ? [effect.way, String(effect.token)] : []),
      ].join(' '),
    )
  }

  token(token?: string): this {
    return this.take({ type: 'token', turn: this.turn, token })
  }

  joined(): this {
    return this.take({ type: 'joined', turn: this.turn })
  }

  ended(
    closeCode?: number,
    words = '',
    { heard = true, token = undefined as string | undefined } = {},
  ): this {
    return this.take({ type: 'ended', turn: this.turn, ending: { closeCode, words, heard }, token })
  }

  unopened(): this {
    return this.ended(undefined, '', { heard: false })
  }

  probed(isReachable: boolean): this {
    return this.take({ type: 'probed', turn: this.turn, isReachable })
  }

  /** Until `time` is due. */
  due(): this {
    this.nowMs = dueAtMs(this.course) ?? this.nowMs
    return this.take({ type: 'time' })
  }

  live(): this {
    return this.take({ type: 'start' }).token().joined()
  }

  liveByHttp(): this {
    this.take({ type: 'start' }).token().unopened().probed(true)
    return this.due().token().unopened().probed(true).joined()
  }
}

describe('the way to a connection', () => {
  it('CL7 connects when the repo has said who we are, and says so', () => {
    const link = new Driven()
    expect(link.state).toEqual({ status: 'connecting' })
    expect(link.take({ type: 'reconnect' }).todo, 'nobody to connect as yet').toEqual([])
    expect(link.take({ type: 'start' }).todo).toEqual(['drop', 'ask connect'])
    expect(link.token('t').todo).toEqual(['open websocket t'])
    expect(link.state).toEqual({ status: 'connecting' })
    expect(link.joined().todo).toEqual([])
    expect(link.state).toEqual({ status: 'live', via: 'websocket', sinceMs: link.nowMs })
  })

  it('CL4 asks for a token for each connection', () => {
    const link = new Driven().live().ended().due()
    expect(link.todo).toEqual(['drop', 'ask connect'])
    expect(link.token('another').todo).toEqual(['open websocket another'])
  })

  it('CL26 tries again when no token could be had', () => {
    const link = new Driven().take({ type: 'start' })
    link.take({ type: 'no-token', turn: link.turn, reason: 'sign-in is down' })
    expect(link.state).toMatchObject({
      status: 'waiting',
      attempt: 1,
      reason: 'No token could be had: sign-in is down',
    })
    expect(link.due().todo).toEqual(['drop', 'ask connect'])
  })

  it('CL9 takes nothing of an earlier turn', () => {
    const late = new Driven().take({ type: 'start' })
    const { turn } = late
    late.take({ type: 'reconnect' })
    const { course } = late
    const events: Event[] = [
      { type: 'token', turn, token: 'late' },
      { type: 'no-token', turn, reason: 'late' },
      { type: 'joined', turn },
      { type: 'ended', turn, ending: { closeCode: 4403, words: '', heard: true }, token: undefined },
      { type: 'probed', turn, isReachable: true },
      { type: 'tried', turn, hasOpened: true },
    ]
    for (const event of events) {
      expect(late.take(event).todo, event.type).toEqual([])
      expect(late.course, event.type).toBe(course)
    }
  })

  it('CL9 opens one connection at a time, whatever happens in whatever order', () => {
    const happening = fc.oneof(
      ...[
        { type: 'start' },
        { type: 'time' },
        { type: 'shown' },
        { type: 'reconnect' },
        { type: 'network', isOnline: true },
        { type: 'network', isOnline: false },
        { type: 'stop' },
      ].map((event) => fc.constant(event as Event)),
      ...(['token', 'no-token', 'joined', 'ended', 'probed', 'tried'] as const).map((type) =>
        fc.record({
          type: fc.constant(type),
          turn: fc.nat(12),
          token: fc.constantFrom(undefined, 'a', 'b'),
          reason: fc.constant(''),
          ending: fc.record({
            closeCode: fc.constantFrom(undefined, 1012, 4401, 4403, 4001),
            words: fc.constant(''),
            heard: fc.boolean(),
          }),
          isReachable: fc.boolean(),
          hasOpened: fc.boolean(),
        }),
      ),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(happening, fc.nat(400_000)), { maxLength: 60 }), (happenings) => {
        const link = new Driven()
        let [lines, trials, asked] = [0, 0, 0]
        for (const [event, ms] of happenings) {
          link.nowMs += ms
          if (event.type === 'network') link.isOnline = event.isOnline
          // Half of what carries a turn is of the present one.
          link.take('turn' in event && event.turn > 6 ? { ...event, turn: link.turn } : event)
          for (const effect of link.effects) {
            if (effect.do === 'drop') [lines, trials] = [0, 0]
            if (effect.do === 'open') lines++
            if (effect.do === 'try') trials++
            if (effect.do === 'switch') [lines, trials] = [1, 0]
            if (effect.do === 'ask') asked = effect.turn
          }
          if (link.course.phase.is === 'opening' || link.course.phase.is === 'live') expect(lines).toBe(1)
          expect(lines).toBeLessThanOrEqual(1)
          expect(trials).toBeLessThanOrEqual(1)
          if (link.course.phase.is === 'asking') expect(asked).toBe(link.turn)
          const isAtRest = ['waiting', 'offline', 'refused', 'closed'].includes(link.course.phase.is)
          if (isAtRest) expect(lines + trials).toBe(0)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('waiting', () => {
  it('CL8 waits for a lot out of a window that doubles, up to the largest', () => {
    const link = new Driven().take({ type: 'start' })
    const waits = Array.from({ length: 10 }, () => {
      link.token().ended()
      const waited = (dueAtMs(link.course) ?? 0) - link.nowMs
      link.due()
      return waited
    })
    expect(waits).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
  })

  it('CL8 counts a connection that did not hold with the failures before, and begins anew after one that did', () => {
    const link = new Driven().live().ended().due().token().joined()
    link.nowMs += HELD_MS - 1
    expect(link.ended().state).toMatchObject({ status: 'waiting', attempt: 2 })
    link.due().token().joined()
    link.nowMs += HELD_MS
    expect(link.ended().state).toMatchObject({ status: 'waiting', attempt: 1 })
  })

  it('CL14 is spread over two seconds at least when the server said that it comes back', () => {
    for (const closeCode of [1012, 1013]) {
      const link = new Driven()
      link.random = 0.999
      link.live().ended(closeCode, 'restart: the server is going down')
      expect(link.state).toMatchObject({ status: 'waiting', reason: 'restart: the server is going down' })
      expect((dueAtMs(link.course) ?? 0) - link.nowMs).toBeCloseTo(SOON_MS * 0.999)
    }
  })

  it('CL11 ends when the page is shown, and failures go on counting', () => {
    const link = new Driven().live().ended()
    expect(link.take({ type: 'shown' }).todo).toEqual(['drop', 'ask connect'])
    expect(link.token().ended().state).toMatchObject({ attempt: 2 })
    const live = new Driven().live()
    expect(live.take({ type: 'shown' }).todo).toEqual([])
  })

  it('CL9 ends when somebody is impatient, who begins anew also on what is live', () => {
    const link = new Driven().live().ended()
    expect(link.take({ type: 'reconnect' }).todo).toEqual(['drop', 'ask connect'])
    expect(link.token().ended().state).toMatchObject({ attempt: 1 })
    const live = new Driven().live()
    expect(live.take({ type: 'reconnect' }).todo).toEqual(['drop', 'ask connect'])
    expect(live.state).toEqual({ status: 'connecting' })
  })

  it('CL7 does not wake before its time', () => {
    const link = new Driven().live().ended()
    expect(link.take({ type: 'time' }).todo).toEqual([])
    expect(link.state).toMatchObject({ status: 'waiting' })
  })
})

describe('the network', () => {
  it('CL10 is offline at once when the device says so, and connects at once when it is back', () => {
    for (const link of [
      new Driven().take({ type: 'start' }),
      new Driven().live(),
      new Driven().live().ended(),
    ]) {
      link.isOnline = false
      expect(link.take({ type: 'network', isOnline: false }).todo).toEqual(['drop'])
      expect(link.state).toEqual({ status: 'offline' })
      expect(link.take({ type: 'shown' }).todo).toEqual([])
      link.isOnline = true
      expect(link.take({ type: 'network', isOnline: true }).todo).toEqual(['drop', 'ask connect'])
      expect(link.token().ended().state).toMatchObject({ attempt: 1 })
    }
  })

  it('CL10 begins offline on a device without a network', () => {
    const link = new Driven()
    link.isOnline = false
    expect(link.take({ type: 'start' }).state).toEqual({ status: 'offline' })
  })

  it('CL10 connects without a network when it is told to, and is offline again when that fails', () => {
    const link = new Driven()
    link.isOnline = false
    link.take({ type: 'start' })
    expect(link.take({ type: 'reconnect' }).todo).toEqual(['drop', 'ask connect'])
    expect(link.token().ended().state).toEqual({ status: 'offline' })
    link.take({ type: 'reconnect' }).token().joined()
    expect(link.state).toMatchObject({ status: 'live' })
  })

  it('CL10 does not disturb what is live when the network comes', () => {
    const link = new Driven().live()
    expect(link.take({ type: 'network', isOnline: true }).todo).toEqual([])
  })
})

describe('refusals', () => {
  it('CL5 asks once for another token when one is refused, at once', () => {
    const link = new Driven().take({ type: 'start' }).token('old')
    link.ended(4401, 'token_expired: it has ended', { token: 'old' })
    expect(link.todo).toEqual(['drop', 'ask refused'])
    expect(link.state).toEqual({ status: 'connecting' })
    expect(link.token('new').todo).toEqual(['open websocket new'])
    link.ended(4401, 'token_bad_signature: no key of ours signed it', { token: 'new' })
    expect(link.state).toEqual({
      status: 'refused',
      code: 'token_bad_signature',
      reason: 'no key of ours signed it',
    })
    expect(link.todo).toEqual(['drop'])
  })

  it('CL5 does not show the refused token again', () => {
    const link = new Driven().take({ type: 'start' }).token('old').ended(4401, '', { token: 'old' })
    expect(link.token('old').todo).toEqual([])
    expect(link.state).toMatchObject({ status: 'refused', code: 'token_refused' })
  })

  it('CL5 asks nobody where there is no source of tokens', () => {
    const link = new Driven()
    link.retry = { ...RETRY, hasTokenSource: false }
    link.take({ type: 'start' }).token().ended(4401, 'token_missing: say who you are')
    expect(link.state).toEqual({ status: 'refused', code: 'token_missing', reason: 'say who you are' })
  })

  it('CL5 asks for a token anew after a connection that held', () => {
    const link = new Driven().take({ type: 'start' }).token('a').ended(4401, '', { token: 'a' })
    link.token('b').joined()
    link.nowMs += HELD_MS
    expect(link.ended(4401, '', { token: 'b' }).todo).toEqual(['drop', 'ask refused'])
    link.token('c').joined()
    link.nowMs += HELD_MS
    link.isOnline = false
    link.take({ type: 'network', isOnline: false })
    link.isOnline = true
    link.take({ type: 'network', isOnline: true }).token('d')
    expect(link.ended(4401, '', { token: 'd' }).todo).toEqual(['drop', 'ask refused'])
  })

  it('CL5 says `refused` of the last token only', () => {
    const link = new Driven().take({ type: 'start' }).token('a').ended(4401, '', { token: 'a' })
    link.token('b').ended(undefined)
    expect(link.due().todo).toEqual(['drop', 'ask connect'])
  })

  it('CL5 looks for another token when the page is shown or the network is back, and stays refused meanwhile', () => {
    const link = new Driven().take({ type: 'start' }).token('a').ended(4401, '', { token: 'a' }).token('a')
    const { state } = link
    for (const event of [{ type: 'shown' }, { type: 'network', isOnline: true }] satisfies Event[]) {
      expect(link.take(event).todo).toEqual(['ask refused'])
      expect(link.state).toEqual(state)
      expect(link.token('a').todo).toEqual([])
      expect(link.state).toEqual(state)
    }
    link.take({ type: 'shown' })
    link.take({ type: 'no-token', turn: link.turn, reason: '' })
    expect(link.state).toEqual(state)
    link.take({ type: 'shown' })
    expect(link.token('b').todo).toEqual(['open websocket b'])
  })

  it('CL16 stays refused until somebody reconnects', () => {
    const cases = [
      [4403, 'origin_not_allowed: not from this page', 'origin_not_allowed', 'not from this page'],
      [4403, '', 'forbidden', 'The server does not let us in.'],
      [1009, 'message_too_large: at most 64 MiB', 'message_too_large', 'at most 64 MiB'],
      [
        1002,
        'unsupported protocol version',
        'unsupported_version',
        'The server speaks another version of the protocol.',
      ],
    ] as const
    for (const [closeCode, words, code, reason] of cases) {
      const link = new Driven().live().ended(closeCode, words)
      expect(link.state).toEqual({ status: 'refused', code, reason })
      for (const event of [
        { type: 'shown' },
        { type: 'time' },
        { type: 'network', isOnline: false },
        { type: 'network', isOnline: true },
      ] satisfies Event[]) {
        expect(link.take(event).todo, event.type).toEqual([])
        expect(link.state).toMatchObject({ status: 'refused' })
      }
      expect(link.take({ type: 'reconnect' }).todo).toEqual(['drop', 'ask connect'])
    }
  })

  it('CL15 comes again under another peer id when ours is taken, and not at once', () => {
    const link = new Driven().live().ended(4001, 'peer_id_taken: somebody else is connected as x')
    expect(link.todo).toEqual(['drop', 'rename'])
    expect(link.state).toMatchObject({
      status: 'waiting',
      reason: 'Another connection has the same peer id.',
    })
  })

  it('CL16 comes again after everything else', () => {
    for (const closeCode of [undefined, 1000, 1001, 1002, 1007, 1008, 1011, 4999]) {
      expect(new Driven().live().ended(closeCode).state, String(closeCode)).toMatchObject({
        status: 'waiting',
      })
    }
  })
})

describe('without WebSockets', () => {
  it('CL18 goes without after so many that never opened while plain requests were answered', () => {
    const link = new Driven().take({ type: 'start' }).token('t')
    link.ended(undefined, '', { heard: false, token: 't' })
    expect(link.todo).toEqual(['drop', 'probe'])
    expect(link.state).toEqual({ status: 'connecting' })
    expect(link.probed(true).state).toMatchObject({ status: 'waiting', attempt: 1 })
    link.due().token('t').ended(undefined, '', { heard: false, token: 't' })
    expect(link.probed(true).todo).toEqual(['drop', 'open http t'])
    expect(link.joined().state).toMatchObject({ status: 'live', via: 'http' })
  })

  it('CL18 does not count those of a server that answers nothing, nor any that opened', () => {
    const link = new Driven().take({ type: 'start' }).token().unopened().probed(true)
    link.due().token().unopened().probed(false)
    link.due().token().unopened().probed(true)
    expect(link.todo).toEqual(['drop'])
    link.due().token().joined().ended().due().token().unopened().probed(true)
    expect(link.todo).toEqual(['drop'])
    link.due().token().ended(1008)
    expect(link.todo, 'it was heard, so it had opened').toEqual(['drop'])
  })

  it('CL18 never goes without when it is told so', () => {
    const link = new Driven()
    link.retry = { ...RETRY, webSocketFailuresMax: 0 }
    link.take({ type: 'start' })
    for (let n = 0; n < 5; n++) expect(link.due().token().unopened().todo).toEqual(['drop'])
  })

  it('CL19 keeps to requests for a while, then tries a WebSocket besides', () => {
    const link = new Driven().liveByHttp()
    const since = link.nowMs
    expect(link.ended().due().token().todo).toEqual(['open http undefined'])
    link.joined()
    expect(dueAtMs(link.course)).toBe(since + RETRY.webSocketAgainMs)
    const { state } = link.due()
    expect(link.todo).toEqual(['try'])
    expect(link.state, 'nobody notices').toEqual(state)
    expect(dueAtMs(link.course)).toBeUndefined()
    link.take({ type: 'tried', turn: link.turn, hasOpened: false })
    expect(link.todo).toEqual([])
    expect(link.state).toEqual(state)
    expect(dueAtMs(link.course)).toBe(link.nowMs + RETRY.webSocketAgainMs)
    link.due().take({ type: 'tried', turn: link.turn, hasOpened: true })
    expect(link.todo).toEqual(['switch'])
    expect(link.joined().state).toMatchObject({ status: 'live', via: 'websocket' })
    expect(link.ended().due().token().todo).toEqual(['open websocket undefined'])
  })

  it('CL19 is back at requests at once when the WebSocket did not bear', () => {
    const link = new Driven().liveByHttp().due()
    link.take({ type: 'tried', turn: link.turn, hasOpened: true })
    expect(link.unopened().todo).toEqual(['drop', 'open http undefined'])
  })

  it('CL19 tries a WebSocket first on another network', () => {
    const link = new Driven().liveByHttp()
    link.isOnline = false
    link.take({ type: 'network', isOnline: false })
    link.isOnline = true
    link.take({ type: 'network', isOnline: true })
    expect(link.token().todo).toEqual(['open websocket undefined'])
    expect(link.unopened().todo).toEqual(['drop', 'open http undefined'])
  })
})

describe('the end', () => {
  it('CL22 does nothing any more, but for a repo that starts again', () => {
    const link = new Driven().live().take({ type: 'stop' })
    expect(link.todo).toEqual(['drop'])
    expect(link.state).toEqual({ status: 'closed' })
    for (const event of [
      { type: 'time' },
      { type: 'shown' },
      { type: 'reconnect' },
      { type: 'network', isOnline: true },
      { type: 'network', isOnline: false },
    ] satisfies Event[]) {
      expect(link.take(event).todo).toEqual([])
      expect(link.state).toEqual({ status: 'closed' })
    }
    expect(dueAtMs(link.course)).toBeUndefined()
    expect(link.take({ type: 'start' }).todo).toEqual(['drop', 'ask connect'])
  })
})
