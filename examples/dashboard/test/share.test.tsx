import type { Access, Api, Grant } from '@dovetail/client'
import { staticDashboard } from '@dovetail/react'
import { cleanup, screen, waitFor, within } from '@testing-library/react'
import { userEvent } from '@testing-library/user-event'
import { afterEach, describe, expect, it } from 'vitest'
import { AppMenu } from '../src/app/AppMenu'
import { ShareDialog } from '../src/share'
import { dashboard, widget } from './dashboards'
import { app, renderIn } from './things'

afterEach(cleanup)

const DATA = '3RFyJzsLsZ7MsbG98rcuZ4FqtGW7'

/** A server with who may do what with each document; it makes links and counts versions, as ours does. */
function server(first: Partial<Access> = {}, others: Readonly<Record<string, Access>> = {}) {
  const of = new Map<string, Access>(Object.entries(others))
  const asked: {
    readonly id: string
    readonly grants: readonly Grant[]
    readonly owner: unknown
    readonly etag: unknown
    readonly follows?: unknown
  }[] = []
  const start: Access = { role: 'admin', owner: 'me', grants: [], follows: null, etag: '"1"', ...first }
  let links = 0
  const api: Partial<Api> = {
    access: (id) => Promise.resolve(of.get(id) ?? start),
    setAccess: (id, wanted, etag) => {
      const follows = wanted.follows === undefined ? {} : { follows: wanted.follows }
      asked.push({ id, grants: wanted.grants, owner: wanted.owner, etag, ...follows })
      const secrets: Record<string, string> = {}
      const grants = wanted.grants.map((grant) => {
        if (!('link' in grant) || grant.link !== 'new') return grant
        secrets[`l${++links}`] = `dvl_secret${links}`
        return { ...grant, link: `l${links}` }
      })
      const access: Access = {
        role: 'admin',
        owner: wanted.owner ?? null,
        grants,
        follows: wanted.follows ?? null,
        etag: `"${asked.length + 1}"`,
      }
      of.set(id, access)
      return Promise.resolve({ access, links: secrets })
    },
  }
  return { api, asked }
}

function show(
  api: Partial<Api>,
  options: { user?: string | null; role?: 'read' | 'write'; data?: string } = {},
) {
  const value = dashboard({
    a: widget(options.data === undefined ? {} : { data: `automerge:${options.data}` }),
  })
  const store = staticDashboard({
    id: 'doc',
    state: { status: 'ready', value, heads: [], gone: undefined },
    permission:
      options.role === undefined
        ? {}
        : { role: options.role, paths: [{ path: '/widgets/*/title', append: false }] },
  })
  renderIn(
    app({ api, ...(options.user === undefined ? {} : { user: options.user }) }),
    <ShareDialog store={store} open onClose={() => undefined} />,
  )
  return userEvent.setup()
}

describe('the dialog to share', () => {
  it('gives somebody a role, says so, and shows them in the list', async () => {
    const { api, asked } = server()
    const user = show(api)
    const form = within(await screen.findByRole('form', { name: 'Give access' }))
    await user.type(form.getByRole('textbox', { name: 'Who' }), ' bo ')
    await user.selectOptions(form.getByRole('combobox', { name: 'Role' }), 'write')
    await user.click(form.getByRole('button', { name: 'Give access' }))
    expect(await screen.findByText('bo can edit now.')).toBeTruthy()
    expect(asked).toEqual([{ id: 'doc', grants: [{ user: 'bo', role: 'write' }], owner: 'me', etag: '"1"' }])
    expect(screen.getByRole('combobox', { name: 'Role of bo' })).toHaveProperty('value', 'write')
  })

  it('says what is no name, and asks the server for nothing', async () => {
    const { api, asked } = server()
    const user = show(api)
    await user.click(await screen.findByRole('button', { name: 'Give access' }))
    expect(screen.getByText('Say who.')).toBeTruthy()
    await user.type(screen.getByRole('textbox', { name: 'Who' }), 'me')
    await user.click(screen.getByRole('button', { name: 'Give access' }))
    expect(screen.getByText(/They own it/)).toBeTruthy()
    expect(asked).toEqual([])
  })

  it('shows the address of a link once', async () => {
    const { api } = server()
    const user = show(api)
    await user.click(await screen.findByRole('button', { name: 'Make a link' }))
    const field = await screen.findByRole('textbox', { name: /shown only now/ })
    expect(field).toHaveProperty('value', `${location.origin}/d/doc#link=dvl_secret1`)
    expect(document.activeElement).toBe(field)
    await user.click(screen.getByRole('button', { name: 'Revoke Link l1' }))
    await screen.findByText(/Link l1 has no access/)
    expect(screen.queryByRole('textbox', { name: /shown only now/ })).toBeNull()
    expect(screen.queryByText('Link l1')).toBeNull()
  })

  it('asks before somebody takes their own access away', async () => {
    const { api, asked } = server({ owner: 'ana', grants: [{ user: 'me', role: 'admin' }] })
    const user = show(api)
    await user.click(await screen.findByRole('button', { name: 'Revoke me' }))
    expect(asked).toEqual([])
    await user.click(screen.getByRole('button', { name: 'Leave it' }))
    await user.click(screen.getByRole('button', { name: 'Revoke me' }))
    await user.click(screen.getByRole('button', { name: 'Change it all the same' }))
    expect(asked.map(({ grants }) => grants)).toEqual([[]])
  })

  it('lets an administrator take the document over', async () => {
    const { api, asked } = server({ owner: 'ana', grants: [{ user: 'me', role: 'admin' }] })
    const user = show(api)
    await user.click(await screen.findByRole('button', { name: 'Take over' }))
    await screen.findByText('It belongs to you now.')
    expect(asked[0]?.owner).toBe('me')
    expect(screen.queryByRole('button', { name: 'Take over' })).toBeNull()
  })

  it('CL211 lets what was made elsewhere follow the dashboard when its owner says so, by name', async () => {
    const { api, asked } = server(
      {},
      {
        [DATA]: {
          role: 'admin',
          owner: 'me',
          grants: [{ user: 'cleo', role: 'read' }],
          follows: null,
          etag: '"7"',
        },
      },
    )
    const user = show(api, { data: DATA })
    const part = within(await screen.findByRole('region', { name: 'What it shows' }))
    expect(part.getByRole('listitem').textContent).toContain('CPU')
    expect(asked).toEqual([])
    await user.click(part.getByRole('button', { name: 'Share it too' }))
    await screen.findByText('Shared with it, from now on.')
    expect(asked).toEqual([
      { id: DATA, grants: [{ user: 'cleo', role: 'read' }], owner: 'me', etag: '"7"', follows: 'doc' },
    ])
  })

  it('CL211 offers nothing of what follows already, or is for others to share', async () => {
    for (const other of [
      { role: 'admin', owner: 'me', grants: [], follows: 'doc' as Access['follows'], etag: '"7"' },
      { role: 'read', owner: 'ana', grants: null, follows: null, etag: undefined },
    ] as const) {
      const { api } = server({}, { [DATA]: other })
      let answered = 0
      show(
        { ...api, access: (id) => api.access!(id).finally(() => (answered += id === DATA ? 1 : 0)) },
        { data: DATA },
      )
      await waitFor(() => expect(answered).toBe(1))
      await screen.findByText('Owner')
      expect(screen.queryByRole('region', { name: 'What it shows' })).toBeNull()
      cleanup()
    }
  })

  it('shows others what they may do, and not who else may', async () => {
    const { api } = server({ role: 'write', owner: 'ana', grants: null })
    show(api, { role: 'write' })
    expect(await screen.findByText(/only at these places/)).toBeTruthy()
    expect(screen.getByText('/widgets/*/title')).toBeTruthy()
    expect(screen.getByText(/Ask them to share it/)).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Give access' })).toBeNull()
  })

  it('says when the server asks nobody who they are', async () => {
    const { api } = server({ owner: null })
    show(api, { user: null })
    expect(await screen.findByText(/asks nobody who they are/)).toBeTruthy()
    const who = screen.getByRole('region', { name: 'Who may see and change it' })
    expect(within(who).getByRole('listitem').textContent).toBe(
      'Everybody who reaches this serverCan do everything',
    )
    expect(screen.getByText('Owner').closest('details')).toHaveProperty('open', false)
  })

  it('can be tried again when the server was not there', async () => {
    const { api } = server()
    let isThere = false
    const user = show({
      ...api,
      access: (id) =>
        isThere ? server().api.access!(id) : Promise.reject(new Error('The server cannot be reached.')),
    })
    expect(await screen.findByText(/The server cannot be reached/)).toBeTruthy()
    isThere = true
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('Owner')).toBeTruthy()
  })

  it('tells what the server says against it, and keeps the list', async () => {
    const { api } = server({ grants: [{ group: 'ops', role: 'read' }] })
    const user = show({ ...api, setAccess: () => Promise.reject(new Error('This takes more rights')) })
    await user.click(await screen.findByRole('button', { name: 'Revoke Group ops' }))
    expect(await screen.findByText('That did not work: This takes more rights')).toBeTruthy()
    expect(screen.getByText('Group ops')).toBeTruthy()
  })
})

describe('the menu of the app', () => {
  it('offers to sign in only where there is something to sign in with, and nothing for developers', async () => {
    const labels = async (user: string | null) => {
      renderIn(app({ user }), <AppMenu />)
      await userEvent.setup().click(screen.getByRole('button', { name: 'Menu' }))
      const said = screen.getByRole('menu').textContent
      cleanup()
      return said
    }
    expect(await labels(null)).not.toMatch(/Sign in|components/)
    expect(await labels('me')).toMatch(/Signed in as me/)
  })
})
