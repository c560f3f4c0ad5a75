//! What is stored, in the hands of those who keep it: damaged, checked, saved in a file, brought back and written anew, with the real
//! binary.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::{Transactable, Transaction};
use automerge::{Automerge, AutomergeError, ROOT, ScalarValue};
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKind, Lifecycle, Manifest};
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use dovetail_server::store::{Floor, OpenError, SledStore, Space, Store};
use dovetail_tests::{Server, Setup, binary};
use serde_json::{Value, json};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

/// So long that one lies in records of its own, away from all heads.
const LONG_BYTES: usize = 60_000;

/// So many long ones that the first that is written lies in a part of the log that is full, as a rule.
const LONG_ONES: u8 = 24;

/// They come behind the long ones in the order of the store.
const SMALL_ONES: u8 = 5;

/// The one that is bent. It is written first, and has long ones on both sides of it in the order of the store, as that keeps small ones
/// that are side by side together, and takes what is bent of one for all of them.
const BENT: u8 = 12;

/// How many stores are made until one can be bent. Of some twenty one cannot.
const MADE_MAX: usize = 3;

/// One test at a time: a process that another one has just begun holds for a moment what is open here, the lock of a store among it.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// It, and the long ones beside it: a page of the tree may hold the end of one and the beginning of the next.
const TOGETHER: [u8; 3] = [BENT - 1, BENT, BENT + 1];

/// ST30, ST32: of a document whose bytes were bent everybody is told so, in lists and in checks, too; all others are served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st30_a_damaged_document_is_fenced_and_the_others_are_served() {
    let _turn = TURN.lock().await;
    let (folder, bent) = with_one_bent().await;
    let server = Setup::default().data_dir(folder.path()).start().await.unwrap();
    let damaged = format!("/api/docs/{bent}");
    for _ in 0..2 {
        let answer = server.get(&damaged).await.unwrap();
        assert_eq!((answer.status, code(&answer.json())), (500, "document_damaged"), "{}", answer.text());
    }
    let live = server.get("/api/docs?state=live").await.unwrap().json();
    let live = live["documents"].as_array().unwrap();
    for n in 0..SMALL_ONES {
        let id = id_of(LONG_ONES + 1 + n).to_string();
        let title = format!("Note {n}");
        assert!(live.iter().any(|one| one["id"] == id && one["title"] == title), "{title} in {live:?}");
        let answer = server.get(&format!("/api/docs/{id}")).await.unwrap();
        assert_eq!((answer.status, answer.json()["n"].as_u64()), (200, Some(n.into())), "{}", answer.text());
    }
    one_more(&server).await;

    let listed = server.get("/api/docs?state=damaged").await.unwrap().json();
    let listed = listed["documents"].as_array().unwrap();
    are_together(listed.iter().filter_map(|one| one["id"].as_str()));
    assert!(listed.iter().all(|one| one["state"] == "damaged"), "{listed:?}");

    let lines = server.get("/api/admin/verify").await.unwrap().text();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<&str> = lines.iter().filter_map(|line| line["id"].as_str()).collect();
    are_together(found.iter().copied());
    let (all, fenced) = (usize::from(LONG_ONES + SMALL_ONES) + 1, found.len());
    assert_eq!(
        *lines.last().unwrap(),
        json!({ "documents": all, "damaged": fenced, "records_damaged": 0, "done": true })
    );
    assert!(
        server
            .get("/metrics")
            .await
            .unwrap()
            .text()
            .contains(&format!("dovetail_documents_damaged {fenced}"))
    );
    stop(server).await;

    let checked = dovetail(&["verify", folder.path().to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let found = text(&checked.stdout);
    let fenced = found.lines().count();
    are_together(found.lines().filter_map(|line| line.split('\t').next()));
    let counted = format!("{all} documents were checked, {fenced} are damaged");
    assert!(text(&checked.stderr).contains(&counted), "{checked:?}");

    let refused = dovetail(&["compact", folder.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let compacted = dovetail(&["compact", folder.path().to_str().unwrap(), "--leave-out-damaged"]);
    assert!(compacted.status.success(), "{compacted:?}");
    let told = text(&compacted.stderr);
    let left_out: Vec<&str> = told.lines().filter_map(|line| line.split("left out: ").nth(1)).collect();
    are_together(left_out.iter().filter_map(|line| line.split(' ').next()));
    let server = Setup::default().data_dir(folder.path()).start().await.unwrap();
    assert_eq!(server.get(&damaged).await.unwrap().status, 404);
    let left = server.get("/api/docs").await.unwrap().json()["documents"].as_array().unwrap().len();
    assert_eq!(left, all - left_out.len());
}

/// ST31: a store whose log was cut is not served from: the process ends, names the directory and tells the ways out, which lead out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st31_a_log_that_was_cut_ends_the_start_with_the_ways_out() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let mut server = Setup::default().data_dir(folder.path()).start().await.unwrap();
    for n in 0..20 {
        server.post("/api/docs", &json!({ "n": n })).await.unwrap();
    }
    server.kill().await.unwrap();
    drop(server);
    let log = std::fs::File::options().write(true).read(true).open(folder.path().join("db")).unwrap();
    let bytes = std::fs::read(folder.path().join("db")).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    log.set_len(end as u64 - 2_000).unwrap();

    let dir = folder.path().to_str().unwrap();
    let started = dovetail(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir]);
    assert_eq!(started.status.code(), Some(1), "{started:?}");
    let said = text(&started.stderr);
    for told in [dir, "dovetail verify", "dovetail restore", "writes are missing"] {
        assert!(said.contains(told), "{told} is not in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    let checked = dovetail(&["verify", dir]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(text(&checked.stderr).contains("0 are damaged"), "what is left is sound by itself: {checked:?}");
    let compacted = dovetail(&["compact", dir, "--leave-out-damaged"]);
    assert!(compacted.status.success(), "{compacted:?}");
    assert!(text(&compacted.stderr).contains("may be older than what was acknowledged"), "{compacted:?}");
    let server = Setup::default().data_dir(folder.path()).start().await.unwrap();
    assert_eq!(server.get("/api/docs").await.unwrap().status, 200);
    stop(server).await;

    // ST33: where no document can be read at all, nothing takes the place of what there is.
    let log = folder.path().join("db");
    std::fs::File::options().write(true).open(&log).unwrap().set_len(64).unwrap();
    let compacted = dovetail(&["compact", dir, "--leave-out-damaged"]);
    assert_eq!(compacted.status.code(), Some(1), "{compacted:?}");
    assert!(text(&compacted.stderr).contains("nothing takes its place"), "{compacted:?}");
    let started = dovetail(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir]);
    assert_eq!(started.status.code(), Some(1), "an empty store would be served from: {started:?}");
}

/// ST34: a backup that was made while people write is restored as another server with the same documents.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st34_a_backup_of_a_serving_server_is_restored() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let (data, again) = (folder.path().join("data"), folder.path().join("again"));
    let file = folder.path().join("dovetail.tar");
    let server = Setup::default().data_dir(&data).start().await.unwrap();
    let mut ids = Vec::new();
    for n in 0..30 {
        let made = server.post("/api/docs", &json!({ "n": n })).await.unwrap().json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    server.delete(&format!("/api/docs/{}", ids[7])).await.unwrap();
    let backup = ["backup", "--out", file.to_str().unwrap(), "--server", &server.url()];
    let somebodys = file.with_added_extension("part");
    std::fs::write(&somebodys, "precious").unwrap();
    let (saved, _) = tokio::join!(
        tokio::task::spawn_blocking({
            let backup = backup.map(str::to_owned);
            move || dovetail(&backup.each_ref().map(String::as_str))
        }),
        async {
            for n in 0..30 {
                server.post("/api/docs", &json!({ "later": n })).await.unwrap();
            }
        }
    );
    let saved = saved.unwrap();
    assert!(saved.status.success(), "{saved:?}");
    stop(server).await;

    let restored = dovetail(&["restore", file.to_str().unwrap(), "--data-dir", again.to_str().unwrap()]);
    assert!(restored.status.success(), "{restored:?}");
    assert!(dovetail(&["verify", again.to_str().unwrap()]).status.success());
    let other = Setup::default().data_dir(&again).start().await.unwrap();
    for (n, id) in ids.iter().enumerate() {
        let answer = other.get(&format!("/api/docs/{id}")).await.unwrap();
        if n == 7 {
            assert_eq!((answer.status, code(&answer.json())), (410, "document_deleted"));
        } else {
            assert_eq!(answer.json()["n"], n);
        }
    }
    stop(other).await;
    assert_ne!(storage_id(&again).await, storage_id(&data).await, "to clients it is another server");
    let refused = dovetail(&["restore", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    assert!(text(&refused.stderr).contains("already"), "nothing is restored over a store: {refused:?}");
    for out in ["db", "dovetail.lock"].map(|name| data.join(name)) {
        let slip = ["backup", "--out", out.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
        let refused = dovetail(&slip);
        assert!(text(&refused.stderr).contains("is no backup"), "nor is a backup: {refused:?}");
    }
    let again = ["backup", "--out", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    assert!(dovetail(&again).status.success(), "a backup takes the place of one");
    let nowhere = folder.path().join("nowhere");
    let failed = folder.path().join("failed.tar");
    dovetail(&["backup", "--out", failed.to_str().unwrap(), "--data-dir", nowhere.to_str().unwrap()]);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("failed")).collect();
    assert!(left.is_empty(), "what failed leaves nothing: {left:?}");
    assert_eq!(std::fs::read(&somebodys).unwrap(), b"precious", "what is called like its own is not");
}

/// ST33: a directory that is compacted takes less room, and holds the same: what is written over and over leaves old pages behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st33_a_directory_that_is_compacted_holds_the_same() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let server = Setup::default().data_dir(folder.path()).start().await.unwrap();
    let mut ids = Vec::new();
    for n in 0..40 {
        let made = server.post("/api/docs", &json!({ "n": n })).await.unwrap().json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    for round in 0..20 {
        for id in &ids {
            let (path, body) = (format!("/api/docs/{id}"), json!({ "round": round }).to_string());
            let read = server.get(&path).await.unwrap();
            let etag = read.header("etag").unwrap();
            let merge_patch = [("content-type", "application/merge-patch+json"), ("dovetail-base", etag)];
            let patched = server.request("PATCH", &path, &merge_patch, body.as_bytes()).await.unwrap();
            assert_eq!(patched.status, 200, "{}", patched.text());
        }
    }
    let refused = dovetail(&["compact", folder.path().to_str().unwrap()]);
    assert!(text(&refused.stderr).contains("in use by another process"), "{refused:?}");
    stop(server).await;
    let storage_before = storage_id(folder.path()).await;
    let bytes_before = std::fs::metadata(folder.path().join("db")).unwrap().len();
    let compacted = dovetail(&["compact", folder.path().to_str().unwrap()]);
    assert!(compacted.status.success(), "{compacted:?}");
    assert!(std::fs::metadata(folder.path().join("db")).unwrap().len() < bytes_before);
    assert_eq!(storage_id(folder.path()).await, storage_before, "to clients it is the same server");
    let server = Setup::default().data_dir(folder.path()).start().await.unwrap();
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(server.get(&format!("/api/docs/{id}")).await.unwrap().json()["n"], n);
    }
}

/// Long documents and small ones, in a directory that nobody holds, all of it in the store's index. Gives the one to bend.
async fn small_and_long_ones(dir: &Path) -> DocumentId {
    let store = SledStore::open(dir, Floor::Bytes(0)).unwrap();
    let mut dice = fastrand::Rng::with_seed(7);
    let others = (1..=LONG_ONES).filter(|&n| n != BENT);
    for n in [BENT].into_iter().chain(others) {
        let bytes: Vec<u8> = (0..LONG_BYTES).map(|_| dice.u8(..)).collect();
        store.commit(stored(n, "Long", ScalarValue::Bytes(bytes))).await.unwrap();
    }
    for n in 0..SMALL_ONES {
        let small = stored(LONG_ONES + 1 + n, &format!("Note {n}"), i64::from(n).into());
        store.commit(small).await.unwrap();
    }
    store.close().await;
    SledStore::open(dir, Floor::Bytes(0)).unwrap().close().await;
    id_of(BENT)
}

/// A document of one change, as the server would store it.
fn stored(n: u8, title: &str, value: ScalarValue) -> Batch {
    let mut document = Automerge::new();
    let write =
        |tx: &mut Transaction<'_>| tx.put(ROOT, "title", title).and_then(|()| tx.put(ROOT, "n", value));
    document.transact::<_, _, AutomergeError>(write).unwrap();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let manifest = Manifest {
        heads: document.get_heads(),
        changes: 1,
        bytes: 0,
        kind: None,
        title: Some(title.to_owned()),
        created_at: now,
        changed_at: now,
        lifecycle: Lifecycle::Live,
        access: Arc::default(),
    };
    let chunk = Chunk::new(ChunkKind::Snapshot, document.save_nocompress().into());
    Batch { document: id_of(n), put: vec![chunk], delete: Vec::new(), manifest }
}

fn id_of(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

/// The bent one is among them, and nobody but its neighbours.
fn are_together<'a>(found: impl Iterator<Item = &'a str>) {
    let found: Vec<_> = found.collect();
    let neighbours = TOGETHER.map(|n| id_of(n).to_string());
    assert!(found.contains(&neighbours[1].as_str()), "{found:?}");
    assert!(found.iter().all(|id| neighbours.iter().any(|other| other == id)), "{found:?}");
}

/// Others are written. An id that falls beside the one that is bent is refused (ST40), of a hundred one; the next one is another.
async fn one_more(server: &Server) {
    let mut made = server.post("/api/docs", &json!({ "title": "Later" })).await.unwrap();
    if made.status == 503 {
        made = server.post("/api/docs", &json!({ "title": "Later" })).await.unwrap();
    }
    assert_eq!(made.status, 201, "{}", made.text());
}

/// A store that nobody has open, with one document that is bent. Where that lies in the part of the log that is read at the start, sled ends
/// the log there, and the store is rightly not opened: another one is made then.
async fn with_one_bent() -> (TempDir, DocumentId) {
    for _ in 0..MADE_MAX {
        let folder = tempfile::tempdir().unwrap();
        let bent = small_and_long_ones(folder.path()).await;
        bend(folder.path(), &bent).await;
        match SledStore::open(folder.path(), Floor::Bytes(0)) {
            Ok(store) => {
                store.close().await;
                return (folder, bent);
            }
            Err(OpenError::Corrupt { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("in {MADE_MAX} stores the document to bend lay in what is read at the start")
}

/// Exchanges a bit in the middle of the largest chunk of a document, wherever that lies in the log.
async fn bend(dir: &Path, document: &DocumentId) {
    let store = SledStore::open(dir, Floor::Bytes(0)).unwrap();
    let chunks = store.load(document).await.unwrap().unwrap().chunks;
    store.close().await;
    let largest = chunks.iter().max_by_key(|chunk| chunk.bytes().len()).unwrap().bytes();
    let wanted = &largest[largest.len() / 2..][..16];
    let log = std::fs::read(dir.join("db")).unwrap();
    let places = (0..log.len() - 16).filter(|&at| &log[at..at + 16] == wanted);
    let file = std::fs::File::options().write(true).open(dir.join("db")).unwrap();
    for at in places {
        file.write_all_at(&[log[at] ^ 1], at as u64).unwrap();
    }
}

async fn storage_id(dir: &Path) -> Vec<u8> {
    let store = SledStore::open(dir, Floor::Bytes(0)).unwrap();
    let id = store.record(Space::Server, "storage-id").await.unwrap().unwrap();
    store.close().await;
    id.to_vec()
}

async fn stop(mut server: Server) {
    server.terminate().await.unwrap();
}

fn dovetail(arguments: &[&str]) -> Output {
    Command::new(binary().unwrap()).args(arguments).output().unwrap()
}

fn code(problem: &Value) -> &str {
    problem["code"].as_str().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
