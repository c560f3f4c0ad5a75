//! Access, policy and scopes as JSON, and back.
//!
//! ```text
//! access   {"owner": "ana", "grants": [entry …]}          owner: text, or null for nobody; never left out
//! policy   {"dashboard": [entry …], "*": [entry …]}
//! scope    [{"doc": "4NMN…", "role": "write", "paths": [place …]} …]
//! entry    {"user": "bo" | "group": "ops" | "everyone": true | "link": "3fa0…" | "link": "new",
//!           "role": "read" | "write" | "admin", "paths": [place …], "until": 1800000000000}
//! place    "/widgets/a", or {"path": "/series", "may": "append"}
//! ```
//! Always true: a member that is not listed here is refused, so that one that was mistyped gives nobody a right
//! without its bounds. What is stored has the hash of each link; what is shown has its name only.

use super::Role;
use super::access::{Access, BLOCKED_MAX, ENTRIES_MAX, Entry, Grantee, KINDS_MAX, LinkHash, LinkId, Policy};
use super::identity::Scope;
use super::paths::{LIMITS_MAX, Limit, Limits, May, Path};
use crate::id::{DocumentId, SubjectId};
use crate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

/// What the secret of a link begins with, so that it is known from a token, also by tools that look for leaked secrets.
pub const LINK_PREFIX: &str = "dvl_";

/// The most bytes of a group's name, and of a kind's.
const NAME_BYTES_MAX: usize = 256;

/// Scopes of one token.
const SCOPES_MAX: usize = 64;

/// Whole numbers up to here are the same in every language that reads them.
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Stands for a link that is to be made.
const NEW_LINK: &str = "new";

/// JSON that says something else than who may do what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {what}")]
pub struct BadAccess {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

fn bad<T>(at: &At<'_>, what: impl Into<String>) -> Result<T, BadAccess> {
    Err(BadAccess { pointer: at.to_string(), what: what.into() })
}

/// Where the reader is.
#[derive(Clone, Copy)]
enum At<'a> {
    Root,
    Member(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Member(above, name) => write!(f, "{above}/{name}"),
            At::Item(above, at) => write!(f, "{above}/{at}"),
        }
    }
}

/// How a link is named in an entry that is read.
type FindLink<'a> = dyn FnMut(&str) -> Option<LinkHash> + 'a;

impl Access {
    /// Reads what a caller wants it to be. Links are named by their [`LinkId`], among those that are there `before`;
    /// `new_link` makes another one.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its place.
    pub fn read(
        value: &Value,
        before: &Self,
        mut new_link: impl FnMut() -> LinkHash,
    ) -> Result<Self, BadAccess> {
        let mut find = |name: &str| match name {
            NEW_LINK => Some(new_link()),
            name => before.links().find(|hash| LinkId::of(hash).as_str() == name),
        };
        read_access(value, before.follows.clone(), &mut find)
    }

    /// Reads what [`to_stored`](Self::to_stored) wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_stored(text: &str) -> Result<Self, BadAccess> {
        let value = serde_json::from_str(text).or_else(|_| bad(&At::Root, "not JSON"))?;
        read_access(&value, None, &mut |name| hash_from_hex(name))
    }

    /// As it is stored.
    #[must_use]
    pub fn to_stored(&self) -> String {
        self.written(&|hash| hash_to_hex(hash)).to_string()
    }

    /// As it is shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.written(&|hash| LinkId::of(hash).to_string())
    }

    /// Its links.
    pub fn links(&self) -> impl Iterator<Item = LinkHash> {
        self.entries.iter().filter_map(|entry| match entry.to {
            Grantee::Link(hash) => Some(hash),
            _ => None,
        })
    }

    fn written(&self, link: &dyn Fn(&LinkHash) -> String) -> Value {
        let entries: Vec<Value> = self.entries.iter().map(|entry| written(entry, link)).collect();
        let mut written = json!({ "owner": self.owner.as_ref().map(SubjectId::as_str), "grants": entries });
        if let Some(follows) = &self.follows {
            written["follows"] = follows.to_string().into();
        }
        written
    }
}

impl Policy {
    /// Reads what a caller wants it to be.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its place.
    pub fn read(value: &Value) -> Result<Self, BadAccess> {
        let root = At::Root;
        let members = object(&root, value)?;
        if members.len() > KINDS_MAX {
            return bad(&root, format!("at most {KINDS_MAX} kinds have entries"));
        }
        let mut kinds = BTreeMap::new();
        for (kind, list) in members {
            let at = At::Member(&root, kind);
            let kind = text_of(&At::Root, &Value::String(kind.clone()), NAME_BYTES_MAX)?;
            let entries = entries(&at, list, &mut |_| None)?;
            for (n, entry) in entries.iter().enumerate() {
                if entry.role == Role::Admin {
                    let what = "for all documents of a kind a role is read or write: the kind stands in the document, \
                                and whoever may write could make themselves its administrator";
                    return bad(&At::Member(&At::Item(&at, n), "role"), what);
                }
            }
            kinds.insert(kind, entries);
        }
        Ok(Self { kinds, ..Self::default() })
    }

    /// The same with these people blocked.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its place.
    pub fn blocking(self, value: &Value) -> Result<Self, BadAccess> {
        let root = At::Root;
        let people = list(&root, value, BLOCKED_MAX)?;
        let people = people.iter().enumerate().map(|(n, subject)| parsed(&At::Item(&root, n), subject));
        Ok(Self { blocked: people.collect::<Result<_, _>>()?, ..self })
    }

    /// Whom it blocks, as it is stored and shown: what [`blocking`](Self::blocking) takes.
    #[must_use]
    pub fn blocked_json(&self) -> Value {
        self.blocked.iter().map(|subject| subject.as_str()).collect()
    }

    /// As it is stored and shown: what [`read`](Self::read) takes.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let list = |entries: &Vec<Entry>| -> Value {
            entries.iter().map(|entry| written(entry, &|hash| LinkId::of(hash).to_string())).collect()
        };
        self.kinds.iter().map(|(kind, entries)| (kind.clone(), list(entries))).collect::<Map<_, _>>().into()
    }
}

impl Scope {
    /// Reads what a token is limited to.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its place.
    pub fn read_all(value: &Value) -> Result<Vec<Self>, BadAccess> {
        let root = At::Root;
        let scopes = list(&root, value, SCOPES_MAX)?;
        scopes.iter().enumerate().map(|(n, scope)| read_scope(&At::Item(&root, n), scope)).collect()
    }
}

fn read_scope(at: &At<'_>, value: &Value) -> Result<Scope, BadAccess> {
    let (mut document, mut role, mut limits): (Option<DocumentId>, _, _) = (None, None, None);
    for (name, value) in object(at, value)? {
        let at = At::Member(at, name);
        match name.as_str() {
            "doc" => document = Some(parsed(&at, value)?),
            "role" => role = Some(parsed::<Role>(&at, value)?),
            "paths" => limits = Some(read_limits(&at, value)?),
            _ => return bad(&at, "there is no such member; those of a scope are doc, role and paths"),
        }
    }
    let Some(role) = role else { return bad(at, "role is missing") };
    Ok(Scope { document, role, limits })
}

/// `follows` is what it is when nothing is said of it: a program that knows owners and grants cuts nothing off by that.
fn read_access(
    value: &Value,
    follows: Option<DocumentId>,
    link: &mut FindLink<'_>,
) -> Result<Access, BadAccess> {
    let root = At::Root;
    let mut access = Access { follows, ..Access::default() };
    let mut says_who_owns = false;
    for (name, value) in object(&root, value)? {
        let at = At::Member(&root, name);
        says_who_owns |= name == "owner";
        match name.as_str() {
            "owner" if value.is_null() => {}
            "owner" => access.owner = Some(parsed(&at, value)?),
            "grants" => access.entries = entries(&at, value, link)?,
            "follows" if value.is_null() => access.follows = None,
            "follows" => access.follows = Some(parsed(&at, value)?),
            _ => {
                return bad(&at, "there is no such member; those of an access are owner, grants and follows");
            }
        }
    }
    if !says_who_owns {
        let what = "owner is missing: name who owns the document, as it stands, or null where that is nobody";
        return bad(&At::Member(&root, "owner"), what);
    }
    Ok(access)
}

fn entries(at: &At<'_>, value: &Value, link: &mut FindLink<'_>) -> Result<Vec<Entry>, BadAccess> {
    let items = list(at, value, ENTRIES_MAX)?;
    items.iter().enumerate().map(|(n, item)| read_entry(&At::Item(at, n), item, link)).collect()
}

fn read_entry(at: &At<'_>, value: &Value, link: &mut FindLink<'_>) -> Result<Entry, BadAccess> {
    let (mut to, mut role, mut limits, mut until) = (Vec::new(), None, None, None);
    for (name, value) in object(at, value)? {
        let at = At::Member(at, name);
        match name.as_str() {
            "user" => to.push(Grantee::User(parsed(&at, value)?)),
            "group" => to.push(Grantee::Group(text_of(&at, value, NAME_BYTES_MAX)?.into())),
            "everyone" if *value == Value::Bool(true) => to.push(Grantee::Everyone),
            "everyone" => return bad(&at, "everyone is true, or left out"),
            "link" => to.push(read_link(&at, value, link)?),
            "role" => role = Some(parsed::<Role>(&at, value)?),
            "paths" => limits = Some(read_limits(&at, value)?),
            "until" => until = Some(moment(&at, value)?),
            _ => {
                let what = "there is no such member; those of a grant are user, group, everyone, link, role, paths \
                            and until";
                return bad(&at, what);
            }
        }
    }
    let [to] = <[Grantee; 1]>::try_from(to)
        .or_else(|_| bad(at, "a grant is for one: a user, a group, everyone or a link"))?;
    match role {
        None => bad(at, "role is missing"),
        Some(Role::None) => bad(at, "a grant has the role read, write or admin; leave it out to give none"),
        Some(role) if limits.is_some() && role != Role::Write => {
            bad(&At::Member(at, "paths"), "only the role write is limited to paths")
        }
        Some(role) => Ok(Entry { to, role, limits, until }),
    }
}

fn read_link(at: &At<'_>, value: &Value, link: &mut FindLink<'_>) -> Result<Grantee, BadAccess> {
    let name = text_of(at, value, NAME_BYTES_MAX)?;
    match link(&name) {
        Some(hash) => Ok(Grantee::Link(hash)),
        None => bad(at, "there is no such link here; write new to make one"),
    }
}

fn read_limits(at: &At<'_>, value: &Value) -> Result<Limits, BadAccess> {
    let places = list(at, value, LIMITS_MAX)?;
    let limits = places.iter().enumerate().map(|(n, place)| read_limit(&At::Item(at, n), place));
    match Limits::of(limits.collect::<Result<_, _>>()?) {
        Some(limits) => Ok(limits),
        None => bad(at, "name one path at least, or leave paths out"),
    }
}

fn read_limit(at: &At<'_>, value: &Value) -> Result<Limit, BadAccess> {
    if value.is_string() {
        return Ok(Limit { path: parsed::<Path>(at, value)?, may: May::Change });
    }
    let (mut path, mut may) = (None, May::Change);
    for (name, value) in object(at, value)? {
        let at = At::Member(at, name);
        match (name.as_str(), value.as_str()) {
            ("path", _) => path = Some(parsed::<Path>(&at, value)?),
            ("may", Some("append")) => may = May::Append,
            ("may", Some("change")) => may = May::Change,
            ("may", _) => return bad(&at, "may is append or change"),
            _ => return bad(&at, "there is no such member; those of a place are path and may"),
        }
    }
    match path {
        Some(path) => Ok(Limit { path, may }),
        None => bad(at, "path is missing"),
    }
}

fn written(entry: &Entry, link: &dyn Fn(&LinkHash) -> String) -> Value {
    let mut members = Map::new();
    let (name, value): (_, Value) = match &entry.to {
        Grantee::User(subject) => ("user", subject.as_str().into()),
        Grantee::Group(group) => ("group", (**group).into()),
        Grantee::Everyone => ("everyone", true.into()),
        Grantee::Link(hash) => ("link", link(hash).into()),
    };
    members.insert(name.to_owned(), value);
    members.insert("role".to_owned(), entry.role.as_str().into());
    if let Some(limits) = &entry.limits {
        members.insert("paths".to_owned(), limits.to_json());
    }
    if let Some(until) = entry.until {
        members.insert("until".to_owned(), until.as_millis().into());
    }
    members.into()
}

impl Limits {
    /// As they are shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let place = |limit: &Limit| match limit.may {
            May::Change => Value::from(limit.path.to_string()),
            May::Append => json!({ "path": limit.path.to_string(), "may": "append" }),
        };
        self.places().iter().map(place).collect()
    }
}

fn hash_to_hex(hash: &LinkHash) -> String {
    hash.as_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a text takes any digits");
        hex
    })
}

fn hash_from_hex(text: &str) -> Option<LinkHash> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(LinkHash::from_bytes(bytes))
}

fn object<'v>(at: &At<'_>, value: &'v Value) -> Result<&'v Map<String, Value>, BadAccess> {
    value.as_object().map_or_else(|| bad(at, "this is to be an object"), Ok)
}

fn list<'v>(at: &At<'_>, value: &'v Value, max: usize) -> Result<&'v [Value], BadAccess> {
    match value.as_array() {
        Some(items) if items.len() <= max => Ok(items),
        Some(_) => bad(at, format!("a list of at most {max}")),
        None => bad(at, "this is to be a list"),
    }
}

fn text_of(at: &At<'_>, value: &Value, bytes_max: usize) -> Result<String, BadAccess> {
    match value.as_str() {
        Some(text) if (1..=bytes_max).contains(&text.len()) => Ok(text.to_owned()),
        _ => bad(at, format!("a text of 1 to {bytes_max} bytes")),
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(at: &At<'_>, value: &Value) -> Result<T, BadAccess> {
    match value.as_str() {
        Some(text) => text.parse().or_else(|error: T::Err| bad(at, error.to_string())),
        None => bad(at, "this is to be a text"),
    }
}

fn moment(at: &At<'_>, value: &Value) -> Result<Timestamp, BadAccess> {
    match value.as_u64() {
        Some(millis) if millis <= WHOLE_MAX => Ok(Timestamp::from_millis(millis)),
        _ => bad(at, "a whole number of milliseconds since 1970"),
    }
}
