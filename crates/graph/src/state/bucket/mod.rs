//! The rows of one key. Most keys have one row, which is held in place. Where each row is there once, as most are, few are
//! a sorted vector and many a [`Heap`], without weights; where any is not, all are [`Weighed`].

mod heap;
mod iter;
#[cfg(test)]
mod tests;
mod weighed;

use std::hash::Hash;

use deltaview_zset::{Weight, WeightOverflow};

use heap::Heap;
pub(crate) use iter::{AsTheyCame, Iter};
use weighed::{Weighed, sum};

/// So many rows are searched and moved faster in a vector than by hash.
const FEW: usize = 32;

/// What rows are to a bucket.
pub(crate) trait BucketRow: Ord + Hash + Clone {}

impl<T: Ord + Hash + Clone> BucketRow for T {}

/// Rows with their weights, none zero, in the order of `T`.
pub(crate) enum Bucket<T> {
    One(T, Weight),
    /// Each is there once, in the order of `T`. Also no row at all, which allocates nothing.
    Few(Vec<T>),
    /// Each is there as often as it came.
    Many(Box<Heap<T>>),
    Weighed(Weighed<T>),
}

impl<T> Default for Bucket<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T: BucketRow> Bucket<T> {
    /// The number of rows. One of many that came several times may be counted as often.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Few(rows) => rows.len(),
            Self::Many(rows) => rows.len(),
            Self::Weighed(rows) => rows.rows().len(),
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
        match self {
            Self::One(row, weight) => Iter::One(Some((row, *weight))),
            Self::Few(rows) => Iter::Few(rows.iter()),
            Self::Many(rows) => Iter::Many(rows.iter()),
            Self::Weighed(rows) => Iter::Weighed(rows.iter()),
        }
    }

    /// The rows in an order that is the same on every machine, but not that of `T`, and a row possibly several times,
    /// with a part of its weight: it costs nothing to make.
    pub(crate) fn iter_as_they_came(&self) -> AsTheyCame<'_, T> {
        match self {
            Self::One(row, weight) => AsTheyCame::One(Some((row, *weight))),
            Self::Few(rows) => AsTheyCame::Once(heap::Rows::of(rows)),
            Self::Many(rows) => AsTheyCame::Once(rows.rows()),
            Self::Weighed(rows) => AsTheyCame::Weighed(rows.rows().iter()),
        }
    }

    /// The weight of a row; 0 if it is not there.
    pub(crate) fn weight(&self, row: &T) -> Weight {
        match self {
            Self::One(one, weight) if one == row => *weight,
            Self::One(..) => 0,
            Self::Few(rows) => Weight::from(rows.binary_search(row).is_ok()),
            Self::Many(rows) => rows.weight(row),
            Self::Weighed(rows) => rows.weight(row),
        }
    }

    /// Adds a weight of a row. On an overflow nothing is changed.
    pub(crate) fn add(&mut self, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        if weight == 0 {
            return Ok(());
        }
        let is_added = match self {
            Self::One(one, old) if one == row => {
                match sum(*old, weight)? {
                    0 => *self = Self::default(),
                    sum => *old = sum,
                }
                true
            }
            Self::One(_, 1) if weight == 1 => self.add_second(row),
            Self::One(..) => false,
            Self::Few(rows) if rows.is_empty() => {
                *self = Self::One(row.clone(), weight);
                true
            }
            Self::Few(_) => self.add_to_few(row, weight),
            Self::Many(rows) => match weight {
                1 => {
                    rows.push(row.clone());
                    true
                }
                -1 => self.take_of_many(row),
                _ => false,
            },
            Self::Weighed(_) => false,
        };
        if is_added {
            return Ok(());
        }
        self.add_weighed(row, weight)
    }

    /// Adds a row to another one; each is there once.
    fn add_second(&mut self, row: &T) -> bool {
        if let Self::One(one, _) = std::mem::take(self) {
            let mut few = Vec::with_capacity(4);
            few.push(one);
            few.insert(usize::from(*row > few[0]), row.clone());
            *self = Self::Few(few);
        }
        true
    }

    /// Adds a row to few, or takes it out of them. Says whether it is there once, or not at all, afterwards; nothing is
    /// done otherwise.
    fn add_to_few(&mut self, row: &T, weight: Weight) -> bool {
        let Self::Few(rows) = self else {
            return false;
        };
        match (rows.binary_search(row), weight) {
            (Err(_), 1) if rows.len() == FEW => {
                let mut many = Heap::of(std::mem::take(rows));
                many.push(row.clone());
                *self = Self::Many(Box::new(many));
            }
            (Err(at), 1) => {
                if rows.len() == rows.capacity() {
                    // A half more, and not as much again: there are many buckets.
                    rows.reserve_exact(rows.len() / 2 + 1);
                }
                rows.insert(at, row.clone());
            }
            (Ok(at), -1) => {
                rows.remove(at);
                if rows.len() == 1
                    && let Some(only) = rows.pop()
                {
                    *self = Self::One(only, 1);
                }
            }
            _ => return false,
        }
        true
    }

    /// Takes a row out of many, if it is there.
    fn take_of_many(&mut self, row: &T) -> bool {
        let Self::Many(rows) = self else {
            return false;
        };
        let is_taken = rows.take(row);
        // Only once it is much smaller, so that a row at the limit does not rebuild it each time.
        if rows.len() <= FEW / 2
            && let Self::Many(rows) = std::mem::take(self)
        {
            let mut few = rows.into_rows();
            few.sort_unstable();
            *self = if few.is_sorted_by(|one, next| one < next) {
                Self::Few(few)
            } else {
                Self::Weighed(Weighed::of(few))
            };
        }
        is_taken
    }

    fn add_weighed(&mut self, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        if !matches!(self, Self::Weighed(_)) {
            *self = Self::Weighed(match std::mem::take(self) {
                Self::One(one, weight) => Weighed::Few(vec![(one, weight)]),
                Self::Few(rows) => Weighed::of(rows),
                Self::Many(rows) => Weighed::of(rows.into_rows()),
                Self::Weighed(rows) => rows,
            });
        }
        let Self::Weighed(rows) = self else {
            return Ok(());
        };
        rows.add(row, weight)?;
        match rows.rows() {
            [] => *self = Self::default(),
            [(only, weight)] => *self = Self::One(only.clone(), *weight),
            _ => {}
        }
        Ok(())
    }
}
