//! Keys as SQLite values, such that SQLite's order of a column is Rust's order of the key.

use deltaview_schema::{Column, ColumnType, KeyValue, TableSchema};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// A value to bind, borrowed from the key.
pub(crate) struct Bound<'a>(pub(crate) ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// A value of a key column. `None` becomes a value of a type that SQLite orders before the column's own.
pub(crate) fn bind<'a>(value: &'a KeyValue<'_>, column: &Column) -> Bound<'a> {
    Bound(match value {
        KeyValue::Null => none_before(column.column_type),
        KeyValue::Bool(value) => ValueRef::Integer(i64::from(*value)),
        KeyValue::Int(value) => ValueRef::Integer(*value),
        KeyValue::Text(value) => ValueRef::Text(value.as_bytes()),
        KeyValue::Bytes(value) => match storage(column.column_type) {
            Storage::Unsigned => of_unsigned(value),
            _ => ValueRef::Blob(value),
        },
    })
}

/// A number of 64 bits without sign, from its bytes: an integer where SQLite has it, which takes no more bytes than it must.
/// SQLite orders blobs behind them.
fn of_unsigned(bytes: &[u8]) -> ValueRef<'_> {
    let number = bytes.try_into().map(u64::from_be_bytes);
    match number.map(i64::try_from) {
        Ok(Ok(number)) => ValueRef::Integer(number),
        _ => ValueRef::Blob(bytes),
    }
}

/// The number that was stored so; none if it is something else.
pub(crate) fn unsigned(value: ValueRef<'_>) -> Option<u64> {
    match value {
        ValueRef::Integer(number) => u64::try_from(number).ok(),
        ValueRef::Blob(bytes) => bytes.try_into().map(u64::from_be_bytes).ok(),
        _ => None,
    }
}

/// Whether it stands for `None` in a column that can be so.
pub(crate) fn is_none(value: ValueRef<'_>, column_type: ColumnType) -> bool {
    value == none_before(column_type)
}

/// What stands for `None`: SQLite orders numbers before text, and text before blobs.
fn none_before(column_type: ColumnType) -> ValueRef<'static> {
    match storage(column_type) {
        Storage::Integer | Storage::Unsigned => ValueRef::Real(f64::NEG_INFINITY),
        Storage::Text | Storage::Blob => ValueRef::Integer(0),
    }
}

/// SQLite's type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Integer,
    /// An integer, or 8 bytes for what is greater than the greatest that SQLite has.
    Unsigned,
    Text,
    Blob,
}

impl Storage {
    /// Its name in a STRICT table.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Unsigned => "ANY",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }

    /// What `typeof` says of it.
    pub(crate) fn types(self) -> &'static [&'static str] {
        match self {
            Self::Integer => &["integer"],
            Self::Unsigned => &["integer", "blob"],
            Self::Text => &["text"],
            Self::Blob => &["blob"],
        }
    }
}

/// How a type of key is stored.
pub(crate) fn storage(column_type: ColumnType) -> Storage {
    match column_type {
        ColumnType::Bool | ColumnType::Int => Storage::Integer,
        ColumnType::Text => Storage::Text,
        ColumnType::Encoded("u64") => Storage::Unsigned,
        // Byte strings, UUIDs, and whatever has an order-preserving encoding.
        _ => Storage::Blob,
    }
}

/// The values of the primary key's columns, in the order of [`key_columns`](crate::statements::key_columns).
pub(crate) fn bind_key<'a>(
    key: &'a [KeyValue<'_>],
    schema: &'a TableSchema,
) -> impl Iterator<Item = Bound<'a>> {
    key.iter()
        .zip(&schema.primary.columns)
        .map(|(value, column)| bind(value, column))
}

/// The values of the further indexes' columns.
pub(crate) fn bind_secondary<'a>(
    values: &'a [KeyValue<'_>],
    schema: &'a TableSchema,
) -> impl Iterator<Item = Bound<'a>> {
    let columns = schema.secondary.iter().flat_map(|index| &index.columns);
    values
        .iter()
        .zip(columns)
        .map(|(value, column)| bind(value, column))
}

/// A key value, owned: a bound of a scan.
pub(crate) fn owned(value: &KeyValue<'_>, column: &Column) -> Value {
    bind(value, column)
        .0
        .try_into()
        .expect("text of a key is UTF-8")
}
