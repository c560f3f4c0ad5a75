// Who else has a document open, and what others change in it.

import type { Layout } from '../generated/types'
import type { Heads } from '../ids'
import type { Watchable } from './watchable'

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
  readonly ghost?: ({ readonly widget: string } & Layout) | undefined
}

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
