//! Two devices, one dashboard, no connection: both go on, merge by themselves, and a person is asked only where a rule says so.
//!
//! ```sh
//! cargo xtask run                       # a server, in another terminal
//! cargo run --example two_devices
//! ```

use anyhow::{Context, Result};
use dovetail_client::status::DocumentStatus;
use dovetail_client::{Client, Dashboard, Document, Edit, Layout, Widget, WidgetId};

/// Nobody listens there: that is what a device without a network sees.
const NO_NETWORK: &str = "http://127.0.0.1:9";

#[tokio::main]
async fn main() -> Result<()> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    let folder = std::env::temp_dir().join(format!("dovetail-two-devices-{}", std::process::id()));
    let (kiosk, tablet) = (folder.join("kiosk"), folder.join("tablet"));

    println!("The kiosk makes a dashboard, and waits until the server has it.");
    let client = Client::builder(&server).store(&kiosk).connect().await?;
    let board = client.create_dashboard("Assembly line").await?;
    let widget = |title: &str, x| {
        let mut widget = Widget::new("note", title);
        widget.layout = Layout { x, y: 0, w: 4, h: 4 };
        Box::new(widget)
    };
    let (left, right): (WidgetId, WidgetId) = ("left".parse()?, "right".parse()?);
    let both = [
        Edit::CreateWidget { id: left.clone(), widget: widget("Belt 1", 0) },
        Edit::CreateWidget { id: right.clone(), widget: widget("Belt 2", 8) },
    ];
    board.batch("Two belts", &both).await?;
    board.saved().await?;
    let id = board.id().clone();
    close(client, board).await;

    println!("The tablet opens it, and keeps it.");
    let client = Client::builder(&server).store(&tablet).connect().await?;
    let board = client.open::<Dashboard>(&id).await?;
    println!("  it shows {:?} with {} widgets", board.get()?.title, board.get()?.widgets.len());
    board.kept().await?;
    close(client, board).await;

    println!("Both lose the network, and go on.");
    let client = Client::builder(NO_NETWORK).store(&kiosk).connect().await?;
    let board = client.open::<Dashboard>(&id).await?;
    board.edit(Edit::MoveWidget { id: left, x: 4, y: 0 }).await?;
    tell("kiosk", &board);
    close(client, board).await;

    let client = Client::builder(NO_NETWORK).store(&tablet).connect().await?;
    let board = client.open::<Dashboard>(&id).await?;
    board.edit(Edit::MoveWidget { id: right, x: 4, y: 0 }).await?;
    board.edit(Edit::SetTitle { title: "Assembly line 3".to_owned() }).await?;
    tell("tablet", &board);
    close(client, board).await;

    println!("Both are back.");
    let kiosk_client = Client::builder(&server).store(&kiosk).connect().await?;
    let tablet_client = Client::builder(&server).store(&tablet).connect().await?;
    let (on_kiosk, on_tablet) =
        (kiosk_client.open::<Dashboard>(&id).await?, tablet_client.open::<Dashboard>(&id).await?);
    let mut status = on_kiosk.status();
    status.wait_for(|status| status.is_saved() && !status.conflicts.is_empty()).await?;
    on_tablet.status().wait_for(|status| status.is_saved() && !status.conflicts.is_empty()).await?;
    println!("  both show {:?}", on_kiosk.get()?.title);

    let conflict = status.borrow().conflicts[0].clone();
    println!("One thing is for a person to decide: {}", conflict.message);
    println!("  {}", conflict.explanation);
    let proposal = conflict.proposals.first().context("nothing is proposed")?;
    println!("The kiosk takes the first proposal: {}", proposal.label);
    on_kiosk.settle(&conflict.id, proposal.name).await?;
    on_kiosk.saved().await?;
    let is_settled = |status: &DocumentStatus| status.conflicts.iter().all(|known| known.id != conflict.id);
    on_tablet.status().wait_for(is_settled).await?;
    println!("The tablet sees it settled, without being told.");
    for (id, widget) in &on_tablet.get()?.widgets {
        println!("  {id}: column {}, row {}", widget.layout.x, widget.layout.y);
    }
    close(kiosk_client, on_kiosk).await;
    close(tablet_client, on_tablet).await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

async fn close(client: Client, board: Document<Dashboard>) {
    drop(board);
    client.close().await;
}

fn tell(who: &str, board: &Document<Dashboard>) {
    println!("  {who}: waits for the server");
    for pending in board.pending() {
        println!("    {}", pending.label.unwrap_or_default());
    }
}
