//! An edit that came as a message: from a JSON Patch at some heads to a durable change.
//!
//! Edit path: ← [`session`](super::session) has read it, → the document's task gives a copy, the
//! [`doors`] make a change at the writer's heads, → the hub stores it and answers when it is durable.

use super::message::{Edit, Refusal, inner};
use crate::feed::listed;
use crate::gateway::Gateway;
use crate::gateway::reply;
use automerge::{ActorId, Automerge, ChangeHash};
use bytes::Bytes;
use dovetail_core::doors::{self, Lost, PatchError, Writer};
use serde_json::{Value, json};

/// What became of an edit.
#[derive(Debug)]
pub(super) struct Done {
    /// The document's heads with it.
    pub(super) heads: Vec<ChangeHash>,
    /// The change that it became; none when all stood so already.
    pub(super) change: Option<ChangeHash>,
    /// Which of its values did not win over what others wrote meanwhile.
    pub(super) lost: Lost,
}

impl Done {
    /// The members of the acknowledgement.
    pub(super) fn members(&self) -> String {
        let lost: Vec<Value> = self.lost.values.iter().map(lost_value).collect();
        inner(&json!({
            "heads": listed(&self.heads),
            "change": self.change.map(|change| change.to_string()),
            "lost": lost,
            "lostCount": self.lost.count,
            "durable": true,
        }))
    }
}

fn lost_value(lost: &doors::LostValue) -> Value {
    let mut value = json!({ "path": lost.path, "shortened": lost.shortened });
    // A value that is not there is left out: `null` is a value.
    if let Some(yours) = &lost.yours {
        value["yours"] = yours.clone();
    }
    if let Some(theirs) = &lost.theirs {
        value["theirs"] = theirs.clone();
    }
    value
}

/// Applies an edit; resolves when it is durable.
pub(super) async fn apply(gateway: Gateway, edit: Edit) -> Result<Done, Refusal> {
    let Edit { document, base, patch } = edit;
    let looked = gateway.hub.view(document.clone(), Automerge::clone).await;
    let doc = looked.map_err(|error| reply::of_view(&error))?;
    // Every edit is its own writer, so none waits for another.
    let actor = ActorId::from(*uuid::Uuid::new_v4().as_bytes());
    let writer = Writer { actor, time: gateway.clock.now(), message: None };
    let written = gateway.compute(move || {
        doors::patch(&doc, &base, &patch, &writer).map_err(|error| refused(&error, &doc.get_heads()))
    });
    let written = written.await??;
    let change = written.change().map(automerge::Change::hash);
    let bytes: Vec<Bytes> =
        written.changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
    if bytes.is_empty() {
        return Ok(Done { heads: written.after, change, lost: written.lost });
    }
    let stored = gateway.hub.submit(document, bytes).await.map_err(|error| reply::of_submit(&error))?;
    Ok(Done { heads: stored.heads, change, lost: written.lost })
}

/// Why a patch was not applied. Who read a state that this document never had is told its heads.
fn refused(error: &PatchError, present: &[ChangeHash]) -> Refusal {
    let refusal = |code| Refusal::new(code, error.to_string());
    match error {
        PatchError::UnknownHeads(_) => refusal("unknown_heads").with("heads", listed(present)),
        PatchError::NoList => refusal("bad_patch"),
        PatchError::Malformed { index, .. } => refusal("bad_patch").with("index", *index),
        PatchError::Failed { index, pointer, .. } => {
            refusal("patch_failed").with("index", *index).with("pointer", pointer.as_str())
        }
        PatchError::Document(_) => refusal("invalid_change"),
    }
}
