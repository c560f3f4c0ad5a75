// A newer token in time. Timers are the test's.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Renewal } from '../../src/link/renewal'

const HOUR_MS = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  expect(vi.getTimerCount(), 'no timer is left').toBe(0)
  vi.useRealTimers()
})

/** A source that gives these one after the other, and the last for ever. */
function renewed(...tokens: (string | undefined | Error)[]) {
  const newer = vi.fn(async () => {
    const token = tokens.length > 1 ? tokens.shift() : tokens[0]
    if (token instanceof Error) throw token
    return Promise.resolve(token)
  })
  const send = vi.fn()
  return { renewal: new Renewal('old', () => Date.now(), newer, send), newer, send }
}

it('CL6 shows a newer token a minute before the present one ends', async () => {
  const { renewal, newer, send } = renewed('new', 'newer')
  renewal.endsAt(Date.now() + HOUR_MS)
  await vi.advanceTimersByTimeAsync(HOUR_MS - 60_001)
  expect(newer).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(send.mock.calls).toEqual([['new']])
  expect(renewal.token).toBe('new')
  renewal.endsAt(Date.now() + HOUR_MS)
  await vi.advanceTimersByTimeAsync(HOUR_MS - 60_000)
  expect(send.mock.calls).toEqual([['new'], ['newer']])
  renewal.stop()
})

it('CL6 asks again some seconds later when there is none, or the same, and shows it once', async () => {
  const { renewal, newer, send } = renewed(new Error('down'), undefined, 'old', 'new')
  renewal.endsAt(Date.now() + 60_000)
  await vi.advanceTimersByTimeAsync(0)
  expect(newer).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(4_999)
  expect(newer).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(10_001)
  expect(newer).toHaveBeenCalledTimes(4)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(send.mock.calls).toEqual([['new']])
  renewal.stop()
})

it('CL6 does not hurry when each token ends within a minute', async () => {
  const { renewal, send } = renewed('a', 'b', 'c', 'd')
  renewal.endsAt(Date.now() + 30_000)
  send.mockImplementation(() => {
    renewal.endsAt(Date.now() + 30_000)
    renewal.endsAt(Date.now() + 30_000) // it was taken, and it ends soon
  })
  await vi.advanceTimersByTimeAsync(14_999)
  expect(send.mock.calls).toEqual([['a'], ['b'], ['c']])
  renewal.stop()
})

it('CL6 waits for a token that ends in a year', async () => {
  const { renewal, newer } = renewed('new')
  renewal.endsAt(Date.now() + 365 * 24 * HOUR_MS)
  await vi.advanceTimersByTimeAsync(40 * 24 * HOUR_MS)
  expect(newer).not.toHaveBeenCalled()
  renewal.stop()
})

it('CL22 shows nothing after its end, and asks once at a time', async () => {
  let give: (token: string) => void = () => undefined
  const newer = vi.fn(() => new Promise<string>((resolve) => (give = resolve)))
  const send = vi.fn()
  const renewal = new Renewal('old', () => Date.now(), newer, send)
  renewal.endsAt(Date.now())
  await vi.advanceTimersByTimeAsync(60_000)
  renewal.endsAt(Date.now())
  await vi.advanceTimersByTimeAsync(60_000)
  expect(newer).toHaveBeenCalledOnce()
  renewal.stop()
  give('new')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(send).not.toHaveBeenCalled()
})
