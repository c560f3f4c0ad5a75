//! What a document's task tells those who follow it without syncing.
//!
//! Edit path: ← the task in [`actor`](super::actor) publishes how the document stands, once that is
//! stored, → a [`Watch`] wakes its holder, who looks when it likes.
//!
//! Always true: a watcher costs the task one flag. It is told that something is new, never what; how many
//! news it sleeps through does not matter. Words of the moment wait in a ring, of which the oldest give way.
//! **Invariant:** what is published is stored.

use super::actor::{Mailbox, Note};
use dovetail_core::document::{Standing, Verdict};
use dovetail_core::id::SessionId;
use dovetail_core::wire::EphemeralFrame;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{broadcast, watch};

/// Words of the moment that wait for the slowest watcher, as many as for a socket: at 20 a second from
/// each of ten people that is a second.
const SAID_MAX: usize = 256;

/// How many sessions are remembered as present at one document: more than its readers are.
const PRESENT_MAX: usize = 1_024;

/// What is published of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// How it stands.
    pub standing: Standing,
    /// What the rules say of it, once they were judged; of a state up to that one.
    pub verdict: Option<Arc<Verdict>>,
}

/// Something said in the moment to those who read a document. It is never stored.
#[derive(Debug)]
pub struct Said {
    /// Who said it, and need not be told.
    pub from: SessionId,
    /// As sync clients get it.
    pub frame: Arc<EphemeralFrame>,
    /// As it came through a JSON door; nothing when a sync client said it.
    pub spoken: Option<Spoken>,
}

/// What came through a JSON door.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// What it is.
    pub kind: SpokenKind,
    /// The session that said it, by the name it was given.
    pub session: Arc<str>,
    /// The user it claims to be of.
    pub user: Option<Arc<str>>,
    /// What was said.
    pub body: Value,
}

/// What may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpokenKind {
    /// Where somebody is. The newest counts, and `null` means gone.
    Presence,
    /// Anything else.
    Message,
}

/// Where a task publishes. Shared between the task and everybody who may watch.
#[derive(Debug)]
pub(super) struct Desk {
    news: watch::Sender<News>,
    rights: watch::Sender<()>,
    said: broadcast::Sender<Arc<Said>>,
    present: Mutex<BTreeMap<SessionId, Arc<Said>>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            news: watch::Sender::new(News { standing: Standing::Unknown, verdict: None }),
            rights: watch::Sender::default(),
            said: broadcast::Sender::new(SAID_MAX),
            present: Mutex::default(),
        }
    }
}

impl Desk {
    /// Tells the watchers, if it is something else than before.
    pub(super) fn publish(&self, news: News) {
        self.news.send_if_modified(|published| {
            let is_new = *published != news;
            if is_new {
                *published = news;
            }
            is_new
        });
    }

    /// Tells the watchers that somebody may have another right than before.
    pub(super) fn change_rights(&self) {
        self.rights.send_replace(());
    }

    /// Passes on what was said, and remembers who is where.
    pub(super) fn pass_on(&self, said: &Arc<Said>) {
        self.note_presence(said);
        if self.said.receiver_count() > 0 {
            let _nobody = self.said.send(said.clone());
        }
    }

    pub(super) fn watchers(&self) -> usize {
        self.news.receiver_count()
    }

    fn note_presence(&self, said: &Arc<Said>) {
        let Some(spoken) = &said.spoken else { return };
        if spoken.kind != SpokenKind::Presence {
            return;
        }
        let mut present = self.present();
        if spoken.body.is_null() {
            present.remove(&said.from);
        } else if present.len() < PRESENT_MAX || present.contains_key(&said.from) {
            present.insert(said.from, said.clone());
        }
    }

    fn present(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Said>>> {
        self.present.lock().expect("nothing panics while it holds this lock")
    }
}

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
        let (news, rights) = (mailbox.desk.news.subscribe(), mailbox.desk.rights.subscribe());
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
        self.held.mailbox.desk.said.subscribe()
    }

    /// Who is there now, through JSON doors: the newest word of each.
    #[must_use]
    pub fn present(&self) -> Vec<Arc<Said>> {
        self.held.mailbox.desk.present().values().cloned().collect()
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
