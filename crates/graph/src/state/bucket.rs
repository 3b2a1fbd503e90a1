//! The rows of one key. Most keys have one row, which is held in place; few rows are a sorted vector, and only many are
//! found by hash.

use std::cmp::Ordering;
use std::hash::Hash;
use std::ops::Bound;

use deltaview_zset::{Weight, WeightOverflow};

use super::map::{self, Map};
use super::places::hash_of;

/// So many rows are searched and moved faster in a vector than by hash.
const FEW: usize = 32;

/// What rows are to a bucket.
pub(crate) trait BucketRow: Ord + Hash + Clone {}

impl<T: Ord + Hash + Clone> BucketRow for T {}

/// Rows with their weights, none zero, in the order of `T`.
pub(crate) enum Bucket<T> {
    One(T, Weight),
    /// Also no row at all, which allocates nothing.
    Few(Vec<(T, Weight)>),
    Many(Box<Map<T, Weight>>),
}

impl<T> Default for Bucket<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T: BucketRow> Bucket<T> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Few(rows) => rows.len(),
            Self::Many(rows) => rows.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Any row.
    pub(crate) fn any(&self) -> Option<&T> {
        match self {
            Self::One(row, _) => Some(row),
            Self::Few(rows) => rows.first().map(|(row, _)| row),
            Self::Many(rows) => rows.iter().next().map(|(row, _)| row),
        }
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        match self {
            Self::One(row, weight) => Iter::One(Some((row, *weight))),
            Self::Few(rows) => Iter::Few(rows.iter()),
            Self::Many(rows) => Iter::Many(rows.range((Bound::Unbounded, Bound::Unbounded))),
        }
    }

    /// The rows in an order that is the same on every machine, but not that of `T`: it costs nothing to make.
    pub(crate) fn iter_as_they_came(&self) -> AsTheyCame<'_, T> {
        match self {
            Self::One(row, weight) => AsTheyCame {
                one: Some((row, *weight)),
                rows: [].iter(),
            },
            Self::Few(rows) => AsTheyCame::of(rows),
            Self::Many(rows) => AsTheyCame::of(rows.entries()),
        }
    }

    /// The weight of a row; 0 if it is not there.
    pub(crate) fn weight(&self, row: &T) -> Weight {
        match self {
            Self::One(one, weight) => {
                if one == row {
                    *weight
                } else {
                    0
                }
            }
            Self::Few(rows) => find(rows, row).map_or(0, |at| rows[at].1),
            Self::Many(rows) => rows.get(row).copied().unwrap_or(0),
        }
    }

    /// Adds a weight of a row. On an overflow nothing is changed.
    pub(crate) fn add(&mut self, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        if weight == 0 {
            return Ok(());
        }
        match self {
            Self::One(one, old) => match row.cmp(one) {
                Ordering::Equal => match sum(*old, weight)? {
                    0 => *self = Self::default(),
                    sum => *old = sum,
                },
                order => {
                    let added = (row.clone(), weight);
                    let mut few = Vec::with_capacity(4);
                    if let Self::One(one, old) = std::mem::take(self) {
                        few.push((one, old));
                    }
                    few.insert(usize::from(order.is_gt()), added);
                    *self = Self::Few(few);
                }
            },
            Self::Few(rows) if rows.is_empty() => *self = Self::One(row.clone(), weight),
            Self::Few(rows) => match find(rows, row) {
                Ok(at) => match sum(rows[at].1, weight)? {
                    0 => {
                        rows.remove(at);
                        if let [_] = rows.as_slice()
                            && let Some((row, weight)) = rows.pop()
                        {
                            *self = Self::One(row, weight);
                        }
                    }
                    sum => rows[at].1 = sum,
                },
                Err(_) if rows.len() == FEW => {
                    let mut many = Map::new(None);
                    let few = std::mem::take(rows);
                    for (row, weight) in few.into_iter().chain([(row.clone(), weight)]) {
                        many.insert(hash_of(&row), row, weight);
                    }
                    *self = Self::Many(Box::new(many));
                }
                Err(at) => {
                    if rows.len() == rows.capacity() {
                        // A half more, and not as much again: there are many buckets.
                        rows.reserve_exact(rows.len() / 2 + 1);
                    }
                    rows.insert(at, (row.clone(), weight));
                }
            },
            Self::Many(rows) => {
                let hash = hash_of(row);
                let Some(place) = rows.find(hash, row) else {
                    rows.insert(hash, row.clone(), weight);
                    return Ok(());
                };
                let old = rows.value_at(place);
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
        if let Self::Many(rows) = std::mem::take(self) {
            let mut few: Vec<(T, Weight)> = rows.into_entries().collect();
            few.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            *self = Self::Few(few);
        }
    }
}

fn sum(old: Weight, added: Weight) -> Result<Weight, WeightOverflow> {
    old.checked_add(added).ok_or(WeightOverflow)
}

fn find<T: Ord>(rows: &[(T, Weight)], row: &T) -> Result<usize, usize> {
    rows.binary_search_by(|(other, _)| other.cmp(row))
}

/// The rows of a bucket in the order of their places. What reads most goes through this: so it is two pointers.
pub(crate) struct AsTheyCame<'a, T> {
    one: Option<(&'a T, Weight)>,
    rows: std::slice::Iter<'a, (T, Weight)>,
}

impl<'a, T> AsTheyCame<'a, T> {
    fn of(rows: &'a [(T, Weight)]) -> Self {
        Self {
            one: None,
            rows: rows.iter(),
        }
    }

    /// No rows.
    pub(crate) fn none() -> Self {
        Self::of(&[])
    }
}

impl<'a, T> Iterator for AsTheyCame<'a, T> {
    type Item = (&'a T, Weight);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some((row, weight)) = self.rows.next() {
            return Some((row, *weight));
        }
        self.one.take()
    }
}

/// The rows of a bucket, in order.
pub(crate) enum Iter<'a, T> {
    One(Option<(&'a T, Weight)>),
    Few(std::slice::Iter<'a, (T, Weight)>),
    Many(map::Range<'a, T, Weight>),
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (&'a T, Weight);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(row) => row.take(),
            Self::Few(rows) => rows.next().map(|(row, weight)| (row, *weight)),
            Self::Many(rows) => rows.next().map(|(row, weight)| (row, *weight)),
        }
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(row) => row.take(),
            Self::Few(rows) => rows.next_back().map(|(row, weight)| (row, *weight)),
            Self::Many(rows) => rows.next_back().map(|(row, weight)| (row, *weight)),
        }
    }
}

#[cfg(test)]
mod tests {
    use deltaview_zset::ZSet;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_is_a_zset(steps in prop::collection::vec((0_u8..80, -2_i64..3), 0..500)) {
            let (mut bucket, mut zset) = (Bucket::default(), ZSet::new());
            for (row, weight) in steps {
                bucket.add(&row, weight).expect("the weights are small");
                zset.insert(row, weight).expect("the weights are small");
                prop_assert!(bucket.iter().eq(zset.iter()));
                let mut back: Vec<_> = bucket.iter().rev().collect();
                back.reverse();
                prop_assert!(bucket.iter().eq(back));
                prop_assert_eq!(bucket.len(), zset.len());
                prop_assert_eq!(bucket.weight(&row), zset.weight(&row));
            }
        }
    }

    #[test]
    fn an_overflow_changes_nothing() {
        let mut bucket = Bucket::default();
        bucket.add(&'a', Weight::MAX).expect("it fits");
        assert_eq!(bucket.add(&'a', 1), Err(WeightOverflow));
        assert_eq!(bucket.weight(&'a'), Weight::MAX);
    }
}
