//! The order of keys in SQLite is Rust's `Ord`: the tests that stores share, in SQL that SQLite knows.

use deltaview_graph::Graph;
use deltaview_schema::{ColumnType, IndexKey, IndexSchema, KeyValue, TableSchema};
use deltaview_store_sqlite::SqliteStore;
use deltaview_store_sqlite::rusqlite::types::Value;
use deltaview_store_sqlite::testing::Rows;

use each_type::{AnyKey, Case, Database};

#[path = "../../../store/tests/common/key_order.rs"]
mod each_type;

/// A database in memory for each graph.
struct Tried;

impl Tried {
    fn new() -> Self {
        Self
    }
}

impl Database for Tried {
    type Store = SqliteStore;
    const KEYS: usize = 30;
    const BOUNDS: usize = 4;

    fn open(&self, graph: &Graph) -> SqliteStore {
        SqliteStore::open(":memory:", graph).unwrap()
    }

    fn in_sql(
        &self,
        case: &Case<Self>,
        table: &TableSchema,
        index: &IndexSchema,
    ) -> (String, Vec<AnyKey>) {
        let (names, order) = columns_and_order(index);
        let stored_rows = Rows::of(table);
        let sql = format!(
            "SELECT {}{names} FROM \"{}\"{order}",
            stored_rows.columns(),
            table.name(None)
        );
        let mut in_sql = Vec::new();
        let mut statement = case.store.connection().prepare(&sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (identity, ..) = stored_rows.read(row).unwrap().unwrap();
            let key = case.key(&identity);
            let mut values = Vec::new();
            key.values(&mut values);
            for (position, (value, column)) in values.iter().zip(&index.columns).enumerate() {
                let stored: Value = row.get(stored_rows.count() + position).unwrap();
                let expected = expected_value(value, column.column_type);
                assert_eq!(stored, expected, "{} of {key:?}", column.name);
                let native = matches!(
                    column.column_type,
                    ColumnType::Bool
                        | ColumnType::Int
                        | ColumnType::Text
                        | ColumnType::Encoded("u64")
                );
                assert!(
                    native || matches!(stored, Value::Blob(_) | Value::Null),
                    "{stored:?}"
                );
            }
            in_sql.push(key.clone());
        }
        (sql, in_sql)
    }
}

fn columns_and_order(index: &IndexSchema) -> (String, String) {
    let names: Vec<String> = index
        .sql_names()
        .map(|name| format!("\"{name}\""))
        .collect();
    let directed = names
        .iter()
        .zip(&index.columns)
        .map(|(name, column)| format!("{name}{}", if column.descending { " DESC" } else { "" }));
    let order = directed.collect::<Vec<_>>().join(", ");
    let order = if order.is_empty() {
        order
    } else {
        format!(" ORDER BY {order}")
    };
    (
        names.iter().map(|name| format!(", {name}")).collect(),
        order,
    )
}

/// What the column shows: the value itself, and NULL for `None`. Of numbers of 64 bits without sign those that SQLite has are
/// integers.
fn expected_value(value: &KeyValue<'_>, column_type: ColumnType) -> Value {
    match value {
        KeyValue::Null => Value::Null,
        KeyValue::Bool(value) => Value::Integer(i64::from(*value)),
        KeyValue::Int(value) => Value::Integer(*value),
        KeyValue::Text(value) => Value::Text(value.to_string()),
        KeyValue::Bytes(value) => match (column_type, <[u8; 8]>::try_from(&value[..])) {
            (ColumnType::Encoded("u64"), Ok(bytes)) if bytes[0] < 0x80 => {
                Value::Integer(i64::from_be_bytes(bytes))
            }
            _ => Value::Blob(value.to_vec()),
        },
    }
}
