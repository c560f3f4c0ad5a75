// In which order things are told.

import { expect, test } from 'vitest'
import { offline } from '../live/tabs'

test('CL218 whoever sees an edit of their own reads that it waits', async () => {
  const made = offline().createDashboard({ title: 'a' })
  await made.settled()
  const told: (readonly [title: string, pending: number])[] = []
  made.subscribe(() => {
    const state = made.getState()
    if (state.status === 'ready') told.push([state.value.title, made.saving.getState().pending])
  })
  const { pending } = made.saving.getState()
  made.edit({ edit: 'setTitle', title: 'b' })
  made.edit({ edit: 'setTitle', title: 'c' })
  expect(told).toEqual([
    ['b', pending + 1],
    ['c', pending + 2],
  ])
})
