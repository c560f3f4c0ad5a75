// One connection, from its line to its end: joining, what the server says, a newer token in time, signs of life.
//
// ```text
//  made ──line opened──▶ join sent ──peer──▶ joined ──▶ ended
//    └──────── connectMs without a peer ───────────────▲
// ```
// Edit path: ← the repo has a message, → a frame; ← a frame, → the repo, or whoever follows Dovetail's own messages.
//
// Always true: `joined` comes at most once and before anything that was said; `ended` at most once, and not after `close`;
// after either nothing comes, and no timer is left.

import type { Message, PeerId, PeerMetadata } from '../automerge'
import type { ResolvedConfig } from '../config'
import type { Environment } from '../environment'
import type { Session } from '../types'
import type { Ending } from './ending'
import { Heartbeat } from './heartbeat'
import type { Line, LineEvents } from './line'
import type { OwnMessage } from './link'
import {
  PROTOCOL_VERSION,
  joinFrame,
  pingFrame,
  read,
  repoFrame,
  tokenFrame,
  type FromServer,
} from './messages'
import { partsOf } from './parts'
import { Renewal } from './renewal'

/** Who speaks, and how. */
export interface Speaker {
  /** What the server knows us by. */
  readonly peerId: PeerId
  /** What the repo calls itself. */
  readonly ownPeerId: PeerId
  readonly metadata: PeerMetadata
  /** The token that the line was opened with. */
  readonly token: string | undefined
  /** A newer token, when the present one ends soon. */
  readonly newerToken: () => Promise<string | undefined>
  /** The largest message that the server took when it was last heard; until it says so anew. */
  readonly messageBytesMax: number | undefined
  /** This server has answered a ping before, so that its silence says something from the start. */
  readonly answersPings: boolean
  /** How much longer than usual silence is borne. */
  readonly patience: number
}

/** What becomes of a connection. */
export interface TalkEvents {
  joined(peerId: PeerId, metadata: PeerMetadata): void
  /** What the server said when it was joined; again when the token was renewed. */
  session(session: Session): void
  /** The server answers pings. `inTime`: one that was asked because nothing came, within `heartbeat.silenceMs`. */
  ponged(inTime: boolean): void
  /** The server does not answer any more; `ended` follows. */
  silent(): void
  own(message: OwnMessage): void
  forRepo(message: Message): void
  /** `token` is the last that was shown. */
  ended(ending: Ending, token: string | undefined): void
}

/** See the top of the file. */
export class Talk {
  readonly #config: Pick<ResolvedConfig, 'retry' | 'heartbeat'>
  readonly #environment: Pick<Environment, 'now'>
  readonly #speaker: Speaker
  readonly #events: TalkEvents
  readonly #renewal: Renewal
  readonly #connecting: ReturnType<typeof setTimeout>
  #line: Line | undefined
  #heartbeat: Heartbeat | undefined
  #session: Session | undefined
  #hasJoined = false
  #isOver = false
  #heard = false
  /** When the server was asked for a sign of life because nothing came; nothing once it answered. */
  #askedAtMs: number | undefined
  /** What the last frame complained about, if it did. */
  #complaint = ''

  constructor(
    config: Pick<ResolvedConfig, 'retry' | 'heartbeat'>,
    environment: Pick<Environment, 'now'>,
    speaker: Speaker,
    events: TalkEvents,
  ) {
    this.#config = config
    this.#environment = environment
    this.#speaker = speaker
    this.#events = events
    this.#renewal = new Renewal(speaker.token, environment.now, speaker.newerToken, (token) =>
      this.#line?.send(tokenFrame(speaker.peerId, token)),
    )
    const { connectMs } = config.retry
    const words = `The server did not answer within ${Math.ceil(connectMs / 1000)} s.`
    this.#connecting = setTimeout(() => this.#giveUp(words), connectMs)
  }

  /** For the line that is made for this. */
  readonly events: LineEvents = {
    opened: () => {
      if (!this.#isOver) this.#line?.send(joinFrame(this.#speaker.peerId, this.#speaker.metadata))
    },
    frame: (frame) => {
      if (!this.#isOver) this.#receive(frame)
    },
    ended: (closeCode, words) => this.#end(closeCode, words),
  }

  use(line: Line): void {
    this.#line = line
  }

  /** Before the server has joined it is dropped: the repo has not offered anything yet. */
  send(message: Message): void {
    const { peerId, ownPeerId } = this.#speaker
    // What a tab passes on for another one bears the name of that.
    const named = message.senderId === ownPeerId ? { ...message, senderId: peerId } : message
    if (!this.#hasJoined) return
    for (const part of partsOf(named, this.#messageBytesMax)) this.#line?.send(repoFrame(part))
  }

  /** A server that does not say what it takes has a bound too, which nobody but itself knows. */
  get #messageBytesMax(): number {
    const said = this.#session?.limits.messageBytesMax ?? this.#speaker.messageBytesMax ?? Infinity
    return Math.min(said, this.#line?.frameBytesMax ?? Infinity)
  }

  /** Timers may have slept: is the other side still there? */
  look(): void {
    this.#heartbeat?.look()
  }

  /** Ends it without a word to whoever made it. */
  close(): void {
    this.#stop()
    this.#line?.close()
  }

  #stop(): void {
    this.#isOver = true
    clearTimeout(this.#connecting)
    this.#heartbeat?.stop()
    this.#renewal.stop()
  }

  #giveUp(words: string): void {
    this.#line?.close()
    this.#end(undefined, words)
  }

  #end(closeCode: number | undefined, words: string): void {
    if (this.#isOver) return
    this.#stop()
    const ending = { closeCode, words: this.#complaint || words, heard: this.#heard }
    this.#events.ended(ending, this.#renewal.token)
  }

  #receive(frame: Uint8Array): void {
    this.#heard = true
    this.#complaint = ''
    this.#heartbeat?.heard()
    const said = read(frame, this.#environment.now())
    if (said === undefined) return
    if (said.kind === 'error') this.#complaint = said.words
    else if (said.kind === 'peer') this.#join(said)
    else if (this.#hasJoined) this.#hear(said)
  }

  #join({ peerId, metadata, version }: Extract<FromServer, { kind: 'peer' }>): void {
    if (this.#hasJoined) return
    if (version !== PROTOCOL_VERSION) {
      this.#line?.close()
      this.#end(1002, 'unsupported protocol version')
      return
    }
    this.#hasJoined = true
    clearTimeout(this.#connecting)
    if (this.#speaker.answersPings) this.#watch()
    this.#events.joined(peerId, metadata)
  }

  #hear(said: Exclude<FromServer, { kind: 'peer' | 'error' }>): void {
    switch (said.kind) {
      case 'welcome':
        // Whoever answers it answers pings, and only then silence says something.
        if (this.#line?.via === 'websocket') this.#ping()
        this.#know(said.session)
        break
      case 'token':
        if (this.#session) this.#know({ ...this.#session, untilMs: said.untilMs })
        break
      case 'pong':
        this.#watch()
        this.#ponged()
        break
      case 'own':
        this.#events.own(said.message)
        break
      case 'repo':
        this.#events.forRepo(said.message)
        break
    }
  }

  #know(session: Session): void {
    this.#session = session
    if (session.untilMs !== undefined) this.#renewal.endsAt(session.untilMs - session.clockAheadMs)
    this.#events.session(session)
  }

  /** Polls over HTTP have a bound of their own. */
  #watch(): void {
    if (this.#heartbeat || this.#line?.via !== 'websocket' || this.#isOver) return
    const { askMs, silenceMs } = this.#config.heartbeat
    this.#heartbeat = new Heartbeat(
      { askMs, silenceMs: silenceMs * this.#speaker.patience },
      {
        now: () => this.#environment.now(),
        unsentBytes: () => this.#line?.unsentBytes() ?? 0,
        ask: () => {
          this.#askedAtMs = this.#environment.now()
          this.#ping()
        },
        silent: () => {
          this.#events.silent()
          this.#giveUp('The server says nothing any more.')
        },
      },
    )
  }

  #ponged(): void {
    const askedAtMs = this.#askedAtMs
    this.#askedAtMs = undefined
    const { silenceMs } = this.#config.heartbeat
    this.#events.ponged(askedAtMs !== undefined && this.#environment.now() - askedAtMs <= silenceMs)
  }

  #ping(): void {
    this.#line?.send(pingFrame(this.#speaker.peerId))
  }
}
