// The panel beside the grid, with a tab for each thing: the widget's options, what needs attention, the history, the activity. On a
// narrow screen it is a sheet from below.

import { useWatched } from '@dovetail/react'
import { X } from 'lucide-react'
import { laterPart } from '../app/later'
import { Tabs } from '../app/Tabs'
import type { PanelId, PanelProps } from './slots'

/** Loaded when a panel is opened: whoever only looks at a dashboard needs none of them. */
const OPENING = <p className="muted panel-empty">Opening…</p>
const OptionsPanel = laterPart(
  'This panel',
  () => import('./OptionsPanel').then((panel) => panel.OptionsPanel),
  OPENING,
)

const Other = laterPart(
  'This panel',
  async () => {
    const { panels } = await import('../panels')
    return function OtherPanel({ id, ...props }: PanelProps & { readonly id: PanelId }) {
      const Panel = panels.find((panel) => panel.id === id)?.component
      return Panel ? <Panel {...props} /> : null
    }
  },
  OPENING,
)

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
      <Tabs
        label="Side panel"
        tabs={TABS.map(({ id, title }) => ({
          id,
          title:
            id === 'attention' && conflicts > 0 ? (
              <>
                {title}
                <b className="tab-count">{conflicts}</b>
              </>
            ) : (
              title
            ),
        }))}
        chosen={open}
        onChoose={onOpen}
        end={
          <button type="button" className="icon-button" aria-label="Close side panel" onClick={props.close}>
            <X size={16} aria-hidden="true" />
          </button>
        }
      >
        {open === 'options' ? <OptionsPanel {...props} /> : <Other key={open} id={open} {...props} />}
      </Tabs>
    </aside>
  )
}
