//! JSON that becomes a document: plain, and dashboards of Grafana.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::Automerge;
use dovetail_core::{dashboard, grafana};
use dovetail_fuzz::trial::{Bound, Plan};
use dovetail_fuzz::{bend, corpus, house, json};
use dovetail_server::content::{Intake, new_document};
use std::time::Duration;

/// Half a minute of them.
const RUNS: u64 = 3_000;

/// A value of two letters is a word of JSON, an operation and a few entries of indexes.
const BOUND: Bound = Bound { bytes_each: 1_500, bytes_free: 4 << 20, within: Duration::from_secs(5) };

/// WI63: whatever is imported, it becomes a document that can be read, exported, saved and loaded, or is refused.
#[test]
fn wi63_bent_imports_become_documents_or_are_refused() {
    let corpus = corpus::grafana();
    let (mut made, mut refused) = (0, 0);
    Plan::of("imports", RUNS, BOUND).throw(|dice, trial| {
        // Real ones are large: now and then.
        let n =
            if dice.u8(..16) == 0 { dice.usize(..corpus.len()) } else { corpus.len() - 1 - dice.usize(..2) };
        let other = dice.usize(2..corpus.len());
        let mut text = json::bend(dice, &corpus[n], &corpus[other]);
        if dice.u8(..8) == 0 {
            bend::bytes(dice, &mut text, b"\x00\xff[[{\"");
        }
        let intake = if dice.u8(..4) == 0 { Intake::Json } else { Intake::Grafana };
        let document = trial.watch(text.len(), || {
            let new = new_document(&text, intake, house::NOW).ok()?;
            let bytes: Vec<u8> = new.changes.iter().flat_map(|change| change.to_vec()).collect();
            let document = Automerge::load(&bytes).expect("what was imported can be loaded");
            drop(dashboard::read(&document, None));
            if intake == Intake::Grafana {
                grafana::export(&document).expect("what came from Grafana goes back");
            }
            Some(document)
        });
        match document {
            Some(document) => {
                made += 1;
                assert!(Automerge::load(&document.save()).is_ok(), "input {}", trial.number);
            }
            None => refused += 1,
        }
    });
    println!("made {made}, refused {refused}");
    assert!(made > 0 && refused > 0);
}
