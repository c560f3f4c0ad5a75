//! Evaluates an expression for every item that its rule is about.
//!
//! Edit path: ← the [`facts`](crate::rules::facts) of a document; → hits, as every predicate gives them.
//!
//! Always true: numbers of the document are doubles here, as JSON's are in CEL. A place that the expression names and
//! where nothing stands is missing; what lies on the way to it is there, be it empty.

use super::Read;
use super::check::{DOCUMENT, ITEM, KEY};
use super::meter::Meter;
use crate::rules::conflict::UndecidedReason;
use crate::rules::evaluate::{Hits, Items};
use crate::rules::facts::{Facts, Item, Keys};
use crate::rules::plan::Field;
use crate::rules::question::MayGoOn;
use crate::rules::set::Rule;
use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use cel::{Context, ExecutionError, Value as CelValue};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What somebody is told of an expression that fails is cut at so many letters.
const FAILURE_LETTERS_MAX: usize = 200;

/// An expression that may be evaluated.
#[derive(Debug)]
pub(crate) struct Expression {
    program: IdedExpr,
    item: Vec<(Vec<String>, Field)>,
    document: Vec<(Vec<String>, Field)>,
}

impl Expression {
    pub(super) fn new(program: IdedExpr, reads: Vec<(Read, Field)>) -> Self {
        let mut expression = Self { program, item: Vec::new(), document: Vec::new() };
        for (read, field) in reads {
            match read {
                Read::Item(names) => expression.item.push((names, field)),
                Read::Document(names) => expression.document.push((names, field)),
            }
        }
        expression
    }

    /// All that it reads.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        self.item.iter().chain(&self.document).map(|(_, field)| *field)
    }

    /// Where it is not true. It may have no value for some items.
    ///
    /// # Errors
    /// When it takes too much.
    pub(crate) fn evaluate(
        &self,
        rule: &Rule,
        facts: &Facts,
        may_go_on: &MayGoOn,
    ) -> Result<Hits, UndecidedReason> {
        let meter = Meter::new(may_go_on.clone());
        let mut context = meter.context();
        let document = |field: Field| facts.item(field.collection, &Keys::new());
        context.add_variable_as_val(DOCUMENT, bind(&self.document, document));
        let is_broken = |keys: &Keys, item: &Item| {
            let value = self.value(&context, keys, item, &meter);
            match meter.stopped() {
                Some(reason) => Err(reason.clone()),
                None => Ok(value.map(|holds| !holds).map_err(|why| fails(rule, keys, &why))),
            }
        };
        Items::of(rule, facts).try_that(is_broken)
    }

    fn value(
        &self,
        context: &Context<'_, '_>,
        keys: &Keys,
        item: &Item,
        meter: &Meter,
    ) -> Result<bool, String> {
        meter.count(1).map_err(|error| error.to_string())?;
        let mut context = context.new_inner_scope();
        let own = bind(&self.item, |_| Some(item));
        context.add_variable_as_val(ITEM, own);
        let key = keys.last().map(String::as_str).unwrap_or_default();
        context.add_variable_as_val(KEY, Box::new(CelString::from(key)));
        let value = CelValue::resolve_val(&self.program, &context).map_err(|error| in_words(&error))?;
        match value.downcast_ref::<CelBool>() {
            Some(holds) => Ok(*holds.inner()),
            None => Err(format!(
                "its value is of the type {} and neither true nor false",
                value.get_type().name()
            )),
        }
    }
}

fn fails(rule: &Rule, keys: &Keys, why: &str) -> UndecidedReason {
    let subject = rule.subject(keys);
    let told = if subject.is_empty() { why.to_owned() } else { format!("{why} (at {subject})") };
    UndecidedReason::ExpressionFails(told.chars().take(FAILURE_LETTERS_MAX).collect())
}

/// Without the values: they are the document's, and come in no certain order.
fn in_words(error: &ExecutionError) -> String {
    let kind = |value: &CelValue| value.type_of();
    let word = |value: &CelValue| kind(value).to_string().replace("float", "double");
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no {name}; `has` tells whether there is"),
        ExecutionError::NoSuchOverload(call) => format!("{call}; numbers of the document are doubles"),
        ExecutionError::UnsupportedBinaryOperator(name, one, other) => {
            let sign = match *name {
                "add" => "+",
                "sub" => "-",
                "mul" => "*",
                "div" => "/",
                "rem" => "%",
                other => other,
            };
            let (one, other) = (word(one), word(other));
            format!("`{sign}` does not take {one} and {other}; numbers of the document are doubles")
        }
        ExecutionError::UnexpectedType { got, want } => format!("there is {got} where {want} is wanted"),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "a division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such item".to_owned(),
        ExecutionError::UnsupportedIndex(index, of) => format!("{} is no index of {}", kind(index), kind(of)),
        ExecutionError::ValuesNotComparable(one, other) => {
            format!("{} and {} cannot be compared", kind(one), kind(other))
        }
        _ => "a call that cannot be made".to_owned(),
    }
}

/// What stands at the places that are read, below one variable.
enum Tree<'f> {
    Value(&'f Value),
    Members(BTreeMap<&'f str, Tree<'f>>),
}

fn bind<'f>(
    reads: &'f [(Vec<String>, Field)],
    item: impl Fn(Field) -> Option<&'f Item>,
) -> Box<dyn Val + 'f> {
    let mut tree = Tree::Members(BTreeMap::new());
    for (names, field) in reads {
        let value = item(*field).and_then(|item| item.cell(*field).value.as_ref());
        tree.insert(names, value);
    }
    tree.into_value()
}

impl<'f> Tree<'f> {
    /// No place lies below another one that is read: see `shortest`.
    fn insert(&mut self, names: &'f [String], value: Option<&'f Value>) {
        let Some((name, rest)) = names.split_first() else {
            *self = Self::Value(value.unwrap_or(&Value::Null));
            return;
        };
        let Self::Members(members) = self else { return };
        match (rest, value) {
            ([], None) => {}
            ([], Some(value)) => drop(members.insert(name, Tree::Value(value))),
            _ => members.entry(name).or_insert_with(|| Tree::Members(BTreeMap::new())).insert(rest, value),
        }
    }

    fn into_value(self) -> Box<dyn Val + 'f> {
        match self {
            Self::Value(value) => to_cel(value),
            Self::Members(members) => map(members.into_iter().map(|(name, tree)| (name, tree.into_value()))),
        }
    }
}

fn map<'f>(members: impl Iterator<Item = (&'f str, Box<dyn Val + 'f>)>) -> Box<dyn Val + 'f> {
    let members: HashMap<CelMapKey<'f>, Box<dyn Val + 'f>> =
        members.map(|(name, value)| (name.into(), value)).collect();
    Box::new(CelMap::from(members))
}

/// Values of a document are no deeper than JSON may be read.
fn to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(yes) => Box::new(CelBool::from(*yes)),
        Value::Number(number) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(to_cel).collect::<Vec<_>>())),
        Value::Object(members) => map(members.iter().map(|(name, value)| (name.as_str(), to_cel(value)))),
    }
}
