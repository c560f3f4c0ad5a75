//! Points for widget data documents: what many bring at a time becomes few changes.
//!
//! ```text
//!  posts ──▶ Points ──▶ collector of the document ──one change──▶ hub ──▶ store
//!    ▲                        │ waits until the next change is due
//!    └────── durable ─────────┘
//! ```
//! Edit path: ← a request's points, → the document's [`collector`] makes one change of all that came since
//! the last, → the [`hub`](crate::hub) answers when it is durable, and so do we.
//!
//! Always true: what one person feeds a document with goes through one collector. It writes as an actor of its own, the same for as
//! long as this process lives: actors cost memory in every replica for ever, so there is none for each
//! batch. After a change of which nobody knows whether it was stored, everybody begins with a new one.

mod collector; // One document's points. Read this first.

use crate::clock::Clock;
use crate::hub::{Hub, SubmitError, ViewError};
use crate::shutdown::Drain;
use crate::store::Store;
use automerge::{ActorId, ChangeHash};
use collector::{Caller, Collector, Handed};
use dovetail_core::dashboard::{HISTORY_BUDGET, NotPoints, Point, Unread};
use dovetail_core::grant::EditPermit;
use dovetail_core::id::{DocumentId, SubjectId};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Points that one request may bring: as many as a document keeps when it does not say.
pub const POINTS_PER_REQUEST_MAX: usize = 10_000;

/// Points that may wait for one document's next change. Twice a request, so that one which brings as
/// many as it may is taken while another waits. A change of so many takes some tenths of a second.
pub(crate) const POINTS_WAITING_MAX: usize = 2 * POINTS_PER_REQUEST_MAX;

/// Documents that are fed at one time. Each costs some kilobytes; their copies have a bound in bytes.
pub(crate) const COLLECTORS_MAX: usize = 4_096;

/// What all copies together may take. Beyond it a copy is not kept until the next change but made again,
/// which costs some milliseconds each time: with 10,000 changes a copy has 5 MB.
pub(crate) const COPIES_BYTES_MAX: u64 = 128 << 20;

/// Automerge keeps about this much in memory for each change.
const BYTES_PER_CHANGE: u64 = 450;

/// How long points that nobody waits for may take to become durable when the server stops.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Points that are durable, and how the document is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its heads.
    pub heads: Vec<ChangeHash>,
    /// How many points it has.
    pub points: usize,
    /// How many changes.
    pub changes: u64,
    /// How many points are kept.
    pub kept: usize,
    /// What the document says of that and cannot be read.
    pub unread: Vec<Unread>,
    /// How many of the caller's points it does not have: they are older than what is kept.
    pub not_kept: usize,
}

/// What may become of points that stand in the document already with another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// The new value counts.
    Allowed,
    /// None of the caller's points is added: their right is to add, and what is there stays.
    Refused,
}

/// Why points did not become part of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddPointsError {
    /// The caller's doing: the document is not one that takes points.
    #[error("{why}")]
    NotPoints {
        /// Which.
        document: DocumentId,
        /// What it is.
        why: NotPoints,
    },
    /// The document has as many changes as one that is fed may have.
    #[error(
        "{document} has {changes} changes and is fed no more at {HISTORY_BUDGET}: make a new widget data document, \
         attach it to the widget in its place, and feed that"
    )]
    BudgetSpent {
        /// Which.
        document: DocumentId,
        /// How many changes it has.
        changes: u64,
    },
    /// Too many points wait for this document's next change. The same may succeed later.
    #[error("{POINTS_WAITING_MAX} points wait for the next change to {document}; come back when it is made")]
    TooManyWait {
        /// Which.
        document: DocumentId,
        /// When there is room again, at the latest.
        retry_after: Duration,
    },
    /// Too many documents are fed at one time. The same may succeed later.
    #[error("{COLLECTORS_MAX} documents are being fed; come back in a minute")]
    TooManyDocuments,
    /// The document cannot be looked at.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The change was not stored, as far as is known.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// Ours: the log says more.
    #[error("the points for {document} could not be added")]
    Failed {
        /// Which.
        document: DocumentId,
    },
}

/// All collectors. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Points {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    store: Arc<dyn Store>,
    clock: Clock,
    drain: Drain,
    collectors: Mutex<HashMap<Fed, Door>>,
    /// What this process has drawn by lot, for its actors.
    run: uuid::Uuid,
    /// How often it remained open whether a change was stored.
    doubts: AtomicU64,
    /// What all copies take, estimated.
    copies_bytes: AtomicU64,
}

/// Which document, and by whom: what one person brings is one person's change.
type Fed = (DocumentId, SubjectId);

/// The way to a collector.
#[derive(Debug, Clone)]
struct Door {
    handed: mpsc::UnboundedSender<Handed>,
    vitals: Arc<Vitals>,
    turn: Turn,
}

/// Whoever writes points of a document holds it: those of several people go in one after the other, each on top of the
/// one before, so that they stand in order.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// What is seen of a collector from outside.
#[derive(Debug, Default)]
struct Vitals {
    /// Points taken in and not durable yet. What bounds the mailbox.
    waiting: AtomicUsize,
    /// How far apart its changes are at present.
    interval_ms: AtomicU64,
}

impl Points {
    /// No document is fed yet.
    #[must_use]
    pub fn new(hub: Hub, store: Arc<dyn Store>, clock: Clock, drain: Drain) -> Self {
        Self {
            inner: Arc::new(Inner {
                hub,
                store,
                clock,
                drain,
                collectors: Mutex::default(),
                run: uuid::Uuid::new_v4(),
                doubts: AtomicU64::new(0),
                copies_bytes: AtomicU64::new(0),
            }),
        }
    }

    /// How many points wait for the document for which most do.
    pub(crate) fn most_waiting(&self) -> usize {
        let collectors = self.inner.collectors();
        collectors.values().map(|door| door.vitals.waiting.load(Ordering::SeqCst)).max().unwrap_or(0)
    }

    /// Adds points; resolves when they are durable.
    ///
    /// # Errors
    /// See [`AddPointsError`]; then none of them was added as far as is known, or only the newest where they
    /// take several changes. To add them again does no harm: equal times are one point.
    pub async fn add(
        &self,
        permit: EditPermit,
        points: Vec<Point>,
        replacing: Replacing,
    ) -> Result<Receipt, AddPointsError> {
        self.hand_in(permit, points, replacing, Caller::Durable).await
    }

    /// Adds points; resolves when the document takes points and these wait for its next change. They are
    /// not durable then: they are lost if the server is killed.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn add_later(
        &self,
        permit: EditPermit,
        points: Vec<Point>,
        replacing: Replacing,
    ) -> Result<(), AddPointsError> {
        self.hand_in(permit, points, replacing, Caller::Taken).await
    }

    /// Waits until what was taken in is durable. To be called when the draining has begun: then every
    /// collector writes at once.
    pub async fn close(&self) {
        let until = tokio::time::Instant::now() + CLOSE_WITHIN;
        while tokio::time::Instant::now() < until {
            let waiting = |door: &Door| door.vitals.waiting.load(Ordering::SeqCst) > 0;
            if !self.inner.collectors().values().any(waiting) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tracing::warn!("points were not written when the server stopped; nobody was told that they were");
    }

    async fn hand_in<T>(
        &self,
        permit: EditPermit,
        points: Vec<Point>,
        replacing: Replacing,
        caller: impl FnOnce(oneshot::Sender<Result<T, AddPointsError>>) -> Caller,
    ) -> Result<T, AddPointsError> {
        let (answer, answered) = oneshot::channel();
        let document = permit.document().clone();
        self.inner.hand_in(Handed { permit, points, replacing, caller: caller(answer) })?;
        answered.await.unwrap_or(Err(AddPointsError::Failed { document }))
    }
}

impl Inner {
    fn collectors(&self) -> MutexGuard<'_, HashMap<Fed, Door>> {
        self.collectors.lock().expect("nothing panics while it holds this lock")
    }

    /// Puts points into the mailbox of their document's collector, which is made if there is none.
    fn hand_in(self: &Arc<Self>, handed: Handed) -> Result<(), AddPointsError> {
        let document = handed.permit.document();
        let fed = (document.clone(), handed.permit.who().subject.clone());
        let mut collectors = self.collectors();
        // Closed: its task panicked.
        let present = collectors.get(&fed).filter(|door| !door.handed.is_closed()).cloned();
        let door = match present {
            Some(door) => door,
            None if collectors.len() >= COLLECTORS_MAX => return Err(AddPointsError::TooManyDocuments),
            None => {
                let (sender, handed_of) = mpsc::unbounded_channel();
                let turn = turn_of(&collectors, document);
                let door = Door { handed: sender, vitals: Arc::default(), turn };
                let collector = Collector::new(handed.permit.clone(), self.clone(), handed_of, &door);
                tokio::spawn(Box::pin(collector.run()));
                collectors.insert(fed, door.clone());
                door
            }
        };
        let count = handed.points.len();
        if door.vitals.waiting.load(Ordering::SeqCst) + count > POINTS_WAITING_MAX {
            let retry_after = Duration::from_millis(door.vitals.interval_ms.load(Ordering::SeqCst));
            return Err(AddPointsError::TooManyWait { document: document.clone(), retry_after });
        }
        door.vitals.waiting.fetch_add(count, Ordering::SeqCst);
        // Under the lock: a collector that ends looks into its mailbox once more before it leaves the table.
        let _gone = door.handed.send(handed);
        Ok(())
    }

    /// The actor for this document's next copy.
    fn actor(&self, (document, by): &Fed) -> ActorId {
        let doubts = self.doubts.load(Ordering::SeqCst).to_be_bytes();
        let digest = Sha256::new()
            .chain_update(self.run)
            .chain_update(doubts)
            .chain_update(document.to_string())
            .chain_update(by.as_str())
            .finalize();
        let (actor, _) = digest.split_first_chunk::<16>().expect("SHA-256 has 32 bytes");
        ActorId::from(*actor)
    }
}

/// The turn that all collectors of a document share.
fn turn_of(collectors: &HashMap<Fed, Door>, document: &DocumentId) -> Turn {
    let other = collectors.iter().find(|((fed, _), _)| fed == document);
    other.map_or_else(Turn::default, |(_, door)| door.turn.clone())
}

#[cfg(test)]
mod tests;
