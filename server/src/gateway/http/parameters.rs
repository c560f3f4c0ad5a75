//! What stands behind the `?` of a request.
//!
//! Always true: a parameter that a path does not know is refused. One that was mistyped
//! would otherwise do something else than what was meant, in silence.

use crate::gateway::reply::{Code, Problem};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The parameters of one request. Take out what is known, then [`finish`](Self::finish).
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    given: BTreeMap<String, String>,
}

impl From<String> for Parameters {
    fn from(query: String) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let given = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), decoded(value))
        });
        Self { given: given.collect() }
    }
}

impl Parameters {
    /// Takes one out and reads it.
    pub(super) fn take<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.given.remove(name) else { return Ok(None) };
        let bad = |why: T::Err| problem(name, &format!("cannot read {name}={text:?}: {why}"));
        text.parse().map(Some).map_err(bad)
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.given.keys().next() {
            Some(name) => Err(problem(name, &format!("this path has no parameter {name:?}"))),
            None => Ok(()),
        }
    }
}

/// A problem with this parameter.
pub(super) fn problem(name: &str, detail: &str) -> Problem {
    Problem::new(Code::BadParameter, detail).with("parameter", name)
}

/// `%3A` is a colon. Anything else stays as it is: ids and numbers need no more.
fn decoded(text: &str) -> String {
    text.replace("%3A", ":").replace("%3a", ":")
}
