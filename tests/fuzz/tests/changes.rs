//! Change chunks through the gate and, where that lets them, into a document.
//!
//! The property: what is refused ends its sender's session with `invalid_change` and leaves no trace; what is taken makes a document
//! that can be saved and loaded, and that a stock client takes as well. Whoever else reads goes on in both cases.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ROOT, ReadDoc};
use dovetail_core::id::SessionId;
use dovetail_core::session::Outgoing;
use dovetail_fuzz::change;
use dovetail_fuzz::corpus::{self, Base};
use dovetail_fuzz::house::{Said, Shelf};
use dovetail_fuzz::trial::{Bound, Plan, panics};
use std::time::Duration;

/// As many as have to pass.
const RUNS: u64 = 200_000;

/// Each letter of a text is an operation, for which Automerge takes 550 bytes while it is applied, be it built with checks of itself
/// or without. And a few bytes may be as many operations as are free, see `measure`.
const BOUND: Bound = Bound { bytes_each: 2_000, bytes_free: 256 << 20, within: Duration::from_secs(5) };

/// Who reads all the time, and who brings bent changes.
const READER: SessionId = SessionId(1);
const ATTACKER: SessionId = SessionId(2);

/// A document that is read by somebody, and in memory.
fn read_by_somebody(base: &Base) -> (Shelf, Automerge) {
    let mut shelf = Shelf::with(corpus::document(1), &base.document);
    let reader = base.document.clone();
    shelf.open(READER);
    shelf.message(READER, corpus::first_message(&reader));
    shelf.open(ATTACKER);
    // Heads that nobody has build the document, so that this is not counted for the input.
    shelf.tell(dovetail_core::document::Input::View { ticket: dovetail_core::document::Ticket(1) });
    shelf.run();
    shelf.said.clear();
    (shelf, reader)
}

/// WI60: whatever stands in a change chunk, it is taken or refused, and nobody else notices.
#[test]
fn wi60_bent_changes_are_taken_or_refused() {
    let bases = corpus::bases();
    let (mut taken, mut refused, mut waiting) = (0, 0, 0);
    let mut shelves: Vec<(Shelf, Automerge)> = bases.iter().map(read_by_somebody).collect();
    Plan::of("changes", RUNS, BOUND).throw(|dice, trial| {
        let n = dice.usize(..bases.len());
        let base = &bases[n];
        let next = dice.choice(&base.next).unwrap();
        let other = &bases[dice.usize(..bases.len())];
        let other = dice.choice(&other.next).unwrap();
        let chunk = change::bend(dice, next, other);
        let message = brought(&base.document, vec![chunk.clone()]);
        let (shelf, reader) = &mut shelves[n];
        let before = (shelf.stored.clone(), shelf.chunks.clone());
        trial.watch(chunk.len(), || shelf.message(ATTACKER, message));
        let is_refused = shelf.said.iter().any(|(session, said)| {
            assert!(
                matches!(said, Said::Send(_)) || *session == ATTACKER,
                "input {}: somebody else is refused",
                trial.number
            );
            matches!(said, Said::Refuse(_))
        });
        let is_new = shelf.stored != before.0;
        if !is_new {
            assert!(shelf.chunks == before.1, "input {}: stored bytes are others", trial.number);
            let told = shelf.said.iter().filter(|(session, _)| *session == READER).count();
            assert_eq!(told, 0, "input {}: somebody else is told of what was not taken", trial.number);
            shelf.said.clear();
            if is_refused {
                refused += 1;
            } else {
                waiting += 1;
            }
        } else {
            taken += 1;
            is_good(shelf, reader);
        }
        if is_new || !is_refused || refused % 64 == 0 {
            // Somebody else writes, and that is stored.
            goes_on(shelf, reader, trial.number);
            shelves[n] = read_by_somebody(base);
        } else {
            shelf.tell(dovetail_core::document::Input::Leave { session: ATTACKER });
            shelf.open(ATTACKER);
        }
    });
    println!("taken {taken}, refused {refused}, waiting or known {waiting}; caught: {:#?}", panics());
    assert!(taken > 0 && refused > taken);
}

fn brought(document: &Automerge, changes: Vec<Vec<u8>>) -> Message {
    let mut message = corpus::first_message(document);
    message.changes = changes.into();
    message
}

/// A document that took something can be saved and loaded, and stock clients take what they are told of it.
fn is_good(shelf: &mut Shelf, reader: &mut Automerge) {
    let loaded = shelf.loaded();
    let again = Automerge::load(&loaded.save()).expect("what was taken can be saved and loaded");
    assert_eq!(again.get_heads(), loaded.get_heads());
    let mut state = State::new();
    for (session, said) in shelf.said.drain(..) {
        if let (READER, Said::Send(Outgoing::Sync { body, .. })) = (session, said) {
            reader.receive_sync_message(&mut state, Message::decode(&body.bytes).unwrap()).unwrap();
        }
    }
    assert_eq!(reader.get_heads(), loaded.get_heads(), "whoever reads has it");
}

fn goes_on(shelf: &mut Shelf, reader: &mut Automerge, number: u64) {
    let before = reader.get_heads();
    reader.set_actor(automerge::ActorId::from([77; 16]));
    reader.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "goes on", number)).unwrap();
    let edit = reader.get_changes(&before).iter().map(|change| change.raw_bytes().to_vec()).collect();
    shelf.message(READER, brought(reader, edit));
    let stored = &shelf.stored.as_ref().unwrap().heads;
    assert!(
        reader.get_heads().iter().all(|head| stored.contains(head)),
        "input {number}: an honest edit is stored"
    );
}

/// WI60: as much as a few honest bytes may stand for: what is free in `measure` is what the memory is bounded by.
#[test]
fn wi60_few_bytes_that_stand_for_very_much() {
    let base = &corpus::bases()[0];
    let [list, text] = ["list", "text"].map(|key| base.document.get(ROOT, key).unwrap().unwrap().1);
    let edit = |number: u64, tx: &mut automerge::transaction::Transaction<'_>| match number {
        0 => tx.splice(&list, 0, 0, vec![automerge::ScalarValue::Null; 262_000]),
        1 => tx.splice_text(&text, 0, 0, &" ".repeat(1_000_000)),
        _ => (0..130).try_for_each(|_| tx.put(ROOT, "x".repeat(1_000_000), 1)),
    };
    Plan::of_cases("few bytes", 3, BOUND).throw(|_, trial| {
        let mut doc = base.document.fork().with_actor(automerge::ActorId::from([9; 16]));
        doc.transact::<_, _, AutomergeError>(|tx| edit(trial.number, tx)).unwrap();
        let chunk = doc.save_after(&base.document.get_heads());
        let (mut shelf, _) = read_by_somebody(base);
        let message = brought(&base.document, vec![chunk.clone()]);
        trial.watch(chunk.len(), || shelf.message(ATTACKER, message));
        assert_ne!(shelf.stored.unwrap().heads, base.document.get_heads(), "it is taken");
    });
}
