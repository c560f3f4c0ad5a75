//! `dovetail-bench`: the same workloads against our release server, the stock sync server
//! and a bare relay, each in a process of its own, one after the other, in one run.
//!
//! ```text
//!  main ─▶ workloads ─▶ driver (sockets) ─▶ peers (child processes)
//!             │            └ frames, edits (made before the clock starts)
//!             └─▶ report (table, ratios, goals)
//! ```
//!
//! Always true here: only loopback is spoken to, and what was started is stopped.

mod driver; // Sockets and stopwatch.
mod edits; // Changes made in advance.
mod frames; // What goes over the sockets.
mod goals; // What we want of ourselves.
mod meter; // What a process has cost.
mod peers; // The three servers.
mod relay; // One of them.
mod report; // The table.
mod workloads; // What is asked of them.

use clap::Parser;
use driver::Outcome;
use peers::{Kind, Places};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use workloads::Bench;

/// The relay is the limit, so it must not have a worse allocator than our server has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where `npm ci` of the web tests puts the stock server.
const STOCK: &str = "../web/node_modules/@automerge/automerge-repo-sync-server/src/index.js";

/// Measures Dovetail beside the stock sync server and a bare relay.
#[derive(Debug, Parser)]
#[command(name = "dovetail-bench")]
struct Arguments {
    /// `relay` turns this process into the bare relay, `device` into a device; the bench starts it so itself.
    #[arg(hide = true)]
    mode: Option<String>,
    /// Only these workloads: a (fan-out), b (pairs), c (idle), d (cold), e (offline), f (SIGKILL), g (a device).
    #[arg(long, value_delimiter = ',')]
    only: Vec<char>,
    /// Only these servers.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Kind>,
    /// Everything about ten times smaller: to see that it works.
    #[arg(long)]
    quick: bool,
    /// How often each measurement is repeated where that is cheap; medians are told.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Also write the table to this file, as Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// The release server; by default the `dovetail` beside this program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The stock server's `index.js`; by default the one in `tests/web/node_modules`.
    #[arg(long)]
    stock: Option<PathBuf>,
    /// Of a device: its server.
    #[arg(long, hide = true, default_value = "")]
    url: String,
    /// Of a device: how many documents it opens.
    #[arg(long, hide = true, default_value_t = 0)]
    documents: usize,
    /// Where the servers keep their data; by default the system's temporary directory.
    #[arg(long)]
    data: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    match arguments.mode.as_deref() {
        Some("relay") => Ok(relay::run().await?),
        Some("device") => {
            let data = arguments.data.clone().unwrap_or_else(std::env::temp_dir);
            Box::pin(workloads::device::work(&arguments.url, &data, arguments.documents)).await
        }
        Some(other) => Err(format!("{other} is no mode of the bench").into()),
        None => Box::pin(run(&arguments)).await,
    }
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let files = meter::raise_file_limit();
    let load = meter::load_average();
    let mut bench = prepare(arguments)?;
    let wants = |letter| arguments.only.is_empty() || arguments.only.contains(&letter);
    if wants('a') {
        workloads::fanout::run(&mut bench).await;
    }
    if wants('b') {
        Box::pin(workloads::pairs::run(&mut bench)).await;
    }
    if wants('c') {
        workloads::idle::run(&mut bench).await;
    }
    if wants('d') {
        workloads::cold::run(&mut bench).await;
    }
    if wants('e') {
        Box::pin(workloads::offline::run(&mut bench)).await;
    }
    if wants('f') {
        workloads::durable::run(&mut bench).await;
    }
    if wants('g') {
        Box::pin(workloads::device::run(&mut bench)).await;
    }
    let mut text = String::new();
    let size = if arguments.quick { " (quick: not to be quoted)" } else { "" };
    writeln!(
        text,
        "{}; open files at most {files}; load average {load} at the start, {} at the end{size}",
        meter::machine(),
        meter::load_average()
    )?;
    writeln!(text, "\n{}\n{}", bench.report.table(), goals::table(&bench.report))?;
    println!("{text}");
    if let Some(path) = &arguments.markdown {
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Finds the programs; a rival that is not installed is left out, and said to be.
fn prepare(arguments: &Arguments) -> Outcome<Bench> {
    let beside = std::env::current_exe()?.with_file_name("dovetail");
    let places = Places {
        server: arguments.server.clone().unwrap_or(beside),
        stock: arguments.stock.clone().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(STOCK)),
        data: arguments.data.clone().unwrap_or_else(std::env::temp_dir),
    };
    let mut kinds = vec![Kind::Relay, Kind::Dovetail, Kind::Stock];
    kinds.retain(|kind| arguments.peers.is_empty() || arguments.peers.contains(kind));
    let mut bench = Bench {
        places,
        kinds,
        runs: arguments.runs.max(1),
        quick: arguments.quick,
        report: report::Report::default(),
    };
    for (kind, program) in
        [(Kind::Stock, bench.places.stock.clone()), (Kind::Dovetail, bench.places.server.clone())]
    {
        if bench.kinds.contains(&kind) && !program.is_file() {
            bench.kinds.retain(|other| *other != kind);
            bench.report.note(format!("{kind} is left out: there is no {}", program.display()));
        }
    }
    Ok(bench)
}
