//! The sled store keeps the contract, and what is its own: one process, formats, the disk, damage.

mod damage;

use super::open::{SNAPSHOT_PREFIX, indexes};
use super::*;
use crate::contract::{Place, keeps_the_contract};
use dovetail_core::document::chunk::{Chunk, ChunkKind, Lifecycle};
use dovetail_core::time::Timestamp;
use std::fs;
use tempfile::TempDir;

/// A directory that goes with the test.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The tree itself, as a disk that lost a bit would have it.
    fn tampered_with(&self, tamper: impl FnOnce(&Db)) {
        let db = sled::Config::new().path(self.path()).open().unwrap();
        tamper(&db);
        db.flush().unwrap();
    }
}

impl Place for Directory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SledStore::open(self.path(), Floor::Bytes(0)).unwrap())
    }
}

keeps_the_contract!(Directory::new());

/// The store itself, where a test needs more of it than a store is.
fn opened(dir: &Directory) -> SledStore {
    SledStore::open(dir.path(), Floor::Bytes(0)).unwrap()
}

/// ST17: a second process is refused with words that say what to do, and the first one is not disturbed.
#[tokio::test]
async fn st17_a_directory_is_opened_by_one_process_only() {
    let dir = Directory::new();
    let first = dir.open();
    let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused:?}");
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    first.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
}

/// ST25: below the floor nothing is written, not in part either, what is there is read, and with room it is written again.
#[tokio::test]
async fn st25_below_the_floor_nothing_is_written() {
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    store.close().await;
    drop(store);

    let store = SledStore::open(dir.path(), Floor::Bytes(u64::MAX)).unwrap();
    let low = |error| matches!(error, CommitError::DiskLow(low) if low.floor_bytes == u64::MAX);
    assert!(low(store.commit(batch(1, vec![changes(&[2; 100])])).await.unwrap_err()));
    assert!(low(store.commit(batch(2, vec![changes(&[2; 100])])).await.unwrap_err()));
    let record = vec![("name".to_owned(), Some(Bytes::from_static(b"value")))];
    assert!(low(store.write_records(Space::Server, record).await.unwrap_err()));
    assert_eq!(store.load(&id(1)).await.unwrap().unwrap().chunks, [changes(&[1; 100])]);
    assert!(store.load(&id(2)).await.unwrap().is_none());
    assert!(store.record(Space::Server, "name").await.unwrap().is_none());
    assert!(matches!(store.health().writes, Writes::DiskLow(_)));
    store.close().await;
    drop(store);

    let store = dir.open();
    store.commit(batch(2, vec![changes(&[2; 100])])).await.unwrap();
    assert_eq!(store.health().writes, Writes::Taken);
}

/// ST27: a start that was cut off, by SIGKILL or by a full disk, keeps nobody from starting again.
#[tokio::test]
async fn st27_what_an_unfinished_start_left_is_passed_over() {
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    store.close().await;
    drop(store);
    for (at, left) in [("FFFFFFFFFFFFFFFE", ""), ("FFFFFFFFFFFFFFFF", "half of what was to come")] {
        fs::write(dir.path().join(format!("snap.{at}.generating")), left).unwrap();
    }
    let store = dir.open();
    assert!(store.load(&id(1)).await.unwrap().is_some());
}

/// ST16: a damaged chunk or manifest is an error for its own document, and the others are served.
#[tokio::test]
async fn st16_damage_is_reported_for_its_document_alone() {
    let (in_head, on_page, in_parts, manifest, sound) = (1, 2, 3, 4, 5);
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(in_head, vec![changes(&[1; 100])])).await.unwrap();
    store.commit(batch(on_page, (0..30).map(|n| changes(&[n; 100])).collect())).await.unwrap();
    store.commit(batch(in_parts, vec![changes(&[1; 30_000])])).await.unwrap();
    for document in [manifest, sound] {
        store.commit(batch(document, vec![changes(&[1; 100])])).await.unwrap();
    }
    store.close().await;
    dir.tampered_with(|db| {
        flip_byte(db, &codec::head_key(&id(in_head)), -1);
        flip_byte(db, &codec::page_key(&id(on_page), 1), 40);
        let part = db.scan_prefix(codec::values_prefix(&id(in_parts))).keys().nth(3).unwrap().unwrap();
        flip_byte(db, &part, 2_000);
        flip_byte(db, &codec::head_key(&id(manifest)), 12);
    });

    let store = dir.open();
    for document in [in_head, on_page, in_parts, manifest] {
        let damaged = store.load(&id(document)).await;
        assert!(
            matches!(&damaged, Err(LoadError::Damaged { document: of, .. }) if *of == id(document)),
            "{damaged:?}"
        );
    }
    assert!(matches!(store.manifest(&id(manifest)).await, Err(LoadError::Damaged { .. })));
    let appended = store.commit(batch(manifest, vec![])).await;
    assert!(matches!(appended, Err(CommitError::Damaged { .. })), "{appended:?}");

    assert_eq!(store.load(&id(sound)).await.unwrap().unwrap().chunks, [changes(&[1; 100])]);
    store.commit(batch(sound, vec![])).await.unwrap();
    let listed = store.list(None, 10).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, [in_head, on_page, in_parts, manifest, sound].map(id));
    let damaged = listed.iter().filter(|(_, manifest)| manifest.is_err()).map(|(id, _)| id.clone());
    assert_eq!(damaged.collect::<Vec<_>>(), [id(manifest)], "its manifest cannot be shown");
    assert_eq!(store.health().writes, Writes::Taken);
}

/// ST16: a part that is gone is noticed.
#[tokio::test]
async fn st16_a_missing_part_is_damage() {
    for missing in [0, 1, 7] {
        let dir = Directory::new();
        let store = dir.open();
        store.commit(batch(1, vec![changes(&[1; 30_000])])).await.unwrap();
        store.close().await;
        dir.tampered_with(|db| {
            let part = db.scan_prefix(codec::values_prefix(&id(1))).keys().nth(missing).unwrap().unwrap();
            db.remove(part).unwrap();
        });
        let damaged = dir.open().load(&id(1)).await;
        assert!(matches!(damaged, Err(LoadError::Damaged { .. })), "part {missing}: {damaged:?}");
    }
}

/// ST18: nothing lands in files beside the log, which the sync of the log would not reach.
#[tokio::test]
async fn st18_neither_large_nor_many_values_leave_the_log() {
    let dir = Directory::new();
    let store = dir.open();
    let snapshot = Chunk::new(ChunkKind::Snapshot, (0..20u32 << 20).map(|n| (n ^ (n >> 8)) as u8).collect());
    store.commit(batch(1, vec![snapshot])).await.unwrap();
    for n in 0..2_000u32 {
        let bytes = [&n.to_le_bytes()[..], &[7; 200]].concat();
        store.commit(batch(2, vec![changes(&bytes)])).await.unwrap();
    }
    let bursts = (0..200u32).map(|n| changes(&[&n.to_le_bytes()[..], &[7; 6_000]].concat())).collect();
    store.commit(batch(3, bursts)).await.unwrap();
    store.close().await;
    let blobs: Vec<_> = fs::read_dir(dir.path().join("blobs")).into_iter().flatten().collect();
    assert!(blobs.is_empty(), "{blobs:?}");
    assert_eq!(dir.open().load(&id(2)).await.unwrap().unwrap().chunks.len(), 2_000);
}

/// ST19: after one failed sync nothing is answered as stored any more, even if the next sync would work.
#[tokio::test]
async fn st19_a_failed_sync_makes_the_store_read_only_for_good() {
    let dir = Directory::new();
    let mut syncs = 0;
    let second_fails = move || {
        syncs += 1;
        if syncs == 2 { Err(io::Error::other("the cable fell out")) } else { Ok(()) }
    };
    let store =
        SledStore::open_synced_by(dir.path(), Floor::Bytes(0), Beginning::AsItWasLeft, || Ok(second_fails))
            .unwrap();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    for _ in 0..3 {
        let refused = store.commit(batch(2, vec![])).await.unwrap_err();
        assert!(
            matches!(&refused, CommitError::ReadOnly { why } if why.contains("the cable fell out")),
            "{refused}"
        );
    }
    assert!(matches!(store.health().writes, Writes::Stopped { .. }));
    assert_eq!(store.health().commits, 1);

    // What is durable can still be read. What may not be is not shown, though the tree has it in memory.
    assert!(store.load(&id(1)).await.unwrap().is_some());
    assert!(matches!(store.load(&id(2)).await, Err(LoadError::Unreadable { .. })));
    assert!(matches!(store.manifest(&id(2)).await, Err(LoadError::Unreadable { .. })));
    let listed: Vec<_> = store.list(None, 10).await.unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, [id(1)]);
}

/// ST22: a reader is not shown what the disk does not hold yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st22_nothing_is_read_before_it_is_durable() {
    let dir = Directory::new();
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (finish, may_finish) = std::sync::mpsc::channel();
    let waits = move || {
        begun.send(()).map_err(io::Error::other)?;
        may_finish.recv().map_err(io::Error::other)
    };
    let store = Arc::new(
        SledStore::open_synced_by(dir.path(), Floor::Bytes(0), Beginning::AsItWasLeft, || Ok(waits)).unwrap(),
    );
    let read = |what: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            match what {
                "load" => drop(store.load(&id(1)).await.unwrap().unwrap()),
                "manifest" => drop(store.manifest(&id(1)).await.unwrap().unwrap()),
                _ => assert_eq!(store.list(None, 10).await.unwrap().len(), 1),
            }
        })
    };
    let commit = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit(batch(1, vec![])).await }
    });
    has_begun.recv().await.unwrap();
    let readers = ["load", "manifest", "list"].map(read);
    // Another document is not held up, and by the time it was read these would have been as well.
    for _ in 0..20 {
        assert_eq!(store.load(&id(2)).await, Ok(None));
    }
    assert!(!readers.iter().any(tokio::task::JoinHandle::is_finished));

    finish.send(()).unwrap();
    commit.await.unwrap().unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}

/// ST19: a panic below is a failed write, not the end of the process, and everybody is answered.
#[tokio::test]
async fn st19_a_panic_while_writing_makes_the_store_read_only() {
    let dir = Directory::new();
    let panics = || -> io::Result<()> { panic!("sled found no page") };
    let store = SledStore::open_synced_by(dir.path(), Floor::Bytes(0), Beginning::AsItWasLeft, || Ok(panics))
        .unwrap();
    let (one, other) = tokio::join!(store.commit(batch(1, vec![])), store.commit(batch(2, vec![])));
    for refused in [one, other] {
        assert_eq!(refused, Err(CommitError::ReadOnly { why: "sled found no page".into() }));
    }
    store.close().await;
}

/// ST20: what a newer program has written is not touched.
#[tokio::test]
async fn st20_a_newer_format_is_refused() {
    let dir = Directory::new();
    dir.open().close().await;
    let newer = codec::FORMAT + 1;
    dir.tampered_with(|db| {
        db.insert(codec::FORMAT_KEY, &newer.to_be_bytes()).unwrap();
    });
    let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found, known: codec::FORMAT, .. } if found == newer),
        "{refused:?}"
    );
}

/// ST20: what an older program has written is opened, and is of this format from then on.
#[tokio::test]
async fn st20_older_formats_are_taken_over() {
    for format in codec::FORMAT_OLDEST..codec::FORMAT {
        let dir = Directory::new();
        let store = dir.open();
        store.commit(batch(1, vec![changes(b"kept")])).await.unwrap();
        store.close().await;
        drop(store);
        dir.tampered_with(|db| {
            db.insert(codec::FORMAT_KEY, &format.to_be_bytes()).unwrap();
        });
        let store = dir.open();
        assert!(store.load(&id(1)).await.unwrap().is_some(), "format {format}");
        store.close().await;
        drop(store);
        dir.tampered_with(|db| {
            assert_eq!(db.get(codec::FORMAT_KEY).unwrap().unwrap(), codec::FORMAT.to_be_bytes());
        });
    }
}

/// ST20: a directory that is a sled tree of somebody else is not taken over.
#[tokio::test]
async fn st20_a_foreign_tree_is_refused() {
    let dir = Directory::new();
    dir.tampered_with(|db| {
        db.insert("theirs", "value").unwrap();
    });
    assert!(matches!(SledStore::open(dir.path(), Floor::Bytes(0)), Err(OpenError::Foreign { .. })));
}

/// ST41: files of somebody else that are called like ours are left as they are, by whoever opens or restores there; and what a first
/// start that was cut off has left is none of those.
#[test]
fn st41_files_of_somebody_else_are_left_as_they_are() {
    let conf = format!("listen=80\n{}", "# a long comment\n".repeat(9));
    for theirs in [
        &[("db", "a foreign database file")][..],
        &[("db", "twenty bytes of their")],
        &[("db", "a foreign database file"), ("conf", &conf)],
        &[("conf", &conf)],
        &[("conf", "a=1")],
        &[("db", ""), ("conf", "a=1")],
    ] {
        let dir = Directory::new();
        for (name, content) in theirs {
            fs::write(dir.path().join(name), content).unwrap();
        }
        for opened in [
            SledStore::open(dir.path(), Floor::Bytes(0)).map(drop),
            SledStore::open_as_it_is(dir.path()).map(drop),
        ] {
            assert!(matches!(opened, Err(OpenError::Foreign { .. })), "{theirs:?}: {opened:?}");
        }
        assert!(Rebuild::first(dir.path()).is_err(), "{theirs:?}");
        assert!(!dir.path().join("blobs").exists(), "{theirs:?}: sled had it");
        for (name, content) in theirs {
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), *content);
        }
    }
    let whole = Directory::new();
    drop(opened(&whole));
    let conf = fs::read(whole.path().join("conf")).unwrap();
    for log in [None, Some(vec![]), Some(vec![0; 600_000])] {
        for end in [0, 5, 40, conf.len()] {
            let dir = Directory::new();
            if let Some(log) = &log {
                fs::write(dir.path().join("db"), log).unwrap();
            }
            fs::write(dir.path().join("conf"), &conf[..end]).unwrap();
            drop(opened(&dir));
        }
    }
}

/// ST43: a disk that is full and a file in the place of the directory are named as that.
#[test]
fn st43_what_keeps_a_directory_from_being_opened_is_named() {
    let dir = Directory::new();
    let file = dir.path().join("a file");
    fs::write(&file, "theirs").unwrap();
    for opened in [
        SledStore::open(&file, Floor::Bytes(0)).map(drop),
        SledStore::open_as_it_is(&file).map(drop),
        Rebuild::first(&file).map(drop),
    ] {
        assert!(opened.unwrap_err().to_string().contains("is a file"));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let refused = OpenError::unusable(dir.path(), full()).to_string();
    assert!(refused.contains("no room on the disk") && refused.contains("make some"), "{refused}");
    let read = read::ReadError::Disk(sled::Error::Io(full())).of(&id(1)).to_string();
    assert_eq!(read, "the store cannot be read: no storage space");
}

/// ST21: batches that are asked for while the disk is busy share one sync.
#[tokio::test]
async fn st21_batches_that_wait_share_one_sync() {
    let dir = Directory::new();
    let store = dir.open();
    let commits = (0..200u8).map(|n| store.commit(batch(n, vec![changes(&[n; 150])])));
    futures_util::future::join_all(commits).await.into_iter().for_each(Result::unwrap);
    let health = store.health();
    assert_eq!((health.commits, health.documents), (200, 200));
    assert!(health.groups < 100, "{} groups", health.groups);
    assert!(health.last_commit_at.is_some() && health.disk_bytes > 0);
}

fn flip_byte(db: &Db, key: &[u8], at: isize) {
    let mut record = db.get(key).unwrap().unwrap().to_vec();
    let at = if at < 0 { record.len() - at.unsigned_abs() } else { at.unsigned_abs() };
    record[at] ^= 0x10;
    db.insert(key, record).unwrap();
}

fn id(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

fn changes(bytes: &[u8]) -> Chunk {
    Chunk::new(ChunkKind::Changes, Bytes::copy_from_slice(bytes))
}

fn batch(document: u8, put: Vec<Chunk>) -> Batch {
    let manifest = Manifest {
        heads: vec![],
        changes: put.len() as u64,
        bytes: 0,
        kind: None,
        title: Some("Sales".to_owned()),
        created_at: Timestamp::from_millis(1),
        changed_at: Timestamp::from_millis(2),
        lifecycle: Lifecycle::Live,
        access: Arc::default(),
    };
    Batch { document: id(document), put, delete: vec![], manifest }
}

/// ST33: what is written anew takes the place of the one before, counts on from it, and leaves nothing of it behind.
#[tokio::test]
async fn st33_a_store_that_is_rebuilt_takes_the_place_of_the_one_before() {
    let dir = Directory::new();
    let store = dir.open();
    for n in 0..50 {
        store.commit(batch(1, vec![changes(&[n; 400])])).await.unwrap();
    }
    store.close().await;
    drop(store);

    let store = opened(&dir);
    let killed = Rebuild::in_place_of(&store).unwrap();
    killed.store().commit(batch(9, vec![changes(b"of a rebuild that was killed")])).await.unwrap();
    let left = dir.path().join(rebuild::DIRECTORY);
    let copy = Directory::new();
    fs::rename(&left, copy.path().join("left")).unwrap();
    store.close().await;
    drop((killed, store));
    fs::rename(copy.path().join("left"), &left).unwrap();
    assert_eq!(dir.open().list(None, 10).await.unwrap().len(), 1, "nothing of the old one is touched");
    assert!(!left.exists(), "what was not finished takes no room");

    let store = opened(&dir);
    let rebuild = Rebuild::in_place_of(&store).unwrap();
    let locked = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
    assert!(matches!(locked, OpenError::Locked { .. }), "{locked}");
    store.close().await;
    drop(store);
    let locked = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
    assert!(matches!(locked, OpenError::Locked { .. }), "nobody writes to the old one in between: {locked}");
    rebuild.store().commit(batch(1, vec![changes(b"folded")])).await.unwrap();
    rebuild.finish().await.unwrap();
    let store = dir.open();
    let stored = store.load(&id(1)).await.unwrap().unwrap();
    assert_eq!(stored.chunks, [changes(b"folded")]);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 1);
    store.commit(batch(2, vec![changes(b"later")])).await.unwrap();
    store.close().await;
    drop(store);
    assert!(dir.open().load(&id(2)).await.unwrap().is_some());
    assert!(!dir.path().join("rebuilding").exists());
}

/// ST31, ST33: of a store that was written anew the end is missed, too, when nothing was written since.
#[tokio::test]
async fn st31_what_is_missing_of_a_rebuilt_store_is_noticed() {
    let dir = Directory::new();
    let store = opened(&dir);
    let rebuild = Rebuild::in_place_of(&store).unwrap();
    store.close().await;
    drop(store);
    for n in 1..=30 {
        rebuild.store().commit(batch(n, vec![changes(&[n; 4_000])])).await.unwrap();
    }
    rebuild.finish().await.unwrap();
    let log = fs::OpenOptions::new().write(true).open(dir.path().join(LOG_FILE)).unwrap();
    log.set_len(60_000).unwrap();
    let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
    assert!(refused.to_string().contains("writes are missing"), "{refused}");
}

/// ST33, ST34: nothing is restored over a store, be it one that was made a moment ago, and nobody else comes in while it is restored.
#[tokio::test]
async fn st34_nothing_is_restored_over_a_store() {
    let dir = Directory::new();
    let rebuild = Rebuild::first(dir.path()).unwrap();
    for other in
        [SledStore::open(dir.path(), Floor::Bytes(0)).map(drop), Rebuild::first(dir.path()).map(drop)]
    {
        assert!(matches!(other, Err(OpenError::Locked { .. })), "{other:?}");
    }
    rebuild.store().commit(batch(1, vec![changes(b"here")])).await.unwrap();
    rebuild.finish().await.unwrap();
    assert!(matches!(Rebuild::first(dir.path()), Err(OpenError::Occupied { .. })));
    assert!(dir.open().load(&id(1)).await.unwrap().is_some());
}

/// ST34: where a restore was killed no store is begun, at whatever moment it was; and it can be restored again.
#[tokio::test]
async fn st34_a_restore_that_was_killed_is_no_store() {
    let dir = Directory::new();
    let restored = async || {
        let rebuild = Rebuild::first(dir.path()).unwrap();
        rebuild.store().commit(batch(1, vec![changes(b"here")])).await.unwrap();
        rebuild
    };
    let killed = restored().await;
    let aside = Directory::new();
    fs::rename(dir.path().join(rebuild::DIRECTORY), aside.path().join("left")).unwrap();
    drop(killed);
    for notes_first in [false, true] {
        let _ = fs::remove_dir_all(dir.path().join(rebuild::DIRECTORY));
        copy_dir(&aside.path().join("left"), &dir.path().join(rebuild::DIRECTORY));
        if notes_first {
            let noted = dir.path().join(rebuild::DIRECTORY).join(tally::FILE);
            fs::rename(noted, dir.path().join(tally::FILE)).unwrap();
        }
        let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
        assert!(matches!(refused, OpenError::Unfinished { .. }), "{refused}");
    }
    restored().await.finish().await.unwrap();
    assert!(dir.open().load(&id(1)).await.unwrap().is_some());
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// ST31: what was refused is not missed at the next start, when nothing was written after it either.
#[tokio::test]
async fn st31_what_was_refused_is_not_missed() {
    let dir = Directory::new();
    let store = dir.open();
    for document in [1, 2] {
        store.commit(batch(document, vec![changes(&[1; 100])])).await.unwrap();
    }
    store.close().await;
    dir.tampered_with(|db| flip_byte(db, &codec::head_key(&id(1)), 12));
    let store = dir.open();
    let refused = store.commit(batch(1, vec![changes(&[2; 100])])).await;
    assert!(matches!(refused, Err(CommitError::Damaged { .. })), "{refused:?}");
    store.close().await;
    drop(store);
    dir.open().close().await;
}

/// ST31: a log whose end is missing is opened for whoever wants what is left, is said to be so, and is refused to all others also
/// afterwards.
#[tokio::test]
async fn st31_what_is_left_can_be_looked_at() {
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    store.close().await;
    drop(store);
    let before = fs::read(dir.path().join(LOG_FILE)).unwrap();
    let store = dir.open();
    store.commit(batch(2, vec![changes(&[2; 100])])).await.unwrap();
    store.close().await;
    drop(store);
    fs::write(dir.path().join(LOG_FILE), before).unwrap();
    fs::read_dir(dir.path()).unwrap().map(Result::unwrap).for_each(|entry| {
        if entry.file_name().to_string_lossy().starts_with(SNAPSHOT_PREFIX) {
            fs::remove_file(entry.path()).unwrap();
        }
    });
    for _ in 0..2 {
        let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
        assert!(refused.to_string().contains("the last 1 of 2 writes are missing"), "{refused}");
        let (store, missing) = SledStore::open_as_it_is(dir.path()).unwrap();
        assert!(missing.is_some());
        assert!(store.load(&id(1)).await.unwrap().is_some());
        store.close().await;
    }
}

/// ST31: without the file that says how far the log went nobody can tell whether its end is there: the store is refused, and what is
/// there is opened for whoever wants it as it is.
#[tokio::test]
async fn st31_a_store_whose_count_is_gone_is_refused() {
    let written = Directory::new();
    let store = written.open();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    store.close().await;
    drop(store);
    let noted = written.path().join(tally::FILE);
    let count = fs::read(&noted).unwrap();
    let bent = [&count[..3], &[count[3] ^ 1], &count[4..]].concat();
    for left in [None, Some(&[][..]), Some(&count[..20]), Some(&bent)] {
        fs::remove_file(&noted).unwrap();
        if let Some(left) = left {
            fs::write(&noted, left).unwrap();
        }
        for _ in 0..2 {
            let refused = SledStore::open(written.path(), Floor::Bytes(0)).unwrap_err();
            assert!(refused.to_string().contains(tally::FILE), "{refused}");
        }
        let (store, missing) = SledStore::open_as_it_is(written.path()).unwrap();
        assert!(missing.unwrap().contains(tally::FILE));
        store.close().await;
    }
    fs::write(&noted, count).unwrap();
    assert!(written.open().load(&id(1)).await.unwrap().is_some());
}

/// ST31: a log that is gone is missed, not begun anew.
#[tokio::test]
async fn st31_a_log_that_is_gone_is_missed() {
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    store.close().await;
    drop(store);
    dir.open().close().await;
    fs::remove_file(dir.path().join(LOG_FILE)).unwrap();
    fs::write(dir.path().join(ballast::FILE), "").unwrap();
    let refused = || {
        let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
        assert!(matches!(refused, OpenError::LogGone { .. }), "{refused}");
        assert!(!SledStore::lies_in(dir.path()), "nothing takes its place");
    };
    refused();
    for index in indexes(dir.path()).unwrap() {
        fs::remove_file(index).unwrap();
    }
    refused();
    fs::remove_file(dir.path().join(tally::FILE)).unwrap();
    refused();
}

/// ST31: the index of the log, and sled's settings, hold nothing of a document: where they are bent or gone they are made anew.
#[tokio::test]
async fn st31_what_is_made_of_the_log_is_made_anew() {
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    store.close().await;
    drop(store);
    dir.open().close().await;
    let index = indexes(dir.path()).unwrap().next().expect("a start writes one");
    for file in [index, dir.path().join(CONF_FILE)] {
        let whole = fs::read(&file).unwrap();
        let other = String::from_utf8_lossy(&whole).replace("version: 0.34", "version: 0.31").into_bytes();
        for bent in [&whole[..whole.len() / 2], b"", b"something else, as long as some settings", &other] {
            let copy = Directory::new();
            copy_dir(dir.path(), copy.path());
            fs::write(copy.path().join(file.file_name().unwrap()), bent).unwrap();
            let store = copy.open();
            assert!(store.load(&id(1)).await.unwrap().is_some(), "{} {bent:?}", file.display());
            store.close().await;
        }
    }
}

/// ST33: of a directory that was made for what then failed nothing stays, and one that was there before stays.
#[tokio::test]
async fn st33_what_failed_leaves_no_directory() {
    let parent = Directory::new();
    let new = parent.path().join("new");
    drop(Rebuild::first(&new).unwrap());
    assert!(!new.exists());
    fs::create_dir(&new).unwrap();
    drop(Rebuild::first(&new).unwrap());
    assert!(new.exists());
}

/// ST31, ST33: where the count was gone, and what was to take the place of the log was killed when its own count was there already, the old
/// log is not taken for the new one.
#[tokio::test]
async fn st33_the_count_of_a_new_log_does_not_fit_the_old_one() {
    let dir = Directory::new();
    let store = dir.open();
    store.commit(batch(1, vec![changes(b"here")])).await.unwrap();
    store.close().await;
    drop(store);
    fs::remove_file(dir.path().join(tally::FILE)).unwrap();
    let (store, missing) = SledStore::open_as_it_is(dir.path()).unwrap();
    assert!(missing.is_some());
    let rebuild = Rebuild::in_place_of(&store).unwrap();
    let new = dir.path().join(rebuild::DIRECTORY).join(tally::FILE);
    fs::copy(new, dir.path().join(tally::FILE)).unwrap();
    store.close().await;
    drop((rebuild, store));
    let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
    assert!(refused.to_string().contains("writes are missing"), "{refused}");
}
