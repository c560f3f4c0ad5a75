//! A store that is damaged, or has a document that is: it is moved aside as it is, and what can be read of it goes on in a new one.
//!
//! ```text
//!  dir ──read──▶ dir.rebuilding ──whole──▶ dir.rebuilt        then: dir ▶ dir.damaged-N, dir.rebuilt ▶ dir
//! ```
//!
//! Always true: nothing is written into what is moved aside, but what opening it does; nothing of it is deleted. Whenever this is interrupted, the next
//! start has the old store or all of the new one.

use super::{FREE_BYTES_LEFT, MovedAside, PAGE, StoreError, on_a_thread, sealed};
use crate::machine::replica;
use dovetail_core::document::chunk::Batch;
use dovetail_core::id::DocumentId;
use dovetail_store::{Floor, SledStore, Space, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Beside a store: one that is made of what can be read of it, and the same when it is whole.
const IN_THE_MAKING: &str = ".rebuilding";
const WHOLE: &str = ".rebuilt";

/// Beside a store: one that was damaged, with the time behind it.
const ASIDE: &str = ".damaged-";

/// For the sake of single documents no more stores than that are left beside: each is as large as the store itself.
const ASIDE_MAX: usize = 3;

/// In which file of a store it is noted which of its documents are damaged, a line each.
const NOTE: &str = "damaged-documents";

/// In the place of an id, in such a line: see [`note_unwritable`].
const UNWRITABLE: &str = "-";

/// In which file of a store that was made anew it stands what was moved aside, until the app was told.
const NEWS: &str = "made-anew.json";

/// What is wrong with a store.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// The store itself, in words. Nothing when it is documents alone.
    store: Option<String>,
    /// A document that is sound could not be written, for what lies before it in the store.
    unwritable: Option<String>,
    /// Documents that are damaged, and how.
    documents: BTreeMap<DocumentId, String>,
}

impl From<String> for Damage {
    fn from(what: String) -> Self {
        Self { store: Some(what), ..Self::default() }
    }
}

impl Damage {
    fn in_words(&self) -> String {
        let of_document = |(id, what): (&DocumentId, &String)| format!("document {id}: {what}");
        let documents = self.documents.iter().map(of_document);
        self.store.iter().chain(&self.unwritable).cloned().chain(documents).collect::<Vec<_>>().join("; ")
    }
}

/// Notes in the store that a document is damaged.
pub(super) fn note(dir: &Path, id: &DocumentId, what: &str) -> io::Result<()> {
    if noted(dir).is_some_and(|damage| damage.documents.contains_key(id)) {
        return Ok(());
    }
    write(dir, &id.to_string(), what)
}

/// Notes in the store that something in it keeps a sound document from being written.
pub(super) fn note_unwritable(dir: &Path, what: &str) -> io::Result<()> {
    if noted(dir).is_some_and(|damage| damage.unwritable.is_some()) {
        return Ok(());
    }
    write(dir, UNWRITABLE, what)
}

fn write(dir: &Path, whose: &str, what: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(dir.join(NOTE))?;
    file.write_all(format!("{whose} {}\n", what.replace('\n', " ")).as_bytes())?;
    file.sync_all()
}

/// What was noted, if anything was.
pub(super) fn noted(dir: &Path) -> Option<Damage> {
    let text = fs::read_to_string(dir.join(NOTE)).ok()?;
    let documents = text.lines().filter_map(|line| {
        let (id, what) = line.split_once(' ')?;
        Some((id.parse().ok()?, what.to_owned()))
    });
    let documents: BTreeMap<DocumentId, String> = documents.collect();
    let unwritable =
        text.lines().find_map(|line| line.split_once(' ').filter(|(whose, _)| *whose == UNWRITABLE));
    let unwritable = unwritable.map(|(_, what)| what.to_owned());
    (!documents.is_empty() || unwritable.is_some()).then_some(Damage { store: None, unwritable, documents })
}

/// A store that opens: without the documents that were noted to be damaged and are, or as it is where that cannot be done.
pub(super) async fn without_damaged(dir: &Path, store: SledStore) -> Result<SledStore, StoreError> {
    let Some(mut damage) = noted(dir) else { return Ok(store) };
    // An older program may have noted what this one can read.
    for id in damage.documents.keys().cloned().collect::<Vec<_>>() {
        if is_sound(&store, &id).await {
            damage.documents.remove(&id);
        }
    }
    if damage.documents.is_empty() && damage.unwritable.is_none() {
        if let Err(error) = fs::remove_file(dir.join(NOTE)) {
            tracing::warn!(%error, "a note of damage that is mended could not be removed");
        }
        return Ok(store);
    }
    if asides(dir).len() >= ASIDE_MAX {
        tracing::error!(store = %dir.display(), "documents are damaged, and as many stores lie beside it as may: it goes on as it is; remove those, and it is begun anew");
        return Ok(store);
    }
    store.close().await;
    drop(store);
    match aside(dir, damage).await {
        Ok(store) => Ok(store),
        Err(error) => {
            tracing::error!(%error, "the store goes on with the documents that are damaged");
            finish(dir)?;
            opened(dir).await
        }
    }
}

async fn is_sound(store: &SledStore, id: &DocumentId) -> bool {
    let stored = store.load(id).await;
    stored.is_ok_and(|stored| stored.is_none_or(|stored| replica::read(&stored).is_ok()))
}

/// Makes a new store of what can be read of the one in `dir`, which is moved aside when all of it is there; opens the new one. When that
/// fails, or is interrupted, the old one is where it was, or [`finish`] goes on.
pub(super) async fn aside(dir: &Path, damage: Damage) -> Result<SledStore, StoreError> {
    let unusable = |why: String| StoreError::Unusable { dir: dir.to_owned(), why };
    let mut news = News { what: damage.in_words(), ending: free_ending(dir), documents: 0, unread: 0 };
    let to = beside(dir, &news.ending);
    tracing::error!(store = %dir.display(), aside = %to.display(), what = news.what, "the store of this device is damaged: it is moved aside");
    let making = beside(dir, IN_THE_MAKING);
    if making.exists() {
        fs::remove_dir_all(&making).map_err(|error| unusable(error.to_string()))?;
    }
    let new = opened(&making).await?;
    let read = read_all(dir, &new, &damage, &mut news).await;
    new.close().await;
    drop(new);
    let replaced = read.and_then(|()| {
        news.write(&making).map_err(|error| error.to_string())?;
        replace(dir, &making, &to).map_err(|error| error.to_string())
    });
    if let Err(why) = replaced {
        // The old one is where it was: a part of another one would only take its room.
        if let Err(error) = fs::remove_dir_all(&making) {
            tracing::warn!(%error, store = %making.display(), "a part of a store that was to be made anew lies there");
        }
        return Err(unusable(format!("it is damaged ({}), and cannot be made anew: {why}", news.what)));
    }
    opened(dir).await
}

async fn read_all(dir: &Path, new: &SledStore, damage: &Damage, news: &mut News) -> Result<(), String> {
    let old =
        on_a_thread(dir, |dir| SledStore::open_as_it_is(&dir)).await.map_err(|error| error.to_string())?;
    match old {
        Ok((old, _)) => {
            let taken = take_over(&old, new, damage, news).await;
            old.close().await;
            taken
        }
        Err(error) if damage.store.is_some() => {
            tracing::error!(%error, "nothing can be read of the store that is moved aside");
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Puts a store that is whole in the place of another one.
fn replace(dir: &Path, making: &Path, to: &Path) -> io::Result<()> {
    let whole = beside(dir, WHOLE);
    fs::rename(making, &whole)?;
    if let Err(error) = fs::rename(place(dir), to) {
        // Nothing has happened yet.
        fs::rename(&whole, making)?;
        return Err(error);
    }
    fs::rename(&whole, place(dir))
}

/// Goes on where an earlier start was interrupted while it put one store in the place of another.
pub(super) fn finish(dir: &Path) -> Result<(), StoreError> {
    let whole = beside(dir, WHOLE);
    if !whole.exists() {
        return Ok(());
    }
    let unusable = |error: io::Error| StoreError::Unusable { dir: dir.to_owned(), why: error.to_string() };
    if dir.exists() {
        let what = "it was damaged, and an earlier start was interrupted while it was made anew".to_owned();
        let nothing = || News { what, ending: free_ending(dir), documents: 0, unread: 0 };
        let mut news = News::read(&whole).unwrap_or_else(nothing);
        if beside(dir, &news.ending).exists() {
            news.ending = free_ending(dir);
        }
        news.write(&whole).map_err(unusable)?;
        fs::rename(place(dir), beside(dir, &news.ending)).map_err(unusable)?;
    }
    fs::rename(&whole, place(dir)).map_err(unusable)
}

/// What an app has to be told.
#[derive(Debug, Serialize, Deserialize)]
struct News {
    what: String,
    /// What the name of the store that was moved aside has behind that of the store.
    ending: String,
    documents: usize,
    unread: usize,
}

impl News {
    fn write(&self, store: &Path) -> io::Result<()> {
        let mut file = File::create(store.join(NEWS))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()
    }

    fn read(store: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(store.join(NEWS)).ok()?).ok()
    }
}

/// What was moved aside, if nobody was told yet: also by an earlier start, which was interrupted or came to nothing.
pub(super) fn news(dir: &Path) -> Option<MovedAside> {
    let News { what, ending, documents, unread } = News::read(dir)?;
    Some(MovedAside { what, to: beside(dir, &ending), documents, unread })
}

/// The app was told.
pub(super) fn is_told(dir: &Path) {
    if let Err(error) = fs::remove_file(dir.join(NEWS)) {
        tracing::warn!(%error, "that a store was moved aside is told once more at the next start");
    }
}

async fn opened(dir: &Path) -> Result<SledStore, StoreError> {
    let opened = on_a_thread(dir, |dir| SledStore::open(&dir, Floor::Bytes(FREE_BYTES_LEFT))).await?;
    opened.map_err(|error| StoreError::Unusable { dir: dir.to_owned(), why: error.to_string() })
}

/// What the disk does not take now would be lost to the new store: that is an error. What cannot be read is not.
async fn take_over(old: &SledStore, new: &SledStore, damage: &Damage, news: &mut News) -> Result<(), String> {
    // What is under a key says nothing here.
    let is_plain = !sealed::needs_key(old).await.unwrap_or(true);
    let mut after: Option<DocumentId> = None;
    loop {
        let page = match old.list(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "the rest of the damaged store cannot be read");
                break;
            }
        };
        let is_last = page.len() < PAGE;
        after = page.last().map(|(id, _)| id.clone());
        for (id, _) in page {
            if damage.documents.contains_key(&id) {
                news.unread += 1;
                continue;
            }
            match old.load(&id).await {
                Ok(Some(stored)) if is_plain && replica::read(&stored).is_err() => {
                    tracing::error!(document = %id, "a document of the damaged store is not what was written");
                    news.unread += 1;
                }
                Ok(Some(stored)) => {
                    // What remains of one that has left the device is its name.
                    news.documents += usize::from(stored.manifest.bytes > 0);
                    let batch = Batch {
                        document: id,
                        put: stored.chunks,
                        delete: Vec::new(),
                        manifest: stored.manifest,
                    };
                    new.commit(batch).await.map_err(|error| error.to_string())?;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(document = %id, %error, "a document of the damaged store cannot be read");
                    news.unread += 1;
                }
            }
        }
        if is_last {
            break;
        }
    }
    for space in Space::ALL {
        let mut after: Option<String> = None;
        loop {
            let page = match old.records(space, after.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(?space, %error, "the rest of these records of the damaged store cannot be read");
                    break;
                }
            };
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let writes = page.into_iter().map(|(name, value)| (name, Some(value))).collect();
            new.write_records(space, writes).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// The directory itself, where the path is a link to it.
fn place(dir: &Path) -> PathBuf {
    let plain: PathBuf = dir.components().collect();
    match fs::read_link(&plain) {
        Ok(to) => plain.parent().unwrap_or(Path::new("")).join(to),
        Err(_) => plain,
    }
}

fn beside(dir: &Path, ending: &str) -> PathBuf {
    let mut name = place(dir).into_os_string();
    name.push(ending);
    name.into()
}

/// Of a name beside the directory that nothing has, with the time in it.
fn free_ending(dir: &Path) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let ending = |nth: u64| format!("{ASIDE}{}", seconds + nth);
    (0..).map(ending).find(|ending| !beside(dir, ending).exists()).unwrap_or_else(|| ending(0))
}

/// The stores that were moved aside and still lie there, the oldest first.
fn asides(dir: &Path) -> Vec<PathBuf> {
    let prefix = beside(dir, ASIDE);
    let around = match prefix.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let prefix = prefix.file_name().unwrap_or_default().to_owned();
    let names = fs::read_dir(&around).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let is_one = |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
    let mut found: Vec<PathBuf> = names.filter(is_one).map(|name| around.join(name)).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, Json, OpenError};
    use automerge::transaction::Transactable;
    use automerge::{Automerge, AutomergeError, ChangeHash, ROOT};
    use dovetail_core::document::chunk::{Chunk, ChunkKind, Lifecycle, Manifest};
    use dovetail_core::time::Timestamp;
    use std::sync::Arc;

    const NOWHERE: &str = "http://127.0.0.1:9";

    fn id(n: u8) -> DocumentId {
        DocumentId::from_bytes(&[n; 16]).unwrap()
    }

    /// A document with one text in it; its manifest names heads that it does not have when it `is_bent`.
    fn batch(n: u8, is_bent: bool) -> Batch {
        let mut doc = Automerge::new();
        doc.transact(|tx| tx.put(ROOT, "n", i64::from(n)).map_err(|error: AutomergeError| error)).unwrap();
        let chunk = Chunk::new(ChunkKind::Snapshot, doc.save().into());
        let manifest = Manifest {
            heads: if is_bent { vec![ChangeHash([7; 32])] } else { doc.get_heads() },
            changes: 1,
            bytes: chunk.bytes().len() as u64,
            kind: None,
            title: None,
            created_at: Timestamp::from_millis(1),
            changed_at: Timestamp::from_millis(1),
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        Batch { document: id(n), put: vec![chunk], delete: Vec::new(), manifest }
    }

    /// RC72: wherever making a store anew is interrupted, the next start has all that can be read.
    #[tokio::test]
    async fn rc72_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        // With a slash at its end, as people write it.
        let dir = folder.path().join("store/");
        let plain = folder.path().join("store");
        for is_moved in [false, true] {
            let store = SledStore::open(&dir, Floor::Bytes(0)).unwrap();
            store.commit(batch(1, false)).await.unwrap();
            store.close().await;
            drop(store);
            let whole = beside(&dir, WHOLE);
            assert_eq!(whole.parent(), plain.parent());
            let store = SledStore::open(&whole, Floor::Bytes(0)).unwrap();
            store.commit(batch(3, false)).await.unwrap();
            store.close().await;
            drop(store);
            let ending = free_ending(&dir);
            let to = beside(&dir, &ending);
            News { what: "bent".to_owned(), ending, documents: 1, unread: 2 }.write(&whole).unwrap();
            // A part of one that was never finished.
            fs::create_dir_all(beside(&dir, IN_THE_MAKING)).unwrap();
            if is_moved {
                fs::rename(&plain, &to).unwrap();
            }
            let client = Client::builder(NOWHERE).store(&dir).connect().await.unwrap();
            assert_eq!(client.open::<Json>(&id(3)).await.unwrap().get().unwrap().0["n"], 3);
            let moved = client.moved_aside().cloned().unwrap();
            assert_eq!((moved.what.as_str(), moved.documents, moved.unread), ("bent", 1, 2));
            client.close().await;
            let old = SledStore::open(&moved.to, Floor::Bytes(0)).unwrap();
            assert!(old.load(&id(1)).await.unwrap().is_some(), "{moved:?}");
        }
    }

    /// RC72: a note about a document that can be read is no reason for anything; as many stores lie beside as may, and no more.
    #[tokio::test]
    async fn rc72_no_more_than_has_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        let store = SledStore::open(&dir, Floor::Bytes(0)).unwrap();
        store.commit(batch(1, false)).await.unwrap();
        note(&dir, &id(1), "an older program says so").unwrap();
        let store = without_damaged(&dir, store).await.unwrap();
        assert!(news(&dir).is_none() && noted(&dir).is_none());
        store.commit(batch(2, true)).await.unwrap();
        note(&dir, &id(2), "it is").unwrap();
        for _ in 0..ASIDE_MAX {
            fs::create_dir(beside(&dir, &free_ending(&dir))).unwrap();
        }
        let store = without_damaged(&dir, store).await.unwrap();
        assert!(news(&dir).is_none() && noted(&dir).is_some());
        assert!(store.load(&id(1)).await.unwrap().is_some());
    }

    /// RC72: where a sound one cannot be written, for another one that nobody has opened, the store is made anew, and has all sound ones.
    #[tokio::test]
    async fn rc72_one_that_keeps_another_from_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        let store = SledStore::open(&dir, Floor::Bytes(0)).unwrap();
        for (n, is_bent) in [(1, true), (2, false), (3, false)] {
            store.commit(batch(n, is_bent)).await.unwrap();
        }
        note_unwritable(&dir, "nothing can be taken away").unwrap();
        let store = without_damaged(&dir, store).await.unwrap();
        let news = news(&dir).unwrap();
        assert_eq!(news.what, "nothing can be taken away");
        assert_eq!((news.documents, news.unread), (2, 1), "{news:?}");
        assert!(store.load(&id(1)).await.unwrap().is_none());
        assert!(store.load(&id(2)).await.unwrap().is_some());
        assert!(noted(&dir).is_none());
    }

    /// RC72: a document that is damaged is told, others go on; at the next start it is left out of the store, which lies beside as it was.
    #[tokio::test]
    async fn rc72_one_damaged_document() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        let client = || async { Client::builder(NOWHERE).store(&dir).connect().await.unwrap() };
        client().await.close().await;
        let store = SledStore::open(&dir, Floor::Bytes(0)).unwrap();
        for (n, is_bent) in [(1, false), (2, true), (3, false)] {
            store.commit(batch(n, is_bent)).await.unwrap();
        }
        store.close().await;
        drop(store);

        // What counts as unsaved is opened at the start, and found to be damaged then.
        let first = client().await;
        assert_eq!(first.moved_aside(), None);
        let damaged = first.open::<Json>(&id(2)).await;
        assert!(matches!(damaged, Err(OpenError::Unreadable { .. })), "{damaged:?}");
        assert_eq!(first.open::<Json>(&id(1)).await.unwrap().get().unwrap().0["n"], 1);
        first.close().await;

        let second = client().await;
        let moved = second.moved_aside().cloned().unwrap();
        assert_eq!((moved.documents, moved.unread), (2, 1), "{moved:?}");
        assert!(moved.what.contains(&id(2).to_string()), "{moved:?}");
        for n in [1, 3] {
            assert_eq!(second.open::<Json>(&id(n)).await.unwrap().get().unwrap().0["n"], n);
        }
        second.close().await;
        let old = SledStore::open(&moved.to, Floor::Bytes(0)).unwrap();
        assert!(old.load(&id(2)).await.unwrap().is_some());

        let third = client().await;
        assert_eq!(third.moved_aside(), None, "once is enough");
        third.close().await;
    }
}
