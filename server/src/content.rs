//! What comes in from outside becomes a document, and a document becomes what goes out.
//!
//! Always true: the doors (HTTP and the command line) make and show documents alike, because
//! both do it here. A new document is its changes; whoever made it submits them to the hub.
//! These functions compute for up to a second: they are called where that blocks nobody.

use automerge::transaction::CommitOptions;
use automerge::{ActorId, Automerge, ROOT, ReadDoc};
use bytes::Bytes;
use dovetail_core::dashboard::{self, DASHBOARD_KIND};
use dovetail_core::grafana;
use dovetail_core::id::DocumentId;
use dovetail_core::json::{self, JsonError, Strings};
use dovetail_core::time::Timestamp;
use serde_json::Value;

/// What a text is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// JSON becomes the content as it is.
    Json,
    /// A Grafana dashboard becomes a Dovetail dashboard.
    Grafana,
}

/// Why a text became no document. The sender's doing, every one.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Not JSON, or nested deeper than a parser goes.
    #[error("not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// JSON that no document can hold.
    #[error("{0}")]
    NotContent(#[source] JsonError),
    /// Not a dashboard of Grafana's.
    #[error("{0}")]
    NotGrafana(#[source] grafana::ImportError),
}

/// What a document is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Plain JSON.
    Json,
    /// Automerge's own file format, with the whole history.
    Automerge,
    /// A dashboard as Grafana reads it.
    Grafana,
}

/// Why a document cannot be shown in the form that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// Only a dashboard can be shown as Grafana's.
    #[error("the document is no dashboard: its kind is {kind}")]
    NotADashboard {
        /// What it is instead.
        kind: Value,
    },
}

/// A name that nobody else has.
#[must_use]
pub fn new_id() -> DocumentId {
    DocumentId::from_bytes(uuid::Uuid::new_v4().as_bytes()).expect("16 bytes are a document id")
}

/// The changes of a new document with this content. Nothing but white space makes an empty
/// document, which has one change as well: one without changes does not exist.
///
/// # Errors
/// When the text is not what it is taken for.
pub fn new_document(text: &[u8], intake: Intake, now: Timestamp) -> Result<Vec<Bytes>, ContentError> {
    let actor = ActorId::from(*uuid::Uuid::new_v4().as_bytes());
    let mut document = if text.iter().all(u8::is_ascii_whitespace) {
        Automerge::new().with_actor(actor)
    } else {
        let value = serde_json::from_slice(text).map_err(ContentError::NotJson)?;
        filled(&value, intake, &actor, now)?
    };
    if document.get_heads().is_empty() {
        document.empty_commit(at(now));
    }
    Ok(document
        .get_changes(&[])
        .into_iter()
        .map(|change| Bytes::copy_from_slice(change.raw_bytes()))
        .collect())
}

/// The document in this form.
///
/// # Errors
/// When it cannot have it.
pub fn show(document: &Automerge, form: Form) -> Result<Bytes, ShowError> {
    match form {
        Form::Json => Ok(one_line(&json::read(document, None))),
        Form::Automerge => Ok(document.save().into()),
        Form::Grafana => {
            check_dashboard(document)?;
            Ok(one_line(&grafana::export(document)))
        }
    }
}

fn filled(value: &Value, intake: Intake, actor: &ActorId, now: Timestamp) -> Result<Automerge, ContentError> {
    match intake {
        Intake::Grafana => grafana::import(value, actor, now).map_err(ContentError::NotGrafana),
        Intake::Json if value.get("kind").is_some_and(|kind| kind == DASHBOARD_KIND) => {
            filled_dashboard(value, actor, now).map_err(ContentError::NotContent)
        }
        Intake::Json => {
            json::new_document(actor, now, value, Strings::Text).map_err(ContentError::NotContent)
        }
    }
}

/// A dashboard starts from the first change that all have in common, and its fields are registers.
fn filled_dashboard(value: &Value, actor: &ActorId, now: Timestamp) -> Result<Automerge, JsonError> {
    let members = value.as_object().ok_or(JsonError::NotAnObject)?;
    let mut document = dashboard::first_dashboard().with_actor(actor.clone());
    let written = document.transact_with(
        |_: &()| at(now),
        |tx| {
            let write = |(key, member): (&String, &Value)| {
                json::assign(tx, &ROOT, key.as_str().into(), member, Strings::Scalar, 1)
            };
            members.iter().try_for_each(write)
        },
    );
    written.map_err(|failure| failure.error)?;
    Ok(document)
}

fn check_dashboard(document: &Automerge) -> Result<(), ShowError> {
    let kind = match document.get(ROOT, "kind") {
        Ok(Some((value, _))) => value.as_str().map(Value::from).unwrap_or_default(),
        _ => Value::Null,
    };
    if kind == DASHBOARD_KIND { Ok(()) } else { Err(ShowError::NotADashboard { kind }) }
}

/// Automerge counts seconds.
fn at(now: Timestamp) -> CommitOptions {
    let seconds = i64::try_from(now.as_millis() / 1000).unwrap_or(i64::MAX);
    CommitOptions::default().with_time(seconds)
}

fn one_line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}
