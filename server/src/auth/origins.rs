//! Pages that may call this server: those of its own host, and those that were named.
//!
//! Always true: an origin is compared whole. There are no patterns, since `*.example.com` lets in every page that
//! anybody in the company ever put up.

use std::fmt;
use std::str::FromStr;
use warp::http::{HeaderValue, Uri};

/// The most origins that are named: each is compared with for every request of a browser.
const ORIGINS_MAX: usize = 64;

/// Origins that were named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

/// A text that is no list of origins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigins {
    /// One of them is none.
    #[error(
        "{0:?} is no origin; write https://app.example.com, with a port if there is one and nothing behind it"
    )]
    NotOne(String),
    /// There are too many.
    #[error("write {ORIGINS_MAX} origins at most")]
    TooMany,
}

/// A page's scheme, host and port, the last only when it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: &'static str,
    authority: String,
}

impl Origins {
    /// Whether pages of `origin` may call: it is on the list, or that of the server itself, which a browser names as
    /// `host`. The scheme is not compared with our own: a proxy speaks TLS for us, and we do not know it.
    /// `null`, which files and sandboxes send, is nobody's origin.
    #[must_use]
    pub fn allows(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin.to_str().ok().and_then(Origin::read) else { return false };
        let host = host.and_then(|host| host.to_str().ok());
        let is_own = host.is_some_and(|host| origin.authority == plain_authority(origin.scheme, host));
        is_own || self.0.contains(&origin)
    }

    /// How an origin that a browser sends is written in the setting; nothing for one that cannot be named.
    #[must_use]
    pub fn as_written(origin: &HeaderValue) -> Option<String> {
        Some(Origin::read(origin.to_str().ok()?)?.to_string())
    }

    /// Those that were named.
    pub fn named(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(Origin::to_string)
    }
}

impl FromStr for Origins {
    type Err = BadOrigins;

    fn from_str(text: &str) -> Result<Self, BadOrigins> {
        let written = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let origins: Result<Vec<_>, _> =
            written.map(|one| Origin::read(one).ok_or_else(|| BadOrigins::NotOne(one.to_owned()))).collect();
        match origins? {
            many if many.len() > ORIGINS_MAX => Err(BadOrigins::TooMany),
            origins => Ok(Self(origins)),
        }
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named().collect::<Vec<_>>().join(","))
    }
}

impl Origin {
    fn read(text: &str) -> Option<Self> {
        let (scheme, behind) = match text.split_once("://")? {
            (scheme, behind) if scheme.eq_ignore_ascii_case("https") => ("https", behind),
            (scheme, behind) if scheme.eq_ignore_ascii_case("http") => ("http", behind),
            _ => return None,
        };
        // Nothing but an authority, and nobody's name before it.
        let uri: Uri = behind.parse().ok()?;
        let authority = uri.authority()?;
        if uri.path_and_query().is_some() || authority.as_str() != behind || behind.contains(['@', '*']) {
            return None;
        }
        Some(Self { scheme, authority: plain_authority(scheme, behind) })
    }
}

/// In small letters, without the port that the scheme has anyway.
fn plain_authority(scheme: &str, authority: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.to_ascii_lowercase();
    authority.strip_suffix(port).map_or_else(|| authority.clone(), str::to_owned)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}
