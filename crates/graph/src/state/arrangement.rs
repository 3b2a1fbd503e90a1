//! One arrangement: rows by key, typed. It owns what of it is resident, and how rows are found.

use std::any::Any;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey, Row, TableSchema};
use deltaview_zset::{Weight, WeightOverflow};

use super::bucket::{AsTheyCame, Bucket};
use super::groups::{Groups, NewGroups};
use super::history::NewHistory;
use super::intervals::{Cut, Intervals};
use super::keyed_rows::{KeyedRows, Range, Spot};
use super::scan::Order;
use super::{ErasedArrangement, Secondary, SecondaryIndex};
use crate::delta::by_key;

/// A table of the plan with its types: how the key of a row is computed, and the further indexes.
pub(crate) struct TypedTable<K, T> {
    pub(crate) schema: TableSchema,
    pub(crate) index: Index<T, K>,
    pub(crate) secondary: Vec<Box<dyn SecondaryIndex<T>>>,
    /// Makes the table's history in memory, where it has any.
    pub(crate) new_history: Option<NewHistory>,
    /// Makes what holds the rows of a complete arrangement, where they are groups.
    pub(crate) new_groups: Option<NewGroups<K, T>>,
}

const FITS: &str = "the sum was checked before the commit was written";

/// Rows by key. Complete, or partial: then a key is resident once it was fetched, by itself or in a stretch of the
/// index, even where it has no rows. Of a key that is not, single rows may be known.
pub(crate) struct Arrangement<K, T> {
    /// The rows of resident keys. Outside of the stretches each resident key is here, also one without rows.
    rows: KeyedRows<K, T>,
    /// In place of those, where it is complete and of groups.
    groups: Option<Box<dyn Groups<K, T>>>,
    complete: bool,
    /// No weight is further from zero: what was ever added, each as if it were to one row.
    most: u64,
    all_resident: bool,
    /// The stretches of the index that are resident.
    stretches: Intervals<K>,
    /// Of keys that are not resident, the single rows that are known, each with a weight of one.
    known_rows: KeyedRows<K, T>,
    /// The weights of those rows.
    single_rows: KeyedRows<K, T>,
    secondary: Vec<Box<dyn Secondary<T>>>,
}

impl<K: IndexKey, T: Row> Arrangement<K, T> {
    pub(crate) fn new(complete: bool, table: &TypedTable<K, T>) -> Self {
        let indexes = if complete {
            table.secondary.as_slice()
        } else {
            &[]
        };
        Self {
            rows: KeyedRows::default(),
            groups: table
                .new_groups
                .filter(|_| complete)
                .map(|new_groups| new_groups()),
            complete,
            most: 0,
            all_resident: complete,
            stretches: Intervals::default(),
            known_rows: KeyedRows::default(),
            single_rows: KeyedRows::default(),
            secondary: indexes.iter().map(|index| index.new_state()).collect(),
        }
    }

    /// Whether the rows of a key are known.
    pub(crate) fn is_resident(&self, key: &K) -> bool {
        self.all_resident || self.rows.contains(key) || self.stretches.contains(key)
    }

    /// Whether it is the state itself.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether all rows are known.
    pub(crate) fn is_all_resident(&self) -> bool {
        self.all_resident
    }

    /// The rows of a key, not in their order. The key must be resident.
    pub(crate) fn rows_of(&self, key: &K) -> AsTheyCame<'_, T> {
        debug_assert!(
            self.is_resident(key),
            "an operator reads only the keys that it named"
        );
        self.rows_at(self.spot(key))
    }

    /// The rows of a key, if it has any. Not of groups.
    pub(crate) fn bucket(&self, key: &K) -> Option<&Bucket<T>> {
        debug_assert!(self.groups.is_none(), "groups are no buckets");
        self.rows.get(key)
    }

    /// The only row of a key, in a table that has one row a key.
    pub(crate) fn row_of(&self, key: &K) -> Option<&T> {
        debug_assert!(
            self.is_resident(key),
            "an operator reads only the keys that it named"
        );
        self.row_at(self.spot(key))
    }

    fn spot(&self, key: &K) -> Spot {
        match &self.groups {
            None => self.rows.spot(key),
            Some(groups) => groups.spot(key),
        }
    }

    /// Where keys are: all of them in one go, which waits for memory less often than one after the other. They must be
    /// resident.
    pub(crate) fn spots<'k>(&self, keys: impl IntoIterator<Item = &'k K>) -> Vec<Spot>
    where
        K: 'k,
    {
        let keys = keys.into_iter();
        let spots = keys.map(|key| {
            debug_assert!(
                self.is_resident(key),
                "an operator reads only the keys that it named"
            );
            self.spot(key)
        });
        spots.collect()
    }

    /// As [`Self::rows_of`], of a key that was found.
    pub(crate) fn rows_at(&self, spot: Spot) -> AsTheyCame<'_, T> {
        if let Some(groups) = &self.groups {
            return AsTheyCame::One(groups.at(spot).map(|row| (row, 1)));
        }
        let rows = self.rows.at(spot);
        rows.map_or_else(AsTheyCame::none, Bucket::iter_as_they_came)
    }

    /// As [`Self::row_of`], of a key that was found.
    pub(crate) fn row_at(&self, spot: Spot) -> Option<&T> {
        match &self.groups {
            None => self.rows.at(spot)?.any(),
            Some(groups) => groups.at(spot),
        }
    }

    /// All rows. All must be resident.
    pub(crate) fn all_rows(&self) -> impl Iterator<Item = (&T, Weight)> {
        debug_assert!(self.all_resident, "an operator reads only what it named");
        let buckets = self.rows.iter();
        let rows = buckets.flat_map(|(_, rows)| rows.iter_as_they_came());
        let groups = self.groups.iter().flat_map(|groups| groups.rows());
        rows.chain(groups.map(|row| (row, 1)))
    }

    /// The groups whose keys are within bounds, in the order of the keys, where it is of groups and complete.
    pub(crate) fn groups(
        &self,
        bounds: (Bound<&K>, Bound<&K>),
    ) -> impl DoubleEndedIterator<Item = (&K, &T)> {
        self.groups
            .iter()
            .flat_map(move |groups| groups.range(bounds))
    }

    /// The weight of a row, where it is known.
    pub(crate) fn known_weight(&self, key: &K, row: &T) -> Option<Weight> {
        if let Some(groups) = &self.groups {
            let is_there = groups.at(groups.spot(key)) == Some(row);
            return Some(Weight::from(is_there));
        }
        match self.rows.get(key) {
            Some(rows) => Some(rows.weight(row)),
            None if self.all_resident || self.stretches.contains(key) => Some(0),
            None => {
                let known = self.known_rows.get(key)?.weight(row) != 0;
                known.then(|| self.single_rows.get(key).map_or(0, |rows| rows.weight(row)))
            }
        }
    }

    /// The weight of a row. It must be known.
    pub(crate) fn weight_of(&self, key: &K, row: &T) -> Weight {
        let known = self.known_weight(key, row);
        debug_assert!(
            known.is_some(),
            "an operator reads only the rows that it named"
        );
        known.unwrap_or(0)
    }

    /// The rows whose keys are within bounds, in the order of the keys. Not of groups.
    pub(crate) fn range<'a>(
        &'a self,
        bounds: (Bound<&K>, Bound<&K>),
    ) -> impl DoubleEndedIterator<Item = (&'a K, &'a Bucket<T>)> + use<'a, K, T> {
        debug_assert!(self.groups.is_none(), "groups are no buckets");
        self.rows.range(bounds)
    }

    pub(crate) fn secondary(&self, index: usize) -> &dyn Secondary<T> {
        self.secondary[index].as_ref()
    }

    pub(crate) fn secondaries_mut(&mut self) -> &mut [Box<dyn Secondary<T>>] {
        &mut self.secondary
    }

    /// How far all keys from a cut on are resident, in one direction.
    pub(crate) fn reach(&self, from: &Cut<K>, order: Order) -> Option<Cut<K>> {
        self.stretches.reach(from, order)
    }

    /// The rows by key between two cuts, the lower one first.
    pub(crate) fn between(&self, lower: &Cut<K>, upper: &Cut<K>) -> Range<'_, K, T> {
        self.rows.range((lower.lower(), upper.upper()))
    }

    /// Marks a key as known, with no rows so far.
    pub(crate) fn make_resident(&mut self, key: K) {
        self.known_rows.remove(&key);
        self.single_rows.remove(&key);
        self.rows.make(key);
    }

    /// Marks all keys between two cuts as known, with no rows so far but those of keys that were known before.
    pub(crate) fn make_stretch_resident(&mut self, lower: Cut<K>, upper: Cut<K>) {
        if lower >= upper {
            return;
        }
        let within = (lower.lower(), upper.upper());
        let replaced: Vec<K> = self
            .known_rows
            .range(within)
            .map(|(key, _)| key.clone())
            .collect();
        for key in replaced {
            self.known_rows.remove(&key);
            self.single_rows.remove(&key);
        }
        self.stretches.insert(lower, upper);
    }

    /// Takes the weight of a single row in, unless it is known.
    pub(crate) fn make_row_resident(&mut self, key: K, row: T, weight: Weight) {
        if self.known_weight(&key, &row).is_none() {
            let added = self.single_rows.add(&key, &row, weight);
            let added = added.and_then(|()| self.known_rows.add(&key, &row, 1));
            added.expect("the row was not known before");
        }
    }

    pub(crate) fn make_all_resident(&mut self) {
        self.all_resident = true;
        self.forget_parts();
    }

    fn forget_parts(&mut self) {
        self.stretches.clear();
        self.known_rows.clear();
        self.single_rows.clear();
    }

    /// Whether weights of this sum, added to any rows, fit without a look at them. Only what is complete knows.
    pub(crate) fn has_room_for(&self, weights: u64) -> bool {
        let most = self.most.checked_add(weights);
        self.complete && most.is_some_and(|most| most <= Weight::MAX.unsigned_abs())
    }

    /// Adds a weight of a row that was fetched, or absorbed; the weight was checked to fit. In a partial arrangement
    /// what is not resident stays so.
    pub(crate) fn add(&mut self, key: &K, row: &T, weight: Weight) {
        let added = if self.all_resident {
            self.most = self.most.saturating_add(weight.unsigned_abs());
            self.rows.add(key, row, weight)
        } else if let Some(known) = self.rows.get_mut(key) {
            // A key that has lost its rows stays: it is known to have none.
            known.add(row, weight)
        } else if self.stretches.contains(key) {
            self.rows.add(key, row, weight)
        } else {
            self.add_single(key, row, weight)
        };
        added.expect(FITS);
    }

    /// As [`Self::add`], of all rows of a delta.
    pub(crate) fn add_delta(&mut self, delta: &[(K, T, Weight)]) {
        if !self.all_resident {
            for (key, row, weight) in delta {
                self.add(key, row, *weight);
            }
            return;
        }
        let keys = by_key(delta).map(|(key, _)| key);
        let spots: Vec<Spot> = keys.map(|key| self.rows.spot(key)).collect();
        for ((key, run), spot) in by_key(delta).zip(spots) {
            for (_, _, weight) in run {
                self.most = self.most.saturating_add(weight.unsigned_abs());
            }
            let rows = run.iter().map(|(_, row, weight)| (row, *weight));
            self.rows.add_all(key, spot, rows).expect(FITS);
        }
    }

    /// Puts the only row of a key in the place of the one that is there, if any. Only of what is complete.
    pub(crate) fn put(&mut self, key: &K, row: &T) {
        match &mut self.groups {
            None => self.rows.put(key, row),
            Some(groups) => groups.put(groups.spot(key), row.clone()),
        }
    }

    /// The groups, where it is of groups and complete.
    pub(crate) fn groups_mut(&mut self) -> Option<&mut dyn Groups<K, T>> {
        match &mut self.groups {
            None => None,
            Some(groups) => Some(groups.as_mut()),
        }
    }

    /// Takes the only row of a key out, if it is this one: another has taken its place otherwise. Only of what is complete.
    pub(crate) fn take(&mut self, key: &K, row: &T) {
        match &mut self.groups {
            None => self.rows.take(key, row),
            Some(groups) => {
                if groups.at(groups.spot(key)) == Some(row) {
                    groups.remove(key);
                }
            }
        }
    }

    fn add_single(&mut self, key: &K, row: &T, weight: Weight) -> Result<(), WeightOverflow> {
        let known = self.known_rows.get(key);
        if known.is_some_and(|rows| rows.weight(row) != 0) {
            self.single_rows.add(key, row, weight)?;
        }
        Ok(())
    }
}

impl<K: IndexKey, T: Row> ErasedArrangement for Arrangement<K, T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn forget(&mut self) {
        if !self.complete {
            self.rows.clear();
            self.forget_parts();
            self.all_resident = false;
        }
    }

    fn is_unknown(&self) -> bool {
        let knows_rows = !self.rows.is_empty() || !self.known_rows.is_empty();
        !(self.all_resident || knows_rows || !self.stretches.is_empty())
    }

    fn rows(&self) -> usize {
        let held = self.rows.iter().chain(self.single_rows.iter());
        let held: usize = held.map(|(_, rows)| rows.len()).sum();
        held + self.groups.as_ref().map_or(0, |groups| groups.rows().len())
    }
}
