// A change and its operations, as `decodeChange` of Automerge shows them and `encodeChange` takes them.
//
// Automerge's own types leave out what concerns lists, so a change is looked at through the types here, once, where it is
// decoded.

import { Automerge, type DecodedChange } from '../automerge'

/** What an operation, an object or an item of a list is known by: `counter@actor`. */
export type OperationId = string

/** One operation. Which one it is in its change gives its id. */
export interface Operation {
  readonly action: string
  /** `_root`, or the operation that made the object. */
  readonly obj: OperationId
  /** In a map. */
  readonly key?: string
  /** In a list or text: the item, or for `insert` the one before it, `_head` for none. */
  readonly elemId?: OperationId
  readonly insert?: boolean
  readonly value?: unknown
  /** What it replaces, deletes or counts up. */
  readonly pred: readonly OperationId[]
}

/** A change that can be looked into. */
export interface OpenChange {
  readonly hash: string
  readonly actor: string
  readonly seq: number
  readonly startOp: number
  readonly time: number
  readonly message: string | null
  readonly deps: readonly string[]
  readonly ops: readonly Operation[]
}

/** Nothing where Automerge cannot show it to JavaScript: a whole number above 2^53 is such a thing. */
export function openChange(bytes: Uint8Array): OpenChange | undefined {
  try {
    return Automerge.decodeChange(bytes)
  } catch {
    return undefined
  }
}

/** Nothing where it cannot be written: bytes as a value are such a thing. */
export function closeChange(change: Omit<OpenChange, 'hash'>): Uint8Array | undefined {
  try {
    return Automerge.encodeChange(change as unknown as DecodedChange)
  } catch {
    return undefined
  }
}

/** The id of the operation at this place of a change. */
export function operationId(change: Pick<OpenChange, 'startOp' | 'actor'>, place: number): OperationId {
  return `${change.startOp + place}@${change.actor}`
}

/** Whether the operation makes an object, as `makeMap` does. */
export function makesObject(operation: Operation): boolean {
  return operation.action.startsWith('make')
}
