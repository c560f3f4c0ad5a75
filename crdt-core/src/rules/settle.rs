//! Settling and waiving: ordinary changes of the document.
//!
//! Edit path: ← a person who decides, through the API or an SDK, or the server after a while; → one
//! change, that goes the way of every other.
//!
//! Always true here: who settles a conflict at the same heads makes the same change, byte for byte,
//! so replicas that do so while apart end up with one. Its actor is made of everything that decides
//! its bytes, the heads among them: at different heads the actors differ and nothing clashes.

use super::conflict::{Conflict, Report, Waiver};
use super::entries::{NAME_BYTES_MAX, REASON_BYTES_MAX};
use super::facts::Keys;
use super::judge::Judge;
use super::path::Step;
use super::plan::CollectionPlan;
use super::proposal::Proposal;
use super::reader::list_items;
use super::remedy::{Effort, What, Write, edits};
use super::set::{Rule, RuleSet};
use super::violation::Violation;
use crate::json::{self, JsonError, Strings};
use crate::reserved::{Section, ensure_entry, section};
use crate::time::Timestamp;
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc,
    Value as AutomergeValue,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// On which level the members of an entry lie: below `_dovetail`, its section and the entry.
const ENTRY_FIELD_DEPTH: usize = 3;

/// What a proposal writes was read from the place where it is written, so it is no deeper than
/// what can be read.
const FIELD_DEPTH: usize = 0;

/// The last moment of the year 9999, in milliseconds since the Unix epoch. Whoever writes a later one means something
/// else, and JavaScript's numbers tell moments apart far beyond it.
pub const UNTIL_MAX_MS: u64 = 253_402_300_799_999;

/// The changes that settled a conflict.
#[derive(Debug)]
pub struct Settled {
    /// What was settled, as it was before.
    pub conflict: Conflict,
    /// The changes that were made, in the order they depend on each other.
    pub changes: Vec<Change>,
}

/// Why a conflict was not settled. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// It is not there, or no longer: look again.
    #[error("there is no open conflict {id}")]
    UnknownConflict {
        /// The id in question.
        id: String,
    },
    /// The proposal cannot be made now.
    #[error("{proposal} is not offered for this conflict")]
    NotOffered {
        /// What was asked for.
        proposal: Proposal,
        /// What is offered.
        offered: Vec<Proposal>,
    },
    /// A name that is too long.
    #[error("a name has at most {bytes_max} bytes")]
    NameTooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// A value could not be written.
    #[error("the change cannot be written")]
    Value(#[from] JsonError),
    /// Automerge refused.
    #[error("the document refused the change")]
    Document(#[from] AutomergeError),
}

/// The changes that waived a conflict, or took a waiver back.
#[derive(Debug)]
pub struct Waived {
    /// The conflict, as it is now.
    pub conflict: Conflict,
    /// The changes that were made, in the order they depend on each other.
    pub changes: Vec<Change>,
}

/// Why a conflict was not waived. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WaiveError {
    /// It is not there, or no longer: look again.
    #[error("there is no open conflict {id}")]
    UnknownConflict {
        /// The id in question.
        id: String,
    },
    /// The reason is missing.
    #[error("say why it may stay")]
    NoReason,
    /// The reason, or a name, is too long.
    #[error("the {what} has at most {bytes_max} bytes")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The bound.
        bytes_max: usize,
    },
    /// The waiver would be over before it begins.
    #[error("a waiver must end after now")]
    AlreadyOver,
    /// The end is no moment that a document can hold.
    #[error("a waiver ends before the year 10000, at {UNTIL_MAX_MS} ms, or does not end")]
    NoMoment,
    /// A value could not be written.
    #[error("the change cannot be written")]
    Value(#[from] JsonError),
    /// Automerge refused.
    #[error("the document refused the change")]
    Document(#[from] AutomergeError),
}

/// Makes `proposal` for the conflict, and notes who chose it.
///
/// `judge` has looked at the document as it is. At the same heads this is the same change on every replica, byte for byte. The document keeps
/// its own actor.
///
/// # Errors
/// When there is no such conflict or the proposal cannot be made.
pub fn settle(
    doc: &mut Automerge,
    judge: &Judge,
    conflict: &str,
    proposal: Proposal,
    by: Option<&str>,
) -> Result<Settled, SettleError> {
    if by.is_some_and(|by| by.len() > NAME_BYTES_MAX) {
        return Err(SettleError::NameTooLong { bytes_max: NAME_BYTES_MAX });
    }
    let unknown = || SettleError::UnknownConflict { id: conflict.to_owned() };
    let (rule, violation, offers) = judge.find(conflict).ok_or_else(unknown)?;
    let offered = || offers.iter().map(|offer| offer.name).collect::<Vec<_>>();
    let writes = (offered().contains(&proposal))
        .then(|| edits(rule, judge.facts(), &violation.hit, proposal, Effort::Make))
        .flatten()
        .ok_or_else(|| SettleError::NotOffered { proposal, offered: offered() })?;
    let before = judge.report(doc, Timestamp::default()).get(conflict).cloned().ok_or_else(unknown)?;

    let mut changes: Vec<Change> = ensure_entry(doc)?.into_iter().collect();
    let actor = settling_actor(violation, proposal, by, &doc.get_heads());
    let entry = settled_entry(rule, violation, proposal, by);
    let options = CommitOptions::default().with_time(0).with_message(format!("settled: {proposal}"));
    let change = change_as(doc, &actor, options, |tx| {
        let rules = judge.rules();
        for write in &writes {
            carry_out(tx, &rules.plan.collections[write.field.collection], rules, write)?;
        }
        put_entry(tx, Section::Settled, conflict, &entry)
    })?;
    changes.extend(change);
    Ok(Settled { conflict: before, changes })
}

/// Notes that the conflict may stay as it is, why, and until when. It stays so as long as the
/// facts do.
///
/// # Errors
/// When there is no such conflict, or the reason or the end is none.
pub fn waive(
    doc: &mut Automerge,
    judge: &Judge,
    conflict: &str,
    waiver: &Waiver,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    check_waiver(waiver, now)?;
    let (_, violation, _) = judge.find(conflict).ok_or_else(|| unknown(conflict))?;
    let mut entry = Map::new();
    entry.insert("fingerprint".to_owned(), violation.fingerprint.as_str().into());
    entry.insert("reason".to_owned(), waiver.reason.as_str().into());
    entry.extend(waiver.by.iter().map(|by| ("by".to_owned(), by.as_str().into())));
    entry.extend(waiver.until.iter().map(|until| ("until".to_owned(), until.as_millis().into())));
    let changes = decide(doc, actor, now, |tx| put_entry(tx, Section::Waived, conflict, &entry))?;
    waived(judge, doc, conflict, changes, now)
}

/// Takes the waiver of a conflict back.
///
/// # Errors
/// When there is no such conflict.
pub fn unwaive(
    doc: &mut Automerge,
    judge: &Judge,
    conflict: &str,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    judge.find(conflict).ok_or_else(|| unknown(conflict))?;
    let changes = decide(doc, actor, now, |tx| {
        let waived = section(tx, Section::Waived)?;
        Ok(tx.delete(&waived, conflict)?)
    })?;
    waived(judge, doc, conflict, changes, now)
}

fn unknown(conflict: &str) -> WaiveError {
    WaiveError::UnknownConflict { id: conflict.to_owned() }
}

fn check_waiver(waiver: &Waiver, now: Timestamp) -> Result<(), WaiveError> {
    if waiver.reason.trim().is_empty() {
        return Err(WaiveError::NoReason);
    }
    if waiver.reason.len() > REASON_BYTES_MAX {
        return Err(WaiveError::TooLong { what: "reason", bytes_max: REASON_BYTES_MAX });
    }
    if waiver.by.as_ref().is_some_and(|by| by.len() > NAME_BYTES_MAX) {
        return Err(WaiveError::TooLong { what: "name", bytes_max: NAME_BYTES_MAX });
    }
    if waiver.until.is_some_and(|until| until <= now) {
        return Err(WaiveError::AlreadyOver);
    }
    if waiver.until.is_some_and(|until| until.as_millis() > UNTIL_MAX_MS) {
        return Err(WaiveError::NoMoment);
    }
    Ok(())
}

/// The conflict after a decision that left the facts as they were.
fn waived(
    judge: &Judge,
    doc: &Automerge,
    conflict: &str,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    let report: Report = judge.report(doc, now);
    let conflict = report.get(conflict).cloned().ok_or_else(|| unknown(conflict))?;
    Ok(Waived { conflict, changes })
}

/// What `write` does to the document, as a change of `actor` at `now`.
fn decide(
    doc: &mut Automerge,
    actor: &ActorId,
    now: Timestamp,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), JsonError>,
) -> Result<Vec<Change>, WaiveError> {
    let mut changes: Vec<Change> = ensure_entry(doc)?.into_iter().collect();
    let options = CommitOptions::default().with_time(json::seconds(now));
    changes.extend(change_as(doc, actor, options, write)?);
    Ok(changes)
}

/// One change of `actor`; the document's own actor is the same as before.
fn change_as(
    doc: &mut Automerge,
    actor: &ActorId,
    options: CommitOptions,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), JsonError>,
) -> Result<Option<Change>, JsonError> {
    let own = doc.get_actor().clone();
    doc.set_actor(actor.clone());
    let done = doc.transact_with(|()| options, write);
    doc.set_actor(own);
    let hash = done.map_err(|failure| failure.error)?.hash;
    Ok(hash.and_then(|hash| doc.get_change_by_hash(&hash)))
}

/// An actor that is the same for everybody who makes this very change, and for nobody else.
fn settling_actor(
    violation: &Violation,
    proposal: Proposal,
    by: Option<&str>,
    heads: &[ChangeHash],
) -> ActorId {
    /// As many bytes as drawn actors have.
    const ACTOR_BYTES: usize = 16;
    let mut heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    heads.sort_unstable();
    let parts = serde_json::json!([violation.id, violation.fingerprint, proposal.name(), heads, by]);
    ActorId::from(&Sha256::digest(parts.to_string().as_bytes())[..ACTOR_BYTES])
}

fn settled_entry(
    rule: &Rule,
    violation: &Violation,
    proposal: Proposal,
    by: Option<&str>,
) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert("fingerprint".to_owned(), violation.fingerprint.as_str().into());
    entry.insert("proposal".to_owned(), proposal.name().into());
    entry.insert("rule".to_owned(), rule.id().into());
    entry.insert("subjects".to_owned(), violation.subjects.clone().into());
    entry.insert("message".to_owned(), violation.message.as_str().into());
    entry.extend(by.iter().map(|by| ("by".to_owned(), (*by).into())));
    entry
}

/// Writes an entry over whatever stands there: a decision replaces the one before as a whole.
fn put_entry(
    tx: &mut Transaction<'_>,
    kind: Section,
    conflict: &str,
    entry: &Map<String, Value>,
) -> Result<(), JsonError> {
    let section = section(tx, kind)?;
    let entry = Value::Object(entry.clone());
    json::put(tx, &section, conflict.into(), &entry, Strings::Scalar, ENTRY_FIELD_DEPTH)
}

/// Carries out one write of a proposal.
fn carry_out(
    tx: &mut Transaction<'_>,
    plan: &CollectionPlan,
    rules: &RuleSet,
    write: &Write,
) -> Result<(), JsonError> {
    let names = &rules.plan.wish(write.field).names;
    let (holder, prop) = place_of(tx, plan, &write.keys, names).ok_or(AutomergeError::NotAnObject)?;
    match &write.what {
        What::Put(value) => {
            // Always a new value, never an edit of a text or a count: when two settle at different
            // heads, both stand beside each other and are the same, where two edits would add up.
            let present = tx.get(&holder, prop.clone())?;
            let is_text = matches!(present, Some((AutomergeValue::Object(ObjType::Text), _)));
            let strings = if is_text { Strings::Text } else { Strings::Scalar };
            json::put(tx, &holder, prop, value, strings, FIELD_DEPTH)
        }
        What::Delete => Ok(tx.delete(&holder, prop)?),
        What::Keep(op) => {
            let live = tx.get_all(&holder, prop.clone())?;
            let kept = live.into_iter().find(|(_, id)| id == op).ok_or(AutomergeError::NotAnObject)?;
            match kept {
                (AutomergeValue::Scalar(scalar), _) => Ok(tx.put(&holder, prop, scalar.into_owned())?),
                (AutomergeValue::Object(_), object) => {
                    let value = json::read_at(tx, &object, None);
                    json::put(tx, &holder, prop, &value, Strings::Scalar, FIELD_DEPTH)
                }
            }
        }
    }
}

/// The object that holds a field of an item, and the field there.
fn place_of(
    doc: &Transaction<'_>,
    plan: &CollectionPlan,
    keys: &Keys,
    names: &[String],
) -> Option<(ObjId, Prop)> {
    let mut keys = keys.iter();
    let mut place: Option<(ObjId, Prop)> = None;
    let steps = plan.prefix.iter().map(|step| match step {
        Step::Member(name) => (step, Some(name)),
        Step::Any => (step, keys.next()),
    });
    let names: Vec<Step> = names.iter().cloned().map(Step::Member).collect();
    let names = names.iter().map(|step| match step {
        Step::Member(name) => (step, Some(name)),
        Step::Any => (step, None),
    });
    for (step, key) in steps.chain(names) {
        let key = key?;
        let object = match &place {
            None => ROOT,
            Some((holder, prop)) => match doc.get(holder, prop.clone()).ok()?? {
                (AutomergeValue::Object(_), object) => object,
                _ => return None,
            },
        };
        let prop = match (doc.object_type(&object).ok()?, step) {
            (ObjType::List, Step::Any) => list_items(doc, &object).position(|(own, ..)| own == *key)?.into(),
            (ObjType::Map, _) => key.as_str().into(),
            _ => return None,
        };
        place = Some((object, prop));
    }
    place
}
