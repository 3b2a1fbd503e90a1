//! Keys: what an index can be of, the SQL columns that a key becomes, and the order-preserving encoding for what SQL
//! has no faithful column for. `atoms` has the single values, `composite` options, reverses and tuples, `order` the
//! encoding, `time` which keys are times. It never knows a dialect.

mod atoms;
#[cfg(feature = "chrono")]
mod chrono;
mod composite;
#[cfg(feature = "rust_decimal")]
mod decimal;
#[cfg(feature = "jiff")]
mod jiff;
pub mod order;
#[cfg(test)]
mod tests;
mod time;

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;

pub use time::TimeKey;

/// A type that an index can be of: its order in SQL is exactly its `Ord`.
///
/// Implemented for bool, the integers from `i8`/`u8` to `i128`/`u128` (`usize` and `isize` are not the same on every
/// machine), `char`, `String`, byte strings and byte arrays, [`OrderedFloat`](crate::OrderedFloat) and
/// [`NotNan`](crate::NotNan), `Duration`, `SystemTime` and IP addresses; for `Option` and
/// [`Reverse`](std::cmp::Reverse) of any key and tuples up to eight; by features for `uuid`, `rust_decimal`, `chrono`
/// and `jiff`. `#[derive(IndexKey)]` implements it for an enum without data, in the order of declaration.
///
/// # Equal keys in unequal rows
///
/// Some types have several values that are equal and are one key, and yet serialise differently. A row that holds them
/// is found by its bytes, so two such rows are not one row. Put one of them into rows, always the same:
///
/// | type | equal, with different bytes in a row | in rows |
/// | --- | --- | --- |
/// | `rust_decimal::Decimal` | `1.0` and `1.00`, `0` and `-0` | `decimal.normalize()` |
/// | `chrono::DateTime<FixedOffset>`, `DateTime<Local>` | one instant at two offsets | `DateTime<Utc>` |
/// | `jiff::Zoned` | one instant in two zones | `Timestamp`, and the zone in a field of its own |
///
/// Floats are safe: the [`codec`](crate::codec) writes −0 as 0 and has one NaN. So are all other keys here. But serde
/// refuses to write a `SystemTime` from before 1970, though it is a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the key of an index",
    label = "not an `IndexKey`",
    note = "keys are bool, integers, char, String, byte strings, ordered floats, Option, Reverse and tuples of them",
    note = "an enum without data gets `#[derive(IndexKey)]`; f32 and f64 have no total order: use `OrderedFloat<f64>`"
)]
pub trait IndexKey: Clone + fmt::Debug + Ord + Hash + Send + Sync + 'static {
    /// The columns that a key of this type becomes, the most significant first.
    fn columns() -> Vec<KeyColumn>;

    /// Pushes the values of those columns: as many as [`Self::columns`] has, in the same order.
    fn values<'a>(&'a self, out: &mut Vec<KeyValue<'a>>);

    /// Hands the same values to `visit`, one after the other: for whoever looks at them only. What has no value of its own
    /// to lend may lend one that is gone afterwards, and so needs no memory for it.
    fn each_value(&self, visit: &mut dyn FnMut(&KeyValue<'_>)) {
        let mut values = Vec::new();
        self.values(&mut values);
        values.iter().for_each(visit);
    }

    /// Appends the order-preserving encoding: comparing the bytes of two encodings is comparing the keys, equal keys
    /// have equal bytes, and no encoding is a prefix of another. See [`order`].
    fn encode(&self, out: &mut Vec<u8>);
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether it can hold [`KeyValue::Null`], which is `None` and comes first.
    pub nullable: bool,
    /// Whether it is ordered from the greatest to the least.
    pub descending: bool,
    /// The position of the column in nested tuples, the outermost first; empty for a single value.
    pub path: Vec<usize>,
}

impl KeyColumn {
    /// A column of a single value, ascending, never null.
    pub fn single(column_type: ColumnType) -> Self {
        Self {
            column_type,
            nullable: false,
            descending: false,
            path: Vec::new(),
        }
    }
}

/// What a column of an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// A truth value: [`KeyValue::Bool`].
    Bool,
    /// An integer that fits 64 bits with sign: [`KeyValue::Int`].
    Int,
    /// Text, compared as UTF-8 bytes, which is the order of its code points: [`KeyValue::Text`].
    Text,
    /// A byte string, compared byte by byte: [`KeyValue::Bytes`].
    Bytes,
    /// The sixteen bytes of a UUID: [`KeyValue::Bytes`].
    Uuid,
    /// The [`order`]-preserving encoding of the named type, compared byte by byte: [`KeyValue::Bytes`].
    Encoded(&'static str),
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("integer"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes"),
            Self::Uuid => f.write_str("uuid"),
            Self::Encoded(what) => write!(f, "encoded {what}"),
        }
    }
}

/// The value of a column of an index. Values of one column are ordered as the column is when it ascends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyValue<'a> {
    /// `None`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

impl KeyValue<'_> {
    /// The same value, owning what it borrows.
    pub fn into_owned(self) -> KeyValue<'static> {
        match self {
            Self::Null => KeyValue::Null,
            Self::Bool(value) => KeyValue::Bool(value),
            Self::Int(value) => KeyValue::Int(value),
            Self::Text(value) => KeyValue::Text(Cow::Owned(value.into_owned())),
            Self::Bytes(value) => KeyValue::Bytes(Cow::Owned(value.into_owned())),
        }
    }
}

/// A key's order-preserving encoding as a value.
pub(crate) fn encoded<K: IndexKey>(key: &K) -> KeyValue<'static> {
    // What most of them take: they are made for each key of each row.
    let mut bytes = Vec::with_capacity(16);
    key.encode(&mut bytes);
    KeyValue::Bytes(Cow::Owned(bytes))
}
