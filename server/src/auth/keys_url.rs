//! The address that keys are fetched from.
//!
//! Always true: it is https, or it is on this machine. Whoever can change what comes from it signs in as anybody.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use warp::http::Uri;

/// An address of keys, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct KeysUrl {
    url: String,
    host: String,
    port: u16,
    is_https: bool,
    uri: Uri,
}

/// A text that is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeysUrl {
    /// It is no URL.
    #[error("not an address; write https://issuer.example.com/.well-known/jwks.json")]
    NotOne,
    /// Anybody on the way could put keys of their own into it.
    #[error("keys come by https; http is for addresses on this machine only")]
    NotSafe,
}

impl KeysUrl {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_https(&self) -> bool {
        self.is_https
    }

    /// What stands in the request's first line.
    pub(super) fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }

    /// What stands in its `Host`.
    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

impl FromStr for KeysUrl {
    type Err = BadKeysUrl;

    fn from_str(text: &str) -> Result<Self, BadKeysUrl> {
        let uri: Uri = text.parse().map_err(|_| BadKeysUrl::NotOne)?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(BadKeysUrl::NotOne),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or(BadKeysUrl::NotOne)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(BadKeysUrl::NotOne);
        }
        if !is_https && !is_this_machine(&host) {
            return Err(BadKeysUrl::NotSafe);
        }
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        Ok(Self { url: text.to_owned(), host, port, is_https, uri })
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Without what stands behind the path, where some put a key of their own.
impl fmt::Debug for KeysUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeysUrl({}{})", self.authority(), self.uri.path())
    }
}
