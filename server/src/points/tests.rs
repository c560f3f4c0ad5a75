//! Points without HTTP, on a store in memory.

use super::*;
use crate::config::Config;
use crate::permits;
use crate::server::Server;
use crate::store::MemoryStore;
use automerge::Automerge;
use bytes::Bytes;
use dovetail_core::dashboard::{self, read_widget_data};
use dovetail_core::grant::{Access, Grant, Identity};
use std::time::Instant;

async fn server() -> Server {
    Server::on(Config::built_in(), Arc::new(MemoryStore::new()), Clock::System).await.unwrap()
}

fn raw(doc: &Automerge) -> Vec<Bytes> {
    doc.get_changes(&[]).iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect()
}

async fn made(server: &Server, byte: u8, doc: &Automerge) -> DocumentId {
    let id = DocumentId::from_bytes(&[byte; 16]).unwrap();
    server.gateway().hub.submit(permits::edit(&id), raw(doc)).await.unwrap();
    id
}

fn point(t: i64) -> Point {
    Point { t, v: Some(1.0) }
}

async fn stored(server: &Server, id: &DocumentId) -> Automerge {
    server.gateway().hub.view(&permits::read(id), Automerge::clone).await.unwrap()
}

fn times(doc: &Automerge) -> Vec<i64> {
    read_widget_data(doc, None).data.points.iter().map(|point| point.t).collect()
}

/// PT5: what comes at once becomes two changes a second and no more, made by one actor; each caller is
/// told when its own points are durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pt5_what_comes_at_once_is_few_changes() {
    let server = server().await;
    let id = made(&server, 1, &dashboard::first_widget_data()).await;
    let points = server.gateway().points.clone();
    let began = Instant::now();
    let mut posts = Vec::new();
    for n in 0..60 {
        let (points, id) = (points.clone(), id.clone());
        posts.push(tokio::spawn(async move {
            points.add(permits::edit(&id), vec![point(n)], Replacing::Allowed).await
        }));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for post in posts {
        let receipt = post.await.unwrap().unwrap();
        assert!(receipt.points >= 1 && receipt.changes >= 2);
    }
    let took = began.elapsed();
    let doc = stored(&server, &id).await;
    assert_eq!(times(&doc), (0..60).collect::<Vec<_>>());
    let made = doc.get_changes(&[]).len() - 1;
    let allowed = 2 + usize::try_from(took.as_millis() / 500).unwrap();
    assert!((2..=allowed).contains(&made), "{made} changes in {took:?}");
    let actors: std::collections::BTreeSet<_> =
        doc.get_changes(&[]).iter().map(|change| change.actor_id().clone()).collect();
    assert_eq!(actors.len(), 2);
}

/// PT4: what others write between two changes is in the copy before the next, and nothing of it is lost.
#[tokio::test]
async fn pt4_what_others_write_is_kept() {
    let server = server().await;
    let id = made(&server, 1, &dashboard::first_widget_data()).await;
    let points = &server.gateway().points;
    points.add(permits::edit(&id), vec![point(10), point(30)], Replacing::Allowed).await.unwrap();
    let mut feed = dashboard::Feed::new(stored(&server, &id).await, ActorId::from([7; 16])).unwrap();
    let change = feed.add(&[point(20)], server.gateway().clock.now()).unwrap().change.unwrap();
    server.gateway().hub.submit(permits::edit(&id), vec![change]).await.unwrap();
    let receipt = points.add(permits::edit(&id), vec![point(25)], Replacing::Allowed).await.unwrap();
    let doc = stored(&server, &id).await;
    assert_eq!(times(&doc), [10, 20, 25, 30]);
    assert_eq!(receipt.points, 4);
    assert_eq!(receipt.heads, doc.get_heads());
}

/// PT1: documents that are not there, were deleted, or take no points are refused, to those as well who do
/// not wait, and no collector stays behind.
#[tokio::test]
async fn pt1_documents_that_take_no_points() {
    let server = server().await;
    let points = server.gateway().points.clone();
    let board = made(&server, 1, &dashboard::first_dashboard()).await;
    let gone = made(&server, 2, &dashboard::first_widget_data()).await;
    server.gateway().hub.delete(&permits::admin(&gone)).await.unwrap();
    let nobodys = DocumentId::from_bytes(&[3; 16]).unwrap();
    let refused = async |id: &DocumentId| {
        let later =
            points.add_later(permits::edit(id), vec![point(1)], Replacing::Allowed).await.unwrap_err();
        let error = points.add(permits::edit(id), vec![point(1)], Replacing::Allowed).await.unwrap_err();
        assert_eq!(later, error);
        error
    };
    assert!(matches!(refused(&board).await, AddPointsError::NotPoints { .. }));
    assert!(matches!(refused(&gone).await, AddPointsError::View(ViewError::Deleted { .. })));
    assert!(matches!(refused(&nobodys).await, AddPointsError::View(ViewError::Unknown { .. })));
    assert!(points.inner.collectors().is_empty());
}

/// A right to write, by somebody.
fn edit_of(who: &str, id: &DocumentId) -> EditPermit {
    let who = Arc::new(Identity::person(who.parse().unwrap()));
    Grant::to_make(id.clone(), &who, Clock::System.now()).permit_edit().unwrap()
}

/// PT10: of several people who post to one series at the same moment, to an empty one too, each adds to what the others
/// have added: the points stand in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pt10_points_of_several_people_stand_in_order() {
    let server = server().await;
    for byte in 1..=4 {
        let id = made(&server, byte, &dashboard::first_widget_data()).await;
        let everyone = serde_json::json!({"owner": null, "grants": [{"everyone": true, "role": "write"}]});
        let access = Access::from_stored(&everyone.to_string()).unwrap();
        server.gateway().hub.set_access(&permits::admin(&id), Arc::new(access)).await.unwrap();
        let mut all = tokio::task::JoinSet::new();
        for (who, t) in [("bo", 1003), ("cleo", 1000), ("dan", 1002), ("eve", 1001)] {
            let (points, permit) = (server.gateway().points.clone(), edit_of(who, &id));
            all.spawn(async move {
                points.add(permit.for_points().unwrap(), vec![point(t)], Replacing::Allowed).await
            });
        }
        assert!(all.join_all().await.iter().all(Result::is_ok));
        assert_eq!(times(&stored(&server, &id).await), [1000, 1001, 1002, 1003]);
    }
}

/// PT11: who may only add replaces nothing, be it in the document or among points that wait for the same change. The same
/// value once more is no replacement, and what others add at the same time is added.
#[tokio::test]
async fn pt11_who_may_only_add_replaces_nothing() {
    let server = server().await;
    let id = made(&server, 1, &dashboard::first_widget_data()).await;
    let points = &server.gateway().points;
    let add = async |t, v, replacing| {
        points.add(permits::edit(&id), vec![Point { t, v: Some(v) }], replacing).await
    };
    add(10, 1.0, Replacing::Refused).await.unwrap();
    add(10, 1.0, Replacing::Refused).await.unwrap();
    let (refused, other, waits) = tokio::join!(
        add(10, 2.0, Replacing::Refused),
        add(20, 1.0, Replacing::Refused),
        add(20, 2.0, Replacing::Refused),
    );
    for refused in [refused, waits] {
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("/points/*/v"), "{refused}");
        assert!(matches!(refused, AddPointsError::Submit(SubmitError::Rejected { .. })), "{refused}");
    }
    assert_eq!(other.unwrap().points, 2);
    add(10, 3.0, Replacing::Allowed).await.unwrap();
    let data = read_widget_data(&stored(&server, &id).await, None).data;
    let values: Vec<(i64, Option<f64>)> = data.points.iter().map(|point| (point.t, point.v)).collect();
    assert_eq!(values, [(10, Some(3.0)), (20, Some(1.0))]);
}

/// PT12: who brings points that are older than all that is kept is told how many were not kept.
#[tokio::test]
async fn pt12_what_is_not_kept_is_counted() {
    let server = server().await;
    let id = made(&server, 1, &dashboard::first_widget_data()).await;
    let points = &server.gateway().points;
    let full: Vec<Point> = (0..10_000).map(|n| point(1_000 + n)).collect();
    let add = async |new| points.add(permits::edit(&id), new, Replacing::Allowed).await.unwrap();
    assert_eq!(add(full).await.not_kept, 0);
    let receipt = add(vec![point(1), point(2), point(20_000)]).await;
    assert_eq!((receipt.not_kept, receipt.points), (2, 10_000));
}

/// PT8: points that wait have a bound; beyond it a caller is told when to come back, and what was taken
/// is written.
#[tokio::test]
async fn pt8_points_that_wait_are_bounded() {
    let server = server().await;
    let id = made(&server, 1, &dashboard::first_widget_data()).await;
    let points = &server.gateway().points;
    points.add(permits::edit(&id), vec![point(0)], Replacing::Allowed).await.unwrap();
    let full: Vec<Point> = (0..10_000).map(point).collect();
    points.add_later(permits::edit(&id), full.clone(), Replacing::Allowed).await.unwrap();
    points.add_later(permits::edit(&id), full.clone(), Replacing::Allowed).await.unwrap();
    let refused = points.add_later(permits::edit(&id), vec![point(1)], Replacing::Allowed).await.unwrap_err();
    let AddPointsError::TooManyWait { retry_after, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Duration::from_millis(500));
    let taken = async {
        while points.add_later(permits::edit(&id), vec![point(20_000)], Replacing::Allowed).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("there is room again");
    points.close().await;
    let times = times(&stored(&server, &id).await);
    assert_eq!((times.len(), times.last()), (10_000, Some(&20_000)));
}

/// PT5: a document whose history is at its budget is fed no more, and is told what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pt5_a_spent_history_is_fed_no_more() {
    let server = server().await;
    let mut doc = dashboard::first_widget_data().with_actor(ActorId::from([5; 16]));
    for _ in 1..HISTORY_BUDGET {
        doc.empty_commit(automerge::transaction::CommitOptions::default());
    }
    let id = made(&server, 1, &doc).await;
    let refused = server
        .gateway()
        .points
        .add(permits::edit(&id), vec![point(1)], Replacing::Allowed)
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        AddPointsError::BudgetSpent { document: id.clone(), changes: HISTORY_BUDGET },
        "{refused}"
    );
    assert!(refused.to_string().contains("make a new widget data document"), "{refused}");
    assert_eq!(stored(&server, &id).await.get_heads(), doc.get_heads());
}

/// PT6: after a change of which nobody knows whether it was stored, copies get another actor.
#[tokio::test]
async fn pt6_doubt_changes_the_actor() {
    let server = server().await;
    let inner = &server.gateway().points.inner;
    let id = DocumentId::from_bytes(&[1; 16]).unwrap();
    let before = inner.actor(&fed(&id));
    assert_eq!(inner.actor(&fed(&id)), before, "the same as long as nothing goes wrong");
    assert_ne!(inner.actor(&fed(&DocumentId::from_bytes(&[2; 16]).unwrap())), before);
    inner.doubts.fetch_add(1, Ordering::SeqCst);
    assert_ne!(inner.actor(&fed(&id)), before);
}

/// What a point costs from its call to its receipt, in a document with 10,000 changes and 5,000 points that
/// gets one a second. Run it by name with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and judges nothing"]
async fn measures_a_steady_feed() {
    let server = server().await;
    let doc = dashboard::first_widget_data();
    let mut feed = dashboard::Feed::new(doc, ActorId::from([7; 16])).unwrap();
    let changes: Vec<Bytes> = (0..9_990)
        .filter_map(|t| feed.add(&[point(t)], server.gateway().clock.now()).unwrap().change)
        .collect();
    let first = made(&server, 1, &dashboard::first_widget_data()).await;
    server.gateway().hub.submit(permits::edit(&first), changes).await.unwrap();
    for n in 0..8 {
        let began = Instant::now();
        let receipt = server
            .gateway()
            .points
            .add(permits::edit(&first), vec![point(20_000 + n)], Replacing::Allowed)
            .await
            .unwrap();
        println!("{} changes: {:?}", receipt.changes, began.elapsed());
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
}

fn fed(id: &DocumentId) -> Fed {
    (id.clone(), "ana".parse().unwrap())
}
