// Makes the connection to the server, and keeps it up.
//
// ```text
//  course.ts   what is done next: no sockets, no clock          ending.ts, backoff.ts   its decisions
//  connect.ts  carries it out                                   adapter.ts              what the repo sees
//  talk.ts     one connection from join to end                  heartbeat.ts, renewal.ts
//  socket.ts, http.ts   its bytes, trial.ts                              messages.ts, sequence.ts
// ```
// Edit path: ← the repo has a message (adapter.ts), → the connection of the moment; ← what it brings, → the repo, or listeners.
//
// Always true: only the course decides; here are no ifs about when to connect. Events are taken one after the other, also when
// carrying one out makes the next.

import type { PeerId } from '../automerge'
import type { ResolvedConfig } from '../config'
import type { Environment } from '../environment'
import type { LinkState, Session, Watchable } from '../types'
import { unique } from '../ids'
import { Watched, safely } from '../watch'
import { LinkAdapter } from './adapter'
import { BEGINNING, dueAtMs, stateOf, step, type Effect, type Event, type Retry, type Way } from './course'
import { isReachable, openHttp } from './http'
import { isSendable } from './line'
import type { Link, OwnMessage } from './link'
import { Listeners } from './listeners'
import { openSocket } from './socket'
import { Talk } from './talk'
import { Trial } from './trial'

/** Makes a link. It connects once a repo was given its adapter, and from then on by itself, until `close`. */
export function createLink(config: ResolvedConfig, environment: Environment): Link {
  return new ServerLink(config, environment)
}

/**
 * A large document is one message, of which a page sees nothing until it is whole, and what the server says is behind it. So a
 * connection that was given up for its silence makes the next one bear twice as much, up to eight times: by itself 10 MB get
 * through at 1 Mbit/s.
 */
const PATIENCE_DOUBLED_MAX = 3

class ServerLink implements Link {
  readonly adapter: LinkAdapter
  readonly #config: ResolvedConfig
  readonly #environment: Environment
  readonly #retry: Retry
  readonly #state = new Watched<LinkState>(stateOf(BEGINNING))
  readonly #session = new Watched<Session | undefined>(undefined)
  readonly #server = new Watched<{ peerId: PeerId | undefined; storageId: string | undefined }>({
    peerId: undefined,
    storageId: undefined,
  })
  readonly #messages = new Listeners<OwnMessage>()
  readonly #stopListening: readonly (() => void)[]
  #course = BEGINNING
  #events: Event[] = []
  #isStepping = false
  #isClosed = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #talk: Talk | undefined
  /** What the server knows us by, where another connection had the peer id of the repo. A repo has one for its life. */
  #name: PeerId | undefined
  #trial: Trial | undefined
  /** The server of the last connection did. It may be another one now, so that a connection without a pong ends this. */
  #answersPings = false
  /** Connections that were given up for their silence, since one has answered in time. */
  #silences = 0

  constructor(config: ResolvedConfig, environment: Environment) {
    this.#config = config
    this.#environment = environment
    this.#retry = { ...config.retry, hasTokenSource: config.token !== undefined }
    this.adapter = new LinkAdapter({
      connect: () => this.#isClosed || this.#take({ type: 'start' }),
      send: (message) => this.#talk?.send(message),
      disconnect: () => this.#take({ type: 'stop' }),
    })
    this.#stopListening = [
      environment.onNetwork((isOnline) => {
        this.#take({ type: 'network', isOnline })
        if (isOnline) this.#talk?.look()
      }),
      environment.onShow(() => {
        this.#take({ type: 'shown' })
        this.#talk?.look()
      }),
    ]
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#state.subscribe(listener)

  readonly getState = (): LinkState => this.#state.getState()

  get session(): Watchable<Session | undefined> {
    return this.#session
  }

  get server(): Watchable<{ readonly peerId: PeerId | undefined; readonly storageId: string | undefined }> {
    return this.#server
  }

  readonly onMessage = (listener: (message: OwnMessage) => void): (() => void) => this.#messages.add(listener)

  reconnect(): void {
    this.#take({ type: 'reconnect' })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const stop of this.#stopListening) stop()
    this.#take({ type: 'stop' })
    this.adapter.end()
    this.#messages.clear()
  }

  // -------------------------------------------------------------------------------------------------- one step at a time

  #take(event: Event): void {
    this.#events.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#step(next)
    } finally {
      this.#isStepping = false
    }
  }

  #step(event: Event): void {
    const moment = {
      nowMs: this.#environment.now(),
      random: this.#environment.random(),
      isOnline: this.#environment.isOnline(),
    }
    const { course, effects } = step(this.#course, event, moment, this.#retry)
    this.#course = course
    this.#plan()
    for (const effect of effects) this.#do(effect)
    this.#show(stateOf(course))
  }

  #plan(): void {
    clearTimeout(this.#timer)
    const due = dueAtMs(this.#course)
    if (due === undefined) return
    this.#timer = setTimeout(() => this.#take({ type: 'time' }), Math.max(0, due - this.#environment.now()))
  }

  /** The same object as long as it says the same. */
  #show(state: LinkState): void {
    if (JSON.stringify(state) !== JSON.stringify(this.#state.getState())) this.#state.set(state)
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'drop':
        this.#drop()
        break
      case 'ask':
        this.#ask(effect.turn, effect.why)
        break
      case 'open':
        this.#open(effect.turn, effect.way, effect.token)
        break
      case 'probe':
        void this.#probe(effect.turn)
        break
      case 'try':
        void this.#try(effect.turn)
        break
      case 'switch':
        this.#switch(effect.turn)
        break
      case 'rename':
        this.#name = `peer-${unique()}` as PeerId
        break
    }
  }

  // -------------------------------------------------------------------------------------------------- effects

  #drop(): void {
    this.#talk?.close()
    this.#talk = undefined
    this.#trial?.close()
    this.#trial = undefined
    const server = this.#server.getState()
    if (server.peerId !== undefined) this.#server.set({ ...server, peerId: undefined })
    this.adapter.went()
  }

  #ask(turn: number, why: 'connect' | 'refused'): void {
    // Without a source nobody waits for one.
    if (this.#config.token === undefined) {
      this.#take({ type: 'token', turn, token: undefined })
      return
    }
    this.#token(why).then(
      (token) => this.#take({ type: 'token', turn, token }),
      (error: unknown) => this.#take({ type: 'no-token', turn, reason: wordsOf(error) }),
    )
  }

  /** An empty text is no token either. */
  async #token(why: 'connect' | 'refused' | 'renew'): Promise<string | undefined> {
    return (await this.#config.token?.(why)) || undefined
  }

  #open(turn: number, way: Way, token: string | undefined): void {
    if (token !== undefined && !isSendable(token)) {
      const words = 'token_malformed: the token has characters that no token has'
      this.#take({ type: 'ended', turn, token, ending: { closeCode: 4401, words, heard: true } })
      return
    }
    const talk = this.#talkOf(turn, token)
    const credentials = { token, link: this.#config.link }
    talk.use(
      way === 'http'
        ? openHttp(this.#config, credentials, this.#environment, talk.events)
        : openSocket(this.#config.webSocketUrl, credentials, this.#environment, talk.events),
    )
  }

  #talkOf(turn: number, token: string | undefined): Talk {
    // A course begins when the repo has said who we are.
    const ownPeerId = this.adapter.peerId as PeerId
    const speaker = {
      peerId: this.#name ?? ownPeerId,
      ownPeerId,
      metadata: this.adapter.peerMetadata ?? {},
      token,
      newerToken: () => this.#token('renew'),
      messageBytesMax: this.#session.getState()?.limits.messageBytesMax,
      answersPings: this.#answersPings,
      patience: 2 ** Math.min(this.#silences, PATIENCE_DOUBLED_MAX),
    }
    this.#talk = new Talk(this.#config, this.#environment, speaker, {
      joined: (peerId, metadata) => {
        this.#answersPings = false
        this.#server.set({ peerId, storageId: metadata.storageId })
        this.#take({ type: 'joined', turn })
        // Whoever was told may have asked for another connection.
        if (turn === this.#course.turn) safely(() => this.adapter.came(peerId, metadata))
      },
      session: (session) => this.#session.set(session),
      ponged: (inTime) => {
        this.#answersPings = true
        if (inTime) this.#silences = 0
      },
      silent: () => this.#silences++,
      own: (message) => this.#messages.tell(message),
      forRepo: (message) => safely(() => this.adapter.emit('message', message)),
      ended: (ending, last) => this.#take({ type: 'ended', turn, ending, token: last }),
    })
    return this.#talk
  }

  async #probe(turn: number): Promise<void> {
    const { url, retry } = this.#config
    const reachable = await isReachable(url, retry.connectMs, this.#environment)
    this.#take({ type: 'probed', turn, isReachable: reachable })
  }

  async #try(turn: number): Promise<void> {
    const tried = (hasOpened: boolean) => this.#take({ type: 'tried', turn, hasOpened })
    const token = await this.#token('connect').catch(() => undefined)
    if (turn !== this.#course.turn) return
    if (token !== undefined && !isSendable(token)) {
      tried(false)
      return
    }
    const { webSocketUrl, link, retry } = this.#config
    this.#trial = new Trial(
      token,
      retry.connectMs,
      (events) => openSocket(webSocketUrl, { token, link }, this.#environment, events),
      tried,
    )
  }

  #switch(turn: number): void {
    const trial = this.#trial
    this.#trial = undefined
    this.#drop()
    if (trial) trial.goOn(this.#talkOf(turn, trial.token))
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
