//! Rows as they are stored beside their keys: what a row repeats of its key is left out of it. A key of 16 bytes that
//! is in a column already need not be in the row once more.
//!
//! It owns the step from a row's encoding, or its identity, to the bytes in a column and back. It knows no row: a column's
//! text or bytes are found in the encoding as they are, since CBOR writes both verbatim.
//!
//! Before the bytes comes a byte for each column that could be left out: 0 where it is not, else one more than the place
//! where it was. A hash in the place of a row begins with a byte that no row does, so that no row can be made to pass for
//! one. A table without such columns has its rows as they are.

use std::borrow::Cow;

use deltaview_schema::{ColumnType, Identity, KeyValue, TableSchema};

/// So many columns are looked for at most.
const COLUMNS: usize = 4;
/// Shorter ones cost as much left out as they do left in.
const SHORTEST: usize = 2;
/// What a hash begins with, and one more than any place is noted as.
const HASH: u8 = u8::MAX;

/// Which columns of the key are left out of the rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct Packing {
    /// Their positions in the primary index.
    columns: Vec<usize>,
}

impl Packing {
    pub(crate) fn of(schema: &TableSchema) -> Self {
        // What is kept of the past is found again by the identity as it is.
        let columns = schema.primary.columns.iter().enumerate();
        let columns =
            columns.filter(|(_, column)| !schema.history && is_verbatim(column.column_type));
        Self {
            columns: columns.map(|(at, _)| at).take(COLUMNS).collect(),
        }
    }

    /// The positions in the primary index of the columns that are needed to read a row.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// A row to be stored under a key.
    pub(crate) fn pack(&self, key: &[KeyValue<'_>], row: &[u8], packed: &mut Vec<u8>) {
        packed.clear();
        let head = self.columns.len();
        packed.resize(head, 0);
        packed.extend_from_slice(row);
        for (number, column) in self.columns.iter().enumerate() {
            let value = match &key[*column] {
                KeyValue::Text(text) => text.as_bytes(),
                KeyValue::Bytes(bytes) => bytes,
                _ => continue,
            };
            if let Some(at) = find(&packed[head..], value) {
                packed.drain(head + at..head + at + value.len());
                packed[number] = u8::try_from(at + 1).expect("only near places are looked at");
            }
        }
    }

    /// An identity to be stored under a key: a row, or a hash.
    pub(crate) fn pack_identity(
        &self,
        key: &[KeyValue<'_>],
        identity: &Identity,
        packed: &mut Vec<u8>,
    ) {
        if identity.holds_row() {
            return self.pack(key, identity.as_bytes(), packed);
        }
        packed.clear();
        if !self.columns.is_empty() {
            packed.push(HASH);
        }
        packed.extend_from_slice(identity.as_bytes());
    }

    /// The row that was stored so; `value` has the bytes of the columns by their numbers in [`Self::columns`]. What was
    /// not stored so is passed on as it is: it does not decode, or has another key.
    pub(crate) fn unpack<'r>(
        &self,
        stored: &'r [u8],
        value: impl Fn(usize) -> Option<&'r [u8]>,
    ) -> Cow<'r, [u8]> {
        let Some((head, rest)) = stored.split_at_checked(self.columns.len()) else {
            return Cow::Borrowed(stored);
        };
        if head.iter().all(|place| *place == 0) {
            return Cow::Borrowed(rest);
        }
        // Most rows are told by one key.
        let mut row = Vec::with_capacity(rest.len() + 32);
        row.extend_from_slice(rest);
        for (number, place) in head.iter().enumerate().rev() {
            let Some(at) = usize::from(*place).checked_sub(1) else {
                continue;
            };
            match value(number) {
                Some(value) if at <= row.len() => {
                    row.extend_from_slice(value);
                    row[at..].rotate_right(value.len());
                }
                _ => return Cow::Borrowed(stored),
            }
        }
        Cow::Owned(row)
    }
}

impl Packing {
    /// [`Self::unpack`] of bytes that are nobody else's.
    pub(crate) fn unpack_owned<'v>(
        &self,
        stored: Vec<u8>,
        value: impl Fn(usize) -> Option<&'v [u8]>,
    ) -> Vec<u8> {
        let values: Vec<Option<&[u8]>> = (0..self.columns.len()).map(value).collect();
        self.unpack(&stored, |number| values[number]).into_owned()
    }
}

/// Whether the values of a column may be in a row's encoding as they are in the column. Those of small integers are not.
fn is_verbatim(column_type: ColumnType) -> bool {
    match column_type {
        ColumnType::Bool | ColumnType::Int => false,
        ColumnType::Encoded(name) => name != "u64",
        _ => true,
    }
}

fn find(row: &[u8], value: &[u8]) -> Option<usize> {
    if value.len() < SHORTEST {
        return None;
    }
    let near = usize::from(HASH) - 1 + value.len();
    let row = &row[..row.len().min(near - 1)];
    row.windows(value.len()).position(|place| place == value)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow as Text;

    use deltaview_schema::{Index, codec};
    use proptest::prelude::*;

    use super::*;

    type Row = (String, u128, i64, String);

    fn packing() -> Packing {
        let mut schema = TableSchema::of::<String>("rows");
        let index = Index::new("key", |row: &Row| (row.1, row.3.clone(), row.2));
        schema.primary = index.schema();
        Packing::of(&schema)
    }

    fn key(row: &Row) -> [KeyValue<'static>; 3] {
        [
            KeyValue::Bytes(Text::Owned(row.1.to_be_bytes().to_vec())),
            KeyValue::Text(Text::Owned(row.3.clone())),
            KeyValue::Int(row.2),
        ]
    }

    fn bytes(value: &KeyValue<'static>) -> Vec<u8> {
        match value {
            KeyValue::Text(text) => text.as_bytes().to_vec(),
            KeyValue::Bytes(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        }
    }

    fn unpacked(packing: &Packing, stored: &[u8], key: &[KeyValue<'static>]) -> Vec<u8> {
        let values: Vec<Vec<u8>> = packing
            .columns()
            .iter()
            .map(|at| bytes(&key[*at]))
            .collect();
        packing
            .unpack(stored, |number| values.get(number).map(Vec::as_slice))
            .into_owned()
    }

    #[test]
    fn a_key_is_left_out_of_its_row() {
        let row: Row = ("name".into(), u128::MAX / 3, 5, "a long text".into());
        let (packing, key) = (packing(), key(&row));
        assert_eq!(packing.columns(), [0, 1]);
        let encoded = codec::encode(&row).unwrap();
        let mut packed = Vec::new();
        packing.pack(&key, &encoded, &mut packed);
        assert_eq!(packed.len(), encoded.len() + 2 - 16 - 11);
        assert_eq!(unpacked(&packing, &packed, &key), encoded);
    }

    #[test]
    fn no_row_passes_for_a_hash() {
        let (packing, long) = (packing(), vec![1; 100]);
        let row: Row = (String::new(), 0, 0, String::new());
        let mut packed = Vec::new();
        packing.pack_identity(&key(&row), &Identity::of(&long), &mut packed);
        assert_eq!((packed.len(), packed[0]), (17, HASH));
        // Also where a column is as far away as is looked at.
        for before in 250..256 {
            let text = "long enough".to_string();
            let row: Row = ("x".repeat(before), 0, 0, text);
            let encoded = codec::encode(&row).unwrap();
            packing.pack(&key(&row), &encoded, &mut packed);
            assert!(packed[..2].iter().all(|place| *place != HASH), "{before}");
            assert_eq!(unpacked(&packing, &packed, &key(&row)), encoded);
        }
    }

    proptest! {
        #[test]
        fn a_row_is_read_back(
            name in "[a-c]{0,300}", id in any::<u128>(), small in 0_u128..3, number in any::<i64>(), text in "[a-c]{0,4}",
        ) {
            for id in [id, small] {
                let row: Row = (name.clone(), id, number, text.clone());
                let (packing, key) = (packing(), key(&row));
                let encoded = codec::encode(&row).unwrap();
                let mut packed = Vec::new();
                packing.pack(&key, &encoded, &mut packed);
                prop_assert_eq!(unpacked(&packing, &packed, &key), encoded);
            }
        }

        #[test]
        fn what_is_damaged_does_not_panic(stored in prop::collection::vec(any::<u8>(), 0..40)) {
            let row: Row = (String::new(), 7, 7, "text".into());
            unpacked(&packing(), &stored, &key(&row));
        }
    }
}
