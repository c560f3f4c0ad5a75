//! Reads a rule set from the values of its text.
//!
//! Edit path: ← JSON or TOML as a tree of values, or a stored version; → [`RuleSetSource`] and what is wrong with its
//! form; → [`compile`](super::compile), which adds what is wrong with what it says.
//!
//! Always true: nothing stops at the first fault. What cannot be read leaves an empty value at its place, so that
//! everything behind it is still counted from where it stands, and checked.

use super::compile::{BOUNDS_MAX, CHOICES_MAX, RULES_MAX};
use super::faults::{BadRuleSet, Fault, Faults, Place};
use super::message::cut;
use super::source::{OperandSource, PathOr, RuleSetSource, RuleSource};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The members of a set.
const OF_SET: [&str; 3] = ["kind", "label", "rule"];

/// The members of a rule, the common ones first.
const OF_RULE: [&str; 19] = [
    "id",
    "predicate",
    "over",
    "message",
    "severity",
    "mode",
    "proposals",
    "auto_settle_after",
    "within",
    "ignore_empty",
    "columns",
    "in",
    "limit",
    "min",
    "max",
    "values",
    "fields",
    "expr",
    "bounds",
];

/// The members of a number that stands in the document.
const OF_OPERAND: [&str; 2] = ["path", "default"];

/// How many letters may be wrong in a name for another to be meant.
const TYPING_ERRORS_MAX: usize = 2;

/// The longest name of a member, with a few letters too many: longer ones are not taken for typing errors.
const NAME_LETTERS_MAX: usize = 24;

/// Whole numbers up to here are the same in every language that reads them.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A kind of value: how it is called, and how it is read.
struct Wanted<T> {
    right: &'static str,
    read: fn(&Value) -> Option<T>,
}

const TEXT: Wanted<String> = Wanted { right: "a text", read: |value| value.as_str().map(str::to_owned) };
const FLAG: Wanted<bool> = Wanted { right: "true or false", read: Value::as_bool };
const NUMBER: Wanted<f64> = Wanted { right: "a number", read: Value::as_f64 };
const SECONDS: Wanted<u64> = Wanted { right: "a whole number of seconds", read: whole };
const COUNT: Wanted<u64> = Wanted { right: "a whole number, 0 or more", read: whole };

/// An object of the text and its place.
struct Members<'a> {
    place: &'a Place<'a>,
    members: &'a Map<String, Value>,
}

/// What the set says as far as it can be read. What is wrong is added to the faults.
pub(super) fn read(written: &Value, faults: &mut Faults) -> RuleSetSource {
    let right = "an object with the members `kind`, `label` and `rule`";
    let Some(set) = Members::of(written, &Place::Set, right, faults) else {
        return RuleSetSource::default();
    };
    let mut source = RuleSetSource {
        kind: set.must("kind", &TEXT, "the text at `kind` in the documents' root", faults),
        label: set.may("label", &TEXT, faults),
        rules: Vec::new(),
    };
    set.name_unknown(&OF_SET, faults);
    // Not even null: who wants no rules says so.
    if let Some(rules) = set.members.get("rule") {
        let right = ("a list of rules", RULES_MAX);
        source.rules = items(rules, &set.at("rule"), right, faults, rule).unwrap_or_default();
    }
    source
}

fn rule(written: &Value, place: &Place<'_>, faults: &mut Faults) -> RuleSource {
    let Some(rule) = Members::of(written, place, "a rule: an object", faults) else {
        return RuleSource::default();
    };
    let text = |value: &Value, place: &Place<'_>, faults: &mut Faults| {
        one(value, place, &TEXT, faults).unwrap_or_default()
    };
    let any = |value: &Value, _: &Place<'_>, _: &mut Faults| value.clone();
    let source = RuleSource {
        id: rule.must("id", &TEXT, "a text that is this rule's own", faults),
        predicate: rule.must("predicate", &TEXT, "the name of what has to hold", faults),
        over: rule.may("over", &TEXT, faults).unwrap_or_default(),
        message: rule.must("message", &TEXT, "the sentence that people read where it does not hold", faults),
        severity: rule.may("severity", &TEXT, faults),
        mode: rule.may("mode", &TEXT, faults),
        proposals: rule.list("proposals", "a list of names", faults, text).unwrap_or_default(),
        auto_settle_after: rule.may("auto_settle_after", &SECONDS, faults),
        within: rule.may("within", &TEXT, faults),
        ignore_empty: rule.may("ignore_empty", &FLAG, faults),
        columns: rule.operand("columns", faults),
        within_keys_of: rule.may("in", &TEXT, faults),
        limit: rule.operand("limit", faults),
        min: rule.operand("min", faults),
        max: rule.operand("max", faults),
        values: rule.list("values", "a list of values", faults, any),
        fields: rule.list("fields", "a list of paths", faults, text),
        expr: rule.may("expr", &TEXT, faults),
        bounds: rule.bounds(faults),
    };
    rule.name_unknown(&OF_RULE, faults);
    source
}

impl<'a> Members<'a> {
    fn of(written: &'a Value, place: &'a Place<'a>, right: &str, faults: &mut Faults) -> Option<Self> {
        match written {
            Value::Object(members) => Some(Self { place, members }),
            other => {
                faults.unreadable(place, it_is(other), right);
                None
            }
        }
    }

    fn at<'b>(&'b self, name: &'b str) -> Place<'b> {
        Place::Member(self.place, name)
    }

    /// A member that may be left out: `null` says as much.
    fn given(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn may<T>(&self, name: &str, wanted: &Wanted<T>, faults: &mut Faults) -> Option<T> {
        one(self.given(name)?, &self.at(name), wanted, faults)
    }

    fn must<T: Default>(&self, name: &str, wanted: &Wanted<T>, right: &str, faults: &mut Faults) -> T {
        if let Some(value) = self.members.get(name) {
            return one(value, &self.at(name), wanted, faults).unwrap_or_default();
        }
        faults.unreadable(&self.at(name), "it is missing", right);
        T::default()
    }

    fn list<T>(
        &self,
        name: &str,
        right: &str,
        faults: &mut Faults,
        item: impl FnMut(&Value, &Place<'_>, &mut Faults) -> T,
    ) -> Option<Vec<T>> {
        items(self.given(name)?, &self.at(name), (right, CHOICES_MAX), faults, item)
    }

    /// A number, or where one stands.
    fn operand(&self, name: &str, faults: &mut Faults) -> Option<OperandSource> {
        let place = self.at(name);
        match self.given(name)? {
            Value::String(path) => Some(OperandSource::Path(path.clone())),
            Value::Object(members) => {
                let members = Members { place: &place, members };
                let path = members.must("path", &TEXT, "the path of a number", faults);
                let right = "a number; where none is to count, the path alone";
                let default = members.must("default", &NUMBER, right, faults);
                members.name_unknown(&OF_OPERAND, faults);
                Some(OperandSource::PathOr(PathOr { path, default }))
            }
            value => {
                let right = "a number, the path of one, or an object with `path` and `default`";
                one(value, &place, &Wanted { right, ..NUMBER }, faults).map(OperandSource::Number)
            }
        }
    }

    fn bounds(&self, faults: &mut Faults) -> Option<BTreeMap<String, u64>> {
        let place = self.at("bounds");
        let Members { members, .. } =
            Members::of(self.given("bounds")?, &place, "an object of paths and whole numbers", faults)?;
        check_count(members.len(), BOUNDS_MAX, &place, faults);
        let bound = |(path, value): (&String, &Value)| {
            let bound = one(value, &Place::Member(&place, path), &COUNT, faults).unwrap_or_default();
            (path.clone(), bound)
        };
        Some(members.iter().take(BOUNDS_MAX).map(bound).collect())
    }

    fn name_unknown(&self, known: &[&str], faults: &mut Faults) {
        for name in self.members.keys().filter(|name| !known.contains(&name.as_str())) {
            let right = match meant(name, known) {
                Some(near) => format!("perhaps `{near}` is meant"),
                None => format!("one of {}", known.join(", ")),
            };
            let wrong = "there is no such member".to_owned();
            faults.add_unless_unread(Fault {
                place: self.at(name).to_string(),
                character: None,
                wrong,
                right,
            });
            if faults.is_full() {
                return;
            }
        }
    }
}

/// Nothing where the value is of another kind.
fn one<T>(value: &Value, place: &Place<'_>, wanted: &Wanted<T>, faults: &mut Faults) -> Option<T> {
    let read = (wanted.read)(value);
    if read.is_none() {
        faults.unreadable(place, it_is(value), wanted.right);
    }
    read
}

/// A list as far as it may go.
fn items<T>(
    value: &Value,
    place: &Place<'_>,
    (right, most): (&str, usize),
    faults: &mut Faults,
    mut item: impl FnMut(&Value, &Place<'_>, &mut Faults) -> T,
) -> Option<Vec<T>> {
    let Value::Array(items) = value else {
        faults.unreadable(place, it_is(value), right);
        return None;
    };
    check_count(items.len(), most, place, faults);
    let items = items.iter().enumerate().take(most);
    Some(items.map(|(index, value)| item(value, &Place::Item(place, index), faults)).collect())
}

fn check_count(count: usize, most: usize, place: &Place<'_>, faults: &mut Faults) {
    if count > most {
        let (place, wrong) = (place.to_string(), format!("{count} of them"));
        faults.add(Fault { place, character: None, wrong, right: format!("at most {most}") });
    }
}

/// What a value is instead of what it should be.
fn it_is(value: &Value) -> String {
    match value {
        Value::Null => "it is null".to_owned(),
        Value::Bool(flag) => format!("it is {flag}"),
        Value::Number(number) => format!("it is the number {number}"),
        Value::String(text) => format!("it is the text {:?}", cut(text)),
        Value::Array(_) => "it is a list".to_owned(),
        Value::Object(_) => "it is an object".to_owned(),
    }
}

/// `600` and `600.0` are the same number.
fn whole(value: &Value) -> Option<u64> {
    let of_float = |number: f64| {
        let is_whole = number.fract() == 0.0 && (0.0..=WHOLE_MAX).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked the line before"
        )]
        is_whole.then_some(number as u64)
    };
    value.as_u64().or_else(|| value.as_f64().and_then(of_float))
}

/// The known name that is spelled almost like this one.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.chars().count() > NAME_LETTERS_MAX {
        return None;
    }
    let plain = |name: &str| -> Vec<char> {
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let name = plain(name);
    let distances = known.iter().map(|known| (typing_errors(&name, &plain(known)), *known));
    // Of a short name more must be right than wrong.
    let (errors, near) = distances.min_by_key(|(errors, _)| *errors)?;
    (errors <= TYPING_ERRORS_MAX && errors * 2 < near.len()).then_some(near)
}

/// How many letters have to be put in, left out or changed to make one of the other.
fn typing_errors(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for at in 1..row.len() {
            let changed = before + usize::from(other[at - 1] != *letter);
            before = row[at];
            row[at] = changed.min(row[at] + 1).min(row[at - 1] + 1);
        }
    }
    row[other.len()]
}

impl TryFrom<Value> for RuleSetSource {
    type Error = BadRuleSet;

    /// Reads a set and nothing more: what its rules say is checked by [`RuleSet::compile`](super::RuleSet::compile).
    fn try_from(written: Value) -> Result<Self, BadRuleSet> {
        let mut faults = Faults::default();
        let source = read(&written, &mut faults);
        faults.finish().map(|()| source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RU3: the name that was meant is told where one is near.
    #[test]
    fn ru3_the_nearest_name_is_told() {
        for (name, near) in [
            ("colums", Some("columns")),
            ("autoSettleAfter", Some("auto_settle_after")),
            ("auto-settle-after", Some("auto_settle_after")),
            ("mesage", Some("message")),
            ("Max", Some("max")),
            ("level", None),
            ("x", None),
            ("", None),
            (&*"columns".repeat(1_000), None),
        ] {
            assert_eq!(meant(name, &OF_RULE), near, "{name}");
        }
        assert_eq!(meant("rules", &OF_SET), Some("rule"));
    }
}
