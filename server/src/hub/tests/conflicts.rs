//! What the rules say, on the way to readers and to the inbox.

use super::*;
use crate::inbox::Filter;
use crate::permits;
#[cfg(feature = "cel")]
use dovetail_core::rules::UndecidedReason;
use dovetail_core::rules::{InForce, RuleBook, RuleSet};
use serde_json::json;

/// Boards on which `count` is at most 5.
fn rules(version: u64) -> Arc<RuleBook> {
    let rule = json!({"id": "few", "predicate": "range", "over": "count", "max": 5, "message": "{found}"});
    let set = serde_json::from_value(json!({"kind": "board", "rule": [rule]})).unwrap();
    let rules = Arc::new(RuleSet::compile(set).unwrap());
    Arc::new(RuleBook::empty().with(InForce { version, rules }))
}

fn set_count(doc: &mut Automerge, count: i64) {
    let write = |tx: &mut automerge::transaction::Transaction<'_>| {
        tx.put(ROOT, "kind", "board")?;
        tx.put(ROOT, "count", count)
    };
    doc.transact::<_, _, AutomergeError>(write).unwrap();
}

impl Reader {
    /// How many times it was told what the rules say.
    fn told(&self) -> usize {
        self.others.iter().filter(|other| matches!(other, Outgoing::Conflicts { .. })).count()
    }

    async fn is_told(&mut self, times: usize) {
        while self.told() < times {
            self.listen().await;
        }
    }
}

/// CO10: a reader is told what the rules say when it opens a document, also one that is not in memory, and
/// again when they say something else; an edit that changes nothing about it is not told.
#[tokio::test]
async fn co10_readers_are_told_what_the_rules_say() {
    let world = World::new().await;
    world.hub.set_rules(&rules(1));
    let id = document(1);
    let mut ana = world.reader(&id).await;
    set_count(&mut ana.doc, 7);
    ana.talk().await;
    ana.is_told(1).await;
    let inbox = world.hub.inbox();
    assert_eq!(inbox.counts().open, 1);

    ana.put(1).await;
    ana.settle().await;
    set_count(&mut ana.doc, 3);
    ana.talk().await;
    ana.is_told(2).await;
    assert_eq!((ana.told(), inbox.counts().open), (2, 0), "the edit in between changed nothing");
    world.hub.set_rules(&rules(2));
    ana.is_told(3).await;
    set_count(&mut ana.doc, 8);
    ana.talk().await;
    ana.is_told(4).await;
    ana.leave();
    eventually("the document left memory", || {
        world.clock.advance(Duration::from_secs(3600));
        world.hub.statistics().documents_open == 0
    })
    .await;

    // Nobody has it in memory, and the inbox knows what was judged.
    let mut bo = world.reader(&id).await;
    bo.talk().await;
    bo.is_told(1).await;
    assert_eq!(world.hub.inbox().list(&Filter::default(), None, 10).0.len(), 1);
    world.hub.delete(&permits::admin(&id)).await.unwrap();
    eventually("a deleted document has no conflicts", || world.hub.inbox().counts().documents == 0).await;
}

/// CO10: a reader hears what other rules say also when the content of its document has left memory.
#[tokio::test]
async fn co10_readers_of_what_left_memory_are_told_too() {
    let world = World::within(|limits| limits.memory_budget_bytes = 0).await;
    world.hub.set_rules(&rules(1));
    let id = document(1);
    let mut ana = world.reader(&id).await;
    set_count(&mut ana.doc, 7);
    ana.talk().await;
    ana.is_told(1).await;
    ana.settle().await;
    eventually("the content left memory", || world.hub.statistics().documents_live == 0).await;
    world.hub.set_rules(&rules(2));
    assert!(world.hub.judge_again(&id).await, "as the sweep does");
    ana.is_told(2).await;
    assert_eq!(world.hub.inbox().verdict(&id).unwrap().version, 2);
}

/// DO40: whoever waits for an answer does not wait for the rules: the store is asked before they are judged.
#[tokio::test]
async fn do40_the_store_is_asked_before_the_rules() {
    let world = World::new().await;
    world.hub.set_rules(&rules(1));
    let id = document(1);
    let mut doc = Automerge::new();
    set_count(&mut doc, 7);
    let bytes = |doc: &Automerge| {
        doc.get_changes(&[])
            .iter()
            .map(|change| Bytes::copy_from_slice(change.raw_bytes()))
            .collect::<Vec<_>>()
    };
    world.store.commits(Commits::Wait);
    let begun = world.store.begun();
    let (hub, changes) = (world.hub.clone(), bytes(&doc));
    let asking = tokio::spawn(async move { hub.submit(permits::edit(&document(1)), changes).await });
    eventually("the commit has begun", || world.store.begun() > begun).await;
    everybody_had_a_chance().await;
    assert_eq!(world.hub.inbox().counts().documents, 0, "nothing is told before it is stored");
    world.store.commits(Commits::Succeed);
    asking.await.unwrap().unwrap();
    eventually("it is told", || world.hub.inbox().counts().open == 1).await;
    assert_eq!(world.hub.conflicts(&permits::read(&id)).await.unwrap().verdict.unwrap().version, 1);
}

/// Boards of which the sum is bounded, which only an expression can say.
#[cfg(feature = "cel")]
fn expressions(expr: &str) -> Arc<RuleBook> {
    let rule = json!({"id": "pair", "predicate": "cel", "expr": expr, "message": "{count}",
        "bounds": {"rows": 1}});
    let set = serde_json::from_value(json!({"kind": "board", "rule": [rule]})).unwrap();
    let rules = Arc::new(RuleSet::compile(set).unwrap());
    Arc::new(RuleBook::empty().with(InForce { version: 1, rules }))
}

/// CO12: what an expression finds reaches readers, the inbox and whoever looks, some moments later.
#[tokio::test]
#[cfg(feature = "cel")]
async fn co12_expressions_are_evaluated_beside_the_document() {
    let world = World::new().await;
    world.hub.set_rules(&expressions("self.count <= 5"));
    let id = document(1);
    let mut ana = world.reader(&id).await;
    set_count(&mut ana.doc, 7);
    ana.talk().await;
    ana.is_told(1).await;
    let conflicts = world.hub.conflicts(&permits::read(&id)).await.unwrap().verdict.unwrap();
    assert_eq!((conflicts.report.conflicts.len(), conflicts.report.is_pending()), (1, false));
    assert_eq!(world.hub.inbox().counts().open, 1);
    set_count(&mut ana.doc, 3);
    ana.talk().await;
    ana.is_told(2).await;
    let counts = world.hub.inbox().counts();
    assert_eq!((ana.told(), counts.open, counts.undecided), (2, 0, 0), "no word that it was being evaluated");
}

/// CO12: nobody waits for an expression: an edit is acknowledged while it is evaluated. What takes too long is undecided.
#[tokio::test]
#[cfg(feature = "cel")]
async fn co12_nobody_waits_for_an_expression() {
    let world = World::new().await;
    // The rows are far more than the rule says, and each is compared with each.
    world.hub.set_rules(&expressions("document.rows.all(a, document.rows.all(b, a == a))"));
    let id = document(1);
    let mut ana = world.reader(&id).await;
    set_count(&mut ana.doc, 7);
    let fill = |tx: &mut automerge::transaction::Transaction<'_>| {
        let rows = tx.put_object(ROOT, "rows", automerge::ObjType::List)?;
        (0..600).try_for_each(|row| tx.insert(&rows, row, row as i64))
    };
    ana.doc.transact::<_, _, AutomergeError>(fill).unwrap();
    ana.talk().await;
    // Acknowledged, whatever the rule says and when.
    ana.settle().await;
    ana.is_told(1).await;
    let verdict = world.hub.conflicts(&permits::read(&id)).await.unwrap().verdict.unwrap();
    assert_eq!(verdict.report.undecided[0].reason, UndecidedReason::TooMuchToEvaluate);
    assert_eq!(world.hub.inbox().counts().undecided, 1);
}

/// CO10: whoever comes while a rule is evaluated hears what it says, also where that is nothing new to the others.
#[tokio::test]
#[cfg(feature = "cel")]
async fn co10_whoever_comes_during_an_evaluation_is_told() {
    let world = World::new().await;
    world.hub.set_rules(&expressions("self.count <= 5"));
    let id = document(1);
    let mut ana = world.reader(&id).await;
    set_count(&mut ana.doc, 7);
    ana.talk().await;
    ana.is_told(1).await;
    ana.settle().await;
    // Nobody is answered while the turns are held.
    let turns = world.hub.evaluator().hold().await;
    set_count(&mut ana.doc, 8);
    ana.talk().await;
    ana.settle().await;
    let mut bo = world.reader(&id).await;
    bo.talk().await;
    bo.settle().await;
    assert_eq!((ana.told(), bo.told()), (1, 0), "acknowledged, and not known yet");
    drop(turns);
    bo.is_told(1).await;
}
