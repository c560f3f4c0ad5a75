//! The server of a play, and the people who come to it.
//!
//! Always true here: whoever asks as the owner may do everything; what a device does goes through its own proxy and never by here.

use super::{Wrong, in_words};
use crate::live::{Server, Setup, binary};
use crate::world::{Right, Script, boards};
use automerge::{Automerge, ChangeHash};
use dovetail_client::{Api, Which};
use dovetail_core::id::DocumentId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What the tokens of a trial are for.
const AUDIENCE: &str = "dovetail";

/// Who signs them.
const ISSUER: &str = "trial";

/// A script has so many clients at most.
const PEOPLE_MAX: usize = 4;

/// What is the same for all plays of a trial: who signs tokens, those that were signed, and the rules.
#[derive(Debug)]
pub struct Town {
    folder: TempDir,
    owner: String,
    people: Vec<String>,
}

impl Town {
    /// Signs a token for everybody.
    ///
    /// # Errors
    /// When there is no binary, or it signs nothing.
    pub fn new() -> Result<Self, Wrong> {
        let folder = tempfile::tempdir().map_err(in_words)?;
        std::fs::write(folder.path().join("secret"), "a secret of thirty-two bytes, or of some more")
            .map_err(in_words)?;
        let rules = folder.path().join("rules");
        std::fs::create_dir(&rules).map_err(in_words)?;
        std::fs::write(rules.join("board.json"), boards::written([]).to_string()).map_err(in_words)?;
        let token = |subject: &str| signed(&folder.path().join("secret"), subject);
        let people = (0..PEOPLE_MAX).map(|n| token(&person(n))).collect::<Result<_, _>>()?;
        Ok(Self { owner: token("owner")?, people, folder })
    }

    /// The token of a client.
    #[must_use]
    pub fn token_of(&self, client: usize) -> &str {
        &self.people[client % PEOPLE_MAX]
    }

    fn setup(&self, script: &Script) -> Setup {
        // What nobody reads leaves memory at once, so that it is read from the disk often.
        let mut setup = Setup::default().arg("--document-idle=1ms");
        if script.has_rules {
            setup = setup.env("DOVETAIL_RULES_DIR", &text(&self.folder.path().join("rules")));
        }
        if let Some(changes_max) = script.changes_max {
            setup = setup
                .env("DOVETAIL_DOCUMENT_CHANGES_MAX", &changes_max.to_string())
                .env("DOVETAIL_JWT_SECRET_FILE", &text(&self.folder.path().join("secret")))
                .env("DOVETAIL_JWT_AUDIENCE", AUDIENCE)
                .env("DOVETAIL_JWT_ISSUER", ISSUER);
        }
        setup
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn person(n: usize) -> String {
    format!("person-{n}")
}

fn signed(secret: &Path, subject: &str) -> Result<String, Wrong> {
    let made = Command::new(binary().map_err(in_words)?)
        .args(["token", "--subject", subject, "--expires", "1h"])
        .env("DOVETAIL_JWT_SECRET_FILE", secret)
        .env("DOVETAIL_JWT_AUDIENCE", AUDIENCE)
        .env("DOVETAIL_JWT_ISSUER", ISSUER)
        .output()
        .map_err(in_words)?;
    match made.status.success() {
        true => Ok(String::from_utf8_lossy(&made.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&made.stderr).into_owned()),
    }
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct House {
    pub(super) server: Server,
    /// Nothing where people are not asked who they are.
    owner: Option<String>,
    api: Api,
    rights: Vec<Right>,
}

impl House {
    pub(super) async fn start(town: &Town, script: &Script) -> Result<Self, Wrong> {
        let server = town.setup(script).start().await.map_err(in_words)?;
        let owner = script.changes_max.map(|_| town.owner.clone());
        let api = Api::at(&server.url(), owner.as_deref()).map_err(in_words)?;
        Ok(Self { server, owner, api, rights: vec![Right::Write; script.clients] })
    }

    /// A document in which there is only what kind it is of.
    pub(super) async fn create(&self, is_board: bool) -> Result<DocumentId, Wrong> {
        let content = if is_board { json!({"kind": "board"}) } else { json!({"made": "by the owner"}) };
        let (status, answer) = self.ask("POST", "/api/docs", Some(&content)).await?;
        let id = answer["id"].as_str().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| format!("no document is made: {status} {answer}"))?;
        self.tell_rights(&id).await?;
        Ok(id)
    }

    /// Somebody may do something else from now on.
    pub(super) async fn give(
        &mut self,
        client: usize,
        right: Right,
        documents: &[DocumentId],
    ) -> Result<(), Wrong> {
        self.rights[client] = right;
        for document in documents {
            self.tell_rights(document).await?;
        }
        Ok(())
    }

    /// Of a document that is deleted nothing can be said.
    async fn tell_rights(&self, document: &DocumentId) -> Result<(), Wrong> {
        if self.owner.is_none() {
            return Ok(());
        }
        let grant = |(n, right): (usize, &Right)| match right {
            Right::Write => Some(json!({"user": person(n), "role": "write"})),
            Right::Read => Some(json!({"user": person(n), "role": "read"})),
            Right::None => None,
        };
        let grants: Vec<Value> = self.rights.iter().enumerate().filter_map(grant).collect();
        let access = json!({"owner": "owner", "grants": grants});
        let path = format!("/api/docs/{document}/access");
        match self.ask("PUT", &path, Some(&access)).await? {
            (200 | 404 | 410, _) => Ok(()),
            (status, answer) => Err(format!("rights cannot be given: {status} {answer}")),
        }
    }

    /// Somebody changes a document by a door, where nobody is asked who they are. Whether that is stored.
    pub(super) async fn change(&self, document: &DocumentId, key: &str, value: u64) -> Result<bool, Wrong> {
        let path = format!("/api/docs/{document}");
        let seen = self.server.get(&path).await.map_err(in_words)?;
        let Some(heads) = seen.header("etag") else { return Ok(false) };
        let headers = [("content-type", "application/merge-patch+json"), ("dovetail-base", heads)];
        let patch = json!({ key: value }).to_string();
        let answer =
            self.server.request("PATCH", &path, &headers, patch.as_bytes()).await.map_err(in_words)?;
        match answer.status {
            200 => Ok(true),
            404 | 410 => Ok(false),
            status => Err(format!("a door was refused: {status} {}", answer.text())),
        }
    }

    /// Deletes a document, or takes that back.
    pub(super) async fn delete(&self, document: &DocumentId, deleted: bool) -> Result<(), Wrong> {
        let (method, path) = match deleted {
            true => ("DELETE", format!("/api/docs/{document}")),
            false => ("POST", format!("/api/docs/{document}/undelete")),
        };
        match self.ask(method, &path, None).await? {
            (200..300 | 404 | 409 | 410, _) => Ok(()),
            (status, answer) => Err(format!("{method} {path}: {status} {answer}")),
        }
    }

    /// Killed, and started again over the same data.
    pub(super) async fn crash(&mut self) -> Result<(), Wrong> {
        self.server.kill().await.map_err(in_words)?;
        self.server.restart().await.map_err(in_words)
    }

    /// What the server has of a document.
    pub(super) async fn stored(&self, document: &DocumentId) -> Result<Automerge, Wrong> {
        let bytes = self.api.automerge(document).await.map_err(in_words)?;
        Automerge::load(&bytes).map_err(in_words)
    }

    pub(super) async fn heads(&self, document: &DocumentId) -> Result<Vec<ChangeHash>, Wrong> {
        Ok(self.stored(document).await?.get_heads())
    }

    /// The same as JSON.
    pub(super) async fn shown(&self, document: &DocumentId) -> Result<Value, Wrong> {
        let shown = self.api.get(document).await.map_err(in_words)?;
        serde_json::from_slice(&shown.json).map_err(in_words)
    }

    /// What breaks the rules, and how that stands.
    pub(super) async fn conflicts(&self, document: &DocumentId) -> Result<BTreeSet<(String, String)>, Wrong> {
        let known = self.api.conflicts(document, Which::Standing).await.map_err(in_words)?;
        Ok(known.conflicts.into_iter().map(|conflict| (conflict.id, conflict.state)).collect())
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Wrong> {
        let authorization = self.owner.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.as_deref().map(|words| ("authorization", words)));
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.server.request(method, path, &headers, body.as_bytes()).await.map_err(in_words)?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
    }
}
