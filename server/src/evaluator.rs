//! Evaluates what rules in CEL ask, away from everything that anybody waits for.
//!
//! Edit path: ← a document's task has judged what is cheap and asks about the rest, as do the sweep, dry runs and people who
//! decide; → an [`Answer`] always, and about a second after its turn has come at the latest.
//!
//! Always true: there are no more than [`THREADS_MAX`] evaluations at once, and who comes first is served first. A document asks one question at a
//! time, so the queue is no longer than documents are open; of all others [`DOORS_MAX`] stand in it. An evaluation that is past its
//! deadline is told to stop, and the rule is undecided; nobody waits for its thread, which keeps its place until it has stopped.

use crate::metrics::{EXPRESSION_SECONDS, EXPRESSIONS_LATE};
use dovetail_core::rules::{Answer, MayGoOn, Question, UndecidedReason};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Evaluations at once. They are all computing, and edits are to have the rest of the machine.
pub(crate) const THREADS_MAX: usize = 2;

/// The stack of an evaluation. Expressions nest 48 deep at most; memory is taken as it is used.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// How long one rule may take. What passes the check at loading takes some 0.2 s.
const DEADLINE: Duration = Duration::from_secs(1);

/// Questions of doors and of the sweep that may stand in the queue: documents that people edit come first.
const DOORS_MAX: usize = 1;

/// After the deadline, an evaluation that does not heed it is given up: it is asked at each of its steps, and may be in
/// one that takes long.
const GRACE: Duration = Duration::from_millis(250);

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Evaluator {
    turns: Arc<Semaphore>,
    doors: Arc<Semaphore>,
    deadline: Duration,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(THREADS_MAX)),
            doors: Arc::new(Semaphore::new(DOORS_MAX)),
            deadline: DEADLINE,
        }
    }
}

impl Evaluator {
    /// Finds out whether a rule holds. Where that takes too long, or fails, it is undecided.
    pub async fn answer(&self, question: Arc<Question>) -> Answer {
        let began = Instant::now();
        let answer = self.evaluate(&question).await;
        metrics::histogram!(EXPRESSION_SECONDS).record(began.elapsed());
        answer.unwrap_or_else(|reason| {
            if reason == UndecidedReason::PastDeadline {
                metrics::counter!(EXPRESSIONS_LATE).increment(1);
            }
            question.undecided(reason)
        })
    }

    /// The same for doors and the sweep, which may block: in a thread of the runtime that is for that.
    #[must_use]
    pub fn answer_here(&self, question: &Arc<Question>) -> Answer {
        Handle::current().block_on(async {
            let _place = self.doors.acquire().await.expect("nobody closes it");
            self.answer(question.clone()).await
        })
    }

    /// Every turn there is, so that nothing is evaluated for as long as they are held.
    #[cfg(test)]
    #[cfg(feature = "cel")]
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedSemaphorePermit {
        let turns = self.turns.clone().acquire_many_owned(THREADS_MAX as u32).await;
        turns.expect("nobody closes it")
    }

    async fn evaluate(&self, question: &Arc<Question>) -> Result<Answer, UndecidedReason> {
        let turn = self.turns.clone().acquire_owned().await.expect("nobody closes it");
        let (tell, told) = oneshot::channel();
        let until = Instant::now() + self.deadline;
        let may_go_on: MayGoOn = Arc::new(move || Instant::now() < until);
        let asked = question.clone();
        let evaluate = move || {
            let answer = asked.answer(&may_go_on);
            drop(turn);
            // Nobody may wait any more.
            let _late = tell.send(answer);
        };
        let rule = question.rule().id();
        thread::Builder::new().name("rule".to_owned()).stack_size(STACK_BYTES).spawn(evaluate).map_err(
            |error| {
                tracing::error!(rule, %error, "a rule cannot be evaluated: there is no thread for it");
                UndecidedReason::Failed
            },
        )?;
        match timeout(self.deadline + GRACE, told).await {
            Ok(Ok(answer)) => match answer.undecided() {
                Some(UndecidedReason::PastDeadline) => Err(UndecidedReason::PastDeadline),
                _ => Ok(answer),
            },
            Ok(Err(_)) => {
                tracing::error!(rule, "evaluating a rule panicked");
                Err(UndecidedReason::Failed)
            }
            Err(_) => Err(UndecidedReason::PastDeadline),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "cel")]
mod tests {
    use super::*;
    use automerge::{Automerge, ROOT, transaction::Transactable};
    use dovetail_core::id::DocumentId;
    use dovetail_core::rules::{Judge, RuleSet};
    use serde_json::json;

    /// A rule that takes many steps: each of 200 rows is compared with each.
    fn question() -> Arc<Question> {
        let rule = json!({"id": "slow", "predicate": "cel", "message": "x",
            "expr": "document.rows.all(a, document.rows.all(b, a == a))"});
        let source = serde_json::from_value(json!({"kind": "board", "rule": [rule]})).unwrap();
        let rules = Arc::new(RuleSet::compile(source).unwrap());
        let mut doc = Automerge::new();
        let mut tx = doc.transaction();
        let rows = tx.put_object(ROOT, "rows", automerge::ObjType::List).unwrap();
        (0..200).for_each(|row| tx.insert(&rows, row, row as i64).unwrap());
        tx.commit();
        Judge::new(&DocumentId::from_bytes(&[1; 16]).unwrap(), rules, &doc).question().unwrap()
    }

    /// CO12: what is evaluated in time is answered, by one thread or by many who ask at once.
    #[tokio::test]
    async fn co12_questions_are_answered() {
        let evaluator = Evaluator::default();
        let asked: Vec<_> = (0..8)
            .map(|_| {
                let evaluator = evaluator.clone();
                tokio::spawn(async move { evaluator.answer(question()).await })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap().undecided(), None);
        }
        let here = tokio::task::spawn_blocking(move || evaluator.answer_here(&question())).await.unwrap();
        assert_eq!(here.undecided(), None);
    }

    /// CO12: what is past its deadline is stopped and undecided, and its thread is free for the next.
    #[tokio::test]
    async fn co12_what_is_past_its_deadline_is_undecided() {
        let late = Evaluator { deadline: Duration::ZERO, ..Evaluator::default() };
        for _ in 0..THREADS_MAX * 2 {
            assert_eq!(late.answer(question()).await.undecided(), Some(&UndecidedReason::PastDeadline));
        }
        let in_time = Evaluator { deadline: DEADLINE, ..late };
        assert_eq!(in_time.answer(question()).await.undecided(), None);
    }
}
