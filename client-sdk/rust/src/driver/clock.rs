//! What time it is on this device.
//!
//! Always true: it never goes back, and never stands still. When somebody sets the machine's clock back, waits and heartbeats go on at
//! their pace; when it is set ahead, as on a device that finds out the date after its start, it goes along.

use dovetail_core::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    /// What is added to the time since the start.
    base: Mutex<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), base: Mutex::new(Duration::ZERO) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        // Before 1970 only on a machine whose clock was never set.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, next) = told(*base, self.started.elapsed(), wall);
        *base = next;
        Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What time it is, and what is added from now on.
fn told(base: Duration, since_start: Duration, wall: Duration) -> (Duration, Duration) {
    let base = base.max(wall.saturating_sub(since_start));
    (base + since_start, base)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RC50: a clock that is set back goes on at its pace, one that is set ahead goes along.
    #[test]
    fn rc50_time_does_not_go_back() {
        let s = Duration::from_secs;
        let (now, base) = told(s(0), s(0), s(1_000));
        assert_eq!(now, s(1_000));
        let (now, base) = told(base, s(10), s(400));
        assert_eq!(now, s(1_010), "set back by ten minutes");
        let (now, base) = told(base, s(11), s(5_000));
        assert_eq!(now, s(5_000), "set ahead");
        assert_eq!(told(base, s(12), s(5_001)).0, s(5_001));
    }
}
