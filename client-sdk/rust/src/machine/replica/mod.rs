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

mod again; // A refused change, made once more.
mod here; // The document in memory.
mod judged; // What the rules say of it.
mod label; // Edits in words.
mod notes; // What is written down beside the document.
mod pending; // What the server does not have yet.
mod refusal; // What the server does not take.
mod replay; // A change, made once more on another state.
mod tick; // The document in memory, and edits that become one change.

pub use again::AgainError;
pub(crate) use here::read;
pub use judged::DecideError;
pub use notes::Notes;
pub use pending::Pending;
pub use refusal::Refused;

use super::room::StorageStatus;
use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, ChangeHash};
use dovetail_core::dashboard::{Edit, EditError as DashboardError};
use dovetail_core::document::chunk::{Batch, Stored};
use dovetail_core::grant::Role;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use dovetail_core::{json, limits};
use here::Here;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;
use tick::has_orphans;

/// While the server has not answered, what is new waits so long for what comes after it.
pub const SEND_EVERY: Duration = Duration::from_millis(50);

/// So often a store may fail before whoever asks later is not told of the first time any more.
const LOST_MAX: usize = 64;

/// So many messages may wait until the document was read. A server that sends more is asked again later.
const INBOX_MAX: usize = 256;

/// Bounds of one document on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Changes that may wait for the server. Each takes some 500 bytes in memory.
    pub pending_max: usize,
    /// Their bytes.
    pub pending_bytes_max: u64,
    /// The most bytes of one change that the server takes.
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
    /// Write the notes down in place of those before. Nobody waits for that alone.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The store has not answered.
    Waits,
    /// It is durable here.
    Kept,
    /// The store did not take it: it is not in the document any more. It may have reached the server all the same.
    Lost,
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
        "the documents on this device have {bytes} bytes, and {bytes_max} are allowed: connect, so that they are saved, and close some"
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
    lost: Vec<RangeInclusive<u64>>,
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
        let bytes_max = self.limits.change_bytes_max;
        // An edit as JSON is longer than what it becomes in a change.
        let bytes = edits.iter().map(json_bytes).sum();
        if bytes > bytes_max {
            return Err(EditError::TooLarge { bytes, bytes_max });
        }
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
    ) -> Result<Result<(T, u64), E>, EditError> {
        let bytes_max = self.limits.change_bytes_max;
        let here = self.editable()?;
        let mut options = CommitOptions::default().with_time(json::seconds(now));
        // An empty one is another than none as long as the document is in memory, and the same when it is loaded again.
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            options.set_message(label);
        }
        let before = here.doc(now).get_heads();
        let done = match here.doc(now).transact_with(|_| options, change) {
            Ok(done) => done,
            Err(failure) => return Ok(Err(failure.error)),
        };
        let made = here.doc(now).get_changes(&before);
        let bytes = made.iter().map(|change| change.raw_bytes().len() as u64).max().unwrap_or(0);
        if bytes > bytes_max {
            here.forget_last(now, &before);
            self.actor = here.tick.doc().get_actor().clone();
            return Err(EditError::TooLarge { bytes, bytes_max });
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
    pub fn stored(&mut self, answer: Result<(), &str>, effects: &mut Vec<Effect>) {
        let Content::Here(here) = &mut self.content else { return };
        let Some(commit) = here.commit.take() else { return };
        match answer {
            Ok(()) => {
                here.is_stored(commit.put, commit.manifest, commit.is_whole, commit.is_outrun);
                self.kept = self.kept.max(commit.upto);
                here.are_kept(self.kept);
                effects.push(Effect::Told);
            }
            Err(why) => {
                tracing::error!(document = %self.id, why, "edits could not be kept on this device");
                self.begin_anew(effects);
            }
        }
    }

    /// What the store holds counts. Nobody was told that what is lost here is kept, and the server brings its own again.
    fn begin_anew(&mut self, effects: &mut Vec<Effect>) {
        // It may have gone to the server: the numbers of those changes are not given a second time.
        self.actor = refusal::next_actor(&self.actor);
        self.lost.push(self.kept + 1..=self.taken);
        if self.lost.len() > LOST_MAX {
            self.lost.remove(0);
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

    // What the server says.

    /// There is a connection, and nothing was said on it.
    pub fn connected(&mut self) {
        self.link = Some(Link::new());
        self.inbox.clear();
        self.answer = Answer::None;
    }

    /// There is none any more.
    pub fn disconnected(&mut self) {
        self.link = None;
        self.inbox.clear();
    }

    /// A sync message has come.
    pub fn hear(&mut self, message: Message, effects: &mut Vec<Effect>) {
        if self.link.is_none() || matches!(self.content, Content::Broken(_)) {
            return;
        }
        self.inbox.push_back(message);
        if self.inbox.len() > INBOX_MAX {
            self.inbox.clear();
            self.lose_link(effects);
        }
    }

    /// The server has no such document for us.
    pub fn is_missing(&mut self, effects: &mut Vec<Effect>) {
        self.answer = Answer::Missing;
        if let Content::Here(here) = &mut self.content {
            here.is_told(true);
        }
        if let Some(link) = &mut self.link {
            link.is_unanswered = false;
        }
        effects.push(Effect::Told);
    }

    /// What one may do with it.
    pub fn permitted(&mut self, role: Role, effects: &mut Vec<Effect>) {
        if self.role == Some(role) {
            return;
        }
        let was_shut = self.role.is_some_and(|before| before < Role::Read);
        self.role = Some(role);
        if let Content::Here(here) = &mut self.content {
            here.is_noted = false;
        }
        // What was said while nothing might be read was not heard.
        if was_shut && self.link.is_some() {
            self.link = Some(Link::new());
        }
        effects.push(Effect::Told);
    }

    /// The server did not take these changes.
    pub fn rejected(
        &mut self,
        now: Timestamp,
        changes: &[ChangeHash],
        code: &str,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Content::Here(here) = &mut self.content else { return };
        if here.refuse(now, changes, code, reason) {
            let has_orphans = has_orphans(here.tick.doc());
            here.take_out(now);
            self.actor = here.tick.doc().get_actor().clone();
            effects.push(Effect::Changed);
            // What waits for others is not in the new document, and the server has sent it already.
            if has_orphans {
                self.lose_link(effects);
            } else {
                self.link = self.link.is_some().then(Link::new);
            }
        }
        effects.push(Effect::Told);
    }

    /// How full the device is.
    pub fn set_storage(&mut self, storage: StorageStatus) {
        self.storage = storage;
    }

    /// Other bounds hold on this connection.
    pub fn set_change_bytes_max(&mut self, bytes: u64) {
        self.limits.change_bytes_max = bytes;
    }

    /// A refused change is not wanted any more.
    pub fn discard(&mut self, hash: &ChangeHash, effects: &mut Vec<Effect>) -> Option<Refused> {
        let Content::Here(here) = &mut self.content else { return None };
        let discarded = here.refusals.discard(hash)?;
        here.is_noted = false;
        effects.push(Effect::Told);
        Some(discarded)
    }

    // What can be done now.

    /// Takes in what has come, keeps what is new, says what there is to say. Whoever drives the machine calls this when something
    /// has happened, and when [`next_tick`](Self::next_tick) has come.
    pub fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.take_in(now, effects);
        self.keep(now, effects);
        self.say(now, effects);
    }

    /// When there is something to do though nothing happens.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let link = self.link.as_ref().filter(|link| link.is_due && link.is_unanswered)?;
        Some(link.sent_at? + SEND_EVERY)
    }

    fn take_in(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (Content::Here(here), Some(link)) = (&mut self.content, &mut self.link) else { return };
        if self.inbox.is_empty() {
            return;
        }
        let before = here.doc(now).get_heads();
        let mut heads = None;
        for message in std::mem::take(&mut self.inbox) {
            link.is_unanswered = false;
            link.is_due = true;
            self.answer = Answer::Here;
            heads = Some(message.heads.clone());
            if let Err(panicked) = here.hear(now, &mut link.state, message) {
                tracing::error!(document = %self.id, %panicked, "what the server sent could not be applied");
                return self.begin_anew(effects);
            }
        }
        here.close(now);
        here.is_told(false);
        here.refusals.take_back(here.tick.doc());
        if let Some(heads) = heads {
            here.server_has(now, heads);
        }
        if here.doc(now).get_heads() != before {
            effects.push(Effect::Changed);
        }
        effects.push(Effect::Told);
    }

    /// Nothing is asked of the store while it is busy with this document: what comes meanwhile goes together.
    fn keep(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Content::Here(here) = &mut self.content else { return };
        if here.commit.is_some() {
            return;
        }
        here.close(now);
        here.is_open(now);
        if !here.is_noted {
            here.is_noted = true;
            effects.push(Effect::Note(Box::new(here.notes(self.role))));
        }
        if let Some((batch, commit)) = here.what_to_keep(now, &self.id, self.taken) {
            here.commit = Some(commit);
            effects.push(Effect::Commit(batch));
        } else if self.kept < self.taken {
            // There is nothing of it to keep, and whoever waits for that is told.
            self.kept = self.taken;
            here.are_kept(self.kept);
            effects.push(Effect::Told);
        }
    }

    fn say(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (Content::Here(here), Some(link)) = (&mut self.content, &mut self.link) else { return };
        if here.tick.is_open() || here.holds_back {
            return;
        }
        let is_too_soon = link.is_unanswered && link.sent_at.is_some_and(|at| now < at + SEND_EVERY);
        if is_too_soon {
            link.is_due = true;
            return;
        }
        link.is_due = false;
        if let Some(message) = here.doc(now).generate_sync_message(&mut link.state) {
            link.sent_at = Some(now);
            link.is_unanswered = true;
            effects.push(Effect::Send(message));
        }
    }

    // How it stands.

    /// The document, with all edits in it. Edits that were to become one change together become one now.
    pub fn automerge(&mut self, now: Timestamp) -> Option<&Automerge> {
        let Content::Here(here) = &mut self.content else { return None };
        Some(here.doc(now))
    }

    /// Whether it has something in it, here.
    pub fn has_content(&mut self, now: Timestamp) -> bool {
        self.automerge(now).is_some_and(|doc| !tick::is_empty(doc))
    }

    /// The number of the last edit.
    #[must_use]
    pub fn last_edit(&self) -> u64 {
        self.taken
    }

    /// What became of an edit.
    #[must_use]
    pub fn fate(&self, edit: u64) -> Fate {
        match edit {
            edit if self.lost.iter().any(|lost| lost.contains(&edit)) => Fate::Lost,
            edit if edit <= self.kept => Fate::Kept,
            _ => Fate::Waits,
        }
    }

    /// What the server said of it on this connection.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// What one may do with it, as far as that is known.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Why it cannot be read.
    #[must_use]
    pub fn fault(&self) -> Option<&LoadFault> {
        match &self.content {
            Content::Broken(fault) => Some(fault),
            _ => None,
        }
    }

    /// Whether it was read, or cannot be.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        matches!(self.content, Content::Here(_) | Content::Broken(_))
    }

    /// What waits for the server, in order.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.here().into_iter().flat_map(|here| here.waiting.iter())
    }

    /// How many wait, and their bytes. What is open as one change counts as one.
    #[must_use]
    pub fn pending_size(&self) -> (usize, u64) {
        self.here().map_or((0, 0), |here| {
            (here.waiting.count() + usize::from(here.tick.is_open()), here.waiting.bytes())
        })
    }

    /// When the server last had everything.
    #[must_use]
    pub fn saved_at(&self) -> Option<Timestamp> {
        self.here().and_then(|here| here.saved_at)
    }

    /// What the server did not take, the oldest first.
    pub fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.here().into_iter().flat_map(|here| here.refusals.iter())
    }

    /// All changes that were taken out of it, which the server did not take or which were built on such.
    pub fn taken_out(&self) -> impl Iterator<Item = &ChangeHash> {
        self.here().into_iter().flat_map(|here| here.refusals.taken_out())
    }

    /// Whether anything has to be done before it may leave memory.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty()
            && match &self.content {
                Content::Here(here) => here.commit.is_none() && !here.tick.is_open() && here.is_noted,
                Content::Loading => false,
                Content::Unasked | Content::Broken(_) => true,
            }
    }

    /// Whether something of it may be nowhere else, though nothing waits: what was refused, what the server does not have for us, and what cannot
    /// be read.
    #[must_use]
    pub fn has_to_stay(&self) -> bool {
        let is_missing = self.here().is_some_and(|here| here.is_missing);
        is_missing
            || self.role == Some(Role::None)
            || self.fault().is_some()
            || self.refused().next().is_some()
    }

    fn here(&self) -> Option<&Here> {
        match &self.content {
            Content::Here(here) => Some(here),
            _ => None,
        }
    }
}

fn json_bytes(edit: &Edit) -> u64 {
    serde_json::to_string(edit).map_or(0, |text| text.len() as u64)
}

#[cfg(test)]
mod tests;
