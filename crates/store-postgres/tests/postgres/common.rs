//! A schema for a test, and how to reach the server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use deltaview_graph::Graph;
use deltaview_store::Error;
use deltaview_store_postgres::deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use deltaview_store_postgres::tokio_postgres::{Config, NoTls};
use deltaview_store_postgres::{PostgresOptions, PostgresStore};
use tokio::runtime::{Builder, Runtime};

/// How to reach the server.
pub(crate) fn config() -> Config {
    let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
        "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one, \
         `cargo xtask test --skip-postgres` leaves these tests out",
    );
    url.parse().expect("the URL of a Postgres server")
}

/// A pool of so many connections.
pub(crate) fn pool(config: Config, size: usize) -> Pool {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(config, NoTls, recycling))
        .max_size(size)
        .build()
        .unwrap()
}

/// A schema that nobody else uses, and a pool of connections to its database. It is dropped with everything in it.
pub(crate) struct Place {
    pub(crate) schema: String,
    pub(crate) pool: Pool,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_pool(pool(config(), 8))
    }

    pub(crate) fn with_pool(pool: Pool) -> Self {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let schema = format!(
            "deltaview test {} {} {}",
            std::process::id(),
            since.unwrap().subsec_nanos(),
            PLACES.fetch_add(1, Ordering::Relaxed)
        );
        Self { schema, pool }
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new().schema(&self.schema)
    }

    pub(crate) async fn connect(&self, graph: &Graph) -> PostgresStore {
        self.try_connect(graph).await.unwrap()
    }

    pub(crate) async fn try_connect(&self, graph: &Graph) -> Result<PostgresStore, Error> {
        self.options().connect(self.pool.clone(), graph).await
    }

    /// Runs statements in the schema.
    pub(crate) async fn run(&self, sql: &str) {
        let client = self.pool.get().await.unwrap();
        let sql = format!(
            "SET search_path = \"{}\"; {sql}; RESET search_path",
            self.schema
        );
        client.batch_execute(&sql).await.unwrap();
    }

    /// The tables that keep the past of views.
    pub(crate) async fn past_tables(&self) -> Vec<String> {
        let client = self.pool.get().await.unwrap();
        let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 AND tablename ~ '__(versions|rows|log)$'";
        let rows = client.query(sql, &[&self.schema]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The number that a query in the schema says.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let client = self.pool.get().await.unwrap();
        let path = format!("SET search_path = \"{}\"", self.schema);
        client.batch_execute(&path).await.unwrap();
        let row = client.query_one(sql, &[]).await.unwrap();
        client.batch_execute("RESET search_path").await.unwrap();
        row.get(0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let schema = self.schema.clone();
        // On a thread of its own: whoever drops this may be inside of a runtime.
        let dropped = std::thread::spawn(move || {
            blocking().block_on(async {
                let (client, connection) = config().connect(NoTls).await.unwrap();
                let driven = tokio::spawn(connection);
                // A transaction that a test left behind may not have heard that it is over.
                let stop = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_class ON pg_class.oid = relation \
                     JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = '{schema}'"
                );
                client.batch_execute(&stop).await.unwrap();
                let sql = format!("SET lock_timeout = '20s'; DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
                client.batch_execute(&sql).await.unwrap();
                drop(client);
                driven.await.unwrap().unwrap();
            });
        });
        if !std::thread::panicking() {
            dropped
                .join()
                .expect("a schema that nobody uses can be dropped");
        }
    }
}

pub(crate) fn blocking() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
