//! Writes a table of versions.

use deltaview_store::versions::{Batch, Place, Swept, Version, VersionsError, Written};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Transaction};

use super::{PostgresVersions, Values, behind, sql_limit, version};
use crate::error::{Context, from_postgres, is_integer_overflow, is_refused};
use crate::pipeline::{Failure, Request, in_order};
use crate::scope::{Connection, Kind, Scope};

/// What a statement is given at most, unless one row has more.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Rows as arrays, for one statement.
#[derive(Default)]
struct Chunk<'a> {
    keys: Vec<&'a [u8]>,
    data: Vec<Option<&'a [u8]>>,
    bytes: usize,
}

fn chunks(batch: &Batch) -> Vec<Chunk<'_>> {
    let mut chunks: Vec<Chunk<'_>> = Vec::new();
    for (key, data) in &batch.writes {
        let bytes = key.len() + data.as_ref().map_or(0, Vec::len);
        if chunks
            .last()
            .is_none_or(|last| last.bytes + bytes > CHUNK_BYTES)
        {
            chunks.push(Chunk::default());
        }
        let last = chunks.last_mut().expect("one was pushed where none fits");
        last.keys.push(key);
        last.data.push(data.as_deref());
        last.bytes += bytes;
    }
    chunks
}

impl PostgresVersions {
    fn writing(&self) -> String {
        format!("writing map `{}`", self.name())
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        from_postgres(error, &self.writing())
    }

    /// Where the connection is lost nobody knows whether the statement was done.
    fn uncertain(&self, error: tokio_postgres::Error) -> Error {
        if is_refused(&error) {
            return self.failed(error);
        }
        let message = format!(
            "{}: the connection was lost while it was being done: look at what the map has before you write it again",
            self.writing()
        );
        Error::new(ErrorKind::Uncertain, message).caused_by(error)
    }

    fn drawn(&self, error: tokio_postgres::Error) -> VersionsError {
        if is_integer_overflow(&error) {
            return VersionsError::OutOfTime {
                map: self.name().to_string(),
            };
        }
        self.uncertain(error).into()
    }

    /// As [`Versions::write`](deltaview_store::versions::Versions::write). One round trip; two, where something is expected
    /// or the old values are wanted, or where there is much.
    ///
    /// # Errors
    ///
    /// As there; [`ErrorKind::Uncertain`] where the connection is lost while it is written; [`ErrorKind::UnsupportedKey`]
    /// where a key has more bytes than Postgres can hold, about 2,700.
    pub async fn write(&self, now: i64, batch: &Batch) -> Result<Written, VersionsError> {
        let connection = self.connection().await?;
        let chunks = chunks(batch);
        if let ([chunk], None, false) = (chunks.as_slice(), &batch.expected, batch.with_old) {
            return self.put(&connection, now, chunk).await;
        }
        let scope = Scope::new(connection, Kind::Write);
        let written = self.write_scoped(&scope, now, batch, &chunks).await?;
        scope.keep().await.map_err(|error| self.uncertain(error))?;
        Ok(written)
    }

    /// [`Self::write`] inside of the caller's own transaction, on any connection to the database: the batch and what else
    /// the transaction writes are committed together, or not at all. To its end nobody else can write the map.
    ///
    /// # Errors
    ///
    /// As there. What was written is taken back to where it began, and the transaction can go on without it. A transaction
    /// that is `REPEATABLE READ` or `SERIALIZABLE` and began before the last write of the map gets an
    /// [`ErrorKind::Conflict`].
    pub async fn write_in(
        &self,
        tx: &Transaction<'_>,
        now: i64,
        batch: &Batch,
    ) -> Result<Written, VersionsError> {
        let scope = Scope::new(tx.client(), Kind::Savepoint);
        let written = self
            .write_scoped(&scope, now, batch, &chunks(batch))
            .await?;
        scope.keep().await.map_err(|error| self.failed(error))?;
        Ok(written)
    }

    async fn put(
        &self,
        client: &Client,
        now: i64,
        chunk: &Chunk<'_>,
    ) -> Result<Written, VersionsError> {
        let map = self.name();
        let values: [(&(dyn ToSql + Sync), Type); 4] = [
            (&map, Type::TEXT),
            (&now, Type::INT8),
            (&chunk.keys, Type::BYTEA_ARRAY),
            (&chunk.data, Type::BYTEA_ARRAY),
        ];
        let rows = client
            .query_typed(&self.sql().put, &values)
            .await
            .map_err(|error| self.drawn(error))?;
        Ok(Written {
            time: self.time_of(rows.first())?,
            old: Vec::new(),
        })
    }

    fn time_of(&self, row: Option<&Row>) -> Result<i64, VersionsError> {
        let row = row.ok_or_else(|| self.missing())?;
        Ok(row.try_get(0).context(|| self.writing())?)
    }

    /// Begins, draws the time (which keeps all others out), looks at what is there, and writes, in one round trip.
    async fn write_scoped<C: Connection + Sync>(
        &self,
        scope: &Scope<C>,
        now: i64,
        batch: &Batch,
        chunks: &[Chunk<'_>],
    ) -> Result<Written, VersionsError> {
        let (client, map, newest) = (scope.client(), self.name(), i64::MAX);
        let mut wanted: Vec<&[u8]> = Vec::new();
        wanted.extend(
            batch
                .expected
                .as_ref()
                .map(|expected| expected.key.as_slice()),
        );
        if batch.with_old {
            wanted.extend(batch.writes.keys().map(Vec::as_slice));
        }
        let draw: [(&(dyn ToSql + Sync), Type); 2] = [(&map, Type::TEXT), (&now, Type::INT8)];
        let look: [(&(dyn ToSql + Sync), Type); 3] = [
            (&map, Type::TEXT),
            (&wanted, Type::BYTEA_ARRAY),
            (&newest, Type::INT8),
        ];
        let inserts: Vec<[(&(dyn ToSql + Sync), Type); 3]> = chunks
            .iter()
            .map(|chunk| -> [(&(dyn ToSql + Sync), Type); 3] {
                [
                    (&map, Type::TEXT),
                    (&chunk.keys, Type::BYTEA_ARRAY),
                    (&chunk.data, Type::BYTEA_ARRAY),
                ]
            })
            .collect();
        let mut requests: Vec<Request<'_, Vec<Row>>> = vec![Box::pin(async move {
            let begun = scope.begin().await;
            begun.map_err(|error| Failure::of(error, |error| self.failed(error)))?;
            Ok(Vec::new())
        })];
        requests.push(self.request(client, &self.sql().draw, &draw));
        requests.push(self.request(client, &self.sql().newest, &look));
        for insert in &inserts {
            requests.push(self.request(client, &self.sql().insert, insert));
        }
        let answers = match in_order(requests).await {
            Ok(answers) => answers,
            Err(error) => return Err(self.out_of_time(error)),
        };
        let time = self.time_of(answers[1].first())?;
        let mut found: Vec<Option<Version>> = answers[2]
            .iter()
            .map(|row| version(row, 2))
            .collect::<Result<_, _>>()
            .context(|| self.writing())?;
        if let Some(expected) = &batch.expected {
            let newest = found.remove(0);
            expected.check(map, newest.as_ref())?;
        }
        let old = found.into_iter().map(|version| version?.data).collect();
        Ok(Written { time, old })
    }

    fn request<'a>(
        &'a self,
        client: &'a Client,
        sql: &'a str,
        values: &'a Values<'a>,
    ) -> Request<'a, Vec<Row>> {
        Box::pin(async move {
            let rows = client.query_typed(sql, values).await;
            rows.map_err(|error| Failure::of(error, |error| self.failed(error)))
        })
    }

    /// Drawing a time is the only sum that is made.
    fn out_of_time(&self, error: Error) -> VersionsError {
        let cause = std::error::Error::source(&error);
        let cause = cause.and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
        if cause.is_some_and(is_integer_overflow) {
            return VersionsError::OutOfTime {
                map: self.name().to_string(),
            };
        }
        error.into()
    }

    /// As [`Versions::settle`](deltaview_store::versions::Versions::settle).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn settle(&self, time: i64) -> Result<(), VersionsError> {
        let connection = self.connection().await?;
        let map = self.name();
        let values: [(&(dyn ToSql + Sync), Type); 2] = [(&map, Type::TEXT), (&time, Type::INT8)];
        connection
            .execute_typed(&self.sql().settle, &values)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// As [`Versions::forget`](deltaview_store::versions::Versions::forget).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn forget(&self, before: i64) -> Result<(), VersionsError> {
        let connection = self.connection().await?;
        let map = self.name();
        let values: [(&(dyn ToSql + Sync), Type); 2] = [(&map, Type::TEXT), (&before, Type::INT8)];
        let moved = connection.query_typed(&self.sql().forget, &values).await;
        let moved = moved.map_err(|error| self.failed(error))?;
        // Its connection is of no more use here, and the pool may have no other.
        drop(connection);
        if moved.is_empty() {
            self.state().await?.check(map, before)?;
        }
        Ok(())
    }

    /// As [`Versions::sweep`](deltaview_store::versions::Versions::sweep).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn sweep(&self, from: Option<&Place>, limit: usize) -> Result<Swept, VersionsError> {
        let connection = self.connection().await?;
        let (time, key) = from.map_or((i64::MIN, Vec::new()), behind);
        let (map, limit) = (self.name(), sql_limit(limit));
        let values: [(&(dyn ToSql + Sync), Type); 4] = [
            (&map, Type::TEXT),
            (&time, Type::INT8),
            (&key, Type::BYTEA),
            (&limit, Type::INT8),
        ];
        let row = connection.query_typed_one(&self.sql().sweep, &values).await;
        let row = row.map_err(|error| self.failed(error))?;
        let swept = (|| {
            let (looked_at, deleted): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (time, key): (Option<i64>, Option<Vec<u8>>) = (row.try_get(2)?, row.try_get(3)?);
            let last = time.zip(key).map(|(time, key)| Place { time, key });
            Ok::<_, tokio_postgres::Error>(Swept {
                deleted: usize::try_from(deleted).unwrap_or(0),
                rest: last.filter(|_| looked_at == limit),
            })
        })();
        Ok(swept.context(|| self.writing())?)
    }
}
