//! Points for a widget data document.
//!
//! Edit path: ← a body of JSON or JSON lines, → [`Points`](crate::points::Points) makes few changes of what
//! many bring, → answered when they are durable.

use super::body::{Body, Sending};
use super::documents::{parsed, put};
use super::heads;
use super::segment::Segment;
use crate::gateway::door::{Door, of_denied};
use crate::gateway::reply::{self, Code, Problem};
use crate::points::{POINTS_PER_REQUEST_MAX, Receipt, Replacing};
use dovetail_core::dashboard::{BadPoint, HISTORY_BUDGET, Point, Unread, read_point};
use dovetail_core::grant::{EditPermit, May, Step};
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};
use warp::http::header::{ETAG, HeaderName};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// RFC 7240.
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

/// How the points stand in a body.
#[derive(Clone, Copy)]
enum Form {
    /// One point, or a list of points.
    Json,
    /// One point a line.
    Lines,
}

/// POST /api/docs/{id}/points
pub(super) async fn add(
    door: Door,
    id: Segment,
    headers: HeaderMap,
    body: Sending,
) -> Result<Response, Problem> {
    let document = parsed(&id)?;
    let gateway = &door.gateway;
    let permit = door.edit(&document).await?;
    let replacing = replacing(&permit);
    let permit = permit.for_points();
    let permit = permit.map_err(|denied| of_denied(&document, denied))?;
    let body = door.whole(body).await?;
    let form = form(&body)?;
    let now = gateway.clock.now();
    // The body goes along, so that its place is taken until it was read.
    let points = gateway.compute(move || read(&body.bytes, form, now)).await??;
    let accepted = points.len();
    if prefers_async(&headers) {
        gateway
            .points
            .add_later(permit, points, replacing)
            .await
            .map_err(|error| reply::of_points(&error))?;
        let answer = json!({ "accepted": accepted, "durable": false });
        let mut response = reply::json(StatusCode::ACCEPTED, &answer);
        put(&mut response, PREFERENCE_APPLIED, RESPOND_ASYNC);
        return Ok(response);
    }
    let receipt =
        gateway.points.add(permit, points, replacing).await.map_err(|error| reply::of_points(&error))?;
    Ok(shown(accepted, receipt))
}

/// Whether whoever may add points may change those that are there.
fn replacing(permit: &EditPermit) -> Replacing {
    let value = [Step::Key("points"), Step::Item, Step::Key("v")];
    let may = permit.limits().map_or(Some(May::Change), |limits| limits.at(&value));
    if may == Some(May::Change) { Replacing::Allowed } else { Replacing::Refused }
}

fn shown(accepted: usize, receipt: Receipt) -> Response {
    let Receipt { heads, points, changes, kept, unread, not_kept } = receipt;
    let mut answer = json!({
        "accepted": accepted,
        "not_kept": not_kept,
        "heads": heads.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "points": points,
        "history": { "changes": changes, "budget": HISTORY_BUDGET },
    });
    if !unread.is_empty() {
        let note =
            |unread: &Unread| format!("{unread} and counts as absent: the newest {kept} points are kept");
        answer["notes"] = unread.iter().map(note).collect::<Vec<_>>().into();
    }
    let mut response = reply::json(StatusCode::OK, &answer);
    put(&mut response, ETAG, &heads::etag(&heads::sorted(heads.to_vec())));
    response
}

fn form(body: &Body) -> Result<Form, Problem> {
    let named = body.media_type.as_deref().unwrap_or("nothing");
    let essence = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/jsonl" => Ok(Form::Lines),
        _ => {
            let detail = format!(
                "the body calls itself {named}; send points with content-type: application/json, \
                 application/x-ndjson or application/jsonl"
            );
            Err(Problem::new(Code::UnsupportedMediaType, detail))
        }
    }
}

/// Whether the caller would rather not wait.
fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).any(|one| one.trim().eq_ignore_ascii_case(RESPOND_ASYNC))
}

/// All points of a body, or why there are none: what is not taken whole is not taken.
fn read(body: &[u8], form: Form, now: Timestamp) -> Result<Vec<Point>, Problem> {
    match form {
        Form::Json => read_json(body, now),
        Form::Lines => read_lines(body, now),
    }
}

fn read_json(body: &[u8], now: Timestamp) -> Result<Vec<Point>, Problem> {
    let value: Value = serde_json::from_slice(body).map_err(|error| not_json(&error, error.line()))?;
    let Value::Array(items) = value else {
        let point = read_point(&value, now).map_err(|why| Problem::new(Code::BadPoint, why.to_string()))?;
        return Ok(vec![point]);
    };
    if items.len() > POINTS_PER_REQUEST_MAX {
        return Err(too_many());
    }
    let points = items.iter().enumerate().map(|(at, item)| {
        let bad = |why: BadPoint| Problem::new(Code::BadPoint, format!("item {at}: {why}")).with("item", at);
        read_point(item, now).map_err(bad)
    });
    points.collect()
}

fn read_lines(body: &[u8], now: Timestamp) -> Result<Vec<Point>, Problem> {
    let mut points = Vec::new();
    for (at, text) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = at + 1;
        if text.trim_ascii().is_empty() {
            continue;
        }
        if points.len() == POINTS_PER_REQUEST_MAX {
            return Err(too_many());
        }
        let value: Value = serde_json::from_slice(text).map_err(|error| not_json(&error, line))?;
        let bad =
            |why: BadPoint| Problem::new(Code::BadPoint, format!("line {line}: {why}")).with("line", line);
        points.push(read_point(&value, now).map_err(bad)?);
    }
    Ok(points)
}

fn not_json(error: &serde_json::Error, line: usize) -> Problem {
    Problem::new(Code::BadJson, format!("line {line} is not JSON: {error}"))
        .with("line", line)
        .with("column", error.column())
}

fn too_many() -> Problem {
    let detail = format!("a request may bring {POINTS_PER_REQUEST_MAX} points; send them in several");
    Problem::new(Code::BodyTooLarge, detail).with("points_max", POINTS_PER_REQUEST_MAX)
}

#[cfg(test)]
mod tests;
