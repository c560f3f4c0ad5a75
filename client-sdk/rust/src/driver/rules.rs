//! The server's rules, as they were last heard of: fetched when the server says that there are others, and kept on the device.
//!
//! Edit path: no edit comes by here. ← the server's welcome, → a request; ← its answer, → the book that conflicts are judged by.
//!
//! Always true: rules that cannot be read here are no rules: better nothing is said of a document than something that the server
//! does not say.

use super::line::{Credentials, Dialing, authorized, whole};
use bytes::Bytes;
use dovetail_core::rules::{InForce, RuleBook, RuleSet, RuleSetSource};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Several times what a server takes as rules of a kind.
const RULES_BYTES_MAX: usize = 4 << 20;

/// No server has rules for more kinds of documents.
const KINDS_MAX: usize = 256;

/// What was fetched: of which kind, and its text, if it came.
pub(super) type Fetched = (String, Option<Bytes>);

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Rules {
    dialing: Dialing,
    /// Kinds that were asked for on this connection.
    asked: BTreeSet<String>,
    fetching: JoinSet<Fetched>,
}

/// What the server says of the rules of a kind.
#[derive(Debug, Deserialize)]
struct Told {
    version: u64,
    set: RuleSetSource,
}

impl Rules {
    pub(super) fn new(dialing: Dialing) -> Self {
        Self { dialing, asked: BTreeSet::new(), fetching: JoinSet::new() }
    }

    /// These versions are in force at the server.
    pub(super) fn are(&mut self, versions: &BTreeMap<String, u64>, book: &RuleBook) {
        for (kind, version) in versions.iter().take(KINDS_MAX) {
            let is_known = book.of(kind).is_some_and(|known| known.version == *version);
            if is_known || !self.asked.insert(kind.clone()) {
                continue;
            }
            let (dialing, kind) = (self.dialing.clone(), kind.clone());
            self.fetching.spawn(async move {
                let text = fetch(&dialing, &kind).await;
                (kind, text)
            });
        }
    }

    /// Another connection may say other things.
    pub(super) fn forget_answers(&mut self) {
        self.asked.clear();
    }

    /// What comes next; waits for ever when nothing was asked for.
    pub(super) async fn next(&mut self) -> Fetched {
        loop {
            match self.fetching.join_next().await {
                Some(Ok(fetched)) => return fetched,
                Some(Err(_)) => {} // It panicked, and asks again on the next connection.
                None => return std::future::pending().await,
            }
        }
    }
}

async fn fetch(dialing: &Dialing, kind: &str) -> Option<Bytes> {
    let token = dialing.token.ask().await.ok()?;
    let credentials = Credentials { token, link: dialing.server.link.clone() };
    let mut url = dialing.server.url.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(["api", "rules", kind]);
    let request = authorized(dialing.requests.get(url), &credentials).timeout(ANSWER_WITHIN);
    let answer = request.send().await.and_then(reqwest::Response::error_for_status);
    match answer {
        Ok(answer) => whole(answer, RULES_BYTES_MAX).await.ok().flatten(),
        Err(error) => {
            tracing::warn!(kind, %error, "the rules of the server cannot be had: conflicts are judged by those from before");
            None
        }
    }
}

/// The book with these rules in it, as the server told them; without any for this kind where they cannot be read.
pub(crate) fn with(book: &RuleBook, kind: &str, text: &[u8]) -> RuleBook {
    let told = serde_json::from_slice::<Told>(text).map_err(|error| error.to_string());
    let in_force = told.and_then(|Told { version, set }| {
        let rules = Arc::new(RuleSet::compile(set).map_err(|error| error.to_string())?);
        Ok(InForce { version, rules })
    });
    match in_force {
        Ok(in_force) if in_force.rules.kind() == kind => book.clone().with(in_force),
        other => {
            let why = other.map_or_else(|why| why, |_| "they are of another kind".to_owned());
            tracing::warn!(
                kind,
                why,
                "the rules of the server cannot be read: conflicts of such documents are not shown"
            );
            let others = book.iter().filter(|known| known.rules.kind() != kind).cloned();
            others.fold(RuleBook::empty(), RuleBook::with)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RC55: rules that cannot be read here are no rules, those of other kinds stay.
    #[test]
    fn rc55_rules_that_cannot_be_read_are_none() {
        let book = RuleBook::default();
        let few = br#"{"version":3,"set":{"kind":"dashboard","rule":[{"id":"few","predicate":"max_items","over":"widgets","limit":1,"message":"too many"}]}}"#;
        let known = with(&book, "dashboard", few);
        assert_eq!(known.of("dashboard").unwrap().version, 3);
        for bad in [
            &b"{"[..],
            br#"{"version":4,"set":{"kind":"other","rule":[]}}"#,
            br#"{"version":4,"set":{"kind":"dashboard","rule":[{"id":"x","predicate":"never_heard_of"}]}}"#,
        ] {
            assert!(with(&known, "dashboard", bad).of("dashboard").is_none());
        }
    }
}
