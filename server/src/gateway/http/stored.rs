//! What is stored, for those who have to answer for it: administrators of the server check it while it serves.
//!
//! Edit path: no edit comes by here.

use super::documents::put;
use super::streamed::{Pieces, streamed};
use crate::backup::End;
use crate::backup::write::Backup;
use crate::damaged::Damaged;
use crate::gateway::Gateway;
use crate::gateway::door::Door;
use crate::gateway::reply::{Code, Problem};
use crate::verify::{Check, Finding, Pace, Summary};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;
use warp::http::header::CONTENT_DISPOSITION;
use warp::reply::Response;

/// How often one is told how far it is: common proxies cut a connection that is silent for a minute.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// GET /api/admin/verify: a line for each document that is damaged, one now and then that tells how far it is, and one at the end.
pub(super) async fn check(door: Door) -> Result<Response, Problem> {
    door.serve()?;
    let gateway = door.gateway;
    let (turn, drain) = (turn(&gateway)?, gateway.drain.clone());
    Ok(streamed("application/x-ndjson", drain, move |lines| async move {
        check_all(gateway, lines).await;
        drop(turn);
    }))
}

/// One at a time: two would take twice as much of what others need.
fn turn(gateway: &Gateway) -> Result<OwnedMutexGuard<()>, Problem> {
    gateway.reading_all.clone().try_lock_owned().map_err(|_| {
        let detail = "all that is stored is being checked or copied already; one does so at a time";
        Problem::new(Code::TooManyRequests, detail)
    })
}

async fn check_all(gateway: Gateway, lines: Pieces) {
    let mut check = Check::new(gateway.store.clone(), Pace::Slow);
    let mut told = Instant::now();
    let last = loop {
        let finding = match check.next().await {
            Ok(Some(finding)) => finding,
            Ok(None) => break with(counted(&check.summary()), "done", true.into()),
            Err(error) => {
                tracing::error!(%error, "the check of what is stored has ended early");
                let why = "the store cannot be read; the log tells more";
                break with(with(counted(&check.summary()), "done", false.into()), "detail", why.into());
            }
        };
        note(gateway.hub.damaged(), &finding);
        let is_due = told.elapsed() >= TELL_EVERY;
        if let Some(line) = as_line(&finding).or_else(|| is_due.then(|| counted(&check.summary()))) {
            told = Instant::now();
            if !lines.send(bytes(&line)).await {
                return;
            }
        }
    };
    lines.send(bytes(&last)).await;
}

/// Nothing of one that is as it was written.
fn as_line(finding: &Finding) -> Option<Value> {
    match finding {
        Finding::Sound(_) => None,
        Finding::Damaged { document, what } => Some(json!({ "id": document.to_string(), "damage": what })),
        Finding::Record { space, what } => Some(json!({ "records": space.name(), "damage": what })),
    }
}

fn with(mut line: Value, name: &str, value: Value) -> Value {
    line[name] = value;
    line
}

/// GET /api/admin/backup: all that is stored, as one tar file. One that is cut has no end, and is not taken for a backup.
pub(super) async fn copy(door: Door) -> Result<Response, Problem> {
    door.serve()?;
    let gateway = door.gateway;
    let (turn, drain) = (turn(&gateway)?, gateway.drain.clone());
    let mut response = streamed("application/x-tar", drain, move |pieces| async move {
        copy_all(gateway, pieces).await;
        drop(turn);
    });
    put(&mut response, CONTENT_DISPOSITION, "attachment; filename=\"dovetail-backup.tar\"");
    Ok(response)
}

async fn copy_all(gateway: Gateway, pieces: Pieces) {
    let damaged = gateway.hub.damaged().clone();
    let mut backup = Backup::new(gateway.store.clone(), Pace::Even, gateway.clock.now());
    loop {
        match backup.next().await {
            Ok(Some(piece)) => {
                if !pieces.send(piece).await {
                    return;
                }
            }
            Ok(None) => break,
            Err(error) => return tracing::error!(%error, "a backup has ended early"),
        }
    }
    let End { documents, left_out, .. } = backup.end();
    for one in left_out {
        if let Ok(document) = one.id.parse() {
            damaged.note(&document, &one.damage);
        }
    }
    tracing::info!(documents, left_out = left_out.len(), "a backup was made");
}

fn counted(summary: &Summary) -> Value {
    json!({
        "documents": summary.documents,
        "damaged": summary.damaged,
        "records_damaged": summary.records_damaged,
    })
}

fn note(damaged: &Damaged, finding: &Finding) {
    match finding {
        Finding::Sound(document) => damaged.is_sound(document),
        Finding::Damaged { document, what } => damaged.note(document, what),
        Finding::Record { .. } => {}
    }
}

fn bytes(line: &Value) -> Bytes {
    format!("{line}\n").into()
}
