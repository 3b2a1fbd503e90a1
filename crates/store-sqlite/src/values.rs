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
        KeyValue::Bytes(value) => ValueRef::Blob(value),
    })
}

/// What stands for `None`: SQLite orders numbers before text, and text before blobs.
fn none_before(column_type: ColumnType) -> ValueRef<'static> {
    match storage(column_type) {
        Storage::Integer => ValueRef::Real(f64::NEG_INFINITY),
        Storage::Text | Storage::Blob => ValueRef::Integer(0),
    }
}

/// SQLite's type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Integer,
    Text,
    Blob,
}

impl Storage {
    /// Its name in a STRICT table.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }

    /// What `typeof` says of it.
    pub(crate) fn type_of(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Blob => "blob",
        }
    }
}

/// How a type of key is stored.
pub(crate) fn storage(column_type: ColumnType) -> Storage {
    match column_type {
        ColumnType::Bool | ColumnType::Int => Storage::Integer,
        ColumnType::Text => Storage::Text,
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
