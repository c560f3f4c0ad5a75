use super::*;

/// DA15: a foreign document is read as far as it goes, and every odd field is named.
#[test]
fn da15_foreign_shapes_are_read_and_listed() {
    let foreign = json!({
        "kind": "board", "schemaVersion": 2.0, "title": 7, "grid": {"columns": -1, "rowHeight": 30.0},
        "widgets": {
            "fine": {"kind": "chart", "title": "ok", "order": "V", "layout": {"x": 1.0, "y": 2, "w": 3, "h": 4}, "more": 1},
            "odd": {"title": null, "order": "V0", "layout": {"x": 1.5, "y": 3_000_000_000_i64, "w": "3"}, "locked": 1,
                    "options": [], "parent": "", "data": "automerge:x"},
            "text": "no widget", "": {},
        },
    });
    let reading = from_json(&foreign);
    let board = &reading.dashboard;
    assert_eq!(board.schema_version, 2);
    assert_eq!(board.widgets[&id("fine")].layout, Layout { x: 1, y: 2, w: 3, h: 4 });
    assert_eq!(board.widgets[&id("odd")], Widget::new("", ""));
    assert_eq!(board.widgets.len(), 2);
    let mut odd: Vec<&str> = reading.oddities.iter().map(|oddity| oddity.path.as_str()).collect();
    odd.sort_unstable();
    let expected = [
        "/grid/columns",
        "/kind",
        "/title",
        "/widgets/",
        "/widgets/odd/data",
        "/widgets/odd/kind",
        "/widgets/odd/layout/h",
        "/widgets/odd/layout/w",
        "/widgets/odd/layout/x",
        "/widgets/odd/layout/y",
        "/widgets/odd/locked",
        "/widgets/odd/options",
        "/widgets/odd/order",
        "/widgets/odd/parent",
        "/widgets/odd/title",
        "/widgets/text",
    ];
    assert_eq!(odd, expected);
    assert_eq!(reading.oddities[0].to_string(), "/kind should be \"dashboard\", found another text");
    for nothing in [json!({}), json!([1]), json!(null)] {
        assert!(!from_json(&nothing).oddities.is_empty());
    }
    let crowd: serde_json::Map<_, _> = (0..500).map(|n| (n.to_string(), json!(n))).collect();
    assert_eq!(from_json(&json!({ "widgets": crowd })).oddities.len(), ODDITIES_MAX);
}

/// DA15: texts may be text objects, as stock JavaScript clients write them, and edits keep them so.
#[test]
fn da15_text_objects_are_read_and_kept() {
    let mut doc = board(&[("cpu", "V")]);
    doc.transact::<_, _, AutomergeError>(|tx| {
        let title = tx.put_object(ROOT, "title", ObjType::Text)?;
        tx.splice_text(&title, 0, 0, "Hosts")
    })
    .unwrap();
    assert_eq!(seen(&doc).title, "Hosts");
    edit(&mut doc, &ana(), &[Edit::SetTitle { title: "All hosts".into() }]);
    assert_eq!(seen(&doc).title, "All hosts");
    assert!(matches!(doc.get(ROOT, "title").unwrap(), Some((automerge::Value::Object(ObjType::Text), _))));
}

/// DA16: widget data is read shape by shape, and what does not fit is left out and named.
#[test]
fn da16_widget_data_is_read() {
    let mut doc = first_widget_data();
    assert_eq!(read_widget_data(&doc, None).oddities, []);
    let value = json!({
        "shape": "table", "points": [{"t": 5, "v": 1}, {"t": 6.0, "v": null}, {"t": 7}, {"v": 1}, 3],
        "columns": ["host", 1], "rows": [["a", 1], "b"], "text": "a note",
    });
    doc.transact::<_, _, json::JsonError>(|tx| {
        for (key, member) in value.as_object().unwrap() {
            json::assign(tx, &ROOT, key.as_str().into(), member, json::Strings::Text, 1)?;
        }
        Ok(())
    })
    .unwrap();
    let WidgetDataReading { data, oddities } = read_widget_data(&doc, None);
    assert_eq!(data.shape, Shape::Table);
    let points = [(5, Some(1.0)), (6, None), (7, None)].map(|(t, v)| Point { t, v });
    assert_eq!(data.points, points);
    assert_eq!((data.columns, data.rows), (vec!["host".to_owned()], vec![vec![json!("a"), json!(1)]]));
    assert_eq!(data.text, "a note");
    let odd: Vec<&str> = oddities.iter().map(|oddity| oddity.path.as_str()).collect();
    assert_eq!(odd, ["/points/3", "/points/4", "/columns/1", "/rows/1"]);
}

/// DA16: the window of a series is read, and what is no window is named.
#[test]
fn da16_the_window_of_a_series_is_read() {
    let read = |retention: serde_json::Value| {
        let mut doc = first_widget_data();
        doc.transact::<_, _, json::JsonError>(|tx| {
            json::assign(tx, &ROOT, "retention".into(), &retention, json::Strings::Text, 1)
        })
        .unwrap();
        let WidgetDataReading { data, oddities } = read_widget_data(&doc, None);
        let odd: Vec<String> = oddities.into_iter().map(|oddity| oddity.path).collect();
        (data.retention, odd)
    };
    let window = Retention { points: 5, seconds: Some(60) };
    assert_eq!(read(json!({"points": 5, "seconds": 60.0})), (window, vec![]));
    let odd = vec!["/retention/points".to_owned(), "/retention/seconds".to_owned()];
    assert_eq!(read(json!({"points": "all", "seconds": 0})), (Retention::default(), odd));
    assert_eq!(read(json!([])), (Retention::default(), vec!["/retention".to_owned()]));
}
