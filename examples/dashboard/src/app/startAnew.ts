// The page begins anew: a client is one person's for as long as it is there, so another person wants another one.
//
// Always true: what was edited is on the disk by then, because the client writes it when a page goes.

/** Loads the page once more. */
export function startAnew(): void {
  location.reload()
}
