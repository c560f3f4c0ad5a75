//! `dovetail import FILE`: a file becomes a document, and its URL is printed.

use super::place::{self, Place};
use super::{Failure, explained, input, on_runtime, print, something, tell};
use crate::content::{self, ContentError, Intake};
use bytes::Bytes;
use clap::{Arg, ArgMatches, Command};
use dovetail_client::Api;
use dovetail_core::grant::EditPermit;

const FILE: &str = "file";
const AS: &str = "as";

pub(super) fn command() -> Command {
    let file = Arg::new(FILE).value_name("FILE").required(true).help("A JSON file, or - for standard input");
    let kind = Arg::new(AS)
        .long(AS)
        .value_parser(["grafana", "json"])
        .default_value("grafana")
        .help("grafana: a Grafana dashboard becomes a dashboard; json: the content as it is");
    Command::new("import")
        .about("Makes a document of a file and prints its automerge: URL")
        .arg(file)
        .arg(kind)
        .args(place::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let path = matches.get_one::<String>(FILE).expect("clap requires it");
    let intake = match matches.get_one::<String>(AS).map(String::as_str) {
        Some("json") => Intake::Json,
        _ => Intake::Grafana,
    };
    let place = Place::of(matches)?;
    let text = something(input(path)?)?;
    let made = on_runtime(async {
        match place {
            Place::Remote(api) => with_server(&api, text, intake).await,
            Place::Directory(directory) => into_directory(&directory, path, &text, intake).await,
        }
    })?;
    for note in &made.notes {
        tell(format_args!("note: {note}"));
    }
    print(format!("{}\n", made.url).as_bytes())
}

/// What was made.
struct Made {
    url: String,
    notes: Vec<String>,
}

async fn with_server(api: &Api, text: Bytes, intake: Intake) -> Result<Made, Failure> {
    let stored = match intake {
        Intake::Grafana => api.import_grafana(text).await,
        Intake::Json => api.create(text).await,
    };
    let stored = stored.map_err(|error| place::or_no_server(&error))?;
    Ok(Made { notes: stored.notes().map(str::to_owned).collect(), url: stored.url })
}

async fn into_directory(directory: &str, path: &str, text: &[u8], intake: Intake) -> Result<Made, Failure> {
    let now = crate::clock::Clock::System.now();
    // Judged before the directory is made.
    let new =
        content::new_document(text, intake, now).map_err(|error| Failure::Failed(in_words(path, &error)))?;
    let id = content::new_id();
    let server = place::open(directory).await?;
    let submitted = server.gateway().hub.submit(EditPermit::of_server(id.clone()), new.changes).await;
    server.close().await;
    submitted.map_err(|error| Failure::Failed(explained(&error)))?;
    Ok(Made { url: id.to_url(), notes: new.notes })
}

fn in_words(path: &str, error: &ContentError) -> String {
    match error {
        ContentError::NotGrafana(_) => {
            format!("{path}: {error}; with --as json its content is taken as it is")
        }
        ContentError::NotJson(_) | ContentError::NotContent(_) => format!("{path}: {error}"),
    }
}
