//! Who is calling: from what a request presents to an [`Identity`] that was checked.
//!
//! ```text
//!  request ──read──▶ Credentials ──identify_credentials──▶ Identity ──▶ Access::grant in the core
//!                                      │
//!                    token ── parsed ──┼── signed? keys of files, then of the address ── claims
//!                    dvl_… ────────────┘── holder of a link: the document knows whether it is one
//! ```
//! Edit path: ← a door has a request; → whoever asks the document's access for a grant.
//!
//! **Invariant:** nobody becomes somebody by what they say, only by what somebody signed with a key of ours.
//! **Invariant:** no token, no claim's content and no key is in a log, in a `Debug` or in an error.
//! **Invariant:** it reads no clock but the server's, so a test says when a token has expired.

mod claims; // From what a token says to somebody.
mod credentials; // What a request presents.
mod error; // Why not.
mod fetch; // Getting keys from an address.
mod files; // Keys in files.
mod issue; // Making a token.
mod jwks; // Keys of an address, and their age.
mod keys; // Keys, and whether one signed a token.
mod keys_url; // An address of keys.
mod origins; // Pages that may call.
mod proxies; // From where a request comes.
mod secret; // Texts that are not shown.
mod token; // A token that nobody has checked yet.

pub use credentials::{Credentials, CredentialsError, Parts, protocol_to_answer, without_token};
pub use error::AuthError;
pub use fetch::NoTls;
pub use files::BadKeyFile;
pub use issue::{IssueError, NewToken, issue, new_secret};
pub use keys::BadKey;
pub use keys_url::{BadKeysUrl, KeysUrl};
pub use origins::{BadOrigins, Origins};
pub use proxies::{BadProxies, Proxies};
pub use secret::{SIGNING_SECRET_BYTES_MIN, Secret, SecretTooShort};

use crate::clock::Clock;
use crate::config::AuthSettings;
use claims::Expected;
use dovetail_core::grant::{Identity, LINK_PREFIX, LinkHash};
use fetch::Fetcher;
use files::KeyFiles;
use jsonwebtoken::Algorithm;
use jwks::Jwks;
use keys::Checked;
use std::path::PathBuf;
use std::sync::Arc;
use token::Unverified;

/// The most bytes of a token. With its other fields a request's head has 16 KiB, and a token with some hundred
/// groups in it has 6 KiB.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The most bytes of a link's secret: ours have less than 60.
pub const LINK_BYTES_MAX: usize = 256;

/// Tells who is calling. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Option<Arc<Checks>>);

#[derive(Debug)]
struct Checks {
    clock: Clock,
    expected: Expected,
    files: KeyFiles,
    jwks: Option<Arc<Jwks>>,
}

/// Why nobody can be asked who they are.
#[derive(Debug, thiserror::Error)]
pub enum OpenAuthError {
    /// A file gives no keys.
    #[error("{}", path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        why: BadKeyFile,
    },
    /// Keys cannot be fetched by TLS.
    #[error("jwks_url cannot be used")]
    Tls(#[from] NoTls),
    /// There is a key, and nothing that tells our tokens from others.
    #[error("jwt_audience and jwt_issuer must be set with any key")]
    Unaddressed,
}

impl Authenticator {
    /// As the settings say. Reads the files of keys; keys of an address are fetched when the first token comes, so that
    /// a server starts while its identity provider is away.
    ///
    /// # Errors
    /// When a file gives no keys, or TLS cannot be used.
    pub fn open(settings: &AuthSettings, clock: Clock) -> Result<Self, OpenAuthError> {
        if !settings.is_on() {
            return Ok(Self::off());
        }
        let expected = Expected::of(settings).ok_or(OpenAuthError::Unaddressed)?;
        let files = KeyFiles::open(settings, clock.clone());
        let files = files.map_err(|no| OpenAuthError::KeyFile { path: no.path, why: no.why })?;
        let jwks = match &settings.jwks_url {
            Some(url) => Some(Jwks::new(Fetcher::new(url.clone())?, clock.clone())),
            None => None,
        };
        Ok(Self(Some(Arc::new(Checks { clock, expected, files, jwks }))))
    }

    /// One that asks nobody.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether people are asked who they are. When they are not, everybody is [`Identity::local`].
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Who presents this. Whoever presents a link only is its holder; whoever presents a token and a link is
    /// who the token says, and holds the link besides. When nobody is asked, everybody is [`Identity::local`].
    ///
    /// # Errors
    /// [`AuthError::Missing`] when nothing is presented; else why the token is not good.
    pub async fn identify_credentials(&self, presented: &Credentials) -> Result<Arc<Identity>, AuthError> {
        if !self.is_on() {
            return Ok(Identity::local());
        }
        match (&presented.token, &presented.link) {
            (None, None) => Err(AuthError::Missing),
            (None, Some(link)) => holder_of(link.expose()).map(Arc::new),
            (Some(token), None) => self.identify(token.expose()).await,
            (Some(token), Some(link)) => {
                let link = link_of(link.expose())?;
                let mut identity = Arc::unwrap_or_clone(self.identify(token.expose()).await?);
                if !identity.links.contains(&link) {
                    identity.links.push(link);
                }
                Ok(Arc::new(identity))
            }
        }
    }

    /// Who it is that presents this token, which may be the secret of a link. When nobody is asked, everybody
    /// is [`Identity::local`], whatever they present.
    ///
    /// # Errors
    /// Why the token is not good.
    pub async fn identify(&self, token: &str) -> Result<Arc<Identity>, AuthError> {
        let Some(checks) = &self.0 else { return Ok(Identity::local()) };
        if token.starts_with(LINK_PREFIX) {
            return holder_of(token).map(Arc::new);
        }
        checks.identify(token).await.map(Arc::new)
    }
}

impl Checks {
    async fn identify(&self, token: &str) -> Result<Identity, AuthError> {
        let token = Unverified::parse(token)?;
        self.signed(&token).await?;
        self.expected.identity(&token.claims()?, self.clock.now())
    }

    /// That one of our keys signed it. Keys at hand come first: whoever has one waits for no address.
    async fn signed(&self, token: &Unverified<'_>) -> Result<(), AuthError> {
        if self.files.keys().check(token) == Checked::Signed {
            return Ok(());
        }
        match &self.jwks {
            // No symmetric key comes from an address, so there is nothing to ask for.
            Some(jwks) if token.algorithm != Algorithm::HS256 => jwks.check(token).await,
            _ => Err(AuthError::BadSignature),
        }
    }
}

/// Nothing can be verified here: the document knows whether it has such a link.
fn holder_of(secret: &str) -> Result<Identity, AuthError> {
    link_of(secret).map(Identity::holder_of)
}

fn link_of(secret: &str) -> Result<LinkHash, AuthError> {
    match secret.len() {
        bytes if bytes > LINK_BYTES_MAX => Err(AuthError::TooLarge),
        _ if secret.starts_with(LINK_PREFIX) => Ok(LinkHash::of_secret(secret)),
        _ => Err(AuthError::Malformed),
    }
}

#[cfg(test)]
mod tests;
