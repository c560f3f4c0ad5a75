//! A client of whichever kind, and what it believes to be connected by. Routing only.

use super::client::{Heard, StockClient};
use super::link::Network;
use super::ours::OurClient;
use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_core::id::{DocumentId, SessionId};

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) client: Client,
    pub(super) link: Option<SessionId>,
    pub(super) network: Network,
}

/// The kinds that there are.
#[derive(Debug)]
pub(super) enum Client {
    Stock(Box<StockClient>),
    Ours(Box<OurClient>),
}

impl Client {
    pub(super) fn stock(n: usize, documents: &[DocumentId]) -> Self {
        Self::Stock(Box::new(StockClient::new(n, documents)))
    }

    pub(super) fn ours(n: usize, documents: &[DocumentId]) -> Self {
        Self::Ours(Box::new(OurClient::new(n, documents)))
    }

    pub(super) fn connect(&mut self) -> Bytes {
        match self {
            Self::Stock(client) => client.connect(),
            Self::Ours(client) => client.connect(),
        }
    }

    pub(super) fn disconnect(&mut self) {
        match self {
            Self::Stock(client) => client.disconnect(),
            Self::Ours(client) => client.disconnect(),
        }
    }

    pub(super) fn edit(
        &mut self,
        document: &DocumentId,
        changes: u8,
        value: u8,
        is_board: bool,
    ) -> Vec<Bytes> {
        match self {
            Self::Stock(client) => client.edit(document, changes, value, is_board),
            Self::Ours(client) => client.edit(document, changes, value, is_board),
        }
    }

    pub(super) fn hear(&mut self, frame: &[u8]) -> Result<Heard, String> {
        match self {
            Self::Stock(client) => client.hear(frame),
            Self::Ours(client) => client.hear(frame),
        }
    }

    pub(super) fn lose_device(&mut self, has_backup: bool) {
        match self {
            Self::Stock(client) => client.lose_device(has_backup),
            Self::Ours(client) => client.lose_device(has_backup),
        }
    }

    pub(super) fn heads(&mut self, document: &DocumentId) -> Vec<ChangeHash> {
        match self {
            Self::Stock(client) => client.doc(document).get_heads(),
            Self::Ours(client) => client.heads(document),
        }
    }

    pub(super) fn as_ours(&mut self) -> Option<&mut OurClient> {
        match self {
            Self::Stock(_) => None,
            Self::Ours(client) => Some(client),
        }
    }
}
