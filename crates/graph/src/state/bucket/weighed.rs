//! Rows of one key with their weights: few are a sorted vector, and many are found by hash.

use std::ops::Bound;

use deltaview_zset::{Weight, WeightOverflow};

use super::{BucketRow, FEW};
use crate::state::map::{self, Map};
use crate::state::places::hash_of;

/// Rows with their weights, none zero.
pub(crate) enum Weighed<T> {
    /// In the order of `T`.
    Few(Vec<(T, Weight)>),
    Many(Box<Map<(T, Weight)>>),
}

impl<T: BucketRow> Weighed<T> {
    /// Rows that may be there several times.
    pub(super) fn of(rows: impl IntoIterator<Item = T>) -> Self {
        let mut weighed = Self::Few(Vec::new());
        for row in rows {
            weighed
                .add(&row, 1)
                .expect("there are fewer rows than the greatest weight");
        }
        weighed
    }

    /// As they lie.
    pub(super) fn rows(&self) -> &[(T, Weight)] {
        match self {
            Self::Few(rows) => rows,
            Self::Many(rows) => rows.entries(),
        }
    }

    pub(super) fn iter(&self) -> Iter<'_, T> {
        match self {
            Self::Few(rows) => Iter::Few(rows.iter()),
            Self::Many(rows) => Iter::Many(rows.range((Bound::Unbounded, Bound::Unbounded))),
        }
    }

    pub(super) fn weight(&self, row: &T) -> Weight {
        match self {
            Self::Few(rows) => find(rows, row).map_or(0, |at| rows[at].1),
            Self::Many(rows) => rows.get(row).map_or(0, |(_, weight)| *weight),
        }
    }

    /// Adds a weight of a row. On an overflow nothing is changed.
    pub(super) fn add(&mut self, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        match self {
            Self::Few(rows) => match find(rows, row) {
                Ok(at) => match sum(rows[at].1, weight)? {
                    0 => drop(rows.remove(at)),
                    sum => rows[at].1 = sum,
                },
                Err(_) if rows.len() == FEW => {
                    let mut many = Map::new(None);
                    let few = std::mem::take(rows);
                    for (row, weight) in few.into_iter().chain([(row.clone(), weight)]) {
                        many.insert(hash_of(&row), (row, weight));
                    }
                    *self = Self::Many(Box::new(many));
                }
                Err(at) => {
                    if rows.len() == rows.capacity() {
                        rows.reserve_exact(rows.len() / 2 + 1);
                    }
                    rows.insert(at, (row.clone(), weight));
                }
            },
            Self::Many(rows) => {
                let hash = hash_of(row);
                let Some(place) = rows.find(hash, row) else {
                    rows.insert(hash, (row.clone(), weight));
                    return Ok(());
                };
                let (_, old) = rows.entry_mut(place);
                match sum(*old, weight)? {
                    0 => {
                        rows.remove_at(hash, place);
                        // Only once it is much smaller, so that a row at the limit does not rebuild it each time.
                        if rows.len() <= FEW / 2 {
                            self.make_few();
                        }
                    }
                    sum => *old = sum,
                }
            }
        }
        Ok(())
    }

    fn make_few(&mut self) {
        if let Self::Many(rows) = std::mem::replace(self, Self::Few(Vec::new())) {
            let mut few = rows.into_entries();
            few.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            *self = Self::Few(few);
        }
    }
}

/// The sum of two weights.
pub(super) fn sum(old: Weight, added: Weight) -> Result<Weight, WeightOverflow> {
    old.checked_add(added).ok_or(WeightOverflow)
}

fn find<T: Ord>(rows: &[(T, Weight)], row: &T) -> Result<usize, usize> {
    rows.binary_search_by(|(other, _)| other.cmp(row))
}

/// The rows in order.
pub(crate) enum Iter<'a, T> {
    Few(std::slice::Iter<'a, (T, Weight)>),
    Many(map::Range<'a, (T, Weight)>),
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (&'a T, Weight);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Few(rows) => rows.next().map(|(row, weight)| (row, *weight)),
            Self::Many(rows) => rows.next().map(|(row, weight)| (row, *weight)),
        }
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Few(rows) => rows.next_back().map(|(row, weight)| (row, *weight)),
            Self::Many(rows) => rows.next_back().map(|(row, weight)| (row, *weight)),
        }
    }
}
