//! Lines that wait to be written: equal ones become one.
//!
//! Edit path: ← [`Audit::note`](super::Audit::note), → [`Waiting::take`], and a batch for the store.
//!
//! Always true: no more than [`WAITING_MAX`] lines wait; what had to give way is counted and told in a line.

use super::entry::{Action, Entry};
use dovetail_core::time::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Lines that wait at most: some 300 KiB. A store that is busy takes them within a second; more are lost.
pub(crate) const WAITING_MAX: usize = 1_024;

/// Equal lines within this time become one. A client that is refused tries again every second or so, and whoever
/// reads the log wants to see that once.
pub(super) const TOGETHER_WITHIN: Duration = Duration::from_secs(10);

/// Lines of one person that wait at most. Nobody does more different things in ten seconds by hand; what is over says no longer
/// about which document and from where, and so becomes one with others.
const LINES_OF_ONE_MAX: usize = 16;

/// Lines that wait at most of those of whom nothing is known but from where they come: some three a second. A log of 100,000
/// goes nine hours back while strangers try all they can.
const LINES_OF_NOBODY_MAX: usize = 32;

const _: () = assert!(LINES_OF_NOBODY_MAX * 10 < WAITING_MAX, "others find room beside them");

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: VecDeque<Entry>,
    lost: u64,
}

impl Waiting {
    /// Takes a line in. Says whether the lines should be written soon, because many wait.
    pub(super) fn add(&mut self, entry: Entry) -> bool {
        if self.join(&entry) {
            return false;
        }
        let entry = self.short_of_room(entry);
        if self.join(&entry) {
            return false;
        }
        if self.entries.len() == WAITING_MAX {
            let oldest = self.entries.pop_front();
            self.lost = self.lost.saturating_add(oldest.map_or(0, |oldest| oldest.count));
        }
        self.entries.push_back(entry);
        self.entries.len() >= WAITING_MAX / 2
    }

    /// Counts it with an equal one, if there is one.
    fn join(&mut self, entry: &Entry) -> bool {
        let like = |known: &&mut Entry| known.is_like(entry) && entry.at.since(known.at) < TOGETHER_WITHIN;
        // From the newest: whoever is refused again and again stands near the end.
        let Some(known) = self.entries.iter_mut().rev().find(like) else { return false };
        known.count = known.count.saturating_add(entry.count);
        true
    }

    /// Of somebody who has many lines already the next says less.
    fn short_of_room(&self, entry: Entry) -> Entry {
        let lines_max = if entry.subject.is_some() { LINES_OF_ONE_MAX } else { LINES_OF_NOBODY_MAX };
        let lines = self.entries.iter().filter(|known| known.subject == entry.subject).count();
        if lines < lines_max {
            return entry;
        }
        Entry { document: None, about: None, address: None, ..entry }
    }

    /// The lines to which no equal one can be added any more at `now`, or all of them; and, first, how many were lost.
    pub(super) fn take(&mut self, now: Timestamp, all: bool) -> Vec<Entry> {
        let is_due =
            |entry: &Entry| now.since(entry.at) >= TOGETHER_WITHIN || self.entries.len() >= WAITING_MAX / 2;
        let due = self.entries.iter().take_while(|entry| all || is_due(entry)).count();
        let lost = std::mem::take(&mut self.lost);
        let lost = (lost > 0).then(|| Entry { count: lost, ..Entry::new(now, Action::MoreNotRecorded) });
        lost.into_iter().chain(self.entries.drain(..due)).collect()
    }

    /// These were not written after all.
    pub(super) fn lose(&mut self, entries: &[Entry]) {
        let lost = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.count));
        self.lost = self.lost.saturating_add(lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::id::DocumentId;

    fn refused(at_ms: u64, subject: &str) -> Entry {
        let subject = Some(subject.parse().unwrap());
        Entry { subject, ..Entry::new(Timestamp::from_millis(at_ms), Action::Refused) }
    }

    /// AU52: equal lines within ten seconds become one with a count; others stay apart.
    #[test]
    fn au52_equal_lines_become_one() {
        let mut waiting = Waiting::default();
        for (at, subject) in [(0, "ana"), (1, "bo"), (9_999, "ana"), (10_000, "ana")] {
            waiting.add(refused(at, subject));
        }
        assert_eq!(waiting.take(Timestamp::from_millis(9_999), false), [], "an equal one may still come");
        let first = waiting.take(Timestamp::from_millis(10_001), false);
        assert_eq!(first, [Entry { count: 2, ..refused(0, "ana") }, refused(1, "bo")]);
        assert_eq!(waiting.take(Timestamp::from_millis(10_001), true), [refused(10_000, "ana")]);
    }

    /// AU45: lines from several addresses stay apart, up to a bound: behind it they no longer say from where.
    #[test]
    fn au45_strangers_do_not_fill_the_log() {
        let mut waiting = Waiting::default();
        let stranger = |n: u32| Entry {
            address: Some(std::net::IpAddr::V4(n.into())),
            ..Entry::new(Timestamp::from_millis(0), Action::SignInRefused)
        };
        for n in 0..10_000 {
            waiting.add(stranger(n));
            waiting.add(stranger(n));
        }
        waiting.add(refused(0, "ana"));
        let taken = waiting.take(Timestamp::from_millis(0), true);
        assert_eq!(taken.len(), LINES_OF_NOBODY_MAX + 2);
        assert_eq!(taken[0], Entry { count: 2, ..stranger(0) });
        assert_eq!(taken[LINES_OF_NOBODY_MAX].address, None);
        assert_eq!(taken.iter().map(|entry| entry.count).sum::<u64>(), 20_001, "all are counted");
        assert_eq!(taken.last(), Some(&refused(0, "ana")), "and others find their place");
    }

    /// AU45: whoever asks for a thousand documents has some lines and not a thousand.
    #[test]
    fn au45_one_person_does_not_fill_the_log() {
        let mut waiting = Waiting::default();
        for n in 0..1_000_u32 {
            let document = Some(DocumentId::from_bytes(&n.to_be_bytes()).unwrap());
            waiting.add(Entry { document, ..refused(0, "ana") });
        }
        let taken = waiting.take(Timestamp::from_millis(0), true);
        assert_eq!(taken.len(), LINES_OF_ONE_MAX + 1);
        assert_eq!(
            taken.last(),
            Some(&Entry { count: 1_000 - LINES_OF_ONE_MAX as u64, ..refused(0, "ana") })
        );
    }

    /// AU53: when too many wait, the oldest give way, and how many that were is a line.
    #[test]
    fn au53_what_gives_way_is_counted() {
        let mut waiting = Waiting::default();
        for n in 0..WAITING_MAX + 3 {
            waiting.add(refused(0, &format!("nobody-{n}")));
        }
        let now = Timestamp::from_millis(5);
        let taken = waiting.take(now, true);
        assert_eq!(taken.len(), WAITING_MAX + 1);
        assert_eq!(taken[0], Entry { count: 3, ..Entry::new(now, Action::MoreNotRecorded) });
        assert_eq!(taken[1], refused(0, "nobody-3"));
        waiting.lose(&taken[1..3]);
        assert_eq!(waiting.take(now, true)[0].count, 2);
        assert_eq!(waiting.take(now, true), []);
    }
}
