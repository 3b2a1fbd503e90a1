//! A row as a key of its own: for operators that look rows up by nothing but themselves.

use std::borrow::Cow;

use deltaview_schema::{ColumnType, Identity, Index, IndexKey, KeyColumn, KeyValue, Row, codec};

/// A whole row as a key. In SQL it is the row's identity, which tells rows apart but does not order them as `Ord` does:
/// such a key is looked up, never ranged over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Whole<T>(pub(crate) T);

impl<T: Row> Whole<T> {
    /// The index of rows by themselves.
    pub(crate) fn index() -> Index<T, Self> {
        Index::declared("whole", ["row"], |row: &T| Self(row.clone()))
    }

    fn identity(&self) -> Vec<u8> {
        // A row that can't be encoded can't be written either, which is where it becomes an error.
        let encoded = codec::encode(&self.0);
        encoded.map_or_else(
            |_| Vec::new(),
            |bytes| Identity::of(&bytes).as_bytes().to_vec(),
        )
    }
}

impl<T: Row> IndexKey for Whole<T> {
    fn columns() -> Vec<KeyColumn> {
        vec![KeyColumn::single(ColumnType::Encoded("row identity"))]
    }

    fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>) {
        out.push(KeyValue::Bytes(Cow::Owned(self.identity())));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        deltaview_schema::order::push_bytes(&self.identity(), out);
    }
}
