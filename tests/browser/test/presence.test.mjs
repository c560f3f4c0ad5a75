// P2 as people meet it: who else is here, and at what.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, newDashboard, saved, shows } from '../app.mjs'
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
  const { status } = await here.server.ask('PUT', `/api/docs/${id}/access`, {
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
  return { here, id, anas, bo }
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
