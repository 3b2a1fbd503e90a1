//! Drives a tick over a SQLite connection that is inside a transaction: has its fetches answered, writes the commit. It
//! begins and ends no transaction.

use std::cell::Cell;
use std::collections::BTreeMap;

use deltaview_graph::{Change, Commit, Fetch, Graph, Step, Table, TableId, WorkingSet, Write};
use deltaview_schema::TableSchema;
use deltaview_store::{Error, observe};
use rusqlite::{Connection, OptionalExtension};

use crate::error::Context;
use crate::feed;
use crate::fetch::Reader;
use crate::history::History;
use crate::history::Instant;
use crate::hot::HotSet;
use crate::packed::Packing;
use crate::ranges::Searches;
use crate::scan::IndexScan;
use crate::shared::{self, Groups};
use crate::statements::{Part, Statements, key_columns};
use crate::write::Writer;

/// A graph with the statements of its tables. It has no connection.
pub(crate) struct Engine {
    pub(crate) graph: Graph,
    pub(crate) tables: BTreeMap<TableId, EngineTable>,
    /// The time that was drawn last, if it was complete with its transaction: most probably still the last one.
    last: Cell<Option<DrawnTime>>,
}

/// A time that is complete with the transaction that it was drawn in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrawnTime {
    pub(crate) time: i64,
    /// Whether somebody may follow a view of the graph.
    may_be_followed: bool,
    /// The newest instant of the graph, if it is known: of the time before until its own is entered.
    pub(crate) instant: Option<Instant>,
}

impl DrawnTime {
    /// One of which no more is known.
    pub(crate) fn of(time: i64) -> Self {
        Self {
            time,
            may_be_followed: true,
            instant: None,
        }
    }

    /// The time behind it, if nothing else has happened.
    fn following(self) -> Option<Self> {
        let time = self.time.checked_add(1)?;
        Some(Self { time, ..self })
    }
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
    /// What reads ranges of its keys, for a tick.
    pub(crate) walks: Searches,
    /// What reads each of its indexes, in order, for those who read a view.
    pub(crate) scans: Vec<IndexScan>,
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
        let statements = Statements::of(schema, part);
        Self {
            schema: schema.clone(),
            vertex: table.schema().vertex.clone(),
            name: schema.name(None),
            history: History::of(schema),
            packing: Packing::of(schema),
            part,
            shown_in,
            has_groups: tables.any(|other| graph.view_of_groups(other.id()) == Some(table.id())),
            walks: Searches::new(statements.fetch_all.clone(), key_columns(schema), None),
            scans: (0..=schema.secondary.len())
                .map(|position| IndexScan::of(schema, position))
                .collect(),
            statements,
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
            last: Cell::new(None),
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
        drawn: DrawnTime,
        hot: &HotSet,
        in_callers: bool,
    ) -> Result<Commit, Error> {
        let time = drawn.time;
        let step = self.graph.begin(state, change)?;
        let commit = self.compute_counting(conn, step, hot)?;
        self.write_counting(conn, &commit, Some(time), Some((state, hot)), in_callers)?;
        if drawn.may_be_followed {
            feed::log(conn, &self.graph, &commit, time)?;
        }
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
                    let encoded = write.encoded();
                    hot.count(encoded.map_or(0, |row| self.graph.row_bytes(id, row.len())));
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
                shared::write(conn, table, &groups, Some((&writes, &count)), in_callers)?;
                continue;
            }
            let mut writer = Writer::new(conn, &self.graph, table, in_callers);
            writes.for_each(|write| {
                count(&write);
                writer.write(write)
            })?;
        }
        for (view, groups) in groups {
            shared::write(conn, &self.tables[&view], &groups, None, in_callers)?;
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
    /// Where the last time is still the one that was drawn here before, and nobody follows a view, that is one statement, and
    /// it says both; where nothing was written since (`is_current`), that is known. Otherwise it is two: one that also
    /// returned what it has done would be twice their work.
    pub(crate) fn draw(
        &self,
        conn: &Connection,
        is_current: bool,
    ) -> Result<Option<DrawnTime>, Error> {
        let graph = self.graph.name();
        let last = self.forget_drawn();
        if let Some(next) = last.and_then(|last| last.following()) {
            if is_current && !next.may_be_followed {
                self.set_time(conn, next.time)?;
                self.last.set(Some(next));
                return Ok(Some(next));
            }
            let (last, time) = (next.time - 1, next.time);
            let sql = "UPDATE \"deltaview_clock\" SET \"t\" = ?2, \"complete\" = ?2 \
                       WHERE \"graph\" = ?1 AND \"t\" = ?3 AND \"complete\" = ?3 \
                       AND NOT EXISTS (SELECT 1 FROM \"deltaview_cursors\" WHERE \"graph\" = ?1)";
            let updated = conn
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute((graph, time, last)))
                .context(|| self.writing_time())?;
            if updated > 0 {
                let drawn = DrawnTime {
                    may_be_followed: false,
                    ..next
                };
                self.last.set(Some(drawn));
                return Ok(Some(drawn));
            }
        }
        let sql = "SELECT \"t\" + 1 FROM \"deltaview_clock\" WHERE \"graph\" = ?1 AND (\"t\" = \"complete\" OR \
                   NOT EXISTS (SELECT 1 FROM \"deltaview_times\" WHERE \"graph\" = ?1))";
        let next: Option<i64> = conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([graph], |row| row.get(0)).optional())
            .context(|| self.writing_time())?;
        let drawn = next.map(DrawnTime::of);
        if let Some(drawn) = drawn {
            self.set_time(conn, drawn.time)?;
            self.last.set(Some(drawn));
        }
        Ok(drawn)
    }

    /// The time that was drawn last, if more is known of it than the number.
    pub(crate) fn last_drawn(&self, time: i64) -> Option<DrawnTime> {
        self.last.get().filter(|drawn| drawn.time == time)
    }

    /// When it is complete is entered.
    pub(crate) fn note_instant(&self, drawn: DrawnTime, instant: Instant) {
        let instant = Some(instant);
        self.last.set(Some(DrawnTime { instant, ..drawn }));
    }

    /// Nothing is known of the last time any more: it is drawn in another way, or its transaction is or may be taken back.
    pub(crate) fn forget_drawn(&self) -> Option<DrawnTime> {
        self.last.take()
    }

    /// The last time is complete.
    fn set_time(&self, conn: &Connection, time: i64) -> Result<(), Error> {
        let sql =
            "UPDATE \"deltaview_clock\" SET \"t\" = ?2, \"complete\" = ?2 WHERE \"graph\" = ?1";
        conn.prepare_cached(sql)
            .and_then(|mut statement| statement.execute((self.graph.name(), time)))
            .map(|_| ())
            .context(|| self.writing_time())
    }

    pub(crate) fn writing_time(&self) -> String {
        format!("writing the time of graph `{}`", self.graph.name())
    }
}
