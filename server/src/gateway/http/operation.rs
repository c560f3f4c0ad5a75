//! For those who run the server: does it live, should it get requests, how is it doing.

use crate::gateway::Gateway;
use crate::gateway::door::Door;
use crate::gateway::reply::{self, Code, Problem};
use crate::metrics;
use crate::near;
use crate::store::Writes;
use serde_json::{Value, json};
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

/// GET /health: whoever gets this answer has reached a process that answers. Restart it
/// when there is none.
pub(super) fn health() -> Response {
    reply::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// GET /ready: send requests elsewhere while this is a problem, and do not restart for it.
pub(super) fn ready(gateway: &Gateway) -> Result<Response, Problem> {
    if gateway.drain.has_begun() {
        return Err(unready(Code::Draining, vec!["the server is stopping".to_owned()]));
    }
    match gateway.store.health().writes {
        Writes::Taken => Ok(reply::json(StatusCode::OK, &json!({ "status": "ready" }))),
        Writes::DiskLow(low) => Err(unready(Code::DiskLow, vec![low.to_string()])),
        Writes::Stopped { why } => {
            Err(unready(Code::StoreUnavailable, vec![format!("the store takes no changes: {why}")]))
        }
    }
}

/// GET /metrics, for Prometheus. What is a state and no event is measured now.
pub(super) fn metrics(door: &Door) -> Result<Response, Problem> {
    door.serve()?;
    let gateway = &door.gateway;
    let (health, hub) = (gateway.store.health(), gateway.hub.statistics());
    let conflicts = gateway.hub.inbox().counts();
    #[allow(clippy::cast_precision_loss)] // bytes and counts far below 2^53
    {
        ::metrics::gauge!(metrics::SESSIONS).set(hub.sessions as f64);
        ::metrics::gauge!(metrics::REALTIME_SESSIONS).set(gateway.people.count() as f64);
        ::metrics::gauge!(metrics::FEEDS).set(gateway.feeds.open() as f64);
        ::metrics::gauge!(metrics::DOCUMENTS_OPEN).set(hub.documents_open as f64);
        ::metrics::gauge!(metrics::DOCUMENTS_DAMAGED).set(hub.documents_damaged as f64);
        ::metrics::gauge!(metrics::DOCUMENTS_LIVE).set(hub.documents_live as f64);
        ::metrics::gauge!(metrics::RESIDENT_BYTES).set(hub.resident_bytes as f64);
        ::metrics::gauge!(metrics::DOCUMENTS_STORED).set(health.documents as f64);
        ::metrics::gauge!(metrics::STORE_DISK_BYTES).set(health.disk_bytes as f64);
        if let Some(free_bytes) = health.free_bytes {
            ::metrics::gauge!(metrics::STORE_FREE_BYTES).set(free_bytes as f64);
        }
        ::metrics::gauge!(metrics::STORE_QUEUED).set(health.queued as f64);
        ::metrics::gauge!(metrics::CONFLICTS_OPEN).set(conflicts.open as f64);
        ::metrics::gauge!(metrics::CONFLICTS_WAIVED).set(conflicts.waived as f64);
        ::metrics::gauge!(metrics::RULES_UNDECIDED).set(conflicts.undecided as f64);
    }
    near::show(&gateway.used());
    let as_gauge = |is_so| f64::from(u8::from(is_so));
    ::metrics::gauge!(metrics::STORE_READ_ONLY)
        .set(as_gauge(matches!(health.writes, Writes::Stopped { .. })));
    ::metrics::gauge!(metrics::STORE_DISK_LOW).set(as_gauge(matches!(health.writes, Writes::DiskLow(_))));
    ::metrics::counter!(metrics::STORE_COMMITS).absolute(health.commits);
    ::metrics::counter!(metrics::STORE_GROUPS).absolute(health.groups);

    let mut response = Response::new(gateway.metrics.render().into());
    let prometheus_text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, prometheus_text);
    Ok(response)
}

/// GET /api/realtime: status and statistics for clients and dashboards.
/// Figures are for administrators of the server.
pub(super) fn realtime(door: &Door) -> Result<Response, Problem> {
    door.person()?;
    let gateway = &door.gateway;
    let status = if gateway.drain.has_begun() { "draining" } else { "serving" };
    let answer = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": gateway.clock.now().as_millis(),
        "sync": "/sync",
        "statistics": door.serve().ok().map(|_| statistics(gateway)),
    });
    Ok(reply::json(StatusCode::OK, &answer))
}

fn statistics(gateway: &Gateway) -> Value {
    let hub = gateway.hub.statistics();
    let store = gateway.store.health();
    json!({
        "sessions": hub.sessions,
        "realtime_sessions": gateway.people.count(),
        "feeds": gateway.feeds.open(),
        "documents_open": hub.documents_open,
        "documents_live": hub.documents_live,
        "resident_bytes": hub.resident_bytes,
        "documents_stored": store.documents,
        "store_disk_bytes": store.disk_bytes,
        "store_commits": store.commits,
        "last_commit": store.last_commit_at.map(|at| at.as_millis()),
    })
}

fn unready(code: Code, reasons: Vec<String>) -> Problem {
    Problem::new(code, reasons.join("; ")).with("reasons", reasons)
}
