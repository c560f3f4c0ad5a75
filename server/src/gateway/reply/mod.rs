//! The one place where an error becomes words for the outside.
//!
//! Edit path: ← a handler has an error of the house, [`of_view`] and its like say what it is, → a [`Problem`] as it is sent.
//!
//! Always true: every answer of a route that is no success is an RFC 9457 `application/problem+json`
//! with a [`Code`] that never changes its meaning; whoever writes a program matches on the
//! code, whoever reads it reads `detail`. Sources of errors go to the log and never out.

mod callers; // What is wrong with whoever calls.
mod code; // What may go wrong: word, status and title of each.
mod documents; // What is wrong with a document, or with what was to become one.
mod problem; // What is sent.
mod rules; // What is wrong with rules, and with decisions about conflicts.

pub(crate) use callers::{code_of, of_poll, of_sequence, of_too_many_sessions};
pub use callers::{of_access, of_auth, of_banned, of_credentials, of_quota, of_too_many};
pub use code::Code;
pub use documents::{
    of_bad_json, of_commit, of_content, of_id, of_json, of_load, of_panic, of_points, of_show, of_submit,
    of_view,
};
pub use problem::{Problem, json, no_route, only};
pub use rules::{of_bad_rules, of_decision, of_replace};
