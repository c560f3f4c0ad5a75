//! One change, made at the heads that its writer knew.
//!
//! Edit path: ← a door says what to write, → a transaction at base, → the change as a peer at base
//! would have made it, → the document with that change in it.
//!
//! Always true here: the document that was given is not touched. Where the writer knew all there
//! is, the change is made on a copy. Where not, it is made in a transaction at base on a copy that
//! is thrown away afterwards, since a fork of a long history takes seconds; its operations get the
//! numbers that they would have had at base; and then it is merged like any other.

use super::{Halt, Lost, Writer, Written, lost};
use crate::json::seconds;
use automerge::legacy::{ElementId, Key, ObjectId, OpId};
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, PatchLog, ReadDoc};
use std::num::NonZeroU64;

/// How many steps along lists and texts a transaction at old heads may take: there a place is found
/// by walking, some 15 ns a step, so that is half a second. What needs more is done on a fork,
/// where places are found at once, and which costs some 15 µs for each change of the history.
const STEPS_MAX: u64 = 30_000_000;

/// How many unknown heads an error names.
const UNKNOWN_NAMED_MAX: usize = 8;

/// Heads that a document does not have: it is another document, or they have not arrived here yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document has no change {}", .unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub struct UnknownHeads {
    /// Those that are unknown; eight of them at most.
    pub unknown: Vec<ChangeHash>,
}

/// Whether the document has all these changes. Automerge itself passes over unknown ones in silence.
///
/// # Errors
/// When it lacks some, with their hashes.
pub fn check_heads(doc: &Automerge, heads: &[ChangeHash]) -> Result<(), UnknownHeads> {
    let is_unknown = |head: &&ChangeHash| doc.get_change_meta_by_hash(head).is_none();
    let unknown: Vec<ChangeHash> = heads.iter().filter(is_unknown).take(UNKNOWN_NAMED_MAX).copied().collect();
    if unknown.is_empty() { Ok(()) } else { Err(UnknownHeads { unknown }) }
}

/// What this actor wrote before: the answer to a write that is asked for again.
#[must_use]
pub fn written_before(doc: &Automerge, actor: &ActorId) -> Option<Written> {
    let document = doc.clone().with_actor(actor.clone());
    let change = document.get_last_local_change()?;
    let after = sorted_heads(doc);
    let lost = lost(&document, &after, &change);
    Some(Written { before: change.deps().to_vec(), changes: vec![change], after, lost, document })
}

/// Writes at `base`, which the document has. `write` is called a second time, on a fork, when it
/// ends for being too slow; it is told how many steps it may take.
pub(super) fn write<E: From<AutomergeError>>(
    doc: &Automerge,
    base: &[ChangeHash],
    writer: &Writer,
    write: impl Fn(&mut Transaction<'_>, Option<u64>) -> Result<(), Halt<E>>,
) -> Result<Written, E> {
    if let Some(written) = written_before(doc, &writer.actor) {
        return Ok(written);
    }
    let before = sorted_heads(doc);
    let mut base = base.to_vec();
    base.sort_unstable();
    base.dedup();
    let mut document = doc.clone().with_actor(writer.actor.clone());
    if base == before {
        let change = on_top(&mut document, writer, &write)?;
        return Ok(written(before, change, document, false));
    }
    let Some(change) = at_base(doc, &base, writer, &write)? else {
        return Ok(written(before, None, document, false));
    };
    document.apply_changes([change.clone()])?;
    Ok(written(before, Some(change), document, true))
}

fn written(before: Vec<ChangeHash>, change: Option<Change>, document: Automerge, merged: bool) -> Written {
    let after = sorted_heads(&document);
    let lost = change
        .as_ref()
        .filter(|_| merged)
        .map_or_else(Lost::default, |change| lost(&document, &after, change));
    Written { changes: change.into_iter().collect(), before, after, lost, document }
}

fn on_top<E: From<AutomergeError>>(
    document: &mut Automerge,
    writer: &Writer,
    write: impl Fn(&mut Transaction<'_>, Option<u64>) -> Result<(), Halt<E>>,
) -> Result<Option<Change>, E> {
    let mut tx = document.transaction();
    match write(&mut tx, None) {
        Ok(()) => {
            let (hash, _) = tx.commit_with(options(writer));
            Ok(hash.and_then(|hash| document.get_change_by_hash(&hash)))
        }
        Err(Halt::Failed(error)) => Err(error),
        Err(Halt::TooSlow) => unreachable!("work without a bound does not pass it"),
    }
}

fn at_base<E: From<AutomergeError>>(
    doc: &Automerge,
    base: &[ChangeHash],
    writer: &Writer,
    write: impl Fn(&mut Transaction<'_>, Option<u64>) -> Result<(), Halt<E>>,
) -> Result<Option<Change>, E> {
    let mut scratch = doc.clone().with_actor(writer.actor.clone());
    let mut tx = scratch.transaction_at(PatchLog::inactive(), base).map_err(AutomergeError::from)?;
    match write(&mut tx, Some(STEPS_MAX)) {
        Ok(()) => {
            let (hash, _) = tx.commit_with(options(writer));
            let change = hash.and_then(|hash| scratch.get_change_by_hash(&hash));
            Ok(change.map(|change| as_made_at(doc, &change)))
        }
        Err(Halt::Failed(error)) => Err(error),
        Err(Halt::TooSlow) => {
            drop(tx);
            let mut fork = doc.fork_at(base)?.with_actor(writer.actor.clone());
            on_top(&mut fork, writer, write)
        }
    }
}

fn options(writer: &Writer) -> CommitOptions {
    let options = CommitOptions::default().with_time(seconds(writer.time));
    match &writer.message {
        Some(message) => options.with_message(message.clone()),
        None => options,
    }
}

/// Gives the operations of a change the numbers that follow those of its dependencies. In a transaction
/// at old heads they follow those of the whole document, so that a late writer would win over
/// everybody who wrote meanwhile, however much that was.
fn as_made_at(doc: &Automerge, change: &Change) -> Change {
    let mut expanded = change.decode();
    let actor = expanded.actor_id.clone();
    let first = expanded.start_op.get();
    let of_deps = change.deps().iter().filter_map(|dep| doc.get_change_meta_by_hash(dep));
    let last_of_deps = of_deps.map(|meta| meta.max_op).max().unwrap_or(0);
    // In a document of a stranger, numbers need not ascend; they do from here on.
    let named = expanded.operations.iter().flat_map(|op| ids_of(&op.obj, &op.key, op.pred.iter()));
    let last_named = named.filter(|id| id.1 != actor).map(|id| id.0).max().unwrap_or(0);
    let Some(back) = first.checked_sub(last_of_deps.max(last_named) + 1) else { return change.clone() };
    let Some(start) = NonZeroU64::new(first - back) else { return change.clone() };
    if back == 0 {
        return change.clone();
    }

    let moved = |id: &OpId| if id.1 == actor { OpId(id.0 - back, id.1.clone()) } else { id.clone() };
    for op in &mut expanded.operations {
        if let ObjectId::Id(id) = &op.obj {
            op.obj = ObjectId::Id(moved(id));
        }
        if let Key::Seq(ElementId::Id(id)) = &op.key {
            op.key = Key::Seq(ElementId::Id(moved(id)));
        }
        op.pred = op.pred.iter().map(moved).collect();
    }
    expanded.start_op = start;
    expanded.hash = None;
    Change::from(expanded)
}

fn ids_of<'a>(
    object: &'a ObjectId,
    key: &'a Key,
    pred: impl Iterator<Item = &'a OpId>,
) -> impl Iterator<Item = &'a OpId> {
    let object = match object {
        ObjectId::Id(id) => Some(id),
        ObjectId::Root => None,
    };
    let element = match key {
        Key::Seq(ElementId::Id(id)) => Some(id),
        Key::Seq(ElementId::Head) | Key::Map(_) => None,
    };
    object.into_iter().chain(element).chain(pred)
}

pub(super) fn sorted_heads(doc: &Automerge) -> Vec<ChangeHash> {
    let mut heads = doc.get_heads();
    heads.sort_unstable();
    heads
}
