// Choosing what to add.

import { unique } from '@dovetail/client'
import { useApp } from '../app/context'
import { Dialog } from '../app/Dialog'
import { Picture } from '../widgets/pictures'
import { KINDS, ROW, type WidgetKind } from '../widgets/registry'
import { useEditor } from './context'
import { placeInWords } from './placing'
import { dashboardOf } from './shown'
import { addition, newData } from './widgetActions'

export function AddWidget({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  const { store, act, attempt, selection, announce } = useEditor()
  const { dovetail } = useApp()
  const add = (kind: WidgetKind | typeof ROW) => {
    const id = unique()
    let data: string | undefined
    if ('shape' in kind) {
      const made = attempt('Making its data', () => {
        data = newData(dovetail, store.id, kind)
      })
      if (!made) return
    }
    const edits = addition(store, dashboardOf(store.getState()), id, kind, data)
    if (!act(edits)) return
    onClose()
    const widget = dashboardOf(store.getState()).widgets[id]
    if (widget) announce(`Added. ${placeInWords(widget.title, widget.layout)}`)
    // After the dialog has given the focus back.
    setTimeout(() => selection.select(id, { reveal: true }))
  }
  return (
    <Dialog open={open} title="Add widget" onClose={onClose} wide>
      <ul className="kinds">
        {[...KINDS, ROW].map((kind) => (
          <li key={kind.kind}>
            <button type="button" className="kind" onClick={() => add(kind)}>
              <Picture kind={kind.kind} />
              <b>{kind.label}</b>
              <small>{kind.hint}</small>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
