//! What was done and refused, and what can be rescued of it: for administrators of the server.
//!
//! Edit path: ← a refused change lies in the quarantine, → an administrator looks at what it would do, and makes a change of
//! their own with the same operations, or throws it away.
//!
//! Always true: a refused change itself is in no document. Whoever accepts it signs for it.

use super::documents::put;
use super::parameters::{Parameters, WHOLE_MAX};
use super::segment::Segment;
use super::write::{Outcome, submit, told, view};
use crate::audit::{Action, Query};
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::quarantine::{Filter, Item, Preview, Rebased, RescueError, preview, rebased};
use crate::serial::Serial;
use dovetail_core::grant::{ReadPermit, ServerPermit};
use dovetail_core::id::{DocumentId, SubjectId};
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};
use warp::http::StatusCode;
use warp::http::header::LINK;
use warp::reply::Response;

/// How many entries or items a page has when nobody says, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 200;

/// GET /api/admin/audit: the newest first.
pub(super) async fn audit(door: Door, mut parameters: Parameters) -> Result<Response, Problem> {
    let permit = door.serve()?;
    let moment = |millis: Option<u64>| millis.map(Timestamp::from_millis);
    let query = Query {
        after: parameters.take::<Serial>("after")?,
        limit: parameters.take_number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE),
        subject: parameters.take::<SubjectId>("subject")?,
        action: parameters.take::<Action>("action")?,
        document: parameters.take::<DocumentId>("document")?,
        since: moment(parameters.take_number("since", 0..=WHOLE_MAX)?),
        until: moment(parameters.take_number("until", 0..=WHOLE_MAX)?),
    };
    parameters.finish()?;
    // What was noted a moment ago is to be seen.
    door.gateway.records.audit.flush().await;
    let page = door.gateway.records.audit.page(&permit, &query).await;
    let page = page.map_err(|error| reply::of_load(&error))?;
    let entries: Vec<Value> = page
        .entries
        .iter()
        .map(|(id, entry)| {
            let mut shown = entry.to_json();
            shown["id"] = id.to_string().into();
            shown
        })
        .collect();
    Ok(reply::json(
        StatusCode::OK,
        &json!({ "entries": entries, "next": page.next.map(|id| id.to_string()) }),
    ))
}

/// GET /api/admin/quarantine: the oldest first.
pub(super) async fn quarantine(door: Door, mut parameters: Parameters) -> Result<Response, Problem> {
    let permit = door.serve()?;
    let after = parameters.take::<Serial>("after")?;
    let limit = parameters.take_number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
    let filter = Filter { document: parameters.take("document")?, subject: parameters.take("subject")? };
    parameters.finish()?;
    // What was refused a moment ago is on its way to the store.
    door.gateway.records.quarantine.flush().await;
    let (items, next) = door.gateway.records.quarantine.list(&permit, &filter, after, limit);
    let items: Vec<Value> = items.iter().map(|item| item.to_json()).collect();
    let mut response =
        reply::json(StatusCode::OK, &json!({ "items": items, "next": next.map(|id| id.to_string()) }));
    if let Some(next) = next {
        put(
            &mut response,
            LINK,
            &format!("</api/admin/quarantine?after={next}&limit={limit}>; rel=\"next\""),
        );
    }
    Ok(response)
}

/// GET /api/admin/quarantine/{item}: what it would do.
pub(super) async fn item(door: Door, item: Segment) -> Result<Response, Problem> {
    let permit = door.serve()?;
    let found = find(&door, &permit, &item).await?;
    let document = view(&door.gateway, &read(&permit, &found)?).await?;
    let (found, seen) = door
        .gateway
        .compute(move || {
            let seen = preview(&document, &found.changes);
            (found, seen)
        })
        .await?;
    let Preview { base, patch, missing, already_there, writes_reserved } =
        seen.map_err(|error| of_rescue(&error))?;
    let mut shown = found.summary.to_json();
    shown["hashes"] = found.summary.hashes.iter().map(ToString::to_string).collect();
    shown["base"] = base.iter().map(ToString::to_string).collect();
    shown["patch"] = patch.into();
    shown["missing"] = missing.iter().map(ToString::to_string).collect();
    shown["already_there"] = already_there.into();
    shown["writes_reserved"] = writes_reserved.into();
    Ok(reply::json(StatusCode::OK, &shown))
}

/// POST /api/admin/quarantine/{item}/accept, with `?dry_run=1` to see what would become of it.
pub(super) async fn accept(
    door: Door,
    item: Segment,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let is_dry = parameters.take_flag("dry_run")?;
    parameters.finish()?;
    let permit = door.serve()?;
    let found = find(&door, &permit, &item).await?;
    let (id, kept) = (found.summary.document.clone(), found.summary.id);
    let edit = door.edit_all(&id).await?;
    let before = view(&door.gateway, &edit.to_read()).await?;
    let (before, made) = door
        .gateway
        .compute(move || {
            let made = rebased(&before, &found);
            (before, made)
        })
        .await?;
    let Rebased { written, left_out_reserved } = made.map_err(|error| of_rescue(&error))?;
    let outcome =
        if is_dry { Outcome::of(written) } else { Box::pin(submit(&door.gateway, &edit, written)).await? };
    let mut answer = Box::pin(told(&door.gateway, &id, before, outcome, is_dry)).await?;
    answer["left_out_reserved"] = left_out_reserved.into();
    if !is_dry {
        let gone = door.gateway.records.quarantine.decide(&permit, kept).await;
        gone.map_err(|error| reply::of_commit(&error))?;
        door.record(Action::QuarantineAccepted, Some(&id)).await;
    }
    Ok(reply::json(StatusCode::OK, &answer))
}

/// DELETE /api/admin/quarantine/{item}
pub(super) async fn discard(door: Door, item: Segment) -> Result<Response, Problem> {
    let permit = door.serve()?;
    let found = find(&door, &permit, &item).await?;
    let gone = door.gateway.records.quarantine.decide(&permit, found.summary.id).await;
    gone.map_err(|error| reply::of_commit(&error))?;
    door.record(Action::QuarantineDiscarded, Some(&found.summary.document)).await;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

async fn find(door: &Door, permit: &ServerPermit, item: &Segment) -> Result<Item, Problem> {
    let none = || {
        let detail = "nothing of this name is kept, or no longer; GET /api/admin/quarantine lists what is";
        Problem::new(Code::QuarantineItemNotFound, detail)
    };
    let id: Serial = item.parameter("item")?.parse().map_err(|_| none())?;
    door.gateway.records.quarantine.flush().await;
    let found = door.gateway.records.quarantine.get(permit, id).await;
    found.map_err(|error| reply::of_load(&error))?.ok_or_else(none)
}

fn read(permit: &ServerPermit, item: &Item) -> Result<ReadPermit, Problem> {
    let document = &item.summary.document;
    let grant = permit.grant(document.clone());
    grant.permit_read().map_err(|denied| crate::gateway::door::of_denied(document, denied))
}

fn of_rescue(error: &RescueError) -> Problem {
    let problem = Problem::new(Code::CannotBeRescued, error.to_string());
    match error {
        RescueError::Missing { missing } => {
            problem.with("missing", missing.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        _ => problem,
    }
}
