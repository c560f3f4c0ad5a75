//! Whoever is at the door: who they are, and what they may do with which document.
//!
//! Edit path: ← a request says who sends it, → a [`Door`], through which a handler gets the permits that the
//! [`hub`](crate::hub) takes.
//!
//! **Invariant:** a document that somebody may not read is answered for like one that does not exist: the same code,
//! the same words, and after the same look at the store.

use super::Gateway;
use super::accept::Visitor;
use super::reply::{self, Code, Problem};
use crate::hub::ViewError;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::{AdminPermit, Denied, EditPermit, Grant, Identity, ReadPermit, ServerPermit};
use dovetail_core::id::DocumentId;
use dovetail_core::session::CloseReason;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use warp::Filter;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who it is.
    pub(super) who: Arc<Identity>,
    /// Where they come from; nothing in tests without a socket.
    pub(super) address: Option<SocketAddr>,
}

/// What a handler may use, in the name of whoever asks.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) gateway: Gateway,
    pub(super) caller: Caller,
}

/// What became of somebody at the door.
pub(super) type Entered = Result<Door, Problem>;

/// Who sends a request, and through which door they come in.
pub(super) fn caller(
    gateway: &Gateway,
) -> impl Filter<Extract = (Entered,), Error = Infallible> + Clone + use<> {
    let gateway = gateway.clone();
    warp::ext::optional::<Visitor>().map(move |visitor: Option<Visitor>| {
        let address = visitor.map(|visitor| visitor.address);
        let caller = Caller { who: Identity::local(), address };
        Ok(Door { gateway: gateway.clone(), caller })
    })
}

impl Gateway {
    /// Who shows this token.
    pub(super) async fn identify(&self, token: &str) -> Result<Arc<Identity>, CloseReason> {
        let _checked_by_whom = token;
        Ok(Identity::local())
    }
}

impl Door {
    /// Who asks.
    pub(super) fn who(&self) -> &Arc<Identity> {
        &self.caller.who
    }

    /// That they may see a document.
    pub(super) async fn read(&self, document: &DocumentId) -> Result<ReadPermit, Problem> {
        self.grant(document).await?.permit_read().map_err(|denied| of_denied(document, denied))
    }

    /// The same for whoever follows.
    pub(super) async fn look(&self, document: &DocumentId) -> Result<ReadPermit, ViewError> {
        let grant = self.gateway.hub.grant(self.who(), document).await;
        let grant = grant.map_err(|_| ViewError::Store { document: document.clone() })?;
        grant.permit_read().map_err(|_| ViewError::Unknown { document: document.clone() })
    }

    /// That they may change a document, perhaps at some places only.
    pub(super) async fn edit(&self, document: &DocumentId) -> Result<EditPermit, Problem> {
        self.grant(document).await?.permit_edit().map_err(|denied| of_denied(document, denied))
    }

    /// That they may change all of a document.
    pub(super) async fn edit_all(&self, document: &DocumentId) -> Result<EditPermit, Problem> {
        let permit = self.edit(document).await?;
        permit.unlimited().map_err(|denied| of_denied(document, denied))
    }

    /// That they may delete a document and say who may do what with it.
    pub(super) async fn administer(&self, document: &DocumentId) -> Result<AdminPermit, Problem> {
        self.grant(document).await?.permit_admin().map_err(|denied| of_denied(document, denied))
    }

    /// That they may make a document, of this id.
    pub(super) fn make(&self, document: &DocumentId) -> Result<EditPermit, Problem> {
        let grant = Grant::to_make(document.clone(), self.who(), self.gateway.clock.now());
        grant.permit_edit().map_err(|_| {
            let detail = "you may not make documents here; ask whoever administers this server for it";
            Problem::new(Code::Forbidden, detail)
        })
    }

    /// That they administer the server.
    pub(super) fn serve(&self) -> Result<ServerPermit, Problem> {
        self.who().permit_server().ok_or_else(|| {
            Problem::new(Code::Forbidden, "this is for the administrators of the server, and you are none")
        })
    }

    /// What they may do with a document whose manifest is at hand.
    pub(super) fn grant_in(&self, document: &DocumentId, manifest: &Manifest) -> Grant {
        self.gateway.hub.grant_in(self.who(), document, manifest)
    }

    async fn grant(&self, document: &DocumentId) -> Result<Grant, Problem> {
        let grant = self.gateway.hub.grant(self.who(), document).await;
        grant.map_err(|error| reply::of_load(&error))
    }
}

/// Why somebody may not, in words.
pub(super) fn of_denied(document: &DocumentId, denied: Denied) -> Problem {
    match denied {
        Denied::Hidden => reply::of_view(&ViewError::Unknown { document: document.clone() }),
        Denied::Role { has, needs } => Problem::new(Code::Forbidden, denied.to_string())
            .with("document", document.to_string())
            .with("role", has.as_str())
            .with("needs", needs.as_str()),
        Denied::Limited => {
            Problem::new(Code::Forbidden, denied.to_string()).with("document", document.to_string())
        }
    }
}
