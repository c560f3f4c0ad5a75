import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createToasts } from '../src/app/toasts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const words = (toasts: ReturnType<typeof createToasts>) => toasts.getState().map((toast) => toast.words)

test('notices pass, those with something to do later', () => {
  const toasts = createToasts()
  toasts.show({ words: 'Saved.' })
  toasts.show({ words: 'Deleted.', action: { label: 'Undo', run: () => undefined } })
  vi.advanceTimersByTime(5_001)
  expect(words(toasts)).toEqual(['Deleted.'])
  vi.advanceTimersByTime(5_001)
  expect(words(toasts)).toEqual([])
})

test('they stay while somebody is at them', () => {
  const toasts = createToasts()
  toasts.show({ words: 'Saved.' })
  toasts.hold(true)
  vi.advanceTimersByTime(60_000)
  expect(words(toasts)).toEqual(['Saved.'])
  toasts.hold(false)
  vi.advanceTimersByTime(5_001)
  expect(words(toasts)).toEqual([])
})

test('at most four are shown, the newest last', () => {
  const toasts = createToasts()
  for (const number of [1, 2, 3, 4, 5, 6]) toasts.show({ words: `${number}` })
  expect(words(toasts)).toEqual(['3', '4', '5', '6'])
})

test('a failure is told in its own words', () => {
  const toasts = createToasts()
  toasts.failed('Deleting “CPU”', new Error('You may only look at this.'))
  expect(toasts.getState()[0]).toMatchObject({
    words: 'Deleting “CPU”: You may only look at this.',
    tone: 'bad',
  })
})
