//! An edit that came as a message: from a JSON Patch at some heads to a durable change.
//!
//! Edit path: ← [`session`](super::session) has read it, → the same steps as those of a PATCH over HTTP: the
//! [`doors`] make a change at the writer's heads, the hub stores it and answers when it is durable.

use super::message::{Edit, Refusal, inner};
use crate::feed::listed;
use crate::gateway::door::Door;
use crate::gateway::http::write::{lost_value, of_patch, submit, view};
use automerge::{ActorId, ChangeHash};
use dovetail_core::doors::{self, Lost, Writer};
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
    pub(super) fn members(self) -> String {
        let lost: Vec<Value> = self.lost.values.into_iter().map(lost_value).collect();
        inner(&json!({
            "heads": listed(&self.heads),
            "change": self.change.map(|change| change.to_string()),
            "lost": lost,
            "lostCount": self.lost.count,
            "durable": true,
        }))
    }
}

/// Applies an edit; resolves when it is durable.
pub(super) async fn apply(door: Door, edit: Edit) -> Result<Done, Refusal> {
    let Edit { document, base, patch } = edit;
    let permit = door.edit(&document).await?;
    let gateway = door.gateway;
    let before = view(&gateway, &permit.to_read()).await?;
    // Every edit is its own writer, so none waits for another.
    let actor = ActorId::from(*uuid::Uuid::new_v4().as_bytes());
    let writer = Writer { actor, time: gateway.clock.now(), message: None };
    let making = move || {
        let written = doors::patch(&before, &base, &patch, &writer);
        written.map_err(|error| of_patch(&error, &before.get_heads()))
    };
    let written = gateway.compute(making).await??;
    let stored = submit(&gateway, &permit, written).await?;
    Ok(Done { heads: stored.heads, change: stored.change, lost: stored.lost })
}
