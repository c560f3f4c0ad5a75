//! Whether a change may be part of the document: who brings it, whose it is, and where it goes.
//!
//! Edit path: ← [`burst`](super::burst) has read the changes of a message or a call, → those that may be applied go on
//! to [`intake`](super::intake), the others back to their sender as [`Effect::Reject`] and aside for rescue as
//! [`Effect::SetAside`].
//!
//! ```text
//!  arrival  right to change? · on top of a refused one? · whose actor?
//!  ready    (all it builds on is there)   the same for one that had to wait · within the places of a limited right?
//! ```
//! Always true: a change that the document has is nobody's to refuse: relays are lawful.
//! **Invariant:** what is refused is never in the document, nor is anything that builds on it.

use super::events::{Effect, FullOf, Refusal, Rejection};
use super::intake::{Incoming, has_change};
use super::places;
use super::room::WaitingRoom;
use super::{Document, Ticket};
use crate::authors::Authors;
use crate::grant::{Access, Followed, Grant, Identity, Limits, Policy, Role};
use crate::id::{DocumentId, SessionId};
use crate::limits::DocumentLimits;
use crate::reserved;
use crate::time::Timestamp;
use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// How many refused changes are remembered of one reader. One that brings more is sent away, and comes back with a
/// clean slate.
pub const REFUSED_MAX: usize = 4_096;

/// How many dependencies of refused changes are remembered of one reader, 32 bytes each: a change has one or two, and can
/// have a million.
const REFUSED_DEPS_MAX: usize = 16 * REFUSED_MAX;

/// The changes that everybody makes alike: they are nobody's.
static CANONICAL: LazyLock<BTreeSet<ChangeHash>> = LazyLock::new(|| {
    let firsts = [crate::dashboard::first_dashboard(), crate::dashboard::first_widget_data()];
    let firsts = firsts.into_iter().flat_map(|doc| doc.get_heads());
    firsts.chain([reserved::entry_change().hash()]).collect()
});

/// Who brings changes.
#[derive(Debug, Clone)]
pub(crate) struct Bringer {
    pub(super) from: From,
    pub(super) who: Arc<Identity>,
    pub(super) limits: Option<Limits>,
    /// Where what has to wait counts. A door's changes never wait.
    pub(super) room: Option<Arc<WaitingRoom>>,
}

impl Bringer {
    pub(super) fn is_same_person(&self, other: &Self) -> bool {
        self.who.subject == other.who.subject
    }
}

/// By which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Peer(SessionId),
    Door(Ticket),
}

/// What a reader brought and was refused: its later heads are understood without it.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    builds_on: BTreeMap<ChangeHash, Vec<ChangeHash>>,
    /// Dependencies, in all.
    deps: usize,
}

impl Refused {
    /// What would be too much is counted and not kept: its maker is sent away for it.
    fn note(&mut self, change: &Change) {
        self.deps = self.deps.saturating_add(change.deps().len());
        if !self.is_full() {
            self.builds_on.insert(change.hash(), change.deps().to_vec());
        }
    }

    pub(super) fn holds(&self, hash: &ChangeHash) -> bool {
        self.builds_on.contains_key(hash)
    }

    pub(super) fn is_full(&self) -> bool {
        self.builds_on.len() > REFUSED_MAX || self.deps > REFUSED_DEPS_MAX
    }

    /// What these heads amount to without what was refused: in place of each refused one what it builds on.
    pub(super) fn without(&self, heads: &[ChangeHash]) -> Vec<ChangeHash> {
        if self.builds_on.is_empty() {
            return heads.to_vec();
        }
        let (mut seen, mut kept) = (BTreeSet::new(), BTreeSet::new());
        let mut todo = heads.to_vec();
        while let Some(head) = todo.pop() {
            match self.builds_on.get(&head) {
                None => drop(kept.insert(head)),
                Some(deps) if seen.insert(head) => todo.extend(deps),
                Some(_) => {}
            }
        }
        kept.into_iter().collect()
    }
}

/// Changes of one bringer that may not be part of the document.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) bringer: Arc<Bringer>,
    pub(super) why: Rejection,
    pub(super) changes: Vec<Change>,
}

impl Rejected {
    /// One that waited for what was refused, to all who brought it.
    pub(super) fn on_refused(incoming: &Incoming) -> impl Iterator<Item = Self> {
        Self::to_all(incoming, Rejection::DependsOnRefused)
    }

    /// The same change, to all who brought it.
    pub(super) fn to_all(incoming: &Incoming, why: Rejection) -> impl Iterator<Item = Self> {
        incoming.bringers().map(move |bringer| Self {
            bringer: bringer.clone(),
            why: why.clone(),
            changes: vec![incoming.change.clone()],
        })
    }
}

/// Sorts the changes of one bringer on their arrival.
pub(super) struct Arrival<'a> {
    pub(super) doc: &'a Automerge,
    pub(super) authors: &'a Authors,
    /// What was bound in this burst before.
    pub(super) fresh: &'a mut Authors,
    pub(super) role: Role,
    /// Whose document it is has no room left.
    pub(super) is_full: bool,
    /// How much it may grow.
    pub(super) room: &'a mut Room,
    pub(super) refused: Option<&'a Refused>,
}

/// How much a document may grow before it is full, whoever writes: what is bounded is what it takes in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) changes: u64,
    pub(super) bytes: u64,
    pub(super) ops: u64,
}

impl Room {
    /// Takes the room for a change, if there is as much. One that does not fit leaves the room to smaller ones.
    fn take(&mut self, change: &Change) -> Result<(), FullOf> {
        let (bytes, ops) = (change.raw_bytes().len() as u64, change.len() as u64);
        let left = |room: u64, taken, of| room.checked_sub(taken).ok_or(of);
        *self = Self {
            changes: left(self.changes, 1, FullOf::Changes)?,
            bytes: left(self.bytes, bytes, FullOf::Bytes)?,
            ops: left(self.ops, ops, FullOf::Operations)?,
        };
        Ok(())
    }
}

/// Whether a document has room for these changes, as far as it shows: not how many bytes it is stored in.
///
/// # Errors
/// What it has no room for.
pub fn fits(doc: &Automerge, changes: &[Change], limits: &DocumentLimits) -> Result<(), Rejection> {
    let stats = doc.stats();
    let mut room = Room {
        changes: limits.changes_max.saturating_sub(stats.num_changes),
        bytes: u64::MAX,
        ops: limits.ops_max.saturating_sub(stats.num_ops),
    };
    changes.iter().try_for_each(|change| room.take(change)).map_err(|of| Rejection::DocumentFull { of })
}

impl Arrival<'_> {
    /// Those that may go on, and those that may not.
    pub(super) fn sort(
        &mut self,
        bringer: &Arc<Bringer>,
        changes: Vec<Change>,
    ) -> (Vec<Incoming>, Vec<Rejected>) {
        let mut admitted = Vec::with_capacity(changes.len());
        let mut rejected = Rejections::default();
        for change in changes {
            if has_change(self.doc, &change.hash()) {
                continue;
            }
            let on_refused = |dep: &ChangeHash| {
                rejected.hold(dep)
                    || self.refused.is_some_and(|refused| refused.holds(dep)) && !has_change(self.doc, dep)
            };
            if self.role < Role::Write {
                let why = if self.role == Role::None { Rejection::Hidden } else { Rejection::ReadOnly };
                rejected.add(bringer, why, change);
            } else if change.deps().iter().any(on_refused) {
                rejected.add(bringer, Rejection::DependsOnRefused, change);
            } else if self.is_full {
                rejected.add(bringer, Rejection::QuotaExceeded, change);
            } else if !self.is_own(bringer, &change) {
                rejected.add(bringer, Rejection::ActorMismatch, change);
            } else if let Err(of) = self.room.take(&change) {
                rejected.add(bringer, Rejection::DocumentFull { of }, change);
            } else {
                admitted.push(Incoming::of(change, bringer.clone()));
            }
        }
        (admitted, rejected.all)
    }

    /// Whether the actor is the bringer's, or nobody's and from here on the bringer's.
    fn is_own(&mut self, bringer: &Bringer, change: &Change) -> bool {
        let Some(author) = bringer.who.author() else { return true };
        if is_canonical(change) {
            return true;
        }
        let owner = self.authors.owner(change.actor_id()).or_else(|| self.fresh.owner(change.actor_id()));
        match owner {
            Some(owner) => owner == author,
            // Nobody owns the actors of changes that all make alike.
            None if is_of_house(change) => false,
            // Whether that may come in shows later, and so whose the actor is.
            None if bringer.limits.is_some() => true,
            None => self.fresh.bind(change, author),
        }
    }
}

/// Whether nobody else has taken the actor since the change came.
fn is_still_own(authors: &Authors, fresh: &Authors, bringer: &Bringer, change: &Change) -> bool {
    let owner = authors.owner(change.actor_id()).or_else(|| fresh.owner(change.actor_id()));
    owner.is_none_or(|owner| bringer.who.author().is_none_or(|author| author == owner))
}

fn is_canonical(change: &Change) -> bool {
    is_of_house(change) && CANONICAL.contains(&change.hash())
}

/// Dovetail's own actors have names in plain letters.
pub(super) fn is_of_house(change: &Change) -> bool {
    change.actor_id().to_bytes().starts_with(b"dovetail")
}

/// Rejections, those of one bringer for one reason together.
#[derive(Default)]
struct Rejections {
    all: Vec<Rejected>,
    /// Which, and to whom.
    hashes: BTreeMap<ChangeHash, Vec<Arc<Bringer>>>,
}

impl Rejections {
    fn add(&mut self, bringer: &Arc<Bringer>, why: Rejection, change: Change) {
        self.hashes.entry(change.hash()).or_default().push(bringer.clone());
        match self.all.last_mut() {
            Some(last) if last.why == why && Arc::ptr_eq(&last.bringer, bringer) => last.changes.push(change),
            _ => self.all.push(Rejected { bringer: bringer.clone(), why, changes: vec![change] }),
        }
    }

    /// Refuses what builds on what was refused to the same people. Of others it is given back: they may still bring that. A
    /// door may not, it is answered now.
    fn refuse_on_refused(&mut self, incoming: Incoming) -> Option<Incoming> {
        let deps = incoming.change.deps();
        let may_wait = |bringer: &Bringer| {
            matches!(bringer.from, From::Peer(_)) && !deps.iter().any(|dep| self.hold_of(dep, bringer))
        };
        let (wait, refused): (Vec<_>, Vec<_>) = incoming.bringers().cloned().partition(|it| may_wait(it));
        for bringer in &refused {
            self.add(bringer, Rejection::DependsOnRefused, incoming.change.clone());
        }
        Incoming::by(incoming.change, wait)
    }

    fn hold(&self, hash: &ChangeHash) -> bool {
        self.hashes.contains_key(hash)
    }

    /// Whether it was refused to this person.
    fn hold_of(&self, hash: &ChangeHash, bringer: &Bringer) -> bool {
        let mut to = self.hashes.get(hash).into_iter().flatten();
        to.any(|refused| refused.is_same_person(bringer))
    }
}

/// What is written down of who may do what with a document. See [`Document::rights`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Rights<'a> {
    pub(super) document: &'a DocumentId,
    /// Nothing for a document that nobody has brought.
    pub(super) access: Option<&'a Access>,
    pub(super) kind: Option<&'a str>,
    pub(super) followed: Option<&'a Followed>,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
}

impl Rights<'_> {
    pub(super) fn of(&self, who: &Arc<Identity>) -> Grant {
        match self.access {
            Some(access) => access.grant(self.document, self.kind, self.followed, self.policy, who, self.now),
            None => self.policy.grant_to_make(self.document.clone(), who, self.now),
        }
    }
}

/// What is ready to be applied, after the second look.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) kept: Vec<Incoming>,
    pub(super) rejected: Vec<Rejected>,
    /// Builds on what was refused to others: whoever made that may still bring it.
    pub(super) waiting: Vec<Incoming>,
}

/// Looks once more at what is ready to be applied: at what had to wait, since rights may have gone meanwhile, at
/// what is limited to places, and at what several have brought. `waited` are the hashes of those that had to wait.
pub(super) fn look_again(
    doc: &Automerge,
    authors: &Authors,
    rights: Rights<'_>,
    ready: Vec<Incoming>,
    waited: &BTreeSet<ChangeHash>,
) -> Sorted {
    let is_plain = |incoming: &Incoming| {
        incoming.bringer.limits.is_none()
            && incoming.others.is_empty()
            && !waited.contains(&incoming.change.hash())
    };
    if ready.iter().all(is_plain) {
        return Sorted { kept: ready, ..Sorted::default() };
    }
    let is_limited = |incoming: &Incoming| {
        let has_waited = waited.contains(&incoming.change.hash());
        let by_now = |bringer: &Bringer| has_waited && rights.of(&bringer.who).limits().is_some();
        incoming.bringers().any(|bringer| bringer.limits.is_some() || by_now(bringer))
    };
    let is_last_limited = ready.iter().rposition(is_limited);
    let mut look = Look { doc, authors, rights, waited, fresh: Authors::default(), ahead: None };
    let mut rejected = Rejections::default();
    let (mut kept, mut waiting) = (Vec::with_capacity(ready.len()), Vec::new());
    let mut waits = BTreeSet::new();
    for (n, incoming) in ready.into_iter().enumerate() {
        if incoming.change.deps().iter().any(|dep| rejected.hold(dep) || waits.contains(dep)) {
            waits.insert(incoming.change.hash());
            waiting.extend(rejected.refuse_on_refused(incoming));
            continue;
        }
        match look.at(incoming) {
            Ok(incoming) => {
                look.pass(&incoming, is_last_limited.is_some_and(|last| n < last));
                kept.push(incoming);
            }
            Err(refused) => {
                for Rejected { bringer, why, changes } in refused {
                    changes.into_iter().for_each(|change| rejected.add(&bringer, why.clone(), change));
                }
            }
        }
    }
    Sorted { kept, rejected: rejected.all, waiting }
}

/// The second look, change by change.
struct Look<'a> {
    doc: &'a Automerge,
    authors: &'a Authors,
    rights: Rights<'a>,
    waited: &'a BTreeSet<ChangeHash>,
    /// What was bound by the changes before.
    fresh: Authors,
    /// A copy is made once there is something that a later change may go to.
    ahead: Option<Automerge>,
}

impl Look<'_> {
    /// The change as of those who may bring it, or why none of them may.
    fn at(&self, incoming: Incoming) -> Result<Incoming, Vec<Rejected>> {
        let (mut may, mut may_not) = (Vec::new(), Vec::new());
        for bringer in incoming.bringers() {
            match self.refuses(bringer, &incoming.change) {
                None => may.push(bringer.clone()),
                Some(why) => may_not.push((bringer.clone(), why)),
            }
        }
        if may.is_empty() {
            let changes = || vec![incoming.change.clone()];
            let rejected = |(bringer, why)| Rejected { bringer, why, changes: changes() };
            return Err(may_not.into_iter().map(rejected).collect());
        }
        Incoming::by(incoming.change, may).ok_or_else(Vec::new)
    }

    fn refuses(&self, bringer: &Bringer, change: &Change) -> Option<Rejection> {
        // A door's change never waits, and is limited by its permit.
        let has_waited = matches!(bringer.from, From::Peer(_)) && self.waited.contains(&change.hash());
        let grant = has_waited.then(|| self.rights.of(&bringer.who));
        let role = grant.as_ref().map_or(Role::Write, Grant::role);
        let limits = grant.as_ref().map_or(bringer.limits.as_ref(), Grant::limits);
        if role < Role::Write {
            return Some(Rejection::ReadOnly);
        }
        if !is_still_own(self.authors, &self.fresh, bringer, change) {
            return Some(Rejection::ActorMismatch);
        }
        let seen = self.ahead.as_ref().unwrap_or(self.doc);
        let out_of_place = places::check(seen, change, limits?).err()?;
        Some(Rejection::PathForbidden { place: out_of_place.place })
    }

    /// The change comes in; something may follow that goes to what it made.
    fn pass(&mut self, Incoming { change, bringer, .. }: &Incoming, is_followed: bool) {
        if let Some(author) = bringer.who.author()
            && !is_of_house(change)
            && self.authors.owner(change.actor_id()).is_none()
        {
            self.fresh.bind(change, author);
        }
        if is_followed {
            let copy = self.ahead.get_or_insert_with(|| self.doc.clone());
            // A change that cannot be applied here cannot be applied later either, and is found then.
            let _found_later = super::careful::carefully(|| copy.apply_changes([change.clone()]));
        }
    }
}

impl Document {
    /// Tells those who brought them, and has the changes set aside. Doors are answered by their caller.
    pub(super) fn reject(&mut self, rejected: Vec<Rejected>, effects: &mut Vec<Effect>) {
        for Rejected { bringer, why, changes } in rejected {
            let From::Peer(session) = bringer.from else { continue };
            let hashes = changes.iter().map(Change::hash).collect();
            let aside: Vec<(ChangeHash, Bytes)> = changes
                .iter()
                .map(|change| (change.hash(), Bytes::copy_from_slice(change.raw_bytes())))
                .collect();
            let (who, why_aside) = (bringer.who.clone(), why.clone());
            effects.push(Effect::SetAside { session, who, why: why_aside, changes: aside });
            let Some(peer) = self.peers.get_mut(&session) else { continue };
            changes.iter().for_each(|change| peer.refused.note(change));
            if peer.refused.is_full() {
                effects.push(Effect::Refuse { session, refusal: Refusal::Rejected(Rejection::TooMany) });
            } else {
                effects.push(Effect::Reject { session, why, changes: hashes });
            }
        }
    }
}
