//! Tables of requests.

use super::*;
use warp::http::Method;
use warp::http::header::{HeaderMap, HeaderName, HeaderValue};

/// Headers, as a table writes them.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Headers, a query, and what they present.
type Case<'a> = (Pairs<'a>, Option<&'a str>, &'a str);

/// A method, headers, and what they present.
type CookieCase<'a> = (Method, Pairs<'a>, &'a str);

fn headers(of: Pairs<'_>) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut all = HeaderMap::new();
    for (name, value) in of.iter().map(header) {
        all.append(name, value);
    }
    all
}

fn read(method: &Method, of: Pairs<'_>, query: Option<&str>) -> Result<Credentials, CredentialsError> {
    let origins = "https://app.example.com".parse().unwrap();
    Credentials::read(Parts { method, headers: &headers(of), query }, Some("dvt"), &origins)
}

/// What is presented, or the code of why not.
fn shown(read: Result<Credentials, CredentialsError>) -> String {
    let text = |secret: Option<Secret>| secret.map_or("-".to_owned(), |secret| secret.expose().to_owned());
    match read {
        Ok(presented) => format!("{} {}", text(presented.token), text(presented.link)),
        Err(error) => error.code().to_owned(),
    }
}

/// AU36: a token and a link have their places, and what stands twice is the same.
#[test]
fn au36_what_a_request_presents() {
    let protocols = "sec-websocket-protocol";
    let cases: &[Case<'_>] = &[
        (&[], None, "- -"),
        (&[("authorization", "Bearer a.b.c")], None, "a.b.c -"),
        (&[("authorization", "bearer   a.b.c ")], None, "a.b.c -"),
        (&[("authorization", "Basic YTpi")], None, "- -"),
        (&[("authorization", "Bearer")], None, "- -"),
        (&[("authorization", "Bearer ä")], None, "token_malformed"),
        (&[(protocols, "automerge-repo.v1, dovetail.token.a.b.c")], None, "a.b.c -"),
        (
            &[(protocols, "automerge-repo.v1"), (protocols, "dovetail.token.a.b.c,dovetail.link.dvl_x")],
            None,
            "a.b.c dvl_x",
        ),
        (&[], Some("token=a.b.c"), "a.b.c -"),
        (&[], Some("x=1&token=a%2Eb.c&y"), "a.b.c -"),
        (&[], Some("%74oken=a.b.c"), "a.b.c -"),
        (&[], Some("token=a%2"), "token_malformed"),
        (&[], Some("token=a%+1"), "token_malformed"),
        (&[], Some("token=%ff"), "token_malformed"),
        (&[], Some("token=&token"), "- -"),
        (&[], Some("tokens=a"), "- -"),
        (&[], Some("token=dvl_x"), "dvl_x -"),
        (&[], Some("link=dvl_x"), "- dvl_x"),
        (&[("dovetail-link", "dvl_x")], Some("token=t"), "t dvl_x"),
        (&[("cookie", "a=b; dvt=t; c=d")], None, "t -"),
        (&[("cookie", "a=b"), ("cookie", "dvt=\"t\"")], None, "t -"),
        (&[("cookie", "other=t")], None, "- -"),
        // The same again is one.
        (
            &[("authorization", "Bearer t"), ("cookie", "dvt=t"), (protocols, "dovetail.token.t")],
            Some("token=t"),
            "t -",
        ),
        (&[("dovetail-link", "dvl_x")], Some("link=dvl_x"), "- dvl_x"),
        // Two are none.
        (&[("authorization", "Bearer t")], Some("token=u"), "token_ambiguous"),
        (&[("authorization", "Bearer t"), ("authorization", "Bearer u")], None, "token_ambiguous"),
        (&[("authorization", "Bearer t"), ("cookie", "dvt=u")], None, "token_ambiguous"),
        (&[(protocols, "dovetail.token.t, dovetail.token.u")], None, "token_ambiguous"),
        (&[("cookie", "dvt=t; dvt=u")], None, "token_ambiguous"),
        (&[], Some("token=t&token=u"), "token_ambiguous"),
        (&[("dovetail-link", "dvl_x")], Some("link=dvl_y"), "token_ambiguous"),
    ];
    for (of, query, expected) in cases {
        assert_eq!(shown(read(&Method::GET, of, *query)), *expected, "{of:?} {query:?}");
    }
}

/// AU37: a cookie counts when a page of ours sent it.
#[test]
fn au37_cookies_of_foreign_pages_do_not_count() {
    let cookie = ("cookie", "dvt=t");
    let host = ("host", "dovetail.example");
    let upgrade = ("upgrade", "websocket");
    let own = ("origin", "https://dovetail.example");
    let allowed = ("origin", "https://app.example.com");
    let foreign = ("origin", "https://evil.example");
    let sandbox = ("origin", "null");
    let bearer = ("authorization", "Bearer u");
    let same = ("authorization", "Bearer t");
    let cases: &[CookieCase<'_>] = &[
        (Method::GET, &[cookie, host], "t -"),
        (Method::HEAD, &[cookie, host], "t -"),
        (Method::GET, &[cookie, host, own], "t -"),
        (Method::GET, &[cookie, host, foreign], "- -"),
        (Method::POST, &[cookie, host, own], "t -"),
        (Method::POST, &[cookie, host, allowed], "t -"),
        (Method::POST, &[cookie, host, foreign], "- -"),
        (Method::POST, &[cookie, host, sandbox], "- -"),
        (Method::POST, &[cookie, host, own, foreign], "- -"),
        (Method::POST, &[cookie, host], "cookie_without_origin"),
        (Method::PUT, &[cookie, host], "cookie_without_origin"),
        (Method::DELETE, &[cookie], "cookie_without_origin"),
        (Method::GET, &[cookie, host, upgrade], "cookie_without_origin"),
        (Method::GET, &[cookie, host, upgrade, own], "t -"),
        (Method::GET, &[cookie, host, upgrade, allowed], "t -"),
        (Method::GET, &[cookie, host, upgrade, foreign], "- -"),
        // With a token the cookie is not needed, and where it does not count it contradicts nothing.
        (Method::POST, &[cookie, host, bearer], "u -"),
        (Method::POST, &[cookie, host, same], "t -"),
        (Method::POST, &[cookie, host, bearer, foreign], "u -"),
        (Method::POST, &[cookie, host, bearer, own], "token_ambiguous"),
    ];
    for (method, of, expected) in cases {
        assert_eq!(shown(read(method, of, None)), *expected, "{method} {of:?}");
    }
    // As long as no cookie has a name, none is looked at.
    let all = headers(&[cookie, host]);
    let parts = Parts { method: &Method::POST, headers: &all, query: None };
    assert_eq!(shown(Credentials::read(parts, None, &Origins::default())), "- -");
}

/// AU38: pages of the server's own host, and those that were named, may call.
#[test]
fn au38_which_origins_may_call() {
    let origins: Origins =
        "https://app.example.com, http://dev.example:8080,HTTPS://Big.example:443".parse().unwrap();
    let cases = [
        ("https://app.example.com", None, true),
        ("https://APP.example.com:443", None, true),
        ("http://app.example.com", None, false),
        ("https://app.example.com:444", None, false),
        ("https://app.example.com.evil.example", None, false),
        ("https://evil.example/https://app.example.com", None, false),
        ("https://x@app.example.com", None, false),
        ("https://sub.app.example.com", None, false),
        ("http://dev.example:8080", None, true),
        ("http://dev.example", None, false),
        ("https://big.example", None, true),
        ("null", Some("null"), false),
        ("", Some(""), false),
        ("https://", Some(""), false),
        ("file://", Some("h"), false),
        ("http://127.0.0.1:3000", Some("127.0.0.1:3000"), true),
        ("http://127.0.0.1:3000", Some("127.0.0.1:3001"), false),
        ("http://[::1]:3000", Some("[::1]:3000"), true),
        ("https://own.example", Some("own.example"), true),
        ("https://own.example", Some("OWN.example:443"), true),
        ("https://own.example", Some("own.example:80"), false),
        ("https://own.example", Some("other.example"), false),
        ("https://own.example", None, false),
    ];
    for (origin, host, expected) in cases {
        let host = host.map(|host| HeaderValue::from_str(host).unwrap());
        let allowed = origins.allows(&HeaderValue::from_str(origin).unwrap(), host.as_ref());
        assert_eq!(allowed, expected, "{origin} at {host:?}");
    }
    assert!(!origins.allows(&HeaderValue::from_bytes(b"https://\xff").unwrap(), None));
    assert_eq!(origins.to_string().parse(), Ok(origins));
}

/// AU38: what is no origin is refused when it is configured.
#[test]
fn au38_only_origins_are_taken() {
    for bad in [
        "*",
        "https://*.example.com",
        "app.example.com",
        "https://a.example/",
        "https://a.example/x",
        "ftp://a",
        "null",
        "https://u@a",
    ] {
        assert!(bad.parse::<Origins>().is_err(), "{bad}");
    }
    assert_eq!("".parse(), Ok(Origins::default()));
    let many: Vec<String> = (0..65).map(|n| format!("https://a{n}.example")).collect();
    assert_eq!(many.join(",").parse::<Origins>(), Err(BadOrigins::TooMany));
}

/// AU39: a query without what nobody may see.
#[test]
fn au39_a_query_is_logged_without_secrets() {
    let cases = [
        ("", ""),
        ("a=1&b", "a=1&b"),
        ("token=t", "token=hidden"),
        ("a=1&token=t.t&link=dvl_x&b=2", "a=1&token=hidden&link=hidden&b=2"),
        ("%74oken=t", "%74oken=hidden"),
        ("%zz=t", "%zz=hidden"),
        ("token=t=u", "token=hidden"),
        ("tokens=t", "tokens=t"),
        ("token", "token"),
    ];
    for (query, expected) in cases {
        assert_eq!(without_token(query), expected);
    }
}

/// AU40: the protocol that is answered is one that was offered, and no token.
#[test]
fn au40_the_answered_protocol_is_no_token() {
    let ours = ["automerge-repo.v1", "other.v1"];
    let cases = [
        (vec!["automerge-repo.v1, dovetail.token.t"], Some("automerge-repo.v1")),
        (vec!["dovetail.token.t", "other.v1,automerge-repo.v1"], Some("automerge-repo.v1")),
        (vec!["dovetail.token.t, other.v1"], Some("other.v1")),
        (vec!["dovetail.token.t"], None),
        (vec!["automerge-repo.v2"], None),
        (vec![], None),
    ];
    for (offered, expected) in cases {
        let of: Vec<_> = offered.iter().map(|list| ("sec-websocket-protocol", *list)).collect();
        assert_eq!(protocol_to_answer(&headers(&of), &ours), expected, "{offered:?}");
    }
}

/// AU33: keys come by https, or from this machine.
#[test]
fn au33_addresses_of_keys_are_safe() {
    for good in
        ["https://a.example/keys", "http://127.0.0.1:9/k", "http://localhost/k", "http://[::1]:80/k?x=1"]
    {
        assert!(good.parse::<KeysUrl>().is_ok(), "{good}");
    }
    for bad in [
        "http://a.example/k",
        "http://127.0.0.1.evil.example/k",
        "http://localhost@a.example/",
        "ftp://a",
        "keys",
        "",
        "https://",
    ] {
        assert!(bad.parse::<KeysUrl>().is_err(), "{bad}");
    }
}
