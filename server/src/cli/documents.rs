//! `dovetail ls`, `get`, `create`, `put` and `patch`: documents of a running server, as JSON.
//!
//! Edit path: ← a file, → the server, which makes the change where its writer read and answers when it is on its disk.
//!
//! Always true: what is there is not overwritten by whoever has not said so: `put` names the state that its file was made from.

use super::place::{self, Named};
use super::pointer::Pointer;
use super::{Failure, input, on_runtime, say, say_line, something, tell};
use bytes::Bytes;
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use dovetail_client::{Api, Heads, On, Patch, Stored};
use dovetail_core::dashboard::first_dashboard;
use dovetail_core::id::DocumentId;
use dovetail_core::json;

pub(super) const ID: &str = "id";
pub(super) const POINTER: &str = "pointer";
const FILE: &str = "file";
const KIND: &str = "kind";
const LIMIT: &str = "limit";
const TITLE: &str = "title";
const WITH_HEADS: &str = "with-heads";
const BASE: &str = "base";
const IF_MATCH: &str = "if-match";
const MERGE: &str = "merge";

/// What `--base` takes for: whatever is there.
const NOW: &str = "now";

const BASE_HELP: &str = "The heads that the change is made on, as `get --with-heads` prints them: what others wrote since stays. \
     `now` makes it on whatever is there";
const IF_MATCH_HELP: &str = "The same, and nothing is written when others wrote since";

pub(super) fn ls_command() -> Command {
    let kind = Arg::new(KIND).long(KIND).value_name("KIND").help("Only those of this kind, as in dashboard");
    let limit = Arg::new(LIMIT).long(LIMIT).value_name("N").value_parser(clap::value_parser!(u64).range(1..));
    Command::new("ls")
        .about("Lists the documents that you may see: a JSON object on each line")
        .arg(kind)
        .arg(limit.help("So many at most"))
        .args(place::server_arguments())
}

pub(super) fn get_command() -> Command {
    let with_heads = Arg::new(WITH_HEADS).long(WITH_HEADS).action(ArgAction::SetTrue);
    Command::new("get")
        .about("Prints a document, or what stands at one place of it, as JSON on one line")
        .arg(id())
        .arg(pointer())
        .arg(with_heads.help("Prints {\"heads\": […], \"document\": …}: what --base of `put` and `patch` takes, and the content"))
        .args(place::server_arguments())
}

pub(super) fn create_command() -> Command {
    let file = file("A JSON object that becomes the content, or - for standard input");
    let title =
        Arg::new(TITLE).long(TITLE).value_name("TITLE").help("Makes an empty dashboard of this name instead");
    Command::new("create")
        .about("Makes a document and prints its id, its automerge: URL and its heads as JSON")
        .arg(file.required(false))
        .arg(title)
        .group(ArgGroup::new("content").args([FILE, TITLE]).required(true))
        .args(place::server_arguments())
}

pub(super) fn put_command() -> Command {
    Command::new("put")
        .about("Says what all of a document is to be: what differs from the state that FILE was made from is changed")
        .arg(id())
        .arg(file("The whole content as JSON, or - for standard input"))
        .arg(base())
        .arg(if_match())
        .group(ArgGroup::new("read").args([BASE, IF_MATCH]).required(true))
        .args(place::server_arguments())
}

pub(super) fn patch_command() -> Command {
    let merge = Arg::new(MERGE).long(MERGE).action(ArgAction::SetTrue);
    Command::new("patch")
        .about("Changes some of a document by a JSON Patch (RFC 6902): all of it or nothing")
        .arg(id())
        .arg(file("The patch, or - for standard input"))
        .arg(merge.help("FILE is a merge patch (RFC 7396): an object with the members as they are to be"))
        .arg(base().default_value(NOW))
        .arg(if_match())
        .args(place::server_arguments())
}

/// A document's id, as the first argument.
pub(super) fn id() -> Arg {
    let read = |text: &str| text.parse::<DocumentId>();
    Arg::new(ID)
        .value_name("ID")
        .required(true)
        .value_parser(ValueParser::new(read))
        .help("The document's id, or its automerge: URL")
}

/// A place in it.
pub(super) fn pointer() -> Arg {
    let read = |text: &str| text.parse::<Pointer>();
    Arg::new(POINTER)
        .value_name("POINTER")
        .value_parser(ValueParser::new(read))
        .help("A place in it (RFC 6901), as in /widgets/cpu/title")
}

pub(super) fn id_of(matches: &ArgMatches) -> &DocumentId {
    matches.get_one(ID).expect("clap requires it")
}

fn file(help: &'static str) -> Arg {
    Arg::new(FILE).value_name("FILE").required(true).help(help)
}

fn base() -> Arg {
    let read = |text: &str| match text {
        NOW => Ok(On::Present),
        heads => heads.parse::<Heads>().map(On::Base),
    };
    let arg = Arg::new(BASE).long(BASE).value_name("HEADS").value_parser(ValueParser::new(read));
    arg.help(BASE_HELP)
}

fn if_match() -> Arg {
    let read = |text: &str| text.parse::<Heads>().map(On::Unchanged);
    let arg = Arg::new(IF_MATCH).long(IF_MATCH).value_name("HEADS").value_parser(ValueParser::new(read));
    arg.conflicts_with(BASE).help(IF_MATCH_HELP)
}

/// `dovetail ls`
pub(super) fn ls(matches: &ArgMatches) -> Result<(), Failure> {
    let api = Named::of(matches).api()?;
    let kind = matches.get_one::<String>(KIND);
    let limit = matches.get_one::<u64>(LIMIT).copied().unwrap_or(u64::MAX);
    on_runtime(listed(&api, kind.map(String::as_str), limit))
}

async fn listed(api: &Api, kind: Option<&str>, limit: u64) -> Result<(), Failure> {
    let (mut left, mut next) = (limit, None);
    loop {
        let page = api.page(next.as_deref()).await?;
        for document in page.documents {
            if kind.is_some_and(|kind| document.kind.as_deref() != Some(kind)) {
                continue;
            }
            left -= 1;
            if say(&document)?.is_break() || left == 0 {
                return Ok(());
            }
        }
        next = page.next;
        if next.is_none() {
            return Ok(());
        }
    }
}

/// `dovetail get`
pub(super) fn get(matches: &ArgMatches) -> Result<(), Failure> {
    let api = Named::of(matches).api()?;
    let id = id_of(matches);
    let shown = on_runtime(async { Ok(api.get(id).await?) })?;
    // As the server wrote it: a number that is read and written again may be another one.
    let all = || String::from_utf8_lossy(shown.json.trim_ascii_end()).into_owned();
    let content = match matches.get_one::<Pointer>(POINTER) {
        None => all(),
        Some(pointer) => pointer
            .find(&shown.json)
            .map_err(|error| Failure::Failed(format!("what came is no JSON: {error}")))?
            .ok_or_else(|| Failure::Failed(format!("there is nothing at {pointer} in {id}")))?,
    };
    let line = match matches.get_flag(WITH_HEADS) {
        true => format!("{{\"heads\":{},\"document\":{content}}}", super::json(&shown.heads)),
        false => content,
    };
    say_line(&line).map(drop)
}

/// `dovetail create`
pub(super) fn create(matches: &ArgMatches) -> Result<(), Failure> {
    let api = Named::of(matches).api()?;
    let content = match matches.get_one::<String>(TITLE) {
        Some(title) => empty_dashboard(title),
        None => something(given(matches)?)?,
    };
    let stored = on_runtime(async { Ok(api.create(content).await?) })?;
    say(&stored).map(drop)
}

fn empty_dashboard(title: &str) -> Bytes {
    let mut content = json::read(&first_dashboard(), None);
    content["title"] = title.into();
    content.to_string().into()
}

/// `dovetail put`
pub(super) fn put(matches: &ArgMatches) -> Result<(), Failure> {
    write(matches, async |api, id, on, content| api.put(id, on, content).await)
}

/// `dovetail patch`
pub(super) fn patch(matches: &ArgMatches) -> Result<(), Failure> {
    let kind = if matches.get_flag(MERGE) { Patch::Merge } else { Patch::Json };
    write(matches, async |api, id, on, patch| api.patch(id, on, kind(patch)).await)
}

fn write(
    matches: &ArgMatches,
    send: impl AsyncFnOnce(&Api, &DocumentId, &On, Bytes) -> Result<Stored, dovetail_client::ApiError>,
) -> Result<(), Failure> {
    let api = Named::of(matches).api()?;
    // `--base` may be there by default.
    let on = matches.get_one::<On>(IF_MATCH).or_else(|| matches.get_one(BASE)).expect("clap requires one");
    let body = given(matches)?;
    let stored = on_runtime(async { Ok(send(&api, id_of(matches), on, body).await?) })?;
    if let lost @ 1.. = stored.lost_count() {
        tell(format_args!("{lost} values did not win over what others wrote since; `lost` names them"));
    }
    say(&stored).map(drop)
}

fn given(matches: &ArgMatches) -> Result<Bytes, Failure> {
    input(matches.get_one::<String>(FILE).expect("clap requires it"))
}
