//! What the server does not take: out of the document, kept for whoever made it, and never back by itself.
//!
//! ```text
//!  good1 ── bad ── good2 ── good3          the server took good1 and refused bad, and so all that was built on it
//!  good1 ────────── good2' ── good3'       good2 and good3 are made once more, without bad
//! ```
//!
//! Edit path: ← the server's `dovetail-reject`, → [`Here::take_out`] makes the document anew, → it is stored and offered again.
//!
//! Always true: a change that was taken out does not come back, unless the server itself brings it: then somebody with the right to it
//! has let it in.

use super::here::{Here, Noted};
use super::notes::{hash, hashes};
use super::pending::Waiting;
use super::replay::{Objects, replay};
use super::tick::{Tick, has};
use automerge::{ActorId, Automerge, Change, ChangeHash, ReadDoc};
use dovetail_core::doors;
use dovetail_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was refused is kept until somebody decides about it, up to so much. The oldest goes first.
pub(super) const REFUSED_MAX: usize = 256;

/// The most bytes of what a refused change did, as a patch. Of one that did more, it is only told that it was.
const PATCH_BYTES_MAX: usize = 16 << 10;

/// The server says that by itself of what is built on something refused: its maker is not told of it as refused.
const ON_REFUSED: &str = "depends_on_refused";

/// A change that is not part of the document any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Which, in hexadecimal.
    #[serde(with = "hash")]
    pub hash: ChangeHash,
    /// What it was, in words, where whoever made it said so.
    pub label: Option<String>,
    /// When it was made, by this device's clock.
    pub at: Timestamp,
    /// Why, for programs: the server's codes, as `docs/PROTOCOL.md` lists them.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// What it did, as JSON Patch (RFC 6902); nothing where that is longer than 16 KiB.
    pub patch: Option<Value>,
    /// What it was built on.
    #[serde(with = "hashes", default)]
    pub(super) deps: Vec<ChangeHash>,
}

/// All of a document.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    refused: Vec<Refused>,
    /// What the server has named, and is on its way out of the document.
    named: BTreeSet<ChangeHash>,
    /// The same, and what was built on it.
    taken_out: BTreeSet<ChangeHash>,
}

impl Refusals {
    pub(super) fn of(refused: Vec<Refused>, named: Vec<ChangeHash>, taken_out: Vec<ChangeHash>) -> Self {
        Self { refused, named: named.into_iter().collect(), taken_out: taken_out.into_iter().collect() }
    }

    pub(super) fn named(&self) -> impl Iterator<Item = &ChangeHash> {
        self.named.iter()
    }

    /// The document is stored without them.
    pub(super) fn are_gone(&mut self) {
        self.named.clear();
        self.taken_out.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Refused> {
        self.refused.iter()
    }

    pub(super) fn taken_out(&self) -> impl Iterator<Item = &ChangeHash> {
        self.taken_out.iter()
    }

    /// Whether the document holds something that was to be taken out: the process ended in between.
    pub(super) fn is_anything_in(&self, doc: &Automerge) -> bool {
        self.taken_out.iter().any(|hash| has(doc, hash))
    }

    /// What the server has brought all the same is let in.
    pub(super) fn take_back(&mut self, doc: &Automerge) {
        self.taken_out.retain(|hash| !has(doc, hash));
        self.named.retain(|hash| !has(doc, hash));
        self.refused.retain(|refused| !has(doc, &refused.hash));
    }

    pub(super) fn discard(&mut self, hash: &ChangeHash) -> Option<Refused> {
        let at = self.refused.iter().position(|refused| refused.hash == *hash)?;
        Some(self.refused.remove(at))
    }

    fn enter(&mut self, refused: Refused) {
        if self.refused.iter().any(|known| known.hash == refused.hash) {
            return;
        }
        if self.refused.len() >= REFUSED_MAX {
            self.refused.remove(0);
        }
        self.refused.push(refused);
    }
}

impl Here {
    /// Enters what the server did not take. Whether anything of it is in the document.
    pub(super) fn refuse(
        &mut self,
        now: Timestamp,
        changes: &[ChangeHash],
        code: &str,
        reason: &str,
    ) -> bool {
        self.close(now);
        let doc = self.tick.doc();
        let is_new = |hash: &&ChangeHash| has(doc, hash);
        let concerned: Vec<ChangeHash> = changes.iter().filter(is_new).copied().collect();
        if concerned.is_empty() {
            return false;
        }
        self.is_noted = false;
        for hash in &concerned {
            self.refusals.taken_out.insert(*hash);
            if code != ON_REFUSED {
                self.refusals.named.insert(*hash);
            }
            if code != ON_REFUSED
                && let Some(change) = doc.get_change_by_hash(hash)
            {
                self.refusals.enter(refused(doc, &change, code, reason));
            }
        }
        true
    }

    /// Makes the document without what was taken out. What was built on that is made once more, where it still fits.
    pub(super) fn take_out(&mut self, now: Timestamp) {
        let old = self.doc(now).clone();
        if let Some(commit) = &mut self.commit {
            commit.is_outrun = true;
        }
        let named = self.refusals.named.clone();
        let (kept, out) = parted(&old, &self.refusals.taken_out);
        let mut new = Automerge::new();
        if let Err(error) = new.apply_changes(kept) {
            tracing::error!(%error, "changes that were in the document cannot be applied without those that were refused");
        }
        new.set_actor(next_actor(old.get_actor()));
        let mut instead = Instead::default();
        for change in out {
            let heads = instead.of(change.deps());
            if named.contains(&change.hash()) {
                instead.0.insert(change.hash(), heads);
                continue;
            }
            match replay(&old, &change, &mut new, &heads, &mut instead.1) {
                Ok(made) => _ = instead.0.insert(change.hash(), made.map_or(heads, |made| vec![made])),
                Err(error) => {
                    let reason = format!(
                        "it was built on a change that was refused, and cannot be made without it: {error}"
                    );
                    self.refusals.enter(refused(&old, &change, ON_REFUSED, &reason));
                    instead.0.insert(change.hash(), heads);
                }
            }
            self.refusals.taken_out.insert(change.hash());
        }
        self.saved.retain(|head| has(&new, head));
        self.waiting = Waiting::beyond(&new, &self.saved);
        self.tick = Tick::new(new);
        self.judged = None;
        self.is_noted = false;
        self.refusals_noted = Noted::No;
        self.holds_back = true;
    }
}

/// What stands in the place of a change that was taken out: what was made instead of it, or else what it was built on.
#[derive(Default)]
struct Instead(BTreeMap<ChangeHash, Vec<ChangeHash>>, Objects);

impl Instead {
    fn of(&self, deps: &[ChangeHash]) -> Vec<ChangeHash> {
        let stands_for = |dep: &ChangeHash| self.0.get(dep).cloned().unwrap_or_else(|| vec![*dep]);
        let heads: BTreeSet<ChangeHash> = deps.iter().flat_map(stands_for).collect();
        heads.into_iter().collect()
    }
}

/// What stays, and what was taken out with all that was built on it; both in order.
fn parted(doc: &Automerge, taken_out: &BTreeSet<ChangeHash>) -> (Vec<Change>, Vec<Change>) {
    let mut out = taken_out.clone();
    doc.get_changes(&[]).into_iter().partition(|change| {
        let is_out = out.contains(&change.hash()) || change.deps().iter().any(|dep| out.contains(dep));
        if is_out {
            out.insert(change.hash());
        }
        !is_out
    })
}

fn refused(doc: &Automerge, change: &Change, code: &str, reason: &str) -> Refused {
    let patch = doors::diff(doc, change.deps(), &[change.hash()]).ok().map(Value::Array);
    let patch = patch.filter(|patch| patch.to_string().len() <= PATCH_BYTES_MAX);
    Refused {
        hash: change.hash(),
        label: change.message().map(str::to_owned),
        at: Timestamp::from_millis(u64::try_from(change.timestamp()).unwrap_or(0).saturating_mul(1_000)),
        code: code.to_owned(),
        reason: reason.to_owned(),
        patch,
        deps: change.deps().to_vec(),
    }
}

/// Who goes on where an actor's last changes were taken out: its numbers may not be given a second time.
pub(super) fn next_actor(actor: &ActorId) -> ActorId {
    let mut bytes = actor.to_bytes().to_vec();
    // Sixteen bytes are its own; what comes behind counts.
    let count = bytes.split_off(bytes.len().min(16));
    let count = count.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)) + 1;
    bytes.extend(count.to_be_bytes().into_iter().skip_while(|byte| *byte == 0));
    ActorId::from(bytes)
}
