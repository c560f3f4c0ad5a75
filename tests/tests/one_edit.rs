//! Walks the way of one edit with `docs/ONE-EDIT.md` in hand: the stops that the page names are the
//! stops that an edit makes, and every file and module that the pages name is there.

#![allow(clippy::unwrap_used)] // a test: what fails here is to be seen

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_core::id::DocumentId;
use dovetail_server::clock::Clock;
use dovetail_server::config::Config;
use dovetail_server::server::Server;
use dovetail_server::store::MemoryStore;
use dovetail_tests::{Client, new_document_id};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Longer than anything here takes on a busy machine.
const WITHIN: Duration = Duration::from_secs(20);

/// The spans that were opened, oldest first, each with the span it stands in.
#[derive(Debug, Clone, Default)]
struct Walk {
    stops: Arc<Mutex<Vec<Stop>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    name: &'static str,
    within: Option<&'static str>,
}

impl Walk {
    fn begin(&self) {
        self.stops.lock().unwrap().clear();
    }

    /// From the first frame that came in.
    fn stops(&self) -> Vec<Stop> {
        let stops = self.stops.lock().unwrap();
        stops.iter().copied().skip_while(|stop| stop.name != "gateway.socket").collect()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Walk {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, world: Context<'_, S>) {
        let within = world.lookup_current().map(|span| span.name());
        self.stops.lock().unwrap().push(Stop { name: attributes.metadata().name(), within });
    }
}

/// Walks it: Ana edits, Bo sees it, and on the way were just the stops that the page tells of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do38_one_edit_makes_the_stops_that_the_page_names() {
    let walk = Walk::default();
    let ours = filter_fn(|metadata| metadata.target().starts_with("dovetail") && metadata.is_span());
    let seen = walk.clone().with_filter(ours);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(seen)).unwrap();

    let store = Arc::new(MemoryStore::default());
    let server = Server::on(Config::built_in(), store, Clock::System).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/sync", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(listener, async move { stopped.await.unwrap_or(()) }));

    let id = new_document_id();
    let mut ana = Client::connect(&url, "peer-ana", None).await.unwrap();
    let mut bo = Client::connect(&url, "peer-bo", None).await.unwrap();
    ana.edit(&id, |tx| tx.put(ROOT, "title", "Sales")).await.unwrap();
    ana.settle(&id, WITHIN).await.unwrap();
    bo.open(&id).await.unwrap();
    bo.wait_for("the document", WITHIN, |bo| title(bo, &id) == "Sales").await.unwrap();
    bo.settle(&id, WITHIN).await.unwrap();

    walk.begin();
    ana.edit(&id, |tx| tx.put(ROOT, "title", "Sales 2027")).await.unwrap();
    ana.settle(&id, WITHIN).await.unwrap();
    bo.wait_for("her edit", WITHIN, |bo| title(bo, &id) == "Sales 2027").await.unwrap();
    let stops = walk.stops();

    assert_eq!(first_of_each(&stops), named_by_the_page(), "{stops:?}");
    let within = |name: &str| stops.iter().find(|stop| stop.name == name).unwrap().within;
    assert_eq!(within("session"), Some("gateway.socket"));
    assert_eq!(within("stored"), Some("hub"));
    let commits = stops.iter().filter(|stop| stop.name == "store").count();
    assert_eq!(commits, 1, "one edit is stored once: {stops:?}");

    drop((ana, bo, stop));
    serving.await.unwrap();
}

/// Every file that the page links to is there, and every module that the map lists.
#[test]
fn do39_what_the_pages_name_is_there() {
    let docs = root().join("docs");
    let way = page("ONE-EDIT.md");
    let links = links(&way);
    assert!(links.len() >= 8, "{links:?}");
    for link in &links {
        assert!(docs.join(link).exists(), "ONE-EDIT.md links to {link}, which is not there");
    }
    let modules = modules(&page("ARCHITECTURE.md"));
    assert!(modules.len() >= 15, "{modules:?}");
    for (source, module) in &modules {
        let at = source.join(module);
        assert!(at.is_dir() || at.with_extension("rs").is_file(), "{module} is not in {}", source.display());
    }
}

fn title(client: &Client, document: &DocumentId) -> String {
    match client.document(document).get(ROOT, "title").unwrap() {
        Some((value, _)) => value.as_str().unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

/// In the order in which they were first made. Later ones belong to answers and acknowledgements.
fn first_of_each(stops: &[Stop]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for stop in stops {
        if !names.iter().any(|name| name == stop.name) {
            names.push(stop.name.to_owned());
        }
    }
    names
}

/// The third column of the page's table; a stop that is made in two rooms is named twice there.
fn named_by_the_page() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in page("ONE-EDIT.md").lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let is_stop = cells[1].parse::<u32>().is_ok();
        let name = cells[3].trim_matches('`').to_owned();
        if is_stop && !name.is_empty() && names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

/// What stands in `[…](…)` and is a path here.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| target.starts_with("../")).collect()
}

/// The modules in the first columns of the map's tables, each with the sources it belongs to.
fn modules(text: &str) -> Vec<(PathBuf, String)> {
    let mut modules = Vec::new();
    let mut source = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let folder = heading.strip_prefix('`').and_then(|heading| heading.split('`').next());
            source = folder.map(|folder| root().join(folder).join("src"));
        }
        if let (Some(source), Some(row)) = (&source, line.strip_prefix("| `")) {
            let names = row.split('|').next().unwrap_or_default().split('`').step_by(2);
            modules.extend(
                names
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .map(|name| (source.clone(), name.to_owned())),
            );
        }
    }
    modules
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
