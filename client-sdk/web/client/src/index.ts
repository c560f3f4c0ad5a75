// The public names of the package, one by one.

export type * from './types'
export type { DovetailConfig, TokenSource } from './config'
export { createDovetail } from './client'
export { browserEnvironment } from './environment'
export type { Environment, LockAsked, TabChannel } from './environment'
export { DovetailError } from './errors'
export { storageNameOf } from './person'
export { documentId, documentUrl, sameHeads, unique } from './ids'
