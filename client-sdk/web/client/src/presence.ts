// Who else has a document open, and where they are. Nothing of it is stored.
//
// Always true: of one's own state only the newest is sent, at most every `everyMs`; who was not heard of for `goneMs` is gone, and whose
// page goes says so. Without a connection nobody is shown of whom it would have to tell; they are remembered, and shown again when it
// is back in time.
// What others say of themselves is taken as they say it: a name is a claim, and a screen shows it as no more.

import type { DocHandle } from './automerge'
import type { ResolvedConfig } from './config'
import type { Environment } from './environment'
import type { DashboardPresence, LinkState, Peer, Presence, Watchable } from './types'
import { Watched } from './watch'

/** How many others are remembered: more than a screen shows, less than a stranger could fill a memory with. */
const PEERS_MAX = 200

/** How many colours there are for people. */
export const COLORS = 8

/** How often we are heard of where nothing changes: twice before we would count as gone. */
const PARTS_OF_GONE = 3

/**
 * How long nobody is missed when the connection is gone, in milliseconds: most of the time it is back by then, and people who vanish
 * and come back would tell of something that did not happen.
 */
const UNCONNECTED_MS = 5_000

/** By what others are heard of. */
export interface Ways {
  readonly link: Watchable<Pick<LinkState, 'status'>>
  /** Whether it is a tab of this device, which is heard of without the server. */
  readonly isTab: (senderId: string) => boolean
}

/** Somebody, and by whom their word came. */
interface Known {
  readonly peer: Peer<DashboardPresence>
  readonly senderId: string
}

export interface Me {
  /** One for each tab. */
  readonly key: string
  readonly id: string
  readonly name: string
}

export class DocumentPresence implements Presence<DashboardPresence> {
  readonly #peers = new Watched<readonly Peer<DashboardPresence>[]>([])
  readonly subscribe = this.#peers.subscribe
  readonly getState = this.#peers.getState
  readonly #config: ResolvedConfig['presence']
  readonly #environment: Environment
  readonly #me: () => Me
  readonly #ways: Ways
  /** Also those who are not shown as long as there is no connection. */
  #known: readonly Known[] = []
  /** Since when there is no connection, while there is none. */
  #lostAtMs: number | undefined
  #missing: ReturnType<typeof setTimeout> | undefined
  #handle: DocHandle<unknown> | undefined
  #state: DashboardPresence | undefined
  #sentAtMs = -Infinity
  #soon: ReturnType<typeof setTimeout> | undefined
  #beat: ReturnType<typeof setInterval> | undefined
  #unlisten: readonly (() => void)[] = []

  constructor(config: ResolvedConfig['presence'], environment: Environment, me: () => Me, ways: Ways) {
    this.#config = config
    this.#environment = environment
    this.#me = me
    this.#ways = ways
  }

  set(state: DashboardPresence): void {
    this.#state = state
    this.#sendSoon()
  }

  clear(): void {
    if (this.#state === undefined) return
    this.#state = undefined
    this.#send(null)
  }

  /** The document is here. */
  start(handle: DocHandle<unknown>): void {
    this.#handle = handle
    handle.on('ephemeral-message', this.#hear)
    this.#beat = setInterval(() => this.#look(), this.#config.goneMs / PARTS_OF_GONE)
    this.#unlisten = [
      // Only where somebody knows of us: of the messages of several documents that arrive in another order one is dropped.
      this.#environment.onGo(() => this.#state && this.#send(null)),
      // Browsers may keep a page that was left, and bring it back as it was.
      this.#environment.onShow(() => this.#state && this.#sendSoon()),
      this.#ways.link.subscribe(() => this.#follow()),
    ]
    this.#follow()
    if (this.#state) this.#sendSoon()
  }

  stop(): void {
    this.clear()
    clearTimeout(this.#soon)
    clearInterval(this.#beat)
    clearTimeout(this.#missing)
    for (const end of this.#unlisten) end()
    this.#handle?.off('ephemeral-message', this.#hear)
    this.#handle = undefined
    this.#lostAtMs = undefined
    this.#know([])
  }

  readonly #hear = ({ senderId, message }: { senderId: string; message: unknown }): void => {
    const said = read(message, senderId)
    if (!said || said.key === this.#me().key) return
    const others = this.#known.filter(({ peer }) => peer.key !== said.key)
    const isNew = others.length === this.#known.length
    if (said.state === null) {
      if (!isNew) this.#know(others)
      return
    }
    const peer = {
      ...said,
      state: said.state,
      color: colorOf(said.user.id),
      seenAtMs: this.#environment.now(),
    }
    if (others.length < PEERS_MAX)
      this.#know(
        [...others, { peer, senderId }].sort((one, other) => (one.peer.key < other.peer.key ? -1 : 1)),
      )
    // Whoever comes does not know of us yet.
    if (isNew && this.#state) this.#sendSoon()
  }

  #look(): void {
    const oldestMs = this.#environment.now() - this.#config.goneMs
    this.#know(this.#known.filter(({ peer }) => peer.seenAtMs > oldestMs))
    if (this.#state) this.#send(this.#state)
  }

  /** The connection is there, or is not. */
  #follow(): void {
    const isLive = this.#ways.link.getState().status === 'live'
    if (isLive === (this.#lostAtMs === undefined)) return
    clearTimeout(this.#missing)
    this.#lostAtMs = isLive ? undefined : this.#environment.now()
    if (isLive) this.#look()
    else this.#missing = setTimeout(() => this.#know(this.#known), UNCONNECTED_MS)
  }

  /** These are the ones who are known; those are shown of whom one still hears. */
  #know(known: readonly Known[]): void {
    this.#known = known
    const before = this.#peers.getState()
    const shown = known.filter((each) => this.#isHeard(each)).map(({ peer }) => peer)
    const isSame = shown.length === before.length && shown.every((peer, at) => peer === before[at])
    if (!isSame) this.#peers.set(shown)
  }

  #isHeard({ peer, senderId }: Known): boolean {
    const lostAtMs = this.#lostAtMs
    if (lostAtMs === undefined || this.#environment.now() - lostAtMs < UNCONNECTED_MS) return true
    // Another tab may have a connection, and pass on what it hears.
    return peer.seenAtMs > lostAtMs || this.#ways.isTab(senderId)
  }

  #sendSoon(): void {
    if (this.#soon !== undefined) return
    const waitMs = Math.max(0, this.#sentAtMs + this.#config.everyMs - this.#environment.now())
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      if (this.#state) this.#send(this.#state)
    }, waitMs)
  }

  /** `null`: we are not here any more. */
  #send(state: DashboardPresence | null): void {
    this.#sentAtMs = this.#environment.now()
    if (!this.#handle?.isReady()) return
    const { key, id, name } = this.#me()
    this.#handle.broadcast({ type: 'presence', sessionId: key, userId: id, name, state })
  }
}

/** The colour of a person: the same everywhere. */
export function colorOf(id: string): number {
  let sum = 0
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  return sum % COLORS
}

interface Said {
  readonly key: string
  readonly user: { readonly id: string; readonly name: string }
  readonly state: DashboardPresence | null
}

function read(message: unknown, senderId: string): Said | undefined {
  if (!isRecord(message) || message['type'] !== 'presence') return undefined
  const { sessionId, userId, name, state } = message
  if (state !== null && !isRecord(state)) return undefined
  const id = short(userId) ?? senderId
  return {
    key: short(sessionId) ?? senderId,
    user: { id, name: short(name) ?? id },
    state: state === null ? null : readState(state),
  }
}

function readState({ widget, editing, ghost }: Record<string, unknown>): DashboardPresence {
  const cells = isRecord(ghost) ? [ghost['x'], ghost['y'], ghost['w'], ghost['h']] : []
  const [x, y, w, h] = cells.filter(isCell)
  const of = isRecord(ghost) ? short(ghost['widget']) : undefined
  const isGhost = of !== undefined && x !== undefined && y !== undefined && w !== undefined && h !== undefined
  return {
    ...(short(widget) === undefined ? {} : { widget: short(widget) }),
    ...(editing === true ? { editing } : {}),
    ...(isGhost ? { ghost: { widget: of, x, y, w, h } } : {}),
  }
}

/** Cells are whole numbers of 32 bits, as in the document. */
function isCell(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) < 2 ** 31
}

function short(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= 256 ? value : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
