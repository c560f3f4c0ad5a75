//! Keys that an identity provider gives out at an address (JWKS), and how old they may be.
//!
//! ```text
//!            fetched                300 s                         600 s
//!  none ───────┬───── fresh ──────────┬──── stale: good, and fetched ┬──── over: no token can be
//!   │          │                      │     again meanwhile          │     checked, keys_unavailable
//!   └ fetched with the first token    └──────── a fetch ─────────────┴──────── a fetch ──▶ fresh
//! ```
//! Edit path: ← a token that no file's key signed; → whether one of these keys did.
//!
//! Always true: one fetch is under way at a time, and none begins within [`FETCH_EVERY`] of the one before,
//! whatever tokens come. A fetch goes on when whoever waited for it has gone: others wait too.

use super::error::AuthError;
use super::fetch::Fetcher;
use super::keys::{Checked, Key, KeySet};
use super::token::Unverified;
use crate::clock::Clock;
use dovetail_core::time::Timestamp;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tracing::{info, warn};

/// How long keys are used without asking again. A key that was taken back is good for so long.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// How long keys are used at most when nothing newer can be had: a provider that is started again is away for
/// a minute or two.
const USED_FOR: Duration = Duration::from_secs(2 * FRESH_FOR.as_secs());

/// Strangers make up names of keys; so often they make us ask for it, and so long a new key may be unknown.
const FETCH_EVERY: Duration = Duration::from_secs(10);

/// The most keys of a set. Providers have two to five.
const KEYS_MAX: usize = 64;

/// The keys of one address.
#[derive(Debug)]
pub(super) struct Jwks {
    fetcher: Fetcher,
    clock: Clock,
    kept: Mutex<Kept>,
    /// Whoever holds it fetches.
    turn: Arc<Turn<()>>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Option<(KeySet, Timestamp)>,
    tried: Option<Timestamp>,
}

/// What an address gave is no set of keys.
#[derive(Debug, thiserror::Error)]
enum BadSet {
    #[error("it is no JSON with a list `keys`")]
    NotOne,
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    #[error("it has no key that can be used here")]
    Empty,
}

impl Jwks {
    pub(super) fn new(fetcher: Fetcher, clock: Clock) -> Arc<Self> {
        Arc::new(Self { fetcher, clock, kept: Mutex::default(), turn: Arc::default() })
    }

    /// Whether one of these keys signed a token.
    pub(super) async fn check(self: &Arc<Self>, token: &Unverified<'_>) -> Result<(), AuthError> {
        let keys = self.keys().await.ok_or(AuthError::KeysUnavailable)?;
        let checked = match keys.check(token) {
            Checked::Unknown => self.newer().await.ok_or(AuthError::KeysUnavailable)?.check(token),
            known => known,
        };
        if checked == Checked::Signed { Ok(()) } else { Err(AuthError::BadSignature) }
    }

    /// The keys to begin with. Waits only when there are none: who has a key that holds does not wait for newer ones.
    async fn keys(self: &Arc<Self>) -> Option<KeySet> {
        if let Some(keys) = self.younger_than(FRESH_FOR) {
            return Some(keys);
        }
        match self.younger_than(USED_FOR) {
            Some(stale) => {
                // When somebody asks already, there is nothing to begin.
                let _goes_on_alone = Arc::clone(&self.turn).try_lock_owned().map(|turn| self.begin(turn));
                Some(stale)
            }
            None => self.newer().await,
        }
    }

    /// The keys after asking again, if that may be.
    async fn newer(self: &Arc<Self>) -> Option<KeySet> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Who waited for another one's fetch finds that it was just now.
        if let Some(fetching) = self.begin(turn) {
            // It panics nowhere, and is aborted with the whole runtime only.
            let _ = fetching.await;
        }
        self.younger_than(USED_FOR)
    }

    /// Begins a fetch, if one may.
    fn begin(self: &Arc<Self>, turn: OwnedMutexGuard<()>) -> Option<JoinHandle<()>> {
        let jwks = Arc::clone(self);
        self.may_fetch().then(|| {
            tokio::spawn(async move {
                jwks.fetch().await;
                drop(turn);
            })
        })
    }

    /// Notes that one begins, if one may.
    fn may_fetch(&self) -> bool {
        let now = self.clock.now();
        let mut kept = self.kept();
        if kept.tried.is_some_and(|tried| !is_past(now, tried, FETCH_EVERY)) {
            return false;
        }
        kept.tried = Some(now);
        true
    }

    async fn fetch(&self) {
        let fetched = self.fetcher.fetch().await;
        let read = match &fetched {
            Ok(body) => read(body).map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        match read {
            Ok(keys) => {
                info!(from = ?self.fetcher, keys = keys.len(), "keys of tokens were fetched");
                self.kept().keys = Some((keys, self.clock.now()));
            }
            Err(why) => {
                let has_some = self.younger_than(USED_FOR).is_some();
                warn!(from = ?self.fetcher, %why, has_some, "keys of tokens cannot be fetched; those before hold a while");
            }
        }
    }

    fn younger_than(&self, age: Duration) -> Option<KeySet> {
        let now = self.clock.now();
        let kept = self.kept();
        kept.keys.as_ref().filter(|(_, fetched)| !is_past(now, *fetched, age)).map(|(keys, _)| keys.clone())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Each write to it is one assignment: it is whole whoever panicked.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether so much time has passed. A clock that was set back counts as all of it, or nothing would be fetched until it has
/// come to where it was.
fn is_past(now: Timestamp, since: Timestamp, wait: Duration) -> bool {
    now < since || now.since(since) >= wait
}

/// The keys in a set that can be used here. Others are passed over: providers list keys for encryption too.
fn read(body: &[u8]) -> Result<KeySet, BadSet> {
    let set: Value = serde_json::from_slice(body).map_err(|_| BadSet::NotOne)?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(BadSet::NotOne)?;
    if keys.len() > KEYS_MAX {
        return Err(BadSet::TooMany);
    }
    let usable: Vec<_> = keys.iter().filter_map(|key| Key::of_jwk(key).ok()).map(Arc::new).collect();
    // Nobody gives out nothing: it was put together wrongly, and those before are better.
    if usable.is_empty() { Err(BadSet::Empty) } else { Ok(KeySet::new(usable)) }
}
