// The part of the dialog about what widgets show and what is not shared with the dashboard yet.

import type { DashboardStore } from '@dovetail/client'
import { useWatched } from '@dovetail/react'
import { FileStack } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { useApp } from '../app/context'
import { shareToo, shownIn, unshared, type Shown } from './shownToo'

export function ShownToo({ store }: { readonly store: DashboardStore }) {
  const { api } = useApp().dovetail
  const text = useWatched(store, shownIn)
  const shown = useMemo(() => JSON.parse(text) as readonly Shown[], [text])
  const [left, setLeft] = useState<readonly Shown[]>([])
  const [did, setDid] = useState<'nothing' | 'working' | 'shared' | 'failed'>('nothing')
  useEffect(() => {
    let wanted = true
    void unshared(api, shown).then((found) => {
      if (wanted) setLeft(found)
    })
    return () => {
      wanted = false
    }
  }, [api, shown])
  const share = async () => {
    setDid('working')
    const still = await shareToo(api, store.id, left)
    setLeft(still)
    setDid(still.length === 0 ? 'shared' : 'failed')
  }
  if (left.length === 0) {
    return did === 'shared' ? <p role="status">Shared with it, from now on.</p> : null
  }
  return (
    <section aria-label="What it shows" className="share-shown">
      <h3>Not shared with it yet</h3>
      <p className="muted">
        Some widgets show documents that were not made here. Whoever sees this dashboard does not see them
        unless you share them with it. They stay yours.
      </p>
      <ul>
        {left.map(({ id, title }) => (
          <li key={id}>
            <FileStack size={16} aria-hidden="true" /> {title}
          </li>
        ))}
      </ul>
      {did === 'failed' && <p role="alert">Not all of them could be shared. Try again in a moment.</p>}
      <button type="button" className="button" disabled={did === 'working'} onClick={() => void share()}>
        {left.length === 1 ? 'Share it too' : 'Share them too'}
      </button>
    </section>
  )
}
