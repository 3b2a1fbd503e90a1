//! [`BlockingPostgresVersions`]: the same table, for programs without a runtime.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use deltaview_store::versions::{
    Batch, Changed, KeyRange, MapSpec, Order, Page, Place, RangePage, Swept, TimeState, Version,
    Versions, VersionsError, Written,
};
use deltaview_store::{Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::NoTls;

use super::PostgresVersions;
use crate::error::Context;
use crate::options::PostgresOptions;

/// A table of versions in a Postgres database, for programs that have no runtime of their own: each call waits. It is the
/// contract [`Versions`] over [`PostgresVersions`]. Inside of a runtime its calls panic: use the other one there.
#[derive(Clone)]
pub struct BlockingPostgresVersions {
    versions: PostgresVersions,
    runtime: Arc<Runtime>,
}

impl fmt::Debug for BlockingPostgresVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingPostgresVersions")
            .field(&self.versions)
            .finish()
    }
}

impl BlockingPostgresVersions {
    /// Connects to the server of a URL, `postgres://user:password@host:5432/database`, without TLS, by a pool of four
    /// connections. Where `may_create` is not set, the map must be there.
    ///
    /// # Errors
    ///
    /// The URL is none, and as [`PostgresVersions::connect`].
    pub fn connect(
        url: &str,
        spec: &MapSpec,
        options: &PostgresOptions,
        may_create: bool,
    ) -> Result<Self, Error> {
        let doing = || "reading the database's URL".to_string();
        let config = url.parse::<tokio_postgres::Config>().context(doing)?;
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let refused = |what: &str, error: String| {
            Error::new(
                ErrorKind::Database,
                format!("{what} can't be made: {error}"),
            )
        };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(4)
            .build()
            .map_err(|error| refused("a pool", error.to_string()))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| refused("a runtime", error.to_string()))?;
        let versions = runtime.block_on(async {
            if may_create {
                PostgresVersions::connect(pool, spec, options).await
            } else {
                PostgresVersions::connect_existing(pool, spec, options).await
            }
        })?;
        Ok(Self {
            versions,
            runtime: Arc::new(runtime),
        })
    }

    /// Waits for a future, on the runtime that this table has.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The same table, asynchronous: see [`Self::block_on`].
    pub fn versions(&self) -> &PostgresVersions {
        &self.versions
    }
}

impl Versions for BlockingPostgresVersions {
    fn name(&self) -> &str {
        self.versions.name()
    }

    fn state(&self) -> Result<TimeState, VersionsError> {
        self.runtime.block_on(self.versions.state())
    }

    fn write(&self, now: i64, batch: &Batch) -> Result<Written, VersionsError> {
        self.runtime.block_on(self.versions.write(now, batch))
    }

    fn settle(&self, time: i64) -> Result<(), VersionsError> {
        self.runtime.block_on(self.versions.settle(time))
    }

    fn newest(
        &self,
        keys: &[Vec<u8>],
        at: Option<i64>,
    ) -> Result<Vec<Option<Version>>, VersionsError> {
        self.runtime.block_on(self.versions.newest(keys, at))
    }

    fn range(
        &self,
        keys: &KeyRange,
        at: i64,
        order: Order,
        limit: usize,
    ) -> Result<RangePage, VersionsError> {
        self.runtime
            .block_on(self.versions.range(keys, at, order, limit))
    }

    fn versions(
        &self,
        key: &[u8],
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Version>, VersionsError> {
        self.runtime
            .block_on(self.versions.versions(key, before, limit))
    }

    fn times(&self, before: Option<i64>, limit: usize) -> Result<Page<i64>, VersionsError> {
        self.runtime.block_on(self.versions.times(before, limit))
    }

    fn changes(
        &self,
        after: i64,
        upto: i64,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Page<Changed>, VersionsError> {
        self.runtime
            .block_on(self.versions.changes(after, upto, from, limit))
    }

    fn forget(&self, before: i64) -> Result<(), VersionsError> {
        self.runtime.block_on(self.versions.forget(before))
    }

    fn sweep(&self, from: Option<&Place>, limit: usize) -> Result<Swept, VersionsError> {
        self.runtime.block_on(self.versions.sweep(from, limit))
    }

    fn wait(&self, after: i64, timeout: Duration) -> Result<i64, VersionsError> {
        self.runtime.block_on(self.versions.wait(after, timeout))
    }

    fn another(&self) -> Result<Self, VersionsError> {
        Ok(self.clone())
    }
}
