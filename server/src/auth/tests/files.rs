//! Keys in files: which are taken, and how they are changed.

use super::*;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn settings_of(directory: &TempDir, text: &str) -> (PathBuf, AuthSettings) {
    let file = directory.path().join("key");
    std::fs::write(&file, text).unwrap();
    (file.clone(), AuthSettings { jwt_public_key_file: vec![file], ..settings() })
}

/// In the place of the file, as `mv` and Kubernetes do it.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// AU32: a key that is weak, secret or none is refused at the start, with words that help.
#[test]
fn au32_bad_keys_are_refused_at_the_start() {
    let directory = TempDir::new().unwrap();
    let pkcs1 = "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n";
    let cases = [
        (RSA_1024_PUBLIC, "1024 bits"),
        (RSA, "private key"),
        (EC, "private key"),
        (EC_K1_PUBLIC, "kind that is not used"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no public key in PEM"),
        (pkcs1, "no public key in PEM"),
        ("garbage", "no public key in PEM"),
        ("", "no key in it"),
        (&RSA_PUBLIC.repeat(9), "more than 8"),
        (&"x".repeat(65 * 1024), "no text of at most 64 KiB"),
    ];
    for (text, expected) in cases {
        let (_, settings) = settings_of(&directory, text);
        let error = explained(&Authenticator::open(&settings, clock()).unwrap_err());
        assert!(error.contains(expected), "{text:.40} gave {error}");
        assert!(error.contains("key: "), "the file is named in {error}");
    }
    let (file, settings) = settings_of(&directory, RSA_PUBLIC);
    std::fs::remove_file(&file).unwrap();
    assert!(explained(&Authenticator::open(&settings, clock()).unwrap_err()).contains("cannot be read"));

    let (file, _) = settings_of(&directory, "short");
    let settings = AuthSettings { jwt_secret_file: Some(file), ..super::settings() };
    assert!(explained(&Authenticator::open(&settings, clock()).unwrap_err()).contains("32 bytes at least"));
}

/// AU31: a key is changed by putting another file in its place. Within a second nobody looks.
#[tokio::test]
async fn au31_keys_change_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let (file, settings) = settings_of(&directory, RSA_PUBLIC);
    let clock = clock();
    let authenticator = Authenticator::open(&settings, clock.clone()).unwrap();
    let (before, after) = (rs(RSA, None, &good()), rs(RSA_OTHER, None, &good()));
    let answers = async || (refusal(&authenticator, &before).await, refusal(&authenticator, &after).await);
    assert_eq!(answers().await, ("taken", "token_bad_signature"));

    replace(&file, &format!("the old one\n{RSA_PUBLIC}\nand the new one\n{RSA_OTHER_PUBLIC}"));
    assert_eq!(answers().await, ("taken", "token_bad_signature"));
    clock.advance(Duration::from_secs(1));
    assert_eq!(answers().await, ("taken", "taken"));

    replace(&file, RSA_OTHER_PUBLIC);
    clock.advance(Duration::from_secs(1));
    assert_eq!(answers().await, ("token_bad_signature", "taken"));
}

/// AU31: a file that is gone, or holds no keys, leaves those before in use, until it holds some again.
#[tokio::test]
async fn au31_a_broken_file_keeps_the_keys_before() {
    let directory = TempDir::new().unwrap();
    let (file, settings) = settings_of(&directory, RSA_PUBLIC);
    let clock = clock();
    let authenticator = Authenticator::open(&settings, clock.clone()).unwrap();
    let (before, after) = (rs(RSA, None, &good()), rs(RSA_OTHER, None, &good()));
    for broken in [Some("garbage"), Some(RSA_1024_PUBLIC), Some(""), None, Some(RSA)] {
        match broken {
            Some(text) => replace(&file, text),
            None => std::fs::remove_file(&file).unwrap(),
        }
        clock.advance(Duration::from_secs(1));
        assert_eq!(refusal(&authenticator, &before).await, "taken", "{broken:?}");
    }
    replace(&file, RSA_OTHER_PUBLIC);
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &before).await, "token_bad_signature");
    assert_eq!(refusal(&authenticator, &after).await, "taken");
}

/// As old as it was before: some copy files with their times.
fn set_modified(file: &Path, modified: std::time::SystemTime) {
    std::fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
}

/// AU31: a file in the place of another one is noticed also when it is as old and as large.
#[tokio::test]
async fn au31_a_file_as_old_and_as_large_is_noticed() {
    let directory = TempDir::new().unwrap();
    let (file, settings) = settings_of(&directory, RSA_PUBLIC);
    let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
    let clock = clock();
    let authenticator = Authenticator::open(&settings, clock.clone()).unwrap();
    assert_eq!(RSA_PUBLIC.len(), RSA_OTHER_PUBLIC.len());
    let new = file.with_extension("new");
    std::fs::write(&new, RSA_OTHER_PUBLIC).unwrap();
    set_modified(&new, modified);
    std::fs::rename(&new, &file).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &rs(RSA, None, &good())).await, "token_bad_signature");
    assert_eq!(refusal(&authenticator, &rs(RSA_OTHER, None, &good())).await, "taken");
}

/// AU31: a file that could not be read once is read at the next look, though nothing about it has changed since.
#[tokio::test]
async fn au31_what_could_not_be_read_is_tried_again() {
    let directory = TempDir::new().unwrap();
    let (file, settings) = settings_of(&directory, RSA_PUBLIC);
    let clock = clock();
    let authenticator = Authenticator::open(&settings, clock.clone()).unwrap();
    // Half of a file, and then all of it with the stamp that the half had.
    std::fs::write(&file, "x".repeat(RSA_OTHER_PUBLIC.len())).unwrap();
    let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &rs(RSA, None, &good())).await, "taken", "of the keys before");
    std::fs::write(&file, RSA_OTHER_PUBLIC).unwrap();
    set_modified(&file, modified);
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &rs(RSA, None, &good())).await, "token_bad_signature");
}

/// AU31: files together have eight keys at most, at the start and later: one that brings more changes nothing.
#[tokio::test]
async fn au31_there_are_eight_keys_in_all() {
    let directory = TempDir::new().unwrap();
    let (file, settings) = settings_of(&directory, RSA_PUBLIC);
    let other = directory.path().join("other");
    std::fs::write(&other, RSA_PUBLIC.repeat(4)).unwrap();
    let settings = AuthSettings { jwt_public_key_file: vec![file.clone(), other.clone()], ..settings };
    let clock = clock();
    let authenticator = Authenticator::open(&settings, clock.clone()).unwrap();
    let new = rs(RSA_OTHER, None, &good());
    replace(&file, &RSA_OTHER_PUBLIC.repeat(5));
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &new).await, "token_bad_signature", "five and four are too many");
    replace(&other, &RSA_PUBLIC.repeat(3));
    clock.advance(Duration::from_secs(2));
    assert_eq!(refusal(&authenticator, &rs(RSA, None, &good())).await, "taken");
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &new).await, "taken", "and now there is room");
}

/// AU31: a file of secrets has one a line, and each is good.
#[tokio::test]
async fn au31_secrets_stand_in_lines() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("secrets");
    std::fs::write(&file, format!("{}\n\n{SECRET}\r\n", "n".repeat(40))).unwrap();
    let settings = AuthSettings { jwt_secret_file: Some(file.clone()), ..settings() };
    let clock = clock();
    let authenticator = Authenticator::open(&settings, clock.clone()).unwrap();
    assert_eq!(refusal(&authenticator, &hs(&good())).await, "taken");
    std::fs::write(&file, "n".repeat(40)).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&authenticator, &hs(&good())).await, "token_bad_signature");
}

/// As the command line tells it: an error and its causes.
fn explained(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
