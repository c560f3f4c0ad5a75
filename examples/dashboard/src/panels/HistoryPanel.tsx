// What was: the timeline, named versions, and any of them on the grid.
//
// Always true: what is looked at here is what the grid shows; when somebody ends the preview elsewhere, nothing is looked at here
// any more. When the panel goes, the grid shows the present again.

import { useHistory, useWatched } from '@dovetail/react'
import { useEffect, useState } from 'react'
import { useToasts } from '../app/context'
import { Tabs } from '../app/Tabs'
import { reasonOf } from '../app/toasts'
import type { PanelProps, Preview } from '../editor/slots'
import { compare, marked } from './compare'
import { isSame, type Moment } from './moments'
import { Timeline } from './Timeline'
import { useVersions } from './useVersions'
import { Versions } from './Versions'
import './panels.css'

/** The panel "History". */
export function HistoryPanel({ store, selection, setPreview, preview }: PanelProps) {
  const history = useHistory(store)
  const versions = useVersions(store)
  const toasts = useToasts()
  const [tab, setTab] = useState<'timeline' | 'versions'>('timeline')
  const [looking, setLooking] = useState<{ readonly moment: Moment; readonly preview: Preview }>()
  const shown = useWatched(preview)
  const looked = looking !== undefined && looking.preview === shown ? looking.moment : undefined
  useEffect(() => () => setPreview(undefined), [setPreview])

  const look = (moment: Moment | undefined) => {
    if (moment === undefined || isSame(looked, moment)) {
      setPreview(undefined)
      return
    }
    try {
      const next = previewOf(store, moment)
      setLooking({ moment, preview: next })
      setPreview(next)
    } catch (error) {
      toasts.show({ words: `That state cannot be shown: ${reasonOf(error)}`, tone: 'warning' })
    }
  }
  const shared = { store, selection, looked, look, versions }
  return (
    <Tabs
      className="panel-history"
      label="History"
      tabs={[
        { id: 'timeline', title: 'Timeline' },
        {
          id: 'versions',
          title: (
            <>
              Versions
              {versions.all.length > 0 && <span className="panel-count">{versions.all.length}</span>}
            </>
          ),
        },
      ]}
      chosen={tab}
      onChoose={setTab}
    >
      {tab === 'timeline' ? <Timeline {...shared} history={history} /> : <Versions {...shared} />}
    </Tabs>
  )
}

/** What widgets show is a document of its own, with a history of its own. */
const NOT_PAST = 'Layout and settings as they were; notes, tables and series are as they are now.'

/** Marks what is different now. Throws `unknown_heads`. */
function previewOf(store: PanelProps['store'], moment: Moment): Preview {
  const dashboard = store.history.at(moment.heads)
  const state = store.getState()
  const differences = state.status === 'ready' ? compare(state.value, dashboard) : []
  return {
    dashboard,
    words: `As it was ${moment.when}`,
    note: Object.values(dashboard.widgets).some(({ data }) => data !== undefined) ? NOT_PAST : undefined,
    marked: marked(differences, dashboard),
  }
}
