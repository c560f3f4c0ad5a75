//! `dovetail export ID --format …`: a document as a file, or on standard output.

use super::place::{self, Place};
use super::{Failure, cannot_write, explained, on_runtime, print};
use crate::content::{self, Form};
use bytes::Bytes;
use clap::{Arg, ArgMatches, Command};
use dovetail_client::{Api, ApiError};
use dovetail_core::grant::ReadPermit;
use dovetail_core::id::DocumentId;

const ID: &str = "id";
const FORMAT: &str = "format";
const OUT: &str = "out";

pub(super) fn command() -> Command {
    let id = Arg::new(ID).value_name("ID").required(true).help("The document's id, or its automerge: URL");
    let format = Arg::new(FORMAT)
        .long(FORMAT)
        .value_parser(["json", "automerge", "grafana"])
        .default_value("json")
        .help("json: the content; automerge: the document with its history; grafana: a dashboard as Grafana reads it");
    let out =
        Arg::new(OUT).long(OUT).value_name("FILE").help("Where to write it, instead of to standard output");
    Command::new("export")
        .about("Writes a document as JSON, as an Automerge file or as a Grafana dashboard")
        .arg(id)
        .arg(format)
        .arg(out)
        .args(place::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let id = matches.get_one::<String>(ID).expect("clap requires it");
    let id: DocumentId = id.parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let form = match matches.get_one::<String>(FORMAT).map(String::as_str) {
        Some("automerge") => Form::Automerge,
        Some("grafana") => Form::Grafana,
        _ => Form::Json,
    };
    let place = Place::of(matches)?;
    let shown = on_runtime(async {
        match place {
            Place::Remote(api) => {
                from_server(&api, &id, form).await.map_err(|error| place::or_no_server(&error))
            }
            Place::Directory(directory) => from_directory(&directory, id, form).await,
        }
    })?;
    match matches.get_one::<String>(OUT) {
        None => print(&shown),
        Some(file) => std::fs::write(file, &shown).map_err(|error| cannot_write(file.as_ref(), &error)),
    }
}

async fn from_server(api: &Api, id: &DocumentId, form: Form) -> Result<Bytes, ApiError> {
    match form {
        Form::Json => api.get(id).await.map(|shown| shown.json),
        Form::Automerge => api.automerge(id).await,
        Form::Grafana => api.grafana(id).await,
    }
}

async fn from_directory(directory: &str, id: DocumentId, form: Form) -> Result<Bytes, Failure> {
    let server = place::open_existing(directory).await?;
    let shown = server
        .gateway()
        .hub
        .view(&ReadPermit::of_server(id), move |document| content::show(document, form))
        .await;
    server.close().await;
    let shown = shown.map_err(|error| Failure::Failed(explained(&error)))?;
    shown.map_err(|error| Failure::Failed(explained(&error)))
}
