// A dashboard of this tab: edits from the closed list, gestures, typing.
//
// Edit path: ← a person's `Edit`; → writes (edit.ts); → one change of the document (document/store.ts).
//
// Always true: a gesture and a pause of typing are one change each; they are shown at once, and become a change before any
// other is made.

import type { DocHandle } from '../automerge'
import { DovetailError } from '../errors'
import type { DocumentId } from '../ids'
import { isCountable, type Draft } from '../document/assign'
import { counted } from '../document/plain'
import type { Going } from '../document/ongoing'
import { ScreenUndo, type OnScreen, type Undoable } from '../document/order'
import { LiveDocument } from '../document/store'
import type { Surroundings } from '../document/surroundings'
import { writeToDraft, writeToPlain } from '../document/writes'
import type { Dashboard, DashboardStore, Edit, EditOptions, Gesture, Undoing } from '../types'
import { Counter } from '../automerge'
import { possibleWritesOf, writesOf } from './edit'
import { labelOf } from './label'
import { place } from './place'
import { dataOf, readDashboard } from './read'

/** Edits that are shown, and become one change later. */
interface Shown extends Going {
  edits: readonly Edit[]
  label: string | undefined
}

interface Typing extends Shown {
  readonly beganAtMs: number
  timer: ReturnType<typeof setTimeout> | undefined
}

export class LiveDashboard extends LiveDocument<Dashboard> implements DashboardStore {
  #typing: Typing | undefined
  /** What the device notes that its widgets show: also what is gone from it may have something that waits. */
  readonly #everShown = new Set<DocumentId>()
  readonly #screen = new ScreenUndo(this.undoable, () => this.#shownData())

  constructor(surroundings: Surroundings, id: DocumentId, made?: DocHandle<Draft>) {
    super(surroundings, id, readDashboard, made)
    const look = () => {
      this.#screen.look()
      this.#noteShown()
    }
    look()
    this.onEnd(this.subscribe(look))
    this.onEnd(surroundings.order.moment.subscribe(look))
    this.onEnd(() => this.#screen.close())
  }

  override get undoing(): Undoing {
    return this.#screen
  }

  edit(edits: Edit | readonly Edit[], options: EditOptions = {}): void {
    const all = isMany(edits) ? edits : [edits]
    if (options.typing) this.#type(all, options.label)
    else this.#make(all, options.label)
  }

  gesture(label: string): Gesture<Edit> {
    const shown = this.#shown(label)
    return {
      show: (edits) => {
        shown.edits = edits
        this.show(shown)
      },
      commit: () => this.end(shown),
      cancel: () => {
        shown.edits = []
        this.drop(shown)
      },
    }
  }

  preview(edits: readonly Edit[]): Dashboard {
    const root = this.root()
    return readDashboard(writeToPlain(root, writesOf(root, edits)))
  }

  place(id: string, after: string | undefined): readonly Edit[] {
    return place(readDashboard(this.root()).widgets, id, after)
  }

  count(id: string, path: readonly string[], by: number): void {
    if (!Number.isSafeInteger(by)) throw new DovetailError('bad_edit', 'A counter counts whole numbers.')
    this.flush()
    const root = this.root()
    // Whether there is such a place is the same question as for any option.
    writesOf(root, [{ edit: 'setOption', id, path, value: 0 }])
    if (by === 0) return
    const title = readDashboard(root).widgets[id]?.title ?? ''
    this.write(
      `Counted ${by > 0 ? 'up' : 'down'} in “${title}”`,
      (draft) => countIn(draft, ['widgets', id, 'options', ...path], by),
      bytesOf(path),
    )
  }

  /** What the widgets show that is open here as a document of its own. */
  #shownData(): readonly OnScreen[] {
    const state = this.getState()
    if (state.status !== 'ready') return []
    const shown = new Map<Undoable, OnScreen>()
    for (const widget of Object.values(state.value.widgets)) {
      const { title } = widget
      const id = dataOf(widget)
      const undoable = id && this.surroundings.order.of(id)
      if (undoable)
        shown.set(undoable, { undoable, words: (label) => (title ? `${label} in “${title}”` : label) })
    }
    return [...shown.values()]
  }

  #noteShown(): void {
    const state = this.getState()
    if (state.status !== 'ready') return
    const known = this.#everShown.size
    for (const widget of Object.values(state.value.widgets)) {
      const id = dataOf(widget)
      if (id) this.#everShown.add(id)
    }
    if (this.#everShown.size > known) this.surroundings.note(this.id, { shows: [...this.#everShown] })
  }

  #make(edits: readonly Edit[], label: string | undefined): void {
    this.flush()
    const root = this.root()
    const writes = writesOf(root, edits)
    const words = label ?? labelOf(edits, readDashboard(root).widgets)
    this.write(words, (draft) => writeToDraft(draft, writes), bytesOf(edits))
  }

  #type(edits: readonly Edit[], label: string | undefined): void {
    const { pauseMs } = this.surroundings.config.batching
    const goesOn = this.#goesOn()
    if (!goesOn) this.flush()
    // What cannot be made is refused here, before it is shown; what was typed before it stays as it is.
    const typed = goesOn?.writes(this.rootAsStored()) ?? []
    writesOf(writeToPlain(this.rootAsStored(), typed), edits)
    const typing = goesOn ?? this.#newTyping()
    typing.edits = replacing(typing.edits, edits)
    typing.label = label
    clearTimeout(typing.timer)
    typing.timer = setTimeout(() => this.flush(), pauseMs)
    this.#typing = typing
    try {
      this.show(typing)
    } catch (error) {
      if (!goesOn) this.#ended(typing)
      throw error
    }
  }

  /** Typing that was going on, and has not gone on for too long. */
  #goesOn(): Typing | undefined {
    const { longestMs } = this.surroundings.config.batching
    const isLong = (typing: Typing) => this.surroundings.environment.now() - typing.beganAtMs >= longestMs
    return this.#typing && !isLong(this.#typing) ? this.#typing : undefined
  }

  #newTyping(): Typing {
    const shown = this.#shown(undefined)
    const typing: Typing = Object.assign(shown, {
      beganAtMs: this.surroundings.environment.now(),
      timer: undefined,
      commit: () => {
        this.#ended(typing)
        this.#finish(typing)
      },
    })
    return typing
  }

  #ended(typing: Typing): void {
    clearTimeout(typing.timer)
    if (this.#typing === typing) this.#typing = undefined
  }

  #shown(label: string | undefined): Shown {
    const shown: Shown = {
      edits: [],
      label,
      writes: (root) => possibleWritesOf(root, shown.edits).writes,
      commit: () => this.#finish(shown),
    }
    return shown
  }

  /**
   * Makes a change of what was shown. Much may have happened since it was begun, and perhaps nobody is there to hear of an error:
   * what cannot be made any more is left out, and told.
   */
  #finish(shown: Shown): void {
    const { edits, label } = shown
    shown.edits = []
    if (edits.length === 0) return
    const root = this.rootAsStored()
    const { possible, fault } = possibleWritesOf(root, edits)
    const words = label ?? labelOf(edits, readDashboard(root).widgets)
    this.finishing(words, () => {
      if (possible.length > 0) this.#make(possible, words)
      if (fault) throw fault
    })
  }
}

/** Later edits of the same place take the place of earlier ones. */
function replacing(before: readonly Edit[], edits: readonly Edit[]): readonly Edit[] {
  const last = before.at(-1)
  const [first, ...rest] = edits
  if (!last || !first || rest.length > 0 || !isSamePlace(last, first)) return [...before, ...edits]
  return [...before.slice(0, -1), first]
}

function isSamePlace(one: Edit, other: Edit): boolean {
  const place = (edit: Edit) =>
    JSON.stringify([edit.edit, 'id' in edit ? edit.id : '', 'path' in edit ? edit.path : ''])
  return place(one) === place(other)
}

function countIn(root: Draft, path: readonly string[], by: number): void {
  const holder = path.slice(0, -1).reduce<Draft>((place, step) => {
    if (place[step] === undefined) place[step] = {}
    // Read back: what was put there is not what is there.
    return place[step] as Draft
  }, root)
  const last = path.at(-1) ?? ''
  const there = holder[last]
  const from = there instanceof Counter ? counted(there) : there
  const to = (typeof from === 'number' && Number.isSafeInteger(from) ? from : 0) + by
  if (!(there instanceof Counter)) holder[last] = new Counter(to)
  else if (isCountable(there, to)) there.increment(by)
}

function isMany(edits: Edit | readonly Edit[]): edits is readonly Edit[] {
  return Array.isArray(edits)
}

/** About how large the change will be, and no less: the names of members are among it. */
function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length
}
