//! One place where a rule does not hold, in words and values: a conflict without its life.
//!
//! Edit path: ← a [`Hit`]; → [`judge`](super::judge), which adds what people decided.

use super::canonical::{canonical, conflict_id, digest, fingerprint};
use super::evaluate::{Hit, competing, number, number_value, optional, rectangle_of, set_value};
use super::facts::{Cell, Facts, Item, Keys};
use super::geometry::Rectangle;
use super::message::{Side, Words};
use super::path::names_to_text;
use super::plan::{Field, Plan, Reading};
use super::predicate::Check;
use super::set::Rule;
use crate::id::DocumentId;
use automerge::ObjId;
use serde_json::{Value, json};

/// Longer keys stand in subjects as a digest: subjects are told again with every conflict.
pub(crate) const SUBJECT_KEY_BYTES_MAX: usize = 256;

/// What the root is called in words.
const WHOLE_DOCUMENT: &str = "the document";

/// A place where a rule does not hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    pub(crate) id: String,
    pub(crate) fingerprint: String,
    /// In byte order.
    pub(crate) subjects: Vec<String>,
    pub(crate) message: String,
    pub(crate) hit: Hit,
    /// The registers in play.
    pub(crate) registers: Vec<Register>,
}

/// A register in play: the operation that set it, and of what it is a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Register {
    pub(crate) op: ObjId,
    /// The item, as subjects name it.
    pub(crate) subject: String,
    /// What people call the item.
    pub(crate) label: String,
    /// The operation that made the item.
    pub(crate) item: ObjId,
    /// The names that lead to the field; none for the item itself.
    pub(crate) names: Vec<String>,
    /// What it holds.
    pub(crate) value: Option<Value>,
}

/// What a message may name, and what the fingerprint is made of.
struct Details<'f> {
    plan: &'f Plan,
    rule: &'f Rule,
    facts: &'f Facts,
    hit: &'f Hit,
    values: Vec<Value>,
    found: Option<Value>,
    limit: Option<Value>,
    /// Fields whose registers are in play, of the earlier and the later item.
    fields: [Vec<Field>; 2],
}

impl Violation {
    pub(crate) fn new(document: &DocumentId, plan: &Plan, rule: &Rule, facts: &Facts, hit: Hit) -> Self {
        let mut subjects = match &hit {
            Hit::One(keys) | Hit::Collection(keys, _) => vec![rule.subject(keys)],
            Hit::Two(one, other) => vec![rule.subject(one), rule.subject(other)],
        };
        subjects.sort_unstable();
        let id = conflict_id(document, rule.id(), &subjects);
        let details = Details::of(plan, rule, facts, &hit);
        let values: Vec<String> = details.values.iter().map(canonical).collect();
        let fingerprint = fingerprint(&id, &values);
        let message = rule.message.render(&details);
        let registers = details.registers();
        Self { id, fingerprint, subjects, message, hit, registers }
    }
}

impl Rule {
    /// The subject that these keys lead to.
    pub(crate) fn subject(&self, keys: &[String]) -> String {
        let mut subject = item_subject(keys);
        if !subject.is_empty() && !self.tail.is_empty() {
            subject.push('/');
        }
        subject.push_str(&self.tail);
        subject
    }
}

/// What people call an item: its label, or else its key.
fn label_of(rule: &Rule, keys: &[String], item: &Item) -> String {
    let label = rule.label.and_then(|field| item.cell(field).value.as_ref()?.as_str());
    match label.filter(|label| !label.trim().is_empty()) {
        Some(label) => label.to_owned(),
        None if keys.is_empty() => WHOLE_DOCUMENT.to_owned(),
        None => item_subject(keys),
    }
}

/// The keys of an item as one text; empty for the root.
pub(crate) fn item_subject(keys: &[String]) -> String {
    let key = |key: &String| match key.len() {
        0..=SUBJECT_KEY_BYTES_MAX => key.replace('~', "~0").replace('/', "~1"),
        _ => format!("#{}", digest(key)),
    };
    keys.iter().map(key).collect::<Vec<_>>().join("/")
}

impl<'f> Details<'f> {
    fn of(plan: &'f Plan, rule: &'f Rule, facts: &'f Facts, hit: &'f Hit) -> Self {
        let fields = [Vec::new(), Vec::new()];
        let mut details =
            Self { plan, rule, facts, hit, values: Vec::new(), found: None, limit: None, fields };
        details.fill();
        details
    }

    /// Which values are in play, by predicate.
    fn fill(&mut self) {
        let facts = self.facts;
        match &self.rule.check {
            Check::NoOverlap { rectangle, .. } => {
                for side in [Side::A, Side::B] {
                    self.values.extend(self.rectangle(side, rectangle));
                    self.fields[index_of(side)].extend(rectangle);
                }
            }
            Check::InBounds { rectangle, columns } => {
                let own = self.rectangle(Side::A, rectangle);
                self.limit = number(columns, facts).ok().map(number_value);
                self.values.extend(own.iter().chain(&self.limit).cloned());
                self.found = own;
                self.fields[0].extend(rectangle);
            }
            Check::Unique { value, .. } => {
                self.one_value(*value);
                self.fields[1].push(*value);
            }
            Check::ReferenceExists { value, .. } | Check::OneOf { value, .. } => self.one_value(*value),
            Check::MaxItems { limit } | Check::SumAtMost { limit, .. } => {
                if let Hit::Collection(_, amount) = self.hit {
                    self.found = Some(amount.clone());
                }
                self.limit = number(limit, facts).ok().map(number_value);
                self.values.extend(self.found.iter().chain(&self.limit).cloned());
            }
            Check::Required { value } => {
                self.one_value(*value);
            }
            Check::Range { value, min, max } => {
                self.one_value(*value);
                let bound = |operand| optional(operand, facts).ok().flatten().map(number_value);
                let shown = |bound: Option<Value>| {
                    bound.map_or("…".to_owned(), |bound| super::message::shown(&bound))
                };
                let (min, max) = (bound(min.as_ref()), bound(max.as_ref()));
                self.limit = Some(Value::from(format!("{} to {}", shown(min), shown(max))));
            }
            Check::MutuallyExclusive { fields } => {
                let set: Vec<Field> = fields
                    .iter()
                    .copied()
                    .filter(|field| self.cell(Side::A, *field).and_then(set_value).is_some())
                    .collect();
                let name = |field: &Field| Value::from(names_to_text(&self.plan.wish(*field).names));
                self.values = set.iter().map(name).collect();
                self.fields[0] = set;
            }
            Check::Immutable { value } => {
                let first = self.cell(Side::A, *value).and_then(|cell| cell.first().cloned());
                self.limit = first.clone();
                let present = self.cell(Side::A, *value).and_then(|cell| cell.value.clone());
                self.found = present.clone();
                self.values = vec![first.unwrap_or_default(), present.unwrap_or_default()];
                self.fields[0].push(*value);
            }
            Check::ExclusiveField { value } => {
                if let Some(cell) = self.cell(Side::A, *value) {
                    let rivals = competing(cell).into_values();
                    self.values = rivals.map(|(earliest, _)| cell.rivals()[earliest].0.clone()).collect();
                }
                self.fields[0].push(*value);
            }
            Check::Cel(expression) => {
                // What it reads elsewhere in the document is not the item's.
                let own = expression.fields().filter(|field| field.collection == self.rule.collection);
                self.fields[0].extend(own);
                let value = |field: &Field| self.cell(Side::A, *field)?.value.clone();
                self.values = self.fields[0].iter().map(|field| value(field).unwrap_or_default()).collect();
            }
        }
    }

    fn one_value(&mut self, field: Field) {
        let value = self.cell(Side::A, field).and_then(|cell| cell.value.clone());
        self.values = vec![value.clone().unwrap_or_default()];
        self.found = value;
        self.fields[0].push(field);
    }

    fn rectangle(&self, side: Side, fields: &[Field; 4]) -> Option<Value> {
        let Rectangle { x, y, w, h } = rectangle_of(self.item(side)?, fields)?;
        let [x, y, w, h] = [x, y, w, h].map(number_value);
        Some(json!({ "x": x, "y": y, "w": w, "h": h }))
    }

    fn keys(&self, side: Side) -> Option<&'f Keys> {
        match (self.hit, side) {
            (Hit::One(keys) | Hit::Two(keys, _), Side::A) | (Hit::Two(_, keys), Side::B) => Some(keys),
            _ => None,
        }
    }

    fn item(&self, side: Side) -> Option<&'f Item> {
        self.facts.item(self.rule.collection, self.keys(side)?)
    }

    fn cell(&self, side: Side, field: Field) -> Option<&'f Cell> {
        Some(self.item(side)?.cell(field))
    }

    fn registers(&self) -> Vec<Register> {
        match self.hit {
            Hit::Collection(keys, _) => self.contributors(keys),
            _ => [Side::A, Side::B].into_iter().flat_map(|side| self.registers_of(side)).collect(),
        }
    }

    fn registers_of(&self, side: Side) -> Vec<Register> {
        let (Some(keys), Some(item)) = (self.keys(side), self.item(side)) else { return Vec::new() };
        let fields = self.fields[index_of(side)].iter();
        fields.flat_map(|field| self.cell_registers(keys, item, *field)).collect()
    }

    /// The register of a field; all live ones where it is contested.
    fn cell_registers(&self, keys: &[String], item: &Item, field: Field) -> Vec<Register> {
        let cell = item.cell(field);
        let names = &self.plan.wish(field).names;
        // What is read as a whole is too much to be told as what somebody set.
        let is_told = |value: &&Value| !value.is_object() && !value.is_array();
        let is_whole = self.plan.collections[field.collection].reading == Reading::Whole;
        let register = |op: &ObjId, value: Option<&Value>| Register {
            op: op.clone(),
            subject: item_subject(keys),
            label: label_of(self.rule, keys, item),
            item: item.op.clone(),
            names: names.clone(),
            value: value.filter(|value| !is_whole || is_told(value)).cloned(),
        };
        if cell.rivals().is_empty() {
            cell.op.iter().map(|op| register(op, cell.value.as_ref())).collect()
        } else {
            cell.rivals().iter().map(|(value, op)| register(op, Some(value))).collect()
        }
    }

    /// What made a collection as large as it is: its items, or their values.
    fn contributors(&self, keys: &[String]) -> Vec<Register> {
        let items = self.facts.collections[self.rule.collection].items.iter();
        let within = items.filter(|(own, _)| own.split_last().is_some_and(|(_, before)| before == keys));
        let mut latest: Vec<Register> = within
            .flat_map(|(own, item)| match &self.rule.check {
                Check::SumAtMost { value, .. } => self.cell_registers(own, item, *value),
                _ => vec![Register {
                    op: item.op.clone(),
                    subject: item_subject(own),
                    label: label_of(self.rule, own, item),
                    item: item.op.clone(),
                    names: Vec::new(),
                    value: None,
                }],
            })
            .collect();
        latest.sort_unstable_by(|one, other| other.op.cmp(&one.op));
        latest.truncate(super::CAUSES_MAX);
        latest
    }
}

fn index_of(side: Side) -> usize {
    usize::from(side == Side::B)
}

impl Words<Field> for Details<'_> {
    fn field(&self, side: Side, field: &Field) -> Option<&Value> {
        self.cell(side, *field)?.value.as_ref()
    }

    fn key(&self, side: Side) -> String {
        self.keys(side)
            .map(|keys| item_subject(keys))
            .filter(|key| !key.is_empty())
            .unwrap_or_else(|| WHOLE_DOCUMENT.to_owned())
    }

    fn found(&self) -> Option<&Value> {
        self.found.as_ref()
    }

    fn limit(&self) -> Option<&Value> {
        self.limit.as_ref()
    }

    fn values(&self) -> &[Value] {
        &self.values
    }
}
