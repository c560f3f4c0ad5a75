mod reading; // What is made of foreign documents.
mod vectors; // What every other implementation is held to.

use super::*;
use crate::json;
use crate::time::Timestamp;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjType, ROOT, ReadDoc};
use proptest::prelude::*;
use serde_json::json;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn ana() -> ActorId {
    ActorId::from([0xa1; 16])
}

fn bo() -> ActorId {
    ActorId::from([0xb0; 16])
}

fn id(text: &str) -> WidgetId {
    text.parse().unwrap()
}

fn key(text: &str) -> OrderKey {
    text.parse().unwrap()
}

fn edit(doc: &mut Automerge, actor: &ActorId, edits: &[Edit]) -> Option<ChangeHash> {
    apply(doc, actor, NOON, edits).unwrap()
}

/// The dashboard, in which nothing may be odd.
fn seen(doc: &Automerge) -> Dashboard {
    let reading = read(doc, None);
    assert_eq!(reading.oddities, []);
    reading.dashboard
}

fn create(name: &str, order: &str) -> Edit {
    let widget = Widget { order: key(order), ..Widget::new("chart", name) };
    Edit::CreateWidget { id: id(name), widget: Box::new(widget) }
}

fn board(widgets: &[(&str, &str)]) -> Automerge {
    let mut doc = first_dashboard();
    let edits: Vec<Edit> = widgets.iter().map(|(name, order)| create(name, order)).collect();
    edit(&mut doc, &ana(), &edits);
    doc
}

fn order_of(doc: &Automerge) -> Vec<String> {
    seen(doc).in_order().into_iter().map(|(id, _)| id.to_string()).collect()
}

fn merged(mut one: Automerge, mut other: Automerge) -> Dashboard {
    let (mut one_way, mut other_way) = (one.fork(), other.fork());
    one_way.merge(&mut other).unwrap();
    other_way.merge(&mut one).unwrap();
    assert_eq!(json::read(&one_way, None), json::read(&other_way, None));
    assert_eq!(read(&one_way, None), read(&other_way, None));
    read(&one_way, None).dashboard
}

/// Every edit there is, on a widget `cpu`.
fn all_edits() -> Vec<Edit> {
    let cpu = || id("cpu");
    let data: DocumentId = DocumentId::from_bytes(&[7; 16]).unwrap();
    vec![
        Edit::SetTitle { title: "Hosts".into() },
        Edit::SetDescription { description: "What runs where".into() },
        Edit::SetGrid { grid: Grid { columns: 12, row_height: 40 } },
        Edit::MoveWidget { id: cpu(), x: 6, y: 2 },
        Edit::ResizeWidget { id: cpu(), w: 12, h: 9 },
        Edit::SetLayout { id: cpu(), layout: Layout { x: 1, y: -2, w: 3, h: 4 } },
        Edit::RenameWidget { id: cpu(), title: "CPU".into() },
        Edit::SetKind { id: cpu(), kind: "gauge".into() },
        Edit::Reorder { id: cpu(), order: key("k") },
        Edit::SetParent { id: cpu(), parent: Some(id("row")) },
        Edit::SetDataSource { id: cpu(), data_source: Some(json!({"type": "prometheus", "uid": "p"})) },
        Edit::SetOption {
            id: cpu(),
            path: vec!["targets".into(), 0.into(), "expr".into()],
            value: json!("up"),
        },
        Edit::SetLocked { id: cpu(), locked: true },
        Edit::AttachData { id: cpu(), data },
    ]
}

/// DA10: what an edit says is what is seen afterwards, and nothing else changes.
#[test]
fn da10_edits_are_seen() {
    let mut doc = board(&[("cpu", "V"), ("ram", "k")]);
    edit(&mut doc, &ana(), &all_edits());
    let board = seen(&doc);
    assert_eq!((board.title.as_str(), board.description.as_str()), ("Hosts", "What runs where"));
    assert_eq!(board.grid, Grid { columns: 12, row_height: 40 });
    let expected = Widget {
        kind: "gauge".into(),
        title: "CPU".into(),
        layout: Layout { x: 1, y: -2, w: 3, h: 4 },
        order: key("k"),
        data_source: Some(json!({"type": "prometheus", "uid": "p"})),
        options: json!({"targets": [{"expr": "up"}]}).as_object().unwrap().clone(),
        locked: true,
        parent: Some(id("row")),
        data: Some(DocumentId::from_bytes(&[7; 16]).unwrap()),
    };
    assert_eq!(board.widgets[&id("cpu")], expected);
    assert_eq!(board.widgets[&id("ram")], Widget { order: key("k"), ..Widget::new("chart", "ram") });

    let undo = [
        Edit::SetParent { id: id("cpu"), parent: None },
        Edit::SetDataSource { id: id("cpu"), data_source: None },
        Edit::ClearOption { id: id("cpu"), path: vec!["targets".into(), 0.into()] },
        Edit::DetachData { id: id("cpu") },
        Edit::RemoveWidget { id: id("ram") },
    ];
    edit(&mut doc, &ana(), &undo);
    let board = seen(&doc);
    let cpu = &board.widgets[&id("cpu")];
    assert_eq!((&cpu.parent, &cpu.data_source, &cpu.data), (&None, &None, &None));
    assert_eq!(cpu.options, *json!({"targets": []}).as_object().unwrap());
    assert_eq!(board.widgets.len(), 1);
}

/// DA10: a widget is in the document field by field as `docs/DASHBOARD.md` shows it.
#[test]
fn da10_the_document_has_the_documented_shape() {
    let mut doc = board(&[("cpu", "V")]);
    edit(&mut doc, &ana(), &all_edits()[10..]);
    let data = DocumentId::from_bytes(&[7; 16]).unwrap().to_url();
    assert_eq!(
        json::read(&doc, None),
        json!({
            "kind": "dashboard", "schemaVersion": 1, "title": "", "description": "",
            "grid": {"columns": 24, "rowHeight": 30},
            "widgets": {"cpu": {
                "kind": "chart", "title": "cpu", "layout": {"x": 0, "y": 0, "w": 6, "h": 6}, "order": "V",
                "dataSource": {"type": "prometheus", "uid": "p"}, "options": {"targets": [{"expr": "up"}]},
                "locked": true, "data": data,
            }},
        })
    );
}

/// DA11: doing the same once more writes nothing.
#[test]
fn da11_the_same_edits_again_write_nothing() {
    let mut doc = board(&[("cpu", "V")]);
    for one in all_edits() {
        assert!(edit(&mut doc, &ana(), std::slice::from_ref(&one)).is_some(), "{one:?}");
        assert_eq!(edit(&mut doc, &bo(), std::slice::from_ref(&one)), None, "{one:?}");
    }
    let heads = doc.get_heads();
    let cleared = [
        Edit::ClearOption { id: id("cpu"), path: vec!["no".into(), "such".into()] },
        Edit::ClearOption { id: id("cpu"), path: vec!["targets".into(), 1.into()] },
        Edit::ClearOption { id: id("cpu"), path: vec!["targets".into(), "key".into()] },
    ];
    assert_eq!(edit(&mut doc, &bo(), &cleared), None);
    assert_eq!(doc.get_heads(), heads);
}

/// DA12: a batch is one change; when one edit cannot be done, nothing of it is written.
#[test]
fn da12_a_batch_is_one_change_or_none() {
    let mut doc = board(&[("cpu", "V")]);
    let changes = doc.get_changes(&[]).len();
    edit(&mut doc, &ana(), &all_edits());
    assert_eq!(doc.get_changes(&[]).len(), changes + 1);

    let (before, heads) = (json::read(&doc, None), doc.get_heads());
    let gone = || id("gone");
    let blocked = |path: Vec<OptionStep>| Edit::SetOption { id: id("cpu"), path, value: json!(1) };
    let refused = [
        (Edit::RenameWidget { id: gone(), title: "x".into() }, "there is no widget gone"),
        (Edit::MoveWidget { id: gone(), x: 0, y: 0 }, "there is no widget gone"),
        (Edit::RemoveWidget { id: gone() }, "there is no widget gone"),
        (create("cpu", "V"), "there is a widget cpu already"),
        (blocked(vec![]), "widget cpu has no place at [] for an option"),
        (
            blocked(vec!["targets".into(), 2.into()]),
            "widget cpu has no place at [Key(\"targets\"), Index(2)] for an option",
        ),
        (
            blocked(vec!["targets".into(), 0.into(), "expr".into(), "x".into()]),
            "widget cpu has no place at [Key(\"targets\"), Index(0), Key(\"expr\"), Key(\"x\")] for an option",
        ),
        (
            blocked(vec!["targets".into(), "x".into()]),
            "widget cpu has no place at [Key(\"targets\"), Key(\"x\")] for an option",
        ),
        (
            Edit::SetOption { id: id("cpu"), path: vec!["a".into(); json::DEPTH_MAX], value: json!(1) },
            "a value of this edit cannot be written",
        ),
    ];
    for (bad, words) in refused {
        let batch = [Edit::SetTitle { title: "never seen".into() }, bad];
        let error = apply(&mut doc, &ana(), NOON, &batch).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert_eq!((json::read(&doc, None), doc.get_heads()), (before.clone(), heads.clone()), "{words}");
    }
    let many = vec![Edit::SetLocked { id: id("cpu"), locked: true }; EDITS_MAX + 1];
    assert!(matches!(apply(&mut doc, &ana(), NOON, &many), Err(EditError::TooManyEdits { .. })));
}

/// DA13: two people who change two fields of one widget, or two widgets, both have their way;
/// a move does not undo a resize.
#[test]
fn da13_edits_of_different_fields_all_stand() {
    let mut one = board(&[("cpu", "V")]);
    let mut other = one.fork();
    let cpu = || id("cpu");
    edit(&mut one, &ana(), &[Edit::MoveWidget { id: cpu(), x: 6, y: 0 }, create("ram", "k")]);
    let path = || vec!["targets".into()];
    edit(&mut one, &ana(), &[Edit::SetOption { id: cpu(), path: path(), value: json!([{"expr": "up"}]) }]);
    edit(
        &mut other,
        &bo(),
        &[
            Edit::ResizeWidget { id: cpu(), w: 12, h: 8 },
            Edit::RenameWidget { id: cpu(), title: "CPU".into() },
            Edit::SetOption { id: cpu(), path: vec!["legend".into(), "show".into()], value: json!(true) },
        ],
    );
    let board = merged(one, other);
    let cpu = &board.widgets[&id("cpu")];
    assert_eq!(cpu.layout, Layout { x: 6, y: 0, w: 12, h: 8 });
    assert_eq!(cpu.title, "CPU");
    assert_eq!(
        cpu.options,
        *json!({"targets": [{"expr": "up"}], "legend": {"show": true}}).as_object().unwrap()
    );
    assert_eq!(board.widgets.len(), 2);
}

/// DA14: a widget that one removes while another edits it is gone.
#[test]
fn da14_removal_wins_over_an_edit_at_the_same_time() {
    let mut one = board(&[("cpu", "V"), ("ram", "k")]);
    let mut other = one.fork();
    edit(&mut one, &ana(), &[Edit::RemoveWidget { id: id("cpu") }]);
    edit(&mut other, &bo(), &[Edit::MoveWidget { id: id("cpu"), x: 3, y: 3 }]);
    assert_eq!(merged(one, other).widgets.keys().collect::<Vec<_>>(), [&id("ram")]);
}

/// DA9: a widget is put behind another by one edit of its own key, and by none if it is there.
#[test]
fn da9_a_widget_is_put_behind_another() {
    let mut doc = board(&[("a", "1"), ("b", "2"), ("c", "3")]);
    for (moved, after, order) in
        [("a", Some("b"), ["b", "a", "c"]), ("c", None, ["c", "b", "a"]), ("c", Some("a"), ["b", "a", "c"])]
    {
        let edits = seen(&doc).place(&id(moved), after.map(id).as_ref()).unwrap();
        assert_eq!(edits.len(), 1);
        edit(&mut doc, &ana(), &edits);
        assert_eq!(order_of(&doc), order);
    }
    assert_eq!(seen(&doc).place(&id("c"), Some(&id("a"))).unwrap(), []);
    assert_eq!(seen(&doc).place(&id("a"), Some(&id("b"))).unwrap(), []);
}

/// DA9: two people who put a widget at the same spot while apart see one order, by widget id; and
/// somebody can still go between the two.
#[test]
fn da9_widgets_at_the_same_spot_are_told_apart() {
    let mut one = board(&[("a", "1"), ("z", "z")]);
    let mut other = one.fork();
    for (doc, actor, name) in [(&mut one, ana(), "n"), (&mut other, bo(), "m")] {
        edit(doc, &actor, &[create(name, "9")]);
        let edits = seen(doc).place(&id(name), Some(&id("a"))).unwrap();
        edit(doc, &actor, &edits);
    }
    one.merge(&mut other).unwrap();
    let board = seen(&one);
    assert_eq!(board.widgets[&id("m")].order, board.widgets[&id("n")].order);
    assert_eq!(order_of(&one), ["a", "m", "n", "z"]);

    let edits = board.place(&id("a"), Some(&id("m"))).unwrap();
    assert_eq!(edits.len(), 2, "the widget itself and the one that was tied");
    edit(&mut one, &ana(), &edits);
    assert_eq!(order_of(&one), ["m", "a", "n", "z"]);
}

/// DA17: an edit in JSON names its variant; unknown fields, ids and keys are refused.
#[test]
fn da17_edits_have_a_json_form() {
    for one in all_edits().into_iter().chain([create("ram", "k")]) {
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&text).unwrap(), one, "{text}");
    }
    let moved: Edit = serde_json::from_str(r#"{"edit": "moveWidget", "id": "cpu", "x": 6, "y": 0}"#).unwrap();
    assert_eq!(moved, Edit::MoveWidget { id: id("cpu"), x: 6, y: 0 });
    let created: Edit =
        serde_json::from_str(r#"{"edit": "createWidget", "id": "cpu", "widget": {"kind": "chart"}}"#)
            .unwrap();
    assert_eq!(created, Edit::CreateWidget { id: id("cpu"), widget: Box::new(Widget::new("chart", "")) });
    for bad in [
        r#"{"edit": "moveWidget", "id": "", "x": 6, "y": 0}"#,
        r#"{"edit": "moveWidget", "id": "cpu", "x": 6, "y": 0, "z": 1}"#,
        r#"{"edit": "reorder", "id": "cpu", "order": "V0"}"#,
        r#"{"edit": "attachData", "id": "cpu", "data": "automerge:x"}"#,
        r#"{"edit": "explode", "id": "cpu"}"#,
    ] {
        assert!(serde_json::from_str::<Edit>(bad).is_err(), "{bad}");
    }
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let widget = || prop_oneof![Just(id("a")), Just(id("b")), Just(id("c"))];
    let name = || prop_oneof![Just("x".to_owned()), Just("y".to_owned())];
    let small = || 0..4i32;
    let path = prop_oneof![
        Just(vec!["t".into()]),
        Just(vec!["t".into(), 0.into()]),
        Just(vec!["t".into(), 0.into(), "e".into()]),
        Just(vec!["u".into(), "v".into()]),
    ];
    let value = prop_oneof![Just(json!(1)), Just(json!([1, 2])), Just(json!({"e": 1})), Just(json!("s"))];
    prop_oneof![
        name().prop_map(|title| Edit::SetTitle { title }),
        (1..4u32).prop_map(|columns| Edit::SetGrid { grid: Grid { columns, row_height: 30 } }),
        (widget(), name())
            .prop_map(|(id, kind)| Edit::CreateWidget { id, widget: Box::new(Widget::new(&kind, "")) }),
        widget().prop_map(|id| Edit::RemoveWidget { id }),
        (widget(), small(), small()).prop_map(|(id, x, y)| Edit::MoveWidget { id, x, y }),
        (widget(), small(), small()).prop_map(|(id, w, h)| Edit::ResizeWidget { id, w, h }),
        (widget(), name()).prop_map(|(id, title)| Edit::RenameWidget { id, title }),
        (widget(), "[1-9a-c]{1,3}").prop_map(|(id, order)| Edit::Reorder { id, order: key(&order) }),
        (widget(), prop::option::of(widget())).prop_map(|(id, parent)| Edit::SetParent { id, parent }),
        (widget(), path.clone(), value).prop_map(|(id, path, value)| Edit::SetOption { id, path, value }),
        (widget(), path).prop_map(|(id, path)| Edit::ClearOption { id, path }),
        (widget(), any::<bool>()).prop_map(|(id, locked)| Edit::SetLocked { id, locked }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// DA13: whatever two people do while apart, both see the same afterwards, and nothing odd.
    #[test]
    fn da13_two_people_see_the_same_afterwards(
        ones in prop::collection::vec(any_edit(), 0..12),
        others in prop::collection::vec(any_edit(), 0..12),
    ) {
        let mut one = board(&[("a", "1"), ("b", "2")]);
        let mut other = one.fork();
        for (doc, actor, edits) in [(&mut one, ana(), ones), (&mut other, bo(), others)] {
            for edit in edits {
                // An edit that cannot be done is refused; that one does not count.
                let _ = apply(doc, &actor, NOON, &[edit]);
            }
        }
        one.merge(&mut other).unwrap();
        other.merge(&mut one).unwrap();
        prop_assert_eq!(json::read(&one, None), json::read(&other, None));
        prop_assert_eq!(read(&one, None), read(&other, None));
        prop_assert_eq!(read(&one, None).oddities, []);
        let loaded = Automerge::load(&one.save()).unwrap();
        prop_assert_eq!(read(&loaded, None), read(&one, None));
    }
}
