// The panel beside the grid, with a tab for each thing: the widget's options, what needs attention, the history, the activity. On a
// narrow screen it is a sheet from below.

import { useWatched } from '@dovetail/react'
import { X } from 'lucide-react'
import { Tabs } from 'radix-ui'
import { lazy, Suspense } from 'react'
import { OptionsPanel } from './OptionsPanel'
import type { PanelId, PanelProps } from './slots'

/** The panels of other parts of the app, loaded when one is opened. */
const Other = lazy(async () => {
  const { panels } = await import('../panels')
  return {
    default: function OtherPanel({ id, ...props }: PanelProps & { readonly id: PanelId }) {
      const Panel = panels.find((panel) => panel.id === id)?.component
      return Panel ? <Panel {...props} /> : null
    },
  }
})

const TABS: readonly { readonly id: PanelId; readonly title: string }[] = [
  { id: 'options', title: 'Widget' },
  { id: 'attention', title: 'Needs attention' },
  { id: 'history', title: 'History' },
  { id: 'activity', title: 'Activity' },
]

export function SidePanel({
  open,
  onOpen,
  ...props
}: PanelProps & { readonly open: PanelId; readonly onOpen: (id: PanelId) => void }) {
  const conflicts = useWatched(props.store.conflicts, (state) => state.open)
  return (
    <aside
      className="side-panel"
      aria-label="Side panel"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) props.close()
      }}
    >
      <Tabs.Root value={open} onValueChange={(id) => onOpen(id as PanelId)} className="tabs">
        <div className="tabs-head">
          <Tabs.List className="tabs-list" aria-label="Side panel">
            {TABS.map(({ id, title }) => (
              <Tabs.Trigger key={id} value={id} className="tab">
                {title}
                {id === 'attention' && conflicts > 0 && <b className="tab-count">{conflicts}</b>}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          <button type="button" className="icon-button" aria-label="Close side panel" onClick={props.close}>
            <X size={16} aria-hidden="true" />
          </button>
        </div>
        {TABS.map(({ id }) => (
          <Tabs.Content key={id} value={id} className="tab-content" tabIndex={-1}>
            {id === 'options' ? (
              <OptionsPanel {...props} />
            ) : (
              <Suspense fallback={<p className="muted panel-empty">Opening…</p>}>
                <Other id={id} {...props} />
              </Suspense>
            )}
          </Tabs.Content>
        ))}
      </Tabs.Root>
    </aside>
  )
}
