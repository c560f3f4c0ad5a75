//! Whoever is at the door: who they are, and what they may do with which document.
//!
//! Edit path: ← a request says who sends it, → a [`Door`], through which a handler gets the permits that the
//! [`hub`](crate::hub) takes.
//!
//! **Invariant:** a document that somebody may not read is answered for like one that does not exist: the same code,
//! the same words, and after the same look at the store.

use super::Gateway;
use super::accept::Visitor;
use super::http::body::{Body, Sending};
use super::reply::{self, Code, Problem};
use crate::audit::{self, Action, Entry};
use crate::auth::{AuthError, Credentials, Parts};
use crate::hub::ViewError;
use crate::throttle::{self, Cost, Verdict};
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::{
    AdminPermit, Denied, EditPermit, Grant, Identity, Kind, ReadPermit, ServerPermit,
};
use dovetail_core::id::DocumentId;
use dovetail_core::session::CloseReason;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use warp::Filter;
use warp::http::{HeaderMap, Method, StatusCode};

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who it is.
    pub(super) who: Arc<Identity>,
    /// Where they come from, as proxies that are trusted have it; nothing in tests without a socket.
    pub(super) address: Option<IpAddr>,
}

impl Caller {
    /// Whose limits count: those of a person, or of the address. Secrets of links are made up at no cost, so each of them counts
    /// for where it comes from.
    pub(super) fn counted(&self) -> throttle::Who<'_> {
        let is_person = self.who.kind == Kind::Person;
        throttle::Who { subject: is_person.then_some(&self.who.subject), address: self.address }
    }
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
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method().and(warp::header::headers_cloned()).and(query).and(warp::ext::optional::<Visitor>()).then(
        move |method: Method, headers: HeaderMap, query: String, visitor: Option<Visitor>| {
            let gateway = gateway.clone();
            async move {
                let parts = Parts { method: &method, headers: &headers, query: Some(&query) };
                let proxies = &gateway.guard.proxies;
                let address = visitor.map(|visitor| proxies.client(visitor.address.ip(), &headers));
                gateway.clone().let_in(parts, address).await
            }
        },
    )
}

/// Nobody is told on an open socket that nothing is opened for them.
pub(super) fn unless_banned(entered: Entered) -> Result<Entered, Problem> {
    match entered {
        Err(problem) if problem.code == Code::AddressBanned => Err(problem),
        entered => Ok(entered),
    }
}

/// Counts that somebody opens a connection.
pub(super) async fn joined(entered: Entered) -> Entered {
    let door = entered?;
    door.spend(None, Cost::Join).await?;
    Ok(door)
}

impl Gateway {
    /// Whether people are asked who they are.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.guard.authenticator.is_on()
    }

    async fn let_in(self, parts: Parts<'_>, address: Option<IpAddr>) -> Entered {
        let guard = &self.guard;
        if let Some(left) = address.and_then(|address| guard.bans.left(address)) {
            return Err(reply::of_banned(left));
        }
        let presented = Credentials::read(parts, guard.cookie_name.as_deref(), &guard.origins);
        let presented = presented.map_err(reply::of_credentials)?;
        let who = guard.authenticator.identify_credentials(&presented).await;
        let who = who.and_then(|who| self.unless_blocked(who));
        let who = who.map_err(|error| self.refused_sign_in(&error, address))?;
        let door = Door { gateway: self, caller: Caller { who, address } };
        door.spend(None, Cost::Request).await?;
        Ok(door)
    }

    fn unless_blocked(&self, who: Arc<Identity>) -> Result<Arc<Identity>, AuthError> {
        if self.hub.policy().blocks(&who) { Err(AuthError::Revoked) } else { Ok(who) }
    }

    /// Who guesses many tokens is told to wait, and no longer what is wrong with each.
    fn refused_sign_in(&self, error: &AuthError, address: Option<IpAddr>) -> Problem {
        self.note_refused_sign_in(error, address);
        if !error.is_guess() {
            return reply::of_auth(error);
        }
        let who = throttle::Who { subject: None, address };
        match self.guard.throttle.check(&who, None, Cost::FailedLogin) {
            Verdict::Stop { what, retry_after } => reply::of_too_many(what, retry_after),
            Verdict::Go | Verdict::Slow(_) => reply::of_auth(error),
        }
    }

    fn note_refused_sign_in(&self, error: &AuthError, address: Option<IpAddr>) {
        self.records.audit.note(Entry {
            address,
            code: Some(error.code().into()),
            ..Entry::new(self.clock.now(), Action::SignInRefused)
        });
    }

    /// Who shows this token on a connection that is open; else why it ends. A link that they hold besides they keep.
    pub(super) async fn identify(&self, token: &str, before: &Caller) -> Result<Arc<Identity>, CloseReason> {
        let who = self.guard.authenticator.identify(token).await;
        let who = who.and_then(|who| self.unless_blocked(who)).map(|mut who| {
            if !before.who.links.is_empty() {
                Arc::make_mut(&mut who).links.extend(before.who.links.iter().cloned());
            }
            who
        });
        who.inspect_err(|error| self.note_refused_sign_in(error, before.address)).map_err(|error| match error
        {
            AuthError::KeysUnavailable => {
                CloseReason::NotNow { code: error.code(), words: error.to_string() }
            }
            _ => CloseReason::Unauthenticated { code: error.code(), words: error.to_string() },
        })
    }
}

/// How a WebSocket ends whose caller was not let in. A browser shows its page no status of a handshake, only how a
/// connection was closed; so it is opened first.
pub(super) fn turned_away(problem: &Problem) -> CloseReason {
    let (code, words) = (problem.code.as_str(), problem.detail().to_owned());
    match problem.code.status() {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            CloseReason::NotNow { code, words }
        }
        StatusCode::UNAUTHORIZED => CloseReason::Unauthenticated { code, words },
        _ => CloseReason::Forbidden { code, words },
    }
}

impl Door {
    /// Counts what they do. Who is over a limit waits here, and who is far over it is turned away.
    pub(super) async fn spend(&self, document: Option<&DocumentId>, cost: Cost) -> Result<(), Problem> {
        match self.gateway.guard.throttle.check(&self.caller.counted(), document, cost) {
            Verdict::Go => Ok(()),
            Verdict::Slow(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Verdict::Stop { what, retry_after } => {
                self.note(Action::Limited, Some(what.code()));
                Err(reply::of_too_many(what, retry_after))
            }
        }
    }

    /// Writes down that something was done; resolves when that is durable. It was done in any case.
    pub(super) async fn record(&self, action: Action, document: Option<&DocumentId>) {
        let written = self.gateway.records.audit.record(self.entry(action, document, None)).await;
        if let Err(error) = written {
            tracing::error!(action = action.as_str(), %error, "the audit log lacks an act");
        }
    }

    /// Writes down that somebody has opened a connection, or did too much.
    pub(super) fn note(&self, action: Action, code: Option<&'static str>) {
        self.gateway.records.audit.note(self.entry(action, None, code));
    }

    /// Writes down that somebody was refused something, if it was for want of a right, where people are asked who they are.
    pub(super) fn note_refused(&self, document: Option<&DocumentId>, code: &'static str) {
        if self.gateway.asks() && is_for_want_of_a_right(code) {
            self.gateway.records.audit.note(self.entry(Action::Refused, document, Some(code)));
        }
    }

    fn entry(&self, action: Action, document: Option<&DocumentId>, code: Option<&'static str>) -> Entry {
        let Caller { who, address } = &self.caller;
        Entry::by(self.gateway.clock.now(), action, who, *address, document, code)
    }

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
        self.spend(None, Cost::Changes(1)).await?;
        let permit =
            self.grant(document).await?.permit_edit().map_err(|denied| of_denied(document, denied))?;
        // Behind the right: a stranger neither uses up what the document takes nor hears how much that is.
        self.spend(Some(document), Cost::DocumentChanges(1)).await?;
        Ok(permit)
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
        self.gateway.hub.check_new_document(self.who()).map_err(|over| reply::of_quota(&over))?;
        let (policy, now) = (self.gateway.hub.policy(), self.gateway.clock.now());
        let grant = policy.grant_to_make(document.clone(), self.who(), now);
        grant.permit_edit().map_err(|_| no_creator())
    }

    /// That they may make documents at all.
    pub(super) fn check_creator(&self) -> Result<(), Problem> {
        if self.who().may_create { Ok(()) } else { Err(no_creator()) }
    }

    /// What they send with their request.
    pub(super) async fn whole(&self, body: Sending) -> Result<Body, Problem> {
        body.whole(&self.gateway, &self.caller).await
    }

    /// That they said who they are: a link is for its document, and nothing of the server is its holder's.
    pub(super) fn person(&self) -> Result<(), Problem> {
        match self.who().kind {
            Kind::Person | Kind::House => Ok(()),
            Kind::Link => {
                let detail =
                    "this is for who says who they are, and a link is for its document; send a token as well";
                Err(Problem::new(Code::Forbidden, detail))
            }
        }
    }

    /// That they administer the server.
    pub(super) fn serve(&self) -> Result<ServerPermit, Problem> {
        self.who().permit_server().ok_or_else(|| {
            Problem::new(Code::Forbidden, "this is for the administrators of the server, and you are none")
        })
    }

    /// What they may do with a document whose manifest is at hand.
    pub(super) async fn grant_in(
        &self,
        document: &DocumentId,
        manifest: &Manifest,
    ) -> Result<Grant, Problem> {
        let grant = self.gateway.hub.grant_in(self.who(), document, manifest).await;
        grant.map_err(|error| reply::of_load(&error))
    }

    /// In whose name something is written down: their own, where somebody was asked for it, whatever they say.
    pub(super) fn signs(&self, claimed: Option<String>) -> Option<String> {
        self.who().author().map(ToString::to_string).or(claimed)
    }

    /// What is answered about a document that is not there.
    pub(super) fn no_such(&self, document: &DocumentId) -> Problem {
        of_denied(document, Denied::Hidden)
    }

    /// What they may do with a document.
    pub(super) async fn grant(&self, document: &DocumentId) -> Result<Grant, Problem> {
        let grant = self.gateway.hub.grant(self.who(), document).await;
        grant.map_err(|error| reply::of_load(&error))
    }
}

fn no_creator() -> Problem {
    let detail = "you may not make documents here; ask whoever administers this server for it";
    Problem::new(Code::Forbidden, detail)
}

/// Whether a refusal is worth a line in the audit log. What is hidden is among them: nobody else sees who tries ids.
fn is_for_want_of_a_right(code: &str) -> bool {
    const OTHERS: [Code; 5] = [
        Code::Forbidden,
        Code::ActorMismatch,
        Code::PathForbidden,
        Code::QuotaExceeded,
        Code::TooManyDocumentsOwned,
    ];
    code == audit::HIDDEN || OTHERS.iter().any(|other| other.as_str() == code)
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

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_core::grant::LinkHash;

    fn caller(who: Identity) -> Caller {
        Caller { who: Arc::new(who), address: Some("192.0.2.1".parse().unwrap()) }
    }

    /// LI9: whoever holds a link counts with their address: secrets are made up at no cost. A person counts for themselves.
    #[test]
    fn li9_links_count_with_their_address() {
        let link = caller(Identity::holder_of(LinkHash::of_secret("dvl_made_up")));
        assert_eq!((link.counted().subject, link.counted().address), (None, link.address));
        let ana = caller(Identity::person("ana".parse().unwrap()));
        assert_eq!(ana.counted().subject, Some(&ana.who.subject));
    }

    /// AU47: what is noted as refused is for want of a right, or hidden.
    #[test]
    fn au47_refusals_for_want_of_a_right_are_noted() {
        for code in [Code::DocumentNotFound, Code::Forbidden, Code::PathForbidden, Code::QuotaExceeded] {
            assert!(is_for_want_of_a_right(code.as_str()), "{code:?}");
        }
        for code in [Code::BadBody, Code::PreconditionFailed, Code::DocumentDeleted, Code::TokenExpired] {
            assert!(!is_for_want_of_a_right(code.as_str()), "{code:?}");
        }
    }
}
