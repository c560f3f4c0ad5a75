//! When a client connects, when it waits, and when it does not come again.
//!
//! ```text
//!  Connecting ──joined──▶ Online ──the end──▶ Offline{retry_at} ──its time, or the network is back──▶ Connecting
//!      └───────────────the end──────────────────▲    └──the same would be refused again──▶ Refused ──told to──▶ Connecting
//! ```
//!
//! Edit path: no edit comes by here. ← a connection ended, → whether and when another one is made.
//!
//! Always true: only the end of a connection decides what is done next. An `error` message before it brings the words, and nothing
//! else: a server may complain and go on.
//! Always true: a source of tokens may have another one by and by: who has one is refused for a minute, and not for good.
//! Always true: the wait is drawn evenly from a window that doubles with each try, so that a thousand clients which lost the same
//! server at once do not come back at once.

use super::link::Nonsense;
use dovetail_core::time::Timestamp;
use std::time::Duration;

/// A connection that held for so long was a good one: the next wait is short again.
pub const HELD_FOR: Duration = Duration::from_secs(5);

/// Over so much those are spread whom a server sent away that is there again in a moment.
pub const SPREAD_OVER: Duration = Duration::from_secs(2);

/// Whose tokens were refused, and has a source of them, asks it again after so long: somebody may have put another one there.
pub const TOKEN_AGAIN: Duration = Duration::from_secs(60);

/// No window is smaller, whatever is asked for: a server that is away is not asked thousands of times a second.
const FIRST_LEAST: Duration = Duration::from_millis(10);

/// The first window that a wait is drawn from, and the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// After the first failure.
    pub first: Duration,
    /// However many came before.
    pub most: Duration,
}

impl Default for Windows {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(30) }
    }
}

impl Windows {
    /// How long to wait before try number `attempt`, from 1. `draw` is from 0 to below 1; no window is smaller than `least`, and none
    /// larger than the largest.
    #[must_use]
    pub fn wait(&self, attempt: u32, draw: f64, least: Duration) -> Duration {
        // Windows above 2^20 times the first are past any largest one that makes sense.
        let doubled = self.first.max(FIRST_LEAST).saturating_mul(1 << attempt.saturating_sub(1).min(20));
        doubled.max(least).min(self.most.max(FIRST_LEAST)).mul_f64(draw.clamp(0.0, 1.0))
    }
}

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// It is being made.
    Connecting,
    /// The server is there.
    Online,
    /// There is none.
    Offline {
        /// When the next one is tried.
        retry_at: Timestamp,
        /// Why the last one ended, in words.
        reason: String,
    },
    /// There is none, and none is tried before somebody says so: the same would be refused again.
    Refused {
        /// Why, for programs.
        code: String,
        /// Why, for people.
        reason: String,
    },
}

/// How a connection ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// As `docs/PROTOCOL.md` lists them; nothing when nobody said how, or it was never there.
    pub close_code: Option<u16>,
    /// What was said about it, `code: words` where the server said it; may be empty.
    pub words: String,
}

impl From<Nonsense> for Ending {
    /// As if the server had ended it.
    fn from(nonsense: Nonsense) -> Self {
        match nonsense {
            Nonsense::Version(_) => Self { close_code: Some(1002), words: OTHER_VERSION.to_owned() },
            nonsense => Self { close_code: None, words: nonsense.to_string() },
        }
    }
}

/// What is to be done besides, once a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Besides {
    /// Nothing.
    Nothing,
    /// The token was not taken: ask for another one.
    AnotherToken,
    /// Another connection has our peer id: draw another one.
    AnotherPeerId,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Course {
    windows: Windows,
    now: Connection,
    online_since: Option<Timestamp>,
    failures: u32,
    /// A token was refused, and none was taken since.
    token_refused: bool,
    /// Tokens have a source.
    has_token_source: bool,
    /// When it is asked again.
    token_again_at: Option<Timestamp>,
}

/// What the stock protocol says to a client of another version, and closes with 1002. It is the one error without a code.
const OTHER_VERSION: &str = "unsupported protocol version";

impl Course {
    /// At its beginning: a connection is to be made.
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        Self {
            windows,
            now: Connection::Connecting,
            online_since: None,
            failures: 0,
            token_refused: false,
            has_token_source: false,
            token_again_at: None,
        }
    }

    /// Tokens have a source, which may have another one later.
    pub fn has_token_source(&mut self) {
        self.has_token_source = true;
    }

    /// How the connection is.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.now
    }

    /// When [`tick`](Self::tick) is wanted.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        match self.now {
            Connection::Offline { retry_at, .. } => Some(retry_at),
            Connection::Refused { .. } => self.token_again_at,
            Connection::Connecting | Connection::Online => None,
        }
    }

    /// The server has said who it is.
    pub fn joined(&mut self, now: Timestamp) {
        self.now = Connection::Online;
        self.online_since = Some(now);
        self.token_refused = false;
    }

    /// Time has passed. Whether a connection is to be made now.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let is_due = self.next_tick().is_some_and(|at| now >= at);
        match self.now {
            Connection::Refused { .. } if is_due => self.reconnect(),
            _ if is_due => {
                self.now = Connection::Connecting;
                true
            }
            _ => false,
        }
    }

    /// Somebody says that the network is back. Whether a connection is to be made now; one that was refused stays so.
    pub fn network_is_back(&mut self) -> bool {
        let waits = matches!(self.now, Connection::Offline { .. });
        if waits {
            self.now = Connection::Connecting;
            self.failures = 0;
        }
        waits
    }

    /// Somebody wants another try, whatever was said. Whether a connection is to be made now.
    pub fn reconnect(&mut self) -> bool {
        let is_there = matches!(self.now, Connection::Connecting | Connection::Online);
        if !is_there {
            self.now = Connection::Connecting;
            self.failures = 0;
            self.token_refused = false;
        }
        !is_there
    }

    /// The connection has ended, or could not be made. `draw` is from 0 to below 1.
    pub fn ended(&mut self, now: Timestamp, ending: &Ending, draw: f64) -> Besides {
        let held = self.online_since.take().is_some_and(|since| now.since(since) >= HELD_FOR);
        self.token_again_at = None;
        self.failures = if held { 1 } else { self.failures.saturating_add(1) };
        match ending.close_code {
            Some(4001) => {
                self.wait(now, Duration::ZERO, draw, "another connection has the same peer id");
                Besides::AnotherPeerId
            }
            Some(4401) if !self.token_refused => {
                self.token_refused = true;
                self.wait(now, Duration::ZERO, 0.0, "the server did not take the token");
                Besides::AnotherToken
            }
            Some(4401) => {
                self.token_again_at = self.has_token_source.then(|| now + TOKEN_AGAIN);
                self.refuse(&ending.words, "token_refused", "it does not take the token")
            }
            Some(4403) => self.refuse(&ending.words, "forbidden", "it does not say why"),
            Some(1009) => {
                self.refuse(&ending.words, "message_too_large", "a message was too large for the server")
            }
            Some(1002) if ending.words == OTHER_VERSION => {
                self.refuse("", "unsupported_version", "the server speaks another version of the protocol")
            }
            Some(1012 | 1013) => {
                self.wait(
                    now,
                    SPREAD_OVER,
                    draw,
                    or(&ending.words, "the server will be there again in a moment"),
                );
                Besides::Nothing
            }
            Some(code) => {
                let odd = format!("the server has ended the connection with the code {code}");
                self.wait(now, Duration::ZERO, draw, or(&ending.words, &odd));
                Besides::Nothing
            }
            None => {
                self.wait(now, Duration::ZERO, draw, or(&ending.words, "the connection has ended"));
                Besides::Nothing
            }
        }
    }

    fn wait(&mut self, now: Timestamp, least: Duration, draw: f64, reason: &str) {
        let wait = self.windows.wait(self.failures, draw, least);
        self.now = Connection::Offline { retry_at: now + wait, reason: reason.to_owned() };
    }

    fn refuse(&mut self, words: &str, code: &str, reason: &str) -> Besides {
        let (code, reason) = said(words).unwrap_or((code, or(words, reason)));
        self.now = Connection::Refused { code: code.to_owned(), reason: reason.to_owned() };
        Besides::Nothing
    }
}

fn or<'w>(words: &'w str, otherwise: &'w str) -> &'w str {
    if words.is_empty() { otherwise } else { words }
}

/// Takes `code: words` apart, as every refusal of the server begins.
fn said(words: &str) -> Option<(&str, &str)> {
    let (code, rest) = words.split_once(": ")?;
    let is_code = code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.len() <= 64
        && code.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
    (is_code && !rest.is_empty()).then_some((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn ended(course: &mut Course, close_code: u16, words: &str) -> Besides {
        let ending = Ending { close_code: Some(close_code), words: words.to_owned() };
        course.ended(NOW, &ending, 0.5)
    }

    fn waits(course: &Course) -> u64 {
        let Connection::Offline { retry_at, .. } = course.connection() else {
            panic!("{:?}", course.connection())
        };
        retry_at.as_millis() - NOW.as_millis()
    }

    /// RC30: the wait is drawn from a window that doubles up to the largest, and begins anew after a connection that held.
    #[test]
    fn rc30_waits_double_and_begin_anew() {
        let mut course = Course::new(Windows::default());
        let mut all = Vec::new();
        for _ in 0..9 {
            assert_eq!(ended(&mut course, 1006, ""), Besides::Nothing);
            all.push(waits(&course));
            assert!(!course.tick(NOW));
            assert!(course.tick(NOW + Duration::from_secs(60)));
        }
        assert_eq!(all, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
        course.joined(NOW.before(Duration::from_secs(1)));
        ended(&mut course, 1006, "");
        assert_eq!(waits(&course), 15_000, "it did not hold");
        course.joined(NOW.before(HELD_FOR));
        ended(&mut course, 1006, "");
        assert_eq!(waits(&course), 250);
        let windows = Windows::default();
        for attempt in [1, 30, u32::MAX] {
            assert_eq!(windows.wait(attempt, 0.0, Duration::ZERO), Duration::ZERO);
            assert!(windows.wait(attempt, 0.999, Duration::ZERO) < windows.most);
        }
    }

    /// RC31: a close code is obeyed: who is refused does not come again, who is sent away for a moment is spread.
    #[test]
    fn rc31_close_codes_are_obeyed() {
        let refused = |code: &str, reason: &str| Connection::Refused {
            code: code.to_owned(),
            reason: reason.to_owned(),
        };
        let cases = [
            (4403, "read_only: you may not", refused("read_only", "you may not")),
            (4403, "", refused("forbidden", "it does not say why")),
            (4403, "No Code: at all", refused("forbidden", "No Code: at all")),
            (1009, "message_too_large: at most 1", refused("message_too_large", "at most 1")),
            (
                1002,
                OTHER_VERSION,
                refused("unsupported_version", "the server speaks another version of the protocol"),
            ),
        ];
        for (close_code, words, expected) in cases {
            let mut course = Course::new(Windows::default());
            assert_eq!(ended(&mut course, close_code, words), Besides::Nothing);
            assert_eq!(*course.connection(), expected);
            assert!(!course.tick(NOW + Duration::from_secs(3_600)) && !course.network_is_back());
            assert!(course.reconnect(), "somebody may want to try all the same");
        }
        let mut course = Course::new(Windows::default());
        ended(&mut course, 1012, "restart: the server is going down");
        assert_eq!(waits(&course), 1_000);
        assert_eq!(ended(&mut Course::new(Windows::default()), 1002, "join_expected: x"), Besides::Nothing);
    }

    /// RC32: a token that was not taken is asked for anew at once, once; the second in a row is the end, until one was taken.
    #[test]
    fn rc32_another_token_is_asked_for_once() {
        let mut course = Course::new(Windows::default());
        for _ in 0..2 {
            assert_eq!(ended(&mut course, 4401, "token_expired: it has ended"), Besides::AnotherToken);
            assert_eq!(waits(&course), 0);
            assert!(course.tick(NOW));
            course.joined(NOW);
        }
        ended(&mut course, 4401, "");
        ended(&mut course, 4401, "token_revoked: ask them why");
        let refused =
            Connection::Refused { code: "token_revoked".to_owned(), reason: "ask them why".to_owned() };
        assert_eq!(*course.connection(), refused);
        assert_eq!(course.next_tick(), None);
    }

    /// RC32: a source of tokens is asked again each minute, and the token that it has then is as good as a first one.
    #[test]
    fn rc32_a_source_of_tokens_is_asked_again() {
        let mut course = Course::new(Windows::default());
        course.has_token_source();
        for _ in 0..3 {
            assert_eq!(ended(&mut course, 4401, "token_revoked: ask them why"), Besides::AnotherToken);
            assert!(course.tick(NOW));
            assert_eq!(ended(&mut course, 4401, "token_revoked: ask them why"), Besides::Nothing);
            assert!(matches!(course.connection(), Connection::Refused { .. }));
            assert_eq!(course.next_tick(), Some(NOW + TOKEN_AGAIN));
            assert!(!course.tick(NOW) && !course.network_is_back());
            assert!(course.tick(NOW + TOKEN_AGAIN));
            assert_eq!(*course.connection(), Connection::Connecting);
        }
        ended(&mut course, 4403, "forbidden: you may not");
        assert_eq!(course.next_tick(), None, "another token does not help");
    }

    /// RC33: when the network is back nobody waits, and the windows are small again; who has a connection keeps it.
    #[test]
    fn rc33_nobody_waits_when_the_network_is_back() {
        let mut course = Course::new(Windows::default());
        (0..6).for_each(|_| _ = ended(&mut course, 1006, ""));
        assert!(course.network_is_back());
        assert_eq!(*course.connection(), Connection::Connecting);
        assert!(!course.network_is_back() && !course.reconnect(), "one at a time");
        ended(&mut course, 1006, "");
        assert_eq!(waits(&course), 250);
        course.joined(NOW);
        assert!(!course.network_is_back() && !course.reconnect());
    }

    /// RC34: whose peer id somebody else has comes again under another one, after a wait.
    #[test]
    fn rc34_another_peer_id_is_drawn() {
        let mut course = Course::new(Windows::default());
        assert_eq!(ended(&mut course, 4001, "replaced: x"), Besides::AnotherPeerId);
        assert_eq!(waits(&course), 250);
    }
}
