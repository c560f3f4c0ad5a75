//! Tables of what is taken, what wins and what is refused.

use super::*;

fn given(name: &'static str, text: &str, source: Source) -> Given {
    Given { name, text: text.to_owned(), source }
}

fn flag(name: &'static str, text: &str) -> Given {
    given(name, text, Source::Flag { flag: format!("--{}", name.replace('_', "-")) })
}

fn refusal(all: Vec<Given>) -> String {
    Config::assemble(all).unwrap_err().to_string()
}

/// OP1: without any setting the server is on loopback and keeps its data beside it.
#[test]
fn op1_defaults_are_loopback_and_a_folder_here() {
    let config = Config::built_in();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.data_dir, PathBuf::from("./dovetail-data"));
    assert!(config.origins.iter().all(|origin| origin.source == Source::Default));
}

/// OP2: flags win over the environment, the environment over the file, the file over the default.
#[test]
fn op2_nearer_sources_win_whatever_the_order() {
    let file = || from_file("d.toml", "listen = '127.0.0.1:1'\nping_interval = '11s'\ndata_dir='f'").unwrap();
    let environment = || {
        from_environment(|name| match name {
            "DOVETAIL_LISTEN" => Some("127.0.0.1:2".to_owned()),
            "DOVETAIL_DATA_DIR" => Some("e".to_owned()),
            _ => None,
        })
    };
    let flags = || vec![flag("listen", "127.0.0.1:3")];
    for all in [[file(), environment(), flags()].concat(), [flags(), environment(), file()].concat()] {
        let config = Config::assemble(all).unwrap();
        assert_eq!(config.listen.port(), 3, "flag");
        assert_eq!(config.data_dir, PathBuf::from("e"), "environment");
        assert_eq!(config.limits.ping_interval, Duration::from_secs(11), "file");
        let sources: Vec<String> =
            config.origins.iter().take(3).map(|origin| origin.source.to_string()).collect();
        assert_eq!(sources, ["--listen", "DOVETAIL_DATA_DIR", "default"]);
    }
}

/// OP3: what is shown as the configuration is a configuration file with the same meaning.
#[test]
fn op3_the_shown_configuration_is_a_file() {
    let all =
        [flag("message_bytes_max", "70001"), flag("data_dir", "a \"b\" \\c"), flag("join_timeout", "1500ms")];
    let config = Config::assemble(all).unwrap();
    let shown: String =
        config.origins.iter().map(|origin| format!("{} = {}\n", origin.name, origin.toml)).collect();
    let again = Config::assemble(from_file("shown", &shown).unwrap()).unwrap();
    assert_eq!(again.limits, config.limits);
    assert_eq!(again.data_dir, config.data_dir);
}

/// OP4: every fault is named at once, with what is wrong and who wrote it.
#[test]
fn op4_all_faults_are_named_with_their_sources() {
    let environment = from_environment(|name| (name == "DOVETAIL_CONNECTIONS_MAX").then(|| "0".to_owned()));
    let file = from_file("d.toml", "\n  message_bytes_max = '64 megs'").unwrap();
    let all = [environment, file, vec![flag("listen", "localhost")]].concat();
    assert_eq!(
        refusal(all),
        "--listen: listen = \"localhost\": not an address and a port; write 127.0.0.1:3000 or [::1]:3000\n\
         d.toml:2:3: message_bytes_max = \"64 megs\": not a size; write 64MiB, 512KiB, 1GiB or a number of bytes\n\
         DOVETAIL_CONNECTIONS_MAX: connections_max = \"0\": write a whole number from 1 to 10000000"
    );
}

/// OP4: a file that is not TOML, or says what is no setting, is refused with the position.
#[test]
fn op4_bad_files_are_refused_with_the_position() {
    let cases = [
        ("listen = ", "f:1:10: not TOML: "),
        ("listen = '127.0.0.1:1'\nlissten = 3", "f:2:1: lissten is no setting; `dovetail config` lists them"),
        ("[limits]\nx = 1", "f:1:2: limits is no setting"),
        ("ping_interval = [1]", "f:1:1: ping_interval takes one value, as in ping_interval = \"20s\""),
    ];
    for (toml, expected) in cases {
        let error = from_file("f", toml).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{toml:?} gave {error:?}");
    }
}

/// OP5: settings that are each sound and do not fit together are refused.
#[test]
fn op5_settings_must_fit_together() {
    let cases = [
        ("silence_max", "39s", "silence_max must be at least twice ping_interval"),
        ("join_timeout", "41s", "join_timeout must not be longer than silence_max"),
        ("message_bytes_max", "1KiB", "message_bytes_max must be at least 64KiB"),
        ("memory_budget_bytes", "1MiB", "memory_budget_bytes must be at least message_bytes_max"),
        ("header_bytes_max", "1KiB", "header_bytes_max must be at least 8KiB"),
        ("drain_timeout", "9s", "drain_timeout must be at most 8s"),
    ];
    for (name, text, expected) in cases {
        let error = refusal(vec![flag(name, text)]);
        assert!(error.starts_with(expected), "{name} = {text} gave {error:?}");
    }
}

/// OP6: an address that others reach needs the flag with the ugly name.
#[test]
fn op6_only_loopback_is_served_unless_told_so() {
    let everywhere = ["0.0.0.0:3000", "[::]:3000", "192.168.1.7:80"];
    for address in everywhere {
        let error = refusal(vec![flag("listen", address)]);
        assert!(error.contains("--danger-listen-without-authentication"), "{address} gave {error:?}");
        let told = [flag("listen", address), flag("danger_listen_without_authentication", "true")];
        assert!(Config::assemble(told).is_ok(), "{address}");
    }
    for address in ["127.0.0.1:0", "127.9.9.9:3000", "[::1]:3000"] {
        assert!(Config::assemble([flag("listen", address)]).is_ok(), "{address}");
    }
}

/// What a server needs to ask people who they are.
fn with_secret() -> Vec<Given> {
    let secret = "a secret of the tests, long enough";
    vec![flag("jwt_secret", secret), flag("jwt_audience", "a"), flag("jwt_issuer", "i")]
}

/// AU42: whoever asks people who they are may be reached by others.
#[test]
fn au42_a_key_opens_the_door() {
    let all = [with_secret(), vec![flag("listen", "0.0.0.0:3000")]].concat();
    assert!(Config::assemble(all).unwrap().auth.is_on());
    let halves = ["jwt_audience", "jwt_issuer", "allowed_origins"];
    assert!(!Config::built_in().auth.is_on());
    for half in halves {
        let all = vec![flag(half, "https://a.example"), flag("listen", "0.0.0.0:3000")];
        assert!(Config::assemble(all).is_err(), "{half} is no key");
    }
}

/// AU42: settings of keys that do not fit together are refused, with what to do.
#[test]
fn au42_settings_of_keys_must_fit_together() {
    let without =
        |name: &str| with_secret().into_iter().filter(|given| given.name != name).collect::<Vec<_>>();
    let and = |given: Given| [with_secret(), vec![given]].concat();
    let alone = |name, text| vec![flag(name, text)];
    let cases = [
        (without("jwt_audience"), "jwt_audience must be set with any key"),
        (without("jwt_issuer"), "jwt_issuer must be set with any key"),
        (without("jwt_secret"), "jwt_audience says nothing as long as nobody is asked"),
        (and(flag("jwt_secret_file", "f")), "jwt_secret and jwt_secret_file are both set"),
        (and(flag("jwt_leeway", "301s")), "jwt_leeway must be at most 5min"),
        (
            and(flag("jwks_url", "http://issuer.example/keys")),
            "--jwks-url: jwks_url = \"http://issuer.example/keys\": keys come by https",
        ),
        (and(flag("cookie_name", "a b")), "--cookie-name: cookie_name = \"a b\": write a cookie's name"),
        (and(flag("allowed_origins", "*")), "--allowed-origins: allowed_origins = \"*\": \"*\" is no origin"),
        (alone("jwks_url", "https://issuer.example/keys"), "jwt_audience must be set with any key"),
        (alone("jwt_public_key_file", "a.pem,b.pem"), "jwt_audience must be set with any key"),
        (alone("admin_groups", "ops"), "admin_groups says nothing"),
        (alone("cookie_name", "t"), "cookie_name says nothing"),
    ];
    for (all, expected) in cases {
        let error = refusal(all);
        assert!(error.starts_with(expected), "{error}");
    }
}

/// AU30: a secret is in no output, no error and no `Debug`, and what is shown in its place is not taken for one.
#[test]
fn au30_a_configured_secret_is_not_shown() {
    let all = with_secret();
    let mut shown = format!("{all:?}");
    let config = Config::assemble(all).unwrap();
    shown += &format!("{config:?}");
    let short = flag("jwt_secret", "hunter2");
    shown += &refusal(vec![short]);
    assert!(!shown.contains("hunter2") && !shown.contains("a secret of the tests"), "{shown}");
    let origin = config.origins.iter().find(|origin| origin.name == "jwt_secret").unwrap();
    assert_eq!(origin.toml, "\"(hidden)\"");
    assert!(refusal(vec![flag("jwt_secret", "(hidden)")]).contains("write the secret itself"));
}

/// OP2: one setting, one name.
#[test]
fn op2_names_are_used_once() {
    let names: Vec<_> = table().map(|setting| setting.name).collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len());
}

/// OP3: the example file names every setting with its default, and is what `--config` takes.
#[test]
fn op3_the_example_file_lists_every_setting() {
    let example = include_str!("../../../examples/dovetail.toml");
    // Every setting stands there as a comment; a line of prose has no " = ".
    let settings =
        example.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| line.contains(" = "));
    let all: String = settings.map(|line| format!("{line}\n")).collect();
    let given = from_file("dovetail.toml", &all).unwrap();
    let listed: Vec<(&str, &str)> = given.iter().map(|one| (one.name, one.text.as_str())).collect();
    let mut expected: Vec<(&str, &str)> = table().map(|setting| (setting.name, setting.default)).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert_eq!(from_file("dovetail.toml", example), Ok(Vec::new()), "as it stands it changes nothing");
}

/// OP14: what operators read names every setting, with its default.
#[test]
fn op14_operating_lists_every_setting() {
    let operating = include_str!("../../../docs/OPERATING.md");
    for setting in table() {
        let row = format!("| `{}` | `{}` |", setting.name, setting.default);
        assert!(operating.contains(&row), "docs/OPERATING.md lacks {row}");
    }
}

/// LI1: what the core bounds by itself and what is set here agree.
#[test]
fn li1_the_defaults_are_those_of_the_core() {
    use dovetail_core::limits;
    let here = Limits::default();
    assert_eq!(here.join_timeout, limits::JOIN_WITHIN);
    assert_eq!(here.ping_interval, limits::PING_EVERY);
    assert_eq!(here.silence_max, limits::SILENCE_MAX);
    assert_eq!(here.documents_per_connection_max, limits::DOCUMENTS_PER_SESSION_MAX);
    assert_eq!(here.document_changes_max.map(u64::from), Some(limits::DOCUMENT_CHANGES_MAX));
    assert_eq!(here.document_bytes_max.map(|bytes| bytes as u64), Some(limits::DOCUMENT_BYTES_MAX));
    assert_eq!(here.document_bytes_max, Some(here.message_bytes_max));
    assert!(here.message_bytes_max > limits::CHANGE_BYTES_MAX);
}
