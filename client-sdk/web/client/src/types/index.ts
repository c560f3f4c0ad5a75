// What the package promises: every value that an app sees, and what it can do with a document. No code but types.
//
// Read this first. A `Dovetail` (dovetail.ts) opens stores; a store (document.ts) holds one document, says in unions how it is,
// and takes edits. Everything that changes can be watched in the same way, so a screen of any framework can follow it.
//
// Always true: what the server and the core say themselves is described once, in `generated/types.ts`, which is made of the core;
// it is passed on here, under names that stand for themselves.

export type { DocumentId, DocumentUrl, Heads } from '../ids'
export type {
  Beyond,
  Bounds,
  Dashboard,
  Decision as ConflictDecision,
  Grid,
  Layout,
  Mode as ConflictMode,
  Offer as ConflictOffer,
  OptionStep,
  OrderKey,
  Point,
  Proposal,
  Retention,
  Role,
  Settlement,
  Severity,
  Shape,
  State as ConflictStanding,
  Timestamp,
  Touched,
  UndecidedReason,
  User,
  Waiver,
  Widget,
  WidgetData,
  WidgetId,
} from '../generated/types'
export type * from './api'
export type * from './conflicts'
export type * from './connection'
export type * from './dashboard'
export type * from './device'
export type * from './document'
export type * from './dovetail'
export type * from './edits'
export type * from './history'
export type * from './others'
export type * from './watchable'
