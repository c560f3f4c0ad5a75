//! Documents through the JSON door: list, make, show, delete, take the deletion back.
//!
//! Edit path: ← a body, → [`content`] makes changes of it, → the [`hub`](crate::hub) answers
//! when they are durable. Lists come from the store's manifests, so a page of them opens no
//! document.

use super::body::{Body, Sending};
use super::heads;
use super::idempotency::{Answer, Parts, Request};
use super::parameters::{self, Parameters};
use super::segment::Segment;
use super::{versions, write};
use crate::audit::Action;
use crate::content::{self, Form, Intake};
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::store::Listed;
use automerge::{Automerge, ChangeHash};
use dovetail_core::document::chunk::{Lifecycle, Manifest};
use dovetail_core::doors;
use dovetail_core::id::DocumentId;
use serde_json::{Value, json};
use warp::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LINK};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// How many documents a page lists when nobody says: what a person looks at.
const PAGE_DOCUMENTS: usize = 50;

/// How many it lists at most: some 200 kB of JSON, and a read of the store that is over in
/// a few milliseconds.
const PAGE_DOCUMENTS_MAX: usize = 500;

/// How many documents are read from the store at once to find those that somebody may see.
const LISTED_AT_ONCE: usize = 500;

/// How many documents one page looks through for somebody who may see some of them only: ten milliseconds. Such a page may have
/// fewer than were asked for, and another one behind it.
const OTHERS_MAX: usize = 2_000;

/// So many bytes of an id are told of a document that nobody may know of, to say how far a page has looked. An id that was
/// drawn has 16.
const CURSOR_BYTES: usize = 4;

/// Which documents are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Deleted,
    /// What is stored of it is not what was written, as far as that is known.
    Damaged,
}

impl State {
    fn read(text: &str) -> Result<Self, Problem> {
        match text {
            "live" => Ok(Self::Live),
            "deleted" => Ok(Self::Deleted),
            "damaged" => Ok(Self::Damaged),
            _ => Err(Problem::new(Code::BadParameter, "state is live, deleted or damaged")
                .with("parameter", "state")),
        }
    }
}

/// GET /api/docs: a page of documents in the order of their ids, deleted ones included.
pub(super) async fn list(door: Door, mut parameters: Parameters) -> Result<Response, Problem> {
    let after = parameters.take::<DocumentId>("after")?;
    let limit = parameters.take_number("limit", 1..=PAGE_DOCUMENTS_MAX)?.unwrap_or(PAGE_DOCUMENTS);
    let state = parameters.take::<String>("state")?;
    parameters.finish()?;
    door.person()?;
    let wanted = state.as_deref().map(State::read).transpose()?;

    let Page { found, next } = visible(&door, after, limit, wanted).await?;
    let of_state = state.map(|state| format!("&state={state}")).unwrap_or_default();
    let next = next.map(|after| format!("/api/docs?after={after}&limit={limit}{of_state}"));
    let describe = |(id, manifest): &Listed| match (wanted, manifest) {
        (Some(State::Damaged), _) | (_, Err(_)) => described_damaged(&door, id, manifest),
        (_, Ok(manifest)) => described(id, manifest),
    };
    let documents: Vec<Value> = found.iter().map(describe).collect();

    let mut response = reply::json(StatusCode::OK, &json!({ "documents": documents, "next": next }));
    if let Some(next) = next {
        put(&mut response, LINK, &format!("<{next}>; rel=\"next\""));
    }
    Ok(response)
}

/// Some documents, and behind which id there may be more.
struct Page {
    found: Vec<Listed>,
    next: Option<DocumentId>,
}

/// The next documents that somebody may see. Those of others are passed over, and no page tells how many there are.
async fn visible(
    door: &Door,
    mut after: Option<DocumentId>,
    limit: usize,
    wanted: Option<State>,
) -> Result<Page, Problem> {
    // Of all documents few are damaged or deleted, so a page of those may look through many.
    let finds_each = door.serve().is_ok() && matches!(wanted, None | Some(State::Live));
    let (mut found, mut looked) = (Vec::new(), 0);
    let began_after = after.clone();
    loop {
        let page = door.gateway.store.list(after.as_ref(), LISTED_AT_ONCE).await;
        let page = page.map_err(|error| reply::of_load(&error))?;
        looked += page.len();
        let is_last = page.len() < LISTED_AT_ONCE;
        after = page.last().map(|(id, _)| id.clone());
        for (id, manifest) in page {
            if is_shown(door, wanted, &id, &manifest).await? {
                found.push((id, manifest));
            }
        }
        // One more than asked for tells that there is a next page.
        if found.len() > limit {
            found.truncate(limit);
            let next = found.last().map(|(id, _)| id.clone());
            return Ok(Page { found, next });
        }
        if is_last {
            return Ok(Page { found, next: None });
        }
        if !finds_each
            && looked >= OTHERS_MAX
            && let Some(next) =
                looked_as_far_as(after.as_ref(), &found).filter(|next| Some(next) > began_after.as_ref())
        {
            return Ok(Page { found, next: Some(next) });
        }
    }
}

/// Whether it is one of those that are asked for, and the caller may see it. Of one whose manifest is damaged nobody knows whose it is.
async fn is_shown(
    door: &Door,
    wanted: Option<State>,
    id: &DocumentId,
    manifest: &Result<Manifest, String>,
) -> Result<bool, Problem> {
    let Ok(manifest) = manifest else {
        return Ok(wanted == Some(State::Damaged) && door.serve().is_ok());
    };
    let is_wanted = match wanted {
        None => true,
        Some(State::Live) => manifest.lifecycle == Lifecycle::Live,
        Some(State::Deleted) => manifest.lifecycle != Lifecycle::Live,
        Some(State::Damaged) => door.gateway.hub.damaged().what(id).is_some(),
    };
    Ok(is_wanted && door.grant_in(id, manifest).await?.may_read())
}

/// Where the next page begins that has looked as far as a document: at the beginning of its id, which is before all that
/// begin so, or behind what was found last. Nothing else of an id is told to whoever may not see it.
fn looked_as_far_as(last: Option<&DocumentId>, found: &[Listed]) -> Option<DocumentId> {
    let bytes = last?.as_bytes();
    let beginning = DocumentId::from_bytes(&bytes[..CURSOR_BYTES.min(bytes.len())]).ok();
    beginning.max(found.last().map(|(id, _)| id.clone()))
}

/// POST /api/docs: a new document from JSON, or from a Grafana dashboard with `?import=grafana`.
pub(super) async fn create(
    door: Door,
    mut parameters: Parameters,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    let intake = match parameters.take::<String>("import")?.as_deref() {
        None => Intake::Json,
        Some("grafana") => Intake::Grafana,
        Some(_) => {
            return Err(parameters::problem("import", "import can be grafana, or left out for plain JSON"));
        }
    };
    parameters.finish()?;
    door.check_creator()?;
    let body = door.whole(body).await?;
    body.check_json()?;

    let says = format!("{intake:?}");
    let parts = Parts { route: "POST /api/docs", document: "", rest: &[&says], body: &body.bytes };
    let answers = door.gateway.answers.clone();
    let request = answers.request(door.who(), &headers, &parts).await?;
    if let Some(request) = &request {
        // Whoever may see no longer what they made is not told again what they were told then.
        made_before(&door, &request.document()).await?;
    }
    answers.once(request.as_ref(), make(door, intake, body, request.as_ref())).await
}

async fn make(door: Door, intake: Intake, body: Body, request: Option<&Request>) -> Result<Answer, Problem> {
    let gateway = &door.gateway;
    let id = request.map_or_else(content::new_id, Request::document);
    // Whether the same request made it before, and nobody was told.
    if request.is_some()
        && let Some(manifest) = made_before(&door, &id).await?
    {
        return Ok(made(&id, &manifest, Vec::new()));
    }
    let permit = door.make(&id)?;
    let actor = request.map_or_else(content::new_actor, Request::actor);
    let now = gateway.clock.now();
    // The body goes along, so that its place is taken until the changes are made.
    let new = gateway.compute(move || content::new_document_by(actor, &body.bytes, intake, now)).await?;
    let new = new.map_err(|error| reply::of_content(&error))?;
    let manifest = gateway.hub.submit(permit, new.changes).await.map_err(|error| reply::of_submit(&error))?;
    Ok(made(&id, &manifest, new.notes))
}

/// What the same request made before, if whoever sends it may still see it.
async fn made_before(door: &Door, id: &DocumentId) -> Result<Option<Manifest>, Problem> {
    let found = door.gateway.store.manifest(id).await.map_err(|error| reply::of_load(&error))?;
    match found {
        Some(manifest) if !door.grant_in(id, &manifest).await?.may_read() => {
            let detail =
                "what this request has made is not yours to see any more; take a new key to make another";
            Err(Problem::new(Code::IdempotencyKeyReused, detail))
        }
        found => Ok(found),
    }
}

fn made(id: &DocumentId, manifest: &Manifest, notes: Vec<String>) -> Answer {
    let mut body = named(id, manifest);
    if !notes.is_empty() {
        body["notes"] = notes.into();
    }
    Answer {
        status: StatusCode::CREATED.as_u16(),
        body: format!("{body}\n"),
        etag: Some(etag(manifest)),
        location: Some(format!("/api/docs/{id}")),
    }
}

/// GET /api/docs/{id}, with `?heads=` or `?version=` as it was then.
pub(super) async fn show_json(
    door: Door,
    id: Segment,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let then = parameters.take::<String>("heads")?;
    let version = parameters.take::<String>("version")?;
    parameters.finish()?;
    match (then, version) {
        (None, None) => show(&door, &id, &headers, Form::Json, "application/json").await,
        (Some(then), None) => {
            let then = heads::parse(&then, "heads")?;
            show_past(&door, &id, &headers, move |_| Ok(then)).await
        }
        (None, Some(name)) => {
            let find = move |document: &Automerge| Ok(versions::find(document, &name)?.heads);
            show_past(&door, &id, &headers, find).await
        }
        (Some(_), Some(_)) => Err(parameters::problem("version", "take either heads or version")),
    }
}

/// The document as it was, at the heads that `find` finds in it.
async fn show_past(
    door: &Door,
    id: &Segment,
    headers: &HeaderMap,
    find: impl FnOnce(&Automerge) -> Result<Vec<ChangeHash>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let gateway = &door.gateway;
    let document = write::view(gateway, &door.read(&parsed(id)?).await?).await?;
    let present = heads::of(&document);
    let known = headers.get(IF_NONE_MATCH).cloned();
    let shown = gateway.compute(move || {
        let then = find(&document)?;
        doors::check_heads(&document, &then)
            .map_err(|unknown| write::of_unknown_heads(&unknown, &present))?;
        let tag = heads::etag(&then);
        let body =
            (!known.is_some_and(|known| knows(&known, &tag))).then(|| content::show_at(&document, &then));
        Ok::<_, Problem>((body, tag))
    });
    let (body, tag) = shown.await??;
    let mut response = match body {
        Some(body) => Response::new(body.into()),
        None => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
    };
    put(&mut response, CONTENT_TYPE, "application/json");
    put(&mut response, ETAG, &tag);
    Ok(response)
}

/// GET /api/docs/{id}/automerge
pub(super) async fn show_automerge(door: Door, id: Segment, headers: HeaderMap) -> Result<Response, Problem> {
    show(&door, &id, &headers, Form::Automerge, "application/octet-stream").await
}

/// GET /api/docs/{id}/grafana
pub(super) async fn show_grafana(door: Door, id: Segment, headers: HeaderMap) -> Result<Response, Problem> {
    show(&door, &id, &headers, Form::Grafana, "application/json").await
}

/// DELETE /api/docs/{id}
pub(super) async fn delete(door: Door, id: Segment) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let permit = door.administer(&id).await?;
    door.gateway.hub.delete(&permit).await.map_err(|error| reply::of_submit(&error))?;
    door.record(Action::Deleted, Some(permit.document())).await;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// POST /api/docs/{id}/undelete
pub(super) async fn undelete(door: Door, id: Segment) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let permit = door.administer(&id).await?;
    let manifest = door.gateway.hub.undelete(&permit).await.map_err(|error| reply::of_submit(&error))?;
    door.record(Action::Undeleted, Some(&id)).await;
    Ok(reply::json(StatusCode::OK, &named(&id, &manifest)))
}

async fn show(
    door: &Door,
    id: &Segment,
    headers: &HeaderMap,
    form: Form,
    media_type: &'static str,
) -> Result<Response, Problem> {
    let id = parsed(id)?;
    let gateway = &door.gateway;
    let permit = door.read(&id).await?;
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
        gateway.hub.view(&permit, Automerge::clone).await.map_err(|error| reply::of_view(&error))?;
    let etag = heads::etag(&heads::of(&document));
    let shown = gateway.compute(move || content::show(&document, form)).await?;
    let shown = shown.map_err(|error| reply::of_show(&error))?;
    let mut response = Response::new(shown.into());
    put(&mut response, CONTENT_TYPE, media_type);
    put(&mut response, ETAG, &etag);
    Ok(response)
}

pub(super) fn parsed(id: &Segment) -> Result<DocumentId, Problem> {
    id.text(Code::BadDocumentId)?.parse().map_err(|error| reply::of_id(&error))
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
        "heads": heads::texts(&manifest.heads),
        "changes": manifest.changes,
        "bytes": manifest.bytes,
        "created": manifest.created_at.as_millis(),
        "changed": manifest.changed_at.as_millis(),
        "state": state,
        "deleted": deleted,
    })
}

/// What a list says of a document that is damaged.
fn described_damaged(door: &Door, id: &DocumentId, manifest: &Result<Manifest, String>) -> Value {
    let manifest = manifest.as_ref();
    let known = || door.gateway.hub.damaged().what(id).unwrap_or_default();
    json!({
        "id": id.to_string(),
        "url": id.to_url(),
        "kind": manifest.ok().and_then(|manifest| manifest.kind.as_deref()),
        "title": manifest.ok().and_then(|manifest| manifest.title.as_deref()),
        "state": "damaged",
        "damage": manifest.err().cloned().unwrap_or_else(known),
    })
}

/// What the maker of a document needs of it.
pub(super) fn named(id: &DocumentId, manifest: &Manifest) -> Value {
    json!({ "id": id.to_string(), "url": id.to_url(), "heads": heads::texts(&manifest.heads) })
}

pub(super) fn etag(manifest: &Manifest) -> String {
    heads::etag(&heads::sorted(manifest.heads.clone()))
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
