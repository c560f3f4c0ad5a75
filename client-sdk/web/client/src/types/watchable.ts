// What changes and can be followed, and what goes wrong: in the same way everywhere in the package.

/** Something that changes: ask for it, and be called after each change. `getState` gives the same object until it changed. */
export interface Watchable<T> {
  /** Calls `listener` after each change; what is returned ends that. */
  readonly subscribe: (listener: () => void) => () => void
  readonly getState: () => T
}

/** What can go wrong, for programs and for people. */
export interface DovetailError extends Error {
  /** Stable: those of docs/HTTP.md and docs/PROTOCOL.md, and those that the functions here name. */
  readonly code: string
  /** Whether the same may succeed later. */
  readonly passing: boolean
  /** The HTTP status, where an answer had one. */
  readonly status?: number | undefined
}
