//! From what a signed token says to somebody.
//!
//! Edit path: ← a token whose signature is good, → the [`Identity`] that grants are asked for.
//!
//! Always true: the time is an argument, and what a claim holds is in no error and no log line.

use super::error::AuthError;
use crate::config::AuthSettings;
use dovetail_core::grant::{Identity, Kind, LINK_SUBJECT_PREFIX, Scope};
use dovetail_core::id::SubjectId;
use dovetail_core::time::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tracing::debug;

/// The most bytes of somebody's name. It is shown beside their cursor; what is longer is cut.
const NAME_BYTES_MAX: usize = 200;

/// The most groups of one person: each is compared with the entries of a document. Directories put some
/// hundreds into a token before they refer to another place.
const GROUPS_MAX: usize = 256;

/// The most bytes of a group's name, as in grants.
const GROUP_BYTES_MAX: usize = 256;

/// Subjects that are not people. A token for one of them would be taken for the server itself, or for a link.
const RESERVED: [&str; 2] = ["local", "dovetail"];
const RESERVED_PREFIX: &str = LINK_SUBJECT_PREFIX;

/// What tokens have to say, and what is read out of them.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    audience: String,
    issuer: String,
    leeway: Duration,
    groups_claim: Option<String>,
    admin_groups: Vec<String>,
    creator_groups: Vec<String>,
}

/// A member of a token that has another type than it should, or is missing.
type Claims = Map<String, Value>;

impl Expected {
    /// As the settings say. Without audience and issuer no token is good.
    pub(super) fn of(settings: &AuthSettings) -> Option<Self> {
        Some(Self {
            audience: settings.jwt_audience.clone()?,
            issuer: settings.jwt_issuer.clone()?,
            leeway: settings.jwt_leeway,
            groups_claim: settings.jwt_groups_claim.clone(),
            admin_groups: settings.admin_groups.clone(),
            creator_groups: settings.creator_groups.clone(),
        })
    }

    /// Who it is that a token speaks of.
    pub(super) fn identity(&self, claims: &Claims, now: Timestamp) -> Result<Identity, AuthError> {
        let until = self.until(claims, now)?;
        self.made_for_us(claims)?;
        let groups = self.groups(claims);
        let in_one_of = |wanted: &[String]| wanted.iter().any(|group| groups.contains(group.as_str()));
        Ok(Identity {
            name: name(claims),
            is_server_admin: in_one_of(&self.admin_groups),
            may_create: self.creator_groups.is_empty() || in_one_of(&self.creator_groups),
            scope: scope(claims)?,
            until: Some(until),
            kind: Kind::Person,
            groups,
            ..Identity::person(subject(claims)?)
        })
    }

    /// When the token ends, if it holds now.
    fn until(&self, claims: &Claims, now: Timestamp) -> Result<Timestamp, AuthError> {
        let missing = AuthError::BadClaims {
            claim: "exp",
            why: "it must say when the token ends, in seconds since 1970",
        };
        let until = moment(claims, "exp")?.ok_or(missing)? + self.leeway;
        if now >= until {
            return Err(AuthError::Expired);
        }
        match moment(claims, "nbf")? {
            Some(from) if now + self.leeway < from => Err(AuthError::NotYetValid),
            _ => Ok(until),
        }
    }

    fn made_for_us(&self, claims: &Claims) -> Result<(), AuthError> {
        match claims.get("iss") {
            None => return Err(AuthError::BadClaims { claim: "iss", why: "it must say who made the token" }),
            Some(issuer) if issuer.as_str() != Some(&self.issuer) => return Err(AuthError::WrongIssuer),
            Some(_) => {}
        }
        let is_ours = |audience: &Value| audience.as_str() == Some(&self.audience);
        match claims.get("aud") {
            None => Err(AuthError::BadClaims { claim: "aud", why: "it must say for whom the token is" }),
            Some(Value::Array(several)) if several.iter().any(is_ours) => Ok(()),
            Some(one) if is_ours(one) => Ok(()),
            Some(_) => Err(AuthError::WrongAudience),
        }
    }

    /// Groups that can be named in a grant. Others are none: a token is not refused for a group of somebody
    /// else's service.
    fn groups(&self, claims: &Claims) -> BTreeSet<Arc<str>> {
        let found = self.groups_claim.as_deref().and_then(|path| at_path(claims, path));
        let listed = match found {
            Some(Value::Array(several)) => several.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let named = |group: &&str| (1..=GROUP_BYTES_MAX).contains(&group.len()) && is_plain(group);
        let groups: BTreeSet<Arc<str>> =
            listed.iter().filter_map(Value::as_str).filter(named).take(GROUPS_MAX).map(Into::into).collect();
        if groups.len() < listed.len() {
            debug!(ignored = listed.len() - groups.len(), "groups of a token that are none here");
        }
        groups
    }
}

/// Reads who somebody is, as tokens name them.
///
/// # Errors
/// When it is too long, would break a line, or is a name that is not for people.
pub(super) fn read_subject(text: &str) -> Result<SubjectId, &'static str> {
    if !is_plain(text) {
        return Err("it has a line break or another control character in it");
    }
    if RESERVED.contains(&text) || text.starts_with(RESERVED_PREFIX) {
        return Err("local, dovetail and names that begin with link: are the server's own");
    }
    text.parse().map_err(|_| "it has 1 to 256 bytes")
}

fn subject(claims: &Claims) -> Result<SubjectId, AuthError> {
    let bad = |why| AuthError::BadClaims { claim: "sub", why };
    let text = claims.get("sub").and_then(Value::as_str).ok_or(bad("it must say who it is, as a text"))?;
    read_subject(text).map_err(bad)
}

/// What people call them. It is no reason to refuse anybody.
fn name(claims: &Claims) -> Option<Arc<str>> {
    let name: String =
        claims.get("name")?.as_str()?.chars().filter(|letter| !breaks_lines(*letter)).collect();
    let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    (!name.is_empty()).then(|| name.into())
}

/// What the token is limited to. One that cannot be read refuses the token: without its bounds it would be
/// good for more than was meant.
fn scope(claims: &Claims) -> Result<Option<Arc<[Scope]>>, AuthError> {
    let Some(written) = claims.get("dovetail_scope") else { return Ok(None) };
    match Scope::read_all(written) {
        Ok(scopes) => Ok(Some(scopes.into())),
        Err(_) => Err(AuthError::BadClaims {
            claim: "dovetail_scope",
            why: "it is a list of {doc, role, paths} as docs/SECURITY.md shows it",
        }),
    }
}

/// A claim in seconds since 1970, which may have a fraction.
fn moment(claims: &Claims, claim: &'static str) -> Result<Option<Timestamp>, AuthError> {
    let Some(written) = claims.get(claim) else { return Ok(None) };
    match written.as_f64() {
        // A number that is too large becomes the largest there is.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some(seconds) if seconds >= 0.0 => Ok(Some(Timestamp::from_millis((seconds * 1000.0) as u64))),
        _ => Err(AuthError::BadClaims { claim, why: "it is a number of seconds since 1970" }),
    }
}

/// What stands under a name, or deeper under several with dots between them. The whole name comes first: claims
/// that are named by a URL have dots in them.
fn at_path<'c>(claims: &'c Claims, path: &str) -> Option<&'c Value> {
    claims.get(path).or_else(|| {
        let mut steps = path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(breaks_lines)
}

/// Whether a letter could make two log lines of one.
fn breaks_lines(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}
