//! What may go wrong, as programs know it: the word, the status and the title of each.
//!
//! Always true: a word never changes its meaning, and none is taken away; new ones may come. `docs/HTTP.md` and
//! `docs/openapi.json` have them all, and a test holds them to what stands here.

use warp::http::StatusCode;

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
    /// There is too little room on the disk to write.
    DiskLow,
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
    /// The document is as large as one may be.
    DocumentFull,
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
    /// Nobody is let in from this address for a while.
    AddressBanned,
}

impl Code {
    /// The word, the status and the title: all that is the same for every problem of this code.
    pub(super) fn words(self) -> (&'static str, StatusCode, &'static str) {
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
            Self::DiskLow => ("disk_low", StatusCode::SERVICE_UNAVAILABLE, "The disk has too little room"),
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
            Self::DocumentFull => {
                ("document_full", StatusCode::CONFLICT, "The document is as large as one may be")
            }
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
            Self::AddressBanned => {
                ("address_banned", StatusCode::TOO_MANY_REQUESTS, "Nobody is let in from this address")
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
