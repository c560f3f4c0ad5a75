//! What "a store" means, written once. Every implementation runs it.
//!
//! Each function is one rule of `docs/SPEC.md`, section ST, and is given a [`Place`]: somewhere a
//! store can be opened, left and opened again. [`keeps_the_contract!`] makes a test of each.
//! What no test here can show is the power cut: a store has to sync the disk before it answers, and
//! says in its own file how.

// A failed expectation here is a failed test, wherever the suite is run from.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "test code that other crates call")]

use super::{
    CHUNK_BYTES_MAX, CommitError, LoadError, RECORD_BYTES_MAX, RECORD_NAME_BYTES_MAX, Space, Store, Writes,
};
use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, ChunkKind, Lifecycle, Manifest, Stored};
use dovetail_core::id::{DOCUMENT_ID_BYTES_MAX, DocumentId};
use dovetail_core::time::Timestamp;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a store lies when nobody has it open: a directory, say.
pub trait Place: Send + Sync {
    /// Opens what lies there. The store before it is dropped or closed by then.
    fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each rule: `keeps_the_contract!(an expression that makes a new Place)`.
#[macro_export]
macro_rules! keeps_the_contract {
    ($place:expr) => {
        $crate::keeps_the_contract! { $place =>
            st1_an_answered_commit_is_there_after_reopening
            st2_committing_a_batch_again_changes_nothing
            st3_a_batch_is_seen_whole_or_not_at_all
            st4_a_delete_takes_exactly_the_named_chunks
            st4_a_chunk_both_deleted_and_put_stays
            st4_any_sequence_of_batches_leaves_what_it_says
            st5_a_list_is_in_order_of_ids_and_pages_meet
            st6_an_unknown_document_is_none
            st7_a_deleted_document_is_kept_with_its_chunks
            st8_a_snapshot_of_20_mib_round_trips
            st8_a_chunk_that_is_too_large_is_refused_alone
            st9_ids_of_all_lengths_do_not_mix
            st10_writers_side_by_side_keep_each_documents_order
            st11_dropping_a_store_loses_nothing_that_was_answered
            st12_closing_writes_what_was_accepted_and_refuses_what_comes_later
            st13_records_are_kept_apart_from_documents
            st13_records_that_cannot_be_are_refused
            st14_a_manifest_of_any_shape_round_trips
            st15_health_counts_each_document_once
        }
    };
    ($place:expr => $($rule:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                $crate::contract::$rule(&$place).await;
            }
        )+
    };
}
pub use keeps_the_contract;

/// ST1: an answered commit is there after the store was left and opened again.
pub async fn st1_an_answered_commit_is_there_after_reopening(place: &dyn Place) {
    let id = document(1);
    let store = place.open();
    store.commit(batch(&id, &["a", "b"])).await.unwrap();
    assert_eq!(texts(&*store, &id).await, ["a", "b"], "at once");
    leave(store).await;

    let store = place.open();
    assert_eq!(texts(&*store, &id).await, ["a", "b"], "after reopening");
    assert_eq!(store.manifest(&id).await.unwrap(), Some(manifest(2)));
    assert_eq!(store.load(&id).await.unwrap().unwrap().manifest, manifest(2));
}

/// ST2: a batch committed twice is there once, in one process or across a restart.
pub async fn st2_committing_a_batch_again_changes_nothing(place: &dyn Place) {
    let id = document(1);
    let store = place.open();
    let (first, again) = (store.commit(batch(&id, &["a"])), store.commit(batch(&id, &["a"])));
    let (first, again) = tokio::join!(first, again);
    assert_eq!((first, again), (Ok(()), Ok(())));
    leave(store).await;

    let store = place.open();
    store.commit(batch(&id, &["a"])).await.unwrap();
    assert_eq!(texts(&*store, &id).await, ["a"]);
    assert_eq!(store.health().documents, 1);
}

/// ST3: whoever loads while batches are committed sees each of them whole or not at all.
pub async fn st3_a_batch_is_seen_whole_or_not_at_all(place: &dyn Place) {
    let id = document(1);
    let store = place.open();
    store.commit(batch(&id, &["generation 0, part 0", "generation 0, part 1"])).await.unwrap();

    let writer = tokio::spawn({
        let (store, id) = (Arc::clone(&store), id.clone());
        async move {
            for generation in 1..=200 {
                let before = generation_parts(generation - 1);
                let next = Batch {
                    delete: before.iter().map(Chunk::key).collect(),
                    put: generation_parts(generation),
                    manifest: Manifest { changes: generation, ..manifest(2) },
                    document: id.clone(),
                };
                store.commit(next).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let stored = store.load(&id).await.unwrap().unwrap();
        let generation = if stored.manifest.changes == 2 && texts_of(&stored)[0].contains(" 0,") {
            0
        } else {
            stored.manifest.changes
        };
        let expected: BTreeSet<_> = generation_parts(generation).iter().map(Chunk::key).collect();
        assert_eq!(keys_of(&stored), expected, "generation {generation}");
    }
    writer.await.unwrap();
    assert_eq!(store.load(&id).await.unwrap().unwrap().manifest.changes, 200);
}

/// ST4: a delete takes the chunks it names and no other: one written meanwhile survives.
pub async fn st4_a_delete_takes_exactly_the_named_chunks(place: &dyn Place) {
    let id = document(1);
    let store = place.open();
    store.commit(batch(&id, &["a", "b"])).await.unwrap();

    let folded = Batch {
        put: vec![snapshot("a and b")],
        delete: vec![changes("a").key(), changes("b").key(), changes("never written").key()],
        document: id.clone(),
        manifest: manifest(2),
    };
    let (raced, compacted) = tokio::join!(store.commit(batch(&id, &["c"])), store.commit(folded));
    assert_eq!((raced, compacted), (Ok(()), Ok(())));
    assert_eq!(texts(&*store, &id).await, ["a and b", "c"]);

    let elsewhere = document(2);
    store.commit(batch(&elsewhere, &["c"])).await.unwrap();
    let of_this_one = Batch { delete: vec![changes("c").key()], ..batch(&id, &[]) };
    store.commit(of_this_one).await.unwrap();
    leave(store).await;

    let store = place.open();
    assert_eq!(texts(&*store, &id).await, ["a and b"]);
    assert_eq!(texts(&*store, &elsewhere).await, ["c"], "the same bytes in another document");
}

/// ST4: a chunk that one batch both deletes and puts is there: a snapshot of an unchanged document has the
/// name of the one before.
pub async fn st4_a_chunk_both_deleted_and_put_stays(place: &dyn Place) {
    let id = document(1);
    let store = place.open();
    store.commit(batch(&id, &["a"])).await.unwrap();
    store.commit(Batch { delete: vec![changes("a").key()], ..batch(&id, &["a"]) }).await.unwrap();
    assert_eq!(texts(&*store, &id).await, ["a"]);
}

/// ST4: whatever the order and the grouping, what is there is what was put and not deleted since. The sizes go
/// around those at which a store may change where it keeps a chunk.
pub async fn st4_any_sequence_of_batches_leaves_what_it_says(place: &dyn Place) {
    const LENGTHS: [usize; 10] = [9, 80, 150, 150, 300, 600, 960, 970, 4_100, 13_000];
    let mut dice = Dice(41);
    let mut model: Vec<BTreeMap<ChunkKey, Chunk>> = vec![BTreeMap::new(); 3];
    let (mut unique, mut changes) = (0, 0);
    for _ in 0..6 {
        let store = place.open();
        for _ in 0..15 {
            let mut group = Vec::new();
            for _ in 0..1 + dice.below(12) {
                let n = dice.below(model.len());
                let held = &mut model[n];
                let mut batch = batch(&document(n as u8), &[]);
                changes += 1;
                batch.manifest.changes = changes;
                match dice.below(8) {
                    // A compaction; some of it may lie in the same group.
                    0 => batch.delete = held.keys().copied().collect(),
                    1 => batch.delete = held.keys().filter(|_| dice.below(3) == 0).copied().collect(),
                    // Written once more.
                    2 => batch.put.extend(held.values().next().cloned()),
                    _ => {}
                }
                for _ in 0..dice.below(4) {
                    unique += 1;
                    let length = LENGTHS[dice.below(LENGTHS.len())];
                    let bytes = [&u64::to_le_bytes(unique)[..], &noise(length)].concat();
                    batch.put.push(Chunk::new(ChunkKind::Changes, bytes.into()));
                }
                for key in &batch.delete {
                    held.remove(key);
                }
                held.extend(batch.put.iter().map(|chunk| (chunk.key(), chunk.clone())));
                group.push(store.commit(batch));
            }
            join_all(group).await.into_iter().for_each(Result::unwrap);
            expect(&*store, &model).await;
        }
        leave(store).await;
        expect(&*place.open(), &model).await;
    }

    async fn expect(store: &dyn Store, model: &[BTreeMap<ChunkKey, Chunk>]) {
        for (n, held) in model.iter().enumerate() {
            let stored = store.load(&document(n as u8)).await.unwrap().map_or(vec![], |stored| stored.chunks);
            let stored: BTreeMap<_, _> = stored.into_iter().map(|chunk| (chunk.key(), chunk)).collect();
            assert!(stored == *held, "document {n}: {:?} is not {:?}", stored.keys(), held.keys());
        }
    }
}

/// ST5: a list is in the order of the bytes of the ids, and its pages meet without gap or overlap.
pub async fn st5_a_list_is_in_order_of_ids_and_pages_meet(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.list(None, 10).await.unwrap(), []);

    let mut ids: Vec<_> =
        (0..40u8).map(|n| DocumentId::from_bytes(&[n.wrapping_mul(101), n]).unwrap()).collect();
    ids.extend(
        [&[0u8][..], &[0, 0, 0], &[0xff], &[0xff; 40]].map(|bytes| DocumentId::from_bytes(bytes).unwrap()),
    );
    join_all(ids.iter().map(|id| store.commit(batch(id, &["a"])))).await.into_iter().for_each(Result::unwrap);
    ids.sort();

    for page_size in [1, 7, ids.len(), 1_000] {
        let mut listed: Vec<DocumentId> = Vec::new();
        loop {
            let page = store.list(listed.last(), page_size).await.unwrap();
            let at_end = page.len() < page_size;
            assert!(page.iter().all(|(_, found)| *found == Ok(manifest(1))));
            listed.extend(page.into_iter().map(|(id, _)| id));
            if at_end {
                break;
            }
        }
        assert_eq!(listed, ids, "pages of {page_size}");
    }
    let behind_none_stored = DocumentId::from_bytes(&[0xff; 41]).unwrap();
    assert_eq!(store.list(Some(&behind_none_stored), 10).await.unwrap(), []);
    assert_eq!(store.list(None, 0).await.unwrap(), []);
}

/// ST6: what was never written is `None`, which is not an error and not an empty document.
pub async fn st6_an_unknown_document_is_none(place: &dyn Place) {
    let store = place.open();
    store.commit(batch(&document(1), &["a"])).await.unwrap();
    assert_eq!(store.load(&document(2)).await, Ok(None));
    assert_eq!(store.manifest(&document(2)).await, Ok(None));

    let only_a_manifest = document(3);
    store.commit(batch(&only_a_manifest, &[])).await.unwrap();
    assert_eq!(store.load(&only_a_manifest).await.unwrap().unwrap().chunks, []);
}

/// ST7: a deleted document keeps its mark and its chunks, so that it stays deleted and can come back.
pub async fn st7_a_deleted_document_is_kept_with_its_chunks(place: &dyn Place) {
    let id = document(1);
    let store = place.open();
    store.commit(batch(&id, &["a"])).await.unwrap();
    let at = Timestamp::from_millis(1_700_000_000_123);
    let deleted = Manifest { lifecycle: Lifecycle::Deleted { at }, ..manifest(1) };
    store.commit(Batch { manifest: deleted.clone(), ..batch(&id, &[]) }).await.unwrap();
    leave(store).await;

    let store = place.open();
    assert_eq!(store.manifest(&id).await, Ok(Some(deleted.clone())));
    assert_eq!(store.list(None, 10).await, Ok(vec![(id.clone(), Ok(deleted))]));
    assert_eq!(texts(&*store, &id).await, ["a"]);
}

/// ST8: a large document comes back as it was.
pub async fn st8_a_snapshot_of_20_mib_round_trips(place: &dyn Place) {
    let id = document(1);
    let large = Chunk::new(ChunkKind::Snapshot, noise(20 << 20));
    let store = place.open();
    let commit = Batch { put: vec![large.clone(), changes("beside it")], ..batch(&id, &[]) };
    store.commit(commit).await.unwrap();
    leave(store).await;

    let store = place.open();
    let stored = store.load(&id).await.unwrap().unwrap();
    assert_eq!(keys_of(&stored), BTreeSet::from([large.key(), changes("beside it").key()]));
    assert!(stored.chunks.contains(&large));

    // Lengths around those at which a store may cut a value into parts.
    let lengths = [0, 1, 127, 128, 4_000, 4_094, 4_095, 4_096, 4_097, 8_191, 8_192, 8_193, 12_288, 70_000];
    let put: Vec<_> = lengths.iter().map(|&length| Chunk::new(ChunkKind::Changes, noise(length))).collect();
    store
        .commit(Batch { put: put.clone(), delete: vec![large.key()], ..batch(&document(2), &[]) })
        .await
        .unwrap();
    let stored = store.load(&document(2)).await.unwrap().unwrap();
    assert_eq!(keys_of(&stored), put.iter().map(Chunk::key).collect());

    let folded = Batch { delete: put.iter().map(Chunk::key).collect(), ..batch(&document(2), &["folded"]) };
    store.commit(folded).await.unwrap();
    assert_eq!(texts(&*store, &document(2)).await, ["folded"], "no part is left behind");
}

/// ST8: what is too large is refused before it is written, and costs the others nothing.
pub async fn st8_a_chunk_that_is_too_large_is_refused_alone(place: &dyn Place) {
    let store = place.open();
    let bytes = CHUNK_BYTES_MAX + 1;
    let too_large = Chunk::new(ChunkKind::Snapshot, Bytes::from(vec![0; bytes]));
    let refused = store.commit(Batch { put: vec![too_large], ..batch(&document(1), &[]) });
    let (refused, beside) = tokio::join!(refused, store.commit(batch(&document(2), &["a"])));
    assert_eq!(refused, Err(CommitError::TooLarge { bytes, bytes_max: CHUNK_BYTES_MAX }));
    assert_eq!(beside, Ok(()));
    assert_eq!(store.load(&document(1)).await, Ok(None));
}

/// ST9: no id is mistaken for the beginning of another, whatever their bytes and lengths.
pub async fn st9_ids_of_all_lengths_do_not_mix(place: &dyn Place) {
    let store = place.open();
    let mut ids = Vec::new();
    for byte in [0, 1, 2, 16, 0xff] {
        ids.extend(
            (1..=DOCUMENT_ID_BYTES_MAX).map(|length| DocumentId::from_bytes(&vec![byte; length]).unwrap()),
        );
    }
    let commits = ids.iter().map(|id| store.commit(batch(id, &[&id.to_string()])));
    join_all(commits).await.into_iter().for_each(Result::unwrap);
    for id in &ids {
        assert_eq!(texts(&*store, id).await, [id.to_string()]);
    }
    assert_eq!(store.list(None, 1_000).await.unwrap().len(), ids.len());
}

/// ST10: many documents are written side by side, and each sees its own batches in the order asked for.
pub async fn st10_writers_side_by_side_keep_each_documents_order(place: &dyn Place) {
    const WRITERS: u8 = 64;
    const COMMITS: u64 = 40;
    let store = place.open();
    let writers = (0..WRITERS).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            // All are asked for before the first is answered: the order must come from the asking.
            let commits = (1..=COMMITS).map(|count| {
                let manifest = Manifest { changes: count, ..manifest(1) };
                store.commit(Batch { manifest, ..batch(&document(n), &[&format!("{n}/{count}")]) })
            });
            join_all(commits).await.into_iter().for_each(Result::unwrap);
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    leave(store).await;

    let store = place.open();
    for n in 0..WRITERS {
        let stored = store.load(&document(n)).await.unwrap().unwrap();
        assert_eq!(stored.manifest.changes, COMMITS, "the last manifest asked for, document {n}");
        assert_eq!(stored.chunks.len() as u64, COMMITS);
    }
}

/// ST11: a store that is dropped without being closed loses nothing that was answered.
pub async fn st11_dropping_a_store_loses_nothing_that_was_answered(place: &dyn Place) {
    for round in 0..5u8 {
        let store = place.open();
        for earlier in 0..round {
            assert_eq!(texts(&*store, &document(earlier)).await, ["a"], "round {round}");
        }
        store.commit(batch(&document(round), &["a"])).await.unwrap();
        drop(store);
    }
}

/// ST12: closing writes everything that was accepted; what comes later is refused in words of its own.
pub async fn st12_closing_writes_what_was_accepted_and_refuses_what_comes_later(place: &dyn Place) {
    let store = place.open();
    let ids: Vec<_> = (0..100).map(document).collect();
    let accepted = join_all(ids.iter().map(|id| store.commit(batch(id, &["a"]))));
    // Polled in this order: all are accepted before the close begins.
    let (accepted, ()) = tokio::join!(accepted, store.close());
    accepted.into_iter().for_each(Result::unwrap);

    assert_eq!(store.commit(batch(&document(200), &["late"])).await, Err(CommitError::Closed));
    let late = vec![("late".to_owned(), Some(Bytes::new()))];
    assert_eq!(store.write_records(Space::Server, late).await, Err(CommitError::Closed));
    assert_eq!(store.load(&ids[0]).await, Err(LoadError::Closed));
    assert_eq!(store.list(None, 1).await, Err(LoadError::Closed));
    store.close().await;

    // The closed one is still held: its place is free all the same.
    let reopened = place.open();
    assert_eq!(reopened.list(None, 1_000).await.unwrap().len(), ids.len());
    assert_eq!(reopened.load(&document(200)).await, Ok(None));
    drop(store);
}

/// ST13: the server's own records are replaced and taken away as a whole, kept across a restart, listed by
/// name within their space, and no documents.
pub async fn st13_records_are_kept_apart_from_documents(place: &dyn Place) {
    let large = noise(RECORD_BYTES_MAX);
    let (one, small) = (Bytes::from_static(b"one"), Bytes::new());
    let name = |text: &str| text.to_owned();
    let store = place.open();
    assert_eq!(store.record(Space::Server, "a").await, Ok(None));
    for space in [Space::Access, Space::Audit, Space::Quarantine] {
        let mine = Bytes::from(format!("{space:?}"));
        store.write_records(space, vec![("a".to_owned(), Some(mine))]).await.unwrap();
    }
    let writes = vec![
        (name("a"), Some(large.clone())),
        (name("a/2"), Some(one.clone())),
        (name("b"), Some(one.clone())),
    ];
    store.write_records(Space::Rules, writes).await.unwrap();
    store.write_records(Space::Server, vec![(name("a"), Some(small.clone()))]).await.unwrap();
    assert_eq!(store.record(Space::Rules, "a").await, Ok(Some(large.clone())));
    leave(store).await;

    let store = place.open();
    assert_eq!(store.record(Space::Rules, "a").await, Ok(Some(large.clone())));
    assert_eq!(store.record(Space::Server, "a").await, Ok(Some(small.clone())));
    assert_eq!(store.record(Space::Answers, "a").await, Ok(None));
    for space in [Space::Access, Space::Audit, Space::Quarantine] {
        let mine = Bytes::from(format!("{space:?}"));
        assert_eq!(store.records(space, None, 10).await, Ok(vec![("a".to_owned(), mine)]));
    }
    let all = [(name("a"), large), (name("a/2"), one.clone()), (name("b"), one.clone())];
    assert_eq!(store.records(Space::Rules, None, 10).await.unwrap(), all);
    assert_eq!(store.records(Space::Rules, None, 1).await.unwrap(), all[..1]);
    assert_eq!(store.records(Space::Rules, Some("a"), 10).await.unwrap(), all[1..]);
    assert_eq!(store.list(None, 10).await, Ok(vec![]), "no record is a document");

    // A shorter one leaves nothing of the longer one behind; one that is taken away is gone; twice is once.
    let writes = vec![
        (name("a"), Some(one.clone())),
        (name("b"), None),
        (name("c"), None),
        (name("a/2"), Some(small.clone())),
        (name("a/2"), None),
    ];
    store.write_records(Space::Rules, writes).await.unwrap();
    leave(store).await;
    let store = place.open();
    assert_eq!(store.records(Space::Rules, None, 10).await.unwrap(), [(name("a"), one)]);
    assert_eq!(store.record(Space::Server, "a").await, Ok(Some(small)));
}

/// ST13: a record that no store could hold is refused, and those beside it too.
pub async fn st13_records_that_cannot_be_are_refused(place: &dyn Place) {
    let store = place.open();
    let beside = ("beside".to_owned(), Some(Bytes::new()));
    for name in ["", "a b", "a\0", "ä"] {
        let writes = vec![beside.clone(), (name.to_owned(), None)];
        let refused = store.write_records(Space::Server, writes).await;
        assert_eq!(refused, Err(CommitError::BadName { name: name.to_owned() }));
    }
    let long_name = vec![beside.clone(), ("n".repeat(RECORD_NAME_BYTES_MAX + 1), Some(Bytes::new()))];
    let large = vec![beside, ("large".to_owned(), Some(noise(RECORD_BYTES_MAX + 1)))];
    for writes in [long_name, large] {
        let refused = store.write_records(Space::Server, writes).await;
        assert!(matches!(refused, Err(CommitError::TooLarge { .. })), "{refused:?}");
    }
    assert_eq!(store.records(Space::Server, None, 10).await, Ok(vec![]));
}

/// ST14: a manifest comes back as it was: without heads or with thousands, with any text, at any time.
pub async fn st14_a_manifest_of_any_shape_round_trips(place: &dyn Place) {
    let at = |millis| Timestamp::from_millis(millis);
    let plain = Manifest { heads: vec![], kind: None, title: None, ..manifest(0) };
    let shapes = [
        plain.clone(),
        Manifest { heads: heads(5_000), ..plain.clone() },
        Manifest { heads: heads(150), title: Some("t".repeat(9_000)), ..plain.clone() },
        Manifest {
            kind: Some(String::new()), title: Some("Umsätze 2027 📈\0".to_owned()), ..plain.clone()
        },
        Manifest {
            changes: u64::MAX,
            bytes: u64::MAX,
            created_at: at(u64::MAX),
            changed_at: at(0),
            ..plain.clone()
        },
        Manifest { lifecycle: Lifecycle::Deleted { at: at(u64::MAX) }, heads: heads(1), ..plain },
    ];
    let store = place.open();
    // One after the other in one document as well: a short one must not see what a long one left behind.
    let changing = document(100);
    for (n, shape) in (0u8..).zip(&shapes) {
        for id in [&document(n), &changing] {
            store.commit(Batch { manifest: shape.clone(), ..batch(id, &[]) }).await.unwrap();
            assert_eq!(store.manifest(id).await.unwrap().as_ref(), Some(shape), "shape {n}");
        }
    }
    leave(store).await;

    let store = place.open();
    let listed = store.list(None, 100).await.unwrap();
    let manifests: Vec<_> = listed.iter().map(|(_, manifest)| manifest.as_ref().unwrap()).collect();
    assert_eq!(manifests[..shapes.len()], shapes.iter().collect::<Vec<_>>());
}

/// ST15: health counts each document once, however often it is written, and after a restart too.
pub async fn st15_health_counts_each_document_once(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.health().documents, 0);
    for text in ["a", "b", "c"] {
        join_all((0..10).map(|n| store.commit(batch(&document(n), &[text]))))
            .await
            .into_iter()
            .for_each(Result::unwrap);
    }
    let health = store.health();
    assert_eq!((health.documents, health.commits, health.queued), (10, 30, 0));
    assert_eq!(health.writes, Writes::Taken);
    leave(store).await;

    let store = place.open();
    assert_eq!(store.health().documents, 10);
    store.commit(batch(&document(3), &["d"])).await.unwrap();
    assert_eq!(store.health().documents, 10);
}

async fn leave(store: Arc<dyn Store>) {
    store.close().await;
    assert_eq!(Arc::strong_count(&store), 1, "the place can be opened again");
}

/// A document whose id has 16 bytes, as stock clients make them.
fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

fn changes(text: &str) -> Chunk {
    Chunk::new(ChunkKind::Changes, Bytes::copy_from_slice(text.as_bytes()))
}

fn snapshot(text: &str) -> Chunk {
    Chunk::new(ChunkKind::Snapshot, Bytes::copy_from_slice(text.as_bytes()))
}

/// A batch that puts these texts as change chunks.
fn batch(document: &DocumentId, texts: &[&str]) -> Batch {
    Batch {
        document: document.clone(),
        put: texts.iter().map(|text| changes(text)).collect(),
        delete: vec![],
        manifest: manifest(texts.len()),
    }
}

fn manifest(changes: usize) -> Manifest {
    Manifest {
        heads: heads(changes),
        changes: changes as u64,
        bytes: changes as u64 * 10,
        kind: Some("dashboard".to_owned()),
        title: Some("Sales".to_owned()),
        created_at: Timestamp::from_millis(1_700_000_000_000),
        changed_at: Timestamp::from_millis(1_700_000_000_001),
        lifecycle: Lifecycle::Live,
        access: Arc::default(),
    }
}

fn heads(count: usize) -> Vec<ChangeHash> {
    (0..count).map(|n| ChangeHash(changes(&n.to_string()).key().hash)).collect()
}

/// Two chunks of several parts each, so that a torn batch would show.
fn generation_parts(generation: u64) -> Vec<Chunk> {
    if generation == 0 {
        return vec![changes("generation 0, part 0"), changes("generation 0, part 1")];
    }
    let part = |part: usize| snapshot(&format!("generation {generation}, part {part} ").repeat(300 + part));
    vec![part(0), part(1)]
}

/// Bytes that no compression makes smaller, the same ones each time.
fn noise(length: usize) -> Bytes {
    let mut dice = Dice(length as u64 + 1);
    (0..length.div_ceil(8)).flat_map(|_| dice.next().to_le_bytes()).take(length).collect()
}

/// A sequence that looks random and is the same each time (xorshift; the seed is not zero).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 8) as usize % bound
    }
}

/// The texts of a document's chunks, sorted.
async fn texts(store: &dyn Store, id: &DocumentId) -> Vec<String> {
    texts_of(&store.load(id).await.unwrap().unwrap())
}

fn texts_of(stored: &Stored) -> Vec<String> {
    let mut texts: Vec<_> =
        stored.chunks.iter().map(|chunk| String::from_utf8(chunk.bytes().to_vec()).unwrap()).collect();
    texts.sort();
    texts
}

/// The names of a document's chunks; each there once.
fn keys_of(stored: &Stored) -> BTreeSet<ChunkKey> {
    let keys: BTreeSet<_> = stored.chunks.iter().map(Chunk::key).collect();
    assert_eq!(keys.len(), stored.chunks.len(), "a chunk came twice");
    keys
}
