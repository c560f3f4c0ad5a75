//! Real dashboards, made by others, through Dovetail and back.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also the functions that are no tests")]

use automerge::{ActorId, Automerge};
use dovetail_core::dashboard::{self, Dashboard, Edit, Layout, WidgetId};
use dovetail_core::grafana::{Imported, export, import};
use dovetail_core::json;
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Name, widgets, and those among them that lie in a collapsed row.
const FILES: [(&str, usize, usize); 4] = [
    ("bind9-full.json", 25, 14),
    ("nats.json", 12, 0),
    ("node-exporter-full.json", 141, 110),
    ("tikv-summary.json", 48, 42),
];

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn file(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/grafana").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn ana() -> ActorId {
    ActorId::from([0xa1; 16])
}

fn imported(json: &Value) -> Imported {
    import(json, &ana(), NOON).unwrap()
}

fn seen(doc: &Automerge) -> Dashboard {
    let reading = dashboard::read(doc, None);
    assert_eq!(reading.oddities, []);
    reading.dashboard
}

/// Every panel by its id, those in rows too.
fn panels(dashboard: &Value) -> BTreeMap<i64, &Value> {
    let top = dashboard["panels"].as_array().unwrap();
    let inner = top.iter().filter_map(|panel| panel.get("panels")?.as_array()).flatten();
    top.iter().chain(inner).map(|panel| (panel["id"].as_i64().unwrap(), panel)).collect()
}

fn widget(panel: i64) -> WidgetId {
    format!("panel-{panel}").parse().unwrap()
}

/// DA18: every panel comes back as it was, and so does everything around the panels.
#[test]
fn da18_real_dashboards_come_back_unchanged() {
    for (name, widgets, _) in FILES {
        let original = file(name);
        let Imported { doc, widgets: counted, notes } = imported(&original);
        assert_eq!((counted, notes), (widgets, vec![]), "{name}");

        let stored = Automerge::load(&doc.save()).unwrap();
        let back = export(&stored).unwrap();
        let (before, after) = (panels(&original), panels(&back));
        assert_eq!(before.len(), widgets, "{name}");
        for (id, panel) in &before {
            assert_eq!(after[id], *panel, "panel {id} of {name}");
        }
        assert_eq!(back, original, "{name}");
    }
}

/// DA19: every panel is a widget with its place, title, kind, data source, targets and options,
/// in the order of the list; those in a collapsed row say in which.
#[test]
fn da19_panels_become_widgets() {
    for (name, widgets, in_rows) in FILES {
        let original = file(name);
        let board = seen(&imported(&original).doc);
        assert_eq!(json!(board.title), original["title"]);
        assert_eq!(board.widgets.len(), widgets, "{name}");
        assert_eq!(
            board.widgets.values().filter(|widget| widget.parent.is_some()).count(),
            in_rows,
            "{name}"
        );
        for (id, panel) in panels(&original) {
            let found = &board.widgets[&widget(id)];
            assert_eq!(json!(found.layout), panel["gridPos"]);
            assert_eq!(
                (json!(found.title), json!(found.kind)),
                (panel["title"].clone(), panel["type"].clone())
            );
            let source = panel.get("datasource").filter(|source| !source.is_null());
            assert_eq!(found.data_source.as_ref(), source);
            for kept in ["targets", "options", "fieldConfig", "repeat"] {
                assert_eq!(found.options.get(kept), panel.get(kept));
            }
        }
        let top: Vec<WidgetId> = original["panels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|panel| widget(panel["id"].as_i64().unwrap()))
            .collect();
        let in_order = board.in_order();
        let ordered: Vec<WidgetId> = in_order
            .iter()
            .filter(|(_, widget)| widget.parent.is_none())
            .map(|(id, _)| (*id).clone())
            .collect();
        assert_eq!(ordered, top, "{name}");
    }
}

/// DA20: the same JSON makes the same document, in two changes.
#[test]
fn da20_an_import_is_two_changes_and_the_same_everywhere() {
    for (name, ..) in FILES {
        let original = file(name);
        let (one, other) = (imported(&original).doc, imported(&original).doc);
        assert_eq!(one.get_heads(), other.get_heads(), "{name}");
        assert_eq!(one.get_changes(&[]).len(), 2);
        assert_eq!(one.get_changes(&[])[0].hash(), dashboard::first_dashboard().get_heads()[0]);
    }
}

/// DA21: what somebody edited is in the export, and nothing else changed.
#[test]
fn da21_edits_show_in_the_export() {
    let original = file("node-exporter-full.json");
    let mut doc = imported(&original).doc;
    let (row, gauge) = (widget(261), widget(20));
    let inner = *panels(&original).keys().find(|id| !top_ids(&original).contains(id)).unwrap();
    let edits = [
        Edit::SetTitle { title: "Hosts".into() },
        Edit::RenameWidget { id: row, title: "Overview".into() },
        Edit::MoveWidget { id: gauge.clone(), x: 20, y: 7 },
        Edit::ResizeWidget { id: gauge.clone(), w: 4, h: 5 },
        Edit::SetOption {
            id: gauge,
            path: vec!["targets".into(), 0.into(), "expr".into()],
            value: json!("up"),
        },
        Edit::RenameWidget { id: widget(inner), title: "Inside".into() },
    ];
    dashboard::apply(&mut doc, &ana(), NOON, &edits).unwrap().unwrap();

    let mut expected = original;
    expected["title"] = json!("Hosts");
    *panel_mut(&mut expected, 261, "title") = json!("Overview");
    *panel_mut(&mut expected, 20, "gridPos") = json!(Layout { x: 20, y: 7, w: 4, h: 5 });
    panel_mut(&mut expected, 20, "targets")[0]["expr"] = json!("up");
    *panel_mut(&mut expected, inner, "title") = json!("Inside");
    assert_eq!(export(&doc).unwrap(), expected);
}

/// DA21: panels that people move into another row, take out, remove, add or put elsewhere in the
/// list are there in the export.
#[test]
fn da21_rearranged_panels_show_in_the_export() {
    let original = file("tikv-summary.json");
    let mut doc = imported(&original).doc;
    let rows = top_ids(&original);
    let (first, second) = (widget(rows[0]), widget(rows[1]));
    let board = seen(&doc);
    let inside: Vec<WidgetId> = board
        .widgets
        .iter()
        .filter(|(_, widget)| widget.parent.as_ref() == Some(&first))
        .map(|(id, _)| id.clone())
        .collect();
    let added = dashboard::Widget::new("text", "New");
    let mut edits = vec![
        Edit::SetParent { id: inside[0].clone(), parent: Some(second.clone()) },
        Edit::SetParent { id: inside[1].clone(), parent: None },
        Edit::RemoveWidget { id: inside[2].clone() },
        Edit::CreateWidget { id: "new".parse().unwrap(), widget: Box::new(added) },
    ];
    edits.extend(board.place(&second, None).unwrap());
    dashboard::apply(&mut doc, &ana(), NOON, &edits).unwrap().unwrap();

    let back = export(&doc).unwrap();
    let top: Vec<Option<i64>> =
        back["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(top[0], Some(rows[1]), "the second row leads");
    assert_eq!(top.len(), rows.len() + 2, "one panel came out and one is new");
    let count = |at: usize| back["panels"][at]["panels"].as_array().unwrap().len();
    let old_count = |at: usize| original["panels"][at]["panels"].as_array().unwrap().len();
    assert_eq!((count(0), count(1)), (old_count(1) + 1, old_count(0) - 3));
    let text = json::read(&doc, None)["widgets"]["new"]["title"].clone();
    assert!(
        back["panels"]
            .as_array()
            .unwrap()
            .iter()
            .any(|panel| panel["title"] == text && panel["type"] == "text")
    );
}

fn top_ids(dashboard: &Value) -> Vec<i64> {
    dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_i64().unwrap()).collect()
}

fn panel_mut<'v>(dashboard: &'v mut Value, id: i64, field: &str) -> &'v mut Value {
    fn find(panels: &mut [Value], id: i64) -> Option<&mut Value> {
        panels.iter_mut().find_map(|panel| {
            if panel["id"] == id { Some(panel) } else { find(panel.get_mut("panels")?.as_array_mut()?, id) }
        })
    }
    &mut find(dashboard["panels"].as_array_mut().unwrap(), id).unwrap()[field]
}
