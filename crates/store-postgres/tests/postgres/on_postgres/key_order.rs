//! The order of keys in Postgres is Rust's `Ord`: the tests that stores share, in SQL that Postgres knows.

use std::sync::Arc;

use deltaview_graph::Graph;
use deltaview_schema::{IndexKey, IndexSchema, KeyValue, TableSchema};
use tokio::runtime::Runtime;

use each_type::{AnyKey, Case, Database};

use crate::blocking::Blocking;
use crate::common::{Place, blocking, config, pool};
use crate::keys::string_keys;

#[path = "../../../../store/tests/common/key_order.rs"]
mod each_type;

/// A schema for the graphs of a type of key.
struct Tried {
    runtime: Arc<Runtime>,
    place: Place,
}

impl Tried {
    fn new() -> Self {
        Self {
            runtime: Arc::new(blocking()),
            place: Place::new(),
        }
    }
}

impl Database for Tried {
    type Store = Blocking;
    const KEYS: usize = 16;
    const BOUNDS: usize = 2;

    /// A text with a NUL is an error, which other tests see.
    fn holds(key: &AnyKey) -> bool {
        let mut values = Vec::new();
        key.values(&mut values);
        !values
            .iter()
            .any(|value| matches!(value, KeyValue::Text(text) if text.contains('\0')))
    }

    fn open(&self, graph: &Graph) -> Blocking {
        crate::blocking::connect(&self.runtime, &self.place, graph).unwrap()
    }

    fn in_sql(
        &self,
        case: &Case<Self>,
        table: &TableSchema,
        index: &IndexSchema,
    ) -> (String, Vec<AnyKey>) {
        let nulls: String = index
            .sql_names()
            .map(|name| format!(", \"{name}\" IS NULL"))
            .collect();
        let order: Vec<String> = index
            .sql_names()
            .zip(&index.columns)
            .map(|(name, column)| {
                let direction = if column.descending {
                    "DESC NULLS LAST"
                } else {
                    "NULLS FIRST"
                };
                format!("\"{name}\" {direction}")
            })
            .collect();
        let order = if order.is_empty() {
            String::new()
        } else {
            format!(" ORDER BY {}", order.join(", "))
        };
        let sql = format!(
            "SELECT \"identity\"{nulls} FROM \"{}\".\"{}\"{order}",
            self.place.schema,
            table.name(Some(63)),
        );
        let rows = case.store.block_on(async {
            let client = self.place.pool.get().await.unwrap();
            client.query(&sql, &[]).await.unwrap()
        });
        let mut in_sql = Vec::new();
        for row in rows {
            let key = case.key(row.get(0));
            let mut values = Vec::new();
            key.values(&mut values);
            for (position, value) in values.iter().enumerate() {
                assert_eq!(
                    row.get::<_, bool>(1 + position),
                    *value == KeyValue::Null,
                    "{key:?}"
                );
            }
            in_sql.push(key.clone());
        }
        (sql, in_sql)
    }
}

/// The server that the tests are run on may order text by its bytes by default, so that a column that forgot to say so
/// would not be seen. This database does not.
#[test]
fn text_is_ordered_by_bytes_in_a_database_that_orders_it_otherwise() {
    let runtime = Arc::new(blocking());
    let name = Place::new().schema.clone();
    runtime.block_on(async {
        let client = Place::new().pool.get().await.unwrap();
        let version = "SELECT current_setting('server_version_num')::integer";
        let version: i32 = client.query_one(version, &[]).await.unwrap().get(0);
        let locale = if version >= 150_000 {
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'".to_string()
        } else {
            let found = "SELECT collcollate::text FROM pg_collation WHERE collprovider = 'c' \
                         AND collname LIKE 'en_US%' AND collencoding = pg_char_to_encoding('UTF8') LIMIT 1";
            let found = client.query_one(found, &[]).await;
            let found: String = found.expect("the server's machine has the locale en_US.UTF-8").get(0);
            format!("LC_COLLATE '{found}' LC_CTYPE '{found}'")
        };
        let create =
            format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' {locale}");
        client.batch_execute(&create).await.unwrap();
    });
    let mut config = config();
    config.dbname(&name);
    let place = Place::with_pool(pool(config, 8));
    let is_otherwise: bool = runtime.block_on(async {
        let client = place.pool.get().await.unwrap();
        let sql = "SELECT 'a' < 'B' AND NOT 'a' COLLATE \"C\" < 'B'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    });
    assert!(is_otherwise);
    let tried = Tried {
        runtime: Arc::clone(&runtime),
        place,
    };
    each_type::check_type::<Tried, String>(tried, string_keys());
    runtime.block_on(async {
        let client = Place::new().pool.get().await.unwrap();
        let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
        client.batch_execute(&drop).await.unwrap();
    });
}
