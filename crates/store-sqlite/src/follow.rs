//! Following a view in a file, whoever writes it: a connection of its own, and a cursor. It reads the log and moves the
//! cursor, and writes nothing else. It holds no transaction while it waits.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::path::Path;
use std::time::{Duration, Instant};

use deltaview_graph::Table;
use deltaview_schema::Row;
use deltaview_store::feed::log::Logged;
use deltaview_store::feed::{Follow, check_cursor_name, lagged};
use deltaview_store::{Delta, Error, ErrorKind};
use rusqlite::{
    Connection, MAIN_DB, OpenFlags, OptionalExtension, Transaction, TransactionBehavior,
};

use crate::connection::{self, set_synchronous};
use crate::error::Context;
use crate::feed::{millis, now, prune};
use crate::history::PastLog;
use crate::options::{SqliteOptions, Synchronous};

/// So much of the log is read at a time, and a whole delta at least.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How often an anonymous cursor moves at most, unless a whole batch was consumed.
const BETWEEN_MOVES: Duration = Duration::from_secs(1);

/// How long one who follows waits for somebody who writes, where it can do without.
const PATIENCE: Duration = Duration::from_millis(100);

/// Looks whether somebody else has committed, with pauses that grow.
pub(crate) struct Watch {
    version: Option<i64>,
    pause: Duration,
    longest: Duration,
}

impl Watch {
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            version: None,
            pause: Duration::from_millis(1),
            longest,
        }
    }

    /// Whether another connection has committed since this was asked last. The first time it has.
    pub(crate) fn has_changed(&mut self, conn: &Connection) -> Result<bool, Error> {
        let version: i64 = conn
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .context(|| "asking whether something was committed".to_string())?;
        let has_changed = self.version != Some(version);
        if has_changed {
            self.version = Some(version);
            self.pause = Duration::from_millis(1);
        }
        Ok(has_changed)
    }

    /// Lets it have changed.
    fn again(&mut self) {
        self.version = None;
    }

    /// Waits a little; not if the time is over.
    pub(crate) fn pause(&mut self, deadline: Option<Instant>) -> bool {
        let left = deadline.map_or(self.pause, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(self.pause.min(left));
        self.pause = (self.pause * 2).min(self.longest);
        true
    }
}

/// A place in the log of one view.
pub(crate) struct Cursor {
    conn: Connection,
    graph: String,
    vertex: String,
    name: String,
    is_named: bool,
    /// Up to here the log was read.
    read: i64,
    /// Where the cursor is in the file.
    stored: i64,
    stored_at: Instant,
    /// What was read and not handed out.
    ready: VecDeque<Logged>,
    watch: Watch,
    lease: Duration,
    patience: Duration,
    is_removed: bool,
    /// What is to be read of the view's history before the log.
    past: Option<PastLog>,
}

impl Cursor {
    /// Opens another connection to the file that a connection has open, and a cursor there: an anonymous one, or one with
    /// a name, which is made where there is none. It begins now, or at a past time of a table with history.
    pub(crate) fn open(
        store: &Connection,
        (graph, vertex): (&str, &str),
        name: Option<&str>,
        from: Option<(&Table, i64)>,
        options: &SqliteOptions,
    ) -> Result<Self, Error> {
        if let Some(name) = name {
            check_cursor_name(name)?;
        }
        let conn = connect(store, vertex, name.is_some(), options)?;
        let doing = || format!("following view `{vertex}` of graph `{graph}`");
        let tx = immediate(&conn).context(doing)?;
        let sql = "SELECT \"complete\" FROM \"deltaview_clock\" WHERE \"graph\" = ?1";
        let time: Option<i64> = tx
            .query_row(sql, [graph], |row| row.get(0))
            .optional()
            .context(doing)?;
        let Some(time) = time else {
            let message = format!("{}: the file has no tables of it any more", doing());
            return Err(Error::new(ErrorKind::NotDeltaview, message));
        };
        // The cursor is entered first, so that what is committed from now on is logged; what was before is stored.
        let (from, past) = match from {
            Some((table, from)) if !is_there(&tx, (graph, vertex), name).context(doing)? => {
                let past = PastLog::begin(&tx, table, from, time)?;
                if name.is_some() {
                    past.copy(&tx)?;
                    (past.after(), None)
                } else {
                    (time, Some(past))
                }
            }
            _ => (time, None),
        };
        let until = name.is_none().then(|| now() + millis(options.lease));
        let sql = "INSERT INTO \"deltaview_cursors\" (\"graph\", \"vertex\", \"name\", \"t\", \"until\") \
                   VALUES (?1, ?2, coalesce(?3, lower(hex(randomblob(16)))), ?4, ?5) \
                   ON CONFLICT DO UPDATE SET \"t\" = \"t\" RETURNING \"name\", \"t\"";
        let (name_stored, stored): (String, i64) = tx
            .query_row(sql, (graph, vertex, name, from, until), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .context(doing)?;
        tx.commit().context(doing)?;
        Ok(Self {
            conn,
            graph: graph.to_string(),
            vertex: vertex.to_string(),
            name: name_stored,
            is_named: name.is_some(),
            read: past.as_ref().map_or(stored, PastLog::after),
            stored,
            stored_at: Instant::now(),
            ready: VecDeque::new(),
            watch: Watch::new(options.longest_pause),
            lease: options.lease,
            patience: options.busy_timeout,
            is_removed: false,
            past,
        })
    }

    /// Where it is, before anything is read.
    pub(crate) fn time(&self) -> i64 {
        self.read
    }

    fn doing(&self) -> String {
        format!("following view `{}` of graph `{}`", self.vertex, self.graph)
    }

    fn next_within(&mut self, within: Duration) -> Result<Option<Logged>, Error> {
        let deadline = Instant::now().checked_add(within);
        loop {
            if let Some(next) = self.ready.pop_front() {
                // Should the lease be over, that is told when all that was read is handed out.
                let _ = self.keep_up();
                return Ok(Some(next));
            }
            if self.watch.has_changed(&self.conn)? {
                let read = self.read();
                if !matches!(read, Ok(true)) {
                    self.watch.again();
                }
                read?;
                if !self.ready.is_empty() {
                    continue;
                }
            }
            self.keep_up()?;
            if !self.watch.pause(deadline) {
                return Ok(None);
            }
        }
    }

    /// Reads on in the log; says whether that was all.
    fn read(&mut self) -> Result<bool, Error> {
        let tx = self.conn.unchecked_transaction().context(|| self.doing())?;
        let sql = "SELECT \"t\" FROM \"deltaview_cursors\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"name\" = ?3 \
                   AND (\"until\" IS NULL OR \"until\" > ?4)";
        let of_cursor = (&self.graph, &self.vertex, &self.name, now());
        let stored: Option<i64> = tx
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let found = statement.query_row(of_cursor, |row| row.get(0));
                found.optional()
            })
            .context(|| self.doing())?;
        match stored {
            None => return Err(self.is_over()),
            Some(stored) if stored > self.read.max(self.stored) => return Err(self.is_moved()),
            Some(_) => {}
        }
        if let Some(past) = &mut self.past {
            let found = past.next(&tx, BATCH_BYTES)?;
            if let Some(last) = found.back() {
                self.read = last.time;
                self.ready = found;
                return Ok(false);
            }
            self.read = self.stored.max(self.read);
            self.past = None;
        }
        let sql = "SELECT \"t\", \"rows\" FROM \"deltaview_feed\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"t\" > ?3 \
                   ORDER BY \"t\", \"part\"";
        let mut bytes = 0;
        let mut is_all = true;
        {
            let mut statement = tx.prepare_cached(sql).context(|| self.doing())?;
            let mut rows = statement
                .query((&self.graph, &self.vertex, self.read))
                .context(|| self.doing())?;
            let mut found: VecDeque<Logged> = VecDeque::new();
            while let Some(row) = rows.next().context(|| self.doing())? {
                let time: i64 = row.get(0).context(|| self.doing())?;
                if found.back().is_none_or(|last| last.time != time) {
                    if bytes >= BATCH_BYTES {
                        is_all = false;
                        break;
                    }
                    let parts = Vec::new();
                    found.push_back(Logged { time, parts });
                }
                let part: Vec<u8> = row.get(1).context(|| self.doing())?;
                bytes += part.len();
                if let Some(last) = found.back_mut() {
                    last.parts.push(part);
                }
            }
            if let Some(last) = found.back() {
                self.read = last.time;
            }
            self.ready = found;
        }
        // Nothing was written: whether it commits does not matter.
        drop(tx);
        if !is_all {
            // Much was read: let it go from the log soon.
            self.stored_at = self
                .stored_at
                .checked_sub(BETWEEN_MOVES)
                .unwrap_or(self.stored_at);
        }
        Ok(is_all)
    }

    /// Moves an anonymous cursor to where the log was read, and renews its lease, if it is time to.
    fn keep_up(&mut self) -> Result<(), Error> {
        let since = self.stored_at.elapsed();
        let is_due = since >= self.lease / 3 || self.read > self.stored && since >= BETWEEN_MOVES;
        if self.is_named || !is_due {
            return Ok(());
        }
        match self.patiently(PATIENCE, |cursor| cursor.renew()) {
            // Later, then: the lease lasts for a while.
            Err(error) if error.kind() == ErrorKind::Busy => Ok(()),
            other => other,
        }
    }

    fn renew(&mut self) -> Result<(), Error> {
        let sql = "UPDATE \"deltaview_cursors\" SET \"t\" = ?4, \"until\" = ?5 \
                   WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"name\" = ?3 AND \"until\" > ?6";
        let (now, until) = (now(), now() + millis(self.lease));
        let tx = immediate(&self.conn).context(|| self.doing())?;
        let moved = tx
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let of_cursor = (&self.graph, &self.vertex, &self.name);
                let (graph, vertex, name) = of_cursor;
                statement.execute((graph, vertex, name, self.read.max(self.stored), until, now))
            })
            .context(|| self.doing())?;
        if moved == 0 {
            return Err(self.is_over());
        }
        self.prune_and_keep(tx)?;
        self.stored = self.read.max(self.stored);
        self.stored_at = Instant::now();
        Ok(())
    }

    fn commit(&mut self, time: i64) -> Result<(), Error> {
        if !self.is_named {
            return Ok(());
        }
        let sql = "UPDATE \"deltaview_cursors\" SET \"t\" = ?4 \
                   WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"name\" = ?3 AND \"t\" = ?5";
        let tx = immediate(&self.conn).context(|| self.doing())?;
        let moved = tx
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.execute((&self.graph, &self.vertex, &self.name, time, self.stored))
            })
            .context(|| self.doing())?;
        if moved == 0 {
            return Err(self.is_moved());
        }
        self.prune_and_keep(tx)?;
        self.stored = time;
        Ok(())
    }

    fn remove(&mut self) -> Result<(), Error> {
        let sql = "DELETE FROM \"deltaview_cursors\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"name\" = ?3";
        let tx = immediate(&self.conn).context(|| self.doing())?;
        tx.execute(sql, (&self.graph, &self.vertex, &self.name))
            .context(|| self.doing())?;
        self.prune_and_keep(tx)?;
        self.is_removed = true;
        Ok(())
    }

    fn prune_and_keep(&self, tx: Transaction<'_>) -> Result<(), Error> {
        prune(&tx, &self.graph, &self.vertex).context(|| self.doing())?;
        tx.commit().context(|| self.doing())
    }

    /// Does something that waits for others who write for so long at most.
    fn patiently(
        &mut self,
        patience: Duration,
        act: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let patience = patience.min(self.patience);
        self.conn.busy_timeout(patience).context(|| self.doing())?;
        let done = act(self);
        self.conn
            .busy_timeout(self.patience)
            .context(|| self.doing())?;
        done
    }

    fn is_over(&self) -> Error {
        let why = if self.is_named {
            "its cursor was removed"
        } else {
            "it was not asked for deltas for longer than its lease"
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

impl Drop for Cursor {
    fn drop(&mut self) {
        if !self.is_named && !self.is_removed {
            // If it can't be done now, its lease will be over.
            let _ = self.patiently(PATIENCE, Self::remove);
        }
    }
}

fn immediate(conn: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(conn, TransactionBehavior::Immediate)
}

/// Whether there is a cursor of that name.
fn is_there(
    conn: &Connection,
    (graph, vertex): (&str, &str),
    name: Option<&str>,
) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM \"deltaview_cursors\" WHERE \"graph\" = ?1 AND \"vertex\" = ?2 AND \"name\" = ?3";
    conn.prepare_cached(sql)?.exists((graph, vertex, name))
}

/// A connection of its own to the file that another one has open.
fn connect(
    store: &Connection,
    vertex: &str,
    is_named: bool,
    options: &SqliteOptions,
) -> Result<Connection, Error> {
    let doing = || format!("opening the database a second time to follow view `{vertex}`");
    let Some(path) = store.path().filter(|path| !path.is_empty()) else {
        let message = format!(
            "view `{vertex}` can't be followed: the database is in memory or temporary, and can't be opened a second time. \
             Use a file, or the memory store"
        );
        return Err(Error::new(ErrorKind::NotShared, message));
    };
    if store.is_readonly(MAIN_DB).context(doing)? {
        let message = format!(
            "view `{vertex}` can't be followed: the database was opened only to read it, and a subscription has a cursor in \
             it. Open it with `open` or `open_existing`"
        );
        return Err(Error::new(ErrorKind::ReadOnly, message));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let conn = connection::open(Path::new(path), flags, options.busy_timeout).context(doing)?;
    let journal: String = conn
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .context(doing)?;
    // What an anonymous cursor loses with the power is of no use to anybody any more.
    let synchronous = match options.synchronous {
        Synchronous::Full if !is_named && journal == "wal" => Synchronous::Normal,
        other => other,
    };
    set_synchronous(&conn, synchronous).context(doing)?;
    Ok(conn)
}

/// A cursor with the type of the rows.
pub(crate) struct Follower<T> {
    cursor: Cursor,
    rows: PhantomData<fn() -> T>,
}

impl<T> Follower<T> {
    pub(crate) fn new(cursor: Cursor) -> Self {
        Self {
            cursor,
            rows: PhantomData,
        }
    }
}

impl<T: Row> Follow<T> for Follower<T> {
    fn next_within(&mut self, within: Duration) -> Result<Option<Delta<T>>, Error> {
        let next = self.cursor.next_within(within)?;
        next.map(|logged| logged.decode(&self.cursor.vertex))
            .transpose()
    }

    fn commit(&mut self, time: i64) -> Result<(), Error> {
        self.cursor.commit(time)
    }

    fn remove(&mut self) -> Result<(), Error> {
        self.cursor.remove()
    }
}
