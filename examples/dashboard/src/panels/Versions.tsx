// States that somebody named.

import type { NamedVersion } from '@dovetail/client'
import { useNames, useWatched, useWords } from '@dovetail/react'
import { Tag } from 'lucide-react'
import { useState } from 'react'
import { useToasts } from '../app/context'
import { canWrite, MomentDetails, type MomentProps } from './MomentDetails'
import { dateAndTime, isSame, momentOfVersion, type Moment } from './moments'
import { NameVersion } from './NameVersion'

interface VersionsProps extends MomentProps {
  readonly look: (moment: Moment | undefined) => void
}

/** The list of named versions, and the way to name the present state. */
export function Versions({ look, ...shared }: VersionsProps) {
  const { store, versions } = shared
  const mayWrite = useWatched(store.permission, canWrite)
  const [naming, setNaming] = useState(false)
  const words = useWords()
  const nameOf = useNames(
    store,
    versions.all.map(({ by }) => by),
  )
  return (
    <div className="versions">
      <button type="button" className="button" disabled={!mayWrite} onClick={() => setNaming(true)}>
        <Tag size={15} aria-hidden="true" />
        Name the present state…
      </button>
      {versions.all.length === 0 && (
        <p className="panel-note">
          No version has a name yet. With a name one finds it again: “as shown to the board”, “before the
          move”.
        </p>
      )}
      <ol className="timeline-groups">
        {versions.all.map((version) => (
          <Version
            key={version.name}
            version={version}
            by={version.by === undefined ? undefined : words.presence.inside(nameOf(version.by))}
            look={look}
            mayWrite={mayWrite}
            {...shared}
          />
        ))}
      </ol>
      <NameVersion
        store={store}
        moment={undefined}
        versions={versions}
        open={naming}
        onClose={() => setNaming(false)}
      />
    </div>
  )
}

interface VersionProps extends VersionsProps {
  readonly version: NamedVersion
  /** Who named it. */
  readonly by: string | undefined
  readonly mayWrite: boolean
}

function Version({ version, by, look, mayWrite, ...shared }: VersionProps) {
  const { store, versions } = shared
  const toasts = useToasts()
  const moment = momentOfVersion(version)
  const isLooked = isSame(shared.looked, moment)
  const remove = async () => {
    try {
      await store.history.removeName(version.name)
      versions.refresh()
      const again = () => {
        const { name, heads, note } = version
        store.history
          .name(name, { heads, ...(note === undefined ? {} : { note }) })
          .then(versions.refresh, (error: unknown) => toasts.failed('Naming it again', error))
      }
      toasts.show({
        words: `The name “${version.name}” is taken away; the state stays.`,
        action: { label: 'Undo', run: again },
      })
    } catch (error) {
      toasts.failed('Taking the name away', error)
    }
  }
  return (
    <li className="timeline-group" data-looked={isLooked}>
      <button type="button" className="timeline-look" aria-pressed={isLooked} onClick={() => look(moment)}>
        <span className="timeline-who">
          <b>{version.name}</b>
          <time dateTime={new Date(version.atMs).toISOString()}>{dateAndTime(version.atMs)}</time>
        </span>
        <span className="timeline-words">
          {version.note !== undefined && <span>{version.note}</span>}
          {by !== undefined && <span className="muted">by {by}</span>}
        </span>
      </button>
      {isLooked && (
        <>
          <MomentDetails {...shared} moment={moment} before={undefined} onDone={() => look(undefined)} />
          <button type="button" className="text-button" disabled={!mayWrite} onClick={() => void remove()}>
            Take the name away
          </button>
        </>
      )}
    </li>
  )
}
