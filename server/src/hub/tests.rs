//! The hub without sockets: a test plays the doors and the readers, and says when the store answers.
//!
//! Nothing here waits for a time to pass: [`eventually`] looks until something is so.

use super::mailbox::MAILBOX_MAX;
use super::*;
use crate::permits;
use crate::store::MemoryStore;
use crate::store::faulty::{Commits, FaultyStore};
use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutomergeError, ROOT, ReadDoc};
use dovetail_core::document::chunk::Lifecycle;
use dovetail_core::document::{Body, Refusal, RemoteHeads};
use dovetail_core::session::{Outgoing, ToDocument};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{Ephemeral, EphemeralFrame};
use futures_util::FutureExt;
use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use tokio::task::JoinSet;
use tokio::time::timeout;

mod conflicts; // What the rules say.
mod rights; // Who may write, and what is written down of those who may not.
mod watch; // Those who follow without syncing.

/// Longer than anything here takes on a busy machine, shorter than anybody waits for a test that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often something that must not happen is given the chance to.
const CHANCES: usize = 200;

/// A hub whose clock stands and whose sweep comes at once.
struct World {
    hub: Hub,
    store: Arc<FaultyStore>,
    clock: Clock,
}

impl World {
    async fn new() -> Self {
        Self::within(|_| {}).await
    }

    async fn within(adjust: impl FnOnce(&mut HubLimits)) -> Self {
        let mut limits = HubLimits::of(&Limits::default());
        limits.look_every = Duration::from_millis(1);
        adjust(&mut limits);
        let store = FaultyStore::over(Arc::new(MemoryStore::new()));
        let clock = Clock::standing(Timestamp::from_millis(1_000_000));
        let hub = Hub::within(limits, store.clone(), clock.clone()).await.unwrap();
        Self { hub, store, clock }
    }

    async fn put(&self, document: &DocumentId, key: u64) -> Result<Manifest, SubmitError> {
        self.hub.submit(permits::edit(document), vec![change(key)]).await
    }

    async fn keys(&self, document: &DocumentId) -> Result<Vec<String>, ViewError> {
        self.hub.view(&permits::read(document), |doc| doc.keys(ROOT).collect()).await
    }

    async fn reader(&self, document: &DocumentId) -> Reader {
        self.reader_of(Identity::local(), document).await
    }

    async fn reader_of(&self, who: Arc<Identity>, document: &DocumentId) -> Reader {
        let session = self.hub.next_session();
        let outbox = Arc::new(Outbox::default());
        let reader = super::Reader {
            address: Some("192.0.2.1".parse().unwrap()),
            session,
            who,
            storage: None,
            follows: Arc::default(),
            understands_ours: true,
            room: Arc::default(),
            outbox: outbox.clone(),
        };
        let mailbox = self.hub.read(document, reader).await.unwrap();
        Reader { session, outbox, mailbox, doc: Automerge::new(), state: State::new(), others: Vec::new() }
    }

    async fn nobody_is_left(&self) {
        eventually("no document has a task", || self.hub.statistics().documents_open == 0).await;
        let nothing = Statistics::default();
        assert_eq!(self.hub.statistics(), nothing);
    }
}

/// What a socket and its client are to the hub.
struct Reader {
    session: SessionId,
    outbox: Arc<Outbox>,
    mailbox: Mailbox,
    doc: Automerge,
    state: State,
    /// What came beside sync messages.
    others: Vec<Outgoing>,
}

impl Reader {
    async fn talk(&mut self) {
        if let Some(message) = self.doc.generate_sync_message(&mut self.state) {
            let is_request = message.heads.is_empty() && message.changes.is_empty();
            self.mailbox.tell(self.session, ToDocument::Message { is_request, message }).await;
        }
    }

    async fn put(&mut self, key: u64) {
        put(&mut self.doc, key);
        self.talk().await;
    }

    async fn taken(&self) -> Taken {
        timeout(PATIENCE, poll_fn(|cx| self.outbox.poll_take(cx))).await.expect("something comes")
    }

    /// Takes what is there, or waits for it, and answers as a client does.
    async fn listen(&mut self) {
        let Taken::Items(items) = self.taken().await else { panic!("the reader was sent away") };
        for item in items {
            match item {
                Outgoing::Sync { body, .. } => {
                    let message = Message::decode(&body.bytes).unwrap();
                    self.doc.receive_sync_message(&mut self.state, message).unwrap();
                    self.mailbox.drained(self.session);
                    self.talk().await;
                }
                // What one may do, and what is durable, is told beside all else.
                Outgoing::Own { .. } => {}
                other => self.others.push(other),
            }
        }
    }

    async fn hears_of(&mut self, key: u64) {
        while !has(&self.doc, key) {
            self.listen().await;
        }
    }

    /// Reads until the hub has acknowledged all that it has.
    async fn settle(&mut self) {
        while self.state.their_heads.as_deref() != Some(&self.doc.get_heads()) {
            self.listen().await;
        }
    }

    fn leave(self) {
        self.mailbox.leave(self.session);
    }
}

fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

fn put(doc: &mut Automerge, key: u64) {
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, key.to_string(), 1)).unwrap();
}

fn has(doc: &Automerge, key: u64) -> bool {
    doc.get(ROOT, key.to_string()).unwrap().is_some()
}

/// A change that depends on nothing and puts this key.
fn change(key: u64) -> Bytes {
    let mut doc = Automerge::new().with_actor(ActorId::from(key.to_be_bytes()));
    put(&mut doc, key);
    let changes = doc.get_changes(&[]);
    Bytes::copy_from_slice(changes[0].raw_bytes())
}

fn peer(name: &str) -> PeerId {
    name.parse().unwrap()
}

fn whose(name: &str) -> SubjectId {
    name.parse().unwrap()
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(PATIENCE, looking).await.is_ok(), "not so in time: {what}");
}

/// Lets everything happen that can happen now.
async fn everybody_had_a_chance() {
    for _ in 0..CHANCES {
        tokio::task::yield_now().await;
    }
}

/// DO20: a door is told what became of its call, and a deleted document is gone until that is taken back.
#[tokio::test]
async fn do20_a_door_is_told_what_became_of_its_call() {
    let world = World::new().await;
    let (id, hub) = (document(1), &world.hub);
    let named = id.clone();
    assert_eq!(world.keys(&id).await, Err(ViewError::Unknown { document: named.clone() }));
    assert_eq!(hub.delete(&permits::admin(&id)).await, Err(SubmitError::Unknown { document: named.clone() }));

    let stored = world.put(&id, 1).await.unwrap();
    assert_eq!(stored.changes, 1);
    assert_eq!(world.put(&id, 1).await.unwrap(), stored, "the same change again changes nothing");
    let nonsense = hub.submit(permits::edit(&id), vec![Bytes::from_static(b"nonsense")]).await;
    assert!(matches!(nonsense, Err(SubmitError::InvalidChange { .. })), "{nonsense:?}");
    assert_eq!(world.keys(&id).await.unwrap(), ["1"]);

    let deleted = hub.delete(&permits::admin(&id)).await.unwrap();
    assert!(matches!(deleted.lifecycle, Lifecycle::Deleted { .. }));
    assert_eq!(world.keys(&id).await, Err(ViewError::Deleted { document: named.clone() }));
    assert_eq!(world.put(&id, 2).await, Err(SubmitError::Deleted { document: named }));

    assert_eq!(hub.undelete(&permits::admin(&id)).await.unwrap().lifecycle, Lifecycle::Live);
    world.put(&id, 2).await.unwrap();
    assert_eq!(world.keys(&id).await.unwrap(), ["1", "2"]);
}

/// DO21: while a commit is under way nobody is told anything: not its sender, not a reader, not who looks.
#[tokio::test]
async fn do21_nobody_is_told_before_the_commit() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let (mut ana, mut bo) = (world.reader(&id).await, world.reader(&id).await);
    for reader in [&mut ana, &mut bo] {
        reader.talk().await;
        reader.hears_of(1).await;
        reader.settle().await;
    }

    world.store.commits(Commits::Wait);
    let begun = world.store.begun();
    ana.put(2).await;
    eventually("her edit is on its way to the disk", || world.store.begun() > begun).await;
    let hub = world.hub.clone();
    let looked = tokio::spawn({
        let (hub, id) = (hub.clone(), id.clone());
        async move { hub.view(&permits::read(&id), |doc| doc.keys(ROOT).count()).await }
    });
    let submitted =
        tokio::spawn(async move { hub.submit(permits::edit(&document(1)), vec![change(3)]).await });
    everybody_had_a_chance().await;
    assert_eq!((ana.outbox.waiting(), bo.outbox.waiting()), (0, 0), "nothing leaves");
    assert!(!looked.is_finished() && !submitted.is_finished(), "nobody is answered");

    world.store.commits(Commits::Succeed);
    ana.settle().await;
    bo.hears_of(2).await;
    bo.hears_of(3).await;
    assert!(submitted.await.unwrap().is_ok());
    assert!(looked.await.unwrap().unwrap() >= 2);
}

/// DO22: a failed commit is told as such, nothing of it is seen, and when the store is well again
/// the same can be brought again.
#[tokio::test]
async fn do22_a_failed_commit_is_told_and_forgotten() {
    let world = World::new().await;
    let id = document(1);
    world.store.commits(Commits::Fail);
    assert_eq!(world.put(&id, 1).await, Err(SubmitError::Store { document: id.clone() }));
    assert_eq!(world.keys(&id).await, Err(ViewError::Unknown { document: id.clone() }));

    world.store.commits(Commits::Succeed);
    world.put(&id, 1).await.unwrap();
    world.store.commits(Commits::Fail);
    assert_eq!(world.put(&id, 2).await, Err(SubmitError::Store { document: id.clone() }));
    assert_eq!(
        world.hub.delete(&permits::admin(&id)).await,
        Err(SubmitError::Store { document: id.clone() })
    );
    assert_eq!(world.keys(&id).await.unwrap(), ["1"], "what is seen is what is stored");

    let mut ana = world.reader(&id).await;
    ana.talk().await;
    ana.hears_of(1).await;
    ana.put(3).await;
    while ana.others.is_empty() {
        ana.listen().await;
    }
    let come_again = |other: &Outgoing| matches!(other, Outgoing::Refused(Refusal::StoreUnavailable));
    assert!(ana.others.iter().all(come_again), "{:?}", ana.others);

    world.store.commits(Commits::Succeed);
    assert_eq!(world.put(&id, 2).await.unwrap().changes, 2);
    assert_eq!(world.keys(&id).await.unwrap(), ["1", "2"]);
}

/// DO23: a document that waits for the disk takes in a bounded number of messages; then its senders
/// wait, and none of them is forgotten.
#[tokio::test]
async fn do23_senders_wait_when_there_is_no_room() {
    const SENDERS: usize = 200;
    const EACH: usize = 30;
    let world = World::new().await;
    let id = document(1);
    world.store.commits(Commits::Wait);
    let first = tokio::spawn({
        let (hub, id) = (world.hub.clone(), id.clone());
        async move { hub.submit(permits::edit(&id), vec![change(0)]).await }
    });
    eventually("the commit has begun", || world.store.begun() == 1).await;

    let told = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let reader = world.reader(&id).await;
        let told = told.clone();
        senders.spawn(async move {
            for _ in 0..EACH {
                let message = Automerge::new().generate_sync_message(&mut State::new()).unwrap();
                let what = ToDocument::Message { is_request: true, message };
                reader.mailbox.tell(reader.session, what).await;
                told.fetch_add(1, Ordering::SeqCst);
            }
            reader
        });
    }
    let room = actor::WAITING_MAX + MAILBOX_MAX;
    assert!(SENDERS * EACH > room);
    let is_full = || world.hub.mailbox(&id).calls.capacity() == 0 && told.load(Ordering::SeqCst) == room;
    eventually("there is no room left", is_full).await;
    everybody_had_a_chance().await;
    assert_eq!(told.load(Ordering::SeqCst), room, "the others wait");

    world.store.commits(Commits::Succeed);
    assert!(first.await.unwrap().is_ok());
    for mut reader in senders.join_all().await {
        reader.hears_of(0).await;
        reader.leave();
    }
    assert_eq!(told.load(Ordering::SeqCst), SENDERS * EACH);
}

/// DO24: a document that nobody has read for a while leaves memory, not before, and comes back whole.
#[tokio::test]
async fn do24_an_unread_document_leaves_memory_and_comes_back() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let mut ana = world.reader(&id).await;
    ana.talk().await;
    ana.hears_of(1).await;
    ana.settle().await;
    world.clock.advance(Duration::from_secs(3600));
    everybody_had_a_chance().await;
    assert_eq!(world.hub.statistics().documents_live, 1, "it is read");

    let mailbox = ana.mailbox.clone();
    ana.leave();
    eventually("her leaving is seen", || mailbox.vitals.readers.load(Ordering::Relaxed) == 0).await;
    drop(mailbox);
    everybody_had_a_chance().await;
    assert_eq!(world.hub.statistics().documents_live, 1, "she has just left");
    world.clock.advance(Duration::from_secs(3600));
    world.nobody_is_left().await;

    assert_eq!(world.keys(&id).await.unwrap(), ["1"]);
    world.put(&id, 2).await.unwrap();
    assert_eq!(world.keys(&id).await.unwrap(), ["1", "2"]);
}

/// DO25: over the memory budget documents leave memory though they are read; their readers notice nothing.
#[tokio::test]
async fn do25_over_the_budget_a_document_that_is_read_leaves_memory() {
    let world = World::within(|limits| limits.memory_budget_bytes = 1).await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let (mut ana, mut bo) = (world.reader(&id).await, world.reader(&id).await);
    for reader in [&mut ana, &mut bo] {
        reader.talk().await;
        reader.hears_of(1).await;
        reader.settle().await;
    }
    for key in 2..6 {
        eventually("it has left memory", || {
            let now = world.hub.statistics();
            (now.documents_open, now.documents_live, now.resident_bytes) == (1, 0, 0)
        })
        .await;
        ana.put(key).await;
        ana.settle().await;
        bo.hears_of(key).await;
        bo.settle().await;
        assert!(has(&ana.doc, key) && world.keys(&id).await.unwrap().len() == key as usize);
    }
}

/// DO26: what is said in the moment reaches every other reader once, and not who said it; and of a slow
/// reader only the newest wait.
#[tokio::test]
async fn do26_ephemeral_messages_reach_the_others_once() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let says = |count: u64| {
        let said = Ephemeral {
            sender: peer("ana"),
            target: None,
            document: id.clone(),
            count,
            session_id: "run".into(),
            data: vec![1].into(),
        };
        ToDocument::Ephemeral(EphemeralFrame::new(&said))
    };
    let (mut ana, mut bo, mut cleo) =
        (world.reader(&id).await, world.reader(&id).await, world.reader(&id).await);
    let elsewhere = world.reader(&document(2)).await;
    for reader in [&mut ana, &mut bo, &mut cleo] {
        // What it may do.
        reader.listen().await;
        reader.others.clear();
    }
    ana.mailbox.tell(ana.session, says(1)).await;
    bo.listen().await;
    cleo.listen().await;
    everybody_had_a_chance().await;
    for listener in [&bo, &cleo] {
        assert!(matches!(listener.others[..], [Outgoing::Ephemeral(_)]), "{:?}", listener.others);
        assert_eq!(listener.outbox.waiting(), 0, "once");
    }
    assert_eq!((ana.outbox.waiting(), elsewhere.outbox.waiting()), (0, 0));

    for count in 2..2_000 {
        ana.mailbox.tell(ana.session, says(count)).await;
        tokio::task::yield_now().await;
    }
    everybody_had_a_chance().await;
    assert_eq!(bo.outbox.waiting(), 256, "who does not listen finds the newest");
}

/// DO27: a peer that connects again takes the place of its older connection, whose late end changes nothing.
#[tokio::test]
async fn do27_the_younger_connection_of_a_peer_stays() {
    let world = World::new().await;
    let hub = &world.hub;
    let connect = || {
        let (session, outbox) = (hub.next_session(), Arc::new(Outbox::default()));
        hub.joined(session, &peer("ana"), &whose("ana"), &outbox).unwrap();
        (session, outbox)
    };
    let closed = |outbox: Arc<Outbox>| async move {
        match timeout(PATIENCE, poll_fn(|cx| outbox.poll_take(cx))).await.expect("it is told") {
            Taken::Close(reason) => reason,
            Taken::Items(items) => panic!("{items:?}"),
        }
    };
    let (first, of_first) = connect();
    let (second, of_second) = connect();
    assert_eq!(closed(of_first).await, CloseReason::Replaced { peer: peer("ana") });
    hub.left(first, Some(&peer("ana")));
    assert_eq!(hub.statistics().sessions, 1);

    let (third, of_third) = connect();
    assert_eq!(closed(of_second).await, CloseReason::Replaced { peer: peer("ana") });
    hub.left(second, Some(&peer("ana")));

    hub.end_sessions();
    assert_eq!(closed(of_third).await, CloseReason::ServerStops);
    let (late, of_late) = connect();
    assert_eq!(closed(of_late).await, CloseReason::ServerStops, "who joins when the server stops is told so");
    hub.left(third, Some(&peer("ana")));
    hub.left(late, Some(&peer("ana")));
    assert_eq!(hub.statistics().sessions, 0);
    assert_eq!(hub.shared.sessions.names(), 0);
}

/// SE20: nobody goes by the name of somebody else's connection, or by the server's.
#[tokio::test]
async fn se20_a_peer_id_is_its_persons_as_long_as_they_are_connected() {
    let world = World::new().await;
    let hub = &world.hub;
    let join = |name: &PeerId, of: &str| {
        let (session, outbox) = (hub.next_session(), Arc::new(Outbox::default()));
        hub.joined(session, name, &whose(of), &outbox).map(|()| (session, outbox))
    };
    let name = peer("tab");
    let (anas, outbox) = join(&name, "ana").unwrap();
    let taken = CloseReason::PeerIdTaken { peer: name.clone() };
    assert_eq!(join(&name, "bo").unwrap_err(), taken);
    assert!(poll_fn(|cx| outbox.poll_take(cx)).now_or_never().is_none(), "and she is not bothered");
    hub.left(anas, Some(&name));
    join(&name, "bo").unwrap();
    let ours = hub.identity().peer.clone();
    assert_eq!(join(&ours, "bo").unwrap_err(), CloseReason::PeerIdTaken { peer: ours.clone() });
}

/// DO28: when everybody has left, nothing is left: no task, no byte, no session.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn do28_when_everybody_has_left_nothing_is_left() {
    let world = World::within(|limits| limits.document_idle = Duration::ZERO).await;
    let mut readers = Vec::new();
    for n in 0..40 {
        let mut reader = world.reader(&document(n % 8)).await;
        let name = peer(&format!("peer-{n}"));
        world.hub.joined(reader.session, &name, &whose("ana"), &reader.outbox).unwrap();
        reader.talk().await;
        reader.put(u64::from(n)).await;
        reader.settle().await;
        readers.push((n, reader));
    }
    let busy = world.hub.statistics();
    assert_eq!((busy.documents_open, busy.sessions), (8, 40));
    for (n, reader) in readers {
        world.hub.left(reader.session, Some(&peer(&format!("peer-{n}"))));
        reader.leave();
    }
    world.nobody_is_left().await;
    for n in 0..8 {
        assert_eq!(world.keys(&document(n)).await.unwrap().len(), 5);
    }
}

/// DO29: a document's task ends only when nobody can have put anything into its mailbox: whatever is
/// called while tasks end and begin is answered, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn do29_nothing_is_lost_while_tasks_end_and_begin() {
    const CALLS: u64 = 2_000;
    const DOCUMENTS: u64 = 5;
    let world = Arc::new(
        World::within(|limits| {
            limits.document_idle = Duration::ZERO;
            limits.memory_budget_bytes = 1;
        })
        .await,
    );
    let mut calls = JoinSet::new();
    for call in 0..CALLS {
        let world = world.clone();
        calls.spawn(async move {
            let id = document(u8::try_from(call % DOCUMENTS).unwrap());
            // Some early, some late: so that tasks end and begin in between.
            for _ in 0..call {
                tokio::task::yield_now().await;
            }
            if (call / DOCUMENTS).is_multiple_of(2) {
                let stored = world.put(&id, call).await.expect("the store is well");
                assert!(stored.changes > 0);
            } else {
                match world.keys(&id).await {
                    Ok(_) | Err(ViewError::Unknown { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    timeout(PATIENCE * 4, async {
        while let Some(answered) = calls.join_next().await {
            answered.unwrap();
        }
    })
    .await
    .expect("every call is answered");
    world.nobody_is_left().await;
    for n in 0..DOCUMENTS {
        let id = document(u8::try_from(n).unwrap());
        let mut keys = world.keys(&id).await.unwrap();
        keys.sort_unstable();
        let mut put: Vec<String> = (0..CALLS)
            .filter(|call| call % DOCUMENTS == n && (call / DOCUMENTS).is_multiple_of(2))
            .map(|key| key.to_string())
            .collect();
        put.sort_unstable();
        assert_eq!(keys, put);
    }
}

/// DO30: who holds a mailbox can rely on it: the document keeps its task, and what is put in is answered.
#[tokio::test]
async fn do30_a_task_stays_while_its_mailbox_is_held() {
    let world = World::within(|limits| limits.document_idle = Duration::ZERO).await;
    let id = document(1);
    let held = world.hub.mailbox(&id);
    world.put(&id, 1).await.unwrap();
    eventually("it has left memory", || world.hub.statistics().documents_live == 0).await;
    everybody_had_a_chance().await;
    assert!(Arc::ptr_eq(&held.vitals, &world.hub.mailbox(&id).vitals), "it is the same task");
    let (answer, answered) = oneshot::channel();
    held.calls
        .send(Call::Submit { permit: permits::edit(&document(1)), changes: vec![change(2)], answer })
        .await
        .unwrap();
    drop(held);
    assert_eq!(answered.await.unwrap().unwrap().changes, 2);
    world.nobody_is_left().await;
}

/// DO31: a client that is gone before its document has looked up leaves no reader behind.
#[tokio::test]
async fn do31_a_quick_client_leaves_no_reader_behind() {
    let world = World::within(|limits| limits.document_idle = Duration::ZERO).await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    // On one thread the document's task does not run between these two.
    let mut quick = world.reader(&id).await;
    quick.talk().await;
    quick.leave();
    world.nobody_is_left().await;
}

/// DO70: what somebody said right before they left comes in, and others hear their last words.
#[tokio::test]
async fn do70_last_words_are_heard() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let (mut ana, mut bo) = (world.reader(&id).await, world.reader(&id).await);
    for reader in [&mut ana, &mut bo] {
        reader.talk().await;
        reader.hears_of(1).await;
        reader.settle().await;
    }
    let said = Ephemeral {
        sender: peer("ana"),
        target: None,
        document: id.clone(),
        count: 1,
        session_id: "run".into(),
        data: vec![1].into(),
    };
    // On one thread the document's task does not run between these.
    ana.put(2).await;
    ana.mailbox.tell(ana.session, ToDocument::Ephemeral(EphemeralFrame::new(&said))).await;
    ana.leave();
    bo.others.clear();
    bo.hears_of(2).await;
    while !bo.others.iter().any(|other| matches!(other, Outgoing::Ephemeral(_))) {
        bo.listen().await;
    }
    assert_eq!(world.keys(&id).await.unwrap(), ["1", "2"]);
}

/// DO32: whoever looks and panics gets no answer; nobody else notices.
#[tokio::test]
async fn do32_a_look_that_panics_costs_its_answer_only() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let mut ana = world.reader(&id).await;
    ana.talk().await;
    ana.hears_of(1).await;
    let looked = world.hub.view(&permits::read(&id), |_| -> () { panic!("this look fails") }).await;
    assert_eq!(looked, Err(ViewError::Busy { document: id.clone() }));
    world.put(&id, 2).await.unwrap();
    ana.hears_of(2).await;
}

/// DO33: when the task of a document panics, its readers are told to come again, and find a new one.
#[tokio::test]
async fn do33_readers_of_a_task_that_panicked_are_sent_away() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 1).await.unwrap();
    let mut ana = world.reader(&id).await;
    ana.talk().await;
    ana.hears_of(1).await;
    ana.settle().await;
    world.store.commits(Commits::Panic);
    assert_eq!(world.put(&id, 2).await, Err(SubmitError::Store { document: id.clone() }));
    loop {
        match ana.taken().await {
            Taken::Close(reason) => {
                assert!(matches!(reason, CloseReason::Refused { try_again: true, .. }), "{reason:?}");
                break;
            }
            Taken::Items(_) => {}
        }
    }
    world.store.commits(Commits::Succeed);
    world.put(&id, 2).await.unwrap();
    assert_eq!(world.keys(&id).await.unwrap(), ["1", "2"]);
}

/// DO34: whoever looks sees what is stored, also while others edit.
#[tokio::test]
async fn do34_a_look_between_edits_is_answered() {
    let world = World::new().await;
    let id = document(1);
    world.put(&id, 0).await.unwrap();
    world.store.commits(Commits::Wait);
    let mut calls = JoinSet::new();
    let mut looks = JoinSet::new();
    for key in 1..20 {
        let (hub, of) = (world.hub.clone(), id.clone());
        calls.spawn(async move { hub.submit(permits::edit(&of), vec![change(key)]).await });
        everybody_had_a_chance().await;
        let (hub, of) = (world.hub.clone(), id.clone());
        looks.spawn(async move { hub.view(&permits::read(&of), |doc| doc.keys(ROOT).count()).await });
        everybody_had_a_chance().await;
    }
    world.store.commits(Commits::Succeed);
    let mut seen: Vec<usize> = looks.join_all().await.into_iter().map(Result::unwrap).collect();
    seen.sort_unstable();
    assert_eq!(seen, (2..21).collect::<Vec<_>>(), "each sees what came before it");
    assert!(calls.join_all().await.into_iter().all(|answer| answer.is_ok()));
}

/// DO35: a document that nobody has brought takes no memory once it was asked for.
#[tokio::test]
async fn do35_a_document_that_nobody_has_is_not_kept_open() {
    let world = World::new().await;
    for n in 0..100 {
        let id = document(n);
        assert_eq!(world.keys(&id).await, Err(ViewError::Unknown { document: id }));
    }
    // The clock stands: no sweep takes them away.
    world.nobody_is_left().await;
}

/// DO36: a socket takes from its outbox what it can write soon, in order, and always something.
#[tokio::test]
async fn do36_a_socket_takes_no_more_than_it_can_write_soon() {
    let outbox = Outbox::default();
    let body = |bytes: usize| {
        Arc::new(Body { bytes: vec![0; bytes].into(), heads: Arc::default(), ack_is_silent: true })
    };
    for (n, bytes) in [(1, 1_000_000), (2, 100_000), (3, 100_000), (4, 100_000)] {
        outbox.push(Outgoing::Sync { document: document(n), body: body(bytes) });
    }
    outbox.push(Outgoing::Unavailable { document: document(5) });
    let mut portions = Vec::new();
    while outbox.waiting() > 0 {
        let Taken::Items(items) = poll_fn(|cx| outbox.poll_take(cx)).await else { panic!("nobody closes") };
        portions.push(items.len());
    }
    assert_eq!(portions, [1, 2, 2]);
}

/// DO37: of what is known of another store only the newest waits for a socket.
#[tokio::test]
async fn do37_only_the_newest_word_of_a_store_waits() {
    let outbox = Outbox::default();
    let news = |n: u8, storage: &str, at: u64| Outgoing::RemoteHeads {
        document: document(n),
        news: RemoteHeads {
            storage: storage.parse().unwrap(),
            heads: Arc::default(),
            at: Timestamp::from_millis(at),
        },
    };
    for at in 0..10_000 {
        outbox.push(news(1, "phone", at));
        outbox.push(news(1, "laptop", at));
        outbox.push(news(2, "phone", at));
    }
    let Taken::Items(items) = poll_fn(|cx| outbox.poll_take(cx)).await else { panic!("nobody closes") };
    let is_newest =
        |item: &Outgoing| matches!(item, Outgoing::RemoteHeads { news, .. } if news.at.as_millis() == 9_999);
    assert!(items.len() == 3 && items.iter().all(is_newest), "{items:?}");
    outbox.push(news(1, "phone", 10_001));
    assert_eq!(outbox.waiting(), 1, "what was taken is not looked for any more");
}
