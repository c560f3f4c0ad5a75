// A fixed text, as Grafana's text panels have it: Markdown or HTML in the options.

import { NoData } from './Placeholder'
import { Markdown } from './Markdown'
import { PATHS, textAt } from './options'
import type { ViewProps } from './view'

export default function TextView({ id, widget, source, editable }: ViewProps) {
  const text = textAt(widget.options, PATHS.content) ?? textAt(widget.options, ['content']) ?? ''
  if (text.trim() === '')
    return (
      <NoData
        id={id}
        kind={widget.kind}
        source={source}
        editable={editable}
        words="No text yet"
        action="Write it"
      />
    )
  return (
    <div
      className="view-text"
      tabIndex={0}
      role="region"
      aria-label={`Text of ${widget.title || 'this widget'}`}
    >
      <Markdown text={text} />
    </div>
  )
}
