//! What is known of one document under one rule set.
//!
//! Edit path: ← [`document`](crate::document) tells what was merged; → [`Report`]s, for the API and the feeds.
//!
//! Always true here: after [`Judge::touched`] everything is as [`Judge::new`] would find it in the
//! same document, but for rules that are evaluated elsewhere: they wait for that. What people decided is read from the document at every report, since it depends
//! on the moment as well.

use super::allowance::Allowance;
use super::causes;
use super::conflict::{
    Beyond, Cause, Conflict, Decision, Mode, Offer, Report, Severity, State, Undecided, UndecidedReason,
    Waiver,
};
use super::entries::{Entries, SettledEntry, WaivedEntry};
use super::evaluate::{Evaluated, Hits, evaluate};
use super::facts::{Dirty, Facts};
use super::question::{Answer, Question};
use super::remedy::{Effort, edits};
use super::set::{Rule, RuleSet};
use super::violation::Violation;
use crate::authors::Authors;
use crate::id::DocumentId;
use crate::time::Timestamp;
use automerge::{Automerge, Patch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The facts that the rules need of a document, and what they say about them.
#[derive(Debug)]
pub struct Judge {
    document: DocumentId,
    rules: Arc<RuleSet>,
    facts: Arc<Facts>,
    /// As the rules of the set.
    standings: Vec<RuleStanding>,
    /// Behind which rule the next question is looked for.
    asked_last: usize,
    /// Who made which change, as far as that is known.
    authors: Arc<Authors>,
}

/// Where one rule stands.
#[derive(Debug)]
struct RuleStanding {
    /// While it waits, what it said of an earlier state.
    verdict: Verdict,
    waiting: Waiting,
    /// What it might take when it was judged.
    given: Allowance,
    /// How much it looked at.
    looks: usize,
}

/// Whether a rule waits to be evaluated elsewhere.
#[derive(Debug)]
enum Waiting {
    No,
    /// Nobody was asked yet.
    Unasked,
    /// This is being answered.
    Asked(Arc<Question>),
}

/// What one rule says.
type Verdict = Result<Broken, UndecidedReason>;

/// Where one rule does not hold.
#[derive(Debug, Default, PartialEq)]
struct Broken {
    findings: Vec<Arc<Finding>>,
    beyond: usize,
    /// Why it is not known of some item, if that is so.
    unknown: Option<UndecidedReason>,
}

/// A violation, how it came about, and what may be done.
#[derive(Debug, PartialEq)]
struct Finding {
    violation: Violation,
    causes: Vec<Cause>,
    explanation: String,
    offers: Vec<Offer>,
}

impl Judge {
    /// Looks at the whole document, whose changes have no makers that are known.
    #[must_use]
    pub fn new(document: &DocumentId, rules: Arc<RuleSet>, doc: &Automerge) -> Self {
        Self::knowing(&Arc::default(), document, rules, doc)
    }

    /// Looks at the whole document, and names the makers of its changes.
    #[must_use]
    pub fn knowing(
        authors: &Arc<Authors>,
        document: &DocumentId,
        rules: Arc<RuleSet>,
        doc: &Automerge,
    ) -> Self {
        let facts = Arc::new(Facts::read(doc, &rules.plan));
        let unjudged = |_: &Rule| RuleStanding {
            verdict: Err(UndecidedReason::Pending),
            waiting: Waiting::No,
            given: Allowance::of_a_set(),
            looks: 0,
        };
        let standings = rules.rules.iter().map(unjudged).collect();
        let mut judge = Self {
            document: document.clone(),
            rules,
            facts,
            standings,
            asked_last: 0,
            authors: authors.clone(),
        };
        judge.judge_those(doc, |_| true);
        judge
    }

    /// Looks at the whole document, and has what takes long evaluated by `ask` at once.
    #[must_use]
    pub fn evaluated(
        document: &DocumentId,
        rules: Arc<RuleSet>,
        doc: &Automerge,
        ask: impl Fn(&Arc<Question>) -> Answer,
    ) -> Self {
        let mut judge = Self::new(document, rules, doc);
        judge.evaluate_all(doc, ask);
        judge
    }

    /// Names the makers of changes as they are known from here on: before a look, since what is found names them.
    pub fn set_authors(&mut self, authors: &Arc<Authors>) {
        self.authors = authors.clone();
    }

    /// Looks at the whole document, and has no more evaluated than it takes to find `conflict`.
    #[must_use]
    pub fn seeking(
        conflict: &str,
        document: &DocumentId,
        rules: Arc<RuleSet>,
        doc: &Automerge,
        ask: impl Fn(&Arc<Question>) -> Answer,
    ) -> Self {
        let mut judge = Self::new(document, rules, doc);
        while judge.find(conflict).is_none()
            && let Some(question) = judge.question()
        {
            judge.answer(doc, ask(&question));
        }
        judge
    }

    /// Looks again at what `patches` touched. They are those of all changes that were applied
    /// since the last look, and `doc` is the document with these changes. Changes may come without any
    /// patch, when they concern only a value that lost; the call is due all the same.
    pub fn touched(&mut self, doc: &Automerge, patches: &[Patch]) {
        // While a question is open there are two who hold the facts, and it keeps those it is about.
        let dirty = Arc::make_mut(&mut self.facts).touched(doc, &self.rules.plan, patches);
        let rules = self.rules.clone();
        self.judge_those(doc, |index| concerns(&dirty, &rules.rules[index]));
    }

    /// The next rule that has to be evaluated elsewhere; nothing while one is. The answer goes to
    /// [`answer`](Self::answer).
    pub fn question(&mut self) -> Option<Arc<Question>> {
        if self.standings.iter().any(|standing| matches!(standing.waiting, Waiting::Asked(_))) {
            return None;
        }
        // Behind the one that was asked last: one that edits keep touching must not keep others from being asked.
        let (before, behind) = (0..self.asked_last, self.asked_last..self.standings.len());
        let is_unasked = |rule: &usize| matches!(self.standings[*rule].waiting, Waiting::Unasked);
        let rule = behind.chain(before).find(is_unasked)?;
        self.asked_last = rule + 1;
        let question = Arc::new(Question { rules: self.rules.clone(), rule, facts: self.facts.clone() });
        self.standings[rule].waiting = Waiting::Asked(question.clone());
        Some(question)
    }

    /// Takes what was found elsewhere; says whether it was still of use. `doc` is the document as it was at the last
    /// look.
    pub fn answer(&mut self, doc: &Automerge, answer: Answer) -> bool {
        let Answer { question, says } = answer;
        let index = question.rule;
        let is_asked = self.standings.get(index).is_some_and(
            |standing| matches!(&standing.waiting, Waiting::Asked(asked) if Arc::ptr_eq(asked, &question)),
        );
        if is_asked {
            let verdict = says.map(|hits| self.found(doc, index, hits));
            let standing = &mut self.standings[index];
            (standing.verdict, standing.waiting) = (verdict, Waiting::No);
            // It may list more, or less, than before.
            self.judge_those(doc, |_| false);
        }
        is_asked
    }

    /// Has all that has to be evaluated elsewhere answered at once, by `ask`.
    pub fn evaluate_all(&mut self, doc: &Automerge, ask: impl Fn(&Arc<Question>) -> Answer) {
        while let Some(question) = self.question() {
            self.answer(doc, ask(&question));
        }
    }

    /// The rules it judges by.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The document it judges.
    #[must_use]
    pub fn document(&self) -> &DocumentId {
        &self.document
    }

    /// What stands at `now`. `doc` is the document as it was at the last look.
    #[must_use]
    pub fn report(&self, doc: &Automerge, now: Timestamp) -> Report {
        let entries = Entries::of(doc, &self.authors);
        let mut report = Report::default();
        for (rule, standing) in self.rules.rules.iter().zip(&self.standings) {
            let undecided = match (&standing.waiting, &standing.verdict) {
                (Waiting::No, Err(reason)) => Some(reason.clone()),
                (Waiting::No, Ok(broken)) => broken.unknown.clone(),
                (Waiting::Unasked | Waiting::Asked(_), _) => Some(UndecidedReason::Pending),
            };
            report.undecided.extend(undecided.map(|reason| Undecided { rule: rule.id().to_owned(), reason }));
            match &standing.verdict {
                Err(_) => {}
                Ok(broken) => {
                    for finding in &broken.findings {
                        report.add(rule, finding, &entries, now);
                    }
                    if broken.beyond > 0 {
                        report.beyond.push(Beyond { rule: rule.id().to_owned(), conflicts: broken.beyond });
                    }
                }
            }
        }
        report
    }

    /// Conflicts that somebody settled and whose rule holds, in the order of their ids. They are
    /// told as they were when they were settled, without causes and proposals.
    #[must_use]
    pub fn settled(&self, doc: &Automerge) -> Vec<Conflict> {
        let entries = Entries::of(doc, &self.authors);
        let broken: BTreeSet<&str> =
            self.findings().map(|(_, finding)| finding.violation.id.as_str()).collect();
        let ids = entries.settled_ids().into_iter().filter(|id| !broken.contains(id.as_str()));
        ids.filter_map(|id| {
            let mut decisions = entries.settled(&id).into_iter();
            let winner = decisions.next()?;
            let waived = entries.waived(&id);
            Some(self.settled_conflict(id, winner, decisions.collect(), waived))
        })
        .collect()
    }

    /// The rule and the violation of a conflict that is open or waived.
    pub(crate) fn find(&self, id: &str) -> Option<(&Rule, &Violation, &[Offer])> {
        let (rule, finding) = self.findings().find(|(_, finding)| finding.violation.id == id)?;
        Some((rule, &finding.violation, &finding.offers))
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    fn findings(&self) -> impl Iterator<Item = (&Rule, &Arc<Finding>)> {
        let standings = self.rules.rules.iter().zip(&self.standings);
        standings.flat_map(|(rule, standing)| {
            standing.verdict.iter().flat_map(|broken| &broken.findings).map(move |finding| (rule, finding))
        })
    }

    /// Judges the rules that are `concerned`, and those that have more or less to take now than they need.
    fn judge_those(&mut self, doc: &Automerge, concerned: impl Fn(usize) -> bool) {
        let mut left = Allowance::of_a_set();
        for index in 0..self.standings.len() {
            let given = left.for_a_rule();
            if concerned(index) || self.standings[index].is_affected(given) {
                self.judge(doc, index, given);
            }
            left = left.without(self.standings[index].taken());
        }
    }

    /// What one rule says now.
    fn judge(&mut self, doc: &Automerge, index: usize, given: Allowance) {
        self.standings[index].given = given;
        if self.rules.rules[index].is_evaluated_elsewhere() {
            self.standings[index].waiting = Waiting::Unasked;
            return;
        }
        let Evaluated { says, looks } = evaluate(&self.rules.rules[index], &self.facts, given.looks);
        let verdict = says.map(|hits| self.found(doc, index, hits));
        let standing = &mut self.standings[index];
        (standing.verdict, standing.looks) = (verdict, looks);
    }

    /// What was found, as far as it may be listed. Causes are looked up for what was not there before.
    fn found(&self, doc: &Automerge, index: usize, mut hits: Hits) -> Broken {
        let rule = &self.rules.rules[index];
        let standing = &self.standings[index];
        let nothing = Broken::default();
        let before = standing.verdict.as_ref().unwrap_or(&nothing);
        let beyond = hits.listed.len().saturating_sub(standing.given.listed);
        hits.listed.truncate(standing.given.listed);
        hits.beyond += beyond;
        let known: BTreeMap<&str, &Arc<Finding>> =
            before.findings.iter().map(|finding| (finding.violation.id.as_str(), finding)).collect();
        let findings = hits.listed.into_iter().map(|hit| {
            let violation = Violation::new(&self.document, &self.rules.plan, rule, &self.facts, hit);
            let offers = self.offers(rule, &violation);
            let known = known.get(violation.id.as_str()).filter(|known| known.violation == violation);
            match known {
                Some(known) if known.offers == offers => (*known).clone(),
                Some(known) => Arc::new(Finding {
                    violation,
                    causes: known.causes.clone(),
                    explanation: known.explanation.clone(),
                    offers,
                }),
                None => {
                    let (causes, explanation) = causes::of(doc, &self.authors, &violation.registers);
                    Arc::new(Finding { violation, causes, explanation, offers })
                }
            }
        });
        Broken { findings: findings.collect(), beyond: hits.beyond, unknown: hits.unknown }
    }

    fn offers(&self, rule: &Rule, violation: &Violation) -> Vec<Offer> {
        let can_be_made =
            |proposal| edits(rule, &self.facts, &violation.hit, proposal, Effort::Offer).is_some();
        let offered = rule.proposals.iter().filter(|proposal| can_be_made(**proposal));
        offered.map(|proposal| Offer { name: *proposal, label: proposal.label().to_owned() }).collect()
    }

    fn settled_conflict(
        &self,
        id: String,
        winner: SettledEntry,
        others: Vec<SettledEntry>,
        waived: Vec<WaivedEntry>,
    ) -> Conflict {
        let rule = self.rules.rules.iter().find(|rule| rule.id() == winner.rule);
        let mut also = Vec::new();
        for other in others.into_iter().map(|other| other.settlement) {
            push_new(&mut also, Decision::Settled(other));
        }
        for other in waived.into_iter().filter(|other| other.fingerprint == winner.fingerprint) {
            push_new(&mut also, Decision::Waived(other.waiver));
        }
        also.retain(|other| *other != Decision::Settled(winner.settlement.clone()));
        Conflict {
            id,
            rule: winner.rule,
            state: State::Settled,
            severity: rule.map_or(Severity::Info, Rule::severity),
            mode: rule.map_or(Mode::Surface, Rule::mode),
            message: winner.message,
            subjects: winner.subjects,
            causes: Vec::new(),
            proposals: Vec::new(),
            fingerprint: winner.fingerprint,
            explanation: String::new(),
            waiver: None,
            settlement: Some(winner.settlement),
            also,
        }
    }
}

impl RuleStanding {
    fn taken(&self) -> Allowance {
        let listed = self.verdict.as_ref().map_or(0, |broken| broken.findings.len());
        Allowance { looks: self.looks, listed }
    }

    /// Whether the rule would say something else, or must not say as much, with what it is `given` now.
    fn is_affected(&self, given: Allowance) -> bool {
        let lacked = match &self.verdict {
            Err(reason) => *reason == UndecidedReason::TooMuchToCompare,
            Ok(broken) => broken.beyond > 0,
        };
        given != self.given && (lacked || !given.covers(self.taken()))
    }
}

impl Report {
    /// Adds what was found, in the state that people's decisions give it.
    fn add(&mut self, rule: &Rule, finding: &Finding, entries: &Entries<'_>, now: Timestamp) {
        let violation = &finding.violation;
        let (waiver, also) = life(&entries.waived(&violation.id), &violation.fingerprint, now);
        if let Some(until) = waiver.as_ref().and_then(|waiver| waiver.until) {
            self.due = Some(self.due.map_or(until, |due| due.min(until)));
        }
        if waiver.is_none() && !entries.settled(&violation.id).is_empty() {
            self.settled_before.insert(violation.id.clone());
        }
        self.conflicts.push(Conflict {
            id: violation.id.clone(),
            rule: rule.id().to_owned(),
            state: if waiver.is_some() { State::Waived } else { State::Open },
            severity: rule.severity,
            mode: rule.mode,
            message: violation.message.clone(),
            subjects: violation.subjects.clone(),
            causes: finding.causes.clone(),
            proposals: finding.offers.clone(),
            fingerprint: violation.fingerprint.clone(),
            explanation: finding.explanation.clone(),
            waiver,
            settlement: None,
            also,
        });
    }
}

/// The waiver that counts, if one does, and what others decided about the same facts.
fn life(entries: &[WaivedEntry], fingerprint: &str, now: Timestamp) -> (Option<Waiver>, Vec<Decision>) {
    let mut counting = entries.iter().map(|entry| entry.counts(fingerprint, now).then_some(&entry.waiver));
    let winner = counting.next().flatten().cloned();
    let mut also = Vec::new();
    for other in counting.flatten().filter(|other| Some(*other) != winner.as_ref()) {
        push_new(&mut also, Decision::Waived(other.clone()));
    }
    (winner, also)
}

fn push_new(also: &mut Vec<Decision>, decision: Decision) {
    if !also.contains(&decision) {
        also.push(decision);
    }
}

/// Whether a rule has to be evaluated again.
fn concerns(dirty: &Dirty, rule: &Rule) -> bool {
    rule.fields.iter().any(|field| dirty.field(*field))
        || rule.keys_of.iter().any(|collection| dirty.items(*collection))
        || dirty.items(rule.collection)
}
