#![allow(clippy::unwrap_used)]
use automerge::ActorId;
use dovetail_core::grafana::import;
use dovetail_core::id::DocumentId;
use dovetail_core::rules::*;
use dovetail_core::time::Timestamp;
use std::path::Path;
#[test]
fn scratch() {
    for name in ["bind9-full.json", "nats.json", "node-exporter-full.json", "tikv-summary.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/grafana").join(name);
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let doc = import(&json, &ActorId::from([1; 16]), Timestamp::from_millis(1)).unwrap().doc;
        let id = DocumentId::from_bytes(&[7; 16]).unwrap();
        let t = std::time::Instant::now();
        let judge = Judge::new(&id, RuleSet::dashboard().clone(), &doc);
        let report = judge.report(&doc, Timestamp::from_millis(2));
        println!("{name} {:?} {} {:?}", t.elapsed(), report.conflicts.len(), report.undecided);
        for c in &report.conflicts {
            println!("   {} {} {:?} | {}", c.rule, c.message, c.subjects, c.explanation);
        }
    }
}
