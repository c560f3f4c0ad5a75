//! What is stored, for those who keep it: `dovetail verify`, `backup`, `restore` and `compact`.
//!
//! Always true: none of them changes what is stored in place. What is made anew takes the old one's place when it is complete.

use super::place::{self, Place};
use super::{Failure, cannot_write, explained, on_runtime, print, tell};
use crate::backup::read::{Item, ReadBackupError, read};
use crate::backup::write::Backup;
use crate::backup::{BEGINNING, End};
use crate::clock::Clock;
use crate::store::{CommitError, Floor, LoadError, OpenError, Rebuild, SledStore, Space, Store};
use crate::verify::{Check, Finding, Pace, RECORDS_PAGE, Summary, Walk};
use clap::{Arg, ArgAction, ArgMatches, Command};
use dovetail_client::Api;
use dovetail_core::document::chunk::Batch;
use futures_util::future::try_join_all;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "dir";
const FILE: &str = "file";
const OUT: &str = "out";
const DATA_DIR: &str = "data-dir";
const LEAVE_OUT: &str = "leave-out-damaged";

/// What is written at once shares one sync of the disk.
const TOGETHER: usize = 64;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum StoredError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store cannot be read")]
    Load(#[from] LoadError),
    #[error("the new store cannot be written, and nothing else was touched: {0}")]
    NotWritten(Arc<str>),
    #[error("the new store cannot be written, and nothing else was touched")]
    Commit(#[source] CommitError),
    #[error("the backup cannot be restored")]
    Backup(#[from] ReadBackupError),
}

impl From<CommitError> for StoredError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::ReadOnly { why } => Self::NotWritten(why),
            error => Self::Commit(error),
        }
    }
}

impl From<StoredError> for Failure {
    fn from(error: StoredError) -> Self {
        Self::Failed(explained(&error))
    }
}

pub(super) fn verify_command() -> Command {
    Command::new("verify")
        .about("Checks everything in a data directory that no server holds, and names what is damaged")
        .arg(directory())
}

pub(super) fn backup_command() -> Command {
    let out = Arg::new(OUT).long(OUT).value_name("FILE").required(true).help("The file to be made, a tar");
    Command::new("backup")
        .about("Copies everything that is stored into one file; the server may serve meanwhile")
        .arg(out)
        .args(place::arguments())
}

pub(super) fn restore_command() -> Command {
    let file = Arg::new(FILE).value_name("FILE").required(true).help("What `dovetail backup` has made");
    let dir = Arg::new(DATA_DIR).long(DATA_DIR).value_name("DIR").required(true);
    Command::new("restore")
        .about("Makes a data directory of a backup")
        .arg(file)
        .arg(dir.help("A directory without a store, which is made if it is not there"))
}

pub(super) fn compact_command() -> Command {
    let leave_out = Arg::new(LEAVE_OUT).long(LEAVE_OUT).action(ArgAction::SetTrue);
    Command::new("compact")
        .about("Writes a data directory that no server holds anew, which takes less room")
        .arg(directory())
        .arg(leave_out.help(
            "Go on with what is sound: documents that are damaged are left out, and what is missing is given up",
        ))
}

fn directory() -> Arg {
    Arg::new(DIR).value_name("DIR").required(true).help("The data directory")
}

fn path(matches: &ArgMatches, name: &str) -> PathBuf {
    matches.get_one::<String>(name).expect("clap requires it").into()
}

/// Whoever wants to look at a store is not helped by a new, empty one.
fn existing(matches: &ArgMatches) -> Result<PathBuf, Failure> {
    let dir = path(matches, DIR);
    if SledStore::lies_in(&dir) {
        return Ok(dir);
    }
    SledStore::check_that_none_was_in(&dir).map_err(StoredError::from)?;
    Err(Failure::Failed(match fs::read_dir(&dir) {
        Ok(_) => format!("there is no store in {}", dir.display()),
        Err(_) if dir.is_file() => format!("{} is a file: name the data directory", dir.display()),
        Err(error) => format!("there is no store in {}: {error}", dir.display()),
    }))
}

/// `dovetail verify`: a line for each document that is damaged, and how much was looked at.
pub(super) fn verify(matches: &ArgMatches) -> Result<(), Failure> {
    let dir = existing(matches)?;
    on_runtime(async {
        let (store, missing) = SledStore::open_as_it_is(&dir).map_err(StoredError::from)?;
        let summary = tell_damage(Arc::new(store)).await?;
        if let Some(missing) = &missing {
            tell(format_args!("{missing}: documents may be older than what was acknowledged"));
        }
        let Summary { documents, damaged, records_damaged } = summary;
        tell(format_args!("{documents} documents were checked, {damaged} are damaged"));
        if summary.is_sound() && missing.is_none() {
            return Ok(());
        }
        if records_damaged > 0 {
            tell(format_args!("{records_damaged} kinds of the server's own records are damaged"));
        }
        Err(Failure::Failed(format!("the store in {} is damaged", dir.display())))
    })
}

async fn tell_damage(store: Arc<dyn Store>) -> Result<Summary, Failure> {
    let mut check = Check::new(Arc::clone(&store), Pace::Full);
    while let Some(finding) = check.next().await.map_err(StoredError::from)? {
        match finding {
            Finding::Sound(_) => {}
            Finding::Damaged { document, what } => print(format!("{document}\t{what}\n").as_bytes())?,
            Finding::Record { space, what } => {
                print(format!("records of {}\t{what}\n", space.name()).as_bytes())?;
            }
        }
    }
    store.close().await;
    Ok(check.summary())
}

/// `dovetail backup`: the file is there when it is complete, and nothing is when it fails.
pub(super) fn backup(matches: &ArgMatches) -> Result<(), Failure> {
    let out = path(matches, OUT);
    let place = Place::of(matches)?;
    may_be_written(&out)?;
    let mut part = Part::beside(&out)?;
    let end = written(place, &mut part)?;
    part.take_the_place_of(&out)?;
    for left_out in &end.left_out {
        tell(format_args!("left out: {} is damaged: {}", left_out.id, left_out.damage));
    }
    tell(format_args!("{} holds {} documents, each checked", out.display(), end.documents));
    if end.left_out.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{} documents are not in the backup, because they are damaged",
        end.left_out.len()
    )))
}

/// A backup in the making, in a file of its own. Nothing of it stays when it is dropped.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    /// Under a name that nobody else has: not another backup, and not something of somebody's that is called alike.
    fn beside(out: &Path) -> Result<Self, Failure> {
        let path = out.with_added_extension(format!("{}.part", uuid::Uuid::new_v4().simple()));
        let file = File::options().write(true).create_new(true).open(&path);
        Ok(Self { file: file.map_err(|error| cannot_write(&path, &error))?, path })
    }

    fn take_the_place_of(self, out: &Path) -> Result<(), Failure> {
        let beside = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let renamed = fs::rename(&self.path, out).and_then(|()| File::open(beside)?.sync_all());
        renamed.map_err(|error| cannot_write(out, &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // It has another name when it is whole.
    }
}

/// What is there already gives way only where it is a backup itself: a slip of the name must not cost a store.
fn may_be_written(out: &Path) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Failed(format!("{} {why}", out.display())));
    if out.is_dir() {
        return refused("is a directory: name a file in it");
    }
    let mut begins = [0; BEGINNING.len()];
    match File::open(out).and_then(|mut file| file.read_exact(&mut begins)) {
        Ok(()) if begins == *BEGINNING.as_bytes() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        _ => refused("is there already and is no backup: name another file, or move that one away"),
    }
}

/// Writes a backup, and reads all of it back.
fn written(place: Place, part: &mut Part) -> Result<End, Failure> {
    let Part { path, file } = part;
    on_runtime(async {
        let writing = async {
            match place {
                Place::Remote(api) => from_server(&api, file, path).await,
                Place::Directory(directory) => from_directory(Path::new(&directory), file, path).await,
            }
        };
        tokio::select! {
            written = writing => written,
            _ = tokio::signal::ctrl_c() => Err(Failure::Failed("interrupted; there is no backup".to_owned())),
        }
    })?;
    file.sync_all().map_err(|error| cannot_write(path, &error))?;
    let copied = File::open(&path).map_err(|error| cannot_write(path, &error))?;
    read::<ReadBackupError>(BufReader::new(copied), |_| Ok(())).map_err(|error| {
        let why = explained(&error);
        Failure::Failed(format!(
            "the backup is not whole, and was removed: {why}. Whoever gave it may have stopped meanwhile"
        ))
    })
}

async fn from_server(api: &Api, file: &mut File, part: &Path) -> Result<(), Failure> {
    let mut backup = api.backup().await.map_err(|error| place::or_no_server(&error))?;
    while let Some(piece) = backup.next().await? {
        file.write_all(&piece).map_err(|error| cannot_write(part, &error))?;
    }
    Ok(())
}

async fn from_directory(dir: &Path, file: &mut File, part: &Path) -> Result<(), Failure> {
    if !SledStore::lies_in(dir) {
        return Err(Failure::Failed(format!("there is no store in {}", dir.display())));
    }
    let store: Arc<dyn Store> = Arc::new(SledStore::open(dir, Floor::Bytes(0)).map_err(StoredError::from)?);
    let mut backup = Backup::new(Arc::clone(&store), Pace::Full, Clock::System.now());
    while let Some(piece) = backup.next().await.map_err(StoredError::from)? {
        file.write_all(&piece).map_err(|error| cannot_write(part, &error))?;
    }
    store.close().await;
    Ok(())
}

/// `dovetail restore`: nothing is there before all of the backup was read and checked.
pub(super) fn restore(matches: &ArgMatches) -> Result<(), Failure> {
    let (file, dir) = (path(matches, FILE), path(matches, DATA_DIR));
    let backup = File::open(&file)
        .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", file.display())))?;
    let end = on_runtime(async { Ok(restored(backup, &dir).await?) })?;
    tell(format_args!("{} holds {} documents, each checked", dir.display(), end.documents));
    for left_out in &end.left_out {
        tell(format_args!("{} was damaged when the backup was made, and is not in it", left_out.id));
    }
    Ok(())
}

async fn restored(backup: File, dir: &Path) -> Result<End, StoredError> {
    let rebuild = Rebuild::first(dir)?;
    let mut writing = Writing::new(rebuild.store());
    let runtime = tokio::runtime::Handle::current();
    let end = tokio::task::block_in_place(|| {
        read(BufReader::new(backup), |item| -> Result<(), StoredError> {
            match item {
                Item::Record { space, name, value } => {
                    runtime.block_on(writing.store.write_records(space, vec![(name, Some(value))]))?;
                }
                Item::Document(saved) => {
                    let batch = Batch {
                        document: saved.id,
                        put: saved.chunks,
                        delete: Vec::new(),
                        manifest: saved.manifest,
                    };
                    runtime.block_on(writing.add(batch))?;
                }
            }
            Ok(())
        })
    })?;
    writing.finish().await?;
    rebuild.finish().await?;
    Ok(end)
}

/// `dovetail compact`: the same documents and records in a new log.
pub(super) fn compact(matches: &ArgMatches) -> Result<(), Failure> {
    let dir = existing(matches)?;
    let goes_on = matches.get_flag(LEAVE_OUT);
    let compacted = on_runtime(compacted(&dir, goes_on))?;
    tell_left_out(&compacted.left_out);
    if let Some(missing) = &compacted.missing {
        tell(format_args!("{missing}: documents may be older than what was acknowledged"));
    }
    let Compacted { documents, bytes_before, bytes_after, .. } = compacted;
    let gain = if bytes_after < bytes_before { "" } else { ": there was nothing to gain" };
    tell(format_args!(
        "{documents} documents take {bytes_after} bytes now and took {bytes_before} before{gain}"
    ));
    Ok(())
}

fn tell_left_out(left_out: &[(String, String)]) {
    for (id, damage) in left_out {
        tell(format_args!("left out: {id} is damaged: {damage}"));
    }
}

struct Compacted {
    documents: u64,
    /// What of the store is given up.
    missing: Option<String>,
    left_out: Vec<(String, String)>,
    bytes_before: u64,
    bytes_after: u64,
}

async fn compacted(dir: &Path, goes_on: bool) -> Result<Compacted, Failure> {
    let (store, missing) = SledStore::open_as_it_is(dir).map_err(StoredError::from)?;
    let opened = Arc::new(store);
    let store: Arc<dyn Store> = opened.clone();
    if let Some(missing) = missing.as_ref().filter(|_| !goes_on) {
        return Err(Failure::Failed(format!(
            "{missing}; --{LEAVE_OUT} gives it up, and goes on with what there is"
        )));
    }
    let rebuild = Rebuild::in_place_of(&opened).map_err(StoredError::from)?;
    let mut done = Compacted {
        documents: 0,
        missing: missing.as_ref().map(ToString::to_string),
        left_out: Vec::new(),
        bytes_before: store.health().disk_bytes,
        bytes_after: 0,
    };
    let mut writing = Writing::new(rebuild.store());
    let mut walk = Walk::new(Arc::clone(&store), Pace::Full);
    while let Some((document, found)) = walk.next().await.map_err(StoredError::from)? {
        match found {
            Ok(stored) => {
                done.documents += 1;
                let (put, manifest) = (stored.chunks, stored.manifest);
                let batch = Batch { document, put, delete: Vec::new(), manifest };
                writing.add(batch).await.map_err(StoredError::from)?;
            }
            Err(damage) if goes_on => done.left_out.push((document.to_string(), damage)),
            Err(damage) => {
                return Err(Failure::Failed(format!(
                    "{document} is damaged: {damage}; --{LEAVE_OUT} goes on without it, `dovetail verify` names all"
                )));
            }
        }
    }
    writing.finish().await.map_err(StoredError::from)?;
    if done.documents == 0 && (missing.is_some() || !done.left_out.is_empty()) {
        tell_left_out(&done.left_out);
        return Err(Failure::Failed(format!(
            "no document in {} can be read, so nothing takes its place: restore a backup, or begin in another directory",
            dir.display()
        )));
    }
    // Clients believe what a storage id told them to be saved. Where some of that is gone, it has to be another one.
    let is_whole = missing.is_none() && done.left_out.is_empty();
    for space in Space::ALL.into_iter().filter(|space| is_whole || *space != Space::Server) {
        match copy_records(&*store, rebuild.store(), space).await {
            Err(StoredError::Load(damage)) if goes_on => {
                done.left_out
                    .push((format!("what is left of the records of {}", space.name()), damage.to_string()));
            }
            copied => copied?,
        }
    }
    done.bytes_after = rebuild.store().health().disk_bytes;
    store.close().await;
    drop((store, opened));
    rebuild.finish().await.map_err(StoredError::from)?;
    Ok(done)
}

async fn copy_records(from: &dyn Store, to: &SledStore, space: Space) -> Result<(), StoredError> {
    let mut after: Option<String> = None;
    loop {
        let page = from.records(space, after.as_deref(), RECORDS_PAGE).await?;
        let is_last = page.len() < RECORDS_PAGE;
        after = page.last().map(|(name, _)| name.clone());
        let writes = page.into_iter().map(|(name, value)| (name, Some(value))).collect();
        to.write_records(space, writes).await?;
        if is_last {
            return Ok(());
        }
    }
}

/// Batches that are written together.
struct Writing<'a> {
    store: &'a SledStore,
    waiting: Vec<Batch>,
}

impl<'a> Writing<'a> {
    fn new(store: &'a SledStore) -> Self {
        Self { store, waiting: Vec::new() }
    }

    async fn add(&mut self, batch: Batch) -> Result<(), CommitError> {
        self.waiting.push(batch);
        if self.waiting.len() < TOGETHER { Ok(()) } else { self.finish().await }
    }

    async fn finish(&mut self) -> Result<(), CommitError> {
        try_join_all(self.waiting.drain(..).map(|batch| self.store.commit(batch))).await.map(drop)
    }
}
