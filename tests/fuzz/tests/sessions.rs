//! Whole sessions: frames of somebody who means harm, in a house in which others work.
//!
//! The property: whatever comes, that session goes on or ends, and no other. What it may not change is byte for byte what it was, and
//! an honest edit is stored right afterwards.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::sync::Message;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ROOT};
use dovetail_core::id::SessionId;
use dovetail_core::wire::SyncKind;
use dovetail_fuzz::corpus::{self, Base};
use dovetail_fuzz::house::{House, Shelf};
use dovetail_fuzz::talk;
use dovetail_fuzz::trial::{Bound, Plan, panics};
use fastrand::Rng;
use std::time::Duration;

/// A quarter of a minute of them.
const RUNS: u64 = 15_000;

/// As for changes, of which a frame may bring some.
const BOUND: Bound = Bound { bytes_each: 2_000, bytes_free: 256 << 20, within: Duration::from_secs(5) };

/// Who works in both documents, and who means harm to the first.
const WORKER: SessionId = SessionId(1);
const ATTACKER: SessionId = SessionId(2);
const WORKER_NAME: &str = "peer-ana";

/// How long a house is used.
const INPUTS_OF_ONE: u64 = 40;

/// A house with two documents, and the worker's copies of them.
struct World {
    house: House,
    copies: [Automerge; 2],
}

impl World {
    fn of(bases: &[Base]) -> Self {
        let shelf = |n: u8| Shelf::with(corpus::document(n), &bases[usize::from(n) - 1].document);
        let mut house = House::with(vec![shelf(1), shelf(2)]);
        house.connect(WORKER);
        house.receive(WORKER, &corpus::join(WORKER_NAME, true));
        let copies = [0, 1].map(|n| bases[n].document.clone().with_actor(ActorId::from([70; 16])));
        for (n, copy) in (1..).zip(&copies) {
            let data = corpus::first_message(copy).encode();
            house.receive(WORKER, &corpus::sync(WORKER_NAME, n, SyncKind::Sync, &data));
        }
        Self { house, copies }
    }

    /// Somebody who has nothing to do with it goes on, in both documents.
    fn goes_on(&mut self, number: u64) {
        assert!(
            self.house.is_open(WORKER),
            "input {number}: somebody else's session ended: {:?}",
            self.house.ended
        );
        for (n, copy) in (1..).zip(&mut self.copies) {
            let before = copy.get_heads();
            copy.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "goes on", number)).unwrap();
            let mut message = corpus::first_message(copy);
            message.have.clear();
            message.changes = vec![copy.save_after(&before)].into();
            let frame = corpus::sync(WORKER_NAME, n, SyncKind::Sync, &message.encode());
            self.house.receive(WORKER, &frame);
            let shelf = &self.house.shelves[&corpus::document(n)];
            let stored = shelf.loaded();
            let is_there = |head| stored.get_change_meta_by_hash(head).is_some();
            assert!(copy.get_heads().iter().all(is_there), "input {number}: an honest edit is stored");
        }
        assert!(self.house.is_open(WORKER), "input {number}: {:?}", self.house.ended);
    }
}

/// What is said in a session: as it ought to be, or bent.
fn said(dice: &mut Rng, base: &Base, messages: &[Message], others: &[Vec<u8>]) -> Vec<u8> {
    if dice.u8(..3) == 0 {
        let (one, other) = (dice.usize(..others.len()), dice.usize(..others.len()));
        return if dice.bool() {
            others[one].clone()
        } else {
            talk::frame(dice, &others[one], &others[other])
        };
    }
    let message = dice.choice(messages).unwrap();
    let data = match dice.u8(..5) {
        0 => message.clone().encode(),
        _ => talk::sync_message(dice, message, &base.next),
    };
    let kind = if dice.u8(..4) == 0 { SyncKind::Request } else { SyncKind::Sync };
    // To a document that nobody has, now and then.
    let document = if dice.u8(..8) == 0 { dice.u8(3..6) } else { 1 };
    let frame = corpus::sync(corpus::ATTACKER, document, kind, &data);
    if dice.u8(..8) == 0 { talk::frame(dice, &frame, &others[0]) } else { frame }
}

/// SE32: whatever somebody says, no session but their own ends, other documents stay as they are, and whoever works goes on.
#[test]
fn se32_bent_sessions_hurt_nobody_else() {
    let bases = corpus::bases();
    let others = corpus::other_frames(corpus::ATTACKER);
    let messages = corpus::sync_messages(&bases[0]);
    let mut world = World::of(&bases);
    let (mut ended, mut went_on) = (0, 0);
    Plan::of("sessions", RUNS, BOUND).throw(|dice, trial| {
        // Each input has a house that is as new, if it is thrown alone: nobody else's edits are in the first document.
        if trial.number % INPUTS_OF_ONE == 0 {
            world = World::of(&bases);
        }
        let frames: Vec<Vec<u8>> =
            (0..dice.u8(1..5)).map(|_| said(dice, &bases[0], &messages, &others)).collect();
        let join = corpus::join(corpus::ATTACKER, dice.bool());
        let second = world.house.shelves[&corpus::document(2)].chunks.clone();
        let house = &mut world.house;
        house.connect(ATTACKER);
        trial.watch(frames.iter().map(Vec::len).sum(), || {
            house.receive(ATTACKER, &join);
            frames.iter().for_each(|frame| house.receive(ATTACKER, frame));
        });
        if house.is_open(ATTACKER) {
            went_on += 1;
        } else {
            ended += 1;
        }
        house.disconnect(ATTACKER);
        assert!(
            second == house.shelves[&corpus::document(2)].chunks,
            "input {}: another document",
            trial.number
        );
        world.goes_on(trial.number);
    });
    println!("ended {ended}, went on {went_on}; caught: {:#?}", panics());
    assert!(ended > 0 && went_on > 0);
}
