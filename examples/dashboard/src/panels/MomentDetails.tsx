// What one can do with a state that the grid shows: compare it, go back to it, name it.
//
// Always true: going back is asked about first, is one change that can be undone, and takes nothing out of the history.

import type { Dashboard, DashboardStore, PermissionState } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { useState } from 'react'
import { useToasts } from '../app/context'
import { Dialog } from '../app/Dialog'
import { offerUndo } from '../app/toasts'
import type { Selection } from '../editor/slots'
import { compare, type Difference } from './compare'
import { keyOfHeads, momentOfVersion, type Moment } from './moments'
import { NameVersion } from './NameVersion'
import type { VersionsNow } from './useVersions'

/** What everything around one moment needs. */
export interface MomentProps {
  readonly store: DashboardStore
  readonly selection: Selection
  readonly versions: VersionsNow
  /** What the grid shows, if it is a state of the past. */
  readonly looked: Moment | undefined
}

interface MomentDetailsProps extends MomentProps {
  readonly moment: Moment
  /** The state before it, where that is known. */
  readonly before: Moment | undefined
  /** There was nothing before it. */
  readonly isBeginning?: boolean
  /** Called when the grid is to show the present again. */
  readonly onDone: () => void
}

/** The details of the state that the grid shows. */
export function MomentDetails(props: MomentDetailsProps) {
  const { store, moment, versions, isBeginning = false, onDone } = props
  const isBlank = isBeginning && isEmpty(store, moment)
  const mayWrite = useWatched(store.permission, canWrite)
  const [asking, setAsking] = useState<'restore' | 'name'>()
  return (
    <div className="moment">
      <div className="moment-actions">
        {!isBlank && (
          <button
            type="button"
            className="button primary"
            disabled={!mayWrite}
            onClick={() => setAsking('restore')}
          >
            Restore…
          </button>
        )}
        <button type="button" className="button" disabled={!mayWrite} onClick={() => setAsking('name')}>
          Name it…
        </button>
        <button type="button" className="button" onClick={onDone}>
          Back to now
        </button>
      </div>
      {isBlank && <p className="panel-note">It was made then, with nothing in it: no state to go back to.</p>}
      {!mayWrite && !isBlank && <p className="panel-note">You can view this, and not restore it.</p>}
      <Comparison {...props} />
      <Restore
        store={store}
        moment={moment}
        open={asking === 'restore'}
        onClose={() => setAsking(undefined)}
        onDone={onDone}
      />
      <NameVersion
        store={store}
        moment={moment}
        versions={versions}
        open={asking === 'name'}
        onClose={() => setAsking(undefined)}
      />
    </div>
  )
}

/** To go back to the beginning would take everything away, which nobody means who looks at it. */
function isEmpty(store: DashboardStore, moment: Moment): boolean {
  try {
    return Object.keys(store.history.at(moment.heads).widgets).length === 0
  } catch {
    // Then it cannot be shown either, which is said elsewhere.
    return false
  }
}

/** What a state is compared with: `now`, `before`, or the heads of a version. */
type With = string

function Comparison({ store, selection, moment, before, versions }: MomentDetailsProps) {
  const [wanted, setWanted] = useState<With>(before ? 'before' : 'now')
  const now = useWatched(store, (state) => (state.status === 'ready' ? state.value : undefined))
  const others = versions.all.filter((version) => keyOfHeads(version.heads) !== keyOfHeads(moment.heads))
  const found = differencesOf(store, moment, sideOf(wanted, before, versions), now)
  return (
    <div className="comparison">
      <label className="field">
        <span>Compare with</span>
        <select value={wanted} onChange={(event) => setWanted(event.target.value)}>
          {before && <option value="before">the state before it</option>}
          <option value="now">now</option>
          {others.map((version) => (
            <option key={version.name} value={`version ${version.name}`}>
              {version.name}
            </option>
          ))}
        </select>
      </label>
      {typeof found === 'string' ? (
        <p className="panel-note">{found}</p>
      ) : (
        <Differences differences={found} selection={selection} />
      )}
    </div>
  )
}

function sideOf(wanted: With, before: Moment | undefined, versions: VersionsNow): Moment | 'now' {
  if (wanted === 'before' && before) return before
  const version = versions.all.find(({ name }) => wanted === `version ${name}`)
  return version ? momentOfVersion(version) : 'now'
}

/** Told from the older to the newer, as things happen; a sentence when one of them is not here. */
function differencesOf(
  store: DashboardStore,
  moment: Moment,
  other: Moment | 'now',
  now: Dashboard | undefined,
): readonly Difference[] | string {
  try {
    const state = store.history.at(moment.heads)
    const otherState = other === 'now' ? now : store.history.at(other.heads)
    if (otherState === undefined) return 'The dashboard is not here yet.'
    const otherIsNewer = other === 'now' || other.atMs > moment.atMs
    return otherIsNewer ? compare(state, otherState) : compare(otherState, state)
  } catch {
    return 'This device does not have that state yet. It comes when everything is up to date.'
  }
}

/** A list longer than that is not read; the grid shows the rest. */
const DIFFERENCES_SHOWN_MAX = 60

function Differences({
  differences,
  selection,
}: {
  readonly differences: readonly Difference[]
  readonly selection: Selection
}) {
  if (differences.length === 0) return <p className="panel-note">Nothing differs.</p>
  const more = differences.length - DIFFERENCES_SHOWN_MAX
  return (
    <ul className="differences" aria-label="What differs">
      {differences.slice(0, DIFFERENCES_SHOWN_MAX).map(({ words, widget }, at) => (
        <li key={at}>
          {widget === undefined ? (
            words
          ) : (
            <button
              type="button"
              className="text-button"
              title="Show the widget"
              onClick={() => selection.select(widget, { reveal: true })}
            >
              {words}
            </button>
          )}
        </li>
      ))}
      {more > 0 && <li className="muted">and {more} more differences</li>}
    </ul>
  )
}

interface RestoreProps {
  readonly store: DashboardStore
  readonly moment: Moment
  readonly open: boolean
  readonly onClose: () => void
  readonly onDone: () => void
}

function Restore({ store, moment, open, onClose, onDone }: RestoreProps) {
  const toasts = useToasts()
  const restore = async () => {
    onClose()
    try {
      const label = `Restored the dashboard as it was ${moment.when}`
      await store.history.restore(moment.heads, label)
      // Where all was like that already, nothing was done, and the latest is something else.
      const done = store.undoing.latest()
      onDone()
      const wish = { words: `Layout and settings are as they were ${moment.when}.`, tone: 'good' } as const
      offerUndo(toasts, wish, done?.label === label ? done : undefined)
    } catch (error) {
      toasts.failed('Restoring', error)
    }
  }
  return (
    <Dialog open={open} title="Restore this state?" onClose={onClose}>
      <p>
        Layout and settings become as they were {moment.when}, for everybody; notes, tables and series stay as
        they are now. What was changed since stays in the history, so you can come back to it.
      </p>
      <div className="form-end">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button primary" onClick={() => void restore()}>
          Restore
        </button>
      </div>
    </Dialog>
  )
}

/** Who is not known yet may try; the client says no where it has to. */
export function canWrite({ role }: PermissionState): boolean {
  return role !== 'read' && role !== 'none'
}
