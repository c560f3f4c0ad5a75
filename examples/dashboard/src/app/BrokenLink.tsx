// What an address leads to that names no document.

import { Link2Off } from 'lucide-react'
import { Link } from './Link'
import { Message } from './Message'

/** Says what was in the address, and the way on. */
export function BrokenLink({ id }: { readonly id: string }) {
  return (
    <Message
      icon={Link2Off}
      title="This link is broken"
      urgent
      actions={
        <Link to={{ screen: 'list' }} className="button primary">
          All dashboards
        </Link>
      }
    >
      <p>
        <code>{id}</code> is no document’s name. It may have been cut off when it was copied: ask whoever sent
        it for the whole address.
      </p>
    </Message>
  )
}
