//! Pages of other origins that were not let in, as whoever runs the server reads of them in the log.
//!
//! Edit path: no edit comes by here. ← A page may not call, or may not read what it is answered, → one line that names its origin, and the
//! setting that would let it in.
//!
//! Always true: an origin is named at most once a minute, and [`NAMED_MAX`] of them in that time. Anybody can make up origins, and fills
//! neither the memory nor the log with them.

use crate::auth::Origins;
use crate::clock::Clock;
use dovetail_core::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use warp::http::HeaderValue;

/// How long an origin that was named is not named again.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How many are named in that time. Whoever runs a server has a handful of pages; more are made up.
const NAMED_MAX: usize = 32;

/// Origins that are longer are shown up to here: names of hosts have 253 letters at most.
const SHOWN_BYTES_MAX: usize = 270;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Foreign {
    clock: Clock,
    named: Mutex<Named>,
}

/// Who was named within the last minute, and when.
#[derive(Debug, Default)]
struct Named {
    origins: HashMap<String, Timestamp>,
    /// That there are more was said then.
    others: Option<Timestamp>,
}

/// What is said of an origin that was not let in.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// Which it is.
    Named,
    /// That there are more than are named.
    Others,
    /// Nothing: it was said a moment ago.
    Nothing,
}

impl Foreign {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, named: Mutex::default() }
    }

    /// A page of this origin was not let in.
    pub(super) fn note(&self, origin: &HeaderValue) {
        let as_setting = Origins::as_written(origin);
        let shown = shortened(as_setting.as_deref().or(origin.to_str().ok()).unwrap_or("(unreadable)"));
        match (self.named().word(shown, self.clock.now()), &as_setting) {
            (Word::Named, Some(_)) => tracing::info!(
                origin = shown,
                setting = "allowed_origins",
                "a page of another origin was not let in; if it is one of yours, add its origin to this setting"
            ),
            // `null` of files and sandboxes, extensions of browsers.
            (Word::Named, None) => tracing::info!(
                origin = shown,
                "a page was not let in, and there is no setting for its origin; serve it over http or https"
            ),
            (Word::Others, _) => {
                tracing::info!(
                    "pages of more than {NAMED_MAX} origins were not let in within a minute; some are not named"
                );
            }
            (Word::Nothing, _) => {}
        }
    }

    fn named(&self) -> MutexGuard<'_, Named> {
        self.named.lock().expect("nothing panics while it holds this lock")
    }
}

impl Named {
    fn word(&mut self, origin: &str, now: Timestamp) -> Word {
        let is_recent = |at: &Timestamp| now.since(*at) < AGAIN_AFTER;
        self.origins.retain(|_, at| is_recent(at));
        if self.origins.contains_key(origin) {
            return Word::Nothing;
        }
        if self.origins.len() < NAMED_MAX {
            self.origins.insert(origin.to_owned(), now);
            return Word::Named;
        }
        if self.others.as_ref().is_some_and(is_recent) {
            return Word::Nothing;
        }
        self.others = Some(now);
        Word::Others
    }
}

fn shortened(origin: &str) -> &str {
    &origin[..origin.floor_char_boundary(SHOWN_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HT40: an origin is named once a minute, and no more than so many of them are remembered.
    #[test]
    fn ht40_origins_are_named_once_a_minute() {
        let (mut named, start) = (Named::default(), Timestamp::from_millis(1_000_000));
        assert_eq!(named.word("https://a.example", start), Word::Named);
        assert_eq!(named.word("https://a.example", start + Duration::from_secs(59)), Word::Nothing);
        assert_eq!(named.word("https://b.example", start + Duration::from_secs(59)), Word::Named);
        assert_eq!(named.word("https://a.example", start + Duration::from_secs(60)), Word::Named);

        let later = start + Duration::from_secs(600);
        let words = (0..10_000).map(|n| named.word(&format!("https://{n}.example"), later));
        let told: Vec<Word> = words.filter(|word| *word != Word::Nothing).collect();
        assert_eq!(told.len(), NAMED_MAX + 1);
        assert_eq!(told.last(), Some(&Word::Others));
        assert_eq!(named.origins.len(), NAMED_MAX);
        assert_eq!(named.word("https://a.example", later + AGAIN_AFTER), Word::Named);
        assert_eq!(named.origins.len(), 1, "the others are forgotten");
    }
}
