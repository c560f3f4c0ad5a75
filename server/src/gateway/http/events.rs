//! GET /api/docs/{id}/events: a document as server-sent events.
//!
//! Edit path: ← a [`Subscription`] says what there is to tell, → one event on the response that never ends,
//! whenever the socket has taken what came before.
//!
//! Always true: an event's `id` is the document's heads as its reader has them after it. A browser sends the
//! last one back when it connects again, and is told the rest.

use super::documents::parsed;
use super::parameters::{self, Parameters};
use super::segment::Segment;
use super::streamed::body_of;
use crate::feed::{Event, Subscription, dotted, from_dotted};
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::shutdown::Drain;
use automerge::ChangeHash;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;
use warp::http::HeaderMap;
use warp::reply::Response;

/// When nothing happens, a comment says that the connection lives. Common proxies cut one that was silent
/// for 60 s, some after 30 s.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// An id longer than this is left empty, so that its reader begins anew: it comes back in a header, and a
/// request whose head is too large is refused for ever. 4 KiB are 63 heads; documents have one or two.
const ID_BYTES_MAX: usize = 4 * 1024;

/// The first words: how long a browser waits before it connects again, in milliseconds.
const GREETING: &str = "retry: 1000\n\n";

const LAST_EVENT_ID: &str = "last-event-id";

/// GET /api/docs/{id}/events: everything that happens to a document, from now on or from `Last-Event-ID` on.
pub(super) async fn follow(
    door: Door,
    id: Segment,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = parsed(&id)?;
    let from = last_event(&mut parameters, &headers)?;
    parameters.finish()?;
    let gateway = &door.gateway;
    if gateway.drain.has_begun() {
        return Err(Problem::new(Code::Draining, "the server is stopping; come back in a moment"));
    }
    let permit = door.read(&id).await?;
    let following = gateway.feeds.follow(&permit, from, None).await;
    let subscription = following.map_err(|error| reply::of_view(&error))?;
    let hub = gateway.hub.clone();
    let events = Events {
        subscription,
        drain: gateway.drain.clone(),
        revoked: Box::pin(async move { hub.revoked(permit).await }),
        heads: String::new(),
        is_over: false,
    };
    let greeting = stream::iter([Bytes::from_static(GREETING.as_bytes())]);
    let told = stream::unfold(events, |mut events| async {
        let bytes = events.next().await?;
        Some((bytes, events))
    });
    Ok(body_of("text/event-stream", greeting.chain(told)))
}

/// The heads that the reader has. A browser sends whatever it got as the last id, so a header that is none
/// of ours begins anew; a parameter was written by somebody who wants to know.
fn last_event(parameters: &mut Parameters, headers: &HeaderMap) -> Result<Option<Vec<ChangeHash>>, Problem> {
    if let Some(text) = parameters.take::<String>("last_event_id")? {
        let detail = "last_event_id is an event's id: heads in hex with dots between";
        return from_dotted(&text).map(Some).ok_or_else(|| parameters::problem("last_event_id", detail));
    }
    Ok(headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).and_then(from_dotted))
}

struct Events {
    subscription: Subscription,
    drain: Drain,
    /// Its reader may no longer see the document.
    revoked: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What the reader has after the last event, as an id.
    heads: String,
    /// The last word was said.
    is_over: bool,
}

impl Events {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.is_over {
                return None;
            }
            let alive_until = Instant::now() + KEEP_ALIVE_EVERY;
            tokio::select! {
                biased;
                () = self.drain.begun() => {
                    self.is_over = true;
                    return Some(written("restart", &self.heads, ""));
                }
                () = &mut self.revoked => {
                    self.is_over = true;
                    return Some(written("forbidden", &self.heads, ""));
                }
                event = self.subscription.next() => {
                    let event = event?;
                    if matches!(event, Event::Deleted | Event::Lost(_)) {
                        self.is_over = true;
                    }
                    if let Some(bytes) = self.event(&event) {
                        return Some(bytes);
                    }
                }
                () = tokio::time::sleep_until(alive_until) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    fn event(&mut self, event: &Event) -> Option<Bytes> {
        let mut members = event.members()?;
        if let Event::Conflict(_) = event {
            members = format!(r#""type":"{}",{members}"#, event.kind());
        }
        if let Some(heads) = event.heads() {
            self.heads = Some(dotted(heads)).filter(|id| id.len() <= ID_BYTES_MAX).unwrap_or_default();
        }
        Some(written(event.name(), &self.heads, &members))
    }
}

/// One event. JSON without line breaks is one line of data.
fn written(name: &str, id: &str, members: &str) -> Bytes {
    format!("event: {name}\nid: {id}\ndata: {{{members}}}\n\n").into()
}
