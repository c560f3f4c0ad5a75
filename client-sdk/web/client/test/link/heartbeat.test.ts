// Signs of life, and waits. Timers are the test's.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { backoffMs } from '../../src/link/backoff'
import { Heartbeat } from '../../src/link/heartbeat'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  expect(vi.getTimerCount(), 'no timer is left').toBe(0)
  vi.useRealTimers()
})

function watched() {
  const [ask, silent] = [vi.fn(), vi.fn()]
  const wire = { unsentBytes: 0 }
  const heartbeat = new Heartbeat(
    { askMs: 20_000, silenceMs: 10_000 },
    { now: () => Date.now(), unsentBytes: () => wire.unsentBytes, ask, silent },
  )
  return { heartbeat, ask, silent, wire }
}

it('CL12 asks after so long of nothing, and gives up after so long of no answer', () => {
  const { ask, silent } = watched()
  vi.advanceTimersByTime(19_999)
  expect(ask).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(ask).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(9_999)
  expect(silent).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(silent).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(100_000)
  expect(ask).toHaveBeenCalledOnce()
  expect(silent).toHaveBeenCalledOnce()
})

it('CL12 takes anything that comes for life', () => {
  const { heartbeat, ask, silent } = watched()
  vi.advanceTimersByTime(15_000)
  heartbeat.heard()
  vi.advanceTimersByTime(19_999)
  expect(ask).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1 + 9_999)
  expect(ask).toHaveBeenCalledOnce()
  heartbeat.heard()
  vi.advanceTimersByTime(20_000 + 9_999)
  expect(ask).toHaveBeenCalledTimes(2)
  expect(silent).not.toHaveBeenCalled()
  heartbeat.stop()
})

it('CL13 does not call a server silent because the page stood still', () => {
  const { heartbeat, silent } = watched()
  vi.advanceTimersByTime(20_000)
  // An hour passes in which no timer runs; each then comes once.
  vi.setSystemTime(Date.now() + 3_600_000)
  vi.advanceTimersByTime(2_500)
  expect(silent).not.toHaveBeenCalled()
  heartbeat.heard()
  vi.advanceTimersByTime(20_000 - 1)
  expect(silent).not.toHaveBeenCalled()
  heartbeat.stop()
})

it('CL13 does not call a server silent while a large message is on its way to it', () => {
  const { silent, wire } = watched()
  wire.unsentBytes = 20 << 20
  vi.advanceTimersByTime(20_000)
  for (let n = 1; n <= 60; n++) {
    wire.unsentBytes -= 100 << 10
    vi.advanceTimersByTime(2_500)
  }
  expect(silent).not.toHaveBeenCalled()
  vi.advanceTimersByTime(10_000)
  expect(silent).toHaveBeenCalledOnce()
})

it('CL13 waits no longer because the clock was set back', () => {
  const { heartbeat, ask } = watched()
  vi.setSystemTime(Date.now() - 3_600_000)
  vi.advanceTimersByTime(40_000)
  expect(ask).toHaveBeenCalledOnce()
  heartbeat.stop()
})

it('CL11 asks at once when it is told to look, and once', () => {
  const { heartbeat, ask, silent } = watched()
  heartbeat.look()
  heartbeat.look()
  expect(ask).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(10_000)
  expect(silent).toHaveBeenCalledOnce()
  heartbeat.look()
  expect(ask).toHaveBeenCalledOnce()
})

it('CL8 draws a wait evenly from a window', () => {
  const windows = { firstMs: 250, mostMs: 30_000 }
  expect(backoffMs(1, 0, windows)).toBe(0)
  expect(backoffMs(1, 0.999, windows)).toBeCloseTo(249.75)
  expect(backoffMs(3, 0.5, windows)).toBe(500)
  expect(backoffMs(1, 0.5, windows, 2_000)).toBe(1_000)
  expect(backoffMs(1, 0.5, { firstMs: 10, mostMs: 50 }, 2_000)).toBe(25)
  expect(backoffMs(1_000_000, 0.5, windows)).toBe(15_000)
})
