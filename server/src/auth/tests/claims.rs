//! Tables of claims.

use super::*;
use std::time::Duration;

/// AU23, AU24, AU25, AU26, AU27: every claim that decides something, and what is said when it cannot be used.
#[tokio::test]
async fn au23_to_au27_claims_that_refuse_a_token() {
    let secret = open(&with_secret());
    let cases = [
        // AU23: when
        (json!({"exp": NOW - 29}), "taken"), // within the leeway of 30 s
        (json!({"exp": NOW - 30}), "token_expired"),
        (json!({"exp": NOW - 30 + 1}), "taken"),
        (json!({"exp": 0}), "token_expired"),
        (json!({"exp": 1.0e300}), "taken"),
        (json!({"exp": null}), "token_bad_claims"),
        (json!({"exp": -1}), "token_bad_claims"),
        (json!({"exp": "tomorrow"}), "token_bad_claims"),
        (json!({"exp": (NOW + 60).to_string()}), "token_bad_claims"),
        (json!({"exp": [NOW + 60]}), "token_bad_claims"),
        (json!({"nbf": NOW + 30}), "taken"),
        (json!({"nbf": NOW + 31}), "token_not_yet_valid"),
        (json!({"nbf": 1.0e300}), "token_not_yet_valid"),
        (json!({"nbf": "x"}), "token_bad_claims"),
        (json!({"exp": NOW - 31, "nbf": NOW + 31}), "token_expired"),
        // AU24: for whom, and by whom
        (json!({"aud": null}), "token_bad_claims"),
        (json!({"aud": "other"}), "token_wrong_audience"),
        (json!({"aud": "Dovetail"}), "token_wrong_audience"),
        (json!({"aud": []}), "token_wrong_audience"),
        (json!({"aud": ["other", "dovetail"]}), "taken"),
        (json!({"aud": [["dovetail"]]}), "token_wrong_audience"),
        (json!({"aud": {"dovetail": 1}}), "token_wrong_audience"),
        (json!({"iss": null}), "token_bad_claims"),
        (json!({"iss": "https://issuer.example/"}), "token_wrong_issuer"),
        (json!({"iss": ["https://issuer.example"]}), "token_wrong_issuer"),
        // AU25: who
        (json!({"sub": null}), "token_bad_claims"),
        (json!({"sub": ""}), "token_bad_claims"),
        (json!({"sub": 7}), "token_bad_claims"),
        (json!({"sub": "s".repeat(256)}), "taken"),
        (json!({"sub": "s".repeat(257)}), "token_bad_claims"),
        (json!({"sub": "ana\nlevel=error msg=gone"}), "token_bad_claims"),
        (json!({"sub": "ana\u{0}"}), "token_bad_claims"),
        (json!({"sub": "ana\u{2028}x"}), "token_bad_claims"),
        (json!({"sub": "local"}), "token_bad_claims"),
        (json!({"sub": "dovetail"}), "token_bad_claims"),
        (json!({"sub": "link:3fa0"}), "token_bad_claims"),
        (json!({"sub": "dovetail-team"}), "taken"),
        // AU26: what is only told refuses nobody
        (json!({"name": 7, "groups": {"a": 1}}), "taken"),
        (json!({"groups": "x".repeat(300)}), "taken"),
        // AU27: limits that cannot be read
        (json!({"dovetail_scope": [{"role": "read"}]}), "taken"),
        (json!({"dovetail_scope": "read"}), "token_bad_claims"),
        (json!({"dovetail_scope": [{"role": "reed"}]}), "token_bad_claims"),
        (json!({"dovetail_scope": [{"role": "write", "path": ["/a"]}]}), "token_bad_claims"),
    ];
    for (changes, expected) in cases {
        assert_eq!(refusal(&secret, &hs(&good_but(&changes))).await, expected, "{changes}");
    }
    let null =
        written(r#"{"alg":"HS256"}"#, &good().to_string().replacen('{', r#"{"dovetail_scope":null,"#, 1));
    assert_eq!(refusal(&secret, &null).await, "token_bad_claims", "limits that are null are not none");
}

/// AU23: which claim cannot be used is said.
#[tokio::test]
async fn au23_a_bad_claim_is_named() {
    let secret = open(&with_secret());
    for claim in ["exp", "aud", "iss", "sub"] {
        let error = secret.identify(&hs(&good_but(&json!({claim: null})))).await.unwrap_err();
        assert!(error.to_string().contains(&format!("the claim {claim} ")), "{error}");
    }
}

/// AU23: the server's clock decides, and what a token made of somebody ends with it.
#[tokio::test]
async fn au23_a_token_ends_by_the_servers_clock() {
    let clock = clock();
    let secret = Authenticator::open(&with_secret(), clock.clone()).unwrap();
    let token = hs(&good());
    let identity = secret.identify(&token).await.unwrap();
    assert_eq!(identity.until, Some(Timestamp::from_millis((NOW + 90) * 1000)));
    clock.advance(Duration::from_secs(89));
    assert!(!identity.is_over(clock.now()));
    assert_eq!(refusal(&secret, &token).await, "taken");
    clock.advance(Duration::from_secs(1));
    assert!(identity.is_over(clock.now()));
    assert_eq!(refusal(&secret, &token).await, "token_expired");
}

/// AU26: the name is cut between letters and breaks no line.
#[tokio::test]
async fn au26_a_name_is_short_and_on_one_line() {
    let secret = open(&with_secret());
    let long = "ä".repeat(150);
    let cases = [
        (json!("Ana"), Some("Ana")),
        (json!("A\nna\u{7}"), Some("Ana")),
        (json!(""), None),
        (json!("\n"), None),
        (json!(7), None),
        (json!(long), Some(&long[..200])),
        (json!(format!("a{long}")), None),
    ];
    for (name, expected) in cases {
        let identity = secret.identify(&hs(&good_but(&json!({"name": name})))).await.unwrap();
        match (expected, name.as_str().map(str::len)) {
            (None, Some(301)) => assert_eq!(identity.name.as_ref().unwrap().len(), 199),
            _ => assert_eq!(identity.name.as_deref(), expected, "{name}"),
        }
    }
}

/// AU26: groups come from the claim that is configured; those that no grant can name are none.
#[tokio::test]
async fn au26_groups_come_from_the_configured_claim() {
    let many: Vec<String> = (0..300).map(|n| format!("g{n:03}")).collect();
    let cases = [
        ("groups", json!({"groups": ["ops", "dev"]}), vec!["dev", "ops"]),
        ("groups", json!({"groups": "ops"}), vec!["ops"]),
        ("groups", json!({"groups": ["ops", 7, null, "", "a\nb", ["x"], "ops"]}), vec!["ops"]),
        ("groups", json!({"roles": ["ops"]}), vec![]),
        ("realm_access.roles", json!({"realm_access": {"roles": ["ops"]}}), vec!["ops"]),
        ("realm_access.roles", json!({"realm_access": ["ops"]}), vec![]),
        ("https://a.example/groups", json!({"https://a.example/groups": ["ops"]}), vec!["ops"]),
        ("groups", json!({"groups": many}), many[..256].iter().map(String::as_str).collect()),
    ];
    for (claim, changes, expected) in cases {
        let settings = AuthSettings { jwt_groups_claim: Some(claim.to_owned()), ..with_secret() };
        // 300 groups fit into a token of 8 KiB.
        let identity = open(&settings).identify(&hs(&good_but(&changes))).await.unwrap();
        let groups: Vec<&str> = identity.groups.iter().map(|group| &**group).collect();
        assert_eq!(groups, expected, "{claim}");
    }
}

/// AU26: who administers the server and who makes documents is said by groups.
#[tokio::test]
async fn au26_groups_make_administrators_and_creators() {
    let nobody: Vec<String> = Vec::new();
    let ops = || vec!["ops".to_owned()];
    let cases = [
        (nobody.clone(), nobody.clone(), json!(["ops"]), (false, true)),
        (ops(), nobody.clone(), json!(["ops"]), (true, true)),
        (ops(), nobody.clone(), json!(["dev"]), (false, true)),
        (ops(), nobody, json!(null), (false, true)),
        (ops(), ops(), json!(["dev"]), (false, false)),
        (vec!["root".to_owned()], ops(), json!(["ops"]), (false, true)),
    ];
    for (admin_groups, creator_groups, groups, expected) in cases {
        let settings = AuthSettings { admin_groups, creator_groups, ..with_secret() };
        let identity = open(&settings).identify(&hs(&good_but(&json!({"groups": groups})))).await.unwrap();
        assert_eq!((identity.is_server_admin, identity.may_create), expected, "{settings:?} {groups}");
    }
}

/// AU27: a token may be limited, and is good for nothing else then.
#[tokio::test]
async fn au27_a_token_may_be_limited() {
    let settings = AuthSettings { admin_groups: vec!["ops".to_owned()], ..with_secret() };
    let limited = json!({"groups": "ops", "dovetail_scope": [{"role": "write", "paths": ["/series"]}]});
    let identity = open(&settings).identify(&hs(&good_but(&limited))).await.unwrap();
    assert_eq!(identity.scope.as_ref().unwrap().len(), 1);
    assert!(identity.permit_server().is_none(), "a limited token administers nothing");
    let none = open(&settings).identify(&hs(&good_but(&json!({"dovetail_scope": []})))).await.unwrap();
    assert_eq!(none.scope.as_ref().unwrap().len(), 0, "limited to nothing is not unlimited");
}
