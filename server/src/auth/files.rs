//! Keys that stand in files, and are read again when the files change.
//!
//! ```text
//!  open ──▶ every file is read, or there is no server
//!  a token comes, a second after the last look ──▶ changed? ──▶ read it
//!                                                               ├─ keys: from now on these
//!                                                               └─ none: the ones before, and a warning
//! ```
//! Edit path: ← the settings name files; → the [`KeySet`] of the moment.
//!
//! Always true: a file that is being written, or was taken away, changes nothing, and is looked at again until it gives keys. So keys are changed by putting
//! a file in the place of another one, and no restart.

use super::keys::{BadKey, Key, KeySet};
use super::secret::{Secret, SecretTooShort};
use crate::clock::Clock;
use crate::config::AuthSettings;
use dovetail_core::time::Timestamp;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// How often files are looked at. A look costs a system call for each; whoever changes a key waits that long at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The most keys of all files together: before a change, after it, and some more issuers.
const KEYS_MAX: usize = 8;

/// The most bytes of a file. A key in PEM has less than 1 KiB.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Begins a key in PEM.
const PEM_BEGIN: &str = "-----BEGIN ";

/// The keys that the settings and their files hold.
#[derive(Debug)]
pub(super) struct KeyFiles {
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    looked_at: Timestamp,
    /// From the settings themselves.
    fixed: Vec<Arc<Key>>,
    files: Vec<KeyFile>,
    all: KeySet,
}

/// A file, as it was when it was looked at.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    holds: Holds,
    /// Of when its keys were read; nothing when it was not there. It stays until they are read again: what cannot be read now is
    /// tried at every look.
    stamp: Option<Stamp>,
    keys: Vec<Arc<Key>>,
    /// The last look found no keys, and that was said.
    is_bad: bool,
}

#[derive(Debug, Clone, Copy)]
enum Holds {
    Secrets,
    PublicKeys,
}

/// What is different when somebody has written a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    /// A file that was put in the place of another one may be as old and as large.
    inode: u64,
}

/// Why a file gives no keys. Nothing of what it holds is in the words.
#[derive(Debug, thiserror::Error)]
pub enum BadKeyFile {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is something else.
    #[error("it is no text of at most {} KiB", FILE_BYTES_MAX / 1024)]
    NotText,
    /// A secret in it is none.
    #[error(transparent)]
    Secret(#[from] SecretTooShort),
    /// A key in it is none.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// It holds another kind of key.
    #[error("it holds a key in PEM and no secret; name it with jwt_public_key_file")]
    PemAsSecret,
    /// Nothing is in it.
    #[error("there is no key in it")]
    Empty,
    /// There are too many.
    #[error("there are more than {KEYS_MAX} keys, those of other files included")]
    TooMany,
}

/// Which file gives no keys, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
pub(super) struct NoKeys {
    pub(super) path: PathBuf,
    #[source]
    pub(super) why: BadKeyFile,
}

impl KeyFiles {
    /// Reads all of them.
    pub(super) fn open(settings: &AuthSettings, clock: Clock) -> Result<Self, NoKeys> {
        let secrets = settings.jwt_secret_file.iter().map(|path| (path, Holds::Secrets));
        let public = settings.jwt_public_key_file.iter().map(|path| (path, Holds::PublicKeys));
        let files = secrets.chain(public).map(|(path, holds)| KeyFile::open(path, holds));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let fixed = settings.jwt_secret.iter().map(|secret| Arc::new(Key::of_secret(secret))).collect();
        let mut kept = Kept { looked_at: clock.now(), fixed, files, all: KeySet::default() };
        kept.put_together();
        if let Some(last) = kept.files.last().filter(|_| kept.all.len() > KEYS_MAX) {
            return Err(NoKeys { path: last.path.clone(), why: BadKeyFile::TooMany });
        }
        Ok(Self { clock, kept: Mutex::new(kept) })
    }

    /// The keys of the moment. Looks at the files, when that was not just done: a system call each, on the thread
    /// that asks, since a file that changes keys is on a disk and not far away.
    pub(super) fn keys(&self) -> KeySet {
        // What panicked elsewhere left a whole set behind: it is put together first and kept then.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        // A clock that was set back would look never again.
        if now < kept.looked_at || now.since(kept.looked_at) >= LOOK_EVERY {
            kept.looked_at = now;
            kept.look();
        }
        kept.all.clone()
    }
}

impl Kept {
    fn look(&mut self) {
        let mut changed = false;
        for n in 0..self.files.len() {
            let all = self.fixed.len() + self.files.iter().map(|file| file.keys.len()).sum::<usize>();
            let file = &mut self.files[n];
            changed |= file.look(KEYS_MAX.saturating_sub(all - file.keys.len()));
        }
        if changed {
            self.put_together();
        }
    }

    fn put_together(&mut self) {
        let from_files = self.files.iter().flat_map(|file| &file.keys);
        self.all = KeySet::new(self.fixed.iter().chain(from_files).map(Arc::clone).collect());
    }
}

impl KeyFile {
    fn open(path: &Path, holds: Holds) -> Result<Self, NoKeys> {
        let stamp = stamp(path);
        let keys = read(path, holds).map_err(|why| NoKeys { path: path.to_owned(), why })?;
        Ok(Self { path: path.to_owned(), holds, stamp, keys, is_bad: false })
    }

    /// Whether it has other keys now. There is room for so many beside those of other files.
    fn look(&mut self, room: usize) -> bool {
        // Before it is read: what is written afterwards is found by the next look.
        let stamp = stamp(&self.path);
        if stamp == self.stamp {
            self.is_bad = false;
            return false;
        }
        let read = read(&self.path, self.holds);
        match read.and_then(|keys| if keys.len() > room { Err(BadKeyFile::TooMany) } else { Ok(keys) }) {
            Ok(keys) => {
                info!(file = %self.path.display(), keys = keys.len(), "keys of tokens were read again");
                (self.stamp, self.keys, self.is_bad) = (stamp, keys, false);
                true
            }
            Err(why) => {
                if !std::mem::replace(&mut self.is_bad, true) {
                    warn!(file = %self.path.display(), error = &why as &dyn std::error::Error, "this file gives no keys; those before go on being used");
                }
                false
            }
        }
    }
}

/// The secret that new tokens are signed with: the first one of a file.
pub(super) fn first_secret(path: &Path) -> Result<Secret, BadKeyFile> {
    secrets(&text_of(path)?)?.into_iter().next().ok_or(BadKeyFile::Empty)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    Some(Stamp { modified: about.modified().ok(), bytes: about.len(), inode: about.ino() })
}

fn read(path: &Path, holds: Holds) -> Result<Vec<Arc<Key>>, BadKeyFile> {
    let text = text_of(path)?;
    let keys: Vec<_> = match holds {
        Holds::Secrets => secrets(&text)?.iter().map(Key::of_secret).map(Arc::new).collect(),
        Holds::PublicKeys => public_keys(&text)?.into_iter().map(Arc::new).collect(),
    };
    match keys.len() {
        0 => Err(BadKeyFile::Empty),
        1..=KEYS_MAX => Ok(keys),
        _ => Err(BadKeyFile::TooMany),
    }
}

fn text_of(path: &Path) -> Result<String, BadKeyFile> {
    let file = fs::File::open(path).map_err(BadKeyFile::Unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(BadKeyFile::Unreadable)?;
    let fits = bytes.len() as u64 <= FILE_BYTES_MAX;
    String::from_utf8(bytes).ok().filter(|_| fits).ok_or(BadKeyFile::NotText)
}

/// One a line.
fn secrets(text: &str) -> Result<Vec<Secret>, BadKeyFile> {
    if text.contains(PEM_BEGIN) {
        return Err(BadKeyFile::PemAsSecret);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| Secret::for_signing(line).map_err(BadKeyFile::from)).collect()
}

/// One behind the other, with whatever words between them.
fn public_keys(text: &str) -> Result<Vec<Key>, BadKeyFile> {
    let begins = text.match_indices(PEM_BEGIN).map(|(at, _)| at).take(KEYS_MAX + 1);
    let keys = begins.map(|begin| {
        let behind = begin + PEM_BEGIN.len();
        let end = text[behind..].find(PEM_BEGIN).map_or(text.len(), |next| behind + next);
        Key::of_pem(&text[begin..end]).map_err(BadKeyFile::from)
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() && !text.trim().is_empty() { Err(BadKey::NotPem.into()) } else { Ok(keys) }
}
