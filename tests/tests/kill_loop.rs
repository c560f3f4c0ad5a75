//! P2 under SIGKILL: clients write to the real server over sync and over HTTP and note what it acknowledged; at a random moment
//! it is killed, and sometimes again while it starts; after each restart all of that is there, in documents that open.
//!
//! Meanwhile the server folds documents: they grow by hundreds of changes in a round. And it lets go of those that nobody reads fifty
//! times a second, folded before where that is worth it, so that they are loaded again by whoever comes next.
//!
//! `DOVETAIL_KILL_ROUNDS`: how many rounds, for as long as they take (`cargo xtask soak`); `DOVETAIL_KILL_SEED`: which. The seed decides what is written and when the server
//! dies; what that meets inside is for the machine to say, so a seed that failed may pass at its next run. SIGKILL leaves the
//! page cache alone: that a commit reaches the disk itself is not shown here.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::Transactable;
use automerge::{Automerge, ChangeHash, ROOT, ReadDoc};
use dovetail_core::document::chunk::ChunkKind;
use dovetail_core::id::DocumentId;
use dovetail_server::store::{Floor, SledStore, Store};
use dovetail_tests::{Client, ClientError, Server, Setup, http, new_document_id};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// As many as a test run has the time for: two seconds each.
const ROUNDS: usize = 50;

/// A machine that is too slow for all of them does fewer, and says so.
const ROUNDS_WITHIN: Duration = Duration::from_secs(240);

/// Who writes over sync at one time, and who over HTTP.
const EDITORS: usize = 4;
const POSTERS: usize = 2;

/// Documents that are written to at one time.
const DOCUMENTS: usize = 6;

/// A document with more changes is left behind, and another begun: to read it after each round takes ever longer.
const GROWN: usize = 1_000;

/// The server dies within this after the first writes.
const LIVES_MS: Range<u64> = 10..1_200;

/// A start that dies does so within this. In a test build it takes 50 to 200 ms.
const STARTS_MS: Range<u64> = 0..250;

/// So many starts die before one that does not, at the most.
const STARTS_THAT_DIE_MAX: usize = 2;

/// Documents of one editor: few, so that some are read by nobody.
const DOCUMENTS_OF_ONE: usize = 2;

/// More changes at once than the server leaves unfolded.
const LARGE_BURST: usize = 300;

/// How long anything may take that is certain to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server said that it has.
#[derive(Default)]
struct Ledger {
    /// Changes, by document.
    changes: BTreeMap<DocumentId, BTreeSet<ChangeHash>>,
    /// Members of the root that a request was answered for, with what was put there.
    members: BTreeMap<DocumentId, BTreeMap<String, u64>>,
}

impl Ledger {
    fn add(&mut self, other: Ledger) {
        for (id, hashes) in other.changes {
            self.changes.entry(id).or_default().extend(hashes);
        }
        for (id, members) in other.members {
            self.members.entry(id).or_default().extend(members);
        }
    }

    fn entries(&self) -> usize {
        let changes: usize = self.changes.values().map(BTreeSet::len).sum();
        changes + self.members.values().map(BTreeMap::len).sum::<usize>()
    }

    fn documents(&self) -> BTreeSet<DocumentId> {
        self.changes.keys().chain(self.members.keys()).cloned().collect()
    }
}

/// ST23: after SIGKILL at whatever moment everything that was acknowledged is there, and every document opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st23_what_was_acknowledged_outlives_a_kill() {
    let began = Instant::now();
    let wanted = set("DOVETAIL_KILL_ROUNDS");
    let rounds = wanted.map_or(ROUNDS, |rounds| rounds as usize);
    let seed = set("DOVETAIL_KILL_SEED").unwrap_or_else(any_seed);
    println!("DOVETAIL_KILL_SEED={seed} DOVETAIL_KILL_ROUNDS={rounds}");
    let mut dice = Rng::with_seed(seed);
    let mut server = Setup::default().arg("--document-idle=1ms").start().await.unwrap();
    let mut ledger = Ledger::default();
    let mut documents: Vec<DocumentId> = (0..DOCUMENTS).map(|_| new_document_id()).collect();
    for round in 1..=rounds {
        let before = ledger.entries();
        let writing = write(&server, &documents, &mut dice);
        sleep(Duration::from_millis(dice.u64(LIVES_MS))).await;
        server.kill().await.unwrap();
        ledger.add(ended(writing).await);
        for _ in 0..dice.usize(..=STARTS_THAT_DIE_MAX) {
            server.die_starting(Duration::from_millis(dice.u64(STARTS_MS))).await.unwrap();
        }
        server.restart().await.unwrap();
        let is_over = round == rounds || wanted.is_none() && began.elapsed() > ROUNDS_WITHIN;
        let touched = if is_over { ledger.documents() } else { documents.iter().cloned().collect() };
        let losses = losses(&server, &ledger, touched).await;
        assert!(losses.is_empty(), "seed {seed}, round {round}: {losses:#?}\n{}", server.said());
        println!("round {round}: {} acknowledged, {} in all", ledger.entries() - before, ledger.entries());
        if is_over {
            println!("{round} of {rounds} rounds in {:?}", began.elapsed());
            break;
        }
        for document in &mut documents {
            if ledger.changes.get(document).is_some_and(|changes| changes.len() > GROWN) {
                *document = new_document_id();
            }
        }
    }
    assert!(ledger.entries() > rounds, "almost nothing was acknowledged: {}", ledger.entries());
    server.terminate().await.unwrap();
    assert!(folded(server.data_dir()).await > 0, "seed {seed}: no document was folded");
}

/// How many documents in this directory have a snapshot.
async fn folded(directory: &Path) -> usize {
    let store = SledStore::open(directory, Floor::Bytes(0)).unwrap();
    let mut folded = 0;
    for (id, _) in store.list(None, usize::MAX).await.unwrap() {
        let stored = store.load(&id).await.unwrap().unwrap();
        folded += usize::from(stored.chunks.iter().any(|chunk| chunk.key().kind == ChunkKind::Snapshot));
    }
    store.close().await;
    folded
}

fn write(server: &Server, documents: &[DocumentId], dice: &mut Rng) -> JoinSet<Ledger> {
    let mut writing = JoinSet::new();
    for at in 0..EDITORS {
        let editor = Editor {
            url: if dice.u8(..4) == 0 { server.http_sync_url() } else { server.ws_url() },
            name: format!("editor-{at}-{}", dice.u64(..)),
            documents: dice.choose_multiple(documents.iter().cloned(), DOCUMENTS_OF_ONE),
            dice: dice.fork(),
        };
        writing.spawn(editor.run());
    }
    for _ in 0..POSTERS {
        writing.spawn(post(server.address(), documents.to_vec(), dice.fork()));
    }
    writing
}

async fn ended(mut writing: JoinSet<Ledger>) -> Ledger {
    let mut ledger = Ledger::default();
    while let Some(noted) = timeout(PATIENCE, writing.join_next()).await.expect("the server is gone") {
        ledger.add(noted.unwrap());
    }
    ledger
}

/// Somebody who edits over sync, with and without a look at the answers, until the connection breaks.
struct Editor {
    url: String,
    name: String,
    documents: Vec<DocumentId>,
    dice: Rng,
}

impl Editor {
    async fn run(mut self) -> Ledger {
        let mut client = Client::offline(&self.name, None);
        // It ends in an error: the server dies.
        let _ = self.edit_on(&mut client).await;
        let mut ledger = Ledger::default();
        for id in &self.documents {
            let heads = client.server_heads(id).unwrap_or_default();
            ledger.changes.insert(id.clone(), changes_up_to(client.document(id), heads));
        }
        ledger
    }

    async fn edit_on(&mut self, client: &mut Client) -> Result<(), ClientError> {
        for id in &self.documents {
            client.open(id).await?;
        }
        client.reconnect(&self.url).await?;
        loop {
            let id = self.documents[self.dice.usize(..self.documents.len())].clone();
            let burst = if self.dice.u8(..16) == 0 { LARGE_BURST } else { self.dice.usize(1..10) };
            for _ in 0..burst {
                let (key, value) = (format!("{:x}", self.dice.u64(..)), self.dice.u64(..) >> 12);
                client.edit(&id, |tx| tx.put(ROOT, key, value)).await?;
            }
            match self.dice.u8(..4) {
                0 => client.idle(Duration::from_millis(1)).await?,
                _ => client.settle(&id, PATIENCE).await?,
            }
        }
    }
}

/// All changes of a document that these heads have before them, and themselves; none where it does not have the heads.
fn changes_up_to(document: &Automerge, heads: &[ChangeHash]) -> BTreeSet<ChangeHash> {
    if heads.iter().any(|head| document.get_change_by_hash(head).is_none()) {
        return BTreeSet::new();
    }
    let beyond: BTreeSet<_> = document.get_changes(heads).iter().map(|change| change.hash()).collect();
    document
        .get_changes(&[])
        .iter()
        .map(|change| change.hash())
        .filter(|hash| !beyond.contains(hash))
        .collect()
}

/// Somebody who patches over HTTP on top of the state that they saw last, until nobody answers.
async fn post(address: SocketAddr, documents: Vec<DocumentId>, mut dice: Rng) -> Ledger {
    let mut ledger = Ledger::default();
    let mut seen: BTreeMap<DocumentId, String> = BTreeMap::new();
    loop {
        let id = &documents[dice.usize(..documents.len())];
        let (key, value) = (format!("{:x}", dice.u64(..)), dice.u64(..) >> 12);
        let (path, patch) = (format!("/api/docs/{id}"), json!({ &key: value }).to_string());
        let mut headers = vec![("content-type", "application/merge-patch+json")];
        headers.extend(seen.get(id).map(|heads| ("dovetail-base", heads.as_str())));
        let Ok(answer) = http::request(address, "PATCH", &path, &headers, patch.as_bytes()).await else {
            return ledger;
        };
        match answer.status {
            200 => drop(ledger.members.entry(id.clone()).or_default().insert(key, value)),
            // It says which state there is.
            428 => {}
            // Nobody has made it yet.
            404 => {
                sleep(Duration::from_millis(5)).await;
                continue;
            }
            status => panic!("{status}: {}", answer.text()),
        }
        let answer = answer.json();
        let heads = answer["heads"].as_array().unwrap().iter().filter_map(Value::as_str);
        seen.insert(id.clone(), heads.collect::<Vec<_>>().join(","));
    }
}

/// What of these documents was acknowledged and is not there, read by somebody who has nothing.
async fn losses(server: &Server, ledger: &Ledger, documents: BTreeSet<DocumentId>) -> Vec<String> {
    let mut reader = Client::connect(&server.ws_url(), "reader", None).await.unwrap();
    let mut losses = Vec::new();
    for id in documents {
        let changes = ledger.changes.get(&id).cloned().unwrap_or_default();
        let members = ledger.members.get(&id).cloned().unwrap_or_default();
        if changes.is_empty() && members.is_empty() {
            continue;
        }
        reader.open(&id).await.unwrap();
        let came = |reader: &Client| reader.is_acknowledged(&id) || reader.unavailable(&id);
        reader.wait_for("the document", PATIENCE, came).await.unwrap();
        let document = reader.document(&id);
        let missing = changes.iter().filter(|hash| document.get_change_by_hash(hash).is_none()).count();
        if missing > 0 {
            losses.push(format!("{missing} of {} changes of {id}", changes.len()));
        }
        let content = server.get(&format!("/api/docs/{id}")).await.unwrap();
        let content: Value = if content.status == 200 { content.json() } else { Value::Null };
        let missing = members.iter().filter(|(key, value)| content[key.as_str()] != json!(value)).count();
        if missing > 0 {
            losses.push(format!("{missing} of {} members of {id}", members.len()));
        }
    }
    losses
}

fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    // Short enough to be typed.
    u64::from(now.subsec_nanos()) ^ now.as_secs() & 0xffff
}
