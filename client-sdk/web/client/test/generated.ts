// What the package promises of dashboards and messages is what the core says of them: checked by the compiler, nothing runs here.
//
// The promises are written for people (`src/types.ts`), the others are made of the core (`src/generated/types.ts`).

import type * as core from '../src/generated/types'
import type * as promised from '../src/types'

/** Compiles when whatever is `From` can be taken for a `To`. */
type Fits<From extends To, To> = From

export type Promises = [
  Fits<core.Dashboard, promised.Dashboard>,
  Fits<promised.Dashboard, core.Dashboard>,
  Fits<core.WidgetData, promised.WidgetData>,
  Fits<promised.WidgetData, Omit<core.WidgetData, 'retention'>>,
  Fits<core.Edit, promised.Edit>,
  Fits<promised.Edit, core.Edit>,
  Fits<core.Bounds, promised.Session['limits']>,
  Fits<core.User, NonNullable<promised.Session['user']>>,
  Fits<core.Own['type'], `dovetail-${string}`>,
  Fits<core.Undecided, promised.ConflictsState['undecided'][number]>,
  Fits<core.Beyond, promised.ConflictsState['beyond'][number]>,
  Fits<core.Cause, promised.ConflictCause>,
  Fits<core.Offer, promised.Conflict['proposals'][number]>,
  Fits<Omit<core.Conflict, 'explanation'>, Omit<promised.Conflict, 'explanation'>>,
  Fits<core.Role, promised.PermissionState['role']>,
]
