// A JSON Patch applied to plain values, by the letter of RFC 6902; for tests of what makes patches.

import type { Plain } from '../../src/document/plain'
import type { JsonPatchOperation } from '../../src/types'

export function patched(value: Plain, operations: readonly JsonPatchOperation[]): Plain {
  const root: { value: Plain } = { value: structuredClone(value) }
  for (const operation of operations) apply(root, operation)
  return root.value
}

function apply(root: { value: Plain }, operation: JsonPatchOperation): void {
  const steps = ['value', ...operation.path.split('/').slice(1).map(unescaped)]
  const last = steps.pop() ?? ''
  const holder = steps.reduce<unknown>((place, step) => {
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, step))
      throw new Error(`no ${step}`)
    return (place as Record<string, unknown>)[step]
  }, root) as Record<string, unknown> | unknown[]
  if (Array.isArray(holder)) {
    const at = Number(last)
    if (at > holder.length || (operation.op !== 'add' && at >= holder.length))
      throw new Error(`no item ${at}`)
    if (operation.op === 'add') holder.splice(at, 0, structuredClone(operation.value))
    else if (operation.op === 'remove') holder.splice(at, 1)
    else holder[at] = structuredClone(operation.value)
    return
  }
  if (operation.op !== 'add' && !Object.hasOwn(holder, last)) throw new Error(`no member ${last}`)
  if (operation.op === 'remove') delete holder[last]
  else holder[last] = structuredClone(operation.value)
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}
