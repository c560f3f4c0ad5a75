// What was measured, and how it is told: one row a figure, one column for each app that was measured.
//
// Always true: samples of several rounds are one set, and a figure is a quantile of it, so that no round counts for more.

import { cpus, loadavg, totalmem } from 'node:os'

export class Report {
  #rows = []
  #notes = []
  #load = loadavg()[0]

  constructor(columns) {
    this.columns = columns
  }

  /** Adds samples of a figure. `of`: which quantile of them it is, from 0 to 1; the median by itself. */
  add(column, workload, figure, samples, { of = 0.5 } = {}) {
    const values = [samples].flat().filter(Number.isFinite)
    let row = this.#rows.find((each) => each.workload === workload && each.figure === figure)
    if (!row) {
      row = { workload, figure, of, samples: {} }
      this.#rows.push(row)
    }
    row.samples[column] = [...(row.samples[column] ?? []), ...values]
    const [value, n] = [this.#value(row, column), row.samples[column].length]
    console.error(`  ${column}: ${workload}: ${figure} ${shown(value)} (n ${n})`)
  }

  note(words) {
    console.error(`  ! ${words}`)
    this.#notes.push(words)
  }

  #value(row, column) {
    return quantile(row.samples[column] ?? [], row.of)
  }

  /** Everything, for programs. */
  json(about) {
    return {
      ...about,
      ...machine(),
      load: { start: this.#load, end: loadavg()[0] },
      notes: this.#notes,
      figures: this.#rows.map((row) => ({
        workload: row.workload,
        figure: row.figure,
        columns: Object.fromEntries(
          Object.entries(row.samples).map(([column, samples]) => [
            column,
            { value: this.#value(row, column), n: samples.length, of: row.of },
          ]),
        ),
      })),
    }
  }

  /** The table, as Markdown, which reads as well on a terminal. */
  table(about) {
    const { cores, cpu, memoryGiB } = machine()
    const head = ['workload', 'figure', 'n', ...this.columns]
    const lines = this.#rows.map((row) => [
      row.workload,
      row.figure,
      String(Math.max(...Object.values(row.samples).map(({ length }) => length))),
      ...this.columns.map((column) => (row.samples[column] ? shown(this.#value(row, column)) : '')),
    ])
    const widths = head.map((title, at) => Math.max(...[title, ...lines.map((line) => line[at])].map(length)))
    const told = (line) => `| ${line.map((cell, at) => cell.padEnd(widths[at])).join(' | ')} |`
    const rule = `|${widths.map((width, at) => (at < 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
    const load = `load average ${this.#load.toFixed(1)} at the start, ${loadavg()[0].toFixed(1)} at the end`
    return [
      `${about.browser}; ${cores} cores of ${cpu}, ${memoryGiB} GiB; ${load}`,
      '',
      told(head),
      rule,
      ...lines.map(told),
      ...this.#notes.map((words) => `\n${words}`),
    ].join('\n')
  }
}

/** What lies at a part of the samples, from 0 (the least) to 1 (the most); between two of them in proportion. */
export function quantile(samples, part) {
  const sorted = samples.toSorted((one, other) => one - other)
  const at = part * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return below + (above - below) * (at - Math.floor(at))
}

const length = (text) => text.length

function machine() {
  const [first] = cpus()
  return { cores: cpus().length, cpu: first?.model.trim(), memoryGiB: Math.round(totalmem() / 2 ** 30) }
}

function shown(value) {
  if (value === undefined) return '-'
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en')
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
