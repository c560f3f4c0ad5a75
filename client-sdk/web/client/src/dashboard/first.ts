// The change that every dashboard starts from, and every widget data document, as the core makes them: the same bytes everywhere.
// Two clients that set up the same document while apart make one and the same change, so `widgets` and `grid` exist once.

import { fromHex } from '../hex'
import { FIRST_DASHBOARD, FIRST_WIDGET_DATA } from '../generated/constants'

/** A dashboard in which nobody did anything yet, in Automerge's own format. */
export function firstDashboard(): Uint8Array {
  return fromHex(FIRST_DASHBOARD)
}

/** A widget data document in which there is nothing yet, with a place for each shape. */
export function firstWidgetData(): Uint8Array {
  return fromHex(FIRST_WIDGET_DATA)
}
