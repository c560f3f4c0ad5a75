//! Who may do what: with one document, and with all of a kind.
//!
//! Edit path: ← what an administrator of the document wants, → the [`hub`](crate::hub) answers when it is durable, and
//! from then on it holds, on connections that are open too.
//!
//! Always true: the secret of a link is told once, to whoever has it made, and kept nowhere.

use super::body::Sending;
use super::documents::{parsed, put};
use super::heads;
use super::segment::Segment;
use crate::audit::Action;
use crate::gateway::door::{Door, of_denied};
use crate::gateway::reply::{self, Code, Problem};
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::{Access, Kind, LINK_PREFIX, LinkHash, LinkId, Policy};
use dovetail_core::id::DocumentId;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use warp::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_MATCH};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// Bytes of a hash in an `ETag`: nobody draws the same twice.
const TAG_BYTES: usize = 16;

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
        "follows": null,
    });
    if grant.permit_admin().is_err() {
        return Ok(unstored(reply::json(StatusCode::OK, &answer)));
    }
    answer["grants"] = manifest.access.to_json()["grants"].take();
    answer["follows"] = manifest.access.follows.as_ref().map(ToString::to_string).into();
    Ok(tagged(unstored(reply::json(StatusCode::OK, &answer)), &manifest.access))
}

/// PUT /api/docs/{id}/access
pub(super) async fn replace(
    door: Door,
    id: Segment,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    door.administer(&id).await?;
    let wanted: Value = door.whole(body).await?.read()?;
    // Behind the body, so that nobody waits for one that is slow. From here to its end one replaces at a time: what is looked at
    // is what is replaced, the right to do it included.
    let _turn = door.gateway.turns.of(&id).await;
    let manifest = door.gateway.store.manifest(&id).await.map_err(|error| reply::of_load(&error))?;
    let Some(manifest) = manifest else { return Err(door.no_such(&id)) };
    let permit =
        door.grant_in(&id, &manifest).await?.permit_admin().map_err(|denied| of_denied(&id, denied))?;
    check_match(&headers, &manifest.access)?;
    let mut links = Map::new();
    let new_link = || {
        let secret = new_secret();
        let hash = LinkHash::of_secret(&secret);
        links.insert(LinkId::of(&hash).to_string(), secret.into());
        hash
    };
    let access = Access::read(&wanted, &manifest.access, new_link).map_err(|bad| reply::of_access(&bad))?;
    check_owner(&door, &id, &manifest, &access)?;
    check_follows(&door, &id, &manifest.access, &access).await?;
    let access = Arc::new(access);
    let stored = door.gateway.hub.set_access(&permit, access.clone()).await;
    stored.map_err(|error| reply::of_submit(&error))?;
    door.record(Action::AccessChanged, Some(&id)).await;
    let mut answer = access.to_json();
    answer["id"] = id.to_string().into();
    answer["follows"] = access.follows.as_ref().map(ToString::to_string).into();
    answer["links"] = links.into();
    Ok(tagged(unstored(reply::json(StatusCode::OK, &answer)), &access))
}

/// An owner is who made the document or took it over: what counts for somebody is given to nobody who does not want it, and to
/// nobody who is not there. Administrators of the server may do either.
fn check_owner(door: &Door, id: &DocumentId, before: &Manifest, wanted: &Access) -> Result<(), Problem> {
    let who = door.who();
    if wanted.owner == before.access.owner || door.serve().is_ok() {
        return Ok(());
    }
    if who.kind == Kind::Person && wanted.owner.as_ref() == Some(&who.subject) {
        let room = door.gateway.hub.check_taking_over(who, before);
        return room.map_err(|over| reply::of_quota(&over));
    }
    let detail = "a document is not given away, it is taken over: grant its next owner the role admin, and they put \
                  their own name here; other owners are set by the administrators of the server";
    Err(Problem::new(Code::Forbidden, detail).with("pointer", "/owner").with("document", id.to_string()))
}

/// A document follows one that whoever says so may see: an id alone opens nothing, and nobody learns by this what there is.
async fn check_follows(
    door: &Door,
    id: &DocumentId,
    before: &Access,
    wanted: &Access,
) -> Result<(), Problem> {
    let Some(follows) = wanted.follows.as_ref().filter(|_| wanted.follows != before.follows) else {
        return Ok(());
    };
    if follows == id {
        return Err(bad_follows("a document does not follow itself"));
    }
    if door.grant(follows).await?.may_read() {
        return Ok(());
    }
    Err(bad_follows("there is no such document, or none that you may see"))
}

fn bad_follows(detail: &str) -> Problem {
    Problem::new(Code::BadAccess, detail).with("pointer", "/follows")
}

/// Whether this is what a writer with `If-Match` has read.
fn check_match(headers: &HeaderMap, present: &Access) -> Result<(), Problem> {
    let Some(wanted) = heads::text(headers, &IF_MATCH, "If-Match")? else { return Ok(()) };
    let present = tag(present);
    // A proxy that compresses makes every tag weak.
    let mut tags = wanted.split(',').map(str::trim).map(|one| one.strip_prefix("W/").unwrap_or(one));
    if tags.any(|one| one == "*" || one == present) {
        return Ok(());
    }
    let detail = "who may do what has changed since; read it again, and send If-Match with its ETag";
    let present = HeaderValue::try_from(present).expect("hexadecimal digits are plain ASCII");
    Err(Problem::new(Code::PreconditionFailed, detail).with_header(ETAG, present))
}

/// What stands of who may do what, as one word. Whoever may not read all of it gets none: a guess could be held to it.
fn tag(access: &Access) -> String {
    let hash = Sha256::digest(access.to_stored());
    let hex: String = hash.iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

fn tagged(mut response: Response, access: &Access) -> Response {
    put(&mut response, ETAG, &tag(access));
    response
}

/// GET /api/access: rights for whole kinds of documents, and who is blocked.
pub(super) async fn show_policy(door: Door) -> Result<Response, Problem> {
    door.serve()?;
    Ok(shown(&door.gateway.hub.policy()))
}

/// PUT /api/access. What is left out stays.
pub(super) async fn replace_policy(door: Door, body: Sending) -> Result<Response, Problem> {
    let permit = door.serve()?;
    let Wanted { kinds, blocked } = door.whole(body).await?.read()?;
    if kinds.is_none() && blocked.is_none() {
        return Err(Problem::new(
            Code::BadBody,
            "say which kinds have rights (kinds), who is blocked (blocked), or both",
        ));
    }
    // One replaces at a time, or one of two who leave something out would take back what the other wrote.
    let _turn = door.gateway.policy_turn.lock().await;
    let mut policy = Policy::clone(&door.gateway.hub.policy());
    if let Some(kinds) = kinds {
        let kinds = Policy::read(&kinds).map_err(|bad| reply::of_access(&bad))?.kinds;
        policy = Policy { kinds, ..policy };
    }
    if let Some(blocked) = blocked {
        policy = policy.blocking(&blocked).map_err(|bad| reply::of_access(&bad))?;
    }
    check_not_oneself(&door, &policy)?;
    let answer = shown(&policy);
    let now_blocked = policy.blocked.clone();
    let stored = door.gateway.hub.set_policy(&permit, policy).await;
    stored.map_err(|error| reply::of_commit(&error))?;
    door.gateway.people.send_away(now_blocked.iter());
    door.record(Action::PolicyChanged, None).await;
    Ok(answer)
}

/// Who blocks themselves could not take it back.
fn check_not_oneself(door: &Door, policy: &Policy) -> Result<(), Problem> {
    if policy.blocks(door.who()) {
        return Err(Problem::new(Code::BadAccess, "nobody blocks themselves").with("pointer", "/blocked"));
    }
    Ok(())
}

/// What an administrator wants rights for kinds to be, and who is to be blocked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kinds: Option<Value>,
    blocked: Option<Value>,
}

fn shown(policy: &Policy) -> Response {
    let shown = json!({ "kinds": policy.to_json(), "blocked": policy.blocked_json() });
    unstored(reply::json(StatusCode::OK, &shown))
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
