//! Who may write, and what is written down of those who may not.

use super::*;
use crate::audit::{Action, Audit, Entry, HIDDEN, Query};
use crate::quarantine::{Filter, Quarantine, Settings};
use crate::store::MemoryStore;
use automerge::sync::{ChunkList, MessageVersion};
use dovetail_core::grant::{Entry as Right, Grantee, LinkHash, Role};

/// A world that writes down what is refused.
struct Recorded {
    world: World,
    records: Records,
}

impl Recorded {
    async fn new() -> Self {
        let world = World::new().await;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let settings = Settings { bytes_max: 1 << 20, keep: Duration::from_secs(60) };
        let records = Records {
            audit: Audit::open(store.clone(), world.clock.clone(), 1_000).await.unwrap(),
            quarantine: Quarantine::open(store, settings, world.clock.clone()).await.unwrap(),
        };
        world.hub.keep_records(records.clone());
        Self { world, records }
    }

    async fn refusals(&self) -> Vec<Entry> {
        self.records.audit.flush().await;
        let query = Query { limit: 100, ..Query::default() };
        let page = self.records.audit.page(&server(), &query).await.unwrap();
        page.entries
            .into_iter()
            .map(|(_, entry)| entry)
            .filter(|entry| entry.action == Action::Refused)
            .collect()
    }

    async fn kept(&self) -> Vec<Option<String>> {
        self.records.quarantine.flush().await;
        let (items, _) = self.records.quarantine.list(&server(), &Filter::default(), None, 100);
        items.into_iter().map(|item| item.subject.map(|subject| subject.to_string())).collect()
    }
}

fn server() -> ServerPermit {
    Identity::local().permit_server().unwrap()
}

fn person(name: &str) -> Arc<Identity> {
    Arc::new(Identity::person(name.parse().unwrap()))
}

fn link(secret: &str) -> Arc<Identity> {
    Arc::new(Identity::holder_of(LinkHash::of_secret(secret)))
}

/// Sends a change before it was heard of what there is: of what is hidden nothing ever is.
async fn push(reader: &Reader, key: u64) {
    let heads = reader.doc.get_heads();
    let changes = ChunkList::from(vec![change(key).to_vec()]);
    let message =
        Message { heads, need: vec![], have: vec![], changes, flags: None, version: MessageVersion::V1 };
    reader.mailbox.tell(reader.session, ToDocument::Message { is_request: false, message }).await;
}

/// Listens until it hears that something was not taken.
async fn until_refused(reader: &mut Reader) {
    while !reader.others.iter().any(|other| matches!(other, Outgoing::Rejected { .. } | Outgoing::Refused(_)))
    {
        reader.listen().await;
    }
}

/// AU44: what links that open nothing bring is not kept aside, and they fill one line. What a person brings is kept, with their name
/// and document in the log.
#[tokio::test]
async fn au44_made_up_links_take_no_room() {
    let here = Recorded::new().await;
    let hidden = document(1);
    here.world.put(&hidden, 1).await.unwrap();
    for n in 0..20 {
        let mut stranger = here.world.reader_of(link(&format!("dvl_{n}")), &hidden).await;
        push(&stranger, 100 + n).await;
        until_refused(&mut stranger).await;
        stranger.leave();
    }
    assert_eq!(here.kept().await, []);
    let lines = here.refusals().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0].subject, &lines[0].document), (&None, &None));
    assert!(lines[0].count >= 20 && lines[0].address.is_some());

    let mut dee = here.world.reader_of(person("dee"), &hidden).await;
    push(&dee, 200).await;
    until_refused(&mut dee).await;
    assert_eq!(here.kept().await, [Some("dee".to_owned())]);
    let line = here.refusals().await.remove(0);
    assert_eq!(line.subject.map(|subject| subject.to_string()).as_deref(), Some("dee"));
    assert_eq!((line.document, line.address.is_some()), (Some(hidden), true));
}

/// AU47: who asks to read what is hidden from them is on record; who asks for what is not there is not.
#[tokio::test]
async fn au47_refused_reads_are_on_record() {
    let here = Recorded::new().await;
    let (hidden, missing) = (document(1), document(2));
    here.world.put(&hidden, 1).await.unwrap();
    for asked in [&hidden, &missing] {
        let mut dee = here.world.reader_of(person("dee"), asked).await;
        dee.talk().await;
        while !dee.others.iter().any(|other| matches!(other, Outgoing::Unavailable { .. })) {
            dee.listen().await;
        }
        dee.leave();
    }
    let lines = here.refusals().await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0].document.as_ref(), lines[0].code.as_deref()), (Some(&hidden), Some(HIDDEN)));
    assert!(lines[0].address.is_some());
}

/// LI11: it is known who may write a document, from when they were told until they may no longer or have gone.
#[tokio::test]
async fn li11_who_may_write_is_known() {
    let world = World::new().await;
    let shared = document(1);
    world.put(&shared, 1).await.unwrap();
    let access = |role| {
        let to = Grantee::User("ana".parse().unwrap());
        Arc::new(Access {
            owner: None,
            entries: vec![Right { to, role, limits: None, until: None }],
            follows: None,
        })
    };
    let set = async |role| world.hub.set_access(&permits::admin(&shared), access(role)).await.unwrap();
    set(Role::Read).await;
    let mut ana = world.reader_of(person("ana"), &shared).await;
    let dee = world.reader_of(person("dee"), &shared).await;
    ana.talk().await;
    ana.hears_of(1).await;
    let may_write = |reader: &Reader| reader.mailbox.may_write(reader.session);
    assert!(!may_write(&ana), "she reads");
    set(Role::Write).await;
    eventually("she may write", || may_write(&ana)).await;
    assert!(!may_write(&dee));
    set(Role::Read).await;
    eventually("she may no longer", || !may_write(&ana)).await;
    set(Role::Admin).await;
    eventually("she may again", || may_write(&ana)).await;
    let (mailbox, session) = (ana.mailbox.clone(), ana.session);
    ana.leave();
    eventually("she has gone", || !mailbox.may_write(session)).await;
}

/// AU82: who follows one document without syncing it is let go when their right in the document that it follows is taken back.
#[tokio::test]
async fn au82_who_follows_is_let_go() {
    let world = World::new().await;
    let (board, table) = (document(1), document(2));
    for document in [&board, &table] {
        world.put(document, 1).await.unwrap();
    }
    let reads = |reads: bool| {
        let right =
            Right { to: Grantee::User("ana".parse().unwrap()), role: Role::Read, limits: None, until: None };
        Arc::new(Access { entries: reads.then_some(right).into_iter().collect(), ..Access::default() })
    };
    world.hub.set_access(&permits::admin(&board), reads(true)).await.unwrap();
    let follows = Arc::new(Access { follows: Some(board.clone()), ..Access::default() });
    world.hub.set_access(&permits::admin(&table), follows).await.unwrap();
    let ana = person("ana");
    let permit = world.hub.grant(&ana, &table).await.unwrap().permit_read().unwrap();
    let mut reader = world.reader_of(ana.clone(), &table).await;
    reader.talk().await;
    reader.hears_of(1).await;
    let revoked = tokio::spawn({
        let hub = world.hub.clone();
        async move { hub.revoked(permit).await }
    });
    world.hub.set_access(&permits::admin(&board), reads(false)).await.unwrap();
    revoked.await.unwrap();
    while !reader.others.iter().any(|other| matches!(other, Outgoing::Unavailable { .. })) {
        reader.listen().await;
    }
    assert!(world.hub.grant(&ana, &table).await.unwrap().permit_read().is_err());
    reader.leave();
}
