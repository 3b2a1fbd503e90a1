//! A table of the plan behind its types: how a store asks for rows by key, and hands rows in.

use std::any::Any;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row, TableSchema};

use crate::state::{Arrangement, ErasedArrangement, TypedTable};
use crate::tick::{Contents, ErasedFetch};

/// A table without its types.
pub(crate) trait ErasedTable: Any + Send + Sync {
    fn schema(&self) -> &TableSchema;
    fn new_arrangement(&self, complete: bool) -> Box<dyn ErasedArrangement>;
    fn secondary_of<'a>(&self, arrangement: &'a dyn ErasedArrangement, index: usize)
    -> &'a dyn Any;
    /// An index of the table, as a `&Index<T, K>`: 0 is the primary one.
    fn index(&self, index: usize) -> &dyn Any;
    /// A fetch of all rows, for themselves.
    fn contents(self: Arc<Self>) -> Box<dyn ErasedFetch>;
    fn as_any(&self) -> &dyn Any;
}

impl<K: IndexKey, T: Row> ErasedTable for TypedTable<K, T> {
    fn schema(&self) -> &TableSchema {
        &self.schema
    }

    fn new_arrangement(&self, complete: bool) -> Box<dyn ErasedArrangement> {
        Box::new(Arrangement::new(complete, self))
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

    fn contents(self: Arc<Self>) -> Box<dyn ErasedFetch> {
        Box::new(Contents::<K, T>::new(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
