// The root key that belongs to Dovetail, and the change that sets it up.
//
// Always true: the change that makes `_dovetail` and its three maps is the same bytes everywhere and depends on nothing. So two
// people who write their first entries while apart write them into one map, not into two of which one is lost.

import { Automerge } from '../automerge'
import { ENTRY_CHANGE, RESERVED_KEY } from '../generated/constants'
import { fromHex } from '../hex'
import type { Handle } from './changes'
import { isMap, memberOf, type Members } from './json'

/** What stands below the key. */
export type Section = 'waived' | 'settled' | 'versions'

let made: { readonly hash: string; readonly bytes: Uint8Array } | undefined

/** The change that makes the key and three empty maps in it; its hash is the same everywhere. */
export function entryChange(): { readonly hash: string; readonly bytes: Uint8Array } {
  made ??= make()
  return made
}

/** The change, unless the document has it. Whoever writes below the key brings it into the document first. */
export function missingEntry(handle: Handle): Uint8Array | undefined {
  const { hash, bytes } = entryChange()
  return handle.getChangeMetaByHash(hash) ? undefined : bytes
}

/** The map of a section, when there is one. */
export function findSection(root: Members, section: Section): Members | undefined {
  const reserved = memberOf(root, RESERVED_KEY)
  const found = isMap(reserved) ? memberOf(reserved, section) : undefined
  return isMap(found) ? found : undefined
}

/** The map of a section, made where it is missing. What a stranger put in its place is replaced: the key is reserved. */
export function ensureSection(handle: Handle, section: Section): string {
  return ensureMap(handle, ensureMap(handle, '_root', RESERVED_KEY), section)
}

function ensureMap(handle: Handle, object: string, name: string): string {
  const found = handle.getWithType(object, name)
  return found?.[0] === 'map' ? found[1] : handle.putObject(object, name, {})
}

function make(): { readonly hash: string; readonly bytes: Uint8Array } {
  const bytes = fromHex(ENTRY_CHANGE)
  return { hash: Automerge.decodeChange(bytes).hash, bytes }
}
