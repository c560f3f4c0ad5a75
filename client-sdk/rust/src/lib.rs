//! Dovetail for Rust: documents that work without a connection, and say honestly what is saved.
//!
//! ```text
//!  your app ──▶ Client, Document ──▶ driver ──▶ machine: what a client decides ──▶ driver ──▶ this device's store
//!                                                                                      └──▶ the server
//! ```
//!
//! ```
//! use dovetail_client::{Client, Dashboard, Edit};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = dovetail_tests::Server::start().await?;
//! # let (url, dir) = (server.url(), server.data_dir().join("device"));
//! # let maker = Client::builder(&url).connect().await?;
//! # let made = maker.create_dashboard("Machines").await?;
//! # made.saved().await?;
//! # let id = made.id().clone();
//! let client = Client::builder(&url).store(&dir).connect().await?; // with `.token(…)` where the server asks for one
//! let board = client.open::<Dashboard>(&id).await?;                // from this device, or from the server
//! println!("{}: {} widgets", board.get()?.title, board.get()?.widgets.len());
//! board.edit(Edit::SetTitle { title: "Hosts".into() }).await?;     // durable on this device
//! board.saved().await?;                                            // and on the server
//! let mut changes = board.changes();
//! # made.changes().wait_for(|_| made.get().is_ok_and(|made| made.title == "Hosts")).await?;
//! # made.edit(Edit::SetTitle { title: "Hosts in Bern".into() }).await?;
//! while changes.changed().await.is_ok() {                          // whoever changes it, here or elsewhere
//!     println!("{}", board.get()?.title);
//! #   if board.get()?.title == "Hosts in Bern" { break }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `docs/SDK-RUST.md` goes from nothing to a program that works offline.
//!
//! Always true: an edit is in the document at once, durable on this device when its future is done, and on the server when
//! [`Document::saved`] says so; nothing is said a moment earlier.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/SDK-RUST.md")]
struct Guide; // What the guide shows is compiled.

mod api; // The server, asked directly.
mod client; // One server, one store, all documents. Read this first.
mod document; // One document, as an app holds it.
mod driver; // Sockets, disks and clocks.
mod keep; // What a device keeps.
pub mod machine; // What a client decides.
mod place; // Where the server is.
mod points; // What a widget shows, added to.
mod presence; // Where others are.
pub mod status; // How things stand.
mod token; // Who we are.
mod view; // What a document is seen as.

pub use api::{
    Api, ApiError, BadHeads, BeginError, Conflicts, Download, Heads, KnownConflict, Listed, Offer, On, Page,
    Patch, Shown, Stored, Unjudged, Which,
};
pub use client::{Builder, Client, ForgetError, ImportError, OpenError, StartError};
pub use document::{
    AgainError, ChangeError, ChangeResult, DecideError, Document, EditError, Kept, ReadError, SaveError,
    UpdateError,
};
pub use dovetail_core::dashboard::{
    BadPoint, Edit, Grid, Layout, NotPoints, OptionStep, OrderKey, Point, Widget, WidgetId,
};
pub use dovetail_core::id::DocumentId;
pub use dovetail_core::rules::{Conflict, Proposal, Waiver};
pub use dovetail_core::time::Timestamp;
pub use keep::{MovedAside, StoreError, StoreKey};
pub use machine::course::Windows;
pub use machine::replica::{
    AgainError as NotApplied, DecideError as NotDecided, EditError as NotTaken, Limits,
};
pub use machine::room::StoreLimits;
pub use place::BadUrl;
pub use points::AddPointsError;
pub use presence::{Peer, Presence};
pub use token::{BadToken, TokenAnswer};
pub use view::{Dashboard, Json, View, ViewError, WidgetData};

pub use automerge;
pub use autosurgeon;
