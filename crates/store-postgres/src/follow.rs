//! A place in the log of a view: registers a cursor, reads on from it, moves and removes it. Each is a request or a
//! transaction of its own on a connection of the pool; what follows them up is in `subscription.rs`.

use std::sync::Arc;

use deltaview_graph::Table;
use deltaview_store::feed::lagged;
use deltaview_store::feed::log::Logged;
use deltaview_store::{Error, ErrorKind};
use futures::future::BoxFuture;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::ddl::{CLOCK, CURSORS, FEED};
use crate::error::Context;
use crate::history::{Start, Stored};
use crate::retry::Pauses;
use crate::scope::{Kind, Scope};
use crate::store::{Inner, lock};

/// So many parts of the log are read at a time, and a whole delta at least.
const BATCH_PARTS: usize = 64;

/// A cursor in the database.
pub(crate) struct Cursor {
    pub(crate) inner: Arc<Inner>,
    pub(crate) vertex: String,
    name: String,
    pub(crate) is_named: bool,
}

impl Cursor {
    /// Makes an anonymous cursor, or opens one with a name, which is made where there is none: at a past time, if one is
    /// given. Returns its time too, and the stored deltas behind it that are not logged for it.
    pub(crate) async fn open(
        inner: Arc<Inner>,
        table: &Table,
        name: Option<&str>,
        from: Option<i64>,
    ) -> Result<(Self, i64, Option<Stored>), Error> {
        let vertex = &table.schema().vertex;
        inner.refuse_to_follow(vertex)?;
        let opened = retried(&inner, || Box::pin(register(&inner, table, name, from))).await;
        let Registered { stored, time, past } = opened?;
        let cursor = Self {
            inner,
            vertex: vertex.to_string(),
            name: stored,
            is_named: name.is_some(),
        };
        let past = past.filter(|up_to| *up_to > time);
        let past = past.map(|up_to| Stored::new(table.id(), time, up_to));
        Ok((cursor, time, past))
    }

    fn doing(&self) -> String {
        doing(&self.inner, &self.vertex)
    }

    /// Reads on behind a time: some of the log, each delta as a whole.
    pub(crate) async fn read(&self, behind: i64) -> Result<Vec<Logged>, Error> {
        let engine = &self.inner.engine;
        let (cursors, feed) = (engine.place(CURSORS), engine.place(FEED));
        // One statement: whether the cursor lives and what is there for it are of one state.
        let sql = format!(
            "SELECT c.\"t\", f.\"t\", f.\"rows\" FROM {cursors} AS c LEFT JOIN {feed} AS f \
             ON f.\"graph\" = c.\"graph\" AND f.\"vertex\" = c.\"vertex\" AND f.\"t\" > $4 AND f.\"t\" <= \
             (SELECT pg_catalog.max(\"t\") FROM (SELECT \"t\" FROM {feed} WHERE \"graph\" = $1 AND \"vertex\" = $2 \
             AND \"t\" > $4 ORDER BY \"t\", \"part\" LIMIT {BATCH_PARTS}) AS batch) \
             WHERE c.\"graph\" = $1 AND c.\"vertex\" = $2 AND c.\"name\" = $3 \
             AND (c.\"until\" IS NULL OR c.\"until\" > pg_catalog.now()) ORDER BY f.\"t\", f.\"part\""
        );
        let connection = self.inner.connection().await?;
        let graph = engine.graph.name();
        let rows = connection
            .query_typed(
                &sql,
                &[
                    (&graph, Type::TEXT),
                    (&self.vertex, Type::TEXT),
                    (&self.name, Type::TEXT),
                    (&behind, Type::INT8),
                ],
            )
            .await
            .context(|| self.doing())?;
        drop(connection);
        let Some(first) = rows.first() else {
            return Err(self.is_over());
        };
        if first.try_get::<_, i64>(0).context(|| self.doing())? > behind {
            return Err(self.is_moved());
        }
        let mut found: Vec<Logged> = Vec::new();
        for row in &rows {
            let time: Option<i64> = row.try_get(1).context(|| self.doing())?;
            let Some(time) = time else {
                continue;
            };
            if found.last().is_none_or(|last| last.time != time) {
                let parts = Vec::new();
                found.push(Logged { time, parts });
            }
            let part: Vec<u8> = row.try_get(2).context(|| self.doing())?;
            if let Some(last) = found.last_mut() {
                last.parts.push(part);
            }
        }
        Ok(found)
    }

    /// Moves an anonymous cursor, and renews its lease.
    pub(crate) async fn renew(&self, time: i64) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET \"t\" = $4, \"until\" = pg_catalog.now() + $5 * interval '1 millisecond' \
             WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"name\" = $3 AND \"until\" > pg_catalog.now()",
            self.inner.engine.place(CURSORS)
        );
        let lease = lease(&self.inner);
        let connection = self.inner.connection().await?;
        let more: [(&(dyn ToSql + Sync), Type); 2] = [(&time, Type::INT8), (&lease, Type::FLOAT8)];
        if self.change(&connection, &sql, &more).await? == 0 {
            return Err(self.is_over());
        }
        self.prune(&connection).await
    }

    /// Moves a named cursor from a time to another.
    pub(crate) async fn commit(&self, from: i64, to: i64) -> Result<(), Error> {
        let sql = format!(
            "UPDATE {} SET \"t\" = $4 WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"name\" = $3 \
             AND \"t\" IN ($5, $6)",
            self.inner.engine.place(CURSORS)
        );
        let mut pauses = Pauses::lasting(self.inner.retry_for);
        let mut also = from;
        loop {
            let done = async {
                let connection = self.inner.connection().await?;
                let more: [(&(dyn ToSql + Sync), Type); 3] =
                    [(&to, Type::INT8), (&from, Type::INT8), (&also, Type::INT8)];
                let moved = self.change(&connection, &sql, &more).await?;
                Ok::<_, Error>((connection, moved))
            };
            match done.await {
                Ok((_, 0)) => return Err(self.is_moved()),
                Ok((connection, _)) => {
                    // It is moved. What is not deleted now will be later.
                    let _ = self.prune(&connection).await;
                    return Ok(());
                }
                Err(error) if passes(&error) && pauses.wait().await => {
                    // It may have been done, and its answer lost.
                    also = to;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes it, and what was logged for nobody else.
    pub(crate) async fn remove(&self) -> Result<(), Error> {
        let done = retried(&self.inner, || {
            Box::pin(async {
                let scope = open_scope(&self.inner, &self.doing()).await?;
                let sql = format!(
                    "DELETE FROM {} WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"name\" = $3",
                    self.inner.engine.place(CURSORS)
                );
                self.change(scope.client(), &sql, &[]).await?;
                if let Some(sql) = self.inner.engine.sql_remove_past() {
                    self.change(scope.client(), &sql, &[]).await?;
                }
                self.prune(scope.client()).await?;
                scope.keep().await.context(|| self.doing())
            })
        });
        done.await
    }

    /// Executes a statement whose first values are those of the cursor.
    async fn change(
        &self,
        client: &Client,
        sql: &str,
        more: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<u64, Error> {
        let graph = self.inner.engine.graph.name();
        let mut values: Vec<(&(dyn ToSql + Sync), Type)> = vec![
            (&graph, Type::TEXT),
            (&self.vertex, Type::TEXT),
            (&self.name, Type::TEXT),
        ];
        values.extend_from_slice(more);
        let done = client.execute_typed(sql, &values).await;
        done.context(|| self.doing())
    }

    async fn prune(&self, client: &Client) -> Result<(), Error> {
        let graph = self.inner.engine.graph.name();
        let sql = self.inner.engine.sql_prune();
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&graph, Type::TEXT), (&self.vertex, Type::TEXT)];
        let done = client.execute_typed(&sql, &values).await;
        done.context(|| self.doing())?;
        Ok(())
    }

    fn is_over(&self) -> Error {
        let why = if self.is_named {
            "its cursor was removed"
        } else {
            "it was not polled for longer than its lease"
        };
        lagged(&self.vertex, why)
    }

    fn is_moved(&self) -> Error {
        lagged(
            &self.vertex,
            "somebody else has moved or removed its cursor",
        )
    }
}

fn doing(inner: &Inner, vertex: &str) -> String {
    let graph = inner.engine.graph.name();
    format!("following view `{vertex}` of graph `{graph}`")
}

/// In milliseconds.
fn lease(inner: &Inner) -> f64 {
    inner.lease.as_secs_f64() * 1000.0
}

/// A cursor that is entered.
struct Registered {
    /// Its name.
    stored: String,
    time: i64,
    /// Up to which time it reads the history.
    past: Option<i64>,
}

/// Enters a cursor, at the time of the last iteration or at a past one.
async fn register(
    inner: &Inner,
    table: &Table,
    name: Option<&str>,
    from: Option<i64>,
) -> Result<Registered, Error> {
    let vertex = &table.schema().vertex;
    let doing = || doing(inner, vertex);
    let scope = open_scope(inner, &doing()).await?;
    let engine = &inner.engine;
    let start: Option<Start> = match from {
        Some(from) => {
            engine
                .past_start(scope.client(), name, (table, from))
                .await?
        }
        None => None,
    };
    let past = match (&start, name) {
        (Some(start), _) => Some(start.up_to),
        (None, Some(name)) => engine.past_end(scope.client(), vertex, name).await?,
        (None, None) => None,
    };
    let cursors = inner.engine.place(CURSORS);
    let sql = format!(
        "INSERT INTO {cursors} AS c (\"graph\", \"vertex\", \"name\", \"t\", \"until\") \
         SELECT $1, $2, COALESCE($3, pg_catalog.gen_random_uuid()::text), COALESCE($5, \"complete\"), \
         CASE WHEN $3 IS NULL THEN pg_catalog.now() + $4 * interval '1 millisecond' END FROM {} WHERE \"graph\" = $1 \
         ON CONFLICT (\"graph\", \"vertex\", \"name\") DO UPDATE SET \"t\" = c.\"t\" RETURNING c.\"name\", c.\"t\"",
        inner.engine.place(CLOCK)
    );
    let graph = inner.engine.graph.name();
    let lease = lease(inner);
    let row = scope
        .client()
        .query_typed_one(
            &sql,
            &[
                (&graph, Type::TEXT),
                (&vertex, Type::TEXT),
                (&name, Type::TEXT),
                (&lease, Type::FLOAT8),
                (&start.map(|start| start.time), Type::INT8),
            ],
        )
        .await
        .context(doing)?;
    let registered = Registered {
        stored: row.try_get(0).context(doing)?,
        time: row.try_get(1).context(doing)?,
        past,
    };
    scope.keep().await.context(doing)?;
    Ok(registered)
}

/// A transaction that has the lock of the graph. It touches the clock: a transaction of somebody who sees an older state,
/// and with it other followers, can't commit a change behind it.
pub(crate) async fn open_scope(
    inner: &Inner,
    doing: &str,
) -> Result<Scope<deadpool_postgres::Object>, Error> {
    let doing = || doing.to_string();
    let scope = Scope::new(inner.connection().await?, Kind::Write);
    scope.begin().await.context(doing)?;
    lock(scope.client(), inner.engine.lock_key)
        .await
        .context(doing)?;
    let sql = format!(
        "UPDATE {} SET \"t\" = \"t\" WHERE \"graph\" = $1",
        inner.engine.place(CLOCK)
    );
    let graph = inner.engine.graph.name();
    let touched = scope
        .client()
        .execute_typed(&sql, &[(&graph, Type::TEXT)])
        .await
        .context(doing)?;
    if touched == 0 {
        return Err(inner.engine.nothing_of_graph());
    }
    Ok(scope)
}

/// Whether what failed may be done again without a thought.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Disconnected)
}

/// Does something that can be done twice, until it succeeds or fails for a reason that does not pass.
pub(crate) async fn retried<'a, R>(
    inner: &Inner,
    act: impl Fn() -> BoxFuture<'a, Result<R, Error>>,
) -> Result<R, Error> {
    let mut pauses = Pauses::lasting(inner.retry_for);
    loop {
        match act().await {
            Err(error) if passes(&error) && pauses.wait().await => {}
            done => return done,
        }
    }
}
