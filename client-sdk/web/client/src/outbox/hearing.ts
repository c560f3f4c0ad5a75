// What the repo hears of what a network brings.

import type { Message, NetworkAdapter } from '../automerge'

/** Lets an adapter bring those messages only that `hears` says yes to; gives the adapter. */
export function hearing<A extends NetworkAdapter>(adapter: A, hears: (message: Message) => boolean): A {
  const emit = adapter.emit.bind(adapter)
  adapter.emit = (event, ...told) => {
    if (event === 'message' && !hears(told[0] as Message)) return false
    return emit(event, ...told)
  }
  return adapter
}
