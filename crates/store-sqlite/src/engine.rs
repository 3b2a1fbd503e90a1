//! Drives a tick over a SQLite connection that is inside a transaction: has its fetches answered, writes the commit. It
//! begins and ends no transaction.

use std::collections::BTreeMap;

use deltaview_graph::{Change, Commit, Fetch, Graph, Step, Table, TableId, WorkingSet, Write};
use deltaview_schema::TableSchema;
use deltaview_store::{Error, observe};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Context;
use crate::feed;
use crate::fetch::Reader;
use crate::history::History;
use crate::hot::HotSet;
use crate::packed::Packing;
use crate::shared::{self, Groups};
use crate::statements::{Part, Statements};
use crate::write::Writer;

/// A graph with the statements of its tables. It has no connection.
pub(crate) struct Engine {
    pub(crate) graph: Graph,
    pub(crate) tables: BTreeMap<TableId, EngineTable>,
}

/// A table with its statements; or the part of a shared one.
pub(crate) struct EngineTable {
    /// The groups of a shared table are described as their view is, whose key they have.
    pub(crate) schema: TableSchema,
    pub(crate) vertex: String,
    pub(crate) name: String,
    pub(crate) packing: Packing,
    pub(crate) part: Part,
    /// The view whose table it is kept in.
    shown_in: Option<TableId>,
    /// Whether groups are kept in it.
    has_groups: bool,
    pub(crate) statements: Statements,
    pub(crate) history: Option<History>,
}

impl EngineTable {
    pub(crate) fn new(graph: &Graph, table: &Table) -> Self {
        let shown_in = graph.view_of_groups(table.id());
        let (schema, part) = match shown_in {
            Some(view) => (graph.table(view).schema(), Part::State),
            None => (table.schema(), Part::Data),
        };
        let mut tables = graph.tables().iter();
        Self {
            schema: schema.clone(),
            vertex: table.schema().vertex.clone(),
            name: schema.name(None),
            history: History::of(schema),
            packing: Packing::of(schema),
            part,
            shown_in,
            has_groups: tables.any(|other| graph.view_of_groups(other.id()) == Some(table.id())),
            statements: Statements::of(schema, part),
        }
    }
}

impl Engine {
    pub(crate) fn new(graph: &Graph) -> Self {
        let tables = graph.tables().iter();
        let tables = tables
            .map(|table| (table.id(), EngineTable::new(graph, table)))
            .collect();
        Self {
            graph: graph.clone(),
            tables,
        }
    }

    /// Runs a change as the iteration of a time and writes its commit, inside a transaction that holds the write lock. What
    /// comes into the working set is counted. A transaction that is the caller's is taken back no further than to where
    /// the change began, whatever fails.
    pub(crate) fn run(
        &self,
        conn: &Connection,
        state: &mut WorkingSet,
        change: &Change,
        time: i64,
        hot: &HotSet,
        in_callers: bool,
    ) -> Result<Commit, Error> {
        let step = self.graph.begin(state, change)?;
        let commit = self.compute_counting(conn, step, hot)?;
        self.write_counting(conn, &commit, Some(time), Some((state, hot)), in_callers)?;
        feed::log(conn, &self.graph, &commit, time)?;
        self.remember(conn, &commit, time)?;
        Ok(commit)
    }

    /// Has the fetches of a tick answered, to its end.
    pub(crate) fn compute(&self, conn: &Connection, step: Step<'_>) -> Result<Commit, Error> {
        self.compute_counting(conn, step, &HotSet::none())
    }

    fn compute_counting(
        &self,
        conn: &Connection,
        mut step: Step<'_>,
        hot: &HotSet,
    ) -> Result<Commit, Error> {
        loop {
            step = match step {
                Step::Done(commit) => return Ok(commit),
                Step::Fetch(mut fetches, tick) => {
                    observe::fetching(&self.graph, &fetches);
                    self.answer_counting(conn, &mut fetches, hot)?;
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
        self.write_counting(conn, commit, time, None, false)
    }

    /// Writes the tables of a commit, and counts what the working set is to absorb of it.
    fn write_counting(
        &self,
        conn: &Connection,
        commit: &Commit,
        time: Option<i64>,
        into: Option<(&WorkingSet, &HotSet)>,
        in_callers: bool,
    ) -> Result<(), Error> {
        let mut groups: BTreeMap<TableId, Groups> = BTreeMap::new();
        for writes in commit.tables() {
            let id = writes.table();
            let table = &self.tables[&id];
            let absorbed = into.filter(|(state, _)| state.holds(id));
            let count = |write: &Write<'_>| {
                if let Some((_, hot)) = absorbed {
                    hot.count(encoded(write).map_or(0, |bytes| self.graph.row_bytes(id, bytes)));
                }
            };
            if let Some(history) = &table.history {
                let time = time.expect("views are of the last stage, which is never taken back");
                if absorbed.is_some() {
                    writes.for_each(|write| {
                        count(&write);
                        Ok::<(), Error>(())
                    })?;
                }
                history.write(conn, &writes, time)?;
                continue;
            }
            if let Some(view) = table.shown_in {
                groups.insert(view, Groups::gather(&writes, &count)?);
                continue;
            }
            if table.has_groups {
                let groups = groups.remove(&id).unwrap_or_default();
                shared::write(conn, table, &groups, Some((&writes, &count)))?;
                continue;
            }
            let mut writer = Writer::new(conn, &self.graph, table, in_callers);
            writes.for_each(|write| {
                count(&write);
                writer.write(write)
            })?;
        }
        for (view, groups) in groups {
            shared::write(conn, &self.tables[&view], &groups, None)?;
        }
        Ok(())
    }

    /// Looks what is asked for up.
    pub(crate) fn answer(&self, conn: &Connection, fetches: &mut [Fetch]) -> Result<(), Error> {
        self.answer_counting(conn, fetches, &HotSet::none())
    }

    fn answer_counting(
        &self,
        conn: &Connection,
        fetches: &mut [Fetch],
        hot: &HotSet,
    ) -> Result<(), Error> {
        for fetch in fetches {
            let id = fetch.table();
            let reader = Reader {
                conn,
                table: &self.tables[&id],
                count: &|bytes| hot.count(self.graph.row_bytes(id, bytes)),
            };
            reader.answer(fetch)?;
        }
        Ok(())
    }

    /// A table that is not kept in another one.
    pub(crate) fn table(&self, table: TableId) -> &EngineTable {
        &self.tables[&table]
    }

    /// The time of the last iteration that is complete.
    pub(crate) fn time(&self, conn: &Connection) -> Result<i64, Error> {
        conn.prepare_cached("SELECT \"complete\" FROM \"deltaview_clock\" WHERE \"graph\" = ?1")
            .and_then(|mut statement| statement.query_row([self.graph.name()], |row| row.get(0)))
            .context(|| format!("reading the time of graph `{}`", self.graph.name()))
    }

    /// Draws the next time and completes it, where nothing is in flight: all of the usual way of a change that the rules
    /// of many workers have a part in. Where the last time was abandoned, it is not complete, and nothing is in flight.
    ///
    /// Two plain statements are half the work of one that also says what it has done.
    pub(crate) fn draw(&self, conn: &Connection) -> Result<Option<i64>, Error> {
        let graph = self.graph.name();
        let sql = "SELECT \"t\" + 1 FROM \"deltaview_clock\" WHERE \"graph\" = ?1 AND (\"t\" = \"complete\" OR \
                   NOT EXISTS (SELECT 1 FROM \"deltaview_times\" WHERE \"graph\" = ?1))";
        let next: Option<i64> = conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([graph], |row| row.get(0)).optional())
            .context(|| self.writing_time())?;
        if let Some(next) = next {
            let sql =
                "UPDATE \"deltaview_clock\" SET \"t\" = ?2, \"complete\" = ?2 WHERE \"graph\" = ?1";
            conn.prepare_cached(sql)
                .and_then(|mut statement| statement.execute((graph, next)))
                .context(|| self.writing_time())?;
        }
        Ok(next)
    }

    pub(crate) fn writing_time(&self) -> String {
        format!("writing the time of graph `{}`", self.graph.name())
    }
}

/// The bytes of the row that is written, if one is.
fn encoded(write: &Write<'_>) -> Option<usize> {
    match write {
        Write::Put { data, .. } => Some(data.len()),
        Write::Add { identity, data, .. } => {
            Some(data.map_or(identity.as_bytes().len(), <[u8]>::len))
        }
        _ => None,
    }
}
