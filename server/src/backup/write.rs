//! A backup in the making: piece by piece, so that none lies in memory as a whole.

use super::{
    AUTHORS, BEGINNING, Beginning, CONTENT, DOCUMENTS, END, End, FORMAT, LeftOut, MANIFEST, RECORDS, Sum,
};
use super::{manifest, name};
use crate::store::{LoadError, Space, Store};
use crate::verify::{Pace, RECORDS_PAGE, Walk};
use bytes::Bytes;
use dovetail_core::document::chunk::{ChunkKind, Stored};
use dovetail_core::document::content;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// A backup of a store, piece by piece. It may be written to meanwhile.
pub(crate) struct Backup {
    store: Arc<dyn Store>,
    documents: Walk,
    /// Kinds of records that are still to come.
    spaces: VecDeque<Space>,
    /// The last record of the kind that is being copied.
    after: Option<String>,
    made: Timestamp,
    tar: tar::Builder<Vec<u8>>,
    sum: Sum,
    end: End,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Beginning,
    Records,
    Documents,
    Over,
}

impl Backup {
    /// Of this store, as of now.
    pub(crate) fn new(store: Arc<dyn Store>, pace: Pace, made: Timestamp) -> Self {
        // Not who the server is: see the top of `backup`.
        let spaces = Space::ALL.into_iter().filter(|space| *space != Space::Server).collect();
        Self {
            documents: Walk::new(Arc::clone(&store), pace),
            store,
            spaces,
            after: None,
            made,
            tar: tar::Builder::new(Vec::new()),
            sum: Sum::default(),
            end: End::default(),
            stage: Stage::Beginning,
        }
    }

    /// The next piece of the file; `None` when it is complete. Before that it is worth nothing.
    ///
    /// # Errors
    /// When the store cannot be read, and when the server's own records are damaged.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, LoadError> {
        match self.stage {
            Stage::Beginning => self.begin(),
            Stage::Records => self.records().await?,
            Stage::Documents => self.document().await?,
            Stage::Over => return Ok(None),
        }
        Ok(Some(std::mem::take(self.tar.get_mut()).into()))
    }

    /// What the file has to hold, as far as it has come.
    pub(crate) fn end(&self) -> &End {
        &self.end
    }

    fn begin(&mut self) {
        let made = self.made.as_millis();
        let beginning = Beginning { format: FORMAT, made, dovetail: env!("CARGO_PKG_VERSION").to_owned() };
        self.entry(BEGINNING, &serde_json::to_vec(&beginning).expect("a number and texts"));
        self.stage = Stage::Records;
    }

    async fn records(&mut self) -> Result<(), LoadError> {
        let Some(&space) = self.spaces.front() else {
            self.stage = Stage::Documents;
            return Ok(());
        };
        let page = self.store.records(space, self.after.as_deref(), RECORDS_PAGE).await?;
        for (name, value) in &page {
            self.entry(&format!("{RECORDS}/{}/{}", space.name(), name::encoded(name)), value);
        }
        self.end.records += page.len() as u64;
        let is_last = page.len() < RECORDS_PAGE;
        self.after = page.into_iter().last().map(|(name, _)| name).filter(|_| !is_last);
        if is_last {
            self.spaces.pop_front();
        }
        Ok(())
    }

    async fn document(&mut self) -> Result<(), LoadError> {
        match self.documents.next().await? {
            Some((id, Ok(stored))) => self.copy(&id, &stored),
            Some((id, Err(damage))) => self.end.left_out.push(LeftOut { id: id.to_string(), damage }),
            None => self.finish(),
        }
        Ok(())
    }

    fn copy(&mut self, id: &DocumentId, stored: &Stored) {
        self.end.documents += 1;
        let at = |what: &str| format!("{DOCUMENTS}/{id}/{what}");
        self.entry(&at(MANIFEST), &manifest::to_json(&stored.manifest));
        let authors = stored.chunks.iter().filter(|chunk| chunk.key().kind == ChunkKind::Authors);
        for (number, chunk) in authors.enumerate() {
            self.entry(&at(&format!("{AUTHORS}{number}")), chunk.bytes());
        }
        self.entry(&at(CONTENT), &content(stored));
    }

    fn finish(&mut self) {
        self.end.sha256 = self.sum.in_hex();
        let end = serde_json::to_vec_pretty(&self.end).expect("numbers and texts");
        self.entry(END, &end);
        self.tar.finish().expect(MEMORY);
        self.stage = Stage::Over;
    }

    fn entry(&mut self, path: &str, bytes: &[u8]) {
        self.sum.add(path, bytes);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.made.as_millis() / 1_000);
        self.tar.append_data(&mut header, path, bytes).expect(MEMORY);
    }
}

const MEMORY: &str = "it is written to memory, and no path here is absolute or too long for tar";
