//! HTTP bodies, through the real routes and without a socket.
//!
//! The property: every answer is one of ours and none says that something went wrong in the server, and a document that nobody
//! writes is byte for byte what it was.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use bytes::Bytes;
use dovetail_core::wire::SyncKind;
use dovetail_fuzz::trial::{Bound, Plan};
use dovetail_fuzz::{bend, corpus, house, json, talk};
use dovetail_server::clock::Clock;
use dovetail_server::config::Config;
use dovetail_server::server::Server;
use dovetail_server::store::MemoryStore;
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// Some ten seconds.
const RUNS: u64 = 4_000;

/// A body is JSON, then a value, then operations, then a document that is judged and stored. The rest is what the server
/// keeps meanwhile: answers to what may come twice, feeds of points, the store, which is in memory here.
const BOUND: Bound = Bound { bytes_each: 3_000, bytes_free: 32 << 20, within: Duration::from_secs(10) };

/// How long a server is used: documents that were bent for long are large.
const INPUTS_OF_ONE: u64 = 100;

/// A server and documents in it.
struct World {
    runtime: Runtime,
    routes: BoxedFilter<(Response,)>,
    server: Server,
    board: String,
    data: String,
    /// Whom nobody writes to.
    bystander: (String, Bytes),
}

/// A request to be bent: where to, what it calls itself, what is in it.
struct Form {
    method: &'static str,
    path: String,
    media_type: &'static str,
    body: Value,
}

impl World {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(async {
            let store = Arc::new(MemoryStore::new());
            Server::on(Config::built_in(), store, Clock::standing(house::NOW)).await.unwrap()
        });
        let routes = server.gateway().routes();
        let mut world = Self {
            runtime,
            routes,
            server,
            board: String::new(),
            data: String::new(),
            bystander: Default::default(),
        };
        world.board = world.made(&content());
        world.data =
            world.made(&json!({"kind": "widget-data", "points": [{"t": 1, "v": 2}], "text": "so far"}));
        let bystander =
            world.made(&json!({"kind": "dashboard", "title": "Mine", "note": "nobody writes here"}));
        let saved = world.ask("GET", &format!("/api/docs/{bystander}/automerge"), "", Bytes::new());
        world.bystander = (bystander, saved.1);
        world
    }

    fn made(&self, body: &Value) -> String {
        let (status, answer) = self.ask("POST", "/api/docs", "application/json", body.to_string().into());
        assert_eq!(status, 201);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    fn ask(&self, method: &str, path: &str, media_type: &str, body: Bytes) -> (u16, Bytes) {
        let mut request = warp::test::request().method(method).path(path);
        if !media_type.is_empty() {
            request = request.header("content-type", media_type).header("if-match", "*");
        }
        if path.contains("/realtime/") {
            request = request.header("dovetail-seq", "1");
        }
        let answer = self.runtime.block_on(request.body(body).reply(&self.routes));
        (answer.status().as_u16(), answer.into_body())
    }

    fn forms(&self) -> Vec<Form> {
        let Self { board, data, .. } = self;
        let form = |method, path: String, media_type, body| Form { method, path, media_type, body };
        let plain = |method, path: String, body| form(method, path, "application/json", body);
        let patch = json!([
            {"op": "test", "path": "/title", "value": "Sales"}, {"op": "add", "path": "/list/0", "value": {"id": "a", "x": 1}},
            {"op": "replace", "path": "/title", "value": "Other"}, {"op": "copy", "from": "/widgets", "path": "/copy"},
            {"op": "move", "from": "/list/1", "path": "/list/-"}, {"op": "remove", "path": "/deep/a"},
        ]);
        let rules = json!({"kind": "board", "rule": [
            {"id": "cap", "predicate": "range", "over": "widgets.*.layout.w", "max": 24, "message": "{found}", "proposals": ["clamp"]},
            {"id": "own", "predicate": "unique", "over": "widgets.*", "field": "title", "message": "{values}"},
        ]});
        let access = json!({"owner": "ana", "grants": [{"user": "bo", "role": "write", "paths": ["/mine"]}, {"group": "g", "role": "read"}]});
        vec![
            plain("POST", "/api/docs".to_owned(), more_content()),
            plain("POST", "/api/docs?import=grafana".to_owned(), corpus::grafana().pop().unwrap()),
            plain("PUT", format!("/api/docs/{board}"), more_content()),
            plain("PUT", format!("/api/docs/{board}?dry_run=1"), content()),
            form("PATCH", format!("/api/docs/{board}"), "application/json-patch+json", patch),
            form("PATCH", format!("/api/docs/{board}"), "application/merge-patch+json", more_content()),
            plain(
                "POST",
                format!("/api/docs/{data}/points"),
                json!([{"t": 5, "v": 1.5}, {"t": "2026-01-01T00:00:00Z", "v": 2}]),
            ),
            plain("POST", format!("/api/docs/{board}/restore"), json!({"version": "v", "heads": ["00"]})),
            plain("PUT", format!("/api/docs/{board}/versions/v"), json!({"by": "ana", "note": "n"})),
            plain("PUT", format!("/api/docs/{board}/access"), access.clone()),
            plain("PUT", "/api/access".to_owned(), json!({"kinds": {"board": access}, "blocked": ["mal"]})),
            plain("PUT", "/api/rules/board".to_owned(), rules.clone()),
            plain("POST", "/api/rules/board/dry-run".to_owned(), rules),
            plain("POST", format!("/api/docs/{board}/conflicts/x/waive"), json!({"reason": "r", "until": 5})),
            plain(
                "POST",
                format!("/api/docs/{board}/conflicts/x/settle"),
                json!({"proposal": 0, "by": "ana"}),
            ),
        ]
    }

    /// Frames for a session over HTTP.
    fn frames(&self, dice: &mut Rng, frames: &[Vec<u8>]) -> (u16, Vec<u8>, String) {
        let (status, opened) = self.ask("POST", "/api/realtime/sync", "", Bytes::new());
        let opened: Value = serde_json::from_slice(&opened).unwrap();
        let mut body = corpus::join(corpus::ATTACKER, dice.bool());
        for _ in 0..dice.u8(..4) {
            let (one, other) = (dice.usize(..frames.len()), dice.usize(..frames.len()));
            body.extend(talk::frame(dice, &frames[one], &frames[other]));
        }
        (
            status,
            body,
            format!("/api/realtime/sync/{}?after=0&wait=0", opened["session"].as_str().unwrap_or_default()),
        )
    }
}

fn content() -> Value {
    json!({
        "kind": "board", "title": "Sales", "list": [{"id": "a", "v": 1}, {"id": "b", "v": 2}, 3], "deep": {"a": {"b": [1, 2]}},
        "widgets": {"w1": {"title": "One", "layout": {"x": 0, "y": 0, "w": 6, "h": 4}}, "w2": {"title": "Two", "layout": {"x": 3, "y": 0, "w": 30, "h": 4}}},
    })
}

fn more_content() -> Value {
    let mut board = content();
    board["text"] = json!("a longer text, in which somebody writes");
    board["list"] = json!([{"id": "b", "v": 9}, {"id": "a", "v": 1}, 4, null]);
    board
}

/// WI64: whatever is in a body, it is taken or refused with a code, and nothing else is touched.
#[test]
fn wi64_bent_bodies_are_taken_or_refused() {
    let base = corpus::bases().remove(0);
    let frames: Vec<Vec<u8>> = corpus::sync_messages(&base)
        .into_iter()
        .map(|message| corpus::sync(corpus::ATTACKER, 1, SyncKind::Sync, &message.encode()))
        .chain(corpus::other_frames(corpus::ATTACKER))
        .collect();
    let mut world = World::new();
    let (mut taken, mut refused) = (0, 0);
    Plan::of("bodies", RUNS, BOUND).throw(|dice, trial| {
        if trial.number.is_multiple_of(INPUTS_OF_ONE) {
            world = World::new();
        }
        let forms = world.forms();
        let (method, body, path, media_type) = if dice.u8(..8) == 0 {
            let (_, body, path) = world.frames(dice, &frames);
            ("POST", body, path, "application/cbor-seq")
        } else {
            let (one, other) = (dice.usize(..forms.len()), dice.usize(..forms.len()));
            let Form { method, path, media_type, body } = &forms[one];
            let mut body = json::bend(dice, body, &forms[other].body);
            if dice.u8(..10) == 0 {
                bend::bytes(dice, &mut body, &frames[0]);
            }
            (*method, body, path.clone(), *media_type)
        };
        let bytes = body.len();
        let (status, answer) = trial.watch(bytes, || world.ask(method, &path, media_type, body.into()));
        let told = String::from_utf8_lossy(&answer);
        assert!(status < 500, "input {}: {method} {path} is answered {status}: {told}", trial.number);
        if status < 300 {
            taken += 1;
        } else {
            refused += 1;
        }
        if trial.number % 10 == 0 {
            let (id, before) = &world.bystander;
            let (status, now) = world.ask("GET", &format!("/api/docs/{id}/automerge"), "", Bytes::new());
            assert!(status == 200 && now == before, "input {}: somebody else's document", trial.number);
            let (status, _) = world.ask("GET", &format!("/api/docs/{}", world.board), "", Bytes::new());
            assert_eq!(status, 200, "input {}: it can be shown", trial.number);
        }
    });
    println!("taken {taken}, refused {refused}");
    assert!(taken > 0 && refused > 0);
    world.runtime.block_on(world.server.close());
}
