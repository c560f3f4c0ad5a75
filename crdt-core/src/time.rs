//! Time as the core knows it: an argument, never a question.
//!
//! Milliseconds since the Unix epoch, as the wire and the store write them. Only
//! the caller owns a clock; see `clippy.toml` for what this crate may not call.

use serde::{Deserialize, Serialize};
use std::ops::Add;
use std::time::Duration;

/// A moment, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment this long ago; the epoch at the earliest.
    #[must_use]
    pub fn before(self, wait: Duration) -> Timestamp {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(wait_ms))
    }

    /// How long after `earlier` this is; zero when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, wait: Duration) -> Timestamp {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(wait_ms))
    }
}
