//! Making a token, for trials and scripts: `dovetail token`.
//!
//! Always true: what is made here, this server takes, as long as its settings stay as they are.

use super::TOKEN_BYTES_MAX;
use super::claims::read_subject;
use super::files::{BadKeyFile, first_secret};
use super::secret::Secret;
use crate::config::AuthSettings;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dovetail_core::grant::{BadAccess, Scope};
use dovetail_core::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Who it is.
    pub subject: String,
    /// How people call them.
    pub name: Option<String>,
    /// Groups they are in.
    pub groups: Vec<String>,
    /// How long it holds.
    pub holds_for: Duration,
    /// What it is limited to, as a claim writes it.
    pub scope: Option<Value>,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is nothing to sign with.
    #[error(
        "no secret is configured to sign with: `dovetail token --new-secret` prints one; put it into a file and name \
         that with --jwt-secret-file, and set --jwt-audience and --jwt-issuer (tokens for public keys and JWKS are \
         made by whoever holds the private key)"
    )]
    NoSecret,
    /// What the settings name gives none.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        why: BadKeyFile,
    },
    /// Nobody is called so.
    #[error("the subject cannot be used: {0}")]
    Subject(&'static str),
    /// It would be refused.
    #[error("the scope cannot be used: {0}")]
    Scope(#[source] BadAccess),
    /// It would be refused before it is parsed.
    #[error("the token would have more than 8 KiB; give it fewer groups or places")]
    TooLarge,
    /// It cannot be signed.
    #[error("the token cannot be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// Makes a token that these settings take from `now` on.
///
/// # Errors
/// When no secret is configured, or what it is to say would be refused.
pub fn issue(settings: &AuthSettings, new: &NewToken, now: Timestamp) -> Result<String, IssueError> {
    let secret = signing_secret(settings)?;
    let (Some(audience), Some(issuer)) = (&settings.jwt_audience, &settings.jwt_issuer) else {
        return Err(IssueError::NoSecret);
    };
    read_subject(&new.subject).map_err(IssueError::Subject)?;
    let seconds = |moment: Timestamp| moment.as_millis() / 1000;
    let mut claims = Map::new();
    let mut say = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    say("iss", json!(issuer));
    say("aud", json!(audience));
    say("sub", json!(new.subject));
    say("iat", json!(seconds(now)));
    say("exp", json!(seconds(now + new.holds_for)));
    if let Some(name) = &new.name {
        say("name", json!(name));
    }
    if let (Some(claim), false) = (&settings.jwt_groups_claim, new.groups.is_empty()) {
        say(claim, json!(new.groups));
    }
    if let Some(scope) = &new.scope {
        Scope::read_all(scope).map_err(IssueError::Scope)?;
        say("dovetail_scope", scope.clone());
    }
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    let token =
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(IssueError::Sign)?;
    if token.len() > TOKEN_BYTES_MAX { Err(IssueError::TooLarge) } else { Ok(token) }
}

/// A secret to sign tokens with: 43 letters with 244 random bits in them.
#[must_use]
pub fn new_secret() -> String {
    let bytes = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signing_secret(settings: &AuthSettings) -> Result<Secret, IssueError> {
    match (&settings.jwt_secret, &settings.jwt_secret_file) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, Some(path)) => first_secret(path).map_err(|why| IssueError::File { path: path.clone(), why }),
        (None, None) => Err(IssueError::NoSecret),
    }
}
