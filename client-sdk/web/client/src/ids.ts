// Names that parsed: a document's id and URL, and states of documents.
//
// Always true: a `DocumentId` is base58check of 16 bytes, as automerge-repo and the server write it; `Heads` are hexadecimal
// hashes in ascending order, so that equal states compare equal as text.

import {
  isValidAutomergeUrl,
  parseAutomergeUrl,
  type AutomergeUrl,
  type DocumentId as RepoDocumentId,
} from './automerge'

/** What a document is known by: base58check, without `automerge:` before it. */
export type DocumentId = RepoDocumentId

/** The same as a URL: `automerge:` and the id. */
export type DocumentUrl = AutomergeUrl

/** A state of a document: the hashes (64 hexadecimal digits each) of its last changes, ascending. */
export type Heads = readonly string[]

/** Reads an id or an `automerge:` URL; nothing when it is neither. Heads behind `#` are left out. */
export function documentId(text: string): DocumentId | undefined {
  const url = text.startsWith('automerge:') ? text : `automerge:${text}`
  if (!isValidAutomergeUrl(url)) return undefined
  return parseAutomergeUrl(url).documentId
}

/** The URL of a document. */
export function documentUrl(id: DocumentId): DocumentUrl {
  return `automerge:${id}` as DocumentUrl
}

/** Whether two states are the same. */
export function sameHeads(one: Heads, other: Heads): boolean {
  return one.length === other.length && one.every((hash, at) => hash === other[at])
}

/** 32 hexadecimal digits that nobody had before. Also on pages without a secure address, where there is no `randomUUID`. */
export function unique(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
