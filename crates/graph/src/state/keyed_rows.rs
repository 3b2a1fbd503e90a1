//! Rows by key: a [`Map`] of [`Bucket`]s. It owns when a key comes and goes.

use std::ops::Bound;

use deltaview_schema::IndexKey;
use deltaview_zset::{Weight, WeightOverflow};

use super::bucket::{Bucket, BucketRow};
use super::map::{self, Map};
use super::places::hash_of;

/// Rows by key.
pub(crate) struct KeyedRows<K, T> {
    buckets: Map<(K, Bucket<T>)>,
}

/// Where a key is among others, as long as none goes: or that it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot(Option<u32>);

impl Spot {
    /// Of a place, if the key has one.
    pub(super) fn of(place: Option<u32>) -> Self {
        Self(place)
    }

    pub(super) fn place(self) -> Option<u32> {
        self.0
    }
}

/// Keys with their rows, in order.
pub(crate) struct Range<'a, K, T>(map::Range<'a, (K, Bucket<T>)>);

impl<'a, K, T> Iterator for Range<'a, K, T> {
    type Item = (&'a K, &'a Bucket<T>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, rows)| (key, rows))
    }
}

impl<K, T> DoubleEndedIterator for Range<'_, K, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, rows)| (key, rows))
    }
}

impl<K: IndexKey, T> Default for KeyedRows<K, T> {
    fn default() -> Self {
        Self {
            buckets: Map::new(Some(K::encode)),
        }
    }
}

impl<K: IndexKey, T: BucketRow> KeyedRows<K, T> {
    pub(crate) fn get(&self, key: &K) -> Option<&Bucket<T>> {
        self.buckets.get(key).map(|(_, rows)| rows)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut Bucket<T>> {
        let place = self.buckets.find(hash_of(key), key)?;
        Some(&mut self.buckets.entry_mut(place).1)
    }

    /// Where a key is.
    pub(crate) fn spot(&self, key: &K) -> Spot {
        Spot::of(self.buckets.find(hash_of(key), key))
    }

    /// The rows at a spot that was just found.
    pub(crate) fn at(&self, spot: Spot) -> Option<&Bucket<T>> {
        let (_, rows) = self.buckets.entries().get(spot.place()? as usize)?;
        Some(rows)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Whether it has no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.len() == 0
    }

    /// All keys with their rows, in the order in which the keys came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &Bucket<T>)> {
        self.buckets.entries().iter().map(|(key, rows)| (key, rows))
    }

    /// Puts a key in, unless it is there. It stays, also without rows.
    pub(crate) fn make(&mut self, key: K) {
        let hash = hash_of(&key);
        if self.buckets.find(hash, &key).is_none() {
            self.buckets.insert(hash, (key, Bucket::default()));
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        let hash = hash_of(key);
        if let Some(place) = self.buckets.find(hash, key) {
            self.buckets.remove_at(hash, place);
        }
    }

    /// Adds a weight of a row to the rows of its key; a key whose rows are all gone goes too. On an overflow nothing is
    /// changed.
    pub(crate) fn add(&mut self, key: &K, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        self.add_all(key, self.spot(key), std::iter::once((row, weight)))
    }

    /// Adds weights of some rows of one key; a key whose rows are all gone at the end goes too. On an overflow the rows
    /// before it are added. The spot is where the key was found.
    pub(crate) fn add_all<'r>(
        &mut self,
        key: &K,
        spot: Spot,
        rows: impl IntoIterator<Item = (&'r T, Weight)>,
    ) -> Result<(), WeightOverflow>
    where
        T: 'r,
    {
        let rows = rows.into_iter();
        // A key that was not found may have come since, with another run of the same batch.
        let place = match spot.place() {
            Some(place) => self.buckets.find_again(place, key),
            None => self.buckets.find(hash_of(key), key),
        };
        let Some(place) = place else {
            let mut bucket = Bucket::default();
            for (row, weight) in rows {
                bucket.add(row, weight)?;
            }
            if !bucket.is_empty() {
                self.buckets.insert(hash_of(key), (key.clone(), bucket));
            }
            return Ok(());
        };
        let (_, bucket) = self.buckets.entry_mut(place);
        for (row, weight) in rows {
            bucket.add(row, weight)?;
        }
        if bucket.is_empty() {
            self.buckets.remove_at(hash_of(key), place);
        }
        Ok(())
    }

    /// Puts one row in the place of all that a key has.
    pub(crate) fn put(&mut self, key: &K, row: &T) {
        let hash = hash_of(key);
        let bucket = Bucket::One(row.clone(), 1);
        match self.buckets.find(hash, key) {
            Some(place) => self.buckets.entry_mut(place).1 = bucket,
            None => self.buckets.insert(hash, (key.clone(), bucket)),
        }
    }

    /// Takes a key out, if this is its only row.
    pub(crate) fn take(&mut self, key: &K, row: &T) {
        let hash = hash_of(key);
        if let Some(place) = self.buckets.find(hash, key)
            && matches!(self.buckets.entry_mut(place), (_, Bucket::One(only, _)) if only == row)
        {
            self.buckets.remove_at(hash, place);
        }
    }

    pub(crate) fn clear(&mut self) {
        if !self.is_empty() {
            *self = Self::default();
        }
    }

    /// The keys within bounds with their rows, in the order of the keys.
    ///
    /// Costs a search; and where keys came since it was last asked, that of sorting them in.
    pub(crate) fn range(&self, bounds: (Bound<&K>, Bound<&K>)) -> Range<'_, K, T> {
        Range(self.buckets.range(bounds))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<(u8, String), BTreeMap<u8, Weight>>;

    fn rows_of(bucket: &Bucket<u8>) -> Vec<(u8, Weight)> {
        bucket.iter().map(|(row, weight)| (*row, weight)).collect()
    }

    fn check(rows: &KeyedRows<(u8, String), u8>, model: &Model, reads: bool, bound: &(u8, String)) {
        for (key, bucket) in model {
            let found = rows.get(key).map(rows_of);
            assert_eq!(found, Some(bucket.iter().map(|(r, w)| (*r, *w)).collect()));
        }
        assert_eq!(rows.iter().count(), model.len());
        if !reads {
            return;
        }
        for bounds in [
            (Bound::Unbounded, Bound::Unbounded),
            (Bound::Included(bound), Bound::Unbounded),
            (Bound::Unbounded, Bound::Excluded(bound)),
            (Bound::Excluded(bound), Bound::Unbounded),
            (Bound::Unbounded, Bound::Included(bound)),
        ] {
            let expected: Vec<_> = model.range::<(u8, String), _>(bounds).collect();
            let forward = rows.range(bounds).map(|(key, _)| key);
            assert!(forward.eq(expected.iter().map(|(key, _)| *key)));
            let back = rows.range(bounds).rev().map(|(key, _)| key);
            assert!(back.eq(expected.iter().rev().map(|(key, _)| *key)));
        }
    }

    proptest! {
        /// Whether somebody reads in order or not, and when: the rows are those of an ordered map.
        #[test]
        fn rows_by_key_are_an_ordered_map(
            steps in prop::collection::vec(
                (0_u8..4, "[a-c]{0,20}", 0_u8..3, -2_i64..3, 0_u8..40),
                0..400,
            ),
        ) {
            let (mut rows, mut model) = (KeyedRows::default(), Model::new());
            for (first, second, row, weight, reads) in steps {
                let key = (first, second);
                rows.add(&key, &row, weight).expect("the weights are small");
                let bucket = model.entry(key.clone()).or_default();
                *bucket.entry(row).or_default() += weight;
                bucket.retain(|_, weight| *weight != 0);
                model.retain(|_, bucket| !bucket.is_empty());
                check(&rows, &model, reads == 0, &key);
            }
            check(&rows, &model, true, &(2, "b".to_string()));
        }
    }

    #[test]
    fn a_key_can_stay_without_rows() {
        let mut rows: KeyedRows<u8, u8> = KeyedRows::default();
        rows.make(7);
        assert!(rows.contains(&7) && rows.get(&7).is_some_and(Bucket::is_empty));
        rows.remove(&7);
        assert!(!rows.contains(&7));
    }
}
