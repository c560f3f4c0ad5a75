//! How much one person, one address and one document may have of the server at a time.
//!
//! Edit path: ← a message, a request or a connection has come in, → [`Verdict`]: it goes on, waits, or is turned away.
//!
//! ```text
//!  burst: five seconds' worth     debt: two seconds' worth
//!  ├───────────── Go ────────────┼────────── Slow ────────┤ Stop
//! ```
//! Always true: who is over a limit is slowed before they are cut. Who waits as long as they are told to owes nothing afterwards, so one
//! connection that is slowed is never cut; who goes on beside it is. What is stopped is not counted.
//! **Invariant:** what is remembered has a bound. When too many keys are known, new ones share some buckets until others are forgotten;
//! who is known keeps their own.

use crate::clock::Clock;
use crate::config::Limits;
use crate::metrics::THROTTLED;
use dovetail_core::id::{DocumentId, SubjectId};
use governor::clock::Clock as Ticks;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How much of a limit may be used at once: a page that is opened asks for all that it shows.
const BURST_PERIODS: u32 = 5;

/// How much may be owed. Longer than two seconds nobody keeps a reader waiting: it would take the server for gone.
const DEBT_PERIODS: u32 = 2;

/// Keys that are known of one limit: some 10 MiB. More people are not there at one time.
pub(crate) const KEYS_MAX: usize = 50_000;

/// Buckets that are shared when that is too few: who comes then is slowed with one in a thousand others.
const SHARED_KEYS: u64 = 1_024;

/// How often it is looked at how many keys there are, in checks: counting them costs more than a check.
const LOOK_EVERY: u32 = 256;

/// Bytes are counted in these: the numbers fit into 32 bits, and nobody sends fewer.
const BYTES_OF_ONE: usize = 1_024;

/// Who does something, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Who<'a> {
    /// As whom, if they were asked: the name of a link is none, whoever makes up a secret has made up another one.
    pub subject: Option<&'a SubjectId>,
    /// From where.
    pub address: Option<IpAddr>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// A message came in, of so many bytes.
    Message {
        /// All of them.
        bytes: usize,
    },
    /// Somebody brings so many changes.
    Changes(usize),
    /// A document is to take so many changes. Asked only for who may write it: else a stranger uses up what others have, and
    /// hears of a document that is hidden from them.
    DocumentChanges(usize),
    /// An HTTP request.
    Request,
    /// A new WebSocket, or a new session over HTTP.
    Join,
    /// A token that was refused.
    FailedLogin,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Go,
    /// It goes on after this time, and until then nothing more of them is read.
    Slow(Duration),
    /// It is turned away.
    Stop {
        /// Of what there is too much.
        what: TooMany,
        /// When it is worth to come again.
        retry_after: Duration,
    },
}

/// Of what there is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    /// Messages of one person.
    Messages,
    /// Bytes of one person.
    Bytes,
    /// Changes of one person, or of one document.
    Changes,
    /// Requests of one person.
    Requests,
    /// New connections of one person, or from one address.
    Connections,
    /// Tokens from one address that were refused.
    FailedLogins,
}

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    limits: Arc<All>,
}

#[derive(Debug, Default)]
struct All {
    messages: Option<Limit>,
    bytes: Option<Limit>,
    changes: Option<Limit>,
    document_changes: Option<Limit>,
    requests: Option<Limit>,
    joins: Option<Limit>,
    failed_logins: Option<Limit>,
}

impl Throttle {
    /// Limits as they are set.
    #[must_use]
    pub fn new(limits: &Limits, clock: &Clock) -> Self {
        const SECOND: Duration = Duration::from_secs(1);
        let each = |what, rate: Option<u32>| Limit::new(what, rate?, SECOND, clock);
        let kib = limits.bytes_per_second_max.map(in_kib);
        let all = All {
            messages: each(TooMany::Messages, limits.messages_per_second_max),
            bytes: each(TooMany::Bytes, kib),
            changes: each(TooMany::Changes, limits.changes_per_second_max),
            document_changes: each(TooMany::Changes, limits.document_changes_per_second_max),
            requests: each(TooMany::Requests, limits.requests_per_second_max),
            joins: each(TooMany::Connections, limits.joins_per_second_max),
            failed_logins: failed_logins(limits, clock),
        };
        Self { limits: Arc::new(all) }
    }

    /// No limit: for a server that asks nobody who they are. There all are one person, and whoever would do harm can do it anyway.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Counts what somebody does and says what becomes of it. What counts for several limits goes by the strictest.
    #[must_use]
    pub fn check(&self, who: &Who<'_>, document: Option<&DocumentId>, cost: Cost) -> Verdict {
        let all = &*self.limits;
        let (person, address) = (who.person(), who.address.map(Key::of_address));
        match cost {
            Cost::Message { bytes } => {
                let counted = count(all.messages.as_ref(), person.as_ref(), 1);
                counted.or_else(|| count(all.bytes.as_ref(), person.as_ref(), in_kib(bytes)))
            }
            Cost::Changes(changes) => count(all.changes.as_ref(), person.as_ref(), in_cells(changes)),
            Cost::DocumentChanges(changes) => {
                let place = document.cloned().map(Key::Document);
                count(all.document_changes.as_ref(), place.as_ref(), in_cells(changes))
            }
            Cost::Request => count(all.requests.as_ref(), person.as_ref(), 1),
            Cost::Join => count(all.joins.as_ref(), person.as_ref(), 1),
            Cost::FailedLogin => count(all.failed_logins.as_ref(), address.as_ref(), 1),
        }
    }
}

/// Tokens come by the minute, not by the second: people mistype, and a tool that was given a bad one tries again.
fn failed_logins(limits: &Limits, clock: &Clock) -> Option<Limit> {
    Limit::new(TooMany::FailedLogins, limits.failed_logins_per_minute_max?, Duration::from_secs(60), clock)
}

fn in_cells(changes: usize) -> u32 {
    u32::try_from(changes).unwrap_or(u32::MAX)
}

/// At least one, so that nothing is free.
fn in_kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_OF_ONE)).unwrap_or(u32::MAX).max(1)
}

fn count(limit: Option<&Limit>, key: Option<&Key>, cells: u32) -> Verdict {
    let (Some(limit), Some(key)) = (limit, key) else { return Verdict::Go };
    let verdict = limit.count(key, cells);
    verdict.show(limit.what);
    verdict
}

impl Verdict {
    /// The longer wait of two; who is stopped by the first is not counted by the second.
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Stop { .. } => self,
            Self::Go => other(),
            Self::Slow(wait) => match other() {
                Self::Go => self,
                Self::Slow(longer) => Self::Slow(wait.max(longer)),
                stop @ Self::Stop { .. } => stop,
            },
        }
    }

    fn show(self, what: TooMany) {
        let verdict = match self {
            Self::Go => return,
            Self::Slow(_) => "slow",
            Self::Stop { .. } => "stop",
        };
        metrics::counter!(THROTTLED, "code" => what.code(), "verdict" => verdict).increment(1);
    }
}

impl TooMany {
    /// The word that programs match on.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Messages => "too_many_messages",
            Self::Bytes => "too_many_bytes",
            Self::Changes => "too_many_changes",
            Self::Requests => "too_many_requests",
            Self::Connections => "too_many_connections",
            Self::FailedLogins => "too_many_failed_logins",
        }
    }
}

/// Whose bucket it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Subject(SubjectId),
    Address(IpAddr),
    Document(DocumentId),
    /// Everybody's whose hash is this.
    Shared(u64),
}

impl Who<'_> {
    /// Who is known counts for themselves, from wherever; who is not, with all of their address.
    fn person(&self) -> Option<Key> {
        let subject = self.subject.cloned().map(Key::Subject);
        subject.or_else(|| self.address.map(Key::of_address))
    }
}

impl Key {
    fn of_address(address: IpAddr) -> Self {
        Self::Address(network_of(address))
    }

    fn shared(&self) -> Self {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        Self::Shared(hasher.finish() % SHARED_KEYS)
    }
}

/// An IPv6 address is as good as all that share its first 64 bits: so many has each household.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

/// The buckets of one limit.
#[derive(Debug, Default)]
struct Keys {
    known: DashMapStateStore<Key>,
    /// There are as many as may be: newcomers share some.
    is_full: Arc<AtomicBool>,
}

impl StateStore for Keys {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if self.is_full.load(Ordering::Relaxed) && !self.known.contains_key(key) {
            return self.known.measure_and_replace(&key.shared(), measure);
        }
        self.known.measure_and_replace(key, measure)
    }
}

impl ShrinkableKeyedStateStore<Key> for Keys {
    fn retain_recent(&self, drop_below: Nanos) {
        self.known.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.known.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.known.len()
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

type Buckets = RateLimiter<Key, Keys, Steady, StateInformationMiddleware>;

/// One limit, with a bucket for each key. A bucket holds what may be used at once and what may be owed.
#[derive(Debug)]
struct Limit {
    what: TooMany,
    buckets: Buckets,
    clock: Steady,
    per_cell: Duration,
    debt: NonZeroU32,
    /// [`KEYS_MAX`]; a test has fewer.
    keys_max: usize,
    /// Checks so far, to look now and then how many keys there are.
    checks: AtomicU32,
    /// The same as that of its [`Keys`].
    is_full: Arc<AtomicBool>,
}

impl Limit {
    /// `rate` in each period.
    fn new(what: TooMany, rate: u32, period: Duration, clock: &Clock) -> Option<Self> {
        let clock = Steady::of(clock);
        let per_cell = period / rate.max(1);
        // Failed logins by the minute owe two seconds' worth as well, which is one of them.
        let debt = Duration::from_secs(u64::from(DEBT_PERIODS)).as_nanos() / per_cell.as_nanos().max(1);
        let debt = NonZeroU32::new(u32::try_from(debt).unwrap_or(u32::MAX).max(1))?;
        let burst = if period.as_secs() > 1 { rate } else { rate.saturating_mul(BURST_PERIODS) };
        let most = NonZeroU32::new(burst.saturating_add(debt.get()))?;
        let quota = Quota::with_period(per_cell)?.allow_burst(most);
        let keys = Keys::default();
        let (checks, is_full) = (AtomicU32::new(0), Arc::clone(&keys.is_full));
        let buckets = Buckets::new(quota, keys, clock.clone());
        Some(Self { what, buckets, clock, per_cell, debt, keys_max: KEYS_MAX, checks, is_full })
    }

    /// What is larger than what may be owed counts as that: else it could never go.
    fn count(&self, key: &Key, cells: u32) -> Verdict {
        self.look_how_many();
        let cells = NonZeroU32::new(cells).map_or(NonZeroU32::MIN, |cells| cells.min(self.debt));
        match self.buckets.check_key_n(key, cells) {
            Ok(Ok(state)) => match self.debt.get().saturating_sub(state.remaining_burst_capacity()) {
                0 => Verdict::Go,
                owed => Verdict::Slow(self.per_cell * owed),
            },
            Ok(Err(not_yet)) => {
                // Until there is room again, and nothing owed: who came back at once would be slowed at once.
                let wait = not_yet.wait_time_from(self.clock.now());
                Verdict::Stop { what: self.what, retry_after: wait + self.per_cell * self.debt.get() }
            }
            // Not possible: what may be owed is less than what a bucket holds.
            Err(_) => Verdict::Go,
        }
    }

    /// Looks now and then whether there are as many keys as may be. Forgets those that are as good as new.
    fn look_how_many(&self) {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            self.tidy();
        }
    }

    fn tidy(&self) {
        if self.buckets.len() >= self.keys_max {
            self.buckets.retain_recent();
            self.buckets.shrink_to_fit();
        }
        self.is_full.store(self.buckets.len() >= self.keys_max, Ordering::Relaxed);
    }
}

/// The time as buckets take it. The machine's clock may be set back, and then nobody may be stopped for an hour, so it is one that
/// only goes on.
#[derive(Debug, Clone)]
pub(crate) struct Steady {
    since: Instant,
    clock: Clock,
}

impl Steady {
    pub(crate) fn of(clock: &Clock) -> Self {
        Self { since: Instant::now(), clock: clock.clone() }
    }

    /// Since something that does not matter.
    pub(crate) fn now(&self) -> Duration {
        match &self.clock {
            Clock::System => self.since.elapsed(),
            standing @ Clock::Standing(_) => Duration::from_millis(standing.now().as_millis()),
        }
    }
}

impl Ticks for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Steady::now(self)
    }
}

#[cfg(test)]
mod tests;
