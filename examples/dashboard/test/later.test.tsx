// Parts that are loaded later, and what happens when one cannot be.

import { cleanup, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Boundary } from '../src/app/Boundary'
import { laterDialog, laterPart } from '../src/app/later'

beforeEach(() => {
  // React tells the console of what it catches.
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
})

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

function page(part: React.ReactNode) {
  render(
    <Boundary of="page">
      <p>The page</p>
      {part}
    </Boundary>,
  )
}

test('CL244 a part that cannot be loaded takes nothing else away, and comes when it is tried again', async () => {
  let isThere = false
  const load = () =>
    isThere ? Promise.resolve(() => <p>Here it is</p>) : Promise.reject(new TypeError('Failed to fetch'))
  const Part = laterPart('This panel', load, <p>Opening…</p>)
  page(<Part />)
  expect((await screen.findByRole('alert')).textContent).toContain('This panel could not be loaded')
  expect(screen.getByText('The page')).toBeTruthy()
  isThere = true
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByText('Here it is')).toBeTruthy()
})

test('CL244 a dialog that cannot be loaded can be closed, and tried when it is opened again', async () => {
  let isThere = false
  const Inside = ({ onClose }: { readonly onClose: () => void }) => (
    <button type="button" onClick={onClose}>
      Inside
    </button>
  )
  const Part = laterDialog('The dialog to share', () =>
    isThere ? Promise.resolve(Inside) : Promise.reject(new TypeError('Failed to fetch')),
  )
  const close = vi.fn()
  page(<Part onClose={close} />)
  expect((await screen.findByRole('alert')).textContent).toContain('The dialog to share could not be loaded')
  await userEvent.click(screen.getByRole('button', { name: 'Close' }))
  expect(close).toHaveBeenCalledOnce()
  isThere = true
  cleanup()
  page(<Part onClose={close} />)
  expect(await screen.findByRole('button', { name: 'Inside' })).toBeTruthy()
})

test('CL244 a page that cannot be drawn says only what is known', () => {
  const Broken = () => {
    throw new Error('no such colour')
  }
  page(<Broken />)
  expect(screen.getByRole('alert').textContent).toBe('no such colour')
  expect(document.body.textContent).not.toMatch(/is kept|saved/)
})
