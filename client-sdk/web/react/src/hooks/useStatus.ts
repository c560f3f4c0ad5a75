// How the page is, in one state: what the pill and the banners show.

import { useMemo } from 'react'
import type { ConflictsState, DeviceSaving, DocumentStore, PermissionState } from '@dovetail/client'
import { useProvided } from '../context'
import { documentFacts, pageStatuses, type PageStatus } from '../state/status'
import { useHeld } from './useHeld'
import { useWatched } from './useWatched'

/** That something is being saved is told at once, and for so long at least: it would flicker with every letter. */
export const SAVING_SHOWN_FOR_MS = 400

/** The most urgent of everything that people must be told about a document and its connection. */
export function useStatus(store: AnyStore): PageStatus {
  return useStatuses(store)[0]
}

/** Everything that people must be told, the most urgent first. Words for it: `useWords().status`. */
export function useStatuses(store: AnyStore): readonly [PageStatus, ...PageStatus[]] {
  const { client, actions } = useProvided()
  const link = useWatched(client.link)
  const storage = useWatched(client.storage)
  const saving = useWatched(store.saving)
  const isCounted = useWatched(client.saving, countedOf)
  const role = useWatched(store.permission, roleOf)
  const open = useWatched(store.conflicts, openOf)
  const refused = useWatched(store.refused)
  const document = useWatched(store, documentFacts)
  const savingShown = useHeld(saving.pending, SAVING_SHOWN_FOR_MS)
  const update = actions.update !== undefined
  return useMemo(
    () =>
      pageStatuses({ link, storage, saving, role, open, refused, document, isCounted, savingShown, update }),
    [link, storage, saving, role, open, refused, document, isCounted, savingShown, update],
  )
}

type AnyStore = Pick<
  DocumentStore<unknown>,
  'subscribe' | 'getState' | 'saving' | 'permission' | 'conflicts' | 'refused'
>

function roleOf(permission: PermissionState): PermissionState['role'] {
  return permission.role
}

function countedOf({ status }: DeviceSaving): boolean {
  return status !== 'counting'
}

function openOf(conflicts: ConflictsState): number {
  return conflicts.open
}
