//! Drives a tick over a connection: opens a transaction or a savepoint, has the fetches answered, writes the commit. It
//! ends no transaction.
//!
//! All that goes to the server between two steps of the tick goes at once: opening is sent with the first step's
//! questions. So an iteration waits for the server once for each step, and once for its writes.

use std::collections::BTreeMap;

use deltaview_graph::{Change, Commit, Fetch, FetchKeys, Graph, Step, TableId};
use deltaview_store::{CommitOptions, Error, ErrorKind, observe};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::ddl::CLOCK;
use crate::error::{Context, from_postgres};
use crate::fetch::Reader;
use crate::hot::{Hot, fetched};
use crate::names::qualified;
use crate::pipeline::{Failure, Link, Request, in_order};
use crate::scope::{Connection, Kind, Scope};
use crate::shared::{self, Groups, Part};
use crate::statements::FEW;
use crate::table::EngineTable;
use crate::ticket::{FORGETS_ONE_OF, Ticket};
use crate::write::{Batch, Expected, batches};

/// A graph with the statements of its tables. It has no connection.
pub(crate) struct Engine {
    pub(crate) graph: Graph,
    /// The schema of the tables.
    pub(crate) namespace: String,
    pub(crate) lock_key: i64,
    pub(crate) tables: BTreeMap<TableId, EngineTable>,
    /// Whether statements are prepared, and stay so on their connections.
    pub(crate) prepares: bool,
    /// What draws the time of a change without options.
    pub(crate) draw: String,
}

impl Engine {
    pub(crate) fn new(graph: &Graph, namespace: &str) -> Self {
        let tables = graph.tables().iter();
        let mut engine = Self {
            graph: graph.clone(),
            namespace: namespace.to_string(),
            lock_key: lock_key(namespace, graph.name()),
            tables: tables
                .map(|table| (table.id(), EngineTable::new(graph, table, namespace)))
                .collect(),
            prepares: true,
            draw: String::new(),
        };
        engine.draw = engine.sql_draw(&CommitOptions::default());
        engine
    }

    /// The connection of a scope, with the statements that may be prepared on it.
    pub(crate) fn link<'a, C: Connection + Sync>(&self, scope: &'a Scope<C>) -> Link<'a> {
        if self.prepares {
            scope.link()
        } else {
            Link::unprepared(scope.client())
        }
    }

    /// Runs a change: what is to be written of it, by [`Self::write`]. Where nothing stored was to be seen, nothing is begun
    /// yet.
    pub(crate) async fn run<C: Connection + Sync>(
        &self,
        scope: &Scope<C>,
        ticket: &mut Option<Ticket>,
        hot: &mut Hot,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Commit, Error> {
        let Hot { state, of, bytes } = hot;
        let of = of.as_deref();
        // Before anything is sent: what can't begin costs nothing.
        let mut step = self.graph.begin(state, change)?;
        loop {
            step = match step {
                Step::Done(commit) => return Ok(commit),
                Step::Fetch(mut fetches, tick) => {
                    observe::fetching(&self.graph, &fetches);
                    let mut requests = self.opening(scope, ticket, (options, of), true);
                    if needs_settings(&fetches) {
                        requests.push(self.settle(scope));
                    }
                    requests.extend(self.answers(self.link(scope), &mut fetches)?);
                    in_order(requests).await?;
                    *bytes = bytes.saturating_add(fetched(&self.graph, &fetches));
                    tick.resume(fetches)?
                }
            };
        }
    }

    /// Answers fetches outside of an iteration.
    pub(crate) async fn answer(&self, client: &Client, fetches: &mut [Fetch]) -> Result<(), Error> {
        in_order(self.answers(Link::unprepared(client), fetches)?).await?;
        Ok(())
    }

    /// Has the fetches of a tick answered, to its end. A scope that is not begun is begun with the first ones.
    pub(crate) async fn compute<C: Connection + Sync>(
        &self,
        scope: &Scope<C>,
        mut is_begun: bool,
        mut step: Step<'_>,
    ) -> Result<Commit, Error> {
        loop {
            step = match step {
                Step::Done(commit) => return Ok(commit),
                Step::Fetch(mut fetches, tick) => {
                    observe::fetching(&self.graph, &fetches);
                    let mut requests: Vec<Request<'_, ()>> = Vec::new();
                    if !std::mem::replace(&mut is_begun, true) {
                        requests.push(self.begin(scope));
                    }
                    requests.extend(self.answers(self.link(scope), &mut fetches)?);
                    in_order(requests).await?;
                    tick.resume(fetches)?
                }
            };
        }
    }

    /// The request that begins a transaction or a savepoint.
    pub(crate) fn begin<'a, C: Connection + Sync>(
        &'a self,
        scope: &'a Scope<C>,
    ) -> Request<'a, ()> {
        Box::pin(async move {
            let begun = scope.begin().await;
            begun.map_err(|error| self.failed(error, "beginning a change"))
        })
    }

    /// What begins a transaction for few rows and locks: the other settings are sent where they are needed.
    pub(crate) fn begin_for_few<'a, C: Connection + Sync>(
        &'a self,
        scope: &'a Scope<C>,
    ) -> [Request<'a, ()>; 2] {
        if scope.kind == Kind::Savepoint {
            return [self.begin(scope), self.lock(scope)];
        }
        // What is forgotten of the past is swept in the order of indexes.
        let mut histories = self
            .tables
            .values()
            .filter_map(|table| table.history.as_ref());
        let in_order = histories.any(|history| history.expire.is_some());
        let begin = Box::pin(async move {
            let begun = scope.begin_for_few(in_order).await;
            begun.map_err(|error| self.failed(error, "beginning a change"))
        });
        let lock = Box::pin(async move {
            scope.connection().waits_for_a_lock(true);
            let locked = scope.lock_for_few(self.link(scope), self.lock_key);
            let locked = locked.await;
            scope.connection().waits_for_a_lock(false);
            locked.map_err(|error| self.failed(error, "waiting for other changes"))
        });
        [begin, lock]
    }

    /// The request that sends the settings, where they are still to be sent.
    fn settle<'a, C: Connection + Sync>(&'a self, scope: &'a Scope<C>) -> Request<'a, ()> {
        Box::pin(async move {
            let settled = scope.settle().await;
            settled.map_err(|error| self.failed(error, "beginning a change"))
        })
    }

    /// The request that waits for all others who change the graph.
    pub(crate) fn lock<'a, C: Connection + Sync>(&'a self, scope: &'a Scope<C>) -> Request<'a, ()> {
        Box::pin(async move {
            let sql = "SELECT pg_catalog.pg_advisory_xact_lock($1)";
            let link = self.link(scope);
            // Who drops this meanwhile leaves it so.
            scope.connection().waits_for_a_lock(true);
            let locked = link.execute(sql, &[(&self.lock_key, Type::INT8)]).await;
            scope.connection().waits_for_a_lock(false);
            locked.map_err(|error| self.failed(error, "waiting for other changes"))
        })
    }

    /// The requests that answer fetches.
    pub(crate) fn answers<'a>(
        &'a self,
        link: Link<'a>,
        fetches: &'a mut [Fetch],
    ) -> Result<Vec<Request<'a, ()>>, Error> {
        let fetches = fetches.iter_mut();
        fetches
            .map(|fetch| {
                let reader = Reader {
                    link,
                    table: &self.tables[&fetch.table()],
                };
                reader.answer(fetch)
            })
            .collect()
    }

    /// What a commit writes to the tables, encoded.
    pub(crate) fn encoded(
        &self,
        commit: &Commit,
        expected: Expected,
    ) -> Result<Vec<(&EngineTable, Batch)>, Error> {
        let mut written = Vec::new();
        let mut groups: BTreeMap<TableId, Groups> = BTreeMap::new();
        for writes in commit.tables() {
            let id = writes.table();
            let table = &self.tables[&id];
            let batches = match (table.part, table.shown_in) {
                (_, Some(view)) => {
                    groups.insert(view, Groups::gather(&writes)?);
                    continue;
                }
                (Part::Rows, None) => {
                    let groups = groups.remove(&id).unwrap_or_default();
                    shared::batches(&groups, Some(&writes), table, expected)?
                }
                _ => batches(&writes, table, expected)?,
            };
            written.extend(batches.into_iter().map(|batch| (table, batch)));
        }
        for (view, groups) in groups {
            let table = &self.tables[&view];
            let batches = shared::batches(&groups, None, table, expected)?;
            written.extend(batches.into_iter().map(|batch| (table, batch)));
        }
        Ok(written)
    }

    /// Writes a commit, and commits the transaction if it is not the caller's: [`Scope::is_over`] says whether its `COMMIT`
    /// was sent. All is encoded before the first byte is sent.
    ///
    /// Where the ticket is known, `COMMIT` goes with the writes. That is as safe as to wait: where a statement could not be
    /// sent nothing behind it is, and where one fails the server makes a `ROLLBACK` of the `COMMIT`.
    pub(crate) async fn write<C: Connection + Sync>(
        &self,
        scope: &Scope<C>,
        ticket: &mut Option<Ticket>,
        (options, of): (&CommitOptions, Option<&str>),
        commit: &Commit,
        expected: Expected,
    ) -> Result<(), Error> {
        let written = self.encoded(commit, expected)?;
        let past = self.past(commit)?;
        let client = scope.client();
        let link = self.link(scope);
        let has_many = past.has_many() || written.iter().any(|(_, batch)| batch.rows() > FEW);
        // What was goes before what is: the rows are still there as they were.
        let writes = || -> Vec<Request<'_, ()>> {
            let settle = has_many.then(|| self.settle(scope));
            let past = self.write_past(link, &past);
            let writes = written
                .iter()
                .map(|(table, batch)| batch.write(link, table));
            settle.into_iter().chain(past).chain(writes).collect()
        };
        let was_open = ticket.is_some();
        if !was_open {
            let mut requests = self.opening(scope, ticket, (options, of), false);
            requests.extend(writes());
            in_order(requests).await?;
        }
        let ticket = ticket.as_ref().expect("whoever opens gets a ticket");
        // Who follows is known now.
        let told = self.told(ticket.time, &ticket.followers, commit)?;
        let mut requests = if was_open { writes() } else { Vec::new() };
        requests.extend(self.tell(client, &told));
        if ticket.forgets() {
            requests.push(self.request(client, self.sql_forget(2 * FORGETS_ONE_OF)));
        }
        if options.id().is_some() {
            requests.push(self.request(client, self.sql_forget_names()));
        }
        if !ticket.settings.is_empty() {
            requests.push(self.give_back(client, &ticket.settings));
        }
        if scope.kind == Kind::Write {
            requests.push(Box::pin(async move {
                let kept = scope.keep().await;
                kept.map_err(|error| self.failed(error, "committing a change"))
            }));
        }
        in_order(requests).await?;
        Ok(())
    }

    pub(crate) fn request<'a>(&'a self, client: &'a Client, sql: String) -> Request<'a, ()> {
        self.request_by(Link::unprepared(client), sql)
    }

    /// A statement that takes the graph.
    pub(crate) fn request_by<'a>(&'a self, link: Link<'a>, sql: String) -> Request<'a, ()> {
        Box::pin(async move {
            let name = self.graph.name();
            let done = link.execute(&sql, &[(&name, Type::TEXT)]).await;
            done.map_err(|error| self.failed(error, "writing the time"))
        })
    }

    /// The time of the last iteration that is complete.
    pub(crate) async fn time(&self, client: &Client) -> Result<i64, Error> {
        let (time, _) = self.time_and_rest(client).await?;
        Ok(time)
    }

    /// The time of the last iteration that is complete, and whether none is between its stages: all tables are of that
    /// time then.
    pub(crate) async fn time_and_rest(&self, client: &Client) -> Result<(i64, bool), Error> {
        let doing = || format!("reading the time of graph `{}`", self.graph.name());
        let sql = format!(
            "SELECT \"complete\", NOT {} FROM {} WHERE \"graph\" = $1",
            self.sql_is_between(),
            self.place(CLOCK)
        );
        let row = client
            .query_typed_opt(&sql, &[(&self.graph.name(), Type::TEXT)])
            .await
            .context(doing)?
            .ok_or_else(|| self.nothing_of_graph())?;
        Ok((
            row.try_get(0).context(doing)?,
            row.try_get(1).context(doing)?,
        ))
    }

    pub(crate) fn place(&self, table: &str) -> String {
        qualified(&self.namespace, table)
    }

    pub(crate) fn nothing_of_graph(&self) -> Error {
        let message = format!(
            "schema `{}` of the database has no tables of graph `{}`: connect with `connect`, which creates them, or to \
             another database",
            self.namespace,
            self.graph.name()
        );
        Error::new(ErrorKind::NotDeltaview, message)
    }

    pub(crate) fn failed(&self, error: tokio_postgres::Error, doing: &str) -> Failure {
        Failure::of(error, |error| {
            from_postgres(error, &format!("{doing} of graph `{}`", self.graph.name()))
        })
    }
}

/// Whether answers to fetches are looked for with [`OFF`] off: those in the order of an index, and large ones.
fn needs_settings(fetches: &[Fetch]) -> bool {
    fetches.iter().any(|fetch| match fetch.keys() {
        FetchKeys::Some(keys) | FetchKeys::Rows(keys) => keys > FEW,
        FetchKeys::All | FetchKeys::Ranges(_) => true,
    })
}

/// What changes of a graph hold while they are made, so that there is one at a time: the first eight bytes, as a
/// big-endian number, of the BLAKE3 hash of `deltaview`, the schema and the graph's name, with a NUL between them.
pub(crate) fn lock_key(namespace: &str, graph: &str) -> i64 {
    key_of(&format!("deltaview\0{namespace}\0{graph}"))
}

/// The key of an advisory lock that has a name.
pub(crate) fn key_of(name: &str) -> i64 {
    let hash = blake3::hash(name.as_bytes());
    let first = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    i64::from_be_bytes(*first)
}
