//! Drives a tick over a SQLite connection that is inside a transaction: has its fetches answered, writes the commit. It
//! begins and ends no transaction.

use std::collections::BTreeMap;

use deltaview_graph::{
    Change, Commit, Fetch, Graph, Step, TableId, TickError, TickErrorKind, WorkingSet, Write,
};
use deltaview_schema::{KeyValue, TableSchema};
use deltaview_store::{Error, observe};
use deltaview_zset::{Weight, WeightOverflow};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params_from_iter};

use crate::error::{Context, from_sqlite, is_integer_overflow};
use crate::feed;
use crate::fetch::Reader;
use crate::history::History;
use crate::statements::Statements;
use crate::values::{Bound, bind_key, bind_secondary};

/// A graph with the statements of its tables. It has no connection.
pub(crate) struct Engine {
    pub(crate) graph: Graph,
    pub(crate) tables: BTreeMap<TableId, EngineTable>,
}

/// A table with its statements.
pub(crate) struct EngineTable {
    pub(crate) schema: TableSchema,
    pub(crate) name: String,
    pub(crate) statements: Statements,
    pub(crate) history: Option<History>,
}

impl EngineTable {
    pub(crate) fn new(schema: &TableSchema) -> Self {
        Self {
            schema: schema.clone(),
            name: schema.name(None),
            statements: Statements::of(schema),
            history: History::of(schema),
        }
    }
}

impl Engine {
    pub(crate) fn new(graph: &Graph) -> Self {
        let tables = graph.tables().iter();
        let tables = tables
            .map(|table| (table.id(), EngineTable::new(table.schema())))
            .collect();
        Self {
            graph: graph.clone(),
            tables,
        }
    }

    /// Runs a change as the iteration of a time and writes its commit, inside a transaction that holds the write lock.
    pub(crate) fn run(
        &self,
        conn: &Connection,
        state: &mut WorkingSet,
        change: &Change,
        time: i64,
    ) -> Result<Commit, Error> {
        let step = self.graph.begin(state, change)?;
        let commit = self.compute(conn, step)?;
        self.write(conn, &commit, Some(time))?;
        conn.prepare_cached("UPDATE \"deltaview_last_update\" SET \"t\" = ?2 WHERE \"graph\" = ?1")
            .and_then(|mut statement| statement.execute((self.graph.name(), time)))
            .context(|| self.writing_time())?;
        feed::log(conn, &self.graph, &commit, time)?;
        self.remember(conn, &commit, time)?;
        Ok(commit)
    }

    /// Has the fetches of a tick answered, to its end.
    pub(crate) fn compute(&self, conn: &Connection, mut step: Step<'_>) -> Result<Commit, Error> {
        loop {
            step = match step {
                Step::Done(commit) => return Ok(commit),
                Step::Fetch(mut fetches, tick) => {
                    observe::fetching(&self.graph, &fetches);
                    self.answer(conn, &mut fetches)?;
                    tick.resume(fetches)?
                }
            };
        }
    }

    /// Writes the tables of a commit, at a time if it is not one that takes back what was written.
    pub(crate) fn write(
        &self,
        conn: &Connection,
        commit: &Commit,
        time: Option<i64>,
    ) -> Result<(), Error> {
        for writes in commit.tables() {
            let table = &self.tables[&writes.table()];
            if let Some(history) = &table.history {
                let time = time.expect("views are of the last stage, which is never taken back");
                history.write(conn, &writes, time)?;
                continue;
            }
            let writer = Writer {
                conn,
                graph: &self.graph,
                table,
            };
            writes.for_each(|write| writer.write(write))?;
        }
        Ok(())
    }

    /// Looks what is asked for up.
    pub(crate) fn answer(&self, conn: &Connection, fetches: &mut [Fetch]) -> Result<(), Error> {
        for fetch in fetches {
            let table = &self.tables[&fetch.table()];
            Reader { conn, table }.answer(fetch)?;
        }
        Ok(())
    }

    /// The time of the last iteration that is complete.
    pub(crate) fn time(&self, conn: &Connection) -> Result<i64, Error> {
        conn.prepare_cached("SELECT \"complete\" FROM \"deltaview_clock\" WHERE \"graph\" = ?1")
            .and_then(|mut statement| statement.query_row([self.graph.name()], |row| row.get(0)))
            .context(|| format!("reading the time of graph `{}`", self.graph.name()))
    }

    /// Draws the next time and completes it, where nothing is in flight: all of the usual way of a change that the rules
    /// of many workers have a part in. Where the last time was abandoned, it is not complete, and nothing is in flight.
    pub(crate) fn draw(&self, conn: &Connection) -> Result<Option<i64>, Error> {
        let sql = "UPDATE \"deltaview_clock\" SET \"t\" = \"t\" + 1, \"complete\" = \"t\" + 1 \
                   WHERE \"graph\" = ?1 AND (\"t\" = \"complete\" OR NOT EXISTS \
                   (SELECT 1 FROM \"deltaview_times\" WHERE \"graph\" = ?1)) RETURNING \"t\"";
        conn.prepare_cached(sql)
            .and_then(|mut statement| {
                statement
                    .query_row([self.graph.name()], |row| row.get(0))
                    .optional()
            })
            .context(|| self.writing_time())
    }

    pub(crate) fn writing_time(&self) -> String {
        format!("writing the time of graph `{}`", self.graph.name())
    }
}

/// Writes the rows of one table.
struct Writer<'a> {
    conn: &'a Connection,
    graph: &'a Graph,
    table: &'a EngineTable,
}

impl<'a> Writer<'a> {
    fn write(&self, write: Write<'_>) -> Result<(), Error> {
        let written = match write {
            Write::Put {
                key,
                secondary,
                data,
            } => self.put(key, secondary, data),
            Write::Delete { key } => self.delete(key, None),
            Write::Add {
                key,
                secondary,
                identity,
                data,
                weight,
                before,
            } => {
                let identity = identity.as_bytes();
                let row = NewRow {
                    key,
                    secondary,
                    identity,
                    data,
                };
                match before {
                    Some(before) if before != 0 && before + weight == 0 => {
                        self.delete(key, Some(identity))
                    }
                    Some(before) if before != 0 => self.set(&row, before + weight),
                    _ => self.add(&row, weight),
                }
            }
            _ => unreachable!("a write of a kind that this version of the graph does not make"),
        };
        written.map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> Error {
        if is_integer_overflow(&error) {
            let kind = TickErrorKind::WeightOverflow(WeightOverflow);
            return TickError::new(self.graph.name(), &self.table.schema.vertex, kind).into();
        }
        from_sqlite(error, &format!("writing table `{}`", self.table.name))
    }

    fn put(
        &self,
        key: &[KeyValue<'_>],
        secondary: &[KeyValue<'_>],
        data: &[u8],
    ) -> rusqlite::Result<()> {
        let schema = &self.table.schema;
        let identity = schema.has_identity().then_some(Bound(ValueRef::Blob(&[])));
        let values = bind_key(key, schema)
            .chain(identity)
            .chain([Bound(ValueRef::Blob(data))])
            .chain(bind_secondary(secondary, schema));
        self.statement(&self.table.statements.put)?
            .execute(params_from_iter(values))?;
        Ok(())
    }

    fn delete(&self, key: &[KeyValue<'_>], identity: Option<&[u8]>) -> rusqlite::Result<()> {
        let schema = &self.table.schema;
        let identity = identity.or_else(|| schema.has_identity().then_some(&[][..]));
        let values =
            bind_key(key, schema).chain(identity.map(|bytes| Bound(ValueRef::Blob(bytes))));
        self.statement(&self.table.statements.delete)?
            .execute(params_from_iter(values))?;
        Ok(())
    }

    fn set(&self, row: &NewRow<'_>, weight: Weight) -> rusqlite::Result<()> {
        let values = std::iter::once(Bound(ValueRef::Integer(weight)))
            .chain(bind_key(row.key, &self.table.schema))
            .chain([Bound(ValueRef::Blob(row.identity))]);
        self.statement(&self.table.statements.set)?
            .execute(params_from_iter(values))?;
        Ok(())
    }

    /// Adds a weight to a row that may be there or not, and deletes the row if nothing is left.
    fn add(&self, row: &NewRow<'_>, weight: Weight) -> rusqlite::Result<()> {
        let schema = &self.table.schema;
        let data = row.data.map_or(ValueRef::Null, ValueRef::Blob);
        let values = bind_key(row.key, schema)
            .chain([
                Bound(ValueRef::Blob(row.identity)),
                Bound(data),
                Bound(ValueRef::Integer(weight)),
            ])
            .chain(bind_secondary(row.secondary, schema));
        let sum: Weight = self
            .statement(&self.table.statements.add)?
            .query_row(params_from_iter(values), |row| row.get(0))?;
        if sum == 0 {
            self.delete(row.key, Some(row.identity))
        } else {
            Ok(())
        }
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.conn.prepare_cached(sql)
    }
}

/// A row to be written.
struct NewRow<'a> {
    key: &'a [KeyValue<'a>],
    secondary: &'a [KeyValue<'a>],
    identity: &'a [u8],
    data: Option<&'a [u8]>,
}
