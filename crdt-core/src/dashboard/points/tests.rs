use super::*;
use crate::dashboard::{first_widget_data, read_widget_data};
use crate::json::Strings;
use proptest::prelude::*;
use serde_json::json;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn actor(byte: u8) -> ActorId {
    ActorId::from([byte; 16])
}

/// A series with these members beside its first change.
fn series(members: &serde_json::Value) -> Automerge {
    let mut doc = first_widget_data().with_actor(actor(9));
    let members = members.as_object().unwrap();
    doc.transact::<_, _, json::JsonError>(|tx| {
        members.iter().try_for_each(|(key, member)| {
            json::assign(tx, &ROOT, key.as_str().into(), member, Strings::Scalar, 1)
        })
    })
    .unwrap();
    doc
}

fn feed(doc: &Automerge) -> Feed {
    Feed::new(doc.clone(), actor(1)).unwrap()
}

fn point(t: i64, v: i32) -> Point {
    Point { t, v: Some(f64::from(v)) }
}

/// The points as a reader sees them.
fn seen(feed: &Feed) -> Vec<Point> {
    read_widget_data(&feed.doc, None).data.points
}

/// What a series holds after all these: sorted, the last of equal times, cut to the window.
fn expected(posted: &[Point], retention: Retention, now: Timestamp) -> Vec<Point> {
    let sorted: BTreeMap<i64, Point> = posted.iter().map(|point| (point.t, *point)).collect();
    let oldest = retention.oldest(now);
    let fresh: Vec<Point> = sorted.into_values().filter(|point| point.t >= oldest).collect();
    let newest = fresh.len().saturating_sub(retention.points);
    fresh[newest..].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// PT2, PT3, RC86: in whatever order and batches points come, the document holds what one sorted list cut to
    /// the window holds; and each batch is one change at most. Within somebody's transaction the same is written.
    #[test]
    fn pt2_any_order_and_batching_ends_the_same(
        batches in prop::collection::vec(
            prop::collection::vec((-40i64..40, any::<i16>()), 0..12), 0..12
        ),
        points in prop::option::of(1i64..30),
        seconds in prop::option::of(1i64..60),
    ) {
        let mut window = serde_json::Map::new();
        window.extend(points.map(|points| ("points".to_owned(), points.into())));
        window.extend(seconds.map(|seconds| ("seconds".to_owned(), seconds.into())));
        let doc = series(&json!({ "retention": window }));
        let (mut feed, mut held) = (feed(&doc), doc);
        let before = feed.doc.get_changes(&[]).len();
        let noon = NOON.as_millis() as i64;
        let mut posted = Vec::new();
        for batch in &batches {
            let batch: Vec<Point> =
                batch.iter().map(|(t, v)| point(noon + t * 1000, i32::from(*v))).collect();
            let added = feed.add(&batch, NOON).unwrap();
            let left = held.transact(|tx| add_points(tx, &batch, NOON)).unwrap().result;
            prop_assert!(left.is_empty());
            prop_assert_eq!(json::read(&held, None), json::read(&feed.doc, None));
            posted.extend(batch);
            let now = expected(&posted, Retention::of(points, seconds), NOON);
            prop_assert_eq!(added.points, now.len());
            prop_assert_eq!(seen(&feed), now);
        }
        let made = feed.doc.get_changes(&[]).len() - before;
        prop_assert!(made <= batches.len());
    }

    /// PT4: two who feed the same series while apart lose nothing: every point of both is there, and what
    /// either adds afterwards still keeps the window.
    #[test]
    fn pt4_two_feeders_merge(
        ours in prop::collection::btree_set(0i64..100, 1..20),
        theirs in prop::collection::btree_set(100i64..200, 1..20),
    ) {
        let doc = series(&json!({}));
        let mut ana = Feed::new(doc.clone(), actor(1)).unwrap();
        let mut bo = Feed::new(doc, actor(2)).unwrap();
        let base = ana.heads();
        for t in &ours { ana.add(&[point(*t, 1)], NOON).unwrap(); }
        for t in &theirs { bo.add(&[point(*t, 2)], NOON).unwrap(); }
        let (from_ana, from_bo) = (ana.doc.get_changes(&base), bo.doc.get_changes(&base));
        ana.catch_up(from_bo).unwrap();
        bo.catch_up(from_ana).unwrap();
        prop_assert_eq!(ana.heads(), bo.heads());

        let added = ana.add(&[point(500, 3)], NOON).unwrap();
        let mut times: Vec<i64> = seen(&ana).iter().map(|point| point.t).collect();
        times.sort_unstable();
        let mut all: Vec<i64> = ours.iter().chain(&theirs).copied().collect();
        all.push(500);
        prop_assert_eq!(added.points, all.len());
        prop_assert_eq!(times, all);
    }

    /// PT3: a list of any shape and order is fed without a panic; what is no point stays, and the window
    /// holds for the points in it.
    #[test]
    fn pt3_foreign_lists_are_fed(
        items in prop::collection::vec(
            prop_oneof![
                any::<i8>().prop_map(|t| json!({"t": t, "v": 1})),
                any::<i8>().prop_map(|t| json!({"t": f64::from(t)})),
                Just(json!(null)), Just(json!("x")), Just(json!({"v": 2})), Just(json!([{"t": 1}])),
                Just(json!({"t": "soon", "v": {}})),
            ],
            0..30,
        ),
        new in prop::collection::vec((any::<i8>(), any::<i8>()), 1..10),
        keeps in 1usize..20,
    ) {
        let doc = series(&json!({ "points": items, "retention": {"points": keeps} }));
        let mut feed = feed(&doc);
        let new: Vec<Point> = new.iter().map(|(t, v)| point(i64::from(*t), i32::from(*v))).collect();
        let added = feed.add(&new, NOON).unwrap();
        prop_assert!(added.points <= keeps);
        let odd = |item: &&serde_json::Value| item.get("t").and_then(whole_number).is_none();
        let root = json::read(&feed.doc, None);
        let after = root["points"].as_array().unwrap();
        let left: Vec<_> = after.iter().filter(odd).collect();
        let before: Vec<_> = items.iter().filter(odd).collect();
        prop_assert_eq!(left, before);
        let times: Vec<Option<i64>> =
            after.iter().map(|item| whole_number(item.get("t")?)).collect();
        prop_assert_eq!(&feed.times, &times, "what the feed believes is what the list holds");
    }
}

/// PT2: the point of a time that is there gets the new value, and nothing is written when it has it.
#[test]
fn pt2_an_equal_time_gets_the_new_value() {
    let mut feed = feed(&series(&json!({})));
    feed.add(&[point(1, 1), point(2, 2), point(3, 3)], NOON).unwrap();
    feed.add(&[point(2, 7), Point { t: 3, v: None }, point(2, 8)], NOON).unwrap();
    assert_eq!(seen(&feed), [point(1, 1), point(2, 8), Point { t: 3, v: None }]);
    let again = feed.add(&[point(2, 8), Point { t: 3, v: None }], NOON).unwrap();
    assert!(again.change.is_none());
    assert_eq!(again.points, 3);
}

/// PT2: values are written as JavaScript writes them.
#[test]
fn pt2_whole_values_are_whole_numbers() {
    let mut feed = feed(&series(&json!({})));
    let values = [(1, Some(5.0)), (2, Some(0.5)), (3, None), (4, Some(1e300))];
    feed.add(&values.map(|(t, v)| Point { t, v }), NOON).unwrap();
    let root = json::read(&feed.doc, None);
    assert_eq!(
        root["points"],
        json!([{"t": 1, "v": 5}, {"t": 2, "v": 0.5}, {"t": 3, "v": null}, {"t": 4, "v": 1e300}])
    );
}

/// PT3: without a window a document keeps 10,000 points; one that asks for more than may be gets what may be.
#[test]
fn pt3_there_is_always_a_window() {
    assert_eq!(Retention::of(None, None), Retention { points: POINTS_KEPT, seconds: None });
    assert_eq!(Retention::of(Some(5), None), Retention { points: 5, seconds: None });
    assert_eq!(Retention::of(None, Some(60)), Retention { points: POINTS_KEPT_MAX, seconds: Some(60) });
    assert_eq!(Retention::of(Some(i64::MAX), Some(i64::MAX)).points, POINTS_KEPT_MAX);
    assert_eq!(Retention::of(Some(-1), Some(0)), Retention::default());

    let mut feed = feed(&series(&json!({ "retention": "odd" })));
    let many: Vec<Point> = (0..12_000).map(|t| point(t, 0)).collect();
    assert_eq!(feed.add(&many, NOON).unwrap().points, POINTS_KEPT);
    assert_eq!(seen(&feed)[0].t, 2_000);
}

/// PT3: a window that was made smaller is reached in several changes, each of a bounded size.
#[test]
fn pt3_a_smaller_window_is_reached_step_by_step() {
    let mut feed = feed(&series(&json!({ "retention": {"points": 60_000} })));
    let many: Vec<Point> = (0..50_000).map(|t| point(t, 0)).collect();
    assert_eq!(feed.add(&many, NOON).unwrap().points, 50_000);
    feed.doc
        .transact::<_, _, AutomergeError>(|tx| {
            let (_, retention) = tx.get(ROOT, "retention")?.unwrap();
            tx.put(&retention, "points", 10)
        })
        .unwrap();
    let left = [1, 2, 3].map(|n| feed.add(&[point(60_000 + n, 1)], NOON).unwrap().points);
    assert_eq!(left, [50_001 - REMOVED_MAX, 50_002 - 2 * REMOVED_MAX, 10]);
    assert_eq!(seen(&feed).last(), Some(&point(60_003, 1)));
}

/// PT1: only widget data that shows points takes any.
#[test]
fn pt1_other_documents_take_no_points() {
    let refused = |members| Feed::new(series(&members), actor(1)).unwrap_err();
    assert_eq!(refused(json!({"kind": "dashboard"})), NotPoints::Kind { kind: "dashboard".into() });
    assert_eq!(refused(json!({"kind": 7})), NotPoints::Kind { kind: String::new() });
    assert_eq!(refused(json!({"shape": "table"})), NotPoints::Shape { shape: "table".into() });
    assert_eq!(refused(json!({"points": "none"})), NotPoints::NoList);
    assert!(Feed::new(Automerge::new(), actor(1)).is_err());

    // Made elsewhere, as text objects and without a list.
    let mut doc = Automerge::new().with_actor(actor(3));
    doc.transact::<_, _, json::JsonError>(|tx| {
        json::assign(tx, &ROOT, "kind".into(), &json!("widget-data"), Strings::Text, 1)
    })
    .unwrap();
    let mut feed = Feed::new(doc, actor(1)).unwrap();
    feed.add(&[point(1, 1)], NOON).unwrap();
    assert_eq!(seen(&feed), [point(1, 1)]);
}

/// PT1: points are read as documented, and nothing is guessed.
#[test]
fn pt1_points_have_a_closed_form() {
    let noon = NOON.as_millis() as i64;
    let good = [
        (json!({"t": 5, "v": 1}), Point { t: 5, v: Some(1.0) }),
        (json!({"t": 5.0, "v": 1.5}), Point { t: 5, v: Some(1.5) }),
        (json!({"v": 2}), Point { t: noon, v: Some(2.0) }),
        (json!({"t": null, "v": null}), Point { t: noon, v: None }),
        (json!({"t": -TIME_MS_MAX, "v": 0}), Point { t: -TIME_MS_MAX, v: Some(0.0) }),
    ];
    for (value, point) in good {
        assert_eq!(read_point(&value, NOON), Ok(point), "{value}");
    }
    let bad = [
        (json!([1, 2]), BadPoint::NotAnObject),
        (json!({"t": 1, "v": 1, "time": 2}), BadPoint::UnknownMember("time".into())),
        (json!({"t": 1}), BadPoint::NoValue),
        (json!({"t": 1, "v": "1"}), BadPoint::BadValue),
        (json!({"t": "now", "v": 1}), BadPoint::BadTime),
        (json!({"t": 1.5, "v": 1}), BadPoint::BadTime),
        (json!({"t": TIME_MS_MAX + 1, "v": 1}), BadPoint::BadTime),
        (json!({"t": u64::MAX, "v": 1}), BadPoint::BadTime),
    ];
    for (value, why) in bad {
        assert_eq!(read_point(&value, NOON), Err(why), "{value}");
    }
}

/// PT5: the longer the history, the rarer the changes, and at the budget there are none.
#[test]
fn pt5_changes_come_slower_as_the_history_grows() {
    assert_eq!(interval_ms(0), Some(500));
    assert_eq!(interval_ms(HISTORY_BUDGET - 1), Some(30_000));
    assert_eq!(interval_ms(HISTORY_BUDGET), None);
    let steps: Vec<_> = (0..HISTORY_BUDGET).step_by(10_000).map(interval_ms).collect();
    assert!(steps.is_sorted() && steps.first() != steps.last());
}

/// PT5: points that fall between others go into several changes, the newest first; in the end all are there.
#[test]
fn pt5_points_between_others_come_in_several_changes() {
    let mut feed = feed(&series(&json!({})));
    let even: Vec<Point> = (0..1_000).map(|t| point(2 * t, 0)).collect();
    assert!(feed.add(&even, NOON).unwrap().left.is_empty(), "in order is one place");
    let mut left: Vec<Point> = (0..250).map(|t| point(2 * t + 1, 1)).chain([point(8, 7)]).collect();
    let mut sizes = Vec::new();
    while !left.is_empty() {
        left = feed.add(&left, NOON).unwrap().left;
        sizes.push(left.len());
    }
    assert_eq!(sizes, [151, 51, 0]);
    let times: Vec<i64> = seen(&feed).iter().map(|point| point.t).collect();
    let expected: Vec<i64> = (0..500).chain((250..1_000).map(|t| 2 * t)).collect();
    assert_eq!(times, expected);
    assert_eq!(seen(&feed)[8], point(8, 7));
}
