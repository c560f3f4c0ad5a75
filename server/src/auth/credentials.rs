//! What a request presents to say who sent it.
//!
//! | where | for whom |
//! |---|---|
//! | `Authorization: Bearer …` | everybody who can set headers |
//! | WebSocket sub-protocol `dovetail.token.…` | pages that open WebSockets, which set no headers |
//! | query parameter `token` | stock clients that take an address and nothing else; addresses end up in logs |
//! | the cookie that is configured | pages beside this server |
//!
//! A link may come along: `Dovetail-Link`, the sub-protocol `dovetail.link.…`, the query parameter `link`.
//!
//! Edit path: ← a door has a request's head; → [`Authenticator`](super::Authenticator) says who that is.
//!
//! Always true: what is presented twice is the same both times, or the request is refused: whoever could slip a
//! second token in would otherwise choose in whose name somebody works. A cookie counts only when the page that
//! sent it is known: browsers send cookies whoever asks them to.

use super::origins::Origins;
use super::secret::Secret;
use std::borrow::Cow;
use std::fmt::Write;
use warp::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use warp::http::{HeaderValue, Method, StatusCode};

/// Header that brings a link along.
const LINK_HEADER: &str = "dovetail-link";

/// Sub-protocols that are no protocols: the one place where a page can put something when it opens a WebSocket.
const TOKEN_PROTOCOL: &str = "dovetail.token.";
const LINK_PROTOCOL: &str = "dovetail.link.";

/// Query parameters.
const TOKEN_PARAMETER: &str = "token";
const LINK_PARAMETER: &str = "link";

/// What stands in a log in the place of what a parameter held.
const HIDDEN: &str = "hidden";

/// What a request presents. Nobody has checked it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Says who it is: a JWT, or the secret of a link.
    pub token: Option<Secret>,
    /// The secret of a link that whoever it is holds besides.
    pub link: Option<Secret>,
}

/// Of a request what can present something.
#[derive(Clone, Copy)]
pub struct Parts<'r> {
    /// Its method.
    pub method: &'r Method,
    /// All its headers.
    pub headers: &'r HeaderMap,
    /// What stands behind the `?`.
    pub query: Option<&'r str>,
}

/// Why nobody looks at what a request presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// It presents two.
    #[error("this request presents two different tokens, or two different links; send one, in one place")]
    Ambiguous,
    /// It presents something that is no text.
    #[error("this request presents a token that is no text; send it as it was given out")]
    Malformed,
    /// It could have been made by any page in the world.
    #[error(
        "a cookie counts only with an Origin when something is changed or a WebSocket opened; send the token \
             as `Authorization: Bearer …`"
    )]
    CookieWithoutOrigin,
}

impl CredentialsError {
    /// What programs know it by. It never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous => "token_ambiguous",
            Self::Malformed => "token_malformed",
            Self::CookieWithoutOrigin => "cookie_without_origin",
        }
    }

    /// Under which status it is told over HTTP.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Ambiguous => StatusCode::BAD_REQUEST,
            Self::Malformed => StatusCode::UNAUTHORIZED,
            Self::CookieWithoutOrigin => StatusCode::FORBIDDEN,
        }
    }
}

impl Credentials {
    /// What a request presents. `cookie_name` and `origins` are settings.
    ///
    /// # Errors
    /// When it presents two different things, or a cookie that any page could have sent.
    pub fn read(
        request: Parts<'_>,
        cookie_name: Option<&str>,
        origins: &Origins,
    ) -> Result<Self, CredentialsError> {
        let mut token = Slot::default();
        let mut link = Slot::default();
        for value in bearers(request.headers) {
            token.put(value?)?;
        }
        for value in request.headers.get_all(LINK_HEADER) {
            link.put(text_of(value)?.trim())?;
        }
        for protocol in protocols(request.headers) {
            let protocol = protocol?;
            if let Some(value) = protocol.strip_prefix(TOKEN_PROTOCOL) {
                token.put(value)?;
            } else if let Some(value) = protocol.strip_prefix(LINK_PROTOCOL) {
                link.put(value)?;
            }
        }
        for (name, value) in parameters(request.query) {
            match decoded(name).as_deref() {
                Some(TOKEN_PARAMETER) => token.put(&decoded(value).ok_or(CredentialsError::Malformed)?)?,
                Some(LINK_PARAMETER) => link.put(&decoded(value).ok_or(CredentialsError::Malformed)?)?,
                _ => {}
            }
        }
        let from_cookies = cookies(request.headers, cookie_name)?;
        match may_count(request, origins) {
            _ if from_cookies.is_empty() => {}
            Cookies::Count => from_cookies.iter().try_for_each(|value| token.put(value))?,
            Cookies::DoNot => {}
            Cookies::NeedOrigin if token.0.is_some() => {}
            Cookies::NeedOrigin => return Err(CredentialsError::CookieWithoutOrigin),
        }
        Ok(Self { token: token.0, link: link.0 })
    }
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("method", self.method).finish_non_exhaustive()
    }
}

/// Which of the protocols that the client offers is answered: the first of `ours` (`automerge-repo.v1` for sync) that it
/// offers, and never one that carries a token. Nothing when it offers none of ours; a browser that offered only
/// its token then closes the connection, so clients offer a protocol besides.
#[must_use]
pub fn protocol_to_answer(headers: &HeaderMap, ours: &[&'static str]) -> Option<&'static str> {
    let offered: Vec<_> = protocols(headers).filter_map(Result::ok).collect();
    ours.iter().copied().find(|protocol| offered.contains(protocol))
}

/// A query as it may stand in a log: what `token` and `link` hold is hidden.
#[must_use]
pub fn without_token(query: &str) -> String {
    let mut shown = String::with_capacity(query.len());
    for (at, pair) in query.split('&').enumerate() {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // What cannot be decoded may have been meant to be one.
        let is_secret = decoded(name).is_none_or(|name| name == TOKEN_PARAMETER || name == LINK_PARAMETER);
        let separator = if at == 0 { "" } else { "&" };
        let written = match is_secret && pair.contains('=') {
            true => write!(shown, "{separator}{name}={HIDDEN}"),
            false => write!(shown, "{separator}{pair}"),
        };
        written.expect("a text takes any text");
    }
    shown
}

/// A place for one.
#[derive(Default)]
struct Slot(Option<Secret>);

impl Slot {
    /// The same again is no second one. What is empty is none: programs leave a parameter without a value.
    fn put(&mut self, value: &str) -> Result<(), CredentialsError> {
        match &self.0 {
            _ if value.is_empty() => Ok(()),
            Some(held) if held.expose() != value => Err(CredentialsError::Ambiguous),
            Some(_) => Ok(()),
            None => {
                self.0 = Some(value.into());
                Ok(())
            }
        }
    }
}

/// Whether cookies say anything of who sent a request.
enum Cookies {
    /// The page that sent it is one of ours, or nothing comes of it: a page elsewhere cannot read the answer.
    Count,
    /// Somebody else's page.
    DoNot,
    /// It could be anybody's page, and something would come of it.
    NeedOrigin,
}

fn may_count(request: Parts<'_>, origins: &Origins) -> Cookies {
    let host = request.headers.get(HOST);
    let mut from = request.headers.get_all(ORIGIN).iter().peekable();
    if from.peek().is_some() {
        // Several origins are none that a browser sends.
        return if from.all(|origin| origins.allows(origin, host)) { Cookies::Count } else { Cookies::DoNot };
    }
    let opens_websocket = request.headers.get_all(UPGRADE).iter().any(|value| !value.is_empty());
    if request.method.is_safe() && !opens_websocket { Cookies::Count } else { Cookies::NeedOrigin }
}

/// Tokens in `Authorization`. Another scheme is somebody else's: a proxy before us may ask for a password.
fn bearers(headers: &HeaderMap) -> impl Iterator<Item = Result<&str, CredentialsError>> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let text = match text_of(value) {
            Ok(text) => text.trim(),
            Err(error) => return Some(Err(error)),
        };
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        scheme.eq_ignore_ascii_case("bearer").then(|| Ok(token.trim()))
    })
}

/// The sub-protocols that a client offers.
fn protocols(headers: &HeaderMap) -> impl Iterator<Item = Result<&str, CredentialsError>> {
    headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().flat_map(|value| match text_of(value) {
        Ok(list) => list.split(',').map(|one| Ok(one.trim())).collect(),
        Err(error) => vec![Err(error)],
    })
}

fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    query.unwrap_or("").split('&').filter_map(|pair| pair.split_once('='))
}

/// What cookies of this name hold.
fn cookies<'r>(headers: &'r HeaderMap, name: Option<&str>) -> Result<Vec<&'r str>, CredentialsError> {
    let Some(name) = name else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for value in headers.get_all(COOKIE) {
        let pairs = text_of(value)?.split(';').filter_map(|pair| pair.split_once('='));
        let named = pairs.filter(|(key, value)| key.trim() == name && !value.trim().is_empty());
        found.extend(named.map(|(_, value)| value.trim().trim_matches('"')));
    }
    Ok(found)
}

fn text_of(value: &HeaderValue) -> Result<&str, CredentialsError> {
    value.to_str().map_err(|_| CredentialsError::Malformed)
}

/// Percent-decoded. Nothing when that is no text.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(*high)? << 4 | digit(*low)?);
        rest = behind;
    }
    String::from_utf8(bytes).ok().map(Cow::from)
}
