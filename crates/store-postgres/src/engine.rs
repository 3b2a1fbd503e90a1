//! Drives a tick over a connection: opens a transaction or a savepoint, has the fetches answered, writes the commit. It
//! ends no transaction.
//!
//! All that goes to the server between two steps of the tick goes at once: opening is sent with the first step's
//! questions. So an iteration waits for the server once for each step, and once for its writes.

use std::collections::BTreeMap;
use std::fmt;

use deltaview_graph::{Change, Commit, Fetch, Graph, Step, Table, TableId, WorkingSet};
use deltaview_schema::TableSchema;
use deltaview_store::{ChangeId, CommitOptions, Error, ErrorKind, observe};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::catalog;
use crate::ddl::{CHANGES, CLOCK, COMMITS, LAST_UPDATE, TIMES};
use crate::error::{Context, from_postgres};
use crate::feed::Followers;
use crate::fetch::Reader;
use crate::history::History;
use crate::names::{qualified, table_name};
use crate::pipeline::{Failure, Request, execute, in_order};
use crate::scope::{Connection, Kind, OFF, Scope};
use crate::statements::Statements;
use crate::write::{Batch, batches};

/// A graph with the statements of its tables. It has no connection.
pub(crate) struct Engine {
    pub(crate) graph: Graph,
    /// The schema of the tables.
    pub(crate) namespace: String,
    pub(crate) lock_key: i64,
    pub(crate) tables: BTreeMap<TableId, EngineTable>,
}

/// A table with its statements.
pub(crate) struct EngineTable {
    pub(crate) schema: TableSchema,
    pub(crate) name: String,
    pub(crate) statements: Statements,
    /// Where the table has a past.
    pub(crate) history: Option<History>,
}

/// What an iteration is told apart by, from when it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) time: i64,
    /// Drawn at random, by the server.
    pub(crate) id: String,
    /// The backend that it runs in, and its transaction.
    pub(crate) backend: i32,
    pub(crate) transaction: String,
    pub(crate) followers: Followers,
    /// The caller's settings, in a transaction of the caller's, which are other ones while an iteration is made.
    settings: Vec<String>,
}

/// An iteration that is written, and waits for its transaction to commit.
pub(crate) struct Written {
    pub(crate) ticket: Ticket,
    pub(crate) commit: Commit,
}

/// A change that can't be committed at once: something is in flight, or it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAtOnce;

impl NotAtOnce {
    /// Whether an error is this.
    pub(crate) fn is(error: &Error) -> bool {
        let source = std::error::Error::source(error);
        source.is_some_and(|source| source.is::<Self>())
    }
}

impl fmt::Display for NotAtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the change can't be committed at once")
    }
}

impl std::error::Error for NotAtOnce {}

impl Engine {
    pub(crate) fn new(graph: &Graph, namespace: &str) -> Self {
        let table = |table: &Table| {
            let (schema, retention) = (table.schema(), table.retention());
            EngineTable {
                schema: schema.clone(),
                name: table_name(schema),
                statements: Statements::of(schema, namespace),
                history: retention.map(|retention| History::of(schema, namespace, retention)),
            }
        };
        let tables = graph.tables().iter();
        Self {
            graph: graph.clone(),
            namespace: namespace.to_string(),
            lock_key: lock_key(namespace, graph.name()),
            tables: tables.map(|each| (each.id(), table(each))).collect(),
        }
    }

    /// Runs a change and writes its commit.
    pub(crate) async fn run<C: Connection + Sync>(
        &self,
        scope: &Scope<C>,
        state: &mut WorkingSet,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Written, Error> {
        let client = scope.client();
        let mut ticket = None;
        // Before anything is sent: what can't begin costs nothing.
        let mut step = self.graph.begin(state, change)?;
        let commit = loop {
            step = match step {
                Step::Done(commit) => break commit,
                Step::Fetch(mut fetches, tick) => {
                    observe::fetching(&self.graph, &fetches);
                    let mut requests = self.opening(scope, &mut ticket, options, true);
                    requests.extend(self.answers(client, &mut fetches)?);
                    in_order(requests).await?;
                    tick.resume(fetches)?
                }
            };
        };
        self.write(scope, &mut ticket, options, &commit).await?;
        let ticket = ticket.expect("whoever opens gets a ticket");
        Ok(Written { ticket, commit })
    }

    /// Answers fetches outside of an iteration.
    pub(crate) async fn answer(&self, client: &Client, fetches: &mut [Fetch]) -> Result<(), Error> {
        in_order(self.answers(client, fetches)?).await?;
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
                    requests.extend(self.answers(scope.client(), &mut fetches)?);
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

    /// The request that waits for all others who change the graph.
    pub(crate) fn lock<'a, C: Connection + Sync>(&'a self, scope: &'a Scope<C>) -> Request<'a, ()> {
        Box::pin(async move {
            let sql = "SELECT pg_catalog.pg_advisory_xact_lock($1)";
            // Who drops this meanwhile leaves it so.
            scope.connection().waits_for_a_lock(true);
            let locked = execute(scope.client(), sql, &[(&self.lock_key, Type::INT8)]).await;
            scope.connection().waits_for_a_lock(false);
            locked.map_err(|error| self.failed(error, "waiting for other changes"))
        })
    }

    /// The requests that answer fetches.
    pub(crate) fn answers<'a>(
        &'a self,
        client: &'a Client,
        fetches: &'a mut [Fetch],
    ) -> Result<Vec<Request<'a, ()>>, Error> {
        let fetches = fetches.iter_mut();
        fetches
            .map(|fetch| {
                let reader = Reader {
                    client,
                    table: &self.tables[&fetch.table()],
                    namespace: &self.namespace,
                };
                reader.answer(fetch)
            })
            .collect()
    }

    /// What a commit writes to the tables, encoded.
    pub(crate) fn encoded(&self, commit: &Commit) -> Result<Vec<(&EngineTable, Batch)>, Error> {
        let mut written = Vec::new();
        for writes in commit.tables() {
            let table = &self.tables[&writes.table()];
            for batch in batches(&writes, table)? {
                written.push((table, batch));
            }
        }
        Ok(written)
    }

    /// Writes a commit. All of it is encoded before the first byte is sent.
    async fn write<C: Connection + Sync>(
        &self,
        scope: &Scope<C>,
        ticket: &mut Option<Ticket>,
        options: &CommitOptions,
        commit: &Commit,
    ) -> Result<(), Error> {
        let written = self.encoded(commit)?;
        let past = self.past(commit)?;
        let client = scope.client();
        // Who follows is known once the iteration is opened. Where that is only now, what they are told goes behind.
        let mut told = match ticket {
            Some(ticket) => Some(self.told(ticket.time, &ticket.followers, commit)?),
            None => None,
        };
        let opened = ticket.as_ref().map(|ticket| ticket.settings.clone());
        let mut requests = self.opening(scope, ticket, options, false);
        requests.extend(self.write_past(client, &past));
        for (table, batch) in &written {
            requests.push(batch.write(client, table));
        }
        if let Some(told) = &told {
            requests.extend(self.tell(client, told));
        }
        requests.push(self.request(client, self.sql_last_update()));
        requests.push(self.request(client, self.sql_forget()));
        if options.id().is_some() {
            requests.push(self.request(client, self.sql_forget_names()));
        }
        requests.extend(
            opened
                .filter(|settings| !settings.is_empty())
                .map(|settings| self.give_back(client, settings)),
        );
        in_order(requests).await?;
        if told.is_none()
            && let Some(ticket) = ticket
        {
            told = Some(self.told(ticket.time, &ticket.followers, commit)?);
            let requests: Vec<_> = told
                .iter()
                .flat_map(|told| self.tell(client, told))
                .collect();
            in_order(requests).await?;
        }
        Ok(())
    }

    /// What goes before everything else: nothing, if the iteration has its ticket already.
    fn opening<'a, C: Connection + Sync>(
        &'a self,
        scope: &'a Scope<C>,
        ticket: &'a mut Option<Ticket>,
        options: &'a CommitOptions,
        reads: bool,
    ) -> Vec<Request<'a, ()>> {
        if ticket.is_some() {
            return Vec::new();
        }
        let client = scope.client();
        let mut requests = vec![self.begin(scope), self.lock(scope)];
        if scope.kind == Kind::Savepoint {
            requests.push(Box::pin(async move {
                let stored = catalog::stored_entries(client, &self.graph, &self.namespace).await;
                let stored = stored.map_err(|error| self.failed(error, "reading the catalog"))?;
                Ok(catalog::compare_stored(&self.graph, &stored)?)
            }));
        }
        requests.push(Box::pin(async move {
            // All are sent at once.
            let drawing = self.draw_ticket(client, options);
            let looking = self.followers(client, scope.kind);
            let (drawn, followers, settings) = futures::join!(drawing, looking, async {
                if reads && scope.kind == Kind::Savepoint {
                    self.change_settings(client).await
                } else {
                    Ok(Vec::new())
                }
            });
            let ticket = ticket.insert(drawn?);
            ticket.followers = followers?;
            ticket.settings = settings?;
            Ok(())
        }));
        requests
    }

    /// Draws a time and completes it at once, where nothing is in flight and nothing else is against it; otherwise fails
    /// with [`NotAtOnce`]. In a transaction that sees an older state than the last one, this is a serialisation failure:
    /// so what is read after it is never out of date.
    async fn draw_ticket(
        &self,
        client: &Client,
        options: &CommitOptions,
    ) -> Result<Ticket, Failure> {
        let sql = self.sql_draw(options);
        let graph = self.graph.name();
        let name = options.id().map(ChangeId::as_str);
        let time = options.time();
        let mut values: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&graph, Type::TEXT)];
        if !options.is_default() {
            values.push((&time.input_time, Type::INT8));
            values.push((&time.frontier, Type::INT8));
            values.push((&name, Type::TEXT));
        }
        let doing = "writing the time";
        let row = client
            .query_typed_opt(&sql, &values)
            .await
            .map_err(|error| self.failed(error, doing))?
            .ok_or_else(|| {
                Error::new(ErrorKind::Busy, NotAtOnce.to_string()).caused_by(NotAtOnce)
            })?;
        let ticket = || -> Result<Ticket, tokio_postgres::Error> {
            Ok(Ticket {
                time: row.try_get(0)?,
                id: row.try_get(1)?,
                backend: row.try_get(2)?,
                transaction: row.try_get(3)?,
                followers: Followers::default(),
                settings: Vec::new(),
            })
        };
        ticket().map_err(|error| self.failed(error, doing))
    }

    /// Turns settings off in the caller's transaction, and says what they were. A transaction of ours begins like that.
    async fn change_settings(&self, client: &Client) -> Result<Vec<String>, Failure> {
        let before = OFF.map(|name| format!("pg_catalog.current_setting('{name}')"));
        let after = OFF.map(|name| format!("pg_catalog.set_config('{name}', 'off', true)"));
        let doing = "reading the settings for a change";
        let sql = format!("SELECT {}, {}", before.join(", "), after.join(", "));
        let row = client.query_typed_one(&sql, &[]).await;
        let row = row.map_err(|error| self.failed(error, doing))?;
        let settings = (0..OFF.len()).map(|column| row.try_get(column));
        let settings: Result<Vec<String>, tokio_postgres::Error> = settings.collect();
        settings.map_err(|error| self.failed(error, doing))
    }

    /// Gives the caller's transaction the settings back that it had. Where the change fails, the server does.
    fn give_back<'a>(&'a self, client: &'a Client, settings: Vec<String>) -> Request<'a, ()> {
        Box::pin(async move {
            let set = OFF.iter().zip(1..);
            let set: Vec<String> = set
                .map(|(name, place)| format!("pg_catalog.set_config('{name}', ${place}, true)"))
                .collect();
            let values: Vec<(&(dyn ToSql + Sync), Type)> = settings
                .iter()
                .map(|setting| (setting as &(dyn ToSql + Sync), Type::TEXT))
                .collect();
            let sql = format!("SELECT {}", set.join(", "));
            let done = execute(client, &sql, &values).await;
            done.map_err(|error| self.failed(error, "giving the settings back after a change"))
        })
    }

    pub(crate) fn request<'a>(&'a self, client: &'a Client, sql: String) -> Request<'a, ()> {
        Box::pin(async move {
            let name = self.graph.name();
            let values: [(&(dyn ToSql + Sync), Type); 1] = [(&name, Type::TEXT)];
            let done = execute(client, &sql, &values).await;
            done.map_err(|error| self.failed(error, "writing the time"))
        })
    }

    /// [`Ledger::commit_at_once`](deltaview_store::protocol::Ledger::commit_at_once) as a statement. What it refuses, it
    /// does not tell apart: it gives no row then.
    ///
    /// Where the last time was abandoned, the clock is not at the time that is complete, and nothing is in flight.
    fn sql_draw(&self, options: &CommitOptions) -> String {
        let (clock, times) = (self.place(CLOCK), self.place(TIMES));
        let (next, only, named) = if options.is_default() {
            let only = format!("\"t\" < {}", i64::MAX);
            ("\"t\" + 1", only, String::new())
        } else {
            let changes = self.place(CHANGES);
            let only = format!(
                "CASE WHEN $2 IS NULL THEN \"t\" < {} ELSE $2 > \"t\" AND $2 > COALESCE($3, 0) END \
                 AND COALESCE($3, 0) <= \"t\" AND NOT EXISTS \
                 (SELECT 1 FROM {changes} WHERE \"graph\" = $1 AND \"change_id\" = $4)",
                i64::MAX
            );
            let named = format!(
                ", named AS (INSERT INTO {changes} (\"graph\", \"change_id\", \"t\", \"at\") \
                 SELECT $1, $4, \"t\", pg_catalog.now() FROM tick WHERE $4 IS NOT NULL)"
            );
            ("COALESCE($2, \"t\" + 1)", only, named)
        };
        format!(
            "WITH tick AS (UPDATE {clock} SET \"t\" = {next}, \"complete\" = {next} WHERE \"graph\" = $1 AND {only} \
             AND (\"t\" = \"complete\" OR NOT EXISTS (SELECT 1 FROM {times} WHERE \"graph\" = $1)) \
             RETURNING \"t\"){named} \
             INSERT INTO {} (\"graph\", \"t\", \"id\", \"at\") SELECT $1, \"t\", pg_catalog.gen_random_uuid(), \
             pg_catalog.now() FROM tick RETURNING \"t\", \"id\"::text, pg_catalog.pg_backend_pid(), \
             pg_catalog.pg_current_xact_id()::xid::text",
            self.place(COMMITS),
        )
    }

    fn sql_last_update(&self) -> String {
        format!(
            "UPDATE {} AS u SET \"t\" = c.\"t\" FROM {} AS c WHERE u.\"graph\" = $1 AND c.\"graph\" = $1",
            self.place(LAST_UPDATE),
            self.place(CLOCK),
        )
    }

    /// Forgets commits that nobody can be in doubt about any more. Two for each that comes: so there is an end to it.
    pub(crate) fn sql_forget(&self) -> String {
        let commits = self.place(COMMITS);
        format!(
            "DELETE FROM {commits} WHERE \"graph\" = $1 AND \"t\" IN \
             (SELECT \"t\" FROM {commits} WHERE \"graph\" = $1 ORDER BY \"t\" LIMIT 2) \
             AND \"at\" < pg_catalog.now() - interval '1 hour'"
        )
    }

    /// Forgets the names of changes that nobody will make again any more, two for each that comes.
    pub(crate) fn sql_forget_names(&self) -> String {
        let changes = self.place(CHANGES);
        format!(
            "DELETE FROM {changes} WHERE \"graph\" = $1 AND \"t\" IN \
             (SELECT \"t\" FROM {changes} WHERE \"graph\" = $1 ORDER BY \"t\" LIMIT 2) \
             AND \"at\" < pg_catalog.now() - interval '1 day'"
        )
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
