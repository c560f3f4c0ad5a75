// Whatever people do in several tabs, whatever is refused of it, and whichever tab goes at which moment: in the end everybody has
// the same, nothing refused is anywhere, and everything lawful is there once.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Automerge, Counter, ImmutableString, type Doc } from '../../src/automerge'
import { openChange } from '../../src/refusal/operations'
import { messagesOf, storedDoc, type Tab, type TabKind } from '../world/tab'
import { randomFrom, stopClock, World } from '../world/world'

beforeEach(stopClock)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** The document that everybody edits. */
interface Board {
  forbidden?: unknown
  count: Counter
  text: string
  title: ImmutableString
  list: unknown[]
  map: Record<string, unknown>
  /** Made by what is refused, so that whatever is put there hangs on it. */
  shaky?: Record<string, unknown>
}

type Kind = 'count' | 'text' | 'list' | 'map' | 'title' | 'bad' | 'badList' | 'badDelete' | 'onBad'

/** Something happens, and then some time passes. */
type Step = { readonly thenMs: number } & (
  | { readonly do: 'edit'; readonly tab: number; readonly kind: Kind; readonly at: number }
  | { readonly do: 'crash' | 'reload' | 'offline' | 'online'; readonly tab: number }
  | { readonly do: 'open' | 'wait' | 'read_only' }
  | { readonly do: 'elsewhere'; readonly at: number }
)

const TABS_MAX = 4

const tab = fc.nat(TABS_MAX - 1)
const at = fc.nat(1000)
/** Most things happen while others are on their way: frames, messages between tabs, what is being written. */
const thenMs = fc.constantFrom(0, 10, 20, 40, 80, 150)
const kind = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<Kind>('count', 'text', 'list', 'map', 'title') },
  { weight: 2, arbitrary: fc.constantFrom<Kind>('bad', 'badList', 'badDelete') },
  { weight: 1, arbitrary: fc.constant<Kind>('onBad') },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('edit'), tab, kind, at, thenMs }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash', 'reload'), tab, thenMs }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('offline', 'online'), tab, thenMs }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('open'), thenMs }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait'), thenMs: fc.constantFrom(300, 1000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('elsewhere'), at, thenMs }) },
)

/** One edit, as it was asked for. */
interface Edited {
  readonly label: string
  readonly kind: Kind | 'elsewhere'
  readonly tab: Tab | undefined
  /** It is on the disk or with others: a crash of its tab does not lose it any more. */
  isSafe: boolean
}

class Run {
  readonly world: World
  readonly edits: Edited[] = []
  readonly kind: TabKind

  constructor(seed: number, kind: TabKind) {
    this.kind = kind
    const random = randomFrom(seed)
    vi.spyOn(Math, 'random').mockImplementation(random)
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((into) => {
      const bytes = new Uint8Array(
        (into as Uint8Array).buffer,
        (into as Uint8Array).byteOffset,
        (into as Uint8Array).byteLength,
      )
      for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(random() * 256)
      return into
    })
    this.world = new World(seed)
    this.world.server.judge = ({ ops }) =>
      ops.some(({ key }) => key === 'forbidden') ? 'path_forbidden' : undefined
    this.world.begin({
      count: new Counter(0),
      text: '',
      title: new ImmutableString('first'),
      list: [],
      map: { zero: 0 },
    })
  }

  get #tabs(): Tab[] {
    return this.world.tabs
  }

  async take(steps: readonly Step[]): Promise<void> {
    this.#openOne()
    this.#openOne()
    await this.world.runUntilQuiet()
    for (const one of steps) {
      this.#take(one)
      await this.world.run(one.thenMs)
      // The disk takes a change within some ten milliseconds.
      if (one.thenMs >= 120) for (const edit of this.edits) if (edit.tab?.isOpen) edit.isSafe = true
    }
    await this.#heal()
  }

  #openOne(): void {
    if (this.#tabs.length < TABS_MAX) this.world.open(this.kind)
  }

  #take(one: Step): void {
    switch (one.do) {
      case 'wait':
        return
      case 'open':
        this.#openOne()
        return
      case 'elsewhere':
        this.#elsewhere(one.at)
        return
      case 'read_only':
        this.world.server.isReadOnly = true
        return
      case 'edit':
      case 'crash':
      case 'reload':
      case 'offline':
      case 'online': {
        const tab = this.#tabs[one.tab % Math.max(1, this.#tabs.length)]
        // Where nothing is kept, a tab that did not find the document yet has nothing that could be looked at.
        if (!tab || (this.kind === 'private' && !tab.isOpen)) return
        if (one.do === 'edit') this.#edit(tab, one.kind, one.at)
        else if (one.do === 'offline' || one.do === 'online') tab.place.setOnline(one.do === 'online')
        else {
          this.world.crash(tab)
          if (one.do === 'reload') this.#openOne()
        }
      }
    }
  }

  #edit(tab: Tab, kind: Kind, at: number): void {
    if (!tab.isOpen) return
    const label = `${kind} ${this.edits.length}`
    tab.edit(label, (board: Board) => write(board, kind, label, at))
    this.edits.push({ label, kind, tab, isSafe: false })
  }

  #elsewhere(at: number): void {
    if (this.world.server.isReadOnly) return
    const label = `elsewhere ${this.edits.length}`
    this.world.server.edit(this.world.documentId, label, (board: Board) => write(board, 'list', label, at))
    this.edits.push({ label, kind: 'elsewhere', tab: undefined, isSafe: true })
  }

  async #heal(): Promise<void> {
    if (this.#tabs.length === 0) this.#openOne()
    for (const tab of this.#tabs) tab.place.setOnline(true)
    await this.world.runUntilQuiet()
    for (const edit of this.edits) if (edit.tab?.isOpen) edit.isSafe = true
  }

  /** Everything that has to hold. */
  async check(): Promise<void> {
    const server = this.world.server.doc(this.world.documentId)
    this.#checkDoc('the server', server)
    for (const tab of this.#tabs) this.#checkSame(tab, server)
    for (const { label, tab } of this.edits.filter((edit) => edit.isSafe && isIndependent(edit.kind))) {
      // Where nothing is kept, what a tab had is gone with it unless it was on the server.
      const isLost = this.kind === 'private' && !tab?.isOpen
      if (!this.world.server.isReadOnly && !isLost)
        expect(messagesOf(server), `lost: ${label}`).toContain(label)
    }
    this.#checkTold()
    if (this.kind !== 'private') await this.#checkReload()
  }

  /** All tabs are gone, and the next one has nobody to tell it what is missing. */
  async #checkReload(): Promise<void> {
    const { documentId, origin, server } = this.world
    const told = this.#tabs[0]?.refusals.refused(documentId).getState() ?? []
    const toldOf = told.flatMap(({ labels }) => labels)
    for (const tab of [...this.#tabs]) this.world.crash(tab)
    const late = this.world.open()
    late.place.setOnline(false)
    const shown: Doc<unknown>[] = []
    late.onShown = (doc) => shown.push(doc)
    await this.world.runUntilQuiet()
    for (const doc of [...shown, await storedDoc(origin, documentId)]) {
      // What a tab wrote down right before it crashed was never refused yet.
      const known = refusedIn(doc).filter((label) => toldOf.includes(label))
      expect(known, 'refused changes came back').toEqual([])
    }
    expect(messagesOf(late.doc), 'what is stored').toEqual(
      expect.arrayContaining(messagesOf(server.doc(documentId))),
    )
    expect(late.refusals.refused(documentId).getState()).toEqual(told)
    late.place.setOnline(true)
    await this.world.runUntilQuiet()
    this.#checkSame(late, server.doc(documentId))
    this.#checkDoc('the disk', await storedDoc(origin, documentId))
  }

  #checkSame(tab: Tab, server: Doc<unknown>): void {
    this.#checkDoc(tab.name, tab.doc)
    expect(messagesOf(tab.doc).sort(), `${tab.name} and the server`).toEqual(messagesOf(server).sort())
    expect(Automerge.getHeads(tab.doc).sort()).toEqual(Automerge.getHeads(server).sort())
    expect(tab.doc).toEqual(server)
  }

  #checkDoc(who: string, doc: Doc<unknown>): void {
    const board = doc as Doc<Board>
    const labels = messagesOf(doc)
    expect(refusedIn(doc), `refused changes at ${who}`).toEqual([])
    const twice = labels.filter((label, at) => labels.indexOf(label) !== at)
    expect(twice, `made twice, at ${who}`).toEqual([])
    // What each edit does is there as often as the edit is.
    const of = (kind: string) => labels.filter((label) => label.startsWith(`${kind} `))
    expect(board.count.value, `the count at ${who}`).toBe(of('count').length)
    expect(
      [...board.text.matchAll(/<[^>]*>/g)].map(([token]) => token.slice(1, -1)).sort(),
      `the text at ${who}`,
    ).toEqual(of('text').sort())
    expect(board.list.filter((item) => !(item instanceof Object)).sort(), `the list at ${who}`).toEqual(
      [...of('list'), ...of('elsewhere')].sort(),
    )
    for (const label of of('map')) expect(board.map[label], `${label} at ${who}`).toBeDefined()
    expect(board.title, `the title at ${who}`).toBeInstanceOf(ImmutableString)
  }

  /** Every edit that was refused for itself is told of, the same in all tabs. */
  #checkTold(): void {
    // A browser that keeps nothing has nothing to tell a new tab.
    if (this.kind === 'private') return
    const told = this.#tabs.map((tab) => tab.refusals.refused(this.world.documentId).getState())
    for (const one of told) expect(one).toEqual(told[0])
    const labels = (told[0] ?? []).flatMap((edit) => edit.labels)
    for (const { label, kind, isSafe } of this.edits) {
      if (isSafe && kind.startsWith('bad')) expect(labels, `told of ${label}`).toContain(label)
    }
  }
}

function isIndependent(kind: Edited['kind']): boolean {
  return !kind.startsWith('bad') && kind !== 'onBad'
}

function refusedIn(doc: Doc<unknown>): string[] {
  return Automerge.getAllChanges(doc)
    .flatMap((bytes) => openChange(bytes) ?? [])
    .filter(({ ops }) => ops.some(({ key }) => key === 'forbidden'))
    .map(({ message, hash }) => message ?? hash)
}

function write(board: Board, kind: Kind, label: string, at: number): void {
  switch (kind) {
    case 'count':
      board.count.increment(1)
      return
    case 'text':
      // Between tokens, never into one.
      Automerge.splice(board, ['text'], placeIn(board.text, at), 0, `<${label}>`)
      return
    case 'list':
      board.list.splice(at % (board.list.length + 1), 0, label)
      return
    case 'map':
      board.map[label] = { n: at, name: new ImmutableString(label) }
      return
    case 'title':
      board.title = new ImmutableString(label)
      return
    case 'bad':
      board.forbidden = refusedFor(label)
      board.count.increment(1000)
      board.title = new ImmutableString('refused')
      Automerge.splice(board, ['text'], placeIn(board.text, at), 0, '(refused)')
      return
    case 'badList':
      board.forbidden = refusedFor(label)
      board.list.splice(at % (board.list.length + 1), 0, { refused: label })
      board.shaky = { from: label }
      return
    case 'badDelete':
      board.forbidden = refusedFor(label)
      delete board.map['zero']
      if (board.list.length > 0) board.list.splice(at % board.list.length, 1)
      return
    case 'onBad': {
      if (board.shaky) board.shaky[label] = at
      const item = board.list.find((it) => it instanceof Object) as Record<string, unknown> | undefined
      if (item) item[label] = at
      board.map['zero'] = at
    }
  }
}

/**
 * What the server refuses an edit for; each writes its own. Automerge writes nothing where the same value stands already, and an
 * edit that only saw the value of another refused one would itself be lawful (refusals.test.ts).
 */
function refusedFor(label: string): ImmutableString {
  return new ImmutableString(label)
}

function placeIn(text: string, at: number): number {
  const places = [0, ...[...text.matchAll(/[>)]/g)].map((match) => match.index + 1)]
  return places[at % places.length] ?? 0
}

async function everywhere(seed: number, steps: readonly Step[], kind: TabKind = 'usual'): Promise<void> {
  const run = new Run(seed, kind)
  try {
    await run.take(steps)
    await run.check()
  } finally {
    // Tabs that crashed have timers left, that would go off in the next world.
    vi.clearAllTimers()
    vi.restoreAllMocks()
  }
}

/** How many worlds are tried, each some 40 things that happen; more by hand: `RUNS=2000 npx vitest run everywhere`. */
const RUNS = Number(process.env['RUNS'] ?? 40)
const MS_MAX = 300_000

const steps = fc.array(step, { minLength: 8, maxLength: 40, size: 'max' })

async function always(
  holds: (seed: number, steps: readonly Step[]) => Promise<void>,
  numRuns: number,
): Promise<void> {
  // A failure tells the seed of its world and its steps; what was wrong becomes a test with a name in refusals.test.ts.
  const limits = { numRuns, endOnFailure: true, interruptAfterTimeLimit: MS_MAX - 60_000 }
  await fc.assert(fc.asyncProperty(fc.integer(), steps, holds), limits)
}

describe('refused changes over several tabs', () => {
  test(
    'CL34 everybody ends with the same, nothing refused is anywhere, everything lawful is there once',
    () => always((seed, steps) => everywhere(seed, steps), RUNS),
    MS_MAX,
  )

  test(
    'CL34 and so when a right is taken away in the middle of it',
    () =>
      always((seed, steps) => {
        const half = Math.floor(steps.length / 2)
        const readOnly: Step = { do: 'read_only', thenMs: 10 }
        return everywhere(seed, [...steps.slice(0, half), readOnly, ...steps.slice(half)])
      }, RUNS / 2),
    MS_MAX,
  )

  test(
    'CL34 and so in a browser that keeps nothing',
    () => always((seed, steps) => everywhere(seed, steps, 'private'), RUNS / 2),
    MS_MAX,
  )
})
