// P2 as people meet it: who else is here, at what, and what they are called.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, newDashboard, rename, saved, shows } from '../app.mjs'
import { ASKING, tokenOf } from '../server.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

/** Ana's dashboard with two notes, which Bo may write in. */
async function shared(t) {
  const here = await world(t, ASKING)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab(`/#token=${tokenOf('ana')}`)
  const id = await newDashboard(anas)
  await addWidget(anas, 'Counter')
  await addWidget(anas, 'Note')
  await saved(anas)
  const { status, body } = await here.server.ask('PUT', `/api/docs/${id}/access`, {
    subject: 'ana',
    body: {
      owner: 'ana',
      grants: [
        { user: 'bo', role: 'write' },
        { link: 'new', role: 'write' },
      ],
    },
  })
  assert.equal(status, 200)
  return { here, id, anas, bo, link: Object.values(body.links)[0] }
}

const others = (page) => page.getByRole('list', { name: /others? here/ })

/** Waits until these are the others who are here, as screen readers hear it. */
const here = (page, ...names) =>
  see(
    page,
    `${names.join(', ') || 'nobody'} here`,
    (wanted) =>
      [...document.querySelectorAll('.dovetail-people .dovetail-unseen')]
        .map((name) => name.textContent)
        .join() === wanted,
    names.join(),
  )

/** Waits until a widget says this of who is at it; nothing: nobody is. */
const isAt = (page, title, words) =>
  see(
    page,
    `${words || 'nobody'} at ${title}`,
    ([name, wanted]) =>
      (document.querySelector(`main section[aria-label="${name}"] .dovetail-name .dovetail-unseen`)
        ?.textContent ?? '') === wanted,
    [title, words],
  )

test('CL283 one sees who else is here, which widget they are at and whether they write there, until they go', async (t) => {
  const { id, anas, bo } = await shared(t)
  await here(anas)
  const bos = await bo.tab(`/d/${id}#token=${tokenOf('bo')}`)
  await shows(bos, 'Counter')
  await Promise.all([here(anas, 'bo'), here(bos, 'ana')])

  await bos.getByRole('group', { name: 'Counter, Counter' }).getByRole('heading').click()
  await isAt(anas, 'Counter', 'bo is here')
  await bos.getByRole('button', { name: 'Write' }).click()
  await isAt(anas, 'Counter', '')
  await isAt(anas, 'Note', 'bo is editing')
  await here(anas, 'bo, editing')
  await looksFine(anas, 'somebody-is-editing')
  await bos.getByRole('button', { name: 'Done' }).click()
  await isAt(anas, 'Note', 'bo is here')

  // A second tab is the same person.
  const second = await bo.tab(`/d/${id}#token=${tokenOf('bo')}`)
  await shows(second, 'Note')
  await seen(others(second).getByText('ana', { exact: true }))
  await here(anas, 'bo')
  await second.close()
  await here(anas, 'bo')
  await bos.close()
  await Promise.all([here(anas), isAt(anas, 'Note', '')])
  assert.equal(await others(anas).count(), 0)
})

test('CL286 who came by a link is called so, wherever people are named', async (t) => {
  const { here: world, id, anas, link } = await shared(t)
  const guest = await world.person()
  const theirs = await guest.tab(`/d/${id}#link=${link}`)
  await shows(theirs, 'Counter')
  await here(anas, 'Somebody with a link')
  await rename(theirs, 'Counter', 'Visits')
  await saved(theirs)
  await isAt(anas, 'Visits', 'Somebody with a link is here')
  await anas.getByRole('button', { name: 'History' }).first().click()
  const panel = await seen(anas.getByRole('tabpanel', { name: 'History' }))
  await seen(panel.getByRole('button', { name: /^Somebody with a link.*Visits/ }))
  await looksFine(anas, 'by-link')
  await anas.getByRole('tab', { name: 'Activity' }).click()
  await seen(anas.getByRole('img', { name: /^Somebody with a link: 1 edit/ }))
  assert.equal(await anas.getByText(/link:[0-9a-f]/).count(), 0, 'no id is shown')
})
