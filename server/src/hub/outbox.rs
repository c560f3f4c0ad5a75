//! What waits to be written to one socket.
//!
//! Edit path: ← a document's task pushes, → the socket takes everything there is, as soon as it has
//! written what it took before.
//!
//! Bounded by what may be in it: one sync message for each open document (the document sends the next
//! only when the socket took the last), an answer for each message that the peer sent (the socket
//! reads no more while too many wait), and a fixed number of ephemeral messages, of which the
//! oldest give way: nobody wants to see where a pointer was a while ago.

use dovetail_core::session::{CloseReason, Outgoing};
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};

/// Ephemeral messages that may wait. At 20 a second from each of ten people that is a second.
const EPHEMERALS_MAX: usize = 256;

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
        let is_ephemeral = matches!(outgoing, Outgoing::Ephemeral(_));
        let mut queue = self.queue();
        if is_ephemeral {
            if queue.ephemerals == EPHEMERALS_MAX {
                let oldest = queue.items.iter().position(|item| matches!(item, Outgoing::Ephemeral(_)));
                oldest.and_then(|at| queue.items.remove(at));
                metrics::counter!(crate::metrics::EPHEMERALS_DROPPED).increment(1);
            } else {
                queue.ephemerals += 1;
            }
        }
        queue.items.push_back(outgoing);
        drop(queue);
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

    /// Takes everything, or remembers whom to wake.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Taken> {
        self.waker.register(cx.waker());
        let mut queue = self.queue();
        if let Some(reason) = queue.close.take() {
            return Poll::Ready(Taken::Close(reason));
        }
        if queue.items.is_empty() {
            return Poll::Pending;
        }
        queue.ephemerals = 0;
        Poll::Ready(Taken::Items(std::mem::take(&mut queue.items)))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing panics while it holds this lock")
    }
}
