//! One arrangement: rows by key, typed. It owns which keys are resident, and how rows are found.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey, Row, TableSchema};
use deltaview_zset::Weight;

use super::bucket::{Bucket, add_by_key};
use super::{ErasedArrangement, Secondary, SecondaryIndex};

/// A table of the plan with its types: how the key of a row is computed, and the further indexes.
pub(crate) struct TypedTable<K, T> {
    pub(crate) schema: TableSchema,
    pub(crate) index: Index<T, K>,
    pub(crate) secondary: Vec<Box<dyn SecondaryIndex<T>>>,
}

/// Rows by key. Complete, or partial: then a key is resident once it was fetched, even where it has no rows.
pub(crate) struct Arrangement<K, T> {
    rows: BTreeMap<K, Bucket<T>>,
    complete: bool,
    all_resident: bool,
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
            rows: BTreeMap::new(),
            complete,
            all_resident: complete,
            secondary: indexes.iter().map(|index| index.new_state()).collect(),
        }
    }

    /// Whether the rows of a key are known.
    pub(crate) fn is_resident(&self, key: &K) -> bool {
        self.all_resident || self.rows.contains_key(key)
    }

    /// Whether all rows are known.
    pub(crate) fn is_all_resident(&self) -> bool {
        self.all_resident
    }

    /// The rows of a key. The key must be resident.
    pub(crate) fn rows_of(&self, key: &K) -> impl Iterator<Item = (&T, Weight)> {
        debug_assert!(
            self.is_resident(key),
            "an operator reads only the keys that it named"
        );
        self.rows.get(key).into_iter().flat_map(Bucket::iter)
    }

    /// The only row of a key, in a table that has one row a key.
    pub(crate) fn row_of(&self, key: &K) -> Option<&T> {
        self.rows_of(key).next().map(|(row, _)| row)
    }

    /// All rows. All must be resident.
    pub(crate) fn all_rows(&self) -> impl Iterator<Item = (&K, &T, Weight)> {
        debug_assert!(self.all_resident, "an operator reads only what it named");
        self.rows
            .iter()
            .flat_map(|(key, rows)| rows.iter().map(move |(row, weight)| (key, row, weight)))
    }

    /// The weight of a row, where it is known.
    pub(crate) fn known_weight(&self, key: &K, row: &T) -> Option<Weight> {
        match self.rows.get(key) {
            Some(rows) => Some(rows.weight(row)),
            None => self.all_resident.then_some(0),
        }
    }

    /// The weight of a row; 0 if it is not there. It must be known.
    pub(crate) fn weight_of(&self, key: &K, row: &T) -> Weight {
        let known = self.known_weight(key, row);
        debug_assert!(known.is_some(), "an operator reads only what it named");
        known.unwrap_or(0)
    }

    /// The rows whose keys are within bounds, in the order of the keys.
    pub(crate) fn range<'a>(
        &'a self,
        bounds: (Bound<&K>, Bound<&K>),
    ) -> impl DoubleEndedIterator<Item = (&'a K, &'a Bucket<T>)> + use<'a, K, T> {
        self.rows.range::<K, _>(bounds)
    }

    pub(crate) fn secondary(&self, index: usize) -> &dyn Secondary<T> {
        self.secondary[index].as_ref()
    }

    pub(crate) fn secondaries_mut(&mut self) -> &mut [Box<dyn Secondary<T>>] {
        &mut self.secondary
    }

    /// Marks a key as known, with no rows so far.
    pub(crate) fn make_resident(&mut self, key: K) {
        self.rows.entry(key).or_default();
    }

    pub(crate) fn make_all_resident(&mut self) {
        self.all_resident = true;
    }

    /// Adds a weight of a row that was fetched, or absorbed; the weight was checked to fit. In a partial arrangement
    /// a key that is not resident stays so.
    pub(crate) fn add(&mut self, key: &K, row: &T, weight: Weight) {
        let added = if self.all_resident {
            add_by_key(&mut self.rows, key, row, weight)
        } else {
            // A key that has lost its rows stays: it is known to have none.
            self.rows
                .get_mut(key)
                .map_or(Ok(()), |rows| rows.add(row, weight))
        };
        added.expect("the sum was checked before the commit was written");
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
            self.all_resident = false;
        }
    }

    fn rows(&self) -> usize {
        self.rows.values().map(Bucket::len).sum()
    }
}
