//! A connection that is read to its end when nothing can be written to it any more.
//!
//! Edit path: ← a WebSocket's bytes, as they come, → its frames; answers to them, → the socket, or nowhere.
//!
//! Always true: writing never fails. A peer that leaves unread bytes behind resets its connection, and whoever writes learns of that
//! before the peer's last words are read; a WebSocket whose write fails, be it the answer to a ping, reads nothing more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the top of the file.
#[derive(Debug)]
pub struct OneWay<S> {
    stream: S,
    is_deaf: bool,
}

impl<S> OneWay<S> {
    /// Over this connection, which takes what is written to it.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, is_deaf: false }
    }

    /// Whether nothing can be written any more: what there still is to be read is all there is to come.
    pub(super) fn is_deaf(&self) -> bool {
        self.is_deaf
    }

    /// What came of writing; nothing that anybody has to know, where it failed.
    fn written<T>(&mut self, written: Poll<io::Result<T>>, all: T) -> Poll<io::Result<T>> {
        let Poll::Ready(Err(error)) = written else { return written };
        tracing::debug!(%error, "nothing can be written any more");
        self.is_deaf = true;
        Poll::Ready(Ok(all))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for OneWay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OneWay<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_deaf {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(shut, ())
    }
}
