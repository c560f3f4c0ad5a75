// What is stored of a document, without the refused changes.
//
// Edit path: ← refusals.ts, after the document of a tab was cleaned, and before a stored one is loaded; → one chunk in the place
// of those that were there.
//
// automerge-repo stores a document as chunks that several tabs add to and fold together, each knowing only its own. So what is
// there is read as a whole, and only what was read is taken away: what another tab adds meanwhile stays.
//
// Always true: nothing lawful is taken away before it is stored again. Who calls holds the document's lock.

import { Automerge, type Chunk, type Doc, type DocumentId, type StorageAdapterInterface } from '../automerge'

/** The store below the repo. */
export type Chunks = Pick<StorageAdapterInterface, 'loadRange' | 'save' | 'remove' | 'removeRange'>

/** What is stored of a document. */
export interface Stored {
  readonly doc: Doc<unknown>
  /** Changes that wait for others which are not stored. */
  readonly waiting: readonly Uint8Array[]
  /** Puts this in the place of what was read. `name` tells it from every other chunk there ever was. */
  readonly replace: (doc: Doc<unknown>, name: string) => Promise<void>
}

/** Nothing when nothing is stored, or when Automerge cannot read it. */
export async function readStored(chunks: Chunks, id: DocumentId): Promise<Stored | undefined> {
  const snapshots = await chunks.loadRange([id, 'snapshot'])
  const read = [...snapshots, ...(await chunks.loadRange([id, 'incremental']))]
  const bytes = joined(read)
  if (bytes.length === 0) return undefined
  const doc = loaded(bytes)
  if (!doc) return undefined
  return {
    doc,
    waiting: Automerge.getMissingDeps(doc, []).length > 0 ? singleChanges(bytes) : [],
    replace: async (clean, name) => {
      await chunks.save([id, 'snapshot', name], Automerge.save(clean))
      for (const { key } of read) await chunks.remove(key)
      // How far other replicas were: states with refused changes among them.
      await chunks.removeRange([id, 'sync-state'])
    },
  }
}

function loaded(bytes: Uint8Array): Doc<unknown> | undefined {
  try {
    return Automerge.loadIncremental(Automerge.init<unknown>(), bytes)
  } catch {
    return undefined
  }
}

function joined(chunks: readonly Chunk[]): Uint8Array {
  const parts = chunks.flatMap(({ data }) => (data ? [data] : []))
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Four bytes that every chunk begins with, and four of its hash. */
const HEADER_BYTES = 8
const CHANGE = 1
const DEFLATED_CHANGE = 2

/** Those chunks of a file that are one change. The others are whole documents. */
export function singleChanges(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  let start = 0
  while (start + HEADER_BYTES < bytes.length) {
    const type = bytes[start + HEADER_BYTES]
    const length = readLength(bytes, start + HEADER_BYTES + 1)
    const end = length.end + length.value
    if (end > bytes.length) break
    if (type === CHANGE || type === DEFLATED_CHANGE) found.push(bytes.slice(start, end))
    start = end
  }
  return found
}

/** A number in LEB128. */
function readLength(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0
  let factor = 1
  let end = at
  for (;;) {
    const byte = bytes[end++] ?? 0
    value += (byte & 0x7f) * factor
    factor *= 128
    if (byte < 0x80) return { value, end }
  }
}
