//! The document machine against peers that run Automerge's own sync, in the simulated [`world`].

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod world;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ROOT, ReadDoc};
use dovetail_core::document::{CommitFault, Input, Refusal, Ticket};
use dovetail_core::grant::EditPermit;
use dovetail_core::rules::{RuleBook, State as ConflictState};
use proptest::prelude::*;
use std::sync::Arc;
use world::{Asked, World, id, rules};

/// DO1: a reader that was told "unavailable" gets the document as soon as somebody brings it.
#[test]
fn do1_unavailable_then_brought() {
    let mut world = World::new(3);
    world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    assert_eq!((world.clients[0].unavailable, world.clients[1].unavailable), (1, 1));

    world.clients[2].put("title", 1);
    world.connect(2);
    world.run_until_quiet();

    world.everyone_agrees();
    assert!(world.clients[0].doc.get(ROOT, "title").unwrap().is_some());
}

/// DO2: what waits during a commit is the next burst, and nothing is told before it is stored.
#[test]
fn do2_edits_during_a_commit_wait_and_are_stored_together() {
    let mut world = World::new(2);
    world.clients[0].put("a", 0);
    world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    let before = world.disk.chunks.len();

    for value in 1..=20 {
        world.clients[0].put("a", value);
        world.clients[0].talk();
        world.deliver_to_server(0);
        world.advance();
    }
    assert_eq!(world.disk.asked.len(), 1, "one commit is under way, the rest waits");
    world.run_until_quiet();

    world.everyone_agrees();
    assert!(world.disk.chunks.len() <= before + 3, "19 edits that waited are few bursts");
}

/// DO3: a reader whose socket is busy misses nothing and gets one message for all that it missed.
#[test]
fn do3_a_slow_reader_gets_the_newest_state_in_one_message() {
    let mut world = World::new(3);
    world.clients[0].put("a", 0);
    world.connect(0);
    let slow = world.connect(1);
    world.connect(2);
    world.run_until_quiet();

    world.is_slow.push(slow);
    let before = world.clients[1].received;
    for value in 1..=50 {
        world.clients[0].put("a", value);
        world.clients[0].talk();
        world.run_until_quiet();
    }
    assert_eq!(world.clients[1].received - before, 1, "one message fits into the socket");
    assert_eq!(
        world.clients[2].doc.get_heads(),
        world.clients[0].doc.get_heads(),
        "nobody waits for the slow one"
    );
    // Looking around must not make the machine forget that somebody waits for a socket.
    world.tell(Input::View { ticket: Ticket(1) });
    world.run_until_quiet();
    assert!(world.machine.waits_for_sockets());

    world.is_slow.clear();
    world.tell(Input::Drained { session: slow });
    world.run_until_quiet();
    assert_eq!(world.clients[1].received - before, 2, "and one brings it up to date");
    assert!(!world.machine.waits_for_sockets());
    world.everyone_agrees();
}

/// DO3: a reader that is passed over and leaves is waited for no longer.
#[test]
fn do3_a_slow_reader_that_leaves_is_not_waited_for() {
    let mut world = World::new(2);
    world.clients[0].put("a", 0);
    world.connect(0);
    let slow = world.connect(1);
    world.run_until_quiet();
    world.is_slow.push(slow);
    for value in 1..=2 {
        world.clients[0].put("a", value);
        world.clients[0].talk();
        world.run_until_quiet();
    }
    assert!(world.machine.waits_for_sockets());
    world.disconnect(1);
    world.run_until_quiet();
    assert!(!world.machine.waits_for_sockets());
}

/// DO4: when the store does not take a burst, nobody has been told, its sender is refused, and the
/// document goes on from what is stored.
#[test]
fn do4_a_failed_commit_leaves_no_trace() {
    let mut world = World::new(2);
    world.clients[0].put("a", 0);
    let session = world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    let heads = world.clients[1].doc.get_heads();

    world.clients[0].put("a", 1);
    world.clients[0].talk();
    world.deliver_to_server(0);
    world.advance();
    world.disk.asked.clear();
    world.tell(Input::Stored(Err(CommitFault::Unavailable)));
    world.run_until_quiet();

    assert_eq!(world.refused, [session]);
    assert_eq!(world.clients[1].doc.get_heads(), heads);
    world.disconnect(0);
    world.connect(0);
    world.run_until_quiet();
    world.everyone_agrees();
    assert_ne!(world.clients[1].doc.get_heads(), heads, "brought again, it is taken");
}

/// DO5: what Automerge cannot take costs its sender the session, and nobody else notices.
#[test]
fn do5_a_change_that_cannot_be_applied_is_refused_alone() {
    let mut world = World::new(3);
    world.clients[0].put("a", 0);
    world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    // The same actor and sequence number as the first client's change, with other content.
    world.clients[2].doc.set_actor(ActorId::from([1]));
    world.clients[2].put("b", 1);
    let liar = world.connect(2);
    let mut message = world.clients[2].to_server.pop_front().unwrap();
    message.changes = vec![world.clients[2].doc.save_after(&[])].into();
    world.clients[1].put("c", 1);
    world.clients[1].talk();
    world.deliver_to_server(1);
    world.tell(Input::Message { session: liar, is_request: false, message });
    world.run_until_quiet();

    assert_eq!(world.refused, [liar]);
    assert_eq!(world.clients[0].doc.get_heads(), world.clients[1].doc.get_heads());
    assert_eq!(world.disk.document().get_heads(), world.clients[0].doc.get_heads());
}

/// DO6: a deleted document is unavailable, and an old copy does not bring it back; undelete does.
#[test]
fn do6_a_deleted_document_stays_deleted() {
    let mut world = World::new(2);
    world.clients[0].put("a", 0);
    world.connect(0);
    world.run_until_quiet();
    let heads = world.disk.document().get_heads();

    world.tell(Input::Delete { ticket: Ticket(1), deleted: true });
    world.run_until_quiet();
    assert_eq!(world.clients[0].unavailable, 1);
    world.disconnect(0);
    world.clients[0].put("a", 1);
    world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    assert_eq!((world.clients[0].unavailable, world.clients[1].unavailable), (2, 1));
    assert_eq!(world.disk.document().get_heads(), heads);

    world.tell(Input::Delete { ticket: Ticket(2), deleted: false });
    world.run_until_quiet();
    for n in 0..2 {
        world.disconnect(n);
        world.connect(n);
    }
    world.run_until_quiet();
    world.everyone_agrees();
    assert!(world.answers.iter().all(|(_, answer)| answer.is_ok()));
}

/// DO7: a reader that has nothing is served from the stored bytes; the document is not built for it.
#[test]
fn do7_a_fresh_reader_is_served_without_building_the_document() {
    let mut world = World::new(3);
    for value in 0..30 {
        world.clients[0].put("a", value);
    }
    world.connect(0);
    world.run_until_quiet();
    world.crash();

    world.connect(2);
    world.run_until_quiet();
    assert!(!world.machine.is_live());
    world.clients[1].doc = Automerge::new().with_actor(ActorId::from([9]));
    world.connect(0);
    world.run_until_quiet();
    assert!(!world.machine.is_live(), "and one that has everything needs only the heads");
    world.connect(1);
    world.run_until_quiet();
    assert!(world.machine.is_live(), "one that takes no whole documents needs the changes");
    world.everyone_agrees();
}

/// DO8: doors get their answers when the burst is stored, and looks show what is stored.
#[test]
fn do8_doors_are_answered_when_it_is_stored() {
    let mut world = World::new(1);
    world.tell(Input::View { ticket: Ticket(1) });
    world.run_until_quiet();
    assert_eq!(world.answers.pop(), Some((Ticket(1), Err(Refusal::Unknown))));

    let mut doc = Automerge::new().with_actor(ActorId::from([5]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", "t")).unwrap();
    world.tell(Input::Submit {
        permit: EditPermit::of_server(id()),
        ticket: Ticket(2),
        changes: vec![doc.save_after(&[]).into()],
    });
    world.tell(Input::View { ticket: Ticket(3) });
    world.advance();
    assert!(world.answers.is_empty(), "not before it is stored");
    world.run_until_quiet();
    let (ticket, answer) = world.answers.pop().unwrap();
    assert_eq!((ticket, answer.unwrap().title.as_deref()), (Ticket(2), Some("t")));
    assert_eq!(world.views, [Ticket(3)]);
}

/// DO12: a deflated change is refused before Automerge inflates it, whatever it would become.
#[test]
fn do12_a_deflated_change_is_refused() {
    let mut doc = Automerge::new().with_actor(ActorId::from([5]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "zeros", "0".repeat(10_000))).unwrap();
    let mut change = doc.get_changes(&[]).pop().unwrap();
    let deflated = change.bytes().into_owned();
    assert_eq!(deflated[8], 2, "automerge deflates a change that is long enough");

    let mut world = World::new(1);
    world.tell(Input::Submit {
        permit: EditPermit::of_server(id()),
        ticket: Ticket(1),
        changes: vec![deflated.into()],
    });
    world.run_until_quiet();
    assert!(matches!(world.answers.pop(), Some((_, Err(Refusal::InvalidChange { .. })))));
}

/// DO8: what comes through a door without what it builds on is refused: the answer would be a lie.
#[test]
fn do8_an_incomplete_submission_is_refused() {
    let mut world = World::new(1);
    let mut doc = Automerge::new().with_actor(ActorId::from([5]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "a", 1)).unwrap();
    let first = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "b", 1)).unwrap();

    world.tell(Input::Submit {
        permit: EditPermit::of_server(id()),
        ticket: Ticket(1),
        changes: vec![doc.save_after(&first).into()],
    });
    world.run_until_quiet();
    let (_, answer) = world.answers.pop().unwrap();
    assert!(matches!(answer, Err(Refusal::InvalidChange { .. })), "{answer:?}");

    world.tell(Input::Submit {
        permit: EditPermit::of_server(id()),
        ticket: Ticket(2),
        changes: vec![doc.save_after(&[]).into()],
    });
    world.run_until_quiet();
    assert!(world.answers.pop().unwrap().1.is_ok());
}

/// DO9: a client that agrees with nobody does not keep the line busy for ever.
#[test]
fn do9_who_brings_nothing_twice_is_not_answered_twice() {
    let mut world = World::new(2);
    world.clients[0].put("a", 0);
    world.connect(0);
    world.run_until_quiet();
    // Heads that nobody has, and never the changes for them.
    world.clients[1].put("b", 1);
    let session = world.connect(1);
    let message = world.clients[1].to_server.pop_front().unwrap();
    let received = |world: &World| world.clients[1].from_server.len();
    for _ in 0..5 {
        let message = message.clone();
        world.tell(Input::Message { session, is_request: false, message });
        world.advance();
    }
    assert!(received(&world) <= 2, "answered {} times", received(&world));
}

/// DO40: the rules speak when what they speak of is stored, and hold nobody up: whoever is late to judge
/// finds the answers gone.
#[test]
fn do40_the_rules_speak_of_what_is_stored() {
    let mut world = World::new(2);
    world.clients[0].put_on_board("k0", 1);
    world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    let before = world.verdict.clone();
    world.clients[0].put_on_board("k0", 11);
    world.clients[0].talk();
    world.deliver_to_server(0);
    world.advance();
    assert_eq!(world.disk.asked.len(), 1, "asked before it was judged");
    assert!(!world.machine.wants_to_judge(), "judged while the disk works");
    assert_eq!(world.verdict, before, "told when it is stored");
    world.run_until_quiet();
    let conflicts = &world.verdict.as_ref().unwrap().report.conflicts;
    assert_eq!((conflicts.len(), conflicts[0].rule.as_str()), (1, "k0-range"));

    world.judges_late = true;
    world.clients[0].put_on_board("k0", 1);
    world.clients[0].talk();
    world.run_until_quiet();
    world.everyone_agrees();
    assert_eq!(world.verdict.as_ref().unwrap().report.conflicts.len(), 1, "nobody has found the time");
    world.judge();
    assert!(world.verdict.as_ref().unwrap().report.conflicts.is_empty());
}

/// DO40: of a burst that the store did not take the rules say nothing.
#[test]
fn do40_the_rules_say_nothing_of_what_was_not_stored() {
    let mut world = World::new(1);
    world.clients[0].put_on_board("k0", 1);
    world.connect(0);
    world.run_until_quiet();
    let before = world.verdict.clone();
    world.clients[0].put_on_board("k0", 11);
    world.clients[0].talk();
    world.deliver_to_server(0);
    world.advance();
    world.disk.asked.clear();
    world.tell(Input::Stored(Err(CommitFault::Unavailable)));
    world.advance();
    assert_eq!(world.verdict, before);
    world.run_until_quiet();
    world.the_rules_have_spoken();
}

/// DO40: what is judged while chunks are being folded is told when that is over, be it well or badly; no edit has
/// to come first, and no later one brings it up again.
#[test]
fn do40_what_is_judged_during_a_fold_is_told_after_it() {
    for folded in [Ok(()), Err(CommitFault::Unavailable)] {
        let mut world = World::new(1);
        world.clients[0].put_on_board("k0", 11);
        world.connect(0);
        world.run_until_quiet();
        edit_until_it_folds(&mut world);
        world.tell(Input::Rules(Arc::new(RuleBook::empty())));
        world.advance();
        assert!(world.verdict.is_some(), "held while the disk works");
        match folded {
            Ok(()) => assert!(world.disk_answers()),
            Err(_) => {
                world.disk.asked.clear();
                world.tell(Input::Stored(folded));
            }
        }
        assert_eq!(world.verdict, None, "told when it is over: {folded:?}");

        world.tell(Input::Rules(rules()));
        world.run_until_quiet();
        world.judges_late = true;
        world.clients[0].put_on_board("k1", 1);
        world.clients[0].talk();
        world.run_until_quiet();
        assert!(world.verdict.is_some(), "nothing older is told after something newer");
    }
}

/// DO14: a fold that the store did not take is not asked for again while the document stays in memory, and keeps no edit from being stored.
#[test]
fn do14_a_fold_that_was_refused_is_not_asked_for_again() {
    let mut world = World::new(1);
    world.clients[0].put_on_board("k0", 11);
    world.connect(0);
    world.run_until_quiet();
    edit_until_it_folds(&mut world);
    for value in 0..3 {
        world.disk.asked.clear();
        world.tell(Input::Stored(Err(CommitFault::Unavailable)));
        world.advance();
        assert!(world.disk.asked.is_empty(), "asked for again at once");
        world.clients[0].put_on_board("k1", value);
        world.clients[0].talk();
        world.run_until_quiet();
        world.everyone_agrees();
    }
}

/// Until the disk is asked to put a snapshot in the place of chunks.
fn edit_until_it_folds(world: &mut World) {
    let is_fold = |world: &World| matches!(world.disk.asked.front(), Some(Asked::Commit(batch)) if !batch.delete.is_empty());
    for value in 12.. {
        world.clients[0].put_on_board("k0", value);
        world.clients[0].talk();
        world.deliver_to_server(0);
        world.advance();
        world.disk_answers();
        world.advance();
        if is_fold(world) {
            return;
        }
        world.run_until_quiet();
    }
}

/// DO41: what is judged is told once; other rules are heeded at once, and a deleted document has no conflicts.
#[test]
fn do41_the_rules_are_told_when_they_say_something_else() {
    let mut world = World::new(1);
    world.clients[0].put_on_board("k0", 11);
    world.connect(0);
    world.run_until_quiet();
    // What waits to be evaluated is told apart from what was found at once.
    let first = world.judged;
    assert!((1..=2).contains(&first));
    world.tell(Input::JudgeAgain);
    world.run_until_quiet();
    assert_eq!(world.judged, first, "nothing is new");
    world.clients[0].put_on_board("other", 1);
    world.clients[0].talk();
    world.run_until_quiet();
    let (before, now) = (world.judged, world.verdict.clone().unwrap());
    assert_eq!((before, now.report.conflicts[0].state), (first + 1, ConflictState::Open));

    world.tell(Input::Rules(Arc::new(RuleBook::empty())));
    world.run_until_quiet();
    assert_eq!((world.judged, &world.verdict), (first + 2, &None));
    world.tell(Input::Rules(rules()));
    world.run_until_quiet();
    assert_eq!(world.verdict.as_ref().unwrap().report, now.report);

    world.tell(Input::Delete { ticket: Ticket(1), deleted: true });
    world.run_until_quiet();
    assert_eq!(world.verdict, None);
    world.tell(Input::Delete { ticket: Ticket(2), deleted: false });
    world.run_until_quiet();
    world.the_rules_have_spoken();
}

#[cfg(feature = "cel")]
impl World {
    /// Somebody edits, and the disk takes it.
    fn edited(&mut self, key: &str, value: i64) {
        self.clients[0].put_on_board(key, value);
        self.clients[0].talk();
        self.run_without_evaluating();
    }

    fn told_of_pairs(&self) -> (usize, bool) {
        let report = &self.verdict.as_ref().unwrap().report;
        (report.conflicts.iter().filter(|conflict| conflict.rule == "pair").count(), report.is_pending())
    }
}

/// DO42: nobody waits for a rule that is evaluated elsewhere, and nobody sees its conflicts come and go while it
/// is: what is told is told with its answer.
#[test]
#[cfg(feature = "cel")]
fn do42_what_is_evaluated_is_told_with_its_answer() {
    let mut world = World::new(1);
    world.clients[0].put_on_board("k0", 5);
    world.connect(0);
    world.edited("k1", 9);
    assert_eq!(world.verdict, None, "the answer follows");
    assert!(world.machine.verdict().unwrap().report.is_pending(), "who looks sees that it is not known");
    world.run_until_quiet();
    assert_eq!((world.judged, world.told_of_pairs()), (1, (1, false)));

    // A pair that still does not fit: nothing is told before the answer, which is about other values.
    world.edited("k1", 8);
    assert_eq!(world.judged, 1);
    world.run_until_quiet();
    assert_eq!((world.judged, world.told_of_pairs()), (2, (1, false)));

    // What other rules find is not held back: of the pair it is said that it is not known.
    world.edited("k0", 11);
    assert_eq!((world.judged, world.told_of_pairs()), (3, (1, true)));
    world.run_until_quiet();
    world.edited("k0", 1);
    world.run_until_quiet();
    assert_eq!(world.told_of_pairs(), (0, false));
}

/// DO42: edits that overtake the answer make it worthless. Then it is said once that the rule is being evaluated.
#[test]
#[cfg(feature = "cel")]
fn do42_an_answer_that_was_overtaken_is_dropped() {
    let mut world = World::new(1);
    world.clients[0].put_on_board("k0", 5);
    world.connect(0);
    world.edited("k1", 9);
    world.run_until_quiet();
    world.edited("k1", 8);
    let question = world.questions.pop_front().unwrap();
    world.edited("k1", 1);
    assert!(world.questions.is_empty(), "one at a time");
    world.tell(Input::Evaluated(question.answer(&dovetail_core::rules::to_the_end())));
    world.advance();
    assert_eq!((world.judged, world.told_of_pairs()), (2, (1, true)));
    world.run_until_quiet();
    assert_eq!((world.judged, world.told_of_pairs()), (3, (0, false)));
}

/// DO42: a document does not leave memory before it is known what the rules say.
#[test]
#[cfg(feature = "cel")]
fn do42_a_document_waits_for_the_answer_before_it_rests() {
    let mut world = World::new(1);
    world.clients[0].put_on_board("k0", 5);
    world.connect(0);
    world.edited("k1", 9);
    world.disconnect(0);
    world.tell(Input::Rest);
    world.advance();
    assert!(world.machine.is_live());
    world.evaluated();
    world.advance();
    assert_eq!(world.told_of_pairs(), (1, false));
    world.run_until_quiet();
    assert!(!world.machine.is_live());
}

/// What can happen in the world, one byte of it at a time.
#[derive(Debug, Clone)]
enum Step {
    Edit(usize),
    Connect(usize),
    Disconnect(usize),
    ToServer(usize),
    FromServer(usize),
    Advance,
    Disk,
    Rest,
    Judge,
    Evaluate,
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    let client = 0usize..4;
    prop_oneof![
        6 => client.clone().prop_map(Step::Edit),
        3 => client.clone().prop_map(Step::Connect),
        1 => client.clone().prop_map(Step::Disconnect),
        8 => client.clone().prop_map(Step::ToServer),
        8 => client.prop_map(Step::FromServer),
        8 => Just(Step::Advance),
        6 => Just(Step::Disk),
        1 => Just(Step::Rest),
        2 => Just(Step::Judge),
        2 => Just(Step::Evaluate),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// P1, P2: whatever is lost, late or killed on the way: after healing all have the same
    /// document, the disk has it too, and nobody was ever told of what was not stored.
    #[test]
    fn do10_everybody_agrees_in_the_end(
        steps in proptest::collection::vec(any_step(), 1..150),
        judges_late: bool,
    ) {
        let mut world = World::new(4);
        world.judges_late = judges_late;
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Edit(n) => {
                    world.clients[n].put_on_board(&format!("k{}", at % 5), at as i64);
                    world.clients[n].talk();
                }
                Step::Connect(n) => {
                    world.disconnect(n);
                    world.connect(n);
                }
                Step::Disconnect(n) => world.disconnect(n),
                Step::ToServer(n) => { world.deliver_to_server(n); }
                Step::FromServer(n) => { world.clients[n].listen(); }
                Step::Advance => world.advance(),
                Step::Disk => { world.disk_answers(); }
                Step::Rest => world.tell(Input::Rest),
                Step::Judge => world.judge(),
                Step::Evaluate => { world.evaluated(); }
                Step::Crash => world.crash(),
            }
        }
        for n in 0..4 {
            if world.clients[n].session.is_none() {
                world.connect(n);
            }
        }
        world.run_until_quiet();
        prop_assert!(world.refused.is_empty());
        world.everyone_agrees();
        world.the_rules_have_spoken();
    }
}
