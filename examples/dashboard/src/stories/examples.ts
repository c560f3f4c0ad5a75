// What the stories show: people, widgets, conflicts and refusals that look like those of a real dashboard.
//
// Always true: nothing here is told by a clock but the times themselves, which are given as so long before now.

import type {
  Conflict,
  Dashboard,
  DashboardPresence,
  Peer,
  PendingChange,
  RefusedEdit,
  Session,
  Widget,
} from '@dovetail/client'
import { DovetailError } from '@dovetail/client'

const MINUTE_MS = 60_000

export function minutesAgo(minutes: number): number {
  return Date.now() - minutes * MINUTE_MS
}

export const WIDGET: Widget = {
  kind: 'stat',
  title: 'Error budget',
  layout: { x: 0, y: 0, w: 6, h: 4 },
  order: 'V',
  options: {},
  locked: false,
}

export const DASHBOARD: Dashboard = {
  schemaVersion: 1,
  title: 'Service health',
  description: '',
  grid: { columns: 12, rowHeight: 56 },
  widgets: { budget: WIDGET },
  extra: {},
}

export const SESSION: Session = {
  sessionId: 'story',
  user: { id: 'you', name: 'You' },
  clockAheadMs: 0,
  untilMs: undefined,
  limits: { messageBytesMax: 1, changeBytesMax: 1, documentsMax: 1, silenceMsMax: 1 },
  rules: {},
}

const NAMES = [
  'Ana Beltrán',
  'Bo',
  'Chidi Anagonye',
  'Dorothea Vale',
  'Emre',
  'Fatou Diop',
  'Gus',
  'Hana Mori',
] as const

/** The first so many people; each has a colour of their own. */
export function people(count: number, state: DashboardPresence = {}): readonly Peer<DashboardPresence>[] {
  return NAMES.slice(0, count).map((name, color) => ({
    key: name,
    user: { id: name, name },
    color,
    state,
    seenAtMs: Date.now(),
  }))
}

export function pending(count: number): readonly PendingChange[] {
  const labels = [
    'Moved “Latency p99”',
    'Renamed “Errors” to “Errors by region”',
    'Added “Requests”',
    'Removed “Old”',
  ]
  return Array.from({ length: Math.min(count, 100) }, (_, n) => ({
    hash: `change ${n}`,
    label: labels[n % labels.length] ?? '',
    madeAtMs: minutesAgo(count - n),
  }))
}

export const OVERLAP: Conflict = {
  id: 'overlap',
  rule: 'widgets-apart',
  state: 'open',
  severity: 'warning',
  mode: 'surface',
  message: '“Errors by region” and “Latency p99” share a place',
  explanation: 'Ana Beltrán moved “Errors by region” while Bo made “Latency p99” wider.',
  subjects: ['budget', 'latency'],
  proposals: [
    { name: 'push_down', label: 'Move “Errors by region” below “Latency p99”' },
    { name: 'first_free', label: 'Move “Errors by region” to the first free place' },
  ],
  causes: [
    {
      change: 'one',
      actor: 'aa',
      author: 'Ana Beltrán',
      time: minutesAgo(12),
      message: 'Moved “Errors by region”',
      touched: [],
      apart_from: [],
    },
    {
      change: 'two',
      actor: 'bb',
      author: 'Bo',
      time: minutesAgo(11),
      message: 'Resized “Latency p99”',
      touched: [],
      apart_from: [],
    },
  ],
  fingerprint: 'f1',
}

export const WITHOUT_ANSWER: Conflict = {
  ...OVERLAP,
  id: 'many',
  rule: 'few-widgets',
  severity: 'error',
  message: 'A dashboard has 60 widgets at most, and this one has 64',
  explanation: '',
  proposals: [],
  causes: [],
}

export const NOTE: Conflict = {
  ...OVERLAP,
  id: 'title',
  rule: 'titles',
  severity: 'info',
  message: 'Two widgets are called “Errors”',
  explanation: '',
  proposals: [{ name: 'number_title', label: 'Call the later one “Errors (2)”' }],
  causes: [],
}

export const WAIVED: Conflict = {
  ...NOTE,
  state: 'waived',
  waiver: { reason: 'wanted for the talk', by: 'Bo', until: Date.now() + 3 * 24 * 60 * MINUTE_MS },
}

export const REFUSED: RefusedEdit = {
  id: 'refused',
  atMs: minutesAgo(1),
  code: 'path_forbidden',
  reason: 'this place is not yours to change',
  labels: ['Resized “Errors by region”'],
  remade: 2,
  lost: 0,
  patch: [{ op: 'replace', path: '/widgets/errors/layout/w', value: 8 }],
  setAside: false,
}

export const REFUSED_WITH_LOSS: RefusedEdit = {
  ...REFUSED,
  id: 'loss',
  code: 'forbidden',
  reason: 'this takes more rights',
  labels: ['Added “Requests”', 'Moved “Requests”'],
  remade: 0,
  lost: 3,
  patch: [
    { op: 'add', path: '/widgets/requests', value: { kind: 'chart', title: 'Requests' } },
    { op: 'remove', path: '/widgets/old' },
  ],
  setAside: true,
}

export const CANNOT_BE_READ = new DovetailError(
  'bad_document',
  'The document holds something that this version cannot read.',
)
