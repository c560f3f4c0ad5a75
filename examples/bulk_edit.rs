//! A thousand edits without a connection, and then one: nothing is asked of the server until there is one, and all of it arrives.
//!
//! ```sh
//! cargo run --release --example bulk_edit [SERVER]
//! ```

use anyhow::Result;
use dovetail_client::{Client, Edit, Widget, WidgetId};
use std::time::Instant;

/// Nobody listens there: that is what a device without a network sees.
const NO_NETWORK: &str = "http://127.0.0.1:9";

const WIDGETS: usize = 40;
const EDITS: usize = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    let folder = std::env::temp_dir().join(format!("dovetail-bulk-edit-{}", std::process::id()));

    let client = Client::builder(NO_NETWORK).store(&folder).connect().await?;
    let board = client.create_dashboard("Made offline").await?;
    let mut ids = Vec::with_capacity(WIDGETS);
    for n in 0..WIDGETS {
        let id: WidgetId = format!("widget-{n}").parse()?;
        let widget = Box::new(Widget::new("note", &format!("Note {n}")));
        board.edit(Edit::CreateWidget { id: id.clone(), widget }).await?;
        ids.push(id);
    }
    let began = Instant::now();
    let mut last = None;
    for n in 0..EDITS {
        let id = ids[n % WIDGETS].clone();
        let (x, y) = (i32::try_from(n % 12)?, i32::try_from(n / 12)?);
        // Each is in the document at once. Not waiting for each one lets those that come together be kept together.
        last = Some(board.edit(Edit::MoveWidget { id, x, y }));
    }
    if let Some(last) = last {
        last.await?;
    }
    let waiting = board.pending().len();
    println!("{EDITS} edits in {:?}, kept on this device as {waiting} changes", began.elapsed());
    let id = board.id().clone();
    drop(board);
    client.close().await;

    let client = Client::builder(&server).store(&folder).connect().await?;
    let began = Instant::now();
    let board = client.open::<dovetail_client::Dashboard>(&id).await?;
    board.saved().await?;
    println!("saved on {server} in {:?}: {}", began.elapsed(), id.to_url());
    drop(board);
    client.close().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
