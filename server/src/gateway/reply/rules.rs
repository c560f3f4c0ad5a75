//! Why rules were not put in force, and why nothing was decided about a conflict.
//!
//! Edit path: ← a rule set, or a decision, that cannot be taken, → a [`Problem`].
//!
//! Always true: a rule set that is refused is refused with every fault and its place.

use super::code::Code;
use super::documents::{of_commit, of_load, of_submit, of_view};
use super::problem::Problem;
use crate::conflicts::DecideError;
use crate::rules::{BadRules, ReplaceError};
use crate::store::CommitError;
use dovetail_core::rules::{SettleError, WaiveError};

/// A decision about a conflict that was not made.
#[must_use]
pub fn of_decision(error: &DecideError) -> Problem {
    match error {
        DecideError::View(error) => of_view(error),
        DecideError::Submit(error) => of_submit(error),
        DecideError::NoRules => Problem::new(Code::ConflictNotFound, error.to_string()),
        DecideError::Settle(settle) => match &**settle {
            SettleError::UnknownConflict { .. } => Problem::new(Code::ConflictNotFound, error.to_string()),
            SettleError::NotOffered { offered, .. } => {
                let offered: Vec<&str> = offered.iter().map(|proposal| proposal.name()).collect();
                Problem::new(Code::ProposalNotOffered, error.to_string()).with("offered", offered)
            }
            _ => Problem::new(Code::BadBody, error.to_string()),
        },
        DecideError::Waive(waive) => {
            let is_gone = matches!(&**waive, WaiveError::UnknownConflict { .. });
            let code = if is_gone { Code::ConflictNotFound } else { Code::BadWaiver };
            Problem::new(code, error.to_string())
        }
        DecideError::Panicked => {
            Problem::new(Code::Internal, "this request could not be answered; the server's log says why")
        }
    }
}

/// A text that is no rule set.
#[must_use]
pub fn of_bad_rules(error: &BadRules) -> Problem {
    match error {
        BadRules::Text { line, column, .. } => {
            Problem::new(Code::BadRuleSet, error.to_string()).with("line", *line).with("column", *column)
        }
        BadRules::Set(set) => {
            let faults = serde_json::to_value(&set.faults).unwrap_or_default();
            Problem::new(Code::BadRuleSet, error.to_string()).with("faults", faults)
        }
    }
}

/// Rules that were not replaced.
#[must_use]
pub fn of_replace(error: &ReplaceError) -> Problem {
    match error {
        ReplaceError::Outdated { present } => {
            let detail = format!("{error}; read it, and send If-Match with its ETag");
            Problem::new(Code::RulesOutdated, detail).with("version", *present)
        }
        ReplaceError::BadKind | ReplaceError::TooManyKinds => {
            Problem::new(Code::BadRuleSet, error.to_string())
        }
        ReplaceError::Load(error) => of_load(error),
        ReplaceError::Commit(CommitError::TooLarge { bytes_max, .. }) => {
            let detail = format!("a rule set has at most {bytes_max} bytes as JSON");
            Problem::new(Code::BadRuleSet, detail)
        }
        ReplaceError::Commit(error) => of_commit(error),
    }
}
