//! Tokens that somebody made up.

use super::*;
use std::fmt::Write;
use tempfile::TempDir;

/// Trusts the public keys of RSA, P-256 and Ed25519, and no secret.
fn with_public_keys() -> (TempDir, Authenticator) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keys.pem");
    std::fs::write(&file, [RSA_PUBLIC, EC_PUBLIC, ED_PUBLIC].concat()).unwrap();
    let authenticator = open(&AuthSettings { jwt_public_key_file: vec![file], ..settings() });
    (directory, authenticator)
}

/// AU21: whoever has a token that is signed by a key of ours, for us and in time, is who it says.
#[tokio::test]
async fn au21_signed_tokens_of_every_algorithm_are_taken() {
    let (_directory, public) = with_public_keys();
    assert_eq!(subject(&open(&with_secret()), &hs(&good())).await, "ana");
    for token in [rs(RSA, None, &good()), rs(RSA, Some("whatever"), &good()), es(&good()), ed(&good())] {
        assert_eq!(subject(&public, &token).await, "ana");
    }
}

/// AU20: as long as there is no key, nobody is asked.
#[tokio::test]
async fn au20_without_a_key_everybody_is_local() {
    let off = open(&Config::built_in().auth);
    assert!(!off.is_on());
    assert_eq!(off.identify_credentials(&Credentials::default()).await.unwrap(), Identity::local());
    assert_eq!(off.identify("whatever").await.unwrap(), Identity::local());
    assert!(open(&with_secret()).is_on());
}

/// AU22: whatever is wrong with a signature, an algorithm or the name of a key, the answer is the same.
#[tokio::test]
async fn au22_one_answer_to_all_that_is_not_signed() {
    let (_directory, public) = with_public_keys();
    let secret = open(&with_secret());
    let unsigned = |alg: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
        format!("{header}.{}.", URL_SAFE_NO_PAD.encode(good().to_string()))
    };
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256", "HS1", "PS256", "ES256K"] {
        assert_eq!(refusal(&public, &unsigned(alg)).await, "token_bad_signature", "{alg}");
        assert_eq!(refusal(&secret, &unsigned(alg)).await, "token_bad_signature", "{alg}");
    }

    // The public key is known to all: it must not do as a secret, in whatever form.
    let key_of = |pem: &str| EncodingKey::from_secret(pem.as_bytes());
    let der = jsonwebtoken::DecodingKey::from_rsa_pem(RSA_PUBLIC.as_bytes()).unwrap();
    let keys = [
        key_of(RSA_PUBLIC),
        key_of(RSA_PUBLIC.trim()),
        key_of(EC_PUBLIC),
        EncodingKey::from_secret(der.try_get_as_bytes().unwrap()),
        EncodingKey::from_secret(b""),
    ];
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for key in &keys {
            let token = signed(&Header::new(algorithm), &good(), key);
            assert_eq!(refusal(&public, &token).await, "token_bad_signature");
            assert_eq!(refusal(&secret, &token).await, "token_bad_signature");
        }
    }

    // Good signatures by keys, or algorithms, that are not ours.
    let rsa = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    let shared = EncodingKey::from_secret(SECRET.as_bytes());
    for (authenticator, token) in [
        (&secret, rs(RSA, None, &good())),
        (&secret, es(&good())),
        (&public, hs(&good())),
        (&public, rs(RSA_OTHER, None, &good())),
        (&public, signed(&Header::new(Algorithm::RS512), &good(), &rsa)),
        (&public, signed(&Header::new(Algorithm::PS256), &good(), &rsa)),
        (&secret, signed(&Header::new(Algorithm::HS512), &good(), &shared)),
    ] {
        assert_eq!(refusal(authenticator, &token).await, "token_bad_signature");
    }
}

/// AU22: a changed byte in any part is noticed.
#[tokio::test]
async fn au22_a_changed_token_is_noticed() {
    let secret = open(&with_secret());
    let token = hs(&good());
    let other = hs(&good_but(&json!({"sub": "bo"})));
    let parts: Vec<&str> = token.split('.').collect();
    let mixed = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(refusal(&secret, &mixed).await, "token_bad_signature");
    let mut cut = token.clone();
    cut.pop();
    assert_eq!(refusal(&secret, &cut).await, "token_bad_signature");
}

/// AU22: a key that a token brings along, or an address of one, is not looked at.
#[tokio::test]
async fn au22_a_token_does_not_say_whom_to_believe() {
    let (_directory, public) = with_public_keys();
    let key = EncodingKey::from_rsa_pem(RSA_OTHER.as_bytes()).unwrap();
    let header = Header {
        jku: Some("http://127.0.0.1:1/keys".to_owned()),
        x5u: Some("http://127.0.0.1:1/cert".to_owned()),
        ..Header::new(Algorithm::RS256)
    };
    assert_eq!(refusal(&public, &signed(&header, &good(), &key)).await, "token_bad_signature");
}

/// AU28: what is no token is told so, and no more of it is read than it takes to see that.
#[tokio::test]
async fn au28_what_is_no_token_is_refused() {
    let secret = open(&with_secret());
    let hs256 = r#"{"alg":"HS256"}"#;
    let claims = good().to_string();
    let twice = claims.replacen('{', r#"{"sub":"root","#, 1);
    let cases = [
        (String::new(), "token_malformed"),
        (".".to_owned(), "token_malformed"),
        ("..".to_owned(), "token_malformed"),
        ("...".to_owned(), "token_malformed"),
        (format!("{}.x", hs(&good())), "token_malformed"),
        (format!(".{}", hs(&good())), "token_malformed"),
        (hs(&good()).replace('.', " "), "token_malformed"),
        ("ä.ö.ü".to_owned(), "token_malformed"),
        (written(hs256, "no JSON"), "token_malformed"),
        (written(hs256, "[]"), "token_malformed"),
        (written(hs256, &format!("{claims}{claims}")), "token_malformed"),
        (written(hs256, &twice), "token_malformed"),
        (written(r#"{"alg":"HS256","alg":"HS256"}"#, &claims), "token_malformed"),
        (written("{}", &claims), "token_malformed"),
        (written(r#"{"alg":7}"#, &claims), "token_malformed"),
        (written(r#"{"alg":"HS256","kid":7}"#, &claims), "token_malformed"),
        (written(r#"{"alg":"HS256","crit":["exp"]}"#, &claims), "token_malformed"),
        (written(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, &claims), "token_malformed"),
        (
            written(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(257)), &claims),
            "token_bad_signature",
        ),
        ("a".repeat(TOKEN_BYTES_MAX), "token_malformed"),
        ("a".repeat(TOKEN_BYTES_MAX + 1), "token_too_large"),
        (hs(&good_but(&json!({"more": "m".repeat(TOKEN_BYTES_MAX)}))), "token_too_large"),
        (written(hs256, &format!("{}{}", "[".repeat(2000), "]".repeat(2000))), "token_malformed"),
    ];
    for (token, expected) in cases {
        assert_eq!(refusal(&secret, &token).await, expected, "{} bytes: {token:.60}", token.len());
    }
    assert_eq!(
        refusal(&secret, &written(hs256, &claims)).await,
        "taken",
        "what the cases are made of is good"
    );
}

/// AU29: the secret of a link is no token that is checked here; it makes a holder of that link and nothing else.
#[tokio::test]
async fn au29_a_link_makes_its_holder() {
    let secret = open(&with_secret());
    let holder = secret.identify("dvl_abc").await.unwrap();
    assert_eq!(*holder, Identity::holder_of(LinkHash::of_secret("dvl_abc")));
    assert!(!holder.may_create && !holder.is_server_admin);
    assert_eq!(refusal(&secret, &format!("dvl_{}", "a".repeat(LINK_BYTES_MAX))).await, "token_too_large");
}

/// AU29: a link that comes along with a token is held besides; without a token its holder is nobody else.
#[tokio::test]
async fn au29_a_link_comes_along() {
    let secret = open(&with_secret());
    let present = |token: Option<&str>, link: Option<&str>| Credentials {
        token: token.map(Into::into),
        link: link.map(Into::into),
    };
    let token = hs(&good());
    let link = LinkHash::of_secret("dvl_abc");

    let both = secret.identify_credentials(&present(Some(&token), Some("dvl_abc"))).await.unwrap();
    assert_eq!((both.subject.as_str(), both.links.as_slice()), ("ana", [link].as_slice()));
    let alone = secret.identify_credentials(&present(None, Some("dvl_abc"))).await.unwrap();
    assert_eq!(*alone, Identity::holder_of(link));
    let same = secret.identify_credentials(&present(Some("dvl_abc"), Some("dvl_abc"))).await.unwrap();
    assert_eq!(same.links, [link]);
    for (presented, expected) in [
        (present(None, None), "token_missing"),
        (present(None, Some("no link")), "token_malformed"),
        (present(Some(&token), Some("no link")), "token_malformed"),
        (present(Some("a.b.c"), Some("dvl_abc")), "token_malformed"),
    ] {
        assert_eq!(secret.identify_credentials(&presented).await.unwrap_err().code(), expected);
    }
}

/// AU30: what nobody may see is in no `Debug` and in no error.
#[tokio::test]
async fn au30_nothing_shows_a_token_or_a_key() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("keys");
    std::fs::write(&file, RSA_PUBLIC).unwrap();
    let settings = AuthSettings {
        jwt_public_key_file: vec![file],
        jwks_url: Some("https://issuer.example/keys?apikey=hunter2".parse().unwrap()),
        ..with_secret()
    };
    let claims = good_but(&json!({"sub": "hunter2\n", "dovetail_scope": [{"hunter2": 1}]}));
    let token = hs(&claims);
    let secret = Key::of_secret(&SECRET.into());
    let presented = Credentials { token: Some(token.as_str().into()), link: Some("dvl_hunter2".into()) };
    let mut shown = format!("{settings:?} {presented:?} {secret:?} {:?}", Key::of_pem(RSA_PUBLIC).unwrap());
    let authenticator = open(&AuthSettings { jwks_url: None, ..settings });
    write!(shown, "{authenticator:?}").unwrap();
    for token in
        [&token, &hs(&good_but(&json!({"dovetail_scope": [{"hunter2": 1}]}))), "hunter2", "a.b.hunter2"]
    {
        let error = authenticator.identify(token).await.unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }
    for bad in ["hunter2 -----BEGIN PUBLIC KEY----- hunter2", RSA] {
        let error = Key::of_pem(bad).unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }
    let error = Secret::for_signing("hunter2").unwrap_err();
    write!(shown, "{error} {error:?}").unwrap();
    let key = RSA_PUBLIC.lines().nth(1).unwrap();
    for hidden in ["hunter2", SECRET, token.as_str(), key] {
        assert!(!shown.contains(hidden), "{hidden:?} is in {shown}");
    }
}

use crate::auth::keys::Key;
