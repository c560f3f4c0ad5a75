// The options of the selected widget.
//
// Edit path: every field → one option at its own place, so that two people who change two options both stand; typing becomes one
// change when it pauses.

import type { Widget } from '@dovetail/client'
import { useWatched, useWidget } from '@dovetail/react'
import { MousePointerClick, Plus, X } from 'lucide-react'
import { useId, useState, type ReactNode } from 'react'
import { COLORS, cssColor } from '../widgets/colors'
import { UNITS } from '../widgets/format'
import {
  appearance,
  calculationOf,
  numberAt,
  optionEdit,
  textAt,
  thresholdsOption,
  type Path,
  type Threshold,
} from '../widgets/options'
import { CALCULATIONS } from '../widgets/points'
import { kindLabel, kindOf, KINDS, ROW, type Field } from '../widgets/registry'
import { useEditor } from './context'
import { DataSection } from './DataSection'
import { readNumber } from './readNumber'
import type { PanelProps } from './slots'

export function OptionsPanel({ store, selection }: PanelProps) {
  const id = useWatched(selection)
  const widget = useWidget(store, id ?? '')
  if (id === undefined || !widget) {
    return (
      <div className="panel-empty">
        <MousePointerClick size={22} aria-hidden="true" />
        <p>Select a widget to see its options.</p>
      </div>
    )
  }
  return <Options key={id} id={id} widget={widget} />
}

interface OptionsProps {
  readonly id: string
  readonly widget: Widget
}

function Options({ id, widget }: OptionsProps) {
  const { act, editable } = useEditor()
  const kind = kindOf(widget.kind)
  const offered = KINDS.some((each) => each.kind === widget.kind)
  return (
    <fieldset className="options" disabled={!editable}>
      <legend className="sr">Options of {widget.title || kindLabel(widget.kind)}</legend>
      <label className="field">
        <span>Title</span>
        <input
          value={widget.title}
          onChange={(event) => act({ edit: 'renameWidget', id, title: event.target.value }, { typing: true })}
        />
      </label>
      {widget.kind !== ROW.kind && (
        <label className="field">
          <span>Kind</span>
          <select
            value={widget.kind}
            onChange={(event) => act({ edit: 'setKind', id, kind: event.target.value })}
          >
            {!offered && <option value={widget.kind}>{kindLabel(widget.kind)}</option>}
            {KINDS.map(({ kind: name, label }) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {kind && kind.fields.length > 0 && (
        <div className="options-fields">
          {kind.fields.map((field) => (
            <FieldInput key={field.path.join('.')} id={id} widget={widget} field={field} />
          ))}
        </div>
      )}
      {!kind && widget.kind !== ROW.kind && (
        <p className="muted">
          Panels of this kind cannot be drawn here, so there are no options to set. All that it came with is
          kept.
        </p>
      )}
      {kind?.shape !== undefined && <DataSection id={id} widget={widget} shape={kind.shape} />}
      <Source id={id} widget={widget} />
    </fieldset>
  )
}

function FieldInput({ id, widget, field }: OptionsProps & { readonly field: Field }) {
  const { act } = useEditor()
  const set = (path: Path, value: unknown, typing = false) => act(optionEdit(id, path, value), { typing })
  switch (field.type) {
    case 'text':
      return (
        <Labelled label={field.label} hint={field.hint}>
          {(control) => (
            <input
              id={control}
              value={textAt(widget.options, field.path) ?? ''}
              onChange={(event) => set(field.path, event.target.value, true)}
            />
          )}
        </Labelled>
      )
    case 'longtext':
      return (
        <Labelled label={field.label} hint={field.hint}>
          {(control) => (
            <textarea
              id={control}
              rows={8}
              value={textAt(widget.options, field.path) ?? ''}
              onChange={(event) => set(field.path, event.target.value, true)}
            />
          )}
        </Labelled>
      )
    case 'number':
      return (
        <Labelled label={field.label} short>
          {(control) => (
            <NumberInput
              id={control}
              value={numberAt(widget.options, field.path)}
              hint={field.hint}
              least={field.least}
              most={field.most}
              onChange={(value) => set(field.path, value, true)}
            />
          )}
        </Labelled>
      )
    case 'unit':
      return (
        <UnitInput
          label={field.label}
          unit={appearance(widget).unit}
          onChange={(unit, typing) => set(field.path, unit, typing)}
        />
      )
    case 'calculation':
      return (
        <Labelled label={field.label}>
          {(control) => (
            <select
              id={control}
              value={calculationOf(widget)}
              onChange={(event) => set(field.path, [event.target.value])}
            >
              {CALCULATIONS.map(({ id: name, label }) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Labelled>
      )
    case 'color':
      return (
        <ColorInput
          label={field.label}
          color={appearance(widget).color}
          onChange={(color) =>
            set(field.path, color === undefined ? undefined : { mode: 'fixed', fixedColor: color })
          }
        />
      )
    case 'thresholds':
      return (
        <Thresholds
          label={field.label}
          thresholds={appearance(widget).thresholds}
          onChange={(list, typing) =>
            set(field.path, list.length === 0 ? undefined : thresholdsOption(list), typing)
          }
        />
      )
  }
}

function Labelled({
  label,
  hint,
  short = false,
  children,
}: {
  readonly label: string
  readonly hint?: string | undefined
  /** Two of them fit side by side. */
  readonly short?: boolean
  readonly children: (id: string) => ReactNode
}) {
  const id = useId()
  return (
    <div className={short ? 'field short' : 'field'}>
      <label htmlFor={id}>{label}</label>
      {children(id)}
      {hint !== undefined && <small className="muted">{hint}</small>}
    </div>
  )
}

/** A number that may be absent. What is half typed ("-", "1.") stays as it is until it is a number. */
function NumberInput({
  id,
  label,
  value,
  hint,
  least,
  most,
  onChange,
}: {
  readonly id?: string
  readonly label?: string
  readonly value: number | undefined
  readonly hint?: string | undefined
  readonly least?: number | undefined
  readonly most?: number | undefined
  readonly onChange: (value: number | undefined) => void
}) {
  const [typed, setTyped] = useState<string | undefined>(undefined)
  return (
    <input
      id={id}
      aria-label={label}
      type="text"
      inputMode="decimal"
      placeholder={hint}
      value={typed ?? (value === undefined ? '' : String(value))}
      aria-invalid={
        typed !== undefined && typed.trim() !== '' && readNumber(typed, least, most) === undefined
      }
      onChange={(event) => {
        setTyped(event.target.value)
        if (event.target.value.trim() === '') onChange(undefined)
        const number = readNumber(event.target.value, least, most)
        if (number !== undefined) onChange(number)
      }}
      onBlur={() => setTyped(undefined)}
    />
  )
}

const OTHER_UNIT = '…'

function UnitInput({
  label,
  unit,
  onChange,
}: {
  readonly label: string
  readonly unit: string
  readonly onChange: (unit: string, typing: boolean) => void
}) {
  const known = UNITS.some(({ id }) => id === unit)
  const [own, setOwn] = useState(!known)
  return (
    <Labelled label={label}>
      {(control) => (
        <div className="field-row">
          <select
            id={control}
            value={own ? OTHER_UNIT : unit}
            onChange={(event) => {
              setOwn(event.target.value === OTHER_UNIT)
              if (event.target.value !== OTHER_UNIT) onChange(event.target.value, false)
            }}
          >
            {UNITS.map(({ id, label: words }) => (
              <option key={id} value={id}>
                {words}
              </option>
            ))}
            <option value={OTHER_UNIT}>Other…</option>
          </select>
          {own && (
            <input
              aria-label="Other unit"
              value={unit}
              onChange={(event) => onChange(event.target.value, true)}
            />
          )}
        </div>
      )}
    </Labelled>
  )
}

function ColorInput({
  label,
  color,
  onChange,
}: {
  readonly label: string
  readonly color: string | undefined
  readonly onChange: (color: string | undefined) => void
}) {
  const name = useId()
  return (
    <fieldset className="field swatches">
      <legend>{label}</legend>
      <div>
        {COLORS.map((each) => (
          <label key={each} title={colorLabel(each)}>
            <input
              type="radio"
              className="sr"
              name={name}
              checked={(color ?? 'blue') === each}
              onChange={() => onChange(each)}
            />
            <span className="swatch" style={{ background: cssColor(each) }} />
            <span className="sr">{colorLabel(each)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}

function Thresholds({
  label,
  thresholds,
  onChange,
}: {
  readonly label: string
  readonly thresholds: readonly Threshold[]
  readonly onChange: (thresholds: readonly Threshold[], typing: boolean) => void
}) {
  const put = (at: number, threshold: Threshold, typing: boolean) =>
    onChange(thresholds.with(at, threshold), typing)
  const add = () => {
    const highest = thresholds.at(-1)?.from
    const first: readonly Threshold[] =
      thresholds.length > 0 ? thresholds : [{ from: undefined, color: 'green' }]
    onChange([...first, { from: highest === undefined ? 80 : highest + 10, color: 'red' }], false)
  }
  return (
    <fieldset className="field thresholds">
      <legend>{label}</legend>
      <ul>
        {thresholds.map(({ from, color }, at) => (
          <li key={at}>
            <span className="swatch" style={{ background: cssColor(color) }} />
            <select
              aria-label={`Colour of threshold ${at + 1}`}
              value={color}
              onChange={(event) => put(at, { from, color: event.target.value }, false)}
            >
              {!(COLORS as readonly string[]).includes(color) && (
                <option value={color}>{colorLabel(color)}</option>
              )}
              {COLORS.map((each) => (
                <option key={each} value={each}>
                  {colorLabel(each)}
                </option>
              ))}
            </select>
            {from === undefined ? (
              <span className="muted">otherwise</span>
            ) : (
              <>
                <span className="muted">from</span>
                <NumberInput
                  label={`Where threshold ${at + 1} begins`}
                  value={from}
                  onChange={(value) => value !== undefined && put(at, { from: value, color }, true)}
                />
              </>
            )}
            <button
              type="button"
              className="icon-button small"
              aria-label={`Remove threshold ${at + 1}`}
              onClick={() => onChange(thresholds.toSpliced(at, 1), false)}
            >
              <X size={13} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className="button small" onClick={add}>
        <Plus size={13} aria-hidden="true" />
        Threshold
      </button>
    </fieldset>
  )
}

/** Where an imported panel gets its numbers from; kept for whoever exports it again. */
function Source({ widget }: OptionsProps) {
  if (widget.dataSource === undefined) return null
  const words =
    typeof widget.dataSource === 'string'
      ? widget.dataSource
      : [textAt(widget.dataSource, ['type']), textAt(widget.dataSource, ['uid'])].filter(Boolean).join(' · ')
  return (
    <p className="muted options-source">
      Source in the imported file: <code>{words || JSON.stringify(widget.dataSource)}</code>. It is kept, and
      not asked from here.
    </p>
  )
}

function colorLabel(color: string): string {
  return color.charAt(0).toUpperCase() + color.slice(1).replaceAll('-', ' ')
}
