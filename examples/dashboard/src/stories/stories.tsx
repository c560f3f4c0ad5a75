// The stories: each component of `@dovetail/react` in each state that it has.
//
// Always true: every story is drawn from stores that stand still, so it looks the same each time; a state of the union `PageStatus`
// that has no story here is an error of the types.

import type { LinkState, Widget } from '@dovetail/client'
import {
  ConflictResolutionUI,
  DashboardSyncIndicator,
  PendingOperationsBadge,
  PresenceAvatars,
  staticDashboard,
  staticDovetail,
  UndoneChanges,
  WidgetRealtime,
  type PageStatus,
  type StaticDashboardParts,
  type StaticDovetailParts,
} from '@dovetail/react'
import type { ReactNode } from 'react'
import {
  CANNOT_BE_READ,
  DASHBOARD,
  minutesAgo,
  NOTE,
  OVERLAP,
  pending,
  people,
  REFUSED,
  REFUSED_WITH_LOSS,
  SESSION,
  WAIVED,
  WITHOUT_ANSWER,
} from './examples'

/** One component in one state. */
export interface Story {
  readonly state: string
  readonly client: ReturnType<typeof staticDovetail>
  /** A newer version of the app is there. */
  readonly update: boolean
  readonly draw: () => ReactNode
}

/** One component. */
export interface Chapter {
  readonly component: string
  /** What it is for, in a sentence. */
  readonly about: string
  /** Its stories need the whole width. */
  readonly wide: boolean
  readonly stories: readonly Story[]
}

interface Parts {
  readonly store?: StaticDashboardParts
  readonly client?: StaticDovetailParts
  readonly update?: boolean
}

const LIVE: LinkState = { status: 'live', via: 'websocket', sinceMs: minutesAgo(5) }

function story(
  state: string,
  parts: Parts,
  draw: (store: ReturnType<typeof staticDashboard>) => ReactNode,
): Story {
  const store = staticDashboard({
    state: { status: 'ready', value: DASHBOARD, heads: ['aa'], gone: undefined },
    ...parts.store,
  })
  const client = staticDovetail({ link: LIVE, session: SESSION, ...parts.client })
  return { state, client, update: parts.update ?? false, draw: () => draw(store) }
}

const waiting = (count: number) =>
  ({ status: 'kept', pending: count, changes: pending(count), bytes: count * 120 }) as const

const unkept = (count: number) => ({ ...waiting(count), status: 'unkept' }) as const

const OFFLINE: LinkState = { status: 'offline' }

function unreachable(): LinkState {
  return { status: 'waiting', retryAtMs: Date.now() + 90_000, attempt: 4, reason: 'the connection was cut' }
}

const refusedLink = (code: string, reason: string): LinkState => ({ status: 'refused', code, reason })

/** Some states have several faces. */
const STATUSES: Readonly<Record<PageStatus['status'], Readonly<Record<string, Parts>>>> = {
  saved: {
    saved: { store: { saving: { savedAtMs: minutesAgo(2) } } },
    'saved, by plain requests': { client: { link: { status: 'live', via: 'http', sinceMs: minutesAgo(1) } } },
  },
  saving: { saving: { store: { saving: waiting(3) } } },
  connecting: {
    connecting: { client: { link: { status: 'connecting' } } },
    'connecting, with changes': { client: { link: { status: 'connecting' } }, store: { saving: waiting(2) } },
  },
  loading: { loading: { store: { state: { status: 'loading' } } } },
  offline: {
    offline: { client: { link: OFFLINE } },
    'offline, with changes': { client: { link: OFFLINE }, store: { saving: waiting(7) } },
  },
  unreachable: { unreachable: { client: { link: unreachable() }, store: { saving: waiting(12) } } },
  attention: {
    attention: { store: { conflicts: [OVERLAP, NOTE] } },
    'attention, one': { store: { conflicts: [OVERLAP] } },
  },
  view_only: { 'view only': { store: { permission: { role: 'read' } } } },
  undone: { undone: { store: { refused: [REFUSED] } } },
  update: { update: { update: true } },
  refused: {
    'signed out': { client: { link: refusedLink('token_expired', 'the token has expired') } },
    blocked: { client: { link: refusedLink('token_revoked', 'its holder was blocked') } },
    'another version': { client: { link: refusedLink('version_unsupported', 'speaks protocol 2') } },
    refused: { client: { link: refusedLink('too_many_connections', 'these are too many connections') } },
  },
  closed: { closed: { client: { link: { status: 'closed' } } } },
  failed: { failed: { store: { state: { status: 'failed', error: CANNOT_BE_READ } } } },
  missing: {
    'not found': { store: { state: { status: 'missing', reason: 'not_found' } } },
    deleted: { store: { state: { status: 'missing', reason: 'deleted' } } },
    'not here yet': { store: { state: { status: 'missing', reason: 'unreachable' } } },
  },
  gone: {
    'deleted, copy here': {
      store: { state: { status: 'ready', value: DASHBOARD, heads: ['aa'], gone: 'deleted' } },
    },
    'no longer shared': {
      store: { state: { status: 'ready', value: DASHBOARD, heads: ['aa'], gone: 'hidden' } },
    },
  },
  little_room: { 'little room': { store: { saving: { ...waiting(8_200), room: 'near' } } } },
  no_room: { 'no room': { store: { saving: { ...waiting(10_000), room: 'full' } } } },
  no_storage: {
    'nothing kept here': { client: { storage: { status: 'memory', reason: 'a private window' } } },
    'storage full': { client: { storage: { status: 'full', reason: 'the quota is used up' } } },
  },
  unkept: {
    'in this tab only': {
      client: { link: OFFLINE, storage: { status: 'memory', reason: 'a private window' } },
      store: { saving: unkept(4) },
    },
  },
}

const drawWidget = (widget: Widget) => (
  <div className="story-widget">
    <h3>{widget.title}</h3>
    <strong>98.7 %</strong>
  </div>
)

function drawBroken(): ReactNode {
  throw new Error('A widget that cannot be drawn, on purpose.')
}

const at = { widget: 'budget' } as const

const PUSHED = [{ path: ['widgets', 'budget', 'layout', 'y'], value: 8 }] as const

function widget(
  state: string,
  store: StaticDashboardParts,
  draw: (widget: Widget) => ReactNode = drawWidget,
): Story {
  return story(state, { store }, (made) => (
    <WidgetRealtime store={made} widgetId="budget">
      {draw}
    </WidgetRealtime>
  ))
}

function conflicts(state: string, store: StaticDashboardParts): Story {
  return story(state, { store: { proposes: () => PUSHED, ...store } }, (made) => (
    <ConflictResolutionUI store={made} />
  ))
}

/** All of them. */
export const chapters: readonly Chapter[] = [
  {
    component: 'DashboardSyncIndicator',
    about: 'How the page is, in a few words. A press shows what is behind them.',
    wide: false,
    stories: Object.values(STATUSES).flatMap((faces) =>
      Object.entries(faces).map(([state, parts]) =>
        story(state, parts, (store) => (
          <DashboardSyncIndicator store={store} onShowConflicts={() => undefined} />
        )),
      ),
    ),
  },
  {
    component: 'PendingOperationsBadge',
    about: 'How many changes wait for the server. Nothing while none does.',
    wide: false,
    stories: [
      story('none', {}, (store) => <PendingOperationsBadge store={store} />),
      story('a few', { store: { saving: waiting(3) } }, (store) => <PendingOperationsBadge store={store} />),
      story('more than fit', { store: { saving: waiting(4_321) } }, (store) => (
        <PendingOperationsBadge store={store} />
      )),
      story('in this tab only', { store: { saving: unkept(12) } }, (store) => (
        <PendingOperationsBadge store={store} />
      )),
    ],
  },
  {
    component: 'PresenceAvatars',
    about: 'Who else is here.',
    wide: false,
    stories: [
      story('one', { store: { peers: people(1) } }, (store) => <PresenceAvatars store={store} />),
      story('three, editing', { store: { peers: people(3, { ...at, editing: true }) } }, (store) => (
        <PresenceAvatars store={store} />
      )),
      story('all eight colours', { store: { peers: people(8) } }, (store) => (
        <PresenceAvatars store={store} most={8} />
      )),
      story('more than fit', { store: { peers: people(8) } }, (store) => (
        <PresenceAvatars store={store} most={3} />
      )),
    ],
  },
  {
    component: 'UndoneChanges',
    about: 'What the server did not take, why, and what became of the rest.',
    wide: true,
    stories: [
      story('one, later edits kept', { store: { refused: [REFUSED] } }, (store) => (
        <UndoneChanges store={store} onSaveCopy={() => undefined} />
      )),
      story('two, with a loss, kept aside', { store: { refused: [REFUSED, REFUSED_WITH_LOSS] } }, (store) => (
        <UndoneChanges store={store} />
      )),
    ],
  },
  {
    component: 'ConflictResolutionUI',
    about: 'What does not fit together, and what can be done about it.',
    wide: true,
    stories: [
      conflicts('nothing', {}),
      conflicts('not judged yet', { judged: { judged: 'not_yet' } }),
      conflicts('with proposals', { conflicts: [OVERLAP, NOTE] }),
      conflicts('without an answer', { conflicts: [WITHOUT_ANSWER] }),
      conflicts('judged on this device', { conflicts: [NOTE], judged: { judged: 'here' } }),
      conflicts('allowed to stay', { conflicts: [WAIVED] }),
      conflicts('view only', { conflicts: [OVERLAP], permission: { role: 'read' } }),
      conflicts('not all of it', {
        conflicts: [NOTE],
        judged: {
          undecided: [{ rule: 'ends-on-the-grid', reason: 'pending' }],
          beyond: [{ rule: 'widgets-apart', conflicts: 40 }],
        },
      }),
    ],
  },
  {
    component: 'WidgetRealtime',
    about: 'One widget: who is at it, and what does not fit.',
    wide: false,
    stories: [
      widget('by itself', {}),
      widget('somebody is here', { peers: people(1, at) }),
      widget('somebody edits', { peers: people(1, { ...at, editing: true }) }),
      widget('three people', { peers: people(3, at) }),
      widget('a note', { conflicts: [{ ...NOTE, subjects: ['budget'] }] }),
      widget('a warning', { conflicts: [OVERLAP] }),
      widget('an error', { conflicts: [{ ...WITHOUT_ANSWER, subjects: ['budget/title'] }] }),
      widget('both', { conflicts: [OVERLAP], peers: people(2, at) }),
      widget('cannot be drawn', {}, drawBroken),
    ],
  },
]
