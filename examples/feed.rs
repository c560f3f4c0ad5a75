//! Shows this machine on a dashboard: processor, memory and disk, every second, with or without a connection.
//!
//! ```sh
//! cargo run --example feed [SERVER] [DIRECTORY]
//! ```
//!
//! It makes a dashboard with three widgets at the first start, prints its address, and goes on with it at the next one.

use anyhow::Result;
use dovetail_client::status::Connection;
use dovetail_client::{
    Client, Dashboard, Document, DocumentId, Edit, Layout, Point, Widget, WidgetData, WidgetId,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

const NAMES: [&str; 3] = ["Processor, %", "Memory, %", "Disk, %"];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "./dovetail-feed".to_owned()));
    let client = Client::builder(&server).store(directory.join("store")).connect().await?;
    if let Some(moved) = client.moved_aside() {
        eprintln!("the store was damaged, and lies in {} now: {}", moved.to.display(), moved.what);
    }
    // Not in the store: whatever lies in one that is damaged goes with it.
    let name = directory.join("board");
    let series = match fs::read_to_string(&name) {
        Ok(id) => series_of(&client, &id.trim().parse()?).await?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_board(&client, &name, &server).await?,
        Err(error) => return Err(error.into()),
    };
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut before = processor()?;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        let now = processor()?;
        let values = [busy(before, now), memory()?, disk()?];
        before = now;
        let t = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        for (series, value) in series.iter().zip(values) {
            series.add_points(&[Point { t, v: Some(value) }]).await?;
        }
        let waiting: usize = series.iter().map(|series| series.status().borrow().pending).sum();
        let link = match &client.connection().borrow().connection {
            Connection::Online => "online",
            _ => "offline",
        };
        println!(
            "{:5.1} % {:5.1} % {:5.1} %   {link}, {waiting} changes wait",
            values[0], values[1], values[2]
        );
    }
    drop(series);
    client.close().await;
    Ok(())
}

async fn new_board(client: &Client, name: &Path, server: &str) -> Result<Vec<Document<WidgetData>>> {
    let board = client.create_dashboard("This machine").await?;
    let mut all = Vec::new();
    for (n, name) in (0..).zip(NAMES) {
        let series = client.create_widget_data().await?;
        let id: WidgetId = format!("series-{n}").parse()?;
        let mut widget = Widget::new("timeseries", name);
        widget.layout = Layout { x: n * 4, y: 0, w: 4, h: 6 };
        let edits = [
            Edit::CreateWidget { id: id.clone(), widget: Box::new(widget) },
            Edit::AttachData { id, data: series.id().clone() },
        ];
        board.batch(&format!("Shows {name}"), &edits).await?;
        all.push(series);
    }
    let unfinished = name.with_extension("new");
    fs::write(&unfinished, board.id().to_string())?;
    fs::rename(&unfinished, name)?;
    println!("{server}/d/{}", board.id());
    Ok(all)
}

async fn series_of(client: &Client, id: &DocumentId) -> Result<Vec<Document<WidgetData>>> {
    let board = client.open::<Dashboard>(id).await?;
    let mut all = Vec::new();
    for (_, widget) in board.get()?.in_order() {
        if let Some(data) = &widget.data {
            all.push(client.open::<WidgetData>(data).await?);
        }
    }
    Ok(all)
}

/// What the kernel has counted of all processors: busy, and all.
fn processor() -> io::Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let counts: Vec<u64> = line.split_whitespace().skip(1).filter_map(|count| count.parse().ok()).collect();
    let all: u64 = counts.iter().take(8).sum();
    // The fourth is idle, the fifth waits for a disk.
    let idle: u64 = counts.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

fn busy((busy_before, all_before): (u64, u64), (busy, all): (u64, u64)) -> f64 {
    percent(busy.saturating_sub(busy_before), all.saturating_sub(all_before))
}

fn memory() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let of = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
    };
    let (all, free) = (of("MemTotal:"), of("MemAvailable:"));
    Ok(percent(all - free, all))
}

fn disk() -> io::Result<f64> {
    let disk = rustix::fs::statvfs("/").map_err(io::Error::from)?;
    Ok(percent(disk.f_blocks - disk.f_bfree, disk.f_blocks))
}

#[allow(clippy::cast_precision_loss)] // for people to look at
fn percent(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { (part as f64 / all as f64 * 1_000.0).round() / 10.0 }
}
