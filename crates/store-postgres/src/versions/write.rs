//! Writes a table of versions.

use deltaview_store::versions::{Batch, Place, Swept, Version, VersionsError, Written};
use deltaview_store::{Error, ErrorKind};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Transaction};

use super::{PostgresVersions, Values, behind, sql_limit, version};
use crate::error::{Context, from_postgres, is_integer_overflow, is_refused};
use crate::lent::Lent;
use crate::pipeline::{Failure, Request, in_order};
use crate::retry::Pauses;
use crate::scope::{Connection, Kind, Scope};

/// The transaction that a write is made in.
struct Writer {
    backend: i32,
    /// As rows have it that it puts.
    transaction: String,
}

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
    /// or the old values are wanted, or where there is much: then the second is the `COMMIT`, and if its answer is lost, the
    /// database is asked whether it was done.
    ///
    /// # Errors
    ///
    /// As there; [`ErrorKind::Uncertain`] where the connection is lost while a write of one round trip is made, of which the
    /// time is not known yet, or where the database does not come back in time to be asked;
    /// [`ErrorKind::UnsupportedKey`] where a key has more bytes than Postgres can hold, about 2,700.
    pub async fn write(&self, now: i64, batch: &Batch) -> Result<Written, VersionsError> {
        let chunks = chunks(batch);
        self.retried(async || self.write_once(now, batch, &chunks).await)
            .await
    }

    async fn write_once(
        &self,
        now: i64,
        batch: &Batch,
        chunks: &[Chunk<'_>],
    ) -> Result<Written, VersionsError> {
        let connection = self.connection().await?;
        if let ([chunk], None, false) = (chunks, &batch.expected, batch.with_old) {
            return self.put(&connection, now, chunk).await;
        }
        let connection = Lent::new(connection);
        let scope = Scope::new(&connection, Kind::Write);
        let (written, by) = self.write_scoped(&scope, now, batch, chunks).await?;
        let kept = scope.keep().await;
        drop(scope);
        let Err(error) = kept else {
            return Ok(written);
        };
        if is_refused(&error) {
            return Err(self.failed(error).into());
        }
        connection.close();
        let key = batch.writes.keys().next();
        match self.find_out(key, written.time, &by).await {
            Some(true) => Ok(written),
            Some(false) => Err(self.nothing_written(error).into()),
            None => Err(self.uncertain(error).into()),
        }
    }

    fn nothing_written(&self, error: tokio_postgres::Error) -> Error {
        let message = format!(
            "{}: the connection was lost, and nothing was written",
            self.writing()
        );
        Error::new(ErrorKind::Disconnected, message).caused_by(error)
    }

    /// Whether a write was committed whose connection was lost while that was done; nothing where it can't be known.
    async fn find_out(&self, key: Option<&Vec<u8>>, time: i64, by: &Writer) -> Option<bool> {
        // What leaves nothing behind can't be looked for.
        let key = key?;
        let mut pauses = Pauses::lasting(self.inner.retry_for);
        loop {
            match self.look_up(key, time, by).await {
                Ok(found) => return found,
                Err(_) if pauses.wait().await => {}
                Err(_) => return None,
            }
        }
    }

    async fn look_up(&self, key: &[u8], time: i64, by: &Writer) -> Result<Option<bool>, Error> {
        let doing = || format!("asking whether map `{}` was written", self.name());
        let scope = Scope::new(self.connection().await?, Kind::Write);
        let client = scope.client();
        scope.begin().await.context(doing)?;
        // The server may not know yet that the connection is lost, and wait for the transaction to go on.
        let stop = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                    WHERE pid = $1 AND backend_xid::text = $2";
        let stopped: [(&(dyn ToSql + Sync), Type); 2] =
            [(&by.backend, Type::INT4), (&by.transaction, Type::TEXT)];
        client.query_typed(stop, &stopped).await.context(doing)?;
        // It has the row of the map until it has ended: what is read behind it is how it ended.
        let map = self.name();
        let lock: [(&(dyn ToSql + Sync), Type); 1] = [(&map, Type::TEXT)];
        let locked = client.query_typed(&self.sql().lock, &lock).await;
        locked.context(doing)?;
        let values: [(&(dyn ToSql + Sync), Type); 4] = [
            (&map, Type::TEXT),
            (&key, Type::BYTEA),
            (&time, Type::INT8),
            (&by.transaction, Type::TEXT),
        ];
        let row = client.query_typed_one(&self.sql().put_by, &values).await;
        let row = row.context(doing)?;
        let is_forgotten: bool = row.try_get(0).context(doing)?;
        let is_there: bool = row.try_get(1).context(doing)?;
        Ok((is_there || !is_forgotten).then_some(is_there))
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
        let (written, _) = self
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
        if client.is_closed() {
            let message = format!("{}: the connection was lost before", self.writing());
            return Err(Error::new(ErrorKind::Disconnected, message).into());
        }
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
    ) -> Result<(Written, Writer), VersionsError> {
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
        let drawn = &answers[1][0];
        let by = (|| {
            Ok::<_, tokio_postgres::Error>(Writer {
                backend: drawn.try_get(1)?,
                transaction: drawn.try_get(2)?,
            })
        })();
        let by = by.context(|| self.writing())?;
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
        Ok((Written { time, old }, by))
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
        self.retried(async || self.settle_once(time).await).await
    }

    async fn settle_once(&self, time: i64) -> Result<(), VersionsError> {
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
        self.retried(async || self.forget_once(before).await).await
    }

    async fn forget_once(&self, before: i64) -> Result<(), VersionsError> {
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
        self.retried(async || self.sweep_once(from, limit).await)
            .await
    }

    async fn sweep_once(&self, from: Option<&Place>, limit: usize) -> Result<Swept, VersionsError> {
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
