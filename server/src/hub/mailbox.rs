//! The way to a document's task: what may be put in, and what is seen of the task from outside.
//!
//! Edit path: ← a session or a door has something for a document, → its task in [`actor`](super::actor), which takes it in when it can.
//!
//! Always true: calls wait for room, so a busy document slows its own writers; notes never do, and of each reader there is at most
//! one of each kind. A task does not end while somebody holds its mailbox.

use super::desk::{Desk, Said};
use super::error::{SubmitError, ViewError};
use super::outbox::Outbox;
use automerge::Automerge;
use bytes::Bytes;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::document::{Document, Input, Size, WaitingRoom};
use dovetail_core::grant::{Access, EditPermit, Identity};
use dovetail_core::id::{SessionId, StorageId};
use dovetail_core::limits::EPHEMERAL_BYTES_MAX;
use dovetail_core::session::ToDocument;
use dovetail_core::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};

/// Calls that may wait in a mailbox. With the 500 busiest editors of one document each having one
/// under way there is room to spare; beyond it their sockets are not read.
pub(crate) const MAILBOX_MAX: usize = 1_024;

/// The way to a document's task, for those who use it.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub(super) calls: mpsc::Sender<Call>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    pub(super) drained: Arc<Drained>,
    pub(super) desk: Arc<Desk>,
    pub(super) vitals: Arc<Vitals>,
}

impl Mailbox {
    /// Hands over what a session has, and waits for room: so a busy document slows its own writers.
    pub async fn tell(&self, session: SessionId, what: ToDocument) {
        let call = match what {
            ToDocument::Message { is_request, message } => {
                Call::Input(Input::Message { session, is_request, message })
            }
            ToDocument::Identified(who) => Call::Input(Input::Identified { session, who }),
            ToDocument::Follow(follows) => Call::Input(Input::Follow { session, follows }),
            ToDocument::RemoteHeads(news) => Call::Input(Input::RemoteHeads { session, news }),
            ToDocument::Ephemeral(frame) if frame.data().len() > EPHEMERAL_BYTES_MAX => {
                metrics::counter!(crate::metrics::EPHEMERALS_DROPPED).increment(1);
                return;
            }
            ToDocument::Ephemeral(frame) => {
                Call::Ephemeral(Arc::new(Said { from: session, frame: Arc::new(frame), spoken: None }))
            }
            ToDocument::Open { .. } => return,
        };
        // A task with readers does not end; should it be gone, the server is going down.
        let _gone = self.calls.send(call).await;
    }

    /// The socket has taken what was last sent.
    pub fn drained(&self, session: SessionId) {
        if self.drained.add(session) {
            let _gone = self.notes.send(Note::Drained);
        }
    }

    /// Whether a session has been told that it may change the document.
    #[must_use]
    pub fn may_write(&self, session: SessionId) -> bool {
        self.vitals.writers().contains(&session)
    }

    /// Has the task judge, or ask for rights, again: other rules, rights or waivers are there.
    pub(super) fn judge(&self, input: Input) {
        let _gone = self.notes.send(Note::Judge(input));
    }

    /// The session is gone.
    pub fn leave(&self, session: SessionId) {
        let _gone = self.notes.send(Note::Leave(session));
    }
}

/// A connection that wants to read a document.
#[derive(Debug)]
pub struct Reader {
    /// Which.
    pub session: SessionId,
    /// Who is behind it.
    pub who: Arc<Identity>,
    /// Where they come from, for the audit log.
    pub address: Option<IpAddr>,
    /// The store behind its peer, if it has one that lasts.
    pub storage: Option<StorageId>,
    /// The stores it follows.
    pub follows: Arc<BTreeSet<StorageId>>,
    /// It announced that it knows Dovetail's own messages.
    pub understands_ours: bool,
    /// Where what it has waiting for missing changes counts.
    pub room: Arc<WaitingRoom>,
    /// Where what is for it goes.
    pub outbox: Arc<Outbox>,
}

/// What can wake a document's task.
pub(super) enum Call {
    /// Something for the machine, as it is.
    Input(Input),
    /// A connection reads this document from now on.
    Open(Reader),
    /// For all readers but this one, from one of them.
    Ephemeral(Arc<Said>),
    /// The same from somebody who showed that they may.
    Say(Arc<Said>),
    /// Changes from a door.
    Submit { permit: EditPermit, changes: Vec<Bytes>, answer: oneshot::Sender<Result<Manifest, SubmitError>> },
    /// Says who may do what from now on.
    SetAccess { access: Arc<Access>, answer: oneshot::Sender<Result<Manifest, SubmitError>> },
    /// Somebody wants to look.
    View { look: Look },
    /// Deletes, or takes that back.
    Delete { deleted: bool, answer: oneshot::Sender<Result<Manifest, SubmitError>> },
}

/// What is small and must never wait for room: at most one of each per reader is under way. A note may
/// overtake calls that were made before it.
#[derive(Debug)]
pub(super) enum Note {
    /// Somebody was passed over and [`Drained`] has news.
    Drained,
    Leave(SessionId),
    /// A watcher is gone, perhaps the last.
    Unwatched,
    /// Other rules are in force, a waiver is over, or a rule was evaluated. At most one of each is under way, too.
    Judge(Input),
}

/// Sockets that took what was last sent. The task looks here whenever it wakes, and is only woken for
/// it while it waits for one: else each message to a thousand readers would wake it a thousand times.
#[derive(Debug, Default)]
pub(super) struct Drained {
    sessions: Mutex<Vec<SessionId>>,
    is_awaited: AtomicBool,
}

impl Drained {
    /// Adds a session; says whether the task waits for it.
    pub(super) fn add(&self, session: SessionId) -> bool {
        self.sessions().push(session);
        // Behind the lock: either the task finds the session, or it has said before that it waits.
        self.is_awaited.load(Ordering::SeqCst)
    }

    pub(super) fn take(&self) -> Vec<SessionId> {
        std::mem::take(&mut *self.sessions())
    }

    /// From now on the task wants to be woken, or no longer. Says whether something is there already.
    pub(super) fn awaits(&self, is_awaited: bool) -> bool {
        self.is_awaited.store(is_awaited, Ordering::SeqCst);
        is_awaited && !self.sessions().is_empty()
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<SessionId>> {
        self.sessions.lock().expect("nothing panics while it holds this lock")
    }
}

/// Looks at the document, or hears why that cannot be.
pub(super) type Look = Box<dyn FnOnce(Result<Sight<'_>, ViewError>) + Send>;

/// What whoever looks can see: what is stored.
pub(super) struct Sight<'a> {
    pub(super) doc: &'a Automerge,
    pub(super) document: &'a Document,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Call::Input(_) => "Input",
            Call::Open(_) => "Open",
            Call::Ephemeral(_) => "Ephemeral",
            Call::Say(_) => "Say",
            Call::Submit { .. } => "Submit",
            Call::SetAccess { .. } => "SetAccess",
            Call::View { .. } => "View",
            Call::Delete { .. } => "Delete",
        })
    }
}

/// What the hub sees of a task from outside.
#[derive(Debug)]
pub(super) struct Vitals {
    pub(super) used_at_ms: AtomicU64,
    pub(super) resident_bytes: AtomicU64,
    pub(super) readers: AtomicUsize,
    pub(super) is_live: AtomicBool,
    /// When a right or a token of a reader ends.
    pub(super) asks_again_at_ms: AtomicU64,
    /// How large it is, while it is in memory.
    size: Mutex<Size>,
    /// Sessions that were told that they may write.
    writers: Mutex<BTreeSet<SessionId>>,
}

impl Vitals {
    /// Shows how the document is doing.
    pub(super) fn show(&self, document: &Document) {
        self.resident_bytes.store(document.resident_bytes(), Ordering::Relaxed);
        self.readers.store(document.readers(), Ordering::Relaxed);
        self.is_live.store(document.is_live(), Ordering::Relaxed);
        *self.sized() = document.size();
        let asks_again = document.asks_again_at().map_or(u64::MAX, Timestamp::as_millis);
        self.asks_again_at_ms.store(asks_again, Ordering::Relaxed);
    }

    /// How large it is, while it is in memory.
    pub(super) fn size(&self) -> Size {
        *self.sized()
    }

    fn sized(&self) -> MutexGuard<'_, Size> {
        self.size.lock().expect("nothing panics while it holds this lock")
    }

    pub(super) fn writers(&self) -> MutexGuard<'_, BTreeSet<SessionId>> {
        self.writers.lock().expect("nothing panics while it holds this lock")
    }
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            used_at_ms: AtomicU64::default(),
            resident_bytes: AtomicU64::default(),
            readers: AtomicUsize::default(),
            is_live: AtomicBool::default(),
            size: Mutex::default(),
            asks_again_at_ms: AtomicU64::new(u64::MAX),
            writers: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::wire::{Ephemeral, EphemeralFrame};

    /// OP34: an ephemeral message of so many bytes is passed on, a larger one is not, and nobody is punished for it.
    #[tokio::test]
    async fn op34_ephemeral_messages_have_a_bound() {
        let (calls, mut calls_of) = mpsc::channel(4);
        let (notes, _notes_of) = mpsc::unbounded_channel();
        let (drained, desk, vitals) = (Arc::default(), Arc::default(), Arc::default());
        let mailbox = Mailbox { calls, notes, drained, desk, vitals };
        let of = |bytes: usize| {
            let data = vec![7; bytes];
            let said = Ephemeral {
                sender: "p".parse().unwrap(),
                target: None,
                document: "4NMNnkMhL8jXrdJ9jamS58PAVdXu".parse().unwrap(),
                session_id: "s".into(),
                count: 1,
                data: data.as_slice().into(),
            };
            ToDocument::Ephemeral(EphemeralFrame::new(&said))
        };
        for bytes in [EPHEMERAL_BYTES_MAX + 1, EPHEMERAL_BYTES_MAX] {
            mailbox.tell(SessionId(1), of(bytes)).await;
        }
        let taken = calls_of.try_recv().unwrap();
        let Call::Ephemeral(said) = taken else { panic!("{taken:?}") };
        assert_eq!(said.frame.data().len(), EPHEMERAL_BYTES_MAX);
        assert!(calls_of.try_recv().is_err(), "the larger one went nowhere");
    }
}
