// Small pictures of the kinds, for choosing one.

import type { ReactNode } from 'react'

/** A picture of a kind; decoration beside its name. */
export function Picture({ kind }: { readonly kind: string }) {
  return (
    <svg className="kind-picture" viewBox="0 0 96 56" aria-hidden="true">
      {PICTURES[kind] ?? PICTURES['text']}
    </svg>
  )
}

const PICTURES: Readonly<Record<string, ReactNode>> = {
  timeseries: (
    <>
      <path className="p-line" d="M8 14H88M8 28H88M8 42H88" />
      <path className="p-area" d="M8 40 22 30 34 34 48 18 62 24 74 12 88 20V48H8Z" />
      <path className="p-stroke" d="M8 40 22 30 34 34 48 18 62 24 74 12 88 20" />
    </>
  ),
  stat: (
    <>
      <path className="p-area" d="M8 48 24 42 40 45 56 36 72 39 88 30V52H8Z" />
      <text className="p-number" x="48" y="32">
        128
      </text>
    </>
  ),
  gauge: (
    <>
      <path className="p-track" d="M20 46A30 30 0 1 1 76 46" />
      <path className="p-thick" d="M20 46A30 30 0 0 1 60 8.5" />
      <text className="p-number small" x="48" y="42">
        62
      </text>
    </>
  ),
  bargauge: (
    <>
      <path className="p-track flat" d="M12 14H84M12 28H84M12 42H84" />
      <path className="p-thick flat" d="M12 14H68M12 28H44M12 42H58" />
    </>
  ),
  table: (
    <>
      <rect className="p-box" x="10" y="8" width="76" height="40" rx="3" />
      <path className="p-fill" d="M10 11a3 3 0 0 1 3-3h70a3 3 0 0 1 3 3v7H10Z" />
      <path className="p-line" d="M10 28H86M10 38H86M36 18V48M62 18V48" />
    </>
  ),
  note: (
    <>
      <path className="p-box" d="M20 6H66L76 16V50H20Z" />
      <path className="p-line" d="M66 6V16H76" />
      <path className="p-stroke" d="M28 20H56" />
      <path className="p-line dark" d="M28 29H68M28 36H64M28 43H52" />
    </>
  ),
  checklist: (
    <>
      <rect className="p-fill" x="18" y="9" width="9" height="9" rx="2" />
      <path className="p-tick" d="M20 13.5 22 15.5 25.5 11.5" />
      <rect className="p-box" x="18" y="24" width="9" height="9" rx="2" />
      <rect className="p-box" x="18" y="39" width="9" height="9" rx="2" />
      <path className="p-line dark" d="M34 13.5H68M34 28.5H78M34 43.5H60" />
    </>
  ),
  counter: (
    <>
      <circle className="p-box" cx="20" cy="28" r="9" />
      <circle className="p-fill" cx="76" cy="28" r="9" />
      <path className="p-line dark" d="M16 28H24" />
      <path className="p-tick" d="M72 28H80M76 24V32" />
      <text className="p-number" x="48" y="35">
        7
      </text>
    </>
  ),
  text: (
    <>
      <path className="p-stroke" d="M18 14H50" />
      <path className="p-line dark" d="M18 25H78M18 33H74M18 41H60" />
    </>
  ),
  row: (
    <>
      <path className="p-stroke" d="M14 12 18 16 22 12" />
      <path className="p-line dark" d="M30 14H82" />
      <rect className="p-box" x="14" y="24" width="32" height="24" rx="3" />
      <rect className="p-box" x="50" y="24" width="32" height="24" rx="3" />
    </>
  ),
}

/** While what draws a widget is loaded. */
export const LOADING = <div className="view-loading" />
