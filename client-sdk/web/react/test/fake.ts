// A client and a dashboard whose every state a test sets, and which note what was asked of them.
//
// Always true: they keep the contract of `@dovetail/client` (types.ts there): the same object until something changed, and
// parts that did not change are the same objects.

import type {
  Conflict,
  ConflictsState,
  Dashboard,
  DashboardPresence,
  DashboardStore,
  DeviceSaving,
  DocumentStore,
  DocumentState,
  Edit,
  HistoryGroup,
  LinkState,
  Peer,
  PermissionState,
  ReadyDocument,
  RefusedEdit,
  RemoteUpdate,
  SavingState,
  Session,
  StorageState,
  Widget,
  WidgetDataStore,
} from '@dovetail/client'
import { Watched } from '../../client/src/watch'
import type { PageClient } from '../src/context'
import { staticDashboard } from '../src/state/still'

/** When the tests are. */
export const NOW_MS = Date.UTC(2026, 2, 5, 12, 0, 0)

export class FakeDashboard {
  readonly state: Watched<DocumentState<Dashboard>>
  readonly saving = new Watched<SavingState>(saving(0))
  readonly permission = new Watched<PermissionState>({ role: 'write', paths: undefined })
  readonly conflicts = new Watched<ConflictsState>(conflicting())
  readonly refused = new Watched<readonly RefusedEdit[]>([])
  readonly peers = new Watched<readonly Peer<DashboardPresence>[]>([])
  /** What was asked of the store, as `name(arguments)`. */
  readonly asked: string[] = []
  /** What the next decision about a conflict fails with. */
  fails: Error | undefined
  /** What the history answers; each page is taken once. */
  pages: (Awaited<ReturnType<DashboardStore['history']['page']>> | Error)[] = []
  readonly store: DashboardStore
  readonly #listeners = new Set<(update: RemoteUpdate) => void>()

  constructor(widgets: Readonly<Record<string, Widget>> = {}) {
    this.state = new Watched<DocumentState<Dashboard>>(ready(widgets))
    const still = staticDashboard()
    this.store = {
      ...still,
      ...watchable(this.state),
      saving: this.saving,
      permission: this.permission,
      conflicts: {
        ...watchable(this.conflicts),
        settle: (id, proposal) => this.#decide(`settle(${id}, ${proposal})`),
        waive: (id, waiver) => this.#decide(`waive(${id}, ${JSON.stringify(waiver)})`),
        unwaive: (id) => this.#decide(`unwaive(${id})`),
        preview: (_, proposal) => [{ path: ['widgets', 'cpu', 'layout', 'y'], value: proposal.length }],
      },
      refused: {
        ...watchable(this.refused),
        dismiss: (id) => this.refused.set(this.refused.getState().filter((edit) => edit.id !== id)),
        makeAgain: () => Promise.resolve(false),
      },
      presence: {
        ...watchable(this.peers),
        set: (state) => void this.asked.push(`presence(${JSON.stringify(state)})`),
        clear: () => void this.asked.push('clear()'),
      },
      updates: {
        listen: (listener) => {
          this.#listeners.add(listener)
          return () => void this.#listeners.delete(listener)
        },
      },
      history: {
        ...still.history,
        page: (cursor) => {
          this.asked.push(`page(${cursor ?? ''})`)
          const page = this.pages.shift() ?? new Error('no such page')
          return page instanceof Error ? Promise.reject(page) : Promise.resolve(page)
        },
      },
      saved: () => {
        this.asked.push('saved()')
        return Promise.resolve()
      },
      edit: (edits, options) => void this.asked.push(`edit(${JSON.stringify([edits, options])})`),
      release: () => void this.asked.push('release()'),
    }
  }

  /** One more listener to updates, or one less. */
  get listening(): number {
    return this.#listeners.size
  }

  /** Others change something. */
  update(places: RemoteUpdate['places'], atMs = NOW_MS): void {
    const update = { atMs, from: ['a'], to: ['b'], places, changes: [] }
    for (const listener of [...this.#listeners]) listener(update)
  }

  /** Makes an edit of one widget, as it comes from anywhere. */
  change(id: string, edit: Partial<Widget>): void {
    const state = this.state.getState()
    if (state.status !== 'ready') throw new Error('not ready')
    const widget = { ...state.value.widgets[id]!, ...edit }
    const widgets = { ...state.value.widgets, [id]: widget }
    this.state.set({ ...state, value: { ...state.value, widgets }, heads: [String(Math.random())] })
  }

  #decide(what: string): Promise<void> {
    this.asked.push(what)
    return this.fails ? Promise.reject(this.fails) : Promise.resolve()
  }
}

export class FakeClient implements PageClient {
  readonly link = new Watched<LinkState>({ status: 'live', via: 'websocket', sinceMs: NOW_MS })
  readonly session = new Watched<Session | undefined>(undefined)
  readonly storage = new Watched<StorageState>({
    status: 'kept',
    bytes: 1_234_567,
    bytesMax: 2_000_000_000,
    persistent: true,
  })
  readonly saving = new Watched<DeviceSaving>({ status: 'saved', pending: 0, documents: [] })
  readonly asked: string[] = []
  readonly dashboard: FakeDashboard

  constructor(dashboard = new FakeDashboard()) {
    this.dashboard = dashboard
  }

  open = <T>(id: string) => this.openDashboard(id) as unknown as DocumentStore<T>
  openWidgetData = (id: string) => this.openDashboard(id) as unknown as WidgetDataStore
  openDashboard = (id: string) => {
    this.asked.push(`open(${id})`)
    return this.dashboard.store
  }
  reconnect = () => void this.asked.push('reconnect()')
}

/** The watchable part alone: a store has a `set` of its own, or none. */
function watchable<T>({ getState, subscribe }: Watched<T>) {
  return { getState, subscribe }
}

export function ready(widgets: Readonly<Record<string, Widget>>): ReadyDocument<Dashboard> {
  const value = {
    schemaVersion: 1,
    title: 'Hosts',
    description: '',
    grid: { columns: 24, rowHeight: 30 },
    widgets,
    extra: {},
  }
  return { status: 'ready', value, heads: ['a'], gone: undefined }
}

export function widget(title: string, more: Partial<Widget> = {}): Widget {
  return {
    kind: 'stat',
    title,
    layout: { x: 0, y: 0, w: 3, h: 2 },
    order: 'V',
    options: {},
    locked: false,
    ...more,
  }
}

export function saving(pending: number, more: Partial<SavingState> = {}): SavingState {
  const changes = Array.from({ length: Math.min(pending, 100) }, (_, at) => ({
    hash: `hash ${at}`,
    label: at === 0 ? 'Move CPU' : '',
    madeAtMs: NOW_MS - 120_000,
  }))
  const status = pending > 0 ? 'kept' : 'saved'
  return {
    status,
    pending,
    changes,
    bytes: pending * 100,
    savedAtMs: NOW_MS - 300_000,
    room: 'enough',
    ...more,
  }
}

export function conflict(id: string, more: Partial<Conflict> = {}): Conflict {
  return {
    id,
    rule: 'widgets-apart',
    state: 'open',
    severity: 'warning',
    mode: 'surface',
    message: `“CPU” and “${id}” share a place`,
    explanation: 'Ana moved CPU while Bo widened it.',
    subjects: ['cpu', `${id}/layout`],
    proposals: [
      { name: 'push_down', label: 'Put CPU below' },
      { name: 'first_free', label: 'Put CPU in the first free place' },
    ],
    causes: [
      {
        change: 'c1',
        actor: 'a1',
        author: 'ana',
        time: NOW_MS - 60_000,
        message: 'Move CPU',
        touched: [],
        apart_from: [],
      },
    ],
    fingerprint: 'f',
    ...more,
  }
}

export function conflicting(...conflicts: readonly Conflict[]): ConflictsState {
  const open = conflicts.filter(({ state }) => state === 'open').length
  return { conflicts, open, judged: 'server', undecided: [], beyond: [] }
}

export function refusedEdit(id: string, more: Partial<RefusedEdit> = {}): RefusedEdit {
  return {
    id,
    atMs: NOW_MS - 60_000,
    code: 'path_forbidden',
    reason: "your role can't change this widget.",
    labels: ['Resize CPU'],
    remade: 2,
    lost: 0,
    patch: [{ op: 'replace', path: '/widgets/cpu/layout/w', value: 4 }],
    setAside: false,
    ...more,
  }
}

export function peer(
  name: string,
  state: DashboardPresence = {},
  more: Partial<Peer<DashboardPresence>> = {},
) {
  const id = name.toLowerCase()
  return { key: `${id} 1`, user: { id, name }, color: name.length % 8, state, seenAtMs: NOW_MS, ...more }
}

export function group(heads: string, more: Partial<HistoryGroup> = {}): HistoryGroup {
  return {
    heads: [heads],
    fromMs: NOW_MS - 1000,
    toMs: NOW_MS,
    author: 'ana',
    mine: false,
    changes: 1,
    messages: [],
    messagesLeftOut: 0,
    ...more,
  }
}

export function session(id: string, name?: string): Session {
  return {
    sessionId: 's1',
    user: { id, name },
    clockAheadMs: 0,
    untilMs: undefined,
    limits: { messageBytesMax: 1, changeBytesMax: 1, documentsMax: 1, silenceMsMax: 1 },
    rules: {},
  }
}

/** What a store notes when `edit` was called so. */
export function editCall(edits: Edit | readonly Edit[], options?: object): string {
  return `edit(${JSON.stringify([edits, options])})`
}
