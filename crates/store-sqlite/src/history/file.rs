//! When versions are filed. One that ends is in the log with the row of the time that ended it, and is put among the other
//! versions later, with others: so a small change writes no pages of the versions and their index, of which each would be
//! another one. Whoever reads versions reads those that are not filed as well; they are few. A change of many rows files
//! its versions itself.

use deltaview_schema::TableSchema;
use deltaview_store::history::fork_node;
use deltaview_store::{Error, ErrorKind};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{COUNT, FILED, IDENTITY, SINCE, UNTIL, log_of, primary_columns, quote};
use crate::ddl::literal;
use crate::error::Context;
use crate::values::Bound;

/// From so many versions on they are filed. With each more, what is read of the past looks at one more.
pub(super) const MOST: usize = 64;

/// Whether a table may have versions that are not filed. The log has no columns for further indexes, so those of a view with
/// any are filed at once.
pub(super) fn may_be_unfiled(schema: &TableSchema) -> bool {
    schema.secondary.is_empty()
}

/// What `deltaview_history` has of a table, as a term.
fn of_table(schema: &TableSchema) -> String {
    let [graph, table] = [&schema.graph, &schema.name(None)].map(|text| literal(text));
    format!("\"graph\" = {graph} AND \"table_name\" = {table}")
}

/// The time up to which the versions in the log are filed, as a term.
fn filed(schema: &TableSchema) -> String {
    format!(
        "(SELECT {} FROM \"deltaview_history\" WHERE {})",
        quote(FILED),
        of_table(schema)
    )
}

/// Whether a row of the log has a version that is not filed, as a term.
pub(super) fn is_unfiled(schema: &TableSchema) -> String {
    format!("{} IS NOT NULL AND \"t\" > {}", quote(SINCE), filed(schema))
}

/// The versions that are not filed and ended behind a time, which is a term, as a table like that of the versions.
pub(super) fn unfiled(schema: &TableSchema, behind: &str) -> String {
    let (log, since, until) = (quote(&log_of(schema)), quote(SINCE), quote(UNTIL));
    // One search: behind the later one of the two times.
    format!(
        "(SELECT *, \"t\" AS {until} FROM {log} WHERE \"t\" > max({behind}, {}) AND {since} IS NOT NULL)",
        filed(schema)
    )
}

/// The statements that file the versions of a table.
pub(super) struct Statements {
    count: String,
    /// The versions, in the order in which they are filed.
    unfiled: String,
    /// They all are.
    done: String,
}

impl Statements {
    pub(super) fn of(schema: &TableSchema) -> Self {
        let primary = primary_columns(schema);
        let primary: Vec<String> = primary.names().map(str::to_string).collect();
        let others = [UNTIL, IDENTITY, SINCE, COUNT].map(quote);
        let unfiled = unfiled(schema, "0");
        let order = [&primary[..], &others[..2]].concat().join(", ");
        let columns = [&primary[..], &others].concat().join(", ");
        Self {
            count: format!("SELECT count(*) FROM {unfiled}"),
            unfiled: format!("SELECT {columns} FROM {unfiled} ORDER BY {order}"),
            done: format!(
                "UPDATE \"deltaview_history\" SET {} = ?1 WHERE {}",
                quote(FILED),
                of_table(schema)
            ),
        }
    }

    /// How many versions are not filed.
    pub(super) fn count(&self, conn: &Connection) -> rusqlite::Result<usize> {
        let mut count = conn.prepare_cached(&self.count)?;
        let versions: i64 = count.query_row([], |row| row.get(0))?;
        Ok(usize::try_from(versions).unwrap_or(usize::MAX))
    }

    /// Files all versions that are not, up to a time, by the statement that enters one.
    pub(super) fn file(
        &self,
        conn: &Connection,
        enter: &str,
        (schema, time): (&TableSchema, i64),
    ) -> Result<(), Error> {
        let doing = || filing(schema);
        let mut unfiled = conn.prepare_cached(&self.unfiled).context(doing)?;
        let mut enter = conn.prepare_cached(enter).context(doing)?;
        let columns = unfiled.column_count();
        let mut rows = unfiled.query([]).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let [until, since] = [columns - 4, columns - 2].map(|column| row.get(column));
            let (until, since): (i64, i64) = (until.context(doing)?, since.context(doing)?);
            check_since(since, until, doing)?;
            let node = Value::Integer(fork_node(since, until));
            for column in 0..columns {
                let value = Bound(row.get_ref(column).context(doing)?);
                enter.raw_bind_parameter(column + 1, value).context(doing)?;
            }
            enter.raw_bind_parameter(columns + 1, node).context(doing)?;
            enter.raw_execute().context(doing)?;
        }
        let mut done = conn.prepare_cached(&self.done).context(doing)?;
        done.execute([time]).context(doing)?;
        Ok(())
    }
}

pub(super) fn filing(schema: &TableSchema) -> String {
    format!("filing the versions of table `{}`", schema.name(None))
}

/// Times grow, so what ends at a time is from before: or somebody else has written it.
pub(super) fn check_since(since: i64, until: i64, doing: impl Fn() -> String) -> Result<(), Error> {
    if 0 < since && since < until {
        return Ok(());
    }
    let message = format!(
        "{}: a row that ends at time {until} is from time {since}. Something else than deltaview has changed it: restore the \
         file from a backup, or rebuild it from its inputs",
        doing()
    );
    Err(Error::new(ErrorKind::Corrupt, message))
}
