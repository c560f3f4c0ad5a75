//! Who may do what with which document, as it is stored.
//!
//! Edit path: ← a door asks what somebody may do, → a [`Grant`], from which it gets the permit that the hub takes. A document's task asks
//! here for the rights of the document that its own follows.
//!
//! Always true: what is answered was read from the store for this question. Rights for whole kinds, and who is blocked, are in force when
//! they are durable.

use super::error::OpenHubError;
use super::shared::Shared;
use crate::store::{CommitError, LoadError, Space, Store};
use bytes::Bytes;
use dovetail_core::document::Input;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::{Followed, Grant, Identity, Policy};
use dovetail_core::id::DocumentId;
use dovetail_core::session::CloseReason;
use serde_json::Value;
use std::sync::Arc;

/// The name under which it lies in the store who may do what with whole kinds of documents.
const POLICY: &str = "policy";

/// And whom it blocks.
const BLOCKED: &str = "blocked";

impl Shared {
    /// With a document that is not there nobody may do anything.
    pub(super) async fn grant(&self, who: &Arc<Identity>, document: &DocumentId) -> Result<Grant, LoadError> {
        let manifest = self.store.manifest(document).await?;
        match manifest {
            Some(manifest) => self.grant_in(who, document, &manifest).await,
            None => Ok(Grant::none(document.clone(), who.clone())),
        }
    }

    pub(super) async fn grant_in(
        &self,
        who: &Arc<Identity>,
        document: &DocumentId,
        manifest: &Manifest,
    ) -> Result<Grant, LoadError> {
        let followed = match &manifest.access.follows {
            Some(document) => Some(followed(&*self.store, document).await?),
            None => None,
        };
        let (kind, policy, now) = (manifest.kind.as_deref(), self.policy(), self.clock.now());
        Ok(manifest.access.grant(document, kind, followed.as_ref(), &policy, who, now))
    }

    /// Puts another policy in force: open documents ask again, and who is blocked is sent away.
    pub(super) async fn set_policy(&self, policy: Policy) -> Result<(), CommitError> {
        let record = |name: &str, value: Value| (name.to_owned(), Some(Bytes::from(value.to_string())));
        let records = vec![record(POLICY, policy.to_json()), record(BLOCKED, policy.blocked_json())];
        self.store.write_records(Space::Access, records).await?;
        let policy = Arc::new(policy);
        self.policy.send_replace(policy.clone());
        for mailbox in self.documents().values() {
            mailbox.judge(Input::Policy(policy.clone()));
            mailbox.desk.change_rights();
        }
        self.sessions.end_those_of(|whose| policy.blocked.contains(whose), &CloseReason::blocked());
        Ok(())
    }
}

/// The policy that lies in the store.
pub(super) async fn stored_policy(store: &dyn Store) -> Result<Policy, OpenHubError> {
    let mut policy = Policy::default();
    if let Some(bytes) = store.record(Space::Access, POLICY).await? {
        let value = serde_json::from_slice(&bytes).map_err(|_| OpenHubError::DamagedPolicy)?;
        policy = Policy::read(&value).map_err(|_| OpenHubError::DamagedPolicy)?;
    }
    if let Some(bytes) = store.record(Space::Access, BLOCKED).await? {
        let value = serde_json::from_slice(&bytes).map_err(|_| OpenHubError::DamagedPolicy)?;
        policy = policy.blocking(&value).map_err(|_| OpenHubError::DamagedPolicy)?;
    }
    Ok(policy)
}

/// What is written down for a document that another one follows. Of one that is not there, or damaged, nobody has a right by it: its
/// damage is not that of who follows.
pub(super) async fn followed(store: &dyn Store, document: &DocumentId) -> Result<Followed, LoadError> {
    Ok(match store.manifest(document).await {
        Ok(Some(manifest)) => {
            Followed { document: document.clone(), access: manifest.access, kind: manifest.kind }
        }
        Ok(None) | Err(LoadError::Damaged { .. }) => Followed::of_nobody(document.clone()),
        Err(error) => return Err(error),
    })
}
