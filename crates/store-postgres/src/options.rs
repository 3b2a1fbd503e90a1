//! How a Postgres store is connected.

use std::time::Duration;

use deadpool_postgres::Pool;
use deltaview_graph::Graph;
use deltaview_store::Error;

use crate::PostgresStore;
use crate::ddl::DEFAULT_SCHEMA;
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
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a store is connected with them"]
pub struct PostgresOptions {
    pub(crate) schema: String,
    pub(crate) retry_for: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresOptions {
    /// The schema `deltaview`; 10 seconds of trying again.
    pub fn new() -> Self {
        Self {
            schema: DEFAULT_SCHEMA.to_string(),
            retry_for: Duration::from_secs(10),
        }
    }

    /// The schema that the tables are in. It is created where it is missing.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// How long a commit waits between attempts, all in all, before it gives up on a lost connection, a serialisation
    /// failure or a deadlock. Zero: it is not tried again.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry_for = time;
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
