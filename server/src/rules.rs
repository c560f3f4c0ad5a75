//! The rule sets of this server: where they come from, which version is in force, and those before it.
//!
//! ```text
//!  built in ──▶ version 0        a file that has changed ──▶ next version        PUT ──▶ next version
//! ```
//! Edit path: ← the folder of rule files at the start, `PUT /api/rules/{kind}` later; → a record in the store, and
//! when that is durable the [`RuleBook`] of the hub, which judges its documents again.
//!
//! Always true: what is in force is stored, but for version 0. Versions of a kind are counted and never used
//! again; two who replace a set at the same time do so one after the other.

mod text; // Rule sets in TOML and JSON.

pub use text::{BadRules, Format, parse};

use crate::clock::Clock;
use crate::hub::Hub;
use crate::store::{CommitError, LoadError, Space, Store};
use bytes::Bytes;
use dovetail_core::rules::{InForce, RuleBook, RuleSet, RuleSetSource};
use dovetail_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How many versions of one kind are kept. Somebody who changes the rules every day sees three months.
pub const VERSIONS_MAX: usize = 100;

/// The most bytes of a kind's name: it is part of a record's.
pub const KIND_BYTES_MAX: usize = 64;

/// How many kinds may have rules. Each has its set in memory.
pub const KINDS_MAX: usize = 256;

/// Records read from the store at once.
const PAGE: usize = 64;

/// One version of the rules of a kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    /// Counted from 0, the one that is built in.
    pub version: u64,
    /// Who set it.
    pub from: Origin,
    /// When; nothing for version 0.
    pub at: Option<Timestamp>,
    /// The set as it was written.
    pub rules: RuleSetSource,
}

/// Who set a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It came with the program.
    BuiltIn,
    /// A file of the folder of rules had changed.
    File,
    /// Somebody put it.
    Api,
}

/// Why there are no rules to begin with.
#[derive(Debug, thiserror::Error)]
pub enum OpenRulesError {
    /// A file, or the folder, cannot be read.
    #[error("the rules in {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no rule set.
    #[error("{}: {why}", path.display())]
    Bad {
        /// Which.
        path: PathBuf,
        /// All that is wrong with it.
        why: BadRules,
    },
    /// Two files are about one kind.
    #[error("{} and {} are both about documents of the kind {kind:?}", one.display(), other.display())]
    Twice {
        /// The kind.
        kind: String,
        /// The first.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// The store does not tell which there are.
    #[error("the rules cannot be read from the store")]
    Load(#[from] LoadError),
    /// The store does not take those of a file.
    #[error("the rules of a file cannot be stored")]
    Replace(#[from] ReplaceError),
}

/// Why a rule set was not replaced. What was in force still is.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Somebody else was first.
    #[error("version {present} is in force")]
    Outdated {
        /// The version in force.
        present: u64,
    },
    /// No record could carry the kind's name.
    #[error("a kind is called by 1 to {KIND_BYTES_MAX} letters, digits, dots, dashes and underscores")]
    BadKind,
    /// As many kinds as there may be have rules.
    #[error("no more than {KINDS_MAX} kinds have rules")]
    TooManyKinds,
    /// The store does not tell what was before.
    #[error("the store cannot be read")]
    Load(#[from] LoadError),
    /// The store does not take it.
    #[error("the rules cannot be stored")]
    Commit(#[from] CommitError),
}

/// The rule sets of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shelf {
    store: Arc<dyn Store>,
    hub: Hub,
    clock: Clock,
    /// The newest version of each kind that has one beside the built-in. Held while one is replaced.
    newest: Arc<Mutex<BTreeMap<String, Version>>>,
}

impl Shelf {
    /// Puts in force what the store and the folder hold.
    ///
    /// # Errors
    /// When either cannot be read, or a file is no rule set. A stored version that this program cannot use
    /// is logged and passed over for the one before it.
    pub async fn open(
        store: Arc<dyn Store>,
        hub: Hub,
        clock: Clock,
        folder: Option<&Path>,
    ) -> Result<Self, OpenRulesError> {
        let shelf = Self { store, hub, clock, newest: Arc::default() };
        shelf.take_stored().await?;
        if let Some(folder) = folder {
            for set in read_folder(folder)? {
                shelf.take_file(set).await?;
            }
        }
        Ok(shelf)
    }

    /// The version in force of each kind that has rules.
    pub async fn in_force(&self) -> Vec<Version> {
        let newest = self.newest.lock().await;
        let book = self.hub.rules();
        book.iter().map(|in_force| of_book(in_force, &newest)).collect()
    }

    /// The version of a kind that is in force, or another one; nothing if there is none such.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn version(&self, kind: &str, version: Option<u64>) -> Result<Option<Version>, LoadError> {
        let newest = self.newest.lock().await;
        let in_force = self.hub.rules().of(kind).cloned();
        match version {
            None => Ok(in_force.map(|in_force| of_book(&in_force, &newest))),
            Some(0) => Ok(built_in(kind)),
            Some(_) if !is_kind(kind) => Ok(None),
            Some(version) => {
                let record = self.store.record(Space::Rules, &name(kind, version)).await?;
                Ok(record.and_then(|record| from_record(kind, &record)))
            }
        }
    }

    /// The versions of a kind, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(&self, kind: &str) -> Result<Vec<Version>, LoadError> {
        let mut versions = Vec::from_iter(built_in(kind));
        if is_kind(kind) {
            versions.extend(self.stored_versions(kind).await?);
        }
        versions.reverse();
        Ok(versions)
    }

    /// Puts other rules in force for their kind, when they are stored. `expected` is the version that whoever
    /// replaces has seen; without it any is replaced.
    ///
    /// # Errors
    /// See [`ReplaceError`].
    pub async fn replace(
        &self,
        rules: RuleSet,
        expected: Option<u64>,
        from: Origin,
    ) -> Result<Version, ReplaceError> {
        let mut newest = self.newest.lock().await;
        let book = self.hub.rules();
        let kind = rules.kind().to_owned();
        if !is_kind(&kind) {
            return Err(ReplaceError::BadKind);
        }
        let present = book.of(&kind);
        let before = present.map_or(0, |in_force| in_force.version);
        if expected.is_some_and(|expected| expected != before || present.is_none()) {
            return Err(ReplaceError::Outdated { present: before });
        }
        if present.is_none() && book.iter().count() >= KINDS_MAX {
            return Err(ReplaceError::TooManyKinds);
        }
        let last = newest.get(&kind).map_or(before, |newest| newest.version.max(before));
        let source = rules.source().clone();
        let version = Version { version: last + 1, from, at: Some(self.clock.now()), rules: source };
        self.write(&kind, &version).await?;
        let in_force = InForce { version: version.version, rules: Arc::new(rules) };
        self.hub.set_rules(&Arc::new((*book).clone().with(in_force)));
        newest.insert(kind, version.clone());
        Ok(version)
    }

    async fn write(&self, kind: &str, version: &Version) -> Result<(), ReplaceError> {
        let stored = self.stored_versions(kind).await?;
        let record = serde_json::to_vec(version).expect("a rule set has text keys and finite numbers only");
        let mut writes = vec![(name(kind, version.version), Some(Bytes::from(record)))];
        let too_many = (stored.len() + 1).saturating_sub(VERSIONS_MAX);
        writes.extend(stored[..too_many].iter().map(|old| (name(kind, old.version), None)));
        Ok(self.store.write_records(Space::Rules, writes).await?)
    }

    /// Oldest first.
    async fn stored_versions(&self, kind: &str) -> Result<Vec<Version>, LoadError> {
        let prefix = format!("{kind}/");
        let mut after = prefix.clone();
        let mut versions = Vec::new();
        loop {
            let page = self.store.records(Space::Rules, Some(&after), PAGE).await?;
            let is_last = page.len() < PAGE;
            for (name, record) in page {
                if !name.starts_with(&prefix) {
                    return Ok(versions);
                }
                versions.extend(from_record(kind, &record));
                after = name;
            }
            if is_last {
                return Ok(versions);
            }
        }
    }

    async fn take_stored(&self) -> Result<(), OpenRulesError> {
        let mut stored: BTreeMap<String, Vec<Version>> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.records(Space::Rules, after.as_deref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            for (name, record) in page {
                if let Some((kind, _)) = name.split_once('/') {
                    stored.entry(kind.to_owned()).or_default().extend(from_record(kind, &record));
                }
                after = Some(name);
            }
            if is_last {
                break;
            }
        }
        let mut newest = self.newest.lock().await;
        let mut book = RuleBook::default();
        for (kind, versions) in stored {
            for version in versions.iter().rev() {
                match RuleSet::compile(version.rules.clone()) {
                    Ok(rules) => {
                        book = book.with(InForce { version: version.version, rules: Arc::new(rules) });
                        break;
                    }
                    Err(why) => {
                        tracing::error!(kind, version = version.version, %why, "stored rules cannot be used");
                    }
                }
            }
            newest.extend(versions.into_iter().next_back().map(|version| (kind, version)));
        }
        self.hub.set_rules(&Arc::new(book));
        Ok(())
    }

    /// A file counts when it says something else than the last file did: what was put since then stays. On a disk that is low
    /// it counts at the next start: a server that serves what it has is better than none.
    async fn take_file(&self, set: RuleSet) -> Result<(), OpenRulesError> {
        let stored = self.stored_versions(set.kind()).await?;
        let last_file = stored.iter().rev().find(|version| version.from == Origin::File);
        if last_file.is_none_or(|last| last.rules != *set.source()) {
            let kind = set.kind().to_owned();
            match self.replace(set, None, Origin::File).await {
                Ok(Version { version, .. }) => tracing::info!(kind, version, "rules of a file are in force"),
                Err(ReplaceError::Commit(CommitError::DiskLow(why))) => {
                    tracing::warn!(kind, %why, "rules of a file are not in force before a start with more room");
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }
}

fn of_book(in_force: &InForce, newest: &BTreeMap<String, Version>) -> Version {
    let kind = in_force.rules.kind();
    let known = newest.get(kind).filter(|newest| newest.version == in_force.version);
    known.cloned().unwrap_or_else(|| Version {
        version: in_force.version,
        from: Origin::BuiltIn,
        at: None,
        rules: in_force.rules.source().clone(),
    })
}

fn built_in(kind: &str) -> Option<Version> {
    let book = RuleBook::default();
    book.of(kind).map(|in_force| of_book(in_force, &BTreeMap::new()))
}

fn is_kind(kind: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.bytes().all(is_letter)
}

/// Twenty digits, so that names sort as versions do.
fn name(kind: &str, version: u64) -> String {
    format!("{kind}/{version:020}")
}

fn from_record(kind: &str, record: &[u8]) -> Option<Version> {
    serde_json::from_slice(record)
        .inspect_err(|error| tracing::error!(kind, %error, "a stored version of the rules cannot be read"))
        .ok()
}

/// The rule sets of a folder: files that end in `.toml` or `.json`, in the order of their names.
fn read_folder(folder: &Path) -> Result<Vec<RuleSet>, OpenRulesError> {
    let unreadable = |path: &Path, source| OpenRulesError::Unreadable { path: path.to_owned(), source };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> = entries
        .map_err(|source| unreadable(folder, source))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| format_of(path).is_some())
        .collect();
    paths.sort();
    let mut read: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut sets = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        let format = format_of(&path).unwrap_or(Format::Toml);
        let bad = |why| OpenRulesError::Bad { path: path.clone(), why };
        let set = parse(&text, format, None).map_err(bad)?;
        if let Some(one) = read.insert(set.kind().to_owned(), path.clone()) {
            return Err(OpenRulesError::Twice { kind: set.kind().to_owned(), one, other: path });
        }
        sets.push(set);
    }
    Ok(sets)
}

fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "toml" => Some(Format::Toml),
        "json" => Some(Format::Json),
        _ => None,
    }
}
