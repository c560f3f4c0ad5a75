//! What is wrong with a rule set, and where.
//!
//! Edit path: ← whoever reads or checks a set adds what it finds; → [`BadRuleSet`], for whoever wrote it.
//!
//! Always true: of a value that cannot be read one thing is said. What follows from it, somewhere below or when the
//! set is compiled, is not a fault of its own.

use super::message::cut;
use super::path::written;
use std::collections::BTreeSet;
use std::fmt;

/// How many faults are named. A hundred rules may each have five; nobody mends more at a time.
pub const FAULTS_MAX: usize = 500;

/// Why a rule set cannot be used: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule set has {} faults, the first: {}", faults.len(), faults[0])]
pub struct BadRuleSet {
    /// The faults: those of the set itself, then those of its rules in their order; at least one. Where there are more
    /// than [`FAULTS_MAX`], the last one says so.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a rule set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{place}{}: {wrong}; {right}", character.map(|at| format!(", character {at}")).unwrap_or_default())]
pub struct Fault {
    /// Which value: `rule[2].over`, counted from 0; `$` is the set as a whole.
    pub place: String,
    /// Which character of its text, counted from 1, where there is one to point at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character: Option<usize>,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

/// The place of a value in a set. It is written out for a fault only: most values have none.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// The set.
    Set,
    /// A member of what is there.
    Member(&'a Place<'a>, &'a str),
    /// An item of the list that is there, counted from 0.
    Item(&'a Place<'a>, usize),
}

/// Faults as they are found.
#[derive(Debug, Default)]
pub struct Faults {
    named: Vec<Fault>,
    /// Where a value stands that cannot be read.
    unread: BTreeSet<String>,
    there_are_more: bool,
}

impl Faults {
    /// Names a value that no rule set can hold there. What else would be said of it, or of what is below, is not.
    pub fn unreadable(&mut self, place: &Place<'_>, wrong: impl Into<String>, right: impl Into<String>) {
        let place = place.to_string();
        if self.is_unread(&place) {
            return;
        }
        if !self.is_full() {
            self.unread.insert(place.clone());
        }
        self.add(Fault { place, character: None, wrong: wrong.into(), right: right.into() });
    }

    /// Names a fault, unless it follows from what could not be read.
    pub(super) fn add_unless_unread(&mut self, fault: Fault) {
        if !self.is_unread(&fault.place) {
            self.add(fault);
        }
    }

    /// Names a fault.
    pub(super) fn add(&mut self, fault: Fault) {
        if self.is_full() {
            self.there_are_more = true;
        } else {
            self.named.push(fault);
        }
    }

    /// Whether no more are named: then there is no use in looking for more of the same.
    pub(super) fn is_full(&self) -> bool {
        self.named.len() >= FAULTS_MAX
    }

    /// Whether the value there, or one that holds it, could not be read.
    fn is_unread(&self, place: &str) -> bool {
        let holders = place.match_indices(['.', '[']).map(|(at, _)| &place[..at]);
        holders.chain([place, WHOLE]).any(|place| self.unread.contains(place))
    }

    /// Whether the value there, or one that it holds, could not be read.
    pub(super) fn is_partly_unread(&self, place: &str) -> bool {
        let is_below = |separator: char| {
            let begin = format!("{place}{separator}");
            self.unread.range(begin.clone()..).next().is_some_and(|unread| unread.starts_with(&begin))
        };
        self.is_unread(place) || is_below('.') || is_below('[')
    }

    /// All of them, if there is one.
    pub(super) fn finish(self) -> Result<(), BadRuleSet> {
        let Self { named: mut faults, there_are_more, .. } = self;
        // Stable: within a rule they stay in the order in which they were found.
        faults.sort_by_key(|fault| rule_of(&fault.place));
        if there_are_more {
            faults.push(Fault {
                place: WHOLE.to_owned(),
                character: None,
                wrong: format!("there are more than {FAULTS_MAX} faults"),
                right: "these mended: then the others are named".to_owned(),
            });
        }
        if faults.is_empty() { Ok(()) } else { Err(BadRuleSet { faults }) }
    }
}

/// How the place of the whole set is written, as a path may begin.
const WHOLE: &str = "$";

/// The index of the rule that a place belongs to; none for what belongs to the set.
fn rule_of(place: &str) -> Option<usize> {
    place.strip_prefix("rule[")?.split_once(']')?.0.parse().ok()
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => f.write_str(WHOLE),
            Self::Member(Self::Set, name) => f.write_str(&written(&cut(name), true)),
            Self::Member(holder, name) => write!(f, "{holder}{}", written(&cut(name), false)),
            Self::Item(holder, index) => write!(f, "{holder}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RU3: a place is written like a path, whatever people call their members.
    #[test]
    fn ru3_places_read_like_paths() {
        let rules = Place::Member(&Place::Set, "rule");
        let rule = Place::Item(&rules, 2);
        let bounds = Place::Member(&rule, "bounds");
        for (place, text) in [
            (Place::Set, "$".to_owned()),
            (rule, "rule[2]".to_owned()),
            (Place::Member(&bounds, "widgets.*"), "rule[2].bounds[\"widgets.*\"]".to_owned()),
            (Place::Member(&Place::Set, ""), "[\"\"]".to_owned()),
            (Place::Member(&rule, &"x".repeat(1_000)), format!("rule[2][\"{}…\"]", "x".repeat(80))),
        ] {
            assert_eq!(place.to_string(), text);
        }
    }

    /// RU3: what follows from a value that cannot be read is no fault of its own, and a neighbour's is.
    #[test]
    fn ru3_one_thing_is_said_of_what_cannot_be_read() {
        let fault = |place: &str| Fault {
            place: place.to_owned(),
            character: None,
            wrong: "wrong".to_owned(),
            right: "right".to_owned(),
        };
        let mut faults = Faults::default();
        let rules = Place::Member(&Place::Set, "rule");
        let rule = Place::Item(&rules, 1);
        let columns = Place::Member(&rule, "columns");
        faults.unreadable(&Place::Member(&columns, "default"), "a date", "a number");
        faults.unreadable(&Place::Member(&columns, "default"), "null", "a number");
        for place in
            ["rule[1].columns.default", "rule[1].columns.default[0]", "rule[1].columns", "rule[10]", "kind"]
        {
            faults.add_unless_unread(fault(place));
        }
        assert!(faults.is_partly_unread("rule[1].columns"));
        assert!(!faults.is_partly_unread("rule[1].column"));
        let places: Vec<String> =
            faults.finish().unwrap_err().faults.into_iter().map(|fault| fault.place).collect();
        assert_eq!(places, ["kind", "rule[1].columns.default", "rule[1].columns", "rule[10]"]);
    }
}
