// Tabs: several panels in one place, of which one is shown.
//
// Always true: one tab can be reached by Tab, the chosen one; the arrow keys choose among all. Only the panel that is shown exists.

import { useId, type KeyboardEvent, type ReactNode } from 'react'

export interface Tab<T extends string> {
  readonly id: T
  readonly title: ReactNode
}

export interface TabsProps<T extends string> {
  /** What they are tabs of. */
  readonly label: string
  readonly tabs: readonly Tab<T>[]
  readonly chosen: T
  readonly onChoose: (id: T) => void
  /** `tabs` unless said. */
  readonly className?: string
  /** Behind the tabs, in the same line. */
  readonly end?: ReactNode
  /** The panel of the chosen tab. */
  readonly children: ReactNode
}

/** The tabs with the panel of the chosen one. */
export function Tabs<T extends string>(props: TabsProps<T>) {
  const { label, tabs, chosen, onChoose, className = 'tabs', end, children } = props
  const id = useId()
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const at = tabs.findIndex((tab) => tab.id === chosen)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key]
    const next = to === undefined ? undefined : (tabs.at(to) ?? tabs[0])
    if (!next) return
    event.preventDefault()
    onChoose(next.id)
    document.getElementById(`${id}${next.id}`)?.focus()
  }
  return (
    <div className={className}>
      <div className="tabs-head">
        <div role="tablist" aria-label={label} className="tabs-list" onKeyDown={onKeyDown}>
          {tabs.map((tab) => (
            <button
              key={tab.id}
              type="button"
              role="tab"
              id={`${id}${tab.id}`}
              className="tab"
              aria-selected={tab.id === chosen}
              aria-controls={tab.id === chosen ? `${id}panel` : undefined}
              tabIndex={tab.id === chosen ? 0 : -1}
              onClick={() => onChoose(tab.id)}
            >
              {tab.title}
            </button>
          ))}
        </div>
        {end}
      </div>
      <div
        role="tabpanel"
        id={`${id}panel`}
        aria-labelledby={`${id}${chosen}`}
        className="tab-content"
        key={chosen}
      >
        {children}
      </div>
    </div>
  )
}
