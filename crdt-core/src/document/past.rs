//! What a change builds on, directly and through others.
//!
//! Edit path: ← the [`Examiner`](super::honest::Examiner) looks at a burst change by change, → of each actor, how much of what it
//! has made the change builds on.
//!
//! A change names operations, and says by its dependencies what its maker had. What it names must be among that: a replica that
//! has the change and not yet what it names would drop the name in silence, and never be like the others again.
//!
//! An actor's changes build on one another, so what of an actor is built on is told by one number. For the changes of a
//! burst these numbers are handed on from each to those that build on it. For the document Automerge is asked what is
//! *not* built on, which is little for whoever was there a moment ago, and once for all that were there at the same time.
//!
//! Always true: the cost of a burst is bounded, however its changes are tangled.

use super::honest::Dishonest;
use automerge::{ActorId, Automerge, Change, ChangeHash};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// What may be compared for one burst: changes of the document that somebody did not have, and actors handed on, a fifth
/// of a microsecond each. A thousand people who come back to a document that went on for some thousand changes without them
/// stay below it; whoever does not comes through with the next burst, since those before them have by then.
const COMPARED_MAX: usize = 4_000_000;

/// The last change of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) seq: u64,
    pub(super) max_op: u64,
}

impl Last {
    fn of(change: &Change) -> Self {
        Self { seq: change.seq(), max_op: change.max_op() }
    }
}

/// How far each actor of a document has come. Known once somebody needs it: it is read off the whole history, 4 ms at
/// 10,000 changes, and most changes build right on the last one of their actor.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    last: Option<HashMap<ActorId, Last>>,
}

impl Lineage {
    pub(super) fn last(&mut self, doc: &Automerge, actor: &ActorId) -> Option<Last> {
        let last = self.last.get_or_insert_with(|| {
            let mut all = HashMap::new();
            for change in doc.get_changes_meta(&[]) {
                let last = Last { seq: change.seq, max_op: change.max_op };
                let known = all.entry(change.actor.into_owned()).or_insert(last);
                *known = Last { seq: known.seq.max(last.seq), max_op: known.max_op.max(last.max_op) };
            }
            all
        });
        last.get(actor).copied()
    }

    /// These are in the document now.
    pub(super) fn note(&mut self, applied: &[Change]) {
        let Some(last) = &mut self.last else { return };
        last.extend(applied.iter().map(|change| (change.actor_id().clone(), Last::of(change))));
    }
}

/// What a change builds on.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Up to which changes of the document.
    stored: BTreeSet<ChangeHash>,
    /// Up to which change of each actor in this burst.
    fresh: HashMap<ActorId, Last>,
    /// Right below it: who made those, and what they are to their actors.
    pub(super) below: Vec<(ActorId, Last)>,
}

/// Of each actor the first operation that is not built on.
type Apart = HashMap<ActorId, u64>;

/// The pasts of a burst.
pub(super) struct Pasts<'a> {
    doc: &'a Automerge,
    heads: BTreeSet<ChangeHash>,
    /// What of the document is apart from these changes of it.
    apart: HashMap<BTreeSet<ChangeHash>, Rc<Apart>>,
    /// The first operation of each actor in this burst.
    first: HashMap<ActorId, u64>,
    /// How many changes of the burst have yet to ask for the past of this one.
    awaited: HashMap<ChangeHash, usize>,
    known: HashMap<ChangeHash, Past>,
    made: HashMap<ChangeHash, (ActorId, Last)>,
    last: HashMap<ActorId, Last>,
    left: usize,
}

impl<'a> Pasts<'a> {
    pub(super) fn new<'b>(doc: &'a Automerge, burst: impl Iterator<Item = &'b Change>) -> Self {
        let (mut first, mut awaited) = (HashMap::new(), HashMap::new());
        for change in burst {
            let begin = change.start_op().get();
            let known = first.entry(change.actor_id().clone()).or_insert(begin);
            *known = begin.min(*known);
            for dep in change.deps() {
                *awaited.entry(*dep).or_insert(0) += 1;
            }
        }
        Self {
            doc,
            heads: doc.get_heads().into_iter().collect(),
            apart: HashMap::new(),
            first,
            awaited,
            known: HashMap::new(),
            made: HashMap::new(),
            last: HashMap::new(),
            left: COMPARED_MAX,
        }
    }

    /// What a change builds on, which is in the document or was noted.
    pub(super) fn of(&mut self, change: &Change) -> Result<Past, Dishonest> {
        let mut past = Past::default();
        for dep in change.deps() {
            if let Some(made) = self.made.get(dep) {
                let made = made.clone();
                let below = self.handed_on(dep)?;
                self.join(&mut past, below)?;
                past.below.push(made);
            } else {
                let meta = self.doc.get_change_meta_by_hash(dep).ok_or(Dishonest::Dependencies)?;
                past.below.push((meta.actor.into_owned(), Last { seq: meta.seq, max_op: meta.max_op }));
                past.stored.insert(*dep);
            }
        }
        Ok(past)
    }

    /// The past of a change of the burst, itself included: the last who asks for it need not copy it.
    fn handed_on(&mut self, dep: &ChangeHash) -> Result<Past, Dishonest> {
        let awaited = self.awaited.entry(*dep).or_insert(1);
        *awaited = awaited.saturating_sub(1);
        if *awaited == 0 {
            return Ok(self.known.remove(dep).unwrap_or_default());
        }
        let copied = self.known.get(dep).cloned().unwrap_or_default();
        self.spend(copied.fresh.len() + copied.stored.len())?;
        Ok(copied)
    }

    fn join(&mut self, past: &mut Past, other: Past) -> Result<(), Dishonest> {
        let (mut larger, smaller) = if past.fresh.len() < other.fresh.len() {
            (other.fresh, std::mem::take(&mut past.fresh))
        } else {
            (std::mem::take(&mut past.fresh), other.fresh)
        };
        self.spend(smaller.len() + other.stored.len())?;
        for (actor, last) in smaller {
            let known = larger.entry(actor).or_insert(last);
            *known = if known.seq < last.seq { last } else { *known };
        }
        past.fresh = larger;
        past.stored.extend(other.stored);
        Ok(())
    }

    /// A change of the burst that others may build on.
    pub(super) fn note(&mut self, change: &Change, mut past: Past) {
        let made = (change.actor_id().clone(), Last::of(change));
        past.below = Vec::new();
        past.fresh.insert(made.0.clone(), made.1);
        self.last.insert(made.0.clone(), made.1);
        self.known.insert(change.hash(), past);
        self.made.insert(change.hash(), made);
    }

    /// Up to which operation of an actor is built on. As to the document that is all of them as far as they are there, when
    /// nothing of the actor is apart.
    pub(super) fn reach(&mut self, past: &Past, actor: &ActorId) -> Result<u64, Dishonest> {
        if let Some(last) = past.fresh.get(actor) {
            return Ok(last.max_op);
        }
        let apart = self.apart(past)?.get(actor).copied();
        let first = apart.into_iter().chain(self.first.get(actor).copied()).min();
        Ok(first.map_or(u64::MAX, |first| first.saturating_sub(1)))
    }

    /// The last change of an actor in this burst, up to here.
    pub(super) fn last(&self, actor: &ActorId) -> Option<Last> {
        self.last.get(actor).copied()
    }

    fn apart(&mut self, past: &Past) -> Result<Rc<Apart>, Dishonest> {
        if past.stored.is_superset(&self.heads) {
            return Ok(Rc::default());
        }
        if let Some(known) = self.apart.get(&past.stored) {
            return Ok(known.clone());
        }
        let stored: Vec<ChangeHash> = past.stored.iter().copied().collect();
        let changes = self.doc.get_changes_meta(&stored);
        self.spend(changes.len() + 1)?;
        let mut apart = Apart::new();
        for change in changes {
            let known = apart.entry(change.actor.into_owned()).or_insert(change.start_op);
            *known = change.start_op.min(*known);
        }
        let apart = Rc::new(apart);
        self.apart.insert(past.stored.clone(), apart.clone());
        Ok(apart)
    }

    fn spend(&mut self, compared: usize) -> Result<(), Dishonest> {
        self.left = self.left.checked_sub(compared).ok_or(Dishonest::Tangled)?;
        Ok(())
    }
}
