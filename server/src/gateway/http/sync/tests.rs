//! Sync over HTTP as a caller sees it.

use super::*;
use crate::clock::Clock;
use crate::config::{Config, Given, Source};
use crate::server::Server;
use crate::store::MemoryStore;
use automerge::legacy::{Key, OpId};
use automerge::sync::{State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ROOT};
use bytes::Bytes;
use dovetail_core::id::DocumentId;
use dovetail_core::wire::{Join, Message, PeerMetadata, Sync, SyncKind};
use serde_json::Value;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::Response as Answer;
use warp::test::RequestBuilder;

/// The server is kept: one that is gone counts as stopping.
struct Doors {
    server: Server,
    routes: BoxedFilter<(Response,)>,
}

impl Doors {
    async fn open() -> Self {
        let server =
            Server::on(Config::built_in(), Arc::new(MemoryStore::new()), Clock::System).await.unwrap();
        Self { routes: server.gateway().routes(), server }
    }

    async fn ask(&self, request: RequestBuilder) -> Answer<Bytes> {
        request.reply(&self.routes).await
    }

    async fn session(&self) -> String {
        let opened = self.ask(request("POST", "/api/realtime/sync")).await;
        assert_eq!(opened.status(), 201);
        opened.headers()["location"].to_str().unwrap().to_owned()
    }
}

fn request(method: &str, path: &str) -> RequestBuilder {
    warp::test::request().method(method).path(path)
}

fn post(path: &str, seq: &str, body: Bytes) -> RequestBuilder {
    request("POST", path).header("dovetail-seq", seq).header("content-type", CBOR_SEQUENCE).body(body)
}

fn join() -> Bytes {
    let message = Message::Join(Join {
        sender: "ana".parse().unwrap(),
        metadata: PeerMetadata { storage_id: None, is_ephemeral: Some(true), dovetail: None },
        versions: vec!["1".to_owned()],
    });
    message.encode().into()
}

fn json(answer: &Answer<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn number(answer: &Answer<Bytes>, header: &str) -> u64 {
    answer.headers()[header].to_str().unwrap().parse().unwrap()
}

/// SH2: a session says its bounds when it is opened.
#[tokio::test]
async fn sh2_a_session_says_its_bounds() {
    let doors = Doors::open().await;
    let opened = doors.ask(request("POST", "/api/realtime/sync")).await;
    assert_eq!(opened.headers()["cache-control"], "no-store");
    let said = json(&opened);
    let token = said["session"].as_str().unwrap();
    assert_eq!(token.len(), 32);
    assert_eq!(opened.headers()["location"], format!("/api/realtime/sync/{token}"));
    assert_eq!(said["poll_ms"], 20_000, "the longest poll fits between two pings");
    for bound in ["join_ms", "silence_ms", "body_bytes_max", "frame_bytes_max", "frames_max"] {
        assert!(said[bound].as_u64().is_some_and(|bound| bound > 0), "{bound}");
    }
}

/// SH4, SH6: a small exchange takes one request: a post with `after` brings its answer back, and its
/// repetition does too.
#[tokio::test]
async fn sh6_a_post_that_asks_brings_its_answer() {
    let doors = Doors::open().await;
    let path = doors.session().await;
    let asking = format!("{path}?after=0&wait=5s");
    let answer = doors.ask(post(&asking, "1", join())).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], CBOR_SEQUENCE);
    assert_eq!((number(&answer, "dovetail-after"), number(&answer, "dovetail-cursor")), (0, 1));
    assert_eq!(number(&answer, "dovetail-seq"), 1);
    assert_eq!(wire::decode(answer.body()).unwrap().kind().to_string(), "peer");
    let again = doors.ask(post(&asking, "1", join())).await;
    assert_eq!(again.body(), answer.body());

    let silent = doors.ask(post(&path, "2", Bytes::new())).await;
    assert_eq!(silent.status(), 204, "an empty post, and no word of frames");
    let polled = doors.ask(request("GET", &format!("{path}?after=1&wait=10ms"))).await;
    assert_eq!(polled.status(), 204);
    assert_eq!((number(&polled, "dovetail-after"), number(&polled, "dovetail-cursor")), (1, 1));
}

/// SH3, SH4, SH5, SH7: what a client may do wrong, and what it is told; the session goes on.
#[tokio::test]
async fn sh4_mistakes_are_told_and_the_session_goes_on() {
    let doors = Doors::open().await;
    let path = doors.session().await;
    let long = format!("{path}?wait=soon");
    let odd = format!("{path}?since=1");
    let ahead = format!("{path}?after=9");
    let unnamed = request("POST", &path).header("content-type", CBOR_SEQUENCE).body(join());
    let form =
        request("POST", &path).header("dovetail-seq", "1").header("content-type", "text/plain").body("x");
    let cases = [
        (unnamed, 400, "bad_parameter"),
        (post(&path, "0", join()), 400, "bad_parameter"),
        (post(&path, "one", join()), 400, "bad_parameter"),
        (form, 415, "unsupported_media_type"),
        (post(&path, "1", Bytes::from_static(b"\xa1\x61")), 400, "bad_frames"),
        (post(&path, "1", join().slice(..9)), 400, "bad_frames"),
        (post(&path, "2", join()), 409, "sequence_gap"),
        (request("GET", &long), 400, "bad_parameter"),
        (request("GET", &odd), 400, "bad_parameter"),
        (request("GET", &ahead), 409, "bad_cursor"),
        (request("PUT", &path), 405, "method_not_allowed"),
        (request("GET", "/api/realtime/sync"), 405, "method_not_allowed"),
        (request("GET", "/api/realtime/sync/0123"), 404, "session_not_found"),
    ];
    for (n, (request, status, code)) in cases.into_iter().enumerate() {
        let answer = doors.ask(request).await;
        assert_eq!(
            (answer.status().as_u16(), json(&answer)["code"].as_str()),
            (status, Some(code)),
            "case {n}"
        );
    }
    assert_eq!(doors.ask(post(&path, "1", join())).await.status(), 204);
}

/// OP38: a session that ends at our wish is counted by the code that it was told.
#[tokio::test]
async fn op38_ended_sessions_are_counted() {
    let doors = Doors::open().await;
    let path = doors.session().await;
    doors.ask(post(&path, "1", Bytes::from_static(b"\xa1\x61a\x01"))).await;
    let last = doors.ask(request("GET", &path)).await;
    let after = format!("{path}?after={}", number(&last, "dovetail-cursor"));
    let reason = json(&doors.ask(request("GET", &after)).await)["reason"].clone();
    let figures = crate::metrics::Metrics::of_process().render();
    let line = format!("dovetail_sessions_ended_total{{code=\"{}\"}} ", reason["code"].as_str().unwrap());
    assert!(figures.contains(&line), "{line} in {figures}");
}

/// SH7: an ended session says why.
#[tokio::test]
async fn sh7_an_ended_session_says_why() {
    let doors = Doors::open().await;
    let path = doors.session().await;
    assert_eq!(doors.ask(request("DELETE", &path)).await.status(), 204);
    let ended = doors.ask(request("GET", &path)).await;
    assert_eq!(ended.status(), 410);
    let problem = json(&ended);
    assert_eq!(problem["code"], "session_ended");
    let reason = &problem["reason"];
    assert_eq!((reason["code"].as_str(), reason["close_code"].as_u64()), (Some("left"), Some(1000)));
    assert_eq!(reason["try_again"], false);

    let path = doors.session().await;
    doors.ask(post(&path, "1", Bytes::from_static(b"\xa1\x61a\x01"))).await;
    let last = doors.ask(request("GET", &path)).await;
    assert_eq!(wire::decode(last.body()).unwrap().kind().to_string(), "error");
    let after = format!("{path}?after={}", number(&last, "dovetail-cursor"));
    let reason = json(&doors.ask(request("GET", &after)).await)["reason"].clone();
    assert_eq!((reason["code"].as_str(), reason["close_code"].as_u64()), (Some("missing_field"), Some(1007)));
}

/// SH10: a server that stops opens no session and ends those there are, with a word to come again.
#[tokio::test]
async fn sh10_a_server_that_stops_opens_none() {
    let doors = Doors::open().await;
    let path = doors.session().await;
    doors.ask(post(&path, "1", join())).await;
    let gateway = doors.server.gateway().clone();
    gateway.hub.end_sessions();
    let after = format!("{path}?after=1");
    let ended = json(&doors.ask(request("GET", &after)).await);
    assert_eq!(
        (ended["reason"]["code"].as_str(), ended["reason"]["try_again"].as_bool()),
        (Some("restart"), Some(true))
    );
}

/// A change that passes the gate, and over which Automerge panics when it is to give it out again: it writes to one key, and says
/// that it replaces what is under another.
fn poison(document: &Automerge) -> Vec<u8> {
    let mut doc = document.fork().with_actor(ActorId::from([66; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "n", 2)).unwrap();
    let mut change = doc.get_changes(&before).pop().unwrap().decode();
    let maker = document.get_changes(&[])[0].actor_id().clone();
    change.operations[0].pred = vec![OpId::new(1, &maker)].into();
    change.operations[0].key = Key::Map("nowhere".into());
    automerge::Change::from(change).raw_bytes().to_vec()
}

/// Behind a proxy that is trusted, on a clock that stands.
struct Street {
    doors: Doors,
    document: DocumentId,
    poison: Bytes,
}

impl Street {
    async fn open() -> Self {
        let source = Source::Flag { flag: "--test".to_owned() };
        let given = Given { name: "trusted_proxies", text: "10.0.0.0/8".to_owned(), source };
        let config = Config::assemble([given]).unwrap();
        let clock = Clock::standing(dovetail_core::time::Timestamp::from_millis(1_800_000_000_000));
        let server = Server::on(config, Arc::new(MemoryStore::new()), clock).await.unwrap();
        let doors = Doors { routes: server.gateway().routes(), server };
        let made = doors.ask(request("POST", "/api/docs").json(&serde_json::json!({"n": 1}))).await;
        let document: DocumentId = json(&made)["id"].as_str().unwrap().parse().unwrap();
        let saved = doors.ask(request("GET", &format!("/api/docs/{document}/automerge"))).await;
        let stored = Automerge::load(saved.body()).unwrap();
        let mut message = stored.generate_sync_message(&mut State::new()).unwrap();
        message.flags = None;
        message.changes = vec![poison(&stored)].into();
        let (sender, data) = ("ana".parse().unwrap(), message.encode());
        let (kind, target) = (SyncKind::Sync, None);
        let sync = Sync { kind, sender, target, document: document.clone(), data: data.into() };
        Self { doors, document, poison: Message::Sync(sync).encode().into() }
    }

    /// Somebody from there, as the proxy says.
    async fn ask(&self, from: &str, request: RequestBuilder) -> Answer<Bytes> {
        let visitor = crate::gateway::accept::Visitor::of_test();
        self.doors.ask(request.header("x-forwarded-for", from).extension(visitor)).await
    }

    /// Somebody from there brings the change. Gives why their session ended.
    async fn panics(&self, from: &str) -> Value {
        let opened = self.ask(from, request("POST", "/api/realtime/sync")).await;
        assert_eq!(opened.status(), 201, "{opened:?}");
        let path = opened.headers()["location"].to_str().unwrap().to_owned();
        let frames = [&join()[..], &self.poison].concat();
        self.ask(from, post(&path, "1", frames.into())).await;
        let mut after = 0;
        loop {
            let answer = self.ask(from, request("GET", &format!("{path}?after={after}&wait=20s"))).await;
            if answer.status() == 410 {
                return json(&answer)["reason"].clone();
            }
            after = number(&answer, "dovetail-cursor");
        }
    }
}

/// SE30, SE31: over whose change Automerge panics, their session ends with `invalid_change`. The second time within a minute
/// nobody is let in from that address, which is the one that trusted proxies tell; everybody else goes on.
#[tokio::test]
async fn se31_the_second_panic_bans_the_address() {
    let street = Street::open().await;
    let (mal, ana) = ("203.0.113.9", "203.0.113.10");
    let list = || request("GET", "/api/docs");
    for n in 0..2 {
        assert_eq!(street.ask(mal, list()).await.status(), 200, "{n}");
        let reason = street.panics(mal).await;
        assert_eq!((&reason["code"], &reason["close_code"]), (&"invalid_change".into(), &1008.into()));
        assert!(!reason["detail"].as_str().unwrap().contains("panic"), "{reason}");
    }
    let opens = || request("POST", "/api/realtime/sync");
    for banned in [list(), opens(), request("GET", "/sync"), request("GET", "/api/realtime?userId=x")] {
        let answer = street.ask(mal, banned).await;
        assert_eq!((answer.status().as_u16(), json(&answer)["code"].as_str()), (429, Some("address_banned")));
        assert_eq!(number(&answer, "retry-after"), 600);
    }
    // Others go on, and with the document as well.
    assert_eq!(street.ask(ana, opens()).await.status(), 201);
    let shown = street.ask(ana, request("GET", &format!("/api/docs/{}", street.document))).await;
    assert_eq!(json(&shown), serde_json::json!({"n": 1}));

    let gateway = street.doors.server.gateway();
    gateway.clock.advance(Duration::from_secs(600));
    assert_eq!(street.ask(mal, list()).await.status(), 200, "it ends by itself");
    let figures = gateway.metrics.render();
    for name in [crate::metrics::PANICS, crate::metrics::ADDRESSES_BANNED] {
        assert!(figures.contains(name), "{name}");
    }
    let log = json(&street.ask(ana, request("GET", "/api/admin/audit?limit=50")).await);
    let lines: Vec<_> = log["entries"].as_array().into_iter().flatten().collect();
    let has = |code: &str| lines.iter().any(|line| line["code"] == code && line["address"] == mal);
    assert!(has("invalid_change") && has("address_banned"), "{log}");
}
