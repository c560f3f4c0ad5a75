//! The edits of a proposal: what to write so that the rule holds again.
//!
//! Edit path: ← the merged document's facts; → [`settle`](super::settle()) writes them.
//!
//! Always true here: the edits are a function of the facts, so replicas with the same document
//! make the same ones; and after them that very conflict is gone. What cannot be made so is not
//! offered.

use super::evaluate::{
    Hit, competing, number, number_value, optional, out_of_range, rectangle_of, same_scope, set_value,
};
use super::facts::{Cell, Facts, Item, Keys};
use super::geometry::{Rectangle, first_free, push_down};
use super::plan::Field;
use super::predicate::{Check, Operand};
use super::proposal::Proposal;
use super::reader::{LARGE, LONG_TEXT};
use super::set::Rule;
use automerge::ObjId;
use serde_json::Value;
use std::collections::BTreeSet;

/// One register to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) keys: Keys,
    pub(crate) field: Field,
    pub(crate) what: What,
}

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// This value.
    Put(Value),
    /// The live value that this operation set, once more: then it is the only one.
    Keep(ObjId),
    /// Nothing stands there afterwards.
    Delete,
}

/// Where a place is looked for: a first look whether there is one must cost little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Whether there is one.
    Offer,
    /// The very edits.
    Make,
}

/// The edits that make the rule hold at this place, or nothing when there are none.
pub(crate) fn edits(
    rule: &Rule,
    facts: &Facts,
    hit: &Hit,
    proposal: Proposal,
    effort: Effort,
) -> Option<Vec<Write>> {
    let remedy = Remedy { rule, facts };
    match (&rule.check, hit, proposal) {
        (Check::NoOverlap { rectangle, within, columns }, Hit::Two(earlier, later), _) => {
            remedy.move_later(rectangle, *within, columns.as_ref(), earlier, later, proposal, effort)
        }
        (Check::InBounds { rectangle, columns }, Hit::One(keys), Proposal::Clamp) => {
            remedy.clamp_rectangle(rectangle, columns, keys)
        }
        (Check::Range { value, min, max }, Hit::One(keys), Proposal::Clamp) => {
            remedy.clamp(*value, min.as_ref(), max.as_ref(), keys)
        }
        (Check::Unique { value, within, .. }, Hit::Two(_, later), Proposal::NumberTitle) => {
            remedy.number_title(*value, *within, later)
        }
        (Check::ReferenceExists { value, .. }, Hit::One(keys), Proposal::ClearReference) => {
            Some(vec![Write { keys: keys.clone(), field: *value, what: What::Delete }])
        }
        (Check::MutuallyExclusive { fields }, Hit::One(keys), Proposal::UnsetLater) => {
            remedy.unset_later(fields, keys)
        }
        (Check::Immutable { value }, Hit::One(keys), Proposal::KeepEarlier) => {
            let first = remedy.cell(keys, *value)?.first()?.clone();
            let put = Write { keys: keys.clone(), field: *value, what: What::Put(first.clone()) };
            is_plain(&first).then(|| vec![put])
        }
        (Check::ExclusiveField { value }, Hit::One(keys), Proposal::KeepEarlier | Proposal::KeepLater) => {
            remedy.keep(*value, keys, proposal)
        }
        _ => None,
    }
}

/// Whether JSON says all of a value: nothing was left out of it, and it holds no bytes.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            ![LARGE, LONG_TEXT, "$bytes"].iter().any(|name| members.contains_key(*name))
                && members.values().all(is_plain)
        }
        Value::Array(items) => items.iter().all(is_plain),
        _ => true,
    }
}

struct Remedy<'f> {
    rule: &'f Rule,
    facts: &'f Facts,
}

impl Remedy<'_> {
    fn item(&self, keys: &Keys) -> Option<&Item> {
        self.facts.item(self.rule.collection, keys)
    }

    fn cell(&self, keys: &Keys, field: Field) -> Option<&Cell> {
        Some(self.item(keys)?.cell(field))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one rule and of one hit")]
    fn move_later(
        &self,
        rectangle: &[Field; 4],
        within: Option<Field>,
        columns: Option<&Operand>,
        earlier: &Keys,
        later: &Keys,
        proposal: Proposal,
        effort: Effort,
    ) -> Option<Vec<Write>> {
        let own_item = self.item(later)?;
        let own = rectangle_of(own_item, rectangle)?;
        let above = rectangle_of(self.item(earlier)?, rectangle)?;
        let columns = optional(columns, self.facts).ok()?;
        if effort == Effort::Offer {
            // Below everything there is always room, unless the grid is too narrow.
            let room = proposal == Proposal::PushDown || columns.is_some_and(|columns| own.w <= columns);
            return room.then(Vec::new);
        }
        let others: Vec<Rectangle> = self.facts.collections[self.rule.collection]
            .items
            .iter()
            .filter(|(keys, item)| *keys != later && same_scope(item, own_item, within))
            .filter_map(|(_, item)| rectangle_of(item, rectangle))
            .collect();
        let place = match proposal {
            Proposal::PushDown => push_down(&own, above.bottom(), &others),
            _ => first_free(&own, columns?, &others)?,
        };
        let [x, y, ..] = rectangle;
        Some(self.differing(later, [(*x, own.x, place.x), (*y, own.y, place.y)]))
    }

    fn clamp_rectangle(&self, rectangle: &[Field; 4], columns: &Operand, keys: &Keys) -> Option<Vec<Write>> {
        let columns = number(columns, self.facts).ok()?;
        let own = rectangle_of(self.item(keys)?, rectangle)?;
        let place = own.clamped(columns);
        let [x, y, w, h] = rectangle;
        let cells = [(*x, own.x, place.x), (*y, own.y, place.y), (*w, own.w, place.w), (*h, own.h, place.h)];
        place.lies_within(columns).then(|| self.differing(keys, cells))
    }

    /// Writes of those numbers that differ.
    fn differing<const N: usize>(&self, keys: &Keys, cells: [(Field, f64, f64); N]) -> Vec<Write> {
        let differing = cells.into_iter().filter(|(_, old, new)| old != new);
        let put = |(field, _, new)| Write { keys: keys.clone(), field, what: What::Put(number_value(new)) };
        differing.map(put).collect()
    }

    fn clamp(
        &self,
        field: Field,
        min: Option<&Operand>,
        max: Option<&Operand>,
        keys: &Keys,
    ) -> Option<Vec<Write>> {
        let min = optional(min, self.facts).ok()?;
        let max = optional(max, self.facts).ok()?;
        let own = self.cell(keys, field)?.value.as_ref()?.as_f64()?;
        let nearest = own.min(max.unwrap_or(f64::MAX)).max(min.unwrap_or(f64::MIN));
        let value = number_value(nearest);
        let holds = !out_of_range(Some(&value), min, max);
        let put = Write { keys: keys.clone(), field, what: What::Put(value) };
        holds.then(|| vec![put])
    }

    /// `CPU` becomes `CPU (2)`, or the next number that nobody has.
    fn number_title(&self, field: Field, within: Option<Field>, later: &Keys) -> Option<Vec<Write>> {
        let own = self.item(later)?;
        let title = own.cell(field).value.as_ref()?.as_str()?;
        let all = &self.facts.collections[self.rule.collection].items;
        let taken: BTreeSet<&str> = all
            .values()
            .filter(|item| same_scope(item, own, within))
            .filter_map(|item| item.cell(field).value.as_ref()?.as_str())
            .collect();
        let numbered =
            (2..).map(|number| format!("{title} ({number})")).find(|title| !taken.contains(title.as_str()));
        Some(vec![Write { keys: later.clone(), field, what: What::Put(Value::from(numbered?)) }])
    }

    fn unset_later(&self, fields: &[Field], keys: &Keys) -> Option<Vec<Write>> {
        let item = self.item(keys)?;
        let set = || fields.iter().filter(|field| set_value(item.cell(**field)).is_some());
        let first = set().min_by_key(|field| &item.cell(**field).op)?;
        let unset = |field: &Field| Write { keys: keys.clone(), field: *field, what: What::Delete };
        Some(set().filter(|field| *field != first).map(unset).collect())
    }

    fn keep(&self, field: Field, keys: &Keys, proposal: Proposal) -> Option<Vec<Write>> {
        let cell = self.cell(keys, field)?;
        let values = competing(cell);
        let at = match proposal {
            Proposal::KeepEarlier => values.values().map(|(earliest, _)| *earliest).min()?,
            _ => values.values().map(|(_, latest)| *latest).max()?,
        };
        let (value, op) = &cell.rivals()[at];
        let is_object = value.is_object() || value.is_array();
        let keep = Write { keys: keys.clone(), field, what: What::Keep(op.clone()) };
        (!is_object || is_plain(value)).then(|| vec![keep])
    }
}
