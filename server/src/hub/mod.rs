//! One task for each open document, and the table from id to mailbox.
//!
//! Edit path: ← [`gateway`](crate::gateway) brings what a session or a door has, → the task in
//! [`actor`] drives the document's machine, the store makes it durable, [`outbox`] takes it to the
//! readers' sockets.
//!
//! **Invariant:** the hub never looks inside an edit.
//! **Invariant:** a slow reader never slows a writer: a task pushes into outboxes and goes on.
//! **Invariant:** there is one task for a document at a time.

mod actor; // The task of one document. Read this first.
mod outbox; // What waits for one socket.
mod watch; // What is published for those who follow without syncing.

pub use actor::Mailbox;
pub use outbox::{Outbox, Taken};
pub use watch::{Lost, News, Said, Spoken, SpokenKind, Watch};

use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::Limits;
use crate::evaluator::Evaluator;
use crate::inbox::Inbox;
use crate::quarantine::Quarantine;
use crate::quotas::{OverQuota, Quotas};
use crate::store::{CommitError, LoadError, Space, Store};
use actor::{Actor, Call, Note, Sight};
use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use dovetail_core::authors::Authors;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::document::{Input, Refusal, Rejection, Verdict};
use dovetail_core::grant::{
    Access, AdminPermit, EditPermit, Followed, Grant, Identity, Policy, ReadPermit, ServerPermit,
};
use dovetail_core::id::{DocumentId, PeerId, SessionId, StorageId, SubjectId};
use dovetail_core::limits::{DocumentLimits, SessionLimits};
use dovetail_core::rules::{Conflict, RuleBook};
use dovetail_core::session::{CloseReason, ServerIdentity, ToDocument};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The name under which the server's storage id lies in the store.
const STORAGE_ID: &str = "storage-id";

/// The name under which it lies in the store who may do what with whole kinds of documents.
const POLICY: &str = "policy";

/// And whom it blocks.
const BLOCKED: &str = "blocked";

/// Manifests that are read at once to find out who has how much.
const QUOTA_PAGE: usize = 500;

/// When somebody's right is asked for again if the store could not say.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often documents that nobody needs are looked for. A second late is early enough.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How long the hub waits at the end for commits that are under way: one takes milliseconds, a slow
/// disk a second.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Why the hub cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenHubError {
    /// The store does not tell who it is.
    #[error("could not read the storage id")]
    Load(#[from] LoadError),
    /// The store does not take who it is.
    #[error("could not write the storage id")]
    Commit(#[from] CommitError),
    /// What lies there is no id.
    #[error("the stored storage id is damaged")]
    Damaged,
    /// Who may do what with whole kinds of documents cannot be read.
    #[error("the stored policy is damaged")]
    DamagedPolicy,
}

/// Why changes from a door did not become part of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Nobody has brought such a document.
    #[error("there is no document {document}")]
    Unknown {
        /// Which.
        document: DocumentId,
    },
    /// Somebody deleted it.
    #[error("the document {document} was deleted")]
    Deleted {
        /// Which.
        document: DocumentId,
    },
    /// Ours: what is stored of it is damaged.
    #[error("what is stored of {document} is damaged")]
    Damaged {
        /// Which.
        document: DocumentId,
    },
    /// The sender's doing: Automerge cannot take it.
    #[error("the change to {document} cannot be taken: {reason}")]
    InvalidChange {
        /// Which.
        document: DocumentId,
        /// In words.
        reason: String,
    },
    /// The sender may not do that.
    #[error("{why}")]
    Rejected {
        /// Which.
        document: DocumentId,
        /// Why.
        why: Rejection,
    },
    /// Ours: it was fine, and it could not be kept. The same may succeed later.
    #[error("could not store the change to {document}")]
    Store {
        /// Which.
        document: DocumentId,
    },
}

impl SubmitError {
    fn of(document: &DocumentId, refusal: Refusal) -> Self {
        let document = document.clone();
        match refusal {
            Refusal::Unknown => Self::Unknown { document },
            Refusal::Deleted => Self::Deleted { document },
            Refusal::Damaged => Self::Damaged { document },
            Refusal::InvalidChange { reason } => Self::InvalidChange { document, reason },
            Refusal::StoreUnavailable => Self::Store { document },
            Refusal::Rejected(Rejection::Hidden) => Self::Unknown { document },
            Refusal::Rejected(why) => Self::Rejected { document, why },
        }
    }
}

/// Why nobody can look at a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// Nobody has brought such a document.
    #[error("there is no document {document}")]
    Unknown {
        /// Which.
        document: DocumentId,
    },
    /// Somebody deleted it.
    #[error("the document {document} was deleted")]
    Deleted {
        /// Which.
        document: DocumentId,
    },
    /// Ours: what is stored of it is damaged.
    #[error("what is stored of {document} is damaged")]
    Damaged {
        /// Which.
        document: DocumentId,
    },
    /// The server is about to stop, or something failed while looking. The same may succeed later.
    #[error("{document} cannot be looked at right now")]
    Busy {
        /// Which.
        document: DocumentId,
    },
    /// Ours: the store does not answer.
    #[error("could not load {document}")]
    Store {
        /// Which.
        document: DocumentId,
    },
}

impl ViewError {
    fn of(document: &DocumentId, refusal: &Refusal) -> Self {
        let document = document.clone();
        match refusal {
            Refusal::Unknown => Self::Unknown { document },
            Refusal::Deleted => Self::Deleted { document },
            Refusal::Damaged => Self::Damaged { document },
            Refusal::StoreUnavailable => Self::Store { document },
            Refusal::InvalidChange { .. } | Refusal::Rejected(_) => Self::Busy { document },
        }
    }
}

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
    /// Where what is for it goes.
    pub outbox: Arc<Outbox>,
}

/// What is written down beside the documents.
#[derive(Debug, Clone)]
pub struct Records {
    /// What was done, and what was refused.
    pub audit: Audit,
    /// Changes that were refused.
    pub quarantine: Quarantine,
}

/// How the hub is doing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Documents with a task.
    pub documents_open: u64,
    /// Documents with their content in memory.
    pub documents_live: u64,
    /// Connections that have joined.
    pub sessions: u64,
    /// Bytes of documents in memory, estimated.
    pub resident_bytes: u64,
}

/// Decisions about conflicts that are worked out at one time: each has a copy of its document.
const DECIDING_MAX: usize = 4;

/// The documents of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct HubLimits {
    document: DocumentLimits,
    session: SessionLimits,
    memory_budget_bytes: u64,
    document_idle: Duration,
    /// See [`SWEEP_EVERY`]; a test wants it at once.
    sweep_every: Duration,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    limits: HubLimits,
    identity: Arc<ServerIdentity>,
    documents: Mutex<HashMap<DocumentId, Mailbox>>,
    sessions: Mutex<Sessions>,
    next_session: AtomicU64,
    /// The rules in force.
    rules: tokio::sync::watch::Sender<Arc<RuleBook>>,
    /// Who may do what with whole kinds of documents.
    policy: tokio::sync::watch::Sender<Arc<Policy>>,
    inbox: Arc<Inbox>,
    /// Set once, before anybody is served.
    records: OnceLock<Records>,
    /// How much each person has, where that is bounded. Set once, too.
    quotas: OnceLock<Quotas>,
    evaluator: Evaluator,
    deciding: Arc<Semaphore>,
    /// Connections that follow other stores: while there is none, acknowledgements stay in the sockets.
    followers: AtomicUsize,
}

/// Who goes by a name.
#[derive(Debug)]
struct Named {
    session: SessionId,
    whose: SubjectId,
}

/// Who is connected. Two views of the same; see `check` in the tests.
#[derive(Debug, Default)]
struct Sessions {
    outboxes: HashMap<SessionId, Arc<Outbox>>,
    by_peer: HashMap<PeerId, Named>,
    /// The server stops: who joins now came too late.
    are_over: bool,
}

impl HubLimits {
    fn of(limits: &Limits) -> Self {
        Self {
            document: DocumentLimits::default(),
            session: SessionLimits {
                join_within: limits.join_timeout,
                ping_every: limits.ping_interval,
                silence_max: limits.silence_max,
                documents_max: limits.documents_per_connection_max,
            },
            memory_budget_bytes: limits.memory_budget_bytes as u64,
            document_idle: limits.document_idle,
            sweep_every: SWEEP_EVERY,
        }
    }
}

impl Inner {
    fn documents(&self) -> MutexGuard<'_, HashMap<DocumentId, Mailbox>> {
        self.documents.lock().expect("nothing panics while it holds this lock")
    }

    fn rules(&self) -> Arc<RuleBook> {
        self.rules.borrow().clone()
    }

    fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().expect("nothing panics while it holds this lock")
    }
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
        let policy = stored_policy(&*store).await?;
        let peer = format!("dovetail-{storage}").parse().map_err(|_| OpenHubError::Damaged)?;
        let inner = Arc::new(Inner {
            store,
            clock,
            limits,
            identity: Arc::new(ServerIdentity { peer, storage }),
            documents: Mutex::default(),
            sessions: Mutex::default(),
            rules: tokio::sync::watch::Sender::default(),
            policy: tokio::sync::watch::Sender::new(Arc::new(policy)),
            inbox: Arc::default(),
            records: OnceLock::new(),
            quotas: OnceLock::new(),
            evaluator: Evaluator::default(),
            deciding: Arc::new(Semaphore::new(DECIDING_MAX)),
            next_session: AtomicU64::new(1),
            followers: AtomicUsize::new(0),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Who this server is, to its clients.
    #[must_use]
    pub fn identity(&self) -> Arc<ServerIdentity> {
        self.inner.identity.clone()
    }

    /// The bounds of a session.
    #[must_use]
    pub fn session_limits(&self) -> SessionLimits {
        self.inner.limits.session
    }

    /// What somebody may do with a document, as it is stored: the one question of every door. With one that is not there
    /// nobody may do anything: whoever makes it asks for that.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn grant(&self, who: &Arc<Identity>, document: &DocumentId) -> Result<Grant, LoadError> {
        let manifest = self.inner.store.manifest(document).await?;
        match manifest {
            Some(manifest) => self.grant_in(who, document, &manifest).await,
            None => Ok(Grant::none(document.clone(), who.clone())),
        }
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
        let followed = match &manifest.access.follows {
            Some(document) => Some(followed(&*self.inner.store, document).await?),
            None => None,
        };
        let (kind, policy, now) = (manifest.kind.as_deref(), self.inner.policy(), self.inner.clock.now());
        Ok(manifest.access.grant(document, kind, followed.as_ref(), &policy, who, now))
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
                Err(_) => Some(self.inner.clock.now() + ASK_AGAIN_AFTER),
            };
            let over = async {
                match until {
                    Some(until) => {
                        let left = until.since(self.inner.clock.now()).max(Duration::from_millis(1));
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
        self.inner.policy()
    }

    /// Says who may do what with whole kinds of documents from now on; resolves when that is durable.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn set_policy(&self, _permit: &ServerPermit, policy: Policy) -> Result<(), CommitError> {
        let record = |name: &str, value: Value| (name.to_owned(), Some(Bytes::from(value.to_string())));
        let records = vec![record(POLICY, policy.to_json()), record(BLOCKED, policy.blocked_json())];
        self.inner.store.write_records(Space::Access, records).await?;
        let policy = Arc::new(policy);
        self.inner.policy.send_replace(policy.clone());
        for mailbox in self.inner.documents().values() {
            mailbox.judge(Input::Policy(policy.clone()));
            mailbox.desk.change_rights();
        }
        self.end_sessions_of_blocked(&policy);
        Ok(())
    }

    fn end_sessions_of_blocked(&self, policy: &Policy) {
        let sessions = self.inner.sessions();
        for named in sessions.by_peer.values().filter(|named| policy.blocked.contains(&named.whose)) {
            if let Some(outbox) = sessions.outboxes.get(&named.session) {
                let words = "whoever administers this server has blocked you".to_owned();
                outbox.close(CloseReason::Unauthenticated { code: "token_revoked", words });
            }
        }
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
        self.inner.rules()
    }

    /// Has it write down what is refused. To be called before anybody is served.
    pub fn keep_records(&self, records: Records) {
        let _kept_before = self.inner.records.set(records);
    }

    /// Bounds how much each person has. What they have already is read from the store. To be called before anybody is
    /// served.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bound(&self, quotas: Quotas) -> Result<(), LoadError> {
        let mut after = None;
        loop {
            let page = self.inner.store.list(after.as_ref(), QUOTA_PAGE).await?;
            for (_, manifest) in &page {
                if let Some((owner, bytes)) = owned(manifest) {
                    quotas.changed(&owner, None, Some(bytes));
                }
            }
            after = page.last().map(|(id, _)| id.clone());
            if page.len() < QUOTA_PAGE {
                let _bound_before = self.inner.quotas.set(quotas);
                return Ok(());
            }
        }
    }

    /// Whether somebody may make another document.
    ///
    /// # Errors
    /// When they have as many, or as much, as one person may.
    pub fn check_new_document(&self, who: &Identity) -> Result<(), OverQuota> {
        match (self.inner.quotas.get(), who.author()) {
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
        match (self.inner.quotas.get(), who.author()) {
            (Some(quotas), Some(author)) => quotas.check_taking_over(author, bytes),
            _ => Ok(()),
        }
    }

    /// Who evaluates rules that take long.
    #[must_use]
    pub fn evaluator(&self) -> &Evaluator {
        &self.inner.evaluator
    }

    /// Waits for the turn to work out what becomes of a decision, on a copy of its document.
    pub async fn turn_to_decide(&self) -> OwnedSemaphorePermit {
        self.inner.deciding.clone().acquire_owned().await.expect("nobody closes it")
    }

    /// To be woken when other rules are in force.
    #[must_use]
    pub fn watch_rules(&self) -> tokio::sync::watch::Receiver<Arc<RuleBook>> {
        self.inner.rules.subscribe()
    }

    /// Puts other rules in force. Open documents are judged again at once, others when they are opened or
    /// swept.
    pub fn set_rules(&self, book: &Arc<RuleBook>) {
        self.inner.rules.send_replace(book.clone());
        for mailbox in self.inner.documents().values() {
            mailbox.judge(Input::Rules(book.clone()));
        }
    }

    /// Judges a document again, because a waiver is over or other rules are in force, if somebody has it open; says
    /// whether that is so. Its content may have to be loaded for it.
    pub async fn judge_again(&self, document: &DocumentId) -> bool {
        let is_live = {
            let documents = self.inner.documents();
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
        &self.inner.inbox
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
        let mailbox = self.inner.documents().get(permit.document()).cloned();
        if let Some(mailbox) = mailbox {
            let _gone = mailbox.calls.send(Call::Say(said)).await;
        }
    }

    /// How the hub is doing.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let documents = self.inner.documents();
        let vitals = documents.values().map(|mailbox| &mailbox.vitals);
        Statistics {
            documents_open: documents.len() as u64,
            documents_live: vitals.clone().filter(|vitals| vitals.is_live.load(Ordering::Relaxed)).count()
                as u64,
            sessions: self.inner.sessions().outboxes.len() as u64,
            resident_bytes: vitals.map(|vitals| vitals.resident_bytes.load(Ordering::Relaxed)).sum(),
        }
    }

    /// A number for a new connection.
    #[must_use]
    pub fn next_session(&self) -> SessionId {
        SessionId(self.inner.next_session.fetch_add(1, Ordering::Relaxed))
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
        let mut sessions = self.inner.sessions();
        let is_of_another = sessions.by_peer.get(peer).is_some_and(|named| named.whose != *whose);
        if is_of_another || *peer == self.inner.identity.peer {
            return Err(CloseReason::PeerIdTaken { peer: peer.clone() });
        }
        sessions.outboxes.insert(session, outbox.clone());
        let older = sessions.by_peer.insert(peer.clone(), Named { session, whose: whose.clone() });
        if let Some(older) = older.and_then(|older| sessions.outboxes.get(&older.session)) {
            older.close(CloseReason::Replaced { peer: peer.clone() });
        }
        if sessions.are_over {
            outbox.close(CloseReason::ServerStops);
        }
        Ok(())
    }

    /// A connection is gone. A younger one of the same name is not touched by that.
    pub fn left(&self, session: SessionId, peer: Option<&PeerId>) {
        let mut sessions = self.inner.sessions();
        sessions.outboxes.remove(&session);
        if let Some(peer) = peer
            && sessions.by_peer.get(peer).is_some_and(|named| named.session == session)
        {
            sessions.by_peer.remove(peer);
        }
    }

    /// Whether some connection follows other stores.
    #[must_use]
    pub fn somebody_follows(&self) -> bool {
        self.inner.followers.load(Ordering::Relaxed) > 0
    }

    /// A connection began to follow other stores, or ceased to.
    pub fn follows_changed(&self, follows: bool) {
        if follows {
            self.inner.followers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.inner.followers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Has a session read a document, as far as it may: the mailbox for all that it has to say. The document itself
    /// decides that, for every message.
    pub async fn read(&self, document: &DocumentId, reader: Reader) -> Option<Mailbox> {
        let Reader { session, who, address, storage, follows, understands_ours, outbox } = reader;
        let input = Input::Open { session, who, storage, follows };
        let mailbox = self.mailbox(document);
        let call = Call::Open { input, session, address, outbox, understands_ours };
        mailbox.calls.send(call).await.ok().map(|()| mailbox)
    }

    /// Ends all sessions: the server stops.
    pub fn end_sessions(&self) {
        let mut sessions = self.inner.sessions();
        sessions.are_over = true;
        for outbox in sessions.outboxes.values() {
            outbox.close(CloseReason::ServerStops);
        }
    }

    /// Waits for what is under way: every document is asked to leave memory, and is waited for.
    pub async fn close(&self) {
        let deadline = tokio::time::Instant::now() + CLOSE_WITHIN;
        while tokio::time::Instant::now() < deadline {
            let mailboxes: Vec<Mailbox> = self.inner.documents().values().cloned().collect();
            if mailboxes.is_empty() {
                return;
            }
            for mailbox in mailboxes {
                // Asked again at the next look, should there be no room.
                let _full = mailbox.calls.try_send(Call::Input(Input::Rest));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let left = self.inner.documents().len();
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
        let mut documents = self.inner.documents();
        match documents.get(document) {
            // Closed: its task panicked. What is stored is whole, so a new one may take its place.
            Some(mailbox) if !mailbox.calls.is_closed() => mailbox.clone(),
            _ => {
                let mailbox = Actor::spawn(document.clone(), self.inner.clone());
                documents.insert(document.clone(), mailbox.clone());
                mailbox
            }
        }
    }
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

    fn judge(&self, input: Input) {
        let _gone = self.notes.send(Note::Judge(input));
    }

    /// The session is gone.
    pub fn leave(&self, session: SessionId) {
        let _gone = self.notes.send(Note::Leave(session));
    }
}

/// Whose a document is and how much it takes, if it is somebody's. One that was deleted lies in the store as before.
fn owned(manifest: &Manifest) -> Option<(SubjectId, usize)> {
    let owner = manifest.access.owner.clone()?;
    Some((owner, usize::try_from(manifest.bytes).unwrap_or(usize::MAX)))
}

/// What is written down for a document that another one follows. Of one that is not there, or damaged, nobody has a right by it: its
/// damage is not that of who follows.
async fn followed(store: &dyn Store, document: &DocumentId) -> Result<Followed, LoadError> {
    Ok(match store.manifest(document).await {
        Ok(Some(manifest)) => {
            Followed { document: document.clone(), access: manifest.access, kind: manifest.kind }
        }
        Ok(None) | Err(LoadError::Damaged { .. }) => Followed::of_nobody(document.clone()),
        Err(error) => return Err(error),
    })
}

async fn stored_policy(store: &dyn Store) -> Result<Policy, OpenHubError> {
    let mut policy = Policy::default();
    if let Some(bytes) = store.record(Space::Access, POLICY).await? {
        let value = serde_json::from_slice(&bytes).map_err(|_| OpenHubError::DamagedPolicy)?;
        policy = Policy::read(&value).map_err(|_| OpenHubError::DamagedPolicy)?;
    }
    if let Some(bytes) = store.record(Space::Access, BLOCKED).await? {
        let value = serde_json::from_slice(&bytes).map_err(|_| OpenHubError::DamagedPolicy)?;
        policy = policy.blocking(&value).map_err(|_| OpenHubError::DamagedPolicy)?;
    }
    Ok(policy)
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

/// Has documents leave memory: those that nobody has read for a while, and, over the budget, those
/// that were not used for longest.
async fn sweep(hub: Weak<Inner>) {
    let Some(sweep_every) = hub.upgrade().map(|hub| hub.limits.sweep_every) else { return };
    let mut every = tokio::time::interval(sweep_every);
    loop {
        every.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        for mailbox in due_for_rest(&hub) {
            let _full = mailbox.calls.try_send(Call::Input(Input::Rest));
        }
        let now_ms = hub.clock.now().as_millis();
        for mailbox in hub.documents().values() {
            if mailbox.vitals.asks_again_at_ms.load(Ordering::Relaxed) <= now_ms {
                mailbox.judge(Input::AskAgain);
            }
        }
    }
}

fn due_for_rest(hub: &Inner) -> Vec<Mailbox> {
    let now_ms = hub.clock.now().as_millis();
    let idle_ms = u64::try_from(hub.limits.document_idle.as_millis()).unwrap_or(u64::MAX);
    let mut due = Vec::new();
    let mut others = Vec::new();
    let mut resident = 0;
    for mailbox in hub.documents().values() {
        let vitals = &mailbox.vitals;
        let used_at = vitals.used_at_ms.load(Ordering::Relaxed);
        let bytes = vitals.resident_bytes.load(Ordering::Relaxed);
        resident += bytes;
        let is_unread = vitals.readers.load(Ordering::Relaxed) == 0 && mailbox.desk.watchers() == 0;
        if is_unread && now_ms.saturating_sub(used_at) >= idle_ms {
            due.push(mailbox.clone());
        } else if bytes > 0 {
            others.push((used_at, bytes, mailbox.clone()));
        }
    }
    metrics::gauge!(crate::metrics::RESIDENT_BYTES).set(resident as f64);
    if resident > hub.limits.memory_budget_bytes {
        others.sort_unstable_by_key(|(used_at, ..)| *used_at);
        for (_, bytes, mailbox) in others {
            if resident <= hub.limits.memory_budget_bytes {
                break;
            }
            resident = resident.saturating_sub(bytes);
            due.push(mailbox);
        }
    }
    due
}

#[cfg(test)]
mod tests;
