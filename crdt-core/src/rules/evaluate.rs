//! Where a rule does not hold.
//!
//! Edit path: ← the [`facts`](super::facts) of a document; → [`violation`](super::violation) makes conflicts of the hits.
//!
//! Always true here: the answer is a function of the facts alone. A rule is evaluated over all of
//! its items whenever one of them changed: that is cheap, and there is nothing to keep in step.

use super::canonical::canonical;
use super::conflict::UndecidedReason;
use super::facts::{Cell, Facts, Item, Keys};
use super::geometry::{Rectangle, meeting};
use super::plan::Field;
use super::predicate::{Check, Operand};
use super::set::Rule;
use super::{COMPARISONS_MAX, LISTED_PER_RULE_MAX};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a rule does not hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hits {
    /// The first by their subjects in byte order, no more than are listed.
    pub(crate) listed: Vec<Hit>,
    /// How many there are beyond.
    pub(crate) beyond: usize,
    /// Why it is not known of some item, if that is so.
    pub(crate) unknown: Option<UndecidedReason>,
}

/// One place where a rule does not hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Hit {
    /// The rule is about one item.
    One(Keys),
    /// The rule is about two items, the earlier first.
    Two(Keys, Keys),
    /// The rule is about a collection, which these keys lead to.
    Collection(Keys, Value),
}

/// Whether all that a rule depends on could be read.
///
/// # Errors
/// When there is too much of it.
pub(crate) fn readable(rule: &Rule, facts: &Facts) -> Result<(), UndecidedReason> {
    let fields = rule.fields.iter().map(|field| field.collection);
    let mut reads = fields.chain(rule.keys_of.iter().copied()).chain([rule.collection]);
    let is_too_much = reads.any(|collection| facts.collections[collection].too_much);
    if is_too_much { Err(UndecidedReason::TooMuchToRead) } else { Ok(()) }
}

/// What one rule says, and how much it looked at.
pub(crate) struct Evaluated {
    /// Where it does not hold, unless that cannot be decided.
    pub(crate) says: Result<Hits, UndecidedReason>,
    pub(crate) looks: usize,
}

/// Evaluates one rule, with so many items and pairs that it may look at.
pub(crate) fn evaluate(rule: &Rule, facts: &Facts, looks_max: usize) -> Evaluated {
    if let Err(reason) = readable(rule, facts) {
        return Evaluated { says: Err(reason), looks: 0 };
    }
    let all = Items::of(rule, facts);
    let Some(left) = looks_max.checked_sub(all.items.len()) else {
        return Evaluated { says: Err(UndecidedReason::TooMuchToCompare), looks: looks_max };
    };
    let mut comparisons = left.min(COMPARISONS_MAX);
    let before = comparisons;
    let says = check(rule, facts, &all, &mut comparisons);
    let compared = match says {
        // It stopped short of what it may not do.
        Err(UndecidedReason::TooMuchToCompare) => before,
        _ => before - comparisons,
    };
    Evaluated { says, looks: all.items.len() + compared }
}

fn check(
    rule: &Rule,
    facts: &Facts,
    all: &Items<'_>,
    comparisons: &mut usize,
) -> Result<Hits, UndecidedReason> {
    match &rule.check {
        Check::NoOverlap { rectangle, within, columns: _ } => {
            let pairs = overlaps(all, rectangle, *within, comparisons);
            let pairs = pairs.ok_or(UndecidedReason::TooMuchToCompare)?;
            Ok(all.pairs(pairs))
        }
        Check::InBounds { rectangle, columns } => {
            let columns = number(columns, facts)?;
            Ok(all.that(|item| rectangle_of(item, rectangle).is_some_and(|own| !own.lies_within(columns))))
        }
        Check::Unique { value, within, ignore_empty } => {
            Ok(all.pairs(doubles(all, *value, *within, *ignore_empty)))
        }
        Check::ReferenceExists { value, target } => {
            let there = &facts.collections[*target].items;
            Ok(all.that(|item| {
                set_value(item.cell(*value)).is_some_and(|value| match value {
                    Value::String(key) => !there.contains_key(std::slice::from_ref(key)),
                    _ => true,
                })
            }))
        }
        Check::MaxItems { limit } => {
            let limit = number(limit, facts)?;
            Ok(all.collections(|_| Some(1.0), limit))
        }
        Check::SumAtMost { value, limit } => {
            let limit = number(limit, facts)?;
            Ok(all.collections(|item| item.cell(*value).value.as_ref()?.as_f64(), limit))
        }
        Check::Required { value } => Ok(all.that(|item| set_value(item.cell(*value)).is_none())),
        Check::Range { value, min, max } => {
            let min = optional(min.as_ref(), facts)?;
            let max = optional(max.as_ref(), facts)?;
            Ok(all.that(|item| out_of_range(item.cell(*value).value.as_ref(), min, max)))
        }
        Check::OneOf { value, allowed } => Ok(all.that(|item| {
            let value = item.cell(*value).value.as_ref().filter(|value| !value.is_null());
            value.is_some_and(|value| !allowed.contains(&canonical(value)))
        })),
        Check::MutuallyExclusive { fields } => Ok(all.that(|item| {
            fields.iter().filter(|field| set_value(item.cell(**field)).is_some()).nth(1).is_some()
        })),
        Check::Immutable { value } => Ok(all.that(|item| {
            let cell = item.cell(*value);
            cell.first().is_some_and(|first| !same(Some(first), cell.value.as_ref()))
        })),
        Check::ExclusiveField { value } => Ok(all.that(|item| competing(item.cell(*value)).len() > 1)),
        Check::Cel(_) => Err(UndecidedReason::Pending),
    }
}

/// The value, where it counts as set: not missing, not `null`, not an empty text.
pub(crate) fn set_value(cell: &Cell) -> Option<&Value> {
    cell.value.as_ref().filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A number of the rule, or the one in the document that it names.
pub(crate) fn number(operand: &Operand, facts: &Facts) -> Result<f64, UndecidedReason> {
    match operand {
        Operand::Number(number) => Ok(*number),
        Operand::Root { field, path, default } => {
            let root = facts.item(field.collection, &Keys::new());
            let found = root.and_then(|root| root.cell(*field).value.as_ref()?.as_f64());
            found.or(*default).ok_or_else(|| UndecidedReason::NoLimit(path.clone()))
        }
    }
}

pub(crate) fn optional(operand: Option<&Operand>, facts: &Facts) -> Result<Option<f64>, UndecidedReason> {
    operand.map(|operand| number(operand, facts)).transpose()
}

/// Beyond this a double does not tell whole numbers apart, and cells are no place on a grid.
const CELLS_MAX: f64 = 9_007_199_254_740_992.0;

/// The rectangle of an item, when all four members are numbers within reason.
pub(crate) fn rectangle_of(item: &Item, rectangle: &[Field; 4]) -> Option<Rectangle> {
    let number = |field: &Field| {
        let cells = item.cell(*field).value.as_ref()?.as_f64()?;
        (cells.abs() <= CELLS_MAX).then_some(cells)
    };
    let [x, y, w, h] = rectangle;
    Some(Rectangle { x: number(x)?, y: number(y)?, w: number(w)?, h: number(h)? })
}

/// Whether a value is set and not a number within the bounds.
pub(crate) fn out_of_range(value: Option<&Value>, min: Option<f64>, max: Option<f64>) -> bool {
    let Some(value) = value.filter(|value| !value.is_null()) else { return false };
    match value.as_f64() {
        Some(number) => min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max),
        None => true,
    }
}

/// The live values that differ, as canonical JSON, with the position of the earliest and the
/// latest operation that set each.
pub(crate) fn competing(cell: &Cell) -> BTreeMap<String, (usize, usize)> {
    let mut values: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (at, (value, _)) in cell.rivals().iter().enumerate() {
        values.entry(canonical(value)).or_insert((at, at)).1 = at;
    }
    values
}

fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other || canonical(one) == canonical(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Values that are to be compared, texts without copying them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comparable<'f> {
    Nothing,
    Text(&'f str),
    Other(String),
}

impl<'f> Comparable<'f> {
    fn of(value: Option<&'f Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Nothing,
            Some(Value::String(text)) => Self::Text(text),
            Some(other) => Self::Other(canonical(other)),
        }
    }

    /// In which company an item is compared. An empty text is none.
    fn scope(item: &'f Item, within: Option<Field>) -> Self {
        Self::of(within.and_then(|field| set_value(item.cell(field))))
    }
}

/// Whether two items are compared with each other at all.
pub(crate) fn same_scope(one: &Item, other: &Item, within: Option<Field>) -> bool {
    Comparable::scope(one, within) == Comparable::scope(other, within)
}

fn overlaps(
    all: &Items<'_>,
    rectangle: &[Field; 4],
    within: Option<Field>,
    comparisons: &mut usize,
) -> Option<Vec<(usize, usize)>> {
    let mut scopes: BTreeMap<Comparable<'_>, Vec<(usize, Rectangle)>> = BTreeMap::new();
    for (index, (_, item)) in all.items.iter().enumerate() {
        if let Some(own) = rectangle_of(item, rectangle) {
            scopes.entry(Comparable::scope(item, within)).or_default().push((index, own));
        }
    }
    let mut pairs = Vec::new();
    for rectangles in scopes.values() {
        pairs.extend(meeting(rectangles, comparisons)?);
    }
    // The earlier is the one whose rectangle nobody has touched for longer.
    let latest =
        |index: usize| rectangle.iter().filter_map(|field| all.items[index].1.cell(*field).op.as_ref()).max();
    let in_order = |(one, other)| if latest(one) <= latest(other) { (one, other) } else { (other, one) };
    Some(pairs.into_iter().map(in_order).collect())
}

/// For every value that several items have: the one that was created first, and each other.
fn doubles(all: &Items<'_>, value: Field, within: Option<Field>, ignore_empty: bool) -> Vec<(usize, usize)> {
    let mut values: Vec<((Comparable<'_>, Comparable<'_>), usize)> = Vec::new();
    for (index, (_, item)) in all.items.iter().enumerate() {
        let value = item.cell(value).value.as_ref();
        let counts = match value {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !(ignore_empty && text.is_empty()),
            Some(_) => true,
        };
        if counts {
            values.push(((Comparable::of(value), Comparable::scope(item, within)), index));
        }
    }
    values.sort_unstable();
    let mut pairs = Vec::new();
    for holders in values.chunk_by(|(one, _), (other, _)| one == other).filter(|holders| holders.len() > 1) {
        let created = |index: &usize| &all.items[*index].1.op;
        let holders = || holders.iter().map(|(_, index)| *index);
        let Some(keeper) = holders().min_by_key(created) else { continue };
        pairs.extend(holders().filter(|other| *other != keeper).map(|other| (keeper, other)));
    }
    pairs
}

/// The items of a rule, numbered.
pub(crate) struct Items<'f> {
    rule: &'f Rule,
    items: Vec<(&'f Keys, &'f Item)>,
}

impl<'f> Items<'f> {
    pub(crate) fn of(rule: &'f Rule, facts: &'f Facts) -> Self {
        Self { rule, items: facts.collections[rule.collection].items.iter().collect() }
    }

    /// Hits on every item of which this is true.
    fn that(&self, broken: impl Fn(&Item) -> bool) -> Hits {
        self.ones(self.items.iter().filter(|(_, item)| broken(item)).map(|(keys, _)| *keys).collect())
    }

    /// The same, where that cannot be told of every item. What is wrong with the first of those is kept.
    ///
    /// # Errors
    /// When it cannot be told of any.
    #[cfg(feature = "cel")]
    pub(crate) fn try_that(
        &self,
        broken: impl Fn(&Keys, &Item) -> Result<Result<bool, UndecidedReason>, UndecidedReason>,
    ) -> Result<Hits, UndecidedReason> {
        let (mut hit, mut unknown) = (Vec::new(), None);
        for (keys, item) in &self.items {
            match broken(keys, item)? {
                Ok(true) => hit.push(*keys),
                Ok(false) => {}
                Err(reason) => drop(unknown.get_or_insert(reason)),
            }
        }
        Ok(Hits { unknown, ..self.ones(hit) })
    }

    fn ones(&self, hit: Vec<&Keys>) -> Hits {
        self.list(hit, |keys| (self.rule.subject(keys), String::new()), |keys| Hit::One(keys.clone()))
    }

    fn pairs(&self, pairs: Vec<(usize, usize)>) -> Hits {
        // A heap of widgets makes a great many pairs: the subjects are made once, and then ranked.
        let concerned: BTreeSet<usize> = pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
        let mut ranked: Vec<(String, usize)> =
            concerned.into_iter().map(|index| (self.rule.subject(self.items[index].0), index)).collect();
        ranked.sort_unstable();
        let mut rank = vec![0; self.items.len()];
        for (place, (_, index)) in ranked.iter().enumerate() {
            rank[*index] = place;
        }
        let in_order = |(one, other): &(usize, usize)| {
            let (one, other) = (rank[*one], rank[*other]);
            (one.min(other), one.max(other))
        };
        let key = |index: usize| self.items[index].0.clone();
        self.list(pairs, in_order, |(one, other)| Hit::Two(key(one), key(other)))
    }

    /// Hits on every collection whose items amount to more than the limit.
    fn collections(&self, amount: impl Fn(&Item) -> Option<f64>, limit: f64) -> Hits {
        let mut sums: BTreeMap<&[String], f64> = BTreeMap::new();
        for (keys, item) in &self.items {
            let Some((_, collection)) = keys.split_last() else { continue };
            // In the order of the keys: sums of doubles depend on it.
            *sums.entry(collection).or_insert(0.0) += amount(item).unwrap_or(0.0);
        }
        let over: Vec<(&[String], f64)> = sums.into_iter().filter(|(_, sum)| *sum > limit).collect();
        let subject = |(keys, _): &(&[String], f64)| (self.rule.subject(keys), String::new());
        self.list(over, subject, |(keys, sum)| Hit::Collection(keys.to_vec(), number_value(sum)))
    }

    fn list<T, K: Ord>(&self, mut all: Vec<T>, order: impl Fn(&T) -> K, hit: impl Fn(T) -> Hit) -> Hits {
        if all.len() > 1 {
            all.sort_by_cached_key(order);
        }
        let beyond = all.len().saturating_sub(LISTED_PER_RULE_MAX);
        all.truncate(LISTED_PER_RULE_MAX);
        Hits { listed: all.into_iter().map(hit).collect(), beyond, unknown: None }
    }
}

impl Item {
    pub(crate) fn cell(&self, field: Field) -> &Cell {
        &self.cells[field.wish]
    }
}

/// A number as JSON: whole ones as integers, as far as these go.
pub(crate) fn number_value(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
    if number.fract() == 0.0 && number.abs() <= CELLS_MAX {
        return Value::from(number as i64);
    }
    Value::from(number)
}
