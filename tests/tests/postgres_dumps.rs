//! What the `schema` command prints for Postgres, run on a real server: the tables and their indexes are as the graphs
//! say, and the indexes do what they are for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use deltaview::Table;
use deltaview::prelude::*;
use deltaview_schema::{Column, ColumnType, IndexSchema, TableSchema};
use deltaview_store::catalog::{Dialect, entries};
use deltaview_store_postgres::{PostgresDialect, schema_sql};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};
use uuid::Uuid;

#[allow(
    dead_code,
    reason = "the examples' programs are in it, of which only the graphs are used"
)]
#[path = "../../xtask/src/schema/examples.rs"]
mod examples;

/// Names longer than this are cut.
const NAME_LIMIT: Option<usize> = Some(63);

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    use super::*;

    #[test]
    fn tables_are_as_their_graphs_say() {
        for (graph, sql) in cases() {
            let mut database = Database::new();
            database.run(&sql);
            assert_tables(&mut database, &[&graph]);
        }
    }

    #[test]
    fn several_graphs_share_a_database() {
        let graphs: Vec<Graph> = cases().into_iter().map(|(graph, _)| graph).collect();
        let mut database = Database::new();
        database.run(&PostgresDialect.catalog_sql());
        for graph in &graphs {
            database.run(&PostgresDialect.graph_sql(graph));
        }
        assert_tables(&mut database, &graphs.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_row_with_none_in_its_key_conflicts_with_itself() {
        let mut with_none = 0;
        for (graph, sql) in cases() {
            let mut database = Database::new();
            database.run(&sql);
            for table in stored(&graph) {
                with_none += assert_conflicts(&mut database, table.schema());
            }
        }
        assert!(with_none > 2, "{with_none} keys can hold `None`");
    }

    #[test]
    fn text_is_ordered_by_its_bytes_and_none_comes_first() {
        let mut seen = Vec::new();
        for (graph, sql) in cases() {
            let mut database = Database::new();
            database.run(&sql);
            for table in stored(&graph) {
                let schema = table.schema();
                for (position, index) in schema.indexes().enumerate() {
                    let is_text = |column: &&Column| column.column_type == ColumnType::Text;
                    for column in index.columns.iter().filter(is_text) {
                        assert_ordered(&mut database, schema, position, column);
                        seen.push((column.nullable, column.descending));
                    }
                }
            }
        }
        for kind in [(false, false), (true, false), (false, true), (true, true)] {
            assert!(
                seen.contains(&kind),
                "no column is (nullable, descending) = {kind:?}"
            );
        }
    }
}

/// The graphs and what makes their tables: the examples' by their dumps, and one whose names and keys are odder.
fn cases() -> Vec<(Graph, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
    let dumped = examples::graphs().unwrap().into_iter().map(|graph| {
        let file = folder.join(format!("{}.postgres.sql", graph.name()));
        let sql = fs::read_to_string(&file);
        let sql = sql.unwrap_or_else(|error| {
            panic!("{}: {error}: cargo xtask schema --write", file.display())
        });
        (graph, sql)
    });
    let odd = odd();
    let sql = schema_sql(&odd);
    dumped.chain([(odd, sql)]).collect()
}

/// The tables that there are: groups are in that of the view that shows them.
fn stored(graph: &Graph) -> impl Iterator<Item = &Table> {
    let tables = graph.tables().iter();
    tables.filter(|table| graph.view_of_groups(table.id()).is_none())
}

/// A row with a key of each type of column, each of which may be missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(name = "by_place", columns(shelf desc, number, good desc, serial, id))]
struct Item {
    #[index]
    shelf: Option<String>,
    #[index(desc)]
    label: String,
    number: Option<i64>,
    good: Option<bool>,
    serial: Option<u64>,
    id: Option<Uuid>,
}

fn odd() -> Graph {
    let built = Graph::build("it's \\ \"odd\"; --\n*/ 名", |g| {
        let items = g.input::<Item>("items");
        let labels = g.table("the \"labels\" it's", Item::by_label());
        let view = items.view_by("by place", Item::by_place());
        g.also_by(view, Item::by_shelf());
        items
            .join(labels, Item::by_shelf(), Item::by_shelf())
            .view("pairs");
        items.group_by(Item::by_place()).count().view("counts");
        items
            .group_by(Index::new("all", |_: &Item| ()))
            .count()
            .view("count");
    });
    built.unwrap().0
}

/// A column, as the catalogs of Postgres have it.
#[derive(Debug, PartialEq)]
struct MadeColumn {
    name: String,
    sql_type: String,
    collation: Option<String>,
    not_null: bool,
}

/// What an index is of, in the order of its parts.
#[derive(Debug, PartialEq)]
struct Part {
    sql: String,
    descending: bool,
    collation: Option<String>,
}

fn assert_tables(database: &mut Database, graphs: &[&Graph]) {
    let of_store = [
        "catalog",
        "changes",
        "clock",
        "commits",
        "cursors",
        "feed",
        "journal",
        "last_update",
        "times",
    ];
    let mut expected: Vec<String> = of_store.map(|name| format!("deltaview_{name}")).into();
    for graph in graphs {
        let mut in_catalog: Vec<Vec<String>> = Vec::new();
        for entry in entries(graph, NAME_LIMIT) {
            in_catalog.push(vec![
                entry.vertex,
                entry.role,
                entry.table,
                entry.fingerprint,
                entry.description,
            ]);
        }
        in_catalog.sort();
        assert_eq!(database.catalog_of(graph.name()), in_catalog);
        for table in stored(graph) {
            let mut others = graph.tables().iter();
            let is_shared =
                others.any(|other| graph.view_of_groups(other.id()) == Some(table.id()));
            let schema = table.schema();
            let name = schema.name(NAME_LIMIT);
            let columns = expected_columns(schema, is_shared);
            assert_eq!(database.columns(&name), columns, "{name}");
            assert_eq!(database.indexes(&name), expected_indexes(schema), "{name}");
            if schema.history {
                let of_history = ["versions", "rows", "log"];
                expected.extend(of_history.map(|role| format!("{name}__{role}")));
            }
            expected.push(name);
        }
    }
    if graphs.iter().any(|graph| graph.has_history()) {
        let of_store = ["history", "instants", "past_cursors"];
        expected.extend(of_store.map(|name| format!("deltaview_{name}")));
    }
    expected.sort();
    assert_eq!(database.tables(), expected);
}

fn expected_columns(schema: &TableSchema, is_shared: bool) -> Vec<MadeColumn> {
    let column = |name: &str, sql_type: &str, not_null| MadeColumn {
        name: name.to_string(),
        sql_type: sql_type.to_string(),
        collation: (sql_type == "text").then(|| "C".to_string()),
        not_null,
    };
    let of_index = |index: &IndexSchema| -> Vec<MadeColumn> {
        let columns = index.columns.iter();
        columns
            .map(|c| {
                column(
                    &sql_name(index, c),
                    in_postgres(c.column_type).0,
                    !c.nullable,
                )
            })
            .collect()
    };
    let mut columns = of_index(&schema.primary);
    columns.extend(has_identity(schema).then(|| column("identity", "bytea", true)));
    // A row that is its own identity is not stored twice.
    columns.push(column("data", "bytea", schema.unique && !is_shared));
    columns.extend(is_shared.then(|| column("state", "bytea", false)));
    columns.extend((!schema.unique).then(|| column("c", "bigint", true)));
    columns.extend(schema.secondary.iter().flat_map(of_index));
    columns.extend(schema.history.then(|| column("since", "bigint", true)));
    columns
}

/// Each index's parts, the unique one's first: nobody but the first is unique.
fn expected_indexes(schema: &TableSchema) -> Vec<(bool, Vec<Part>)> {
    let identity = || {
        has_identity(schema).then(|| Part {
            sql: "identity".to_string(),
            descending: false,
            collation: None,
        })
    };
    let mut key = parts(&schema.primary);
    key.extend(identity());
    let mut indexes = vec![(true, key)];
    for index in &schema.secondary {
        let mut of_index = parts(index);
        match identity() {
            Some(identity) => of_index.push(identity),
            None => of_index.extend(parts(&schema.primary)),
        }
        indexes.push((false, of_index));
    }
    indexes
}

fn parts(index: &IndexSchema) -> Vec<Part> {
    let mut parts = Vec::new();
    for column in &index.columns {
        let (sql_type, filler, _) = in_postgres(column.column_type);
        let name = sql_name(index, column);
        let descending = column.descending;
        let collation = (sql_type == "text").then(|| "C".to_string());
        if column.nullable {
            parts.push(Part {
                sql: format!("({name} IS NOT NULL)"),
                descending,
                collation: None,
            });
            parts.push(Part {
                sql: format!("COALESCE({name}, {filler})"),
                descending,
                collation,
            });
        } else {
            parts.push(Part {
                sql: name,
                descending,
                collation,
            });
        }
    }
    parts
}

/// Puts a row in twice, with `None` wherever a key can hold it, and says how many of the key's columns can.
fn assert_conflicts(database: &mut Database, schema: &TableSchema) -> usize {
    let name = schema.name(NAME_LIMIT);
    let (unique, key) = database.indexes(&name).swap_remove(0);
    assert!(unique, "{name}");
    let key: Vec<String> = key.into_iter().map(|part| part.sql).collect();
    let update = if schema.unique {
        "data = excluded.data"
    } else {
        "c = t.c + excluded.c"
    };
    let insert = |values: &BTreeMap<String, String>| insert_sql(schema, values);
    let upsert = |values: &BTreeMap<String, String>| {
        format!(
            "{} ON CONFLICT ({}) DO UPDATE SET {update}",
            insert(values),
            key.join(", ")
        )
    };

    let row = BTreeMap::new();
    database.run(&upsert(&row));
    let error = database.client().batch_execute(&insert(&row)).unwrap_err();
    assert_eq!(
        error.code(),
        Some(&SqlState::UNIQUE_VIOLATION),
        "{name}: {error}"
    );
    database.run(&upsert(&row));
    assert_eq!(
        database.counts(schema),
        if schema.unique { [None] } else { [Some(2)] },
        "{name}"
    );

    // What stands for `None` in the index is not taken for it.
    let nullable: Vec<&Column> = schema
        .primary
        .columns
        .iter()
        .filter(|column| column.nullable)
        .collect();
    for column in &nullable {
        let filler = in_postgres(column.column_type).1.to_string();
        database.run(&upsert(&BTreeMap::from([(
            sql_name(&schema.primary, column),
            filler,
        )])));
    }
    assert_eq!(database.counts(schema).len(), 1 + nullable.len(), "{name}");
    nullable.len()
}

/// Orders rows that differ in one column by an index that has it, and finds them in the order of Rust.
fn assert_ordered(database: &mut Database, schema: &TableSchema, position: usize, column: &Column) {
    let name = schema.name(NAME_LIMIT);
    let index = schema.indexes().nth(position).unwrap();
    let by = sql_name(index, column);
    let mut texts: Vec<Option<String>> = ["é", "z", "a", "Z", "名", "a b", "ab", "-", "aé", "_"]
        .map(|text| Some(text.to_string()))
        .into();
    if column.nullable {
        texts.extend([None, Some(String::new())]);
    }
    database.run(&format!("TRUNCATE {}", place(schema)));
    for (number, text) in (1..).zip(&texts) {
        let mut values = BTreeMap::new();
        // In a table with one row a key, the keys must differ even where they are not what is ordered by.
        let vary = schema.unique && position > 0;
        if let Some(first) = schema.primary.columns.first().filter(|_| vary) {
            values.insert(
                sql_name(&schema.primary, first),
                in_postgres(first.column_type).2(number),
            );
        }
        values.insert("identity".to_string(), format!("'\\x{number:02}'"));
        values.insert(
            by.clone(),
            text.as_ref()
                .map_or("NULL".to_string(), |text| format!("'{text}'")),
        );
        database.run(&insert_sql(schema, &values));
    }
    let (_, parts) = database.indexes(&name).swap_remove(position);
    let order = |part: Part| format!("{}{}", part.sql, if part.descending { " DESC" } else { "" });
    let order: Vec<String> = parts.into_iter().map(order).collect();
    let query = format!(
        "SELECT {by} FROM {} ORDER BY {}",
        place(schema),
        order.join(", ")
    );
    let rows = database.client().query(&query, &[]).unwrap();
    let found: Vec<Option<String>> = rows.iter().map(|row| row.get(0)).collect();
    texts.sort();
    if column.descending {
        texts.reverse();
    }
    assert_eq!(found, texts, "{query}");

    // The index has the rows in this order: nothing needs to be sorted.
    database.run("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off");
    let plan = database
        .client()
        .query(&format!("EXPLAIN {query}"), &[])
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan[0].starts_with("Index "), "{query}\n{plan:#?}");
}

/// A row: these values, else `None` where a column can hold it, else what is least.
fn insert_sql(schema: &TableSchema, values: &BTreeMap<String, String>) -> String {
    let mut row: Vec<(String, String)> = Vec::new();
    for index in schema.indexes() {
        for column in &index.columns {
            let filler = in_postgres(column.column_type).1;
            row.push((
                sql_name(index, column),
                if column.nullable { "NULL" } else { filler }.to_string(),
            ));
        }
    }
    row.extend(has_identity(schema).then(|| ("identity".to_string(), "'\\x00'".to_string())));
    row.push(("data".to_string(), "'\\x00'".to_string()));
    row.extend((!schema.unique).then(|| ("c".to_string(), "1".to_string())));
    row.extend(
        schema
            .history
            .then(|| ("since".to_string(), "1".to_string())),
    );
    for (name, value) in &mut row {
        if let Some(given) = values.get(name) {
            value.clone_from(given);
        }
    }
    let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    format!(
        "INSERT INTO {} AS t ({}) VALUES ({})",
        place(schema),
        names.join(", "),
        values.join(", ")
    )
}

/// A type of columns in Postgres: its name, its least value as Postgres prints it, and a value of a number's own.
fn in_postgres(column_type: ColumnType) -> (&'static str, &'static str, fn(u8) -> String) {
    match column_type {
        ColumnType::Bool => ("boolean", "false", |number| (number % 2 == 1).to_string()),
        ColumnType::Int => ("bigint", "0::bigint", |number| number.to_string()),
        ColumnType::Text => ("text", "''::text", |number| format!("'{number}'")),
        ColumnType::Uuid => (
            "uuid",
            "'00000000-0000-0000-0000-000000000000'::uuid",
            |number| format!("'{}'", Uuid::from_u128(number.into())),
        ),
        _ => ("bytea", "'\\x'::bytea", |number| {
            format!("'\\x{number:02}'")
        }),
    }
}

fn has_identity(schema: &TableSchema) -> bool {
    !schema.unique || schema.primary.columns.is_empty()
}

fn sql_name(index: &IndexSchema, column: &Column) -> String {
    deltaview_schema::cut_name(&column.sql_name(&index.name), NAME_LIMIT)
}

/// A table, as a statement names it.
fn place(schema: &TableSchema) -> String {
    qualified(&schema.name(NAME_LIMIT))
}

fn qualified(table: &str) -> String {
    format!("deltaview.\"{}\"", table.replace('"', "\"\""))
}

/// A new database on the server, gone when this is dropped.
struct Database {
    /// Of the database that the URL names, in which nothing is done but this one made and dropped.
    server: Client,
    client: Option<Client>,
    name: String,
}

impl Database {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("DELTAVIEW_TEST_POSTGRES").unwrap_or_else(|_| {
            panic!(
                "this test needs a Postgres server: run it by `cargo xtask test`, which starts one, or set \
                 DELTAVIEW_TEST_POSTGRES to the URL of one whose user may create databases: \
                 postgres://user:password@host:5432/database"
            )
        });
        let mut config: Config = url
            .parse()
            .expect("DELTAVIEW_TEST_POSTGRES is the URL of a server");
        let mut server = config.connect(NoTls).expect("the server answers");
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("deltaview_test_{}_{now}_{number}", std::process::id());
        server
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))
            .unwrap();
        let client = config.dbname(&name).connect(NoTls).unwrap();
        Self {
            server,
            client: Some(client),
            name,
        }
    }

    fn client(&mut self) -> &mut Client {
        self.client
            .as_mut()
            .expect("it is there until this is dropped")
    }

    fn run(&mut self, sql: &str) {
        if let Err(error) = self.client().batch_execute(sql) {
            panic!("{error:?}\n{sql}");
        }
    }

    fn tables(&mut self) -> Vec<String> {
        let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'deltaview'";
        let rows = self.client().query(sql, &[]).unwrap();
        let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        names.sort();
        names
    }

    fn catalog_of(&mut self, graph: &str) -> Vec<Vec<String>> {
        let sql = "SELECT vertex, role, table_name, fingerprint, description FROM deltaview.deltaview_catalog \
                   JOIN deltaview.deltaview_last_update USING (graph, table_name) \
                   JOIN deltaview.deltaview_clock USING (graph, t, format_version) WHERE graph = $1 AND t = 0";
        let rows = self.client().query(sql, &[&graph]).unwrap();
        let mut entries: Vec<Vec<String>> = rows
            .iter()
            .map(|row| (0..5).map(|i| row.get(i)).collect())
            .collect();
        entries.sort();
        entries
    }

    fn columns(&mut self, table: &str) -> Vec<MadeColumn> {
        let sql = "SELECT attname, format_type(atttypid, atttypmod), collname, attnotnull FROM pg_attribute \
                   LEFT JOIN pg_collation ON pg_collation.oid = attcollation \
                   WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
        let rows = self.client().query(sql, &[&qualified(table)]).unwrap();
        let column = |row: &postgres::Row| MadeColumn {
            name: row.get(0),
            sql_type: row.get(1),
            collation: row.get(2),
            not_null: row.get(3),
        };
        rows.iter().map(column).collect()
    }

    /// Whether each index is unique, and its parts, in the order in which the indexes were made.
    fn indexes(&mut self, table: &str) -> Vec<(bool, Vec<Part>)> {
        let sql = "SELECT indisunique, n, pg_get_indexdef(indexrelid, n, true), indoption[n - 1] & 1 = 1, collname \
                   FROM pg_index CROSS JOIN LATERAL generate_series(1, indnkeyatts::int) AS parts (n) \
                   LEFT JOIN pg_collation ON pg_collation.oid = indcollation[n - 1] \
                   WHERE indrelid = $1::text::regclass AND indisvalid AND indpred IS NULL ORDER BY indexrelid, n";
        let mut indexes: Vec<(bool, Vec<Part>)> = Vec::new();
        for row in self.client().query(sql, &[&qualified(table)]).unwrap() {
            if row.get::<_, i32>(1) == 1 {
                indexes.push((row.get(0), Vec::new()));
            }
            let (_, parts) = indexes.last_mut().expect("parts are counted from one");
            parts.push(Part {
                sql: row.get(2),
                descending: row.get(3),
                collation: row.get(4),
            });
        }
        indexes
    }

    /// The signed count of each row, where the table has counts.
    fn counts(&mut self, schema: &TableSchema) -> Vec<Option<i64>> {
        let count = if schema.unique { "NULL::bigint" } else { "c" };
        let rows = self
            .client()
            .query(&format!("SELECT {count} FROM {}", place(schema)), &[])
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.client.take());
        let dropped = self
            .server
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if !std::thread::panicking() {
            dropped.expect("a database that nobody uses can be dropped");
        }
    }
}
