// How long to wait before something is tried again.
//
// Always true: the wait is drawn evenly from a window that doubles with each try ("full jitter"), so that a thousand tabs
// which lost the same server at once do not come back at once.

/** The first window and the largest one. */
export interface Windows {
  readonly firstMs: number
  readonly mostMs: number
}

/**
 * Milliseconds to wait before try number `attempt` (from 1). `random` is from 0 to below 1; no window is smaller than
 * `leastMs`, and none larger than `mostMs`.
 */
export function backoffMs(attempt: number, random: number, windows: Windows, leastMs = 0): number {
  // Above 2^40 windows of any size are past `mostMs`; without the bound a tab that was open for weeks would reach Infinity.
  const doubled = windows.firstMs * 2 ** Math.min(attempt - 1, 40)
  return Math.min(windows.mostMs, Math.max(leastMs, doubled)) * random
}
