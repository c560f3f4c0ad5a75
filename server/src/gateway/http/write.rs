//! Plain JSON that merges: PUT, PATCH, and going back.
//!
//! Edit path: ← a body and the heads that its writer read, → a change made at those heads on a copy
//! of the document (`dovetail_core::doors`), → the [`hub`](crate::hub) answers when it is durable,
//! → what became of it.
//!
//! Always true: writers never wait for each other. Each has its copy, and the hub merges what they bring.
//! Only those who would rather be refused than merged (`If-Match`) take turns, so that of two who read the
//! same one is refused.

use super::body::{self, Body, Sending};
use super::documents::parsed;
use super::heads::{self, Base};
use super::idempotency::{Answer, Parts, Request};
use super::parameters::Parameters;
use super::segment::Segment;
use super::versions;
use crate::audit::Action;
use crate::conflicts;
use crate::content;
use crate::gateway::Gateway;
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::hub::SubmitError;
use automerge::{Automerge, Change, ChangeHash};
use bytes::Bytes;
use dovetail_core::document::{fits, out_of_places};
use dovetail_core::doors::{self, Lost, LostValue, PatchError, PatchFault, WriteError, Writer, Written};
use dovetail_core::grant::{EditPermit, ReadPermit};
use dovetail_core::id::DocumentId;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use warp::http::header::{HeaderMap, HeaderName, HeaderValue};
use warp::reply::Response;

/// What PATCH takes.
const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// PUT /api/docs/{id}: the document as the writer wants it.
pub(super) async fn put(
    door: Door,
    id: Segment,
    parameters: Parameters,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    let read = |body| Sent::json(Kind::Whole, body);
    write(door, "PUT /api/docs/{id}", &id, parameters, &headers, body, read).await
}

/// PATCH /api/docs/{id}: what the writer wants changed.
pub(super) async fn patch(
    door: Door,
    id: Segment,
    parameters: Parameters,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    let read = |body: Body| match body.media_type.as_deref().map(essence).as_deref() {
        Some(JSON_PATCH) => Ok(Sent::of(Kind::Patch, body)),
        Some(MERGE_PATCH) => Ok(Sent::of(Kind::MergePatch, body)),
        other => Err(no_patch(other.unwrap_or("nothing"))),
    };
    write(door, "PATCH /api/docs/{id}", &id, parameters, &headers, body, read).await
}

/// POST /api/docs/{id}/restore: the document as it was at `heads`, or as a version has it.
pub(super) async fn restore(
    door: Door,
    id: Segment,
    parameters: Parameters,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    let read = |body| Sent::json(Kind::Restore, body);
    let recording = door.clone();
    let restored = write(door, "POST /api/docs/{id}/restore", &id, parameters, &headers, body, read).await?;
    recording.record(Action::Restored, parsed(&id).ok().as_ref()).await;
    Ok(restored)
}

/// A body and what it is taken for. It holds its place among those in memory until the change is made.
#[derive(Debug)]
struct Sent {
    kind: Kind,
    bytes: Bytes,
    place: Option<Body>,
}

impl Sent {
    fn of(kind: Kind, body: Body) -> Self {
        Self { kind, bytes: body.bytes.clone(), place: Some(body) }
    }

    /// A body that has to call itself JSON.
    fn json(kind: Kind, body: Body) -> Result<Self, Problem> {
        body.check_json()?;
        Ok(Self::of(kind, body))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Patch,
    MergePatch,
    Restore,
}

/// What a body asks for.
#[derive(Debug)]
enum Wish {
    Whole(Value),
    Patch(Value),
    MergePatch(Value),
    Restore(Target),
}

/// Where POST …/restore goes back to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(default)]
    heads: Option<Vec<String>>,
    #[serde(default)]
    version: Option<String>,
}

/// Why a change was not made.
#[derive(Debug)]
enum Refused {
    Write(WriteError),
    Patch(PatchError),
    Problem(Problem),
}

async fn write(
    door: Door,
    route: &'static str,
    id: &Segment,
    mut parameters: Parameters,
    headers: &HeaderMap,
    body: Sending,
    read: impl FnOnce(Body) -> Result<Sent, Problem>,
) -> Result<Response, Problem> {
    let id = parsed(id)?;
    let is_dry = parameters.take_flag("dry_run")?;
    parameters.finish()?;
    let base = Base::of(headers)?;
    let permit = door.edit(&id).await?;
    let sent = read(door.whole(body).await?)?;
    let says = format!("{base:?} {:?}", sent.kind);
    let parts = Parts { route, document: &id.to_string(), rest: &[&says], body: &sent.bytes };
    // What stores nothing need not be remembered.
    let answers = door.gateway.answers.clone();
    let request = if is_dry { None } else { answers.request(door.who(), headers, &parts).await? };

    let gateway = door.gateway;
    let writing = Writing { gateway, id, permit, base, is_dry, request: request.clone() };
    // Several copies of a document by value: on the heap, and only while it is written.
    answers.once(request.as_ref(), Box::pin(writing.run(sent))).await
}

/// One write on its way.
#[derive(Debug)]
struct Writing {
    gateway: Gateway,
    id: DocumentId,
    permit: EditPermit,
    base: Option<Base>,
    is_dry: bool,
    request: Option<Request>,
}

impl Writing {
    async fn run(self, sent: Sent) -> Result<Answer, Problem> {
        let strict = self.base.as_ref().is_some_and(Base::is_strict) && !self.is_dry;
        let _turn = if strict { Some(self.gateway.turns.of(&self.id).await) } else { None };
        let before = view(&self.gateway, &self.permit.to_read()).await?;
        let writer = self.writer();
        let present = heads::of(&before);
        // What was written under this key before is answered, whatever the document has become.
        let is_again = self.request.is_some() && doors::written_before(&before, &writer.actor).is_some();
        let base = match (&self.base, sent.kind) {
            (_, _) if is_again => present.clone(),
            (Some(base), _) => base.heads(&present)?,
            // Going back is meant whatever others did.
            (None, Kind::Restore) => present.clone(),
            (None, _) => return Err(heads::required(&present)),
        };
        let (before, made) = self
            .gateway
            .compute(move || {
                let Sent { kind, bytes, place } = sent;
                let made = wish(kind, &bytes).map_err(Refused::Problem).and_then(|wish| {
                    drop(bytes);
                    make(&before, &base, &wish, writer)
                });
                drop(place);
                (before, made)
            })
            .await?;
        let written = made.map_err(|refused| of_refused(&refused, &present))?;
        if self.is_dry {
            self.check_places(&before, &written)?;
            self.check_room(&before, &written)?;
            return Box::pin(answer(&self.gateway, &self.id, before, Outcome::of(written), true)).await;
        }
        let outcome = submit(&self.gateway, &self.permit, written).await?;
        Box::pin(answer(&self.gateway, &self.id, before, outcome, false)).await
    }

    /// What is not stored is refused as it would be if it were.
    fn check_places(&self, before: &Automerge, written: &Written) -> Result<(), Problem> {
        let (Some(limits), Some(change)) = (self.permit.limits(), written.change()) else { return Ok(()) };
        let Some(why) = out_of_places(before, change, limits) else { return Ok(()) };
        Err(reply::of_submit(&SubmitError::Rejected { document: self.id.clone(), why }))
    }

    fn check_room(&self, before: &Automerge, written: &Written) -> Result<(), Problem> {
        let fits = fits(before, &written.changes, &self.gateway.hub.document_limits());
        fits.map_err(|why| reply::of_submit(&SubmitError::Rejected { document: self.id.clone(), why }))
    }

    fn writer(&self) -> Writer {
        let actor = self.request.as_ref().map_or_else(content::new_actor, Request::actor);
        Writer { actor, time: self.gateway.clock.now(), message: None }
    }
}

/// A copy of the document as it is stored.
pub(in crate::gateway) async fn view(gateway: &Gateway, permit: &ReadPermit) -> Result<Automerge, Problem> {
    let seen = gateway.hub.view(permit, Automerge::clone).await;
    seen.map_err(|error| reply::of_view(&error))
}

/// What became of a write that is durable, or would be.
#[derive(Debug)]
pub(in crate::gateway) struct Outcome {
    /// The document with the change in it.
    pub(in crate::gateway) after: Automerge,
    /// Its heads with the change, sorted. The document may have gone on since.
    pub(in crate::gateway) heads: Vec<ChangeHash>,
    /// The writer's change, unless all stood so already.
    pub(in crate::gateway) change: Option<ChangeHash>,
    /// What did not win.
    pub(in crate::gateway) lost: Lost,
}

impl Outcome {
    pub(super) fn of(written: Written) -> Self {
        let change = written.change().map(Change::hash);
        Self { after: written.document, heads: written.after, change, lost: written.lost }
    }
}

/// Stores what was written. Others may have written between the look at the document and this; then what
/// did not win is looked for again in what there is now.
pub(in crate::gateway) async fn submit(
    gateway: &Gateway,
    permit: &EditPermit,
    written: Written,
) -> Result<Outcome, Problem> {
    let Some(change) = written.change().cloned() else { return Ok(Outcome::of(written)) };
    let chunks = written.changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
    let submitted = gateway.hub.submit(permit.clone(), chunks).await;
    let manifest = submitted.map_err(|error| reply::of_submit(&error))?;
    let stored = heads::sorted(manifest.heads);
    if stored == written.after {
        return Ok(Outcome::of(written));
    }
    let Ok(after) = view(gateway, &permit.to_read()).await else {
        // It is stored, whoever deletes the document at the same moment: what came of it is told as far as it is known.
        return Ok(Outcome { heads: stored, ..Outcome::of(written) });
    };
    let looking = move || {
        let lost = doors::lost(&after, &stored, &change);
        Outcome { after, heads: stored, change: Some(change.hash()), lost }
    };
    gateway.compute(looking).await
}

/// What the writer is told, and which conflicts came and went between the document as it was `before` and as it is
/// with the change.
pub(super) async fn answer(
    gateway: &Gateway,
    id: &DocumentId,
    before: Automerge,
    outcome: Outcome,
    is_dry: bool,
) -> Result<Answer, Problem> {
    let etag = Some(heads::etag(&outcome.heads));
    let body = Box::pin(told(gateway, id, before, outcome, is_dry)).await?;
    Ok(Answer { status: 200, body: format!("{body}\n"), etag, location: None })
}

/// The same as JSON.
pub(super) async fn told(
    gateway: &Gateway,
    id: &DocumentId,
    before: Automerge,
    outcome: Outcome,
    is_dry: bool,
) -> Result<Value, Problem> {
    let (hub, document, now) = (gateway.hub.clone(), id.clone(), gateway.clock.now());
    let judging = move || {
        let judge = || conflicts::difference(&hub, &document, &before, &outcome.after, now);
        (outcome.change.map(|_| judge()).unwrap_or_default(), outcome)
    };
    let (conflicts, outcome) = gateway.compute(judging).await?;
    let mut body = json!({
        "id": id.to_string(),
        "url": id.to_url(),
        "heads": heads::texts(&outcome.heads),
        "change": outcome.change.map(|hash| hash.to_string()),
        "lost": outcome.lost.values.into_iter().map(lost_value).collect::<Vec<_>>(),
        "lost_count": outcome.lost.count,
        "conflicts": {
            "opened": conflicts.opened,
            "settled": conflicts.settled,
            "undecided": conflicts.undecided,
        },
    });
    if is_dry {
        body["dry_run"] = true.into();
    }
    Ok(body)
}

/// `yours` and `theirs` are left out where nothing was written or nothing stands.
pub(in crate::gateway) fn lost_value(lost: LostValue) -> Value {
    let mut shown = Map::new();
    shown.insert("path".to_owned(), lost.path.into());
    for (name, value) in [("yours", lost.yours), ("theirs", lost.theirs)] {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value);
        }
    }
    if lost.shortened {
        shown.insert("shortened".to_owned(), true.into());
    }
    shown.into()
}

fn wish(kind: Kind, bytes: &[u8]) -> Result<Wish, Problem> {
    let value = || serde_json::from_slice::<Value>(bytes).map_err(|error| reply::of_bad_json(&error));
    Ok(match kind {
        Kind::Whole => Wish::Whole(value()?),
        Kind::Patch => Wish::Patch(value()?),
        Kind::MergePatch => Wish::MergePatch(value()?),
        Kind::Restore => Wish::Restore(body::object(bytes)?),
    })
}

fn make(
    before: &Automerge,
    base: &[ChangeHash],
    wish: &Wish,
    mut writer: Writer,
) -> Result<Written, Refused> {
    match wish {
        Wish::Whole(body) => doors::put(before, base, body, &writer).map_err(Refused::Write),
        Wish::Patch(patch) => doors::patch(before, base, patch, &writer).map_err(Refused::Patch),
        Wish::MergePatch(patch) => doors::merge_patch(before, base, patch, &writer).map_err(Refused::Write),
        Wish::Restore(target) => {
            let (heads, message) = target.find(before).map_err(Refused::Problem)?;
            writer.message = Some(message);
            doors::restore(before, &heads, &writer).map_err(Refused::Write)
        }
    }
}

impl Target {
    /// The heads to go back to, and what the history says of it.
    fn find(&self, document: &Automerge) -> Result<(Vec<ChangeHash>, String), Problem> {
        match (&self.heads, &self.version) {
            (Some(texts), None) => {
                let found = heads::parse(&texts.join("."), "heads")?;
                Ok((found, "restored an earlier state".to_owned()))
            }
            (None, Some(name)) => {
                let version = versions::find(document, name)?;
                Ok((version.heads, format!("restored the version {name}")))
            }
            (None, None) => {
                Err(Problem::new(Code::BadBody, "say which state to go back to: heads, or a version"))
            }
            (Some(_), Some(_)) => Err(Problem::new(Code::BadBody, "take either heads or version")),
        }
    }
}

fn of_refused(refused: &Refused, present: &[ChangeHash]) -> Problem {
    match refused {
        Refused::Write(error) => of_write(error, present),
        Refused::Patch(error) => of_patch(error, present),
        Refused::Problem(problem) => problem.clone(),
    }
}

/// A change that was not made.
pub(super) fn of_write(error: &WriteError, present: &[ChangeHash]) -> Problem {
    match error {
        WriteError::UnknownHeads(unknown) => of_unknown_heads(unknown, present),
        WriteError::Content(reason) => reply::of_json(reason),
        WriteError::Reserved { path } => {
            Problem::new(Code::ReservedPlace, error.to_string()).with("pointer", path.as_str())
        }
        WriteError::NoteTooLong { .. } => {
            Problem::new(Code::BadBody, error.to_string()).with("pointer", "/note")
        }
        WriteError::Document(source) => of_document(source),
    }
}

/// Heads that the document does not have.
pub(super) fn of_unknown_heads(error: &doors::UnknownHeads, present: &[ChangeHash]) -> Problem {
    let problem = Problem::new(Code::UnknownHeads, format!("{error}; read the document again"));
    heads::with_heads(problem.with("unknown", heads::texts(&error.unknown)), present)
}

pub(in crate::gateway) fn of_patch(error: &PatchError, present: &[ChangeHash]) -> Problem {
    match error {
        PatchError::UnknownHeads(unknown) => of_unknown_heads(unknown, present),
        PatchError::NoList => Problem::new(Code::BadPatch, error.to_string()),
        PatchError::Malformed { index, .. } => {
            Problem::new(Code::BadPatch, error.to_string()).with("index", *index)
        }
        PatchError::Failed { index, operation, member, pointer, fault } => {
            let code = match fault {
                PatchFault::BadPointer => Code::BadPatch,
                PatchFault::Reserved => Code::ReservedPlace,
                PatchFault::TooDeep
                | PatchFault::TooLarge
                | PatchFault::CopiesTooMuch
                | PatchFault::TooFar
                | PatchFault::Root => Code::BadContent,
                PatchFault::Document(source) => return of_document(source),
                _ => Code::PatchFailed,
            };
            let problem = Problem::new(code, error.to_string()).with("index", *index);
            let problem = problem.with("operation", *operation).with("member", *member);
            heads::with_heads(problem.with("pointer", pointer.as_str()), present)
        }
        PatchError::Document(source) => of_document(source),
    }
}

fn of_document(source: &automerge::AutomergeError) -> Problem {
    tracing::error!(error = %source, "a document refused a change of ours");
    Problem::new(Code::Internal, "the change could not be made; the server's log says why")
}

fn no_patch(named: &str) -> Problem {
    let detail = format!("the body calls itself {named}; a patch is {JSON_PATCH} or {MERGE_PATCH}");
    let accepted = HeaderValue::from_static("application/json-patch+json, application/merge-patch+json");
    Problem::new(Code::UnsupportedMediaType, detail).with_header(ACCEPT_PATCH, accepted)
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
