//! What comes in from outside becomes a document, and a document becomes what goes out.
//!
//! Always true: the doors (HTTP and the command line) make and show documents alike, because
//! both do it here. A new document is its changes; whoever made it submits them to the hub.
//! These functions compute for up to a second: they are called where that blocks nobody.

use automerge::transaction::CommitOptions;
use automerge::{ActorId, Automerge, ChangeHash, ROOT};
use bytes::Bytes;
use dovetail_core::dashboard::{self, DASHBOARD_KIND, WIDGET_DATA_KIND};
use dovetail_core::grafana::{self, ExportError, ImportError};
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
    NotGrafana(#[source] ImportError),
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

/// A name that nobody else has.
#[must_use]
pub fn new_id() -> DocumentId {
    DocumentId::from_bytes(uuid::Uuid::new_v4().as_bytes()).expect("16 bytes are a document id")
}

/// An actor that nobody else has.
#[must_use]
pub fn new_actor() -> ActorId {
    ActorId::from(*uuid::Uuid::new_v4().as_bytes())
}

/// A document that is not in any store yet.
#[derive(Debug)]
pub struct NewDocument {
    /// All of it, as change chunks.
    pub changes: Vec<Bytes>,
    /// What an import decided for itself, in words.
    pub notes: Vec<String>,
}

/// A new document with this content. Nothing but white space is JSON for an empty document,
/// which has one change as well: one without changes does not exist.
///
/// # Errors
/// When the text is not what it is taken for.
pub fn new_document(text: &[u8], intake: Intake, now: Timestamp) -> Result<NewDocument, ContentError> {
    new_document_by(new_actor(), text, intake, now)
}

/// The same, made by this actor, who made nothing else.
///
/// # Errors
/// When the text is not what it is taken for.
pub fn new_document_by(
    actor: ActorId,
    text: &[u8],
    intake: Intake,
    now: Timestamp,
) -> Result<NewDocument, ContentError> {
    let mut notes = Vec::new();
    let mut document = if intake == Intake::Json && text.iter().all(u8::is_ascii_whitespace) {
        Automerge::new().with_actor(actor)
    } else {
        let value = serde_json::from_slice(text).map_err(ContentError::NotJson)?;
        filled(&value, intake, &actor, now, &mut notes)?
    };
    if document.get_heads().is_empty() {
        document.empty_commit(at(now));
    }
    let changes = document.get_changes(&[]);
    let changes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes())).collect();
    Ok(NewDocument { changes, notes })
}

/// The document in this form.
///
/// # Errors
/// When it has no such form: only a dashboard can be shown as Grafana's.
pub fn show(document: &Automerge, form: Form) -> Result<Bytes, ExportError> {
    match form {
        Form::Json => Ok(one_line(&json::read(document, None))),
        Form::Automerge => Ok(document.save().into()),
        Form::Grafana => grafana::export(document).map(|dashboard| one_line(&dashboard)),
    }
}

/// The document as it was at these heads, which it has, as plain JSON.
#[must_use]
pub fn show_at(document: &Automerge, heads: &[ChangeHash]) -> Bytes {
    one_line(&json::read(document, Some(heads)))
}

fn filled(
    value: &Value,
    intake: Intake,
    actor: &ActorId,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Automerge, ContentError> {
    match intake {
        Intake::Grafana => {
            let imported = grafana::import(value, actor, now).map_err(ContentError::NotGrafana)?;
            notes.extend(imported.notes.iter().map(ToString::to_string));
            Ok(imported.doc)
        }
        Intake::Json => {
            let made = match value.get("kind").and_then(Value::as_str) {
                Some(DASHBOARD_KIND) => {
                    started(dashboard::first_dashboard(), value, Strings::Scalar, actor, now)
                }
                Some(WIDGET_DATA_KIND) => {
                    started(dashboard::first_widget_data(), value, Strings::Text, actor, now)
                }
                _ => json::new_document(actor, now, value, Strings::Text),
            };
            made.map_err(ContentError::NotContent)
        }
    }
}

/// A document of a kind that starts from a first change, which all of the kind have in common: two that are made
/// while apart then have their maps and lists in common.
fn started(
    first: Automerge,
    value: &Value,
    strings: Strings,
    actor: &ActorId,
    now: Timestamp,
) -> Result<Automerge, JsonError> {
    json::check(value, 0)?;
    let members = value.as_object().ok_or(JsonError::NotAnObject)?;
    let strings = strings.bounded(value);
    let mut document = first.with_actor(actor.clone());
    let written = document.transact_with(
        |_: &()| at(now),
        |tx| {
            let write = |(key, member): (&String, &Value)| {
                json::assign(tx, &ROOT, key.as_str().into(), member, strings, 1)
            };
            members.iter().try_for_each(write)
        },
    );
    written.map_err(|failure| failure.error)?;
    Ok(document)
}

/// Automerge counts seconds.
fn at(now: Timestamp) -> CommitOptions {
    let seconds = i64::try_from(now.as_millis() / 1000).unwrap_or(i64::MAX);
    CommitOptions::default().with_time(seconds)
}

fn one_line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}
