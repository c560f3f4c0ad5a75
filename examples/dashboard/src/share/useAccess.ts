// Who may do what, as the dialog follows it: read once when it opens, and after each edit what the server says then.

import type { Access, DashboardStore, Dovetail } from '@dovetail/client'
import { useCallback, useEffect, useState } from 'react'
import { reasonOf } from '../app/toasts'
import { writeAccess, type AccessEdit } from './write'

export type AccessNow =
  | { readonly status: 'loading' }
  | { readonly status: 'failed'; readonly reason: string }
  | {
      readonly status: 'ready'
      readonly access: Access
      /** An edit is on its way. */
      readonly busy: boolean
      /** What came of the last edit, in words. */
      readonly said: { readonly words: string; readonly tone: 'good' | 'bad' } | undefined
      /** The secret of the link that was just made. */
      readonly secret: string | undefined
    }

export interface UsesAccess {
  readonly now: AccessNow
  readonly reload: () => void
  readonly edit: (edit: AccessEdit, words: string) => Promise<boolean>
}

/** Follows who may do what with a document. */
export function useAccess(api: Dovetail['api'], id: DashboardStore['id']): UsesAccess {
  const [now, setNow] = useState<AccessNow>({ status: 'loading' })
  const [times, setTimes] = useState(0)
  useEffect(() => {
    let wanted = true
    api.access(id).then(
      (access) => {
        if (wanted) setNow({ status: 'ready', access, busy: false, said: undefined, secret: undefined })
      },
      (error: unknown) => {
        if (wanted) setNow({ status: 'failed', reason: reasonOf(error) })
      },
    )
    return () => {
      wanted = false
    }
  }, [api, id, times])
  const reload = useCallback(() => {
    setNow({ status: 'loading' })
    setTimes((before) => before + 1)
  }, [])
  const edit = async (wanted: AccessEdit, words: string) => {
    if (now.status !== 'ready' || now.busy) return false
    setNow({ ...now, busy: true, said: undefined, secret: undefined })
    try {
      const written = await writeAccess(api, id, now.access, wanted)
      setNow({
        status: 'ready',
        access: written.access,
        busy: false,
        said: said(written.outcome, words),
        secret: written.outcome === 'written' ? written.secret : undefined,
      })
      return written.outcome === 'written'
    } catch (error) {
      setNow({
        ...now,
        busy: false,
        said: { words: `That did not work: ${reasonOf(error)}`, tone: 'bad' },
        secret: undefined,
      })
      return false
    }
  }
  return { now, reload, edit }
}

function said(
  outcome: 'written' | 'gone' | 'not_allowed',
  words: string,
): { readonly words: string; readonly tone: 'good' | 'bad' } {
  switch (outcome) {
    case 'written':
      return { words, tone: 'good' }
    case 'gone':
      return { words: 'Somebody else has taken that away already.', tone: 'bad' }
    case 'not_allowed':
      return { words: 'You do not administer this dashboard any more.', tone: 'bad' }
  }
}
