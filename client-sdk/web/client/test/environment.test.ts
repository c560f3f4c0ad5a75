// The clock of the page.

import { afterEach, expect, test, vi } from 'vitest'
import { browserEnvironment, steady } from '../src/environment'
import { until } from '../src/watch'
import { Device } from './live/tab'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('CL213 the clock never goes back, and follows when the device’s goes on', async () => {
  let device = 1_000
  const told = vi.fn()
  const { now, onClockBack } = steady(() => device)
  const end = onClockBack(told)
  expect(now()).toBe(1_000)
  device = 400
  expect([now(), now()]).toEqual([1_000, 1_000])
  device = 500
  expect(now()).toBe(1_100)
  device = 90_000
  expect(now()).toBe(90_600)
  await Promise.resolve()
  expect(told).toHaveBeenCalledOnce()
  end()
  device = 0
  now()
  await Promise.resolve()
  expect(told).toHaveBeenCalledOnce()
})

test('CL213 what is edited after the clock was set back is kept, and found by the next visit', async () => {
  const device = new Device()
  const clock = Date.now.bind(Date)
  const environment = browserEnvironment()
  // What one tab has it does not tell the other: only the disk does.
  const apart = { channel: () => undefined }
  const first = device.offline({}, { ...apart, now: environment.now, onClockBack: environment.onClockBack })
  const made = first.createDashboard({ title: 'before' })
  await made.settled()
  const isOnDisk = (title: string) =>
    vi.waitFor(
      async () => {
        const second = device.offline({}, apart)
        const state = await second.openDashboard(made.id).settled()
        await second.close()
        expect(state.status === 'ready' && state.value.title).toBe(title)
      },
      { timeout: 8_000, interval: 200 },
    )
  await isOnDisk('before')
  vi.spyOn(Date, 'now').mockImplementation(() => clock() - 3_600_000)
  made.edit({ edit: 'setTitle', title: 'after' })
  await isOnDisk('after')
  await until(made.saving, ({ pending }) => pending > 0)
  await first.close()
}, 20_000)
