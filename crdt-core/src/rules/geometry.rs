//! Rectangles on a grid: which of them meet, and where there is room.
//!
//! Cells may be any finite numbers, since documents hold any. A rectangle without an area meets
//! nothing. Two that only touch do not meet.

/// Rows that are tried when room is looked for, from the top. Behind them the row below
/// everything is taken, where there is always room.
const ROWS_TRIED_MAX: usize = 1_000;

/// A rectangle: its upper left corner and its size, all finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rectangle {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Rectangle {
    fn right(&self) -> f64 {
        self.x + self.w
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.h
    }

    pub(crate) fn has_area(&self) -> bool {
        self.w > 0.0 && self.h > 0.0
    }

    pub(crate) fn meets(&self, other: &Rectangle) -> bool {
        self.has_area()
            && other.has_area()
            && self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }

    /// Whether it lies on a grid of so many columns, which has no lower end.
    pub(crate) fn lies_within(&self, columns: f64) -> bool {
        self.has_area() && self.x >= 0.0 && self.y >= 0.0 && self.right() <= columns
    }

    /// The nearest place on the grid: narrower only if the grid is.
    pub(crate) fn clamped(&self, columns: f64) -> Rectangle {
        let least = |size: f64| if size > 0.0 { size } else { 1.0 };
        let w = least(self.w).min(columns);
        Rectangle { x: self.x.min(columns - w).max(0.0), y: self.y.max(0.0), w, h: least(self.h) }
    }
}

/// All pairs that meet, by their indexes, unless that takes more than `comparisons` of them, which
/// are counted down.
pub(crate) fn meeting(
    rectangles: &[(usize, Rectangle)],
    comparisons: &mut usize,
) -> Option<Vec<(usize, usize)>> {
    let mut from_above: Vec<&(usize, Rectangle)> =
        rectangles.iter().filter(|(_, rectangle)| rectangle.has_area()).collect();
    from_above.sort_by(|(_, one), (_, other)| one.y.total_cmp(&other.y));
    // Those that reach down to the row at hand.
    let mut open: Vec<&(usize, Rectangle)> = Vec::new();
    let mut pairs = Vec::new();
    for present in from_above {
        *comparisons = comparisons.checked_sub(open.len())?;
        open.retain(|(_, above)| above.bottom() > present.1.y);
        let met = open.iter().filter(|(_, above)| above.meets(&present.1));
        pairs.extend(met.map(|(index, _)| (*index, present.0)));
        open.push(present);
    }
    Some(pairs)
}

/// The first row at or below `from` where the rectangle, in its own columns, is in nobody's way.
pub(crate) fn push_down(rectangle: &Rectangle, from: f64, others: &[Rectangle]) -> Rectangle {
    let mut place = Rectangle { y: from, ..*rectangle };
    let mut in_columns: Vec<&Rectangle> = others
        .iter()
        .filter(|other| other.has_area() && other.x < place.right() && place.x < other.right())
        .collect();
    in_columns.sort_by(|one, other| one.y.total_cmp(&other.y));
    for other in in_columns {
        if other.meets(&place) {
            place.y = other.bottom();
        }
    }
    place
}

/// The first place on the grid where the rectangle is in nobody's way: the highest row, and the
/// leftmost there. None when the grid is too narrow.
pub(crate) fn first_free(rectangle: &Rectangle, columns: f64, others: &[Rectangle]) -> Option<Rectangle> {
    if !rectangle.has_area() || rectangle.w > columns {
        return None;
    }
    // A free place that cannot go higher touches the top or somebody's lower edge.
    let mut rows: Vec<f64> = others.iter().filter(|other| other.has_area()).map(Rectangle::bottom).collect();
    rows.push(0.0);
    rows.retain(|row| *row >= 0.0);
    rows.sort_by(f64::total_cmp);
    rows.dedup();
    let lowest = rows.last().copied();
    let tried = rows.into_iter().take(ROWS_TRIED_MAX).chain(lowest);
    tried.into_iter().find_map(|y| {
        let mut row: Vec<&Rectangle> = others
            .iter()
            .filter(|other| other.has_area() && other.y < y + rectangle.h && y < other.bottom())
            .collect();
        row.sort_by(|one, other| one.x.total_cmp(&other.x));
        let x = row.iter().fold(0.0, |x: f64, other| {
            if other.x < x + rectangle.w && x < other.right() { other.right() } else { x }
        });
        (x + rectangle.w <= columns).then_some(Rectangle { x, y, ..*rectangle })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rectangle(x: f64, y: f64, w: f64, h: f64) -> Rectangle {
        Rectangle { x, y, w, h }
    }

    fn some_rectangle() -> impl Strategy<Value = Rectangle> {
        (-2i32..12, -2i32..12, -1i32..8, -1i32..8)
            .prop_map(|(x, y, w, h)| rectangle(x.into(), y.into(), w.into(), h.into()))
    }

    proptest! {
        /// RU10: the sweep finds the pairs that comparing all with all finds.
        #[test]
        fn ru10_the_sweep_finds_all_pairs(all in prop::collection::vec(some_rectangle(), 0..24)) {
            let numbered: Vec<_> = all.iter().copied().enumerate().collect();
            let mut found: Vec<_> = meeting(&numbered, &mut 10_000).unwrap()
                .into_iter().map(|(one, other)| (one.min(other), one.max(other))).collect();
            found.sort_unstable();
            let mut expected = Vec::new();
            for one in 0..all.len() {
                for other in one + 1..all.len() {
                    if all[one].meets(&all[other]) {
                        expected.push((one, other));
                    }
                }
            }
            prop_assert_eq!(found, expected);
        }

        /// RU14: where a rectangle is put, it is in nobody's way; and there is no free place before.
        #[test]
        fn ru14_free_places_are_free(
            own in some_rectangle(), others in prop::collection::vec(some_rectangle(), 0..12),
        ) {
            let free = |place: &Rectangle| !others.iter().any(|other| other.meets(place));
            if own.has_area() {
                prop_assert!(free(&push_down(&own, own.y, &others)));
            }
            if let Some(place) = first_free(&own, 12.0, &others) {
                prop_assert!(free(&place) && place.lies_within(12.0));
                for y in 0..=place.y as i32 {
                    for x in 0..12 {
                        let earlier = rectangle(x.into(), y.into(), own.w, own.h);
                        let before = (earlier.y, earlier.x) < (place.y, place.x);
                        prop_assert!(!(before && free(&earlier) && earlier.lies_within(12.0)));
                    }
                }
            } else {
                prop_assert!(!own.has_area() || own.w > 12.0);
            }
            prop_assert!(own.clamped(12.0).lies_within(12.0));
        }
    }

    /// RU11: what takes more comparisons than are granted has no answer.
    #[test]
    fn ru11_comparisons_are_counted() {
        let heap: Vec<_> = (0..100).map(|index| (index, rectangle(0.0, 0.0, 1.0, 1.0))).collect();
        assert_eq!(meeting(&heap, &mut 4_950).map(|pairs| pairs.len()), Some(4_950));
        assert_eq!(meeting(&heap, &mut 4_949), None);
    }
}
