// A dashboard of this tab: edits from the closed list, gestures, typing.
//
// Edit path: ← a person's `Edit`; → writes (edit.ts); → one change of the document (document/store.ts).
//
// Always true: a gesture and a pause of typing are one change each; they are shown at once, and become a change before any
// other is made.

import type { DocHandle } from '../automerge'
import { DovetailError } from '../errors'
import type { DocumentId } from '../ids'
import type { Draft } from '../document/assign'
import { LiveDocument, type Surroundings } from '../document/store'
import { writeToDraft, writeToPlain } from '../document/writes'
import type { Dashboard, DashboardStore, Edit, EditOptions, Gesture } from '../types'
import { Counter } from '../automerge'
import { writesOf } from './edit'
import { labelOf } from './label'
import { place } from './place'
import { readDashboard } from './read'

interface Typing {
  edits: readonly Edit[]
  label: string | undefined
  readonly beganAtMs: number
  timer: ReturnType<typeof setTimeout>
}

export class LiveDashboard extends LiveDocument<Dashboard> implements DashboardStore {
  #typing: Typing | undefined

  constructor(surroundings: Surroundings, id: DocumentId, made?: DocHandle<Draft>) {
    super(surroundings, id, readDashboard, made)
  }

  edit(edits: Edit | readonly Edit[], options: EditOptions = {}): void {
    const all = isMany(edits) ? edits : [edits]
    if (options.typing) this.#type(all, options.label)
    else this.#make(all, options.label)
  }

  gesture(label: string): Gesture<Edit> {
    let shown: readonly Edit[] = []
    const commit = () => {
      const edits = shown
      shown = []
      if (edits.length > 0) this.#make(edits, label)
    }
    return {
      show: (edits) => {
        // Whatever else was going on becomes a change of its own first.
        if (shown.length === 0) this.flush()
        shown = edits
        this.show(writesOf(this.rootAsStored(), edits), commit)
      },
      commit: () => {
        this.drop()
        commit()
      },
      cancel: () => {
        shown = []
        this.drop()
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
    if (!Number.isInteger(by)) throw new DovetailError('bad_edit', 'A counter counts whole numbers.')
    const widgets = readDashboard(this.root()).widgets
    if (!widgets[id])
      throw new DovetailError('unknown_widget', `There is no widget ${id}; somebody may have removed it.`)
    this.write(`Counted ${by > 0 ? 'up' : 'down'} in “${widgets[id].title}”`, (draft) =>
      countIn(draft, ['widgets', id, 'options', ...path], by),
    )
  }

  #make(edits: readonly Edit[], label: string | undefined): void {
    this.flush()
    const root = this.root()
    const writes = writesOf(root, edits)
    const words = label ?? labelOf(edits, readDashboard(root).widgets)
    this.write(words, (draft) => writeToDraft(draft, writes), bytesOf(edits))
  }

  #type(edits: readonly Edit[], label: string | undefined): void {
    const { pauseMs, longestMs } = this.surroundings.config.batching
    const now = this.surroundings.environment.now()
    const before = this.#typing
    const goesOn = before && now - before.beganAtMs < longestMs ? before : undefined
    if (!goesOn) this.flush()
    clearTimeout(goesOn?.timer)
    const all = replacing(goesOn?.edits ?? [], edits)
    const typing: Typing = {
      edits: all,
      label,
      beganAtMs: goesOn?.beganAtMs ?? now,
      timer: setTimeout(() => this.flush(), pauseMs),
    }
    // Refused here, before it is shown, when it cannot be made.
    const writes = writesOf(this.rootAsStored(), all)
    this.#typing = typing
    this.show(writes, () => {
      clearTimeout(typing.timer)
      if (this.#typing === typing) this.#typing = undefined
      this.#make(all, label)
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
  const holder = path.slice(0, -1).reduce<Draft>((place, step) => (place[step] ??= {}) as Draft, root)
  const last = path.at(-1) ?? ''
  const there = holder[last]
  if (there instanceof Counter) there.increment(by)
  else holder[last] = new Counter((typeof there === 'number' && Number.isInteger(there) ? there : 0) + by)
}

function isMany(edits: Edit | readonly Edit[]): edits is readonly Edit[] {
  return Array.isArray(edits)
}

/** About how large the change will be, and no less. */
function bytesOf(edits: readonly Edit[]): number {
  return JSON.stringify(edits).length
}
