//! A document as a stock client has it: Automerge, and a sync state as old as the connection.
//!
//! Always true: a state never outlives its connection. One kept from the last would believe that lost messages have arrived.

use automerge::sync::{Message, ReadMessageError, State, SyncDoc};
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, ROOT, ReadDoc};

/// See the top of the file.
#[derive(Debug)]
pub struct Replica {
    /// The document.
    pub doc: Automerge,
    /// What is known of the server on this connection.
    pub state: State,
    /// Announces that it takes whole documents.
    pub is_modern: bool,
}

/// Why a client cannot take what the server said.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// It is no sync message.
    #[error("the server sent an unreadable sync message")]
    Unreadable(#[from] ReadMessageError),
    /// No flags section may leave the server: a client that has seen one would send whole documents.
    #[error("a flags section left the server")]
    Flags,
    /// Automerge did not take it.
    #[error("automerge refused it")]
    Automerge(#[from] AutomergeError),
}

impl Replica {
    /// An empty one.
    #[must_use]
    pub fn new(actor: ActorId, is_modern: bool) -> Self {
        Self { doc: Automerge::new().with_actor(actor), state: State::new(), is_modern }
    }

    /// A change of one member of the root.
    pub fn put(&mut self, key: &str, value: i64) {
        self.change(|tx| tx.put(ROOT, key, value));
    }

    /// The same on a document of a kind that has [rules](super::boards).
    pub fn put_on_board(&mut self, key: &str, value: i64) {
        self.change(|tx| {
            if tx.get(ROOT, "kind")?.is_none() {
                tx.put(ROOT, "kind", "board")?;
            }
            tx.put(ROOT, key, value)
        });
    }

    /// One change.
    ///
    /// # Panics
    /// When it cannot be made: the test is wrong.
    pub fn change(&mut self, change: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>) {
        self.doc.transact(change).expect("a change that can be made");
    }

    /// What it has to say now, if anything.
    ///
    /// # Panics
    /// When Automerge cannot read what it has written.
    pub fn say(&mut self) -> Option<Message> {
        let mut message = self.doc.generate_sync_message(&mut self.state)?;
        if !self.is_modern {
            message.flags = None;
        }
        Some(Message::decode(&message.encode()).expect("what was just encoded"))
    }

    /// Takes a message of the server.
    ///
    /// # Errors
    /// See [`HearError`].
    pub fn hear(&mut self, bytes: &[u8]) -> Result<(), HearError> {
        let message = Message::decode(bytes)?;
        if message.flags.is_some() {
            return Err(HearError::Flags);
        }
        Ok(self.doc.receive_sync_message(&mut self.state, message)?)
    }
}
