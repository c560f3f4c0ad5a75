// Who we are to the server: a token, or the secrets of links that we were given.
//
// Always true: a secret that came in the address is taken out of it before anything else happens, so that it stands in no
// history and in no picture of the page. A token is kept for this tab, or for this device when somebody wants that; the secret of
// a link is kept for this device with the document that it opened. What the page keeps on the device is in a store of whoever it
// began as, so that nobody is shown, or sends, what somebody else made here.

import { storageNameOf } from '@dovetail/client'

/** What the page may show. */
export interface Credentials {
  /** The token to send, if there is one. */
  readonly token: () => string | undefined
  readonly signIn: (token: string, stay: boolean) => void
  readonly signOut: () => void
  /** The secret of the link that this page came by, or by which the document was opened before. */
  readonly linkFor: (documentId: string | undefined) => string | undefined
  /** The one that this page began with. */
  readonly linkInUse: string | undefined
  /** What the store is called of whoever this page began as. */
  readonly storageName: string
  /** Somebody else signed in since the page began, in this tab or in another one: the page has to begin anew. */
  readonly isSomebodyElse: () => boolean
  /** What `documentId` was opened or made by: the link of this page, where nobody is signed in. */
  readonly opened: (documentId: string) => void
  /** The secrets of all links leave the device. */
  readonly forgetLinks: () => void
}

const TOKEN = 'dovetail.token'
const LINKS = 'dovetail.links'
const LINK_SECRET = /^dvl_[A-Za-z0-9_-]{1,252}$/

/** Takes the secrets out of the address. `documentId` is the document that the address names. */
export function readCredentials(documentId: string | undefined): Credentials {
  const memory = new Map<string, string>()
  const hash = new URLSearchParams(location.hash.slice(1))
  const token = hash.get('token')
  const link = hash.get('link')
  if (token !== null || link !== null) {
    hash.delete('token')
    hash.delete('link')
    const rest = hash.toString()
    history.replaceState(history.state, '', location.pathname + location.search + (rest ? `#${rest}` : ''))
  }
  if (token) write(memory, 'tab', TOKEN, token)
  const keepLink = (id: string, secret: string) =>
    write(memory, 'device', LINKS, JSON.stringify({ ...links(memory), [id]: secret }))
  if (link && LINK_SECRET.test(link) && documentId) keepLink(documentId, link)
  const linkFor = (id: string | undefined) => {
    const all = links(memory)
    // An address may have any name in it, also one that every object answers to.
    return id !== undefined && Object.hasOwn(all, id) ? all[id] : undefined
  }
  const linkInUse = linkFor(documentId)
  const tokenNow = () => read(memory, 'tab', TOKEN) ?? read(memory, 'device', TOKEN)
  const nameNow = () => storageNameOf({ token: tokenNow(), link: linkInUse })
  let storageName = nameNow()
  return {
    token: tokenNow,
    signIn: (value, stay) => {
      const wasNobody = tokenNow() === undefined
      remove(memory, TOKEN)
      write(memory, stay ? 'device' : 'tab', TOKEN, value)
      // Nothing is kept in this browser, and the token would not outlive the page: who signs in is who has been here all along.
      if (wasNobody && memory.has(TOKEN)) storageName = nameNow()
    },
    signOut: () => remove(memory, TOKEN),
    linkFor,
    linkInUse,
    get storageName() {
      return storageName
    },
    isSomebodyElse: () => nameNow() !== storageName,
    opened: (id) => {
      if (linkInUse !== undefined && tokenNow() === undefined && linkFor(id) === undefined)
        keepLink(id, linkInUse)
    },
    forgetLinks: () => remove(memory, LINKS),
  }
}

function links(memory: Map<string, string>): Record<string, string> {
  try {
    const value: unknown = JSON.parse(read(memory, 'device', LINKS) ?? '{}')
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, string] => LINK_SECRET.test(String(entry[1]))),
    )
  } catch {
    return {}
  }
}

type Place = 'tab' | 'device'

function storage(place: Place): Storage {
  return place === 'tab' ? sessionStorage : localStorage
}

function read(memory: Map<string, string>, place: Place, key: string): string | undefined {
  try {
    return storage(place).getItem(key) ?? undefined
  } catch {
    return memory.get(key)
  }
}

function write(memory: Map<string, string>, place: Place, key: string, value: string): void {
  try {
    storage(place).setItem(key, value)
  } catch {
    // Storage is denied: it holds until the page is left.
    memory.set(key, value)
  }
}

function remove(memory: Map<string, string>, key: string): void {
  memory.delete(key)
  for (const place of ['tab', 'device'] as const) {
    try {
      storage(place).removeItem(key)
    } catch {
      // There is nothing to remove.
    }
  }
}
