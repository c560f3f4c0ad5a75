//! Documents through the JSON door: list, make, show, delete, take the deletion back.
//!
//! Edit path: ← a body, → [`content`] makes changes of it, → the [`hub`](crate::hub) answers
//! when they are durable. Lists come from the store's manifests, so a page of them opens no
//! document.

use super::body::Body;
use super::parameters::{self, Parameters};
use crate::content::{self, Form, Intake};
use crate::gateway::Gateway;
use crate::gateway::reply::{self, Problem};
use dovetail_core::document::chunk::{Lifecycle, Manifest};
use dovetail_core::id::DocumentId;
use serde_json::{Value, json};
use warp::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LINK, LOCATION};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// How many documents a page lists when nobody says: what a person looks at.
const PAGE_DOCUMENTS: usize = 50;

/// How many it lists at most: some 200 kB of JSON, and a read of the store that is over in
/// a few milliseconds.
const PAGE_DOCUMENTS_MAX: usize = 500;

/// GET /api/docs: a page of documents in the order of their ids, deleted ones included.
pub(super) async fn list(gateway: Gateway, mut parameters: Parameters) -> Result<Response, Problem> {
    let after = parameters.take::<DocumentId>("after")?;
    let limit = parameters.take::<usize>("limit")?.unwrap_or(PAGE_DOCUMENTS);
    parameters.finish()?;
    if !(1..=PAGE_DOCUMENTS_MAX).contains(&limit) {
        return Err(parameters::problem(
            "limit",
            &format!("limit is a number from 1 to {PAGE_DOCUMENTS_MAX}"),
        ));
    }

    // One more than asked for tells whether there is a next page.
    let mut found =
        gateway.store.list(after.as_ref(), limit + 1).await.map_err(|error| reply::of_load(&error))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(id, _)| format!("/api/docs?after={id}&limit={limit}"));
    let documents: Vec<Value> = found.iter().map(|(id, manifest)| described(id, manifest)).collect();

    let mut response = reply::json(StatusCode::OK, &json!({ "documents": documents, "next": next }));
    if let Some(next) = next {
        put(&mut response, LINK, &format!("<{next}>; rel=\"next\""));
    }
    Ok(response)
}

/// POST /api/docs: a new document from JSON, or from a Grafana dashboard with `?import=grafana`.
pub(super) async fn create(
    gateway: Gateway,
    mut parameters: Parameters,
    body: Result<Body, Problem>,
) -> Result<Response, Problem> {
    let intake = match parameters.take::<String>("import")?.as_deref() {
        None => Intake::Json,
        Some("grafana") => Intake::Grafana,
        Some(_) => {
            return Err(parameters::problem("import", "import can be grafana, or left out for plain JSON"));
        }
    };
    parameters.finish()?;
    let body = body?;
    body.check_json()?;

    let now = gateway.clock.now();
    // The body goes along, so that its place is taken until the changes are made.
    let made = gateway.compute(move || content::new_document(&body.bytes, intake, now)).await?;
    let made = made.map_err(|error| reply::of_content(&error))?;
    let id = content::new_id();
    let manifest =
        gateway.hub.submit(id.clone(), made.changes).await.map_err(|error| reply::of_submit(&error))?;

    let mut answer = named(&id, &manifest);
    if !made.notes.is_empty() {
        answer["notes"] = made.notes.into();
    }
    let mut response = reply::json(StatusCode::CREATED, &answer);
    put(&mut response, LOCATION, &format!("/api/docs/{id}"));
    put(&mut response, ETAG, &etag(&manifest));
    Ok(response)
}

/// GET /api/docs/{id}
pub(super) async fn show_json(gateway: Gateway, id: String, headers: HeaderMap) -> Result<Response, Problem> {
    show(gateway, &id, &headers, Form::Json, "application/json").await
}

/// GET /api/docs/{id}/automerge
pub(super) async fn show_automerge(
    gateway: Gateway,
    id: String,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(gateway, &id, &headers, Form::Automerge, "application/octet-stream").await
}

/// GET /api/docs/{id}/grafana
pub(super) async fn show_grafana(
    gateway: Gateway,
    id: String,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(gateway, &id, &headers, Form::Grafana, "application/json").await
}

/// DELETE /api/docs/{id}
pub(super) async fn delete(gateway: Gateway, id: String) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    gateway.hub.delete(id).await.map_err(|error| reply::of_submit(&error))?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// POST /api/docs/{id}/undelete
pub(super) async fn undelete(gateway: Gateway, id: String) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let manifest = gateway.hub.undelete(id.clone()).await.map_err(|error| reply::of_submit(&error))?;
    Ok(reply::json(StatusCode::OK, &named(&id, &manifest)))
}

async fn show(
    gateway: Gateway,
    id: &str,
    headers: &HeaderMap,
    form: Form,
    media_type: &'static str,
) -> Result<Response, Problem> {
    let id = parsed(id)?;
    // Who has it already is answered from the manifest, without opening the document.
    if let Some(known) = headers.get(IF_NONE_MATCH) {
        let manifest = gateway.store.manifest(&id).await.map_err(|error| reply::of_load(&error))?;
        let fresh = manifest
            .filter(|manifest| manifest.lifecycle == Lifecycle::Live && knows(known, &etag(manifest)));
        if let Some(manifest) = fresh {
            return Ok(not_modified(&manifest));
        }
    }
    // The document's task gives a copy and goes on with its edits; the form is made elsewhere.
    let document =
        gateway.hub.view(id, automerge::Automerge::clone).await.map_err(|error| reply::of_view(&error))?;
    let etag = etag_of(document.get_heads());
    let shown = gateway.compute(move || content::show(&document, form)).await?;
    let shown = shown.map_err(|error| reply::of_show(&error))?;
    let mut response = Response::new(shown.into());
    put(&mut response, CONTENT_TYPE, media_type);
    put(&mut response, ETAG, &etag);
    Ok(response)
}

pub(super) fn parsed(id: &str) -> Result<DocumentId, Problem> {
    id.replace("%3A", ":").parse().map_err(|error| reply::of_id(&error))
}

fn not_modified(manifest: &Manifest) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    put(&mut response, ETAG, &etag(manifest));
    response
}

/// What a list says of a document.
fn described(id: &DocumentId, manifest: &Manifest) -> Value {
    let (state, deleted) = match manifest.lifecycle {
        Lifecycle::Live => ("live", None),
        Lifecycle::Deleted { at } => ("deleted", Some(at.as_millis())),
    };
    json!({
        "id": id.to_string(),
        "url": id.to_url(),
        "kind": manifest.kind,
        "title": manifest.title,
        "heads": heads(manifest),
        "changes": manifest.changes,
        "bytes": manifest.bytes,
        "created": manifest.created_at.as_millis(),
        "changed": manifest.changed_at.as_millis(),
        "state": state,
        "deleted": deleted,
    })
}

/// What the maker of a document needs of it.
fn named(id: &DocumentId, manifest: &Manifest) -> Value {
    json!({ "id": id.to_string(), "url": id.to_url(), "heads": heads(manifest) })
}

fn heads(manifest: &Manifest) -> Vec<String> {
    manifest.heads.iter().map(ToString::to_string).collect()
}

fn etag(manifest: &Manifest) -> String {
    etag_of(manifest.heads.clone())
}

/// The heads, sorted, with dots between them: a comma would split the header's list.
pub(super) fn etag_of(mut heads: Vec<automerge::ChangeHash>) -> String {
    heads.sort_unstable();
    let texts: Vec<String> = heads.iter().map(ToString::to_string).collect();
    format!("\"{}\"", texts.join("."))
}

/// Whether `If-None-Match` names this tag. Weak ones count: a proxy that compresses makes them weak.
fn knows(known: &HeaderValue, etag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

pub(super) fn put(response: &mut Response, name: HeaderName, value: &str) {
    let value = HeaderValue::try_from(value).expect("ids, hashes and media types are plain ASCII");
    response.headers_mut().insert(name, value);
}
