//! (g) The Rust client: how fast a device edits by itself, what an open document costs it, and how long a new device takes until it has
//! everything.
//!
//! The client runs in a process of its own, this program started as `device`, so that its memory is nobody else's.

use super::{Bench, Figures};
use crate::driver::{Outcome, millis};
use crate::meter;
use crate::peers::{Kind, Peer};
use crate::report::Better;
use dovetail_client::{Client, Dashboard, Document, DocumentId, Edit, Layout, Widget};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// So many documents a new device opens at a time.
const OPENING_MAX: usize = 64;

/// So many widgets each dashboard has.
const WIDGETS: i32 = 12;

/// What the child tells, line by line, in this order.
const FIGURES: [(&str, Better); 6] = [
    ("edits/s, each awaited", Better::Higher),
    ("edits/s, awaited together", Better::Higher),
    ("KiB/open document", Better::Lower),
    ("documents brought to the server, each/s", Better::Higher),
    ("first sync of all ms", Better::Lower),
    ("start with all on the device ms", Better::Lower),
];

/// Runs it.
pub(crate) async fn run(bench: &mut Bench) {
    let documents = bench.scale(1_000, 100);
    let name = format!("g {documents} dashboards of {WIDGETS} widgets");
    for run in 0..bench.runs {
        for kind in bench.among(run, &[Kind::Dovetail]) {
            let measurement = |peer: Peer| async move {
                let figures = measure(&peer, documents).await;
                (peer, figures)
            };
            bench.measure(&name, kind, Duration::from_secs(240), measurement).await;
        }
    }
}

async fn measure(peer: &Peer, documents: usize) -> Outcome<Figures> {
    let folder = tempfile::tempdir()?;
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("device").args(["--documents", &documents.to_string()]);
    child.args(["--url", &format!("http://{}", peer.address)]).arg("--data").arg(folder.path());
    let output = child.kill_on_drop(true).output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut figures = Figures::default();
    let told = String::from_utf8(output.stdout)?;
    for ((figure, better), value) in FIGURES.into_iter().zip(told.lines()) {
        figures.add(figure, better, value.parse()?);
    }
    Ok(figures)
}

/// The child: what [`FIGURES`] names, a line each.
pub(crate) async fn work(url: &str, folder: &Path, documents: usize) -> Outcome<()> {
    edits(&folder.join("edits"), documents).await?;
    open_documents(documents).await?;
    first_sync(url, &folder.join("new"), documents).await
}

fn title(n: usize) -> Edit {
    Edit::SetTitle { title: format!("Title {n}") }
}

async fn edits(folder: &Path, count: usize) -> Outcome<()> {
    let client = Client::builder(NOWHERE).store(folder).connect().await?;
    let board = client.create_dashboard("Edits").await?;
    let began = Instant::now();
    for n in 0..count {
        board.edit(title(n)).await?;
    }
    println!("{}", count as f64 / began.elapsed().as_secs_f64());
    let began = Instant::now();
    let kept: Vec<_> = (0..10 * count).map(|n| board.edit(title(n))).collect();
    for one in kept {
        one.await?;
    }
    println!("{}", 10.0 * count as f64 / began.elapsed().as_secs_f64());
    client.close().await;
    Ok(())
}

async fn dashboard(client: &Client, n: usize) -> Outcome<Document<Dashboard>> {
    let board = client.create_dashboard(&format!("Dashboard {n}")).await?;
    let widgets = (0..WIDGETS).map(|at| {
        let mut widget = Widget::new("stat", &format!("Widget {at}"));
        widget.layout = Layout { x: at % 3 * 4, y: at / 3 * 4, w: 4, h: 4 };
        Ok(Edit::CreateWidget { id: format!("w{at}").parse()?, widget: Box::new(widget) })
    });
    let widgets = widgets.collect::<Outcome<Vec<_>>>()?;
    board.batch("All widgets", &widgets).await?;
    Ok(board)
}

async fn dashboards(client: &Client, count: usize) -> Outcome<Vec<Document<Dashboard>>> {
    let made = stream::iter(0..count).map(|n| dashboard(client, n));
    made.buffered(OPENING_MAX).try_collect().await
}

async fn open_documents(count: usize) -> Outcome<()> {
    let client = Client::builder(NOWHERE).connect().await?;
    let warm = dashboards(&client, 10).await?;
    let before = meter::resident_bytes(std::process::id());
    let open = dashboards(&client, count).await?;
    let taken = meter::resident_bytes(std::process::id()).saturating_sub(before);
    println!("{}", taken as f64 / 1_024.0 / count as f64);
    drop((warm, open));
    client.close().await;
    Ok(())
}

async fn first_sync(url: &str, folder: &Path, count: usize) -> Outcome<()> {
    let maker = Client::builder(url).connect().await?;
    let began = Instant::now();
    let made = dashboards(&maker, count).await?;
    for board in &made {
        board.saved().await?;
    }
    println!("{}", count as f64 / began.elapsed().as_secs_f64());
    let ids: Vec<DocumentId> = made.iter().map(|board| board.id().clone()).collect();
    drop(made);
    maker.close().await;

    for _ in ["for the first time", "with all of it on the device"] {
        println!("{}", opened(url, folder, &ids).await?);
    }
    Ok(())
}

/// From the start of a client until all documents are here and saved, in milliseconds.
async fn opened(url: &str, folder: &Path, ids: &[DocumentId]) -> Outcome<f64> {
    let began = Instant::now();
    let client = Client::builder(url).store(folder).connect().await?;
    let open = stream::iter(ids).map(|id| client.open::<Dashboard>(id));
    let open: Vec<_> = open.buffer_unordered(OPENING_MAX).try_collect().await?;
    for board in &open {
        board.saved().await?;
    }
    let spent = millis(began.elapsed());
    drop(open);
    client.close().await;
    Ok(spent)
}
