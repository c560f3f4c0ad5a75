// Says that a newer version is there, and takes it when somebody wants that: never by itself, somebody may be typing.

import { RefreshCw } from 'lucide-react'
import { useSyncExternalStore, type ReactNode } from 'react'
import { appUpdate } from './start'
import './offline.css'

/** Nothing while there is no update. */
export function UpdatePrompt(): ReactNode {
  const update = useSyncExternalStore(appUpdate.subscribe, appUpdate.getState)
  return (
    <div role="status" className="update-prompt-place">
      {update.status === 'waiting' && (
        <div className="update-prompt">
          <RefreshCw aria-hidden="true" size={14} />
          <span>Update available</span>
          <button type="button" className="button small primary" onClick={update.apply}>
            Reload to update
          </button>
        </div>
      )}
      {update.status === 'applying' && <div className="update-prompt">Updating…</div>}
    </div>
  )
}
