// How a state of the page looks: to axe, and, where `DOVETAIL_PICTURES` names a folder, to whoever looks at the pictures there.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds that is serious, each in a line; takes a picture of this name. */
export async function findings(page, state) {
  await page.evaluate(AXE)
  // What fades in is judged when it is there; what pulses for ever is not waited for.
  await page.evaluate(() => {
    const ends = ({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime)
    const running = document.getAnimations().filter((one) => one.playState === 'running' && ends(one))
    return Promise.allSettled(running.map(({ finished }) => finished)).then(() => undefined)
  })
  const serious = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] })
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
      )
  })
  const folder = process.env.DOVETAIL_PICTURES
  if (folder) await page.screenshot({ path: `${folder}/${state}.png` })
  return serious
}

/** Fails where axe finds something serious. */
export async function looksFine(page, state) {
  await page.bringToFront()
  assert.deepEqual(await findings(page, state), [], state)
}
