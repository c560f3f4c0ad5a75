//! What a subscriber is told of a document, and how that is written as JSON.
//!
//! Edit path: ← a [`Subscription`](super::Subscription), → server-sent events and the JSON WebSocket, which
//! put the same members into their own envelopes.

use super::state::{State, Update};
use crate::hub::{Said, SpokenKind, ViewError};
use dovetail_core::document::{Heads, Verdict};
use dovetail_core::rules::ConflictEvent;
use dovetail_core::wire::cbor_json;
use serde_json::{Value, json};
use std::sync::Arc;

/// Words of sync clients longer than this are not shown to those who speak JSON. A pointer has a hundred
/// bytes, a selection some thousand; each subscriber gets a copy of its own.
const SHOWN_BYTES_MAX: usize = 256 * 1024;

/// What can be told of a document. Closed on purpose.
#[derive(Debug, Clone)]
pub enum Event {
    /// The whole document. What follows builds on it.
    Snapshot(Arc<State>),
    /// What changed since the last snapshot or patch.
    Patch(Arc<Update>),
    /// Where somebody is now; `null` when they left.
    Presence(Arc<Said>),
    /// Something that somebody said to the others.
    Message(Arc<Said>),
    /// What the rules say of the document, all of it; nothing where there are no rules for it. What follows
    /// builds on it.
    Conflicts(Option<Arc<Verdict>>),
    /// What became of a conflict.
    Conflict(Arc<ConflictEvent>),
    /// The document was deleted. Nothing follows.
    Deleted,
    /// It cannot be followed any further for now. Nothing follows.
    Lost(ViewError),
}

impl Event {
    /// The name of a server-sent event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::Snapshot(_) => "snapshot",
            Event::Patch(_) => "patch",
            Event::Presence(_) => "presence",
            Event::Message(_) => "message",
            Event::Conflicts(_) => "conflicts",
            Event::Conflict(_) => "conflict",
            Event::Deleted => "deleted",
            Event::Lost(_) => "lost",
        }
    }

    /// The `type` of the same as a typed JSON message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Conflict(event) => event.name(),
            Event::Lost(_) => "error",
            other => other.name(),
        }
    }

    /// The heads that a subscriber has after it, if it brings new ones.
    #[must_use]
    pub fn heads(&self) -> Option<&Heads> {
        match self {
            Event::Snapshot(state) => Some(&state.heads),
            Event::Patch(update) => Some(&update.to),
            _ => None,
        }
    }

    /// The members that say it: JSON without the outer braces. Documents and patches are text already and
    /// are not read again. Nothing when it is not to be shown.
    #[must_use]
    pub fn members(&self) -> Option<String> {
        Some(match self {
            Event::Snapshot(state) => {
                format!(r#""heads":{},"document":{}"#, listed(&state.heads), state.text)
            }
            Event::Patch(update) => {
                let (from, to) = (listed(&update.from), listed(&update.to));
                format!(r#""from":{from},"heads":{to},"patch":{}"#, update.patch())
            }
            Event::Presence(said) => presence(said)?,
            Event::Message(said) => message(said)?,
            Event::Conflicts(verdict) => conflicts(verdict.as_deref()),
            Event::Conflict(event) => members(&json!({ "conflict": event.conflict() })),
            Event::Deleted => String::new(),
            Event::Lost(error) => {
                let problem = crate::gateway::reply::of_view(error);
                format!(r#""code":"{}","detail":{}"#, problem.code.as_str(), json!(error.to_string()))
            }
        })
    }

    /// What somebody said, as an event.
    #[must_use]
    pub fn of_said(said: Arc<Said>) -> Self {
        match &said.spoken {
            Some(spoken) if spoken.kind == SpokenKind::Presence => Event::Presence(said),
            _ => Event::Message(said),
        }
    }
}

fn conflicts(verdict: Option<&Verdict>) -> String {
    let none = || json!({"rules": null, "conflicts": [], "undecided": [], "beyond": []});
    members(&verdict.map_or_else(none, |verdict| Value::Object(verdict.to_json())))
}

fn presence(said: &Said) -> Option<String> {
    let spoken = said.spoken.as_ref()?;
    Some(members(&json!({ "from": speaker(said), "state": spoken.body })))
}

fn message(said: &Said) -> Option<String> {
    let data = match &said.spoken {
        Some(spoken) => spoken.body.clone(),
        None if said.frame.data().len() > SHOWN_BYTES_MAX => return None,
        None => cbor_json::shown(said.frame.data()),
    };
    Some(members(&json!({ "scope": "document", "from": speaker(said), "data": data })))
}

/// Who said it: a session of ours with the user it claims to be of, or a peer of the sync protocol.
fn speaker(said: &Said) -> Value {
    match &said.spoken {
        Some(spoken) => json!({ "sessionId": &*spoken.session, "userId": spoken.user.as_deref() }),
        None => json!({ "peerId": said.frame.sender().as_str() }),
    }
}

fn members(object: &Value) -> String {
    let text = object.to_string();
    text[1..text.len() - 1].to_owned()
}

/// Heads as a JSON array of hex texts.
#[must_use]
pub fn listed(heads: &[automerge::ChangeHash]) -> Value {
    heads.iter().map(ToString::to_string).collect()
}

/// Reads heads that are one word, in quotes or not; nothing when they are none.
#[must_use]
pub fn from_dotted(word: &str) -> Option<Vec<automerge::ChangeHash>> {
    let word = word.trim().trim_matches('"');
    word.split('.').map(|head| head.parse().ok()).collect()
}

/// Heads as one word, as in the `ETag`: hex with dots between.
#[must_use]
pub fn dotted(heads: &[automerge::ChangeHash]) -> String {
    let texts: Vec<String> = heads.iter().map(ToString::to_string).collect();
    texts.join(".")
}
