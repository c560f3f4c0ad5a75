// The panel beside the grid, with a tab for each thing: the widget's options, what needs attention, the history, the activity. On a
// narrow screen it is a sheet from below.

import { useWatched } from '@dovetail/react'
import { X } from 'lucide-react'
import { useEffect, useRef } from 'react'
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
  called,
  ...props
}: PanelProps & {
  readonly open: PanelId
  readonly onOpen: (id: PanelId) => void
  /** Another number is another wish to have the focus here. */
  readonly called: number
}) {
  const place = useRef<HTMLElement>(null)
  useFocusOf(place, called)
  const conflicts = useWatched(props.store.conflicts, (state) => state.open)
  return (
    <aside ref={place} className="side-panel" aria-label="Side panel">
      <Tabs
        label="Side panel"
        tabs={TABS.map(({ id, title }) => ({
          id,
          title:
            id === 'attention' && conflicts > 0 ? (
              <>
                {title} <b className="tab-count">{conflicts}</b>
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

/** The focus goes to the chosen tab when the panel is called, and back to where it was when the panel goes. */
function useFocusOf(place: { readonly current: HTMLElement | null }, called: number): void {
  const before = useRef<Element>(null)
  useEffect(() => {
    const { activeElement } = document
    if (!place.current?.contains(activeElement)) before.current = activeElement
    place.current?.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus()
  }, [place, called])
  useEffect(() => {
    const panel = place.current
    return () => {
      const { activeElement } = document
      const isLost = activeElement === document.body || panel?.contains(activeElement)
      if (isLost && before.current instanceof HTMLElement && before.current.isConnected)
        before.current.focus({ preventScroll: true })
    }
  }, [place])
}
