// Operations by their ids, `counter@actor`: which came earlier, as Automerge counts, never by a clock.

import { byBytes } from './text'

/** The id of an operation, or of the object that it made. */
export type OperationId = string

/** The root, which nobody made. */
export const ROOT: OperationId = '_root'

/** The counter and the actor (in hex) of an operation. */
export function parts(id: OperationId): { readonly counter: number; readonly actor: string } {
  const at = id.indexOf('@')
  return at < 0 ? { counter: 0, actor: '' } : { counter: Number(id.slice(0, at)), actor: id.slice(at + 1) }
}

/** Below 0 when `one` is the earlier. */
export function byAge(one: OperationId, other: OperationId): number {
  if (one === other) return 0
  const [a, b] = [parts(one), parts(other)]
  // The order of digits in small letters is that of the bytes which they write.
  return a.counter - b.counter || byBytes(a.actor, b.actor)
}

/** The latest of some operations; nothing where there are none. */
export function latest(ids: readonly OperationId[]): OperationId | undefined {
  return ids.reduce<OperationId | undefined>(
    (found, id) => (found === undefined || byAge(found, id) < 0 ? id : found),
    undefined,
  )
}
