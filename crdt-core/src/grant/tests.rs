//! Who may do what, as tables.

use super::*;
use crate::id::DocumentId;
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const NOON: Timestamp = Timestamp::from_millis(1_000_000);

fn document() -> DocumentId {
    DocumentId::from_bytes(&[7; 16]).unwrap()
}

fn person(name: &str) -> Identity {
    Identity::person(name.parse().unwrap())
}

fn access(value: &Value) -> Access {
    Access::read(value, &Access::default(), || LinkHash::of_secret("dvl_secret")).unwrap()
}

fn role(access: &Access, policy: &Policy, kind: &str, who: Identity) -> Role {
    access.grant(&document(), Some(kind), None, policy, &Arc::new(who), NOON).role()
}

/// AU2: owner, entries and administrators; nobody else, and the strongest right counts.
#[test]
fn au2_the_strongest_right_counts_and_nobody_has_one_by_default() {
    let ops = |mut who: Identity| {
        who.groups.insert("ops".into());
        who
    };
    let link = || Identity::holder_of(LinkHash::of_secret("dvl_secret"));
    let mut boss = person("boss");
    boss.is_server_admin = true;
    let nobody = Access::default();
    let none = Policy::default();
    let shared = access(&json!({"owner": "ana", "grants": [
        {"user": "bo", "role": "write"},
        {"user": "dee", "role": "admin", "until": 999_999},
        {"user": "dee", "role": "read", "until": 1_000_001},
        {"group": "ops", "role": "read"},
        {"link": "new", "role": "write"},
    ]}));
    let open = access(&json!({"owner": "ana", "grants": [{"everyone": true, "role": "read"}]}));
    let cases = [
        (&nobody, person("ana"), Role::None),
        (&nobody, boss, Role::Admin),
        (&nobody, (*Identity::local()).clone(), Role::Admin),
        (&shared, person("ana"), Role::Admin),
        (&shared, person("bo"), Role::Write),
        (&shared, ops(person("bo")), Role::Write),
        (&shared, ops(person("cleo")), Role::Read),
        (&shared, person("cleo"), Role::None),
        (&shared, person("dee"), Role::Read),
        (&shared, link(), Role::Write),
        (&shared, Identity::holder_of(LinkHash::of_secret("dvl_other")), Role::None),
        (&open, person("cleo"), Role::Read),
        (&open, link(), Role::None),
    ];
    for (access, who, expected) in cases {
        assert_eq!(role(access, &none, "dashboard", who.clone()), expected, "{who:?}");
    }
}

/// AU3: entries for a kind hold for documents of that kind, those for every kind for all, and neither makes an
/// administrator.
#[test]
fn au3_a_kind_has_entries_of_its_own() {
    let policy = Policy::read(&json!({
        "dashboard": [{"everyone": true, "role": "read"}],
        "*": [{"group": "ops", "role": "write"}],
    }));
    let policy = policy.unwrap();
    let mut ops = person("bo");
    ops.groups.insert("ops".into());
    let mine = access(&json!({"owner": "ana"}));
    assert_eq!(role(&mine, &policy, "dashboard", person("cleo")), Role::Read);
    assert_eq!(role(&mine, &policy, "widget-data", person("cleo")), Role::None);
    assert_eq!(role(&mine, &policy, "*", person("cleo")), Role::None, "no document is of every kind");
    assert_eq!(role(&mine, &policy, "widget-data", ops.clone()), Role::Write);
    assert_eq!(role(&mine, &policy, "dashboard", ops), Role::Write);
    let refused = Policy::read(&json!({"dashboard": [{"user": "bo", "role": "admin"}]})).unwrap_err();
    assert_eq!(refused.pointer, "/dashboard/0/role");
    // Also when somebody else wrote it.
    let entry = Entry { to: Grantee::Everyone, role: Role::Admin, limits: None, until: None };
    let forged = Policy { kinds: [("dashboard".to_owned(), vec![entry])].into(), ..Policy::default() };
    assert_eq!(role(&mine, &forged, "dashboard", person("cleo")), Role::Write);
}

/// AU4: a token's scope takes away and never gives.
#[test]
fn au4_a_scope_gives_nothing() {
    let limited = |scope: Value| {
        let mut who = person("ana");
        who.scope = Some(Scope::read_all(&scope).unwrap().into());
        who
    };
    let none = Policy::default();
    let mine = access(&json!({"owner": "ana"}));
    let others = access(&json!({"owner": "bo"}));
    let here = document().to_string();
    let elsewhere = DocumentId::from_bytes(&[8; 16]).unwrap().to_string();
    let cases = [
        (json!([{"role": "read"}]), Role::Read),
        (json!([{"doc": here, "role": "write"}]), Role::Write),
        (json!([{"doc": elsewhere, "role": "write"}]), Role::None),
        (json!([{"doc": elsewhere, "role": "admin"}, {"role": "read"}]), Role::Read),
        (json!([{"doc": here, "role": "admin", "paths": ["/series"]}]), Role::Write),
        (json!([]), Role::None),
    ];
    for (scope, expected) in cases {
        assert_eq!(role(&mine, &none, "x", limited(scope.clone())), expected, "{scope}");
        assert_eq!(role(&others, &none, "x", limited(scope)), Role::None);
    }
    let mut boss = limited(json!([{"role": "admin"}]));
    boss.is_server_admin = true;
    assert_eq!(boss.permit_server(), None, "a token for some documents is no key to the server");
    let who = Arc::new(limited(
        json!([{"doc": here, "role": "write", "paths": [{"path": "/series", "may": "append"}]}]),
    ));
    let grant = mine.grant(&document(), None, None, &none, &who, NOON);
    assert_eq!(grant.limits().unwrap().to_json(), json!([{"path": "/series", "may": "append"}]));
    assert_eq!(grant.permit_edit().unwrap().unlimited(), Err(Denied::Limited));
    assert_eq!(Grant::to_make(document(), &who, NOON).role(), Role::None, "nor does it make documents");
}

/// AU85: a document that follows gives what is given there, its owner and its kind included, but to see where that is limited to
/// places; nothing of what the followed one follows; and a token for one document is for that one.
#[test]
fn au85_what_is_given_there_is_given_here() {
    let elsewhere = DocumentId::from_bytes(&[8; 16]).unwrap();
    let mut here = access(&json!({"owner": "ana"}));
    here.follows = Some(elsewhere.clone());
    let policy = Policy::read(&json!({"board": [{"user": "eve", "role": "write"}]})).unwrap();
    let mut there = access(&json!({"owner": "cleo", "grants": [
        {"user": "bo", "role": "write", "until": 1_500_000}, {"user": "dee", "role": "write", "paths": ["/a"]},
    ]}));
    there.follows = Some(document());
    let kind = Some("board".to_owned());
    let followed = Followed { document: elsewhere.clone(), access: Arc::new(there), kind };
    let ask = |followed: Option<&Followed>, who: Identity| {
        here.grant(&document(), None, followed, &policy, &Arc::new(who), NOON)
    };
    let roles = [
        ("ana", Role::Admin),
        ("bo", Role::Write),
        ("cleo", Role::Admin),
        ("dee", Role::Read),
        ("eve", Role::Write),
        ("fay", Role::None),
    ];
    for (name, role) in roles {
        let grant = ask(Some(&followed), person(name));
        assert_eq!((grant.role(), grant.limits()), (role, None), "{name}");
    }
    assert_eq!(ask(Some(&followed), person("bo")).until(), Some(Timestamp::from_millis(1_500_000)));
    let another = Followed { document: document(), ..followed.clone() };
    assert_eq!(ask(Some(&another), person("bo")).role(), Role::None, "it follows another one");
    assert_eq!(ask(None, person("bo")).role(), Role::None);
    let mut scoped = person("bo");
    scoped.scope =
        Some(Scope::read_all(&json!([{"doc": elsewhere.to_string(), "role": "write"}])).unwrap().into());
    assert_eq!(ask(Some(&followed), scoped).role(), Role::None);
}

/// AU5: whose token is over has no right, and a right says when it is to be asked for again.
#[test]
fn au5_rights_end() {
    let none = Policy::default();
    let mut who = person("ana");
    who.until = Some(Timestamp::from_millis(2_000_000));
    let who = Arc::new(who);
    let mine =
        access(&json!({"owner": "ana", "grants": [{"user": "ana", "role": "read", "until": 1_500_000}]}));
    let grant = mine.grant(&document(), None, None, &none, &who, NOON);
    assert_eq!((grant.role(), grant.until()), (Role::Admin, Some(Timestamp::from_millis(1_500_000))));
    let over = mine.grant(&document(), None, None, &none, &who, Timestamp::from_millis(2_000_000));
    assert_eq!(over.role(), Role::None);
    assert_eq!(Grant::to_make(document(), &who, Timestamp::from_millis(2_000_000)).role(), Role::None);
}

/// AU6: without the right to see it nobody learns that a document exists; with it they learn what is missing.
#[test]
fn au6_permits_are_given_by_role() {
    let none = Policy::default();
    let shared = access(&json!({"owner": "ana", "grants": [
        {"user": "bo", "role": "write"}, {"user": "cleo", "role": "read"},
    ]}));
    let ask = |name: &str| {
        let grant = shared.grant(&document(), None, None, &none, &Arc::new(person(name)), NOON);
        (grant.permit_read().err(), grant.permit_edit().err(), grant.permit_admin().err())
    };
    let lacks = |has, needs| Some(Denied::Role { has, needs });
    assert_eq!(ask("ana"), (None, None, None));
    assert_eq!(ask("bo"), (None, None, lacks(Role::Write, Role::Admin)));
    assert_eq!(ask("cleo"), (None, lacks(Role::Read, Role::Write), lacks(Role::Read, Role::Admin)));
    assert_eq!(ask("dee"), (Some(Denied::Hidden), Some(Denied::Hidden), Some(Denied::Hidden)));
}

/// AU7: a place covers itself and what is below it.
#[test]
fn au7_places_cover_what_is_below_them() {
    use Step::{Item, Key};
    let cases: [(&str, &[Step<'_>], bool); 9] = [
        ("/a", &[Key("a")], true),
        ("/a", &[Key("a"), Key("b"), Item], true),
        ("/a", &[], false),
        ("/a/b", &[Key("a")], false),
        ("/a", &[Key("ab")], false),
        ("/a/*", &[Key("a"), Item], true),
        ("/a/0", &[Key("a"), Item], false),
        ("/a~1b", &[Key("a/b")], true),
        ("/*/t", &[Key("w"), Key("t"), Item], true),
    ];
    for (path, place, covers) in cases {
        assert_eq!(path.parse::<Path>().unwrap().covers(place), covers, "{path} {place:?}");
        assert_eq!(path.parse::<Path>().unwrap().to_string(), path);
    }
    for path in
        ["", "a", "/", "/~2", "/~", &format!("/{}", "a/".repeat(16)), &format!("/{}", "a".repeat(600))]
    {
        assert!(path.parse::<Path>().is_err(), "{path}");
    }
}

/// AU4: under a scope with places a right with places keeps what lies in both.
#[test]
fn au4_places_of_right_and_token_are_cut() {
    let limits = |paths: Value| {
        Access::read(
            &json!({"owner": null, "grants": [{"user": "x", "role": "write", "paths": paths}]}),
            &Access::default(),
            || unreachable!(),
        )
        .unwrap()
        .entries
        .remove(0)
        .limits
        .unwrap()
    };
    let cases = [
        (json!(["/a"]), json!(["/a/b"]), Some(json!(["/a/b"]))),
        (json!(["/a/*"]), json!(["/a/b"]), Some(json!(["/a/b"]))),
        (
            json!(["/a", "/b"]),
            json!([{"path": "/b", "may": "append"}]),
            Some(json!([{"path": "/b", "may": "append"}])),
        ),
        (json!(["/a"]), json!(["/b"]), None),
        (json!(["/a/*/c"]), json!(["/a/b"]), None),
    ];
    for (one, other, both) in cases {
        assert_eq!(
            limits(one.clone()).within(&limits(other.clone())).map(|both| both.to_json()),
            both,
            "{one} {other}"
        );
    }
}

/// AU8: access comes back from what is stored as it was, and what is shown can be put again.
#[test]
fn au8_access_round_trips() {
    let shared = access(&json!({"owner": "ana", "grants": [
        {"user": "bo", "role": "write", "paths": ["/a/*", {"path": "/b", "may": "append"}]},
        {"group": "ops", "role": "admin", "until": 5},
        {"everyone": true, "role": "read"},
        {"link": "new", "role": "read"},
    ]}));
    assert_eq!(Access::from_stored(&shared.to_stored()).unwrap(), shared);
    let again = Access::read(&shared.to_json(), &shared, || unreachable!("no link is new")).unwrap();
    assert_eq!(again, shared);
    assert!(!shared.to_json().to_string().contains("secret"));
    assert_eq!(Access::from_stored(&Access::default().to_stored()).unwrap(), Access::default());
    let policy = json!({"dashboard": [{"everyone": true, "role": "read"}]});
    assert_eq!(Policy::read(&policy).unwrap().to_json(), policy);
}

/// AU8: whatever is not understood is refused with its place, and gives nobody anything.
#[test]
fn au8_what_is_not_understood_is_refused_with_its_place() {
    let many: Vec<Value> = (0..65).map(|n| json!({"user": n.to_string(), "role": "read"})).collect();
    let cases = [
        (json!([]), ""),
        (json!({"owners": "ana"}), "/owners"),
        (json!({"owner": ""}), "/owner"),
        (json!({"owner": 5}), "/owner"),
        (json!({"grants": {}}), "/grants"),
        (json!({"grants": many}), "/grants"),
        (json!({"grants": [{"role": "read"}]}), "/grants/0"),
        (json!({"grants": [{"user": "a", "group": "b", "role": "read"}]}), "/grants/0"),
        (json!({"grants": [{"user": "a"}]}), "/grants/0"),
        (json!({"grants": [{"user": "a", "role": "none"}]}), "/grants/0"),
        (json!({"grants": [{"user": "a", "role": "Read"}]}), "/grants/0/role"),
        (json!({"grants": [{"everyone": false, "role": "read"}]}), "/grants/0/everyone"),
        (json!({"grants": [{"link": "abc", "role": "read"}]}), "/grants/0/link"),
        (json!({"grants": [{"user": "a", "role": "write", "paths": []}]}), "/grants/0/paths"),
        (json!({"grants": [{"user": "a", "role": "read", "paths": ["/a"]}]}), "/grants/0/paths"),
        (json!({"grants": [{"user": "a", "role": "write", "paths": ["a"]}]}), "/grants/0/paths/0"),
        (json!({"grants": [{"user": "a", "role": "write", "path": ["/a"]}]}), "/grants/0/path"),
        (json!({"grants": [{"user": "a", "role": "write", "until": -1}]}), "/grants/0/until"),
        (json!({"grants": [{"user": "a", "role": "write", "until": "soon"}]}), "/grants/0/until"),
    ];
    for (value, pointer) in cases {
        let refused = Access::read(&value, &Access::default(), || LinkHash::of_secret("x")).unwrap_err();
        assert_eq!(refused.pointer, pointer, "{value}: {refused}");
    }
    for value in [json!({}), json!({"grants": []})] {
        let refused = Access::read(&value, &Access::default(), || unreachable!()).unwrap_err();
        assert_eq!(refused.pointer, "/owner", "{value}: who owns it is never left out");
    }
    assert!(Scope::read_all(&json!([{"doc": "nonsense", "role": "read"}])).is_err());
    assert!(Scope::read_all(&json!([{"doc": document().to_string()}])).is_err());
}
