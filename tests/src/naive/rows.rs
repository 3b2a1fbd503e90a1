//! What goes row by row, and the joins.

use std::collections::BTreeMap;

use super::{Bag, add, bag};
use crate::item::{Item, Key};
use crate::plan::{Both, Join, JoinKind, Meeting};

/// What each row becomes.
pub(super) fn each<I: IntoIterator<Item = Item>>(rows: &Bag, of: impl Fn(Item) -> I) -> Bag {
    let made = rows.iter().flat_map(|(item, weight)| {
        let made = of(item.clone()).into_iter();
        made.map(|made| (made, *weight)).collect::<Vec<_>>()
    });
    bag(made)
}

/// The copies of a row that are there: none where its weight is negative.
pub(super) fn copies(rows: &Bag, item: &Item) -> i64 {
    rows.get(item).copied().unwrap_or(0).max(0)
}

/// Each row that is there, once.
pub(super) fn distinct(rows: &Bag) -> Bag {
    let there = rows.iter().filter(|(_, weight)| **weight > 0);
    there.map(|(item, _)| (item.clone(), 1)).collect()
}

/// Two streams, row by row.
pub(super) fn both(both: Both, left: &Bag, right: &Bag) -> Bag {
    let rows = left.keys().chain(right.keys());
    let weight = |item: &Item| {
        let (left, right) = (copies(left, item), copies(right, item));
        match both {
            Both::Union => i64::from(left > 0 || right > 0),
            Both::Intersect => i64::from(left > 0 && right > 0),
            Both::Except => i64::from(left > 0 && right == 0),
            Both::IntersectAll => left.min(right),
            Both::ExceptAll => (left - right).max(0),
        }
    };
    let weighed = rows.map(|item| (item.clone(), weight(item)));
    weighed.filter(|(_, weight)| *weight != 0).collect()
}

/// The rows of a bag by their keys.
fn by_key(rows: &Bag, key: Key, twisted: bool) -> BTreeMap<Item, Bag> {
    let mut keyed: BTreeMap<Item, Bag> = BTreeMap::new();
    for (item, weight) in rows {
        let of = if twisted {
            key.project(&item.twisted())
        } else {
            key.project(item)
        };
        keyed.entry(of).or_default().insert(item.clone(), *weight);
    }
    keyed
}

/// A join of any kind.
pub(super) fn join(join: &Join, left: &Bag, right: &Bag) -> Bag {
    if join.kind == JoinKind::Cross {
        return inner(Key::Unit, false, join.meeting, left, right);
    }
    let lefts = by_key(left, join.key, false);
    let rights = by_key(right, join.key, join.twisted);
    let matched = |side: &BTreeMap<Item, Bag>, key: &Item| {
        side.get(key)
            .is_some_and(|rows| rows.values().sum::<i64>() != 0)
    };
    let alone =
        |side: &BTreeMap<Item, Bag>, other: &BTreeMap<Item, Bag>, is_matched: bool| -> Bag {
            let keys = side
                .iter()
                .filter(|(key, _)| matched(other, key) == is_matched);
            keys.flat_map(|(_, rows)| rows.clone()).collect()
        };
    let mut out = match join.kind {
        JoinKind::Semi => return alone(&lefts, &rights, true),
        JoinKind::Anti => return alone(&lefts, &rights, false),
        _ => inner(join.key, join.twisted, join.meeting, left, right),
    };
    if matches!(join.kind, JoinKind::Left | JoinKind::Full) {
        for (item, weight) in alone(&lefts, &rights, false) {
            let made = join.meeting.outer(&Item::default(), Some(&item), None);
            add(&mut out, made, weight);
        }
    }
    if matches!(join.kind, JoinKind::Right | JoinKind::Full) {
        for (item, weight) in alone(&rights, &lefts, false) {
            let made = join.meeting.outer(&Item::default(), None, Some(&item));
            add(&mut out, made, weight);
        }
    }
    out
}

/// Every row of one side with every row of the other that has its key.
pub(super) fn inner(key: Key, twisted: bool, meeting: Meeting, left: &Bag, right: &Bag) -> Bag {
    let rights = by_key(right, key, twisted);
    let mut out = Bag::new();
    for (one, weight) in left {
        let of = key.project(one);
        for (other, other_weight) in rights.get(&of).into_iter().flatten() {
            let weight = weight
                .checked_mul(*other_weight)
                .expect("weights of the oracle are small");
            add(&mut out, meeting.apply(&of, one, other), weight);
        }
    }
    out
}

/// The rows of a bag that have a row's key, with that key's order left aside.
pub fn with_key(bag: &Bag, key: Key, like: &Item) -> Bag {
    let wanted = key.project(like);
    bag.iter()
        .filter(|(item, _)| key.project(item) == wanted)
        .map(|(item, weight)| (item.clone(), *weight))
        .collect()
}
