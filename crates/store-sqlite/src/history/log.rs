//! Reading what was logged of a view: its deltas, the times at which it changed; and the versions of a key. A page at a
//! time, each within the read transaction of the caller.

use deltaview_graph::{Bounds, Order};
use deltaview_schema::{Identity, Index, IndexKey, Row, TableSchema};
use deltaview_store::{Delta, Error, Version};
use deltaview_zset::{Weight, ZSet};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::file::{may_be_unfiled, unfiled};
use super::read::{PastScan, decode, kept_data, reading, version_row};
use super::{
    DATA, IDENTITY, NODE, UNTIL, index_columns, log_of, primary_columns, quote, versions_of,
};
use crate::error::Context;
use crate::fetch::StoredRow;
use crate::values::owned;

/// What one time has added to the weight of a row.
pub(super) struct Logged<'r> {
    pub(super) time: i64,
    pub(super) stored: StoredRow<'r>,
}

/// Hands each row of the log to `take` that is behind a time and up to another, in the order of times and keys, until it
/// wants no more.
pub(super) fn for_each(
    conn: &Connection,
    schema: &TableSchema,
    (after, up_to): (i64, i64),
    mut take: impl FnMut(&rusqlite::Row<'_>, &Logged<'_>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let doing = || reading(schema);
    let primary = primary_columns(schema);
    let key: Vec<String> = primary
        .names()
        .map(|name| format!("p.{name} = v.{name} AND "))
        .collect();
    let [identity, data] = [IDENTITY, DATA].map(quote);
    // What no version has is there now.
    let of_row = if schema.unique {
        "1".to_string()
    } else {
        format!("p.{identity} = v.{identity}")
    };
    let order = primary.order_by(false);
    let order = if order.is_empty() {
        order
    } else {
        order + ", "
    };
    let sql = format!(
        "SELECT v.{identity}, CASE WHEN length(v.{identity}) = {} THEN coalesce({}, \
         (SELECT p.{data} FROM {} AS p WHERE {}{of_row})) END, v.\"w\", v.\"t\" FROM {} AS v \
         WHERE v.\"t\" > ?1 AND v.\"t\" <= ?2 ORDER BY \"t\", {order}{identity}",
        Identity::HASH_LEN,
        kept_data(schema, "v"),
        quote(&schema.name(None)),
        key.concat(),
        quote(&log_of(schema)),
    );
    let mut statement = conn.prepare_cached(&sql).context(doing)?;
    let mut rows = statement.query((after, up_to)).context(doing)?;
    while let Some(row) = rows.next().context(doing)? {
        let logged = Logged {
            time: row.get(3).context(doing)?,
            stored: StoredRow::read_plain(row).context(doing)?,
        };
        if !take(row, &logged)? {
            break;
        }
    }
    Ok(())
}

/// Whole deltas, until there are so many rows.
pub(super) fn deltas<T: Row>(
    conn: &Connection,
    schema: &TableSchema,
    between: (i64, i64),
    most: usize,
) -> Result<Vec<Delta<T>>, Error> {
    let mut deltas: Vec<(i64, Vec<(T, Weight)>)> = Vec::new();
    let mut rows = 0;
    for_each(conn, schema, between, |row, logged| {
        if deltas.last().is_none_or(|(time, _)| *time != logged.time) {
            if rows >= most {
                return Ok(false);
            }
            deltas.push((logged.time, Vec::new()));
        }
        let decoded = decode(schema, &logged.stored, row, 0..1)?;
        if let Some((_, last)) = deltas.last_mut() {
            last.push((decoded, logged.stored.weight));
        }
        rows += 1;
        Ok(true)
    })?;
    let deltas = deltas.into_iter().map(|(time, rows)| {
        let rows = ZSet::from_pairs(rows).expect("a time has each row once");
        Delta::new(time, rows)
    });
    Ok(deltas.collect())
}

/// The times at which a view changed, behind a time and before another, the newest first.
pub(super) fn times(
    conn: &Connection,
    schema: &TableSchema,
    (after, before): (i64, i64),
    most: usize,
) -> rusqlite::Result<Vec<i64>> {
    let log = quote(&log_of(schema));
    // A search for each: a time may have many rows.
    let sql = format!("SELECT max(\"t\") FROM {log} WHERE \"t\" > ?1 AND \"t\" < ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut times = Vec::new();
    let mut before = before;
    while times.len() < most {
        let found: Option<i64> = statement.query_row((after, before), |row| row.get(0))?;
        let Some(time) = found else { break };
        times.push(time);
        before = time;
    }
    Ok(times)
}

/// Which versions of a key are read.
pub(super) struct Versions<'k, K> {
    pub(super) key: &'k K,
    /// As they were known then.
    pub(super) at: i64,
    /// Only those that ended before, and by `at`.
    pub(super) ended_before: Option<i64>,
    pub(super) horizon: i64,
    pub(super) last: i64,
}

/// First those that had not ended, then the others, the one that ended last first: whole times, until there are so many.
pub(super) fn versions<T: Row, K: IndexKey>(
    conn: &Connection,
    schema: &TableSchema,
    (index, position): (&Index<T, K>, usize),
    wanted: &Versions<'_, K>,
    most: usize,
) -> Result<Vec<Version<T>>, Error> {
    let mut found = Vec::new();
    if wanted.ended_before.is_none() {
        let bounds = Bounds::one(wanted.key.clone());
        let times = (wanted.at, wanted.last);
        for row in PastScan::new(
            conn,
            schema,
            (index, position),
            (bounds, Order::Forward),
            times,
        ) {
            let row = row?;
            found.push(Version {
                row: row.row,
                weight: row.weight,
                from: row.since,
                until: None,
            });
        }
    }
    let doing = || reading(schema);
    let described = schema.index_at(position);
    let mut values = Vec::new();
    wanted.key.values(&mut values);
    let mut values: Vec<Value> = values
        .iter()
        .zip(&described.columns)
        .map(|(value, column)| owned(value, column))
        .collect();
    let columns = values.len();
    let up_to = wanted
        .ended_before
        .map_or(wanted.at, |before| wanted.at.min(before.saturating_sub(1)));
    values.extend([wanted.horizon, up_to].map(Value::Integer));
    let sql = ended_sql(schema, position, columns);
    let mut statement = conn.prepare_cached(&sql).context(doing)?;
    let mut rows = statement.query(params_from_iter(&values)).context(doing)?;
    let mut last = None;
    while let Some(row) = rows.next().context(doing)? {
        let until: i64 = row.get(4).context(doing)?;
        if found.len() >= most && last != Some(until) {
            break;
        }
        last = Some(until);
        let stored = StoredRow::read_plain(row).context(doing)?;
        found.push(Version {
            row: decode(schema, &stored, row, 0..1)?,
            weight: stored.weight,
            from: row.get(3).context(doing)?,
            until: Some(until),
        });
    }
    Ok(found)
}

/// The versions of a key that ended between two times, filed or not. By a further index they are looked for at each node, as
/// there is no index that begins with it.
fn ended_sql(schema: &TableSchema, position: usize, columns: usize) -> String {
    let names = index_columns(schema, position).0;
    let mut terms: Vec<String> = (1..)
        .zip(&names[..columns])
        .map(|(place, (name, _))| format!("v.{name} = ?{place}"))
        .collect();
    let until = quote(UNTIL);
    terms.push(format!("v.{until} > ?{}", columns + 1));
    terms.push(format!("v.{until} <= ?{}", columns + 2));
    let versions = quote(&versions_of(schema));
    let row = version_row(schema);
    let identity = quote(IDENTITY);
    let order = format!("ORDER BY v.{until} DESC, v.{identity} DESC");
    if position == 0 {
        let terms = terms.join(" AND ");
        let filed = format!("SELECT {row}, v.{until} FROM {versions} AS v WHERE {terms}");
        if !may_be_unfiled(schema) {
            return format!("{filed} {order}");
        }
        let unfiled = unfiled(schema, &format!("?{}", columns + 1));
        return format!(
            "{filed} UNION ALL SELECT {row}, v.{until} FROM {unfiled} AS v WHERE {terms} ORDER BY 5 DESC, 1 DESC"
        );
    }
    let node = quote(NODE);
    terms.insert(0, format!("v.{node} = n.{node}"));
    let terms = terms.join(" AND ");
    let index = quote(&super::ddl::index_name(schema, schema.index_at(position)));
    format!(
        "WITH RECURSIVE n ({node}) AS (SELECT min({node}) FROM {versions} UNION ALL SELECT (SELECT min(w.{node}) FROM \
         {versions} AS w WHERE w.{node} > n.{node}) FROM n WHERE n.{node} IS NOT NULL) \
         SELECT {row}, v.{until} FROM n CROSS JOIN {versions} AS v INDEXED BY {index} WHERE {terms} {order}"
    )
}
