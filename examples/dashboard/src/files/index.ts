// Files: what the menu to export offers, and what a file that is brought in becomes. Public names only.

export { exports } from './exports'
export { importFile } from './import'
