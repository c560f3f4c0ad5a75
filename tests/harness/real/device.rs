//! A device of a play: the real client, its store, and the proxy that it goes through.
//!
//! Edit path: ← a step, → the client, which has the edit at once; ← its future, → [`Device::kept`], once it is durable on the device.
//!
//! Always true here: each edit writes a member of the root that nobody else writes, so that one can tell by the content what became of it.
//! Where the plan has a stock client, a device has no store: what it has goes with it.

use super::{Wrong, in_words};
use crate::tap::{End, Tap};
use crate::world::{MEMBER, write, written};
use dovetail_client::automerge::transaction::Transactable;
use dovetail_client::automerge::{AutomergeError, ChangeHash, ROOT, ReadDoc};
use dovetail_client::status::DocumentStatus;
use dovetail_client::{ChangeError, Client, Document, EditError, Json, Windows};
use dovetail_core::id::DocumentId;
use futures_util::poll;
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a document may take that is on the device. It is quick; a busy machine is not.
const OPENED_WITHIN: Duration = Duration::from_secs(30);

/// The same of one that somebody else has to bring, while there are other things to do.
const BROUGHT_WITHIN: Duration = Duration::from_millis(30);

/// So soon it tries again to connect, so that little of a play is waiting.
const WINDOWS: Windows = Windows { first: Duration::from_millis(5), most: Duration::from_millis(50) };

/// How often it tries a WebSocket, when a proxy that was shut has made it go on over requests.
const SOCKET_AGAIN: Duration = Duration::from_millis(100);

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Device {
    n: usize,
    pub(super) tap: Tap,
    token: Option<String>,
    ids: Vec<DocumentId>,
    store: Option<Store>,
    client: Option<Client>,
    documents: Vec<Option<Document<Json>>>,
    /// Edits that were begun, ever.
    edits: u64,
    /// Those that the store has not answered.
    waiting: JoinSet<(Member, Result<(), ChangeError<AutomergeError>>)>,
    /// What it was told to be kept, as long as nobody loses the device.
    pub(super) kept: BTreeSet<Member>,
    /// What it has shown as refused.
    refused: BTreeSet<(usize, ChangeHash)>,
}

/// A member of the root of a document: by its number, and its name.
pub(super) type Member = (usize, String);

/// Where it keeps its documents.
#[derive(Debug)]
struct Store {
    folder: TempDir,
    /// Which of the documents were there when a copy was made, if one was.
    backup: Option<Vec<bool>>,
}

impl Store {
    fn dir(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }
}

impl Device {
    pub(super) async fn new(
        n: usize,
        server: SocketAddr,
        token: Option<String>,
        is_lasting: bool,
        ids: &[DocumentId],
    ) -> Result<Self, Wrong> {
        let store = match is_lasting {
            true => Some(Store { folder: tempfile::tempdir().map_err(in_words)?, backup: None }),
            false => None,
        };
        let mut device = Self {
            n,
            tap: Tap::before(server).await.map_err(in_words)?,
            token,
            ids: ids.to_vec(),
            store,
            client: None,
            documents: ids.iter().map(|_| None).collect(),
            edits: 0,
            waiting: JoinSet::new(),
            kept: BTreeSet::new(),
            refused: BTreeSet::new(),
        };
        device.tap.open();
        device.start(&vec![true; ids.len()]).await?;
        Ok(device)
    }

    /// A run begins. These of the documents have to be there.
    async fn start(&mut self, has: &[bool]) -> Result<(), Wrong> {
        let mut builder = Client::builder(self.tap.url()).retry(WINDOWS).web_socket_again(SOCKET_AGAIN);
        if let Some(token) = &self.token {
            builder = builder.token(token);
        }
        if let Some(store) = &self.store {
            builder = builder.store(store.dir());
        }
        let client = builder.open_within(OPENED_WITHIN).connect().await.map_err(in_words)?;
        if let Some(moved) = client.moved_aside() {
            return Err(format!("the store of device {} is damaged: {moved:?}", self.n));
        }
        for (nth, id) in self.ids.iter().enumerate().filter(|(nth, _)| has[*nth]) {
            let opened = client.open(id).await;
            self.documents[nth] = Some(opened.map_err(|error| format!("device {}: {error}", self.n))?);
        }
        self.client = Some(client);
        Ok(())
    }

    /// It lets go of its store, and its connections are gone at once: what waits to be said is not said.
    async fn end(&mut self) -> Result<(), Wrong> {
        let was_open = self.tap.is_open();
        self.tap.shut();
        self.tap.cut();
        self.documents.iter_mut().for_each(|document| *document = None);
        if let Some(client) = self.client.take() {
            client.close().await;
        }
        while let Some(told) = self.waiting.join_next().await {
            self.note(told.map_err(in_words)?)?;
        }
        if was_open {
            self.tap.open();
        }
        Ok(())
    }

    /// It ends and begins again.
    pub(super) async fn restart(&mut self) -> Result<(), Wrong> {
        if self.store.is_none() {
            return self.lose(false).await;
        }
        let has = self.has();
        self.end().await?;
        if let Some(store) = &mut self.store {
            copy(&store.dir(), &store.copy()).map_err(in_words)?;
            store.backup = Some(has.clone());
        }
        self.start(&has).await
    }

    /// All that only it had is gone, but for what stands in a copy: it is of the last restart.
    pub(super) async fn lose(&mut self, has_backup: bool) -> Result<(), Wrong> {
        self.end().await?;
        self.kept.clear();
        self.refused.clear();
        let mut has = vec![false; self.ids.len()];
        if let Some(store) = &self.store {
            fs::remove_dir_all(store.dir()).map_err(in_words)?;
            if let Some(backup) = store.backup.as_ref().filter(|_| has_backup) {
                copy(&store.copy(), &store.dir()).map_err(in_words)?;
                has.clone_from(backup);
            }
        }
        self.start(&has).await
    }

    fn has(&self) -> Vec<bool> {
        self.documents.iter().map(Option::is_some).collect()
    }

    // The network.

    pub(super) fn connect(&self) {
        self.tap.open();
        self.try_again();
    }

    /// What it was connected by is forgotten at its end alone.
    pub(super) fn redial(&self) {
        self.tap.go_dead();
        self.tap.tell(End::Device);
        self.connect();
    }

    pub(super) fn cut(&self) {
        self.tap.shut();
        self.tap.go_dead();
    }

    /// Also where the server had sent it away.
    pub(super) fn try_again(&self) {
        self.client.iter().for_each(Client::reconnect);
    }

    // Documents.

    /// A document that it has, or is brought soon.
    pub(super) async fn look(&mut self, nth: usize) -> Option<Document<Json>> {
        if let Some(document) = &self.documents[nth] {
            return Some(document.clone());
        }
        let client = self.client.as_ref().filter(|_| self.tap.is_open())?;
        let opened = timeout(BROUGHT_WITHIN, client.open(&self.ids[nth])).await.ok()?.ok()?;
        self.documents[nth] = Some(opened);
        self.documents[nth].clone()
    }

    /// Some changes, one behind the other. Nobody waits for the store.
    pub(super) async fn edit(
        &mut self,
        nth: usize,
        changes: u8,
        value: u8,
        is_board: bool,
    ) -> Result<(), Wrong> {
        let Some(document) = self.look(nth).await else { return Ok(()) };
        for more in 0..changes {
            self.edits += 1;
            let (count, value) = (self.edits, value.wrapping_add(more));
            let member = (nth, format!("{MEMBER}{}-{count}", self.n));
            let (document, key) = (document.clone(), member.1.clone());
            let mut edit = Box::pin(async move {
                let change = document.change(|tx| {
                    tx.put(ROOT, &key, count)?;
                    write(tx, value, is_board)
                });
                change.await
            });
            // It is in the document once somebody has looked at the future.
            match poll!(&mut edit) {
                Poll::Ready(told) => self.note((member, told))?,
                Poll::Pending => drop(self.waiting.spawn(async move { (member, edit.await) })),
            }
        }
        Ok(())
    }

    /// Settles the first conflict that it sees.
    pub(super) async fn settle(&mut self, nth: usize) {
        let Some(document) = self.documents[nth].clone() else { return };
        let conflicts = document.status().borrow().conflicts.clone();
        let offered = conflicts.iter().find_map(|conflict| Some((conflict, conflict.proposals.first()?)));
        if let Some((conflict, proposal)) = offered {
            // It may be another one by now, or not ours to settle.
            let _ = document.settle(&conflict.id, proposal.name).await;
        }
    }

    fn note(
        &mut self,
        (member, told): (Member, Result<(), ChangeError<AutomergeError>>),
    ) -> Result<(), Wrong> {
        match told {
            Ok(()) => _ = self.kept.insert(member),
            Err(ChangeError::Edit(EditError::NotTaken(_) | EditError::Closed)) => {}
            Err(error) => return Err(format!("device {}: an edit was not kept: {error}", self.n)),
        }
        Ok(())
    }

    /// What stores have answered by now, and what is shown as refused.
    pub(super) fn take_notes(&mut self) -> Result<(), Wrong> {
        while let Some(told) = self.waiting.try_join_next() {
            self.note(told.map_err(in_words)?)?;
        }
        for (nth, document) in self.documents.iter().enumerate() {
            let Some(document) = document else { continue };
            self.refused.extend(document.status().borrow().refused.iter().map(|refused| (nth, refused.hash)));
        }
        Ok(())
    }

    /// Waits until the server has all of what it has, or for so long. What is in its documents then is acknowledged.
    pub(super) async fn saved(&mut self, within: Duration) -> Vec<Member> {
        let mut acknowledged = Vec::new();
        for (nth, document) in self.documents.iter().enumerate() {
            let Some(document) = document else { continue };
            if let Ok(Ok(())) = timeout(within, document.saved()).await {
                let keys = document.get().map(|now| members(&now)).unwrap_or_default();
                acknowledged.extend(keys.into_iter().map(|key| (nth, key)));
            }
        }
        acknowledged
    }

    // What must hold.

    /// Waits until it has exactly this of a document.
    pub(super) async fn until_at(&self, nth: usize, heads: &[ChangeHash]) -> Result<(), Wrong> {
        let document = self.document(nth)?;
        let mut changes = document.changes();
        loop {
            changes.mark_unchanged();
            if document.with_automerge(|doc| doc.get_heads()).is_some_and(|now| now == heads) {
                return Ok(());
            }
            changes.changed().await.map_err(in_words)?;
        }
    }

    pub(super) fn document(&self, nth: usize) -> Result<&Document<Json>, Wrong> {
        self.documents[nth].as_ref().ok_or_else(|| format!("device {} cannot open document {nth}", self.n))
    }

    /// Whatever it was told to be kept is there, or was refused; what was refused is not there, and is told.
    pub(super) fn nothing_is_lost(
        &self,
        nth: usize,
        stored: &dovetail_client::automerge::Automerge,
    ) -> Result<(), Wrong> {
        let status = self.document(nth)?.status().borrow().clone();
        let there: BTreeSet<String> = stored.keys(ROOT).filter(|key| key.starts_with(MEMBER)).collect();
        let out: BTreeSet<String> = status.refused.iter().flat_map(written).collect();
        let who = format!("device {}, document {nth}", self.n);
        let mut kept = self.kept.iter().filter(|(of, _)| *of == nth).map(|(_, key)| key);
        if let Some(lost) = kept.find(|key| !there.contains(*key) && !out.contains(*key)) {
            return Err(format!("{who}: {lost:?} was kept, and is nowhere"));
        }
        let is_there = |hash: &ChangeHash| stored.get_missing_deps(&[*hash]).is_empty();
        if let Some(back) = status.refused.iter().find(|refused| is_there(&refused.hash)) {
            return Err(format!("{who}: {back:?} was refused, and is there"));
        }
        let mut shown = self.refused.iter().filter(|(of, _)| *of == nth).map(|(_, hash)| hash);
        // What was let in all the same is there beside what was made in its place, and that may be refused.
        let is_let_in = shown.clone().any(is_there);
        if let Some(back) = out.intersection(&there).next().filter(|_| !is_let_in) {
            return Err(format!("{who}: {back:?} was refused, and is there"));
        }
        let is_told = |hash: &ChangeHash| status.refused.iter().any(|refused| refused.hash == *hash);
        match shown.find(|hash| !is_there(hash) && !is_told(hash)) {
            Some(forgotten) => Err(format!("{who}: {forgotten} was refused, and nobody is told any more")),
            None => Ok(()),
        }
    }

    pub(super) fn nothing_waits(&self, nth: usize) -> Result<DocumentStatus, Wrong> {
        let status = self.document(nth)?.status().borrow().clone();
        match status.is_saved() {
            true => Ok(status),
            false => Err(format!("device {}: {} changes of document {nth} wait", self.n, status.pending)),
        }
    }
}

/// Those that edits write.
fn members(Json(now): &Json) -> Vec<String> {
    let keys = now.as_object().into_iter().flat_map(|members| members.keys());
    keys.filter(|key| key.starts_with(MEMBER)).cloned().collect()
}

/// A folder, in the place of whatever was there.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => _ = fs::copy(entry.path(), target)?,
        }
    }
    Ok(())
}
