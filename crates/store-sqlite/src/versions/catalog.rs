//! The catalog of maps in SQLite: compares what the file has of a map with the one that is opened, and creates what it has
//! not.

use deltaview_store::versions::{
    BEGINNING, FORMAT_VERSION, MapEntry, MapSpec, compare, table_name,
};
use deltaview_store::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::sql::{MAPS, maps_sql, table_sql, times_index};
use crate::error::Context;

/// What a file has of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The map, of whose types it knows less than whoever opens it.
    Vague,
    Same,
}

/// Compares what the file has with the map, and changes nothing.
pub(super) fn check(conn: &Connection, spec: &MapSpec) -> Result<Found, Error> {
    let doing = || format!("reading the catalog of map `{}`", spec.name);
    // One snapshot: another process may be creating the tables.
    let _snapshot = conn
        .is_autocommit()
        .then(|| conn.unchecked_transaction())
        .transpose()
        .context(doing)?;
    if kind_of(conn, MAPS).context(doing)?.as_deref() != Some("table") {
        return Ok(Found::Nothing);
    }
    let sql = format!(
        "SELECT \"table_name\", \"format_version\", \"key\", \"value\" FROM \"{MAPS}\" WHERE \"map\" = ?1"
    );
    let entry = conn
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            let entry = statement.query_row([&spec.name], |row| {
                Ok(MapEntry {
                    table: row.get(0)?,
                    format_version: row.get(1)?,
                    key: row.get(2)?,
                    value: row.get(3)?,
                })
            });
            entry.optional()
        })
        .context(doing)?;
    let Some(entry) = entry else {
        return Ok(Found::Nothing);
    };
    compare(spec, &entry)?;
    let mut missing = Vec::new();
    for (kind, name) in objects(&spec.name) {
        if kind_of(conn, &name).context(doing)?.as_deref() != Some(kind) {
            missing.push(format!(
                "{kind} `{name}` is in the catalog, missing in the database"
            ));
        }
    }
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

/// Creates the tables of a map where the file has nothing of it, and notes the shapes that it did not know. Two processes
/// may do so at once: the second finds what the first made.
pub(super) fn create(tx: &Transaction<'_>, spec: &MapSpec) -> Result<(), Error> {
    let doing = || format!("creating the tables of map `{}`", spec.name);
    let (name, key, value) = (&spec.name, &spec.key, &spec.value);
    if check(tx, spec)? != Found::Nothing {
        let sql = format!(
            "UPDATE \"{MAPS}\" SET \"key\" = coalesce(\"key\", ?2), \"value\" = coalesce(\"value\", ?3) WHERE \"map\" = ?1"
        );
        tx.execute(&sql, (name, key, value)).context(doing)?;
        return Ok(());
    }
    for (_, object) in objects(name) {
        if let Some(kind) = kind_of(tx, &object).context(doing)? {
            let message = format!(
                "the database has a {kind} `{object}` already that is not of this map: give map `{name}` another name"
            );
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
    }
    tx.execute_batch(&format!("{}{}", maps_sql(), table_sql(name)))
        .context(doing)?;
    let sql = format!(
        "INSERT INTO \"{MAPS}\" (\"map\", \"table_name\", \"format_version\", \"key\", \"value\", \"last\", \"horizon\") \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
    );
    let table = table_name(name, None);
    let values = (name, table, FORMAT_VERSION, key, value, BEGINNING);
    tx.execute(&sql, values).context(doing)?;
    Ok(())
}

/// The table and the index of a map: what it is, and its name.
fn objects(map: &str) -> [(&'static str, String); 2] {
    [
        ("table", table_name(map, None)),
        ("index", times_index(map)),
    ]
}

/// What has a name in the file, if anything. SQLite tells no capitals apart.
fn kind_of(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")?
        .query_row([name], |row| row.get(0))
        .optional()
}
