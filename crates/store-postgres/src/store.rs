//! [`PostgresStore`]: a pool and a graph. It owns what a store can be asked; how a change is committed is in `at_once.rs` and
//! `workers`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use deltaview_graph::{Change, Graph, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::feed::not_reached;
use deltaview_store::observe::Watched;
use deltaview_store::protocol::Status;
use deltaview_store::{CommitOptions, Committed, Error, ErrorKind, Flush};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};
use tracing::Instrument;

use crate::catalog::{self, Found};
use crate::engine::{Engine, lock_key};
use crate::error::{Context, is_of};
use crate::hot::{Hot, HotSet, Stale};
use crate::json;
use crate::listen::{Hints, Listening};
use crate::options::PostgresOptions;
use crate::pending::Pending;
use crate::retry::Pauses;
use crate::scope::{Kind, Scope};
use crate::ticket::NotAtOnce;
use crate::view::{Snapshot, View};
use crate::workers::{Deadline, Names};
use crate::write::{Expected, Unexpected};

/// What connecting may do to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Create the schema and the tables.
    Create,
    /// Create nothing.
    Existing,
    /// Create nothing, write nothing.
    ReadOnly,
}

/// The state of a graph in a Postgres database.
///
/// It is cheap to clone, and all its methods take `&self`: a web service has one, and gives each request a clone.
///
/// A commit is one transaction on a connection of the pool. Changes of one graph are made one after the other, whoever
/// makes them: each holds a transaction-level advisory lock, whose key is made of the schema and the graph's name
/// ([`Self::lock_key`]). Readers never wait, and see a whole iteration or none of it.
///
/// The number of round trips of a commit is bounded by the depth of the graph, whatever the number of rows: one for each
/// step of the tick that must see stored rows, and one for the writes and `COMMIT`. Statements are prepared once a
/// connection, unless [`PostgresOptions::prepare`] says otherwise: a pooler between the store and the server may pool
/// transactions if it knows prepared statements or there are none, and no worker commits stage by stage: see
/// [`Self::commit_with`].
///
/// A future that is dropped takes its transaction back, before the connection is used again. A statement that is under
/// way goes on to its end first: whoever is given the connection by the pool waits for that. A connection that waits for the
/// lock of the graph then is not given back: the pool makes another in its place.
///
/// A change waits for the lock of the graph, and for a connection of the pool, until its deadline, which is an
/// [`ErrorKind::Timeout`] that says who has the lock; a shorter `lock_timeout` of the connections is an
/// [`ErrorKind::Busy`].
///
/// A pool whose connections are all held by the caller can't serve the caller's commits: inside of a transaction of your
/// own use [`Self::commit_in`].
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: Pool,
    pub(crate) engine: Engine,
    pub(crate) retry_for: Duration,
    pub(crate) lease: Duration,
    pub(crate) listening: Listening,
    pub(crate) deadline: Duration,
    pub(crate) names: Names,
    pub(crate) hot: HotSet,
    access: Access,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("graph", &self.inner.engine.graph)
            .field("schema", &self.inner.engine.namespace)
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects by a pool, creating the schema `deltaview` and the graph's tables where they are missing. The database
    /// may be the application's own. Several processes may do so at once.
    ///
    /// # Errors
    ///
    /// The server can't be reached, is older than Postgres 13, or its encoding is not UTF-8; the database was made by a
    /// newer version; it has the graph in another shape, only a part of it, or somebody else's table under one of its
    /// names ([`ErrorKind::Mismatch`], with every difference); the user may not create what is missing
    /// ([`ErrorKind::Denied`]). The database is left as it was.
    pub async fn connect(pool: Pool, graph: &Graph) -> Result<Self, Error> {
        PostgresOptions::new().connect(pool, graph).await
    }

    /// Connects to a database that has the graph's tables, and creates nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`]; and [`ErrorKind::NotDeltaview`] where the schema has nothing of this graph.
    pub async fn connect_existing(pool: Pool, graph: &Graph) -> Result<Self, Error> {
        PostgresOptions::new().connect_existing(pool, graph).await
    }

    /// Connects to a database that has the graph's tables only to read them. The user needs no more than `USAGE` of the
    /// schema and `SELECT` on its tables; the server may be a replica.
    ///
    /// # Errors
    ///
    /// As [`Self::connect_existing`]. Committing is an [`ErrorKind::ReadOnly`].
    pub async fn connect_read_only(pool: Pool, graph: &Graph) -> Result<Self, Error> {
        PostgresOptions::new().connect_read_only(pool, graph).await
    }

    pub(crate) async fn connect_with(
        pool: Pool,
        graph: &Graph,
        options: &PostgresOptions,
        access: Access,
    ) -> Result<Self, Error> {
        let mut engine = Engine::new(graph, &options.schema);
        engine.prepares = options.prepare;
        let inner = Inner {
            listening: Listening::new(options.listen.clone(), engine.channel()),
            engine,
            pool,
            retry_for: options.retry_for,
            lease: options.lease,
            deadline: options.deadline,
            names: Names::default(),
            hot: HotSet::new(options.hot_set),
            access,
        };
        // Looked at before anything is written, so that a database that is refused stays as it was.
        let found = inner.check().await?;
        let wants_json = options.json && access == Access::Create;
        match (access, found) {
            (_, Found::Same) if !wants_json || inner.has_json().await? => {}
            (_, Found::Same) | (Access::Create, Found::Nothing) => inner.create(wants_json).await?,
            (Access::Existing | Access::ReadOnly, Found::Nothing) => {
                return Err(inner.engine.nothing_of_graph());
            }
        }
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The bytes of the stored state that are kept in memory as rows: see [`PostgresOptions::hot_set`]. None while a change
    /// has them.
    pub fn hot_set_bytes(&self) -> usize {
        self.inner.hot.bytes()
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.inner.engine.graph
    }

    /// The key of the transaction-level advisory lock that changes of this graph hold: the first eight bytes, as a
    /// big-endian number, of the BLAKE3 hash of `deltaview`, the schema and the graph's name, with a NUL between them.
    /// Whoever takes it (`pg_advisory_xact_lock`) keeps changes out until the end of the transaction.
    pub fn lock_key(&self) -> i64 {
        self.inner.engine.lock_key
    }

    /// Begins a change: add to it with the methods of [`Edit`](deltaview_graph::Edit), then
    /// [`commit`](Pending::commit) it.
    pub fn change(&self) -> Pending<'_> {
        Pending {
            store: self,
            change: self.graph().change(),
            options: CommitOptions::default(),
        }
    }

    /// Runs a change as one iteration, in one transaction: all of it, or nothing.
    ///
    /// A serialisation failure, a deadlock and a connection that is lost before the transaction commits are tried again
    /// for [a while](PostgresOptions::retry_for). If the connection is lost while the transaction commits, the database
    /// is asked whether it did; the change is never made twice.
    ///
    /// # Errors
    ///
    /// The change makes no sense, a closure panics, a weight or a sum overflows, a key has text with a NUL
    /// ([`ErrorKind::UnsupportedKey`]), the database can't be written or reached. The state is as it was before, and the
    /// store can be used on. Only after an [`ErrorKind::Uncertain`] nobody knows: the connection was lost while the
    /// transaction was committing, and the database did not come back in time.
    pub async fn commit(&self, change: &Change) -> Result<Committed, Error> {
        self.commit_with(change, &CommitOptions::default()).await
    }

    /// [`Self::commit`] at a time of one's own, behind a frontier, stage by stage, or under a name.
    ///
    /// Where nothing is in flight, a change with [`Flush::AtEnd`] is committed as ever. One that has to wait for others,
    /// or that goes stage by stage ([`Flush::EachTable`]), holds one connection of the pool from its reservation to its
    /// end, with an advisory lock of the session for its time: when the session ends, whoever waits for it sees that at
    /// once, and finishes the change. So all workers of a graph need sessions of their own as soon as one of them commits
    /// stage by stage: a pooler between the store and the server has to pool sessions, not transactions.
    ///
    /// ```no_run
    /// # use deltaview_graph::{Edit, Graph};
    /// # use deltaview_store::{ChangeId, Flush};
    /// # use deltaview_store_postgres::{PostgresStore, deadpool_postgres::Pool};
    /// # async fn add(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
    /// # let (graph, (words, seen)) = Graph::build("words", |g| {
    /// #     let words = g.input::<String>("words");
    /// #     (words.handle(), words.view("seen"))
    /// # })?;
    /// # let store = PostgresStore::connect(pool.clone(), &graph).await?;
    /// let request = ChangeId::new("request 4711").ok_or("a bad name")?;
    /// let committed = store
    ///     .change()
    ///     .insert(words, ["one".to_string()])
    ///     .at(Flush::EachTable)
    ///     .change_id(request) // can be made again, and is not doubled
    ///     .commit()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::commit`]. Besides: [`PastTime`](ErrorKind::PastTime), [`Halted`](ErrorKind::Halted);
    /// [`Timeout`](ErrorKind::Timeout) where others were waited for in vain: it names whom. A change with
    /// [`Flush::EachTable`] that had passed a stage when it timed out happens later, unless somebody
    /// [abandons](Self::abandon) it: make it again under its name to learn what became of it. So does one whose future is
    /// dropped.
    pub async fn commit_with(
        &self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        let watched = Watched::begin(self.graph(), options.time().flush);
        let committing = self.commit_change(change, options);
        let result = committing.instrument(watched.span().clone()).await;
        watched.end(&result);
        result
    }

    async fn commit_change(
        &self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        self.inner.refuse_to_write()?;
        let deadline = Deadline::within(options.deadline().unwrap_or(self.inner.deadline));
        let mut pauses = self.inner.pauses();
        let mut expected = Expected::Usual;
        while options.time().flush == Flush::AtEnd {
            let committed = self.inner.commit_once(change, options, expected, &deadline);
            let error = match committed.await {
                Ok(committed) => return Ok(committed),
                Err(error) if is_of::<NotAtOnce>(&error) => break,
                Err(error) if is_of::<Stale>(&error) => {
                    self.inner.hot.was_stale();
                    continue;
                }
                Err(error) if is_of::<Unexpected>(&error) => {
                    expected = Expected::Anything;
                    continue;
                }
                Err(error) => error,
            };
            let is_passing = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Disconnected);
            if !is_passing || !pauses.wait().await {
                return Err(error);
            }
        }
        let inner = &self.inner;
        inner.commit_in_turn(change, options, deadline).await
    }

    /// How the workers on this store stand: what is in flight, who holds it, who waits for whom, whether it has halted.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    pub async fn status(&self) -> Result<Status, Error> {
        self.inner.status().await
    }

    /// Goes on with an iteration that has halted the graph, from the stage that failed: with a program in which it does
    /// not fail any more. Returns its time.
    ///
    /// # Errors
    ///
    /// [`NotHalted`](ErrorKind::NotHalted); or it fails again, and halts the graph again.
    pub async fn resume(&self) -> Result<i64, Error> {
        self.inner.refuse_to_write()?;
        self.inner.resume_halted().await
    }

    /// Takes back an iteration that has halted the graph, or that a dead worker has left: as if it had never been. Later
    /// ones that had gone ahead are taken back too and made again by their workers, or by whoever comes next.
    ///
    /// # Errors
    ///
    /// [`NotHalted`](ErrorKind::NotHalted): nothing is in flight at that time, or its worker is alive.
    pub async fn abandon(&self, time: i64) -> Result<(), Error> {
        self.inner.refuse_to_write()?;
        self.inner.abandon(time).await
    }

    /// Commits a change inside of the caller's own transaction, on this database: it and what else the transaction
    /// writes are committed together, or not at all. `tx` may be of any connection to the database, and
    /// `deadpool_postgres`'s transactions are taken too.
    ///
    /// From here to the end of the transaction nobody else can change the graph, so let it end soon.
    ///
    /// ```no_run
    /// # use deltaview_graph::{Edit, Graph};
    /// # use deltaview_store_postgres::{PostgresStore, deadpool_postgres::Pool};
    /// # async fn add(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
    /// # let (graph, (words, seen)) = Graph::build("words", |g| {
    /// #     let words = g.input::<String>("words");
    /// #     (words.handle(), words.view("seen"))
    /// # })?;
    /// let store = PostgresStore::connect(pool.clone(), &graph).await?;
    ///
    /// let mut client = pool.get().await?;
    /// let tx = client.transaction().await?;
    /// tx.execute("INSERT INTO log VALUES ('added a word')", &[]).await?;
    /// store.commit_in(&tx, &graph.change().insert(words, ["one".to_string()])).await?;
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::commit`], but that nothing is tried again: see [`Error::is_retryable`]. A [`Busy`](ErrorKind::Busy) says
    /// that another worker's change is in flight, which this one would have to wait for. What the change wrote is taken
    /// back to where it began, and the transaction can go on without it, unless the connection is lost. A transaction
    /// that is `REPEATABLE READ` or `SERIALIZABLE` and began before the last change of the graph gets an
    /// [`ErrorKind::Conflict`]: roll it back, and begin again. A transaction on a database that does not have the
    /// graph's tables is an error.
    pub async fn commit_in(
        &self,
        tx: &Transaction<'_>,
        change: &Change,
    ) -> Result<Committed, Error> {
        self.commit_in_with(tx, change, &CommitOptions::default())
            .await
    }

    /// [`Self::commit_in`] at a time of one's own, behind a frontier, or under a name. It can't wait inside of the
    /// caller's transaction, so a deadline counts for nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::commit_in`]. Besides: [`PastTime`](ErrorKind::PastTime), [`Halted`](ErrorKind::Halted). A change with
    /// [`Flush::EachTable`] is refused: it is several transactions.
    pub async fn commit_in_with(
        &self,
        tx: &Transaction<'_>,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        self.inner.refuse_to_write()?;
        if options.time().flush == Flush::EachTable {
            return Err(self.inner.refuse_stages_inside(options.time()));
        }
        let mut hot = Hot::nothing(self.graph());
        let scope = Scope::new(tx.client(), Kind::Savepoint);
        let engine = &self.inner.engine;
        let mut ticket = None;
        let written = async {
            let ran = engine.run(&scope, &mut ticket, &mut hot, change, options);
            let commit = ran.await?;
            let expected = Expected::Anything;
            let of = (options, None);
            let written = engine.write(&scope, &mut ticket, of, &commit, expected);
            written.await.map(|()| commit)
        };
        let commit = match written.await {
            Ok(commit) => commit,
            Err(error) if is_of::<NotAtOnce>(&error) => {
                drop(scope);
                return self.inner.why_not_at_once(tx.client(), options).await;
            }
            Err(error) => return Err(error),
        };
        scope
            .keep()
            .await
            .context(|| "committing inside the caller's transaction".to_string())?;
        let ticket = ticket.expect("whoever opens gets a ticket");
        let changes = hot.state.absorb(commit);
        Ok(Committed::new(ticket.time, changes))
    }

    /// The time of the last iteration; 0 before the first.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    pub async fn time(&self) -> Result<i64, Error> {
        let mut pauses = self.inner.pauses();
        loop {
            match self.inner.time().await {
                Ok(time) => return Ok(time),
                Err(error) => pauses.after(error).await?,
            }
        }
    }

    /// Reads a view. Each read that is begun sees the state of one iteration, and may see a later one than the read
    /// before it: for several reads of the same state there is [`Self::snapshot`].
    ///
    /// A connection that turns out to be lost before the first rows came is replaced by another one, for
    /// [a while](PostgresOptions::retry_for). One that is lost later ends the read with an
    /// [`ErrorKind::Disconnected`]: what was read is of a state that nobody can go on with.
    pub fn view<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> View<T, K> {
        View::of_store(Arc::clone(&self.inner), view)
    }

    /// The state of the last iteration, for as many reads as are made of it. It holds a connection of the pool, and a
    /// transaction on it, until it and all that is read from it are dropped: let that be soon.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        Snapshot::take(Arc::clone(&self.inner)).await
    }

    /// The same, but of a state in which no iteration is between its stages: also what is stored besides the views is of
    /// that one time, as [`Snapshot::answer`] needs it. Such a state is waited for, until the store's
    /// [deadline](PostgresOptions::deadline). Without changes with [`Flush::EachTable`] every state is one.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout); or the database can't be read.
    pub async fn snapshot_at_rest(&self) -> Result<Snapshot, Error> {
        Snapshot::take_at_rest(&self.inner).await
    }

    /// Waits until the iteration of a time is there to be read, whoever has committed it: what is read after it sees that
    /// iteration. So one process can read what another one has written, where it is told the
    /// [time](Committed::time). On a replica too. A duration of zero looks, and does not wait.
    ///
    /// It looks with pauses that grow to a quarter of a second, and is woken earlier while a subscription of this store
    /// [listens](PostgresOptions::listen).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`]: the time was not reached within the duration; the message has the time that was. The
    /// database can't be read.
    pub async fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error> {
        let deadline = Instant::now().checked_add(within);
        let mut hints = Hints::new(self.inner.listening.running(), Duration::from_millis(250));
        loop {
            hints.mark();
            let looked = self.time().await;
            if matches!(looked, Ok(reached) if reached >= time) {
                return Ok(());
            }
            let left = deadline.map_or(within, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            match looked {
                Err(error) if !error.is_retryable() || left.is_zero() => return Err(error),
                Ok(reached) if left.is_zero() => {
                    return Err(not_reached(self.graph().name(), time, reached, within));
                }
                _ => hints.wait(left).await,
            }
        }
    }

    pub(crate) fn inner(&self) -> Arc<Inner> {
        Arc::clone(&self.inner)
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }
}

impl Inner {
    /// A connection of the pool.
    pub(crate) async fn connection(&self) -> Result<Object, Error> {
        self.pool
            .get()
            .await
            .context(|| "taking a connection from the pool".to_string())
    }

    /// The pauses between the attempts at one thing.
    pub(crate) fn pauses(&self) -> Pauses {
        Pauses::lasting(self.retry_for)
    }

    async fn time(&self) -> Result<i64, Error> {
        let connection = self.connection().await?;
        self.engine.time(&connection).await
    }

    pub(crate) fn refuse_to_write(&self) -> Result<(), Error> {
        if self.access != Access::ReadOnly {
            return Ok(());
        }
        let message = format!(
            "graph `{}` was connected to only to read it: use `connect` or `connect_existing` to write",
            self.engine.graph.name()
        );
        Err(Error::new(ErrorKind::ReadOnly, message))
    }

    /// Following needs a cursor in the database.
    pub(crate) fn refuse_to_follow(&self, vertex: &str) -> Result<(), Error> {
        if self.access != Access::ReadOnly {
            return Ok(());
        }
        let message = format!(
            "view `{vertex}` of graph `{}` can't be followed: it was connected to only to read it, and a subscription has a \
             cursor in the database. Use `connect` or `connect_existing`",
            self.engine.graph.name()
        );
        Err(Error::new(ErrorKind::ReadOnly, message))
    }

    async fn check(&self) -> Result<Found, Error> {
        // One state: another process may be creating the tables.
        let scope = Scope::new(self.connection().await?, Kind::Read);
        scope
            .begin()
            .await
            .context(|| "beginning to read the catalog".to_string())?;
        catalog::check(scope.client(), &self.engine.graph, &self.engine.namespace).await
    }

    async fn has_json(&self) -> Result<bool, Error> {
        let connection = self.connection().await?;
        json::is_there(&connection, &self.engine.graph, &self.engine.namespace).await
    }

    async fn create(&self, with_json: bool) -> Result<(), Error> {
        let Engine {
            graph, namespace, ..
        } = &self.engine;
        let doing = || format!("creating the tables of graph `{}`", graph.name());
        let scope = Scope::new(self.connection().await?, Kind::Write);
        scope.begin().await.context(doing)?;
        // One at a time in a schema, whatever the graph: no graph has an empty name.
        lock(scope.client(), lock_key(namespace, ""))
            .await
            .context(doing)?;
        catalog::create(scope.client(), graph, namespace).await?;
        if with_json {
            json::create(scope.client(), graph, namespace).await?;
        }
        scope.keep().await.context(doing)
    }
}

/// Waits for an advisory lock, which the transaction keeps to its end.
pub(crate) async fn lock(client: &Client, key: i64) -> Result<(), tokio_postgres::Error> {
    let sql = "SELECT pg_catalog.pg_advisory_xact_lock($1)";
    client.execute_typed(sql, &[(&key, Type::INT8)]).await?;
    Ok(())
}
