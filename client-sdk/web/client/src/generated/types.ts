// What a dashboard is, what is said on the wire, and what rules are and say. Made of `crdt-core`, and not to be changed by hand:
//
//     DOVETAIL_WRITE_VECTORS=1 cargo test --workspace --lib typescript

/** What a widget is known by within its dashboard: 1 to `WIDGET_ID_BYTES_MAX` bytes of text. */
export type WidgetId = string

/** A place in an order: letters and digits, the last of them not `0`. */
export type OrderKey = string

/** A dashboard as typed values: a picture of the document at some moment, not a handle on it. */
export type Dashboard = {
  /** The shape it was written in; `SCHEMA_VERSION` when this version wrote it. */
  readonly schemaVersion: number
  /** What people call it. */
  readonly title: string
  /** What it is for. */
  readonly description: string
  /** The grid that the widgets lie on. */
  readonly grid: Grid
  /** The widgets. `Dashboard::in_order` has them as a reader meets them. */
  readonly widgets: Readonly<Record<WidgetId, Widget>>
  /** What an import keeps verbatim, so that an export can give it back. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** The grid of a dashboard. */
export type Grid = {
  /** How many cells lie side by side. */
  readonly columns: number
  /** The height of a cell in pixels. */
  readonly rowHeight: number
}

/** One tile of a dashboard. */
export type Widget = {
  /** What draws it: `chart`, `table`, `text`, or what the app knows. Free text. */
  readonly kind: string
  /** The line above it. */
  readonly title: string
  /** Where it lies. */
  readonly layout: Layout
  /** Its place among the others where they are listed. Equal keys are told apart by widget id. */
  readonly order: OrderKey
  /** Where its figures come from: a name, or an object that the app understands. */
  readonly dataSource?: unknown | undefined
  /** All that only its `kind` understands. */
  readonly options: Readonly<Record<string, unknown>>
  /** Whether people asked that it be left alone. Apps heed it; nothing enforces it. */
  readonly locked: boolean
  /**
   * The widget that holds this one, as a collapsed row does. Its layout is then counted as if
   * that widget were open, so it may overlap with widgets outside.
   */
  readonly parent?: WidgetId | undefined
  /** The document with what it shows, where that is a document of its own. */
  readonly data?: string | undefined
}

/**
 * The rectangle of a widget, in cells of the grid, from the top left corner. Nothing keeps it
 * inside the grid or off others: that is for rules to notice.
 */
export type Layout = {
  /** Cells from the left edge. */
  readonly x: number
  /** Cells from the top. */
  readonly y: number
  /** Width in cells. */
  readonly w: number
  /** Height in cells. */
  readonly h: number
}

/** One thing that somebody does to a dashboard. */
export type Edit = {
  readonly "edit": "setTitle"
  /** The new title. */
  readonly title: string
} | {
  readonly "edit": "setDescription"
  /** The new description. */
  readonly description: string
} | {
  readonly "edit": "setGrid"
  /** The new grid. */
  readonly grid: Grid
} | {
  readonly "edit": "createWidget"
  /** The new widget's id. */
  readonly id: WidgetId
  /** The widget. */
  readonly widget: NewWidget
} | {
  readonly "edit": "removeWidget"
  /** Which widget. */
  readonly id: WidgetId
} | {
  readonly "edit": "moveWidget"
  /** Which widget. */
  readonly id: WidgetId
  /** Cells from the left edge. */
  readonly x: number
  /** Cells from the top. */
  readonly y: number
} | {
  readonly "edit": "resizeWidget"
  /** Which widget. */
  readonly id: WidgetId
  /** Width in cells. */
  readonly w: number
  /** Height in cells. */
  readonly h: number
} | {
  readonly "edit": "setLayout"
  /** Which widget. */
  readonly id: WidgetId
  /** The new rectangle. */
  readonly layout: Layout
} | {
  readonly "edit": "renameWidget"
  /** Which widget. */
  readonly id: WidgetId
  /** The new title. */
  readonly title: string
} | {
  readonly "edit": "setKind"
  /** Which widget. */
  readonly id: WidgetId
  /** The new kind. */
  readonly kind: string
} | {
  readonly "edit": "reorder"
  /** Which widget. */
  readonly id: WidgetId
  /** The new key. */
  readonly order: OrderKey
} | {
  readonly "edit": "setParent"
  /** Which widget. */
  readonly id: WidgetId
  /** What holds it from now on; nothing takes it out. */
  readonly parent: WidgetId | null
} | {
  readonly "edit": "setDataSource"
  /** Which widget. */
  readonly id: WidgetId
  /** The new source; nothing takes the old one away. */
  readonly dataSource: unknown
} | {
  readonly "edit": "setOption"
  /** Which widget. */
  readonly id: WidgetId
  /** The way to the option. An index right behind a list's end adds an item. */
  readonly path: ReadonlyArray<OptionStep>
  /** The new value, as a whole: members that it does not have go. */
  readonly value: unknown
} | {
  readonly "edit": "clearOption"
  /** Which widget. */
  readonly id: WidgetId
  /** The way to the option. */
  readonly path: ReadonlyArray<OptionStep>
} | {
  readonly "edit": "setLocked"
  /** Which widget. */
  readonly id: WidgetId
  /** Whether it is to be left alone. */
  readonly locked: boolean
} | {
  readonly "edit": "attachData"
  /** Which widget. */
  readonly id: WidgetId
  /** That document, in JSON as `automerge:` URL. */
  readonly data: string
} | {
  readonly "edit": "detachData"
  /** Which widget. */
  readonly id: WidgetId
}

/** One step on the way to an option: in JSON a string or a number. */
export type OptionStep = string | number

/** The content of a widget data document. All shapes have their place; `shape` says which one is meant. */
export type WidgetData = {
  /** The shape it was written in. */
  readonly schemaVersion: number
  /** Which of the following is to be shown. */
  readonly shape: Shape
  /** A series: ascending in time as a rule, but nothing enforces it. */
  readonly points: ReadonlyArray<Point>
  /** How much of the series is kept when points are added. */
  readonly retention: Retention
  /** The names of a table's columns. */
  readonly columns: ReadonlyArray<string>
  /** The rows of a table, each with its cells in the order of the columns. */
  readonly rows: readonly (readonly unknown[])[]
  /** A text that several people may type in at once. */
  readonly text: string
}

/** What a widget data document shows. */
export type Shape = "points" | "table" | "text"

/** One value at one time. */
export type Point = {
  /** When: milliseconds since the Unix epoch. */
  readonly t: number
  /** How much; nothing where a value was missed. */
  readonly v: number | null
}

/** What of a series is kept: the newest `points`, and none that is older than `seconds`. */
export type Retention = {
  /** How many, from 1 to `POINTS_KEPT_MAX`. */
  readonly points: number
  /** For how long, by the clock of whoever adds points. */
  readonly seconds?: number | undefined
}

/** A widget as `createWidget` takes it: all but `kind` has a default. */
export type NewWidget = { readonly kind: string } & Partial<Omit<Widget, "kind">>

/** A message of Dovetail's own, as it stands on `/sync`. */
export type OwnMessage = Own & { readonly senderId: string, readonly targetId?: string | undefined, readonly documentId?: string | undefined }

/** A moment, in milliseconds since the Unix epoch. */
export type Timestamp = number

/** What somebody may do with a document. Each includes those before it. */
export type Role = "none" | "read" | "write" | "admin"

/** What the rules say of a document, as it is told on `/sync`. */
export type OfDocument = {
  /** The state that was judged. */
  readonly heads: ReadonlyArray<string>
  /** By which rules. */
  readonly rules: InForce
  /** Open and waived conflicts: rules in the order of the set, subjects in byte order. */
  readonly conflicts: ReadonlyArray<Conflict>
  /** Rules that could not be judged. */
  readonly undecided: ReadonlyArray<Undecided>
  /** Rules with more conflicts than are listed. */
  readonly beyond: ReadonlyArray<Beyond>
}

/** Which version of the rules of a kind of documents. */
export type InForce = {
  /** The kind. */
  readonly kind: string
  /** The version. */
  readonly version: number
}

/** What is said. Times are milliseconds since 1970, heads and hashes hexadecimal. */
export type Own = {
  readonly "type": "dovetail-welcome"
  /** The connection, as the server's log names it. */
  readonly sessionId: string
  /** Who the server takes it for; nothing on a server that asks nobody. */
  readonly user: User | null
  /** The server's clock. */
  readonly serverTime: number
  /** When the token ends, if it does. */
  readonly until?: number | undefined
  /** Bounds of this connection. */
  readonly limits: Bounds
  /** Which version of the rules is in force, by kind of document. */
  readonly rules: {
    readonly [key in string]: number
  }
} | {
  readonly "type": "dovetail-ack"
  /** Everything up to here is on disk. */
  readonly heads: ReadonlyArray<string>
  /** Since when. */
  readonly durableAt: number
  /** How many conflicts stand open at these heads; nothing while they are not judged. `dovetail-conflicts` has them. */
  readonly conflicts: number | null
} | {
  readonly "type": "dovetail-reject"
  /** Their hashes. */
  readonly changes: ReadonlyArray<string>
  /** Why, for programs. */
  readonly code: string
  /** Why, for people. */
  readonly reason: string
  /** They are kept aside for a while, where an administrator can bring them in. */
  readonly setAside: boolean
} | {
  readonly "type": "dovetail-permission"
  /** `none`, `read`, `write` or `admin`. */
  readonly role: Role
  /** The places that may be changed, when it is not all. */
  readonly paths?: readonly (string | {
    readonly path: string
    readonly may: "append"
  })[]
} | {
  readonly "type": "dovetail-conflicts"
} & OfDocument | {
  readonly "type": "dovetail-token"
  /** The token, from a client. */
  readonly token?: string | undefined
  /** When it ends, from the server. */
  readonly until?: number | undefined
} | {
  readonly "type": "dovetail-ping"
} | {
  readonly "type": "dovetail-pong"
}

/** Somebody, as others may know them. */
export type User = {
  /** For programs. */
  readonly id: string
  /** For people. */
  readonly name?: string | undefined
}

/** Bounds of a connection. */
export type Bounds = {
  /** Bytes of one message. */
  readonly messageBytesMax: number
  /** Bytes of one change. */
  readonly changeBytesMax: number
  /** Documents that may be open. */
  readonly documentsMax: number
  /** How long a peer may be silent, in milliseconds. */
  readonly silenceMsMax: number
}

/** What is known of one document at one moment. */
export type Report = {
  /** Open and waived conflicts: rules in the order of the set, subjects in byte order. */
  readonly conflicts: ReadonlyArray<Conflict>
  /** Rules that could not be judged. */
  readonly undecided: ReadonlyArray<Undecided>
  /** Rules with more conflicts than are listed. */
  readonly beyond: ReadonlyArray<Beyond>
}

/** A rule that does not hold in a document, or did not until somebody settled it. */
export type Conflict = {
  /** The same on every replica: base58 of 16 bytes made of document, rule and subjects. */
  readonly id: string
  /** The rule's id. */
  readonly rule: string
  /** Where it stands. */
  readonly state: State
  /** How much it matters. */
  readonly severity: Severity
  /** Who is told. */
  readonly mode: Mode
  /** What is wrong, in the rule's words. */
  readonly message: string
  /** What it is about: keys of items, or `key/field`; in byte order. */
  readonly subjects: ReadonlyArray<string>
  /** The changes that made it so, oldest first; no more than `CAUSES_MAX`. */
  readonly causes: ReadonlyArray<Cause>
  /** What may be done about it, the best first. */
  readonly proposals: ReadonlyArray<Offer>
  /** Made of the values in play: a waiver holds as long as it stays the same. */
  readonly fingerprint: string
  /** How it came about, in one sentence made of the causes. */
  readonly explanation?: string | undefined
  /** Why it may stay, where it is waived. */
  readonly waiver?: Waiver | undefined
  /** How it was settled, where it is. */
  readonly settlement?: Settlement | undefined
  /** What others decided while apart. The document's winner counts; these are told, not heeded. */
  readonly also?: ReadonlyArray<Decision> | undefined
}

/** How much a conflict matters. */
export type Severity = "info" | "warning" | "error"

/** Who is told of a conflict. */
export type Mode = "surface" | "audit"

/** Where a conflict stands in its life. */
export type State = "open" | "waived" | "settled"

/** One change that brought a conflict about. */
export type Cause = {
  /** The change's hash, in hex. */
  readonly change: string
  /** The actor that made it, in hex. */
  readonly actor: string
  /** Who is behind the actor, where the change says so. */
  readonly author?: string | undefined
  /** When, by its maker's clock: milliseconds since the Unix epoch; 0 where it does not say. */
  readonly time: number
  /** What its maker wrote about it. */
  readonly message?: string | undefined
  /** What it did to what: `{"subject": "cpu", "fields": ["layout.x"]}`. */
  readonly touched: ReadonlyArray<Touched>
  /** The hashes of those other causes that it did not know of, nor they of it. */
  readonly apart_from: ReadonlyArray<string>
}

/** What a change set, of what a conflict is about. */
export type Touched = {
  /** The item. */
  readonly subject: string
  /** Its fields, as paths within the item; empty where the item itself was set. */
  readonly fields: ReadonlyArray<string>
  /** Whether the change made the item. */
  readonly created: boolean
}

/** A proposal that can be made now. */
export type Offer = {
  /** What the API calls it. */
  readonly name: Proposal
  /** What a button says. */
  readonly label: string
}

/**
 * One way to settle a conflict. "Later" is the order in which Automerge counts operations, never
 * a clock's.
 */
export type Proposal = "push_down" | "first_free" | "clamp" | "number_title" | "clear_reference" | "keep_earlier" | "keep_later" | "unset_later"

/** Why a conflict may stay. */
export type Waiver = {
  /** Why. */
  readonly reason: string
  /** Who said so. */
  readonly by?: string | undefined
  /** Until when, in milliseconds since the Unix epoch; for good where absent. */
  readonly until?: Timestamp | undefined
}

/** How a conflict was settled. */
export type Settlement = {
  /** The proposal that was made. */
  readonly proposal: string
  /** Who chose it. */
  readonly by?: string | undefined
}

/** What somebody else decided about the same facts, while apart. */
export type Decision = {
  readonly "decision": "waived"
} & Waiver | {
  readonly "decision": "settled"
} & Settlement

/** A rule that could not be judged. It counts as neither kept nor broken. */
export type Undecided = {
  /** The rule's id. */
  readonly rule: string
  /** Why. */
  readonly reason: UndecidedReason
}

/** Why a rule could not be judged. */
export type UndecidedReason = "too_much_to_read" | "too_much_to_compare" | {
  readonly "no_limit": string
} | "pending" | "past_deadline" | "too_much_to_evaluate" | {
  readonly "expression_fails": string
} | "failed"

/** Conflicts of one rule that are not listed. */
export type Beyond = {
  /** The rule's id. */
  readonly rule: string
  /** How many there are beyond `LISTED_PER_RULE_MAX`. */
  readonly conflicts: number
}

/** The rules of one kind of document. */
export type RuleSetSource = {
  /** Which documents: the text at `kind` in their root. */
  readonly kind: string
  /** Which member of an item holds what people call it, for messages; `title` by default. */
  readonly label?: string | undefined
  /** The rules. */
  readonly rule: ReadonlyArray<RuleSource>
}

/** One rule. Which parameters it takes depends on its predicate. */
export type RuleSource = {
  /** What it is called: letters, digits, `-` and `_`. It is part of every conflict's id. */
  readonly id: string
  /** What has to hold; see `docs/RULES.md`. */
  readonly predicate: string
  /** Where it has to hold: a path. Only `cel` may do without, and is about the document then. */
  readonly over?: string | undefined
  /** What is said when it does not hold, with `{…}` for values of the document. */
  readonly message: string
  /** `info`, `warning` or `error`; `warning` by default. */
  readonly severity?: string | undefined
  /** `surface` (editors see it) or `audit` (operators do); `surface` by default. */
  readonly mode?: string | undefined
  /** What is offered to settle it, the best first. */
  readonly proposals?: ReadonlyArray<string> | undefined
  /** After how many seconds the server makes the first proposal by itself. */
  readonly auto_settle_after?: number | undefined
  /** `no_overlap`, `unique`: only items whose member of this path is equal are compared. */
  readonly within?: string | undefined
  /** `unique`: whether empty texts count as no value; true by default. */
  readonly ignore_empty?: boolean | undefined
  /** `in_bounds`, and `no_overlap` with `first_free`: how wide the grid is. */
  readonly columns?: OperandSource | undefined
  /** `reference_exists`: the collection whose keys may be referred to. */
  readonly in?: string | undefined
  /** `max_items`, `sum_at_most`: the most that is allowed. */
  readonly limit?: OperandSource | undefined
  /** `range`: the least that is allowed. */
  readonly min?: OperandSource | undefined
  /** `range`: the most that is allowed. */
  readonly max?: OperandSource | undefined
  /** `one_of`: the values that are allowed. */
  readonly values?: readonly unknown[] | undefined
  /** `mutually_exclusive`: paths within the object, of which one at most may be set. */
  readonly fields?: ReadonlyArray<string> | undefined
  /** `cel`: what has to be true. */
  readonly expr?: string | undefined
  /** `cel`: how many members or items there are at most at a path. */
  readonly bounds?: {
    readonly [key in string]: number
  }
}

/** A number, or where in the document it stands. */
export type OperandSource = number | string | PathOr

/** Where a number stands, and what counts where none does. */
export type PathOr = {
  /** A path from the root, without `*`. */
  readonly path: string
  /** The number that counts where none stands there. */
  readonly default: number
}
