// Typing into a text: when it becomes a change, and what becomes of it when others type there too.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { replaceBy } from '../../src/document/whole'
import { Automerge } from '../../src/automerge'
import { DovetailError } from '../../src/errors'
import type { Dovetail, WidgetDataStore } from '../../src/types'
import { Device } from '../live/tab'
import { codeOf, offline } from '../live/tabs'
import { bring, changes, content, everywhere, handleOf, meet } from './apart'

const PAUSE_MS = 400
/** Without a pause. */
const LONGEST_MS = 1_000

/** What each page does when it is hidden. */
const hides: (() => void)[] = []
let devices: readonly Dovetail[]
let note: WidgetDataStore
let theirs: WidgetDataStore

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  hides.length = 0
  const onHide = (listener: () => void) => {
    hides.push(listener)
    return () => undefined
  }
  devices = [0, 1].map(() => offline(new Device(), { storage: { kind: 'memory' } }, { onHide }))
  ;[note, theirs] = everywhere(devices, 'text') as [WidgetDataStore, WidgetDataStore]
})

afterEach(() => {
  vi.useRealTimers()
})

const text = (store = note) => content(store).text
const stored = (store = note) => String(handleOf(store).doc()['text'])
const pending = () => note.saving.getState().pending

/** Types behind what is there, letter by letter. */
function type(letters: string, everyMs = 0): void {
  for (const letter of letters) {
    note.setText(text() + letter)
    vi.advanceTimersByTime(everyMs)
  }
}

describe('when it becomes a change', () => {
  test('CL270 what is typed shows and waits at once, and is one change when typing pauses', () => {
    const [made, waited] = [changes(note), pending()]
    type('Call Bo', PAUSE_MS - 100)
    expect(text()).toBe('Call Bo')
    vi.advanceTimersByTime(PAUSE_MS)
    const before = changes(note)
    type('!')
    expect([text(), stored(), changes(note)]).toEqual(['Call Bo!', 'Call Bo', before])
    expect(pending()).toBe(waited + before - made + 1)
    vi.advanceTimersByTime(PAUSE_MS)
    expect([stored(), changes(note)]).toEqual(['Call Bo!', before + 1])
    expect(pending()).toBe(waited + before - made + 1)
  })

  test('CL270 a long burst is a change for each second, and an hour of it has room to wait', () => {
    const before = changes(note)
    type('x'.repeat(200), 50)
    expect(stored().length).toBeGreaterThan(200 - LONGEST_MS / 50 - 1)
    vi.advanceTimersByTime(PAUSE_MS)
    expect(changes(note) - before).toBeLessThanOrEqual(200 / (LONGEST_MS / 50) + 1)
  })

  test('CL270 typing that was taken back in the same breath is no change, and nor is what is there already', () => {
    const [before, waited] = [changes(note), pending()]
    note.setText('')
    expect(pending()).toBe(waited)
    type('a')
    note.setText('')
    vi.advanceTimersByTime(PAUSE_MS)
    expect([changes(note), pending()]).toEqual([before, waited])
  })

  test('CL270 a page that is hidden, another edit, and the end of the store make it a change', () => {
    type('a')
    for (const hide of hides) hide()
    expect(stored()).toBe('a')
    type('b')
    note.setShape('table')
    expect(stored()).toBe('ab')
    type('c')
    note.release()
    expect(stored()).toBe('abc')
  })

  test('CL270 what is pasted and too large is refused before it is shown, and what was typed before stays', async () => {
    type('a')
    expect(await codeOf(() => note.setText(`a${'ä'.repeat(600_000)}`))).toBe('change_too_large')
    expect(text()).toBe('a')
    expect(note.refused.getState()).toEqual([])
  })

  test('CL270 what was typed and may no longer be written is told as a refused edit', () => {
    type('a')
    ;(note as unknown as { hear(message: object): void }).hear({
      type: 'dovetail-permission',
      documentId: note.id,
      role: 'read',
    })
    vi.advanceTimersByTime(PAUSE_MS)
    expect(text()).toBe('')
    expect(note.refused.getState()).toMatchObject([{ code: 'read_only', labels: ['Typed'] }])
  })
})

describe('what is no edit yet', () => {
  test('CL272 it counts as waiting until it ends, and is written when the page is hidden', () => {
    const waited = pending()
    const end = note.unwritten('Renamed', () => note.setShape('table'))
    expect(pending()).toBe(waited + 1)
    const also = note.unwritten('Renamed', () => undefined)
    expect(pending()).toBe(waited + 2)
    also()
    also()
    expect(pending()).toBe(waited + 1)
    for (const hide of hides) hide()
    expect(content(note).shape).toBe('table')
    end()
    expect(pending()).toBe(waited + 1)
  })

  test('CL272 it is written when the last use of the store ends, and after it nothing is', () => {
    let written = 0
    note.unwritten('Renamed', () => (written += 1))
    const again = devices[0]?.openWidgetData(note.id)
    again?.release()
    expect(written).toBe(0)
    note.release()
    note.release()
    expect(written).toBe(1)
  })

  test('CL272 one that cannot be written is told as a refused edit, and keeps no other from it', () => {
    note.unwritten('Renamed', () => {
      throw new DovetailError('unknown_widget', 'There is none.')
    })
    note.unwritten('Renamed', () => note.setShape('table'))
    for (const hide of hides) hide()
    expect(content(note).shape).toBe('table')
    expect(note.refused.getState()).toMatchObject([{ code: 'unknown_widget', labels: ['Renamed'] }])
  })
})

describe('with others', () => {
  test('CL271 what others type meanwhile shows within a pause, beside what is typed here', () => {
    type('mine')
    theirs.setText('THEIRS')
    vi.advanceTimersByTime(PAUSE_MS)
    type(' and')
    bring(theirs, note)
    expect(text()).toBe('mine and')
    for (let n = 0; n < PAUSE_MS / 100; n++) {
      type('.')
      vi.advanceTimersByTime(100)
    }
    expect(['THEIRSmine and....', 'mine and....THEIRS']).toContain(text())
    expect(stored()).toBe(text())
  })

  test('CL271 what is typed in two places at once leaves all between them to others', () => {
    note.setText('abcdef')
    meet([note, theirs])
    note.setText('Xabcdef')
    note.setText('XabcdefY')
    theirs.setText('abdef')
    theirs.setText('abdZef')
    meet([theirs])
    bring(theirs, note)
    vi.advanceTimersByTime(PAUSE_MS)
    expect(text()).toBe('XabdZefY')
  })

  test('CL271 a text of which something was refused meanwhile keeps what is typed and what others wrote', () => {
    type('refused ')
    vi.advanceTimersByTime(PAUSE_MS)
    type('kept')
    theirs.setText('THEIRS')
    meet([theirs])
    const without = Automerge.clone(handleOf(theirs).doc())
    replaceBy(handleOf(note), without)
    vi.advanceTimersByTime(PAUSE_MS)
    expect(lettersOf(text()).sort()).toEqual(lettersOf('THEIRSkept').sort())
    expect(text()).toContain('kept')
  })

  test('CL187 a burst of several changes is taken back at once, without the letters of others', () => {
    type('x'.repeat(20), 100)
    theirs.setText('THEIRS')
    vi.advanceTimersByTime(PAUSE_MS)
    bring(theirs, note)
    expect(changes(note)).toBeGreaterThan(3)
    note.undoing.undo()
    expect(text()).toBe('THEIRS')
  })

  test('CL187 what others type in the middle of a burst is in no step of it', () => {
    type('mine', 200)
    theirs.setText('THEIRS')
    meet([theirs])
    type('.')
    bring(theirs, note)
    type('.')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(text()).toHaveLength('mine..THEIRS'.length)
    note.undoing.undo()
    expect(text()).toBe('THEIRS')
    note.undoing.redo()
    expect(['mine..THEIRS', 'THEIRSmine..']).toContain(text())
  })

  test('CL306 a text that is held shows what is typed here alone, though all of it is saved and all that others type is there', () => {
    type('start ')
    meet([note, theirs])
    const waited = pending()
    const end = note.holdText()
    expect([text(), pending()]).toEqual(['start ', waited])
    theirs.setText('THEIRS start ')
    meet([theirs])
    bring(theirs, note)
    expect([text(), stored()]).toEqual(['start ', 'THEIRS start '])
    note.setText('start か')
    vi.advanceTimersByTime(PAUSE_MS)
    theirs.setText('THEIRS start THEIRS')
    meet([theirs])
    bring(theirs, note)
    note.setText('start かん')
    note.setText('start 漢')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(text()).toBe('start 漢')
    const before = changes(note)
    vi.advanceTimersByTime(LONGEST_MS)
    expect(changes(note)).toBe(before)
    end()
    end()
    expect(text()).toMatch(/^THEIRS start (漢THEIRS|THEIRS漢)$/)
    note.undoing.undo()
    expect(text()).toBe('THEIRS start THEIRS')
  })

  test('CL306 a text that is held is written when the page goes, and what is larger than one types shows at once', () => {
    note.holdText()
    type('ab')
    for (const hide of hides) hide()
    expect([text(), stored()]).toEqual(['ab', 'ab'])
    const large = 'x'.repeat(70_000)
    note.setText(`ab${large}`)
    expect(text()).toBe(`ab${large}`)
  })

  const letters = fc.integer({ min: 1, max: 6 })
  const steps = fc.array(
    fc.oneof(
      fc.record({ what: fc.constant('type' as const), who: fc.nat(1), letters }),
      fc.record({ what: fc.constant('jump' as const), who: fc.nat(1), to: fc.nat(40) }),
      fc.record({ what: fc.constant('erase' as const), who: fc.nat(1), letters }),
      fc.record({ what: fc.constant('wait' as const), ms: fc.nat(700) }),
      fc.record({ what: fc.constant('bring' as const), from: fc.nat(1) }),
      fc.record({ what: fc.constant('hold' as const), who: fc.nat(1) }),
    ),
    { minLength: 20, maxLength: 60 },
  )

  test('CL271 whoever types and erases wherever and whenever: no letter is lost, doubled or brought back, and all have the same', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const all = everywhere(devices, 'text')
        const writers = all.map((store) => new Writer(store))
        const typed = new Set<string>()
        const erased = new Set<string>()
        for (const step of taken) {
          if (step.what === 'wait') vi.advanceTimersByTime(step.ms)
          else if (step.what === 'bring') bring(all[step.from]!, all[1 - step.from]!)
          else {
            const writer = writers[step.who]!
            writer.looks()
            if (step.what === 'jump') writer.jump(step.to)
            else if (step.what === 'hold') writer.hold()
            else if (step.what === 'erase')
              for (const letter of writer.erase(step.letters)) erased.add(letter)
            else for (let n = 0; n < step.letters; n++) typed.add(writer.type(unlike(typed)))
          }
        }
        for (const writer of writers) writer.letGo()
        meet(all)
        expect(text(all[0])).toBe(text(all[1]))
        expect(lettersOf(text(all[0])).sort()).toEqual(
          [...typed].filter((letter) => !erased.has(letter)).sort(),
        )
        for (const store of all) store.release()
      }),
      { numRuns: 60 },
    )
  })

  test('CL271 the letters of two who begin at the same place never come apart', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const all = everywhere(devices, 'text')
        const writers = all.map((store) => new Writer(store))
        const typed = new Set<string>()
        const own = ['', ''] as [string, string]
        for (const step of taken) {
          if (step.what === 'wait') vi.advanceTimersByTime(step.ms)
          else if (step.what === 'bring') bring(all[step.from]!, all[1 - step.from]!)
          else if (step.what === 'type') {
            for (let n = 0; n < step.letters; n++) {
              const letter = writers[step.who]!.type(unlike(typed))
              typed.add(letter)
              own[step.who as 0 | 1] += letter
            }
          }
        }
        meet(all)
        for (const run of own) expect(text(all[0])).toContain(run)
        for (const store of all) store.release()
      }),
      { numRuns: 60 },
    )
  })
})

function lettersOf(text: string): string[] {
  return Array.from(text)
}

/** A letter that nobody typed before, every other of them of two code units. */
function unlike(typed: ReadonlySet<string>): string {
  return String.fromCodePoint((typed.size % 2 === 0 ? 0x4e00 : 0x20000) + typed.size)
}

/** Somebody whose caret stays behind the letter that it stands at. */
class Writer {
  readonly #store: WidgetDataStore
  #behind: string | undefined
  #end: (() => void) | undefined
  /** What the field shows. */
  #shown = ''

  constructor(store: WidgetDataStore) {
    this.#store = store
  }

  type(letter: string): string {
    const [before, after] = this.#sides()
    this.#behind = letter
    this.#set([...before, letter, ...after])
    return letter
  }

  /** What was erased. */
  erase(count: number): readonly string[] {
    const [before, after] = this.#sides()
    const gone = before.splice(-count)
    this.#behind = before.at(-1)
    this.#set([...before, ...after])
    return gone
  }

  jump(to: number): void {
    this.#behind = lettersOf(content(this.#store).text)[to]
  }

  /** Begins or ends to compose letters. */
  hold(): void {
    if (this.#end) this.letGo()
    else this.#end = this.#store.holdText()
    this.#shown = content(this.#store).text
  }

  letGo(): void {
    this.#end?.()
    this.#end = undefined
  }

  /** Whoever composes letters sees no others come. */
  looks(): void {
    if (this.#end) expect(content(this.#store).text).toBe(this.#shown)
  }

  #set(letters: readonly string[]): void {
    this.#store.setText(letters.join(''))
    this.#shown = letters.join('')
  }

  #sides(): [string[], string[]] {
    const all = lettersOf(content(this.#store).text)
    const at = this.#behind === undefined ? 0 : all.indexOf(this.#behind) + 1
    return [all.slice(0, at), all.slice(at)]
  }
}
