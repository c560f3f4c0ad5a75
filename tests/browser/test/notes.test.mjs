// Texts that others write: they merge as they are typed, and nothing in them runs.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, newDashboard, saved, shows } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

/** What does harm where Markdown is taken at its word. Each would say so by `window.harmed`, or ask somebody elsewhere. */
const HOSTILE = `# Minutes

<script>window.harmed = 'script'</script>
<img src="/nothing.png" onerror="window.harmed = 'img'">
<svg onload="window.harmed = 'svg'"><script>window.harmed = 'svg script'</script><a xlink:href="javascript:window.harmed = 1"><text>x</text></a></svg>
<iframe src="javascript:parent.harmed = 'iframe'"></iframe>
<iframe srcdoc="<script>parent.harmed = 'srcdoc'</script>"></iframe>
<object data="javascript:window.harmed = 'object'"></object><embed src="/nothing">
<form action="https://elsewhere.invalid/"><input name="password"><button>Sign in</button></form>
<style>body { display: none }</style><base href="https://elsewhere.invalid/"><meta http-equiv="refresh" content="0;url=https://elsewhere.invalid/">
<link rel="stylesheet" href="https://elsewhere.invalid/x.css">
<details open ontoggle="window.harmed = 'details'"><summary>More</summary></details>
<a id="root" name="harmed" class="side-panel" data-tile="a" aria-label="Sign in" href="vbscript:window.harmed">Anchor</a>

[by script](javascript:window.harmed='link') [in disguise](JaVaScRiPt&colon;window.harmed='disguise') [data](data:text/html,<script>window.harmed=1</script>)
![a picture that tells who reads it](https://elsewhere.invalid/pixel.png) ![](javascript:window.harmed='picture')

The **end** of it.

<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=/nothing onerror=window.harmed=1&gt;"></math>`

test('CL148 nothing that somebody writes into a note runs, is styled, asks for anything or leads into a script', async (t) => {
  const here = await world(t)
  here.expect(/violates the following Content Security Policy directive/)
  const [ana, bo] = [await here.person(), await here.person()]
  const asked = []
  // What the page's policy stops never comes as far as this.
  await bo.context.route(/elsewhere/, (route) => {
    asked.push(route.request().url())
    return route.abort()
  })
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Note')
  await anas.getByRole('button', { name: 'Write' }).click()
  await anas.getByRole('textbox', { name: 'Write Note' }).fill(HOSTILE)
  await anas.getByRole('button', { name: 'Done' }).click()
  await saved(anas)

  const bos = await bo.tab(`/d/${id}`)
  for (const page of [anas, bos]) {
    await seen(page.locator('.markdown strong', { hasText: 'end' }))
    const left = await page.locator('.markdown').evaluate((text) => {
      const all = [...text.querySelectorAll('*')]
      const leads = ({ name, value }) =>
        /^(href|src|xlink:href|action|data)$/.test(name) && !/^(https?:|\/|#)/.test(value)
      const isBad = ({ name, value }) =>
        name.startsWith('on') ||
        /^(id|name|class|style|srcdoc|aria-.*|data-.*)$/.test(name) ||
        leads({ name, value })
      return {
        elements: [...new Set(all.map(({ localName }) => localName))].filter((name) =>
          /^(script|svg|iframe|object|embed|math|style|form|input|button|base|meta|link)$/.test(name),
        ),
        attributes: all.flatMap((one) => [...one.attributes].filter(isBad).map(({ name }) => name)),
      }
    })
    assert.deepEqual(left, { elements: [], attributes: [] })
    // Also after whoever reads it has pressed all there is.
    for (const link of await page.locator('.markdown a').all()) await link.dispatchEvent('click')
    assert.equal(await page.evaluate(() => window.harmed), undefined)
    assert.equal(await page.locator('#root').count(), 1)
  }
  assert.deepEqual(asked, [])

  // And if it got through, the page's policy would still not run it.
  await bos.evaluate(() => {
    globalThis.forbidden = new Set()
    document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.forbidden.add(event.effectiveDirective),
    )
    const place = document.body.appendChild(document.createElement('div'))
    place.innerHTML = `<img src="/nothing.png" onerror="window.harmed = 'inline'">`
    const script = document.createElement('script')
    script.textContent = `window.harmed = 'script'`
    const frame = document.createElement('iframe')
    frame.src = 'https://elsewhere.invalid/'
    place.append(script, frame)
  })
  await see(bos, 'what the policy forbids', () =>
    ['frame-src', 'script-src-attr', 'script-src-elem'].every((each) => globalThis.forbidden.has(each)),
  )
  assert.equal(await bos.evaluate(() => window.harmed), undefined)
  assert.deepEqual(asked, [])
})

const UNDRAWN = [
  ['too deep', '> '.repeat(20_000), /cannot be drawn as Markdown, so it is shown as it was written/],
  ['too long', 'a *long* text, '.repeat(4_000), /more than 50,000 letters, so it is shown as it was written/],
]

for (const [how, text, why] of UNDRAWN) {
  test(`CL288 a text that is ${how} to be drawn is shown as it was written, and goes on being written`, async (t) => {
    const here = await world(t)
    const [ana, bo] = [await here.person(), await here.person()]
    const anas = await ana.tab('/')
    const id = await newDashboard(anas)
    await addWidget(anas, 'Note')
    await saved(anas)
    const bos = await bo.tab(`/d/${id}`)
    await shows(bos, 'Note')
    await anas.getByRole('button', { name: 'Write' }).click()
    const field = anas.getByRole('textbox', { name: 'Write Note' })
    await field.fill(text)
    for (const page of [anas, bos]) await seen(page.getByText(why))
    await field.press('Control+End')
    await field.pressSequentially('and more')
    for (const page of [anas, bos]) {
      await see(
        page,
        'what was typed behind it',
        (wanted) => document.querySelector('.as-written')?.textContent === wanted,
        `${text}and more`,
      )
      assert.equal(await page.getByRole('alert').filter({ hasText: 'could not be drawn' }).count(), 0)
    }
    await looksFine(bos, `note-${how.replace(' ', '-')}`)
    await looksFine(anas, `note-${how.replace(' ', '-')}-written`)
  })
}

test('CL156 two who write into one note at the same time both find all of it', async (t) => {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Note')
  await anas.getByRole('button', { name: 'Write' }).click()
  await anas.getByRole('textbox', { name: 'Write Note' }).pressSequentially('The middle. ')
  await saved(anas)
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'Note')
  await bos.getByRole('button', { name: 'Write' }).click()
  const [his, hers] = [bos, anas].map((page) => page.getByRole('textbox', { name: 'Write Note' }))
  await see(bos, 'what Ana wrote', () => document.querySelector('textarea')?.value === 'The middle. ')
  await his.press('Control+Home')
  await Promise.all([his.pressSequentially('The beginning. '), hers.pressSequentially('The end.')])
  for (const page of [anas, bos]) {
    await see(
      page,
      'the whole text',
      () => document.querySelector('textarea')?.value === 'The beginning. The middle. The end.',
    )
  }
})
