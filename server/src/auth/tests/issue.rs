//! Tokens that are made here.

use super::*;
use std::time::Duration;

fn ana() -> NewToken {
    NewToken {
        subject: "ana".to_owned(),
        name: Some("Ana".to_owned()),
        groups: vec!["ops".to_owned()],
        holds_for: Duration::from_secs(60),
        scope: Some(json!([{"role": "write", "paths": [{"path": "/series", "may": "append"}]}])),
    }
}

/// AU41: what is made here is taken here, whatever the claim of groups is called.
#[tokio::test]
async fn au41_a_token_that_is_made_here_is_good_here() {
    for claim in ["groups", "realm_access.roles"] {
        let settings = AuthSettings { jwt_groups_claim: Some(claim.to_owned()), ..with_secret() };
        let token = issue(&settings, &ana(), clock().now()).unwrap();
        let identity = open(&settings).identify(&token).await.unwrap();
        assert_eq!((identity.subject.as_str(), identity.name.as_deref()), ("ana", Some("Ana")));
        assert!(identity.groups.contains("ops") && identity.scope.is_some());
        assert_eq!(identity.until, Some(Timestamp::from_millis((NOW + 90) * 1000)));
    }
}

/// AU41: what would be refused is not made.
#[test]
fn au41_what_would_be_refused_is_not_made() {
    let now = clock().now();
    let refused =
        |settings: &AuthSettings, new: NewToken| issue(settings, &new, now).unwrap_err().to_string();
    assert!(refused(&settings(), ana()).contains("--new-secret"));
    let local = NewToken { subject: "local".to_owned(), ..ana() };
    assert!(refused(&with_secret(), local).contains("subject"));
    let scope = NewToken { scope: Some(json!([{"role": "reed"}])), ..ana() };
    assert!(refused(&with_secret(), scope).contains("/0/role"));
    let groups = (0..TOKEN_BYTES_MAX / 8).map(|number| format!("group{number}")).collect();
    assert!(refused(&with_secret(), NewToken { groups, ..ana() }).contains("8 KiB"));
}

/// AU41: a new secret is long enough, and another one each time.
#[test]
fn au41_new_secrets_are_good_ones() {
    let (one, other) = (new_secret(), new_secret());
    assert_ne!(one, other);
    assert!(Secret::for_signing(&one).is_ok());
}
