//! `docs/HTTP.md`, done as it is written: its blocks go through one shell from top to bottom, against the
//! real binary, and what comes back is held to the page and to `docs/openapi.json`.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod likeness; // Whether an answer is as the page shows it.
mod openapi; // What the document says of a request and its answer.
mod page; // The page, cut into examples.
mod relay; // Between curl and the server: what was asked, and what was answered.
mod shell; // One shell for the whole page.

use dovetail_tests::live::Server;
use page::{Answer, Example};
use relay::{Exchange, Relay};
use shell::Shell;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../docs/HTTP.md");

/// Where the page says that the server is.
const ON_THE_PAGE: &str = "http://127.0.0.1:3000";

/// OA10: whoever pastes the page's blocks into a shell, one after the other, gets what the page shows; every
/// endpoint is among them.
#[tokio::test]
async fn oa10_the_page_shows_what_happens() {
    if !curl_is_there() {
        return;
    }
    let server = Server::start().await.unwrap();
    let relay = Relay::to(server.address()).await.unwrap();
    let mut shell = Shell::start().unwrap();
    let mut shown = BTreeSet::new();
    for example in page::examples(PAGE) {
        let script = example.script.replace(ON_THE_PAGE, &relay.url());
        let said = shell.run(&script).await.unwrap_or_else(|why| panic!("{}: {why}", example.place()));
        let exchanges = relay.taken().await;
        hold(&example, &said, &exchanges);
        let successes = exchanges.iter().filter(|exchange| exchange.status() < 400);
        shown.extend(successes.map(openapi::operation));
    }
    let documented = openapi::operations_with_examples();
    let missing: Vec<_> = documented.difference(&shown).collect();
    assert!(missing.is_empty(), "docs/HTTP.md has no example of {missing:?}");
}

/// OA11: every operation has a heading of its own on the page, and every such heading is of an operation.
#[test]
fn oa11_every_operation_has_a_heading() {
    let headings: BTreeSet<(String, String)> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')?.split_once(' '))
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(headings, openapi::operations());
}

/// What a block said and did, held to what the page shows below it.
fn hold(example: &Example, said: &str, exchanges: &[Exchange]) {
    let place = example.place();
    for exchange in exchanges {
        let faults = openapi::faults(exchange);
        assert!(faults.is_empty(), "{place}: {} {}: {faults:#?}", exchange.method, exchange.target);
    }
    let expected = example.answer.as_ref().and_then(Answer::status);
    for (index, exchange) in exchanges.iter().enumerate() {
        let is_last = index + 1 == exchanges.len();
        match expected {
            Some(status) if is_last => assert_eq!(exchange.status(), status, "{place}: {said}"),
            _ => assert!(exchange.status() < 400, "{place}: {} {said}", exchange.status()),
        }
    }
    if let Some(answer) = &example.answer {
        let faults = likeness::faults(answer, said);
        assert!(faults.is_empty(), "{place}: {faults:#?}\nthe answer was:\n{said}");
    }
}

/// Without curl there is nothing to paste. Where tests must not be passed over that is a failure.
fn curl_is_there() -> bool {
    let asked = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    let there = asked.is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("CI").is_none(), "curl is missing: docs/HTTP.md cannot be tried out");
    if !there {
        eprintln!("SKIPPED: curl is missing, so docs/HTTP.md was not tried out");
    }
    there
}
