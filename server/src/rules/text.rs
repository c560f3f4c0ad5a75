//! Rule sets as texts.
//!
//! Edit path: ← a file or a body; → [`RuleSetSource`], with the position of what is wrong where it is not one.

use crate::config::position;
use dovetail_core::rules::{BadRuleSet, RuleSetSource};

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
    /// It cannot be read, or has fields that there are not.
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

/// Reads a rule set. What its rules say is checked when it is compiled.
///
/// # Errors
/// The first thing that cannot be read, with its position.
pub fn parse(text: &str, format: Format) -> Result<RuleSetSource, BadRules> {
    match format {
        Format::Toml => toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            BadRules::Text { line, column, why: error.message().to_owned() }
        }),
        Format::Json => serde_json::from_str(text).map_err(|error| {
            let why = error.to_string();
            // serde_json repeats the position at the end.
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why).to_owned();
            BadRules::Text { line: error.line().max(1), column: error.column().max(1), why }
        }),
    }
}

fn faults(set: &BadRuleSet) -> String {
    set.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
