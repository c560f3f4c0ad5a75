// The side panels, besides the options of a widget, which are the editor's own. Public names only.

import { ActivityPanel } from '../activity/ActivityPanel'
import type { Panel } from '../editor/slots'
import { AttentionPanel } from './AttentionPanel'
import { HistoryPanel } from './HistoryPanel'

/** In the order of their tabs. */
export const panels: readonly Panel[] = [
  { id: 'attention', title: 'Needs attention', component: AttentionPanel },
  { id: 'history', title: 'History', component: HistoryPanel },
  { id: 'activity', title: 'Activity', component: ActivityPanel },
]
