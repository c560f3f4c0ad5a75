use super::*;
use crate::store::MemoryStore;
use dovetail_core::grant::Identity;
use dovetail_core::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn permit() -> ServerPermit {
    Identity::local().permit_server().unwrap()
}

fn board(number: u8) -> DocumentId {
    DocumentId::from_bytes(&[number; 16]).unwrap()
}

fn refused(document: u8, subject: &str, changes: &[(u8, usize)]) -> Refused {
    let change =
        |(number, length): &(u8, usize)| (ChangeHash([*number; 32]), Bytes::from(vec![*number; *length]));
    Refused {
        document: board(document),
        subject: Some(subject.parse().unwrap()),
        code: "read_only".into(),
        changes: changes.iter().map(change).collect(),
    }
}

struct World {
    store: Arc<MemoryStore>,
    clock: Clock,
    bytes_max: usize,
}

impl World {
    fn new(bytes_max: usize) -> Self {
        let clock = Clock::standing(Timestamp::from_millis(1_000_000));
        Self { store: Arc::new(MemoryStore::new()), clock, bytes_max }
    }

    async fn open(&self) -> Quarantine {
        let settings = Settings { bytes_max: self.bytes_max, keep: 7 * DAY };
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        Quarantine::open(store, settings, self.clock.clone()).await.unwrap()
    }

    async fn records(&self) -> usize {
        self.store.records(Space::Quarantine, None, 1_000).await.unwrap().len()
    }
}

fn listed(quarantine: &Quarantine, filter: &Filter) -> Vec<Summary> {
    quarantine.list(&permit(), filter, None, LIST_MAX).0
}

/// AU60: the same change of the same document is kept once, also after a restart; of another document it is another one.
#[tokio::test]
async fn au60_a_change_is_kept_once() {
    let world = World::new(1 << 20);
    let quarantine = world.open().await;
    for _ in 0..3 {
        quarantine.keep(refused(1, "ana", &[(1, 10), (2, 10)]));
    }
    quarantine.keep(refused(2, "ana", &[(1, 10)]));
    quarantine.flush().await;
    let quarantine = world.open().await;
    quarantine.keep(refused(1, "ana", &[(1, 10), (2, 10), (3, 10)]));
    quarantine.flush().await;
    let found = listed(&quarantine, &Filter::default());
    let changes: Vec<usize> = found.iter().map(|item| item.hashes.len()).collect();
    assert_eq!(changes, [2, 1, 1], "only the new one is kept the second time");
}

/// AU61: what was kept comes back byte by byte after a restart, however large.
#[tokio::test]
async fn au61_what_was_kept_comes_back() {
    let world = World::new(16 << 20);
    let given = refused(1, "ana\n", &[(1, 600_000), (2, 10), (3, 0)]);
    let quarantine = world.open().await;
    quarantine.keep(given.clone());
    quarantine.flush().await;
    drop(quarantine);
    let quarantine = world.open().await;
    let summary = listed(&quarantine, &Filter::default()).remove(0);
    let item = quarantine.get(&permit(), summary.id).await.unwrap().unwrap();
    assert_eq!(item.changes, given.changes);
    assert_eq!((item.summary.subject, &*item.summary.code), (given.subject, "read_only"));
    assert_eq!(item.summary.expires.since(item.summary.at), 7 * DAY);
    assert_eq!(world.records().await, 1 + 3);

    assert!(quarantine.decide(&permit(), summary.id).await.unwrap());
    assert!(!quarantine.decide(&permit(), summary.id).await.unwrap());
    assert_eq!(quarantine.get(&permit(), summary.id).await.unwrap(), None);
    assert_eq!(world.records().await, 1, "that it was there");
    assert!(quarantine.inner.room().bytes() < 2_000);
}

/// AU60: what was accepted or thrown away is not kept again, also after a restart, until its time is over.
#[tokio::test]
async fn au60_what_was_decided_is_not_kept_again() {
    let world = World::new(1 << 20);
    let quarantine = world.open().await;
    let given = refused(1, "ana", &[(1, 10), (2, 10)]);
    assert_eq!(quarantine.keep(given.clone()), Kept::New);
    assert_eq!(quarantine.keep(given.clone()), Kept::Before);
    quarantine.flush().await;
    let id = listed(&quarantine, &Filter::default())[0].id;
    assert!(quarantine.decide(&permit(), id).await.unwrap());
    for quarantine in [&quarantine, &world.open().await] {
        assert_eq!(quarantine.keep(given.clone()), Kept::Before);
        quarantine.flush().await;
        assert_eq!(listed(quarantine, &Filter::default()), []);
    }
    let quarantine = world.open().await;
    assert_eq!(quarantine.keep(refused(1, "ana", &[(1, 10), (3, 10)])), Kept::New, "the new one");
    quarantine.flush().await;
    assert_eq!(listed(&quarantine, &Filter::default())[0].hashes.len(), 1);
}

/// AU62: all who hold links have one person's share together, or whoever makes ten links fills it.
#[tokio::test]
async fn au62_links_have_one_share_together() {
    let world = World::new(100_000);
    let quarantine = world.open().await;
    for link in 0..20 {
        quarantine.keep(refused(1, &format!("link:{link}"), &[(link, 8_000)]));
    }
    quarantine.keep(refused(1, "ana", &[(99, 8_000)]));
    quarantine.flush().await;
    let found = listed(&quarantine, &Filter::default());
    let whose: Vec<&str> = found.iter().filter_map(|item| Some(item.subject.as_ref()?.as_str())).collect();
    assert_eq!(whose, ["link:0", "ana"]);
}

/// AU62: nobody fills it alone, all together do not overfill it, and what was taken away makes room.
#[tokio::test]
async fn au62_there_is_a_bound_for_each_and_for_all() {
    let world = World::new(100_000);
    let quarantine = world.open().await;
    // 8,512 bytes each, so that one fits into a tenth and a second does not.
    for subject in 0..20 {
        for change in 0..2 {
            quarantine.keep(refused(1, &format!("person-{subject}"), &[(2 * subject + change, 8_000)]));
        }
    }
    quarantine.flush().await;
    let found = listed(&quarantine, &Filter::default());
    assert_eq!(found.len(), 11);
    assert!(quarantine.inner.room().bytes() <= 100_000);
    quarantine.decide(&permit(), found[0].id).await.unwrap();
    quarantine.keep(refused(1, "person-0", &[(1, 8_000)]));
    quarantine.flush().await;
    assert_eq!(listed(&quarantine, &Filter::default()).len(), 11);
    let many = vec![(ChangeHash([0; 32]), Bytes::new()); CHANGES_MAX + 1];
    quarantine.keep(Refused { changes: many, ..refused(9, "bo", &[]) });
    quarantine.flush().await;
    assert_eq!(listed(&quarantine, &Filter { document: Some(board(9)), ..Filter::default() }), []);
}

/// AU67: what has come to its end is taken away with all its parts, also when the server was off then.
#[tokio::test]
async fn au67_what_is_over_goes() {
    let world = World::new(16 << 20);
    let quarantine = world.open().await;
    quarantine.keep(refused(1, "ana", &[(1, 300_000)]));
    world.clock.advance(DAY);
    quarantine.keep(refused(1, "ana", &[(2, 10)]));
    quarantine.flush().await;
    world.clock.advance(6 * DAY - Duration::from_millis(1));
    quarantine.inner.expire().await;
    assert_eq!(listed(&quarantine, &Filter::default()).len(), 2);
    drop(quarantine);
    world.clock.advance(Duration::from_millis(1));
    let quarantine = world.open().await;
    quarantine.inner.expire().await;
    let left = listed(&quarantine, &Filter::default());
    assert_eq!((left.len(), left[0].hashes[0]), (1, ChangeHash([2; 32])));
    assert_eq!(world.records().await, 2);
}

/// AU68: lists come in pages that meet, by document and by person.
#[tokio::test]
async fn au68_lists_are_filtered_and_meet() {
    let world = World::new(1 << 20);
    let quarantine = world.open().await;
    for (number, subject) in [(1, "ana"), (2, "bo"), (3, "ana"), (4, "ana")] {
        quarantine.keep(refused(number % 2, subject, &[(number, 10)]));
    }
    quarantine.flush().await;
    let of_ana = Filter { subject: Some("ana".parse().unwrap()), ..Filter::default() };
    let (first, next) = quarantine.list(&permit(), &of_ana, None, 2);
    let (rest, end) = quarantine.list(&permit(), &of_ana, next, 2);
    let numbers: Vec<u8> = first.iter().chain(&rest).map(|item| item.hashes[0].0[0]).collect();
    assert_eq!((numbers, end), (vec![1, 3, 4], None));
    let of_even = Filter { document: Some(board(0)), ..Filter::default() };
    assert_eq!(listed(&quarantine, &of_even).len(), 2);
}

/// AU60: a store that takes nothing costs the changes, and they may be handed in again.
#[tokio::test]
async fn au60_what_was_not_written_takes_no_room() {
    let world = World::new(1 << 20);
    let quarantine = world.open().await;
    world.store.close().await;
    quarantine.keep(refused(1, "ana", &[(1, 10)]));
    quarantine.flush().await;
    assert_eq!(quarantine.inner.room().bytes(), 0);
    assert!(!quarantine.inner.room().has(&board(1), &ChangeHash([1; 32])));
}
