//! What is wrong with a document, or with what was sent to become part of one.
//!
//! Edit path: ← the [`hub`](crate::hub), the [`store`](crate::store) or a parser did not take it, → a [`Problem`].
//!
//! Always true: what the hub says of a document is written for callers already and names nothing but the document; what the
//! store says goes to the log.

use super::code::Code;
use super::problem::{Problem, retry_later};
use crate::content::ContentError;
use crate::hub::{SubmitError, ViewError};
use crate::points::AddPointsError;
use crate::store::{CommitError, DiskLow, LoadError};
use dovetail_core::document::Rejection;
use dovetail_core::grafana::ExportError;
use dovetail_core::id::{BadDocumentId, DocumentId};
use dovetail_core::json::JsonError;
use warp::http::StatusCode;
use warp::http::header::{self, HeaderValue};

/// A text that names no document.
#[must_use]
pub fn of_id(error: &BadDocumentId) -> Problem {
    Problem::new(Code::BadDocumentId, error.to_string())
}

/// A body that became no document.
#[must_use]
pub fn of_content(error: &ContentError) -> Problem {
    match error {
        ContentError::NotJson(json) => of_bad_json(json),
        ContentError::NotContent(reason) => of_json(reason),
        ContentError::NotGrafana(reason) => Problem::new(Code::BadGrafanaDashboard, reason.to_string()),
    }
}

/// A body that is not JSON, with the place of the mistake.
#[must_use]
pub fn of_bad_json(json: &serde_json::Error) -> Problem {
    Problem::new(Code::BadJson, format!("the body is not JSON: {json}"))
        .with("line", json.line())
        .with("column", json.column())
}

/// JSON that no document can hold, with the place that is in its way.
#[must_use]
pub fn of_json(error: &JsonError) -> Problem {
    let problem = Problem::new(Code::BadContent, error.to_string());
    match error {
        JsonError::TooDeep { path } | JsonError::TooMany { path } => problem.with("pointer", path.as_str()),
        JsonError::NotAnObject => problem.with("pointer", ""),
        JsonError::Document(_) => problem,
    }
}

/// A document that cannot be shown in the form that was asked for.
#[must_use]
pub fn of_show(error: &ExportError) -> Problem {
    Problem::new(Code::NotADashboard, error.to_string())
}

/// Changes that did not become part of a document, and deletions that were not made.
#[must_use]
pub fn of_submit(error: &SubmitError) -> Problem {
    let (code, document) = match error {
        SubmitError::Unknown { document } => (Code::DocumentNotFound, document),
        SubmitError::Deleted { document } => (Code::DocumentDeleted, document),
        SubmitError::Damaged { document } => (Code::DocumentDamaged, document),
        SubmitError::InvalidChange { document, .. } => (Code::InvalidChange, document),
        SubmitError::Rejected { document, why } => (of_rejection(why), document),
        SubmitError::Store { document } => (Code::StoreUnavailable, document),
        SubmitError::DiskLow { document } => (Code::DiskLow, document),
    };
    about(document, code, error)
}

/// A change that could be applied and was not taken.
fn of_rejection(why: &Rejection) -> Code {
    match why {
        Rejection::Hidden => Code::DocumentNotFound,
        Rejection::ReadOnly => Code::Forbidden,
        Rejection::ActorMismatch => Code::ActorMismatch,
        Rejection::PathForbidden { .. } => Code::PathForbidden,
        Rejection::QuotaExceeded => Code::QuotaExceeded,
        Rejection::DocumentFull { .. } => Code::DocumentFull,
        Rejection::TooManyDocuments => Code::TooManyDocumentsOwned,
        Rejection::OutOfBounds { .. } | Rejection::DependsOnRefused | Rejection::TooMany => {
            Code::InvalidChange
        }
    }
}

/// A document that nobody can look at.
#[must_use]
pub fn of_view(error: &ViewError) -> Problem {
    let (code, document) = match error {
        ViewError::Unknown { document } => (Code::DocumentNotFound, document),
        ViewError::Deleted { document } => (Code::DocumentDeleted, document),
        ViewError::Damaged { document } => (Code::DocumentDamaged, document),
        ViewError::Busy { document } => (Code::DocumentBusy, document),
        ViewError::Store { document } => (Code::StoreUnavailable, document),
    };
    about(document, code, error)
}

/// Points that did not become part of a document.
#[must_use]
pub fn of_points(error: &AddPointsError) -> Problem {
    let words = error.to_string();
    match error {
        AddPointsError::NotPoints { document, .. } => about(document, Code::NotWidgetData, error),
        AddPointsError::BudgetSpent { document, changes } => {
            about(document, Code::HistoryBudgetSpent, error).with("changes", *changes)
        }
        AddPointsError::TooManyWait { document, retry_after } => {
            let seconds = retry_after.as_secs().max(1);
            about(document, Code::TooManyPoints, error)
                .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
        }
        AddPointsError::TooManyDocuments => Problem::new(Code::TooManyPoints, words)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("60")),
        AddPointsError::View(error) => of_view(error),
        AddPointsError::Submit(error) => of_submit(error),
        AddPointsError::Failed { document } => about(document, Code::Internal, error),
    }
}

/// What the hub says of a document is written for callers already: it names nothing but the document.
fn about(document: &DocumentId, code: Code, error: &dyn std::error::Error) -> Problem {
    let problem = Problem::new(code, error.to_string()).with("document", document.to_string());
    if code.status() == StatusCode::SERVICE_UNAVAILABLE { retry_later(problem) } else { problem }
}

/// A list or a manifest that the store did not give.
#[must_use]
pub fn of_load(error: &LoadError) -> Problem {
    match error {
        LoadError::Damaged { document, .. } => {
            tracing::error!(%document, %error, "damaged");
            Problem::new(
                Code::DocumentDamaged,
                format!("what is stored of {document} is not what was written"),
            )
            .with("document", document.to_string())
        }
        LoadError::Unreadable { .. } | LoadError::Closed => {
            tracing::error!(%error, "the store did not answer");
            retry_later(Problem::new(Code::StoreUnavailable, "the store cannot be read at the moment"))
        }
    }
}

/// Something that the store did not take.
#[must_use]
pub fn of_commit(error: &CommitError) -> Problem {
    match error {
        CommitError::TooLarge { .. } => Problem::new(Code::BodyTooLarge, error.to_string()),
        CommitError::DiskLow(low) => of_low_disk(low),
        CommitError::Unreadable { .. } => {
            tracing::error!(%error, "the store did not take a record");
            Problem::new(Code::StoreUnavailable, "the store is damaged here; `dovetail verify` tells more")
        }
        _ => {
            tracing::error!(%error, "the store did not take a record");
            retry_later(Problem::new(Code::StoreUnavailable, "the store takes no changes at the moment"))
        }
    }
}

/// A computation that panicked: a bug, found in the log.
#[must_use]
pub fn of_panic(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "a request failed in the server");
    Problem::new(Code::Internal, "this request could not be answered; the server's log says why")
}

/// There is too little room to write.
fn of_low_disk(low: &DiskLow) -> Problem {
    let detail = format!("the server's disk is low: {low}; nothing is written until there is room");
    retry_later(Problem::new(Code::DiskLow, detail))
}
