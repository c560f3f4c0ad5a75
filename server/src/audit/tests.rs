use super::*;
use crate::store::MemoryStore;
use dovetail_core::grant::Identity;

fn permit() -> ServerPermit {
    Identity::local().permit_server().unwrap()
}

fn deleted(clock: &Clock, number: u64) -> Entry {
    let subject = Some(format!("person-{number}").parse().unwrap());
    Entry { subject, ..Entry::new(clock.now(), Action::Deleted) }
}

async fn numbers(audit: &Audit, query: &Query) -> Vec<u64> {
    let (mut query, mut found) = (query.clone(), Vec::new());
    loop {
        let page = audit.page(&permit(), &query).await.unwrap();
        let number =
            |entry: &Entry| entry.subject.as_ref()?.as_str().strip_prefix("person-")?.parse::<u64>().ok();
        found.extend(page.entries.iter().filter_map(|(_, entry)| number(entry)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return found,
        }
    }
}

fn standing() -> Clock {
    Clock::standing(Timestamp::from_millis(1_000_000))
}

async fn open(store: &Arc<MemoryStore>, clock: &Clock, entries_max: usize) -> Audit {
    Audit::open(Arc::clone(store) as Arc<dyn Store>, clock.clone(), entries_max).await.unwrap()
}

/// AU54: pages go from the newest to the oldest and meet, also when entries come in between and after a restart.
#[tokio::test]
async fn au54_pages_meet() {
    let (store, clock) = (Arc::new(MemoryStore::new()), standing());
    let audit = open(&store, &clock, 100_000).await;
    for number in 0..7 {
        audit.record(deleted(&clock, number)).await.unwrap();
    }
    let first = audit.page(&permit(), &Query { limit: 3, ..Query::default() }).await.unwrap();
    assert_eq!(first.entries.len(), 3);
    drop(audit);

    // The clock went back, which moves nothing.
    let earlier = Clock::standing(Timestamp::from_millis(5));
    let audit = open(&store, &earlier, 100_000).await;
    audit.record(deleted(&earlier, 7)).await.unwrap();
    let rest = Query { after: first.next, limit: 3, ..Query::default() };
    assert_eq!(numbers(&audit, &rest).await, [3, 2, 1, 0]);
    let all = Query { limit: 100, ..Query::default() };
    assert_eq!(numbers(&audit, &all).await, [7, 6, 5, 4, 3, 2, 1, 0]);
}

/// AU54: more entries than one call looks at are all found by going on.
#[tokio::test]
async fn au54_a_filter_that_takes_few_leads_on() {
    let (store, clock) = (Arc::new(MemoryStore::new()), standing());
    let audit = open(&store, &clock, 100_000).await;
    audit.record(deleted(&clock, 0)).await.unwrap();
    let many: Vec<Entry> = (1..=LOOKED_AT_MAX as u64 + 10).map(|number| deleted(&clock, number)).collect();
    audit.inner.write(&many).await.unwrap();
    let of_first = Query { subject: Some("person-0".parse().unwrap()), limit: 10, ..Query::default() };
    let page = audit.page(&permit(), &of_first).await.unwrap();
    assert!(page.entries.is_empty() && page.next.is_some(), "one call is bounded: {page:?}");
    assert_eq!(numbers(&audit, &of_first).await, [0]);
}

/// AU55: what is asked for is what comes: subject, action, document and time.
#[tokio::test]
async fn au55_filters() {
    let (store, clock) = (Arc::new(MemoryStore::new()), standing());
    let audit = open(&store, &clock, 100_000).await;
    let board = DocumentId::from_bytes(&[1; 16]).unwrap();
    for number in 0..6 {
        let mut entry = deleted(&clock, number);
        entry.action = if number % 2 == 0 { Action::Deleted } else { Action::Undeleted };
        entry.document = (number < 3).then(|| board.clone());
        audit.record(entry).await.unwrap();
        clock.advance(Duration::from_millis(10));
    }
    let at = |number: u64| Some(Timestamp::from_millis(1_000_000 + 10 * number));
    let query = || Query { limit: 100, ..Query::default() };
    let cases = [
        (Query { subject: Some("person-4".parse().unwrap()), ..query() }, vec![4]),
        (Query { action: Some(Action::Undeleted), ..query() }, vec![5, 3, 1]),
        (Query { document: Some(board), ..query() }, vec![2, 1, 0]),
        (Query { since: at(2), until: at(4), ..query() }, vec![4, 3, 2]),
        (Query { since: at(6), ..query() }, vec![]),
        (Query { until: at(0), limit: 1, ..Query::default() }, vec![0]),
    ];
    for (query, expected) in cases {
        assert_eq!(numbers(&audit, &query).await, expected, "{query:?}");
    }
}

/// AU52: what is noted is written when the log is closed, equal ones together.
#[tokio::test]
async fn au52_closing_writes_what_waits() {
    let (store, clock) = (Arc::new(MemoryStore::new()), standing());
    let audit = open(&store, &clock, 100_000).await;
    for number in [1, 2, 1, 1] {
        audit.note(deleted(&clock, number));
    }
    audit.flush().await;
    let audit = open(&store, &clock, 100_000).await;
    let page = audit.page(&permit(), &Query { limit: 9, ..Query::default() }).await.unwrap();
    let counts: Vec<u64> = page.entries.iter().map(|(_, entry)| entry.count).collect();
    assert_eq!(counts, [1, 3]);
}

/// AU53: what the store did not take is counted, and told when it takes something again.
#[tokio::test]
async fn au53_a_store_that_takes_nothing_costs_entries_only() {
    let (store, clock) = (Arc::new(MemoryStore::new()), standing());
    let audit = open(&store, &clock, 100_000).await;
    store.close().await;
    audit.note(deleted(&clock, 1));
    audit.flush().await;
    assert_eq!(audit.record(deleted(&clock, 2)).await, Err(CommitError::Closed));
    assert_eq!(audit.inner.waiting().take(clock.now(), true)[0].action, Action::MoreNotRecorded);
    assert!(audit.inner.names().is_empty(), "what is not there has no name");
}

/// AU56: the oldest are taken away when there are too many.
#[tokio::test]
async fn au56_the_oldest_go() {
    let (store, clock) = (Arc::new(MemoryStore::new()), standing());
    let audit = open(&store, &clock, 3).await;
    for number in 0..8 {
        audit.record(deleted(&clock, number)).await.unwrap();
    }
    audit.flush().await;
    assert_eq!(numbers(&audit, &Query { limit: 2, ..Query::default() }).await, [7, 6, 5]);
    assert_eq!(store.records(Space::Audit, None, 100).await.unwrap().len(), 3);
}
