// What was: who changed what and when, earlier states, and the way back.

import type { Heads } from '../ids'
import type { JsonPatchOperation } from './edits'

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
  /** What was done, in words, each thing once, the newest last. Of many, the newest. */
  readonly messages: readonly string[]
  /** How many other things were done, all before those. */
  readonly messagesLeftOut: number
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
  /** Names the present state, or that at `heads`, which is among `versions` then. Needs the server. */
  name(
    name: string,
    options?: { readonly note?: string | undefined; readonly heads?: Heads | undefined },
  ): Promise<NamedVersion>
  removeName(name: string): Promise<void>
}
