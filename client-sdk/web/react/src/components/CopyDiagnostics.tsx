// A button that copies how the client is, for whoever asks for help.

import { useState, type ReactNode } from 'react'
import type { DocumentStore } from '@dovetail/client'
import { useDovetail, useWords } from '../context'
import { diagnostics } from '../state/diagnostics'
import { Button } from './Button'

/** Where a page may not write to the clipboard, the text appears, to be copied by hand. */
export function CopyDiagnostics({ store }: { readonly store: DocumentStore<unknown> }): ReactNode {
  const words = useWords()
  const client = useDovetail()
  const [copy, setCopy] = useState<'not_yet' | 'done' | { readonly byHand: string }>('not_yet')
  const press = async () => {
    const text = diagnostics(client, store, Date.now())
    try {
      await navigator.clipboard.writeText(text)
      setCopy('done')
    } catch {
      setCopy({ byHand: text })
    }
  }
  return (
    <>
      <Button onPress={() => void press()}>{words.actions.copyDiagnostics}</Button>
      <span role="status">{copy === 'done' ? words.actions.copied : ''}</span>
      {typeof copy === 'object' && (
        <textarea readOnly rows={6} aria-label={words.actions.copyByHand} value={copy.byHand} />
      )}
    </>
  )
}
