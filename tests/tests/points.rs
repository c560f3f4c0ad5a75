//! Points on the real binary: what was answered survives a kill, and readers over sync see it.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::Automerge;
use dovetail_core::dashboard::read_widget_data;
use dovetail_core::id::DocumentId;
use dovetail_tests::client::Client;
use dovetail_tests::http::Response;
use dovetail_tests::live::Server;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

async fn series(server: &Server, window: Value) -> DocumentId {
    let body = json!({"kind": "widget-data", "shape": "points", "points": [], "retention": window});
    let made = server.post("/api/docs", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().parse().unwrap()
}

async fn feed(server: &Server, id: &DocumentId, points: Value) -> Response {
    server.post(&format!("/api/docs/{id}/points"), &points).await.unwrap()
}

async fn shown(server: &Server, id: &DocumentId) -> Vec<(i64, i64)> {
    let shown = server.get(&format!("/api/docs/{id}")).await.unwrap().json();
    let point = |item: &Value| (item["t"].as_i64().unwrap(), item["v"].as_i64().unwrap());
    shown["points"].as_array().unwrap().iter().map(point).collect()
}

fn times(doc: &Automerge) -> Vec<i64> {
    let mut times: Vec<i64> = read_widget_data(doc, None).data.points.iter().map(|point| point.t).collect();
    times.sort_unstable();
    times
}

/// PT6: two feeders at once and a reader over sync: all points are there, in order, in few changes.
#[tokio::test]
async fn pt6_many_posts_are_few_changes() {
    let server = Server::start().await.unwrap();
    let id = series(&server, json!({})).await;
    let mut reader = Client::connect(&server.ws_url(), "reader", None).await.unwrap();
    reader.open(&id).await.unwrap();

    let began = Instant::now();
    let feeder = async |first: i64| {
        for n in 0..15 {
            let answer = feed(&server, &id, json!({"t": first + 2 * n, "v": n})).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["accepted"], 1);
        }
    };
    let _both = tokio::join!(feeder(0), feeder(1));
    let took = began.elapsed();

    let expected: Vec<i64> = (0..30).collect();
    reader.wait_for("all points", PATIENCE, |reader| times(reader.document(&id)) == expected).await.unwrap();
    let shown: Vec<i64> = shown(&server, &id).await.into_iter().map(|(t, _)| t).collect();
    assert_eq!(shown, expected, "in order");
    let changes = reader.document(&id).get_changes(&[]);
    let allowed = 4 + 2 * took.as_secs() as usize;
    assert!(changes.len() <= allowed, "{} changes in {took:?}", changes.len());
    let actors: std::collections::BTreeSet<_> =
        changes.iter().map(|change| change.actor_id().clone()).collect();
    assert_eq!(actors.len(), 3, "of the first change, whoever made the document, and one for all the points");
}

/// PT4, PT6: a client that writes points over sync and a feeder over HTTP meet in one document.
#[tokio::test]
async fn pt4_a_feeder_and_a_client_meet() {
    use automerge::transaction::Transactable;
    use automerge::{ObjType, ROOT, ReadDoc};
    let server = Server::start().await.unwrap();
    let id = series(&server, json!({})).await;
    let mut client = Client::connect(&server.http_sync_url(), "client", None).await.unwrap();
    client.open(&id).await.unwrap();
    client.settle(&id, PATIENCE).await.unwrap();
    for n in 0..5 {
        let added = client.edit(&id, |tx| {
            let (_, list) = tx.get(ROOT, "points")?.unwrap();
            let end = tx.length(&list);
            let point = tx.insert_object(&list, end, ObjType::Map)?;
            tx.put(&point, "t", 100 + n)?;
            tx.put(&point, "v", 1)
        });
        added.await.unwrap();
        assert_eq!(feed(&server, &id, json!({"t": n, "v": 2})).await.status, 200);
    }
    let expected: Vec<i64> = (0..5).chain(100..105).collect();
    client.wait_for("all points", PATIENCE, |client| times(client.document(&id)) == expected).await.unwrap();
}

/// PT7: what was answered 200 is there after a kill; what was answered 202 is there after an orderly end.
#[tokio::test]
async fn pt7_what_was_answered_survives() {
    let mut server = Server::start().await.unwrap();
    let id = series(&server, json!({"points": 20_000})).await;
    let mut answered = Vec::new();
    for n in 0..4 {
        let points: Vec<Value> = (0..50).map(|k| json!({"t": n * 50 + k, "v": k})).collect();
        let answer = feed(&server, &id, points.into()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["points"], (n + 1) * 50);
        answered.extend((0..50).map(|k| (n * 50 + k, k)));
    }
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(shown(&server, &id).await, answered);

    // So many that writing them takes a moment, and the server is told to end at once.
    let path = format!("/api/docs/{id}/points");
    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    for batch in 0..2 {
        let times = (0..9_000).map(|n| 1_000 + batch * 9_000 + n);
        let points: Vec<Value> = times.clone().map(|t| json!({"t": t, "v": 1})).collect();
        let body = Value::from(points).to_string();
        let answer = server.request("POST", &path, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json(), json!({"accepted": 9_000, "durable": false}));
        answered.extend(times.map(|t| (t, 1)));
    }
    assert!(server.terminate().await.unwrap().status.success());
    server.restart().await.unwrap();
    let shown = shown(&server, &id).await;
    assert!(shown == answered, "{} of {} points, last {:?}", shown.len(), answered.len(), shown.last());
}
