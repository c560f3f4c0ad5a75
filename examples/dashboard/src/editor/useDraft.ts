// What somebody types into a field and has not written yet: a cell, or a name.
//
// Edit path: every letter → here, and nowhere else; → `write`, when the field is left, when it goes with what is around it, or when the
// page does. Until then it counts as waiting.
//
// Always true: what was typed is written once, or dropped once. What others write meanwhile shows when nobody types here.

import type { DocumentStore } from '@dovetail/client'
import { useLayoutEffect, useRef, useState } from 'react'

/** A field in which somebody may type. */
export interface Draft {
  /** What the field shows. */
  readonly text: string
  readonly isTyping: boolean
  readonly type: (text: string) => void
  /** Takes back what was typed. */
  readonly drop: () => void
  /** Writes what was typed, if it is something else than what is there. Whether nothing of it is left to be written. */
  readonly write: () => boolean
}

export interface DraftOptions {
  /** Where it will be written. */
  readonly store: Pick<DocumentStore<unknown>, 'unwritten'>
  /** What it is, in words: `Renamed a widget`. */
  readonly label: string
  /** What is there now. */
  readonly text: string
  /** Whether it was written. What was not stays in the field. */
  readonly onWrite: (text: string) => boolean
}

/** See the top of the file. */
export function useDraft({ store, label, text, onWrite }: DraftOptions): Draft {
  const [typed, setTyped] = useState<string | undefined>(undefined)
  // Ahead of what is drawn: a field that is left goes at once, and must not write what it has just written or dropped.
  const waiting = useRef<string | undefined>(undefined)
  const become = (next: string | undefined) => {
    waiting.current = next
    setTyped(next)
  }
  const write = () => {
    const { current } = waiting
    if (current === undefined) return true
    become(undefined)
    if (current === text || onWrite(current)) return true
    become(current)
    return false
  }
  const latest = useRef(write)
  useLayoutEffect(() => {
    latest.current = write
  })
  const isTyping = typed !== undefined
  useLayoutEffect(
    () => (isTyping ? store.unwritten(label, () => void latest.current()) : undefined),
    [isTyping, store, label],
  )
  useLayoutEffect(() => () => void latest.current(), [])
  return { text: typed ?? text, isTyping, type: become, drop: () => become(undefined), write }
}
