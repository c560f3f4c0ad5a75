// What a conflict is known by, and what its facts are known by.
//
// Always true: both are made of the document's id, the rule's id, subjects and values, and of nothing else: no time, no heads,
// no order of arrival. So every replica and the server find the same.

import { byBytes, digest } from './text'

/** A conflict's id. The subjects are in byte order. */
export function conflictId(documentId: string, rule: string, subjects: readonly string[]): string {
  return digest(JSON.stringify([documentId, rule, ...subjects]))
}

/** A conflict's fingerprint. The values are canonical JSON, in any order. */
export function fingerprintOf(id: string, values: readonly string[]): string {
  return digest(`[${[JSON.stringify(id), ...[...values].sort(byBytes)].join(',')}]`)
}
