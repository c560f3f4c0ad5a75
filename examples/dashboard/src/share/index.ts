// The dialog to share. Public names only.

export { ShareDialog } from './ShareDialog'
