// A menu behind a button.
//
// Always true: it leaves the page scrollable, because the way to stop that would put a style element into the page, which the
// page's own policy forbids.

import { DropdownMenu } from 'radix-ui'
import { useRef, type ReactNode } from 'react'
import type { LucideIcon } from 'lucide-react'

/** One thing to do. */
export interface MenuEntry {
  readonly label: string
  readonly icon?: LucideIcon
  /** Said below the label. */
  readonly hint?: string
  /** The key that does the same. */
  readonly keys?: string
  readonly disabled?: boolean
  /** Takes something away. */
  readonly danger?: boolean
  /** One of several that hold by turns. */
  readonly checked?: boolean
  /** It moves the focus elsewhere, so it is done when the menu has gone and would give the focus back. */
  readonly takesFocus?: boolean
  readonly run: () => void
}

export interface MenuProps {
  /** The button that opens it. */
  readonly children: ReactNode
  /** Groups with a line between them. */
  readonly groups: readonly (readonly MenuEntry[])[]
  readonly align?: 'start' | 'center' | 'end'
  readonly onOpenChange?: (open: boolean) => void
}

/** Shows the entries when the button is pressed. */
export function Menu({ children, groups, align = 'end', onOpenChange }: MenuProps) {
  const waiting = useRef<() => void>(undefined)
  const onCloseAutoFocus = (event: Event) => {
    const run = waiting.current
    waiting.current = undefined
    if (!run) return
    event.preventDefault()
    run()
  }
  const select = ({ takesFocus = false, run }: MenuEntry) => {
    if (takesFocus) waiting.current = run
    else run()
  }
  return (
    <DropdownMenu.Root modal={false} {...(onOpenChange ? { onOpenChange } : {})}>
      <DropdownMenu.Trigger asChild>{children}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className="menu"
          align={align}
          sideOffset={4}
          collisionPadding={8}
          onKeyDown={(event) => event.stopPropagation()}
          onCloseAutoFocus={onCloseAutoFocus}
        >
          {groups
            .filter((group) => group.length > 0)
            .map((group, at) => (
              <DropdownMenu.Group key={at} className="menu-group">
                {group.map((entry) => (
                  <Entry key={entry.label} entry={entry} onSelect={() => select(entry)} />
                ))}
              </DropdownMenu.Group>
            ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}

function Entry({ entry, onSelect }: { readonly entry: MenuEntry; readonly onSelect: () => void }) {
  const { label, icon: Icon, hint, keys, disabled = false, danger = false, checked } = entry
  const inside = (
    <>
      {checked !== undefined && <span className="menu-dot" aria-hidden="true" data-on={checked} />}
      {Icon && <Icon size={15} aria-hidden="true" />}
      <span className="menu-words">
        {label}
        {hint !== undefined && <small>{hint}</small>}
      </span>
      {keys !== undefined && <kbd aria-hidden="true">{keys}</kbd>}
    </>
  )
  const className = `menu-item${danger ? ' danger' : ''}`
  if (checked !== undefined) {
    return (
      <DropdownMenu.CheckboxItem
        className={className}
        checked={checked}
        disabled={disabled}
        onSelect={onSelect}
      >
        {inside}
      </DropdownMenu.CheckboxItem>
    )
  }
  return (
    <DropdownMenu.Item className={className} disabled={disabled} onSelect={onSelect}>
      {inside}
    </DropdownMenu.Item>
  )
}
