//! Feeds without sockets: a test edits through the hub and follows.

use super::*;
use crate::clock::Clock;
use crate::config::Limits;
use crate::hub::{Said, Spoken, SpokenKind};
use crate::permits;
use crate::store::MemoryStore;
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, AutomergeError, ROOT};
use bytes::Bytes;
use dovetail_core::rules::{InForce, RuleBook, RuleSet};
use dovetail_core::wire::{Ephemeral, EphemeralFrame};
use serde_json::json;
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One document, a hub that stores it, and a replica that edits it.
struct World {
    hub: Hub,
    feeds: Feeds,
    id: DocumentId,
    doc: Automerge,
}

impl World {
    async fn new() -> Self {
        let hub = Hub::open(Arc::new(MemoryStore::new()), &Limits::default(), Clock::System).await.unwrap();
        let feeds = Feeds::new(hub.clone(), Arc::new(Semaphore::new(4)));
        let id = DocumentId::from_bytes(&[7; 16]).unwrap();
        let mut world = Self { hub, feeds, id, doc: Automerge::new() };
        world.put("first", 0).await;
        world
    }

    /// Writes a member and waits until that is stored.
    async fn put(&mut self, key: &str, value: i64) {
        self.write(|tx| tx.put(ROOT, key, value)).await;
    }

    async fn write(&mut self, write: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>) {
        let before = self.doc.get_heads();
        self.doc.transact::<_, _, AutomergeError>(write).unwrap();
        let changes = self.doc.get_changes(&before);
        let bytes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
        self.hub.submit(permits::edit(&self.id), bytes).await.unwrap();
    }

    async fn follow(&self, from: Option<Vec<ChangeHash>>) -> Follower {
        let subscription = self.feeds.follow(&permits::read(&self.id), from, None).await.unwrap();
        Follower { subscription, document: Value::Null, heads: Vec::new(), patches: 0, snapshots: 0 }
    }

    fn value(&self) -> Value {
        json::read(&self.doc, None)
    }

    async fn nobody_follows(&self) {
        eventually("all feeds have ended", || self.feeds.open() == 0).await;
        eventually("no document is open", || self.hub.statistics().documents_live <= 1).await;
    }
}

/// What a JSON client has of the document.
struct Follower {
    subscription: Subscription,
    document: Value,
    heads: Vec<ChangeHash>,
    patches: usize,
    snapshots: usize,
}

impl Follower {
    async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.subscription.next()).await.expect("something comes").expect("it goes on")
    }

    /// Takes the next event as a client does.
    async fn take(&mut self) -> Event {
        let event = self.event().await;
        let members = event.members().unwrap();
        let value: Value = serde_json::from_str(&format!("{{{members}}}")).unwrap();
        match &event {
            Event::Snapshot(state) => {
                self.snapshots += 1;
                self.document = value["document"].clone();
                assert_eq!(value["heads"], listed(&state.heads));
            }
            Event::Patch(update) => {
                self.patches += 1;
                assert_eq!(*update.from, *self.heads, "it begins where the last one ended");
                let patch: json_patch::Patch = serde_json::from_value(value["patch"].clone()).unwrap();
                json_patch::patch(&mut self.document, &patch).unwrap();
            }
            _ => {}
        }
        if let Some(heads) = event.heads() {
            self.heads = heads.to_vec();
        }
        event
    }

    async fn catches_up(&mut self, world: &World) {
        let mut heads = world.doc.get_heads();
        heads.sort_unstable();
        while self.heads != heads {
            self.take().await;
        }
        assert_eq!(self.document, world.value());
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(PATIENCE, looking).await.is_ok(), "not so in time: {what}");
}

fn word(document: &DocumentId, data: &[u8]) -> Arc<EphemeralFrame> {
    Arc::new(EphemeralFrame::new(&Ephemeral {
        sender: "peer-bo".parse().unwrap(),
        target: None,
        document: document.clone(),
        count: 1,
        session_id: "run".into(),
        data: data.to_vec().into(),
    }))
}

fn presence(document: &DocumentId, from: u64, state: Value) -> Arc<Said> {
    let (session, user) = (format!("session-{from}").into(), Some("ana".into()));
    let spoken = Some(Spoken { kind: SpokenKind::Presence, session, user, body: state });
    Arc::new(Said { from: SessionId(from), frame: word(document, &[1]), spoken })
}

/// FE9: a snapshot first, then patches, each from where the last one ended; whoever applies them has the
/// document. All who follow a document share one feed, and it ends with the last of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe9_a_snapshot_then_patches() {
    let mut world = World::new().await;
    let (mut ana, mut bo) = (world.follow(None).await, world.follow(None).await);
    for n in 0..20 {
        world.put("n", n).await;
        ana.catches_up(&world).await;
    }
    bo.catches_up(&world).await;
    assert_eq!((ana.snapshots, bo.snapshots), (1, 1));
    assert_eq!(world.feeds.open(), 1, "one feed for both");
    drop((ana, bo));
    world.nobody_follows().await;
}

/// FE10: many edits become few patches: a document is looked at at most every 50 ms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe10_many_edits_become_few_patches() {
    let mut world = World::new().await;
    let mut ana = world.follow(None).await;
    ana.take().await;
    let began = Instant::now();
    for n in 0..200 {
        world.put("n", n).await;
    }
    ana.catches_up(&world).await;
    let looks = began.elapsed().as_millis() / LOOK_EVERY.as_millis() + 2;
    assert!((ana.patches as u128) <= looks, "{} patches in {:?}", ana.patches, began.elapsed());
}

/// FE11: one who takes nothing for a long time gets one patch for all it missed, however much that was, and
/// what waited for it was its heads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe11_a_slow_follower_gets_one_patch() {
    let mut world = World::new().await;
    let (mut quick, mut slow) = (world.follow(None).await, world.follow(None).await);
    quick.take().await;
    slow.take().await;
    for n in 0..40 {
        world.put(&format!("key {n}"), n).await;
        // Each is an update of its own: more of them than are kept.
        quick.catches_up(&world).await;
    }
    assert!(quick.patches >= 40);
    slow.catches_up(&world).await;
    assert_eq!((slow.snapshots, slow.patches), (1, 1));
}

/// FE12: who comes back is told just what it missed, from heads that nobody remembers too; who has everything
/// gets an empty patch; whose heads the document does not know gets a snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe12_following_is_resumed_exactly() {
    let mut world = World::new().await;
    let (old, old_heads) = (world.value(), world.doc.get_heads());
    for n in 0..3 {
        world.put("n", n).await;
    }
    let mut back = world.follow(Some(old_heads.clone())).await;
    (back.document, back.heads) = (old, old_heads);
    back.catches_up(&world).await;
    assert_eq!((back.snapshots, back.patches), (0, 1));

    let heads = world.doc.get_heads();
    let mut there = world.follow(Some(heads.clone())).await;
    (there.document, there.heads) = (world.value(), heads);
    let Event::Patch(update) = there.take().await else { panic!("a patch") };
    assert_eq!(update.patch(), "[]");
    world.put("n", 9).await;
    there.catches_up(&world).await;

    let mut foreign = world.follow(Some(vec![ChangeHash([9; 32])])).await;
    assert!(matches!(foreign.take().await, Event::Snapshot(_)));
    foreign.catches_up(&world).await;
}

/// FE13: a document that nobody has cannot be followed and is not kept open; one that is deleted says so
/// once, and following ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe13_following_ends_with_the_document() {
    let world = World::new().await;
    let unknown = DocumentId::from_bytes(&[8; 16]).unwrap();
    let refused = world.feeds.follow(&permits::read(&unknown), None, None).await.unwrap_err();
    assert_eq!(refused, ViewError::Unknown { document: unknown });
    let mut ana = world.follow(None).await;
    ana.take().await;
    world.hub.delete(&permits::admin(&world.id)).await.unwrap();
    assert!(matches!(ana.event().await, Event::Deleted));
    assert!(ana.subscription.next().await.is_none());
    let refused = world.feeds.follow(&permits::read(&world.id), None, None).await.unwrap_err();
    assert_eq!(refused, ViewError::Deleted { document: world.id.clone() });
    drop(ana);
    eventually("nothing is left", || world.hub.statistics().documents_open == 0).await;
    assert_eq!(world.feeds.open(), 0);

    world.hub.undelete(&permits::admin(&world.id)).await.unwrap();
    world.follow(None).await.catches_up(&world).await;
}

/// FE14: what is said in the moment is told to those who follow, not to its sender; who comes later hears
/// who is there; what sync clients say is shown as JSON, or as bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe14_what_is_said_is_told() {
    let world = World::new().await;
    let mut ana = world.follow(None).await;
    let mut herself = world.feeds.follow(&permits::read(&world.id), None, Some(SessionId(1))).await.unwrap();
    ana.take().await;
    herself.next().await.unwrap();
    world.hub.say(&permits::read(&world.id), presence(&world.id, 1, json!({"x": 1}))).await;
    let event = ana.event().await;
    let expected = r#""from":{"sessionId":"session-1","userId":"ana"},"state":{"x":1}"#;
    assert_eq!((event.name(), event.members().as_deref()), ("presence", Some(expected)));
    let nothing = timeout(Duration::from_millis(50), herself.next()).await;
    assert!(nothing.is_err(), "not what it said itself: {nothing:?}");

    let mut late = world.follow(None).await;
    assert!(matches!(late.take().await, Event::Snapshot(_)));
    assert!(matches!(late.event().await, Event::Presence(said) if said.from == SessionId(1)));

    for (data, shown) in [(&b"\xa1\x61a\x01"[..], r#"{"a":1}"#), (b"\xa1\x01\x01", r#"{"$bytes":"oQEB"}"#)] {
        let said = Said { from: SessionId(2), frame: word(&world.id, data), spoken: None };
        world.hub.say(&permits::read(&world.id), Arc::new(said)).await;
        let expected = format!(r#""data":{shown},"from":{{"peerId":"peer-bo"}},"scope":"document""#);
        assert_eq!(late.event().await.members(), Some(expected));
    }
}

/// FE14: a follower that missed too much of what was said is told again where everybody is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe14_who_missed_too_much_hears_who_is_where() {
    let world = World::new().await;
    let mut slow = world.follow(None).await;
    slow.take().await;
    for x in 0..1_000 {
        world.hub.say(&permits::read(&world.id), presence(&world.id, 1 + x % 2, json!(x))).await;
    }
    world.hub.view(&permits::read(&world.id), |_| ()).await.unwrap();
    let mut heard = Vec::new();
    while heard.iter().filter(|x| **x >= 998).count() < 2 {
        let Event::Presence(said) = slow.event().await else { panic!("presence") };
        heard.push(said.spoken.as_ref().unwrap().body.as_i64().unwrap());
    }
    assert!(heard.len() <= 300, "the oldest were given up: {}", heard.len());
}

/// FE15: a random reader, who drops at random and resumes, always has the document as it was at the heads
/// that it was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe15_what_a_reader_has_is_the_document_at_its_heads() {
    let mut world = World::new().await;
    let mut others: Vec<Automerge> =
        (1..4).map(|n: u8| world.doc.fork().with_actor(ActorId::from([n; 16]))).collect();
    let mut drawn = 41_u32;
    let mut draw = |below: u32| {
        drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (drawn >> 8) % below
    };
    let mut reader = world.follow(None).await;
    for step in 0..120 {
        let other = &mut others[draw(3) as usize];
        let before = other.get_heads();
        let key = format!("key {}", draw(10));
        let value = i64::from(draw(100));
        other.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, key.as_str(), value)).unwrap();
        let changes = other.get_changes(&before);
        let bytes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
        world.hub.submit(permits::edit(&world.id), bytes).await.unwrap();
        world.doc.apply_changes(changes).unwrap();
        if draw(3) == 0 {
            let seen = reader.take().await;
            assert!(matches!(seen, Event::Snapshot(_) | Event::Patch(_)));
            assert_eq!(reader.document, json::read(&world.doc, Some(&reader.heads)), "step {step}");
        }
        if draw(6) == 0 {
            // Its last id is all that it has.
            let id = dotted(&reader.heads);
            let heads = if id.is_empty() { None } else { from_dotted(&id) };
            let mut back = world.follow(heads).await;
            (back.document, back.heads) = (reader.document.clone(), reader.heads.clone());
            reader = back;
        }
    }
    reader.catches_up(&world).await;
}

/// FE20: followers are told what the rules say when they come, and then what becomes of each conflict: never
/// before the patch that brought it about.
#[tokio::test]
async fn fe20_followers_are_told_of_conflicts() {
    let world = World::new().await;
    let rule = json!({"id": "few", "predicate": "range", "over": "count", "max": {"path": "most", "default": 5}, "message": "{found} are too many"});
    let wide = json!({"id": "wide", "predicate": "max_items", "over": "rows", "limit": "columns", "message": "{found}"});
    let set = serde_json::from_value(json!({"kind": "board", "rule": [rule, wide]})).unwrap();
    let rules = Arc::new(RuleSet::compile(set).unwrap());
    let in_force = |version| Arc::new(RuleBook::empty().with(InForce { version, rules: rules.clone() }));
    world.hub.set_rules(&in_force(1));
    let mut world = world;
    world.write(|tx| tx.put(ROOT, "kind", "board")).await;
    world.put("columns", 4).await;
    world.put("count", 7).await;

    let mut subscription = world.feeds.follow(&permits::read(&world.id), None, None).await.unwrap();
    let mut next = async || timeout(PATIENCE, subscription.next()).await.unwrap().unwrap();
    assert!(matches!(next().await, Event::Snapshot(_)));
    let Event::Conflicts(Some(all)) = next().await else { panic!("first what there is") };
    assert_eq!((all.version, all.report.conflicts[0].message.as_str()), (1, "7 are too many"));

    world.put("count", 3).await;
    assert!(matches!(next().await, Event::Patch(_)), "the patch first");
    let Event::Conflict(event) = next().await else { panic!("then what it did") };
    assert_eq!((event.name(), &event.conflict().id), ("conflict.settled", &all.report.conflicts[0].id));
    world.put("count", 8).await;
    assert!(matches!(next().await, Event::Patch(_)));
    let Event::Conflict(event) = next().await else { panic!("opened") };
    assert_eq!(event.name(), "conflict.opened");

    // A rule that cannot be judged any more says nothing about any conflict, so all is told.
    world.write(|tx| tx.delete(ROOT, "columns")).await;
    assert!(matches!(next().await, Event::Patch(_)));
    let Event::Conflicts(Some(all)) = next().await else { panic!("what is undecided is told") };
    assert_eq!((all.report.undecided[0].rule.as_str(), all.report.conflicts.len()), ("wide", 1));

    world.hub.set_rules(&in_force(2));
    let Event::Conflicts(Some(all)) = next().await else { panic!("other rules are told as a whole") };
    assert_eq!((all.version, all.report.conflicts.len()), (2, 1));
}
