//! The Rust client against the real server: sockets, disks, restarts, and the ends that networks come to.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod documents; // Made, opened, edited, watched, decided about, shared.
mod killed; // Killed at any moment.
mod rights; // Tokens, refusals, rights that go.
mod room; // A device that is full.
mod store; // What a device keeps.
mod ways; // Connections, and what comes in the place of a server.

use autosurgeon::{Hydrate, Reconcile};
use dovetail_client::automerge::transaction::Transactable;
use dovetail_client::automerge::{Automerge, AutomergeError, ObjType, ROOT, ReadDoc};
use dovetail_client::status::{
    Answer, Connection, ConnectionStatus, DocumentStatus, Role, StorageStatus, Way,
};
use dovetail_client::{
    AddPointsError, ApiError, BadPoint, Builder, ChangeError, Client, Dashboard, Document, DocumentId, Edit,
    EditError, ForgetError, Json, Layout, NotPoints, NotTaken, OpenError, Peer, Point, SaveError, StartError,
    StoreError, StoreKey, StoreLimits, Widget, WidgetId, Windows,
};
use dovetail_tests::gate::Gate;
use dovetail_tests::lossy::Lossy;
use dovetail_tests::tap::Tap;
use dovetail_tests::{Server, Setup, binary};
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

/// However busy the machine is, what is waited for comes within this.
const WITHIN: Duration = Duration::from_secs(60);

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    timeout(WITHIN, waiting).await.unwrap_or_else(|_| panic!("{what} does not come about"))
}

fn impatient() -> Windows {
    Windows { first: Duration::from_millis(20), most: Duration::from_millis(200) }
}

async fn client(url: &str) -> Client {
    Client::builder(url).retry(impatient()).connect().await.unwrap()
}

async fn device(url: &str, dir: &Path) -> Client {
    Client::builder(url).retry(impatient()).store(dir).connect().await.unwrap()
}

fn title(title: &str) -> Edit {
    Edit::SetTitle { title: title.to_owned() }
}

fn title_of(board: &Document<Dashboard>) -> String {
    board.get().unwrap().title.clone()
}

async fn until_title(board: &Document<Dashboard>, expected: &str) {
    within(expected, board.changes().wait_for(|_| title_of(board) == expected)).await.unwrap();
}

async fn until(board: &Document<Dashboard>, what: &str, is_so: impl FnMut(&DocumentStatus) -> bool) {
    within(what, board.status().wait_for(is_so)).await.unwrap();
}

async fn until_online(client: &Client) {
    let mut connection = client.connection();
    within("a connection", connection.wait_for(|now| now.connection == Connection::Online)).await.unwrap();
}
