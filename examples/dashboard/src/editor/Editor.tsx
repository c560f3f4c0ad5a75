// The editor of one dashboard: bar, banners, grid or column, side panel, dialogs.
//
// Edit path: ← tiles, panels, keys → `act` → the store, as one change each → everything that follows the store.
//
// Always true: nothing here holds a copy of the dashboard. What is only looked at (selection, preview, folded rows) is here and in no
// document.

import type { Dashboard, DashboardStore, Edit, EditOptions, RefusedEdit } from '@dovetail/client'
import { UndoneChanges, useWatched } from '@dovetail/react'
import { LayoutDashboard, Plus, RotateCcw } from 'lucide-react'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useApp } from '../app/context'
import { bringBack } from '../app/belongings'
import { duplicate, leftWords, type UndoneData } from '../app/duplicate'
import { OPERATIONS_LISTED_MAX, patchedDashboard, removedRow } from '../app/patched'
import { createDrafts } from './drafts'
import { laterDialog, laterPart } from '../app/later'
import { navigate } from '../app/routes'
import { watched } from '../app/watched'
import { AddWidget } from './AddWidget'
import { createAnnouncer } from './announcer'
import { Banner } from './Banner'
import { Column } from './Column'
import { EditorContext, type Editor as EditorThings } from './context'
import { EditorHeader } from './EditorHeader'
import { createOpenData } from './openData'
import { createSelection, revealTile, scrollToTile } from './selection'
import { dashboardOf, withPreview } from './shown'
import { SidePanel } from './SidePanel'
import type { PanelId, Preview } from './slots'
import { NARROW, useMedia } from './useMedia'

// What not everybody opens is loaded when somebody does. Adding is not among it: it is a kilobyte, and on a full dashboard that is just
// being opened everybody would wait for its data before it.
const ShareDialog = laterDialog('The dialog to share', () =>
  import('../share').then((share) => share.ShareDialog),
)
/** It brings a library for drags along, which a phone has no use for. */
const Grid = laterPart('The grid', () => import('./Grid').then((grid) => grid.Grid), null)

/** Shows a dashboard that is there. */
export function Editor({ store }: { readonly store: DashboardStore }) {
  const { dovetail, toasts, signingIn } = useApp()
  const narrow = useMedia(NARROW)
  const root = useRef<HTMLElement>(null)
  const announcer = useMemo(() => createAnnouncer(), [])
  const selection = useMemo(() => createSelection(revealTile), [])
  const data = useMemo(() => createOpenData(store, dovetail.saving), [store, dovetail])
  const preview = useMemo(() => watched<Preview | undefined>(undefined), [])
  const previewed = useWatched(preview)
  const [panel, setPanel] = useState<PanelId | undefined>(undefined)
  const [called, call] = useState(0)
  const [dialog, setDialog] = useState<'add' | 'share' | undefined>(undefined)
  const [turned, turn] = useTurned()
  const role = useWatched(store.permission, (permission) => permission.role)
  const full = useWatched(data.whole.saving, (saving) => saving.room === 'full')
  const gone = useWatched(store, (state) => state.status === 'ready' && state.gone !== undefined)
  const mayEdit = role !== 'read' && role !== 'none' && !full && !gone
  const editable = mayEdit && previewed === undefined
  const shown = useMemo(() => withPreview(store, previewed), [store, previewed])

  const attempt = useCallback(
    (what: string, run: () => void) => {
      try {
        run()
        return true
      } catch (error) {
        toasts.failed(what, error)
        return false
      }
    },
    [toasts],
  )
  const act = useCallback(
    (edits: Edit | readonly Edit[], options?: EditOptions) =>
      attempt('That could not be done', () => store.edit(edits, options)),
    [store, attempt],
  )
  const openOptions = useCallback(
    (id: string) => {
      selection.select(id)
      setPanel('options')
      call((before) => before + 1)
    },
    [selection],
  )
  const [drafts] = useState(createDrafts)
  const editor = useMemo(
    (): EditorThings => ({
      store,
      selection,
      editable,
      act,
      attempt,
      announce: announcer.announce,
      openOptions,
      data,
      drafts,
    }),
    [store, selection, editable, act, attempt, announcer, openOptions, data, drafts],
  )
  usePresenceOf(store, selection)
  useEffect(() => (previewed?.about === undefined ? undefined : scrollToTile(previewed.about)), [previewed])
  useUndoKeys(store, editable)
  usePageTitle(store)
  const closePanel = useCallback(() => {
    setPanel(undefined)
    preview.set(undefined)
  }, [preview])
  useEscape(panel !== undefined, closePanel)

  const copied = (dashboard: Dashboard, more: readonly string[] = [], undone?: UndoneData) => {
    duplicate(dovetail, dashboard, `Copy of ${dashboard.title || 'Untitled dashboard'}`, undone).then(
      ({ id, notes }) => {
        navigate({ screen: 'editor', id })
        const words = ['This is your copy.', ...more, ...notes]
        toasts.show({ words: words.join(' '), tone: words.length > 1 ? 'warning' : 'good' })
      },
      (error: unknown) => toasts.failed('Duplicating', error),
    )
  }
  const copy = () => copied(dashboardOf(shown.getState()))
  const copyUndone = (edit: RefusedEdit) => {
    const now = dashboardOf(store.getState())
    const cut =
      edit.patch.length < OPERATIONS_LISTED_MAX
        ? []
        : [`Of the undone change only the first ${OPERATIONS_LISTED_MAX} parts are known, and in it.`]
    const url = data.refusedIn(edit)?.url
    if (url !== undefined) {
      copied(now, cut, { url, patch: edit.patch })
      return
    }
    const { value, left } = patchedDashboard(now, edit.patch)
    copied(value, left === 0 ? cut : [...cut, leftWords(left)])
  }
  /** A row that somebody removed while something was written into it. */
  const addAsRow = (edit: RefusedEdit) => {
    const cells = editable ? removedRow(edit) : undefined
    const table = cells && data.refusedIn(edit)
    return (
      table && {
        label: 'Add as a row',
        run: () => {
          table.refused
            .makeAgain(edit.id, () => table.addRow(cells))
            .catch((error: unknown) => toasts.failed('Adding a row', error))
        },
      }
    )
  }
  const undelete = () => {
    bringBack(dovetail, store.id).catch((error: unknown) => toasts.failed('Bringing it back', error))
  }
  const Layout = narrow ? Column : Grid
  return (
    <EditorContext value={editor}>
      <div className="page editor" data-panel={panel !== undefined}>
        <EditorHeader
          whole={data.whole}
          panel={panel}
          onPanel={(id) => {
            if (id === undefined) closePanel()
            else {
              setPanel(id)
              call((before) => before + 1)
            }
          }}
          onAdd={() => setDialog('add')}
          onShare={() => setDialog('share')}
          onDuplicate={copy}
          grid={() => root.current?.querySelector<HTMLElement>('.grid, .column') ?? null}
        />
        <Banner
          store={data.whole}
          onDuplicate={copy}
          onSignIn={() => signingIn.set(true)}
          onUndelete={undelete}
        />
        <UndoneChanges store={data.whole} onSaveCopy={copyUndone} remedy={addAsRow} />
        {previewed && (
          <section className="preview-bar" aria-label="Preview">
            <p role="status">
              {previewed.words}
              {previewed.note !== undefined && <small> {previewed.note}</small>}
            </p>
            <button type="button" className="button small" onClick={() => preview.set(undefined)}>
              <RotateCcw size={13} aria-hidden="true" />
              Back to now
            </button>
          </section>
        )}
        <div className="editor-body">
          <main
            ref={root}
            className="surface"
            aria-label="Dashboard"
            data-preview={previewed !== undefined}
            onPointerDown={(event) => {
              if (!(event.target as Element).closest('[data-tile]')) selection.select(undefined)
            }}
          >
            <Empty store={shown} editable={editable} onAdd={() => setDialog('add')} />
            <Layout shown={shown} turned={turned} onTurn={turn} marked={previewed?.marked ?? NONE} />
            <p id="grid-keys" className="sr">
              {narrow
                ? 'Arrow up and arrow down change the order, Enter opens the options.'
                : 'Arrow keys move, Shift and arrow keys resize, Escape takes that back, Enter opens the options.'}
            </p>
            <Announcements said={announcer.said} />
          </main>
          {panel !== undefined && (
            <SidePanel
              open={panel}
              called={called}
              onOpen={setPanel}
              store={store}
              selection={selection}
              preview={preview}
              setPreview={preview.set}
              close={closePanel}
            />
          )}
        </div>
        {dialog === 'add' && <AddWidget open onClose={() => setDialog(undefined)} />}
        {dialog === 'share' && <ShareDialog store={store} open onClose={() => setDialog(undefined)} />}
      </div>
    </EditorContext>
  )
}

const NONE: readonly string[] = []

function Empty({
  store,
  editable,
  onAdd,
}: {
  readonly store: DashboardStore
  readonly editable: boolean
  readonly onAdd: () => void
}) {
  const empty = useWatched(store, (state) => Object.keys(dashboardOf(state).widgets).length === 0)
  if (!empty) return null
  return (
    <div className="surface-empty">
      <LayoutDashboard size={34} aria-hidden="true" />
      <h2>This dashboard is empty</h2>
      {editable ? (
        <>
          <p>
            Charts, notes, lists and counters go here. Everybody with whom you share it sees and edits them at
            once.
          </p>
          <button type="button" className="button primary large" onClick={onAdd}>
            <Plus size={17} aria-hidden="true" />
            Add widget
          </button>
        </>
      ) : (
        <p>Nobody has put anything on it yet.</p>
      )}
    </div>
  )
}

/** Apart, so that saying something renders this alone. */
function Announcements({ said }: { readonly said: ReturnType<typeof createAnnouncer>['said'] }) {
  return (
    <p className="sr" aria-live="polite" data-testid="announcements">
      {useWatched(said)}
    </p>
  )
}

/** The rows that are the other way round than the document has them. */
function useTurned(): readonly [ReadonlySet<string>, (id: string) => void] {
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set())
  const turn = useCallback((id: string) => {
    setTurned((before) => {
      const next = new Set(before)
      if (!next.delete(id)) next.add(id)
      return next
    })
  }, [])
  return [turned, turn]
}

/** Tells the others which widget is selected. */
function usePresenceOf(store: DashboardStore, selection: EditorThings['selection']): void {
  useEffect(() => {
    const tell = () => store.presence.set({ widget: selection.getState() })
    tell()
    const end = selection.subscribe(tell)
    return () => {
      end()
      store.presence.clear()
    }
  }, [store, selection])
}

/**
 * Ctrl+Z and its relatives take back what was done last on the screen, in the dashboard or in what it shows. What was typed into a
 * field and is in no document yet is the browser's to take back; of a note it knows only half, because others type there too.
 */
function useUndoKeys(store: DashboardStore, editable: boolean): void {
  useEffect(() => {
    if (!editable) return
    let typedInto: EventTarget | null = null
    const typed = ({ target }: Event) => {
      typedInto = target instanceof Element && target.matches(WRITTEN_AT_ONCE) ? null : target
    }
    const left = () => {
      typedInto = null
    }
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Enter' || event.key === 'Escape') left()
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return
      if (event.target === typedInto || !isOnPage(event.target)) return
      const key = event.key.toLowerCase()
      const redo = key === 'y' || (key === 'z' && event.shiftKey)
      if (!redo && key !== 'z') return
      event.preventDefault()
      if (redo) store.undoing.redo()
      else store.undoing.undo()
    }
    const ends = new AbortController()
    const { signal } = ends
    addEventListener('keydown', press, { signal })
    addEventListener('input', typed, { signal })
    addEventListener('focusin', left, { signal })
    return () => ends.abort()
  }, [store, editable])
}

/** Escape closes the panel from wherever it is pressed; what lies on top of the page keeps it to itself. */
function useEscape(open: boolean, close: () => void): void {
  useEffect(() => {
    if (!open) return
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !event.isComposing) close()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [open, close])
}

/** Each letter is in the document at once. */
const WRITTEN_AT_ONCE = '.note-writer'

/** Not in a field of a dialog or a panel, which has nothing to do with the widgets. */
function isOnPage(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return true
  const isField = target.isContentEditable || target.matches('input, textarea, select')
  return !isField || target.closest('[data-tile]') !== null
}

function usePageTitle(store: DashboardStore): void {
  const title = useWatched(store, (state) => dashboardOf(state).title)
  useEffect(() => {
    document.title = `${title || 'Untitled dashboard'} · Dovetail`
  }, [title])
}
