//! States that somebody named.
//!
//! Edit path: ← a name and heads, → an entry in the document itself, so that names sync like all else.
//!
//! Always true: to name what has the name already writes nothing, so a PUT may come twice.

use super::body::Sending;
use super::documents::{parsed, put as put_header};
use super::heads;
use super::segment::Segment;
use super::write::{of_write, submit, view};
use crate::content;
use crate::gateway::Gateway;
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use automerge::Automerge;
use dovetail_core::authors::Authors;
use dovetail_core::doors::{self, Version, VersionName, Writer, Written};
use dovetail_core::grant::ReadPermit;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use warp::http::StatusCode;
use warp::http::header::ETAG;
use warp::reply::Response;

/// What a PUT may say of a version. All of it may be left out: the present state, by nobody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    heads: Option<Vec<String>>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// GET /api/docs/{id}/versions
pub(super) async fn list(door: Door, id: Segment) -> Result<Response, Problem> {
    let gateway = &door.gateway;
    let (document, authors) = signed(gateway, &door.read(&parsed(&id)?).await?).await?;
    let present = heads::of(&document);
    let found = gateway.compute(move || doors::versions(&document, &authors)).await?;
    let listed: Vec<Value> = found.iter().map(|(name, version)| described(name, version)).collect();
    let mut response = reply::json(StatusCode::OK, &json!({ "versions": listed }));
    put_header(&mut response, ETAG, &heads::etag(&present));
    Ok(response)
}

/// GET /api/docs/{id}/versions/{name}
pub(super) async fn show(door: Door, id: Segment, name: Segment) -> Result<Response, Problem> {
    let gateway = &door.gateway;
    let (document, authors) = signed(gateway, &door.read(&parsed(&id)?).await?).await?;
    let name = name_of(&name)?;
    let found = gateway
        .compute({
            let name = name.clone();
            move || doors::versions(&document, &authors).remove(name.as_str())
        })
        .await?
        .ok_or_else(|| none(name.as_str()))?;
    Ok(reply::json(StatusCode::OK, &described(name.as_str(), &found)))
}

/// PUT /api/docs/{id}/versions/{name}
pub(super) async fn put(door: Door, id: Segment, name: Segment, body: Sending) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let name: VersionName = name_of(&name)?;
    let gateway = &door.gateway;
    let permit = door.edit_all(&id).await?;
    let given: Given = door.whole(body).await?.read()?;
    let of = given.heads.map(|texts| heads::parse(&texts.join("."), "heads")).transpose()?;
    let document = view(gateway, &permit.to_read()).await?;
    let present = heads::of(&document);
    let now = gateway.clock.now();
    let writer = Writer { actor: content::new_actor(), time: now, message: None };
    let heads_of_version = of.unwrap_or_else(|| present.clone());
    let version = Version { heads: heads_of_version, at: now, by: door.signs(given.by), note: given.note };
    let made = gateway.compute({
        let name = name.clone();
        move || doors::name_version(&document, &name, &version, &writer)
    });
    let written = made.await?.map_err(|error| of_write(&error, &present))?;
    // Whoever asks is the author of what is written now, and that is in nobody's books yet.
    let named = doors::versions(&written.document, &Authors::default()).remove(name.as_str());
    let outcome = submit(gateway, &permit, written).await?;
    let mut told = named.map_or(Value::Null, |version| described(name.as_str(), &version));
    told["document_heads"] = heads::texts(&outcome.heads).into();
    let mut response = reply::json(StatusCode::OK, &told);
    put_header(&mut response, ETAG, &heads::etag(&outcome.heads));
    Ok(response)
}

/// DELETE /api/docs/{id}/versions/{name}
pub(super) async fn delete(door: Door, id: Segment, name: Segment) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let name = name_of(&name)?;
    let gateway = &door.gateway;
    let permit = door.edit_all(&id).await?;
    let document = view(gateway, &permit.to_read()).await?;
    let present = heads::of(&document);
    let writer = Writer { actor: content::new_actor(), time: gateway.clock.now(), message: None };
    let made = gateway.compute({
        let name = name.clone();
        move || doors::remove_version(&document, &name, &writer)
    });
    let written: Option<Written> = made.await?.map_err(|error| of_write(&error, &present))?;
    let outcome = submit(gateway, &permit, written.ok_or_else(|| none(name.as_str()))?).await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    put_header(&mut response, ETAG, &heads::etag(&outcome.heads));
    Ok(response)
}

/// The version of this name, whose heads the document has.
pub(super) fn find(document: &Automerge, name: &str) -> Result<Version, Problem> {
    let name: VersionName = name.parse().map_err(|error| bad_name(&error))?;
    doors::versions(document, &Authors::default()).remove(name.as_str()).ok_or_else(|| none(name.as_str()))
}

/// A copy of the document, and whose its actors are.
async fn signed(gateway: &Gateway, permit: &ReadPermit) -> Result<(Automerge, Arc<Authors>), Problem> {
    gateway.hub.with_authors(permit).await.map_err(|error| reply::of_view(&error))
}

/// A name as it stands in a path.
fn name_of(name: &Segment) -> Result<VersionName, Problem> {
    name.text(Code::BadVersionName)?.parse().map_err(|error| bad_name(&error))
}

fn bad_name(error: &doors::BadVersionName) -> Problem {
    Problem::new(Code::BadVersionName, error.to_string())
}

fn none(name: &str) -> Problem {
    Problem::new(Code::VersionNotFound, format!("this document has no version {name:?}"))
}

fn described(name: &str, version: &Version) -> Value {
    json!({
        "name": name,
        "heads": heads::texts(&version.heads),
        "at": version.at.as_millis(),
        "by": version.by,
        "note": version.note,
    })
}
