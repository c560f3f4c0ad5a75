//! The door for points as a caller sees it.

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::server::Server;
use crate::store::MemoryStore;
use bytes::Bytes;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::Response as Answer;

const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The server is kept: one that is gone counts as stopping.
struct Doors {
    _server: Server,
    routes: BoxedFilter<(Response,)>,
}

impl Doors {
    async fn open() -> Self {
        let store = Arc::new(MemoryStore::new());
        let server = Server::on(Config::built_in(), store, Clock::standing(NOON)).await.unwrap();
        Self { routes: server.gateway().routes(), _server: server }
    }

    async fn made(&self, content: &Value) -> String {
        let made =
            warp::test::request().method("POST").path("/api/docs").json(content).reply(&self.routes).await;
        json(&made)["id"].as_str().unwrap().to_owned()
    }

    async fn series(&self) -> String {
        self.made(&json!({"kind": "widget-data", "shape": "points", "retention": {"points": 3}})).await
    }

    async fn post(&self, id: &str, media_type: &str, body: &str) -> Answer<Bytes> {
        let request = warp::test::request().method("POST").path(&format!("/api/docs/{id}/points"));
        request.header("content-type", media_type).body(body).reply(&self.routes).await
    }

    async fn shown(&self, id: &str) -> Value {
        json(&warp::test::request().path(&format!("/api/docs/{id}")).reply(&self.routes).await)
    }
}

fn json(answer: &Answer<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// PT1, PT3: a point, a list of points, JSON lines: each is taken, sorted and cut to the window, and the answer
/// says how the document is now.
#[tokio::test]
async fn pt1_points_come_as_json_and_as_lines() {
    let doors = Doors::open().await;
    let id = doors.series().await;
    let one = doors.post(&id, "application/json", r#"{"t": 30, "v": 3}"#).await;
    assert_eq!(one.status(), 200, "{one:?}");
    let said = json(&one);
    assert_eq!((said["accepted"].clone(), said["points"].clone()), (json!(1), json!(1)));
    assert_eq!(said["history"], json!({"changes": 3, "budget": HISTORY_BUDGET}));
    let etag = one.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(etag, format!("\"{}\"", said["heads"][0].as_str().unwrap()));

    let list =
        doors.post(&id, "application/json; charset=utf-8", r#"[{"t": 10, "v": 1.5}, {"v": null}]"#).await;
    assert_eq!(json(&list)["points"], 3);
    let lines = "{\"t\": 20, \"v\": 2}\r\n\n{\"t\": 30, \"v\": 4}";
    let lines = doors.post(&id, "application/x-ndjson", lines).await;
    assert_eq!((json(&lines)["accepted"].clone(), json(&lines)["points"].clone()), (json!(2), json!(3)));
    assert_eq!(
        doors.shown(&id).await["points"],
        json!([{"t": 20, "v": 2}, {"t": 30, "v": 4}, {"t": NOON.as_millis(), "v": null}])
    );
    let nothing = doors.post(&id, "application/jsonl", "\n").await;
    assert_eq!((nothing.status().as_u16(), json(&nothing)["points"].clone()), (200, json!(3)));
}

/// PT1: what cannot be read is refused with its place, and nothing of the body is stored.
#[tokio::test]
async fn pt1_a_bad_body_stores_nothing() {
    let doors = Doors::open().await;
    let id = doors.series().await;
    let many = format!("[{}]", vec![r#"{"v":1}"#; POINTS_PER_REQUEST_MAX + 1].join(","));
    let many_lines = vec![r#"{"v":1}"#; POINTS_PER_REQUEST_MAX + 1].join("\n");
    let (json_type, lines_type) = ("application/json", "application/jsonl");
    let cases = [
        (json_type, "{\"t\": 1,\n \"v\":}", 400, "bad_json", "line", json!(2)),
        (json_type, "", 400, "bad_json", "line", json!(1)),
        (json_type, r#"{"t": 1}"#, 400, "bad_point", "item", Value::Null),
        (json_type, r#"[{"v": 1}, {"v": "1"}]"#, 400, "bad_point", "item", json!(1)),
        (lines_type, "{\"v\": 1}\n\n{\"v\": 1", 400, "bad_json", "line", json!(3)),
        (lines_type, "{\"v\": 1}\n{\"w\": 1}", 400, "bad_point", "line", json!(2)),
        ("text/plain", r#"{"v": 1}"#, 415, "unsupported_media_type", "line", Value::Null),
        (json_type, many.as_str(), 413, "body_too_large", "points_max", json!(POINTS_PER_REQUEST_MAX)),
        (lines_type, many_lines.as_str(), 413, "body_too_large", "points_max", json!(POINTS_PER_REQUEST_MAX)),
    ];
    let before = doors.shown(&id).await;
    for (media_type, body, status, code, member, place) in cases {
        let answer = doors.post(&id, media_type, body).await;
        let problem = json(&answer);
        assert_eq!((answer.status().as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(problem[member], place, "{problem}");
    }
    assert_eq!(doors.shown(&id).await, before);
}

/// PT1: other documents are refused in words.
#[tokio::test]
async fn pt1_other_documents_are_refused() {
    let doors = Doors::open().await;
    let board = doors.made(&json!({"kind": "dashboard"})).await;
    let table = doors.made(&json!({"kind": "widget-data", "shape": "table"})).await;
    let cases = [
        (board.as_str(), 409, "not_widget_data"),
        (table.as_str(), 409, "not_widget_data"),
        ("4NMNnkMhL8jXrdJ9jamS58PAVdXu", 404, "document_not_found"),
        ("nonsense", 400, "bad_document_id"),
    ];
    for (id, status, code) in cases {
        let answer = doors.post(id, "application/json", r#"{"v": 1}"#).await;
        assert_eq!((answer.status().as_u16(), json(&answer)["code"].as_str()), (status, Some(code)), "{id}");
    }
}

/// PT9: a retention that cannot be read counts as absent, and who posts points is told so.
#[tokio::test]
async fn pt9_a_retention_that_cannot_be_read_is_told() {
    let doors = Doors::open().await;
    let usual = "and counts as absent: the newest 10000 points are kept";
    let points = format!("retention.points is no whole number above 0 {usual}");
    let seconds = format!("retention.seconds is no whole number above 0 {usual}");
    let cases = [
        (json!({"points": 0}), vec![points.clone()]),
        (json!({"points": -1}), vec![points.clone()]),
        (json!({"points": 2.5}), vec![points.clone()]),
        (json!({"points": "5", "seconds": []}), vec![points.clone(), seconds]),
        (json!("5"), vec![format!("retention is no object with points and seconds {usual}")]),
        (
            json!({"points": false, "seconds": 60}),
            vec!["retention.points is no whole number above 0 and counts as absent: the newest 100000 points are kept"
                .to_owned()],
        ),
        (json!({"points": 5, "seconds": null}), vec![]),
        (json!({"points": 5.0, "seconds": 60}), vec![]),
        (json!(null), vec![]),
    ];
    for (retention, notes) in cases {
        let id = doors.made(&json!({"kind": "widget-data", "shape": "points", "retention": retention})).await;
        let answer = doors.post(&id, "application/json", &json!({"v": 1}).to_string()).await;
        assert_eq!(answer.status(), 200, "{retention} {answer:?}");
        let told = json(&answer)["notes"].clone();
        let expected = if notes.is_empty() { Value::Null } else { notes.into() };
        assert_eq!(told, expected, "{retention}");
    }
}

/// PT7: who would rather not wait is answered 202, which says that nothing is durable yet.
#[tokio::test]
async fn pt7_who_does_not_wait_is_told_so() {
    let doors = Doors::open().await;
    let id = doors.series().await;
    let request = warp::test::request().method("POST").path(&format!("/api/docs/{id}/points"));
    let answer = request
        .header("prefer", "handling=lenient, Respond-Async")
        .json(&json!({"t": 1, "v": 1}))
        .reply(&doors.routes)
        .await;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["preference-applied"], "respond-async");
    assert_eq!(json(&answer), json!({"accepted": 1, "durable": false}));
    let after = doors.post(&id, "application/json", r#"{"t": 2, "v": 2}"#).await;
    assert_eq!(json(&after)["points"], 2, "what was taken before is there");
}
