//! Conflicts of all documents, as they were last judged.
//!
//! Edit path: ← the task of an open document tells what its rules say, and the [`sweep`](crate::sweep) does for
//! documents that nobody has open; → lists of conflicts over all documents, and what falls due by itself.
//!
//! Always true: this is a cache. Dropped and made anew from the documents it says the same, but for since when
//! a conflict has stood open, which is counted from when this process first saw it.
//! **Invariant:** an entry is replaced by what was seen later only: see [`Inbox::note_unseen`].

use dovetail_core::document::Verdict;
use dovetail_core::id::DocumentId;
use dovetail_core::rules::{Conflict, LISTED_PER_SET_MAX, Mode, RuleBook, State};
use dovetail_core::time::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Conflicts that are listed, of all documents; about 1 KiB each. Of documents beyond it only the number
/// of their conflicts is kept.
pub(crate) const LISTED_MAX: usize = 100_000;

/// Conflicts of one document whose attempts are counted: as many as are listed.
const ATTEMPTS_MAX: usize = LISTED_PER_SET_MAX;

/// A conflict that comes back is settled by itself once a day at least.
const PATIENCE_MAX: Duration = Duration::from_secs(24 * 3600);

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Inbox {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    entries: BTreeMap<DocumentId, Entry>,
    /// Behind which document one looks first for what falls due, so that each has its turn.
    looked_behind: Option<DocumentId>,
    /// Counts what was noted, so that who began to look before can tell.
    notes: u64,
    listed: usize,
}

#[derive(Debug)]
struct Entry {
    verdict: Arc<Verdict>,
    /// Since when each conflict has stood open.
    open_since: BTreeMap<String, Since>,
    /// How often each was tried to be settled by itself, those that did not stay settled.
    attempts: BTreeMap<String, u32>,
    noted: u64,
    /// Whether its conflicts count among those that are listed.
    is_listed: bool,
}

/// Since when a conflict has stood open, and of which rule it is.
#[derive(Debug, Clone)]
struct Since {
    rule: String,
    at: Timestamp,
}

/// One conflict of one document.
#[derive(Debug, Clone)]
pub struct Item {
    /// Of which document.
    pub document: DocumentId,
    /// Its kind.
    pub kind: String,
    /// The conflict, as it was last judged.
    pub conflict: Conflict,
    /// Since when it has stood open, as far as this process knows.
    pub open_since: Option<Timestamp>,
}

/// Which conflicts are wanted; what is not said is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of documents of this kind.
    pub kind: Option<String>,
    /// Of this rule.
    pub rule: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Told to these.
    pub mode: Option<Mode>,
    /// Open since then at least.
    pub open_before: Option<Timestamp>,
}

/// Where the next page begins: behind this conflict of this document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The document.
    pub document: DocumentId,
    /// How many of its conflicts were passed, those that were filtered out included.
    pub passed: usize,
}

/// How many bytes of an id a place between documents tells: enough to part some ten thousand documents, and of 16 too few
/// to guess one.
const TOLD_BYTES: usize = 2;

impl Place {
    /// A place behind one document and before a later one that tells neither; nothing when they are too close.
    #[must_use]
    pub fn between(one: &DocumentId, later: &DocumentId) -> Option<Self> {
        let told = one.as_bytes().get(..TOLD_BYTES)?;
        // Ids that begin so and have more are before it, unless they have nothing but ones.
        let document = DocumentId::from_bytes(&[told, &[u8::MAX; 16]].concat()).ok()?;
        (*one < document && document < *later).then_some(Self { document, passed: usize::MAX })
    }
}

/// Numbers for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents that were judged.
    pub documents: u64,
    /// Conflicts that stand open.
    pub open: u64,
    /// Conflicts that somebody waived.
    pub waived: u64,
    /// Rules that could not be judged, over all documents.
    pub undecided: u64,
}

/// What falls due by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A waiver is over: judge it again.
    Judge(DocumentId),
    /// It has stood open for as long as its rule allows: make the first proposal.
    Settle {
        /// Of which document.
        document: DocumentId,
        /// Its id.
        conflict: String,
    },
}

/// How far the inbox had come when somebody began to look at a document.
#[derive(Debug, Clone, Copy)]
pub struct Seen(u64);

impl Inbox {
    /// What the rules say of a document; nothing when they say nothing or it is gone.
    pub fn note(&self, document: &DocumentId, verdict: Option<&Arc<Verdict>>, now: Timestamp) {
        self.content().note(document, verdict, now);
    }

    /// To be asked before a stored document is read, and handed to [`note_unseen`](Self::note_unseen).
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen(self.content().notes)
    }

    /// Like [`note`](Self::note), unless something was noted of the document meanwhile: that is newer.
    pub fn note_unseen(&self, seen: Seen, document: &DocumentId, verdict: &Arc<Verdict>, now: Timestamp) {
        let mut content = self.content();
        let is_newer = content.entries.get(document).is_some_and(|entry| entry.noted > seen.0);
        if !is_newer {
            content.note(document, Some(verdict), now);
        }
    }

    /// What was noted last of a document.
    #[must_use]
    pub fn verdict(&self, document: &DocumentId) -> Option<Arc<Verdict>> {
        self.content().entries.get(document).map(|entry| entry.verdict.clone())
    }

    /// Since when conflicts of a document have stood open.
    #[must_use]
    pub fn open_since(&self, document: &DocumentId) -> BTreeMap<String, Timestamp> {
        let content = self.content();
        let since = content.entries.get(document).map(|entry| &entry.open_since).into_iter().flatten();
        since.map(|(id, since)| (id.clone(), since.at)).collect()
    }

    /// Up to `limit` conflicts in the order of their documents' ids, and where the next page begins.
    #[must_use]
    pub fn list(&self, filter: &Filter, after: Option<&Place>, limit: usize) -> (Vec<Item>, Option<Place>) {
        let content = self.content();
        let start = after.map_or(Bound::Unbounded, |place| Bound::Included(place.document.clone()));
        let mut found: Vec<Item> = Vec::new();
        let mut last = None;
        for (document, entry) in content.entries.range((start, Bound::Unbounded)) {
            let passed = after.filter(|place| place.document == *document).map_or(0, |place| place.passed);
            let conflicts = if entry.is_listed { &entry.verdict.report.conflicts[..] } else { &[] };
            for (at, conflict) in conflicts.iter().enumerate().skip(passed) {
                if !filter.takes(entry, conflict) {
                    continue;
                }
                if found.len() == limit {
                    return (found, last);
                }
                last = Some(Place { document: document.clone(), passed: at + 1 });
                found.push(Item {
                    document: document.clone(),
                    kind: entry.verdict.kind.clone(),
                    conflict: conflict.clone(),
                    open_since: entry.open_since.get(&conflict.id).map(|since| since.at),
                });
            }
        }
        (found, None)
    }

    /// How many there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let content = self.content();
        let mut counts = Counts { documents: content.entries.len() as u64, ..Counts::default() };
        for entry in content.entries.values() {
            let report = &entry.verdict.report;
            let open = report.conflicts.iter().filter(|conflict| conflict.state == State::Open).count();
            counts.open += open as u64;
            counts.waived += (report.conflicts.len() - open) as u64;
            counts.undecided += report.undecided.len() as u64;
        }
        counts
    }

    /// Up to `limit` things that fall due at `now`, by the rules in force. What does not fit comes first the next time.
    #[must_use]
    pub fn due(&self, now: Timestamp, book: &RuleBook, limit: usize) -> Vec<Due> {
        let mut content = self.content();
        let before = content.looked_behind.take();
        let start = before.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let behind = content.entries.range((start, Bound::Unbounded));
        let rest = before.iter().flat_map(|last| content.entries.range(..=last));
        let mut due = Vec::new();
        let mut last = None;
        for (document, entry) in behind.chain(rest) {
            due.extend(entry.due(document, now, book).into_iter().take(limit - due.len()));
            if due.len() == limit {
                last = Some(document.clone());
                break;
            }
        }
        content.looked_behind = last;
        due
    }

    /// A conflict is about to be settled by itself. Each time it comes back it is left alone for longer: two rules that
    /// contradict each other would have it settled for ever.
    pub fn note_attempt(&self, document: &DocumentId, conflict: &str) {
        if let Some(entry) = self.content().entries.get_mut(document) {
            let is_room = entry.attempts.len() < ATTEMPTS_MAX;
            if is_room || entry.attempts.contains_key(conflict) {
                *entry.attempts.entry(conflict.to_owned()).or_default() += 1;
            }
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().expect("nothing panics while it holds this lock")
    }
}

impl Content {
    fn note(&mut self, document: &DocumentId, verdict: Option<&Arc<Verdict>>, now: Timestamp) {
        self.notes += 1;
        let before = self.entries.remove(document);
        if let Some(before) = before.as_ref().filter(|before| before.is_listed) {
            self.listed -= before.verdict.report.conflicts.len();
        }
        let Some(verdict) = verdict else { return };
        let conflicts = &verdict.report.conflicts;
        let open = conflicts.iter().filter(|conflict| conflict.state == State::Open);
        let at = |id: &str| Some(before.as_ref()?.open_since.get(id)?.at);
        let open = open.map(|conflict| {
            let since = Since { rule: conflict.rule.clone(), at: at(&conflict.id).unwrap_or(now) };
            (conflict.id.clone(), since)
        });
        // A conflict whose rule is undecided now is not known to be gone: if it is there again, it has been all along.
        let is_undecided =
            |rule: &str| verdict.report.undecided.iter().any(|undecided| undecided.rule == rule);
        let kept = before.iter().flat_map(|before| &before.open_since);
        let kept = kept.filter(|(_, since)| is_undecided(&since.rule));
        let open_since = kept.map(|(id, since)| (id.clone(), since.clone())).chain(open).collect();
        let attempts = before.map(|before| before.attempts).unwrap_or_default();
        let is_listed = self.listed + conflicts.len() <= LISTED_MAX;
        if is_listed {
            self.listed += conflicts.len();
        }
        let entry = Entry { verdict: verdict.clone(), open_since, attempts, noted: self.notes, is_listed };
        self.entries.insert(document.clone(), entry);
    }
}

impl Entry {
    fn due(&self, document: &DocumentId, now: Timestamp, book: &RuleBook) -> Vec<Due> {
        let report = &self.verdict.report;
        let mut due = Vec::new();
        if report.due.is_some_and(|at| at <= now) {
            due.push(Due::Judge(document.clone()));
        }
        let Some(in_force) = book.of(&self.verdict.kind) else { return due };
        let after = |rule: &str| {
            let rule = in_force.rules.rules().iter().find(|known| known.id() == rule)?;
            rule.auto_settle_after()
        };
        for conflict in report.conflicts.iter().filter(|conflict| !conflict.proposals.is_empty()) {
            let since = self.open_since.get(&conflict.id);
            let attempts = self.attempts.get(&conflict.id).copied().unwrap_or_default();
            let is_over =
                |(since, after): (&Since, Duration)| now.since(since.at) >= patience(after, attempts);
            if since.zip(after(&conflict.rule)).is_some_and(is_over) {
                due.push(Due::Settle { document: document.clone(), conflict: conflict.id.clone() });
            }
        }
        due
    }
}

/// How long a conflict stands open before it is settled by itself: twice as long each time that it came back.
fn patience(after: Duration, attempts: u32) -> Duration {
    match attempts {
        0 => after,
        _ => {
            let doubled = after.max(Duration::from_secs(1)).saturating_mul(2u32.saturating_pow(attempts));
            doubled.min(PATIENCE_MAX.max(after))
        }
    }
}

impl Filter {
    fn takes(&self, entry: &Entry, conflict: &Conflict) -> bool {
        let is_old = |before| entry.open_since.get(&conflict.id).is_some_and(|since| since.at <= before);
        self.kind.as_ref().is_none_or(|kind| entry.verdict.kind == *kind)
            && self.rule.as_ref().is_none_or(|rule| conflict.rule == *rule)
            && self.state.is_none_or(|state| conflict.state == state)
            && self.mode.is_none_or(|mode| conflict.mode == mode)
            && self.open_before.is_none_or(is_old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::{Automerge, AutomergeError, ROOT, transaction::Transactable};
    use dovetail_core::rules::{InForce, Judge, RuleSet, Undecided, UndecidedReason};
    use serde_json::json;

    const MINUTE: Duration = Duration::from_secs(60);

    fn book() -> RuleBook {
        let rule = json!({"id": "few", "predicate": "range", "over": "count", "max": 5, "message": "m",
            "proposals": ["clamp"], "auto_settle_after": 60});
        let set = serde_json::from_value(json!({"kind": "board", "rule": [rule]})).unwrap();
        RuleBook::empty().with(InForce { version: 1, rules: Arc::new(RuleSet::compile(set).unwrap()) })
    }

    fn id(number: u8) -> DocumentId {
        DocumentId::from_bytes(&[number; 16]).unwrap()
    }

    fn verdict(document: &DocumentId, count: i64) -> Arc<Verdict> {
        let mut doc = Automerge::new();
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "count", count)).unwrap();
        let rules = book().of("board").unwrap().rules.clone();
        let report = Judge::new(document, rules, &doc).report(&doc, Timestamp::from_millis(0));
        let heads = doc.get_heads().as_slice().into();
        Arc::new(Verdict { heads, kind: "board".into(), version: 1, report: Arc::new(report) })
    }

    fn at(minutes: u32) -> Timestamp {
        Timestamp::from_millis(u64::from(minutes) * 60_000)
    }

    /// CO4: a conflict whose rule is undecided for a while, however often that is said, has stood open all along.
    #[test]
    fn co4_what_is_undecided_meanwhile_keeps_its_age() {
        let inbox = Inbox::default();
        let board = id(1);
        let open = verdict(&board, 7);
        inbox.note(&board, Some(&open), at(0));
        let mut undecided = (*open).clone();
        let mut report = (*open.report).clone();
        report.conflicts.clear();
        report.undecided.push(Undecided { rule: "few".into(), reason: UndecidedReason::Pending });
        undecided.report = Arc::new(report);
        for minute in 1..4 {
            inbox.note(&board, Some(&Arc::new(undecided.clone())), at(minute));
        }
        inbox.note(&board, Some(&open), at(4));
        assert_eq!(inbox.open_since(&board).into_values().collect::<Vec<_>>(), [at(0)]);
        inbox.note(&board, Some(&verdict(&board, 1)), at(5));
        inbox.note(&board, Some(&open), at(6));
        assert_eq!(inbox.open_since(&board).into_values().collect::<Vec<_>>(), [at(6)]);
    }

    /// CO9: of more than can be done at one look, each has its turn.
    #[test]
    fn co9_everything_that_is_due_has_its_turn() {
        let inbox = Inbox::default();
        for number in 1..=70 {
            inbox.note(&id(number), Some(&verdict(&id(number), 7)), at(0));
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let due = inbox.due(at(1), &book(), 30);
            assert_eq!(due.len(), 30);
            seen.extend(due.into_iter().map(|due| match due {
                Due::Settle { document, .. } | Due::Judge(document) => document,
            }));
        }
        assert_eq!(seen.len(), 70);
    }

    /// CO9: a conflict that comes back after it was settled by itself is left alone for longer each time.
    #[test]
    fn co9_what_comes_back_is_left_alone_for_longer() {
        let inbox = Inbox::default();
        let board = id(1);
        let mut now = 0;
        let mut settled = 0;
        inbox.note(&board, Some(&verdict(&board, 7)), at(now));
        while now < 24 * 60 {
            now += 1;
            for due in inbox.due(at(now), &book(), 64) {
                let Due::Settle { document, conflict } = due else { panic!("{due:?}") };
                inbox.note_attempt(&document, &conflict);
                settled += 1;
                // It is settled, and another rule breaks it again.
                inbox.note(&board, Some(&verdict(&board, 5)), at(now));
                inbox.note(&board, Some(&verdict(&board, 7)), at(now));
            }
        }
        assert_eq!(settled, 10, "after 1, 2, 4, ... minutes");
        assert_eq!(patience(MINUTE, 40), PATIENCE_MAX);
    }
}
