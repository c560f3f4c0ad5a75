//! An answer that is made while it is read.
//!
//! Always true: whoever makes it waits for whoever reads it, so that no more than [`AHEAD_MAX`] pieces lie in memory; and it ends when
//! its reader has gone, or the server stops.

use super::documents::put;
use crate::shutdown::Drain;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use warp::Reply;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use warp::reply::Response;

/// Pieces that are made before somebody reads them.
const AHEAD_MAX: usize = 4;

/// Where the pieces of an answer go.
#[derive(Debug)]
pub(super) struct Pieces {
    pieces: mpsc::Sender<Bytes>,
    drain: Drain,
}

impl Pieces {
    /// Sends one; `false` when nobody wants any more.
    pub(super) async fn send(&self, piece: Bytes) -> bool {
        !self.drain.has_begun() && self.pieces.send(piece).await.is_ok()
    }
}

/// An answer of which `make` sends the pieces, on a task of its own.
pub(super) fn streamed<F>(media_type: &str, drain: Drain, make: impl FnOnce(Pieces) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (pieces, coming) = mpsc::channel(AHEAD_MAX);
    tokio::spawn(make(Pieces { pieces, drain }));
    let coming = stream::unfold(coming, |mut coming| async { Some((coming.recv().await?, coming)) });
    body_of(media_type, coming)
}

/// An answer with these pieces, as they come, that no proxy gathers or keeps.
pub(super) fn body_of(media_type: &str, pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = OneReader(Mutex::new(Box::pin(pieces.map(Ok))));
    let mut response = warp::reply::stream(body).into_response();
    put(&mut response, CONTENT_TYPE, media_type);
    put(&mut response, CACHE_CONTROL, "no-store");
    // nginx would gather them until it has a full buffer.
    put(&mut response, HeaderName::from_static("x-accel-buffering"), "no");
    response
}

type Told = Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>>;

/// A stream for a body: warp wants one that could be shared, though nobody ever does.
struct OneReader(Mutex<Told>);

impl Stream for OneReader {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Nobody else ever holds the lock, so it cannot be poisoned.
        self.0.get_mut().map_or(Poll::Ready(None), |told| told.as_mut().poll_next(cx))
    }
}
