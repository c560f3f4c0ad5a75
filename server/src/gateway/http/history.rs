//! What was: the history of a document, and the difference of two of its states.
//!
//! Edit path: ← a document's changes, → groups of them, page by page, and JSON Patches.
//!
//! Always true: nothing here writes, and what is computed is computed on a copy.

use super::documents::{parsed, put};
use super::heads;
use super::parameters::{self, Parameters};
use super::segment::Segment;
use super::write::{of_unknown_heads, view};
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Problem};
use dovetail_core::doors::{self, Cursor, Group};
use serde_json::{Value, json};
use warp::http::StatusCode;
use warp::http::header::{ETAG, LINK};
use warp::reply::Response;

/// How many groups a page has when nobody says: what a person looks at.
const PAGE_GROUPS: usize = 50;

/// How many it has at most: with a hundred hashes each, some 1.5 MB of JSON.
const PAGE_GROUPS_MAX: usize = 200;

/// GET /api/docs/{id}/history
pub(super) async fn history(
    door: Door,
    id: Segment,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let cursor = parameters.take::<Cursor>("cursor")?;
    let limit = parameters.take_number("limit", 1..=PAGE_GROUPS_MAX)?.unwrap_or(PAGE_GROUPS);
    parameters.finish()?;
    let gateway = &door.gateway;
    let seen = gateway.hub.with_authors(&door.read(&id).await?).await;
    let (document, authors) = seen.map_err(|error| reply::of_view(&error))?;
    let present = heads::of(&document);
    let found = gateway.compute(move || doors::history(&document, &authors, cursor.as_ref(), limit)).await?;
    let found = found.map_err(|unknown| of_unknown_heads(&unknown, &present))?;
    let next = found.next.map(|cursor| format!("/api/docs/{id}/history?cursor={cursor}&limit={limit}"));
    let groups: Vec<Value> = found.groups.iter().map(described).collect();
    let mut response = reply::json(StatusCode::OK, &json!({ "groups": groups, "next": next }));
    if let Some(next) = next {
        put(&mut response, LINK, &format!("<{next}>; rel=\"next\""));
    }
    put(&mut response, ETAG, &heads::etag(&present));
    Ok(response)
}

/// GET /api/docs/{id}/diff
pub(super) async fn diff(door: Door, id: Segment, mut parameters: Parameters) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let from = parameters.take::<String>("from")?;
    let to = parameters.take::<String>("to")?;
    parameters.finish()?;
    let from = from.ok_or_else(|| parameters::problem("from", "say from which heads on: ?from="))?;
    let from = heads::parse(&from, "from")?;
    let to = to.map(|to| heads::parse(&to, "to")).transpose()?;

    let gateway = &door.gateway;
    let document = view(gateway, &door.read(&id).await?).await?;
    let present = heads::of(&document);
    let to = to.unwrap_or_else(|| present.clone());
    let made = gateway
        .compute({
            let (from, to) = (from.clone(), to.clone());
            move || doors::diff(&document, &from, &to)
        })
        .await?;
    let patch = made.map_err(|unknown| of_unknown_heads(&unknown, &present))?;
    let answer = json!({ "from": heads::texts(&from), "to": heads::texts(&to), "patch": patch });
    let mut response = reply::json(StatusCode::OK, &answer);
    put(&mut response, ETAG, &heads::etag(&present));
    Ok(response)
}

fn described(group: &Group) -> Value {
    json!({
        "heads": heads::texts(&group.heads),
        "from": group.from.as_millis(),
        "to": group.to.as_millis(),
        "actor": group.actor.to_hex_string(),
        "author": group.author,
        "changes": group.changes,
        "messages": group.messages,
        "messages_left_out": group.messages_left_out,
        "hashes": heads::texts(&group.hashes),
    })
}
