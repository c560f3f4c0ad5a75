//! Why somebody is not who they say they are.
//!
//! Always true: nothing that a token holds, and nothing about keys, is in the words. Whoever tries out
//! signatures, algorithms and names of keys gets one answer to all of it.

use warp::http::StatusCode;

/// Why a token makes nobody of its bearer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is none.
    #[error("this server asks who is calling; send a token as `Authorization: Bearer …`")]
    Missing,
    /// It is no token.
    #[error(
        "this is no token; send a signed JWT of three parts, or the secret of a link as it was given out"
    )]
    Malformed,
    /// It is longer than any token has to be.
    #[error(
        "a token has at most {} bytes; leave claims out of it that are not for this server",
        super::TOKEN_BYTES_MAX
    )]
    TooLarge,
    /// Its time is over.
    #[error("this token has expired; get a new one where you got this one")]
    Expired,
    /// Its time has not come.
    #[error("this token does not hold yet; wait, or set the clocks right")]
    NotYetValid,
    /// It was made for another service.
    #[error("this token is for another audience; ask for one whose aud is this server's jwt_audience")]
    WrongAudience,
    /// Somebody else made it.
    #[error("this token is from another issuer than this server's jwt_issuer")]
    WrongIssuer,
    /// No key of ours signed it, as far as can be told.
    #[error("this token is not signed by a key that this server trusts; get a new one")]
    BadSignature,
    /// It is signed, and what it says cannot be used.
    #[error("the claim {claim} of this token cannot be used: {why}")]
    BadClaims {
        /// Which.
        claim: &'static str,
        /// What it should be.
        why: &'static str,
    },
    /// Whoever administers this server has cut its holder off.
    #[error("{}", dovetail_core::session::BLOCKED)]
    Revoked,
    /// Ours, or that of whoever gives out the keys: nothing is said about the token.
    #[error("the keys that tokens are checked with cannot be had at the moment; try again in some seconds")]
    KeysUnavailable,
}

impl AuthError {
    /// What programs know it by. It never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Malformed => "token_malformed",
            Self::TooLarge => "token_too_large",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::WrongAudience => "token_wrong_audience",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::BadSignature => "token_bad_signature",
            Self::BadClaims { .. } => "token_bad_claims",
            Self::Revoked => "token_revoked",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// Whether it speaks of somebody who guesses: what is no token, or was signed by none of our keys. A token that has ended, or
    /// none at all, is what people send every day.
    #[must_use]
    pub fn is_guess(&self) -> bool {
        matches!(self, Self::Malformed | Self::TooLarge | Self::BadSignature)
    }

    /// Under which status it is told over HTTP. Only [`Self::KeysUnavailable`] is not the caller's doing: a client
    /// that hears 401 forgets its token, and with 503 it comes again.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }
}
