//! What a commit tells those who follow: it logs what changes of their views, and notifies them. Part of the engine, and
//! of the transactions that it writes in.
//!
//! A cursor without a lease (`until` is NULL) has a name, and is waited for for ever. One whose lease is over is marked as
//! dead, `until` minus infinity, and logged for until then: so whoever reads the log by a cursor that lives has all of it.

use std::collections::BTreeSet;

use deltaview_graph::Commit;
use deltaview_store::Error;
use deltaview_store::feed::log::parts_of;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::ddl::{CURSORS, FEED};
use crate::engine::Engine;
use crate::pipeline::{Failure, Request, execute};
use crate::scope::Kind;

/// What a statement is given at most, unless one part has more.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// What a commit deletes of a log at most, for followers that are gone.
const SWEPT: usize = 64;

/// Who follows a graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followers {
    /// The views that are followed.
    followed: BTreeSet<String>,
    /// The views with followers whose lease is over.
    left: BTreeSet<String>,
}

/// What an iteration tells them.
#[derive(Debug)]
pub(crate) struct Told {
    time: String,
    chunks: Vec<Chunk>,
    left: BTreeSet<String>,
    notify: bool,
}

/// Some parts of the log of one view.
#[derive(Debug)]
struct Chunk {
    vertex: String,
    time: i64,
    numbers: Vec<i64>,
    parts: Vec<Vec<u8>>,
}

impl Followers {
    /// Those of which views are followed, and whose leases are over. In the caller's transaction, which may see an older
    /// state of leases, nobody is taken for gone.
    pub(crate) fn of(followed: Vec<String>, left: Vec<String>, kind: Kind) -> Self {
        Self {
            followed: followed.into_iter().collect(),
            left: match kind {
                Kind::Write => left.into_iter().collect(),
                Kind::Read | Kind::Savepoint => BTreeSet::new(),
            },
        }
    }
}

impl Engine {
    /// The channel that is notified.
    pub(crate) fn channel(&self) -> String {
        format!("deltaview_{:016x}", self.lock_key)
    }

    /// Who follows. In the caller's transaction, which may see an older state of leases, nobody is taken for gone.
    pub(crate) async fn followers(
        &self,
        client: &Client,
        kind: Kind,
    ) -> Result<Followers, Failure> {
        let sql = format!(
            "SELECT \"vertex\", COALESCE(\"until\" = '-infinity', false), COALESCE(\"until\" <= pg_catalog.now(), false) \
             FROM {} WHERE \"graph\" = $1",
            self.place(CURSORS)
        );
        let failed = |error| self.failed(error, "looking for followers");
        let rows = client
            .query_typed(&sql, &[(&self.graph.name(), Type::TEXT)])
            .await
            .map_err(failed)?;
        let mut followers = Followers::default();
        for row in rows {
            let vertex: String = row.try_get(0).map_err(failed)?;
            let is_over: bool = row.try_get(2).map_err(failed)?;
            if is_over && kind == Kind::Write {
                followers.left.insert(vertex.clone());
            }
            if !row.try_get::<_, bool>(1).map_err(failed)? {
                followers.followed.insert(vertex);
            }
        }
        Ok(followers)
    }

    /// What an iteration tells its followers.
    pub(crate) fn told(
        &self,
        time: i64,
        followers: &Followers,
        commit: &Commit,
    ) -> Result<Told, Error> {
        let mut told = Told {
            time: time.to_string(),
            chunks: Vec::new(),
            left: followers.left.clone(),
            notify: !followers.followed.is_empty(),
        };
        if followers.followed.is_empty() {
            return Ok(told);
        }
        for writes in commit.tables() {
            let schema = writes.schema();
            if schema.role != "view" || !followers.followed.contains(&schema.vertex) {
                continue;
            }
            let mut size = usize::MAX;
            for (number, part) in (0..).zip(parts_of(&writes)?) {
                if size.saturating_add(part.len()) > CHUNK_BYTES {
                    size = 0;
                    told.chunks.push(Chunk {
                        vertex: schema.vertex.clone(),
                        time,
                        numbers: Vec::new(),
                        parts: Vec::new(),
                    });
                }
                size += part.len();
                if let Some(chunk) = told.chunks.last_mut() {
                    chunk.numbers.push(number);
                    chunk.parts.push(part);
                }
            }
        }
        Ok(told)
    }

    /// The requests that tell it.
    pub(crate) fn tell<'a>(&'a self, client: &'a Client, told: &'a Told) -> Vec<Request<'a, ()>> {
        let mut requests: Vec<Request<'a, ()>> = Vec::new();
        for chunk in &told.chunks {
            requests.push(Box::pin(async move {
                let sql = format!(
                    "INSERT INTO {} (\"graph\", \"vertex\", \"t\", \"part\", \"rows\") \
                     SELECT $1, $2, $3, * FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5))",
                    self.place(FEED)
                );
                let name = self.graph.name();
                let values: [(&(dyn ToSql + Sync), Type); 5] = [
                    (&name, Type::TEXT),
                    (&chunk.vertex, Type::TEXT),
                    (&chunk.time, Type::INT8),
                    (&chunk.numbers, Type::INT8_ARRAY),
                    (&chunk.parts, Type::BYTEA_ARRAY),
                ];
                let logged = execute(client, &sql, &values).await;
                logged.map_err(|error| self.failed(error, "logging the changes"))
            }));
        }
        for vertex in &told.left {
            for sql in self.sweep() {
                requests.push(Box::pin(async move {
                    let name = self.graph.name();
                    let values: [(&(dyn ToSql + Sync), Type); 2] =
                        [(&name, Type::TEXT), (vertex, Type::TEXT)];
                    let swept = execute(client, &sql, &values).await;
                    swept.map_err(|error| self.failed(error, "sweeping up behind followers"))
                }));
            }
        }
        if told.notify {
            requests.push(self.notify(client, &told.time));
        }
        requests
    }

    /// Wakes all who listen to the graph.
    pub(crate) fn notify<'a>(&'a self, client: &'a Client, time: &'a str) -> Request<'a, ()> {
        Box::pin(async move {
            let channel = self.channel();
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&channel, Type::TEXT), (&time, Type::TEXT)];
            let sql = "SELECT pg_catalog.pg_notify($1, $2)";
            let notified = execute(client, sql, &values).await;
            notified.map_err(|error| self.failed(error, "notifying followers"))
        })
    }

    /// Deletes a part of what was logged for followers of view $2 whose leases are over; and them, behind the last part.
    fn sweep(&self) -> [String; 3] {
        let (cursors, feed, consumed) =
            (self.place(CURSORS), self.place(FEED), self.sql_consumed());
        let of_view = "\"graph\" = $1 AND \"vertex\" = $2";
        [
            format!(
                "UPDATE {cursors} SET \"until\" = '-infinity' WHERE {of_view} AND \"until\" <= pg_catalog.now()"
            ),
            format!(
                "DELETE FROM {feed} WHERE {of_view} AND (\"t\", \"part\") IN (SELECT \"t\", \"part\" FROM {feed} \
                 WHERE {of_view} AND \"t\" <= {consumed} ORDER BY \"t\", \"part\" LIMIT {SWEPT})"
            ),
            format!(
                "DELETE FROM {cursors} WHERE {of_view} AND \"until\" = '-infinity' \
                 AND NOT EXISTS (SELECT 1 FROM {feed} WHERE {of_view} AND \"t\" <= {consumed})"
            ),
        ]
    }

    /// Deletes what all who are waited for have consumed of view $2.
    pub(crate) fn sql_prune(&self) -> String {
        format!(
            "DELETE FROM {} WHERE \"graph\" = $1 AND \"vertex\" = $2 AND \"t\" <= {}",
            self.place(FEED),
            self.sql_consumed()
        )
    }

    /// The time up to which all who are waited for have consumed view $2.
    fn sql_consumed(&self) -> String {
        format!(
            "(SELECT COALESCE(pg_catalog.min(\"t\"), 9223372036854775807) FROM {} WHERE \"graph\" = $1 AND \"vertex\" = $2 \
             AND (\"until\" IS NULL OR \"until\" > '-infinity'))",
            self.place(CURSORS)
        )
    }
}
