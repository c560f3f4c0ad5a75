//! The only place where the server asks what time it is.
//!
//! Always true: documents and sessions are told the time by whoever holds a [`Clock`], so
//! a test that holds a standing one decides when anything is due.

use dovetail_core::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time: the machine's, or a test's.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// Stands still until it is moved.
    Standing(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that shows `start` until [`advance`](Self::advance) moves it.
    #[must_use]
    pub fn standing(start: Timestamp) -> Self {
        Self::Standing(Arc::new(AtomicU64::new(start.as_millis())))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                // Before 1970 only on a machine whose clock was never set.
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Standing(millis) => Timestamp::from_millis(millis.load(Ordering::Relaxed)),
        }
    }

    /// Moves a standing clock. The machine's moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Self::Standing(millis) = self {
            let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            millis.fetch_add(by, Ordering::Relaxed);
        }
    }
}
