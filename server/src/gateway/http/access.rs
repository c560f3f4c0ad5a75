//! Who may do what: with one document, and with all of a kind.
//!
//! Edit path: ← what an administrator of the document wants, → the [`hub`](crate::hub) answers when it is durable, and
//! from then on it holds, on connections that are open too.
//!
//! Always true: the secret of a link is told once, to whoever has it made, and kept nowhere.

use super::body::Sending;
use super::documents::parsed;
use super::segment::Segment;
use crate::audit::Action;
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Problem};
use dovetail_core::grant::{Access, LINK_PREFIX, LinkHash, LinkId, Policy};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, HeaderValue};
use warp::reply::Response;

/// GET /api/docs/{id}/access: what whoever asks may do, and, to its administrators, who else may do what.
pub(super) async fn show(door: Door, id: Segment) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let grant = door.grant(&id).await?;
    door.read(&id).await?;
    let manifest = door.gateway.store.manifest(&id).await.map_err(|error| reply::of_load(&error))?;
    let Some(manifest) = manifest else { return Err(door.no_such(&id)) };
    let mut answer = json!({
        "id": id.to_string(),
        "role": grant.role().as_str(),
        "paths": grant.limits().map(|limits| limits.to_json()),
        "until": grant.until().map(|until| until.as_millis()),
        "owner": manifest.access.owner.as_ref().map(|owner| owner.as_str()),
        "grants": null,
    });
    if grant.permit_admin().is_ok() {
        answer["grants"] = manifest.access.to_json()["grants"].take();
    }
    Ok(unstored(reply::json(StatusCode::OK, &answer)))
}

/// PUT /api/docs/{id}/access
pub(super) async fn replace(door: Door, id: Segment, body: Sending) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let permit = door.administer(&id).await?;
    let wanted: Value = door.whole(body).await?.read()?;
    let manifest = door.gateway.store.manifest(&id).await.map_err(|error| reply::of_load(&error))?;
    let Some(manifest) = manifest else { return Err(door.no_such(&id)) };
    let mut links = Map::new();
    let new_link = || {
        let secret = new_secret();
        let hash = LinkHash::of_secret(&secret);
        links.insert(LinkId::of(&hash).to_string(), secret.into());
        hash
    };
    let access = Access::read(&wanted, &manifest.access, new_link).map_err(|bad| reply::of_access(&bad))?;
    let access = Arc::new(access);
    let stored = door.gateway.hub.set_access(&permit, access.clone()).await;
    stored.map_err(|error| reply::of_submit(&error))?;
    door.record(Action::AccessChanged, Some(&id)).await;
    let mut answer = access.to_json();
    answer["id"] = id.to_string().into();
    answer["links"] = links.into();
    Ok(unstored(reply::json(StatusCode::OK, &answer)))
}

/// GET /api/access: rights for whole kinds of documents.
pub(super) async fn show_policy(door: Door) -> Result<Response, Problem> {
    door.serve()?;
    Ok(unstored(reply::json(StatusCode::OK, &json!({ "kinds": door.gateway.hub.policy().to_json() }))))
}

/// PUT /api/access
pub(super) async fn replace_policy(door: Door, body: Sending) -> Result<Response, Problem> {
    let permit = door.serve()?;
    let wanted: Value = door.whole(body).await?.read()?;
    let kinds = wanted.get("kinds").unwrap_or(&Value::Null);
    let policy = Policy::read(kinds).map_err(|bad| reply::of_access(&bad))?;
    let shown = json!({ "kinds": policy.to_json() });
    let stored = door.gateway.hub.set_policy(&permit, policy).await;
    stored.map_err(|error| reply::of_commit(&error))?;
    door.record(Action::PolicyChanged, None).await;
    Ok(unstored(reply::json(StatusCode::OK, &shown)))
}

/// 244 bits drawn by lot, in letters that pass everywhere.
fn new_secret() -> String {
    let drawn =
        Sha256::new().chain_update(uuid::Uuid::new_v4()).chain_update(uuid::Uuid::new_v4()).finalize();
    let hex: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{LINK_PREFIX}{hex}")
}

fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
