//! One task for each open document, and the table from id to mailbox.
//!
//! Edit path: ← [`gateway`](crate::gateway) brings what a session or a door has, → the task in
//! [`actor`] drives the document's machine, the store makes it durable, [`outbox`] takes it to the
//! readers' sockets.
//!
//! **Invariant:** the hub never looks inside an edit.
//! **Invariant:** a slow reader never slows a writer: a task pushes into outboxes and goes on.
//! **Invariant:** there is one task for a document at a time.
//!
//! From low to high; a file uses those before it only:
//!
//! ```text
//!  error outbox desk room │ mailbox │ sessions watch │ shared │ rights │ actor upkeep │ this one
//! ```

pub(crate) mod actor; // The task of one document. Read this first.
pub(crate) mod desk; // What a task publishes for those who follow without syncing.
mod error; // Why something was not done.
pub(crate) mod mailbox; // The way to a document's task.
pub(crate) mod outbox; // What waits for one socket.
mod rights; // Who may do what with which document.
mod room; // Whose a document is and how much it takes.
mod sessions; // Who is connected, and under which names.
mod shared; // What all tasks share, and the table of documents.
mod upkeep; // What the hub does by itself from time to time.
mod watch; // A document that somebody follows without syncing.

pub use desk::{News, Said, Spoken, SpokenKind};
pub use error::{OpenHubError, SubmitError, ViewError};
pub use mailbox::{Mailbox, Reader};
pub use outbox::{Outbox, Taken};
pub use shared::Records;
pub use watch::{Lost, Watch};

use crate::clock::Clock;
use crate::config::Limits;
use crate::damaged::Damaged;
use crate::evaluator::Evaluator;
use crate::inbox::Inbox;
use crate::quotas::{OverQuota, Owned, Quotas};
use crate::store::{CommitError, LoadError, Space, Store};
use actor::Actor;
use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use dovetail_core::authors::Authors;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::document::{Input, Size, Verdict};
use dovetail_core::grant::{
    Access, AdminPermit, EditPermit, Grant, Identity, Policy, ReadPermit, ServerPermit,
};
use dovetail_core::id::{DocumentId, PeerId, SessionId, StorageId, SubjectId};
use dovetail_core::limits::{DocumentLimits, SessionLimits};
use dovetail_core::rules::{Conflict, RuleBook};
use dovetail_core::session::{CloseReason, ServerIdentity};
use mailbox::{Call, Sight};
use shared::{HubLimits, Shared};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The name under which the server's storage id lies in the store.
const STORAGE_ID: &str = "storage-id";

/// When somebody's right is asked for again if the store could not say.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long the hub waits at the end for commits that are under way: one takes milliseconds, a slow
/// disk a second.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// What the rules say of a document.
#[derive(Debug, Clone)]
pub struct Conflicts {
    /// How far it is stored.
    pub heads: Vec<ChangeHash>,
    /// What the rules of its kind say; nothing where there are none.
    pub verdict: Option<Arc<Verdict>>,
    /// Conflicts that somebody settled and whose rule holds.
    pub settled: Vec<Conflict>,
}

/// How the hub is doing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Documents with a task.
    pub documents_open: u64,
    /// Documents with their content in memory.
    pub documents_live: u64,
    /// Documents that are known to be damaged.
    pub documents_damaged: u64,
    /// Connections that have joined.
    pub sessions: u64,
    /// Bytes of documents in memory, estimated.
    pub resident_bytes: u64,
    /// The most that any document has of those in memory: of changes, of bytes, of operations.
    pub largest: Size,
}

/// The documents of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

impl Hub {
    /// A hub on this store, under the storage id that lies in it; the first time one is made.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(store: Arc<dyn Store>, limits: &Limits, clock: Clock) -> Result<Self, OpenHubError> {
        Self::within(HubLimits::of(limits), store, clock).await
    }

    async fn within(limits: HubLimits, store: Arc<dyn Store>, clock: Clock) -> Result<Self, OpenHubError> {
        let storage = storage_id(&*store).await?;
        let policy = rights::stored_policy(&*store).await?;
        let peer = format!("dovetail-{storage}").parse().map_err(|_| OpenHubError::Damaged)?;
        let identity = ServerIdentity { peer, storage };
        let shared = Arc::new(Shared::new(limits, store, clock, identity, policy));
        tokio::spawn(upkeep::keep(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// Who this server is, to its clients.
    #[must_use]
    pub fn identity(&self) -> Arc<ServerIdentity> {
        self.shared.identity.clone()
    }

    /// The bounds of a session.
    #[must_use]
    pub fn session_limits(&self) -> SessionLimits {
        self.shared.limits.session
    }

    /// What somebody may do with a document, as it is stored: the one question of every door. With one that is not there
    /// nobody may do anything: whoever makes it asks for that.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn grant(&self, who: &Arc<Identity>, document: &DocumentId) -> Result<Grant, LoadError> {
        self.shared.grant(who, document).await
    }

    /// The same for a document whose manifest is at hand.
    ///
    /// # Errors
    /// When the store cannot say what is written down for the document that this one follows.
    pub async fn grant_in(
        &self,
        who: &Arc<Identity>,
        document: &DocumentId,
        manifest: &Manifest,
    ) -> Result<Grant, LoadError> {
        self.shared.grant_in(who, document, manifest).await
    }

    /// Resolves when somebody may no longer read a document: their right or their token was taken back, or is over.
    pub async fn revoked(&self, permit: ReadPermit) {
        loop {
            let mut watch = self.watch(&permit);
            let grant = self.grant(permit.who(), permit.document()).await;
            // What cannot be said is asked again; whoever reads gets nothing new from such a store anyway.
            let until = match &grant {
                Ok(grant) if !grant.may_read() => return,
                Ok(grant) => grant.until(),
                Err(_) => Some(self.shared.clock.now() + ASK_AGAIN_AFTER),
            };
            let over = async {
                match until {
                    Some(until) => {
                        let left = until.since(self.shared.clock.now()).max(Duration::from_millis(1));
                        tokio::time::sleep(left).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = watch.rights_changed() => {}
                () = over => {}
            }
        }
    }

    /// Applies changes (Automerge change chunks) and resolves when they are durable. A document that
    /// is not there is made by its first changes, and belongs to whoever brings them.
    ///
    /// # Errors
    /// See [`SubmitError`]; then nothing was stored.
    pub async fn submit(&self, permit: EditPermit, changes: Vec<Bytes>) -> Result<Manifest, SubmitError> {
        let document = permit.document().clone();
        self.ask(document, |answer| Call::Submit { permit, changes, answer }).await
    }

    /// Deletes a document: it is gone for all readers, and no client brings it back by syncing.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn delete(&self, permit: &AdminPermit) -> Result<Manifest, SubmitError> {
        self.ask(permit.document().clone(), |answer| Call::Delete { deleted: true, answer }).await
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn undelete(&self, permit: &AdminPermit) -> Result<Manifest, SubmitError> {
        let document = permit.document().clone();
        let manifest = self.ask(document.clone(), |answer| Call::Delete { deleted: false, answer }).await?;
        let hub = self.clone();
        // Its conflicts are known again once somebody has looked. Whoever undeletes does not wait for that.
        tokio::spawn(async move { hub.conflicts(&ReadPermit::of_server(document)).await });
        Ok(manifest)
    }

    /// Says who may do what with a document from now on.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn set_access(
        &self,
        permit: &AdminPermit,
        access: Arc<Access>,
    ) -> Result<Manifest, SubmitError> {
        let call = |answer| Call::SetAccess { access, answer };
        self.ask(permit.document().clone(), call).await
    }

    /// Who may do what with whole kinds of documents.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.shared.policy()
    }

    /// Says who may do what with whole kinds of documents from now on; resolves when that is durable.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn set_policy(&self, _permit: &ServerPermit, policy: Policy) -> Result<(), CommitError> {
        self.shared.set_policy(policy).await
    }

    /// Runs `read` on the document as it is stored, on the document's own task: be quick.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub async fn view<T: Send + 'static>(
        &self,
        permit: &ReadPermit,
        read: impl FnOnce(&Automerge) -> T + Send + 'static,
    ) -> Result<T, ViewError> {
        self.look(permit, |Sight { doc, .. }| read(doc)).await
    }

    /// What the rules say of a document, as it is stored.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub async fn conflicts(&self, permit: &ReadPermit) -> Result<Conflicts, ViewError> {
        let look = |Sight { doc, document }: Sight<'_>| Conflicts {
            heads: doc.get_heads(),
            verdict: document.verdict().cloned(),
            settled: document.settled_conflicts(),
        };
        self.look(permit, look).await
    }

    /// A copy of a document, and whose its actors are.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub async fn with_authors(&self, permit: &ReadPermit) -> Result<(Automerge, Arc<Authors>), ViewError> {
        let look = |Sight { doc, document }: Sight<'_>| {
            (doc.clone(), document.authors().cloned().unwrap_or_default())
        };
        self.look(permit, look).await
    }

    async fn look<T: Send + 'static>(
        &self,
        permit: &ReadPermit,
        read: impl FnOnce(Sight<'_>) -> T + Send + 'static,
    ) -> Result<T, ViewError> {
        let busy = ViewError::Busy { document: permit.document().clone() };
        let (answer, answered) = oneshot::channel();
        let look = Box::new(move |sight: Result<Sight<'_>, ViewError>| {
            // The caller may have gone: then nobody wants to know.
            let _gone = answer.send(sight.map(read));
        });
        self.call(permit.document(), Call::View { look }).await;
        answered.await.unwrap_or(Err(busy))
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleBook> {
        self.shared.rules()
    }

    /// Has it write down what is refused. To be called before anybody is served.
    pub fn keep_records(&self, records: Records) {
        let _kept_before = self.shared.records.set(records);
    }

    /// Bounds how much each person has. What they have already is read from the store. To be called before anybody is
    /// served.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bound(&self, quotas: Quotas) -> Result<(), LoadError> {
        room::count_stored(&*self.shared.store, &quotas).await?;
        let _bound_before = self.shared.quotas.set(quotas);
        Ok(())
    }

    /// Whether somebody may make another document.
    ///
    /// # Errors
    /// When they have as many, or as much, as one person may.
    pub fn check_new_document(&self, who: &Identity) -> Result<(), OverQuota> {
        match (self.shared.quotas.get(), who.author()) {
            (Some(quotas), Some(author)) => quotas.check_new_document(author),
            _ => Ok(()),
        }
    }

    /// Whether somebody may take over a document that was another's.
    ///
    /// # Errors
    /// When they have no room for it.
    pub fn check_taking_over(&self, who: &Identity, manifest: &Manifest) -> Result<(), OverQuota> {
        let bytes = usize::try_from(manifest.bytes).unwrap_or(usize::MAX);
        match (self.shared.quotas.get(), who.author()) {
            (Some(quotas), Some(author)) => quotas.check_taking_over(author, bytes),
            _ => Ok(()),
        }
    }

    /// Who evaluates rules that take long.
    #[must_use]
    pub fn evaluator(&self) -> &Evaluator {
        &self.shared.evaluator
    }

    /// Waits for the turn to work out what becomes of a decision, on a copy of its document.
    pub async fn turn_to_decide(&self) -> OwnedSemaphorePermit {
        self.shared.deciding.clone().acquire_owned().await.expect("nobody closes it")
    }

    /// To be woken when other rules are in force.
    #[must_use]
    pub fn watch_rules(&self) -> tokio::sync::watch::Receiver<Arc<RuleBook>> {
        self.shared.rules.subscribe()
    }

    /// Puts other rules in force. Open documents are judged again at once, others when they are opened or
    /// swept.
    pub fn set_rules(&self, book: &Arc<RuleBook>) {
        self.shared.rules.send_replace(book.clone());
        for mailbox in self.shared.documents().values() {
            mailbox.judge(Input::Rules(book.clone()));
        }
    }

    /// Judges a document again, because a waiver is over or other rules are in force, if somebody has it open; says
    /// whether that is so. Its content may have to be loaded for it.
    pub async fn judge_again(&self, document: &DocumentId) -> bool {
        let is_live = {
            let documents = self.shared.documents();
            let Some(mailbox) = documents.get(document) else { return false };
            let is_live = mailbox.vitals.is_live.load(Ordering::Relaxed);
            if is_live {
                mailbox.judge(Input::JudgeAgain);
            }
            is_live
        };
        // Where the content has left memory it has to come back: to look at it is to judge it.
        is_live || self.conflicts(&ReadPermit::of_server(document.clone())).await.is_ok()
    }

    /// Conflicts of all documents.
    #[must_use]
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.shared.inbox
    }

    /// Documents that are known to be damaged.
    #[must_use]
    pub fn damaged(&self) -> &Damaged {
        &self.shared.damaged
    }

    /// Follows a document: wakes whoever holds it when what is stored has changed. A document that nobody
    /// has read is only known to stand somewhere once somebody [`view`](Self::view)s it.
    #[must_use]
    pub fn watch(&self, permit: &ReadPermit) -> Watch {
        Watch::new(self.mailbox(permit.document()))
    }

    /// Says something to everybody who reads or watches a document, but to its sender. When nobody does,
    /// nobody hears it.
    pub async fn say(&self, permit: &ReadPermit, said: Arc<Said>) {
        let mailbox = self.shared.documents().get(permit.document()).cloned();
        if let Some(mailbox) = mailbox {
            let _gone = mailbox.calls.send(Call::Say(said)).await;
        }
    }

    /// How the hub is doing.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let documents = self.shared.documents();
        let vitals = documents.values().map(|mailbox| &mailbox.vitals);
        Statistics {
            documents_open: documents.len() as u64,
            documents_live: vitals.clone().filter(|vitals| vitals.is_live.load(Ordering::Relaxed)).count()
                as u64,
            documents_damaged: self.shared.damaged.count(),
            sessions: self.shared.sessions.count() as u64,
            resident_bytes: vitals.clone().map(|vitals| vitals.resident_bytes.load(Ordering::Relaxed)).sum(),
            largest: vitals.map(|vitals| vitals.size()).fold(Size::default(), larger),
        }
    }

    /// The bounds of a document.
    #[must_use]
    pub fn document_limits(&self) -> DocumentLimits {
        self.shared.limits.document
    }

    /// The most that anybody has in the store.
    #[must_use]
    pub fn fullest(&self) -> Owned {
        self.shared.quotas.get().map(Quotas::fullest).unwrap_or_default()
    }

    /// A number for a new connection.
    #[must_use]
    pub fn next_session(&self) -> SessionId {
        self.shared.sessions.next()
    }

    /// A peer has joined. An older connection of the same person and name is told and closed.
    ///
    /// # Errors
    /// When somebody else goes by that name: they would be taken for each other by those who hear them.
    pub fn joined(
        &self,
        session: SessionId,
        peer: &PeerId,
        whose: &SubjectId,
        outbox: &Arc<Outbox>,
    ) -> Result<(), CloseReason> {
        self.shared.sessions.joined(session, peer, whose, outbox, &self.shared.identity.peer)
    }

    /// A connection is gone. A younger one of the same name is not touched by that.
    pub fn left(&self, session: SessionId, peer: Option<&PeerId>) {
        self.shared.sessions.left(session, peer);
    }

    /// Whether some connection follows other stores.
    #[must_use]
    pub fn somebody_follows(&self) -> bool {
        self.shared.sessions.somebody_follows()
    }

    /// A connection began to follow other stores, or ceased to.
    pub fn follows_changed(&self, follows: bool) {
        self.shared.sessions.follows_changed(follows);
    }

    /// Has a session read a document, as far as it may: the mailbox for all that it has to say. The document itself
    /// decides that, for every message.
    pub async fn read(&self, document: &DocumentId, reader: Reader) -> Option<Mailbox> {
        let mailbox = self.mailbox(document);
        mailbox.calls.send(Call::Open(reader)).await.ok().map(|()| mailbox)
    }

    /// Ends all sessions: the server stops.
    pub fn end_sessions(&self) {
        self.shared.sessions.end();
    }

    /// Waits for what is under way: every document is asked to leave memory, and is waited for.
    pub async fn close(&self) {
        let deadline = tokio::time::Instant::now() + CLOSE_WITHIN;
        while tokio::time::Instant::now() < deadline {
            let mailboxes: Vec<Mailbox> = self.shared.documents().values().cloned().collect();
            if mailboxes.is_empty() {
                return;
            }
            for mailbox in mailboxes {
                // Asked again at the next look, should there be no room.
                let _full = mailbox.calls.try_send(Call::Input(Input::Rest));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let left = self.shared.documents().len();
        tracing::warn!(left, "documents were still busy when the server stopped");
    }

    async fn ask(
        &self,
        document: DocumentId,
        call: impl FnOnce(oneshot::Sender<Result<Manifest, SubmitError>>) -> Call,
    ) -> Result<Manifest, SubmitError> {
        let (answer, answered) = oneshot::channel();
        self.call(&document, call(answer)).await;
        answered.await.unwrap_or(Err(SubmitError::Store { document }))
    }

    async fn call(&self, document: &DocumentId, call: Call) {
        // A task does not end while somebody holds its mailbox. Should it have panicked, the caller
        // sees that nobody answers.
        let _gone = self.mailbox(document).calls.send(call).await;
    }

    fn mailbox(&self, document: &DocumentId) -> Mailbox {
        let mut documents = self.shared.documents();
        match documents.get(document) {
            // Closed: its task panicked. What is stored is whole, so a new one may take its place.
            Some(mailbox) if !mailbox.calls.is_closed() => mailbox.clone(),
            _ => {
                let mailbox = Actor::spawn(document.clone(), self.shared.clone());
                documents.insert(document.clone(), mailbox.clone());
                mailbox
            }
        }
    }
}

async fn storage_id(store: &dyn Store) -> Result<StorageId, OpenHubError> {
    let bytes = match store.record(Space::Server, STORAGE_ID).await? {
        Some(bytes) => bytes,
        None => {
            let bytes = Bytes::from(uuid::Uuid::new_v4().to_string());
            store.write_records(Space::Server, vec![(STORAGE_ID.to_owned(), Some(bytes.clone()))]).await?;
            bytes
        }
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| OpenHubError::Damaged)?;
    text.parse().map_err(|_| OpenHubError::Damaged)
}

/// The larger of each.
fn larger(one: Size, other: Size) -> Size {
    Size {
        changes: one.changes.max(other.changes),
        bytes: one.bytes.max(other.bytes),
        ops: one.ops.max(other.ops),
    }
}

#[cfg(test)]
mod tests;
