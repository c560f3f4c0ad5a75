//! What people, and rules by themselves, decide about a conflict: to settle it, or that it may stay.
//!
//! Edit path: ← the HTTP doors and the [`sweep`](crate::sweep); → an ordinary change, made on a copy of the document and
//! handed to the [`hub`](crate::hub) like every other one.
//!
//! Always true: what is decided here is decided about the document as it was stored a moment ago. Who edits
//! meanwhile is merged with.

use crate::hub::{Hub, SubmitError, ViewError};
use automerge::{ActorId, Automerge, Change};
use bytes::Bytes;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::EditPermit;
use dovetail_core::id::DocumentId;
use dovetail_core::json;
use dovetail_core::rules::{
    Conflict, ConflictEvent, Judge, Mode, Proposal, Question, RuleSet, SettleError, Undecided, WaiveError,
    Waiver, settle as settle_in, unwaive as unwaive_in, waive as waive_in,
};
use dovetail_core::time::Timestamp;
use std::sync::Arc;

/// Who is named where a rule settles by itself.
pub const BY_ITSELF: &str = "dovetail";

/// Why nothing was decided. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The document cannot be looked at.
    #[error(transparent)]
    View(#[from] ViewError),
    /// No rules are in force for its kind.
    #[error("there are no rules for this document")]
    NoRules,
    /// There is no such conflict, or the proposal cannot be made.
    #[error(transparent)]
    Settle(Box<SettleError>),
    /// There is no such conflict, or the waiver is none.
    #[error(transparent)]
    Waive(Box<WaiveError>),
    /// The change did not become part of the document.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// It panicked; the log says more.
    #[error("the decision could not be computed")]
    Panicked,
}

impl From<SettleError> for DecideError {
    fn from(error: SettleError) -> Self {
        Self::Settle(Box::new(error))
    }
}

impl From<WaiveError> for DecideError {
    fn from(error: WaiveError) -> Self {
        Self::Waive(Box::new(error))
    }
}

/// What became of a decision.
#[derive(Debug)]
pub struct Decided {
    /// The conflict: settled, as it was before; waived, as it is now.
    pub conflict: Conflict,
    /// The document, with the change in it.
    pub manifest: Manifest,
}

/// Makes a proposal.
///
/// # Errors
/// See [`DecideError`].
pub async fn settle(
    hub: &Hub,
    permit: EditPermit,
    conflict: String,
    proposal: Proposal,
    by: Option<String>,
) -> Result<Decided, DecideError> {
    decide(hub, permit, conflict, move |doc, judge, conflict| {
        let settled = settle_in(doc, judge, conflict, proposal, by.as_deref())?;
        Ok((settled.conflict, settled.changes))
    })
    .await
}

/// Makes the first proposal there is, in the name of the rule itself.
///
/// # Errors
/// See [`DecideError`].
pub async fn settle_first(hub: &Hub, permit: EditPermit, conflict: &str) -> Result<Proposal, DecideError> {
    let id = conflict.to_owned();
    let conflicts = hub.conflicts(&permit.to_read()).await?;
    let known = conflicts.verdict.as_ref().and_then(|verdict| verdict.report.get(&id));
    let first = known.and_then(|conflict| conflict.proposals.first()).map(|offer| offer.name);
    let proposal = first.ok_or_else(|| SettleError::UnknownConflict { id: id.clone() })?;
    settle(hub, permit, id, proposal, Some(BY_ITSELF.to_owned())).await?;
    Ok(proposal)
}

/// Notes that a conflict may stay.
///
/// # Errors
/// See [`DecideError`].
pub async fn waive(
    hub: &Hub,
    permit: EditPermit,
    conflict: String,
    waiver: Waiver,
    now: Timestamp,
) -> Result<Decided, DecideError> {
    decide(hub, permit, conflict, move |doc, judge, conflict| {
        let waived = waive_in(doc, judge, conflict, &waiver, &new_actor(), now)?;
        Ok((waived.conflict, waived.changes))
    })
    .await
}

/// Takes a waiver back.
///
/// # Errors
/// See [`DecideError`].
pub async fn unwaive(
    hub: &Hub,
    permit: EditPermit,
    conflict: String,
    now: Timestamp,
) -> Result<Decided, DecideError> {
    decide(hub, permit, conflict, move |doc, judge, conflict| {
        let waived = unwaive_in(doc, judge, conflict, &new_actor(), now)?;
        Ok((waived.conflict, waived.changes))
    })
    .await
}

/// Which conflicts a write opened and which it settled.
#[derive(Debug, Clone, Default)]
pub struct Difference {
    /// Conflicts that are open after it and were not before.
    pub opened: Vec<Conflict>,
    /// Conflicts that were there before it and are no more.
    pub settled: Vec<Conflict>,
    /// Rules of which it is not known. Nobody who writes waits for one that takes long to evaluate.
    pub undecided: Vec<Undecided>,
}

/// What the rules say of a document after a write and did not say before it.
#[must_use]
pub fn difference(
    hub: &Hub,
    id: &DocumentId,
    before: &Automerge,
    after: &Automerge,
    now: Timestamp,
) -> Difference {
    let Some(rules) = rules_for(hub, after) else { return Difference::default() };
    let report = |doc: &Automerge| Judge::new(id, rules.clone(), doc).report(doc, now);
    let (before, after) = (report(before), report(after));
    let mut difference = Difference { undecided: after.undecided.clone(), ..Difference::default() };
    let events = after.changes_from(&before);
    for event in events.into_iter().filter(|event| event.conflict().mode == Mode::Surface) {
        match event {
            ConflictEvent::Opened(conflict) | ConflictEvent::Reopened(conflict) => {
                difference.opened.push(conflict);
            }
            ConflictEvent::Settled(conflict) => difference.settled.push(conflict),
            ConflictEvent::Waived(_) => {}
        }
    }
    difference
}

type Decision = (Conflict, Vec<Change>);

async fn decide(
    hub: &Hub,
    permit: EditPermit,
    conflict: String,
    decide: impl FnOnce(&mut Automerge, &Judge, &str) -> Result<Decision, DecideError> + Send + 'static,
) -> Result<Decided, DecideError> {
    // Held as long as the copy of the document is.
    let turn = hub.turn_to_decide().await;
    let mut doc = hub.view(&permit.to_read(), Automerge::clone).await?;
    let rules = rules_for(hub, &doc).ok_or(DecideError::NoRules)?;
    let (id, evaluator) = (permit.document().clone(), hub.evaluator().clone());
    let deciding = move || {
        let ask = |question: &Arc<Question>| evaluator.answer_here(question);
        let judge = Judge::seeking(&conflict, &id, rules, &doc, ask);
        let decided = decide(&mut doc, &judge, &conflict);
        drop((doc, turn));
        decided
    };
    let decided = tokio::task::spawn_blocking(deciding).await;
    let (conflict, changes) = decided.map_err(|_| DecideError::Panicked)??;
    let changes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
    let manifest = hub.submit(permit, changes).await?;
    Ok(Decided { conflict, manifest })
}

/// The rules in force for a document of this kind.
fn rules_for(hub: &Hub, doc: &Automerge) -> Option<Arc<RuleSet>> {
    let kind = json::root_text(doc, "kind")?;
    hub.rules().of(&kind).map(|in_force| in_force.rules.clone())
}

/// Of one decision, and nobody's later.
fn new_actor() -> ActorId {
    ActorId::from(*uuid::Uuid::new_v4().as_bytes())
}
