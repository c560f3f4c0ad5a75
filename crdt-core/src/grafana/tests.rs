use super::*;
use crate::dashboard::{Edit, Layout, WidgetId, apply, first_dashboard, first_widget_data, read};
use crate::json::{self, JsonError};
use crate::time::Timestamp;
use automerge::{ActorId, Automerge};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn ana() -> ActorId {
    ActorId::from([0xa1; 16])
}

fn imported(value: &Value) -> Imported {
    import(value, &ana(), NOON).unwrap()
}

fn back(value: &Value) -> Value {
    export(&imported(value).doc).unwrap()
}

fn refused(value: &Value) -> String {
    import(value, &ana(), NOON).unwrap_err().to_string()
}

fn ids(doc: &Automerge) -> Vec<String> {
    let board = read(doc, None).dashboard;
    board.in_order().into_iter().map(|(id, _)| id.to_string()).collect()
}

fn id(text: &str) -> WidgetId {
    text.parse().unwrap()
}

fn edit(doc: &mut Automerge, edits: &[Edit]) {
    apply(doc, &ana(), NOON, edits).unwrap();
}

/// A dashboard of the time before the grid.
fn old_form() -> Value {
    json!({
        "title": "Old", "schemaVersion": 14, "sharedCrosshair": true,
        "rows": [
            {"title": "Top", "height": "250px", "collapse": false, "showTitle": true, "panels": [
                {"id": 1, "type": "graph", "title": "A", "span": 6, "datasource": null},
                {"id": 2, "type": "graph", "title": "B", "span": 6.0, "height": 300},
                {"id": 3, "type": "text", "title": "C", "span": 12},
            ]},
            {"title": "Folded", "height": 100, "collapse": true, "panels": [
                {"id": 4, "type": "graph", "title": "D"},
                {"type": "graph", "span": "odd", "gridPos": {"x": 9}},
            ]},
            {"collapse": false},
            {"title": "Last", "collapse": false, "panels": []},
        ],
    })
}

/// DA22: rows of the old form become widgets with the places that Grafana gives them.
#[test]
fn da22_the_old_form_gets_places() {
    let Imported { doc, widgets, notes } = imported(&old_form());
    assert_eq!(widgets, 9);
    assert_eq!(notes[0].to_string(), "/rows is the form before Grafana 5: places were computed");
    let reading = read(&doc, None);
    assert_eq!(
        reading.oddities.iter().map(|oddity| oddity.path.as_str()).collect::<Vec<_>>(),
        Vec::<&str>::new()
    );
    let places: Vec<_> = reading
        .dashboard
        .in_order()
        .into_iter()
        .map(|(id, widget)| {
            let Layout { x, y, w, h } = widget.layout;
            (id.to_string(), (x, y, w, h), widget.parent.as_ref().map(ToString::to_string))
        })
        .collect();
    let folded = || Some("row-2".to_owned());
    let expected = [
        ("row-1", (0, 0, 24, 1), None),
        ("panel-1", (0, 1, 12, 7), None),
        ("panel-2", (12, 1, 12, 8), None),
        ("panel-3", (0, 9, 24, 7), None),
        ("row-2", (0, 16, 24, 1), None),
        ("panel-4", (0, 17, 8, 3), folded()),
        ("panel-unnumbered", (8, 17, 8, 3), folded()),
        ("row-3", (0, 17, 24, 1), None),
        ("row-4", (0, 25, 24, 1), None),
    ];
    assert_eq!(places, expected.map(|(id, place, parent)| (id.to_owned(), place, parent)));
}

/// DA22: as long as nothing is moved, the old form comes back unchanged, other edits in it.
#[test]
fn da22_the_old_form_comes_back() {
    let original = old_form();
    assert_eq!(back(&original), original);

    let mut doc = imported(&original).doc;
    edit(
        &mut doc,
        &[
            Edit::RenameWidget { id: id("panel-4"), title: "E".into() },
            Edit::RenameWidget { id: id("row-3"), title: "Named".into() },
        ],
    );
    let mut expected = original;
    expected["rows"][1]["panels"][0]["title"] = json!("E");
    expected["rows"][2]["title"] = json!("Named");
    assert_eq!(export(&doc).unwrap(), expected);
}

/// DA22: when something was moved, an old dashboard is exported in the new form, with every place.
#[test]
fn da22_an_old_dashboard_that_was_rearranged_comes_in_the_new_form() {
    let mut doc = imported(&old_form()).doc;
    edit(&mut doc, &[Edit::MoveWidget { id: id("panel-1"), x: 0, y: 40 }]);
    let back = export(&doc).unwrap();
    assert_eq!(
        (back.get("rows"), &back["schemaVersion"], &back["sharedCrosshair"]),
        (None, &json!(16), &json!(true))
    );
    let panels = back["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 7, "the two in the collapsed row stay in it");
    assert_eq!(panels[0]["type"], "row");
    assert_eq!((&panels[0]["collapsed"], &panels[4]["collapsed"]), (&json!(false), &json!(true)));
    assert_eq!(panels[4]["panels"].as_array().unwrap().len(), 2);
    assert_eq!(panels[1]["gridPos"], json!({"x": 0, "y": 40, "w": 12, "h": 7}));
    assert_eq!(panels[1]["span"], 6, "what is not known is kept");

    // The new form is imported like any other, and keeps every place.
    let again = imported(&back).doc;
    let layouts = |doc: &Automerge| -> Vec<Layout> {
        read(doc, None).dashboard.in_order().into_iter().map(|(_, widget)| widget.layout).collect()
    };
    assert_eq!(layouts(&again), layouts(&doc));
}

/// DA23: panels with one id, odd ids or none become widgets of their own, with the same ids at
/// every import, and come back as they were.
#[test]
fn da23_panel_ids_that_clash_or_miss() {
    let panel = |id: Value| json!({"id": id, "type": "stat", "title": "", "gridPos": {"x": 0, "y": 0, "w": 1, "h": 1}});
    let nameless = json!({"type": "stat", "title": "x", "gridPos": {"x": 0, "y": 0, "w": 1, "h": 1}});
    let original = json!({"panels": [
        panel(json!(1)), panel(json!(1)), panel(json!("1-2")), panel(json!(1)), nameless, panel(json!(null)),
        panel(json!("a b")), panel(json!("name")), panel(json!(1.5)), panel(json!(u64::MAX)), panel(json!(-1)),
    ]});
    let Imported { doc, notes, .. } = imported(&original);
    assert_eq!(
        ids(&doc),
        [
            "panel-1",
            "panel-1-2",
            "panel-1-2-2",
            "panel-1-3",
            "panel-unnumbered",
            "panel-unnumbered-2",
            "panel-unnumbered-3",
            "panel-name",
            "panel-unnumbered-4",
            "panel-18446744073709551615",
            "panel--1",
        ]
    );
    assert_eq!(notes.len(), 7);
    assert_eq!(notes[0].to_string(), "/panels/1 has the id of another panel and became widget panel-1-2");
    assert_eq!(back(&original), original);
}

/// DA18: what does not fit a field exactly is kept as it was: fractions, nulls, missing and extra
/// members, big numbers, empty lists.
#[test]
fn da18_odd_panels_come_back_unchanged() {
    let original = json!({
        "title": null, "description": "", "tags": [], "version": 18446744073709551615_u64, "refresh": false,
        "rows": [], "weekStart": {"": [1, 1.0, null, [], {}]},
        "panels": [
            {},
            {"id": 1, "type": null, "title": null, "datasource": null, "gridPos": null, "panels": null, "targets": []},
            {"id": 2, "type": 3, "title": ["a"], "datasource": "-- Mixed --", "gridPos": {"x": 1.0, "y": 2, "w": 3, "h": 8.5}},
            {"id": 3, "type": "", "title": "", "datasource": {}, "gridPos": {"x": 0, "y": 0, "w": 6, "h": 3, "static": true}},
            {"id": 4, "gridPos": {"h": 9, "w": 4_000_000_000_u64}, "panels": [1, 2]},
            {"id": 5, "type": "row", "collapsed": true, "panels": [], "gridPos": {"x": "0", "y": [], "w": {}, "h": false}},
            {"id": 6, "type": "row", "collapsed": true, "panels": [{"id": 7, "panels": [{"id": 8, "repeat": "host"}]}]},
            {"id": 9, "libraryPanel": {"uid": "x", "name": "y"}, "kind": "mine", "order": 7, "options": {"options": {}}},
        ],
    });
    let Imported { doc, widgets, .. } = imported(&original);
    assert_eq!(widgets, 10);
    assert_eq!(export(&doc).unwrap(), original);

    let mut doc = doc;
    let moved = [
        Edit::MoveWidget { id: id("panel-2"), x: 1, y: 5 },
        Edit::MoveWidget { id: id("panel-9"), x: 1, y: 1 },
        Edit::RenameWidget { id: id("panel-1"), title: "Named".into() },
    ];
    edit(&mut doc, &moved);
    let mut expected = original;
    expected["panels"][2]["gridPos"]["y"] = json!(5);
    expected["panels"][7]["gridPos"] = json!({"x": 1, "y": 1, "w": 6, "h": 6});
    expected["panels"][1]["title"] = json!("Named");
    assert_eq!(export(&doc).unwrap(), expected);
}

/// DA24: a dashboard as Grafana's HTTP API wraps it is found in its wrapping.
#[test]
fn da24_wrapped_dashboards_are_unwrapped() {
    let inner = json!({"title": "In", "panels": [{"id": 1}]});
    for wrapped in [
        json!({"dashboard": inner, "meta": {"slug": "in"}}),
        json!({"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "metadata": {}, "spec": inner}),
    ] {
        let Imported { doc, notes, .. } = imported(&wrapped);
        assert_eq!(notes[0].remark, Remark::Unwrapped);
        assert_eq!(export(&doc).unwrap(), inner);
    }
    let bare = json!({"panels": [], "dashboard": {"panels": [1]}, "spec": {}});
    assert_eq!(back(&bare), bare);
}

/// DA25: what is no Grafana dashboard is refused in plain words.
#[test]
fn da25_what_is_no_dashboard_is_refused() {
    let nothing = "no panels and no rows: not a Grafana dashboard";
    assert_eq!(refused(&json!([])), "a Grafana dashboard is a JSON object, this is not");
    assert_eq!(refused(&json!("text")), "a Grafana dashboard is a JSON object, this is not");
    assert_eq!(refused(&json!({})), nothing);
    assert_eq!(refused(&json!({"name": "package", "panels": null})), nothing);
    assert_eq!(refused(&json!({"dashboard": {"title": "x"}})), nothing);
    assert_eq!(refused(&json!({"panels": "none"})), "/panels should be a list of objects");
    assert_eq!(refused(&json!({"panels": [{}, 1]})), "/panels/1 should be a list of objects");
    assert_eq!(
        refused(&json!({"dashboard": {"rows": [null]}})),
        "/dashboard/rows/0 should be a list of objects"
    );
    let v2 = json!({"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {"elements": {}, "layout": {}}});
    assert_eq!(refused(&v2), "this is Grafana's schema v2: export the dashboard in the classic form");

    let deep = (0..json::DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    let too_deep = import(&json!({"panels": [{"options": deep}]}), &ana(), NOON).unwrap_err();
    assert!(matches!(too_deep, ImportError::Value(JsonError::TooDeep { .. })), "{too_deep}");
    let crowd = json!({"panels": vec![json!({}); json::NODES_MAX]});
    assert!(matches!(import(&crowd, &ana(), NOON), Err(ImportError::Value(JsonError::TooMany { .. }))));
}

/// DA26: a dashboard that was made here is exported as well; another document is not.
#[test]
fn da26_dashboards_made_here_are_exported() {
    assert_eq!(export(&first_dashboard()).unwrap(), json!({"schemaVersion": 41, "panels": []}));
    assert!(matches!(export(&first_widget_data()), Err(ExportError::NotADashboard)));
    assert!(matches!(export(&Automerge::new().with_actor(ana())), Err(ExportError::NotADashboard)));
}

/// DA26: widgets that people put into each other in a circle, or whose row is gone, are not lost.
#[test]
fn da26_no_widget_is_lost_to_its_parents() {
    let panels: Vec<Value> = (1..=20).map(|id| json!({"id": id, "title": ""})).collect();
    let mut doc = imported(&json!({ "panels": panels })).doc;
    let name = |number: usize| id(&format!("panel-{number}"));
    let mut edits: Vec<Edit> =
        (1..20).map(|number| Edit::SetParent { id: name(number), parent: Some(name(number + 1)) }).collect();
    edits.push(Edit::SetParent { id: name(20), parent: Some(name(1)) });
    edit(&mut doc, &edits);
    assert_eq!(export(&doc).unwrap().to_string().matches("\"id\"").count(), 20);
    edit(
        &mut doc,
        &[Edit::RemoveWidget { id: name(7) }, Edit::SetParent { id: name(9), parent: Some(name(9)) }],
    );
    assert_eq!(export(&doc).unwrap().to_string().matches("\"id\"").count(), 19);
}

fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        Just(json!(1)),
        Just(json!(1.0)),
        Just(json!(-0.5)),
        Just(json!(u64::MAX)),
        (0..30i64).prop_map(Value::from)
    ];
    let leaf = prop_oneof![Just(json!(null)), Just(json!(true)), number, "[a-z]{0,3}".prop_map(Value::from)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let key = prop::sample::select(vec!["x", "y", "w", "h", "id", "panels", "type", "refId", ""]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|members| members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

fn any_panel() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "id",
        "type",
        "title",
        "gridPos",
        "datasource",
        "panels",
        "targets",
        "options",
        "span",
        "height",
        "collapse",
    ]);
    let object = |value: std::collections::BTreeMap<&str, Value>| -> Value {
        value.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    };
    let leaf = prop::collection::btree_map(key.clone(), any_value(), 0..8).prop_map(object).boxed();
    let held =
        (prop::collection::btree_map(key, any_value(), 0..6), prop::collection::vec(leaf.clone(), 0..4))
            .prop_map(move |(members, inner)| {
                let mut panel = object(members);
                panel["panels"] = Value::from(inner);
                panel
            });
    prop_oneof![leaf, held]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// DA18: whatever a panel holds, in either form, it comes back as it was.
    #[test]
    fn da18_any_panel_comes_back_unchanged(
        panels in prop::collection::vec(any_panel(), 0..6),
        title in any_value(),
        form in prop::sample::select(vec!["panels", "rows"]),
    ) {
        let original = json!({ form: panels, "title": title, "time": {} });
        prop_assert_eq!(back(&original), original);
    }
}
