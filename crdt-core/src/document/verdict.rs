//! What the rules say of the document: judged beside the commit, told when it is over.
//!
//! Edit path: ← [`live`](super::live) applied a burst and kept what it touched; when the commit has been asked
//! for, or is over, whoever drives the machine lets it [`judge`](Document::judge); → [`Effect::Judged`], never before the
//! burst is stored. What takes long is asked for by [`Effect::Evaluate`], one question at a time; the [`Input::Evaluated`](super::Input::Evaluated)
//! that answers it makes the document be judged again.
//!
//! Always true: judging changes nothing and holds nothing back. When it is late, the answers leave without it.
//! **Invariant:** a verdict that only lacks what is being evaluated is not told: the answer follows, and nobody sees
//! conflicts come and go meanwhile. When edits overtake the answer, it is told once as it is.

use super::careful::carefully;
use super::chunk::Stored;
use super::events::Effect;
use super::live::{Damage, Live};
use super::phase::{Asked, Content};
use super::{Document, Heads};
use crate::id::DocumentId;
use crate::rules::{
    Answer, Conflict, InForce, Judge, Mode, Question, Report, Rule, RuleBook, Undecided, UndecidedReason,
};
use crate::time::Timestamp;
use automerge::{Change, PatchLog};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Of a burst with more changes than this it is not noted what each touched: to look at the whole document
/// again is cheaper. A dashboard of 200 widgets costs a millisecond, a change some 10 µs.
pub(super) const NOTED_CHANGES_MAX: usize = 256;

/// The same for operations. Each may be told of with the way to it, some 9 KB where that is as long as it can be: 37 MB
/// in all. A widget that is made is some 40 operations.
const NOTED_OPS_MAX: usize = 4_096;

/// What the rules say of one state of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Of which state.
    pub heads: Heads,
    /// The rules of which kind.
    pub kind: String,
    /// Which version of them.
    pub version: u64,
    /// What they found. The same one as before where they found the same.
    pub report: Arc<Report>,
}

impl Verdict {
    /// As readers are told it: what editors are to see.
    ///
    /// `{heads: [hex], rules: {kind, version}, conflicts, undecided, beyond}`, the lists as in a [`Report`].
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let Report { conflicts, undecided, beyond, .. } = &*self.report;
        let conflicts: Vec<&Conflict> =
            conflicts.iter().filter(|conflict| conflict.mode == Mode::Surface).collect();
        let heads: Vec<String> = self.heads.iter().map(ToString::to_string).collect();
        let told = json!({
            "heads": heads,
            "rules": {"kind": self.kind, "version": self.version},
            "conflicts": conflicts,
            "undecided": undecided,
            "beyond": beyond,
        });
        match told {
            Value::Object(told) => told,
            _ => Map::new(),
        }
    }
}

/// What is known of the rules and what they say.
#[derive(Debug)]
pub(super) struct Judging {
    book: Arc<RuleBook>,
    /// Of the document in memory.
    judge: Option<Judge>,
    /// What was applied since the judge looked.
    log: PatchLog,
    /// How many operations it may tell of.
    noted_ops: usize,
    /// Something is new: the document, the rules, or the time has come at which a waiver ends.
    is_due: bool,
    /// What was judged while a commit is under way, until that is over.
    held: Option<Option<Arc<Verdict>>>,
    /// The newest on what is stored.
    latest: Option<Arc<Verdict>>,
    told: Option<Arc<Verdict>>,
    /// Somebody evaluates a rule.
    is_asked: bool,
    /// What came of it, until the next look.
    answer: Option<Answer>,
    /// An answer came too late for the state it was about: edits come faster.
    is_overtaken: bool,
}

impl Judging {
    pub(super) fn new(book: Arc<RuleBook>) -> Self {
        Self {
            book,
            judge: None,
            log: PatchLog::inactive(),
            noted_ops: 0,
            is_due: false,
            held: None,
            latest: None,
            told: None,
            is_asked: false,
            answer: None,
            is_overtaken: false,
        }
    }

    /// Where a burst notes what it touches. It is judged after it.
    pub(super) fn log(&mut self, burst: &[Change]) -> &mut PatchLog {
        self.is_due = true;
        self.noted_ops += burst.iter().map(Change::len).sum::<usize>();
        if burst.len() > NOTED_CHANGES_MAX || self.noted_ops > NOTED_OPS_MAX {
            self.forget_judge();
        }
        &mut self.log
    }

    /// Other rules are in force.
    pub(super) fn set_book(&mut self, book: Arc<RuleBook>) {
        self.book = book;
        self.is_due = true;
    }

    /// The document came into memory, or the time has come to judge it again.
    pub(super) fn set_due(&mut self) {
        self.is_due = true;
    }

    /// A question was answered.
    pub(super) fn evaluated(&mut self, answer: Answer) {
        self.is_asked = false;
        self.answer = Some(answer);
        self.is_due = true;
    }

    /// Whether an answer is awaited, or there and not looked at.
    pub(super) fn awaits_an_answer(&self) -> bool {
        self.is_asked || self.answer.is_some()
    }

    /// The document left memory; what is not stored of it never was.
    pub(super) fn forget(&mut self) {
        self.forget_judge();
        self.held = None;
        self.is_due = false;
    }

    fn forget_judge(&mut self) {
        self.judge = None;
        self.is_overtaken |= self.answer.take().is_some();
        self.log = PatchLog::inactive();
        self.noted_ops = 0;
    }

    /// Looks at what is new. The rules may be others than at the last look, or none.
    fn look(&mut self, id: &DocumentId, live: &Live, now: Timestamp) -> Option<Arc<Verdict>> {
        let kind = live.summary("kind").unwrap_or_default();
        let Some(InForce { version, rules }) = self.book.of(&kind).cloned() else {
            self.forget_judge();
            return None;
        };
        match &mut self.judge {
            Some(judge) if Arc::ptr_eq(judge.rules(), &rules) => {
                let patches = live.doc.make_patches(&mut self.log);
                judge.set_authors(&live.authors);
                judge.touched(&live.doc, &patches);
            }
            judge => *judge = Some(Judge::knowing(&live.authors, id, rules, &live.doc)),
        }
        if let (Some(judge), Some(answer)) = (&mut self.judge, self.answer.take()) {
            self.is_overtaken = !judge.answer(&live.doc, answer);
        }
        self.log = PatchLog::active();
        self.noted_ops = 0;
        let report = self.judge.as_ref().map(|judge| judge.report(&live.doc, now)).unwrap_or_default();
        let report = match &self.told {
            Some(told) if *told.report == report => told.report.clone(),
            _ => Arc::new(report),
        };
        let heads = live.doc.get_heads().as_slice().into();
        Some(Arc::new(Verdict { heads, kind, version, report }))
    }

    /// What there is to say when judging failed: no rule counts as kept.
    fn undecided(&self, live: &Live) -> Option<Arc<Verdict>> {
        let kind = live.summary("kind").unwrap_or_default();
        let InForce { version, rules } = self.book.of(&kind)?;
        let undecided =
            |rule: &Rule| Undecided { rule: rule.id().to_owned(), reason: UndecidedReason::Failed };
        let mut report = Report::default();
        report.undecided = rules.rules().iter().map(undecided).collect();
        let heads = live.doc.get_heads().as_slice().into();
        Some(Arc::new(Verdict { heads, kind, version: *version, report: Arc::new(report) }))
    }

    fn tell(&mut self, verdict: Option<Arc<Verdict>>, effects: &mut Vec<Effect>) {
        self.latest.clone_from(&verdict);
        if verdict != self.told && !self.is_better_awaited(verdict.as_deref()) {
            self.told.clone_from(&verdict);
            effects.push(Effect::Judged(verdict));
        }
    }

    /// Whether all that is new about a verdict is that a rule is being evaluated.
    fn is_better_awaited(&self, verdict: Option<&Verdict>) -> bool {
        let Some(verdict) = verdict.filter(|verdict| verdict.report.is_pending()) else { return false };
        let says_the_same = match self.told.as_deref() {
            Some(told) => told.version == verdict.version && told.report.is_but_pending(&verdict.report),
            None => Report::default().is_but_pending(&verdict.report),
        };
        says_the_same && !self.is_overtaken
    }

    /// The next question, if nobody is busy with one.
    fn question(&mut self) -> Option<Arc<Question>> {
        if self.is_asked {
            return None;
        }
        let question = self.judge.as_mut()?.question();
        self.is_asked = question.is_some();
        question
    }

    /// The commit is over. What it did not store was forgotten, and the verdict on it too.
    pub(super) fn release(&mut self, effects: &mut Vec<Effect>) {
        if let Some(held) = self.held.take() {
            self.tell(held, effects);
        }
    }

    /// There is no document any more of which rules could say anything.
    pub(super) fn end(&mut self, effects: &mut Vec<Effect>) {
        self.forget();
        self.latest = None;
        self.told = None;
        // Also where nothing was told: somebody may have judged what is stored.
        effects.push(Effect::Judged(None));
    }
}

/// What the rules say of a document as the store holds it; nothing where there are none for its kind.
///
/// What has to be evaluated is evaluated by `ask`.
///
/// # Errors
/// When the stored bytes are not what was written.
pub fn judge_stored(
    id: &DocumentId,
    stored: &Stored,
    book: &Arc<RuleBook>,
    now: Timestamp,
    ask: impl Fn(&Arc<Question>) -> Answer,
) -> Result<Option<Arc<Verdict>>, Damage> {
    let live = Live::load(stored)?;
    Ok(carefully(|| {
        let mut judging = Judging::new(book.clone());
        let first = judging.look(id, &live, now);
        let Some(judge) =
            judging.judge.as_mut().filter(|_| first.as_ref().is_some_and(|it| it.report.is_pending()))
        else {
            return first;
        };
        judge.evaluate_all(&live.doc, ask);
        judging.look(id, &live, now)
    })?)
}

impl Document {
    /// Whether there is something to judge. Whoever drives the machine does so when the commit has been
    /// asked for, or when there is none.
    #[must_use]
    pub fn wants_to_judge(&self) -> bool {
        self.judging.is_due && matches!(&self.content, Content::Live(live) if !live.is_empty())
    }

    /// Judges the document as it is in memory. Of a state whose commit is under way the verdict is held back.
    pub fn judge(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Content::Live(live) = &self.content else { return };
        let _stop = tracing::debug_span!("rules", document = %self.id).entered();
        self.judging.is_due = false;
        let judging = &mut self.judging;
        let looked = carefully(|| judging.look(&self.id, live, now));
        let verdict = looked.unwrap_or_else(|error| {
            tracing::error!(document = %self.id, %error, "the rules could not be judged");
            self.judging.forget_judge();
            self.judging.undecided(live)
        });
        if matches!(self.asked, Some(Asked::Commit(_))) {
            self.judging.held = Some(verdict);
        } else {
            self.judging.tell(verdict, effects);
        }
        effects.extend(self.judging.question().map(Effect::Evaluate));
    }

    /// What the rules say of what is stored, as far as they were judged; nothing where there are none for its kind.
    #[must_use]
    pub fn verdict(&self) -> Option<&Arc<Verdict>> {
        self.judging.latest.as_ref()
    }

    /// What was told of it last: the same, unless a rule is being evaluated.
    #[must_use]
    pub fn verdict_told(&self) -> Option<&Arc<Verdict>> {
        self.judging.told.as_ref()
    }

    /// Conflicts that somebody settled and whose rule holds, while the document is in memory and judged.
    #[must_use]
    pub fn settled_conflicts(&self) -> Vec<Conflict> {
        match (&self.content, &self.judging.judge) {
            (Content::Live(live), Some(judge)) => judge.settled(&live.doc),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::{Edit, Layout, Widget, apply_to, first_dashboard};
    use automerge::transaction::Transactable;
    use automerge::{ActorId, Automerge, AutomergeError, ROOT};

    /// DO51: of a burst of very many operations it is not noted what each touched.
    #[test]
    fn do51_what_a_burst_touches_is_noted_within_bounds() {
        let rules = || RuleBook::default().of("dashboard").unwrap().rules.clone();
        let changes_of = |ops: usize| {
            let mut doc = Automerge::new();
            doc.transact::<_, _, AutomergeError>(|tx| {
                (0..ops).try_for_each(|n| tx.put(ROOT, format!("k{n}"), 1))
            })
            .unwrap();
            doc.get_changes(&[])
        };
        let mut judging = Judging::new(Arc::default());
        for (ops, is_noted) in [(NOTED_OPS_MAX / 2, true), (NOTED_OPS_MAX / 2, true), (1, false)] {
            judging.judge.get_or_insert_with(|| {
                Judge::new(&crate::id::DocumentId::from_bytes(&[1; 16]).unwrap(), rules(), &Automerge::new())
            });
            judging.log(&changes_of(ops));
            assert_eq!(judging.judge.is_some(), is_noted);
        }
    }

    /// DO40: a conflict names who brought it about, also the first time that somebody looks at a document, as after a start.
    #[test]
    fn do40_the_first_look_names_who_did_it() {
        let widget = |id: &str| Edit::CreateWidget {
            id: id.parse().unwrap(),
            widget: Box::new(Widget { layout: Layout { x: 0, y: 0, w: 4, h: 4 }, ..Widget::new("note", id) }),
        };
        let mut live = Live::absent(Timestamp::from_millis(0));
        live.doc = first_dashboard().with_actor(ActorId::from([7; 16]));
        let before = live.doc.get_heads();
        live.doc.transact(|tx| apply_to(tx, &[widget("a"), widget("b")])).unwrap();
        let change = live.doc.get_changes(&before).remove(0);
        Arc::make_mut(&mut live.authors).bind(&change, &"ana".parse().unwrap());
        let id = crate::id::DocumentId::from_bytes(&[1; 16]).unwrap();
        let verdict = Judging::new(Arc::default()).look(&id, &live, Timestamp::from_millis(0)).unwrap();
        let conflict = &verdict.report.conflicts[0];
        assert_eq!(conflict.causes[0].author.as_deref(), Some("ana"), "{}", conflict.explanation);
    }

    /// DO40: a document that could not be judged keeps no rule: each is undecided, on the state that it was about.
    #[test]
    fn do40_what_could_not_be_judged_is_undecided() {
        let mut live = Live::absent(Timestamp::from_millis(0));
        live.doc = first_dashboard();
        let verdict = Judging::new(Arc::default()).undecided(&live).unwrap();
        let rules = RuleBook::default().of("dashboard").unwrap().rules.rules().len();
        assert_eq!((verdict.report.undecided.len(), verdict.report.conflicts.len()), (rules, 0));
        assert!(verdict.report.undecided.iter().all(|rule| rule.reason == UndecidedReason::Failed));
        assert_eq!(*verdict.heads, *live.doc.get_heads());
    }
}
