//! The rows of one key. Most keys have one row, which is held in place; few rows are a sorted vector, and only many are
//! found by hash. Where each row is there once, no weights are kept.

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

/// How often a row is there, as it is stored: not at all where each is there once.
trait Times: Copy {
    fn weight(self) -> Weight;
    fn of(weight: Weight) -> Option<Self>;
}

impl Times for () {
    #[inline]
    fn weight(self) -> Weight {
        1
    }

    fn of(weight: Weight) -> Option<Self> {
        (weight == 1).then_some(())
    }
}

impl Times for Weight {
    #[inline]
    fn weight(self) -> Weight {
        self
    }

    fn of(weight: Weight) -> Option<Self> {
        Some(weight)
    }
}

/// Rows with how often they are there.
enum Rows<T, W> {
    /// In the order of `T`. Also no row at all, which allocates nothing.
    Few(Vec<(T, W)>),
    Many(Box<Map<T, W>>),
}

impl<T: BucketRow, W: Times> Rows<T, W> {
    fn len(&self) -> usize {
        self.as_they_lie().len()
    }

    /// In the order of their places.
    fn as_they_lie(&self) -> &[(T, W)] {
        match self {
            Self::Few(rows) => rows,
            Self::Many(rows) => rows.entries(),
        }
    }

    fn weight(&self, row: &T) -> Weight {
        let times = match self {
            Self::Few(rows) => find(rows, row).ok().map(|at| rows[at].1),
            Self::Many(rows) => rows.get(row).copied(),
        };
        times.map_or(0, W::weight)
    }

    fn iter(&self) -> RowsIter<'_, T, W> {
        match self {
            Self::Few(rows) => RowsIter::Few(rows.iter()),
            Self::Many(rows) => RowsIter::Many(rows.range((Bound::Unbounded, Bound::Unbounded))),
        }
    }

    /// Adds a weight that is not zero, if the sum can be stored so. Nothing is changed otherwise, nor on an overflow.
    fn add(&mut self, row: &T, weight: Weight) -> Result<bool, WeightOverflow> {
        match self {
            Self::Few(rows) => match find(rows, row) {
                Ok(at) => match (sum(rows[at].1.weight(), weight)?, &mut rows[at].1) {
                    (0, _) => drop(rows.remove(at)),
                    (sum, times) => match W::of(sum) {
                        Some(sum) => *times = sum,
                        None => return Ok(false),
                    },
                },
                Err(at) => {
                    let Some(times) = W::of(weight) else {
                        return Ok(false);
                    };
                    if rows.len() == FEW {
                        self.make_many((row.clone(), times));
                        return Ok(true);
                    }
                    if rows.len() == rows.capacity() {
                        // A half more, and not as much again: there are many buckets.
                        rows.reserve_exact(rows.len() / 2 + 1);
                    }
                    rows.insert(at, (row.clone(), times));
                }
            },
            Self::Many(rows) => {
                let hash = hash_of(row);
                let Some(place) = rows.find(hash, row) else {
                    let times = W::of(weight);
                    return Ok(times.is_some_and(|times| {
                        rows.insert(hash, row.clone(), times);
                        true
                    }));
                };
                let times = rows.value_at(place);
                match sum(times.weight(), weight)? {
                    0 => {
                        rows.remove_at(hash, place);
                        // Only once it is much smaller, so that a row at the limit does not rebuild it each time.
                        if rows.len() <= FEW / 2 {
                            self.make_few();
                        }
                    }
                    sum => match W::of(sum) {
                        Some(sum) => *times = sum,
                        None => return Ok(false),
                    },
                }
            }
        }
        Ok(true)
    }

    /// Few rows and one more.
    fn make_many(&mut self, added: (T, W)) {
        if let Self::Few(rows) = self {
            let mut many = Map::new(None);
            for (row, times) in std::mem::take(rows).into_iter().chain([added]) {
                many.insert(hash_of(&row), row, times);
            }
            *self = Self::Many(Box::new(many));
        }
    }

    fn make_few(&mut self) {
        if let Self::Many(rows) = std::mem::replace(self, Self::Few(Vec::new())) {
            let mut few: Vec<(T, W)> = rows.into_entries().collect();
            few.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            *self = Self::Few(few);
        }
    }
}

impl<T: BucketRow> Rows<T, ()> {
    /// The same rows, with weights.
    fn weighed(self) -> Rows<T, Weight> {
        match self {
            Self::Few(rows) => Rows::Few(rows.into_iter().map(|(row, ())| (row, 1)).collect()),
            Self::Many(rows) => {
                let mut many = Map::new(None);
                for (row, ()) in rows.into_entries() {
                    many.insert(hash_of(&row), row, 1);
                }
                Rows::Many(Box::new(many))
            }
        }
    }
}

/// Rows with their weights, none zero, in the order of `T`.
pub(crate) enum Bucket<T> {
    One(T, Weight),
    /// Each is there once. Also no row at all.
    Once(RowsOnce<T>),
    Weighed(RowsWeighed<T>),
}

/// Rows that are each there once.
pub(crate) struct RowsOnce<T>(Rows<T, ()>);

/// Rows with any weights.
pub(crate) struct RowsWeighed<T>(Rows<T, Weight>);

impl<T> Default for Bucket<T> {
    fn default() -> Self {
        Self::Once(RowsOnce(Rows::Few(Vec::new())))
    }
}

impl<T: BucketRow> Bucket<T> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Once(rows) => rows.0.len(),
            Self::Weighed(rows) => rows.0.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Any row.
    pub(crate) fn any(&self) -> Option<&T> {
        self.iter_as_they_came().next().map(|(row, _)| row)
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter(match self {
            Self::One(row, weight) => InOrder::One(Some((row, *weight))),
            Self::Once(rows) => InOrder::Once(rows.0.iter()),
            Self::Weighed(rows) => InOrder::Weighed(rows.0.iter()),
        })
    }

    /// The rows in an order that is the same on every machine, but not that of `T`: it costs nothing to make.
    pub(crate) fn iter_as_they_came(&self) -> AsTheyCame<'_, T> {
        match self {
            Self::One(row, weight) => AsTheyCame::One(Some((row, *weight))),
            Self::Once(rows) => AsTheyCame::Once(rows.0.as_they_lie().iter()),
            Self::Weighed(rows) => AsTheyCame::Weighed(rows.0.as_they_lie().iter()),
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
            Self::Once(rows) => rows.0.weight(row),
            Self::Weighed(rows) => rows.0.weight(row),
        }
    }

    /// Adds a weight of a row. On an overflow nothing is changed.
    pub(crate) fn add(&mut self, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        if weight == 0 {
            return Ok(());
        }
        match self {
            Self::One(one, old) if one == row => match sum(*old, weight)? {
                0 => *self = Self::default(),
                sum => *old = sum,
            },
            Self::One(..) => self.add_second(row, weight),
            Self::Once(rows) if rows.0.len() == 0 => *self = Self::One(row.clone(), weight),
            Self::Once(rows) => {
                if !rows.0.add(row, weight)? {
                    let once = std::mem::replace(&mut rows.0, Rows::Few(Vec::new()));
                    let mut weighed = once.weighed();
                    weighed.add(row, weight)?;
                    *self = Self::Weighed(RowsWeighed(weighed));
                } else if let [_] = rows.0.as_they_lie() {
                    self.make_one();
                }
            }
            Self::Weighed(rows) => {
                rows.0.add(row, weight)?;
                if let [_] = rows.0.as_they_lie() {
                    self.make_one();
                }
            }
        }
        Ok(())
    }

    /// Adds a row to another one.
    fn add_second(&mut self, row: &T, weight: Weight) {
        if let Self::One(one, old) = std::mem::take(self) {
            let added = row.clone();
            *self = if (old, weight) == (1, 1) {
                Self::Once(RowsOnce(two((one, ()), (added, ()))))
            } else {
                Self::Weighed(RowsWeighed(two((one, old), (added, weight))))
            };
        }
    }

    /// Holds the only row that is left in place.
    fn make_one(&mut self) {
        let rows = self.iter_as_they_came();
        let one = rows.map(|(row, weight)| (row.clone(), weight)).next();
        if let Some((row, weight)) = one {
            *self = Self::One(row, weight);
        }
    }
}

/// Two rows that are not equal.
fn two<T: Ord, W>(one: (T, W), other: (T, W)) -> Rows<T, W> {
    let mut rows = Vec::with_capacity(4);
    rows.extend(if one.0 < other.0 {
        [one, other]
    } else {
        [other, one]
    });
    Rows::Few(rows)
}

fn sum(old: Weight, added: Weight) -> Result<Weight, WeightOverflow> {
    old.checked_add(added).ok_or(WeightOverflow)
}

fn find<T: Ord, W>(rows: &[(T, W)], row: &T) -> Result<usize, usize> {
    rows.binary_search_by(|(other, _)| other.cmp(row))
}

/// The rows of a bucket in the order of their places. What reads most goes through this.
pub(crate) enum AsTheyCame<'a, T> {
    One(Option<(&'a T, Weight)>),
    Once(std::slice::Iter<'a, (T, ())>),
    Weighed(std::slice::Iter<'a, (T, Weight)>),
}

impl<T> AsTheyCame<'_, T> {
    /// No rows.
    pub(crate) fn none() -> Self {
        Self::One(None)
    }
}

impl<'a, T> Iterator for AsTheyCame<'a, T> {
    type Item = (&'a T, Weight);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(row) => row.take(),
            Self::Once(rows) => rows.next().map(|(row, ())| (row, 1)),
            Self::Weighed(rows) => rows.next().map(|(row, weight)| (row, *weight)),
        }
    }
}

/// The rows of a bucket, in order.
pub(crate) struct Iter<'a, T>(InOrder<'a, T>);

enum InOrder<'a, T> {
    One(Option<(&'a T, Weight)>),
    Once(RowsIter<'a, T, ()>),
    Weighed(RowsIter<'a, T, Weight>),
}

enum RowsIter<'a, T, W> {
    Few(std::slice::Iter<'a, (T, W)>),
    Many(map::Range<'a, T, W>),
}

impl<'a, T, W: Times> RowsIter<'a, T, W> {
    fn next(&mut self) -> Option<(&'a T, Weight)> {
        match self {
            Self::Few(rows) => rows.next().map(|(row, times)| (row, times.weight())),
            Self::Many(rows) => rows.next().map(|(row, times)| (row, times.weight())),
        }
    }

    fn next_back(&mut self) -> Option<(&'a T, Weight)> {
        match self {
            Self::Few(rows) => rows.next_back().map(|(row, times)| (row, times.weight())),
            Self::Many(rows) => rows.next_back().map(|(row, times)| (row, times.weight())),
        }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (&'a T, Weight);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            InOrder::One(row) => row.take(),
            InOrder::Once(rows) => rows.next(),
            InOrder::Weighed(rows) => rows.next(),
        }
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            InOrder::One(row) => row.take(),
            InOrder::Once(rows) => rows.next_back(),
            InOrder::Weighed(rows) => rows.next_back(),
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
