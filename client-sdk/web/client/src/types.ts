// What the package promises: every value that an app sees, and what it can do with a document. No code but types.
//
// Read this first. A `Dovetail` (client.ts) opens stores; a store holds one document, says in unions how it is, and takes
// edits. Everything that changes can be watched in the same way, so a screen of any framework can follow it.

import type { DocumentId, DocumentUrl, Heads } from './ids'

export type { DocumentId, DocumentUrl, Heads }

/** Something that changes: ask for it, and be called after each change. `getState` gives the same object until it changed. */
export interface Watchable<T> {
  /** Calls `listener` after each change; what is returned ends that. */
  readonly subscribe: (listener: () => void) => () => void
  readonly getState: () => T
}

// ---------------------------------------------------------------------------------------------------- the connection

/** How the connection to the server stands. */
export type LinkState =
  /** A connection is being made. */
  | { readonly status: 'connecting' }
  /** The server answers. `http`: no WebSocket got through, so that messages go by plain requests, a little slower. */
  | { readonly status: 'live'; readonly via: 'websocket' | 'http'; readonly sinceMs: number }
  /** The device says that it has no network. */
  | { readonly status: 'offline' }
  /** The server cannot be reached, and is tried again at `retryAtMs` (milliseconds since 1970). */
  | {
      readonly status: 'waiting'
      readonly retryAtMs: number
      readonly attempt: number
      readonly reason: string
    }
  /** The server will not have us, and trying again changes nothing until somebody does something (`Dovetail.reconnect`). */
  | { readonly status: 'refused'; readonly code: string; readonly reason: string }
  /** `close` was called. */
  | { readonly status: 'closed' }

/** What the server said when the connection was made; the last of it is kept while there is none. */
export interface Session {
  /** The connection, as the server's log names it. */
  readonly sessionId: string
  /** Whom the server takes us for; `null` where nobody is asked. */
  readonly user: { readonly id: string; readonly name?: string | undefined } | null
  /** The server's clock minus ours, in milliseconds. */
  readonly clockAheadMs: number
  /** When the token ends, if it does. */
  readonly untilMs: number | undefined
  readonly limits: {
    readonly messageBytesMax: number
    readonly changeBytesMax: number
    readonly documentsMax: number
    readonly silenceMsMax: number
  }
  /** Which version of the rules is in force, by kind of document. */
  readonly rules: Readonly<Record<string, number>>
}

// ---------------------------------------------------------------------------------------------------- what is kept here

/** How the store on this device is. */
export type StorageState =
  /** Not asked yet. */
  | { readonly status: 'opening' }
  /** Everything is kept here and survives a reload. Bytes are what the browser says, where it says anything. */
  | {
      readonly status: 'kept'
      readonly bytes: number | undefined
      readonly bytesMax: number | undefined
      readonly persistent: boolean
    }
  /** The browser gives no storage (a private window, a policy): what is not saved on the server is gone with the tab. */
  | { readonly status: 'memory'; readonly reason: string }
  /** The storage takes no more. Edits stay in this tab and go to the server, but would not survive a reload before that. */
  | { readonly status: 'full'; readonly reason: string }

// ---------------------------------------------------------------------------------------------------- one document

/** How a document is. */
export type DocumentState<T> =
  /** It is looked for: here first, then on the server. */
  | { readonly status: 'loading' }
  /** It is not here. `unreachable`: the server could not be asked yet. `not_found`: the server has none, or shows it to others only. */
  | { readonly status: 'missing'; readonly reason: 'unreachable' | 'not_found' | 'deleted' }
  | { readonly status: 'failed'; readonly error: DovetailError }
  | ReadyDocument<T>

/** A document that is here. */
export interface ReadyDocument<T> {
  readonly status: 'ready'
  /** The document with all edits that were made here. Parts that did not change are the same objects as before. */
  readonly value: T
  /** The state that `value` is of (edits of a gesture that goes on are in `value`, and in no state yet). */
  readonly heads: Heads
  /** Gone for everybody (`deleted`) or no longer shown to us (`hidden`); what is here is the copy on this device. */
  readonly gone: 'deleted' | 'hidden' | undefined
}

/** What is not on the server's disk yet. */
export interface SavingState {
  /** `saved`: everything is durable on the server. `kept`: the rest is on this device. `unkept`: the rest is in this tab only. */
  readonly status: 'saved' | 'kept' | 'unkept'
  /** How many changes are not durable on the server; those of other tabs of this device count too, and a gesture or typing that goes on. */
  readonly pending: number
  /** What they are, the oldest first, at most 100 of them. */
  readonly changes: readonly PendingChange[]
  /** How many bytes they have, about. */
  readonly bytes: number
  /** When everything was last durable on the server (milliseconds since 1970), if that is known. */
  readonly savedAtMs: number | undefined
  /** `near`: over eight tenths of what may be pending here; `full`: no more edits are taken until some are saved. */
  readonly room: 'enough' | 'near' | 'full'
}

/** One change that waits. */
export interface PendingChange {
  readonly hash: string
  /** What it is, in words; empty when whoever made it gave none. */
  readonly label: string
  readonly madeAtMs: number
}

/** What one may do with a document. `unknown` until the server has said so; edits are taken, and may be refused later. */
export interface PermissionState {
  readonly role: 'unknown' | 'none' | 'read' | 'write' | 'admin'
  /** The places that may be changed, as JSON pointers with `*` for any one step, when it is not all. */
  readonly paths: readonly { readonly path: string; readonly append: boolean }[] | undefined
}

/**
 * Changes of ours that the server did not take. They are undone here; what was made after them is kept where it can be. An edit that
 * went on and could not be made in the end, because others had removed what it was about, is among them, with the code of `edit`.
 */
export interface RefusedEdit {
  readonly id: string
  readonly atMs: number
  /** The code of the refusal, as in docs/PROTOCOL.md, or of the edit. */
  readonly code: string
  /** Why, for people. */
  readonly reason: string
  /** What was undone, in words. */
  readonly labels: readonly string[]
  /** How many later edits were made anew, and how many could not be. */
  readonly remade: number
  readonly lost: number
  /** What the undone changes did, as a JSON Patch. */
  readonly patch: readonly JsonPatchOperation[]
  /** The server keeps them aside for its administrators. */
  readonly setAside: boolean
}

export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** What one can take back here, and what one can make again. Words for a button; nothing when there is nothing. */
export interface UndoState {
  readonly undo: string | undefined
  readonly redo: string | undefined
}

// ---------------------------------------------------------------------------------------------------- conflicts

/** A business rule that does not hold, as `GET /api/docs/{id}/conflicts` shows it. */
export interface Conflict {
  readonly id: string
  readonly rule: string
  readonly state: 'open' | 'waived' | 'settled'
  readonly severity: 'info' | 'warning' | 'error'
  /** `audit`: for those who run the server only. */
  readonly mode?: 'surface' | 'audit' | undefined
  /** What is wrong, for people. */
  readonly message: string
  /** Who did what that led to it, for people; empty where that is not known here. */
  readonly explanation: string
  /** Widget ids, or `id/field`. */
  readonly subjects: readonly string[]
  readonly proposals: readonly { readonly name: string; readonly label: string }[]
  readonly causes: readonly ConflictCause[]
  readonly fingerprint: string
  readonly waiver?:
    | { readonly reason: string; readonly by?: string | undefined; readonly until?: number | undefined }
    | undefined
  /** Since when it is open, in milliseconds since 1970, where the server said so. */
  readonly open_since?: number | undefined
}

/** A change that brought a conflict about. */
export interface ConflictCause {
  readonly change: string
  readonly actor: string
  readonly author?: string | null | undefined
  readonly time: number
  readonly message?: string | undefined
}

export interface ConflictsState {
  /** Open and waived ones. */
  readonly conflicts: readonly Conflict[]
  readonly open: number
  /** Who judged: the server, or this device by the rules that it last had from the server. */
  readonly judged: 'not_yet' | 'here' | 'server'
  /** Rules that could not be judged: they have not passed. */
  readonly undecided: readonly { readonly rule: string; readonly reason: unknown }[]
  /** Rules with more conflicts than are listed. */
  readonly beyond: readonly { readonly rule: string; readonly conflicts: number }[]
}

/** The conflicts of one document. Deciding is an ordinary edit: it works offline and merges. */
export interface Conflicts extends Watchable<ConflictsState> {
  /** Makes one of the proposals. Throws `DovetailError` `conflict_not_found`, `proposal_not_offered`, `read_only`. */
  settle(conflictId: string, proposal: string): Promise<void>
  /** Lets it stay, with a reason, perhaps until a time (milliseconds since 1970). */
  waive(
    conflictId: string,
    waiver: { readonly reason: string; readonly untilMs?: number | undefined },
  ): Promise<void>
  unwaive(conflictId: string): Promise<void>
  /** What a proposal would write, place by place, to show it beforehand; empty when that is not known here. */
  preview(
    conflictId: string,
    proposal: string,
  ): readonly { readonly path: readonly string[]; readonly value: unknown }[]
}

// ---------------------------------------------------------------------------------------------------- presence

/** Somebody else who has the document open. */
export interface Peer<P> {
  /** One for each tab. */
  readonly key: string
  readonly user: { readonly id: string; readonly name: string }
  /** One of eight, the same for this person everywhere. */
  readonly color: number
  readonly state: P
  readonly seenAtMs: number
}

/** Who is there. What is said here is never stored. */
export interface Presence<P> extends Watchable<readonly Peer<P>[]> {
  /** Tells the others where we are; sent at most every `presence.everyMs`, the newest only. */
  set(state: P): void
  /** We are gone from here, though the document stays open. */
  clear(): void
}

/** Where somebody is on a dashboard. */
export interface DashboardPresence {
  /** The widget that they have selected or edit. */
  readonly widget?: string | undefined
  readonly editing?: boolean | undefined
  /** Where a widget is while it is being dragged or resized, in cells. */
  readonly ghost?:
    | {
        readonly widget: string
        readonly x: number
        readonly y: number
        readonly w: number
        readonly h: number
      }
    | undefined
}

// ---------------------------------------------------------------------------------------------------- what others do

/** Calls with what others change, as it arrives here and after the state has it; what is returned ends that. */
export interface Updates {
  listen(listener: (update: RemoteUpdate) => void): () => void
}

/** Changes that came from elsewhere: of others, and of oneself on other devices. Those of this device's tabs are not among them. */
export interface RemoteUpdate {
  /** When they arrived (milliseconds since 1970). */
  readonly atMs: number
  /** The document before and after them; `History.difference` says what differs. */
  readonly from: Heads
  readonly to: Heads
  /** The places that differ, one for each, the widest first: `['widgets', 'cpu', 'title']`. At most 1,000. */
  readonly places: readonly (readonly (string | number)[])[]
  /** Who made them, the oldest first, at most 100. */
  readonly changes: readonly {
    readonly actor: string
    /** The author's id, where this device knows whose actor it is. */
    readonly author: string | undefined
    readonly madeAtMs: number
    /** What it is, in words; empty when whoever made it gave none. */
    readonly label: string
  }[]
}

// ---------------------------------------------------------------------------------------------------- history

/** Changes of one author without a longer pause between them. */
export interface HistoryGroup {
  /** The document after it. */
  readonly heads: Heads
  readonly fromMs: number
  readonly toMs: number
  /** Who made it: the author's id where the server knows one. */
  readonly author: string | undefined
  /** Made by this device. */
  readonly mine: boolean
  readonly changes: number
  readonly messages: readonly string[]
}

export interface NamedVersion {
  readonly name: string
  readonly heads: Heads
  readonly atMs: number
  readonly by: string | undefined
  readonly note: string | undefined
}

/** What was. Works offline on what is here; the server adds who the authors are. */
export interface History<T> {
  /** The newest first. `cursor` of the last page gives the next. */
  page(cursor?: string): Promise<{
    readonly groups: readonly HistoryGroup[]
    readonly next: string | undefined
    readonly from: 'server' | 'here'
  }>
  /** The document as it was. Throws `unknown_heads`. */
  at(heads: Heads): T
  /** What differs between two states, as a JSON Patch. */
  difference(from: Heads, to?: Heads): readonly JsonPatchOperation[]
  /** Goes back to an earlier state with one new change; what came between stays in the history. */
  restore(heads: Heads, label?: string): Promise<void>
  versions(): Promise<readonly NamedVersion[]>
  /** Names the present state, or that at `heads`. Needs the server. */
  name(
    name: string,
    options?: { readonly note?: string | undefined; readonly heads?: Heads | undefined },
  ): Promise<NamedVersion>
  removeName(name: string): Promise<void>
}

// ---------------------------------------------------------------------------------------------------- stores

/** One document of this device. The same id, opened in the same way, gives the same store; it lives until the last `release`. */
export interface DocumentStore<T> extends Watchable<DocumentState<T>> {
  readonly id: DocumentId
  readonly url: DocumentUrl
  readonly saving: Watchable<SavingState>
  readonly permission: Watchable<PermissionState>
  readonly conflicts: Conflicts
  readonly refused: Watchable<readonly RefusedEdit[]> & { dismiss(id: string): void }
  readonly undoing: Watchable<UndoState> & { undo(): void; redo(): void }
  readonly presence: Presence<DashboardPresence>
  readonly updates: Updates
  readonly history: History<T>
  /** Waits for what is here or on the server: the first state that is not `loading`. */
  settled(): Promise<Exclude<DocumentState<T>, { readonly status: 'loading' }>>
  /**
   * Makes one change. `label` says in words what it is; it stands in the history and in the list of pending changes.
   * Throws `DovetailError`: `not_ready`, `read_only`, `document_gone`, `pending_full`; dashboards and widget data also
   * `change_too_large`.
   */
  change(label: string, edit: (draft: T) => void): void
  /**
   * Waits until every edit made here so far is durable on the server. Throws `refused` when one of them was not taken, or could not
   * be made any more, and `closed`.
   */
  saved(): Promise<void>
  /** The document in Automerge's own format, with its history. */
  exportAutomerge(): Uint8Array
  /** The document as plain JSON, without `_dovetail`. */
  exportJson(): unknown
  /** Ends this use of the store. What is pending is sent all the same. */
  release(): void
}

/** A gesture that goes on, like a drag: shown at once, and one change when it ends. */
export interface Gesture<E> {
  /** Replaces what the gesture has done so far. */
  show(edits: readonly E[]): void
  /** Makes it one change. Nothing when nothing was shown; what cannot be made any more is left out, and told by `refused`. */
  commit(): void
  /** As if it had never begun. */
  cancel(): void
}

/** What can go wrong, for programs and for people. */
export interface DovetailError extends Error {
  /** Stable: those of docs/HTTP.md and docs/PROTOCOL.md, and those that the functions here name. */
  readonly code: string
  /** Whether the same may succeed later. */
  readonly passing: boolean
  /** The HTTP status, where an answer had one. */
  readonly status?: number | undefined
}

// ---------------------------------------------------------------------------------------------------- dashboards

/** How an edit is made. */
export interface EditOptions {
  /** What it is, in words, for the history; by default made of the edits. */
  readonly label?: string | undefined
  /** Part of typing: shown at once, and one change with what follows until a pause. */
  readonly typing?: boolean | undefined
}

/** A dashboard of this device. */
export interface DashboardStore extends DocumentStore<Dashboard> {
  /**
   * Makes the edits as one change, or none when all is so already. Throws `DovetailError`: `unknown_widget`, `widget_exists`,
   * `no_such_place`, `bad_edit` and those of `change`; then nothing is done.
   */
  edit(edits: Edit | readonly Edit[], options?: EditOptions): void
  /** A drag, or another gesture that is shown while it goes on. */
  gesture(label: string): Gesture<Edit>
  /** The dashboard as it would be, without making a change. */
  preview(edits: readonly Edit[]): Dashboard
  /** The edits that put a widget right behind another one in the order of reading, or in front of all. */
  place(id: string, after: string | undefined): readonly Edit[]
  /** Counts up or down at a place in a widget's options. A counter adds up whatever others count at the same time. */
  count(id: string, path: readonly string[], by: number): void
}

/** What a widget shows, when it is a document of its own. */
export interface WidgetDataStore extends DocumentStore<WidgetData> {
  /** Adds points here, by this device; a feed posts them to the server instead (`Api.addPoints`). */
  addPoints(points: readonly Point[]): void
  setCell(row: number, column: number, value: string | number | boolean | null): void
  addRow(cells?: readonly (string | number | boolean | null)[]): void
  removeRow(row: number): void
  setColumns(columns: readonly string[]): void
  setShape(shape: WidgetData['shape']): void
  /** Replaces the text by what it is now; only what differs is written, so that others may type at the same time. */
  setText(text: string): void
}

/** A dashboard as its document has it, with everything odd read as its default. */
export interface Dashboard {
  readonly schemaVersion: number
  readonly title: string
  readonly description: string
  readonly grid: Grid
  readonly widgets: Readonly<Record<string, Widget>>
  /** What an import keeps verbatim. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** Cells side by side, and the height of one in pixels. */
export interface Grid {
  readonly columns: number
  readonly rowHeight: number
}

/** In cells of the grid, from the top left corner. */
export interface Layout {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** One tile of a dashboard. See docs/DASHBOARD.md. */
export interface Widget {
  readonly kind: string
  readonly title: string
  readonly layout: Layout
  readonly order: string
  readonly dataSource?: unknown
  readonly options: Readonly<Record<string, unknown>>
  readonly locked: boolean
  readonly parent?: string | undefined
  /** The `automerge:` URL of a widget data document. */
  readonly data?: string | undefined
}

export interface WidgetData {
  readonly schemaVersion: number
  readonly shape: 'points' | 'table' | 'text'
  readonly points: readonly Point[]
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
  readonly text: string
}

/** One value at one time: milliseconds since 1970, and nothing where a value was missed. */
export interface Point {
  readonly t: number
  readonly v: number | null
}

/** One thing that somebody does to a dashboard; the closed list of docs/DASHBOARD.md. */
export type Edit =
  | { readonly edit: 'setTitle'; readonly title: string }
  | { readonly edit: 'setDescription'; readonly description: string }
  | { readonly edit: 'setGrid'; readonly grid: Grid }
  | { readonly edit: 'createWidget'; readonly id: string; readonly widget: NewWidget }
  | { readonly edit: 'removeWidget'; readonly id: string }
  | { readonly edit: 'moveWidget'; readonly id: string; readonly x: number; readonly y: number }
  | { readonly edit: 'resizeWidget'; readonly id: string; readonly w: number; readonly h: number }
  | { readonly edit: 'setLayout'; readonly id: string; readonly layout: Layout }
  | { readonly edit: 'renameWidget'; readonly id: string; readonly title: string }
  | { readonly edit: 'setKind'; readonly id: string; readonly kind: string }
  | { readonly edit: 'reorder'; readonly id: string; readonly order: string }
  | { readonly edit: 'setParent'; readonly id: string; readonly parent: string | null }
  | { readonly edit: 'setDataSource'; readonly id: string; readonly dataSource: unknown }
  | {
      readonly edit: 'setOption'
      readonly id: string
      readonly path: readonly (string | number)[]
      readonly value: unknown
    }
  | { readonly edit: 'clearOption'; readonly id: string; readonly path: readonly (string | number)[] }
  | { readonly edit: 'setLocked'; readonly id: string; readonly locked: boolean }
  | { readonly edit: 'attachData'; readonly id: string; readonly data: string }
  | { readonly edit: 'detachData'; readonly id: string }

/** A widget as `createWidget` takes it: all but `kind` has a default. */
export type NewWidget = { readonly kind: string } & Partial<Omit<Widget, 'kind'>> & {
    /** Places in the options that are counters and begin at 0; `DashboardStore.count` counts there. */
    readonly counters?: readonly (readonly string[])[] | undefined
  }

// ---------------------------------------------------------------------------------------------------- all of it

/** The way to everything. `createDovetail` makes one; one for each tab is enough. */
export interface Dovetail {
  readonly link: Watchable<LinkState>
  readonly session: Watchable<Session | undefined>
  readonly storage: Watchable<StorageState>
  /** What of the server's plain HTTP interface a page needs. */
  readonly api: Api
  /** Opens a document of one's own shape, by id or `automerge:` URL. Throws `DovetailError` `bad_document_id`. */
  open<T>(id: string): DocumentStore<T>
  openDashboard(id: string): DashboardStore
  openWidgetData(id: string): WidgetDataStore
  /** Makes a document; works without a connection. */
  create<T extends object>(value: T): DocumentStore<T>
  createDashboard(init?: {
    readonly title?: string
    readonly widgets?: Readonly<Record<string, NewWidget>>
  }): DashboardStore
  createWidgetData(shape: WidgetData['shape']): WidgetDataStore
  /** A document from Automerge's own format, as a new one. Throws `DovetailError` `bad_file`. */
  importAutomerge(bytes: Uint8Array): { readonly id: DocumentId; readonly kind: string | undefined }
  /** Documents that are kept on this device, the last opened first; for a list without a connection. */
  kept(): Promise<readonly KeptDocument[]>
  /**
   * Takes a document off this device; its stores in this tab end. Throws `not_saved` unless `evenUnsaved`, and `still_open` while
   * another tab has it.
   */
  forget(id: string, options?: { readonly evenUnsaved?: boolean }): Promise<void>
  /** Connects anew, now. */
  reconnect(): void
  /** Writes what waits, and ends everything. */
  close(): Promise<void>
}

export interface KeptDocument {
  readonly id: DocumentId
  readonly kind: string | undefined
  readonly title: string | undefined
  readonly openedAtMs: number
  readonly pending: number
}

/** A document as `GET /api/docs` lists it. */
export interface ListedDocument {
  readonly id: DocumentId
  readonly kind: string | null
  readonly title: string | null
  readonly heads: Heads
  readonly changes: number
  readonly bytes: number
  readonly created: number | null
  readonly changed: number | null
  readonly state: string
  readonly deleted: number | null
}

/** Who may do what with a document, as `GET /api/docs/{id}/access` shows it. */
export interface Access {
  readonly role: 'read' | 'write' | 'admin'
  readonly owner: string | null
  /** Nothing for those who are no administrators of the document. */
  readonly grants: readonly Grant[] | null
  readonly etag: string | undefined
}

/** For a user, a group, everyone who says who they are, or who holds a link. */
export type Grant = (
  | { readonly user: string }
  | { readonly group: string }
  | { readonly everyone: true }
  /** `new` in what is written makes a link. */
  | { readonly link: string }
) & {
  readonly role: 'read' | 'write' | 'admin'
  readonly until?: number | undefined
  readonly paths?: readonly (string | { readonly path: string; readonly may: 'append' })[] | undefined
}

/**
 * Plain requests to the server. Every one throws `DovetailError` with the code of docs/HTTP.md, `unreachable`, `bad_answer` or
 * `no_token`.
 */
export interface Api {
  list(options?: { readonly after?: string | undefined; readonly limit?: number | undefined }): Promise<{
    readonly documents: readonly ListedDocument[]
    readonly next: string | undefined
  }>
  create(
    value: unknown,
    options?: { readonly import?: 'grafana' | undefined },
  ): Promise<{ readonly id: DocumentId; readonly notes: readonly string[] }>
  remove(id: DocumentId): Promise<void>
  undelete(id: DocumentId): Promise<void>
  /** A dashboard as Grafana imports it. */
  grafana(id: DocumentId): Promise<unknown>
  access(id: DocumentId): Promise<Access>
  /** `links` has the secrets of links that were just made: they are told this once. */
  setAccess(
    id: DocumentId,
    access: { readonly owner?: string | null | undefined; readonly grants: readonly Grant[] },
    etag?: string,
  ): Promise<{ readonly access: Access; readonly links: Readonly<Record<string, string>> }>
  addPoints(id: DocumentId, points: readonly Partial<Point>[]): Promise<void>
  status(): Promise<{ readonly status: string; readonly version: string; readonly serverTimeMs: number }>
}
