// Stores that stand still: for a page of examples, for tests of an app, and for what is drawn on a server.
//
// Always true: a store made here never changes and does nothing; whatever was not given is as in a document that is live,
// saved, and without anybody else or any conflict.

import type {
  Conflict,
  ConflictsState,
  Dashboard,
  DashboardPresence,
  DashboardStore,
  DeviceSaving,
  DocumentState,
  DocumentStore,
  HistoryGroup,
  LinkState,
  NamedVersion,
  Peer,
  PermissionState,
  RefusedEdit,
  SavingState,
  Session,
  StorageState,
  UndoState,
  Watchable,
  WidgetDataStore,
} from '@dovetail/client'
import type { PageClient } from '../context'

/** A value that never changes, as something that can be watched. */
export function staticWatchable<T>(value: T): Watchable<T> {
  return { getState: () => value, subscribe: () => nothing }
}

/** What a dashboard that stands still shows. */
export interface StaticDashboardParts {
  readonly id?: string
  readonly state?: DocumentState<Dashboard>
  readonly saving?: Partial<SavingState>
  readonly permission?: Partial<PermissionState>
  readonly conflicts?: readonly Conflict[]
  readonly judged?: Partial<Pick<ConflictsState, 'judged' | 'undecided' | 'beyond'>>
  /** What `preview` of a proposal says. */
  readonly proposes?: (
    conflictId: string,
    proposal: string,
  ) => readonly { readonly path: readonly string[]; readonly value: unknown }[]
  readonly refused?: readonly RefusedEdit[]
  readonly undoing?: Partial<UndoState>
  readonly peers?: readonly Peer<DashboardPresence>[]
  readonly history?: readonly HistoryGroup[]
  readonly versions?: readonly NamedVersion[]
}

/** A dashboard that stands still. */
export function staticDashboard(parts: StaticDashboardParts = {}): DashboardStore {
  const id = (parts.id ?? '3RFyJzsLsZ7MsbG98rcuZ4FqtGW7') as DashboardStore['id']
  const state: DocumentState<Dashboard> = parts.state ?? {
    status: 'ready',
    value: EMPTY_DASHBOARD,
    heads: [],
    gone: undefined,
  }
  const value = () => (state.status === 'ready' ? state.value : EMPTY_DASHBOARD)
  return {
    id,
    url: `automerge:${id}` as DashboardStore['url'],
    ...staticWatchable(state),
    saving: staticWatchable({ ...SAVED, ...parts.saving }),
    permission: staticWatchable({ role: 'write', paths: undefined, ...parts.permission }),
    conflicts: {
      ...staticWatchable(conflictsState(parts)),
      settle: nothingLater,
      waive: nothingLater,
      unwaive: nothingLater,
      preview: parts.proposes ?? (() => []),
    },
    refused: {
      ...staticWatchable(parts.refused ?? []),
      dismiss: nothing,
      makeAgain: () => Promise.resolve(false),
    },
    undoing: {
      ...staticWatchable({ undo: undefined, redo: undefined, ...parts.undoing }),
      undo: nothing,
      redo: nothing,
      latest: () => undefined,
      forget: nothing,
    },
    presence: { ...staticWatchable(parts.peers ?? []), set: nothing, clear: nothing },
    updates: { listen: () => nothing },
    history: {
      page: () => Promise.resolve({ groups: parts.history ?? [], next: undefined, from: 'server' }),
      at: value,
      difference: () => [],
      restore: nothingLater,
      versions: () => Promise.resolve(parts.versions ?? []),
      name: (name) => Promise.resolve({ name, heads: [], atMs: 0, by: undefined, note: undefined }),
      removeName: nothingLater,
    },
    settled: () => (state.status === 'loading' ? new Promise(nothing) : Promise.resolve(state)),
    change: nothing,
    unwritten: () => nothing,
    saved: nothingLater,
    exportAutomerge: () => new Uint8Array(),
    exportJson: value,
    release: nothing,
    edit: nothing,
    gesture: () => ({ show: nothing, commit: nothing, cancel: nothing }),
    preview: value,
    place: () => [],
    count: nothing,
  }
}

/** What a client that stands still says, and what it opens. */
export interface StaticDovetailParts {
  readonly link?: LinkState
  readonly session?: Session
  readonly storage?: StorageState
  readonly saving?: DeviceSaving
  /** By the id that they are opened by. What is not among them is an empty dashboard. */
  readonly documents?: Readonly<Record<string, DocumentStore<unknown>>>
}

/** As much of a client as the provider needs, standing still. */
export function staticDovetail(parts: StaticDovetailParts = {}): PageClient {
  const empty = staticDashboard()
  const found = (id: string): unknown => parts.documents?.[id] ?? empty
  return {
    link: staticWatchable(parts.link ?? { status: 'live', via: 'websocket', sinceMs: 0 }),
    session: staticWatchable(parts.session),
    storage: staticWatchable(
      parts.storage ?? { status: 'kept', bytes: undefined, bytesMax: undefined, persistent: true },
    ),
    saving: staticWatchable(parts.saving ?? { status: 'saved', pending: 0, documents: [] }),
    // Whoever lists a document knows of what kind it is.
    open: <T>(id: string) => found(id) as DocumentStore<T>,
    openDashboard: (id) => found(id) as DashboardStore,
    openWidgetData: (id) => found(id) as WidgetDataStore,
    reconnect: nothing,
  }
}

const SAVED: SavingState = {
  status: 'saved',
  pending: 0,
  changes: [],
  bytes: 0,
  savedAtMs: undefined,
  room: 'enough',
}

const EMPTY_DASHBOARD: Dashboard = {
  schemaVersion: 1,
  title: '',
  description: '',
  grid: { columns: 24, rowHeight: 30 },
  widgets: {},
  extra: {},
}

function conflictsState(parts: StaticDashboardParts): ConflictsState {
  const conflicts = parts.conflicts ?? []
  const open = conflicts.filter((conflict) => conflict.state === 'open').length
  return { conflicts, open, judged: 'server', undecided: [], beyond: [], ...parts.judged }
}

function nothing(): void {
  // It stands still.
}

function nothingLater(): Promise<void> {
  return Promise.resolve()
}
