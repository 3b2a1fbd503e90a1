//! The catalog in Postgres: reads what a schema has of a graph, and creates what it has not.

use std::collections::BTreeMap;

use deltaview_graph::Graph;
pub(crate) use deltaview_store::catalog::Found;
use deltaview_store::catalog::{self, Entry, Object, compare, entries};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::ddl::{CATALOG, CATALOG_TABLES, CLOCK, Ddl, ENTRY_COLUMNS};
use crate::error::Context;
use crate::history;
use crate::names::{NAME_LIMIT, index_name, key_index_name, qualified, table_name};
use crate::shared::Part;

/// The oldest server that has what is used. New in 13 are `gen_random_uuid` without an extension, `pg_current_xact_id`
/// and the cast of what it returns to `xid`, and `FETCH FIRST … WITH TIES`; all else is older: `ON CONFLICT` and the
/// transactions of `pg_stat_activity` (9.5 and 9.4), `unnest` of several arrays and `LATERAL` (9.4 and 9.3), `jit` (11).
/// Nothing of a later version is used: no `NULLS NOT DISTINCT` and no `MERGE` (15), no sub-query without a name (16).
const OLDEST: i32 = 130_000;

/// Compares what a schema has with the graph, and changes nothing. Call it inside of a transaction that sees one state.
pub(crate) async fn check(client: &Client, graph: &Graph, namespace: &str) -> Result<Found, Error> {
    let doing = || reading(graph, namespace);
    check_server(client).await?;
    let there = relations(client, graph, namespace).await?;
    if !catalog::has_catalog(graph, &CATALOG_TABLES, |table| there.contains_key(table))? {
        return Ok(Found::Nothing);
    }
    let clock = format!(
        "SELECT \"format_version\" FROM {} WHERE \"graph\" = $1",
        qualified(namespace, CLOCK)
    );
    let clock = client
        .query_typed_opt(&clock, &[(&graph.name(), Type::TEXT)])
        .await
        .context(doing)?;
    let clock: Option<i64> = match clock {
        Some(row) => Some(row.try_get(0).context(doing)?),
        None => None,
    };
    catalog::check_format(graph, clock)?;
    let stored = stored_entries(client, graph, namespace)
        .await
        .context(doing)?;
    let of_graph = entries(graph, Some(NAME_LIMIT));
    let found = catalog::check_entries(graph, &of_graph, &stored, clock.is_some())?;
    if found == Found::Same {
        let wanted = objects(graph).chain(history::shared_objects(graph));
        let missing = wanted.filter(|object| !there.contains_key(&object.name));
        catalog::check_objects(graph, missing)?;
    }
    Ok(found)
}

fn reading(graph: &Graph, namespace: &str) -> String {
    format!(
        "reading the catalog of graph `{}` in schema `{namespace}`",
        graph.name()
    )
}

/// Whether the server can hold what a store needs.
pub(crate) async fn check_server(client: &Client) -> Result<(), Error> {
    let doing = || "asking the server for its version".to_string();
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::integer, \
               pg_catalog.current_setting('server_encoding')";
    let row = client.query_typed_one(sql, &[]).await.context(doing)?;
    let version: i32 = row.try_get(0).context(doing)?;
    let encoding: String = row.try_get(1).context(doing)?;
    if version < OLDEST {
        let message = format!(
            "the server is a Postgres of version {version}: use one of version 13 or newer"
        );
        return Err(Error::new(ErrorKind::Database, message));
    }
    if encoding != "UTF8" {
        let message = format!(
            "the database has the encoding {encoding}, which can't hold all text: make one with `ENCODING 'UTF8'`"
        );
        return Err(Error::new(ErrorKind::Database, message));
    }
    Ok(())
}

/// What the schema has of the names that a store uses, each with what it is.
async fn relations(
    client: &Client,
    graph: &Graph,
    namespace: &str,
) -> Result<BTreeMap<String, &'static str>, Error> {
    let doing = || reading(graph, namespace);
    let mut names: Vec<String> = CATALOG_TABLES.map(str::to_string).into();
    let wanted = objects(graph).chain(history::shared_objects(graph));
    names.extend(wanted.map(|object| object.name));
    // A type has a name in the same space as a table, whose rows have a type too.
    let sql = "SELECT c.relname::text, c.relkind::text FROM pg_catalog.pg_class AS c \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE n.nspname::text = $1 AND c.relname::text = ANY ($2) \
               UNION ALL SELECT y.typname::text, 'type' FROM pg_catalog.pg_type AS y \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = y.typnamespace \
               WHERE n.nspname::text = $1 AND y.typname::text = ANY ($2) AND y.typrelid = 0 \
               UNION ALL SELECT c.relname::text || '.' || a.attname::text, 'column' FROM pg_catalog.pg_class AS c \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'state' AND NOT a.attisdropped \
               WHERE n.nspname::text = $1 AND c.relname::text || '.state' = ANY ($2)";
    let rows = client
        .query_typed(sql, &[(&namespace, Type::TEXT), (&names, Type::TEXT_ARRAY)])
        .await
        .context(doing)?;
    let mut found = BTreeMap::new();
    for row in rows {
        let kind = match row.try_get(1).context(doing)? {
            "r" | "p" => "table",
            "i" | "I" => "index",
            "v" => "view",
            "m" => "materialized view",
            "S" => "sequence",
            "f" => "foreign table",
            "column" => "column",
            _ => "type",
        };
        found.insert(row.try_get(0).context(doing)?, kind);
    }
    Ok(found)
}

/// What the column of the groups in a shared table is told as: no table has a name like that.
fn state_name(table: &str) -> String {
    format!("{table}.state")
}

/// The tables and indexes of a graph, and the columns of groups in shared tables.
fn objects(graph: &Graph) -> impl Iterator<Item = Object<'_>> {
    let tables = graph.tables().iter();
    let tables = tables.map(|table| (table.schema(), Part::of(graph, table.id()).0));
    let tables = tables.filter(|(_, part)| *part != Part::Groups);
    tables.flat_map(|(schema, part)| {
        let secondary = schema.secondary.iter();
        let indexes = std::iter::once(key_index_name(schema))
            .chain(secondary.map(|index| index_name(schema, index)))
            .map(|name| ("index", name));
        std::iter::once(("table", table_name(schema)))
            .chain(indexes)
            // A database that was made before groups were kept so has none.
            .chain((part == Part::Rows).then(|| ("column", state_name(&table_name(schema)))))
            .map(|(kind, name)| Object {
                kind,
                name,
                vertex: &schema.vertex,
            })
            .chain(history::objects(schema))
    })
}

/// What the catalog has of a graph.
pub(crate) async fn stored_entries(
    client: &Client,
    graph: &Graph,
    namespace: &str,
) -> Result<Vec<Entry>, tokio_postgres::Error> {
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM {} WHERE \"graph\" = $1",
        qualified(namespace, CATALOG)
    );
    let rows = client
        .query_typed(&sql, &[(&graph.name(), Type::TEXT)])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Entry {
                graph: row.try_get(0)?,
                vertex: row.try_get(1)?,
                role: row.try_get(2)?,
                table: row.try_get(3)?,
                fingerprint: row.try_get(4)?,
                description: row.try_get(5)?,
                format_version: row.try_get(6)?,
            })
        })
        .collect()
}

/// Compares a graph with what the catalog has of it.
pub(crate) fn compare_stored(graph: &Graph, stored: &[Entry]) -> Result<(), Error> {
    compare(graph, &entries(graph, Some(NAME_LIMIT)), stored)
}

/// Creates the tables of a graph, where the schema has nothing of it. Call it inside of a transaction that has the lock
/// of the schema.
pub(crate) async fn create(client: &Client, graph: &Graph, namespace: &str) -> Result<(), Error> {
    if let Found::Same = check(client, graph, namespace).await? {
        return Ok(());
    }
    let doing = || format!("creating the tables of graph `{}`", graph.name());
    refuse_taken_names(client, graph, namespace).await?;
    let ddl = Ddl::new(namespace);
    // Who may make tables in a schema that is there may not be allowed to make schemas.
    let exists = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname::text = $1";
    let exists = client
        .query_typed_opt(exists, &[(&namespace, Type::TEXT)])
        .await
        .context(doing)?;
    if exists.is_none() {
        client
            .batch_execute(&ddl.namespace_sql())
            .await
            .context(doing)?;
    }
    let sql = ddl.catalog_tables_sql() + &ddl.graph_sql(graph);
    client.batch_execute(&sql).await.context(doing)
}

/// What has one of our names and is not in the catalog belongs to somebody else.
async fn refuse_taken_names(client: &Client, graph: &Graph, namespace: &str) -> Result<(), Error> {
    let there = relations(client, graph, namespace).await?;
    for object in objects(graph) {
        if let Some(kind) = there.get(&object.name) {
            let place = format!("schema `{namespace}`");
            let or_else = Some("use another schema");
            return Err(catalog::name_taken(graph, &object, (&place, kind), or_else));
        }
    }
    Ok(())
}
