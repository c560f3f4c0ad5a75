// A page with our client and no app: somebody else who edits, and what the client costs by itself. `window.bench` is what the
// bench calls.

import { initializeWasm } from '@automerge/automerge/slim'
import wasmUrl from '@automerge/automerge/automerge.wasm?url'

await initializeWasm(wasmUrl)
const { createDovetail } = await import('@dovetail/client')
const Automerge = await import('@automerge/automerge/slim')
const { compileRules, defaultDashboardRules, judge } =
  await import('../../../../client-sdk/web/client/src/rules')

/** More than a device may have waiting by itself: how it is beyond that is measured too. */
const dovetail = createDovetail({ url: location.origin, limits: { pendingChangesMax: 100_000 } })

/** On one clock for all pages of a machine. */
const now = () => performance.timeOrigin + performance.now()

const rest = () => new Promise((resolve) => setTimeout(resolve))

let store

async function open(id) {
  store = dovetail.openDashboard(id)
  await until(store, ({ status }) => status === 'ready')
}

function until(watched, test) {
  return new Promise((resolve) => {
    const look = () => {
      if (!test(watched.getState())) return
      end()
      resolve()
    }
    const end = watched.subscribe(look)
    look()
  })
}

/** Edits as people make them: many widgets are moved about, one at a time. Pauses now and then, or nothing else would run. */
async function move(times, pauseEvery = 100) {
  const ids = Object.keys(store.getState().value.widgets)
  const tookMs = []
  for (let at = 0; at < times; at++) {
    const beganMs = performance.now()
    store.edit({ edit: 'moveWidget', id: ids[at % ids.length], x: at % 20, y: Math.floor(at / 7) % 40 })
    tookMs.push(performance.now() - beganMs)
    if (at % pauseEvery === pauseEvery - 1) await rest()
  }
  return tookMs
}

/** Moves some widgets until told to stop, as somebody does who works on the same dashboard. */
let moving
function keepMoving({ ids, everyMs }) {
  let at = 0
  moving = setInterval(() => {
    at += 1
    const id = ids[at % ids.length]
    const [x, y] = [at % 20, 12 + (at % 9)]
    store.edit({ edit: 'moveWidget', id, x, y })
    store.presence.set({ widget: id, editing: true, ghost: { widget: id, x, y, w: 4, h: 4 } })
  }, everyMs)
}

/** Judges what is open by all rules, so many times. */
function judgeAll(times) {
  const rules = compileRules(defaultDashboardRules)
  const doc = Automerge.load(store.exportAutomerge())
  const tookMs = []
  let found = 0
  for (let at = 0; at < times; at++) {
    const beganMs = performance.now()
    found = judge(doc, store.id, rules, Date.now()).conflicts.length
    tookMs.push(performance.now() - beganMs)
  }
  return { tookMs, found }
}

window.bench = {
  open,
  move,
  keepMoving,
  judgeAll,
  stopMoving: () => clearInterval(moving),
  /** Makes one edit; when it was made. */
  edit(title) {
    const atMs = now()
    store.edit({ edit: 'setTitle', title })
    return atMs
  },
  /** When what is open was first called so. */
  async called(title) {
    await until(store, (state) => state.value.title === title)
    return now()
  },
  pending: () => store.saving.getState().pending,
  saved: () => store.saved(),
  kept: () => until(store.saving, ({ status }) => status !== 'unkept'),
}
