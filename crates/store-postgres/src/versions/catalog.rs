//! The catalog of maps in Postgres: compares what a schema has of a map with the one that is opened, and creates what it
//! has not.

use deltaview_store::versions::{BEGINNING, FORMAT_VERSION, MapEntry, MapSpec, compare};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::sql::{MAPS, Statements, key_index, maps_sql, table_sql, times_index, versions_table};
use crate::catalog::check_server;
use crate::error::Context;
use crate::names::{qualified, quote};

/// What a schema has of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The map, of whose types it knows less than whoever opens it.
    Vague,
    Same,
}

/// Compares what a schema has with the map, and changes nothing. Call it inside of a transaction that sees one state.
pub(super) async fn check(
    client: &Client,
    namespace: &str,
    spec: &MapSpec,
    statements: &Statements,
) -> Result<Found, Error> {
    let doing = || format!("reading the catalog of map `{}`", spec.name);
    check_server(client).await?;
    let there = relations(client, namespace, &spec.name).await?;
    if !there.iter().any(|(name, _)| name == MAPS) {
        return Ok(Found::Nothing);
    }
    let row = client
        .query_typed_opt(&statements.entry, &[(&spec.name, Type::TEXT)])
        .await
        .context(doing)?;
    let Some(row) = row else {
        return Ok(Found::Nothing);
    };
    let entry = (|| {
        Ok::<_, tokio_postgres::Error>(MapEntry {
            table: row.try_get(0)?,
            format_version: row.try_get(1)?,
            key: row.try_get(2)?,
            value: row.try_get(3)?,
        })
    })()
    .context(doing)?;
    compare(spec, &entry)?;
    let missing: Vec<String> = objects(&spec.name)
        .into_iter()
        .filter(|name| !there.iter().any(|(found, _)| found == name))
        .map(|name| format!("`{name}` is in the catalog, missing in the database"))
        .collect();
    if missing.is_empty() {
        let is_vague =
            |stored: &Option<String>, opened: &Option<String>| stored.is_none() && opened.is_some();
        let learns = is_vague(&entry.key, &spec.key) || is_vague(&entry.value, &spec.value);
        return Ok(if learns { Found::Vague } else { Found::Same });
    }
    let message = format!(
        "the database has only a part of map `{}`: something else than deltaview has changed it. Nothing was changed. \
         Restore it from a backup. What is missing:",
        spec.name
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_details(missing))
}

/// Creates the tables of a map where the schema has nothing of it, and notes the shapes that it did not know. Call it
/// inside of a transaction that has the lock of the schema.
pub(super) async fn create(
    client: &Client,
    namespace: &str,
    spec: &MapSpec,
    statements: &Statements,
) -> Result<(), Error> {
    let doing = || format!("creating the tables of map `{}`", spec.name);
    let (name, key, value) = (&spec.name, &spec.key, &spec.value);
    let maps = qualified(namespace, MAPS);
    if check(client, namespace, spec, statements).await? != Found::Nothing {
        let sql = format!(
            "UPDATE {maps} SET \"key\" = COALESCE(\"key\", $2), \"value\" = COALESCE(\"value\", $3) WHERE \"map\" = $1 \
             AND (\"key\" IS NULL OR \"value\" IS NULL)"
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(name, Type::TEXT), (key, Type::TEXT), (value, Type::TEXT)];
        client.execute_typed(&sql, &values).await.context(doing)?;
        return Ok(());
    }
    let there = relations(client, namespace, name).await?;
    if let Some((object, kind)) = there.iter().find(|(object, _)| object != MAPS) {
        let message = format!(
            "schema `{namespace}` has a {kind} `{object}` already that is not of this map: give map `{name}` another \
             name, or use another schema"
        );
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    // Who may make tables in a schema that is there may not be allowed to make schemas.
    let exists = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname::text = $1";
    let exists = client
        .query_typed_opt(exists, &[(&namespace, Type::TEXT)])
        .await
        .context(doing)?;
    if exists.is_none() {
        let sql = format!("CREATE SCHEMA {}", quote(namespace));
        client.batch_execute(&sql).await.context(doing)?;
    }
    let sql = maps_sql(namespace) + &table_sql(namespace, name);
    client.batch_execute(&sql).await.context(doing)?;
    let sql = format!(
        "INSERT INTO {maps} (\"map\", \"table_name\", \"format_version\", \"key\", \"value\", \"last\", \"horizon\") \
         VALUES ($1, $2, $3, $4, $5, $6, $6)"
    );
    let values: [(&(dyn ToSql + Sync), Type); 6] = [
        (name, Type::TEXT),
        (&versions_table(name), Type::TEXT),
        (&FORMAT_VERSION, Type::INT8),
        (key, Type::TEXT),
        (value, Type::TEXT),
        (&BEGINNING, Type::INT8),
    ];
    client.execute_typed(&sql, &values).await.context(doing)?;
    Ok(())
}

/// The table and the indexes of a map.
fn objects(map: &str) -> [String; 3] {
    [versions_table(map), key_index(map), times_index(map)]
}

/// What the schema has of the names that a map uses, each with what it is.
async fn relations(
    client: &Client,
    namespace: &str,
    map: &str,
) -> Result<Vec<(String, String)>, Error> {
    let doing = || format!("looking for the tables of map `{map}`");
    let mut names = vec![MAPS.to_string()];
    names.extend(objects(map));
    let sql = "SELECT c.relname::text, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'i' THEN 'index' WHEN 'v' THEN 'view' \
               WHEN 'S' THEN 'sequence' ELSE 'relation' END FROM pg_catalog.pg_class AS c \
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE n.nspname::text = $1 AND c.relname::text = ANY ($2)";
    let values: [(&(dyn ToSql + Sync), Type); 2] =
        [(&namespace, Type::TEXT), (&names, Type::TEXT_ARRAY)];
    let rows = client.query_typed(sql, &values).await.context(doing)?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0).context(doing)?,
                row.try_get(1).context(doing)?,
            ))
        })
        .collect()
}
