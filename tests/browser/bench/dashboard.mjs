// The dashboard that is measured: sixty widgets of all kinds, as many as a full wall has, with the documents that they show.

/** Widgets on it. */
export const WIDGETS = 60

const WIDTH = 4
const HEIGHT = 4
const ACROSS = 24 / WIDTH

/** In every twelve: what walls are made of. The number says what a widget shows of its own. */
const KINDS = [
  ['timeseries', 'points'],
  ['stat', 'points'],
  ['timeseries', 'points'],
  ['gauge', 'points'],
  ['stat', 'points'],
  ['bargauge', 'table'],
  ['timeseries', 'points'],
  ['counter', undefined],
  ['stat', 'points'],
  ['table', 'table'],
  ['checklist', undefined],
  ['text', undefined],
]

const OPTIONS = {
  checklist: {
    items: {
      one: { text: 'Look at the disks', done: false, at: 1 },
      two: { text: 'Call the night shift', done: true, at: 2 },
    },
  },
  text: { options: { mode: 'markdown', content: '## Runbook\nWhat to do when **latency** rises.' } },
}

/** Makes it. `points`: how many each series begins with. */
export async function fullDashboard(server, { points = 120 } = {}) {
  const widgets = {}
  const series = []
  for (let at = 0; at < WIDGETS; at++) {
    const [kind, shape] = KINDS[at % KINDS.length]
    const data = shape && (await dataFor(server, shape, points))
    if (shape === 'points') series.push(data)
    widgets[idOf(at)] = {
      kind,
      title: `${kind} ${at}`,
      order: `V${String(at).padStart(2, '0')}V`,
      layout: { x: (at % ACROSS) * WIDTH, y: Math.floor(at / ACROSS) * HEIGHT, w: WIDTH, h: HEIGHT },
      options: OPTIONS[kind] ?? {},
      ...(data ? { data: `automerge:${data}` } : {}),
    }
  }
  return { id: await server.dashboard({ title: 'Wall', widgets }), series }
}

/** Of the widget at a place, in the order of reading. */
export const idOf = (at) => `w${String(at).padStart(2, '0')}`

async function dataFor(server, shape, points) {
  const content =
    shape === 'points'
      ? { points: seriesOf(points) }
      : { columns: ['host', 'load'], rows: Array.from({ length: 6 }, (_, at) => [`host-${at}`, at * 3]) }
  const body = { kind: 'widget-data', schemaVersion: 1, shape, ...content }
  const made = await server.ask('POST', '/api/docs', { body })
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  return made.body.id
}

const seriesOf = (count) =>
  Array.from({ length: count }, (_, at) => ({
    t: Date.UTC(2026, 0, 1) + at * 1000,
    v: Math.round(50 + 40 * Math.sin(at / 9)),
  }))
