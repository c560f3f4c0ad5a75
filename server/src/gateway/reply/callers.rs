//! What is wrong with whoever calls: who they are, what they may do, how much of it, and their session.
//!
//! Edit path: ← the [`door`](crate::gateway::door), or a session over HTTP, does not let somebody in, → a [`Problem`].
//!
//! Always true: nothing that a token holds is in the words.

use super::code::Code;
use super::problem::{Problem, retry_later};
use crate::auth::{AuthError, CredentialsError};
use crate::gateway::poll::{Refused, TooManySessions};
use crate::metrics::THROTTLED;
use crate::quotas::OverQuota;
use crate::throttle::TooMany;
use dovetail_core::grant::BadAccess;
use dovetail_core::session::CloseReason;
use dovetail_core::wire::BadSequence;
use serde_json::Value;
use std::time::Duration;
use warp::http::header::{self, HeaderValue};

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
    let seconds = whole_seconds(retry_after);
    Problem::new(code, format!("this is more than one may do at a time; come again in {seconds} s"))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

/// Whole seconds are all that the header has; who comes too early is turned away again.
fn whole_seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1_000).max(1)).unwrap_or(u64::MAX)
}

/// Somebody who comes from where nobody is let in.
#[must_use]
pub fn of_banned(left: Duration) -> Problem {
    metrics::counter!(THROTTLED, "code" => Code::AddressBanned.as_str(), "verdict" => "stop").increment(1);
    let seconds = whole_seconds(left);
    let detail = format!(
        "changes that no client makes came from this address more than once, so nobody is let in from it for {seconds} s"
    );
    Problem::new(Code::AddressBanned, detail).with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
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

/// The word that programs match on when a session has ended.
pub(crate) fn code_of(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Left => "left".to_owned(),
        CloseReason::UnsupportedVersion => "unsupported_version".to_owned(),
        reason => reason.to_string().split(':').next().unwrap_or_default().to_owned(),
    }
}

/// Why a session ended, as a WebSocket is told it: the code that an `error` message begins with, and
/// the close code.
fn ending(reason: &CloseReason) -> Value {
    let (code, words) = (code_of(reason), reason.to_string());
    let close_code = reason.close_code();
    let try_again = matches!(close_code, 1012 | 1013);
    serde_json::json!({ "code": code, "detail": words, "close_code": close_code, "try_again": try_again })
}
