//! The figures of `/metrics`: their names, what they count, and what it means when they grow.
//!
//! Always true: every figure the server keeps is listed here with its unit, and
//! `docs/OPERATING.md` has the same table. Labels have few values, never an id.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// Connections open now, HTTP and WebSocket. At `connections_max` new ones wait.
pub const CONNECTIONS: &str = "dovetail_connections";
/// Times that no connection could be accepted: out of file descriptors, as a rule.
pub const ACCEPT_FAILURES: &str = "dovetail_accept_failures_total";
/// Requests answered, by `route`, `method` and `status`.
pub const REQUESTS: &str = "dovetail_http_requests_total";
/// Seconds from a request's head to its answer's head, by `route`.
pub const REQUEST_SECONDS: &str = "dovetail_http_request_seconds";

/// Sync sessions that have joined, over WebSockets and over HTTP.
pub const SESSIONS: &str = "dovetail_sessions";
/// JSON WebSockets that are open.
pub const REALTIME_SESSIONS: &str = "dovetail_realtime_sessions";
/// Documents that somebody follows as JSON.
pub const FEEDS: &str = "dovetail_feeds";
/// Sync sessions over HTTP, open or lately ended. At `connections_max` new ones are refused.
pub const HTTP_SESSIONS: &str = "dovetail_http_sessions";
/// Messages that came in over WebSockets and in posts.
pub const FRAMES_RECEIVED: &str = "dovetail_frames_received_total";
/// Sync messages handed to readers. Far below edits × readers: a reader that is behind gets one for many.
pub const SYNC_SENT: &str = "dovetail_sync_messages_sent_total";
/// Ephemeral messages (presence, cursors) not delivered, because a socket did not take the older ones.
pub const EPHEMERALS_DROPPED: &str = "dovetail_ephemerals_dropped_total";

/// Points that became durable in widget data documents.
pub const POINTS_ACCEPTED: &str = "dovetail_points_accepted_total";

/// Documents with a task: somebody reads them, or did a moment ago.
pub const DOCUMENTS_OPEN: &str = "dovetail_documents_open";
/// Documents with their content in memory.
pub const DOCUMENTS_DAMAGED: &str = "dovetail_documents_damaged";
/// See `docs/OPERATING.md`.
pub const DOCUMENTS_LIVE: &str = "dovetail_documents_live";
/// Bytes of documents in memory, estimated. At `memory_budget_bytes` the longest unused leave.
pub const RESIDENT_BYTES: &str = "dovetail_resident_bytes";
/// Seconds that judging a document took after a burst, or when it was opened. Nobody waits for it.
pub const RULES_SECONDS: &str = "dovetail_rules_seconds";
/// Seconds that evaluating a rule in CEL took, waiting for its turn included. Nobody waits for it.
pub const EXPRESSION_SECONDS: &str = "dovetail_expression_seconds";
/// Evaluations of rules in CEL that were past their deadline: the rule is undecided for that document.
pub const EXPRESSIONS_LATE: &str = "dovetail_expressions_late_total";
/// Conflicts that stand open, over all documents that were judged.
pub const CONFLICTS_OPEN: &str = "dovetail_conflicts_open";
/// Conflicts that somebody waived.
pub const CONFLICTS_WAIVED: &str = "dovetail_conflicts_waived";
/// Rules that could not be judged, over all documents: they count as neither kept nor broken.
pub const RULES_UNDECIDED: &str = "dovetail_rules_undecided";
/// Batches that the store did not take. Whoever sent them was told.
pub const COMMITS_FAILED: &str = "dovetail_commits_failed_total";

/// Documents the store knows, deleted ones included.
pub const DOCUMENTS_STORED: &str = "dovetail_documents_stored";
/// Bytes the store takes on disk. Several times what the documents are: see OPERATING.
pub const STORE_DISK_BYTES: &str = "dovetail_store_disk_bytes";
/// 1 when the store takes no more changes until the next start. Page somebody.
pub const STORE_READ_ONLY: &str = "dovetail_store_read_only";
/// 1 while the store takes no changes because its disk is low. It takes them again when there is room.
pub const STORE_DISK_LOW: &str = "dovetail_store_disk_low";
/// Bytes that are free on the disk of the store.
pub const STORE_FREE_BYTES: &str = "dovetail_store_free_bytes";
/// Batches accepted and not yet durable. Growing means that the disk does not keep up.
pub const STORE_QUEUED: &str = "dovetail_store_queued";
/// Batches that became durable.
pub const STORE_COMMITS: &str = "dovetail_store_commits_total";
/// Groups they were written in; commits divided by groups share one sync of the disk.
pub const STORE_GROUPS: &str = "dovetail_store_groups_total";

/// Entries in the audit log. At `audit_entries_max` the oldest are taken away.
pub const AUDIT_ENTRIES: &str = "dovetail_audit_entries";
/// Entries that the store did not take. The log tells how many they were when it takes some again.
pub const AUDIT_NOT_RECORDED: &str = "dovetail_audit_not_recorded_total";
/// Bytes of refused changes that are kept. At `quarantine_bytes_max` no more are.
pub const QUARANTINE_BYTES: &str = "dovetail_quarantine_bytes";
/// Refused changes that were not kept, because there was no room or they were too many.
pub const QUARANTINE_NOT_KEPT: &str = "dovetail_quarantine_not_kept_total";
/// Times that somebody was slowed or stopped, by `code` and `verdict`.
pub const THROTTLED: &str = "dovetail_throttled_total";

/// Times that Automerge panicked over what a connection brought. Nobody's client does that; the log says from where it came.
pub const PANICS: &str = "dovetail_automerge_panics_total";
/// Addresses that were banned for doing that twice within a minute.
pub const ADDRESSES_BANNED: &str = "dovetail_addresses_banned_total";

/// Sessions that ended at our wish, by `code`: those that came up against a bound are among them.
pub const SESSIONS_ENDED: &str = "dovetail_sessions_ended_total";
/// Changes that were not taken from a sync session, by `code`.
pub const CHANGES_REFUSED: &str = "dovetail_changes_refused_total";
/// How much of a bound is used, by `bound`: 1 is all of it. Alert above 0.8.
pub const BOUND_USED: &str = "dovetail_bound_used_ratio";

/// Bounds of the buckets of [`REQUEST_SECONDS`].
const REQUEST_SECONDS_BUCKETS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Bounds of the buckets of [`RULES_SECONDS`].
const RULES_SECONDS_BUCKETS: [f64; 7] = [0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.1];

/// Bounds of the buckets of [`EXPRESSION_SECONDS`].
const EXPRESSION_SECONDS_BUCKETS: [f64; 6] = [0.000_3, 0.001, 0.01, 0.1, 0.3, 1.0];

/// Renders the figures. Cheap to clone; all of them show the same process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The figures of this process. The recorder is installed by the first call; when
    /// somebody has installed another one before, what is rendered stays empty.
    #[must_use]
    pub fn of_process() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let recorder = builder().build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_ok() {
                describe();
            }
            handle
        });
        Self { handle: handle.clone() }
    }

    /// The figures as text, as Prometheus reads them.
    #[must_use]
    pub fn render(&self) -> String {
        // Folds what histograms have gathered; without it they grow until somebody asks.
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Folds what histograms have gathered. To be called now and then where nobody scrapes.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn builder() -> PrometheusBuilder {
    let buckets: [(&str, &[f64]); 3] = [
        (REQUEST_SECONDS, &REQUEST_SECONDS_BUCKETS),
        (RULES_SECONDS, &RULES_SECONDS_BUCKETS),
        (EXPRESSION_SECONDS, &EXPRESSION_SECONDS_BUCKETS),
    ];
    buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
        let name = Matcher::Full(name.to_owned());
        builder.set_buckets_for_metric(name, buckets).expect("the list of buckets is not empty")
    })
}

fn describe() {
    describe_gauge!(CONNECTIONS, "Connections open now, HTTP and WebSocket");
    describe_counter!(ACCEPT_FAILURES, "Times that no connection could be accepted");
    describe_counter!(REQUESTS, "Requests answered");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "From a request's head to its answer's head");
    describe_gauge!(REALTIME_SESSIONS, "JSON WebSockets that are open");
    describe_gauge!(FEEDS, "Documents that somebody follows as JSON");
    describe_gauge!(SESSIONS, "Sync sessions that have joined");
    describe_gauge!(HTTP_SESSIONS, "Sync sessions over HTTP, open or lately ended");
    describe_counter!(FRAMES_RECEIVED, "Messages that came in over WebSockets and in posts");
    describe_counter!(SYNC_SENT, "Sync messages handed to readers");
    describe_counter!(EPHEMERALS_DROPPED, "Ephemeral messages not delivered to a slow socket");
    describe_counter!(POINTS_ACCEPTED, "Points that became durable in widget data documents");
    describe_gauge!(DOCUMENTS_OPEN, "Documents with a task");
    describe_gauge!(DOCUMENTS_DAMAGED, "Documents that are known to be damaged");
    describe_gauge!(DOCUMENTS_LIVE, "Documents with their content in memory");
    describe_gauge!(RESIDENT_BYTES, Unit::Bytes, "Bytes of documents in memory, estimated");
    describe_histogram!(RULES_SECONDS, Unit::Seconds, "Judging a document by its rules");
    describe_histogram!(EXPRESSION_SECONDS, Unit::Seconds, "Evaluating a rule in CEL");
    describe_counter!(EXPRESSIONS_LATE, "Evaluations of rules in CEL that were past their deadline");
    describe_gauge!(CONFLICTS_OPEN, "Conflicts that stand open");
    describe_gauge!(CONFLICTS_WAIVED, "Conflicts that somebody waived");
    describe_gauge!(RULES_UNDECIDED, "Rules that could not be judged");
    describe_counter!(COMMITS_FAILED, "Batches that the store did not take");
    describe_gauge!(DOCUMENTS_STORED, "Documents the store knows, deleted ones included");
    describe_gauge!(STORE_DISK_BYTES, Unit::Bytes, "Bytes the store takes on disk");
    describe_gauge!(STORE_READ_ONLY, "1 when the store takes no more changes until the next start");
    describe_gauge!(STORE_DISK_LOW, "1 while the store takes no changes because its disk is low");
    describe_gauge!(STORE_FREE_BYTES, "Bytes that are free on the disk of the store");
    describe_gauge!(STORE_QUEUED, "Batches accepted and not yet durable");
    describe_counter!(STORE_COMMITS, "Batches that became durable");
    describe_gauge!(AUDIT_ENTRIES, "Entries in the audit log");
    describe_counter!(AUDIT_NOT_RECORDED, "Entries that the store did not take");
    describe_gauge!(QUARANTINE_BYTES, Unit::Bytes, "Refused changes that are kept");
    describe_counter!(THROTTLED, "Times that somebody was slowed or stopped");
    describe_counter!(PANICS, "Times that Automerge panicked over what a connection brought");
    describe_counter!(ADDRESSES_BANNED, "Addresses that were banned for a while");
    describe_counter!(SESSIONS_ENDED, "Sessions that ended at our wish");
    describe_counter!(
        CHANGES_REFUSED,
        "Changes that were not taken from sync sessions, and requests by HTTP that would have made one"
    );
    describe_gauge!(BOUND_USED, "How much of a bound is used, 1 is all of it");
    describe_counter!(QUARANTINE_NOT_KEPT, "Refused changes that were not kept");
    describe_counter!(STORE_GROUPS, "Groups of batches, one sync of the disk each");
    begin();
}

/// Figures without labels stand at nothing from the start: whoever is to be told that one grows has to see it before.
fn begin() {
    const COUNTERS: [&str; 11] = [
        ACCEPT_FAILURES,
        FRAMES_RECEIVED,
        SYNC_SENT,
        EPHEMERALS_DROPPED,
        POINTS_ACCEPTED,
        EXPRESSIONS_LATE,
        COMMITS_FAILED,
        STORE_COMMITS,
        STORE_GROUPS,
        AUDIT_NOT_RECORDED,
        QUARANTINE_NOT_KEPT,
    ];
    COUNTERS.into_iter().for_each(|name| metrics::counter!(name).increment(0));
    const GAUGES: [&str; 6] =
        [CONNECTIONS, SESSIONS, REALTIME_SESSIONS, FEEDS, HTTP_SESSIONS, QUARANTINE_BYTES];
    GAUGES.into_iter().for_each(|name| metrics::gauge!(name).increment(0.0));
}

#[cfg(test)]
mod tests {
    /// OP14: what operators read names every figure.
    #[test]
    fn op14_operating_lists_every_figure() {
        let operating = include_str!("../../docs/OPERATING.md");
        let names = include_str!("metrics.rs").split('"').filter(|text| text.starts_with("dovetail_"));
        for name in names.filter(|name| name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())) {
            assert!(
                name == "dovetail_" || operating.contains(&format!("| `{name}` |")),
                "docs/OPERATING.md lacks {name}"
            );
        }
    }
}
