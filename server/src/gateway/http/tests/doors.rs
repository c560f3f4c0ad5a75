//! Plain JSON that merges, as a caller sees it.

use super::{Routes, UNKNOWN_ID, code, get, header, made, read, request, routes, server_with};
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::COMPUTATIONS_MAX;
use crate::hub::Hub;
use crate::permits;
use crate::server::Server;
use crate::store::faulty::{Commits, FaultyStore};
use crate::store::{Floor, MemoryStore, SledStore, Store};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ROOT};
use bytes::Bytes;
use dovetail_core::id::DocumentId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use warp::http::Response as Answer;

/// What one request has besides its path and body.
pub(super) type Headers<'h> = &'h [(&'h str, &'h str)];

pub(super) async fn send(
    routes: &Routes,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: &Value,
) -> Answer<Bytes> {
    let mut builder = request(method, path).json(body);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.reply(routes).await
}

pub(super) async fn etag(routes: &Routes, path: &str) -> String {
    header(&get(routes, path).await, "etag").to_owned()
}

async fn content(routes: &Routes, path: &str) -> Value {
    read(&get(routes, path).await)
}

const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");
const MERGE_PATCH: (&str, &str) = ("content-type", "application/merge-patch+json");

/// A request whose media type is another than JSON.
async fn send_as(
    routes: &Routes,
    method: &str,
    path: &str,
    media_type: (&str, &str),
    base: &str,
    body: &str,
) -> Answer<Bytes> {
    request(method, path)
        .header(media_type.0, media_type.1)
        .header("dovetail-base", base)
        .body(body)
        .reply(routes)
        .await
}

/// JD22: two who read the same and put different fields both survive, and each is told the heads and its change.
#[tokio::test]
async fn jd22_two_writers_with_the_same_base_both_survive() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1, "b": 1, "note": "one two"})).await);
    let base = etag(&routes, &path).await;
    let first =
        send(&routes, "PUT", &path, &[("dovetail-base", &base)], &json!({"a": 2, "b": 1, "note": "ONE two"}))
            .await;
    assert_eq!(first.status(), 200, "{first:?}");
    let second =
        send(&routes, "PUT", &path, &[("Dovetail-Base", &base)], &json!({"a": 1, "b": 2, "note": "one TWO"}))
            .await;
    let told = read(&second);
    assert_eq!(content(&routes, &path).await, json!({"a": 2, "b": 2, "note": "ONE TWO"}));
    assert_eq!(told["heads"].as_array().unwrap().len(), 2);
    assert!(told["heads"].as_array().unwrap().contains(&told["change"]));
    assert_eq!((&told["lost"], &told["lost_count"]), (&json!([]), &json!(0)));
    assert_eq!(header(&second, "etag"), etag(&routes, &path).await);
    assert_eq!(format!("/api/docs/{}", told["id"].as_str().unwrap()), path);

    // What stands so already is no change.
    let base = etag(&routes, &path).await;
    let same =
        read(&send(&routes, "PUT", &path, &[("dovetail-base", &base)], &content(&routes, &path).await).await);
    assert_eq!(same["change"], Value::Null);
    assert_eq!(etag(&routes, &path).await, base);
}

/// JD22: whose value did not win is told so, with the value that did.
#[tokio::test]
async fn jd22_losers_are_told() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1, "o": {"x": 1}})).await);
    let base = etag(&routes, &path).await;
    let mut now = base.clone();
    for n in 2..6 {
        let answer = send(&routes, "PUT", &path, &[("dovetail-base", &now)], &json!({ "a": n })).await;
        now = header(&answer, "etag").to_owned();
    }
    let late = read(
        &send(&routes, "PUT", &path, &[("dovetail-base", &base)], &json!({"a": 9, "o": {"x": 2}})).await,
    );
    assert_eq!(content(&routes, &path).await, json!({"a": 5}));
    assert_eq!(late["lost"], json!([{"path": "/a", "yours": 9, "theirs": 5}, {"path": "/o/x", "yours": 2}]));
    assert_eq!(late["lost_count"], 2);
}

/// JD23: without a base a write is refused with the present heads, and with them it succeeds.
#[tokio::test]
async fn jd23_a_base_is_required() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1})).await);
    for method in ["PUT", "PATCH"] {
        let refused = request(method, &path)
            .header("content-type", if method == "PUT" { "application/json" } else { MERGE_PATCH.1 });
        let refused = refused.body("{\"a\":2}").reply(&routes).await;
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (428, "base_required"));
        let heads = read(&refused)["heads"].clone();
        assert_eq!(header(&refused, "etag"), etag(&routes, &path).await);
        assert_eq!(content(&routes, &path).await, json!({"a": 1}));
        let dots =
            heads.as_array().unwrap().iter().map(|head| head.as_str().unwrap()).collect::<Vec<_>>().join(".");
        let accepted = send(&routes, "PUT", &path, &[("dovetail-base", &dots)], &json!({"a": 1})).await;
        assert_eq!(accepted.status(), 200);
    }
}

/// JD23: If-Match refuses rather than merges: of two who read the same exactly one succeeds, also at the same moment.
#[tokio::test]
async fn jd23_if_match_refuses_rather_than_merges() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1})).await);
    let tag = etag(&routes, &path).await;
    let bodies: Vec<Value> = (0..8).map(|n| json!({ "a": 1, (format!("k{n}")): n })).collect();
    let tries = bodies.iter().map(|body| {
        let headers = [("if-match", tag.as_str())];
        let (routes, path) = (routes.clone(), path.clone());
        async move { send(&routes, "PUT", &path, &headers, body).await }
    });
    let answers = futures_util::future::join_all(tries).await;
    let succeeded = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(succeeded, 1);
    let refused = answers.iter().find(|answer| answer.status() != 200).unwrap();
    assert_eq!((refused.status().as_u16(), code(refused).as_str()), (412, "precondition_failed"));
    let now = etag(&routes, &path).await;
    assert_eq!(header(refused, "etag"), now);
    assert_eq!(content(&routes, &path).await.as_object().unwrap().len(), 2);
    for good in [now.clone(), format!("\"{}\", {now}", "00".repeat(32))] {
        let answer =
            send(&routes, "PUT", &path, &[("if-match", &good)], &content(&routes, &path).await).await;
        assert_eq!(answer.status(), 200, "{good}");
    }
    let any = send(&routes, "PUT", &path, &[("if-match", "*")], &json!({"a": 3})).await;
    assert_eq!(any.status(), 200);
}

/// JD24: PATCH takes the two kinds of patches and names both when it gets another.
#[tokio::test]
async fn jd24_patch_takes_two_kinds() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"list": [1, 2], "o": {"a": 1, "b": 2}})).await);
    let base = etag(&routes, &path).await;
    let patch =
        json!([{"op": "test", "path": "/list/0", "value": 1}, {"op": "add", "path": "/list/1", "value": 9}])
            .to_string();
    let answer = send_as(&routes, "PATCH", &path, JSON_PATCH, &base, &patch).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let merge = json!({"o": {"a": null, "c": 3}}).to_string();
    let type_with_parameter = ("content-type", "Application/Merge-Patch+JSON; charset=utf-8");
    let answer = send_as(&routes, "PATCH", &path, type_with_parameter, &base, &merge).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(content(&routes, &path).await, json!({"list": [1, 9, 2], "o": {"b": 2, "c": 3}}));

    for media_type in ["application/json", "text/plain"] {
        let answer = send_as(&routes, "PATCH", &path, ("content-type", media_type), &base, "{}").await;
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (415, "unsupported_media_type"));
        assert_eq!(
            header(&answer, "accept-patch"),
            "application/json-patch+json, application/merge-patch+json"
        );
    }
}

/// JD25: what cannot be written is refused with a code and the place, and nothing is stored.
#[tokio::test]
async fn jd25_bad_writes_are_refused_and_nothing_is_stored() {
    let routes = routes().await;
    let id = made(&routes, &json!({"a": 1, "list": [1]})).await;
    let path = format!("/api/docs/{id}");
    let base = etag(&routes, &path).await;
    let stranger = "ab".repeat(32);
    let json_type = ("content-type", "application/json");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(101), "]".repeat(101));
    let patch = |operation: Value| json!([{"op": "add", "path": "/x", "value": 1}, operation]).to_string();
    let (base, stranger) = (base.as_str(), stranger.as_str());
    let cases = [
        ("PUT", json_type, base, "{\"a\":\n1,}".into(), 400, "bad_json", "line", json!(2)),
        ("PUT", json_type, base, String::new(), 400, "bad_json", "line", json!(1)),
        ("PUT", json_type, base, "[1]".into(), 422, "bad_content", "pointer", json!("")),
        (
            "PUT",
            json_type,
            base,
            deep,
            422,
            "bad_content",
            "pointer",
            json!(format!("/a{}", "/0".repeat(100))),
        ),
        (
            "PUT",
            ("content-type", "text/plain"),
            base,
            "{}".into(),
            415,
            "unsupported_media_type",
            "line",
            Value::Null,
        ),
        ("PUT", json_type, stranger, "{}".into(), 409, "unknown_heads", "unknown", json!([stranger])),
        ("PUT", json_type, "no heads", "{}".into(), 400, "bad_heads", "in", json!("Dovetail-Base")),
        ("PUT", json_type, "", "{}".into(), 400, "bad_heads", "in", json!("Dovetail-Base")),
        ("PATCH", JSON_PATCH, base, "{}".into(), 400, "bad_patch", "index", Value::Null),
        ("PATCH", JSON_PATCH, base, "[{\"op\":\"add\"".into(), 400, "bad_json", "column", json!(12)),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "put", "path": ""})),
            400,
            "bad_patch",
            "index",
            json!(1),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "remove", "path": "a"})),
            400,
            "bad_patch",
            "pointer",
            json!("a"),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "remove", "path": "/no/x"})),
            409,
            "patch_failed",
            "pointer",
            json!("/no/x"),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "add", "path": "/list/5", "value": 1})),
            409,
            "patch_failed",
            "index",
            json!(1),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "test", "path": "/a", "value": 2})),
            409,
            "patch_failed",
            "operation",
            json!("test"),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "add", "path": "/_dovetail", "value": 2})),
            422,
            "reserved_place",
            "pointer",
            json!("/_dovetail"),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "remove", "path": ""})),
            422,
            "bad_content",
            "index",
            json!(1),
        ),
        (
            "PATCH",
            JSON_PATCH,
            base,
            patch(json!({"op": "replace", "path": "", "value": {"_dovetail": {}}})),
            422,
            "reserved_place",
            "index",
            json!(1),
        ),
        ("PATCH", MERGE_PATCH, base, "[]".into(), 422, "bad_content", "pointer", json!("")),
        (
            "PATCH",
            MERGE_PATCH,
            base,
            "{\"_dovetail\": null}".into(),
            422,
            "reserved_place",
            "pointer",
            json!("/_dovetail"),
        ),
        ("PATCH", MERGE_PATCH, stranger, "{}".into(), 409, "unknown_heads", "unknown", json!([stranger])),
    ];
    for (method, media_type, base, body, status, expected, member, value) in cases {
        let answer = send_as(&routes, method, &path, media_type, base, &body).await;
        let shown = format!("{method} {}", &body[..body.len().min(60)]);
        assert_eq!(
            (answer.status().as_u16(), code(&answer).as_str()),
            (status, expected),
            "{shown} {answer:?}"
        );
        assert_eq!(read(&answer)[member], value, "{shown}");
        if expected == "unknown_heads" {
            assert_eq!(header(&answer, "etag"), etag(&routes, &path).await);
        }
    }
    assert_eq!(content(&routes, &path).await, json!({"a": 1, "list": [1]}));
    assert_eq!(etag(&routes, &path).await, base);

    for (path, status, expected) in [
        (format!("/api/docs/{UNKNOWN_ID}"), 404, "document_not_found"),
        ("/api/docs/nonsense".to_owned(), 400, "bad_document_id"),
        (format!("{path}?dryrun=1"), 400, "bad_parameter"),
        (format!("{path}?dry_run=yes"), 400, "bad_parameter"),
    ] {
        let answer = send_as(&routes, "PUT", &path, json_type, base, "{}").await;
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (status, expected), "{path}");
    }
    assert_eq!(request("DELETE", &path).reply(&routes).await.status(), 204);
    let gone = send_as(&routes, "PUT", &path, json_type, base, "{}").await;
    assert_eq!((gone.status().as_u16(), code(&gone).as_str()), (410, "document_deleted"));
}

/// JD25: a body that is too large is refused before it is read.
#[tokio::test]
async fn jd25_large_bodies_are_refused() {
    let routes = server_with(&[("body_bytes_max", "1KiB")]).await.gateway().routes();
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1})).await);
    let base = etag(&routes, &path).await;
    let large = json!({"a": "x".repeat(2000)});
    let answer = send(&routes, "PUT", &path, &[("dovetail-base", &base)], &large).await;
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (413, "body_too_large"));
    assert_eq!(etag(&routes, &path).await, base);
}

/// JD27: a dry run tells what would become of a write, and nothing is stored.
#[tokio::test]
async fn jd27_a_dry_run_stores_nothing() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"a": 1})).await);
    let base = etag(&routes, &path).await;
    send(&routes, "PUT", &path, &[("dovetail-base", &base)], &json!({})).await;
    let now = etag(&routes, &path).await;
    let dry = format!("{path}?dry_run=1");
    let headers = [("dovetail-base", base.as_str()), ("idempotency-key", "dry")];
    let told = read(&send(&routes, "PUT", &dry, &headers, &json!({"a": 1, "b": 2})).await);
    assert_eq!(told["dry_run"], true);
    assert_eq!(told["heads"].as_array().unwrap().len(), 2);
    assert_eq!(etag(&routes, &path).await, now);
    assert_eq!(content(&routes, &path).await, json!({}));
    // The key is free, and the same without the flag does it.
    let done = read(&send(&routes, "PUT", &path, &headers, &json!({"a": 1, "b": 2})).await);
    assert_eq!(done["dry_run"], Value::Null);
    assert_eq!(content(&routes, &path).await, json!({"b": 2}));
    let refused = send(&routes, "PUT", &dry, &[("if-match", &base)], &json!({})).await;
    assert_eq!(code(&refused), "precondition_failed");
}

fn shown(answer: &Answer<Bytes>) -> (u16, String, Option<String>, Option<String>) {
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), body, header("etag"), header("location"))
}

async fn server_on(store: Arc<dyn Store>) -> Server {
    Server::on(Config::assemble([]).unwrap(), store, Clock::standing(super::NOON)).await.unwrap()
}

/// JD26: the same key and the same request are one change and one answer, also after a restart, whatever
/// became of the document meanwhile.
#[tokio::test]
async fn jd26_the_same_key_is_one_change_and_one_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(dir.path(), Floor::Bytes(0)).unwrap());
    let server = server_on(store).await;
    let routes = server.gateway().routes();
    let new = json!({"a": 1, "list": [1]});
    let first_made = send(&routes, "POST", "/api/docs", &[("idempotency-key", "new-1")], &new).await;
    let path = header(&first_made, "location").to_owned();
    let base = etag(&routes, &path).await;
    let headers = [("dovetail-base", base.as_str()), ("idempotency-key", "put-1")];
    let body = json!({"a": 2, "list": [1, 2]});
    let first = send(&routes, "PUT", &path, &headers, &body).await;
    let patch = async |routes: &Routes| {
        request("PATCH", &path)
            .header(MERGE_PATCH.0, MERGE_PATCH.1)
            .header("dovetail-base", &base)
            .header("idempotency-key", "patch-1")
            .body("{\"p\": 1}")
            .reply(routes)
            .await
    };
    let first_patch = patch(&routes).await;
    let now = etag(&routes, &path).await;
    send(&routes, "PUT", &path, &[("dovetail-base", &now)], &json!({"a": 3})).await;
    drop(routes);
    server.close().await;

    let server = server_on(Arc::new(SledStore::open(dir.path(), Floor::Bytes(0)).unwrap())).await;
    let routes = server.gateway().routes();
    let now = etag(&routes, &path).await;
    let again = send(&routes, "PUT", &path, &headers, &body).await;
    assert_eq!(shown(&again), shown(&first));
    assert_eq!(shown(&patch(&routes).await), shown(&first_patch));
    let made_again = send(&routes, "POST", "/api/docs", &[("idempotency-key", "new-1")], &new).await;
    assert_eq!(shown(&made_again), shown(&first_made));
    assert_eq!(etag(&routes, &path).await, now);
    assert_eq!(read(&get(&routes, "/api/docs").await)["documents"].as_array().unwrap().len(), 1);

    // Another request under a used key is refused: another body, base, path, method.
    let other_base = etag(&routes, &path).await;
    let reused = [
        send(&routes, "PUT", &path, &headers, &json!({"a": 9})).await,
        send(&routes, "PUT", &path, &[("dovetail-base", &other_base), ("idempotency-key", "put-1")], &body)
            .await,
        send(&routes, "POST", "/api/docs", &[("idempotency-key", "put-1")], &body).await,
    ];
    for answer in reused {
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (422, "idempotency_key_reused"));
    }
    for key in ["", &"x".repeat(256), "a b", "ä"] {
        let answer = send(&routes, "POST", "/api/docs", &[("idempotency-key", key)], &new).await;
        assert_eq!(
            (answer.status().as_u16(), code(&answer).as_str()),
            (400, "bad_idempotency_key"),
            "{key:?}"
        );
    }
    assert_eq!(etag(&routes, &path).await, now);
    drop(routes);
    server.close().await;
}

/// JD26: when the answer was lost before it was kept, the change is still there once, and the answer is made of it.
#[tokio::test]
async fn jd26_a_change_without_an_answer_is_found_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let routes = server_on(Arc::clone(&store)).await.gateway().routes();
    let new = json!({"a": 1});
    let first_made = send(&routes, "POST", "/api/docs", &[("idempotency-key", "new")], &new).await;
    let path = header(&first_made, "location").to_owned();
    let base = etag(&routes, &path).await;
    // If-Match would not hold any more; the change is there all the same.
    let headers = [("if-match", base.as_str()), ("idempotency-key", "put")];
    let first = send(&routes, "PUT", &path, &headers, &json!({"a": 2})).await;
    assert_eq!(first.status(), 200);
    let records = store.records(crate::store::Space::Answers, None, 10).await.unwrap();
    assert_eq!(records.len(), 2);
    let forget = records.into_iter().map(|(name, _)| (name, None)).collect();
    store.write_records(crate::store::Space::Answers, forget).await.unwrap();

    let again = send(&routes, "PUT", &path, &headers, &json!({"a": 2})).await;
    assert_eq!(read(&again)["change"], read(&first)["change"]);
    assert_eq!(content(&routes, &path).await, json!({"a": 2}));
    let made_again = send(&routes, "POST", "/api/docs", &[("idempotency-key", "new")], &new).await;
    assert_eq!(header(&made_again, "location"), path);
    assert_eq!(read(&get(&routes, &format!("{path}/history")).await)["groups"].as_array().unwrap().len(), 2);
}

/// JD22: many writers at the same moment with the same base are all merged.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jd22_many_at_once_are_all_merged() {
    let routes = routes().await;
    let path = format!("/api/docs/{}", made(&routes, &json!({"list": []})).await);
    let base = etag(&routes, &path).await;
    let tries = (0..16).map(|n| {
        let (routes, path, base) = (routes.clone(), path.clone(), base.clone());
        async move {
            let body = json!({ "list": [n], (format!("k{n}")): n });
            send(&routes, "PUT", &path, &[("dovetail-base", &base)], &body).await
        }
    });
    let answers = futures_util::future::join_all(tries).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let now = content(&routes, &path).await;
    assert_eq!(now["list"].as_array().unwrap().len(), 16);
    assert_eq!(now.as_object().unwrap().len(), 17);
}

/// JD33: a write that is stored is answered as one, also when somebody deletes the document before the answer.
#[tokio::test]
async fn jd33_what_is_stored_is_never_refused() {
    let store = FaultyStore::over(Arc::new(MemoryStore::new()));
    let config = Config::assemble(std::iter::empty()).unwrap();
    let server = Server::on(config, store.clone(), Clock::standing(super::NOON)).await.unwrap();
    let gateway = server.gateway().clone();
    let routes = gateway.clone().routes();
    let mut stored = 0;
    for round in 0..20 {
        let id = super::made(&routes, &json!({"title": "Hosts"})).await;
        let path = format!("/api/docs/{id}");
        let base = etag(&routes, &path).await;
        let document: DocumentId = id.parse().unwrap();

        // The writer has seen the document, and waits for its turn to compute.
        let every_turn =
            gateway.computations.clone().acquire_many_owned(COMPUTATIONS_MAX as u32).await.unwrap();
        let writing = {
            let (routes, path) = (routes.clone(), path.clone());
            tokio::spawn(async move {
                send_as(&routes, "PATCH", &path, MERGE_PATCH, &base, r#"{"count": 1}"#).await
            })
        };
        a_chance().await;

        // Meanwhile somebody else's change is on its way to the disk, so theirs and the writer's are told together.
        store.commits(Commits::Wait);
        let begun = store.begun();
        let (hub, other) = (gateway.hub.clone(), Automerge::new().with_actor(ActorId::from([round; 16])));
        let submitting = tokio::spawn(submit_title(hub, document.clone(), other));
        while store.begun() == begun {
            tokio::task::yield_now().await;
        }
        drop(every_turn);
        // The writer computes in a thread of its own: some rounds it comes before the deletion, some not.
        for _ in 0..round {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let deleting = tokio::spawn({
            let hub = gateway.hub.clone();
            async move { hub.delete(&permits::admin(&document)).await }
        });
        a_chance().await;
        store.commits(Commits::Succeed);
        let (answer, submitted, deleted) = tokio::join!(writing, submitting, deleting);
        submitted.unwrap();
        deleted.unwrap().unwrap();

        let back = request("POST", &format!("{path}/undelete")).reply(&routes).await;
        assert_eq!(back.status(), 200, "{back:?}");
        let is_stored = !content(&routes, &path).await["count"].is_null();
        let answer = answer.unwrap();
        assert_eq!(answer.status() == 200, is_stored, "round {round}: {answer:?}");
        stored += u32::from(is_stored);
    }
    assert!(stored > 0, "the deletion was always first");
}

async fn submit_title(hub: Hub, document: DocumentId, mut doc: Automerge) {
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "other", 1)).unwrap();
    let changes = doc.get_changes(&[]);
    let changes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
    hub.submit(permits::edit(&document), changes).await.unwrap();
}

/// Lets everything happen that can happen now, but for what other threads do.
async fn a_chance() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
