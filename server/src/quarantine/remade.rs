//! Refused changes made anew, by somebody who may.
//!
//! Edit path: ← refused changes that could be applied, → one change with the same operations by another actor, on the
//! same heads.
//!
//! ```text
//!  refused   ana 7: put /title     8: insert behind 6@bo     bo's 6 is in the document and keeps its name
//!  remade    new 7: put /title     8: insert behind 6@bo     what ana's were called is called new
//! ```
//! Always true: operations are copied and not found out from what they did. So values keep their types, text merges letter
//! by letter and counters count, as if the author had been allowed to do it.

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId};
use automerge::{Automerge, AutomergeError, Change, ChangeHash, Prop, ROOT, ReadDoc};
use dovetail_core::doors::Writer;
use dovetail_core::reserved::RESERVED_KEY;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

/// What was made.
pub(super) struct Remade {
    /// Nothing when nothing is left to do.
    pub(super) change: Option<Change>,
    /// Whether something under the key that belongs to the server was left out.
    pub(super) left_out_reserved: bool,
}

/// One change at `base` with the operations of `changes`, those that others build on first. `after` is a document that has
/// them.
pub(super) fn remade(
    after: &Automerge,
    base: &[ChangeHash],
    changes: &[Change],
    writer: &Writer,
) -> Result<Remade, AutomergeError> {
    let Some(first) = changes.first() else { return Ok(Remade { change: None, left_out_reserved: false }) };
    let mut expanded = first.decode();
    let all: Vec<(OpId, Op)> = changes.iter().flat_map(operations).collect();
    let count = all.len();
    let mut reserved = Reserved { after, made: HashSet::new() };
    let mut kept = Vec::with_capacity(count);
    for (id, op) in all {
        if !reserved.holds(&id, &op)? {
            kept.push((id, op));
        }
    }
    let left_out_reserved = kept.len() < count;
    if kept.is_empty() {
        return Ok(Remade { change: None, left_out_reserved });
    }
    let start = start(after, base, &kept);
    let names: HashMap<OpId, OpId> = (start.get()..)
        .zip(&kept)
        .map(|(number, (id, _))| (id.clone(), OpId::new(number, &writer.actor)))
        .collect();
    expanded.operations = kept.into_iter().map(|(_, op)| renamed(op, &names)).collect();
    expanded.actor_id = writer.actor.clone();
    (expanded.seq, expanded.start_op, expanded.hash) = (1, start, None);
    expanded.deps = base.to_vec();
    expanded.time = i64::try_from(writer.time.as_millis() / 1000).unwrap_or(i64::MAX);
    expanded.message.clone_from(&writer.message);
    expanded.extra_bytes = Vec::new();
    Ok(Remade { change: Some(Change::from(expanded)), left_out_reserved })
}

/// The operations of a change with their names.
fn operations(change: &Change) -> impl Iterator<Item = (OpId, Op)> {
    let actor = change.actor_id().clone();
    let numbers = change.start_op().get()..;
    numbers.zip(change.decode().operations).map(move |(number, op)| (OpId::new(number, &actor), op))
}

/// The number of the first operation: behind all at base and all that the operations name there.
fn start(after: &Automerge, base: &[ChangeHash], kept: &[(OpId, Op)]) -> NonZeroU64 {
    let own: HashSet<&OpId> = kept.iter().map(|(id, _)| id).collect();
    let at_base = base.iter().filter_map(|hash| after.get_change_meta_by_hash(hash)).map(|meta| meta.max_op);
    let named = kept.iter().flat_map(|(_, op)| named_by(op)).filter(|id| !own.contains(id)).map(|id| id.0);
    NonZeroU64::MIN.saturating_add(at_base.chain(named).max().unwrap_or(0))
}

fn named_by(op: &Op) -> impl Iterator<Item = &OpId> {
    let object = match &op.obj {
        ObjectId::Id(id) => Some(id),
        ObjectId::Root => None,
    };
    let element = match &op.key {
        Key::Seq(ElementId::Id(id)) => Some(id),
        Key::Seq(ElementId::Head) | Key::Map(_) => None,
    };
    object.into_iter().chain(element).chain(op.pred.iter())
}

/// The same operation, with the new names of what was refused.
fn renamed(op: Op, names: &HashMap<OpId, OpId>) -> Op {
    let new = |id: OpId| names.get(&id).cloned().unwrap_or(id);
    let obj = match op.obj {
        ObjectId::Id(id) => ObjectId::Id(new(id)),
        ObjectId::Root => ObjectId::Root,
    };
    let key = match op.key {
        Key::Seq(ElementId::Id(id)) => Key::Seq(ElementId::Id(new(id))),
        key => key,
    };
    let pred = op.pred.iter().cloned().map(new).collect();
    Op { obj, key, pred, ..op }
}

/// Which operations go to where the server writes.
struct Reserved<'d> {
    after: &'d Automerge,
    /// Objects that the refused operations themselves made there.
    made: HashSet<OpId>,
}

impl Reserved<'_> {
    fn holds(&mut self, id: &OpId, op: &Op) -> Result<bool, AutomergeError> {
        let is_there = match &op.obj {
            ObjectId::Root => matches!(&op.key, Key::Map(key) if key == RESERVED_KEY),
            ObjectId::Id(object) => self.made.contains(object) || self.is_below(object)?,
        };
        if is_there {
            self.made.insert(id.clone());
        }
        Ok(is_there)
    }

    fn is_below(&self, object: &OpId) -> Result<bool, AutomergeError> {
        let object = self.after.import_obj(&object.to_string())?;
        let mut above = self.after.parents(&object)?;
        Ok(above.any(|one| one.obj == ROOT && one.prop == Prop::Map(RESERVED_KEY.to_owned())))
    }
}
