//! Who one is: tokens that end or are not taken, changes that are refused, and rights that go.

use super::*;

/// A server that asks for tokens, and signs them here.
struct Guarded {
    server: Server,
    folder: tempfile::TempDir,
}

impl Guarded {
    async fn start() -> Self {
        Self::start_as(Setup::default()).await
    }

    async fn start_as(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a secret of thirty-two bytes, or of some more").unwrap();
        let server = settings(setup, &secret).start().await.unwrap();
        Self { server, folder }
    }

    fn token(&self, subject: &str, expires: &str) -> String {
        self.token_of(&["--subject", subject, "--expires", expires])
    }

    fn token_of(&self, arguments: &[&str]) -> String {
        let secret = self.folder.path().join("secret");
        let made = std::process::Command::new(binary().unwrap())
            .arg("token")
            .args(arguments)
            .env("DOVETAIL_JWT_SECRET_FILE", secret)
            .env("DOVETAIL_JWT_AUDIENCE", "dovetail")
            .env("DOVETAIL_JWT_ISSUER", "trial")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    async fn client_of(&self, subject: &str) -> Client {
        let builder = Client::builder(self.server.url()).retry(impatient());
        builder.token(self.token(subject, "1h")).connect().await.unwrap()
    }

    /// Ana says who may do what with a document of hers.
    async fn grants(&self, id: &DocumentId, grants: Value) {
        let body = json!({ "owner": "ana", "grants": grants }).to_string();
        let authorization = format!("Bearer {}", self.token("ana", "1h"));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let path = format!("/api/docs/{id}/access");
        let answer = self.server.request("PUT", &path, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn settings(setup: Setup, secret: &Path) -> Setup {
    setup
        .env("DOVETAIL_JWT_SECRET_FILE", secret.to_str().unwrap())
        .env("DOVETAIL_JWT_AUDIENCE", "dovetail")
        .env("DOVETAIL_JWT_ISSUER", "trial")
        .env("DOVETAIL_ADMIN_GROUPS", "ops")
}

/// RC68: a token that the server does not take is told as that, no other is tried until somebody says so, and what waits is kept.
#[tokio::test]
async fn rc68_a_refused_token_is_told() {
    let guarded = Guarded::start().await;
    let builder = Client::builder(guarded.server.url()).retry(impatient());
    let stranger = builder.token("no.real.token").connect().await.unwrap();
    let mut connection = stranger.connection();
    let refused = connection.wait_for(|now| matches!(now.connection, Connection::Refused { .. }));
    within("a refusal", refused).await.unwrap();
    let board = stranger.create_dashboard("Mine alone").await.unwrap();
    let saved = within("an answer", board.saved()).await;
    assert!(matches!(saved, Err(SaveError::Refused { pending: 1.., .. })), "{saved:?}");
    let nobodys = DocumentId::from_bytes(&[8; 16]).unwrap();
    let unknown = within("an answer", stranger.open::<Dashboard>(&nobodys)).await;
    assert!(matches!(unknown, Err(OpenError::Refused { .. })), "{unknown:?}");
}

/// RC68: a token that is asked for is asked for before each connection, and again before it ends, so that the connection goes on.
#[tokio::test]
async fn rc68_tokens_are_renewed_in_place() {
    let guarded = Guarded::start().await;
    let asked = watch::Sender::new(0);
    let count = asked.clone();
    // Made before, as what the client holds outlives this test by a moment, and may not be the server.
    let [long, short] = ["1h", "3s"].map(|expires| guarded.token("ana", expires));
    let ask = move || {
        let token = if *count.borrow() == 0 { short.clone() } else { long.clone() };
        count.send_modify(|times| *times += 1);
        async move { Ok(token) }
    };
    let ana =
        Client::builder(guarded.server.url()).retry(impatient()).token_from(ask).connect().await.unwrap();
    let mut connection = ana.connection();
    until_online(&ana).await;
    let board = ana.create_dashboard("Goes on").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    within("another token", asked.subscribe().wait_for(|times| *times == 2)).await.unwrap();
    board.edit(title("Went on")).await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    assert_eq!(connection.borrow_and_update().connection, Connection::Online);
    assert_eq!(connection.borrow().subject.as_deref(), Some("ana"));
    // One whose token has ended is sent away.
    let ops = guarded.token_of(&["--subject", "ops", "--expires", "1h", "--group", "ops"]);
    let authorization = format!("Bearer {ops}");
    let headers = [("authorization", authorization.as_str())];
    let figures = guarded.server.request("GET", "/metrics", &headers, b"").await.unwrap();
    assert_eq!(figures.status, 200, "{}", figures.text());
    let figures = figures.text();
    let mut ended = figures.lines().filter(|line| line.starts_with("dovetail_sessions_ended_total"));
    assert!(ended.all(|line| line.ends_with(" 0")), "{figures}");
}

/// RC69: what a server refuses is taken out of the document, told with its reason, and may be applied again once one has the right to it.
#[tokio::test]
async fn rc69_a_refused_change_is_taken_out_and_told() {
    let guarded = Guarded::start().await;
    let (ana, bo) = (guarded.client_of("ana").await, guarded.client_of("bo").await);
    let board = ana.create_dashboard("Ana's").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    guarded.grants(board.id(), json!([{ "user": "bo", "role": "write", "paths": ["/description"] }])).await;
    let theirs = within("an answer", bo.open::<Dashboard>(board.id())).await.unwrap();
    theirs.edit(title("Bo's")).await.unwrap();
    let description = Edit::SetDescription { description: "Of Bo".to_owned() };
    theirs.edit(description).await.unwrap();
    until(&theirs, "a refusal", |status| !status.refused.is_empty()).await;
    within("all is saved", theirs.saved()).await.unwrap();
    let now = theirs.get().unwrap();
    assert_eq!((now.title.as_str(), now.description.as_str()), ("Ana's", "Of Bo"));
    let refused = theirs.status().borrow().refused[0].clone();
    assert!(!refused.code.is_empty() && refused.patch.is_some(), "{refused:?}");

    guarded.grants(board.id(), json!([{ "user": "bo", "role": "write" }])).await;
    until(&theirs, "the right", |status| status.role == Some(Role::Write)).await;
    theirs.apply_again(&refused.hash).await.unwrap();
    within("all is saved", theirs.saved()).await.unwrap();
    until_title(&board, "Bo's").await;
    until(&theirs, "nothing refused", |status| status.refused.is_empty()).await;
}

/// RC69: when the right is gone, edits stop with words, and what is here can be exported.
#[tokio::test]
async fn rc69_a_right_that_is_gone_stops_edits() {
    let guarded = Guarded::start().await;
    let (ana, bo) = (guarded.client_of("ana").await, guarded.client_of("bo").await);
    let board = ana.create_dashboard("Ana's").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    guarded.grants(board.id(), json!([{ "user": "bo", "role": "read" }])).await;
    let theirs = within("an answer", bo.open::<Dashboard>(board.id())).await.unwrap();
    until(&theirs, "a role", |status| status.role == Some(Role::Read)).await;
    let edited = theirs.edit(title("Bo's")).await;
    assert!(matches!(edited, Err(EditError::NotTaken(_))), "{edited:?}");
    guarded.grants(board.id(), json!([])).await;
    until(&theirs, "no role", |status| status.role == Some(Role::None)).await;
    assert!(theirs.edit(title("Bo's")).await.unwrap_err().to_string().contains("exported"));
    let exported = Automerge::load(&theirs.export().unwrap()).unwrap();
    let (exported, _) = exported.get(ROOT, "title").unwrap().unwrap();
    assert_eq!(exported.into_string().unwrap(), "Ana's");
}

/// RC69: what was edited while nobody could say that the right is gone stays on the device, and whoever waits for it to be saved is told.
#[tokio::test]
async fn rc69_what_waits_without_a_right_is_told() {
    let guarded = Guarded::start().await;
    let tap = Tap::before(guarded.server.address()).await.unwrap();
    tap.open();
    let ana = guarded.client_of("ana").await;
    let builder = Client::builder(tap.url()).retry(impatient()).token(guarded.token("bo", "1h"));
    let bo = builder.connect().await.unwrap();
    let board = ana.create_dashboard("Ana's").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    guarded.grants(board.id(), json!([{ "user": "bo", "role": "write" }])).await;
    let theirs = within("an answer", bo.open::<Dashboard>(board.id())).await.unwrap();
    within("all is saved", theirs.saved()).await.unwrap();
    tap.shut();
    tap.cut();
    let mut connection = bo.connection();
    within("offline", connection.wait_for(|now| now.connection != Connection::Online)).await.unwrap();
    theirs.edit(title("Bo's")).await.unwrap();
    guarded.grants(board.id(), json!([])).await;
    tap.open();
    let saved = within("an answer", theirs.saved()).await;
    assert!(matches!(saved, Err(SaveError::Gone { pending: 1 })), "{saved:?}");
    assert_eq!(title_of(&theirs), "Bo's", "it is here, and can be exported");
}

/// RC69: who may make no document is told that as well.
#[tokio::test]
async fn rc69_who_may_make_no_document_is_told() {
    let guarded = Guarded::start_as(Setup::default().env("DOVETAIL_CREATOR_GROUPS", "makers")).await;
    let bo = guarded.client_of("bo").await;
    let board = bo.create_dashboard("Bo's").await.unwrap();
    let saved = within("an answer", board.saved()).await;
    assert!(matches!(saved, Err(SaveError::Gone { pending: 1.. })), "{saved:?}");
}

/// RC69: whoever may make nothing is told so for each change, and waits for nothing more.
#[tokio::test]
async fn rc69_what_is_refused_is_not_waited_for() {
    let guarded = Guarded::start().await;
    let token = guarded.token_of(&["--subject", "bo", "--expires", "1h", "--role", "read"]);
    let client =
        Client::builder(guarded.server.url()).retry(impatient()).token(token).connect().await.unwrap();
    let board = client.create_dashboard("Not for bo").await.unwrap();
    within("it ends", board.saved()).await.unwrap();
    let is_told = |now: &DocumentStatus| now.pending == 0 && !now.refused.is_empty();
    assert!(is_told(&board.status().borrow()), "{:?}", board.status().borrow());
    let id = board.id().clone();
    drop(board);
    let again = client.open::<Json>(&id).await.unwrap();
    within("it is told", again.status().wait_for(is_told)).await.unwrap();
}

/// RC85: words that are longer than a change may carry are cut; a change that the server takes from nobody is told as refused. Neither holds
/// anything else up.
#[tokio::test]
async fn rc85_no_change_holds_up_the_others() {
    let server = Server::start().await.unwrap();
    let client = client(&server.url()).await;
    let board = client.create_dashboard(&"long ".repeat(2_000)).await.unwrap();
    board.batch(&"ö".repeat(5_000), &[title("short")]).await.unwrap();
    let nested = board.change(|tx| {
        let mut object = ROOT;
        for _ in 0..120 {
            object = tx.put_object(&object, "deeper", ObjType::Map)?;
        }
        Ok::<(), AutomergeError>(())
    });
    nested.await.unwrap();
    board.edit(title("shorter")).await.unwrap();
    within("all but one is saved", board.saved()).await.unwrap();
    until(&board, "one is refused", |now| now.refused.len() == 1 && now.pending == 0).await;
    assert_eq!(board.status().borrow().refused[0].code, "invalid_change");
    let other = client.create_dashboard("Another").await.unwrap();
    within("others are saved", other.saved()).await.unwrap();
    let seen = Client::builder(server.url()).connect().await.unwrap();
    let seen = seen.open::<Dashboard>(board.id()).await.unwrap();
    until_title(&seen, "shorter").await;
}
