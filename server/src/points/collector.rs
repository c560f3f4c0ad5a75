//! The task that feeds one document: gathers points, and makes one change of them when one is due.
//!
//! ```text
//!  first points ──▶ open ──▶ gather until the next change is due ──▶ write ──▶ gather …
//!                     │                                               │
//!                     └──no such document, no points──▶ ended ◀──IDLE─┘
//! ```
//! Edit path: ← [`Points`](super::Points) hands in what requests bring, → the [`Feed`] makes a change of
//! it on the collector's own copy, → the hub stores it and all who wait are answered.
//!
//! Invariant: between two writes the copy holds nothing that is not stored. Whatever fails, the copy is
//! dropped and made again from what is stored.

use super::{
    AddPointsError, BYTES_PER_CHANGE, COPIES_BYTES_MAX, Door, Fed, Inner, Receipt, Replacing, Turn, Vitals,
};
use crate::hub::{SubmitError, ViewError};
use automerge::{Automerge, Change};
use dovetail_core::dashboard::{self, AddError, Added, Feed, Point};
use dovetail_core::document::Rejection;
use dovetail_core::grant::EditPermit;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A collector that gets nothing for so long ends, and its copy goes: as long as a document that nobody
/// reads stays in memory.
const IDLE: Duration = Duration::from_secs(60);

/// Points, and who waits for what.
pub(super) struct Handed {
    pub(super) permit: EditPermit,
    pub(super) points: Vec<Point>,
    pub(super) replacing: Replacing,
    pub(super) caller: Caller,
}

/// Points of one caller that wait for the next change.
struct Gathered {
    points: Vec<Point>,
    replacing: Replacing,
    /// Nobody when the caller was answered.
    caller: Option<oneshot::Sender<Result<Receipt, AddPointsError>>>,
}

/// What became of what was gathered.
#[derive(Default)]
struct Judged {
    /// For each caller the time of a point that theirs would replace, if they may not.
    replaced: Vec<Option<i64>>,
    /// All points that are to be added.
    points: Vec<Point>,
}

/// What a caller waits for.
pub(super) enum Caller {
    /// That the points are durable.
    Durable(oneshot::Sender<Result<Receipt, AddPointsError>>),
    /// That they are taken.
    Taken(oneshot::Sender<Result<(), AddPointsError>>),
}

/// See the top of the file.
pub(super) struct Collector {
    document: DocumentId,
    /// The newest of those whose points these are.
    permit: EditPermit,
    points: Arc<Inner>,
    handed: mpsc::UnboundedReceiver<Handed>,
    vitals: Arc<Vitals>,
    turn: Turn,
    copy: Option<Copy>,
    /// How many changes the document had when it was last looked at.
    changes: u64,
    written_at: Option<Instant>,
    /// What has come since the last change, in the order in which it came.
    gathered: Vec<Gathered>,
}

/// A copy of the document, and what it takes.
struct Copy {
    feed: Feed,
    bytes: u64,
    points: Arc<Inner>,
}

impl Collector {
    pub(super) fn new(
        permit: EditPermit,
        points: Arc<Inner>,
        handed: mpsc::UnboundedReceiver<Handed>,
        door: &Door,
    ) -> Self {
        Self {
            document: permit.document().clone(),
            permit,
            points,
            handed,
            vitals: door.vitals.clone(),
            turn: door.turn.clone(),
            copy: None,
            changes: 0,
            written_at: None,
            gathered: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) {
        while let Some(handed) = self.next().await {
            if let Err(error) = self.feed(handed).await {
                self.end(&error);
                return;
            }
        }
    }

    /// The next points; none when there were none for long, and then this collector is out of the table.
    async fn next(&mut self) -> Option<Handed> {
        if let Ok(handed) = tokio::time::timeout(IDLE, self.handed.recv()).await {
            return handed;
        }
        let mut collectors = self.points.collectors();
        let late = self.handed.try_recv().ok();
        if late.is_none() {
            collectors.remove(&self.fed());
        }
        late
    }

    /// Gathers what comes until a change is due, and makes it. An error is one after which it is no use to
    /// go on; whoever waits is told of it.
    async fn feed(&mut self, first: Handed) -> Result<(), AddPointsError> {
        let opened = if self.copy.is_none() { self.open().await } else { Ok(()) };
        let interval = opened.and_then(|()| self.interval());
        let due = match interval {
            Ok(interval) => self.written_at.map_or_else(Instant::now, |at| at + interval),
            Err(error) => {
                self.refuse(first, &error);
                return Err(error);
            }
        };
        self.take(first);
        let mut drain = self.points.drain.clone();
        loop {
            tokio::select! {
                biased;
                Some(handed) = self.handed.recv() => self.take(handed),
                () = tokio::time::sleep_until(due) => break,
                () = drain.begun() => break,
            }
        }
        self.write().await
    }

    /// How long after a change the next may be made.
    fn interval(&self) -> Result<Duration, AddPointsError> {
        let spent = || AddPointsError::BudgetSpent { document: self.document.clone(), changes: self.changes };
        let interval_ms = dashboard::interval_ms(self.changes).ok_or_else(spent)?;
        self.vitals.interval_ms.store(interval_ms, Ordering::SeqCst);
        Ok(Duration::from_millis(interval_ms))
    }

    /// Makes a copy of what is stored.
    async fn open(&mut self) -> Result<(), AddPointsError> {
        let document = self.document.clone();
        let doc = self.points.hub.view(&self.permit.to_read(), Automerge::clone).await?;
        let manifest = self.points.store.manifest(&document).await.map_err(|error| {
            tracing::error!(%document, error = &error as &dyn std::error::Error, "could not read the manifest");
            ViewError::Store { document: document.clone() }
        })?;
        self.changes = manifest.map_or(0, |manifest| manifest.changes);
        // Else a copy of a long history is made for nothing.
        self.interval()?;
        let actor = self.points.actor(&self.fed());
        let feed = computed(move || Feed::new(doc, actor)).await.ok_or_else(|| self.failed())?;
        let feed = feed.map_err(|why| AddPointsError::NotPoints { document, why })?;
        self.copy = Some(Copy::of(feed, self.changes, self.points.clone()));
        Ok(())
    }

    fn take(&mut self, handed: Handed) {
        let Handed { permit, points, replacing, caller } = handed;
        self.permit = permit;
        let caller = match caller {
            Caller::Durable(answer) => Some(answer),
            Caller::Taken(answer) => {
                let _gone = answer.send(Ok(()));
                None
            }
        };
        self.gathered.push(Gathered { points, replacing, caller });
    }

    async fn write(&mut self) -> Result<(), AddPointsError> {
        let mut gathered = std::mem::take(&mut self.gathered);
        let count = gathered.iter().map(|one| one.points.len()).sum();
        let callers: Vec<_> = gathered.iter_mut().map(|one| one.caller.take()).collect();
        let gathered = Arc::new(gathered);
        let written = self.write_all(&gathered).await;
        self.vitals.waiting.fetch_sub(count, Ordering::SeqCst);
        if let Err(error) = &written {
            tracing::warn!(document = %self.document, count, %error, "points were not added");
        }
        for (n, caller) in callers.into_iter().enumerate() {
            let answer = match &written {
                Ok(written) => written.answer(n, &gathered[n], &self.document),
                Err(error) => Err(error.clone()),
            };
            if answer.is_ok() {
                let added = gathered[n].points.len() as u64;
                metrics::counter!(crate::metrics::POINTS_ACCEPTED).increment(added);
            }
            // Whoever has gone knows less, and what is stored is stored.
            let _gone = caller.map(|caller| caller.send(answer));
        }
        if self.points.copies_bytes.load(Ordering::Relaxed) > COPIES_BYTES_MAX {
            self.copy = None;
        }
        written.map(drop)
    }

    /// One change, as a rule. Points that fall between many others take several, each when it is due.
    async fn write_all(&mut self, gathered: &Arc<Vec<Gathered>>) -> Result<Written, AddPointsError> {
        let first = gathered.clone();
        let (mut written, mut left) = self.write_once(move |feed| judge(feed, &first)).await?;
        while !left.is_empty() {
            let mut drain = self.points.drain.clone();
            tokio::select! {
                () = tokio::time::sleep(self.interval()?) => {}
                () = drain.begun() => {}
            }
            let again = |_: &mut Feed| Ok(Judged { points: left, ..Judged::default() });
            let (next, rest) = self.write_once(again).await?;
            written.go_on(next);
            left = rest;
        }
        Ok(written)
    }

    /// One change, from what others wrote meanwhile to what the store answers, and what is left for the
    /// next. On an error the copy is gone. Others that write points of this document wait, so that each has before it what
    /// the others wrote: points that are inserted at one place at the same time would stand in any order.
    async fn write_once(
        &mut self,
        judge: impl FnOnce(&mut Feed) -> Result<Judged, AddError> + Send + 'static,
    ) -> Result<(Written, Vec<Point>), AddPointsError> {
        let turn = self.turn.clone();
        let _turn = turn.lock().await;
        let mut copy = self.copy.take().ok_or_else(|| self.failed())?;
        let known = copy.feed.heads();
        let lacking = move |doc: &Automerge| lacks(doc, &known);
        let lacking = self.points.hub.view(&self.permit.to_read(), lacking).await?;
        let now = self.points.clock.now();
        let done = computed(move || {
            let added = copy.advance(lacking, judge, now);
            (copy, added)
        });
        let (mut copy, added) = done.await.ok_or_else(|| self.failed())?;
        let Advanced { added, replaced, gone } = added.map_err(|error| self.refused(error))?;
        let Added { change, points, retention, unread, left } = added;
        let (heads, changes) = (copy.feed.heads(), self.changes);
        let mut receipt = Receipt { heads, points, changes, kept: retention.points, unread, not_kept: 0 };
        if let Some(change) = change {
            let doubt = Doubt::begin(&self.points.doubts);
            let manifest = self.points.hub.submit(self.permit.clone(), vec![change]).await?;
            doubt.end();
            self.changes = manifest.changes;
            (receipt.heads, receipt.changes) = (manifest.heads, manifest.changes);
        }
        copy.weigh(self.changes);
        self.copy = Some(copy);
        self.written_at = Some(Instant::now());
        Ok((Written { receipt, replaced, gone }, left))
    }

    /// Tells everybody who still comes, and leaves the table.
    fn end(&mut self, error: &AddPointsError) {
        let points = self.points.clone();
        let mut collectors = points.collectors();
        while let Ok(handed) = self.handed.try_recv() {
            self.refuse(handed, error);
        }
        collectors.remove(&self.fed());
    }

    /// Its line in the table.
    fn fed(&self) -> Fed {
        (self.document.clone(), self.permit.who().subject.clone())
    }

    fn refuse(&self, handed: Handed, error: &AddPointsError) {
        self.vitals.waiting.fetch_sub(handed.points.len(), Ordering::SeqCst);
        match handed.caller {
            Caller::Durable(answer) => {
                let _gone = answer.send(Err(error.clone()));
            }
            Caller::Taken(answer) => {
                let _gone = answer.send(Err(error.clone()));
            }
        }
    }

    fn refused(&self, error: AddError) -> AddPointsError {
        match error {
            AddError::NotPoints(why) => AddPointsError::NotPoints { document: self.document.clone(), why },
            AddError::Automerge(_) | AddError::Panicked(_) => {
                tracing::error!(document = %self.document, %error, "points could not be added");
                self.failed()
            }
        }
    }

    fn failed(&self) -> AddPointsError {
        AddPointsError::Failed { document: self.document.clone() }
    }
}

/// What a copy has become.
struct Advanced {
    added: Added,
    replaced: Vec<Option<i64>>,
    /// The times of points that were older than all that is kept.
    gone: BTreeSet<i64>,
}

/// What is durable, and what each caller is told of it.
struct Written {
    receipt: Receipt,
    replaced: Vec<Option<i64>>,
    gone: BTreeSet<i64>,
}

impl Written {
    /// With the next change, of what was left.
    fn go_on(&mut self, next: Self) {
        self.receipt = next.receipt;
        self.gone.extend(next.gone);
    }

    fn answer(&self, n: usize, of: &Gathered, document: &DocumentId) -> Result<Receipt, AddPointsError> {
        if let Some(time) = self.replaced.get(n).copied().flatten() {
            let place = format!("/points/*/v, the value of the point that is there at t={time}");
            let why = Rejection::PathForbidden { place };
            return Err(SubmitError::Rejected { document: document.clone(), why }.into());
        }
        let not_kept = of.points.iter().filter(|point| self.gone.contains(&point.t)).count();
        Ok(Receipt { not_kept, ..self.receipt.clone() })
    }
}

/// Which callers would replace what they may not, be it in the document or among what came before them, and the points of
/// the others.
fn judge(feed: &mut Feed, gathered: &[Gathered]) -> Result<Judged, AddError> {
    let mut judged = Judged::default();
    let mut before: BTreeMap<i64, Option<f64>> = BTreeMap::new();
    for Gathered { points, replacing, .. } in gathered {
        let is_other = |point: &&Point| before.get(&point.t).is_some_and(|value| *value != point.v);
        let replaced = match (replacing, points.iter().find(is_other)) {
            (Replacing::Allowed, _) => None,
            (Replacing::Refused, Some(point)) => Some(point.t),
            (Replacing::Refused, None) => feed.first_replaced(points)?,
        };
        judged.replaced.push(replaced);
        if replaced.is_none() {
            before.extend(points.iter().map(|point| (point.t, point.v)));
            judged.points.extend(points);
        }
    }
    Ok(judged)
}

impl Copy {
    fn of(feed: Feed, changes: u64, points: Arc<Inner>) -> Self {
        let mut copy = Self { feed, bytes: 0, points };
        copy.weigh(changes);
        copy
    }

    fn advance(
        &mut self,
        lacking: Vec<Change>,
        judge: impl FnOnce(&mut Feed) -> Result<Judged, AddError>,
        now: Timestamp,
    ) -> Result<Advanced, AddError> {
        if !lacking.is_empty() {
            self.feed.catch_up(lacking)?;
        }
        let Judged { replaced, points } = judge(&mut self.feed)?;
        let added = self.feed.add(&points, now)?;
        let is_left: BTreeSet<i64> = added.left.iter().map(|point| point.t).collect();
        let here = points.iter().map(|point| point.t).filter(|time| !is_left.contains(time)).collect();
        Ok(Advanced { gone: self.feed.lacks(&here), added, replaced })
    }

    /// Notes what it takes now.
    fn weigh(&mut self, changes: u64) {
        let bytes = changes * BYTES_PER_CHANGE;
        self.points.copies_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.points.copies_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.points.copies_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A change is on its way. Unless it is said to have arrived, nobody knows whether it was stored, and its
/// actor must not make another one with the same number: new copies get new actors.
struct Doubt<'a> {
    doubts: &'a AtomicU64,
    is_over: bool,
}

impl<'a> Doubt<'a> {
    fn begin(doubts: &'a AtomicU64) -> Self {
        Self { doubts, is_over: false }
    }

    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.doubts.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What a copy with these heads lacks of the document.
fn lacks(doc: &Automerge, known: &[automerge::ChangeHash]) -> Vec<Change> {
    if doc.get_heads() == known { Vec::new() } else { doc.get_changes(known) }
}

/// Computes where that blocks nobody; none when it panicked, which is in the log then.
async fn computed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.inspect_err(|error| tracing::error!(%error, "points could not be added")).ok()
}
