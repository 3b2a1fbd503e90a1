//! Further indexes of a view: in memory, the same rows by another key.

use std::any::Any;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey, IndexSchema, KeyValue, Row};
use deltaview_zset::Weight;

use super::bucket::Bucket;
use super::history::new_secondary;
use super::keyed_rows::KeyedRows;

/// A further index of a table, without the type of its key.
pub(crate) trait SecondaryIndex<T>: Send + Sync {
    /// The `Index<T, K2>` itself.
    fn as_any(&self) -> &dyn Any;
    fn schema(&self) -> IndexSchema;
    /// An empty index in memory.
    fn new_state(&self) -> Box<dyn Secondary<T>>;
    /// An empty timeline of it: a `Box<dyn SecondaryPast<T>>`.
    fn new_past(&self) -> Box<dyn Any>;
    /// The keys of rows, to be held until the commit is absorbed: a `Vec<K2>`. The user's closure runs here only.
    fn keys(&self, rows: &mut dyn Iterator<Item = &T>) -> Box<dyn SecondaryKeys>;
}

/// The keys of the rows of a delta by a secondary index: a `Vec<K2>`.
pub(crate) trait SecondaryKeys: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn values<'a>(&'a self, row: usize, out: &mut Vec<KeyValue<'a>>);
}

/// The rows of a complete arrangement by another key.
pub(crate) trait Secondary<T>: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn absorb(&mut self, keys: &dyn SecondaryKeys, rows: &mut dyn Iterator<Item = (&T, Weight)>);
}

impl<T: Row, K2: IndexKey> SecondaryIndex<T> for Index<T, K2> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> IndexSchema {
        Index::schema(self)
    }

    fn new_state(&self) -> Box<dyn Secondary<T>> {
        Box::new(ByKey::<K2, T> {
            rows: KeyedRows::default(),
        })
    }

    fn new_past(&self) -> Box<dyn Any> {
        new_secondary::<K2, T>()
    }

    fn keys(&self, rows: &mut dyn Iterator<Item = &T>) -> Box<dyn SecondaryKeys> {
        Box::new(rows.map(|row| self.key(row)).collect::<Vec<K2>>())
    }
}

impl<K2: IndexKey> SecondaryKeys for Vec<K2> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn values<'a>(&'a self, row: usize, out: &mut Vec<KeyValue<'a>>) {
        self[row].values(out);
    }
}

/// Rows by the key of a secondary index.
pub(crate) struct ByKey<K2, T> {
    rows: KeyedRows<K2, T>,
}

impl<K2: IndexKey, T: Row> ByKey<K2, T> {
    pub(crate) fn range<'a>(
        &'a self,
        bounds: (Bound<&K2>, Bound<&K2>),
    ) -> impl DoubleEndedIterator<Item = (&'a K2, &'a Bucket<T>)> + use<'a, K2, T> {
        self.rows.range(bounds)
    }
}

impl<K2: IndexKey, T: Row> Secondary<T> for ByKey<K2, T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn absorb(&mut self, keys: &dyn SecondaryKeys, rows: &mut dyn Iterator<Item = (&T, Weight)>) {
        let keys: &Vec<K2> = keys
            .as_any()
            .downcast_ref()
            .expect("made by the same index");
        for (key, (row, weight)) in keys.iter().zip(rows) {
            let added = self.rows.add(key, row, weight);
            added.expect("the same sum fits in the arrangement");
        }
    }
}
