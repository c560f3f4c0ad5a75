//! Sync over plain HTTP, for networks that let no WebSocket through: the table of its sessions.
//!
//! Edit path: ← [`http`](super::http) finds the session by its token and puts frames into its mailbox,
//! → the [`session`] task takes them to their documents.
//!
//! Always true: who knows the token is the session's peer; it is drawn by lot, 128 bits, and never
//! logged. There are no more sessions than connections may be open, ended ones that can still be asked
//! included.

pub(crate) mod ledger; // The numbers that make a lossy way safe. Read this first.
pub(crate) mod session; // The task of one session.

pub(crate) use ledger::Page;

use super::door::{Caller, Door};
use crate::metrics;
use bytes::Bytes;
use dovetail_core::session::CloseReason;
use session::{Call, Task};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The longest that a poll waits. Common proxies cut an answer that does not begin within 30 s.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(25);

/// Requests of one session that may wait for its task: a peer has a post and a poll under way, a proxy
/// repeats some. More wait outside.
const CALLS_MAX: usize = 8;

/// Why a request of a session came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// There is no such session, or it ended a while ago.
    #[error("there is no such session; open another one")]
    Unknown,
    /// It is over.
    #[error("this session is over: {0}")]
    Ended(CloseReason),
    /// A post before this one is missing.
    #[error("post {expected} is missing; send it first")]
    Gap {
        /// Its number.
        expected: u64,
    },
    /// A frame is acknowledged that there never was.
    #[error("frame {newest} is the newest; nothing after it can be acknowledged")]
    Ahead {
        /// The newest frame's number.
        newest: u64,
    },
    /// The peer does not fetch what it is sent.
    #[error("too much waits to be fetched; poll first")]
    Unread,
}

/// There are as many sessions as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{sessions_max} sessions over HTTP are open, as many as connections_max allows")]
pub(crate) struct TooManySessions {
    sessions_max: usize,
}

/// Whose session it is: whoever knows this.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Token([u8; 16]);

impl Token {
    fn draw() -> Self {
        // A UUID has 122 random bits; of two of them 128 are left.
        let drawn = Sha256::new().chain_update(uuid::Uuid::new_v4()).chain_update(uuid::Uuid::new_v4());
        let digest = drawn.finalize();
        let (token, _) = digest.split_first_chunk().expect("SHA-256 has 32 bytes");
        Self(*token)
    }

    /// As it stands in a path: 32 hexadecimal digits.
    pub(crate) fn to_path(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FromStr for Token {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Refused::Unknown);
        }
        let bits = u128::from_str_radix(text, 16).map_err(|_| Refused::Unknown)?;
        Ok(Self(bits.to_be_bytes()))
    }
}

/// A token is a secret.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The sessions over HTTP. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Polls {
    table: Arc<Table>,
}

#[derive(Debug)]
struct Table {
    sessions: Mutex<HashMap<Token, Line>>,
    sessions_max: usize,
}

/// What stands in the table.
#[derive(Debug)]
struct Line {
    calls: mpsc::Sender<Call>,
    /// Who opened it.
    caller: Caller,
}

/// A session's line in the table, given back when its task ends, be it by a panic.
#[derive(Debug)]
struct Place {
    table: Arc<Table>,
    token: Token,
}

impl Polls {
    pub(super) fn new(sessions_max: usize) -> Self {
        Self { table: Arc::new(Table { sessions: Mutex::default(), sessions_max }) }
    }

    /// Opens a session.
    ///
    /// # Errors
    /// When there are as many as may be.
    pub(in crate::gateway) fn open(&self, door: Door) -> Result<Token, TooManySessions> {
        let token = Token::draw();
        let (calls, calls_of) = mpsc::channel(CALLS_MAX);
        let mut sessions = self.table.sessions();
        if sessions.len() >= self.table.sessions_max {
            return Err(TooManySessions { sessions_max: self.table.sessions_max });
        }
        sessions.insert(token.clone(), Line { calls, caller: door.caller.clone() });
        drop(sessions);
        ::metrics::gauge!(metrics::HTTP_SESSIONS).increment(1.0);
        let place = Place { table: self.table.clone(), token: token.clone() };
        tokio::spawn(Box::pin(Task::new(door, calls_of, place).run()));
        Ok(token)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.table.sessions().len()
    }

    /// Whose session it is.
    ///
    /// # Errors
    /// When there is none.
    pub(in crate::gateway) fn caller(&self, token: &Token) -> Result<Caller, Refused> {
        self.table.sessions().get(token).map(|line| line.caller.clone()).ok_or(Refused::Unknown)
    }

    /// Hands the frames of post `seq` to the session; resolves when they were acted on.
    ///
    /// # Errors
    /// See [`Refused`]; then nothing of it was.
    pub(crate) async fn post(&self, token: &Token, seq: u64, frames: Vec<Bytes>) -> Result<(), Refused> {
        self.ask(token, |answer| Call::Post { seq, frames, answer }).await?
    }

    /// Acknowledges the frames up to `after`, and resolves with those behind it as soon as there are
    /// any, with none after `wait`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(crate) async fn poll(&self, token: &Token, after: u64, wait: Duration) -> Result<Page, Refused> {
        self.ask(token, |answer| Call::Poll { after, wait, answer }).await?
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn end(&self, token: &Token) -> Result<(), Refused> {
        self.ask(token, |answer| Call::End { answer }).await
    }

    async fn ask<T>(
        &self,
        token: &Token,
        call: impl FnOnce(oneshot::Sender<T>) -> Call,
    ) -> Result<T, Refused> {
        let calls = self.table.sessions().get(token).ok_or(Refused::Unknown)?.calls.clone();
        let (answer, answered) = oneshot::channel();
        calls.send(call(answer)).await.map_err(|_| Refused::Unknown)?;
        answered.await.map_err(|_| Refused::Unknown)
    }
}

impl Table {
    fn sessions(&self) -> MutexGuard<'_, HashMap<Token, Line>> {
        self.sessions.lock().expect("nothing panics while it holds this lock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.sessions().remove(&self.token);
        ::metrics::gauge!(metrics::HTTP_SESSIONS).decrement(1.0);
    }
}

#[cfg(test)]
mod tests;
