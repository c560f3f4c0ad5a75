//! The files that every implementation of dashboards is held to: `vectors/order.json`, `vectors/edits.json` and
//! `vectors/dashboards.json`.
//!
//! The recipes below make the cases; `DOVETAIL_WRITE_VECTORS=1 cargo test --workspace --lib vectors` writes the files anew.

use super::*;
use crate::json::Strings;
use serde_json::Value;
use std::path::Path;

/// Holds the file of this name to what the code does: a list of cases or an object of such lists, every case on a line.
fn held(name: &str, made: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if std::env::var_os("DOVETAIL_WRITE_VECTORS").is_some() {
        let list = |cases: &Value| {
            let lines: Vec<String> = cases.as_array().unwrap().iter().map(Value::to_string).collect();
            format!("[\n{}\n]", lines.join(",\n"))
        };
        let text = match made {
            Value::Object(lists) => {
                let lists: Vec<String> =
                    lists.iter().map(|(name, cases)| format!("\"{name}\": {}", list(cases))).collect();
                format!("{{\n{}\n}}\n", lists.join(",\n"))
            }
            cases => list(cases) + "\n",
        };
        std::fs::write(&path, text).unwrap();
    }
    let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(&written, made, "{name}: DOVETAIL_WRITE_VECTORS=1 writes it anew");
}

/// DA28: the file says which keys there are, which lie between, and where a widget goes.
#[test]
fn da28_vectors_of_order_are_what_the_code_does() {
    let texts = ["V", "0V", "z", "zzzzzz", "", "0", "V0", "a-b", "ä", " V"].map(str::to_owned).into_iter();
    let bounds = [ORDER_KEY_BYTES_MAX, ORDER_KEY_BYTES_MAX + 1].map(|letters| "V".repeat(letters));
    let keys =
        texts.chain(bounds).map(|text| json!({"text": text, "isKey": text.parse::<OrderKey>().is_ok()}));
    let spreads = [0, 1, 2, 10, 14, 15, 200].map(|count| json!({"count": count, "keys": spread(count)}));
    held(
        "order.json",
        &json!({"keys": keys.collect::<Vec<_>>(), "between": betweens(), "spread": spreads, "place": places()}),
    );
}

/// Gaps of all sorts: each is asked for once, and then a few times at the same spot.
fn betweens() -> Vec<Value> {
    let longest = "z".repeat(ORDER_KEY_BYTES_MAX);
    let gaps: [(Option<&str>, Option<&str>); 18] = [
        (None, None),
        (Some("V"), None),
        (None, Some("V")),
        (Some("z"), None),
        (None, Some("1")),
        (None, Some("01")),
        (Some("A"), Some("z")),
        (Some("A"), Some("B")),
        (Some("A"), Some("AV")),
        (Some("A"), Some("A1")),
        (Some("A"), Some("A01")),
        (Some("Az"), Some("B")),
        (Some("Azz"), Some("B001")),
        (Some("abc"), Some("abd")),
        (Some("V"), Some("V")),
        (Some("b"), Some("a")),
        (Some("a"), Some("Z")),
        (Some(&longest), None),
    ];
    let asked = |(lower, upper): (Option<&str>, Option<&str>)| (lower.map(key), upper.map(key));
    let mut cases: Vec<Value> = Vec::new();
    for (lower, upper) in gaps.map(asked) {
        between_and_note(lower.as_ref(), upper.as_ref(), &mut cases);
    }
    // Always at the same spot, from either side, and nested on purpose.
    let (mut behind, mut before) = (key("A"), key("z"));
    for _ in 0..80 {
        behind = between_and_note(Some(&behind), Some(&key("B")), &mut cases).unwrap();
        before = between_and_note(Some(&key("y")), Some(&before), &mut cases).unwrap();
    }
    let (mut lower, mut upper) = (Some(key("V")), Some(key("W")));
    for nested in 0.. {
        let noted = if nested % 16 == 0 { &mut cases } else { &mut Vec::new() };
        let Some(inner) = between_and_note(lower.as_ref(), upper.as_ref(), noted) else { break };
        if nested % 2 == 0 { upper = Some(inner) } else { lower = Some(inner) }
    }
    between_and_note(lower.as_ref(), upper.as_ref(), &mut cases);
    cases
}

fn between_and_note(
    lower: Option<&OrderKey>,
    upper: Option<&OrderKey>,
    cases: &mut Vec<Value>,
) -> Option<OrderKey> {
    let key = between(lower, upper);
    let error = key.as_ref().err().map(|error| match error {
        OrderError::Malformed => "malformed",
        OrderError::NotAscending => "not_ascending",
        OrderError::NoRoom => "no_room",
    });
    cases.push(match error {
        None => json!({"lower": lower, "upper": upper, "key": key.as_ref().ok()}),
        Some(error) => json!({"lower": lower, "upper": upper, "error": error}),
    });
    key.ok()
}

/// Widgets with their keys, the one that moves, and behind which.
type Place = (&'static [(&'static str, &'static str)], &'static str, Option<&'static str>);

/// Where a widget goes: the keys of those that are there, and the edits that put one behind another.
fn places() -> Vec<Value> {
    let apart: &'static [_] = &[("a", "A"), ("b", "V"), ("c", "z")];
    let tied: &'static [_] = &[("a", "V"), ("b", "V"), ("c", "V"), ("d", "z")];
    let cases: [Place; 10] = [
        (apart, "c", None),
        (apart, "a", None),
        (apart, "a", Some("b")),
        (apart, "a", Some("c")),
        (apart, "b", Some("a")),
        (apart, "a", Some("gone")),
        (apart, "new", Some("b")),
        (tied, "d", Some("a")),
        (tied, "a", Some("c")),
        (&[], "new", None),
    ];
    let place = |(widgets, moved, after): Place| {
        let dashboard = seen(&board(widgets));
        let orders: serde_json::Map<String, Value> =
            widgets.iter().map(|(id, order)| ((*id).to_owned(), json!(order))).collect();
        let edits = dashboard.place(&id(moved), after.map(id).as_ref()).unwrap();
        json!({"orders": orders, "id": moved, "after": after, "edits": edits})
    };
    cases.map(place).to_vec()
}

/// DA28: the file says what edits make of a document, or why they are not done.
#[test]
fn da28_vectors_of_edits_are_what_the_code_does() {
    let mut doc = board(&[("cpu", "V"), ("mem", "k")]);
    let options = json!({"legend": {"show": true}, "series": [{"color": "red"}, 2], "unit": "%", "/~": 1});
    let more: Vec<Edit> = serde_json::from_value(json!([
        {"edit": "setOption", "id": "cpu", "path": ["o"], "value": options},
        {"edit": "setDataSource", "id": "cpu", "dataSource": {"type": "csv", "rows": [1, 2.5]}},
        {"edit": "setParent", "id": "cpu", "parent": "mem"},
        {"edit": "attachData", "id": "cpu", "data": "automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu"},
    ]))
    .unwrap();
    edit(&mut doc, &ana(), &more);
    let dashboard = json::read(&doc, None);
    let odd = json!({"kind": "dashboard", "widgets": {"cpu": {"kind": "x", "layout": 7, "options": [1]}, "text": "none"}, "grid": 3});
    let bare = json!({"kind": "dashboard"});

    let of_odd = vec![
        json!([{"edit": "setGrid", "grid": {"columns": 12, "rowHeight": 56}}]),
        json!([{"edit": "moveWidget", "id": "cpu", "x": 1, "y": 2}]),
        json!([{"edit": "setOption", "id": "cpu", "path": ["a"], "value": 1}]),
        json!([{"edit": "clearOption", "id": "cpu", "path": ["a"]}]),
        json!([{"edit": "renameWidget", "id": "text", "title": "x"}]),
        json!([{"edit": "createWidget", "id": "text", "widget": {"kind": "note"}}]),
    ];
    let of_bare = vec![
        json!([{"edit": "createWidget", "id": "a", "widget": {"kind": "note"}}]),
        json!([{"edit": "setGrid", "grid": {"columns": 12, "rowHeight": 56}}, {"edit": "setTitle", "title": "Ops"}]),
        json!([{"edit": "removeWidget", "id": "a"}]),
    ];
    let all = [
        (&dashboard, edits_that_are_done()),
        (&dashboard, edits_that_are_not()),
        (&odd, of_odd),
        (&bare, of_bare),
    ];
    let cases = all.iter().flat_map(|(before, all)| all.iter().map(|edits| vector(before, edits)));
    held("edits.json", &cases.collect());
}

fn edits_that_are_done() -> Vec<Value> {
    let whole_widget = json!({
        "kind": "chart", "title": "Load", "layout": {"x": -1, "y": 2, "w": 3, "h": 4}, "order": "k1", "dataSource": "csv",
        "options": {"unit": "%", "deep": [[{}]]}, "locked": true, "parent": "cpu",
        "data": "automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu",
    });
    let option =
        |path: Value, value: Value| json!([{"edit": "setOption", "id": "cpu", "path": path, "value": value}]);
    let clear = |path: Value| json!([{"edit": "clearOption", "id": "cpu", "path": path}]);
    vec![
        json!([]),
        json!([{"edit": "setTitle", "title": "Größe 𝄞"}]),
        json!([{"edit": "setDescription", "description": ""}]),
        json!([{"edit": "setGrid", "grid": {"columns": 12}}]),
        json!([{"edit": "createWidget", "id": "load", "widget": {"kind": "chart"}}]),
        json!([{"edit": "createWidget", "id": "load", "widget": whole_widget}]),
        json!([{"edit": "removeWidget", "id": "cpu"}]),
        json!([{"edit": "moveWidget", "id": "cpu", "x": 6, "y": 0}]),
        json!([{"edit": "resizeWidget", "id": "cpu", "w": 2, "h": 3}]),
        json!([{"edit": "setLayout", "id": "cpu", "layout": {"x": 1, "y": 2, "w": 3, "h": 4}}]),
        json!([{"edit": "renameWidget", "id": "cpu", "title": "CPU"}]),
        json!([{"edit": "setKind", "id": "cpu", "kind": "gauge"}]),
        json!([{"edit": "reorder", "id": "cpu", "order": "z1"}]),
        json!([{"edit": "setParent", "id": "mem", "parent": "cpu"}]),
        json!([{"edit": "setParent", "id": "cpu", "parent": null}]),
        json!([{"edit": "setParent", "id": "mem", "parent": null}]),
        json!([{"edit": "setDataSource", "id": "cpu", "dataSource": {"type": "sql", "rows": [2.5]}}]),
        json!([{"edit": "setDataSource", "id": "cpu", "dataSource": null}]),
        json!([{"edit": "setLocked", "id": "cpu", "locked": true}]),
        json!([{"edit": "attachData", "id": "mem", "data": "4NMNnkMhL8jXrdJ9jamS58PAVdXu"}]),
        json!([{"edit": "detachData", "id": "cpu"}]),
        json!([{"edit": "detachData", "id": "mem"}]),
        option(json!(["new"]), json!({"a": [1, "two", null, true]})),
        option(json!(["o", "legend", "show"]), json!(false)),
        option(json!(["o", "legend"]), json!({"place": "right"})),
        option(json!(["o", "series", 0, "color"]), json!("blue")),
        option(json!(["o", "series", 1]), json!([3])),
        option(json!(["o", "series", 2]), json!({"color": "green"})),
        option(json!(["o", "series", 2, "color"]), json!("green")),
        option(json!(["o", "a", "b", 0, "c"]), json!(1)),
        option(json!(["o", "unit"]), json!(null)),
        option(json!(["", "/~"]), json!("")),
        clear(json!(["o", "unit"])),
        clear(json!(["o", "series", 0])),
        clear(json!(["o", "series", 5])),
        clear(json!(["o", "unit", "deep"])),
        clear(json!(["none", "there"])),
        json!([{"edit": "removeWidget", "id": "cpu"}, {"edit": "createWidget", "id": "cpu", "widget": {"kind": "note"}},
            {"edit": "moveWidget", "id": "cpu", "x": 9, "y": 9}]),
    ]
}

fn edits_that_are_not() -> Vec<Value> {
    let option = |path: Value| json!([{"edit": "setOption", "id": "cpu", "path": path, "value": 1}]);
    let one = |edit: Value| json!([{"edit": "setTitle", "title": "is not kept"}, edit]);
    vec![
        one(json!({"edit": "moveWidget", "id": "gone", "x": 1, "y": 1})),
        one(json!({"edit": "removeWidget", "id": "gone"})),
        one(json!({"edit": "createWidget", "id": "cpu", "widget": {"kind": "note"}})),
        json!([{"edit": "removeWidget", "id": "cpu"}, {"edit": "renameWidget", "id": "cpu", "title": "x"}]),
        option(json!([])),
        option(json!([0])),
        option(json!(["o", "unit", "deep"])),
        option(json!(["o", "series", "color"])),
        option(json!(["o", "series", 3])),
        option(json!(["o", "new", 1])),
        option(json!(["o", "legend", 0])),
        json!([{"edit": "clearOption", "id": "cpu", "path": []}]),
        one(json!({"edit": "createWidget", "id": "", "widget": {"kind": "note"}})),
        one(json!({"edit": "createWidget", "id": "é".repeat(65), "widget": {"kind": "note"}})),
        one(json!({"edit": "reorder", "id": "cpu", "order": "V0"})),
        one(json!({"edit": "attachData", "id": "cpu", "data": "automerge:x"})),
        one(json!({"edit": "moveWidget", "id": "cpu", "x": 1.5, "y": 0})),
        one(json!({"edit": "moveWidget", "id": "cpu", "x": 3_000_000_000_u64, "y": 0})),
        one(json!({"edit": "setGrid", "grid": {"columns": -1, "rowHeight": 30}})),
    ]
}

/// What the edits make of a document; where they are refused, why, and then nothing is done.
fn vector(before: &Value, edits: &Value) -> Value {
    let mut doc = json::new_document(&ana(), NOON, before, Strings::Scalar).unwrap();
    let refused = match serde_json::from_value::<Vec<Edit>>(edits.clone()) {
        Err(_) => Some("bad_edit"),
        Ok(edits) => apply(&mut doc, &bo(), NOON, &edits).err().map(|error| match error {
            EditError::UnknownWidget { .. } => "unknown_widget",
            EditError::WidgetExists { .. } => "widget_exists",
            EditError::NoSuchPlace { .. } => "no_such_place",
            EditError::NotAnObject { .. } => "not_an_object",
            EditError::TooManyEdits { .. } => "too_many_edits",
            EditError::Value(_) | EditError::Document(_) => "bad_edit",
        }),
    };
    let after = json::read(&doc, None);
    match refused {
        None => json!({"before": before, "edits": edits, "after": after}),
        Some(error) => {
            assert_eq!(&after, before, "{edits}");
            json!({"before": before, "edits": edits, "error": error})
        }
    }
}

/// DA28: the file says what is read of any document, and what is odd about it.
#[test]
fn da28_vectors_of_dashboards_are_what_the_code_does() {
    let dashboards: Vec<Value> = documents().into_iter().map(|document| {
        let Reading { dashboard: Dashboard { schema_version, title, description, grid, widgets, extra }, oddities } =
            from_json(&document);
        let widgets: serde_json::Map<String, Value> =
            widgets.iter().map(|(id, widget)| (id.to_string(), json!(widget))).collect();
        let read = json!({"schemaVersion": schema_version, "title": title, "description": description, "grid": grid,
            "widgets": widgets, "extra": extra});
        json!({"document": document, "dashboard": read, "oddities": told(&oddities)})
    }).collect();
    let widget_data: Vec<Value> = data_documents().into_iter().map(|document| {
        let doc = json::new_document(&ana(), NOON, &document, Strings::Scalar).unwrap();
        let WidgetDataReading { data, oddities } = read_widget_data(&doc, None);
        let shape = match data.shape {
            Shape::Points => "points",
            Shape::Table => "table",
            Shape::Text => "text",
        };
        let points: Vec<Value> = data.points.iter().map(|Point { t, v }| json!({"t": t, "v": v})).collect();
        let Retention { points: kept, seconds } = data.retention;
        let mut retention = json!({"points": kept});
        if let Some(seconds) = seconds {
            retention["seconds"] = json!(seconds);
        }
        let read = json!({"schemaVersion": data.schema_version, "shape": shape, "points": points, "retention": retention,
            "columns": data.columns, "rows": data.rows, "text": data.text});
        json!({"document": document, "data": read, "oddities": told(&oddities)})
    }).collect();
    held("dashboards.json", &json!({"dashboards": dashboards, "widgetData": widget_data}));
}

fn told(oddities: &[Oddity]) -> Vec<Value> {
    let one = |Oddity { path, expected, found }: &Oddity| json!({"path": path, "expected": expected, "found": found});
    oddities.iter().map(one).collect()
}

fn documents() -> Vec<Value> {
    let widget = |members: Value| {
        json!({"kind": "dashboard", "schemaVersion": 1, "title": "", "description": "",
        "grid": {"columns": 24, "rowHeight": 30}, "widgets": {"a": members}})
    };
    let layout = json!({"x": 0, "y": 0, "w": 6, "h": 6});
    vec![
        json::read(&first_dashboard(), None),
        json::read(&board(&[("cpu", "V"), ("mem", "k")]), None),
        json!({}),
        json!({"kind": "board", "schemaVersion": 2.0, "title": 7, "grid": {"columns": -1, "rowHeight": 30.0}, "widgets": [],
            "extra": {"kept": [1.5, {}]}}),
        json!({"kind": "dashboard", "schemaVersion": 4_294_967_296_u64, "title": null, "description": false,
            "grid": {"columns": 4_294_967_295_u64, "rowHeight": "30"}, "widgets": null, "extra": 1}),
        json!({"kind": "dashboard", "grid": 3, "widgets": {"": {}, "text": "no widget", "null": null, "list": [],
            "é".repeat(64): {"kind": "k", "layout": {}, "order": "V"}, "é".repeat(65): {}, "/~": {"kind": 1}}}),
        widget(
            json!({"kind": "chart", "title": "ok", "order": "V", "layout": {"x": 1.0, "y": -2, "w": 3, "h": 4}, "more": 1,
            "dataSource": {"type": "csv"}, "options": {"deep": [{}]}, "locked": true, "parent": "b",
            "data": "4NMNnkMhL8jXrdJ9jamS58PAVdXu"}),
        ),
        widget(
            json!({"kind": "", "title": null, "order": "V0", "layout": {"x": 1.5, "y": 3_000_000_000_u64, "w": "3"}, "locked": 1,
            "options": [], "parent": "", "data": "automerge:x", "dataSource": null}),
        ),
        widget(
            json!({"kind": "k", "order": null, "layout": [], "locked": null, "options": null, "parent": null, "data": null}),
        ),
        widget(json!({"kind": "k", "order": "V", "layout": layout, "parent": 7, "data": 7, "dataSource": 0})),
        widget(
            json!({"kind": "k", "order": "V", "layout": {"x": -2_147_483_648_i64, "y": 2_147_483_647, "w": -2_147_483_649_i64,
            "h": 2_147_483_648_u64}, "dataSource": false}),
        ),
    ]
}

fn data_documents() -> Vec<Value> {
    vec![
        json::read(&first_widget_data(), None),
        json!({"kind": "widget-data", "schemaVersion": 1, "shape": "points", "points": [{"t": 1, "v": 2}, {"t": 2.0, "v": 0.5},
            {"t": 3, "v": null}, {"t": 4}, {"t": 5.5, "v": 1}, {"v": 1}, {"t": "6", "v": 1}, {"t": 7, "v": "1"}, 8, null, [],
            {"t": -9, "v": -1e300, "more": 1}], "retention": {"points": 5, "seconds": 60}}),
        json!({"kind": "widget-data", "shape": "table", "columns": ["a", 1, "b", null], "rows": [[1, "x"], [], {"a": 1}, "row", [null, [true]]],
            "retention": {"seconds": 60}}),
        json!({"kind": "widget-data", "schemaVersion": 2, "shape": "text", "text": "Größe 𝄞", "retention": {"points": 1_000_000_000}}),
        json!({"kind": "dashboard", "schemaVersion": "1", "shape": "pie", "points": {}, "columns": "a", "rows": 1, "text": 7,
            "retention": {"points": 0, "seconds": -1}}),
        json!({"retention": 5}),
        json!({"kind": "widget-data", "shape": 1, "points": null, "text": null, "retention": {"points": 2.5, "seconds": "1"}}),
    ]
}
