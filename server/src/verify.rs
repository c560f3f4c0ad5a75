//! Checks what is stored: every chunk's hash, that they amount to the heads and changes that the manifest tells, and that every
//! record of the server's own can be read.
//!
//! Edit path: no edit comes by here. A document that is written meanwhile is read in one state or the other, both of which are sound.

use crate::store::{LoadError, Space, Store};
use dovetail_core::document;
use dovetail_core::document::chunk::Stored;
use dovetail_core::id::DocumentId;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Documents that are listed at once.
const PAGE: usize = 200;

/// Records that are read at once.
pub(crate) const RECORDS_PAGE: usize = 200;

/// How much of the time is spent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All: nobody else wants anything.
    Full,
    /// Half: who waits for the result wants it soon.
    Even,
    /// A tenth, so that people do not notice: after each document nine times as long as it took is let pass.
    Slow,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is as it was written.
    Sound(DocumentId),
    /// It is not.
    Damaged {
        /// Which.
        document: DocumentId,
        /// In words.
        what: String,
    },
    /// Not a document: some of what the server writes down for itself cannot be read.
    Record {
        /// What of.
        space: Space,
        /// In words.
        what: String,
    },
}

/// How much was looked at, and how much of it is damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents, deleted ones included.
    pub documents: u64,
    /// Of those.
    pub damaged: u64,
    /// Kinds of own records that cannot be read to their end.
    pub records_damaged: u64,
}

impl Summary {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged == 0 && self.records_damaged == 0
    }

    fn count(&mut self, finding: &Finding) {
        match finding {
            Finding::Sound(_) => self.documents += 1,
            Finding::Damaged { .. } => {
                self.documents += 1;
                self.damaged += 1;
            }
            Finding::Record { .. } => self.records_damaged += 1,
        }
    }
}

/// Looks at everything, one after the other.
#[derive(Debug)]
pub struct Check {
    /// Own records that were not looked at yet.
    spaces: VecDeque<Space>,
    documents: Walk,
    summary: Summary,
}

impl Check {
    /// Of all that is stored here.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, pace: Pace) -> Self {
        let documents = Walk::new(store, pace);
        Self { spaces: Space::ALL.into(), documents, summary: Summary::default() }
    }

    /// How far it has come.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The next document, or the next kind of records that cannot be read. `None` when everything was looked at.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub async fn next(&mut self) -> Result<Option<Finding>, LoadError> {
        let finding = match self.next_record().await {
            Some(finding) => finding,
            None => match self.documents.next().await? {
                None => return Ok(None),
                Some((document, Ok(_))) => Finding::Sound(document),
                Some((document, Err(what))) => Finding::Damaged { document, what },
            },
        };
        self.summary.count(&finding);
        Ok(Some(finding))
    }

    async fn next_record(&mut self) -> Option<Finding> {
        while let Some(space) = self.spaces.pop_front() {
            if let Err(LoadError::Unreadable { why }) = read_all(&*self.documents.store, space).await {
                return Some(Finding::Record { space, what: why });
            }
        }
        None
    }
}

/// Every document there is, deleted ones included, in the order of their ids: read and checked.
#[derive(Debug)]
pub struct Walk {
    store: Arc<dyn Store>,
    pace: Pace,
    /// How long the one before took.
    took: Duration,
    page: VecDeque<DocumentId>,
    after: Option<DocumentId>,
    is_last_page: bool,
}

impl Walk {
    /// Of all that is stored here.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, pace: Pace) -> Self {
        let took = Duration::ZERO;
        Self { store, pace, took, page: VecDeque::new(), after: None, is_last_page: false }
    }

    /// The next one as it is stored, or in words what is wrong with it.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub async fn next(&mut self) -> Result<Option<(DocumentId, Result<Stored, String>)>, LoadError> {
        if self.page.is_empty() && !self.is_last_page {
            let page = self.store.list(self.after.as_ref(), PAGE).await?;
            self.is_last_page = page.len() < PAGE;
            self.page = page.into_iter().map(|(document, _)| document).collect();
            self.after = self.page.back().cloned().or_else(|| self.after.take());
        }
        let Some(document) = self.page.pop_front() else { return Ok(None) };
        self.pace.rest(self.took).await;
        let began = Instant::now();
        let found = self.read(&document).await?;
        self.took = began.elapsed();
        Ok(Some((document, found)))
    }

    async fn read(&self, document: &DocumentId) -> Result<Result<Stored, String>, LoadError> {
        let stored = match self.store.load(document).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(Err("it is listed, and nothing is stored of it".to_owned())),
            Err(LoadError::Damaged { what, .. }) => return Ok(Err(what)),
            Err(error) => return Err(error),
        };
        let checking = spawn_blocking(move || match document::verify(&stored) {
            Ok(()) => Ok(stored),
            Err(damage) => Err(damage.to_string()),
        });
        Ok(checking.await.unwrap_or_else(|ended| Err(ended.to_string())))
    }
}

async fn read_all(store: &dyn Store, space: Space) -> Result<(), LoadError> {
    let mut after: Option<String> = None;
    loop {
        let page = store.records(space, after.as_deref(), RECORDS_PAGE).await?;
        if page.len() < RECORDS_PAGE {
            return Ok(());
        }
        after = page.into_iter().last().map(|(name, _)| name);
    }
}

impl Pace {
    async fn rest(self, took: Duration) {
        match self {
            Self::Full => {}
            Self::Even => tokio::time::sleep(took).await,
            Self::Slow => tokio::time::sleep(took * 9).await,
        }
    }
}
