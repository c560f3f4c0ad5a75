//! Documents: made, opened, edited, watched, decided about, and shared with others who have them open.

use super::*;

/// RC60: a dashboard is made and edited without asking anybody, is saved as soon as there is a server, and others see it as it changes.
#[tokio::test]
async fn rc60_two_clients_edit_one_dashboard() {
    let server = Server::start().await.unwrap();
    let (one, two) = (client(&server.url()).await, client(&server.url()).await);
    let board = one.create_dashboard("Hosts").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let theirs = two.open::<Dashboard>(board.id()).await.unwrap();
    assert_eq!(title_of(&theirs), "Hosts");
    board.edit(title("Hosts in Berlin")).await.unwrap();
    until_title(&theirs, "Hosts in Berlin").await;
    theirs.edit(title("Hosts in Bern")).await.unwrap();
    until_title(&board, "Hosts in Bern").await;
    until(&theirs, "saved", DocumentStatus::is_saved).await;
    let listed = one.list().await.unwrap();
    assert!(listed.iter().any(|listed| listed.id == *board.id()), "{listed:?}");
}

/// RC76: whoever looks at what is watched may ask for anything meanwhile, as the closure of `wait_for` does, however much happens.
#[tokio::test]
async fn rc76_a_document_is_read_while_it_is_watched() {
    let client = client(NOWHERE).await;
    let board = client.create_dashboard("Watched").await.unwrap();
    let (reads, status) = (board.clone(), board.status());
    let (done, is_done) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Handle::current();
    // Threads of their own: where both wait for each other, the test can say so.
    std::thread::spawn(move || {
        let (mut changes, mut status) = (reads.changes(), status);
        let seen = runtime.block_on(changes.wait_for(|_| title_of(&reads) == "Title 1999")).is_ok();
        let counted = runtime.block_on(status.wait_for(|now| now.pending == reads.pending().len())).is_ok();
        let _ = done.send(seen && counted);
    });
    std::thread::spawn(move || (0..2_000).for_each(|n| drop(board.edit(title(&format!("Title {n}"))))));
    let outcome = tokio::task::spawn_blocking(move || is_done.recv_timeout(WITHIN)).await.unwrap();
    assert_eq!(outcome, Ok(true));
}

/// RC76: where one is may be said in the midst of a change, and as often as one likes, while it is told to others.
#[tokio::test]
async fn rc76_presence_is_set_in_a_change() {
    let client = client(NOWHERE).await;
    let board = client.create_dashboard("Here").await.unwrap();
    let presence = board.presence::<u32>("Ana");
    let (tell, told) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    // On a thread of its own, so that waiting for ever would be told.
    std::thread::spawn(move || {
        let began = std::time::Instant::now();
        let changed = runtime.block_on(board.change(|tx| {
            let mut said = 0;
            while began.elapsed() < Duration::from_millis(300) {
                presence.set(said);
                said += 1;
            }
            tx.put(ROOT, "said", said)
        }));
        let _ = tell.send(changed.is_ok()); // The test was given up.
    });
    assert_eq!(within("the change", told).await, Ok(true));
}

/// RC62: edits of a burst are all in the document, become few changes, and cost no more the more wait.
#[tokio::test]
async fn rc62_ten_thousand_edits_wait() {
    let folder = tempfile::tempdir().unwrap();
    let client = device(NOWHERE, folder.path()).await;
    let board = client.create_dashboard("Many").await.unwrap();
    let kept: Vec<_> = (0..10_000).map(|n| board.edit(title(&format!("Title {n}")))).collect();
    assert_eq!(title_of(&board), "Title 9999");
    for one in kept {
        one.await.unwrap();
    }
    let pending = board.pending();
    assert!(pending.len() > 1 && pending.len() < 10_000, "{}", pending.len());
    until(&board, "all are counted", |status| status.pending == pending.len()).await;
}

/// RC66: two move widgets onto the same place while they are apart: both see the same conflict, and settle it without a connection.
#[tokio::test]
async fn rc66_conflicts_show_and_are_settled_without_a_connection() {
    let client = client(NOWHERE).await;
    let board = client.create_dashboard("Places").await.unwrap();
    let widget = |id: &str| {
        let mut widget = Widget::new("note", id);
        widget.layout = Layout { x: 0, y: 0, w: 4, h: 4 };
        Edit::CreateWidget { id: id.parse::<WidgetId>().unwrap(), widget: Box::new(widget) }
    };
    board.batch("Two on one place", &[widget("a"), widget("b")]).await.unwrap();
    until(&board, "a conflict", |status| !status.conflicts.is_empty()).await;
    let conflict = board.status().borrow().conflicts[0].clone();
    let proposal = conflict.proposals[0].name;
    board.settle(&conflict.id, proposal).await.unwrap();
    until(&board, "no conflict", |status| status.conflicts.iter().all(|known| known.id != conflict.id)).await;
    let labels: Vec<_> = board.pending().into_iter().filter_map(|pending| pending.label).collect();
    assert!(labels.iter().any(|label| label == "Two on one place"), "{labels:?}");
}

/// RC79: a device fetches the rules that are in force at its server, judges by them with the same ids, also without a connection, and by others
/// once those are in force.
#[tokio::test]
async fn rc79_a_device_has_the_rules_of_its_server() {
    let server = Server::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    rules(&server, 0, 1).await;
    let online = device(&server.url(), folder.path()).await;
    let board = online.create_dashboard("Few").await.unwrap();
    let two = ["a", "b"].map(|id| {
        let mut widget = Widget::new("note", id);
        widget.layout = Layout { x: if id == "a" { 0 } else { 6 }, y: 0, w: 4, h: 4 };
        Edit::CreateWidget { id: id.parse().unwrap(), widget: Box::new(widget) }
    });
    board.batch("Two", &two).await.unwrap();
    until(&board, "a conflict", |status| status.conflicts.iter().any(|known| known.rule == "few")).await;
    within("all is saved", board.saved()).await.unwrap();
    let here: Vec<_> = board.status().borrow().conflicts.iter().map(|known| known.id.to_string()).collect();
    let there = server.get(&format!("/api/docs/{}/conflicts", board.id())).await.unwrap().json();
    let there: Vec<_> =
        there["conflicts"].as_array().unwrap().iter().map(|known| known["id"].as_str().unwrap()).collect();
    assert_eq!(here, there);
    let id = board.id().clone();
    drop(board);
    online.close().await;

    let offline = device(NOWHERE, folder.path()).await;
    let board = offline.open::<Dashboard>(&id).await.unwrap();
    until(&board, "the same conflict", |status| status.conflicts.iter().any(|known| *known.id == here[0]))
        .await;
    drop(board);
    offline.close().await;

    rules(&server, 1, 5).await;
    let online = device(&server.url(), folder.path()).await;
    let board = online.open::<Dashboard>(&id).await.unwrap();
    until(&board, "no conflict", |status| status.conflicts.is_empty()).await;
}

/// So many widgets a dashboard may have from now on.
async fn rules(server: &Server, version: u64, most: u64) {
    let few = json!({ "id": "few", "predicate": "max_items", "over": "widgets", "limit": most, "message": "too many" });
    let body = json!({ "kind": "dashboard", "rule": [few] }).to_string();
    let version = format!("\"{version}\"");
    let headers = [("content-type", "application/json"), ("if-match", version.as_str())];
    let answer = server.request("PUT", "/api/rules/dashboard", &headers, body.as_bytes()).await.unwrap();
    assert!((200..300).contains(&answer.status), "{answer:?}");
}

/// RC67: a document that the server does not have, one of another kind, and one that cannot be had are told apart.
#[tokio::test]
async fn rc67_what_cannot_be_opened_is_told() {
    let server = Server::start().await.unwrap();
    let client = client(&server.url()).await;
    let nobodys = DocumentId::from_bytes(&[9; 16]).unwrap();
    let unknown = within("an answer", client.open::<Dashboard>(&nobodys)).await;
    assert!(matches!(unknown, Err(OpenError::NotFound { .. })), "{unknown:?}");
    let made = server.post("/api/docs", &serde_json::json!({ "n": 1 })).await.unwrap().json();
    let id: DocumentId = made["id"].as_str().unwrap().parse().unwrap();
    let other = within("an answer", client.open::<Dashboard>(&id)).await;
    assert!(matches!(other, Err(OpenError::Other { .. })), "{other:?}");
    let json = client.open::<Json>(&id).await.unwrap();
    assert_eq!(json.get().unwrap().0["n"], 1);
    let alone = Client::builder(NOWHERE).open_within(Duration::from_millis(50)).connect().await.unwrap();
    let nowhere = alone.open::<Dashboard>(&id).await;
    assert!(matches!(nowhere, Err(OpenError::NotHere { .. })), "{nowhere:?}");
    until_online(&client).await;
}

/// RC70: others see where one is, see it move, and see one go.
#[tokio::test]
async fn rc70_presence() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Place {
        widget: String,
    }
    let server = Server::start().await.unwrap();
    let (one, two) = (client(&server.url()).await, client(&server.url()).await);
    let board = one.create_dashboard("Here").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let theirs = two.open::<Dashboard>(board.id()).await.unwrap();
    let (here, there) = (board.presence::<Place>("One"), theirs.presence::<Place>("Two"));
    here.set(Place { widget: "cpu".to_owned() });
    there.set(Place { widget: "ram".to_owned() });
    let (mut seen_here, mut seen_there) = (here.peers(), there.peers());
    let is_at = |peers: &Vec<Peer<Place>>, name: &str, widget: &str| {
        peers.iter().any(|peer| peer.name == name && peer.state.widget == widget)
    };
    within("two is seen", seen_here.wait_for(|peers| is_at(peers, "Two", "ram"))).await.unwrap();
    within("one is seen", seen_there.wait_for(|peers| is_at(peers, "One", "cpu"))).await.unwrap();
    here.set(Place { widget: "disk".to_owned() });
    within("it moves", seen_there.wait_for(|peers| is_at(peers, "One", "disk"))).await.unwrap();
    let mut said = theirs.messages();
    assert!(board.broadcast(&json!({ "flash": "cpu" })));
    assert_eq!(within("a message", said.next()).await, Some(json!({ "flash": "cpu" })));
    drop(here);
    within("one is gone", seen_there.wait_for(Vec::is_empty)).await.unwrap();

    let here = board.presence::<Place>("One");
    here.set(Place { widget: "cpu".to_owned() });
    within("two is seen", here.peers().wait_for(|peers| is_at(peers, "Two", "ram"))).await.unwrap();
    drop(said);
    // In the wake of an edit, when the server has something to say as well.
    let id = "there".parse().unwrap();
    drop(theirs.edit(Edit::CreateWidget { id, widget: Box::new(Widget::new("note", "There")) }));
    two.close().await;
    // Who is not heard of counts as gone after 45 s.
    let gone = timeout(Duration::from_secs(30), here.peers().wait_for(Vec::is_empty).map(drop)).await;
    gone.expect("who closes says so");
}

/// RC87: what waits is shown by the time that an edit is told to be kept, and what is refused changes nothing.
#[tokio::test]
async fn rc87_what_is_told_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let client = device(NOWHERE, folder.path()).await;
    let board = client.create_dashboard("Kiosk").await.unwrap();
    let status = board.status();
    let first = status.borrow().pending;
    assert!(first > 0);
    for n in 1..=100 {
        board.edit(title(&format!("Kiosk {n}"))).await.unwrap();
        assert_eq!(status.borrow().pending, first + n);
    }
    let id = board.id().clone();
    drop((board, status));
    client.close().await;
    let client = device(NOWHERE, folder.path()).await;
    let board = client.open::<Dashboard>(&id).await.unwrap();
    assert_eq!(board.status().borrow().pending, first + 100);

    let mut changes = board.changes();
    changes.mark_unchanged();
    let nobody = Edit::RemoveWidget { id: "nobody".parse().unwrap() };
    board.edit(nobody).await.unwrap_err();
    board.edit(title("Kiosk")).await.unwrap();
    within("the edit", changes.changed()).await.unwrap();
    let seen = *changes.borrow_and_update();
    board.edit(Edit::RemoveWidget { id: "nobody".parse().unwrap() }).await.unwrap_err();
    board.kept().await.unwrap();
    assert_eq!(*changes.borrow(), seen);
}

/// RC86: points that a device adds stand where those that are posted would. What is no point, or not for this document, is refused.
#[tokio::test]
async fn rc86_points_of_a_device() {
    let client = client(NOWHERE).await;
    let series = client.create_widget_data().await.unwrap();
    let at = |t: i64, v: f64| Point { t, v: Some(v) };
    series.add_points(&[at(30, 3.0), at(10, 1.0)]).await.unwrap();
    series.add_points(&[at(20, 2.5), at(10, 7.0)]).await.unwrap();
    let points = client.open::<Json>(series.id()).await.unwrap().get().unwrap().0["points"].clone();
    // Whole numbers are, whoever reads them.
    assert_eq!(points, json!([{ "t": 10, "v": 7 }, { "t": 20, "v": 2.5 }, { "t": 30, "v": 3 }]));
    // More places than one change fills.
    let apart = |from: i64| (0..300).map(|n| at(1_000 + from + 10 * n, 0.0)).collect::<Vec<_>>();
    series.add_points(&apart(0)).await.unwrap();
    series.add_points(&apart(5)).await.unwrap();
    let times: Vec<i64> = series.get().unwrap().points.iter().map(|point| point.t).collect();
    assert!(times.len() == 603 && times.is_sorted(), "{times:?}");

    let bad = series.add_points(&[at(40, 4.0), at(50, f64::NAN)]).await;
    assert!(matches!(bad, Err(AddPointsError::Bad { at: 1, why: BadPoint::BadValue })), "{bad:?}");
    series.change(|tx| tx.put(ROOT, "shape", "text")).await.unwrap();
    let other = series.add_points(&[at(40, 4.0)]).await;
    assert!(matches!(other, Err(AddPointsError::NotPoints(NotPoints::Shape { .. }))), "{other:?}");
    assert_eq!(series.get().unwrap().points.len(), 603);
}

/// RC74: an app's own types are read and written as they are.
#[tokio::test]
async fn rc74_own_types() {
    let server = Server::start().await.unwrap();
    let (one, two) = (client(&server.url()).await, client(&server.url()).await);
    let list = one.create_from(&Shopping { what: vec!["milk".to_owned()] }).await.unwrap();
    within("all is saved", list.saved()).await.unwrap();
    let theirs = two.open::<Shopping>(list.id()).await.unwrap();
    theirs.update(|list| list.what.push("bread".to_owned())).await.unwrap();
    let mut changes = list.changes();
    within("bread", async {
        while list.get().unwrap().what.len() < 2 {
            changes.changed().await.unwrap();
        }
    })
    .await;
    assert_eq!(list.get().unwrap().what, ["milk", "bread"]);
}

#[derive(Debug, Hydrate, Reconcile)]
struct Shopping {
    what: Vec<String>,
}
