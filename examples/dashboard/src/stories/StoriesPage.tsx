// A page with every component of `@dovetail/react` in every state, light and dark: to look at, and for the tests that take pictures.

import { DashboardRealtimeProvider } from '@dovetail/react'
import { useEffect, useState } from 'react'
import { Link } from '../app/Link'
import { Logo } from '../app/Logo'
import { chapters, type Chapter, type Story } from './stories'
import './stories.css'

const THEMES = ['light', 'dark'] as const

type Shown = (typeof THEMES)[number] | 'both'

const CHOICES: readonly { readonly id: Shown; readonly words: string }[] = [
  { id: 'both', words: 'Both' },
  { id: 'light', words: 'Light' },
  { id: 'dark', words: 'Dark' },
]

/** All stories. */
export function StoriesPage() {
  const [shown, setShown] = useState<Shown>('both')
  useEffect(() => {
    document.title = 'Components · Dovetail'
  }, [])
  return (
    <div className="page">
      <header className="bar">
        <Link to={{ screen: 'list' }} className="home" label="Dovetail: all dashboards">
          <Logo />
          <span>Dovetail</span>
        </Link>
        <div className="bar-space" />
        <div role="group" aria-label="Theme" className="stories-themes">
          {CHOICES.map(({ id, words }) => (
            <button
              key={id}
              type="button"
              className="button"
              aria-pressed={id === shown}
              onClick={() => setShown(id)}
            >
              {words}
            </button>
          ))}
        </div>
      </header>
      <main className="stories">
        <h1>Components</h1>
        <p className="muted">
          Every component of <code>@dovetail/react</code> in every state. Nothing here is live; buttons do
          nothing to any document.
        </p>
        <nav aria-label="Components">
          <ul className="stories-index">
            {chapters.map(({ component }) => (
              <li key={component}>
                <a href={`#${component}`}>{component}</a>
              </li>
            ))}
          </ul>
        </nav>
        {chapters.map((chapter) => (
          <ChapterSection key={chapter.component} chapter={chapter} shown={shown} />
        ))}
      </main>
    </div>
  )
}

function ChapterSection({ chapter, shown }: { readonly chapter: Chapter; readonly shown: Shown }) {
  const { component, about, wide, stories } = chapter
  return (
    <section id={component} aria-labelledby={`${component}-title`} className="stories-chapter">
      <h2 id={`${component}-title`}>{component}</h2>
      <p className="muted">{about}</p>
      <div className="stories-sides">
        {THEMES.filter((theme) => shown === 'both' || shown === theme).map((theme) => (
          <div key={theme} data-theme={theme} className="stories-side">
            <div className={wide ? 'stories-list' : 'stories-grid'}>
              {stories.map((story) => (
                <StoryFigure key={story.state} story={story} />
              ))}
            </div>
          </div>
        ))}
      </div>
    </section>
  )
}

function StoryFigure({ story }: { readonly story: Story }) {
  return (
    <figure className="story">
      <figcaption>{story.state}</figcaption>
      <DashboardRealtimeProvider
        client={story.client}
        signIn={() => undefined}
        update={story.update ? () => undefined : undefined}
      >
        {story.draw()}
      </DashboardRealtimeProvider>
    </figure>
  )
}
