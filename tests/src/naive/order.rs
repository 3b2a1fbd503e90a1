//! What depends on the order of the copies of rows. Rows without a positive weight are not there.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Bag, bag};
use crate::item::{Item, Key, small};
use crate::plan::{End, Pick, Window, Windowed};

/// Rows with copies, in an order.
type Ordered = Vec<(Item, i64)>;

/// The rows of each group that are there, in the order of a key, then of the rows.
fn by_group(rows: &Bag, by: Option<Key>, order: Key) -> Vec<Ordered> {
    let mut groups: BTreeMap<Item, Ordered> = BTreeMap::new();
    for (item, weight) in rows.iter().filter(|(_, weight)| **weight > 0) {
        let group = by.map_or_else(Item::default, |by| by.project(item));
        groups
            .entry(group)
            .or_default()
            .push((item.clone(), *weight));
    }
    let mut groups: Vec<Ordered> = groups.into_values().collect();
    for rows in &mut groups {
        rows.sort_by(|(one, _), (other, _)| order.compare(one, other).then_with(|| one.cmp(other)));
    }
    groups
}

/// The first copies of each group.
pub(super) fn pick(pick: &Pick, rows: &Bag) -> Bag {
    let groups = by_group(rows, pick.by, pick.order);
    let picked = groups.into_iter().flat_map(|mut rows| {
        if pick.end == End::Top {
            rows.reverse();
        }
        first(rows, pick.offset.unwrap_or(0), pick.n)
    });
    bag(picked)
}

/// The copies whose places, counted from zero, are in `offset..offset + n`.
fn first(rows: Ordered, offset: u64, n: u64) -> Ordered {
    let (from, to) = (i128::from(offset), i128::from(offset) + i128::from(n));
    let mut place = 0_i128;
    let taken = rows.into_iter().map(|(item, copies)| {
        let (start, end) = (place, place + i128::from(copies));
        place = end;
        let taken = end.min(to) - start.max(from);
        (
            item,
            i64::try_from(taken.max(0)).expect("no more than there were"),
        )
    });
    taken.filter(|(_, copies)| *copies > 0).collect()
}

/// Each copy with what the window tells of it.
pub(super) fn window(windowed: &Windowed, rows: &Bag) -> Bag {
    let groups = by_group(rows, windowed.by, windowed.order);
    let told = groups.iter().flat_map(|rows| {
        let compared = |one: &Item, other: &Item| windowed.order.compare(one, other);
        tell(windowed.window, rows, &compared)
    });
    bag(told.map(|item| (item, 1)))
}

/// One row for each copy.
fn tell(window: Window, rows: &Ordered, compare: &dyn Fn(&Item, &Item) -> Ordering) -> Vec<Item> {
    let mut all: Vec<&Item> = Vec::new();
    for (item, copies) in rows {
        all.extend(std::iter::repeat_n(item, *copies as usize));
    }
    let mut told = Vec::new();
    let (mut place, mut keys, mut sum) = (0_usize, 0, 0);
    for peers in all.chunk_by(|one, other| compare(one, other).is_eq()) {
        let lesser = place as i64;
        keys += 1;
        sum += peers.iter().map(|item| small(item.c)).sum::<i64>();
        for item in peers {
            told.push(match window {
                Window::RowNumber => Window::numbered(item, place as i64 + 1),
                Window::Rank => Window::numbered(item, lesser + 1),
                Window::DenseRank => Window::numbered(item, keys),
                Window::RunningSum => Window::numbered(item, sum),
                Window::Together => {
                    let numbered = Window::numbered(item, lesser + 1 + small(sum));
                    Window::neighboured(&numbered, all.get(place + 1).copied())
                }
                Window::Lag(by) => {
                    let before = place.checked_sub(by as usize).map(|place| all[place]);
                    Window::neighboured(item, before)
                }
                Window::Lead(by) => {
                    Window::neighboured(item, all.get(place + by as usize).copied())
                }
            });
            place += 1;
        }
    }
    told
}
