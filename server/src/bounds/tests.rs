//! The table, held to what it speaks of.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// What writes the page anew.
const COMMAND: &str = "DOVETAIL_WRITE_VECTORS=1 cargo test --workspace --lib bounds";

const OPERATING: &str = "../docs/OPERATING.md";
const BEGIN: &str =
    "<!-- made by server/src/bounds.rs: DOVETAIL_WRITE_VECTORS=1 cargo test --workspace --lib bounds -->\n";
const END: &str = "<!-- end of bounds -->\n";

fn all() -> impl Iterator<Item = Bound> {
    table().into_iter().flat_map(|(_, bounds)| bounds)
}

/// OP30: what operators read of bounds is what the code goes by.
#[test]
fn op30_operating_has_the_table_of_bounds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(OPERATING);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (written, behind) = rest.split_once(END).expect("where it ends");
    let made = markdown();
    if std::env::var_os("DOVETAIL_WRITE_VECTORS").is_some() {
        std::fs::write(&path, [before, BEGIN, &made, END, behind].concat()).unwrap();
        return;
    }
    assert!(written == made, "the bounds in docs/OPERATING.md are not those of the code: run `{COMMAND}`");
}

/// OP30: numbers are shown as people write them.
#[test]
fn op30_numbers_are_shown_for_people() {
    let bytes =
        [(64 << 20, "64 MiB"), (256 << 10, "256 KiB"), (1 << 30, "1 GiB"), (1_000, "1,000 B"), (0, "0 B")];
    for (number, shown) in bytes {
        assert_eq!(u64::shown(number, Unit::Bytes), shown);
    }
    let things = [(7, "7"), (999, "999"), (1_000, "1,000"), (2_097_152, "2,097,152"), (1 << 20, "1,048,576")];
    for (number, shown) in things {
        assert_eq!(u64::shown(number, Unit::Things), shown);
    }
    assert_eq!(Duration::from_secs(25).shown(Unit::Things), "25 s");
}

/// OP31: each figure that the table names is kept, and operators read what it counts.
#[test]
fn op31_every_figure_of_a_bound_exists() {
    let operating = include_str!("../../../docs/OPERATING.md");
    let kept = include_str!("../metrics.rs");
    for Bound { name, figure, .. } in all() {
        let Some(figure) = figure else { continue };
        assert!(kept.contains(&format!("\"{figure}\";")), "{name}: nobody keeps {figure}");
        assert!(operating.contains(&format!("| `{figure}` |")), "{name}: operators do not read of {figure}");
    }
}

/// OP31: each code that the table names is one that is documented, with the status or close code that it has.
#[test]
fn op31_every_code_of_a_bound_is_documented() {
    let http = include_str!("../../../docs/HTTP.md");
    let protocol = include_str!("../../../docs/PROTOCOL.md");
    let realtime = include_str!("../../../docs/REALTIME.md");
    let closes = protocol.split_once("## Close codes").expect("they have a section").1;
    for Bound { name, walls, .. } in all() {
        assert!(!walls.is_empty(), "{name}: nothing happens there");
        for wall in walls {
            let is_documented = match &wall {
                Wall::Answers(code) => {
                    http.contains(&format!("| `{}` | {} |", code.as_str(), code.status().as_u16()))
                }
                Wall::Ends(reason) => closes.contains(&reason.close_code().to_string()),
                Wall::Rejects(why) => protocol.contains(&format!("`{}`", why.code())),
                Wall::Tells(word) => realtime.contains(&format!("`{word}`")),
                Wall::Else(words) => !words.is_empty(),
            };
            assert!(is_documented, "{name}: {} is not documented", wall.told());
        }
    }
}

/// OP31: each setting that bounds something has a row, and each row has a reason.
#[test]
fn op31_every_setting_that_bounds_has_a_row() {
    let rows: BTreeSet<String> = all().filter(|bound| bound.is_setting).map(|bound| bound.name).collect();
    let bounds = |name: &str| ["_max", "_min", "_timeout", "_budget_"].iter().any(|part| name.contains(part));
    for setting in config::table().filter(|setting| bounds(setting.name)) {
        assert!(rows.contains(setting.name), "{} has no row", setting.name);
    }
    for Bound { name, why, is_setting, .. } in all() {
        assert!(is_setting || !why.is_empty(), "{name} has no reason");
    }
}

/// OP31: no bound stands in the table twice, and each label of the figure names one bound.
#[test]
fn op31_every_bound_has_one_row() {
    let mut rows = BTreeSet::new();
    let mut labels = BTreeSet::new();
    for Bound { name, what, watched, .. } in all() {
        assert!(rows.insert((name.clone(), what)), "{name} stands there twice");
        assert!(watched.is_none_or(|label| labels.insert(label)), "{watched:?} twice");
    }
}
