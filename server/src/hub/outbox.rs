//! What waits to be written to one socket.
//!
//! Edit path: ← a document's task pushes, → the socket takes everything there is, as soon as it has
//! written what it took before.
//!
//! Bounded by what may be in it: one sync message for each open document (the document sends the next
//! only when the socket took the last), an answer for each message that the peer sent (the socket
//! reads no more while too many wait), the newest word of each other store it follows, what the rules say
//! last of each open document, and a fixed
//! number of ephemeral messages, of which the oldest give way: nobody wants to see where a pointer was
//! a while ago. And a socket takes no more at once than it can write soon: what waits here is shared with
//! other readers, what it has taken is its own copy.

use dovetail_core::id::{DocumentId, StorageId};
use dovetail_core::session::{CloseReason, Outgoing};
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};

/// Ephemeral messages that may wait. At 20 a second from each of ten people that is a second.
pub(crate) const EPHEMERALS_MAX: usize = 256;

/// Sync messages that a socket takes at once, in bytes; always at least one. A client that opens 200
/// documents of 1 MiB has 200 messages waiting, and must not make 200 MiB of copies of them.
pub(crate) const TAKE_BYTES_MAX: usize = 256 * 1024;

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Outgoing>,
    ephemerals: usize,
    news: usize,
    close: Option<CloseReason>,
}

/// What a socket finds in its outbox.
#[derive(Debug)]
pub enum Taken {
    /// To be written, in this order.
    Items(VecDeque<Outgoing>),
    /// To be told, and then closed.
    Close(CloseReason),
}

impl Outbox {
    /// Puts something in and wakes the socket.
    pub fn push(&self, outgoing: Outgoing) {
        self.queue().push(outgoing);
        self.waker.wake();
    }

    /// Ends the session; what waits is not written any more.
    pub fn close(&self, reason: CloseReason) {
        self.queue().close.get_or_insert(reason);
        self.waker.wake();
    }

    /// How much waits.
    pub fn waiting(&self) -> usize {
        self.queue().items.len()
    }

    /// Whether the session is to end: looked at also while a peer takes nothing, which would else keep
    /// the session for as long as it likes.
    pub fn poll_close(&self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.waker.register(cx.waker());
        self.queue().close.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes what can be written soon, or remembers whom to wake.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Taken> {
        self.waker.register(cx.waker());
        let mut queue = self.queue();
        if let Some(reason) = queue.close.take() {
            return Poll::Ready(Taken::Close(reason));
        }
        if queue.items.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Taken::Items(queue.take()))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing panics while it holds this lock")
    }
}

impl Queue {
    fn push(&mut self, outgoing: Outgoing) {
        match &outgoing {
            Outgoing::Ephemeral(_) if self.ephemerals == EPHEMERALS_MAX => {
                let oldest = self.items.iter().position(|item| matches!(item, Outgoing::Ephemeral(_)));
                oldest.and_then(|at| self.items.remove(at));
                metrics::counter!(crate::metrics::EPHEMERALS_DROPPED).increment(1);
            }
            Outgoing::Ephemeral(_) => self.ephemerals += 1,
            Outgoing::RemoteHeads { document, news } => {
                if let Some(older) = self.news_of(document, &news.storage) {
                    *older = outgoing;
                    return;
                }
                self.news += 1;
            }
            Outgoing::Conflicts { document, .. } => {
                let of = |item: &Outgoing| matches!(item, Outgoing::Conflicts { document: of, .. } if of == document);
                if let Some(older) = self.items.iter_mut().find(|item| of(item)) {
                    *older = outgoing;
                    return;
                }
            }
            // Of what is durable, and of what one may do, only the newest is of interest.
            Outgoing::Own { document, own } => {
                let of = |item: &Outgoing| {
                    matches!(item, Outgoing::Own { document: of, own: older }
                        if of == document && older.kind() == own.kind())
                };
                if let Some(older) = self.items.iter_mut().find(|item| of(item)) {
                    *older = outgoing;
                    return;
                }
            }
            Outgoing::Sync { .. }
            | Outgoing::Unavailable { .. }
            | Outgoing::Rejected { .. }
            | Outgoing::Refused(_) => {}
        }
        self.items.push_back(outgoing);
    }

    /// What waits about this store: it is out of date when there is something newer.
    fn news_of(&mut self, document: &DocumentId, storage: &StorageId) -> Option<&mut Outgoing> {
        if self.news == 0 {
            return None;
        }
        self.items.iter_mut().find(|item| {
            matches!(item, Outgoing::RemoteHeads { document: of, news } if of == document && news.storage == *storage)
        })
    }

    fn take(&mut self) -> VecDeque<Outgoing> {
        let mut bytes = 0;
        let mut fits = |item: &Outgoing| {
            let Outgoing::Sync { body, .. } = item else { return true };
            bytes += body.bytes.len();
            bytes <= TAKE_BYTES_MAX
        };
        let end = self.items.iter().position(|item| !fits(item)).unwrap_or(self.items.len()).max(1);
        let rest = self.items.split_off(end);
        let taken = std::mem::replace(&mut self.items, rest);
        self.ephemerals -= taken.iter().filter(|item| matches!(item, Outgoing::Ephemeral(_))).count();
        self.news -= taken.iter().filter(|item| matches!(item, Outgoing::RemoteHeads { .. })).count();
        taken
    }
}
