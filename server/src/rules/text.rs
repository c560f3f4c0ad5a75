//! Rule sets as texts.
//!
//! Edit path: ← a file or a body; → a tree of values, → [`RuleSet::read`], which reads and checks it.
//!
//! Always true: a text that cannot be read has one fault, with its line and column. In one that can be read all faults
//! are named at once.

use super::{KIND_BYTES_MAX, is_kind};
use crate::config::position;
use dovetail_core::rules::{BadRuleSet, Faults, Place, RuleSet};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::thread;

/// How deep a rule set may nest: its rules are 3 levels, and `values` may be objects.
const LEVELS_MAX: usize = 100;

/// The stack on which TOML is read. The reader allows 80 tables in each other, and keys of 80 parts for each.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// How a rule set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people and files.
    Toml,
    /// For programs.
    Json,
}

/// Why a text is no rule set that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// It is no TOML or JSON, or has two members of one name.
    #[error("line {line}, column {column}: {why}")]
    Text {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// In words.
        why: String,
    },
    /// It was read, and says what no rule set can say.
    #[error("{}", faults(.0))]
    Set(BadRuleSet),
}

/// Reads and checks a rule set, which is for documents of this `kind` where the caller has named one.
///
/// # Errors
/// Where the text cannot be read, or everything that is wrong with the set.
pub fn parse(text: &str, format: Format, kind: Option<&str>) -> Result<RuleSet, BadRules> {
    let mut faults = Faults::default();
    let written = match format {
        Format::Toml => toml_values(text, &mut faults)?,
        Format::Json => json_values(text)?,
    };
    if let Some(written) = written.get("kind").and_then(Value::as_str) {
        check_kind(written, kind, &mut faults);
    }
    RuleSet::read(&written, faults).map_err(BadRules::Set)
}

fn check_kind(written: &str, wanted: Option<&str>, faults: &mut Faults) {
    let place = Place::Member(&Place::Set, "kind");
    match wanted {
        Some(wanted) if wanted != written => {
            faults.unreadable(&place, "the path names another kind", format!("{wanted:?}, or another path"));
        }
        _ if !is_kind(written) => {
            let right = format!("1 to {KIND_BYTES_MAX} letters, digits, dots, dashes and underscores");
            faults.unreadable(&place, "no rules can be kept under this name", right);
        }
        _ => {}
    }
}

fn json_values(text: &str) -> Result<Value, BadRules> {
    let read: Result<Once, _> = serde_json::from_str(text);
    read.map(|Once(values)| values).map_err(|error| {
        let why = error.to_string();
        // serde_json repeats the position at the end.
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why).to_owned();
        BadRules::Text { line: error.line().max(1), column: error.column().max(1), why }
    })
}

fn toml_values(text: &str, faults: &mut Faults) -> Result<Value, BadRules> {
    let reading = thread::Builder::new().name("rules".to_owned()).stack_size(STACK_BYTES);
    let table = thread::scope(|scope| {
        let read = reading.spawn_scoped(scope, || shallow_table(text)).map_err(|error| error.to_string());
        read.and_then(|read| read.join().map_err(|_| "reading it failed".to_owned()))
    });
    let table = table.unwrap_or_else(|why| Err(BadRules::Text { line: 1, column: 1, why }))?;
    Ok(table_values(table, &Place::Set, faults))
}

/// Dotted keys in tables in dotted keys nest thousands of levels deep in a few lines. Only what is shallow leaves here.
fn shallow_table(text: &str) -> Result<toml::Table, BadRules> {
    let table = toml::from_str::<toml::Table>(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        BadRules::Text { line, column, why: error.message().to_owned() }
    })?;
    let deepest = table.values().map(depth).max().unwrap_or_default();
    if deepest > LEVELS_MAX {
        let why = format!("it nests {deepest} levels deep, and no rule needs more than {LEVELS_MAX}");
        return Err(BadRules::Text { line: 1, column: 1, why });
    }
    Ok(table)
}

fn depth(value: &toml::Value) -> usize {
    let inner = match value {
        toml::Value::Array(items) => items.iter().map(depth).max(),
        toml::Value::Table(table) => table.values().map(depth).max(),
        _ => None,
    };
    1 + inner.unwrap_or_default()
}

fn table_values(table: toml::Table, place: &Place<'_>, faults: &mut Faults) -> Value {
    let members = table.into_iter().map(|(name, value)| {
        let value = toml_value(value, &Place::Member(place, &name), faults);
        (name, value)
    });
    Value::Object(members.collect())
}

/// The value as documents have it. TOML knows dates and numbers that they have not.
fn toml_value(value: toml::Value, place: &Place<'_>, faults: &mut Faults) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) if number.is_finite() => number.into(),
        toml::Value::Float(number) => {
            faults.unreadable(place, format!("{number} is no number of a document"), "a finite number");
            Value::Null
        }
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => {
            let wrong = format!("{date} is a date, and documents have none");
            faults.unreadable(place, wrong, format!("a text: \"{date}\""));
            Value::Null
        }
        toml::Value::Array(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(index, item)| toml_value(item, &Place::Item(place, index), faults)).collect()
        }
        toml::Value::Table(table) => table_values(table, place, faults),
    }
}

/// JSON in which no object has two members of one name: of two rules' limits, say, one would be lost in silence.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Once)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Once(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if values.contains_key(&name) {
                let name: String = name.chars().take(NAME_LETTERS_MAX).collect();
                return Err(A::Error::custom(format_args!("the member {name:?} is there twice")));
            }
            let Once(value) = members.next_value()?;
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

/// How much of a member's name is quoted: more than any name that a rule set knows.
const NAME_LETTERS_MAX: usize = 80;

fn faults(set: &BadRuleSet) -> String {
    set.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, format: Format) -> BadRules {
        parse(text, format, Some("board")).map(|_| ()).unwrap_err()
    }

    fn places(text: &str, format: Format) -> Vec<String> {
        match refused(text, format) {
            BadRules::Set(set) => set.faults.into_iter().map(|fault| fault.place).collect(),
            BadRules::Text { line, column, .. } => vec![format!("{line}:{column}")],
        }
    }

    /// CO7: a text that nests without end is refused, however it is written.
    #[test]
    fn co7_texts_that_nest_too_deep_are_refused() {
        let keys = vec!["a"; 79].join(".");
        let text = format!("kind = \"board\"\n{}1{}", format!("{keys} = {{").repeat(70), "}".repeat(70));
        let text = text.replace("{1", "{b = 1");
        let refused = parse(&text, Format::Toml, None).unwrap_err().to_string();
        assert!(refused.contains("levels deep"), "{refused}");
    }

    /// CO7: a text that cannot be read, or says something twice, is refused with line and column.
    #[test]
    fn co7_texts_that_cannot_be_read_have_one_fault() {
        let json = |text: &str| places(text, Format::Json);
        assert_eq!(json(""), ["1:1"]);
        assert_eq!(json("{\"kind\": \"board\",\n \"rule\": [}"), ["2:11"]);
        assert_eq!(json("{\"kind\": \"board\"} x"), ["1:19"]);
        assert_eq!(json("{\"kind\": 1,\n\"kind\": 2}"), ["2:6"]);
        let nested = "{\"kind\": \"board\", \"rule\": [{\"values\": [{\"a\": 1,\n  \"a\": 2}]}]}";
        assert_eq!(json(nested), ["2:5"]);
        assert_eq!(
            refused(nested, Format::Json).to_string(),
            "line 2, column 5: the member \"a\" is there twice"
        );
        assert_eq!(json(&"[".repeat(100_000)).len(), 1);
        let toml = |text: &str| places(text, Format::Toml);
        assert_eq!(toml("kind = \"board\"\nkind = \"board\"\n"), ["2:1"]);
        assert_eq!(toml("kind = \"board\"\nlabel =\n"), ["2:8"]);
        assert_eq!(toml(&format!("a = {}", "[".repeat(100_000))).len(), 1);
    }

    /// CO7: dates and numbers that only TOML knows are refused where they stand, with everything else that is wrong.
    #[test]
    fn co7_values_that_documents_have_not_are_refused() {
        let text = r#"
            kind = "board"
            [[rule]]
            id = "a"
            predicate = "one_of"
            over = "a"
            message = "m"
            values = [1979-05-27, nan, "1979-05-27", {when = 07:32:00, x = [inf]}]
            [[rule]]
            id = "a"
            predicate = "in_bounds"
            over = "a"
            message = 1979-05-27T07:32:00Z
            columns = { path = "x", default = -inf }
            since = 1979-05-27
        "#;
        assert_eq!(
            places(text, Format::Toml),
            [
                "rule[0].values[0]",
                "rule[0].values[1]",
                "rule[0].values[3].when",
                "rule[0].values[3].x[0]",
                "rule[1].columns.default",
                "rule[1].message",
                "rule[1].since",
                "rule[1].id",
            ]
        );
        let words = refused(text, Format::Toml).to_string();
        let first =
            "rule[0].values[0]: 1979-05-27 is a date, and documents have none; a text: \"1979-05-27\"";
        assert!(words.starts_with(first), "{words}");
        assert!(!words.contains("toml_private") && !words.contains("untagged"), "{words}");
    }

    /// CO7: TOML and JSON that say the same are the same set.
    #[test]
    fn co7_both_formats_say_the_same() {
        let toml = "kind = \"board\"\n[[rule]]\nid = \"a\"\npredicate = \"range\"\nover = \"n\"\nmin = 1\n\
            max = {path = \"most\", default = 2.5}\nmessage = \"m\"\n";
        let json = r#"{"kind": "board", "rule": [{"id": "a", "predicate": "range", "over": "n", "min": 1,
            "max": {"path": "most", "default": 2.5}, "message": "m"}]}"#;
        let read = |text, format| parse(text, format, None).unwrap().source().clone();
        assert_eq!(read(toml, Format::Toml), read(json, Format::Json));
    }

    /// CO7: a kind that the path does not name, or that rules cannot be kept for, is one fault among the others.
    #[test]
    fn co7_the_kind_is_a_fault_like_others() {
        for (kind, wanted) in [("boards", Some("board")), ("", Some("board")), ("a/b", None), ("", None)] {
            let text = format!("{{\"kind\": {kind:?}, \"rule\": [1]}}");
            let BadRules::Set(set) = parse(&text, Format::Json, wanted).unwrap_err() else {
                panic!("{kind}")
            };
            let places: Vec<_> = set.faults.iter().map(|fault| fault.place.as_str()).collect();
            assert_eq!(places, ["kind", "rule[0]"], "{kind} {wanted:?}");
        }
    }
}
