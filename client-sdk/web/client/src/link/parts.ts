// A sync message that is larger than the server takes, in parts that it takes.
//
// Edit path: ← the repo has a message about a document, with all the changes that the server does not have; → one message or several,
// each with as many of them as fit.
//
// Always true: the parts have the same changes in the same order, so each change comes after those that it stands on, and a server
// that gets some of them only has a state that the document was in. What cannot be made smaller, a single change, goes as it is.

import { Automerge, type Message } from '../automerge'
import type { Session } from '../types'

/** What stands around a sync message: who, to whom, and which document. */
const AROUND_BYTES = 4 << 10

/** What stands around one change. */
const CHANGE_AROUND_BYTES = 10

/** The largest change that a server takes which says that it takes this much: it comes in a message, with what that says besides. */
export function changeFits({ changeBytesMax, messageBytesMax }: Session['limits']): number {
  return Math.floor(Math.min(changeBytesMax, (messageBytesMax * 7) / 8))
}

/** Messages that together say what `message` says, each of about `bytesMax` at most. */
export function partsOf(message: Message, bytesMax: number): Message[] {
  const { type, data } = message
  if (type !== 'sync' || !data || data.byteLength + AROUND_BYTES <= bytesMax) return [message]
  const { changes, ...rest } = Automerge.decodeSyncMessage(data)
  // Its heads, and what is known here: ten bits for each change that is not known to be there.
  const { byteLength: restBytes } = Automerge.encodeSyncMessage({ ...rest, changes: [] })
  return grouped(changes, bytesMax - AROUND_BYTES - restBytes).map((some) => ({
    ...message,
    data: Automerge.encodeSyncMessage({ ...rest, changes: some }),
  }))
}

/** As many in each group as fit, and at least one. */
function grouped(changes: readonly Uint8Array[], bytesMax: number): Uint8Array[][] {
  let group: Uint8Array[] = []
  let bytes = 0
  const groups = [group]
  for (const change of changes) {
    const more = change.byteLength + CHANGE_AROUND_BYTES
    if (group.length > 0 && bytes + more > bytesMax) {
      groups.push((group = []))
      bytes = 0
    }
    group.push(change)
    bytes += more
  }
  return groups
}
