// What of the server's plain HTTP interface a page needs.

import type { Point, Role } from '../generated/types'
import type { DocumentId, Heads } from '../ids'

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
  readonly role: Exclude<Role, 'none'>
  readonly owner: string | null
  /** Nothing for those who are no administrators of the document. */
  readonly grants: readonly Grant[] | null
  /** The document whose people have here what they have there; nothing for those who are no administrators, too. */
  readonly follows: DocumentId | null
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
  readonly role: Exclude<Role, 'none'>
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
    access: {
      /** Never left out: as it stands, or oneself, who takes it over. */
      readonly owner: string | null
      readonly grants: readonly Grant[]
      /** Left out it stays as it is. */
      readonly follows?: DocumentId | null | undefined
    },
    etag?: string,
  ): Promise<{ readonly access: Access; readonly links: Readonly<Record<string, string>> }>
  addPoints(id: DocumentId, points: readonly Partial<Point>[]): Promise<void>
  status(): Promise<{ readonly status: string; readonly version: string; readonly serverTimeMs: number }>
}
