//! What documents say, as frames for this peer.

use super::{CloseReason, Effect, Open, Phase, Session, TOLD_MAX};
use crate::document::{Body, Refusal, Rejection, RemoteHeads};
use crate::id::{DocumentId, PeerId};
use crate::wire::{self, ConflictsFrame, EphemeralFrame, Message, Own, OwnMessage};
use automerge::ChangeHash;
use bytes::Bytes;
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
    /// Some of what this peer brought was not taken. A peer that does not understand that is sent away.
    Rejected {
        /// Of which document.
        document: DocumentId,
        /// Why.
        why: Rejection,
        /// Which changes.
        changes: Vec<ChangeHash>,
        /// Whether they were kept, so that an administrator may accept them.
        set_aside: bool,
    },
    /// Something of our own; only for a peer that understands it.
    Own {
        /// About which document.
        document: DocumentId,
        /// What.
        own: Own,
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
        if let (Outgoing::Rejected { why, .. }, false) = (&outgoing, self.understands_ours()) {
            self.close(CloseReason::from(why.clone()), &mut effects);
            return effects;
        }
        let frame = match outgoing {
            Outgoing::Rejected { document, why, changes, set_aside } => {
                self.own(Some(document), rejected(&why, &changes, set_aside))
            }
            Outgoing::Own { document, own } => self.own(Some(document), own),
            other => self.plain(other),
        };
        effects.extend(frame.map(Effect::Write));
        effects
    }
}

/// What a client is told of changes of its own that were not taken.
fn rejected(why: &Rejection, changes: &[ChangeHash], set_aside: bool) -> Own {
    Own::Reject {
        changes: changes.iter().map(ToString::to_string).collect(),
        code: why.code().to_owned(),
        reason: why.to_string(),
        set_aside,
    }
}

impl Session {
    /// What every client understands, and what the rules say.
    fn plain(&mut self, outgoing: Outgoing) -> Option<Bytes> {
        let Phase::Open(open) = &mut self.phase else { return None };
        let sender = self.server.peer.clone();
        let target = Some(open.peer.clone());
        match outgoing {
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
            Outgoing::Rejected { .. } | Outgoing::Own { .. } | Outgoing::Refused(_) => None,
        }
    }

    /// Whether the peer announced that it knows Dovetail's own messages.
    pub(super) fn understands_ours(&self) -> bool {
        matches!(&self.phase, Phase::Open(open) if open.understands_ours)
    }

    /// The frame of one of our own messages; nothing for a peer that does not understand it.
    pub(super) fn own(&self, document: Option<DocumentId>, own: Own) -> Option<Bytes> {
        let Phase::Open(open) = &self.phase else { return None };
        open.own_frame(&self.server.peer, document, own)
    }
}

impl Open {
    pub(super) fn own_frame(&self, server: &PeerId, document: Option<DocumentId>, own: Own) -> Option<Bytes> {
        self.understands_ours.then(|| {
            let (sender, target) = (server.clone(), Some(self.peer.clone()));
            Message::Own(Box::new(OwnMessage { sender, target, document, own })).encode().into()
        })
    }

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

impl From<Rejection> for CloseReason {
    fn from(rejection: Rejection) -> Self {
        CloseReason::Forbidden { code: rejection.code(), words: rejection.to_string() }
    }
}

impl From<Refusal> for CloseReason {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        let refusal = match refusal {
            Refusal::Rejected(rejection) => return rejection.into(),
            Refusal::Panicked { words: cause } => return CloseReason::Panicked { words, cause },
            refusal => refusal,
        };
        CloseReason::Refused {
            code: refusal.code(),
            words,
            try_again: matches!(refusal, Refusal::StoreUnavailable | Refusal::DiskLow),
        }
    }
}
