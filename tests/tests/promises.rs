//! Reads the table of promises in the README: whatever it names as a proof is there.
//!
//! Always true: every promise has a row with a test in it. A name with a `/` is a file or a folder; any other is a test, and the file
//! that it is in follows in brackets.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use std::fs;
use std::path::{Path, PathBuf};

/// P1 to P9.
const PROMISES: u32 = 9;

/// DO69: each promise has its row, and every file and test that a row names is there.
#[test]
fn do69_what_proves_a_promise_is_there() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let table = page.split("## What is promised").nth(1).unwrap().split("\n## ").next().unwrap();
    for n in 1..=PROMISES {
        let begin = format!("| **P{n}** ");
        let row =
            table.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("P{n} has no row"));
        let proofs = row.split(" | ").nth(1).unwrap();
        let tests = missing_in(proofs).unwrap_or_else(|what| panic!("P{n}: {what}"));
        assert!(tests > 0, "P{n} names no test or file of tests");
    }
    let rows = table.lines().filter(|line| line.starts_with("| **P")).count();
    assert_eq!(rows, PROMISES as usize, "each promise once");
}

/// DO69: what is not there is noticed, and what is no test.
#[test]
fn do69_what_is_not_there_is_noticed() {
    let here = "`tests/tests/promises.rs`";
    assert_eq!(missing_in(&format!("`do69_what_is_not_there_is_noticed` ({here}), {here}")), Ok(2));
    for bad in [
        "`tests/tests/no_such_file.rs`".to_owned(),
        format!("`do69_no_such_test` ({here})"),
        format!("`missing_in` ({here})"),
        "`do69_what_proves_a_promise_is_there`, somewhere".to_owned(),
        "`do69_what_proves_a_promise_is_there` (`tests/tests/samod.rs`)".to_owned(),
    ] {
        assert!(missing_in(&bad).is_err(), "{bad}");
    }
}

/// How many proofs there are, if all of them are.
fn missing_in(proofs: &str) -> Result<usize, String> {
    let spans: Vec<&str> = proofs.split('`').skip(1).step_by(2).collect();
    let mut count = 0;
    let mut at = 0;
    while let Some(name) = spans.get(at) {
        let is_path = |name: &str| name.contains('/');
        if is_path(name) {
            exists(name)?;
            at += 1;
        } else {
            let bracket = format!("`{name}` (`");
            let file = spans
                .get(at + 1)
                .filter(|file| is_path(file) && proofs.contains(&format!("{bracket}{file}`)")));
            has_test(file.ok_or(format!("{name} names no file that it is in"))?, name)?;
            at += 2;
        }
        count += 1;
    }
    Ok(count)
}

fn exists(path: &str) -> Result<(), String> {
    if root().join(path).exists() { Ok(()) } else { Err(format!("{path} is not there")) }
}

/// A function of that name, with an attribute that makes it a test.
fn has_test(file: &str, name: &str) -> Result<(), String> {
    exists(file)?;
    let source = fs::read_to_string(root().join(file)).map_err(|error| error.to_string())?;
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_it = |line: &&str| line.contains(&format!("fn {name}("));
    let at = lines.iter().position(is_it).ok_or(format!("{name} is not in {file}"))?;
    let attributes =
        lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let is_test = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    if attributes.into_iter().any(is_test) { Ok(()) } else { Err(format!("{name} in {file} is no test")) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
