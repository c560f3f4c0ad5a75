//! The one place where an error becomes words for the outside.
//!
//! Always true: every answer of a route that is no success is an RFC 9457 `application/problem+json`
//! with a [`Code`] that never changes its meaning; whoever writes a program matches on the
//! code, whoever reads it reads `detail`. Sources of errors go to the log and never out.

use super::poll::{Refused, TooManySessions};
use crate::auth::{AuthError, CredentialsError};
use crate::conflicts::DecideError;
use crate::content::ContentError;
use crate::hub::{SubmitError, ViewError};
use crate::points::AddPointsError;
use crate::quotas::OverQuota;
use crate::rules::{BadRules, ReplaceError};
use crate::store::{CommitError, LoadError};
use crate::throttle::TooMany;
use dovetail_core::document::Rejection;
use dovetail_core::grafana::ExportError;
use dovetail_core::grant::BadAccess;
use dovetail_core::id::{BadDocumentId, DocumentId};
use dovetail_core::json::JsonError;
use dovetail_core::rules::{SettleError, WaiveError};
use dovetail_core::session::CloseReason;
use dovetail_core::wire::BadSequence;
use serde_json::{Map, Value};
use std::time::Duration;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::http::header::{self, HeaderName, HeaderValue};
use warp::reply::Response;

/// What went wrong, as programs know it. The words never change; new ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// No such path.
    NotFound,
    /// The path does not know this method; `Allow` lists those it knows.
    MethodNotAllowed,
    /// The body is of another kind than the path takes.
    UnsupportedMediaType,
    /// A parameter behind the `?` cannot be read.
    BadParameter,
    /// Not the id of any document.
    BadDocumentId,
    /// Nobody has brought this document yet.
    DocumentNotFound,
    /// Somebody deleted it.
    DocumentDeleted,
    /// What the disk holds of it is not what was written.
    DocumentDamaged,
    /// Too much is under way with it.
    DocumentBusy,
    /// It is no dashboard, and what was asked for needs one.
    NotADashboard,
    /// The body is larger than `body_bytes_max`.
    BodyTooLarge,
    /// The body did not come within `body_timeout`.
    BodyTimeout,
    /// The body broke off.
    BodyIncomplete,
    /// The body is not JSON, or nested too deeply.
    BadJson,
    /// The body is JSON and cannot become a document.
    BadContent,
    /// The body is not a Grafana dashboard.
    BadGrafanaDashboard,
    /// Heads that are no hashes, or a tag that is none of ours.
    BadHeads,
    /// A write that does not say which state its writer read.
    BaseRequired,
    /// The writer read a state that the document never had here.
    UnknownHeads,
    /// The document is not in the state that was asked for.
    PreconditionFailed,
    /// The body is JSON and no patch.
    BadPatch,
    /// An operation of a patch cannot be done.
    PatchFailed,
    /// A place that belongs to Dovetail.
    ReservedPlace,
    /// There is no version of this name.
    VersionNotFound,
    /// A text that names no version.
    BadVersionName,
    /// A key that is none.
    BadIdempotencyKey,
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// A request with the same key is being answered.
    IdempotencyInProgress,
    /// A change that no document can take.
    InvalidChange,
    /// The body is JSON and says something else than what is taken here.
    BadBody,
    /// There are no rules for documents of this kind.
    RulesNotFound,
    /// Somebody else has replaced the rules.
    RulesOutdated,
    /// The rules cannot be used.
    BadRuleSet,
    /// There is no such conflict, or it is gone.
    ConflictNotFound,
    /// The conflict cannot be settled this way.
    ProposalNotOffered,
    /// Nobody can waive that, or so.
    BadWaiver,
    /// The path speaks WebSocket only.
    UpgradeRequired,
    /// A WebSocket handshake that is none.
    BadHandshake,
    /// The server is stopping.
    Draining,
    /// The store takes no changes.
    StoreUnavailable,
    /// This document takes no points.
    NotWidgetData,
    /// A point cannot be read; `line` or `item` says which.
    BadPoint,
    /// Too many points wait, or too many documents are fed.
    TooManyPoints,
    /// The document has as many changes as one that is fed may have.
    HistoryBudgetSpent,
    /// There is no such session over HTTP, or it ended a while ago.
    SessionNotFound,
    /// This session over HTTP is over; `reason` says why.
    SessionEnded,
    /// As many sessions over HTTP are open as `connections_max` allows.
    TooManySessions,
    /// The body is no sequence of frames.
    BadFrames,
    /// A post before this one is missing; `expected` is its number.
    SequenceGap,
    /// A frame is acknowledged that there never was; `cursor` is the newest.
    BadCursor,
    /// Too much waits for this session to fetch it.
    TooMuchUnread,
    /// Nobody says who is calling.
    TokenMissing,
    /// What says who is calling is no token.
    TokenMalformed,
    /// The token is longer than any has to be.
    TokenTooLarge,
    /// The token's time is over.
    TokenExpired,
    /// The token's time has not come.
    TokenNotYetValid,
    /// The token is for another service.
    TokenWrongAudience,
    /// The token is from somebody else.
    TokenWrongIssuer,
    /// No key of ours signed the token.
    TokenBadSignature,
    /// What the token says cannot be used.
    TokenBadClaims,
    /// Its holder was cut off.
    TokenRevoked,
    /// There are two tokens.
    TokenAmbiguous,
    /// A cookie that any page could have sent.
    CookieWithoutOrigin,
    /// The keys that tokens are checked with cannot be had.
    KeysUnavailable,
    /// What was sent does not say who may do what.
    BadAccess,
    /// Nothing of this name is kept aside.
    QuarantineItemNotFound,
    /// What is kept aside cannot be shown or accepted.
    CannotBeRescued,
    /// This takes more rights.
    Forbidden,
    /// The actor that made a change belongs to somebody else.
    ActorMismatch,
    /// The change goes to a place outside of those that its sender may change.
    PathForbidden,
    /// Whose document it is has no room left.
    QuotaExceeded,
    /// Somebody has made as many documents as one person may.
    TooManyDocumentsOwned,
    /// Our fault; the log says more.
    Internal,
    /// The page that calls is of an origin that nobody named.
    OriginNotAllowed,
    /// The server does not go by this name.
    HostNotAllowed,
    /// More messages than one person may send.
    TooManyMessages,
    /// More bytes than one person may send.
    TooManyBytes,
    /// More changes than one person may make, or one document takes.
    TooManyChanges,
    /// More requests than one person may send.
    TooManyRequests,
    /// More new connections than one person, or one address, may open.
    TooManyConnections,
    /// More tokens of one address were refused than may be.
    TooManyFailedLogins,
}

impl Code {
    /// The word, the status and the title: all that is the same for every problem of this code.
    fn words(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is nothing at this path"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "This path does not know this method")
            }
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Not a kind of body taken here",
            ),
            Self::BadParameter => ("bad_parameter", StatusCode::BAD_REQUEST, "A parameter cannot be read"),
            Self::BadDocumentId => ("bad_document_id", StatusCode::BAD_REQUEST, "Not the id of a document"),
            Self::DocumentNotFound => {
                ("document_not_found", StatusCode::NOT_FOUND, "There is no such document")
            }
            Self::DocumentDeleted => ("document_deleted", StatusCode::GONE, "This document was deleted"),
            Self::DocumentDamaged => {
                ("document_damaged", StatusCode::INTERNAL_SERVER_ERROR, "The stored document is damaged")
            }
            Self::DocumentBusy => ("document_busy", StatusCode::SERVICE_UNAVAILABLE, "The document is busy"),
            Self::NotADashboard => ("not_a_dashboard", StatusCode::CONFLICT, "This document is no dashboard"),
            Self::BodyTooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::BodyTimeout => ("body_timeout", StatusCode::REQUEST_TIMEOUT, "The body took too long"),
            Self::BodyIncomplete => ("body_incomplete", StatusCode::BAD_REQUEST, "The body broke off"),
            Self::BadJson => ("bad_json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Self::BadContent => {
                ("bad_content", StatusCode::UNPROCESSABLE_ENTITY, "The body cannot become a document")
            }
            Self::BadGrafanaDashboard => (
                "bad_grafana_dashboard",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The body is no Grafana dashboard",
            ),
            Self::BadHeads => ("bad_heads", StatusCode::BAD_REQUEST, "This names no state"),
            Self::BaseRequired => {
                ("base_required", StatusCode::PRECONDITION_REQUIRED, "Say which state you read")
            }
            Self::UnknownHeads => ("unknown_heads", StatusCode::CONFLICT, "The document has no such state"),
            Self::PreconditionFailed => {
                ("precondition_failed", StatusCode::PRECONDITION_FAILED, "The document has changed since")
            }
            Self::BadPatch => ("bad_patch", StatusCode::BAD_REQUEST, "The body is no patch"),
            Self::PatchFailed => ("patch_failed", StatusCode::CONFLICT, "The patch cannot be applied"),
            Self::ReservedPlace => {
                ("reserved_place", StatusCode::UNPROCESSABLE_ENTITY, "This place belongs to the server")
            }
            Self::VersionNotFound => {
                ("version_not_found", StatusCode::NOT_FOUND, "There is no version of this name")
            }
            Self::BadVersionName => ("bad_version_name", StatusCode::BAD_REQUEST, "Not a name for a version"),
            Self::BadIdempotencyKey => {
                ("bad_idempotency_key", StatusCode::BAD_REQUEST, "Not an idempotency key")
            }
            Self::IdempotencyKeyReused => (
                "idempotency_key_reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This key belongs to another request",
            ),
            Self::IdempotencyInProgress => {
                ("idempotency_in_progress", StatusCode::CONFLICT, "The same request is being answered")
            }
            Self::InvalidChange => {
                ("invalid_change", StatusCode::UNPROCESSABLE_ENTITY, "A change cannot be applied")
            }
            Self::BadBody => {
                ("bad_body", StatusCode::UNPROCESSABLE_ENTITY, "The body does not say what is taken here")
            }
            Self::RulesNotFound => ("rules_not_found", StatusCode::NOT_FOUND, "There are no such rules"),
            Self::RulesOutdated => {
                ("rules_outdated", StatusCode::PRECONDITION_FAILED, "Other rules are in force by now")
            }
            Self::BadRuleSet => {
                ("bad_rule_set", StatusCode::UNPROCESSABLE_ENTITY, "The rules cannot be used")
            }
            Self::ConflictNotFound => {
                ("conflict_not_found", StatusCode::NOT_FOUND, "There is no such conflict")
            }
            Self::ProposalNotOffered => {
                ("proposal_not_offered", StatusCode::CONFLICT, "The conflict cannot be settled this way")
            }
            Self::BadWaiver => {
                ("bad_waiver", StatusCode::UNPROCESSABLE_ENTITY, "The conflict cannot be waived so")
            }
            Self::UpgradeRequired => {
                ("upgrade_required", StatusCode::UPGRADE_REQUIRED, "This needs a WebSocket")
            }
            Self::BadHandshake => ("bad_handshake", StatusCode::BAD_REQUEST, "Not a WebSocket handshake"),
            Self::Draining => ("draining", StatusCode::SERVICE_UNAVAILABLE, "The server is stopping"),
            Self::StoreUnavailable => {
                ("store_unavailable", StatusCode::SERVICE_UNAVAILABLE, "The store takes no changes")
            }
            Self::NotWidgetData => ("not_widget_data", StatusCode::CONFLICT, "This document takes no points"),
            Self::BadPoint => ("bad_point", StatusCode::BAD_REQUEST, "A point cannot be read"),
            Self::TooManyPoints => ("too_many_points", StatusCode::TOO_MANY_REQUESTS, "Too many points wait"),
            Self::HistoryBudgetSpent => {
                ("history_budget_spent", StatusCode::CONFLICT, "This document is fed no more")
            }
            Self::SessionNotFound => ("session_not_found", StatusCode::NOT_FOUND, "There is no such session"),
            Self::SessionEnded => ("session_ended", StatusCode::GONE, "This session is over"),
            Self::TooManySessions => {
                ("too_many_sessions", StatusCode::SERVICE_UNAVAILABLE, "Too many sessions are open")
            }
            Self::BadFrames => ("bad_frames", StatusCode::BAD_REQUEST, "The body is no sequence of frames"),
            Self::SequenceGap => ("sequence_gap", StatusCode::CONFLICT, "A post before this one is missing"),
            Self::BadCursor => ("bad_cursor", StatusCode::CONFLICT, "There is no such frame to acknowledge"),
            Self::TooMuchUnread => {
                ("too_much_unread", StatusCode::TOO_MANY_REQUESTS, "Too much waits to be fetched")
            }
            Self::TokenMissing => ("token_missing", StatusCode::UNAUTHORIZED, "Say who is calling"),
            Self::TokenMalformed => ("token_malformed", StatusCode::UNAUTHORIZED, "This is no token"),
            Self::TokenTooLarge => ("token_too_large", StatusCode::UNAUTHORIZED, "The token is too large"),
            Self::TokenExpired => ("token_expired", StatusCode::UNAUTHORIZED, "The token has expired"),
            Self::TokenNotYetValid => {
                ("token_not_yet_valid", StatusCode::UNAUTHORIZED, "The token does not hold yet")
            }
            Self::TokenWrongAudience => {
                ("token_wrong_audience", StatusCode::UNAUTHORIZED, "The token is for another service")
            }
            Self::TokenWrongIssuer => {
                ("token_wrong_issuer", StatusCode::UNAUTHORIZED, "The token is from somebody else")
            }
            Self::TokenBadSignature => {
                ("token_bad_signature", StatusCode::UNAUTHORIZED, "The token is not signed by a trusted key")
            }
            Self::TokenRevoked => ("token_revoked", StatusCode::UNAUTHORIZED, "Its holder was blocked"),
            Self::TokenBadClaims => {
                ("token_bad_claims", StatusCode::UNAUTHORIZED, "What the token says cannot be used")
            }
            Self::TokenAmbiguous => {
                ("token_ambiguous", StatusCode::BAD_REQUEST, "There are two tokens in this request")
            }
            Self::CookieWithoutOrigin => {
                ("cookie_without_origin", StatusCode::FORBIDDEN, "A cookie counts only with an Origin")
            }
            Self::KeysUnavailable => {
                ("keys_unavailable", StatusCode::SERVICE_UNAVAILABLE, "Tokens cannot be checked right now")
            }
            Self::QuarantineItemNotFound => {
                ("quarantine_item_not_found", StatusCode::NOT_FOUND, "Nothing of this name is kept aside")
            }
            Self::CannotBeRescued => {
                ("cannot_be_rescued", StatusCode::CONFLICT, "What was refused cannot be accepted")
            }
            Self::BadAccess => {
                ("bad_access", StatusCode::UNPROCESSABLE_ENTITY, "This does not say who may do what")
            }
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "This takes more rights"),
            Self::ActorMismatch => {
                ("actor_mismatch", StatusCode::FORBIDDEN, "The change was made in another name")
            }
            Self::PathForbidden => {
                ("path_forbidden", StatusCode::FORBIDDEN, "This place is not yours to change")
            }
            Self::QuotaExceeded => ("quota_exceeded", StatusCode::FORBIDDEN, "There is no room left"),
            Self::TooManyDocumentsOwned => {
                ("too_many_documents_owned", StatusCode::FORBIDDEN, "There are as many documents as may be")
            }
            Self::Internal => {
                ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong in the server")
            }
            Self::OriginNotAllowed => {
                ("origin_not_allowed", StatusCode::FORBIDDEN, "Pages of this origin may not call")
            }
            Self::HostNotAllowed => {
                ("host_not_allowed", StatusCode::MISDIRECTED_REQUEST, "The server does not go by this name")
            }
            Self::TooManyMessages => {
                ("too_many_messages", StatusCode::TOO_MANY_REQUESTS, "These are too many messages")
            }
            Self::TooManyBytes => {
                ("too_many_bytes", StatusCode::TOO_MANY_REQUESTS, "This is too much at once")
            }
            Self::TooManyChanges => {
                ("too_many_changes", StatusCode::TOO_MANY_REQUESTS, "These are too many changes")
            }
            Self::TooManyRequests => {
                ("too_many_requests", StatusCode::TOO_MANY_REQUESTS, "These are too many requests")
            }
            Self::TooManyConnections => {
                ("too_many_connections", StatusCode::TOO_MANY_REQUESTS, "These are too many connections")
            }
            Self::TooManyFailedLogins => {
                ("too_many_failed_logins", StatusCode::TOO_MANY_REQUESTS, "Too many tokens were refused")
            }
        }
    }

    /// The word that programs match on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.words().0
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.words().1
    }
}

/// An answer that is no success.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// `detail` says whose fault it is and what to do, in a sentence without a full stop.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), members: Map::new(), headers: Vec::new() }
    }

    /// Adds a member to the body, for programs: `line`, `document`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header that the status calls for.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What went wrong, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What programs are told besides.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Which document it is about, if it is about one.
    #[must_use]
    pub fn document(&self) -> Option<DocumentId> {
        self.members.get("document")?.as_str()?.parse().ok()
    }

    /// What is sent.
    #[must_use]
    pub fn into_response(self) -> Response {
        let (word, status, title) = self.code.words();
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("urn:dovetail:problem:{word}").into());
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.into());
        body.insert("code".to_owned(), word.into());
        body.extend(self.members);

        let mut response = json(status, &Value::Object(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.headers);
        response
    }
}

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
    };
    about(document, code, error)
}

/// Somebody who is not who they say they are.
#[must_use]
pub fn of_auth(error: &AuthError) -> Problem {
    let code = match error {
        AuthError::Missing => Code::TokenMissing,
        AuthError::Malformed => Code::TokenMalformed,
        AuthError::TooLarge => Code::TokenTooLarge,
        AuthError::Expired => Code::TokenExpired,
        AuthError::NotYetValid => Code::TokenNotYetValid,
        AuthError::WrongAudience => Code::TokenWrongAudience,
        AuthError::WrongIssuer => Code::TokenWrongIssuer,
        AuthError::BadSignature => Code::TokenBadSignature,
        AuthError::BadClaims { .. } => Code::TokenBadClaims,
        AuthError::Revoked => Code::TokenRevoked,
        AuthError::KeysUnavailable => {
            return retry_later(Problem::new(Code::KeysUnavailable, error.to_string()));
        }
    };
    unauthenticated(code, error.to_string())
}

/// A request that presents what nobody looks at.
#[must_use]
pub fn of_credentials(error: CredentialsError) -> Problem {
    match error {
        CredentialsError::Ambiguous => Problem::new(Code::TokenAmbiguous, error.to_string()),
        CredentialsError::Malformed => unauthenticated(Code::TokenMalformed, error.to_string()),
        CredentialsError::CookieWithoutOrigin => Problem::new(Code::CookieWithoutOrigin, error.to_string()),
    }
}

/// RFC 6750: how one says who one is.
fn unauthenticated(code: Code, detail: String) -> Problem {
    let challenge = match code {
        Code::TokenMissing => "Bearer",
        _ => r#"Bearer error="invalid_token""#,
    };
    Problem::new(code, detail).with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// Something that the store did not take.
#[must_use]
pub fn of_commit(error: &CommitError) -> Problem {
    match error {
        CommitError::TooLarge { .. } => Problem::new(Code::BodyTooLarge, error.to_string()),
        _ => {
            tracing::error!(%error, "the store did not take a record");
            retry_later(Problem::new(Code::StoreUnavailable, "the store takes no changes at the moment"))
        }
    }
}

/// What does not say who may do what.
#[must_use]
pub fn of_access(error: &BadAccess) -> Problem {
    let place = if error.pointer.is_empty() { "the body" } else { &error.pointer };
    Problem::new(Code::BadAccess, format!("{place}: {}", error.what)).with("pointer", error.pointer.as_str())
}

/// Somebody who has as much as one person may.
#[must_use]
pub fn of_quota(over: &OverQuota) -> Problem {
    let code = match over {
        OverQuota::Documents { .. } => Code::TooManyDocumentsOwned,
        OverQuota::Bytes { .. } => Code::QuotaExceeded,
    };
    Problem::new(code, over.to_string())
}

/// A change that could be applied and was not taken.
fn of_rejection(why: &Rejection) -> Code {
    match why {
        Rejection::Hidden => Code::DocumentNotFound,
        Rejection::ReadOnly => Code::Forbidden,
        Rejection::ActorMismatch => Code::ActorMismatch,
        Rejection::PathForbidden { .. } => Code::PathForbidden,
        Rejection::QuotaExceeded => Code::QuotaExceeded,
        Rejection::TooManyDocuments => Code::TooManyDocumentsOwned,
        Rejection::DependsOnRefused | Rejection::TooMany => Code::InvalidChange,
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

/// A session over HTTP that does not take a request.
#[must_use]
pub(crate) fn of_poll(refused: &Refused) -> Problem {
    let words = refused.to_string();
    match refused {
        Refused::Unknown => Problem::new(Code::SessionNotFound, words),
        Refused::Ended(reason) => Problem::new(Code::SessionEnded, words).with("reason", ending(reason)),
        Refused::Gap { expected } => Problem::new(Code::SequenceGap, words).with("expected", *expected),
        Refused::Ahead { newest } => Problem::new(Code::BadCursor, words).with("cursor", *newest),
        Refused::Unread => retry_later(Problem::new(Code::TooMuchUnread, words)),
    }
}

/// A session over HTTP that was not opened.
#[must_use]
pub(crate) fn of_too_many_sessions(error: &TooManySessions) -> Problem {
    retry_later(Problem::new(Code::TooManySessions, error.to_string()))
}

/// A body that is no frames.
#[must_use]
pub(crate) fn of_sequence(error: &BadSequence) -> Problem {
    let problem = Problem::new(Code::BadFrames, error.to_string());
    match error {
        BadSequence::Frame { at, .. } => problem.with("at", *at),
        BadSequence::TooMany { frames_max } => problem.with("frames_max", *frames_max),
    }
}

/// Why a session ended, as a WebSocket is told it: the code that an `error` message begins with, and
/// the close code.
fn ending(reason: &CloseReason) -> Value {
    let words = reason.to_string();
    let word = words.split(':').next().unwrap_or_default();
    let code = match reason {
        CloseReason::Left => "left",
        CloseReason::UnsupportedVersion => "unsupported_version",
        _ => word,
    };
    let close_code = reason.close_code();
    let try_again = matches!(close_code, 1012 | 1013);
    serde_json::json!({ "code": code, "detail": words, "close_code": close_code, "try_again": try_again })
}

/// Somebody who does more than they may.
#[must_use]
pub fn of_too_many(what: TooMany, retry_after: Duration) -> Problem {
    let code = match what {
        TooMany::Messages => Code::TooManyMessages,
        TooMany::Bytes => Code::TooManyBytes,
        TooMany::Changes => Code::TooManyChanges,
        TooMany::Requests => Code::TooManyRequests,
        TooMany::Connections => Code::TooManyConnections,
        TooMany::FailedLogins => Code::TooManyFailedLogins,
    };
    // Whole seconds are all that the header has; who comes too early is turned away again.
    let seconds = retry_after.as_millis().div_ceil(1_000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    Problem::new(code, format!("this is more than one may do at a time; come again in {seconds} s"))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

/// A computation that panicked: a bug, found in the log.
#[must_use]
pub fn of_panic(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "a request failed in the server");
    Problem::new(Code::Internal, "this request could not be answered; the server's log says why")
}

/// A decision about a conflict that was not made.
#[must_use]
pub fn of_decision(error: &DecideError) -> Problem {
    match error {
        DecideError::View(error) => of_view(error),
        DecideError::Submit(error) => of_submit(error),
        DecideError::NoRules => Problem::new(Code::ConflictNotFound, error.to_string()),
        DecideError::Settle(settle) => match &**settle {
            SettleError::UnknownConflict { .. } => Problem::new(Code::ConflictNotFound, error.to_string()),
            SettleError::NotOffered { offered, .. } => {
                let offered: Vec<&str> = offered.iter().map(|proposal| proposal.name()).collect();
                Problem::new(Code::ProposalNotOffered, error.to_string()).with("offered", offered)
            }
            _ => Problem::new(Code::BadBody, error.to_string()),
        },
        DecideError::Waive(waive) => {
            let is_gone = matches!(&**waive, WaiveError::UnknownConflict { .. });
            let code = if is_gone { Code::ConflictNotFound } else { Code::BadWaiver };
            Problem::new(code, error.to_string())
        }
        DecideError::Panicked => {
            Problem::new(Code::Internal, "this request could not be answered; the server's log says why")
        }
    }
}

/// A text that is no rule set.
#[must_use]
pub fn of_bad_rules(error: &BadRules) -> Problem {
    match error {
        BadRules::Text { line, column, .. } => {
            Problem::new(Code::BadRuleSet, error.to_string()).with("line", *line).with("column", *column)
        }
        BadRules::Set(set) => {
            let faults = serde_json::to_value(&set.faults).unwrap_or_default();
            Problem::new(Code::BadRuleSet, error.to_string()).with("faults", faults)
        }
    }
}

/// Rules that were not replaced.
#[must_use]
pub fn of_replace(error: &ReplaceError) -> Problem {
    match error {
        ReplaceError::Outdated { present } => {
            let detail = format!("{error}; read it, and send If-Match with its ETag");
            Problem::new(Code::RulesOutdated, detail).with("version", *present)
        }
        ReplaceError::BadKind | ReplaceError::TooManyKinds => {
            Problem::new(Code::BadRuleSet, error.to_string())
        }
        ReplaceError::Load(error) => of_load(error),
        ReplaceError::Commit(CommitError::TooLarge { bytes_max, .. }) => {
            let detail = format!("a rule set has at most {bytes_max} bytes as JSON");
            Problem::new(Code::BadRuleSet, detail)
        }
        ReplaceError::Commit(error) => {
            tracing::error!(%error, "rules were not stored");
            retry_later(Problem::new(Code::StoreUnavailable, "the store takes no changes at the moment"))
        }
    }
}

/// What the hub says of a document is written for callers already: it names nothing but the document.
fn about(document: &DocumentId, code: Code, error: &dyn std::error::Error) -> Problem {
    let problem = Problem::new(code, error.to_string()).with("document", document.to_string());
    if code.status() == StatusCode::SERVICE_UNAVAILABLE { retry_later(problem) } else { problem }
}

/// What failed for a reason that passes may be tried again in a second.
fn retry_later(problem: Problem) -> Problem {
    problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// A JSON answer, on one line.
#[must_use]
pub fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(format!("{value}\n").into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer to what no route took.
#[must_use]
pub fn no_route() -> BoxedFilter<(Response,)> {
    let not_found = |path: warp::path::FullPath| {
        let detail = format!("nothing is served at {}; / lists what is", path.as_str());
        Problem::new(Code::NotFound, detail).into_response()
    };
    warp::path::full().map(not_found).boxed()
}

/// The answer to a method that a path does not know. Stands behind the path's routes.
pub fn only(allow: &'static str) -> impl Fn() -> Response + Clone {
    move || {
        Problem::new(Code::MethodNotAllowed, format!("this path takes {allow}"))
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
            .into_response()
    }
}
