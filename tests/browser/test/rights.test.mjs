// P6 as people meet it: who may only look sees it, a token that ends is renewed or asked for, and what was refused is undone.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, newDashboard, rename, saved, says, shows, showsNo, stat, widget } from '../app.mjs'
import { ASKING, tokenOf } from '../server.mjs'
import { seen, world } from '../world.mjs'

async function shared(t, grants) {
  // A token ends when it says so, to the second.
  const here = await world(t, { ...ASKING, DOVETAIL_JWT_LEEWAY: '1ms' })
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } }, { subject: 'ana' })
  const give = async (all) => {
    const { status } = await here.server.ask('PUT', `/api/docs/${id}/access`, {
      subject: 'ana',
      body: { owner: 'ana', grants: all },
    })
    assert.equal(status, 200)
  }
  await give(grants)
  return { here, id, give }
}

const as = (path, subject, options) => `${path}#token=${tokenOf(subject, options)}`

test('CL132 who may only look sees that, and can change nothing', async (t) => {
  const { here, id } = await shared(t, [{ user: 'bo', role: 'read' }])
  const bo = await here.person()
  const page = await bo.tab(as(`/d/${id}`, 'bo'))
  await shows(page, 'CPU')
  await says(page, /View only/)
  assert.equal(
    await page
      .getByRole('button', { name: 'Add widget' })
      .isEnabled()
      .catch(() => false),
    false,
  )
  assert.ok(!page.url().includes('token'), 'the token does not stay in the address')
})

test('CL133 a right that is taken away stops edits at once, in every tab', async (t) => {
  const { here, id, give } = await shared(t, [{ user: 'bo', role: 'write' }])
  const bo = await here.person()
  const pages = [await bo.tab(as(`/d/${id}`, 'bo')), await bo.tab(as(`/d/${id}`, 'bo'))]
  for (const page of pages) await shows(page, 'CPU')
  await rename(pages[0], 'CPU', 'Processor')
  await saved(pages[0])
  await give([{ user: 'bo', role: 'read' }])
  for (const page of pages) await says(page, /View only/)
})

test('CL134 what the server refuses is undone in all tabs, and said', async (t) => {
  const { here, id, give } = await shared(t, [{ user: 'bo', role: 'write' }])
  const bo = await here.person()
  const pages = [await bo.tab(as(`/d/${id}`, 'bo')), await bo.tab(as(`/d/${id}`, 'bo'))]
  for (const page of pages) await shows(page, 'CPU')
  await saved(pages[0])
  await bo.offline()
  await rename(pages[0], 'CPU', 'Never taken')
  await shows(pages[1], 'Never taken')
  await give([{ user: 'bo', role: 'read' }])
  await bo.online()
  for (const page of pages) {
    await showsNo(page, 'Never taken')
    await shows(page, 'CPU')
  }
  await seen(pages[0].getByText(/undone/i))
  for (const page of pages) {
    await page.reload()
    await shows(page, 'CPU')
    await showsNo(page, 'Never taken')
  }
})

test('CL135 when a token ends and there is no other, the page says how to go on', async (t) => {
  const { here, id } = await shared(t, [{ user: 'bo', role: 'write' }])
  const bo = await here.person()
  const page = await bo.tab(as(`/d/${id}`, 'bo', { holdsForS: 4 }))
  await shows(page, 'CPU')
  const dialog = await seen(page.getByRole('dialog', { name: 'Sign in' }))
  await dialog.getByRole('textbox', { name: 'Token' }).fill(tokenOf('bo'))
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await saved(page)
  await seen(widget(page, 'CPU'))
})

test('CL212 a link opens the dashboard and the table in it, until it is revoked', async (t) => {
  const here = await world(t, ASKING)
  const ana = await here.person()
  const mine = await ana.tab(as('/', 'ana'))
  await newDashboard(mine)
  await addWidget(mine, 'Table')
  await saved(mine)
  await mine.getByRole('button', { name: 'Share' }).click()
  const share = mine.getByRole('dialog', { name: 'Share' })
  await share.getByRole('button', { name: 'Make a link' }).click()
  const address = await (await seen(share.getByRole('textbox', { name: /shown only now/ }))).inputValue()
  const anybody = await here.person()
  const theirs = await anybody.tab(address.replace(here.server.url, ''))
  const cell = theirs.getByRole('main').getByText('Item 1')
  await seen(cell)
  await says(theirs, /View only/)
  assert.equal(new URL(theirs.url()).hash, '', 'the link does not stay in the address')
  await share.getByRole('button', { name: /^Revoke Link/ }).click()
  await seen(share.getByText(/has no access any more/))
  await theirs.reload()
  await seen(theirs.getByText(/no longer|not shared|may not/i).first())
})
