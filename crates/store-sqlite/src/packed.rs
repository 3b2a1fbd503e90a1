//! Rows as they are stored beside their keys: what a row repeats of its key is left out of it. A key of 16 bytes that
//! is in a column already need not be in the row once more.
//!
//! It owns the step from a row's encoding, or its identity, to the bytes in a column and back. It knows no row: it spells
//! the values of the key as the codec does, and looks for that in the encoding.
//!
//! The first byte says what is left out, and where it was:
//!
//! | first byte | behind it |
//! | --- | --- |
//! | 0 | the row as it is |
//! | 1 + 2 × place | the row without its key, which was there in one piece: its columns one after the other |
//! | 2 + 2 × place | the same, with the header of an array of just these columns before them |
//! | 254 | a byte for each column, 0 or one more than its place; and the row without those |
//! | 255 | a hash in the place of a row |
//!
//! No row can be made to pass for a hash, as none begins so. A table of whose key nothing can be left out has its rows as
//! they are.

use deltaview_schema::{Column, ColumnType, Identity, KeyValue, TableSchema};
use rusqlite::types::ValueRef;

use crate::values::{bind, is_none, unsigned};

/// So many columns are left out at most.
const COLUMNS: usize = 4;
/// Shorter ones, which are here and there, cost as much left out as they do left in.
const SHORTEST: usize = 2;
/// More than most keys are spelled in.
const KEY: usize = 48;
const AS_IT_IS: u8 = 0;
const APART: u8 = 254;
const HASH: u8 = 255;
/// A key in one piece is looked for up to there, and a single column up to there.
const LAST_PLACES: (usize, usize) = (125, 254);
/// CBOR's major types, its null, and its tag of an integer beyond 64 bits that is not negative; the negative's is one more.
const MAJOR: [u8; 5] = [0, 1 << 5, 2 << 5, 3 << 5, 4 << 5];
const NULL: u8 = 0xf6;
const BIG: u8 = 0xc2;

/// Which columns of the key are left out of the rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct Packing {
    /// A key has one row: it has no identity that is looked at, and its weight is 1.
    pub(crate) is_unique: bool,
    /// Their positions in the primary index.
    positions: Vec<usize>,
    columns: Vec<Column>,
}

impl Packing {
    pub(crate) fn of(schema: &TableSchema) -> Self {
        // What is kept of the past is found again by the identity as it is.
        let columns = schema.primary.columns.iter().enumerate();
        let columns =
            columns.filter(|(_, column)| !schema.history && is_spelled(column.column_type));
        let (positions, columns) = columns
            .take(COLUMNS)
            .map(|(at, column)| (at, column.clone()))
            .unzip();
        Self {
            is_unique: schema.unique,
            positions,
            columns,
        }
    }

    /// The positions in the primary index of the columns that are needed to read a row.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.positions
    }

    /// What is stored of a key in a column that is left out, by its number in [`Self::columns`].
    pub(crate) fn value<'k>(&self, key: &'k [KeyValue<'_>], number: usize) -> Option<ValueRef<'k>> {
        let value = key.get(*self.positions.get(number)?)?;
        Some(bind(value, &self.columns[number]).0)
    }

    /// A row to be stored under a key.
    pub(crate) fn pack(&self, key: &[KeyValue<'_>], row: &[u8], packed: &mut Vec<u8>) {
        packed.clear();
        if self.columns.is_empty() {
            packed.extend_from_slice(row);
            return;
        }
        packed.reserve(1 + row.len() + KEY);
        packed.push(AS_IT_IS);
        packed.extend_from_slice(row);
        // There is room for the key behind the row.
        let end = packed.len();
        let mut ends = [0; COLUMNS];
        for (number, column) in self.columns.iter().enumerate() {
            let value = self.value(key, number);
            if !value.is_some_and(|value| spell(value, column, packed)) {
                packed.truncate(end);
                return;
            }
            ends[number] = packed.len() - end;
        }
        let (before, key) = packed.split_at(end);
        let Some(at) = find(&before[1..], key, LAST_PLACES.0) else {
            let key = packed.split_off(end);
            return self.pack_apart(&key, &ends, packed);
        };
        let has_header = before[at] == self.header() && at > 0;
        let begin = 1 + at - usize::from(has_header);
        let gone = begin..1 + at + key.len();
        packed.truncate(end);
        packed[0] = u8::try_from(2 * begin - 1).expect("only near places are looked at")
            + u8::from(has_header);
        packed.drain(gone);
    }

    /// Leaves out of a row what is in it of a key that is not there in one piece.
    fn pack_apart(&self, key: &[u8], ends: &[usize; COLUMNS], packed: &mut Vec<u8>) {
        let mut head = [0; COLUMNS];
        let mut rest = packed[1..].to_vec();
        let mut begin = 0;
        for (place, &end) in head.iter_mut().zip(&ends[..self.columns.len()]) {
            let column = &key[begin..end];
            begin = end;
            if column.len() < SHORTEST {
                continue;
            }
            if let Some(at) = find(&rest, column, LAST_PLACES.1) {
                rest.drain(at..at + column.len());
                *place = u8::try_from(at + 1).expect("only near places are looked at");
            }
        }
        let head = &head[..self.columns.len()];
        if head.len() + rest.len() < packed.len() - 1 {
            packed.clear();
            packed.push(APART);
            packed.extend_from_slice(head);
            packed.extend_from_slice(&rest);
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

    /// The row that was stored so; `value` has what is stored in the columns, by their numbers in [`Self::columns`]. What
    /// was not stored so is passed on as it is: it does not decode, or has another key. `row` is where it is put together.
    pub(crate) fn unpack<'r, 'v>(
        &self,
        stored: &'r [u8],
        value: impl Fn(usize) -> Option<ValueRef<'v>>,
        row: &'r mut Vec<u8>,
    ) -> &'r [u8] {
        if self.columns.is_empty() {
            return stored;
        }
        let spelled = |number: usize, row: &mut Vec<u8>| {
            value(number).is_some_and(|value| spell(value, &self.columns[number], row))
        };
        let is_whole = match stored.split_first() {
            Some((&AS_IT_IS, rest)) => return rest,
            None | Some((&HASH, _)) => return stored,
            Some((&APART, rest)) => self.unpack_apart(rest, spelled, row),
            Some((kind, rest)) => {
                let (before, after) = rest.split_at(rest.len().min(usize::from((kind - 1) / 2)));
                row.clear();
                row.reserve(rest.len() + KEY);
                row.extend_from_slice(before);
                if kind % 2 == 0 {
                    row.push(self.header());
                }
                let is_whole = (0..self.columns.len()).all(|number| spelled(number, row));
                row.extend_from_slice(after);
                is_whole
            }
        };
        if is_whole { row } else { stored }
    }

    /// Says whether it could be put together.
    fn unpack_apart(
        &self,
        stored: &[u8],
        spelled: impl Fn(usize, &mut Vec<u8>) -> bool,
        row: &mut Vec<u8>,
    ) -> bool {
        let Some((head, rest)) = stored.split_at_checked(self.columns.len()) else {
            return false;
        };
        row.clear();
        row.extend_from_slice(rest);
        let places = head.iter().enumerate().rev();
        let mut places = places.filter(|(_, place)| **place > 0);
        places.all(|(number, place)| {
            let (at, end) = (usize::from(place - 1), row.len());
            let is_spelled = at <= end && spelled(number, row);
            if is_spelled {
                let length = row.len() - end;
                row[at..].rotate_right(length);
            }
            is_spelled
        })
    }

    /// That of an array of the columns.
    fn header(&self) -> u8 {
        MAJOR[4] | u8::try_from(self.columns.len()).expect("they are few")
    }
}

/// Whether the codec's spelling of a column's values is known here.
fn is_spelled(column_type: ColumnType) -> bool {
    match column_type {
        ColumnType::Encoded(name) => matches!(name, "u64" | "u128" | "i128"),
        _ => true,
    }
}

/// Spells what is stored of a column as the codec would: says whether it could. A row may well have the column as something
/// else, and then keeps it.
fn spell(value: ValueRef<'_>, column: &Column, out: &mut Vec<u8>) -> bool {
    if column.nullable && is_none(value, column.column_type) {
        out.push(NULL);
        return true;
    }
    match (column.column_type, value) {
        (ColumnType::Bool, ValueRef::Integer(value @ (0 | 1))) => {
            out.push(if value == 0 { 0xf4 } else { 0xf5 });
        }
        (ColumnType::Int, ValueRef::Integer(value)) => match u64::try_from(value) {
            Ok(value) => spell_header(MAJOR[0], value, out),
            Err(_) => spell_header(MAJOR[1], !value.cast_unsigned(), out),
        },
        (ColumnType::Encoded("u64"), value) => match unsigned(value) {
            Some(value) => spell_header(MAJOR[0], value, out),
            None => return false,
        },
        (ColumnType::Encoded(name @ ("u128" | "i128")), ValueRef::Blob(bytes)) => {
            let Ok(bytes) = <[u8; 16]>::try_from(bytes) else {
                return false;
            };
            let value = u128::from_be_bytes(bytes);
            let signed = value.cast_signed() ^ i128::MIN;
            match (name, signed) {
                ("u128", _) => spell_big(false, value, out),
                (_, 0..) => spell_big(false, signed.cast_unsigned(), out),
                _ => spell_big(true, !signed.cast_unsigned(), out),
            }
        }
        (ColumnType::Text, ValueRef::Text(bytes)) => spell_bytes(MAJOR[3], bytes, out),
        (ColumnType::Bytes | ColumnType::Uuid, ValueRef::Blob(bytes)) => {
            spell_bytes(MAJOR[2], bytes, out);
        }
        _ => return false,
    }
    true
}

fn spell_header(major: u8, argument: u64, out: &mut Vec<u8>) {
    let (info, length) = match argument {
        0..=0x17 => return out.push(major | argument as u8),
        0x18..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major | info);
    out.extend_from_slice(&argument.to_be_bytes()[8 - length..]);
}

fn spell_bytes(major: u8, bytes: &[u8], out: &mut Vec<u8>) {
    spell_header(major, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// An integer, or how far below −1 it is.
fn spell_big(is_negative: bool, value: u128, out: &mut Vec<u8>) {
    if let Ok(value) = u64::try_from(value) {
        return spell_header(MAJOR[usize::from(is_negative)], value, out);
    }
    out.push(BIG + u8::from(is_negative));
    let digits = value.to_be_bytes();
    spell_bytes(MAJOR[2], &digits[value.leading_zeros() as usize / 8..], out);
}

/// Where a row has something, from its first byte to a last place.
fn find(row: &[u8], what: &[u8], last: usize) -> Option<usize> {
    let first = what.first()?;
    let mut places = row.windows(what.len()).take(last + 1);
    places.position(|place| place[0] == *first && place == what)
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

    fn unpacked(packing: &Packing, stored: &[u8], key: &[KeyValue<'static>]) -> Vec<u8> {
        let mut row = Vec::new();
        let value = |number| packing.value(key, number);
        packing.unpack(stored, value, &mut row).to_vec()
    }

    #[test]
    fn a_key_is_left_out_of_its_row() {
        let row: Row = ("name".into(), u128::MAX / 3, 5, "a long text".into());
        let (packing, key) = (packing(), key(&row));
        assert_eq!(packing.columns(), [0, 1, 2]);
        let encoded = codec::encode(&row).unwrap();
        let mut packed = Vec::new();
        packing.pack(&key, &encoded, &mut packed);
        // Here and there, and the number is too short to be left out.
        assert_eq!(packed.len(), encoded.len() + 4 - 18 - 12);
        assert_eq!(packed[0], APART);
        assert_eq!(unpacked(&packing, &packed, &key), encoded);
    }

    #[test]
    fn a_key_in_one_piece_is_left_out_with_its_header() {
        let (packing, name) = (packing(), "a long text".to_string());
        let row: Row = (name.clone(), u128::MAX / 3, -5_000, name.clone());
        let (whole, key) = ((row.1, row.3.clone(), row.2), key(&row));
        let mut packed = Vec::new();
        for encoded in [
            codec::encode(&(&whole, 7)).unwrap(),
            codec::encode(&(1, 2, 3, &whole)).unwrap(),
        ] {
            packing.pack(&key, &encoded, &mut packed);
            assert_eq!(packed.len(), encoded.len() + 1 - 1 - 18 - 12 - 3);
            assert_eq!(unpacked(&packing, &packed, &key), encoded);
        }
        let flat = codec::encode(&(whole.0, whole.1, whole.2, 7)).unwrap();
        packing.pack(&key, &flat, &mut packed);
        assert_eq!(packed[0], 1 + 2);
        assert_eq!(packed.len(), flat.len() + 1 - 18 - 12 - 3);
        assert_eq!(unpacked(&packing, &packed, &key), flat);
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
            assert!(packed[0] != HASH, "{before}");
            assert_eq!(unpacked(&packing, &packed, &key(&row)), encoded);
        }
    }

    /// All that a key is spelled as.
    type Keys = (
        (bool, i64, u64, u128, i128),
        (
            String,
            Option<String>,
            Option<u64>,
            Option<bool>,
            Option<i64>,
        ),
    );

    fn keys() -> impl Strategy<Value = Keys> {
        let shift = || 0_u32..128;
        (
            (
                any::<bool>(),
                (any::<i64>(), 0_u32..64).prop_map(|(v, by)| v >> by),
                (any::<u64>(), 0_u32..64).prop_map(|(v, by)| v >> by),
                (any::<u128>(), shift()).prop_map(|(v, by)| v >> by),
                (any::<i128>(), shift()).prop_map(|(v, by)| v >> by),
            ),
            (
                ".{0,300}",
                any::<Option<String>>(),
                any::<Option<u64>>(),
                any::<Option<bool>>(),
                any::<Option<i64>>(),
            ),
        )
    }

    /// Each column is spelled as the codec spells it.
    fn assert_spelled<K: deltaview_schema::IndexKey + serde::Serialize>(key: &K) {
        let mut schema = TableSchema::of::<String>("rows");
        schema.primary = Index::new("key", |key: &K| key.clone()).schema();
        let (packing, mut values) = (Packing::of(&schema), Vec::new());
        key.values(&mut values);
        let mut spelled = Vec::new();
        let value = packing.value(&values, 0).unwrap();
        assert!(spell(value, &packing.columns[0], &mut spelled), "{key:?}");
        assert_eq!(spelled, codec::encode(key).unwrap(), "{key:?}");
    }

    proptest! {
        #[test]
        fn values_are_spelled_as_the_codec_does(keys in keys()) {
            let ((a, b, c, d, e), (f, g, h, i, j)) = keys;
            assert_spelled(&a);
            assert_spelled(&b);
            assert_spelled(&c);
            assert_spelled(&d);
            assert_spelled(&e);
            assert_spelled(&f);
            assert_spelled(&g);
            assert_spelled(&h);
            assert_spelled(&i);
            assert_spelled(&j);
        }

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
