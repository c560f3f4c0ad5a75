//! Makes an evaluation count its steps, and stop: nothing in the evaluator does either.
//!
//! Edit path: ← a program that was checked is changed so that each round of a macro asks here first; → the
//! [`run`](super::run) of it, which looks whether it was stopped.
//!
//! ```text
//!  range.all(x, body)      is evaluated as   @walk(range).all(x, @step() ? body : false)
//!  range.filter(x, body)                     @walk(range).filter(x, @step() ? body : false)
//!  range.map(x, body)                        @walk(range).map(x, @weigh(@step() ? body : false))
//!  text.matches(pattern)                     @step() ? text.matches(pattern) : false
//!  a + b, [a, b], {k: a}                     @hold(a + b), [@hold(a), @hold(b)], {k: @hold(a)}
//! ```
//! Always true: after it was stopped, every further round costs one call and no body. What is collected and put together
//! counts by its size, so it is bounded as well. Maps are walked in the order of their keys, which the evaluator leaves open.

use crate::rules::conflict::UndecidedReason;
use crate::rules::expression::EXPRESSION_STEPS_MAX;
use crate::rules::question::MayGoOn;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelList, CelMap, CelString, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

/// A macro's range: a list as it is, a map as its keys in order.
const WALK: &str = "@walk";
/// Counts one round.
const STEP: &str = "@step";
/// Counts what is kept.
const WEIGH: &str = "@weigh";
/// Counts what a value has beyond a number: what is put together may be as large as the document, or larger.
const HOLD: &str = "@hold";

/// So many bytes of a text weigh as much as a value.
const BYTES_PER_STEP: u64 = 16;

/// Everything that may be called.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    env.add_overload(WALK, "walk_in_order", vec![DYN_TYPE], walk)
        .expect("nobody else has a function of this name");
    Arc::new(env)
});

/// Counts what one evaluation costs.
pub(super) struct Meter {
    steps: AtomicU64,
    stopped: OnceLock<UndecidedReason>,
    may_go_on: MayGoOn,
}

impl Meter {
    pub(super) fn new(may_go_on: MayGoOn) -> Arc<Self> {
        Arc::new(Self { steps: AtomicU64::new(0), stopped: OnceLock::new(), may_go_on })
    }

    /// A context in which programs count here.
    pub(super) fn context<'v>(self: &Arc<Self>) -> Context<'static, 'v> {
        let mut context = Context::with_env(ENVIRONMENT.clone());
        let (stepping, weighing, holding) = (self.clone(), self.clone(), self.clone());
        let step = move || stepping.count(1).map(|()| Value::Bool(true));
        let weigh = move |value: Value| weighing.count(weight(&value)).map(|()| value);
        let hold = move |value: Value| holding.count(weight(&value) - 1).map(|()| value);
        context.add_function(HOLD, hold).expect("the environment has none of this name");
        context.add_function(STEP, step).expect("the environment has none of this name");
        context.add_function(WEIGH, weigh).expect("the environment has none of this name");
        context
    }

    /// Counts, and fails when that is too much.
    pub(super) fn count(&self, steps: u64) -> Result<(), ExecutionError> {
        let before = self.steps.fetch_add(steps, Ordering::Relaxed);
        let after = before.saturating_add(steps);
        if after > EXPRESSION_STEPS_MAX {
            let _first = self.stopped.set(UndecidedReason::TooMuchToEvaluate);
        } else if !(self.may_go_on)() {
            let _first = self.stopped.set(UndecidedReason::PastDeadline);
        }
        match self.stopped() {
            Some(_) => Err(ExecutionError::InternalError("stopped".to_owned())),
            None => Ok(()),
        }
    }

    /// Why the evaluation is over before its end. What it gave then means nothing: macros swallow errors.
    pub(super) fn stopped(&self) -> Option<&UndecidedReason> {
        self.stopped.get()
    }
}

/// How many values one is made of.
fn weight(value: &Value) -> u64 {
    match value {
        Value::List(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Map(members) => 1 + members.map.values().map(weight).sum::<u64>(),
        Value::String(text) => 1 + text.len() as u64 / BYTES_PER_STEP,
        _ => 1,
    }
}

fn walk<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some(range) = arguments.pop() else { return Err(ExecutionError::invalid_argument_count(1, 0)) };
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let name = |key: &dyn Val| key.downcast_ref::<CelString<'_>>().map(|name| name.inner().to_owned());
    let mut names = Vec::new();
    let mut others = Vec::new();
    for key in map.keys() {
        match name(key.inner()) {
            Some(name) => names.push(name),
            // Only maps that an expression spells out have other keys than texts.
            None => others.push(key.inner().clone_as_boxed()),
        }
    }
    if others.len() > 1 {
        let wrong = "a map with keys other than texts has no order to be walked in";
        return Err(ExecutionError::function_error("walk", wrong));
    }
    names.sort_unstable();
    let boxed = |name: String| -> Box<dyn Val + 'v> { Box::new(CelString::from(name)) };
    let keys: Vec<Box<dyn Val + 'v>> = others.into_iter().chain(names.into_iter().map(boxed)).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

/// Makes every walk of a program count.
pub(super) fn count_steps(program: &mut IdedExpr) {
    match &mut program.expr {
        Expr::Comprehension(walk) => count_walk(walk),
        Expr::Select(select) => count_steps(&mut select.operand),
        Expr::Call(inner) => {
            inner.target.iter_mut().for_each(|target| count_steps(target));
            inner.args.iter_mut().for_each(count_steps);
            match inner.func_name.as_str() {
                operators::ADD if !is_of_a_macro(&inner.args) => replace(program, hold),
                // A pattern may be the document's, and takes long to be made ready.
                "matches" => replace(program, when_it_may_go_on),
                _ => {}
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(count_held),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    count_steps(&mut entry.key);
                    count_held(&mut entry.value);
                }
            }
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

fn count_held(part: &mut IdedExpr) {
    count_steps(part);
    if !matches!(part.expr, Expr::Literal(_)) {
        replace(part, hold);
    }
}

fn hold(part: IdedExpr) -> Expr {
    call(HOLD, vec![part])
}

/// `@result + …`: what a macro collects.
fn is_of_a_macro(arguments: &[IdedExpr]) -> bool {
    matches!(arguments.first().map(|first| &first.expr), Some(Expr::Ident(name)) if name.starts_with('@'))
}

/// The steps that macros make are of three forms, and each has one place where what somebody wrote stands. The
/// evaluator knows these forms, so they are kept.
fn count_walk(walk: &mut ComprehensionExpr) {
    count_steps(&mut walk.iter_range);
    count_steps(&mut walk.loop_step);
    replace(&mut walk.iter_range, |range| call(WALK, vec![range]));
    let Expr::Call(step) = &mut walk.loop_step.expr else { return };
    match (step.func_name.as_str(), step.args.as_mut_slice()) {
        // `@result && body`
        (operators::LOGICAL_AND | operators::LOGICAL_OR, [_, body]) => replace(body, when_it_may_go_on),
        // `body ? @result + … : @result`; of a `map` with a condition, what it keeps is in there.
        (operators::CONDITIONAL, [body, kept, _]) => {
            replace(body, when_it_may_go_on);
            weigh_kept(kept);
        }
        // `@result + [body]`
        _ => {
            if let Some(kept) = kept(&mut walk.loop_step) {
                replace(kept, when_it_may_go_on);
            }
            weigh_kept(&mut walk.loop_step);
        }
    }
}

fn weigh_kept(step: &mut IdedExpr) {
    if let Some(kept) = kept(step) {
        replace(kept, |body| call(WEIGH, vec![body]));
    }
}

/// What `@result + [kept]` adds.
fn kept(step: &mut IdedExpr) -> Option<&mut IdedExpr> {
    let Expr::Call(CallExpr { func_name, args, .. }) = &mut step.expr else { return None };
    match (func_name.as_str(), args.as_mut_slice()) {
        (operators::ADD, [_, IdedExpr { expr: Expr::List(list), .. }]) => list.elements.first_mut(),
        _ => None,
    }
}

/// `@step() ? body : false`. Where there is no more to go on with, the call fails, and neither is evaluated.
fn when_it_may_go_on(body: IdedExpr) -> Expr {
    let no = Expr::Literal(LiteralValue::Boolean(false.into()));
    let arguments = vec![expr(call(STEP, Vec::new())), body, expr(no)];
    call(operators::CONDITIONAL, arguments)
}

fn replace(place: &mut IdedExpr, with: impl FnOnce(IdedExpr) -> Expr) {
    let id = place.id;
    let before = std::mem::take(place);
    *place = IdedExpr { id, expr: with(before) };
}

fn call(name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args })
}

fn expr(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}
