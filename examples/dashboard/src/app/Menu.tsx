// A menu behind a button.
//
// Always true: while it is open it has the focus, and one entry at most is marked; whoever leaves it by Escape or by choosing is
// back at the button, unless the choice itself goes elsewhere. It styles itself through properties of its own element alone,
// because the page's policy forbids style elements.

import {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactNode,
} from 'react'
import { createPortal } from 'react-dom'
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
  /** It moves the focus elsewhere, so the button does not get it back. */
  readonly takesFocus?: boolean
  readonly run: () => void
}

export interface MenuProps {
  /** What the button that opens it is called, and the menu with it. */
  readonly label: string
  /** Of the button. */
  readonly className?: string
  /** Shown to who points at the button. */
  readonly title?: string
  /** What stands on the button. */
  readonly children: ReactNode
  /** Groups with a line between them. */
  readonly groups: readonly (readonly MenuEntry[])[]
}

/** Which entry is marked when the menu opens; `none`: somebody who points will mark one. */
type Opening = 'none' | 'first' | 'last'

/** Shows the entries when the button is pressed. */
export function Menu({ label, className = 'icon-button', title, children, groups }: MenuProps) {
  const button = useRef<HTMLButtonElement>(null)
  const id = useId()
  const [open, setOpen] = useState<Opening | undefined>(undefined)
  const close = useCallback((back: boolean) => {
    if (back) button.current?.focus()
    setOpen(undefined)
  }, [])
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        title={title}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open !== undefined}
        aria-controls={open === undefined ? undefined : id}
        onClick={({ detail }) => {
          // A press by key has no clicks to count.
          setOpen(open === undefined ? (detail === 0 ? 'first' : 'none') : undefined)
        }}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
          event.preventDefault()
          event.stopPropagation()
          setOpen(event.key === 'ArrowDown' ? 'first' : 'last')
        }}
      >
        {children}
      </button>
      {open !== undefined &&
        createPortal(
          <Entries
            id={id}
            label={label}
            groups={groups.filter((group) => group.length > 0)}
            button={button}
            opening={open}
            close={close}
          />,
          document.body,
        )}
    </>
  )
}

interface EntriesProps {
  readonly id: string
  readonly label: string
  readonly groups: MenuProps['groups']
  readonly button: { readonly current: HTMLElement | null }
  readonly opening: Opening
  /** With `back` the button gets the focus. */
  readonly close: (back: boolean) => void
}

function Entries({ id, label, groups, button, opening, close }: EntriesProps) {
  const menu = useRef<HTMLDivElement>(null)
  const search = useSearch(menu)
  usePlace(menu, button)
  useClosing(menu, button, close)
  useLayoutEffect(() => {
    const all = entriesIn(menu.current)
    const marked = opening === 'none' ? undefined : all.at(opening === 'first' ? 0 : -1)
    ;(marked ?? menu.current)?.focus({ preventScroll: true })
  }, [opening])

  const onKeyDown = (event: KeyboardEvent) => {
    // What is pressed here is meant for nothing around the button.
    event.stopPropagation()
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Tab') {
      // From the button on, as if the menu were not there.
      close(true)
      return
    }
    if (event.key === 'Escape') close(true)
    else if (!move(menu.current, event.key) && !search(event.key)) return
    event.preventDefault()
  }
  const choose = ({ takesFocus = false, run }: MenuEntry) => {
    close(!takesFocus)
    run()
  }
  return (
    <div
      ref={menu}
      id={id}
      className="menu"
      role="menu"
      aria-label={label}
      tabIndex={-1}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => event.stopPropagation()}
      onContextMenu={(event) => event.preventDefault()}
    >
      {groups.map((group, at) => (
        <div key={at} role="group" className="menu-group">
          {group.map((entry) => (
            <Entry key={entry.label} entry={entry} onChoose={() => choose(entry)} />
          ))}
        </div>
      ))}
    </div>
  )
}

function Entry({ entry, onChoose }: { readonly entry: MenuEntry; readonly onChoose: () => void }) {
  const { label, icon: Icon, hint, keys, disabled = false, danger = false, checked } = entry
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      aria-disabled={disabled || undefined}
      className={`menu-item${danger ? ' danger' : ''}`}
      tabIndex={-1}
      onPointerMove={(event) => {
        if (event.pointerType === 'mouse' && document.activeElement !== event.currentTarget)
          event.currentTarget.focus({ preventScroll: true })
      }}
      onClick={() => {
        if (!disabled) onChoose()
      }}
    >
      {checked !== undefined && <span className="menu-dot" aria-hidden="true" />}
      {Icon && <Icon size={15} aria-hidden="true" />}
      <span className="menu-words">
        {label}
        {hint !== undefined && <small>{hint}</small>}
      </span>
      {keys !== undefined && <kbd aria-hidden="true">{keys}</kbd>}
    </button>
  )
}

/** Those that can be chosen. */
function entriesIn(menu: HTMLElement | null): readonly HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>('.menu-item:not([aria-disabled])') ?? [])]
}

/** Marks another entry by a key; false when the key means none. From the last one it goes on to the first. */
function move(menu: HTMLElement | null, key: string): boolean {
  const all = entriesIn(menu)
  const at = all.findIndex((entry) => entry === document.activeElement)
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[key]
  if (to === undefined || all.length === 0) return false
  all.at(to >= all.length ? 0 : to)?.focus()
  return true
}

/** Letters that are typed within this time are one word, in milliseconds. */
const SAME_WORD_MS = 700

/** Marks the next entry that begins with what is typed; false for keys that are no letters. */
function useSearch(menu: { readonly current: HTMLElement | null }): (key: string) => boolean {
  const typed = useRef({ word: '', atMs: 0 })
  return (key) => {
    if (key.length !== 1 || (key === ' ' && typed.current.word === '')) return false
    const nowMs = Date.now()
    const { word: before, atMs } = typed.current
    const word = (nowMs - atMs < SAME_WORD_MS ? before : '') + key.toLowerCase()
    typed.current = { word, atMs: nowMs }
    const all = entriesIn(menu.current)
    const at = all.findIndex((entry) => entry === document.activeElement)
    // A word that goes on may still mean the same entry.
    const from = word.length === 1 ? at + 1 : Math.max(0, at)
    const inTurn = [...all.slice(from), ...all.slice(0, from)]
    inTurn.find((entry) => entry.textContent.trim().toLowerCase().startsWith(word))?.focus()
    return true
  }
}

/** From the button and from the edges of the page, in pixels. */
const GAP = 4
const MARGIN = 8
/** A menu with less room than that goes to the other side, where there is more. */
const ROOM_LEAST = 240

/** Below the button, or above it where there is more room; its end at the button's end. */
function usePlace(
  menu: { readonly current: HTMLElement | null },
  button: { readonly current: HTMLElement | null },
): void {
  useLayoutEffect(() => {
    const place = () => {
      const [element, from] = [menu.current, button.current?.getBoundingClientRect()]
      if (!element || !from) return
      const { clientWidth, clientHeight } = document.documentElement
      const wanted = element.scrollHeight + 2
      const below = clientHeight - from.bottom - GAP - MARGIN
      const above = from.top - GAP - MARGIN
      const up = below < Math.min(wanted, ROOM_LEAST) && above > below
      const height = Math.min(wanted, up ? above : below)
      const left = Math.min(from.right - element.offsetWidth, clientWidth - MARGIN - element.offsetWidth)
      element.style.maxHeight = `${up ? above : below}px`
      element.style.left = `${Math.max(MARGIN, left)}px`
      element.style.top = `${up ? from.top - GAP - height : from.bottom + GAP}px`
      element.style.transformOrigin = up ? '100% 100%' : '100% 0'
    }
    place()
    addEventListener('resize', place)
    // Whatever scrolls on the page takes the button with it.
    addEventListener('scroll', place, true)
    return () => {
      removeEventListener('resize', place)
      removeEventListener('scroll', place, true)
    }
  }, [menu, button])
}

/** A press elsewhere closes it, and so does a focus that goes elsewhere. */
function useClosing(
  menu: { readonly current: HTMLElement | null },
  button: { readonly current: HTMLElement | null },
  close: (back: boolean) => void,
): void {
  useEffect(() => {
    const elsewhere = (event: Event) => {
      const { target } = event
      if (!(target instanceof Node) || menu.current?.contains(target)) return
      // The button closes it by itself.
      if (!button.current?.contains(target)) close(false)
    }
    addEventListener('pointerdown', elsewhere, true)
    addEventListener('focusin', elsewhere)
    return () => {
      removeEventListener('pointerdown', elsewhere, true)
      removeEventListener('focusin', elsewhere)
    }
  }, [menu, button, close])
}
