//! A connection that does not wait for ever for somebody who takes nothing of what they asked for.
//!
//! Edit path: ← answers and events, as hyper writes them, → the socket. A WebSocket leaves it behind: its sessions ask by
//! pings whether anybody is there.
//!
//! Always true: while bytes wait to be written, the other end takes some of them within the given time, or the
//! connection fails. Without this an answer that nobody reads would stay in memory, and hold its slot, for as long as the other end
//! likes: hyper has a deadline for heads and none for answers.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// When its patience ends: only while something cannot be written.
    ends: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// Over this connection, with so much patience.
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, ends: None }
    }

    /// The bare connection, which waits for ever.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// What came of writing, or the end of its patience.
    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.ends = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.ends.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other end takes nothing of its answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    /// What fits in between.
    const ROOM_BYTES: usize = 64;

    /// HT43: of whom nothing is taken the connection fails when the time is over.
    #[tokio::test]
    async fn ht43_who_takes_nothing_is_not_waited_for() {
        const PATIENCE: Duration = Duration::from_millis(100);
        let (ours, _theirs) = duplex(ROOM_BYTES);
        let began = Instant::now();
        let error = Patient::new(ours, PATIENCE).write_all(&[7; 2 * ROOM_BYTES]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
    }

    /// HT43: who takes a little each time is served to the end, however long all of it takes.
    #[tokio::test]
    async fn ht43_who_takes_a_little_is_served_to_the_end() {
        /// A busy machine may be late by nearly all of it.
        const PATIENCE: Duration = Duration::from_secs(2);
        const PIECES: usize = 12;
        let (ours, mut theirs) = duplex(ROOM_BYTES);
        let slow = async {
            for _ in 0..PIECES {
                sleep(PATIENCE / 8).await;
                theirs.read_exact(&mut [0; ROOM_BYTES]).await.unwrap();
            }
        };
        let mut ours = Patient::new(ours, PATIENCE);
        let began = Instant::now();
        let (written, ()) = tokio::join!(ours.write_all(&[7; PIECES * ROOM_BYTES]), slow);
        written.unwrap();
        assert!(began.elapsed() > PATIENCE, "{:?}", began.elapsed());
    }
}
