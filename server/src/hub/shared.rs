//! What all tasks of a hub share, and the table of documents.
//!
//! Edit path: ← the hub looks a document's [`Mailbox`] up here, → its task asks here for the store, the time, the rules and who may do what.
//!
//! Always true: no lock here is held while anybody waits.

use super::mailbox::Mailbox;
use super::sessions::Sessions;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::Limits;
use crate::damaged::Damaged;
use crate::evaluator::Evaluator;
use crate::inbox::Inbox;
use crate::quarantine::Quarantine;
use crate::quotas::Quotas;
use crate::store::Store;
use dovetail_core::grant::Policy;
use dovetail_core::id::DocumentId;
use dovetail_core::limits::{DocumentLimits, SessionLimits};
use dovetail_core::rules::RuleBook;
use dovetail_core::session::ServerIdentity;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// How often documents that nobody needs are looked for at least. A second late is early enough,
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// unless they stay for less than that; and a look at some thousand documents takes some milliseconds.
const LOOK_EVERY_LEAST: Duration = Duration::from_millis(20);

/// Decisions about conflicts that are worked out at one time: each has a copy of its document.
const DECIDING_MAX: usize = 4;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) limits: HubLimits,
    pub(super) identity: Arc<ServerIdentity>,
    documents: Mutex<HashMap<DocumentId, Mailbox>>,
    pub(super) sessions: Sessions,
    /// The rules in force.
    pub(super) rules: watch::Sender<Arc<RuleBook>>,
    /// Who may do what with whole kinds of documents.
    pub(super) policy: watch::Sender<Arc<Policy>>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) damaged: Damaged,
    /// Set once, before anybody is served.
    pub(super) records: OnceLock<Records>,
    /// How much each person has, where that is bounded. Set once, too.
    pub(super) quotas: OnceLock<Quotas>,
    pub(super) evaluator: Evaluator,
    pub(super) deciding: Arc<Semaphore>,
}

/// What is written down beside the documents.
#[derive(Debug, Clone)]
pub struct Records {
    /// What was done, and what was refused.
    pub audit: Audit,
    /// Changes that were refused.
    pub quarantine: Quarantine,
}

/// The bounds, as the hub goes by them.
#[derive(Debug)]
pub(super) struct HubLimits {
    pub(super) document: DocumentLimits,
    pub(super) session: SessionLimits,
    pub(super) memory_budget_bytes: u64,
    pub(super) document_idle: Duration,
    /// See [`LOOK_EVERY`]; a test wants it at once.
    pub(super) look_every: Duration,
}

impl HubLimits {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            document: DocumentLimits {
                changes_max: limits.document_changes_max.map_or(u64::MAX, u64::from),
                bytes_max: limits.document_bytes_max.map_or(u64::MAX, |bytes| bytes as u64),
                ..DocumentLimits::default()
            },
            session: SessionLimits {
                join_within: limits.join_timeout,
                ping_every: limits.ping_interval,
                silence_max: limits.silence_max,
                documents_max: limits.documents_per_connection_max,
            },
            memory_budget_bytes: limits.memory_budget_bytes as u64,
            document_idle: limits.document_idle,
            look_every: limits.document_idle.clamp(LOOK_EVERY_LEAST, LOOK_EVERY),
        }
    }
}

impl Shared {
    pub(super) fn new(
        limits: HubLimits,
        store: Arc<dyn Store>,
        clock: Clock,
        identity: ServerIdentity,
        policy: Policy,
    ) -> Self {
        Self {
            store,
            clock,
            limits,
            identity: Arc::new(identity),
            documents: Mutex::default(),
            sessions: Sessions::default(),
            rules: watch::Sender::default(),
            policy: watch::Sender::new(Arc::new(policy)),
            inbox: Arc::default(),
            damaged: Damaged::default(),
            records: OnceLock::new(),
            quotas: OnceLock::new(),
            evaluator: Evaluator::default(),
            deciding: Arc::new(Semaphore::new(DECIDING_MAX)),
        }
    }

    /// Every open document, and the way to its task.
    pub(super) fn documents(&self) -> MutexGuard<'_, HashMap<DocumentId, Mailbox>> {
        self.documents.lock().expect("nothing panics while it holds this lock")
    }

    pub(super) fn rules(&self) -> Arc<RuleBook> {
        self.rules.borrow().clone()
    }

    pub(super) fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }
}
