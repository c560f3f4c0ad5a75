//! What the rules say, and what people decide about it.
//!
//! Edit path: ← a request, → [`crate::conflicts`] decides, and the [`hub`](crate::hub) answers when that is
//! durable. What is shown was judged by the document's own task, or by the sweep.
//!
//! Always true: conflicts that only operators are told of (`audit`) are shown to whoever asks for them by name.

use super::body::Sending;
use super::documents::{etag, named, parsed, put};
use super::parameters::{self, Parameters, WHOLE_MAX};
use super::segment::Segment;
use crate::audit::Action;
use crate::conflicts::{self, DecideError, Decided};
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::inbox::{Filter, Item, Place};
use dovetail_core::id::DocumentId;
use dovetail_core::rules::{Conflict, Mode, State, Waiver};
use dovetail_core::time::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use warp::http::StatusCode;
use warp::http::header::{ETAG, LINK};
use warp::reply::Response;

/// How many conflicts a page of the inbox has when nobody says, and at most: 500 KiB of JSON.
const PAGE_CONFLICTS: usize = 50;
const PAGE_CONFLICTS_MAX: usize = 500;

/// How many conflicts one page of the inbox looks through for somebody who may see some of them only.
const OTHERS_MAX: usize = 2_000;

/// GET /api/docs/{id}/conflicts: open and waived ones; settled ones when asked for.
pub(super) async fn of_document(
    door: Door,
    id: Segment,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let states = take_state(&mut parameters)?;
    let mode = take_mode(&mut parameters)?;
    parameters.finish()?;
    let id = parsed(&id)?;
    let gateway = &door.gateway;
    let seen = gateway.hub.conflicts(&door.read(&id).await?).await.map_err(|error| reply::of_view(&error))?;
    let open_since = gateway.hub.inbox().open_since(&id);
    let report = seen.verdict.as_ref().map(|verdict| verdict.report.clone()).unwrap_or_default();
    let wanted = |conflict: &&Conflict| {
        states.contains(&conflict.state) && mode.is_none_or(|mode| conflict.mode == mode)
    };
    let conflicts: Vec<Value> = (report.conflicts.iter().chain(&seen.settled))
        .filter(wanted)
        .map(|conflict| shown(conflict, &open_since))
        .collect();
    let rules =
        seen.verdict.as_ref().map(|verdict| json!({"kind": verdict.kind, "version": verdict.version}));
    let heads: Vec<String> = seen.heads.iter().map(ToString::to_string).collect();
    let answer = json!({
        "conflicts": conflicts,
        "undecided": report.undecided,
        "beyond": report.beyond,
        "rules": rules,
        "heads": heads,
    });
    Ok(reply::json(StatusCode::OK, &answer))
}

/// GET /api/docs/{id}/conflicts/{conflict}
pub(super) async fn one(door: Door, id: Segment, conflict: Segment) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let conflict = conflict.parameter("conflict")?;
    let gateway = &door.gateway;
    let seen = gateway.hub.conflicts(&door.read(&id).await?).await.map_err(|error| reply::of_view(&error))?;
    let report = seen.verdict.as_ref().map(|verdict| verdict.report.clone()).unwrap_or_default();
    let mut all = report.conflicts.iter().chain(&seen.settled);
    let Some(found) = all.find(|known| known.id == conflict) else {
        let detail = format!("there is no conflict {conflict:?} in this document, or no longer");
        return Err(Problem::new(Code::ConflictNotFound, detail).with("document", id.to_string()));
    };
    Ok(reply::json(StatusCode::OK, &shown(found, &gateway.hub.inbox().open_since(&id))))
}

/// What it takes to settle a conflict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    proposal: String,
    by: Option<String>,
}

/// POST /api/docs/{id}/conflicts/{conflict}/settle
pub(super) async fn settle(
    door: Door,
    id: Segment,
    conflict: Segment,
    body: Sending,
) -> Result<Response, Problem> {
    let (id, conflict) = which(&id, &conflict)?;
    let permit = door.edit_all(&id).await?;
    let Settle { proposal, by } = door.whole(body).await?.read()?;
    let proposal = proposal.parse().map_err(|error| Problem::new(Code::BadBody, format!("{error}")))?;
    let by = door.signs(by);
    told(
        &door,
        &id,
        Action::ConflictSettled,
        conflicts::settle(&door.gateway.hub, permit, conflict, proposal, by).await,
    )
    .await
}

/// What it takes to waive one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waive {
    reason: String,
    #[serde(default, deserialize_with = "moment")]
    until: Option<Timestamp>,
    by: Option<String>,
}

/// Milliseconds since the Unix epoch, or nothing.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let until = Value::deserialize(deserializer)?;
    let millis = until.as_u64().filter(|millis| *millis <= WHOLE_MAX);
    match millis {
        None if !until.is_null() => {
            Err(D::Error::custom("until is a whole number of milliseconds since 1970, or left out"))
        }
        millis => Ok(millis.map(Timestamp::from_millis)),
    }
}

/// POST /api/docs/{id}/conflicts/{conflict}/waive
pub(super) async fn waive(
    door: Door,
    id: Segment,
    conflict: Segment,
    body: Sending,
) -> Result<Response, Problem> {
    let (id, conflict) = which(&id, &conflict)?;
    let permit = door.edit_all(&id).await?;
    let Waive { reason, until, by } = door.whole(body).await?.read()?;
    let waiver = Waiver { reason, by: door.signs(by), until };
    let now = door.gateway.clock.now();
    told(
        &door,
        &id,
        Action::ConflictWaived,
        conflicts::waive(&door.gateway.hub, permit, conflict, waiver, now).await,
    )
    .await
}

/// Nothing is needed to take a waiver back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unwaive {}

/// POST /api/docs/{id}/conflicts/{conflict}/unwaive
pub(super) async fn unwaive(
    door: Door,
    id: Segment,
    conflict: Segment,
    body: Sending,
) -> Result<Response, Problem> {
    let (id, conflict) = which(&id, &conflict)?;
    let permit = door.edit_all(&id).await?;
    let Unwaive {} = door.whole(body).await?.read()?;
    let now = door.gateway.clock.now();
    told(
        &door,
        &id,
        Action::ConflictUnwaived,
        conflicts::unwaive(&door.gateway.hub, permit, conflict, now).await,
    )
    .await
}

/// GET /api/conflicts: those of all documents, as they were last judged.
pub(super) async fn inbox(door: Door, mut parameters: Parameters) -> Result<Response, Problem> {
    let gateway = &door.gateway;
    let mut filter = Filter {
        kind: parameters.take("kind")?,
        rule: parameters.take("rule")?,
        state: take_inbox_state(&mut parameters)?,
        mode: take_mode(&mut parameters)?,
        open_before: None,
    };
    if let Some(seconds) = parameters.take_number("older_than", 0..=WHOLE_MAX)? {
        let now = gateway.clock.now().as_millis();
        let age = Duration::from_secs(seconds).as_millis();
        let age = u64::try_from(age).unwrap_or(u64::MAX);
        filter.open_before = Some(Timestamp::from_millis(now.saturating_sub(age)));
    }
    let after = parameters.take::<String>("after")?.map(|text| place(&text)).transpose()?;
    let limit = parameters.take_number("limit", 1..=PAGE_CONFLICTS_MAX)?.unwrap_or(PAGE_CONFLICTS);
    parameters.finish()?;
    door.person()?;

    let (items, next) = visible(&door, &filter, after, limit).await?;
    let next = next.map(|place| next_page(&filter, &place, limit, gateway.clock.now()));
    let conflicts: Vec<Value> = items.iter().map(listed).collect();
    let swept = *gateway.conflicts.swept.borrow();
    // How many others have is theirs to know.
    let counts = door.serve().is_ok().then(|| {
        let counts = gateway.hub.inbox().counts();
        json!({
            "documents": counts.documents,
            "open": counts.open,
            "waived": counts.waived,
            "undecided": counts.undecided,
            "unread": swept.unread,
        })
    });
    let answer = json!({
        "conflicts": conflicts,
        "next": next,
        "complete": swept.is_complete,
        "counts": counts,
    });
    let mut response = reply::json(StatusCode::OK, &answer);
    if let Some(next) = next {
        put(&mut response, LINK, &format!("<{next}>; rel=\"next\""));
    }
    Ok(response)
}

/// The next conflicts of documents that somebody may see, and where the next page begins. One page looks through a
/// bounded number of others' conflicts, so it may have fewer than asked for and a page behind it. It then ends where
/// that names no document: where the page begins is told, and an id is a secret.
async fn visible(
    door: &Door,
    filter: &Filter,
    mut after: Option<Place>,
    wanted: usize,
) -> Result<(Vec<Item>, Option<Place>), Problem> {
    let inbox = door.gateway.hub.inbox();
    if door.serve().is_ok() {
        return Ok(inbox.list(filter, after.as_ref(), wanted));
    }
    let mut visible = Vec::new();
    let mut looked = 0;
    let mut known: Option<(DocumentId, bool)> = None;
    loop {
        let (items, next) = inbox.list(filter, after.as_ref(), wanted - visible.len());
        for item in items {
            if looked >= OTHERS_MAX
                && let Some((last, _)) = &known
                && let Some(place) = Place::between(last, &item.document)
            {
                return Ok((visible, Some(place)));
            }
            looked += 1;
            let may = match &known {
                Some((document, may)) if *document == item.document => *may,
                _ => door.grant(&item.document).await?.may_read(),
            };
            known = Some((item.document.clone(), may));
            visible.extend(may.then_some(item));
        }
        after = next;
        if after.is_none() || visible.len() == wanted {
            return Ok((visible, after));
        }
    }
}

/// A conflict as it is shown, with the time since when it has stood open.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    conflict: &'a Conflict,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_since: Option<Timestamp>,
}

fn shown(conflict: &Conflict, open_since: &BTreeMap<String, Timestamp>) -> Value {
    to_json(conflict, open_since.get(&conflict.id).copied())
}

fn to_json(conflict: &Conflict, open_since: Option<Timestamp>) -> Value {
    serde_json::to_value(Shown { conflict, open_since }).expect("a conflict has text keys only")
}

fn listed(item: &Item) -> Value {
    let mut shown = to_json(&item.conflict, item.open_since);
    shown["document"] = item.document.to_string().into();
    shown["kind"] = item.kind.clone().into();
    shown
}

/// Which conflict of which document is decided.
fn which(id: &Segment, conflict: &Segment) -> Result<(DocumentId, String), Problem> {
    Ok((parsed(id)?, conflict.parameter("conflict")?.to_owned()))
}

/// What whoever decided is told.
async fn told(
    door: &Door,
    id: &DocumentId,
    action: Action,
    decided: Result<Decided, DecideError>,
) -> Result<Response, Problem> {
    let decided = decided.map_err(|error| reply::of_decision(&error))?;
    door.record(action, Some(id)).await;
    let mut answer = named(id, &decided.manifest);
    answer["conflict"] = to_json(&decided.conflict, None);
    let mut response = reply::json(StatusCode::OK, &answer);
    put(&mut response, ETAG, &etag(&decided.manifest));
    Ok(response)
}

fn take_state(parameters: &mut Parameters) -> Result<Vec<State>, Problem> {
    match parameters.take::<String>("state")?.as_deref() {
        None => Ok(vec![State::Open, State::Waived]),
        Some("all") => Ok(vec![State::Open, State::Waived, State::Settled]),
        Some("open") => Ok(vec![State::Open]),
        Some("waived") => Ok(vec![State::Waived]),
        Some("settled") => Ok(vec![State::Settled]),
        Some(_) => Err(parameters::problem("state", "state is open, waived, settled or all")),
    }
}

/// What is settled is no longer in the inbox.
fn take_inbox_state(parameters: &mut Parameters) -> Result<Option<State>, Problem> {
    match parameters.take::<String>("state")?.as_deref() {
        None => Ok(None),
        Some("open") => Ok(Some(State::Open)),
        Some("waived") => Ok(Some(State::Waived)),
        Some(_) => {
            let detail = "state is open or waived, or left out for both; GET /api/docs/{id}/conflicts has the \
                          settled ones of a document";
            Err(parameters::problem("state", detail))
        }
    }
}

/// Those that editors are told of, unless others are named.
fn take_mode(parameters: &mut Parameters) -> Result<Option<Mode>, Problem> {
    match parameters.take::<String>("mode")?.as_deref() {
        None | Some("surface") => Ok(Some(Mode::Surface)),
        Some("audit") => Ok(Some(Mode::Audit)),
        Some("all") => Ok(None),
        Some(_) => Err(parameters::problem("mode", "mode is surface, audit or all")),
    }
}

fn place(text: &str) -> Result<Place, Problem> {
    let bad = || parameters::problem("after", "after is taken from the page before, as it stands in next");
    let (document, passed) = text.split_once('.').ok_or_else(bad)?;
    let document = document.parse().map_err(|_| bad())?;
    Ok(Place { document, passed: passed.parse().map_err(|_| bad())? })
}

/// The same question, for what comes behind.
fn next_page(filter: &Filter, place: &Place, limit: usize, now: Timestamp) -> String {
    let mut next = format!("/api/conflicts?after={}.{}&limit={limit}", place.document, place.passed);
    let mut add = |name: &str, value: &str| next.push_str(&format!("&{name}={}", encoded(value)));
    if let Some(kind) = &filter.kind {
        add("kind", kind);
    }
    if let Some(rule) = &filter.rule {
        add("rule", rule);
    }
    match filter.state {
        None => {}
        Some(State::Open) => add("state", "open"),
        Some(State::Waived) => add("state", "waived"),
        Some(State::Settled) => add("state", "settled"),
    }
    match filter.mode {
        Some(Mode::Surface) => {}
        Some(Mode::Audit) => add("mode", "audit"),
        None => add("mode", "all"),
    }
    if let Some(before) = filter.open_before {
        add("older_than", &now.since(before).as_secs().to_string());
    }
    next
}

/// Everything that is no letter or digit as `%XX`.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
