//! When a document is judged, and what its readers know of that.
//!
//! Edit path: ← a burst was applied, → the rules are judged while the disk works; → readers hear of it when it is something else than
//! they know.
//!
//! Always true: nobody's answer waits for the rules. Where judging takes longer than the disk it is put off until the answers have left,
//! but not for ever.

use dovetail_core::document::Verdict;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Judging that takes longer than this may take longer than the disk. A dashboard of 200 widgets takes a tenth.
const JUDGING_LONG: Duration = Duration::from_millis(1);

/// For how long judging is put off at most.
const PUT_OFF_MAX: Duration = Duration::from_millis(500);

/// See the top of the file.
#[derive(Default)]
pub(super) struct Judging {
    /// How long it took the last time.
    took: Duration,
    /// Since when it has been put off, while it is.
    put_off_since: Option<Instant>,
    /// What readers know of the rules.
    told: Option<Arc<Verdict>>,
}

impl Judging {
    /// Where judging takes longer than the disk, it is done when the disk has answered and so have we; but while edits
    /// keep the disk busy all the time, it has to be done between two of them.
    pub(super) fn is_put_off(&mut self, waits_for_store: bool) -> bool {
        if !waits_for_store || self.took < JUDGING_LONG {
            return false;
        }
        let since = *self.put_off_since.get_or_insert_with(Instant::now);
        since.elapsed() < PUT_OFF_MAX
    }

    /// There is nothing to judge.
    pub(super) fn is_done(&mut self) {
        self.put_off_since = None;
    }

    /// Does it, and measures how long it takes.
    pub(super) fn time(&mut self, judge: impl FnOnce()) {
        let began = Instant::now();
        judge();
        self.took = began.elapsed();
        self.put_off_since = None;
        metrics::histogram!(crate::metrics::RULES_SECONDS).record(self.took);
    }

    /// Whether readers are to hear of it: most edits change nothing about what the rules say.
    pub(super) fn is_news(&mut self, verdict: Option<&Arc<Verdict>>) -> bool {
        let same = |told: &Arc<Verdict>| {
            verdict.is_some_and(|now| Arc::ptr_eq(&told.report, &now.report) && told.version == now.version)
        };
        if self.told.as_ref().is_some_and(same) {
            return false;
        }
        self.told = verdict.cloned();
        true
    }
}
