// The one kind of error of this package: a code for programs, words for people, and whether the same may succeed later.

import type { DovetailError as Shape } from './types'

/** See `DovetailError` in types/watchable.ts. */
export class DovetailError extends Error implements Shape {
  readonly code: string
  readonly passing: boolean
  readonly status?: number | undefined

  constructor(
    code: string,
    message: string,
    more: { readonly passing?: boolean; readonly status?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.name = 'DovetailError'
    this.code = code
    this.passing = more.passing ?? false
    this.status = more.status
  }
}
