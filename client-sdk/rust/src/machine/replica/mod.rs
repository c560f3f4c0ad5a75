//! One document on a device: edited, kept, sent, and told what became of it.
//!
//! Edit path: ← an app edits, → [`tick`] puts it into the document at once, → [`Effect::Commit`] keeps it on the device,
//! → [`Effect::Send`] offers it to the server; ← the server's heads, → [`pending`] lets go of what is durable there;
//! ← a refusal, → [`refusal`] takes the change out and makes what was built on it once more.
//!
//! ```text
//!  Unasked ──open──▶ Loading ──loaded──▶ Here ──a commit failed──▶ Loading
//!                       └────cannot be read───▶ Broken
//! ```
//!
//! **Invariant:** what the app was told to be kept is in the store, whenever the process ends.
//! **Invariant:** a change counts as pending from the moment it is made until the server says that it is durable there, or refuses it.
//! **Invariant:** a sync state is as old as the connection, and is begun anew when the document lost something.

mod advance; // What it does by itself.
mod again; // A refused change, made once more, or not wanted any more.
mod heard; // What the server says.
mod here; // The document in memory.
mod judged; // What the rules say of it.
mod label; // Edits in words.
mod notes; // What is written down beside the document.
mod pending; // What the server does not have yet.
mod refusal; // What the server does not take.
mod replay; // A change, made once more on another state.
mod stands; // How it stands.
mod tick; // The document in memory, and edits that become one change.

pub use again::AgainError;
pub(crate) use here::read;
pub use judged::DecideError;
pub use notes::Notes;
pub use pending::Pending;
pub use refusal::Refused;

use super::room::StorageStatus;
use automerge::sync::{Message, State};
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, Change};
use dovetail_core::dashboard::{Edit, EditError as DashboardError};
use dovetail_core::document::chunk::{Batch, Stored};
use dovetail_core::grant::Role;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use dovetail_core::{json, limits};
use here::{Here, Noted};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tick::{Tick, has_orphans};

/// While the server has not answered, what is new waits so long for what comes after it.
pub const SEND_EVERY: Duration = Duration::from_millis(50);

/// So often a store may fail before the first times are told as one: then what was kept between them counts as lost as well.
const LOST_MAX: usize = 64;

/// What a store did not take is tried again after so long at first, and twice as long each time, up to [`KEEP_AGAIN_MAX`].
const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// A disk that is full stays full until somebody comes; who does does not wait much longer than that.
const KEEP_AGAIN_MAX: Duration = Duration::from_secs(60);

/// So many messages may wait until the document was read. A server that sends more is asked again later.
const INBOX_MAX: usize = 256;

/// Bounds of one document on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Changes that may wait for the server. Each takes some 500 bytes in memory.
    pub pending_max: usize,
    /// Their bytes.
    pub pending_bytes_max: u64,
    /// The most bytes of one change. A server that takes less is obeyed.
    pub change_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_max: 100_000,
            pending_bytes_max: 64 << 20,
            change_bytes_max: limits::CHANGE_BYTES_MAX as u64,
        }
    }
}

/// What has to be done in the world.
#[derive(Debug)]
pub enum Effect {
    /// Read the document and its notes; answer with [`Replica::loaded`].
    Load,
    /// Make this durable, behind everything that was asked for before; answer with [`Replica::stored`].
    Commit(Batch),
    /// Write the notes down in place of those before; answer with [`Replica::noted`].
    Note(Box<Notes>),
    /// Say this to the server.
    Send(Message),
    /// The document has lost something that the server has sent: it does not send that again on the same connection. Make another
    /// one.
    Reconnect,
    /// The content is another one than before.
    Changed,
    /// How it stands is another than before: what waits, what was refused, what one may do.
    Told,
}

/// What the server has said of the document on this connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    #[default]
    None,
    /// It has it.
    Here,
    /// It has none that we may see: nobody has brought it, it was deleted, or the right to it is gone.
    Missing,
}

/// What became of an edit on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The store has not answered.
    Waits,
    /// It is durable here.
    Kept,
    /// The store did not take it, why: it is not in the document any more. It may have reached the server all the same.
    Lost(Arc<str>),
}

/// Why an edit was not taken. Nothing of it is in the document.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Ours: it is not in memory yet.
    #[error("the document is not here yet")]
    NotHere,
    /// Whose right it is has said so.
    #[error("this document may be read and not changed by you")]
    ReadOnly,
    /// The right is gone, or the document is.
    #[error("you have no access to this document any more; what is here can be exported")]
    Forbidden,
    /// So much waits for the server that no more is taken.
    #[error(
        "{changes} changes of {bytes} bytes wait for the server, and no more may: connect, so that they are saved"
    )]
    TooMuchPending {
        /// How many.
        changes: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The documents of this device take so much room that nothing more is edited here.
    #[error(
        "the documents on this device have {bytes} bytes, and {bytes_max} are allowed: connect, so that they are saved, and close some, or let go of some for good"
    )]
    StoreFull {
        /// How many they have.
        bytes: u64,
        /// How many they may have.
        bytes_max: u64,
    },
    /// The server would not take it.
    #[error("the change has {bytes} bytes, and one may have {bytes_max}")]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u64,
    },
    /// The server would not take it.
    #[error(
        "the change has {ops} operations, each letter of a text being one, and one change may have {ops_max}: make it in parts"
    )]
    TooManyOps {
        /// How many it has.
        ops: u64,
        /// How many it may have.
        ops_max: u64,
    },
    /// It does not fit the dashboard.
    #[error(transparent)]
    Dashboard(#[from] Box<DashboardError>),
}

/// Why the document could not be read from the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadFault {
    /// What is there is not what was written.
    #[error("what is kept of the document on this device is damaged: {0}")]
    Damaged(String),
    /// The store does not answer.
    #[error("the store on this device does not answer: {0}")]
    Unavailable(String),
}

/// See the top of the file.
#[derive(Debug)]
pub struct Replica {
    id: DocumentId,
    limits: Limits,
    storage: StorageStatus,
    /// Edits made here are this actor's. Never one of an earlier run: what that one made may have reached the server and not the disk.
    actor: ActorId,
    content: Content,
    /// Messages that nobody has looked at.
    inbox: VecDeque<Message>,
    link: Option<Link>,
    answer: Answer,
    role: Option<Role>,
    /// Edits are counted. So many were taken.
    taken: u64,
    /// All up to this one are durable here, but for those that are lost.
    kept: u64,
    /// Edits that the store did not take.
    lost: Vec<(RangeInclusive<u64>, Arc<str>)>,
    /// So often in a row the store has not taken something.
    failures: u32,
    /// Before then nothing is asked of it that nobody waits for.
    keep_again_at: Option<Timestamp>,
}

#[derive(Debug)]
enum Content {
    Unasked,
    Loading,
    Here(Box<Here>),
    Broken(LoadFault),
}

/// What is known of the server on the connection there is.
#[derive(Debug)]
struct Link {
    state: State,
    sent_at: Option<Timestamp>,
    is_unanswered: bool,
    /// A message could not be said, as it came too soon after another.
    is_due: bool,
}

impl Link {
    fn new() -> Self {
        Self { state: State::new(), sent_at: None, is_unanswered: false, is_due: true }
    }
}

impl Replica {
    /// A document of which nothing is known yet but its name. `actor` is new, drawn by lot.
    #[must_use]
    pub fn new(id: DocumentId, actor: ActorId, limits: Limits) -> Self {
        Self {
            id,
            limits,
            storage: StorageStatus { bytes_max: u64::MAX, ..StorageStatus::default() },
            actor,
            content: Content::Unasked,
            inbox: VecDeque::new(),
            link: None,
            answer: Answer::None,
            role: None,
            taken: 0,
            kept: 0,
            lost: Vec::new(),
            failures: 0,
            keep_again_at: None,
        }
    }

    /// A document that was made here just now.
    #[must_use]
    pub fn made(id: DocumentId, actor: ActorId, limits: Limits, doc: Automerge) -> Self {
        let mut replica = Self::new(id, actor, limits);
        replica.content = Content::Here(Box::new(Here::new(doc.with_actor(replica.actor.clone()))));
        replica.taken = 1;
        replica
    }

    /// Which document it is.
    #[must_use]
    pub fn id(&self) -> &DocumentId {
        &self.id
    }

    // What the app does.

    /// Makes it be loaded, if it is not.
    pub fn open(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.content, Content::Unasked | Content::Broken(_)) {
            self.content = Content::Loading;
            effects.push(Effect::Load);
        }
    }

    /// Edits the dashboard: all of it or nothing. The number of the edit: it is durable once [`kept`](Self::kept) has come so far.
    ///
    /// # Errors
    /// See [`EditError`].
    pub fn edit(&mut self, now: Timestamp, edits: &[Edit], label: Option<&str>) -> Result<u64, EditError> {
        let bytes = size_of(edits, &self.limits)?;
        let bytes_max = self.limits.change_bytes_max;
        let here = self.editable()?;
        if !here.tick.has_room(bytes, bytes_max) {
            here.close(now);
        }
        here.tick.edit(edits, label, bytes)?;
        self.taken += 1;
        Ok(self.taken)
    }

    /// Changes the document in whatever way: one change. What `change` gave back, and the number of the edit.
    ///
    /// # Errors
    /// Why nothing could be changed, or else what `change` said; then nothing is changed.
    pub fn change<T, E>(
        &mut self,
        now: Timestamp,
        label: Option<&str>,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
        effects: &mut Vec<Effect>,
    ) -> Result<Result<(T, u64), E>, EditError> {
        let bytes_max = self.limits.change_bytes_max;
        let here = self.editable()?;
        let mut options = CommitOptions::default().with_time(json::seconds(now));
        // An empty one is another than none as long as the document is in memory, and the same when it is loaded again.
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            options.set_message(label::bounded(label.to_owned()));
        }
        let before = here.doc(now).get_heads();
        let done = match here.doc(now).transact_with(|_| options, change) {
            Ok(done) => done,
            Err(failure) => return Ok(Err(failure.error)),
        };
        let made = here.doc(now).get_changes(&before);
        if let Err(error) = are_in_bounds(&made, bytes_max) {
            // What waits for others is not in what is gone back to, and the server has sent it already.
            let has_orphans = has_orphans(here.tick.doc());
            here.forget_last(now, &before);
            self.actor = here.tick.doc().get_actor().clone();
            if has_orphans {
                self.lose_link(effects);
            }
            return Err(error);
        }
        made.iter().for_each(|change| here.waiting.enter(change));
        self.taken += 1;
        Ok(Ok((done.result, self.taken)))
    }

    fn editable(&mut self) -> Result<&mut Here, EditError> {
        match self.role {
            Some(Role::None) => return Err(EditError::Forbidden),
            Some(Role::Read) => return Err(EditError::ReadOnly),
            _ => {}
        }
        let (limits, StorageStatus { bytes, bytes_max, .. }) = (self.limits, self.storage);
        if self.storage.is_full() {
            return Err(EditError::StoreFull { bytes, bytes_max });
        }
        let Content::Here(here) = &mut self.content else { return Err(EditError::NotHere) };
        let (changes, bytes) = (here.waiting.count(), here.waiting.bytes());
        if changes >= limits.pending_max || bytes >= limits.pending_bytes_max {
            return Err(EditError::TooMuchPending { changes, bytes });
        }
        Ok(here)
    }

    // What the store answers.

    /// The store's answer to [`Effect::Load`].
    pub fn loaded(
        &mut self,
        now: Timestamp,
        answer: Result<(Option<Stored>, Option<Notes>), LoadFault>,
        effects: &mut Vec<Effect>,
    ) {
        if !matches!(self.content, Content::Loading) {
            return;
        }
        let loaded =
            answer.and_then(|(stored, notes)| Here::load(stored, notes.unwrap_or_default(), &self.actor));
        self.content = match loaded {
            Ok((here, role)) => {
                self.role = self.role.or(role);
                Content::Here(Box::new(here))
            }
            Err(fault) => Content::Broken(fault),
        };
        if let Content::Here(here) = &mut self.content
            && here.refusals.is_anything_in(here.tick.doc())
        {
            here.take_out(now);
            self.actor = here.tick.doc().get_actor().clone();
        }
        effects.extend([Effect::Changed, Effect::Told]);
    }

    /// The store's answer to [`Effect::Commit`].
    pub fn stored(&mut self, now: Timestamp, answer: Result<(), &str>, effects: &mut Vec<Effect>) {
        let Content::Here(here) = &mut self.content else { return };
        let Some(commit) = here.commit.take() else { return };
        match answer {
            Ok(()) => {
                (self.failures, self.keep_again_at) = (0, None);
                here.is_stored(commit.put, commit.manifest, commit.is_whole, commit.is_outrun);
                self.kept = self.kept.max(commit.upto);
                here.are_kept(self.kept);
                effects.push(Effect::Told);
            }
            Err(why) => {
                tracing::error!(document = %self.id, why, "the document could not be kept on this device");
                self.has_failed(now);
                self.begin_anew(why, effects);
            }
        }
    }

    /// The store's answer to [`Effect::Note`].
    pub fn noted(&mut self, now: Timestamp, answer: Result<(), &str>, effects: &mut Vec<Effect>) {
        let Content::Here(here) = &mut self.content else { return };
        here.is_noting = false;
        let has_refusals = here.refusals_noted == Noted::UnderWay;
        match answer {
            Ok(()) if has_refusals => here.refusals_noted = Noted::Yes,
            Ok(()) => {}
            Err(why) => {
                here.is_noted = false;
                self.has_failed(now);
                if has_refusals {
                    // Nothing can be kept before it is noted what was refused; the server says that again.
                    return self.begin_anew(why, effects);
                }
            }
        }
        // It may leave memory now.
        effects.push(Effect::Told);
    }

    fn has_failed(&mut self, now: Timestamp) {
        let wait = KEEP_AGAIN.saturating_mul(1 << self.failures.min(16)).min(KEEP_AGAIN_MAX);
        self.failures += 1;
        self.keep_again_at = Some(now + wait);
    }

    /// What the store holds counts. Nobody was told that what is lost here is kept, and the server brings its own again.
    fn begin_anew(&mut self, why: &str, effects: &mut Vec<Effect>) {
        // It may have gone to the server: the numbers of those changes are not given a second time.
        self.actor = refusal::next_actor(&self.actor);
        if self.kept < self.taken {
            self.lost.push((self.kept + 1..=self.taken, why.into()));
        }
        if self.lost.len() > LOST_MAX {
            let (oldest, _) = self.lost.remove(0);
            let next = &mut self.lost[0].0;
            *next = *oldest.start()..=*next.end();
        }
        self.kept = self.taken;
        self.content = Content::Unasked;
        self.lose_link(effects);
        self.open(effects);
        effects.push(Effect::Told);
    }

    fn lose_link(&mut self, effects: &mut Vec<Effect>) {
        if self.link.take().is_some() {
            effects.push(Effect::Reconnect);
        }
    }

    /// How full the device is.
    pub fn set_storage(&mut self, storage: StorageStatus) {
        self.storage = storage;
    }

    /// Other bounds hold on this connection.
    pub fn set_change_bytes_max(&mut self, bytes: u64) {
        self.limits.change_bytes_max = bytes;
    }
}

/// A document that nobody has, with these edits in it as one change, and words for it.
///
/// # Errors
/// An edit cannot be done, or is too large.
pub fn with_edits(
    doc: Automerge,
    now: Timestamp,
    edits: &[Edit],
    limits: &Limits,
) -> Result<Automerge, EditError> {
    let mut tick = Tick::new(doc);
    tick.edit(edits, None, size_of(edits, limits)?)?;
    tick.close(now);
    Ok(tick.into_doc())
}

/// Whether the server takes changes of this size.
pub(crate) fn are_in_bounds(changes: &[Change], bytes_max: u64) -> Result<(), EditError> {
    let bytes = changes.iter().map(|change| change.raw_bytes().len() as u64).max().unwrap_or(0);
    let ops = changes.iter().map(|change| change.len() as u64).max().unwrap_or(0);
    in_bounds(bytes, bytes_max, ops, limits::CHANGE_OPS_MAX)
}

/// An edit as JSON is longer than what it becomes in a change, and a value in it, which becomes an operation, stands behind one of these signs.
fn size_of(edits: &[Edit], limits: &Limits) -> Result<u64, EditError> {
    let texts: Vec<String> = edits.iter().filter_map(|edit| serde_json::to_string(edit).ok()).collect();
    let (bytes, bytes_max) = (texts.iter().map(|text| text.len() as u64).sum(), limits.change_bytes_max);
    let values = |text: &String| text.bytes().filter(|byte| b"[{,".contains(byte)).count() as u64;
    let (ops, ops_max) = (texts.iter().map(values).sum(), limits::CHANGE_OPS_MAX);
    in_bounds(bytes, bytes_max, ops, ops_max).map(|()| bytes)
}

fn in_bounds(bytes: u64, bytes_max: u64, ops: u64, ops_max: u64) -> Result<(), EditError> {
    match () {
        () if bytes > bytes_max => Err(EditError::TooLarge { bytes, bytes_max }),
        () if ops > ops_max => Err(EditError::TooManyOps { ops, ops_max }),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests;
