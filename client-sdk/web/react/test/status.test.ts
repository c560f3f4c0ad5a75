import { describe, expect, it } from 'vitest'
import { english, pageStatuses, sayStatus, toneOf, type PageFacts } from '../src'
import { NOW_MS, refusedEdit, saving } from './fake'

const FINE: PageFacts = {
  link: { status: 'live', via: 'websocket', sinceMs: NOW_MS },
  storage: { status: 'kept', bytes: 1, bytesMax: 2, persistent: true },
  saving: saving(0),
  role: 'write',
  open: 0,
  refused: [],
  document: { status: 'ready', gone: undefined },
  isCounted: true,
  savingShown: 0,
  update: false,
}

const WAITING = { status: 'waiting', retryAtMs: NOW_MS + 8000, attempt: 5, reason: 'no answer' } as const
const refused = (code: string) => ({ status: 'refused', code, reason: 'the token has ended' }) as const

/** What is so, what the pill says first, and how loud. */
const CASES: readonly (readonly [string, Partial<PageFacts>, string, string])[] = [
  ['all is well', {}, 'Saved', 'ok'],
  ['a first connection', { link: { status: 'connecting' } }, 'Connecting…', 'info'],
  ['a document is looked for', { document: { status: 'loading' } }, 'Opening…', 'info'],
  ['nobody knows yet what earlier visits left', { isCounted: false }, 'Opening…', 'info'],
  ['saving', { saving: saving(3), savingShown: 3 }, 'Saving 3 changes…', 'info'],
  ['one change', { saving: saving(1), savingShown: 1 }, 'Saving 1 change…', 'info'],
  ['no network', { link: { status: 'offline' }, saving: saving(7) }, 'Offline · 7 changes kept here', 'warn'],
  ['no network, nothing to save', { link: { status: 'offline' } }, 'Offline', 'warn'],
  ['no server', { link: WAITING }, "Can't reach server", 'error'],
  [
    'no server, and something to save',
    { link: WAITING, saving: saving(2) },
    "Can't reach server · 2 changes kept here",
    'error',
  ],
  ['conflicts', { open: 2 }, 'Saved · 2 need attention', 'warn'],
  ['one conflict', { open: 1 }, 'Saved · 1 needs attention', 'warn'],
  [
    'conflicts while saving',
    { open: 2, saving: saving(3), savingShown: 3 },
    'Saving 3 changes · 2 need attention',
    'warn',
  ],
  ['a reader', { role: 'read' }, 'View only', 'info'],
  ['a reader of something with conflicts', { role: 'read', open: 2 }, 'View only', 'info'],
  ['a refused change', { refused: [refusedEdit('r')] }, '1 change undone', 'error'],
  ['a newer app', { update: true }, 'Update available', 'info'],
  [
    'no storage',
    { storage: { status: 'memory', reason: 'private window' } },
    'Saved · nothing kept here',
    'warn',
  ],
  ['a full storage', { storage: { status: 'full', reason: 'quota' } }, 'Saved · nothing kept here', 'warn'],
  [
    'no storage and no network',
    {
      storage: { status: 'memory', reason: 'private window' },
      link: { status: 'offline' },
      saving: saving(3, { status: 'unkept' }),
    },
    '3 changes in this tab only',
    'error',
  ],
  [
    'an ended token, and no storage',
    {
      storage: { status: 'memory', reason: 'private window' },
      link: refused('token_expired'),
      saving: saving(3, { status: 'unkept' }),
    },
    'Signed out',
    'error',
  ],
  ['no room', { saving: saving(10_000, { room: 'full' }) }, 'No room · 10000 changes waiting', 'error'],
  ['little room', { saving: saving(9000, { room: 'near' }) }, 'Little room · 9000 changes waiting', 'warn'],
  ['an ended token', { link: refused('token_expired') }, 'Signed out', 'error'],
  ['a blocked person', { link: refused('token_revoked') }, 'No access', 'error'],
  ['another version', { link: refused('unsupported_version') }, 'Another version', 'error'],
  ['another refusal', { link: refused('peer_id_taken') }, 'Refused', 'error'],
  ['no such document', { document: { status: 'missing', reason: 'not_found' } }, 'Not found', 'error'],
  [
    'not here, and no server to ask',
    { document: { status: 'missing', reason: 'unreachable' }, link: WAITING },
    "Can't reach server",
    'error',
  ],
  ['a deleted document', { document: { status: 'ready', gone: 'deleted' } }, 'Deleted · your copy', 'warn'],
  [
    'a damaged document',
    { document: { status: 'failed', error: new Error('it is damaged') } },
    'Cannot be shown',
    'error',
  ],
  ['a closed client', { link: { status: 'closed' } }, 'Closed', 'error'],
]

describe('the state of a page', () => {
  it.each(CASES)('CL103 says of %s', (_, facts, words, tone) => {
    const [first] = pageStatuses({ ...FINE, ...facts })
    const { short, more } = sayStatus(english, first)
    expect([[short, more].filter((part) => part !== undefined).join(' '), toneOf(first)]).toEqual([
      words,
      tone,
    ])
  })

  it('CL103 has all that holds, the most urgent first, and `saved` only alone', () => {
    const facts = { ...FINE, refused: [refusedEdit('r')], open: 2, update: true, link: WAITING }
    const found = pageStatuses(facts).map(({ status }) => status)
    expect(found).toEqual(['undone', 'unreachable', 'attention', 'update'])
    expect(pageStatuses(FINE)).toEqual([{ status: 'saved', atMs: NOW_MS - 300_000 }])
  })

  it('CL233 says that work is kept only where it is', () => {
    const lost = {
      storage: { status: 'memory', reason: 'denied' },
      saving: saving(3, { status: 'unkept' }),
    } as const
    for (const link of ['token_expired', 'token_revoked', 'unsupported_version', 'peer_id_taken'].map(
      refused,
    )) {
      const found = pageStatuses({ ...FINE, ...lost, link })
      const words = found.map((status) => sayStatus(english, status).long).join(' ')
      expect(words).not.toMatch(/is kept|nothing is lost/i)
      expect(words).toMatch(/Keep this tab open/)
      expect(words).toMatch(/3 changes/)
      expect(found.map(({ status }) => status)).toContain('unkept')
      expect(sayStatus(english, pageStatuses({ ...FINE, link })[0]).long).toMatch(/is kept/)
    }
  })

  it('CL233 says so without a server, too', () => {
    const lost = {
      storage: { status: 'memory', reason: 'denied' },
      saving: saving(3, { status: 'unkept' }),
    } as const
    for (const link of [WAITING, { status: 'offline' }, { status: 'connecting' }] as const) {
      const said = (facts: Partial<PageFacts>) => {
        const all = pageStatuses({ ...FINE, ...facts, link }).map((status) => sayStatus(english, status))
        return all.map(({ short, more, long }) => [short, more, long].join(' ')).join(' ')
      }
      expect(said(lost)).not.toMatch(/(?<!nothing )kept here|kept on|nothing is lost/i)
      expect(said({ saving: saving(3) })).toMatch(/kept/)
      // What was kept before the device was full still is.
      const full = { storage: { status: 'full', reason: 'quota' }, saving: saving(3) } as const
      expect(said(full)).toMatch(/3 changes kept/)
    }
  })

  it('CL103 says why and what to do', () => {
    const long = (facts: Partial<PageFacts>) =>
      sayStatus(english, pageStatuses({ ...FINE, ...facts })[0]).long
    expect(long({ link: refused('token_expired') })).toBe(
      'Sign in again to go on. What you did here is kept. (the token has ended)',
    )
    expect(long({ refused: [refusedEdit('r', { lost: 1, setAside: true })] })).toBe(
      "Undone here: Resize CPU. The server refused it: your role can't change this widget. 2 later edits were kept; 1 later edit could not be kept. Whoever runs the server can still accept it.",
    )
    // What is quoted in a label is not quoted again.
    const labels = ['Renamed “CPU” to “Load”', 'Moved “Load”']
    expect(long({ refused: [refusedEdit('r', { labels, remade: 0 })] })).toBe(
      "Undone here: Renamed “CPU” to “Load”; Moved “Load”. The server refused them: your role can't change this widget.",
    )
    expect(long({ link: WAITING, saving: saving(7) })).toBe(
      "Can't reach the server (attempt 5). Nothing is lost: 7 changes kept on this device.",
    )
  })
})

describe('words', () => {
  it.each([
    [NOW_MS + 500, 'just now'],
    [NOW_MS - 59_000, 'just now'],
    [NOW_MS - 60_000, '1 min ago'],
    [NOW_MS - 59 * 60_000, '59 min ago'],
    [NOW_MS - 61 * 60_000, '1 h ago'],
  ])('CL104 a time %i is %s', (atMs, words) => {
    expect(english.time(atMs, NOW_MS)).toBe(words)
  })

  it('CL104 a time of another day is a date', () => {
    expect(english.time(NOW_MS - 3 * 86_400_000, NOW_MS)).toMatch(/2 Mar 2026|Mar 2, 2026/)
  })

  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1500, '1.5 kB'],
    [1_234_567, '1.2 MB'],
    [2_000_000_000, '2.0 GB'],
    [5e15, '5000 TB'],
  ])('CL104 %i bytes are %s', (bytes, words) => {
    expect(english.bytes(bytes)).toBe(words)
  })
})
