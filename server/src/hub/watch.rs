//! A document that somebody follows without syncing.
//!
//! Edit path: ← the task publishes at its [`Desk`](super::desk::Desk), → a [`Watch`] wakes its holder, who looks when it likes.
//!
//! Always true: a watcher is told that something is new, never what; how many news it sleeps through does not matter.

use super::desk::{News, Said};
use super::mailbox::{Mailbox, Note};
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// A document that is followed. While this is held its task goes on; its content may leave memory, and
/// the next look loads it again.
#[derive(Debug)]
pub struct Watch {
    // The order matters: when the task hears of the leaving, the receiver is gone.
    news: watch::Receiver<News>,
    rights: watch::Receiver<()>,
    held: Held,
}

#[derive(Debug)]
struct Held {
    mailbox: Mailbox,
}

impl Watch {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        let (news, rights) = mailbox.desk.follow();
        Self { news, rights, held: Held { mailbox } }
    }

    /// What was published last. From here on [`changed`](Self::changed) waits for something newer.
    pub fn news(&mut self) -> News {
        self.news.borrow_and_update().clone()
    }

    /// Resolves when there is something newer than [`news`](Self::news) told; at once when there is.
    /// May be dropped and called again.
    ///
    /// # Errors
    /// When the document's task panicked. What is stored is whole: watch again.
    pub async fn changed(&mut self) -> Result<(), Lost> {
        tokio::select! {
            biased;
            () = self.held.mailbox.calls.closed() => Err(Lost),
            changed = self.news.changed() => changed.map_err(|_| Lost),
        }
    }

    /// Resolves when somebody may have another right than when this began to watch or resolved last, and when the
    /// document's task is gone.
    pub async fn rights_changed(&mut self) {
        tokio::select! {
            () = self.held.mailbox.calls.closed() => {}
            _ = self.rights.changed() => {}
        }
    }

    /// What is said from now on. A reader that is too slow loses the oldest.
    #[must_use]
    pub fn said(&self) -> broadcast::Receiver<Arc<Said>> {
        self.held.mailbox.desk.listen()
    }

    /// Who is there now, through JSON doors: the newest word of each.
    #[must_use]
    pub fn present(&self) -> Vec<Arc<Said>> {
        self.held.mailbox.desk.who_is_present()
    }
}

/// The task of the document is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document's task is gone")]
pub struct Lost;

/// The task may have waited for this to end.
impl Drop for Held {
    fn drop(&mut self) {
        let _gone = self.mailbox.notes.send(Note::Unwatched);
    }
}
