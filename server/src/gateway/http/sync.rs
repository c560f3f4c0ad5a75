//! Sync over plain HTTP: what a client does is told in `docs/PROTOCOL-HTTP.md`.
//!
//! Edit path: ← a body of frames, → its session's task in [`poll`](mod@poll). And back: ← the frames that the
//! session keeps, → the answer to a poll.

use super::body::{Body, Sending};
use super::heads::once;
use super::parameters::{self, Parameters, WHOLE_MAX};
use super::segment::Segment;
use crate::audit::Action;
use crate::gateway::Gateway;
use crate::gateway::door::{Door, joined};
use crate::gateway::poll::{self, Page, Token};
use crate::gateway::reply::{self, Code, Problem};
use dovetail_core::wire;
use serde_json::json;
use std::str::FromStr;
use std::time::Duration;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

/// RFC 8742.
const CBOR_SEQUENCE: &str = "application/cbor-seq";

/// Frames in one body. As many answers may wait for a peer; a client that opens more documents than
/// that sends them in several posts.
pub(crate) const FRAMES_MAX: usize = 1_024;

/// How long a post that asks for frames waits for them when it does not say: storing an edit takes some
/// milliseconds, and then its answer is there. So a small exchange takes one round trip.
const POST_WAIT: Duration = Duration::from_millis(50);

/// The number of a post, from 1.
const SEQ: HeaderName = HeaderName::from_static("dovetail-seq");

/// The number of the frame before the first in the answer.
const AFTER: HeaderName = HeaderName::from_static("dovetail-after");

/// The number of the last frame in the answer: the next poll's `after`.
const CURSOR: HeaderName = HeaderName::from_static("dovetail-cursor");

/// POST /api/realtime/sync: a session of its own, in which a `join` has to come first.
pub(super) async fn open(door: Door) -> Result<Response, Problem> {
    let gateway = door.gateway.clone();
    let door = joined(Ok(door)).await?;
    door.note(Action::SignIn, None);
    if gateway.drain.has_begun() {
        return Err(Problem::new(Code::Draining, "the server is stopping; come back in a moment"));
    }
    let token = gateway.polls.open(door).map_err(|error| reply::of_too_many_sessions(&error))?.to_path();
    let limits = &gateway.limits;
    let answer = json!({
        "session": token,
        "poll_ms": millis(wait_max(&gateway)),
        "join_ms": millis(limits.join_timeout),
        "silence_ms": millis(limits.silence_max),
        "body_bytes_max": limits.body_bytes_max,
        "frame_bytes_max": limits.message_bytes_max.min(limits.body_bytes_max),
        "frames_max": FRAMES_MAX,
    });
    let mut response = unstored(reply::json(StatusCode::CREATED, &answer));
    put(&mut response, LOCATION, &format!("/api/realtime/sync/{token}"));
    Ok(response)
}

/// POST /api/realtime/sync/{session}: frames for the server, and with `?after=` a poll behind them.
pub(super) async fn post(
    gateway: Gateway,
    token: Segment,
    headers: HeaderMap,
    mut parameters: Parameters,
    body: Sending,
) -> Result<Response, Problem> {
    let token = named(&token)?;
    let after = parameters.take_number("after", 0..=WHOLE_MAX)?;
    let wait = parameters.take::<Wait>("wait")?.map_or(POST_WAIT, |wait| wait.0);
    parameters.finish()?;
    let seq = seq(&headers)?;
    let caller = gateway.polls.caller(&token).map_err(|refused| reply::of_poll(&refused))?;
    let body = body.whole(&gateway, &caller).await?;
    check_sequence(&body)?;
    let frames = wire::split(&body.bytes, FRAMES_MAX).map_err(|error| reply::of_sequence(&error))?;
    gateway.polls.post(&token, seq, frames).await.map_err(|refused| reply::of_poll(&refused))?;
    drop(body); // its slot is for bodies, not for those who wait
    let mut response = match after {
        Some(after) => fetch(&gateway, &token, after, wait).await?,
        None => empty(),
    };
    put(&mut response, SEQ, &seq.to_string());
    Ok(response)
}

/// GET /api/realtime/sync/{session}?after=N&wait=25s
pub(super) async fn poll(
    gateway: Gateway,
    token: Segment,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let token = named(&token)?;
    let after = parameters.take_number("after", 0..=WHOLE_MAX)?.unwrap_or(0);
    let wait = parameters.take::<Wait>("wait")?.map_or(poll::WAIT_MAX, |wait| wait.0);
    parameters.finish()?;
    fetch(&gateway, &token, after, wait).await
}

/// DELETE /api/realtime/sync/{session}
pub(super) async fn end(gateway: Gateway, token: Segment) -> Result<Response, Problem> {
    let token = named(&token)?;
    gateway.polls.end(&token).await.map_err(|refused| reply::of_poll(&refused))?;
    Ok(empty())
}

async fn fetch(gateway: &Gateway, token: &Token, after: u64, wait: Duration) -> Result<Response, Problem> {
    let wait = wait.min(wait_max(gateway));
    let page = gateway.polls.poll(token, after, wait).await.map_err(|refused| reply::of_poll(&refused))?;
    Ok(shown(page))
}

/// A poll is also the sign that its peer lives, so it is over before silence is asked about.
fn wait_max(gateway: &Gateway) -> Duration {
    poll::WAIT_MAX.min(gateway.limits.ping_interval)
}

fn shown(page: Page) -> Response {
    let Page { after, cursor, body } = page;
    let mut response = empty();
    if !body.is_empty() {
        response = unstored(Response::new(body.into()));
        put(&mut response, CONTENT_TYPE, CBOR_SEQUENCE);
    }
    put(&mut response, AFTER, &after.to_string());
    put(&mut response, CURSOR, &cursor.to_string());
    response
}

fn named(token: &Segment) -> Result<Token, Problem> {
    token.text(Code::SessionNotFound)?.parse().map_err(|refused| reply::of_poll(&refused))
}

fn seq(headers: &HeaderMap) -> Result<u64, Problem> {
    let value = once(headers, &SEQ).ok().flatten();
    let read = value.and_then(|value| parameters::whole_number(value.to_str().ok()?));
    read.filter(|seq| *seq > 0).ok_or_else(|| {
        parameters::problem("Dovetail-Seq", "the header Dovetail-Seq must number this post, once, from 1")
    })
}

fn check_sequence(body: &Body) -> Result<(), Problem> {
    let named = body.media_type.as_deref().unwrap_or("nothing");
    let essence = named.split(';').next().unwrap_or_default().trim();
    if body.bytes.is_empty() || essence.eq_ignore_ascii_case(CBOR_SEQUENCE) {
        return Ok(());
    }
    let detail = format!("the body calls itself {named}; send frames with content-type: {CBOR_SEQUENCE}");
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// How long to wait, as it stands in a request: `25s`, `500ms`, `0`.
struct Wait(Duration);

impl FromStr for Wait {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "write 25s or 500ms";
        let (number, ms) = match text.strip_suffix("ms") {
            Some(number) => (number, 1),
            None => (text.strip_suffix('s').unwrap_or(text), 1_000),
        };
        let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(ms)).ok_or(HINT)?;
        Ok(Self(Duration::from_millis(ms)))
    }
}

fn empty() -> Response {
    let mut response = unstored(Response::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// No answer here is anybody else's, or good for a second time.
fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    let value = HeaderValue::try_from(value).expect("numbers, tokens and media types are plain ASCII");
    response.headers_mut().insert(name, value);
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
