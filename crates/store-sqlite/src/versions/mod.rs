//! [`SqliteVersions`]: a table of versions in a SQLite file, which may be the application's own, and may have graphs and
//! other maps in it.
//!
//! `catalog` opens and compares, `sql` makes the statements, `table` runs them, and this file owns the transactions. It knows keys and values only as
//! bytes, and never reads a clock.

mod catalog;
mod sql;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deltaview_store::versions::{
    Batch, Changed, KeyRange, MapSpec, Order, Page, Place, RangePage, Swept, TimeState, Version,
    Versions, VersionsError, Written,
};
use deltaview_store::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use self::catalog::Found;
use self::sql::Statements;
use self::table::{Table, behind, sql_limit, version};
use crate::connection::{self, Access, configure};
use crate::error::Context;
use crate::options::SqliteOptions;

/// How often a waiting handle asks whether the file has changed, at the least and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(25));

/// A table of versions in a SQLite file.
///
/// The file is in WAL mode: readers go on while one writes. Writers of one file wait for each other, up to the busy
/// time-out of [`SqliteOptions`]. Each call is one transaction.
///
/// | column of `<map>__versions` | what it has |
/// | --- | --- |
/// | `key` | the key |
/// | `t` | when it was set |
/// | `data` | what it was set to; NULL where it was removed |
///
/// The table is clustered by `(key, t DESC)` and has an index by `(t, key)`. `deltaview_maps` has a row for each map: its
/// table, the format's version, the shapes of its keys and values, the last time and the horizon.
pub struct SqliteVersions {
    conn: Connection,
    path: PathBuf,
    options: SqliteOptions,
    access: Access,
    table: Table,
}

impl fmt::Debug for SqliteVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteVersions")
            .field("path", &self.path)
            .field("map", &self.table.spec.name)
            .finish_non_exhaustive()
    }
}

impl SqliteVersions {
    /// Opens a file, creating it and the map's tables where they are missing.
    ///
    /// # Errors
    ///
    /// The file is no SQLite database, can't be written, or was made by a newer version; it has the map with other types,
    /// only a part of it, or somebody else's table under one of its names ([`ErrorKind::Mismatch`]). It is left as it
    /// was.
    pub fn open(
        path: impl AsRef<Path>,
        spec: &MapSpec,
        options: &SqliteOptions,
    ) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), spec, options, Access::Create)
    }

    /// Opens a file that has the map, and creates nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; and [`ErrorKind::NotDeltaview`] where the file does not have the map.
    pub fn open_existing(
        path: impl AsRef<Path>,
        spec: &MapSpec,
        options: &SqliteOptions,
    ) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), spec, options, Access::Existing)
    }

    /// Opens a file that has the map only to read it, while this or another process writes.
    ///
    /// # Errors
    ///
    /// As [`Self::open_existing`]. Writing is an [`ErrorKind::ReadOnly`].
    pub fn open_read_only(
        path: impl AsRef<Path>,
        spec: &MapSpec,
        options: &SqliteOptions,
    ) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), spec, options, Access::ReadOnly)
    }

    fn open_with(
        path: &Path,
        spec: &MapSpec,
        options: &SqliteOptions,
        access: Access,
    ) -> Result<Self, Error> {
        let doing = || format!("opening {}", path.display());
        let mut conn =
            connection::open(path, access.flags(), options.busy_timeout).context(doing)?;
        // Looked at before anything is written, so that a file that is refused stays as it was.
        match (access, catalog::check(&conn, spec)?) {
            (Access::Create, Found::Nothing | Found::Vague) => {
                let tx = conn
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .context(doing)?;
                catalog::create(&tx, spec)?;
                tx.commit().context(doing)?;
                configure(&conn, options).context(doing)?;
            }
            (Access::Existing | Access::ReadOnly, Found::Nothing) => {
                let message = format!(
                    "{} has no map `{}`: open it with `open`, which creates it, or open another file",
                    path.display(),
                    spec.name
                );
                return Err(Error::new(ErrorKind::NotDeltaview, message));
            }
            (Access::Create, Found::Same) | (Access::Existing, _) => {
                configure(&conn, options).context(doing)?;
            }
            (Access::ReadOnly, _) => {}
        }
        conn.set_prepared_statement_cache_capacity(32);
        Ok(Self {
            conn,
            path: path.to_path_buf(),
            options: options.clone(),
            access,
            table: Table {
                spec: spec.clone(),
                statements: Statements::of(&spec.name),
            },
        })
    }

    /// [`Versions::write`] inside of the caller's own transaction, which may be of any connection to the file: the batch
    /// and what else the transaction writes are committed together, or not at all.
    ///
    /// The transaction should be [`Immediate`](TransactionBehavior::Immediate): one that begins by reading may fail with
    /// [`ErrorKind::Busy`] where somebody else has committed in between.
    ///
    /// # Errors
    ///
    /// As there. What was written is taken back to where it began, and the transaction can go on without it. A transaction
    /// on a database that does not have the map is an [`ErrorKind::NotDeltaview`].
    pub fn write_in(
        &self,
        tx: &Transaction<'_>,
        now: i64,
        batch: &Batch,
    ) -> Result<Written, VersionsError> {
        let spec = &self.table.spec;
        if let Found::Nothing = catalog::check(tx, spec)? {
            let message = format!(
                "the transaction is on a database without map `{}`: use a connection to the map's file",
                spec.name
            );
            return Err(Error::new(ErrorKind::NotDeltaview, message).into());
        }
        let doing = || {
            format!(
                "writing map `{}` inside the caller's transaction",
                spec.name
            )
        };
        tx.execute_batch("SAVEPOINT deltaview_map").context(doing)?;
        match self.table.write(tx, now, batch) {
            Ok(written) => {
                tx.execute_batch("RELEASE deltaview_map").context(doing)?;
                Ok(written)
            }
            Err(error) => {
                // If even this fails the transaction is broken, and the caller's commit will fail.
                let _ = tx.execute_batch("ROLLBACK TO deltaview_map; RELEASE deltaview_map");
                Err(error)
            }
        }
    }

    /// The connection, to read what else is in the file.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Reads from one state.
    fn reading<T>(
        &self,
        read: impl FnOnce(&Table, &Connection) -> Result<T, VersionsError>,
    ) -> Result<T, VersionsError> {
        let doing = || self.table.reading();
        // It writes nothing, so whether it commits does not matter.
        let _snapshot =
            Transaction::new_unchecked(&self.conn, TransactionBehavior::Deferred).context(doing)?;
        read(&self.table, &self.conn)
    }

    /// Writes, with the write lock, all or nothing.
    fn writing<T>(
        &self,
        write: impl FnOnce(&Table, &Connection) -> Result<T, VersionsError>,
    ) -> Result<T, VersionsError> {
        let doing = || self.table.writing();
        if self.access == Access::ReadOnly {
            let message = format!(
                "map `{}` was opened only to read it: use `open` or `open_existing` to write",
                self.table.spec.name
            );
            return Err(Error::new(ErrorKind::ReadOnly, message).into());
        }
        let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .context(doing)?;
        let written = write(&self.table, &tx)?;
        tx.commit().context(doing)?;
        Ok(written)
    }

    /// A number that changes whenever another connection commits.
    fn data_version(&self) -> Result<i64, VersionsError> {
        let sql = "PRAGMA data_version";
        Ok(self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .context(|| self.table.reading())?)
    }
}

impl Versions for SqliteVersions {
    fn name(&self) -> &str {
        &self.table.spec.name
    }

    fn state(&self) -> Result<TimeState, VersionsError> {
        self.table.state(&self.conn)
    }

    fn write(&self, now: i64, batch: &Batch) -> Result<Written, VersionsError> {
        self.writing(|table, conn| table.write(conn, now, batch))
    }

    fn settle(&self, time: i64) -> Result<(), VersionsError> {
        self.writing(|table, conn| {
            let mut state = table.state(conn)?;
            state.last = state.last.max(time);
            table.set_state(conn, state)
        })
    }

    fn newest(
        &self,
        keys: &[Vec<u8>],
        at: Option<i64>,
    ) -> Result<Vec<Option<Version>>, VersionsError> {
        let read = |table: &Table, conn: &Connection| {
            if let Some(time) = at {
                table.checked(conn, time)?;
            }
            let found = keys
                .iter()
                .map(|key| table.newest(conn, key, at.unwrap_or(i64::MAX)));
            Ok(found
                .collect::<Result<_, _>>()
                .context(|| table.reading())?)
        };
        match (at, keys) {
            // One statement is one state by itself.
            (None, [_]) => read(&self.table, &self.conn),
            _ => self.reading(read),
        }
    }

    fn range(
        &self,
        keys: &KeyRange,
        at: i64,
        order: Order,
        limit: usize,
    ) -> Result<RangePage, VersionsError> {
        self.reading(|table, conn| {
            table.checked(conn, at)?;
            let mut rows = Vec::new();
            let mut rest = Some(keys.clone()).filter(|keys| !keys.is_empty());
            for _ in 0..limit {
                let Some(keys) = rest.take() else { break };
                let doing = || table.reading();
                let Some(next) = table.next(conn, &keys, order).context(doing)? else {
                    break;
                };
                rest = Some(keys.behind(next.key.clone(), order));
                // Forward the newest version comes with the key; it may be a later one than is asked for.
                let newest = match order {
                    Order::Forward if next.version.time <= at => Some(next.version),
                    _ => table.newest(conn, &next.key, at).context(doing)?,
                };
                rows.extend(
                    newest
                        .filter(|version| version.data.is_some())
                        .map(|version| (next.key, version)),
                );
            }
            Ok(RangePage { rows, rest })
        })
    }

    fn versions(
        &self,
        key: &[u8],
        before: Option<i64>,
        limit: usize,
    ) -> Result<Page<Version>, VersionsError> {
        self.reading(|table, conn| {
            let state = table.state(conn)?;
            let mut items = Vec::new();
            if before.is_none_or(|before| before > state.horizon) {
                let older: Vec<Version> = (|| {
                    let upto = before.map_or(i64::MAX, |before| before - 1);
                    conn.prepare_cached(&table.statements.versions)?
                        .query_map((key, upto, sql_limit(limit)), |row| version(row, 0))?
                        .collect::<rusqlite::Result<_>>()
                })()
                .context(|| table.reading())?;
                items.extend(state.remembered(older));
            }
            Ok(Page {
                more: items.len() == limit,
                items,
                state,
            })
        })
    }

    fn times(&self, before: Option<i64>, limit: usize) -> Result<Page<i64>, VersionsError> {
        self.reading(|table, conn| {
            let state = table.state(conn)?;
            let mut items = Vec::new();
            let doing = || table.reading();
            let mut statement = conn.prepare_cached(&table.statements.time).context(doing)?;
            let mut upto = before.map_or(Some(i64::MAX), |before| before.checked_sub(1));
            while let Some(limit_time) = upto
                && items.len() < limit
            {
                let time: Option<i64> = statement
                    .query_row([limit_time], |row| row.get(0))
                    .optional()
                    .context(doing)?;
                let time = time.filter(|time| *time >= state.horizon);
                items.extend(time);
                upto = time.and_then(|time| time.checked_sub(1));
            }
            Ok(Page {
                more: items.len() == limit,
                items,
                state,
            })
        })
    }

    fn changes(
        &self,
        after: i64,
        upto: i64,
        from: Option<&Place>,
        limit: usize,
    ) -> Result<Page<Changed>, VersionsError> {
        self.reading(|table, conn| {
            let state = table.checked(conn, upto)?;
            let mut items = Vec::new();
            if after < upto {
                state.check(&table.spec.name, after)?;
                let start = from.map_or_else(|| (after + 1, Vec::new()), behind);
                items = table
                    .changes(conn, start, upto, limit)
                    .context(|| table.reading())?;
            }
            Ok(Page {
                more: items.len() == limit,
                items,
                state,
            })
        })
    }

    fn forget(&self, before: i64) -> Result<(), VersionsError> {
        self.writing(|table, conn| {
            let mut state = table.state(conn)?;
            if before > state.horizon {
                state.check(&table.spec.name, before)?;
                state.horizon = before;
                table.set_state(conn, state)?;
            }
            Ok(())
        })
    }

    fn sweep(&self, from: Option<&Place>, limit: usize) -> Result<Swept, VersionsError> {
        self.writing(|table, conn| table.sweep(conn, from, limit))
    }

    fn wait(&self, after: i64, timeout: Duration) -> Result<i64, VersionsError> {
        let deadline = Instant::now().checked_add(timeout);
        let (mut pause, longest) = PAUSES;
        // Before the state, so that no commit between the two goes unseen.
        let mut seen = self.data_version()?;
        let mut last = self.state()?.last;
        loop {
            let left = deadline.map_or(longest, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if last > after || left.is_zero() {
                return Ok(last);
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(longest);
            let now = self.data_version()?;
            if now != seen {
                seen = now;
                last = self.state()?.last;
            }
        }
    }

    fn another(&self) -> Result<Self, VersionsError> {
        let access = match self.access {
            Access::Create | Access::Existing => Access::Existing,
            Access::ReadOnly => Access::ReadOnly,
        };
        let (path, spec) = (&self.path, &self.table.spec);
        Ok(Self::open_with(path, spec, &self.options, access)?)
    }
}
