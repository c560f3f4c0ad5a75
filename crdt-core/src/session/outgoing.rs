//! What documents say, as frames for this peer.

use super::{CloseReason, Effect, Open, Phase, Session, TOLD_MAX};
use crate::document::{Body, Refusal, RemoteHeads};
use crate::id::DocumentId;
use crate::wire::{self, ConflictsFrame, EphemeralFrame, Message};
use std::sync::Arc;

/// Something that a document has for one of its readers.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// A sync message; the document is told when the socket has taken it.
    Sync {
        /// Of which document.
        document: DocumentId,
        /// Made once for all readers.
        body: Arc<Body>,
    },
    /// There is no such document.
    Unavailable {
        /// Which.
        document: DocumentId,
    },
    /// From another reader.
    Ephemeral(Arc<EphemeralFrame>),
    /// How far another store has come.
    RemoteHeads {
        /// In which document.
        document: DocumentId,
        /// What is known.
        news: RemoteHeads,
    },
    /// What the rules say; only for a peer that understands it.
    Conflicts {
        /// Of which document.
        document: DocumentId,
        /// Made once for all readers.
        frame: Arc<ConflictsFrame>,
    },
    /// The document cannot take what this session brought: the session ends.
    Refused(Refusal),
}

impl Session {
    /// Puts it into a frame, or ends the session.
    pub fn outgoing(&mut self, outgoing: Outgoing) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Outgoing::Refused(refusal) = outgoing {
            self.close(CloseReason::from(refusal), &mut effects);
            return effects;
        }
        let Phase::Open(open) = &mut self.phase else { return effects };
        let sender = self.server.peer.clone();
        let target = Some(open.peer.clone());
        let frame = match outgoing {
            Outgoing::Sync { document, body } => open.sync_frame(&document, &body),
            Outgoing::Unavailable { document } => {
                Some(Message::DocUnavailable { sender, target, document }.encode().into())
            }
            Outgoing::Ephemeral(frame) => Some(frame.frame(&open.peer)),
            Outgoing::RemoteHeads { document, news } => {
                let heads = wire::RemoteHeads { heads: news.heads.to_vec(), at: news.at };
                let new_heads = vec![(news.storage, heads)];
                Some(Message::RemoteHeadsChanged { sender, target, document, new_heads }.encode().into())
            }
            Outgoing::Conflicts { frame, .. } => open.understands_ours.then(|| frame.frame(&open.peer)),
            Outgoing::Refused(_) => None,
        };
        effects.extend(frame.map(Effect::Write));
        effects
    }
}

impl Open {
    fn sync_frame(&mut self, document: &DocumentId, body: &Body) -> Option<bytes::Bytes> {
        let open = self.documents.get_mut(document)?;
        if body.ack_is_silent {
            if open.told.len() == TOLD_MAX {
                open.told.pop_front();
            }
            open.told.push_back(body.heads.clone());
        } else {
            // While Automerge negotiates, the document has to see every answer.
            open.told.clear();
        }
        Some(open.envelope.frame(&body.bytes))
    }
}

impl From<Refusal> for CloseReason {
    fn from(refusal: Refusal) -> Self {
        CloseReason::Refused {
            code: refusal.code(),
            words: refusal.to_string(),
            try_again: matches!(refusal, Refusal::StoreUnavailable),
        }
    }
}
