//! What becomes of changes that no client can have made, and of those who bring them.
//!
//! Edit path: ← [`burst`](super::burst) has what is ready and may be brought, → what passes is applied. Whoever brought anything
//! else is refused with `invalid_change`, like whoever sends what is no change at all: it is nobody's edit to rescue, and
//! is not set aside. What others built on it is, since that they cannot know; so is what is merely out of bounds, which an honest client may have made.
//!
//! Always true: of a call all passes or nothing; of a connection what came before the forged change is as good as ever.

use super::Document;
use super::admit::{Bringer, From, Rejected};
use super::burst::{Waiting, refuse};
use super::careful::{Panicked, carefully};
use super::events::{Effect, Refusal, Rejection};
use super::honest::{Dishonest, Examiner, SetMark};
use super::intake::Incoming;
use super::past::Lineage;
use super::phase::Content;
use automerge::{Automerge, ChangeHash};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Changes, sorted by whether a client can have made them.
#[derive(Debug, Default)]
struct Examined {
    passed: Vec<Incoming>,
    marks: Vec<SetMark>,
    /// Who brought what did not pass.
    forgers: Vec<(Arc<Bringer>, Dishonest)>,
    /// What builds on that, and what is out of bounds.
    rejected: Vec<Rejected>,
    /// The hashes of both.
    gone: BTreeSet<ChangeHash>,
}

impl Examined {
    fn of(doc: &Automerge, lineage: &mut Lineage, ready: Vec<Incoming>) -> Result<Self, Panicked> {
        let mut examined = Self::default();
        let mut next = ready;
        // Once, and once more for each call that is refused after some of it had passed.
        while !next.is_empty() {
            examined.look_at(doc, lineage, next)?;
            next = examined.without_forged_calls();
        }
        Ok(examined)
    }

    fn look_at(
        &mut self,
        doc: &Automerge,
        lineage: &mut Lineage,
        ready: Vec<Incoming>,
    ) -> Result<(), Panicked> {
        let mut examiner = Examiner::new(doc, lineage, ready.iter().map(|incoming| &incoming.change));
        for incoming in ready {
            let change = &incoming.change;
            if change.deps().iter().any(|dep| self.gone.contains(dep)) {
                self.gone.insert(change.hash());
                self.rejected.extend(Rejected::on_refused(&incoming));
                continue;
            }
            match carefully(|| examiner.examine(change))? {
                Ok(()) => self.passed.push(incoming),
                Err(why) if why.is_out_of_bounds() => {
                    self.gone.insert(change.hash());
                    let why = Rejection::OutOfBounds { why: why.to_string() };
                    self.rejected.extend(Rejected::to_all(&incoming, why));
                }
                Err(why) => {
                    self.gone.insert(change.hash());
                    self.forgers.extend(incoming.bringers().map(|bringer| (bringer.clone(), why)));
                }
            }
        }
        self.marks = examiner.marks();
        Ok(())
    }

    /// What passed, to be looked at again without the calls of which something did not. Nothing when there are none.
    fn without_forged_calls(&mut self) -> Vec<Incoming> {
        let forgers = self.forgers.iter().map(|(bringer, _)| bringer);
        let rejected = self.rejected.iter().map(|rejected| &rejected.bringer);
        let is_refused = |bringer: &Bringer| {
            let mut refused = forgers.clone().chain(rejected.clone());
            matches!(bringer.from, From::Door(_)) && refused.any(|other| other.from == bringer.from)
        };
        let (mut out, mut rest) = (Vec::new(), Vec::new());
        for incoming in std::mem::take(&mut self.passed) {
            let hash = incoming.change.hash();
            match incoming.of_those(|bringer| !is_refused(bringer)) {
                Some(incoming) => rest.push(incoming),
                None => out.push(hash),
            }
        }
        if out.is_empty() {
            self.passed = rest;
            return Vec::new();
        }
        self.gone.extend(out);
        rest
    }
}

impl Document {
    /// Lets through what a client can have made, and refuses the rest.
    ///
    /// # Errors
    /// When Automerge panicked over one of them: which one shows when they come one by one.
    pub(super) fn examine(
        &mut self,
        taken: &mut Vec<Waiting>,
        ready: Vec<Incoming>,
        effects: &mut Vec<Effect>,
    ) -> Result<(Vec<Incoming>, Vec<SetMark>), Panicked> {
        let Content::Live(live) = &mut self.content else { return Ok(Default::default()) };
        let examined = Examined::of(&live.doc, &mut live.lineage, ready)?;
        let Examined { passed, marks, forgers, mut rejected, gone } = examined;
        if gone.is_empty() {
            return Ok((passed, marks));
        }
        let built_on = live.orphans.take_built_on(gone.into_iter().map(|hash| (hash, None)));
        rejected.extend(built_on.iter().flat_map(Rejected::on_refused));
        let mut told = Vec::new();
        for (forger, why) in forgers {
            if told.last() != Some(&forger.from) {
                self.turn_out(&forger, &Refusal::InvalidChange { reason: why.to_string() }, taken, effects);
            }
            told.push(forger.from);
        }
        for Rejected { bringer, why, .. } in &rejected {
            if matches!(bringer.from, From::Door(_)) {
                self.turn_out(bringer, &Refusal::Rejected(why.clone()), taken, effects);
            }
        }
        self.reject(rejected, effects);
        Ok((passed, marks))
    }

    /// Refuses everything that somebody brought with this burst.
    pub(super) fn turn_out(
        &self,
        bringer: &Bringer,
        refusal: &Refusal,
        taken: &mut Vec<Waiting>,
        effects: &mut Vec<Effect>,
    ) {
        let is_theirs = |waiting: &mut Waiting| match (waiting, bringer.from) {
            (Waiting::Message { session, .. }, From::Peer(theirs)) => *session == theirs,
            (Waiting::Submit { ticket, .. }, From::Door(theirs)) => *ticket == theirs,
            _ => false,
        };
        let first = taken.extract_if(.., is_theirs).collect::<Vec<_>>().into_iter().next();
        match (first, bringer.from) {
            (Some(waiting), _) => refuse(&waiting, refusal, effects),
            // It came earlier, and had to wait.
            (None, From::Peer(session)) if self.peers.contains_key(&session) => {
                effects.push(Effect::Refuse { session, refusal: refusal.clone() });
            }
            (None, _) => {}
        }
    }
}
