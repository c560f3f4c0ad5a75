//! How much of each bound is used that somebody can do something about.
//!
//! Always true: what is listed here is listed in [`bounds`](crate::bounds) with this figure, and the other way round.

use super::Gateway;
use crate::near::{BEFORE_THE_WALL, BEYOND_THE_WALL, Marks, Used, show};
use crate::points::POINTS_WAITING_MAX;
use crate::store::COMMITS_WAITING_MAX;
use std::time::Duration;

/// How often it is looked. An operator needs no second; a burst of connections that is over in five is none to wake somebody for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Gateway {
    /// Looks for as long as it is run, and writes into the log what comes near.
    pub(crate) async fn watch_bounds(self) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            every.tick().await;
            let used = self.used();
            show(&used);
            self.near.tell(&used);
        }
    }

    /// How much is used now.
    pub(crate) fn used(&self) -> Vec<Used> {
        let (limits, hub, health) = (&self.limits, self.hub.statistics(), self.store.health());
        let (documents, people) = (hub.largest, self.hub.fullest());
        let sizes = self.hub.document_limits();
        let told = |bound, now: usize, most: usize, wall| Used {
            bound,
            now: now as u64,
            most: most as u64,
            wall: Some((BEFORE_THE_WALL, wall)),
        };
        let shown = |bound, now, most| Used { bound, now, most, wall: None };
        let may_have = |most: Option<usize>| most.map_or(u64::MAX, |most| most as u64);
        let of_memory: (Marks, &str) = (
            BEYOND_THE_WALL,
            "what is open does not leave memory for want of others; more memory, or fewer documents at a time",
        );
        vec![
            told("connections_max", self.crowd.all(), limits.connections_max, "then new ones wait"),
            told(
                "http_sessions",
                self.polls.count(),
                limits.connections_max,
                "then new ones over HTTP are refused",
            ),
            Used {
                wall: Some(of_memory),
                ..shown("memory_budget_bytes", hub.resident_bytes, limits.memory_budget_bytes as u64)
            },
            // Of these their own rooms tell, since they know which document it is, and whose.
            shown("document_changes_max", documents.changes, sizes.changes_max),
            shown("document_bytes_max", documents.bytes, sizes.bytes_max),
            shown("document_ops", documents.ops, sizes.ops_max),
            shown(
                "documents_per_subject_max",
                people.documents as u64,
                may_have(limits.documents_per_subject_max.map(|most| most as usize)),
            ),
            shown("bytes_per_subject_max", people.bytes as u64, may_have(limits.bytes_per_subject_max)),
            // And of the disk the store, before each group that it writes.
            shown("disk_free_min", health.floor_bytes.unwrap_or(0), health.free_bytes.unwrap_or(u64::MAX)),
            told(
                "audit_entries_max",
                self.records.audit.count(),
                limits.audit_entries_max,
                "then the oldest entries give way",
            ),
            told(
                "quarantine_bytes_max",
                self.records.quarantine.bytes(),
                limits.quarantine_bytes_max,
                "then no more refused changes are kept",
            ),
            told(
                "points_waiting",
                self.points.most_waiting(),
                POINTS_WAITING_MAX,
                "then points for that document are refused until its next change is stored",
            ),
            told(
                "commits_waiting",
                health.queued,
                COMMITS_WAITING_MAX,
                "then writers wait: the disk does not keep up",
            ),
        ]
    }
}
