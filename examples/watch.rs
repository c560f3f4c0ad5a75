//! Follows a dashboard in the terminal: it is drawn again whenever something is another than before, with or without a connection.
//!
//! ```sh
//! cargo run --example watch -- DOCUMENT [SERVER]
//! ```

use anyhow::{Context, Result};
use dovetail_client::status::{Connection, ConnectionStatus, DocumentStatus};
use dovetail_client::{Client, Dashboard, DocumentId};

/// How wide a column of the grid is drawn, in letters.
const CELL: usize = 4;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let id = arguments.next().context("usage: watch DOCUMENT [SERVER]")?;
    let id: DocumentId = id.trim_start_matches("automerge:").parse()?;
    let server = arguments.next().unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    let client = Client::builder(server).connect().await?;
    let board = client.open::<Dashboard>(&id).await?;
    let (mut content, mut status, mut connection) = (board.changes(), board.status(), client.connection());
    loop {
        // What comes while it is drawn is drawn next.
        content.mark_unchanged();
        draw(&board.get()?, &status.borrow_and_update(), &connection.borrow_and_update());
        tokio::select! {
            changed = content.changed() => changed?,
            changed = status.changed() => changed?,
            changed = connection.changed() => changed?,
        }
    }
}

fn draw(board: &Dashboard, status: &DocumentStatus, connection: &ConnectionStatus) {
    print!("\x1b[2J\x1b[H");
    println!("{}   [{}]", board.title, in_words(connection, status));
    println!();
    for (_, widget) in board.in_order() {
        let layout = &widget.layout;
        let indent = usize::try_from(layout.x).unwrap_or(0) * CELL;
        let width = (usize::try_from(layout.w).unwrap_or(1) * CELL).max(CELL);
        let title: String = widget.title.chars().take(width.saturating_sub(2)).collect();
        println!("{:indent$}┌{}┐ row {}", "", "─".repeat(width - 2), layout.y);
        println!("{:indent$}│{title:<fill$}│ {}", "", widget.kind, fill = width - 2);
        println!("{:indent$}└{}┘", "", "─".repeat(width - 2));
    }
    for conflict in status.conflicts.iter() {
        println!("! {}", conflict.message);
    }
}

fn in_words(connection: &ConnectionStatus, status: &DocumentStatus) -> String {
    let link = match &connection.connection {
        Connection::Connecting => "connecting".to_owned(),
        Connection::Online => "online".to_owned(),
        Connection::Offline { reason, .. } => format!("offline: {reason}"),
        Connection::Refused { reason, .. } => format!("refused: {reason}"),
    };
    if status.pending == 0 { link } else { format!("{link}, {} changes wait", status.pending) }
}
