//! A table of the plan behind its types: how a store asks for rows by key, and hands rows in.

use std::any::Any;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row, TableSchema};
use deltaview_zset::{Weight, WeightOverflow};

use crate::delta::{ArrangedDelta, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::state::{
    Arrangement, ErasedArrangement, ErasedDelta, ErasedHistory, TableDelta, TypedTable,
};
use crate::tick::{Contents, ErasedFetch, decode_rows};

/// A table without its types.
pub(crate) trait ErasedTable: Any + Send + Sync {
    fn schema(&self) -> &TableSchema;
    fn new_arrangement(&self, complete: bool) -> Box<dyn ErasedArrangement>;
    /// Its history in memory, where it has any.
    fn new_history(&self) -> Option<Box<dyn ErasedHistory>>;
    fn secondary_of<'a>(&self, arrangement: &'a dyn ErasedArrangement, index: usize)
    -> &'a dyn Any;
    /// An index of the table, as a `&Index<T, K>`: 0 is the primary one.
    fn index(&self, index: usize) -> &dyn Any;
    /// The change of the table that was journaled, or what takes it back.
    fn delta_from_journal(
        &self,
        rows: &[u8],
        negated: bool,
    ) -> Result<Box<dyn ErasedDelta>, TickErrorKind>;
    /// A fetch of all rows, for themselves.
    fn contents(self: Arc<Self>) -> Box<dyn ErasedFetch>;
    /// The bytes that a row takes in a working set with its key, where its encoding has so many: see
    /// [`Graph::row_bytes`](crate::Graph::row_bytes).
    fn row_bytes(&self, encoded: usize) -> usize;
    fn as_any(&self) -> &dyn Any;
}

impl<K: IndexKey, T: Row> ErasedTable for TypedTable<K, T> {
    fn schema(&self) -> &TableSchema {
        &self.schema
    }

    fn new_arrangement(&self, complete: bool) -> Box<dyn ErasedArrangement> {
        Box::new(Arrangement::new(complete, self))
    }

    fn new_history(&self) -> Option<Box<dyn ErasedHistory>> {
        let indexes = self.secondary.iter();
        let new_history = self.new_history?;
        Some(new_history(indexes.map(|index| index.new_past()).collect()))
    }

    fn secondary_of<'a>(
        &self,
        arrangement: &'a dyn ErasedArrangement,
        index: usize,
    ) -> &'a dyn Any {
        let arrangement: &Arrangement<K, T> = arrangement
            .as_any()
            .downcast_ref()
            .expect("a table's arrangement has the table's types");
        arrangement.secondary(index).as_any()
    }

    fn index(&self, index: usize) -> &dyn Any {
        match index.checked_sub(1) {
            None => &self.index,
            Some(secondary) => self.secondary[secondary].as_any(),
        }
    }

    fn delta_from_journal(
        &self,
        rows: &[u8],
        negated: bool,
    ) -> Result<Box<dyn ErasedDelta>, TickErrorKind> {
        let mut delta: ArrangedDelta<K, T> = Vec::new();
        for (row, weight) in decode_rows::<T>(rows)? {
            let weight = if negated {
                weight.checked_neg().ok_or(WeightOverflow)?
            } else {
                weight
            };
            delta.push((self.index.key(&row), row, weight));
        }
        consolidate_arranged(&mut delta)?;
        Ok(Box::new(TableDelta::unseen(Arc::new(delta), self)))
    }

    fn contents(self: Arc<Self>) -> Box<dyn ErasedFetch> {
        Box::new(Contents::<K, T>::new(self))
    }

    fn row_bytes(&self, encoded: usize) -> usize {
        // What a tree and a vector need for a row, half full as they may be.
        let place = 128 + 2 * size_of::<(K, T, Weight)>();
        // An encoding has a byte at least for what takes eight.
        let pointed_to = if std::mem::needs_drop::<(K, T)>() {
            8 * encoded
        } else {
            0
        };
        place + pointed_to
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
