//! How near a figure is to its bound, and when that is worth a line in the log.
//!
//! ```text
//!  away ──four fifths are used──▶ near ──less than seven tenths──▶ away
//!          a line: what will happen        a line: it is over
//! ```
//! Always true: a crossing is one line, however often the figure is looked at. Between the two marks nothing is said, so a figure
//! that swings about one of them says it once.

use crate::metrics::BOUND_USED;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Where it is told that a bound is near, and where that it is not any longer, as shares of the bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marks {
    near_from: f64,
    away_below: f64,
    /// So many looks in a row have to find it.
    looks: u8,
}

/// For what runs into a wall. At four fifths a server that fills within a week leaves its operator a day; a tenth between
/// the marks is more than anything here swings by itself.
pub const BEFORE_THE_WALL: Marks = Marks { near_from: 0.8, away_below: 0.7, looks: 1 };

/// For what may be full and gives way by itself: worth a word when it does not. Three looks are three times as long as giving
/// way takes.
pub const BEYOND_THE_WALL: Marks = Marks { near_from: 1.0, away_below: 0.9, looks: 3 };

/// What has changed since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// It is near from here on.
    Near,
    /// It is not near any longer.
    Away,
}

/// Remembers whether a bound is near.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latch {
    is_near: bool,
    /// Looks in a row that would make it so.
    seen: u8,
}

impl Latch {
    /// Looks at the share of the bound that is used now. Says something when that makes a difference.
    pub fn look(&mut self, used: f64, marks: Marks) -> Option<Crossing> {
        if self.is_near {
            self.is_near = used >= marks.away_below;
            self.seen = 0;
            return (!self.is_near).then_some(Crossing::Away);
        }
        self.seen = if used >= marks.near_from { self.seen + 1 } else { 0 };
        self.is_near = self.seen >= marks.looks;
        self.is_near.then_some(Crossing::Near)
    }
}

/// How much of a bound is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Used {
    /// Which, as the label of the figure has it.
    pub bound: &'static str,
    /// How much there is.
    pub now: u64,
    /// How much there may be.
    pub most: u64,
    /// What happens there, for the log; nothing where somebody else tells it.
    pub wall: Option<(Marks, &'static str)>,
}

impl Used {
    /// As a share: 1 is all of it. What has no bound is never near to it.
    #[must_use]
    pub fn share(&self) -> f64 {
        share(self.now, self.most)
    }
}

/// How much of `most` this is.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a share, for people")]
pub fn share(now: u64, most: u64) -> f64 {
    match most {
        u64::MAX => 0.0,
        most => now as f64 / most.max(1) as f64,
    }
}

/// Remembers of each bound whether it is near.
#[derive(Debug, Default)]
pub struct Nearness {
    latches: Mutex<BTreeMap<&'static str, Latch>>,
}

impl Nearness {
    /// Which have been crossed since the last look.
    pub fn look<'a>(&self, all: &'a [Used]) -> Vec<(&'a Used, Crossing, &'static str)> {
        let mut latches = self.latches();
        let crossed = all.iter().filter_map(|used| {
            let (marks, wall) = used.wall?;
            let crossing = latches.entry(used.bound).or_default().look(used.share(), marks)?;
            Some((used, crossing, wall))
        });
        crossed.collect()
    }

    /// The same, and a line in the log for each.
    pub fn tell(&self, all: &[Used]) {
        for (Used { bound, now, most, .. }, crossing, wall) in self.look(all) {
            match crossing {
                Crossing::Near => tracing::warn!(bound, now, most, "a bound is near: {wall}"),
                Crossing::Away => tracing::info!(bound, now, most, "a bound is not near any longer"),
            }
        }
    }

    fn latches(&self) -> MutexGuard<'_, BTreeMap<&'static str, Latch>> {
        self.latches.lock().expect("nothing panics while it holds this lock")
    }
}

/// Shows the shares on `/metrics`.
pub fn show(all: &[Used]) {
    for used in all {
        metrics::gauge!(BOUND_USED, "bound" => used.bound).set(used.share());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(shares: &[f64], marks: Marks) -> Vec<(usize, Crossing)> {
        let mut latch = Latch::default();
        let told = shares.iter().enumerate().filter_map(|(at, share)| Some((at, latch.look(*share, marks)?)));
        told.collect()
    }

    /// OP36: a crossing is told once, on the way up and on the way down; what swings about a mark says nothing more.
    #[test]
    fn op36_a_crossing_is_told_once() {
        use Crossing::{Away, Near};
        assert_eq!(told(&[0.0, 0.79, 0.8, 0.9, 1.2], BEFORE_THE_WALL), [(2, Near)]);
        assert_eq!(told(&[0.81, 0.79, 0.81, 0.71, 0.85], BEFORE_THE_WALL), [(0, Near)], "it swings");
        assert_eq!(told(&[0.8, 0.69, 0.75, 0.8], BEFORE_THE_WALL), [(0, Near), (1, Away), (3, Near)]);
        assert_eq!(told(&[0.7, 0.75], BEFORE_THE_WALL), [], "it was never near");
    }

    /// OP36: what gives way by itself is told of when it has not for a while.
    #[test]
    fn op36_what_gives_way_is_told_of_when_it_does_not() {
        use Crossing::{Away, Near};
        assert_eq!(told(&[0.99; 9], BEYOND_THE_WALL), []);
        assert_eq!(told(&[1.1, 1.1, 0.9, 1.1, 1.1, 0.9], BEYOND_THE_WALL), [], "it has given way each time");
        assert_eq!(told(&[1.1, 1.1, 1.1, 1.1, 0.95, 0.8], BEYOND_THE_WALL), [(2, Near), (5, Away)]);
    }

    /// OP36: each bound is looked at for itself; one that nobody set, or of which somebody else tells, is never near.
    #[test]
    fn op36_bounds_are_told_of_one_by_one() {
        let used = |bound, now, most| Used { bound, now, most, wall: Some((BEFORE_THE_WALL, "it ends")) };
        let nearness = Nearness::default();
        let quiet = Used { wall: None, ..used("c", 9, 10) };
        let first = [used("a", 8, 10), used("b", 7, 10), quiet, used("off", u64::MAX, u64::MAX)];
        assert_eq!(nearness.look(&first), [(&first[0], Crossing::Near, "it ends")]);
        let second = [used("a", 9, 10), used("b", 8, 10)];
        assert_eq!(nearness.look(&second), [(&second[1], Crossing::Near, "it ends")]);
    }
}
