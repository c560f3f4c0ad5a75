// Signing in and out: what somebody is told of what they have here, and what becomes of it.

import { DovetailError, type KeptDocument } from '@dovetail/client'
import { staticWatchable } from '@dovetail/react'
import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SignIn } from '../src/app/SignIn'
import { SignOut } from '../src/app/SignOut'
import { app, renderIn } from './things'

const kept = (id: string, pending: number) => ({ id, pending, title: id }) as unknown as KeptDocument
const tokenOf = (sub: string) => `h.${btoa(JSON.stringify({ sub }))}.s`
const reload = vi.fn()
const asked: string[] = []

beforeEach(() => {
  asked.splice(0)
  reload.mockClear()
  vi.spyOn(location, 'reload').mockImplementation(reload)
})
afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

function around(documents: readonly KeptDocument[], forget: (id: string) => Promise<void>) {
  const pending = documents.reduce((sum, each) => sum + each.pending, 0)
  const saving = staticWatchable({ status: pending > 0 ? 'kept' : 'saved', pending, documents: [] } as const)
  const made = app({ dovetail: { kept: () => Promise.resolve(documents), saving, forget } })
  const credentials = {
    ...made.credentials,
    signOut: () => void asked.push('signOut'),
    forgetLinks: () => void asked.push('forgetLinks'),
  }
  return { ...made, credentials }
}

/** Presses a button once it can be pressed, and waits for what comes of it. */
async function press(name: string) {
  const button = screen.getByRole<HTMLButtonElement>('button', { name })
  await waitFor(() => expect(button.disabled).toBe(false))
  fireEvent.click(button)
  await waitFor(() => expect(reload.mock.calls.length + screen.queryAllByRole('alert').length).toBe(1))
}

test('CL232 who signs out is told what waits, and keeps it', async () => {
  renderIn(
    around([kept('a', 2), kept('b', 1)], () => Promise.reject(new Error('not asked'))),
    <SignOut open onClose={() => undefined} />,
  )
  expect(await screen.findByText('3 changes are not on the server yet.')).toBeTruthy()
  expect(screen.getByText(/sent when you sign in here again/)).toBeTruthy()
  await press('Sign out')
  expect([asked, reload.mock.calls.length]).toEqual([['signOut'], 1])
})

test('CL232 who wants that leaves nothing behind', async () => {
  const forget = (id: string) => Promise.resolve(void asked.push(`forget ${id}`))
  renderIn(around([kept('a', 0), kept('b', 1)], forget), <SignOut open onClose={() => undefined} />)
  await screen.findByText('One change is not on the server yet.')
  fireEvent.click(screen.getByRole('checkbox', { name: 'Remove what is saved on this device' }))
  expect(screen.getByText(/loses that for good/)).toBeTruthy()
  await press('Remove and sign out')
  expect(asked).toEqual(['forget a', 'forget b', 'forgetLinks', 'signOut'])
})

test('CL232 who has another tab open is told so, and is signed in still', async () => {
  const open = new DovetailError('still_open', 'Another tab has this document open.', { passing: true })
  renderIn(
    around([kept('a', 0)], () => Promise.reject(open)),
    <SignOut open onClose={() => undefined} />,
  )
  fireEvent.click(screen.getByRole('checkbox', { name: 'Remove what is saved on this device' }))
  await press('Remove and sign out')
  expect((await screen.findByRole('alert')).textContent).toMatch(/Another tab/)
  expect([asked, reload.mock.calls.length]).toEqual([[], 0])
})

test('CL232 who signs in as somebody else is told what stays behind', async () => {
  const made = around([kept('a', 2)], () => Promise.resolve())
  made.signingIn.set(true)
  renderIn(made, <SignIn />)
  expect(screen.queryByText(/2 changes/)).toBeNull()
  fireEvent.change(screen.getByLabelText('Token'), { target: { value: tokenOf('bo') } })
  expect(await screen.findByText('2 changes are not on the server yet.')).toBeTruthy()
})

test('CL233 whoever is asked to sign in is told that work is kept only where it is', async () => {
  const { storage } = app().dovetail
  const kept = around([], () => Promise.resolve())
  kept.signingIn.set(true)
  renderIn(kept, <SignIn />)
  expect(storage.getState().status).toBe('kept')
  expect(await screen.findByText(/is kept meanwhile/)).toBeTruthy()
  cleanup()
  const state = { status: 'memory', reason: 'denied' } as const
  const dovetail = { ...kept.dovetail, storage: staticWatchable(state) }
  renderIn({ ...kept, dovetail }, <SignIn />)
  expect(await screen.findByText(/Keep this tab open meanwhile/)).toBeTruthy()
  expect(screen.queryByText(/is kept/)).toBeNull()
})
