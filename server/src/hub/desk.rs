//! What a document's task publishes for those who follow it without syncing.
//!
//! Edit path: ← the task in [`actor`](super::actor) publishes how the document stands, once that is stored, → a
//! [`Watch`](super::Watch), whose holder looks when it likes.
//!
//! Always true: it costs the task one flag, however many watch. Words of the moment wait in a ring, of which the oldest
//! give way. **Invariant:** what is published is stored.

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
pub(crate) const PRESENT_MAX: usize = 1_024;

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

    /// What a watcher holds: news, and changes of rights.
    pub(super) fn follow(&self) -> (watch::Receiver<News>, watch::Receiver<()>) {
        (self.news.subscribe(), self.rights.subscribe())
    }

    /// What is said from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Said>> {
        self.said.subscribe()
    }

    /// Who is there now, through JSON doors: the newest word of each.
    pub(super) fn who_is_present(&self) -> Vec<Arc<Said>> {
        self.present().values().cloned().collect()
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
