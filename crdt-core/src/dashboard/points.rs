//! Points that are added to a widget data document, and old ones that leave it.
//!
//! Edit path: ← whoever feeds the widget brings points, → [`Feed::add`] makes one change of them, → the
//! caller stores it. What others write meanwhile comes back by [`Feed::catch_up`]. Who adds seldom, or has the document
//! open anyway, does the same within a transaction: [`add_points`].
//!
//! ```text
//!  list    10 20 40 50          the document's `points`, in order of time
//!  points        30    60 60'   sorted, the last of equal times counts
//!  after      20 30 40 50 60'   30 where it belongs, 10 has left the window: one change
//! ```
//! Always true here: a point is never moved. Inserting it again elsewhere would double it when two do so
//! while apart; so a list that merging has brought out of order stays so, and whoever draws it sorts it.
//! Items that are no points are left alone.

use super::WIDGET_DATA_KIND;
use super::read::whole_number;
use super::widget_data::Point;
use crate::document::careful::{Panicked, carefully};
use crate::json;
use crate::time::Timestamp;
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    Value, hydrate,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// The points a document keeps when it does not say: at one a second almost three hours, and more than
/// any chart has pixels. As JSON they are about 300 kB.
pub const POINTS_KEPT: usize = 10_000;

/// The most that a document may ask to keep: a reader gets all of them at once, and each time that the
/// copy is read again takes a tenth of a second.
pub const POINTS_KEPT_MAX: usize = 100_000;

/// The most points that one change removes: when a window is made much smaller the rest leaves with the
/// next changes, and no change takes longer than some tenths of a second.
pub const REMOVED_MAX: usize = 20_000;

/// The most places into which one change inserts: each costs up to 10 ms in a long list. Points that come
/// in order are one place, however many; those that fall between others go into the next changes.
pub const PLACES_MAX: usize = 100;

/// The greatest time of a point, either way: what a JavaScript `Date` can hold.
pub const TIME_MS_MAX: i64 = 8_640_000_000_000_000;

/// How many changes a document that is fed may have. Automerge keeps each for ever, with about 0.45 kB of
/// memory, and reads them all when it opens the document: at this bound 45 MB and more than a second.
pub const HISTORY_BUDGET: u64 = 100_000;

/// Up to how many changes of history a change may be made how often, in milliseconds. The longer the
/// history, the slower it grows: fed without a pause, a document lasts eleven days.
const INTERVALS_MS: [(u64, u64); 6] = [
    (10_000, 500),
    (20_000, 1_000),
    (40_000, 2_000),
    (60_000, 5_000),
    (80_000, 10_000),
    (HISTORY_BUDGET, 30_000),
];

/// How long after a change the next one may be made, when there are so many already; `None` when the
/// budget is spent.
#[must_use]
pub fn interval_ms(changes: u64) -> Option<u64> {
    INTERVALS_MS.iter().find(|(below, _)| changes < *below).map(|(_, ms)| *ms)
}

/// What of a series is kept: the newest `points`, and none that is older than `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Retention {
    /// How many, from 1 to [`POINTS_KEPT_MAX`].
    pub points: usize,
    /// For how long, by the clock of whoever adds points.
    #[cfg_attr(test, ts(optional))]
    pub seconds: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { points: POINTS_KEPT, seconds: None }
    }
}

impl Retention {
    /// What the members of `retention` say. One that cannot be read counts as absent. Who names a time
    /// only keeps as many points as may be kept.
    pub(super) fn of(points: Option<i64>, seconds: Option<i64>) -> Self {
        let count = points.filter(|points| *points > 0);
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
        let default = if seconds.is_some() { POINTS_KEPT_MAX } else { POINTS_KEPT };
        let points = count.map_or(default, |count| usize::try_from(count).unwrap_or(usize::MAX));
        Self { points: points.min(POINTS_KEPT_MAX), seconds }
    }

    /// Points before this time are not kept.
    fn oldest(&self, now: Timestamp) -> i64 {
        let Some(seconds) = self.seconds else { return i64::MIN };
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        now.saturating_sub(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
    }
}

/// What a document says of its retention and cannot be read. It counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The whole of it.
    Retention,
    /// How many points are kept.
    Points,
    /// For how long they are kept.
    Seconds,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retention => "retention is no object with points and seconds",
            Self::Points => "retention.points is no whole number above 0",
            Self::Seconds => "retention.seconds is no whole number above 0",
        })
    }
}

/// Why no points can be added to a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPoints {
    /// It is no widget data document.
    #[error("this document is of kind {kind:?}; points go into one of kind \"widget-data\"")]
    Kind {
        /// What it is.
        kind: String,
    },
    /// It shows something else.
    #[error("this widget data document has the shape {shape:?}; points go into one of shape \"points\"")]
    Shape {
        /// Its shape.
        shape: String,
    },
    /// Its `points` are something else.
    #[error("the member points of this document is no list")]
    NoList,
}

/// Why points were not added to a document that takes points.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The document is not one that takes points, or no longer.
    #[error(transparent)]
    NotPoints(#[from] NotPoints),
    /// Automerge refused: the copy is no longer good.
    #[error("automerge refused the points")]
    Automerge(#[from] AutomergeError),
    /// Automerge panicked: the copy is no longer good.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// What became of points.
#[derive(Debug)]
pub struct Added {
    /// The change, for the store; none when everything stood there already.
    pub change: Option<Bytes>,
    /// How many points the document has now.
    pub points: usize,
    /// What of the document is kept.
    pub retention: Retention,
    /// What the document says of that and cannot be read.
    pub unread: Vec<Unread>,
    /// What is still to be added, with another change: see [`PLACES_MAX`].
    pub left: Vec<Point>,
}

/// A copy of a widget data document, kept by whoever adds points to it. It costs the memory of the
/// document once more, and saves building a copy for each change.
#[derive(Debug)]
pub struct Feed {
    doc: Automerge,
    /// The time of each item of the list, in the list's order; none for what is no point. Right as long
    /// as the document's heads are `read_at`.
    times: Vec<Option<i64>>,
    read_at: Option<Vec<ChangeHash>>,
}

impl Feed {
    /// Takes a copy into its keeping and writes as `actor`, who must write nowhere else.
    ///
    /// # Errors
    /// When the document takes no points.
    pub fn new(doc: Automerge, actor: ActorId) -> Result<Self, NotPoints> {
        let mut feed = Self { doc: doc.with_actor(actor), times: Vec::new(), read_at: None };
        if let Some(list) = list(&feed.doc)? {
            feed.read_again(&list);
        }
        Ok(feed)
    }

    /// The heads of the copy.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    /// How many points the copy has.
    #[must_use]
    pub fn points(&self) -> usize {
        self.times.iter().flatten().count()
    }

    /// Changes that others made and the copy lacks.
    ///
    /// # Errors
    /// When Automerge refuses them: the copy is no longer good.
    pub fn catch_up(&mut self, changes: Vec<Change>) -> Result<(), AddError> {
        let doc = &mut self.doc;
        carefully(|| doc.apply_changes(changes))??;
        Ok(())
    }

    /// Adds points, and takes those out of the document that leave its window, in one change. Of equal
    /// times the last counts, also before one that is in the document. Points that fall into too many
    /// places are [`left`](Added::left).
    ///
    /// # Errors
    /// When the document takes no points any more, or Automerge fails: then nothing was added, and the copy
    /// is no longer good.
    pub fn add(&mut self, points: &[Point], now: Timestamp) -> Result<Added, AddError> {
        let list = self.fresh_list()?;
        let (retention, unread) = retention(&self.doc);
        let new = points.iter().map(|point| (point.t, *point)).collect();
        let (new, left) = divided(&self.times, new);
        let plan = Plan::of(&self.times, &new, &retention, now);
        let seconds = i64::try_from(now.as_millis() / 1000).unwrap_or(i64::MAX);
        let doc = &mut self.doc;
        let hash = carefully(|| {
            let options = |_: &()| CommitOptions::default().with_time(seconds);
            let done = doc.transact_with::<_, _, AutomergeError, _>(options, |tx| {
                let list = match list {
                    Some(list) => list,
                    None => tx.put_object(ROOT, "points", ObjType::List)?,
                };
                plan.write(tx, &list)
            });
            done.map(|done| done.hash).map_err(|failure| failure.error)
        })??;
        self.times = plan.times();
        self.read_at = Some(self.doc.get_heads());
        let change = hash.and_then(|hash| self.doc.get_change_by_hash(&hash));
        let change = change.map(|change| Bytes::copy_from_slice(change.raw_bytes()));
        Ok(Added { change, points: self.points(), retention, unread, left })
    }

    /// The first of these points, by time, that stands in the document with another value: to add it would be to
    /// replace that.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn first_replaced(&mut self, points: &[Point]) -> Result<Option<i64>, AddError> {
        let Some(list) = self.fresh_list()? else { return Ok(None) };
        let new: BTreeMap<i64, &Point> = points.iter().map(|point| (point.t, point)).collect();
        let (doc, times) = (&self.doc, &self.times);
        let is_replaced = |at: usize, point: &Point| match doc.get(&list, at)? {
            Some((Value::Object(ObjType::Map), item)) => Ok(!stands(doc, &item, point)?),
            _ => Ok::<_, AutomergeError>(false),
        };
        let replaced = carefully(|| {
            let mut replaced = None;
            for (at, time) in times.iter().enumerate() {
                let Some(point) = time.and_then(|time| new.get(&time)) else { continue };
                if replaced.is_none_or(|first| point.t < first) && is_replaced(at, point)? {
                    replaced = Some(point.t);
                }
            }
            Ok::<_, AutomergeError>(replaced)
        })??;
        Ok(replaced)
    }

    /// Those of these times at which the document, as it was read or written last, has no point.
    #[must_use]
    pub fn lacks(&self, times: &BTreeSet<i64>) -> BTreeSet<i64> {
        let mut lacking = times.clone();
        for time in self.times.iter().flatten() {
            lacking.remove(time);
        }
        lacking
    }

    /// The list of points, and what is in it read again if somebody else wrote.
    fn fresh_list(&mut self) -> Result<Option<ObjId>, NotPoints> {
        let list = list(&self.doc)?;
        match &list {
            Some(list) if self.read_at.as_deref() != Some(&self.doc.get_heads()) => self.read_again(list),
            Some(_) => {}
            None => self.times.clear(),
        }
        Ok(list)
    }

    fn read_again(&mut self, list: &ObjId) {
        self.times = times(&self.doc, list);
        self.read_at = Some(self.doc.get_heads());
    }
}

/// Adds points within a transaction, as [`Feed::add`] does in a change of its own, and gives back what is still to be added with
/// another change. Reads the time of every point that is there: some milliseconds where there are ten thousand.
///
/// # Errors
/// When the document takes no points, or Automerge fails.
pub fn add_points(
    tx: &mut Transaction<'_>,
    points: &[Point],
    now: Timestamp,
) -> Result<Vec<Point>, AddError> {
    let (list, times) = match list(tx)? {
        Some(list) => (list.clone(), times(tx, &list)),
        None => (tx.put_object(ROOT, "points", ObjType::List)?, Vec::new()),
    };
    let (new, left) = divided(&times, points.iter().map(|point| (point.t, *point)).collect());
    Plan::of(&times, &new, &retention(tx).0, now).write(tx, &list)?;
    Ok(left)
}

/// The list of points; none when the document has no such member yet.
fn list(doc: &impl ReadDoc) -> Result<Option<ObjId>, NotPoints> {
    let kind = text(doc, "kind").unwrap_or_default();
    if kind != WIDGET_DATA_KIND {
        return Err(NotPoints::Kind { kind });
    }
    // Absent means points, as it does to whoever reads the document.
    if let Some(shape) = text(doc, "shape").filter(|shape| shape != "points") {
        return Err(NotPoints::Shape { shape });
    }
    match doc.get(ROOT, "points").ok().flatten() {
        None => Ok(None),
        Some((Value::Object(ObjType::List), list)) => Ok(Some(list)),
        Some(_) => Err(NotPoints::NoList),
    }
}

/// The time of each item of the list, in the list's order; none for what is no point.
fn times(doc: &impl ReadDoc, list: &ObjId) -> Vec<Option<i64>> {
    let items = json::read_at(doc, list, None);
    let items = items.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().map(|item| whole_number(item.get("t")?)).collect()
}

/// The window that the document names, and what of it cannot be read.
fn retention(doc: &impl ReadDoc) -> (Retention, Vec<Unread>) {
    let map = match doc.get(ROOT, "retention") {
        Ok(Some((Value::Object(ObjType::Map), map))) => map,
        Ok(Some((value, _))) if !is_null(&value) => return (Retention::default(), vec![Unread::Retention]),
        _ => return (Retention::default(), Vec::new()),
    };
    let mut unread = Vec::new();
    let mut number = |name: &str, otherwise: Unread| {
        let value = doc.get(&map, name).ok().flatten().filter(|(value, _)| !is_null(value))?.0;
        let number = match value {
            Value::Scalar(scalar) => whole_number(&json::scalar_to_json(&scalar.into_owned().into())),
            Value::Object(_) => None,
        };
        let number = number.filter(|number| *number > 0);
        unread.extend(number.is_none().then_some(otherwise));
        number
    };
    let retention = Retention::of(number("points", Unread::Points), number("seconds", Unread::Seconds));
    (retention, unread)
}

fn is_null(value: &Value<'_>) -> bool {
    matches!(value, Value::Scalar(scalar) if scalar.is_null())
}

/// A text at the root, be it a register or a text object.
fn text(doc: &impl ReadDoc, name: &str) -> Option<String> {
    match doc.get(ROOT, name).ok()?? {
        (Value::Object(ObjType::Text), id) => doc.text(&id).ok(),
        (Value::Scalar(scalar), _) => match scalar.as_ref() {
            ScalarValue::Str(text) => Some(text.to_string()),
            _ => Some(String::new()),
        },
        (Value::Object(_), _) => Some(String::new()),
    }
}

/// What is to be done to the list: what it will hold and what leaves it, from its front to its back.
#[derive(Debug)]
struct Plan {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    /// Stands there and stays.
    Stays(Option<i64>),
    /// Stands there and gets another value.
    Changes(Point),
    /// Stands there and leaves.
    Leaves,
    /// Is new.
    Comes(Point),
    /// Is new and would leave at once: of it nothing is written.
    Passes,
}

impl Item {
    fn time(&self) -> Option<i64> {
        match self {
            Item::Stays(time) => *time,
            Item::Changes(point) | Item::Comes(point) => Some(point.t),
            Item::Leaves | Item::Passes => None,
        }
    }

    /// Whether it is new.
    fn is_new(&self) -> bool {
        matches!(self, Item::Comes(_) | Item::Passes)
    }

    /// Whether the list itself is written here.
    fn is_written_here(&self) -> bool {
        !matches!(self, Item::Stays(_) | Item::Changes(_))
    }

    /// The new item as Automerge takes it.
    fn as_new(&self) -> Option<hydrate::Value> {
        let Item::Comes(point) = self else { return None };
        let value = |scalar: ScalarValue| hydrate::Value::Scalar(scalar);
        let members = HashMap::from([("t", value(point.t.into())), ("v", value(scalar(point.v)))]);
        Some(members.into())
    }
}

impl Plan {
    fn of(times: &[Option<i64>], new: &BTreeMap<i64, Point>, retention: &Retention, now: Timestamp) -> Self {
        let mut plan = Self { items: merged(times, new) };
        plan.cut(retention, now);
        plan
    }

    /// Has those leave that the window does not hold, the earliest first.
    fn cut(&mut self, retention: &Retention, now: Timestamp) {
        let oldest = retention.oldest(now);
        let timed = self.items.iter().enumerate().filter_map(|(at, item)| Some((item.time()?, at)));
        let mut times: Vec<(i64, usize)> = timed.collect();
        // In order as a rule, which costs one pass to see.
        times.sort_unstable();
        let too_many = times.len().saturating_sub(retention.points);
        let too_old = times.partition_point(|(time, _)| *time < oldest);
        let mut removed = 0;
        for (_, at) in times.into_iter().take(too_many.max(too_old)) {
            let item = &mut self.items[at];
            if item.is_new() {
                *item = Item::Passes;
            } else if removed < REMOVED_MAX {
                removed += 1;
                *item = Item::Leaves;
            }
        }
    }

    /// From the front to the back, what stands side by side at once: Automerge looks for a place once for
    /// each of these, which costs as much as the list is long.
    fn write(&self, tx: &mut impl Transactable, list: &ObjId) -> Result<(), AutomergeError> {
        let mut at = 0;
        for run in self.items.chunk_by(|one, next| one.is_written_here() && next.is_written_here()) {
            match run {
                [Item::Stays(_)] => at += 1,
                [Item::Changes(point)] => {
                    change(tx, list, at, point)?;
                    at += 1;
                }
                run => {
                    let gone = run.iter().filter(|item| matches!(item, Item::Leaves)).count();
                    let new: Vec<hydrate::Value> = run.iter().filter_map(Item::as_new).collect();
                    let came = new.len();
                    if gone + came > 0 {
                        tx.splice(list, at, isize::try_from(gone).unwrap_or(isize::MAX), new)?;
                    }
                    at += came;
                }
            }
        }
        Ok(())
    }

    /// The times of the list once it is written.
    fn times(&self) -> Vec<Option<i64>> {
        let there = self.items.iter().filter(|item| !matches!(item, Item::Leaves | Item::Passes));
        there.map(Item::time).collect()
    }
}

/// The new points among those that stand there, each behind the last that is not later; one of the same
/// time gets the new value. One pass from the back: in a list that is out of order, too.
fn merged(times: &[Option<i64>], new: &BTreeMap<i64, Point>) -> Vec<Item> {
    let mut items = Vec::with_capacity(times.len() + new.len());
    let mut new = new.values().rev().copied().peekable();
    for time in times.iter().rev() {
        let mut item = Item::Stays(*time);
        if let Some(time) = time {
            while let Some(later) = new.next_if(|point| point.t > *time) {
                items.push(Item::Comes(later));
            }
            if let Some(same) = new.next_if(|point| point.t == *time) {
                item = Item::Changes(same);
            }
        }
        items.push(item);
    }
    items.extend(new.map(Item::Comes));
    items.reverse();
    items
}

/// The newest points that fall into as many places as one change writes, and the others.
fn divided(times: &[Option<i64>], mut new: BTreeMap<i64, Point>) -> (BTreeMap<i64, Point>, Vec<Point>) {
    if new.len() <= PLACES_MAX {
        return (new, Vec::new());
    }
    let (mut places, mut was_new, mut first) = (0, false, None);
    for item in merged(times, &new).iter().rev() {
        places += usize::from(item.is_new() && !was_new);
        if places > PLACES_MAX {
            break;
        }
        was_new = item.is_new();
        if !matches!(item, Item::Stays(_)) {
            first = item.time();
        }
    }
    let within = first.map_or_else(BTreeMap::new, |first| new.split_off(&first));
    (within, new.into_values().collect())
}

/// The value of a point that stands there already; nothing is written when it has that value.
fn change(tx: &mut impl Transactable, list: &ObjId, at: usize, point: &Point) -> Result<(), AutomergeError> {
    let Some((Value::Object(ObjType::Map), item)) = tx.get(list, at)? else { return Ok(()) };
    if stands(tx, &item, point)? { Ok(()) } else { tx.put(&item, "v", scalar(point.v)) }
}

/// Whether an item has the value of a point, and no other beside it.
fn stands(doc: &impl ReadDoc, item: &ObjId, point: &Point) -> Result<bool, AutomergeError> {
    let values = doc.get_all(item, "v")?;
    Ok(match values.as_slice() {
        [(Value::Scalar(value), _)] => number(value) == Some(point.v),
        _ => false,
    })
}

/// What a register says of a value; none when it is no number.
fn number(value: &ScalarValue) -> Option<Option<f64>> {
    match value {
        ScalarValue::Null => Some(None),
        value => value.as_f64().map(Some),
    }
}

/// Whole numbers as JavaScript writes them, so that JSON shows 5 and not 5.0.
fn scalar(value: Option<f64>) -> ScalarValue {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        None => ScalarValue::Null,
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
        Some(value) if value.fract() == 0.0 && value.abs() <= WHOLE_MAX => ScalarValue::Int(value as i64),
        Some(value) => ScalarValue::F64(value),
    }
}

/// Why a JSON value is no point. The sender's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPoint {
    /// Not even an object.
    #[error("a point is an object like {{\"t\": 1700000000000, \"v\": 21.5}}")]
    NotAnObject,
    /// A member that nobody knows.
    #[error("a point has the members t and v, not {0:?}")]
    UnknownMember(String),
    /// No value.
    #[error("v is missing; write null where a value was missed")]
    NoValue,
    /// Not a value.
    #[error("v must be a number or null")]
    BadValue,
    /// Not a time.
    #[error("t must be whole milliseconds since 1970, up to {TIME_MS_MAX} either way")]
    BadTime,
}

/// A point from outside: `{"t": ms, "v": number or null}`. Without `t` it is now.
///
/// # Errors
/// When it is something else. Nothing is guessed: a member with another name is refused.
pub fn read_point(value: &serde_json::Value, now: Timestamp) -> Result<Point, BadPoint> {
    let members = value.as_object().ok_or(BadPoint::NotAnObject)?;
    if let Some(unknown) = members.keys().find(|name| !matches!(name.as_str(), "t" | "v")) {
        return Err(BadPoint::UnknownMember(unknown.chars().take(64).collect()));
    }
    let t = match members.get("t") {
        None | Some(serde_json::Value::Null) => i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        Some(time) => whole_number(time).ok_or(BadPoint::BadTime)?,
    };
    let v = match members.get("v").ok_or(BadPoint::NoValue)? {
        serde_json::Value::Null => None,
        value => Some(value.as_f64().ok_or(BadPoint::BadValue)?),
    };
    let point = Point { t, v };
    point.check().map(|()| point)
}

impl Point {
    /// Whether it can stand in a document: with a time that is one, and a value that JSON can say.
    ///
    /// # Errors
    /// [`BadPoint::BadTime`] or [`BadPoint::BadValue`].
    pub fn check(&self) -> Result<(), BadPoint> {
        match self {
            point if !(-TIME_MS_MAX..=TIME_MS_MAX).contains(&point.t) => Err(BadPoint::BadTime),
            Point { v: Some(value), .. } if !value.is_finite() => Err(BadPoint::BadValue),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
