// The app without a network, and its updates. Public names only.

export { startOffline, appUpdate } from './start'
export { UpdatePrompt } from './UpdatePrompt'
export type { UpdateState } from './updates'
