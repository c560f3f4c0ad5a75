//! P2, seen from outside: as long as a commit has not succeeded, nobody hears that it has, by whatever way they could; and when
//! it fails, everybody goes on with what is stored.
//!
//! The whole server runs in this process, over a store whose commits are held back and failed. Those who listen do so all the
//! time, and what they hear is noted with whether the commit was still held back then: so a word that comes too early is found
//! whenever it comes.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT, ReadDoc};
use dovetail_core::id::DocumentId;
use dovetail_server::clock::Clock;
use dovetail_server::config::{Config, Given, Source};
use dovetail_server::server::Server;
use dovetail_server::store::MemoryStore;
use dovetail_server::store::faulty::{Commits, FaultyStore};
use dovetail_tests::http::{self, Response};
use dovetail_tests::{Client, ClientError, EventReader, JsonDocument, Talk, TalkError};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// How long anything may take that is certain to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// While a commit is held back the server answers so many other requests: in any of them what was said too early would have come.
const CHANCES: usize = 10;

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

/// Figures are of the process: one server at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The server in this process, and its store.
struct World {
    address: SocketAddr,
    store: Arc<FaultyStore>,
    heard: Arc<Heard>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

/// What those who listen have heard.
#[derive(Default)]
struct Heard {
    is_held: AtomicBool,
    words: Mutex<Vec<Word>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Word {
    by: &'static str,
    of: String,
    too_early: bool,
}

impl Heard {
    fn note(&self, by: &'static str, of: &str) {
        let word = Word { by, of: of.to_owned(), too_early: self.is_held.load(Ordering::SeqCst) };
        let mut words = self.words.lock().unwrap();
        if !words.contains(&word) {
            words.push(word);
        }
    }

    fn of(&self, of: &str) -> Vec<Word> {
        self.words.lock().unwrap().iter().filter(|word| word.of == of).cloned().collect()
    }
}

impl World {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let given = |name, text: &str| Given { name, text: text.into(), source: Source::Default };
        let settings = [given("listen", &address.to_string()), given("drain_timeout", "100ms")];
        let store = FaultyStore::over(Arc::new(MemoryStore::new()));
        let config = Config::assemble(settings).unwrap();
        let server = Server::on(config, store.clone(), Clock::System).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(listener, async { drop(stopped.await) }));
        Self { address, store, heard: Arc::default(), stop, running }
    }

    async fn end(self) {
        drop(self.stop);
        self.running.await.unwrap();
    }

    fn url(&self) -> String {
        format!("ws://{}/sync", self.address)
    }

    async fn request(&self, method: &str, path: &str, kind: &str, body: &Value) -> Response {
        request(self.address, method, path, kind, body).await
    }

    async fn get(&self, path: &str) -> Response {
        http::request(self.address, "GET", path, &[], b"").await.unwrap()
    }

    async fn made(&self, content: &Value) -> DocumentId {
        let answer = self.request("POST", "/api/docs", JSON, content).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().parse().unwrap()
    }

    fn hold(&self) {
        self.heard.is_held.store(true, Ordering::SeqCst);
        self.store.commits(Commits::Wait);
    }

    fn let_go(&self) {
        self.heard.is_held.store(false, Ordering::SeqCst);
        self.store.commits(Commits::Succeed);
    }

    /// How many changes the server says that it has stored.
    async fn commits(&self) -> String {
        let metrics = self.get("/metrics").await.text();
        metrics.lines().find(|line| line.starts_with("dovetail_store_commits_total")).unwrap().to_owned()
    }

    /// The server answers everybody who does not have to wait for the disk.
    async fn everybody_has_a_chance(&self) {
        for _ in 0..CHANCES {
            assert_eq!(self.get("/health").await.status, 200);
            assert_eq!(self.get("/api/docs").await.status, 200);
        }
    }

    /// Holds back what `writing` writes; nobody hears of it before it is let go, and then `writing` ends well.
    async fn nothing_leaves_early<W: Future<Output = ()> + Send + 'static>(&self, of: &str, writing: W) {
        let before = self.commits().await;
        self.hold();
        let writing = tokio::spawn(writing);
        eventually(of, || self.store.waiting() > 0).await;
        self.everybody_has_a_chance().await;
        assert_eq!(self.commits().await, before, "{of} counts as stored");
        assert!(!writing.is_finished(), "{of} was answered");
        assert_eq!(self.heard.of(of), [], "somebody heard of {of}");
        self.let_go();
        writing.await.unwrap();
    }

    /// Bo, who syncs, and those who follow the document as JSON. Each tells of the keys of the root that come.
    async fn listened_to(&self, id: &DocumentId) -> Vec<JoinHandle<()>> {
        let mut bo = Client::connect(&self.url(), "bo", None).await.unwrap();
        bo.open(id).await.unwrap();
        bo.settle(id, PATIENCE).await.unwrap();
        let events = EventReader::open(self.address, &id.to_string(), JsonDocument::default()).await.unwrap();
        let mut talk = Talk::open(self.address, "cleo").await.unwrap();
        talk.follow(&id.to_string()).await.unwrap();
        vec![
            tokio::spawn(syncs(bo, id.clone(), self.heard.clone())),
            tokio::spawn(reads_events(events, self.heard.clone())),
            tokio::spawn(talks(talk, id.to_string(), self.heard.clone())),
        ]
    }

    async fn all_heard_of(&self, key: &str) {
        for by in ["fan-out", "event", "patch"] {
            let word = Word { by, of: key.to_owned(), too_early: false };
            eventually(&format!("{by} of {key}"), || self.heard.of(key).contains(&word)).await;
        }
        let words = self.heard.of(key);
        assert!(words.iter().all(|word| !word.too_early), "{words:?}");
    }
}

async fn syncs(mut bo: Client, id: DocumentId, heard: Arc<Heard>) {
    while bo.step().await.is_ok() {
        keys(bo.document(&id)).iter().for_each(|key| heard.note("fan-out", key));
    }
}

async fn reads_events(mut events: EventReader, heard: Arc<Heard>) {
    while let Ok(Some(_)) = events.next().await {
        note_members(&events.document, "event", &heard);
    }
}

async fn talks(mut talk: Talk, id: String, heard: Arc<Heard>) {
    while talk.hear().await.is_ok() {
        note_members(&talk.documents[&id], "patch", &heard);
    }
}

fn note_members(document: &JsonDocument, by: &'static str, heard: &Heard) {
    let members = document.value.as_object().into_iter().flatten();
    members.for_each(|(key, _)| heard.note(by, key));
}

fn keys(document: &Automerge) -> Vec<String> {
    document.keys(ROOT).collect()
}

async fn request(address: SocketAddr, method: &str, path: &str, kind: &str, body: &Value) -> Response {
    let body = body.to_string();
    let headers = [("content-type", kind), ("if-match", "*")];
    // Nothing was there before, and nobody else writes: whatever it says is replaced.
    let headers = if path.starts_with("/api/rules") || kind == MERGE { &headers[..] } else { &headers[..1] };
    http::request(address, method, path, headers, body.as_bytes()).await.unwrap()
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(1)).await;
    }
}

/// What somebody writes who waits for a good answer.
fn asks(
    world: &World,
    method: &'static str,
    path: String,
    kind: &'static str,
    body: Value,
) -> impl Future<Output = ()> + use<> {
    let address = world.address;
    async move {
        let answer = request(address, method, &path, kind, &body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
    }
}

/// ST24: while a commit is under way no answer over sync, no fan-out, no event, no answer over HTTP or the JSON WebSocket and no figure tells of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st24_nobody_hears_of_a_change_before_it_is_stored() {
    let _alone = ALONE.lock().await;
    let world = World::new().await;
    let id = world.made(&json!({"title": "Harbour"})).await;
    let listening = world.listened_to(&id).await;
    let (url, path) = (world.url(), format!("/api/docs/{id}"));

    let ana = {
        let (id, heard) = (id.clone(), world.heard.clone());
        async move {
            let mut ana = Client::connect(&url, "ana", None).await.unwrap();
            ana.open(&id).await.unwrap();
            ana.wait_for("the document", PATIENCE, |ana| !keys(ana.document(&id)).is_empty()).await.unwrap();
            ana.edit(&id, |tx| tx.put(ROOT, "synced", 1)).await.unwrap();
            ana.settle(&id, PATIENCE).await.unwrap();
            heard.note("reply", "synced");
        }
    };
    world.nothing_leaves_early("synced", Box::pin(ana)).await;
    world.all_heard_of("synced").await;

    world
        .nothing_leaves_early("patched", asks(&world, "PATCH", path.clone(), MERGE, json!({"patched": 1})))
        .await;
    world.all_heard_of("patched").await;

    let said = {
        let (address, id) = (world.address, id.to_string());
        async move {
            let mut dee = Talk::open(address, "dee").await.unwrap();
            dee.follow(&id).await.unwrap();
            let patch = json!([{"op": "add", "path": "/said", "value": 1}]);
            let edit =
                json!({"type": "edit", "documentId": &id, "base": dee.documents[&id].heads, "patch": patch});
            dee.say(&edit).await.unwrap();
            dee.hear_of("ack").await.unwrap();
        }
    };
    world.nothing_leaves_early("said", Box::pin(said)).await;
    world.all_heard_of("said").await;

    let series = world.made(&json!({"kind": "widget-data", "shape": "points"})).await;
    let points = json!([{"t": 1_790_000_000_000_u64, "v": 1}]);
    world
        .nothing_leaves_early(
            "points",
            asks(&world, "POST", format!("/api/docs/{series}/points"), JSON, points),
        )
        .await;

    let created = json!({"title": "Another"});
    world.nothing_leaves_early("created", asks(&world, "POST", "/api/docs".to_owned(), JSON, created)).await;
    let access = json!({"owner": null, "grants": [{"user": "bo", "role": "write"}]});
    world.nothing_leaves_early("access", asks(&world, "PUT", format!("{path}/access"), JSON, access)).await;
    let kinds = json!({"kinds": {"notes": [{"everyone": true, "role": "read"}]}});
    world.nothing_leaves_early("policy", asks(&world, "PUT", "/api/access".to_owned(), JSON, kinds)).await;
    let rules = json!({"kind": "dashboard", "rule": []});
    world
        .nothing_leaves_early("rules", asks(&world, "PUT", "/api/rules/dashboard".to_owned(), JSON, rules))
        .await;
    world.nothing_leaves_early("deleted", asks(&world, "DELETE", path.clone(), JSON, Value::Null)).await;
    assert_eq!(world.get(&path).await.status, 410);

    listening.iter().for_each(JoinHandle::abort);
    world.end().await;
}

/// ST26: when commits fail nobody was told, what is stored is served, writes are refused with the code that says why, `/ready` says so too, and all
/// of it ends with the fault, without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st26_failed_commits_are_told_and_heal() {
    let _alone = ALONE.lock().await;
    for (fault, code) in [(Commits::Fail, "store_unavailable"), (Commits::DiskLow, "disk_low")] {
        let world = World::new().await;
        let id = world.made(&json!({"title": "Harbour"})).await;
        let series = world.made(&json!({"kind": "widget-data", "shape": "points"})).await;
        let listening = world.listened_to(&id).await;
        let (path, id) = (format!("/api/docs/{id}"), &id);
        let mut ana = Client::connect(&world.url(), "ana", None).await.unwrap();
        ana.open(id).await.unwrap();
        ana.wait_for("the document", PATIENCE, |ana| !keys(ana.document(id)).is_empty()).await.unwrap();
        let before = world.commits().await;

        world.heard.is_held.store(true, Ordering::SeqCst);
        world.store.commits(fault);
        ana.edit(id, |tx| tx.put(ROOT, "kept", 1)).await.unwrap();
        let refused = ana.settle(id, PATIENCE).await.unwrap_err();
        assert!(matches!(&refused, ClientError::Refused(why) if why.contains(code)), "{code}: {refused:?}");
        is_refused(&world, id, &series, code).await;
        is_served(&world, id, &["title"]).await;
        assert_eq!(world.commits().await, before);
        assert_eq!(world.heard.of("kept"), []);

        world.let_go();
        assert_eq!(world.get("/ready").await.status, 200);
        ana.reconnect(&world.url()).await.unwrap();
        ana.settle(id, PATIENCE).await.unwrap();
        world.all_heard_of("kept").await;
        let answer = world.request("PATCH", &path, MERGE, &json!({"more": 1})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        is_served(&world, id, &["kept", "more", "title"]).await;
        listening.iter().for_each(JoinHandle::abort);
        world.end().await;
    }
}

async fn is_refused(world: &World, id: &DocumentId, series: &DocumentId, code: &str) {
    let path = format!("/api/docs/{id}");
    let writes = [
        ("PATCH", path.clone(), MERGE, json!({"lost": 1})),
        ("POST", "/api/docs".to_owned(), JSON, json!({"lost": 1})),
        ("POST", format!("/api/docs/{series}/points"), JSON, json!([{"t": 1_790_000_000_000_u64, "v": 1}])),
        ("PUT", format!("{path}/access"), JSON, json!({"owner": null, "grants": []})),
        ("PUT", "/api/access".to_owned(), JSON, json!({"kinds": {}})),
        ("PUT", "/api/rules/dashboard".to_owned(), JSON, json!({"kind": "dashboard", "rule": []})),
        ("DELETE", path, JSON, Value::Null),
    ];
    for (method, path, kind, body) in writes {
        let answer = world.request(method, &path, kind, &body).await;
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
        assert_eq!(answer.json()["code"], code, "{method} {path}");
        assert!(answer.header("retry-after").is_some(), "{method} {path}");
    }
    let refused = over_json_websocket(world, id).await.unwrap_err();
    assert!(matches!(&refused, TalkError::Odd(why) if why.contains(code)), "{code}: {refused:?}");
    let ready = world.get("/ready").await;
    assert_eq!((ready.status, &ready.json()["code"]), (503, &json!(code)));
    assert!(!ready.json()["reasons"].as_array().unwrap().is_empty());
    assert_eq!(world.get("/health").await.status, 200);
}

async fn over_json_websocket(world: &World, id: &DocumentId) -> Result<Value, TalkError> {
    let id = id.to_string();
    let mut dee = Talk::open(world.address, "dee").await?;
    dee.follow(&id).await?;
    let patch = json!([{"op": "add", "path": "/lost", "value": 1}]);
    let edit = json!({"type": "edit", "documentId": &id, "base": dee.documents[&id].heads, "patch": patch});
    dee.say(&edit).await?;
    dee.hear_of("ack").await
}

/// Somebody who has nothing gets what is stored, by every way.
async fn is_served(world: &World, id: &DocumentId, keys_stored: &[&str]) {
    let content = world.get(&format!("/api/docs/{id}")).await;
    assert_eq!(content.status, 200, "{}", content.text());
    let content = content.json();
    assert_eq!(content.as_object().unwrap().keys().collect::<Vec<_>>(), keys_stored);
    let mut reader = Client::connect(&world.url(), "reader", None).await.unwrap();
    reader.open(id).await.unwrap();
    reader.settle(id, PATIENCE).await.unwrap();
    assert_eq!(keys(reader.document(id)), keys_stored);
    let mut events =
        EventReader::open(world.address, &id.to_string(), JsonDocument::default()).await.unwrap();
    // What a feed knows already comes first, and then what has come since.
    while events.document.value != content {
        events.next().await.unwrap().unwrap();
    }
}
