//! What is evaluated elsewhere, and what came of it.
//!
//! ```text
//!  Judge ──question──▶ whoever has a thread and a clock ──answer──▶ Judge
//! ```
//! Edit path: ← a [`Judge`](super::Judge) met a rule in CEL; → somebody answers the [`Question`], away from the document;
//! → the judge takes the [`Answer`], unless what was asked about is something else by now.
//!
//! Always true here: a question is about facts that do not change. Until it is answered the rule is undecided.

use super::LOOKS_PER_SET_MAX;
use super::conflict::UndecidedReason;
use super::evaluate::{Hits, evaluate, readable};
use super::facts::Facts;
use super::predicate::Check;
use super::set::{Rule, RuleSet};
use std::fmt;
use std::sync::Arc;

/// Whether an evaluation may go on; asked every now and then.
pub type MayGoOn = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whether a rule holds, for somebody else to find out.
#[derive(Clone)]
pub struct Question {
    pub(super) rules: Arc<RuleSet>,
    pub(super) rule: usize,
    pub(super) facts: Arc<Facts>,
}

/// What the rule says.
#[derive(Debug)]
pub struct Answer {
    pub(super) question: Arc<Question>,
    pub(super) says: Result<Hits, UndecidedReason>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("rule", &self.rule().id()).finish_non_exhaustive()
    }
}

impl Question {
    /// Which rule.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rules.rules[self.rule]
    }

    /// Finds out. This takes up to seconds, and needs some megabytes of stack; it ends soon after `may_go_on`
    /// has said no.
    #[must_use]
    pub fn answer(self: &Arc<Self>, may_go_on: &MayGoOn) -> Answer {
        let says = match &self.rule().check {
            Check::Cel(expression) => readable(self.rule(), &self.facts)
                .and_then(|()| expression.evaluate(self.rule(), &self.facts, may_go_on)),
            _ => evaluate(self.rule(), &self.facts, LOOKS_PER_SET_MAX).says,
        };
        Answer { question: self.clone(), says }
    }

    /// The answer of whoever could not find out.
    #[must_use]
    pub fn undecided(self: &Arc<Self>, reason: UndecidedReason) -> Answer {
        Answer { question: self.clone(), says: Err(reason) }
    }
}

impl Answer {
    /// Why the rule is undecided, if it is.
    #[must_use]
    pub fn undecided(&self) -> Option<&UndecidedReason> {
        self.says.as_ref().err()
    }
}

/// Goes on to the end.
#[must_use]
pub fn to_the_end() -> MayGoOn {
    Arc::new(|| true)
}
