//! The rows of one key. Most keys have few rows: they are a sorted vector, and only many rows are a tree.

use std::collections::BTreeMap;

use deltaview_zset::{Weight, WeightOverflow};

/// So many rows are searched and moved faster in a vector than in a tree.
const FEW: usize = 16;

/// Rows with their weights, none zero, in the order of `T`.
pub(crate) enum Bucket<T> {
    Few(Vec<(T, Weight)>),
    Many(BTreeMap<T, Weight>),
}

impl<T> Default for Bucket<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T: Ord + Clone> Bucket<T> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Few(rows) => rows.len(),
            Self::Many(rows) => rows.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        match self {
            Self::Few(rows) => Iter::Few(rows.iter()),
            Self::Many(rows) => Iter::Many(rows.iter()),
        }
    }

    /// The weight of a row; 0 if it is not there.
    pub(crate) fn weight(&self, row: &T) -> Weight {
        match self {
            Self::Few(rows) => find(rows, row).map_or(0, |at| rows[at].1),
            Self::Many(rows) => rows.get(row).copied().unwrap_or(0),
        }
    }

    /// Adds a weight of a row. On an overflow nothing is changed.
    pub(crate) fn add(&mut self, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        match self {
            Self::Few(rows) => match find(rows, row) {
                Ok(at) => match sum(rows[at].1, weight)? {
                    0 => drop(rows.remove(at)),
                    sum => rows[at].1 = sum,
                },
                Err(_) if weight == 0 => {}
                Err(_) if rows.len() == FEW => {
                    let mut many: BTreeMap<T, Weight> = std::mem::take(rows).into_iter().collect();
                    many.insert(row.clone(), weight);
                    *self = Self::Many(many);
                }
                Err(at) => {
                    if rows.is_empty() {
                        // Most keys never get a second row.
                        rows.reserve_exact(1);
                    }
                    rows.insert(at, (row.clone(), weight));
                }
            },
            Self::Many(rows) => match rows.get_mut(row) {
                Some(old) => match sum(*old, weight)? {
                    0 => {
                        rows.remove(row);
                        // Only once it is much smaller, so that a row at the limit does not rebuild it each time.
                        if rows.len() <= FEW / 2 {
                            *self = Self::Few(std::mem::take(rows).into_iter().collect());
                        }
                    }
                    sum => *old = sum,
                },
                None if weight == 0 => {}
                None => drop(rows.insert(row.clone(), weight)),
            },
        }
        Ok(())
    }
}

/// Adds a weight of a row to the rows of its key; a key whose rows are all gone goes too. On an overflow nothing is
/// changed.
pub(crate) fn add_by_key<K: Ord + Clone, T: Ord + Clone>(
    rows: &mut BTreeMap<K, Bucket<T>>,
    key: &K,
    row: &T,
    weight: Weight,
) -> Result<(), WeightOverflow> {
    if let Some(of_key) = rows.get_mut(key) {
        of_key.add(row, weight)?;
        if of_key.is_empty() {
            rows.remove(key);
        }
    } else if weight != 0 {
        let mut of_key = Bucket::default();
        of_key.add(row, weight)?;
        rows.insert(key.clone(), of_key);
    }
    Ok(())
}

fn sum(old: Weight, added: Weight) -> Result<Weight, WeightOverflow> {
    old.checked_add(added).ok_or(WeightOverflow)
}

fn find<T: Ord>(rows: &[(T, Weight)], row: &T) -> Result<usize, usize> {
    rows.binary_search_by(|(other, _)| other.cmp(row))
}

/// The rows of a bucket, in order.
pub(crate) enum Iter<'a, T> {
    Few(std::slice::Iter<'a, (T, Weight)>),
    Many(std::collections::btree_map::Iter<'a, T, Weight>),
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

#[cfg(test)]
mod tests {
    use deltaview_zset::ZSet;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_is_a_zset(steps in prop::collection::vec((0_u8..40, -2_i64..3), 0..300)) {
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
