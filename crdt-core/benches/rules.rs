//! What it costs to judge a dashboard: 200 widgets, made by eight people in some 2,000 changes.
//!
//! `cargo bench -p dovetail-core --bench rules`. The default set is to be judged in under 1 ms from
//! scratch, and in under 100 µs after a move.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench")]

use automerge::patches::PatchLog;
use automerge::{ActorId, Automerge};
use criterion::{Criterion, criterion_group, criterion_main};
use dovetail_core::dashboard::{Edit, Layout, Widget, WidgetId, apply, apply_to, first_dashboard};
use dovetail_core::id::DocumentId;
use dovetail_core::rules::{Judge, RuleSet};
use dovetail_core::time::Timestamp;
use std::hint::black_box;

const WIDGETS: i32 = 200;
const PEOPLE: u8 = 8;
const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn widget(index: i32) -> WidgetId {
    format!("3f2a7c6e-0000-4000-8000-{index:012}").parse().unwrap()
}

fn place(index: i32) -> Layout {
    Layout { x: index % 4 * 6, y: index / 4 * 6, w: 6, h: 6 }
}

/// Eight people add, name, move and move back: 200 widgets in 50 rows, each of ten changes.
fn dashboard() -> Automerge {
    let mut doc = first_dashboard();
    for index in 0..WIDGETS {
        let id = widget(index);
        let made = Widget { layout: place(index), ..Widget::new("chart", &format!("Panel {index}")) };
        let mut edits = vec![Edit::CreateWidget { id: id.clone(), widget: Box::new(made) }];
        for step in 1..5 {
            edits.push(Edit::MoveWidget { id: id.clone(), x: step, y: step });
            edits.push(Edit::ResizeWidget { id: id.clone(), w: 6 + step, h: 6 });
        }
        edits.push(Edit::SetLayout { id, layout: place(index) });
        for (turn, edit) in edits.into_iter().enumerate() {
            let actor = ActorId::from([(index as usize + turn) as u8 % PEOPLE; 16]);
            apply(&mut doc, &actor, NOON, &[edit]).unwrap();
        }
    }
    // Some that somebody has to look at: two share a place, one lies off the grid.
    let move_to = |id, x, y| Edit::MoveWidget { id: widget(id), x, y };
    apply(&mut doc, &ActorId::from([1; 16]), NOON, &[move_to(7, 0, 0), move_to(9, 20, 300)]).unwrap();
    doc
}

fn rules(bench: &mut Criterion) {
    let document = DocumentId::from_bytes(&[7; 16]).unwrap();
    let rules = RuleSet::dashboard();
    let doc = dashboard();
    assert_eq!(Judge::new(&document, rules.clone(), &doc).report(&doc, NOON).conflicts.len(), 2);

    bench.bench_function("from scratch", |bench| {
        bench.iter(|| {
            let judge = Judge::new(&document, rules.clone(), black_box(&doc));
            black_box(judge.report(&doc, NOON))
        });
    });

    // The same widget goes to and fro, so that there is always something to see.
    let mut moved = doc.fork();
    let mut log = PatchLog::active();
    let there = Edit::MoveWidget { id: widget(100), x: 6, y: 400 };
    let mut tx = moved.transaction_log_patches(log).unwrap();
    apply_to(&mut tx, &[there]).unwrap();
    (_, log) = tx.commit();
    let patches = moved.make_patches(&mut log);
    let docs = [moved, doc];
    let mut judge = Judge::new(&document, rules.clone(), &docs[1]);
    let mut turn = 0;
    bench.bench_function("one move", |bench| {
        bench.iter(|| {
            let doc = &docs[turn];
            turn = 1 - turn;
            judge.touched(doc, black_box(&patches));
            black_box(judge.report(doc, NOON))
        });
    });
}

criterion_group!(benches, rules);
criterion_main!(benches);
