// The editor of one dashboard: bar, banners, grid or column, side panel, dialogs.
//
// Edit path: ← tiles, panels, keys → `act` → the store, as one change each → everything that follows the store.
//
// Always true: nothing here holds a copy of the dashboard. What is only looked at (selection, preview, folded rows) is here and in no
// document.

import type { DashboardStore, Edit, EditOptions } from '@dovetail/client'
import { UndoneChanges, useWatched } from '@dovetail/react'
import { LayoutDashboard, Plus, RotateCcw } from 'lucide-react'
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useApp } from '../app/context'
import { bringBack } from '../app/belongings'
import { duplicate } from '../app/duplicate'
import { navigate } from '../app/routes'
import { watched } from '../app/watched'
import { createAnnouncer } from './announcer'
import { Banner } from './Banner'
import { Column } from './Column'
import { EditorContext, type Editor as EditorThings } from './context'
import { EditorHeader } from './EditorHeader'
import { createOpenData } from './openData'
import { createSelection, revealTile } from './selection'
import { dashboardOf, withPreview } from './shown'
import { SidePanel } from './SidePanel'
import type { PanelId, Preview } from './slots'
import { NARROW, useMedia } from './useMedia'

// What not everybody opens is loaded when somebody does. The grid brings a library for drags along, which a phone has no use for.
const Grid = lazy(() => import('./Grid').then((grid) => ({ default: grid.Grid })))
const AddWidget = lazy(() => import('./AddWidget').then((add) => ({ default: add.AddWidget })))
const ShareDialog = lazy(() => import('../share').then((share) => ({ default: share.ShareDialog })))

/** Shows a dashboard that is there. */
export function Editor({ store }: { readonly store: DashboardStore }) {
  const { dovetail, toasts, signingIn } = useApp()
  const narrow = useMedia(NARROW)
  const root = useRef<HTMLElement>(null)
  const announcer = useMemo(() => createAnnouncer(), [])
  const selection = useMemo(() => createSelection(revealTile), [])
  const data = useMemo(() => createOpenData(store), [store])
  const preview = useMemo(() => watched<Preview | undefined>(undefined), [])
  const previewed = useWatched(preview)
  const [panel, setPanel] = useState<PanelId | undefined>(undefined)
  const [called, call] = useState(0)
  const [dialog, setDialog] = useState<'add' | 'share' | undefined>(undefined)
  const [turned, turn] = useTurned()
  const role = useWatched(store.permission, (permission) => permission.role)
  const full = useWatched(store.saving, (saving) => saving.room === 'full')
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
    }),
    [store, selection, editable, act, attempt, announcer, openOptions, data],
  )
  usePresenceOf(store, selection)
  useUndoKeys(store, editable)
  usePageTitle(store)
  const closePanel = useCallback(() => {
    setPanel(undefined)
    preview.set(undefined)
  }, [preview])
  useEscape(panel !== undefined, closePanel)

  const copy = () => {
    const dashboard = dashboardOf(shown.getState())
    duplicate(dovetail, dashboard, `Copy of ${dashboard.title || 'Untitled dashboard'}`).then(
      (id) => {
        navigate({ screen: 'editor', id })
        toasts.show({ words: 'This is your copy.', tone: 'good' })
      },
      (error: unknown) => toasts.failed('Duplicating', error),
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
        <Banner store={store} onDuplicate={copy} onSignIn={() => signingIn.set(true)} onUndelete={undelete} />
        <UndoneChanges store={data.whole} onSaveCopy={copy} />
        {previewed && (
          <section className="preview-bar" aria-label="Preview">
            <p role="status">{previewed.words}</p>
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
            <Suspense fallback={null}>
              <Layout shown={shown} turned={turned} onTurn={turn} marked={previewed?.marked ?? NONE} />
            </Suspense>
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
        <Suspense fallback={null}>
          {dialog === 'add' && <AddWidget open onClose={() => setDialog(undefined)} />}
          {dialog === 'share' && <ShareDialog store={store} open onClose={() => setDialog(undefined)} />}
        </Suspense>
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

/** Ctrl+Z and its relatives, everywhere but where the browser has an undo of its own. */
function useUndoKeys(store: DashboardStore, editable: boolean): void {
  useEffect(() => {
    if (!editable) return
    const press = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || isTyping(event.target)) return
      const key = event.key.toLowerCase()
      const redo = key === 'y' || (key === 'z' && event.shiftKey)
      if (!redo && key !== 'z') return
      event.preventDefault()
      if (redo) store.undoing.redo()
      else store.undoing.undo()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [store, editable])
}

/** Escape closes the panel from wherever it is pressed; what lies on top of the page keeps it to itself. */
function useEscape(open: boolean, close: () => void): void {
  useEffect(() => {
    if (!open) return
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented) close()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [open, close])
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'))
  )
}

function usePageTitle(store: DashboardStore): void {
  const title = useWatched(store, (state) => dashboardOf(state).title)
  useEffect(() => {
    document.title = `${title || 'Untitled dashboard'} · Dovetail`
  }, [title])
}
