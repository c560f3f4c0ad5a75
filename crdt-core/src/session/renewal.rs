//! When the holder of a connection is asked for a newer token, and when it is too late.
//!
//! ```text
//!  shown ─────────────── asked ── over        asked a minute before the end; of a token that is shown with less than two
//!    └── half of it, at least ──┘             minutes left, when half of them have passed
//! ```
//! Edit path: no edit comes by here. ← Somebody has shown a token that ends, time passes, → they are asked, or their connection ends.
//!
//! Always true: a newer token is asked for once for each that is shown. However short tokens are, nobody is asked in the moment in which they have shown one: who
//! answers at once would be asked again at once, and that would go on for ever.

use crate::time::Timestamp;
use std::time::Duration;

/// How long before a token ends a client that understands it is asked for a newer one. Some seconds are enough to get
/// one; a phone that is asleep wakes up for its pings within a minute.
const BEFORE: Duration = Duration::from_secs(60);

/// See the top of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewal {
    over_at: Option<Timestamp>,
    /// Nothing when it was asked for.
    asked_at: Option<Timestamp>,
}

impl Renewal {
    /// Of a token that is shown now and ends then, if it does.
    #[must_use]
    pub fn of(until: Option<Timestamp>, now: Timestamp) -> Self {
        let asked_at = until.map(|until| until.before(BEFORE.min(until.since(now) / 2)));
        Self { over_at: until, asked_at }
    }

    /// When the token ends, if it does.
    #[must_use]
    pub fn over_at(&self) -> Option<Timestamp> {
        self.over_at
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.over_at.is_some_and(|until| now >= until)
    }

    /// When it ends, if it is time to ask for another one; once.
    pub fn ask(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.asked_at.take_if(|at| now >= *at)?;
        self.over_at
    }

    /// When something is to be done, asking included.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        self.asked_at.or(self.over_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1_000)
    }

    /// SE19: a token is asked for once, a minute before it ends, and after half of its time where that is later.
    #[test]
    fn se19_when_a_token_is_asked_for() {
        for (holds_for, asked_at) in [(3_600, 3_540), (120, 60), (61, 30), (30, 15), (2, 1)] {
            let mut renewal = Renewal::of(Some(at(holds_for)), at(0));
            let due = renewal.due_at().unwrap();
            assert_eq!(due.since(at(0)).as_secs(), asked_at, "{holds_for} s");
            assert_eq!(renewal.ask(at(0)), None, "{holds_for} s: it was shown a moment ago");
            assert_eq!(renewal.ask(due), Some(at(holds_for)));
            assert_eq!(renewal.ask(due), None, "once");
            assert_eq!(renewal.due_at(), Some(at(holds_for)));
            assert!(!renewal.is_over(due));
            assert!(renewal.is_over(at(holds_for)));
        }
        let mut endless = Renewal::of(None, at(0));
        assert_eq!((endless.due_at(), endless.ask(at(9)), endless.is_over(at(9))), (None, None, false));
    }
}
