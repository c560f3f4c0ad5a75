mod decisions; // What settling writes, byte for byte.
mod life; // Settling, waiving, and what becomes of conflicts.
mod properties; // Random documents, on several replicas.
mod sets; // What a rule set may say.
mod vectors;

use super::*;
use crate::id::DocumentId;
use crate::json::{Strings, new_document};
use crate::time::Timestamp;
use automerge::patches::PatchLog;
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Patch};
use serde_json::{Value, json};
use std::sync::Arc;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn document() -> DocumentId {
    DocumentId::from_bytes(&[7; 16]).unwrap()
}

fn actor(number: u8) -> ActorId {
    ActorId::from([number; 16])
}

/// A set for documents of the kind `board`.
fn rules(rules: &Value) -> Arc<RuleSet> {
    let source = json!({ "kind": "board", "rule": rules });
    Arc::new(RuleSet::compile(serde_json::from_value(source).unwrap()).unwrap())
}

fn doc_of(content: &Value) -> Automerge {
    new_document(&actor(1), NOON, content, Strings::Scalar).unwrap()
}

/// A copy for somebody else.
fn copy(doc: &Automerge, number: u8) -> Automerge {
    doc.fork().with_actor(actor(number))
}

/// One change, and its patches.
fn change(
    doc: &mut Automerge,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
) -> Vec<Patch> {
    let mut log = PatchLog::active();
    let mut tx = doc.transaction_log_patches(log).unwrap();
    let wrote = write(&mut tx);
    if wrote.is_err() {
        tx.rollback();
        return Vec::new();
    }
    (_, log) = tx.commit();
    doc.make_patches(&mut log)
}

fn merge(doc: &mut Automerge, other: &Automerge) -> Vec<Patch> {
    let mut log = PatchLog::active();
    doc.merge_and_log_patches(&mut other.fork(), &mut log).unwrap();
    doc.make_patches(&mut log)
}

/// Everything decided, whoever has to evaluate it.
fn judge(doc: &Automerge, rules: &Arc<RuleSet>) -> Judge {
    Judge::evaluated(&document(), rules.clone(), doc, |question| question.answer(&to_the_end()))
}

fn report(doc: &Automerge, rules: &Arc<RuleSet>) -> Report {
    judge(doc, rules).report(doc, NOON)
}

fn settle(
    doc: &mut Automerge,
    rules: &Arc<RuleSet>,
    conflict: &str,
    proposal: Proposal,
    by: Option<&str>,
) -> Result<Settled, SettleError> {
    let judge = judge(doc, rules);
    super::settle(doc, &judge, conflict, proposal, by)
}

fn waive(
    doc: &mut Automerge,
    rules: &Arc<RuleSet>,
    conflict: &str,
    waiver: &Waiver,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    let judge = judge(doc, rules);
    super::waive(doc, &judge, conflict, waiver, actor, now)
}

fn unwaive(
    doc: &mut Automerge,
    rules: &Arc<RuleSet>,
    conflict: &str,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Waived, WaiveError> {
    let judge = judge(doc, rules);
    super::unwaive(doc, &judge, conflict, actor, now)
}

/// Rule, subjects and message of every conflict.
fn told(report: &Report) -> Vec<(String, String, String)> {
    let told = |it: &Conflict| (it.rule.clone(), it.subjects.join(" "), it.message.clone());
    report.conflicts.iter().map(told).collect()
}
