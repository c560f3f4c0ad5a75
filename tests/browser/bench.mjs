// What the app costs in a real browser, on the real server: `cargo xtask bench --web`, or this file by itself with a release
// server in DOVETAIL_BIN.
//
// Measured is the app in the binary, or with `--app DIR` one that was built elsewhere; several of them take turns in one run, because
// only what was measured in one run can be compared. Only the loopback interface is spoken to.

import { writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildPages } from './bench/pages.mjs'
import { Report } from './bench/report.mjs'

const WORKLOADS = ['load', 'drag', 'latency', 'many', 'memory']

const HELP = `Usage: node bench.mjs [OPTIONS]

  --only NAME[,NAME]  only these: ${WORKLOADS.join(', ')}
  --app [NAME=]DIR    an app that was built elsewhere, instead of the one in the server; may be repeated
  --rounds N          everything so many times; figures are of all rounds together [default: 3]
  --quick             much smaller: to see that it works
  --json [FILE]       also print everything as JSON, or write it to the file
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    app: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
  process.exit(0)
}
const wanted = values.only?.split(',') ?? WORKLOADS
const unknown = wanted.find((name) => !WORKLOADS.includes(name))
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is no workload\n\n${HELP}`)
  process.exit(2)
}

const apps = values.app?.map(named) ?? [{ name: 'app', folder: undefined }]
const report = new Report(apps.map(({ name }) => name))
const rounds = values.quick ? 1 : Number(values.rounds)
const about = {}
// A debug server would be what is measured.
process.env.DOVETAIL_BIN ??= fileURLToPath(new URL('../../target/release/dovetail', import.meta.url))
const { Stage } = await import('./bench/stage.mjs')
const pages = await buildPages()
try {
  for (const workload of wanted) {
    const { run } = await import(`./bench/workloads/${workload}.mjs`)
    for (let round = 0; round < rounds; round++) {
      for (const { name, folder } of apps) {
        console.error(`${workload}, ${name}`)
        const stage = await Stage.open({ app: folder, pages: pages.folder })
        about.browser = `Chromium ${stage.browser.version()}`
        try {
          await run({ stage, report, column: name, quick: values.quick })
        } finally {
          await stage.close()
        }
      }
    }
  }
} finally {
  pages.remove()
}
console.log(report.table(about) + (values.quick ? '\n\nquick: not to be quoted' : ''))
if (values.json) {
  const json = `${JSON.stringify(report.json(about), undefined, 2)}\n`
  const [file] = positionals
  if (file === undefined) process.stdout.write(`\n${json}`)
  else writeFileSync(resolve(file), json)
}

function named(text) {
  const [, name, folder] = /^(?:(\w+)=)?(.*)$/.exec(text) ?? []
  return { name: name ?? basename(resolve(folder, '..')), folder: resolve(folder) }
}
