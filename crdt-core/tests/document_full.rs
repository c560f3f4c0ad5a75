//! Documents and changes at their bounds, in the simulated [`world`].

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod world;

use automerge::transaction::Transactable;
use automerge::{AutomergeError, ObjType, ROOT, ReadDoc};
use dovetail_core::document::{Refusal, fits};
use dovetail_core::limits::DocumentLimits;
use world::World;

/// A world of one client that has brought a document with a text of so many letters.
fn with_text(limits: DocumentLimits, letters: usize) -> World {
    let mut world = World::within(2, limits);
    write(&mut world, 0, letters);
    world.connect(0);
    world.run_until_quiet();
    world
}

/// One change: a text of so many letters, and the object that they are in.
fn write(world: &mut World, n: usize, letters: usize) {
    let client = &mut world.clients[n];
    let text = |tx: &mut automerge::transaction::Transaction<'_>| {
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, &"x".repeat(letters))
    };
    client.doc.transact::<_, _, AutomergeError>(text).unwrap();
    client.talk();
}

fn changes_of(world: &World) -> u64 {
    world.disk.document().stats().num_changes
}

/// OP32: at each of its bounds a document takes no change that does not fit, and says so; what fits is taken, and reading goes on.
#[test]
fn op32_a_full_document_takes_no_more() {
    let none = DocumentLimits::default();
    let cases = [
        DocumentLimits { changes_max: 2, ..none },
        DocumentLimits { ops_max: 30, ..none },
        DocumentLimits { bytes_max: 400, ..none },
    ];
    for limits in cases {
        let mut world = with_text(limits, 10);
        write(&mut world, 0, 10);
        world.run_until_quiet();
        let taken = changes_of(&world);
        assert!(taken >= 1, "what fits is taken: {limits:?}");
        assert_eq!(world.clients[0].rejected, [], "{limits:?}");

        for _ in 0..6 {
            write(&mut world, 0, 10);
            world.run_until_quiet();
        }
        let why: Vec<&str> = world.clients[0].rejected.iter().map(|(why, _)| *why).collect();
        assert_eq!(why.first(), Some(&"document_full"), "{limits:?}");
        assert!(why[1..].iter().all(|why| *why == "depends_on_refused"), "{why:?}");
        assert!(world.aside.len() >= why.len(), "nothing is lost: it is kept aside");
        let stored = changes_of(&world);
        assert!(stored < 8 && stored >= taken, "{stored} {limits:?}");

        world.connect(1);
        world.run_until_quiet();
        assert_eq!(world.clients[1].doc.get_heads(), world.disk.document().get_heads(), "reading goes on");
    }
}

/// OP33: a change that adds more operations than one may is refused as a whole, be it ever so few bytes.
#[test]
fn op33_operations_of_a_change_have_a_bound() {
    let limits = DocumentLimits { change_ops_max: 11, ..DocumentLimits::default() };
    let mut world = with_text(limits, 10);
    assert_eq!((changes_of(&world), world.refusals.len()), (1, 0), "ten letters, and what they are in");

    write(&mut world, 0, 12);
    world.run_until_quiet();
    let words = match world.refusals.first() {
        Some(Refusal::InvalidChange { reason }) => reason.as_str(),
        other => panic!("{other:?}"),
    };
    assert!(
        words.contains("at most 11 operations") && words.contains("adds 12"),
        "{words}; one takes another one's place"
    );
    assert_eq!(changes_of(&world), 1);
}

/// JD38: what is only tried is refused where the document has no room for it.
#[test]
fn jd38_what_is_only_tried_needs_room_too() {
    let mut doc = automerge::Automerge::new();
    let mut put = |n: i64| {
        doc.transact::<_, _, automerge::AutomergeError>(|tx| tx.put(automerge::ROOT, "n", n)).unwrap();
        doc.get_last_local_change().unwrap()
    };
    let (_, more) = (put(1), put(2));
    let none = DocumentLimits::default();
    let told = |limits| fits(&doc, std::slice::from_ref(&more), &limits).map_err(|why| why.to_string());
    assert_eq!(told(none), Ok(()));
    assert!(told(DocumentLimits { changes_max: 2, ..none }).unwrap_err().contains("more changes"));
    assert!(told(DocumentLimits { ops_max: 2, ..none }).unwrap_err().contains("more operations"));
}
