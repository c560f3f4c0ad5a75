//! Whether a client can have made a change.
//!
//! Edit path: ← [`burst`](super::burst) has changes that are ready and may be brought, → the [`Examiner`] lets through what a
//! client can have made, [`live`](super::live) applies it and compares; the rest is refused as `invalid_change`.
//!
//! Automerge believes what a change says of itself. It looks for the operations that one takes the place of (its `pred`)
//! under every key, so a change that says it writes to one key can take away another, and the document that comes of it
//! cannot be loaded again. So a change is looked at twice.
//!
//! ```text
//!  before   numbers (sequence, operations, time) · what each operation does fits what it is done to ·
//!           it names only what it builds on, see [`past`](super::past) · none lies too deep
//!  after    the document gives the change out again, bit by bit as it came
//! ```
//! The second look is the proof that a change did what it says and nothing else. Automerge keeps no changes: it makes each
//! anew from the operations in the document, the `pred` of an operation from the places where it is written down that
//! they were replaced. It goes from key to key and forgets between two of them. So an operation that replaced anything
//! under another key, in another object, after itself, or twice, does not come out as it went in; nor does one that named
//! what is not there, since that is written down nowhere; nor any bytes that Automerge does not keep: unknown columns, runs
//! that could be shorter, actors that nobody needs. A snapshot is made in the same way, so what comes out now comes out of
//! a snapshot. Looking each `pred` up under its key beforehand was the other way; it costs a look for each letter of a
//! text that is deleted, where this is one pass over what was changed (4 to 10 µs for an edit, whatever the document's size).
//!
//! What comes out right and harms all the same is found by the first look: an index in a map puts rows where no key is, a
//! mark that ends before it begins makes a snapshot that nobody loads, a number near the end of all numbers leaves none for
//! the next edit.
//!
//! Always true: what Automerge's own transactions make passes, of any released version, also on older heads.

use super::careful::carefully;
use super::past::{Last, Lineage, Past, Pasts};
use crate::json::DEPTH_MAX;
use crate::limits::CHANGE_WORDS_BYTES_MAX;
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Automerge, Change, ChangeHash, Cursor, ObjId, ObjType, ROOT, ReadDoc};
use std::collections::{BTreeSet, HashMap};

/// How far the number of a change's first operation may be beyond all that are known here. A client numbers on from
/// everything it has, also when it writes on older heads, and may have what has not come to us. Its next try brings that
/// along; numbers that are gone are gone for ever, and there are four billion for a document.
const NUMBERS_AHEAD_MAX: u64 = 4_096;

/// Times further away than this are no times, and Automerge stores differences between them. JavaScript has no
/// integers beyond.
const TIME_MAX: u64 = 1 << 53;

/// Why no client can have made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Dishonest {
    /// Its number among the changes of its actor does not follow.
    #[error("the change does not follow the last one of its actor")]
    Sequence,
    /// Its operations are not numbered on from what it builds on, or far beyond.
    #[error("the operations of the change are not numbered on from what it builds on")]
    Numbers,
    /// It says twice what it builds on.
    #[error("the change says twice what it builds on")]
    Dependencies,
    /// The time is none.
    #[error("the time of the change is none")]
    Time,
    /// The message is longer than anybody reads.
    #[error("the message of a change has at most {CHANGE_WORDS_BYTES_MAX} bytes")]
    Message,
    /// An operation goes to an object that is not there.
    #[error("an operation goes to an object that is not there")]
    Object,
    /// What an operation does cannot be done to such an object.
    #[error("an operation does what cannot be done to its object")]
    Operation,
    /// An operation names one that the change does not build on.
    #[error("an operation names one that the change does not build on")]
    Order,
    /// Too much would have to be compared to tell what it builds on. The same may come through later.
    #[error("too many changes at once that were made apart from each other")]
    Tangled,
    /// It nests deeper than anybody reads.
    #[error("an operation lies deeper than {DEPTH_MAX} levels")]
    Depth,
    /// A mark ends before it begins, or does one without the other.
    #[error("a mark does not end behind its begin")]
    Mark,
    /// With the change in it, the document gives out another one.
    #[error("the change does not say what it does")]
    Content,
}

impl Dishonest {
    /// Whether an honest client may have made it that knows nothing of a bound.
    pub(super) fn is_out_of_bounds(self) -> bool {
        matches!(self, Self::Message | Self::Depth)
    }
}

/// An object that operations go to.
#[derive(Debug, Clone, Copy)]
struct Object {
    kind: ObjType,
    /// How many others it lies in, the root among them.
    depth: usize,
}

/// A mark that a change sets, and of which only the document can tell whether it ends behind its begin.
#[derive(Debug)]
pub(super) struct SetMark {
    text: ObjId,
    /// The elements right behind which it begins and ends.
    begin: OpId,
    end: OpId,
}

/// Looks at the changes of a burst, each after those it builds on. See the top of the file.
pub(super) struct Examiner<'a> {
    doc: &'a Automerge,
    lineage: &'a mut Lineage,
    pasts: Pasts<'a>,
    /// The highest number of an operation up to here.
    max_op: u64,
    /// The objects that were looked at, and those that were made.
    objects: HashMap<OpId, Object>,
    marks: Vec<SetMark>,
}

impl<'a> Examiner<'a> {
    pub(super) fn new<'b>(
        doc: &'a Automerge,
        lineage: &'a mut Lineage,
        burst: impl Iterator<Item = &'b Change>,
    ) -> Self {
        // Whatever builds on a change is numbered on from it: the highest number is at a head.
        let heads = doc.get_heads();
        let max_op = heads.iter().filter_map(|head| Some(doc.get_change_meta_by_hash(head)?.max_op)).max();
        Self {
            doc,
            lineage,
            pasts: Pasts::new(doc, burst),
            max_op: max_op.unwrap_or(0),
            objects: HashMap::new(),
            marks: Vec::new(),
        }
    }

    /// Looks at a change that can be applied when those that came through before are.
    pub(super) fn examine(&mut self, change: &Change) -> Result<(), Dishonest> {
        if change.timestamp().unsigned_abs() > TIME_MAX {
            return Err(Dishonest::Time);
        }
        if change.message().is_some_and(|message| message.len() > CHANGE_WORDS_BYTES_MAX) {
            return Err(Dishonest::Message);
        }
        let distinct: BTreeSet<&ChangeHash> = change.deps().iter().collect();
        if distinct.len() < change.deps().len() {
            return Err(Dishonest::Dependencies);
        }
        let past = self.pasts.of(change)?;
        self.check_numbers(change, &past)?;
        self.check_sequence(change, &past)?;
        let reach = self.reach(change, &past)?;
        self.check_operations(change, &reach)?;
        self.max_op = self.max_op.max(change.max_op());
        self.pasts.note(change, past);
        Ok(())
    }

    /// The marks of all that came through.
    pub(super) fn marks(self) -> Vec<SetMark> {
        self.marks
    }

    /// One behind the other, each with all operations of those before: Automerge asks for no more when it writes on older
    /// heads, so an empty change may stand beside the next. A snapshot in which a number is left out, or operations are, cannot be
    /// loaded. That no number is there twice, Automerge sees to.
    fn check_sequence(&mut self, change: &Change, past: &Past) -> Result<(), Dishonest> {
        let actor = change.actor_id();
        let Some(before) = change.seq().checked_sub(1) else { return Err(Dishonest::Sequence) };
        let is_last = |(maker, last): &(ActorId, Last)| maker == actor && last.seq == before;
        if before == 0 || past.below.iter().any(is_last) {
            return Ok(());
        }
        let reach = self.pasts.reach(past, actor)?;
        match self.pasts.last(actor).or_else(|| self.lineage.last(self.doc, actor)) {
            Some(last) if last.seq == before && last.max_op <= reach => Ok(()),
            _ => Err(Dishonest::Sequence),
        }
    }

    fn check_numbers(&self, change: &Change, past: &Past) -> Result<(), Dishonest> {
        let first = change.start_op().get();
        let is_behind = past.below.iter().all(|(_, last)| last.max_op < first);
        let end = first.saturating_add(change.len() as u64);
        if is_behind && first <= self.max_op + 1 + NUMBERS_AHEAD_MAX && u32::try_from(end).is_ok() {
            Ok(())
        } else {
            Err(Dishonest::Numbers)
        }
    }

    /// Of each actor that the change names, up to which operation it may.
    fn reach(&mut self, change: &Change, past: &Past) -> Result<HashMap<ActorId, u64>, Dishonest> {
        let mut all = HashMap::new();
        for actor in change.other_actor_ids() {
            let reach = self.pasts.reach(past, actor)?;
            // All that there is of somebody of whom there is nothing: Automerge looks them up and panics.
            if reach == u64::MAX && self.lineage.last(self.doc, actor).is_none() {
                return Err(Dishonest::Order);
            }
            all.insert(actor.clone(), reach);
        }
        Ok(all)
    }

    fn check_operations(&mut self, change: &Change, reach: &HashMap<ActorId, u64>) -> Result<(), Dishonest> {
        let expanded = change.decode();
        let mut marks = Marks::default();
        let mut made: HashMap<OpId, Object> = HashMap::new();
        let mut last: Option<(&ObjectId, Object)> = None;
        for (number, op) in (change.start_op().get()..).zip(&expanded.operations) {
            // Of its own actor it builds on everything, up to the operation before.
            let is_known = |id: &OpId| reach.get(id.actor()).is_none_or(|reach| id.counter() <= *reach);
            let is_older = |id: &OpId| id.counter() < number;
            if names_twice(op)
                || !(element_of(op).is_none_or(is_older)
                    && others_of(op).all(|id| is_older(id) && is_known(id)))
            {
                return Err(Dishonest::Order);
            }
            let object = match last {
                Some((id, object)) if *id == op.obj => object,
                _ => self.object(&op.obj, &made)?,
            };
            last = Some((&op.obj, object));
            if !fits(object.kind, op) {
                return Err(Dishonest::Operation);
            }
            let id = OpId::new(number, change.actor_id());
            marks.see(&id, op)?;
            if let OpType::Make(kind) = op.action {
                made.insert(id, object.with(kind)?);
            }
        }
        self.marks.extend(marks.all()?);
        self.objects.extend(made);
        Ok(())
    }

    fn object(&mut self, object: &ObjectId, made: &HashMap<OpId, Object>) -> Result<Object, Dishonest> {
        let ObjectId::Id(id) = object else { return Ok(Object { kind: ObjType::Map, depth: 0 }) };
        if let Some(known) = made.get(id).or_else(|| self.objects.get(id)) {
            return Ok(*known);
        }
        let there = object_id(object);
        let kind = self.doc.object_type(&there).map_err(|_| Dishonest::Object)?;
        let parents = self.doc.parents(&there).map_err(|_| Dishonest::Object)?;
        let depth = parents.take(DEPTH_MAX + 1).count();
        if depth > DEPTH_MAX {
            return Err(Dishonest::Depth);
        }
        self.objects.insert(id.clone(), Object { kind, depth });
        Ok(Object { kind, depth })
    }
}

impl Object {
    /// One that is made in it. Where JSON ends, documents do: whatever is there can be shown, and nobody walks for long from
    /// an object to the root. Automerge does, for each place that it tells of.
    fn with(self, kind: ObjType) -> Result<Self, Dishonest> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX { Err(Dishonest::Depth) } else { Ok(Self { kind, depth }) }
    }
}

/// The element that an operation is done to, or that it comes behind. Automerge, when it writes into a text on older heads,
/// names marks that were not there yet.
fn element_of(op: &Op) -> Option<&OpId> {
    match &op.key {
        Key::Seq(ElementId::Id(id)) => Some(id),
        Key::Seq(ElementId::Head) | Key::Map(_) => None,
    }
}

/// What else an operation names: its object, and what it replaces.
fn others_of(op: &Op) -> impl Iterator<Item = &OpId> {
    let object = match &op.obj {
        ObjectId::Root => None,
        ObjectId::Id(id) => Some(id),
    };
    object.into_iter().chain(op.pred.iter())
}

/// Whether it replaces the same twice; they are in order.
fn names_twice(op: &Op) -> bool {
    op.pred.iter().zip(op.pred.iter().skip(1)).any(|(one, next)| one == next)
}

/// Whether an operation can be done to an object of this kind. What is in a list is always there before it is changed;
/// tables are of an Automerge that stored another format.
fn fits(kind: ObjType, op: &Op) -> bool {
    let replaces = op.pred.iter().next().is_some();
    let is_list = matches!(kind, ObjType::List | ObjType::Text);
    let place_fits = match &op.key {
        Key::Map(_) => !is_list && !op.insert,
        Key::Seq(ElementId::Head) => is_list && op.insert,
        Key::Seq(ElementId::Id(_)) => is_list && op.insert != replaces,
    };
    let action_fits = match &op.action {
        OpType::Make(ObjType::Table) => false,
        OpType::Make(_) => kind != ObjType::Text || op.insert,
        OpType::Put(_) => true,
        OpType::Delete | OpType::Increment(_) => replaces,
        OpType::MarkBegin(_) | OpType::MarkEnd(_) => op.insert,
    };
    place_fits && action_fits && !(op.insert && replaces)
}

/// The marks of a change, operation by operation: a begin, and right behind it its end.
#[derive(Debug, Default)]
struct Marks<'a> {
    begun: Option<(OpId, &'a Op)>,
    all: Vec<SetMark>,
}

impl<'a> Marks<'a> {
    fn see(&mut self, id: &OpId, op: &'a Op) -> Result<(), Dishonest> {
        match (&op.action, self.begun.take()) {
            (OpType::MarkBegin(_), None) => self.begun = Some((id.clone(), op)),
            (OpType::MarkEnd(_), Some((id, begun))) => self.end(op, &id, begun)?,
            (OpType::MarkBegin(_) | OpType::MarkEnd(_), _) | (_, Some(_)) => return Err(Dishonest::Mark),
            (_, None) => {}
        }
        Ok(())
    }

    /// Of two that are put behind the same element the later one comes first: that would be the end.
    fn end(&mut self, op: &Op, id: &OpId, begun: &Op) -> Result<(), Dishonest> {
        if op.obj != begun.obj || op.key == begun.key {
            return Err(Dishonest::Mark);
        }
        match (&begun.key, &op.key) {
            (Key::Seq(ElementId::Head), _) => Ok(()),
            (_, Key::Seq(ElementId::Id(end))) if end == id => Ok(()),
            (Key::Seq(ElementId::Id(begin)), Key::Seq(ElementId::Id(end))) => {
                let (begin, end) = (begin.clone(), end.clone());
                self.all.push(SetMark { text: object_id(&op.obj), begin, end });
                Ok(())
            }
            _ => Err(Dishonest::Mark),
        }
    }

    fn all(self) -> Result<Vec<SetMark>, Dishonest> {
        if self.begun.is_some() { Err(Dishonest::Mark) } else { Ok(self.all) }
    }
}

fn object_id(object: &ObjectId) -> ObjId {
    match object {
        ObjectId::Root => ROOT,
        // The index is a hint that Automerge checks.
        ObjectId::Id(OpId(counter, actor)) => ObjId::Id(*counter, actor.clone(), 0),
    }
}

/// Whether a document, with these changes applied to what it was at `before`, gives out these and no others, and can be
/// loaded from what it would be saved as.
pub(super) fn amounts_to(
    doc: &Automerge,
    before: &[ChangeHash],
    applied: &BTreeSet<ChangeHash>,
    marks: &[SetMark],
) -> Result<(), Dishonest> {
    // The hash of a change that is made anew is taken from its bytes.
    let anew = doc.get_changes(before);
    if anew.len() != applied.len() || !anew.iter().all(|change| applied.contains(&change.hash())) {
        return Err(Dishonest::Content);
    }
    marks.iter().try_for_each(|mark| ends_behind_its_begin(doc, mark))
}

/// What comes behind an element stays between it and all that was behind it before, so the order of the two elements is that
/// of the mark. The places of two letters tell it. Those of letters that are no more, or of other marks, may not; then loading
/// does: so rare that this may cost what it costs.
fn ends_behind_its_begin(doc: &Automerge, mark: &SetMark) -> Result<(), Dishonest> {
    let is_behind = match (place_of(doc, mark, &mark.begin), place_of(doc, mark, &mark.end)) {
        (Some(begin), Some(end)) if begin != end => begin < end,
        _ => Automerge::load(&doc.save_nocompress()).is_ok(),
    };
    if is_behind { Ok(()) } else { Err(Dishonest::Mark) }
}

/// How many letters are before an element, if Automerge can tell.
fn place_of(doc: &Automerge, mark: &SetMark, element: &OpId) -> Option<usize> {
    let OpId(number, actor) = element;
    let cursor = Cursor::try_from(format!("{number}@{actor}")).ok()?;
    carefully(|| doc.get_cursor_position(&mark.text, &cursor, None)).ok()?.ok()
}

#[cfg(test)]
mod tests;
