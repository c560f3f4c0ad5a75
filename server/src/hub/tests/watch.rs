//! Those who follow a document without syncing.

use super::*;
use crate::permits;
use dovetail_core::document::Standing;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

/// FE1: a watcher is woken when what is stored has changed, never before it is stored, and once for many
/// changes that it slept through.
#[tokio::test]
async fn fe1_a_watcher_is_told_what_is_stored() {
    let world = World::new().await;
    let id = document(1);
    let first = world.put(&id, 1).await.unwrap();
    let mut watch = world.hub.watch(&permits::read(&id));
    assert_eq!(watch.news().standing, stored_at(&first));

    world.store.commits(Commits::Wait);
    let (hub, begun) = (world.hub.clone(), world.store.begun());
    let second = tokio::spawn(async move { hub.submit(permits::edit(&document(1)), vec![change(2)]).await });
    eventually("the commit has begun", || world.store.begun() > begun).await;
    everybody_had_a_chance().await;
    assert_eq!(watch.news().standing, stored_at(&first), "not before it is stored");

    world.store.commits(Commits::Succeed);
    let second = second.await.unwrap().unwrap();
    timeout(PATIENCE, watch.changed()).await.unwrap().unwrap();
    assert_eq!(watch.news().standing, stored_at(&second));

    for key in 3..10 {
        world.put(&id, key).await.unwrap();
    }
    timeout(PATIENCE, watch.changed()).await.unwrap().unwrap();
    watch.news();
    assert!(timeout(Duration::from_millis(20), watch.changed()).await.is_err(), "woken once for all");
    world.hub.delete(&permits::admin(&id)).await.unwrap();
    timeout(PATIENCE, watch.changed()).await.unwrap().unwrap();
    assert_eq!(watch.news().standing, Standing::Deleted);
}

/// FE2: a watched document is not idle. Its content may leave memory, its task stays, and both go when the
/// last watcher has gone.
#[tokio::test]
async fn fe2_a_watched_document_keeps_its_task() {
    let world = World::within(|limits| limits.memory_budget_bytes = 1).await;
    let id = document(1);
    let mut watch = world.hub.watch(&permits::read(&id));
    let manifest = world.put(&id, 1).await.unwrap();
    eventually("its content left memory", || world.hub.statistics().documents_live == 0).await;
    world.clock.advance(Duration::from_secs(3600));
    everybody_had_a_chance().await;
    assert_eq!(world.hub.statistics().documents_open, 1);
    assert_eq!(watch.news().standing, stored_at(&manifest), "it stands where it stood");

    drop(watch);
    world.nobody_is_left().await;

    let world = World::new().await;
    let watch = world.hub.watch(&permits::read(&id));
    world.put(&id, 1).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    everybody_had_a_chance().await;
    assert_eq!(world.hub.statistics().documents_live, 1, "somebody watches it");
    drop(watch);
    eventually("it is idle from now on", || {
        world.clock.advance(Duration::from_secs(3600));
        world.hub.statistics().documents_open == 0
    })
    .await;
}

/// FE3: watchers hear what is said in the moment, the slowest loses the oldest, and who is present is
/// remembered until it leaves.
#[tokio::test]
async fn fe3_watchers_hear_what_is_said() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let watch = world.hub.watch(&permits::read(&id));
    let mut said = watch.said();
    let (ana, bo) = (world.reader(&id).await, world.reader(&id).await);
    let frame = Arc::new(word(&id));
    let spoken = |body| Spoken { kind: SpokenKind::Presence, session: "s".into(), user: None, body };
    for body in [serde_json::json!({"x": 1}), serde_json::json!({"x": 2})] {
        let word = Said { from: ana.session, frame: frame.clone(), spoken: Some(spoken(body)) };
        world.hub.say(&permits::read(&id), Arc::new(word)).await;
    }
    for x in [1, 2] {
        let heard = timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
        assert_eq!(heard.spoken.as_ref().unwrap().body["x"], x);
        assert_eq!((heard.frame.sender().as_str(), heard.frame.data()), ("ana", &[1u8][..]));
    }
    // Each was told besides what it may do.
    eventually("the other reader has them", || bo.outbox.waiting() == 3).await;
    assert_eq!(ana.outbox.waiting(), 1, "not who said it");
    assert_eq!(watch.present().len(), 1, "the newest word of each");

    let gone = Said { from: ana.session, frame: frame.clone(), spoken: Some(spoken(Value::Null)) };
    world.hub.say(&permits::read(&id), Arc::new(gone)).await;
    timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
    assert!(watch.present().is_empty());

    for _ in 0..300 {
        let word = Said { from: ana.session, frame: frame.clone(), spoken: None };
        world.hub.say(&permits::read(&id), Arc::new(word)).await;
    }
    world.keys(&id).await.unwrap();
    let lagged = said.recv().await.unwrap_err();
    assert!(matches!(lagged, RecvError::Lagged(44)), "{lagged:?}");
}

fn stored_at(manifest: &Manifest) -> Standing {
    Standing::Stored { heads: manifest.heads.as_slice().into() }
}

fn word(document: &DocumentId) -> EphemeralFrame {
    EphemeralFrame::new(&Ephemeral {
        sender: peer("ana"),
        target: None,
        document: document.clone(),
        count: 1,
        session_id: "run".into(),
        data: vec![1].into(),
    })
}
