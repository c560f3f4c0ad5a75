// What is done next to be connected: the course of a link, without sockets, timers and clocks.
//
// ```text
//            ┌───────────────────────── time, online, shown, reconnect ◀──────────────────┐
//            ▼                                                                            │
//  idle ─▶ asking ──token──▶ opening ──joined──▶ live ──────ended──────────────────────▶ waiting
//            ▲  ▲               │ └─ended, nothing heard─▶ probing ──▶ opening (http) ──▶ ▲
//            │  └──4401, once───┤                             └───────────────────────────┘
//            └── online ── offline        refused ◀──4403, 4001, 1009, 4401 again    closed ◀── stop
// ```
// Always true: there is one turn at a time. Each way into `asking` is a new turn and drops what the one before had; what
// belongs to an earlier turn is late, and nothing. So a timer, the network, a token that was waited for and a person who is
// impatient never make two connections.
// Always true: every phase but `live`, `refused`, `offline` and `idle` ends by itself.

import type { ResolvedConfig } from '../config'
import type { LinkState } from '../types'
import { backoffMs } from './backoff'
import { verdictOn, type Ending } from './ending'

export type Way = 'websocket' | 'http'

/** Where the link is. */
export type Phase =
  /** The repo has not said yet who we are. */
  | { readonly is: 'idle' }
  | { readonly is: 'asking' }
  | { readonly is: 'opening'; readonly way: Way }
  /** A WebSocket did not open. Do plain requests get through? */
  | { readonly is: 'probing'; readonly token: string | undefined; readonly reason: string }
  /** `isTrying`: a WebSocket is tried besides. */
  | { readonly is: 'live'; readonly way: Way; readonly sinceMs: number; readonly isTrying: boolean }
  | { readonly is: 'offline' }
  | { readonly is: 'waiting'; readonly retryAtMs: number; readonly attempt: number; readonly reason: string }
  | { readonly is: 'refused'; readonly code: string; readonly reason: string; readonly forToken: boolean }
  | { readonly is: 'closed' }

/** All that is remembered. */
export interface Course {
  readonly phase: Phase
  readonly turn: number
  /** Connections in a row that could not be made, or did not hold. */
  readonly failures: number
  /** WebSockets in a row that never opened while plain requests were answered. */
  readonly unopened: number
  /** No WebSocket gets through here; one is tried again then. */
  readonly http: { readonly socketAtMs: number } | undefined
  /** The server did not take this token, and no connection has held since. */
  readonly refused: RefusedToken | undefined
}

interface RefusedToken {
  readonly token: string | undefined
  readonly code: string
  readonly reason: string
  /** Another one was given since. */
  readonly isReplaced: boolean
}

export type Event =
  /** The repo has said who we are. */
  | { readonly type: 'start' }
  | { readonly type: 'token'; readonly turn: number; readonly token: string | undefined }
  | { readonly type: 'no-token'; readonly turn: number; readonly reason: string }
  | { readonly type: 'joined'; readonly turn: number }
  | {
      readonly type: 'ended'
      readonly turn: number
      readonly ending: Ending
      readonly token: string | undefined
    }
  | { readonly type: 'probed'; readonly turn: number; readonly isReachable: boolean }
  /** The WebSocket that was tried besides has opened, or not. */
  | { readonly type: 'tried'; readonly turn: number; readonly hasOpened: boolean }
  | { readonly type: 'time' }
  | { readonly type: 'network'; readonly isOnline: boolean }
  | { readonly type: 'shown' }
  | { readonly type: 'reconnect' }
  /** The repo takes its leave; it may start again. */
  | { readonly type: 'stop' }

export type Effect =
  /** Close what there is of a connection. */
  | { readonly do: 'drop' }
  /** Answer `token` or `no-token`. */
  | { readonly do: 'ask'; readonly turn: number; readonly why: 'connect' | 'refused' }
  /** Answer `joined` and `ended`. */
  | { readonly do: 'open'; readonly turn: number; readonly way: Way; readonly token: string | undefined }
  /** Answer `probed`. */
  | { readonly do: 'probe'; readonly turn: number }
  /** Open a WebSocket besides, and answer `tried`. */
  | { readonly do: 'try'; readonly turn: number }
  /** Go on with that WebSocket. Answer `joined` and `ended`. */
  | { readonly do: 'switch'; readonly turn: number }
  /** Only another peer id helps. */
  | { readonly do: 'rename' }

export interface Step {
  readonly course: Course
  readonly effects: readonly Effect[]
}

/** What the moment brings. `random` is from 0 to below 1 and drawn anew for each step. */
export interface Moment {
  readonly nowMs: number
  readonly random: number
  readonly isOnline: boolean
}

export type Retry = ResolvedConfig['retry'] & { readonly hasTokenSource: boolean }

/** A connection that lasted for less has not shown that the next one would: its failure counts with those before. */
export const HELD_MS = 5_000

/** Who is told to come again is spread over no less: a server that restarts hears of all its clients at once. */
export const SOON_MS = 2_000

export const BEGINNING: Course = {
  phase: { is: 'idle' },
  turn: 0,
  failures: 0,
  unopened: 0,
  http: undefined,
  refused: undefined,
}

/** The only door. Whatever has to be done in the world comes back as effects, in this order. */
export function step(course: Course, event: Event, moment: Moment, retry: Retry): Step {
  if (course.phase.is === 'closed' && event.type !== 'start') return still(course)
  if ('turn' in event && event.turn !== course.turn) return still(course)
  switch (event.type) {
    case 'start':
      return moment.isOnline ? begin(afresh(course)) : gone(afresh(course))
    case 'token':
      return withToken(course, event.token, moment)
    case 'no-token':
      return withoutToken(course, event.reason, moment, retry)
    case 'joined':
      return joined(course, moment)
    case 'ended':
      return ended(course, event.ending, event.token, moment, retry)
    case 'probed':
      return probed(course, event.isReachable, moment, retry)
    case 'tried':
      return tried(course, event.hasOpened, moment, retry)
    case 'time':
      return time(course, moment)
    case 'network':
      return event.isOnline ? cameOnline(course, moment) : wentOffline(course, moment)
    case 'shown':
      return shown(course)
    case 'reconnect':
      // Also where the device says that it has no network: a server on the same machine needs none.
      return course.phase.is === 'idle' ? still(course) : begin(afresh(course))
    case 'stop':
      return to(course, { is: 'closed' }, [{ do: 'drop' }], course.turn + 1)
  }
}

/** When `time` has something to do; nothing when it has not. */
export function dueAtMs({ phase, http }: Course): number | undefined {
  if (phase.is === 'waiting') return phase.retryAtMs
  return phase.is === 'live' && phase.way === 'http' && !phase.isTrying ? http?.socketAtMs : undefined
}

/** The course as others see it. */
export function stateOf({ phase }: Course): LinkState {
  switch (phase.is) {
    case 'idle':
    case 'asking':
    case 'opening':
    case 'probing':
      return { status: 'connecting' }
    case 'live':
      return { status: 'live', via: phase.way, sinceMs: phase.sinceMs }
    case 'waiting':
      return {
        status: 'waiting',
        retryAtMs: phase.retryAtMs,
        attempt: phase.attempt,
        reason: phase.reason,
      }
    case 'refused':
      return { status: 'refused', code: phase.code, reason: phase.reason }
    case 'offline':
    case 'closed':
      return { status: phase.is }
  }
}

// ---------------------------------------------------------------------------------------------------- a turn begins

function begin(course: Course): Step {
  const turn = course.turn + 1
  const why = course.refused?.isReplaced === false ? 'refused' : 'connect'
  return to(course, { is: 'asking' }, [{ do: 'drop' }, { do: 'ask', turn, why }], turn)
}

/** As if nothing had failed yet; what is known of the network stays. */
function afresh(course: Course): Course {
  return { ...course, failures: 0, refused: undefined }
}

function withToken(course: Course, token: string | undefined, moment: Moment): Step {
  const { phase, refused, turn } = course
  // Also while it is shown as refused: then it was asked whether there is another one.
  if (phase.is !== 'asking' && phase.is !== 'refused') return still(course)
  if (refused?.token === token && refused !== undefined) return to(course, refusal(refused), [], turn + 1)
  const known = { ...course, refused: refused && { ...refused, isReplaced: true } }
  return open(known, wayOf(course, moment), token)
}

function withoutToken(course: Course, reason: string, moment: Moment, retry: Retry): Step {
  if (course.phase.is !== 'asking') return still(course)
  return wait(course, { reason: `No token could be had: ${reason}`, soon: false }, moment, retry)
}

function wayOf({ http }: Course, { nowMs }: Moment): Way {
  return http && nowMs < http.socketAtMs ? 'http' : 'websocket'
}

function open(course: Course, way: Way, token: string | undefined): Step {
  return to(course, { is: 'opening', way }, [{ do: 'open', turn: course.turn, way, token }])
}

function joined(course: Course, { nowMs }: Moment): Step {
  if (course.phase.is !== 'opening') return still(course)
  const { way } = course.phase
  const known = way === 'websocket' ? { ...course, unopened: 0, http: undefined } : course
  return to(known, { is: 'live', way, sinceMs: nowMs, isTrying: false })
}

// ---------------------------------------------------------------------------------------------------- a turn ends

function ended(
  course: Course,
  ending: Ending,
  token: string | undefined,
  moment: Moment,
  retry: Retry,
): Step {
  const { phase } = course
  if (phase.is !== 'opening' && phase.is !== 'live') return still(course)
  const known = afterConnection(course, moment)
  const verdict = verdictOn(ending)
  switch (verdict.next) {
    case 'token':
      return tokenRefused(known, { token, code: verdict.code, reason: verdict.reason }, retry)
    case 'refused':
      return refuse(known, { ...verdict, forToken: false })
    case 'peer_id':
      return renaming(wait(known, { reason: verdict.reason, soon: false }, moment, retry))
    case 'again':
      break
  }
  const isUnopened = phase.is === 'opening' && phase.way === 'websocket' && !ending.heard
  return isUnopened
    ? unopened(known, verdict.reason, token, moment, retry)
    : wait(known, verdict, moment, retry)
}

/** One that held has shown that the next may as well. */
function afterConnection(course: Course, { nowMs }: Moment): Course {
  const { phase } = course
  return phase.is === 'live' && nowMs - phase.sinceMs >= HELD_MS ? afresh(course) : course
}

/** Once another token is asked for at once. Whoever gives one that is refused as well, or the same, has none. */
function tokenRefused(course: Course, refused: Omit<RefusedToken, 'isReplaced'>, retry: Retry): Step {
  const known = { ...course, refused: { ...refused, isReplaced: false } }
  if (course.refused || !retry.hasTokenSource) return refuse(known, refusal(refused))
  return begin(known)
}

function refusal({ code, reason }: Omit<RefusedToken, 'isReplaced'>): Extract<Phase, { is: 'refused' }> {
  return { is: 'refused', code, reason, forToken: true }
}

function refuse(
  course: Course,
  { code, reason, forToken }: { code: string; reason: string; forToken: boolean },
): Step {
  const phase = { is: 'refused', code, reason, forToken } as const
  return to(course, phase, [{ do: 'drop' }], course.turn + 1)
}

/** Waits all the same: whoever takes each new name as soon as it is heard would make us busy without end. */
function renaming({ course, effects }: Step): Step {
  return { course, effects: [...effects, { do: 'rename' }] }
}

function wait(
  course: Course,
  { reason, soon }: { reason: string; soon: boolean },
  moment: Moment,
  retry: Retry,
): Step {
  if (!moment.isOnline) return gone(course)
  const attempt = course.failures + 1
  const waitMs = backoffMs(attempt, moment.random, retry, soon ? SOON_MS : 0)
  const phase = { is: 'waiting', retryAtMs: moment.nowMs + waitMs, attempt, reason } as const
  return to({ ...course, failures: attempt }, phase, [{ do: 'drop' }], course.turn + 1)
}

function gone(course: Course): Step {
  return to(course, { is: 'offline' }, [{ do: 'drop' }], course.turn + 1)
}

// ---------------------------------------------------------------------------------------------------- without WebSockets

function unopened(
  course: Course,
  reason: string,
  token: string | undefined,
  moment: Moment,
  retry: Retry,
): Step {
  if (course.http) return openHttp(course, token, moment, retry)
  if (retry.webSocketFailuresMax === 0) return wait(course, { reason, soon: false }, moment, retry)
  const { turn } = course
  return to(course, { is: 'probing', token, reason }, [{ do: 'drop' }, { do: 'probe', turn }])
}

/** A server that is down lets neither through. It must not count: when it is back, WebSockets are. */
function probed(course: Course, isReachable: boolean, moment: Moment, retry: Retry): Step {
  const { phase } = course
  if (phase.is !== 'probing') return still(course)
  const count = isReachable ? course.unopened + 1 : 0
  const known = { ...course, unopened: count }
  if (count >= retry.webSocketFailuresMax) return openHttp(known, phase.token, moment, retry)
  return wait(known, { reason: phase.reason, soon: false }, moment, retry)
}

function openHttp(course: Course, token: string | undefined, { nowMs }: Moment, retry: Retry): Step {
  const { course: opening, effects } = open(course, 'http', token)
  return {
    course: { ...opening, unopened: 0, http: { socketAtMs: nowMs + retry.webSocketAgainMs } },
    effects: [{ do: 'drop' }, ...effects],
  }
}

function tried(course: Course, hasOpened: boolean, { nowMs }: Moment, retry: Retry): Step {
  const { phase, turn } = course
  if (phase.is !== 'live' || !phase.isTrying) return still(course)
  if (hasOpened) return to(course, { is: 'opening', way: 'websocket' }, [{ do: 'switch', turn }])
  const known = { ...course, http: { socketAtMs: nowMs + retry.webSocketAgainMs } }
  return to(known, { ...phase, isTrying: false })
}

// ---------------------------------------------------------------------------------------------------- the world

function time(course: Course, moment: Moment): Step {
  const { phase, turn } = course
  const due = dueAtMs(course)
  if (due === undefined || moment.nowMs < due) return still(course)
  if (phase.is !== 'live') return begin(course)
  return to(course, { ...phase, isTrying: true }, [{ do: 'try', turn }])
}

function wentOffline(course: Course, moment: Moment): Step {
  const { phase } = course
  if (phase.is === 'idle' || phase.is === 'refused') return still(course)
  return gone(afterConnection(course, moment))
}

/** Perhaps another network: it may let WebSockets through, and has failed nothing yet. */
function cameOnline(course: Course, { nowMs }: Moment): Step {
  if (course.phase.is === 'refused') return askAgain(course)
  if (course.phase.is !== 'offline' && course.phase.is !== 'waiting') return still(course)
  return begin({ ...course, failures: 0, unopened: 0, http: course.http && { socketAtMs: nowMs } })
}

/** Failures still count, so that a page which is shown and hidden again hammers at nobody. */
function shown(course: Course): Step {
  if (course.phase.is === 'refused') return askAgain(course)
  return course.phase.is === 'waiting' ? begin(course) : still(course)
}

/** Somebody may have signed in elsewhere meanwhile. */
function askAgain(course: Course): Step {
  const { phase } = course
  if (phase.is !== 'refused' || !phase.forToken) return still(course)
  const turn = course.turn + 1
  return to(course, phase, [{ do: 'ask', turn, why: 'refused' }], turn)
}

function to(course: Course, phase: Phase, effects: readonly Effect[] = [], turn = course.turn): Step {
  return { course: { ...course, phase, turn }, effects }
}

function still(course: Course): Step {
  return { course, effects: [] }
}
