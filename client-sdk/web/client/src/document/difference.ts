// What differs between two plain values, as a JSON Patch (RFC 6902) of `add`, `replace` and `remove`.
//
// Always true: applied in its order to the first value, it gives the second. Lists are compared place by place from both
// ends, so an item that is inserted is one `add`.

import type { JsonPatchOperation } from '../types'
import { isObject, samePlain, type Plain } from './plain'

/** Nothing when both read the same. */
export function difference(from: Plain, to: Plain, pointer = ''): JsonPatchOperation[] {
  if (samePlain(from, to)) return []
  if (isObject(from) && isObject(to)) return ofMembers(from, to, pointer)
  if (Array.isArray(from) && Array.isArray(to))
    return ofItems(from as readonly Plain[], to as readonly Plain[], pointer)
  return [{ op: 'replace', path: pointer, value: to }]
}

function ofMembers(
  from: { readonly [n: string]: Plain },
  to: { readonly [n: string]: Plain },
  pointer: string,
): JsonPatchOperation[] {
  const removed = Object.keys(from).filter((name) => !Object.hasOwn(to, name))
  return [
    ...removed.map((name): JsonPatchOperation => ({ op: 'remove', path: `${pointer}/${escaped(name)}` })),
    ...Object.entries(to).flatMap(([name, value]): JsonPatchOperation[] => {
      const path = `${pointer}/${escaped(name)}`
      const before = Object.hasOwn(from, name) ? from[name] : undefined
      return before === undefined ? [{ op: 'add', path, value }] : difference(before, value, path)
    }),
  ]
}

function ofItems(from: readonly Plain[], to: readonly Plain[], pointer: string): JsonPatchOperation[] {
  let start = 0
  while (start < from.length && start < to.length && samePlain(from[start], to[start])) start++
  let end = 0
  const most = Math.min(from.length, to.length) - start
  while (end < most && samePlain(from[from.length - 1 - end], to[to.length - 1 - end])) end++
  const before = from.slice(start, from.length - end)
  const after = to.slice(start, to.length - end)
  const changed = Math.min(before.length, after.length)
  const path = (n: number) => `${pointer}/${start + n}`
  return [
    ...after.slice(0, changed).flatMap((value, n) => difference(before[n] ?? null, value, path(n))),
    // From behind, so that the places of those before stay.
    ...before
      .slice(changed)
      .map((_, n): JsonPatchOperation => ({ op: 'remove', path: path(before.length - 1 - n) })),
    ...after
      .slice(changed)
      .map((value, n): JsonPatchOperation => ({ op: 'add', path: path(changed + n), value })),
  ]
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
