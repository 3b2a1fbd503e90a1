//! How a Postgres store is connected.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use deltaview_graph::Graph;
use deltaview_store::Error;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Socket};

use crate::PostgresStore;
use crate::ddl::DEFAULT_SCHEMA;
use crate::listen::{ByConfig, Listen};
use crate::store::Access;

/// How a Postgres store is connected: in which schema its tables are, how long it tries again.
///
/// ```no_run
/// use std::time::Duration;
/// use deltaview_graph::Graph;
/// use deltaview_store_postgres::{PostgresOptions, deadpool_postgres::Pool};
///
/// # async fn connect(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
/// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
/// let store = PostgresOptions::new()
///     .schema("views")
///     .retry_for(Duration::from_secs(30))
///     .connect(pool, &graph)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until a store is connected with them"]
pub struct PostgresOptions {
    pub(crate) schema: String,
    pub(crate) retry_for: Duration,
    pub(crate) lease: Duration,
    pub(crate) listen: Option<Arc<dyn Listen>>,
    pub(crate) json: bool,
    pub(crate) prepare: bool,
    pub(crate) hot_set: usize,
    pub(crate) deadline: Duration,
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("retry_for", &self.retry_for)
            .field("lease", &self.lease)
            .field("json", &self.json)
            .field("prepare", &self.prepare)
            .field("hot_set", &self.hot_set)
            .field("deadline", &self.deadline)
            .field("listens", &self.listen.is_some())
            .finish()
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresOptions {
    /// The schema `deltaview`; 10 seconds of trying again; a deadline of 5 seconds; leases of 5 minutes, no listening, no
    /// JSON; statements are prepared; a hot set of 16 MiB.
    pub fn new() -> Self {
        Self {
            schema: DEFAULT_SCHEMA.to_string(),
            retry_for: Duration::from_secs(10),
            lease: Duration::from_secs(300),
            listen: None,
            json: false,
            prepare: true,
            hot_set: 16 * 1024 * 1024,
            deadline: Duration::from_secs(5),
        }
    }

    /// The schema that the tables are in. It is created where it is missing.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// How long a commit waits between attempts, all in all, before it gives up on a lost connection, a serialisation
    /// failure or a deadlock; and a read, before it gives up on a connection that was lost before anything was read. Zero:
    /// nothing is tried again.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry_for = time;
        self
    }

    /// How long a change waits for the changes of other workers that go before it, for the lock of the graph and for a
    /// connection of the pool, where it has no deadline of [its own](deltaview_store::CommitOptions::within); and [`verify`](PostgresStore::verify) for there to be none
    /// between two stages.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long a [subscription](crate::Subscription) is waited for that is not polled: then its cursor is taken for dead,
    /// and what it has missed is not kept. One second at least.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// Lets subscriptions be woken by `LISTEN`, so that a delta is handed out as soon as it is committed: the store opens
    /// one connection for it, besides the pool's, at the first subscription, and closes it after the last. Connections of
    /// a pool can't do it. `config` and `tls` are those that the pool was built with; it must be a connection to the
    /// server itself, or by a pooler that gives a session its own.
    ///
    /// ```no_run
    /// # use deltaview_graph::Graph;
    /// # use deltaview_store_postgres::{PostgresOptions, deadpool_postgres::{Manager, Pool}, tokio_postgres::{Config, NoTls}};
    /// # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (graph, seen) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
    /// let config: Config = "postgres://app@localhost/app".parse()?;
    /// let pool = Pool::builder(Manager::new(config.clone(), NoTls)).build()?;
    /// let store = PostgresOptions::new().listen(config, NoTls).connect(pool, &graph).await?;
    /// let mut deltas = store.view(seen).subscribe().await?;
    /// while let Some(delta) = deltas.next().await {
    ///     println!("{}", delta?.rows());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen<T>(mut self, config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.listen = Some(Arc::new(ByConfig { config, tls }));
        self
    }

    /// Whether [`connect`](Self::connect) makes, where they are missing, a function and for each view a view of SQL's
    /// that has its rows as JSON: see [the crate](crate#rows-as-json). They are replaced where they were made by an older
    /// deltaview, and stay there where a later store is connected without this. Something else under one of their names
    /// is an [`ErrorKind::Mismatch`](deltaview_store::ErrorKind::Mismatch), and is left alone.
    ///
    /// Nothing is stored for it, and nothing is written more slowly.
    ///
    /// ```no_run
    /// # use deltaview_graph::Graph;
    /// # use deltaview_store_postgres::{PostgresOptions, deadpool_postgres::Pool};
    /// # async fn connect(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
    /// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
    /// let store = PostgresOptions::new().json(true).connect(pool.clone(), &graph).await?;
    /// let sql = "SELECT \"row\" #>> '{}' FROM deltaview.words__seen__view__json";
    /// for row in pool.get().await?.query(sql, &[]).await? {
    ///     let word: &str = row.get(0);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn json(mut self, json: bool) -> Self {
        self.json = json;
        self
    }

    /// Whether the statements that are sent again and again are prepared, and stay so on the connections of the pool:
    /// small changes and look-ups by key take less of the server's time then. They are, unless this says otherwise.
    /// Preparing costs no round trip, and nothing is prepared on connections of your own
    /// ([`commit_in`](PostgresStore::commit_in)).
    ///
    /// Behind a pooler that pools transactions and does not know prepared statements (PgBouncer before 1.21, or with
    /// `max_prepared_statements = 0`) it must be `false`.
    pub fn prepare(mut self, prepare: bool) -> Self {
        self.prepare = prepare;
        self
    }

    /// So many bytes of the stored state are kept in memory from one change to the next, as rows of what changes have looked
    /// at: the *hot set*. A change that needs nothing else asks for nothing, and waits for the server twice. It is of use
    /// as long as no other store commits changes of the graph: each commit finds out, behind the lock of the graph, whether
    /// the one before it was this store's. Where it was not the change begins anew without what was kept, and for a while
    /// nothing is, longer each time. 0: nothing is kept.
    ///
    /// What is written to the tables past deltaview is not noticed until then.
    pub fn hot_set(mut self, bytes: usize) -> Self {
        self.hot_set = bytes;
        self
    }

    /// As [`PostgresStore::connect`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect(self, pool: Pool, graph: &Graph) -> Result<PostgresStore, Error> {
        PostgresStore::connect_with(pool, graph, &self, Access::Create).await
    }

    /// As [`PostgresStore::connect_existing`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect_existing(self, pool: Pool, graph: &Graph) -> Result<PostgresStore, Error> {
        PostgresStore::connect_with(pool, graph, &self, Access::Existing).await
    }

    /// As [`PostgresStore::connect_read_only`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect_read_only(
        self,
        pool: Pool,
        graph: &Graph,
    ) -> Result<PostgresStore, Error> {
        PostgresStore::connect_with(pool, graph, &self, Access::ReadOnly).await
    }
}
