//! Sync over HTTP as a caller sees it.

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::server::Server;
use crate::store::MemoryStore;
use bytes::Bytes;
use dovetail_core::wire::{Join, Message, PeerMetadata};
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
