// The bar of the editor: where one is, how it is, who is here, and what can be done.

import type { DashboardStore } from '@dovetail/client'
import { DashboardSyncIndicator, PresenceAvatars, useWatched } from '@dovetail/react'
import { Copy, Download, FileJson, History, Plus, Redo2, Share2, Undo2, Zap } from 'lucide-react'
import { AppMenu } from '../app/AppMenu'
import { useApp } from '../app/context'
import { Link } from '../app/Link'
import { Logo } from '../app/Logo'
import { Menu, type MenuEntry } from '../app/Menu'
import { navigate } from '../app/routes'
import { exports } from '../files/exports'
import { said } from '../widgets/said'
import { isComposing } from './composing'
import { useEditor } from './context'
import { dashboardOf } from './shown'
import type { PanelId } from './slots'
import { useMedia } from './useMedia'

export interface EditorHeaderProps {
  /** The dashboard with all that it shows. */
  readonly whole: DashboardStore
  readonly panel: PanelId | undefined
  readonly onPanel: (id: PanelId | undefined) => void
  readonly onAdd: () => void
  readonly onShare: () => void
  readonly onDuplicate: () => void
  /** The element that shows the grid, for a picture of it. */
  readonly grid: () => HTMLElement | null
}

export function EditorHeader({
  whole,
  panel,
  onPanel,
  onAdd,
  onShare,
  onDuplicate,
  grid,
}: EditorHeaderProps) {
  const { store, editable } = useEditor()
  const { dovetail, toasts } = useApp()
  const { undo, redo } = useWatched(store.undoing)
  const toggle = (id: PanelId) => onPanel(panel === id ? undefined : id)
  const ways = exports.map(({ label, hint, run }): MenuEntry => ({
    label,
    hint,
    icon: Download,
    run: () =>
      void run({ store, dovetail, grid }).then(
        (notes) => {
          if (notes.length > 0) toasts.show({ words: notes.join(' '), tone: 'warning', lastsMs: 10_000 })
        },
        (error: unknown) => toasts.failed(`Exporting ${label}`, error),
      ),
  }))
  // Where the bar has no room for the button, its menu is part of the other one.
  const small = useMedia('(max-width: 640px)')
  const more: readonly MenuEntry[] = [
    { label: 'Duplicate dashboard', icon: Copy, run: onDuplicate },
    { label: 'Activity', icon: Zap, run: () => onPanel('activity') },
    { label: 'View as JSON', icon: FileJson, run: () => navigate({ screen: 'json', id: store.id }) },
    ...(small ? ways.map((way) => ({ ...way, label: `Export: ${way.label}` })) : []),
  ]
  return (
    <header className="bar editor-bar">
      <Link to={{ screen: 'list' }} className="home" label="All dashboards">
        <Logo />
      </Link>
      <Title store={store} editable={editable} />
      <DashboardSyncIndicator store={whole} onShowConflicts={() => onPanel('attention')} />
      <div className="bar-space" />
      <PresenceAvatars store={store} most={3} />
      <div className="toolbar" role="toolbar" aria-label="Edit">
        <div className="button-pair">
          <button
            type="button"
            className="icon-button"
            aria-label={undo === undefined ? 'Undo' : `Undo: ${said(undo)}`}
            title={undo === undefined ? 'Undo' : `Undo: ${said(undo)}`}
            disabled={undo === undefined || !editable}
            onClick={() => store.undoing.undo()}
          >
            <Undo2 size={17} aria-hidden="true" />
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label={redo === undefined ? 'Redo' : `Redo: ${said(redo)}`}
            title={redo === undefined ? 'Redo' : `Redo: ${said(redo)}`}
            disabled={redo === undefined || !editable}
            onClick={() => store.undoing.redo()}
          >
            <Redo2 size={17} aria-hidden="true" />
          </button>
        </div>
        <button type="button" className="button" onClick={onAdd} disabled={!editable}>
          <Plus size={16} aria-hidden="true" />
          Add widget
        </button>
        <button
          type="button"
          className="button"
          aria-pressed={panel === 'history'}
          onClick={() => toggle('history')}
        >
          <History size={15} aria-hidden="true" />
          History
        </button>
        <Menu label="Export" className="icon-button framed export" title="Export" groups={[ways]}>
          <Download size={16} aria-hidden="true" />
        </Menu>
        <button type="button" className="button primary" onClick={onShare}>
          <Share2 size={15} aria-hidden="true" />
          Share
        </button>
      </div>
      <AppMenu more={more} />
    </header>
  )
}

function Title({ store, editable }: { readonly store: DashboardStore; readonly editable: boolean }) {
  const { act } = useEditor()
  const title = useWatched(store, (state) => dashboardOf(state).title)
  return (
    <h1 className="title">
      {/* As wide as its words: the copy of them below the field makes the room. */}
      <span className="title-room" aria-hidden="true">
        {title || 'Untitled dashboard'}
      </span>
      <input
        aria-label="Title of the dashboard"
        placeholder="Untitled dashboard"
        value={title}
        readOnly={!editable}
        onChange={(event) => act({ edit: 'setTitle', title: event.target.value }, { typing: true })}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' && event.key !== 'Escape') return
          event.stopPropagation()
          if (!isComposing(event)) event.currentTarget.blur()
        }}
      />
    </h1>
  )
}
