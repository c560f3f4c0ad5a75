//! A request's body, bounded in bytes, in time and in number.
//!
//! Always true: nothing of a body is read before its handler asks for it, which is when it knows that its sender may
//! do what they want. No more than `bodies_max` bodies of at most `body_bytes_max` are in memory,
//! chunked ones included, and none stays open longer than `body_timeout`. A [`Body`] holds
//! its slot until it is dropped, so keep it as long as what was made of it is as large.

use crate::gateway::Gateway;
use crate::gateway::body_slots::BodySlot;
use crate::gateway::door::Caller;
use crate::gateway::reply::{self, Code, Problem};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use serde::de::{DeserializeOwned, IgnoredAny};
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use warp::{Filter, Rejection};

/// A whole body and its slot among those in memory.
#[derive(Debug)]
pub(in crate::gateway) struct Body {
    /// What was sent.
    pub(super) bytes: Bytes,
    /// What the sender says it is; nothing when there was none to say it of.
    pub(super) media_type: Option<String>,
    _slot: BodySlot,
}

/// A body of which nothing was read yet.
pub(in crate::gateway) struct Sending {
    media_type: Option<String>,
    /// How long it will be, if it says so.
    announced: Option<usize>,
    pieces: BoxStream<'static, Result<Bytes, warp::Error>>,
}

/// The body of a request, to be read by whoever answers it.
pub(super) fn sending() -> impl Filter<Extract = (Sending,), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and(warp::body::stream())
        .map(|headers: HeaderMap, pieces| Sending::new(&headers, pieces))
}

impl Sending {
    fn new<B: Buf>(
        headers: &HeaderMap,
        pieces: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
    ) -> Self {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let whole = |mut piece: B| piece.copy_to_bytes(piece.remaining());
        let pieces = pieces.map(move |piece| piece.map(whole)).boxed();
        Self { media_type, announced: announced(headers), pieces }
    }

    /// All of it. Waits until there is a slot for it.
    pub(in crate::gateway) async fn whole(self, gateway: &Gateway, caller: &Caller) -> Result<Body, Problem> {
        let bytes_max = gateway.limits.body_bytes_max;
        // What announces itself as too large is refused before a byte of it is read.
        check_size(self.announced.unwrap_or(0), bytes_max)?;
        let within = gateway.limits.body_timeout;
        let read = async {
            let slot = gateway.bodies.take(&caller.counted()).await;
            Ok(Body { bytes: all(self.pieces, bytes_max).await?, media_type: self.media_type, _slot: slot })
        };
        tokio::time::timeout(within, read).await.unwrap_or_else(|_| {
            let detail = format!("the whole body must come within {} s", within.as_secs_f32());
            Err(Problem::new(Code::BodyTimeout, detail))
        })
    }
}

async fn all(
    mut pieces: BoxStream<'static, Result<Bytes, warp::Error>>,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            tracing::debug!(%error, "a body broke off");
            Problem::new(Code::BodyIncomplete, "the connection broke off inside the body")
        })?;
        check_size(bytes.len() + piece.len(), bytes_max)?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

impl Body {
    /// What the body says, which has to call itself JSON. See [`object`].
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.check_json()?;
        object(&self.bytes)
    }

    /// Whether it calls itself TOML.
    pub(super) fn is_toml(&self) -> bool {
        self.media_type.as_deref().is_some_and(|named| TOML.contains(&essence(named).as_str()))
    }

    /// Refuses a body that does not call itself JSON. Without this, a form on any web page
    /// could post to a server on its visitor's machine.
    pub(super) fn check_json(&self) -> Result<(), Problem> {
        let named = self.media_type.as_deref().unwrap_or("nothing");
        if self.bytes.is_empty() || is_json(named) {
            return Ok(());
        }
        let detail = format!("the body calls itself {named}; send it with content-type: application/json");
        Err(Problem::new(Code::UnsupportedMediaType, detail))
    }
}

/// What a JSON object says. Nothing but white space is taken for `{}`. A list is refused: serde would read its items
/// as members, in the order in which the source happens to have them.
pub(super) fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let text = if text.iter().all(u8::is_ascii_whitespace) { &b"{}"[..] } else { text };
    if text.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(text).map_err(|error| of_object(&error));
    }
    serde_json::from_slice::<IgnoredAny>(text).map_err(|error| reply::of_bad_json(&error))?;
    Err(Problem::new(Code::BadBody, "a JSON object is taken here, and the body is another value"))
}

fn of_object(error: &serde_json::Error) -> Problem {
    if error.is_data() {
        return Problem::new(Code::BadBody, error.to_string())
            .with("line", error.line())
            .with("column", error.column());
    }
    reply::of_bad_json(error)
}

/// The names that TOML goes by.
const TOML: [&str; 3] = ["application/toml", "application/x-toml", "text/toml"];

/// `application/json`, `application/vnd.api+json; charset=utf-8` and the like.
fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The media type without its parameters.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_size(bytes: usize, bytes_max: usize) -> Result<(), Problem> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let detail = format!("a body may have {bytes_max} bytes (the setting body_bytes_max)");
    Err(Problem::new(Code::BodyTooLarge, detail).with("bytes_max", bytes_max))
}
