// The menu of the app itself: light or dark, who we are, and what the keys do.

import { useWatched } from '@dovetail/react'
import { EllipsisVertical, Keyboard, KeyRound, LogOut, Monitor, Moon, Sun } from 'lucide-react'
import { useState } from 'react'
import { useApp } from './context'
import { Dialog } from './Dialog'
import { Menu, type MenuEntry } from './Menu'
import { SignOut } from './SignOut'

const THEMES = [
  { choice: 'system', label: 'Theme of the system', icon: Monitor },
  { choice: 'light', label: 'Light theme', icon: Sun },
  { choice: 'dark', label: 'Dark theme', icon: Moon },
] as const

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['Tab', 'To the next widget, and what is in it'],
  ['Arrow keys', 'Move the widget'],
  ['Shift + arrow keys', 'Resize the widget'],
  ['Esc', 'Take back the move; close the panel'],
  ['Enter', 'Options of the widget'],
  ['F2', 'Rename the widget'],
  ['Delete', 'Remove the widget'],
  ['Ctrl + Z', 'Undo'],
  ['Ctrl + Shift + Z', 'Redo'],
]

/** `more`: entries of the screen, above those of the app. */
export function AppMenu({ more = [] }: { readonly more?: readonly MenuEntry[] }) {
  const { theme, credentials, dovetail, signingIn } = useApp()
  const { choice } = useWatched(theme)
  const user = useWatched(dovetail.session)?.user
  // It let us in without a token and without a link: there is nothing to sign in with.
  const asksNobody = user === null && credentials.token() === undefined && credentials.linkInUse === undefined
  const byLink = credentials.token() === undefined && credentials.linkInUse !== undefined
  const [keysShown, showKeys] = useState(false)
  const [leaving, setLeaving] = useState(false)
  const account: MenuEntry[] = [
    ...(asksNobody
      ? []
      : [
          {
            label: user && !byLink ? `Signed in as ${user.name ?? user.id}` : 'Sign in…',
            ...(user ? { hint: byLink ? 'You are here by a link' : 'Use another token' } : {}),
            icon: KeyRound,
            run: () => signingIn.set(true),
          },
        ]),
    ...(credentials.token() === undefined
      ? []
      : [
          {
            label: 'Sign out…',
            icon: LogOut,
            run: () => setLeaving(true),
          },
        ]),
  ]
  return (
    <>
      <Menu
        label="Menu"
        groups={[
          more,
          THEMES.map(({ choice: each, label, icon }) => ({
            label,
            icon,
            checked: each === choice,
            run: () => theme.choose(each),
          })),
          account,
          [{ label: 'Keyboard shortcuts', icon: Keyboard, run: () => showKeys(true) }],
        ]}
      >
        <EllipsisVertical size={17} aria-hidden="true" />
      </Menu>
      <SignOut open={leaving} onClose={() => setLeaving(false)} />
      <Dialog open={keysShown} title="Keyboard shortcuts" onClose={() => showKeys(false)}>
        <dl className="keys">
          {KEYS.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </Dialog>
    </>
  )
}
