//! Reads an expression and refuses what it may not say.
//!
//! Edit path: ← the text in a rule; → [`Parsed`], which knows what the expression reads, made so that it counts
//! its steps ([`meter`](super::meter)).
//!
//! Always true: whatever passes here has a bound on how long it takes that is known before any document is.

use super::meter;
use super::run::Expression;
use super::{BOUND_UNDECLARED, BadExpression, EXPRESSION_BYTES_MAX, EXPRESSION_STEPS_MAX, Read};
use crate::rules::path::{Path, Step};
use crate::rules::plan::Field;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
};
use cel::{Env, ParseError, ParseErrors};

/// How deep expressions nest. Each level costs the evaluator some hundred bytes of stack, and the reader one.
const DEPTH_MAX: usize = 48;

/// The most values of all lists and maps that an expression spells out: each may be a copy of what is read.
const SPELLED_OUT_MAX: usize = 64;

/// The item that the rule is about.
pub(super) const ITEM: &str = "self";
/// Its key.
pub(super) const KEY: &str = "key";
/// The document.
pub(super) const DOCUMENT: &str = "document";

/// What may be called, beside macros.
const FUNCTIONS: [&str; 29] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::NOT_STRICTLY_FALSE,
    operators::IN,
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "double",
    "string",
    "bool",
    "dyn",
];

/// An expression that may be used, and what it reads.
#[derive(Debug)]
pub(crate) struct Parsed {
    program: IdedExpr,
    reads: Vec<Read>,
}

/// Reads an expression about what `over` meets, where there are as many members or items as `bounds` say.
pub(crate) fn parse(text: &str, over: &Path, bounds: &[(Path, u64)]) -> Result<Parsed, BadExpression> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let wrong = format!("it has {} bytes", text.len());
        return Err(BadExpression { at: None, wrong, right: format!("at most {EXPRESSION_BYTES_MAX}") });
    }
    let env = Env::stdlib().with_optional_support(false);
    let read = env.parser().max_recursion_depth(DEPTH_MAX as u16).parse_with_source_info(text);
    let (mut program, source) = read.map_err(|errors| syntax(text, &errors))?;
    let mut checker =
        Checker { source: &source, over, bounds, scope: Vec::new(), reads: Vec::new(), spelled: 0 };
    let walks = checker.walks_of_items();
    checker.visit(&program, 0, &walks)?;
    let reads = shortest(checker.reads);
    meter::count_steps(&mut program);
    Ok(Parsed { program, reads })
}

impl Parsed {
    /// The expression, once it is known which fields it reads.
    pub(crate) fn resolve(self, mut field: impl FnMut(&Read) -> Field) -> Expression {
        let reads: Vec<(Read, Field)> =
            self.reads.into_iter().map(|read| (read.clone(), field(&read))).collect();
        Expression::new(self.program, reads)
    }
}

fn syntax(text: &str, errors: &ParseErrors) -> BadExpression {
    let first = errors.errors.first();
    let wrong = first.map_or_else(|| "it cannot be read".to_owned(), |error| error.msg.clone());
    let wrong = match wrong.find("expecting") {
        // What else might stand there is a list of all that the grammar knows.
        Some(at) => wrong[..at].trim_end().to_owned(),
        None if wrong.contains("ecursion") => format!("it nests deeper than {DEPTH_MAX} levels"),
        None => wrong,
    };
    let at = first.and_then(|error| character(text, error));
    BadExpression { at, wrong, right: "an expression in CEL".to_owned() }
}

/// Lines and columns are counted from 1.
fn character(text: &str, error: &ParseError) -> Option<usize> {
    let line = usize::try_from(error.pos.0).ok()?.checked_sub(1)?;
    let column = usize::try_from(error.pos.1).ok()?;
    let before: usize = text.split_inclusive('\n').take(line).map(|line| line.chars().count()).sum();
    (line < text.split_inclusive('\n').count()).then_some(before + column)
}

/// Walks that lie within each other: over what, and how many steps each has.
type Walks = Vec<(String, u64)>;

struct Checker<'a> {
    source: &'a SourceInfo,
    over: &'a Path,
    bounds: &'a [(Path, u64)],
    /// The variables of the macros around, and where the items lie that they stand for, if that is known.
    scope: Vec<(String, Option<Vec<Step>>)>,
    reads: Vec<Read>,
    spelled: usize,
}

impl Checker<'_> {
    /// The rule is evaluated for each item.
    fn walks_of_items(&self) -> Walks {
        let steps = self.over.steps();
        let any = steps.iter().enumerate().filter(|(_, step)| **step == Step::Any);
        any.map(|(at, _)| (Path::text_of(&steps[..at]), self.declared(&steps[..at]))).collect()
    }

    fn visit(&mut self, expr: &IdedExpr, depth: usize, walks: &Walks) -> Result<(), BadExpression> {
        if depth > DEPTH_MAX {
            let wrong = format!("it nests deeper than {DEPTH_MAX} levels");
            return Err(self.bad(expr, wrong, "a shorter expression, or two rules"));
        }
        if let Some(read) = self.read(expr)? {
            self.reads.push(read);
            return Ok(());
        }
        let depth = depth + 1;
        match &expr.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(expr, name),
            Expr::Select(select) => self.visit(&select.operand, depth, walks),
            Expr::Call(call) => {
                self.function(expr, call)?;
                let mut inner = call.target.as_deref().into_iter().chain(&call.args);
                inner.try_for_each(|inner| self.visit(inner, depth, walks))
            }
            Expr::List(list) => {
                self.spelled_out(expr, list.elements.len())?;
                list.elements.iter().try_for_each(|element| self.visit(element, depth, walks))
            }
            Expr::Map(map) => {
                self.spelled_out(expr, map.entries.len())?;
                map.entries.iter().try_for_each(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        self.visit(&entry.key, depth, walks)?;
                        self.visit(&entry.value, depth, walks)
                    }
                    EntryExpr::StructField(field) => self.visit(&field.value, depth, walks),
                })
            }
            Expr::Comprehension(comprehension) => self.walk(comprehension, depth, walks),
            Expr::Struct(_) | Expr::Unspecified => {
                Err(self.bad(expr, "there are no types to make values of", "a list or a map"))
            }
        }
    }

    /// `self.layout.x`, `document["grid"].columns`: a place that is read.
    fn read(&self, expr: &IdedExpr) -> Result<Option<Read>, BadExpression> {
        let Some((root, names)) = chain(expr) else { return Ok(None) };
        let is_whole_document = match root {
            ITEM => self.over.steps().is_empty() && names.is_empty(),
            DOCUMENT => names.is_empty(),
            _ => return Ok(None),
        };
        if is_whole_document {
            let wrong = "the document as a whole cannot be read";
            return Err(self.bad(expr, wrong, format!("a member of it, as in `{root}.widgets`")));
        }
        Ok(Some(if root == ITEM { Read::Item(names) } else { Read::Document(names) }))
    }

    fn variable(&self, expr: &IdedExpr, name: &str) -> Result<(), BadExpression> {
        let is_known =
            name == KEY || name.starts_with('@') || self.scope.iter().any(|(known, _)| known == name);
        if is_known {
            return Ok(());
        }
        let right = format!("`{ITEM}`, `{KEY}`, `{DOCUMENT}`, or the variable of a macro around it");
        Err(self.bad(expr, format!("there is no variable {name}"), right))
    }

    fn function(&self, expr: &IdedExpr, call: &CallExpr) -> Result<(), BadExpression> {
        let name = call.func_name.as_str();
        if FUNCTIONS.contains(&name) {
            return Ok(());
        }
        let named: Vec<&str> =
            FUNCTIONS.into_iter().filter(|name| name.starts_with(char::is_alphabetic)).collect();
        let right = format!("{}, or a macro: has, all, exists, exists_one, filter, map", named.join(", "));
        Err(self.bad(expr, format!("there is no function {name}"), right))
    }

    fn spelled_out(&mut self, expr: &IdedExpr, values: usize) -> Result<(), BadExpression> {
        self.spelled += values;
        if self.spelled > SPELLED_OUT_MAX {
            let wrong = format!("its lists and maps have {} values", self.spelled);
            return Err(self.bad(expr, wrong, format!("at most {SPELLED_OUT_MAX}")));
        }
        Ok(())
    }

    /// A macro that walks through a list or the keys of a map.
    fn walk(&mut self, walk: &ComprehensionExpr, depth: usize, walks: &Walks) -> Result<(), BadExpression> {
        let range = &walk.iter_range;
        self.visit(range, depth, walks)?;
        if [ITEM, KEY, DOCUMENT].contains(&walk.iter_var.as_str()) {
            let wrong = format!("{} stands for something else already", walk.iter_var);
            return Err(self.bad(range, wrong, "another name for the macro's variable"));
        }
        let place = self.place(range);
        let mut walks = walks.clone();
        let text = place.as_ref().map_or_else(|| "a list".to_owned(), |place| Path::text_of(place));
        walks.push((text, self.bound(range)));
        self.check_steps(range, &walks)?;
        let item = place.map(|place| [place, vec![Step::Any]].concat());
        self.scope.push((walk.iter_var.clone(), item));
        let inner = [&walk.accu_init, &walk.loop_cond, &walk.loop_step, &walk.result];
        let visited = inner.into_iter().try_for_each(|inner| self.visit(inner, depth, &walks));
        self.scope.pop();
        visited
    }

    fn check_steps(&self, range: &IdedExpr, walks: &Walks) -> Result<(), BadExpression> {
        let steps = walks.iter().fold(1u64, |steps, (_, bound)| steps.saturating_mul(*bound));
        if steps <= EXPRESSION_STEPS_MAX {
            return Ok(());
        }
        let product: Vec<String> = walks.iter().map(|(place, bound)| format!("{place} ({bound})")).collect();
        let wrong = format!("it may take {steps} steps: {}", product.join(" × "));
        let right = format!(
            "at most {EXPRESSION_STEPS_MAX}: smaller `bounds` for these places, or another predicate"
        );
        Err(self.bad(range, wrong, right))
    }

    /// Where a value lies, if that can be told before there is a document.
    fn place(&self, expr: &IdedExpr) -> Option<Vec<Step>> {
        let within = |operand: &IdedExpr, step| self.place(operand).map(|place| [place, vec![step]].concat());
        match &expr.expr {
            Expr::Ident(name) if name == ITEM => Some(self.over.steps().to_vec()),
            Expr::Ident(name) if name == DOCUMENT => Some(Vec::new()),
            Expr::Ident(name) => self.scope.iter().rfind(|(known, _)| known == name)?.1.clone(),
            Expr::Select(select) => within(&select.operand, Step::Member(select.field.clone())),
            Expr::Call(call) => match call.args.as_slice() {
                [operand, index] if call.func_name == operators::INDEX => within(operand, step(index)),
                _ => None,
            },
            _ => None,
        }
    }

    /// How many rounds a walk through this takes at most.
    fn bound(&self, expr: &IdedExpr) -> u64 {
        match &expr.expr {
            Expr::List(list) => list.elements.len() as u64,
            Expr::Map(map) => map.entries.len() as u64,
            // What a `map` or a `filter` gives has no more items than what it walked through.
            Expr::Comprehension(walk) => self.bound(&walk.iter_range),
            Expr::Call(CallExpr { func_name, args, .. }) => match (func_name.as_str(), args.as_slice()) {
                (operators::CONDITIONAL, [_, one, other]) => self.bound(one).max(self.bound(other)),
                (operators::ADD, [one, other]) => self.bound(one).saturating_add(self.bound(other)),
                _ => self.place(expr).map_or(BOUND_UNDECLARED, |place| self.declared(&place)),
            },
            _ => self.place(expr).map_or(BOUND_UNDECLARED, |place| self.declared(&place)),
        }
    }

    fn declared(&self, place: &[Step]) -> u64 {
        let declared = self.bounds.iter().find(|(path, _)| path.steps() == place);
        declared.map_or(BOUND_UNDECLARED, |(_, bound)| *bound)
    }

    fn bad(&self, expr: &IdedExpr, wrong: impl Into<String>, right: impl Into<String>) -> BadExpression {
        let at = self.source.offset_for(expr.id).map(|(start, _)| start as usize + 1);
        BadExpression { at, wrong: wrong.into(), right: right.into() }
    }
}

/// A variable and the names behind it, if that is all that an expression is.
fn chain(expr: &IdedExpr) -> Option<(&str, Vec<String>)> {
    let mut names = Vec::new();
    let mut expr = &expr.expr;
    let mut is_outermost = true;
    loop {
        match expr {
            Expr::Ident(name) => {
                names.reverse();
                return Some((name, names));
            }
            Expr::Select(select) if is_outermost || !select.test => {
                names.push(select.field.clone());
                expr = &select.operand.expr;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
                [operand, index] => {
                    let Step::Member(name) = step(index) else { return None };
                    names.push(name);
                    expr = &operand.expr;
                }
                _ => return None,
            },
            _ => return None,
        }
        is_outermost = false;
    }
}

/// Which member or item an index stands for.
fn step(index: &IdedExpr) -> Step {
    match &index.expr {
        Expr::Literal(LiteralValue::String(name)) => Step::Member(name.inner().to_owned()),
        _ => Step::Any,
    }
}

/// What is read with a place need not be read again by itself.
fn shortest(mut reads: Vec<Read>) -> Vec<Read> {
    reads.sort_unstable();
    reads.dedup();
    let within = |inner: &Read, outer: &Read| match (inner, outer) {
        (Read::Item(inner), Read::Item(outer)) | (Read::Document(inner), Read::Document(outer)) => {
            inner.len() > outer.len() && inner.starts_with(outer)
        }
        _ => false,
    };
    let all = reads.clone();
    reads.retain(|read| !all.iter().any(|outer| within(read, outer)));
    reads
}
