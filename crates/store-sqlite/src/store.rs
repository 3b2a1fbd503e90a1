//! [`SqliteStore`]: a connection, a graph, and the working set between them.

use std::cell::Cell;
use std::ops::Bound::Included;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use deltaview_graph::{
    Bounds, Change, Changes, Fetch, Graph, Order, Table, ViewHandle, WorkingSet,
};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::feed::not_reached;
use deltaview_store::history::table_with_history;
use deltaview_store::observe::Watched;
use deltaview_store::protocol::Status;
use deltaview_store::{
    CommitOptions, Committed, Delta, Error, ErrorKind, Flush, Forgotten, Reading, Rows, Store,
    Subscription, Version,
};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::catalog::{self, Found};
use crate::commit_points::{Moment, Work, reached};
use crate::connection::{self, Access, configure};
use crate::engine::Engine;
use crate::error::Context;
use crate::follow::{Cursor, Follower, Watch};
use crate::hot::HotSet;
use crate::options::SqliteOptions;
use crate::scan::{self, One, ReadTransaction, Scan};
use crate::transaction::WriteTransaction;
use crate::workers::{Drawn, Heart, worker_name};

/// The statements that a connection keeps prepared.
const PREPARED: usize = 512;

/// The state of a graph in a SQLite file.
///
/// The file is in WAL mode: readers go on while one writes. Two processes that write at once wait for each other, up to
/// the busy time-out of [`SqliteOptions`]. A commit is one transaction; how safe it is when it returns is
/// [`Synchronous`](crate::Synchronous).
///
/// A commit looks each key that it needs up with one prepared statement, and writes each changed row with one.
pub struct SqliteStore {
    pub(crate) conn: Connection,
    pub(crate) engine: Engine,
    state: WorkingSet,
    hot: HotSet,
    readers: Cell<usize>,
    pub(crate) options: SqliteOptions,
    /// Once it has committed stage by stage.
    pub(crate) heart: Option<Heart>,
    /// What tells its worker from others of the process.
    pub(crate) name: String,
    drawn: u64,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.conn.path())
            .field("graph", &self.engine.graph)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, creating it and the graph's tables where they are missing. The file may be the application's own.
    ///
    /// # Errors
    ///
    /// The file is no SQLite database, can't be written, or was made by a newer version; it has the graph in another
    /// shape, only a part of it, or somebody else's table under one of its names ([`ErrorKind::Mismatch`], with every
    /// difference). It is left as it was.
    pub fn open(path: impl AsRef<Path>, graph: &Graph) -> Result<Self, Error> {
        SqliteOptions::new().open(path, graph)
    }

    /// Opens a file that has the graph's tables, and creates nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; and [`ErrorKind::NotDeltaview`] where the file has nothing of this graph.
    pub fn open_existing(path: impl AsRef<Path>, graph: &Graph) -> Result<Self, Error> {
        SqliteOptions::new().open_existing(path, graph)
    }

    /// Opens a file that has the graph's tables only to read it, while this or another process writes.
    ///
    /// # Errors
    ///
    /// As [`Self::open_existing`]. Committing is an [`ErrorKind::ReadOnly`].
    pub fn open_read_only(path: impl AsRef<Path>, graph: &Graph) -> Result<Self, Error> {
        SqliteOptions::new().open_read_only(path, graph)
    }

    /// Takes over a connection of the application's, creating the graph's tables where they are missing. Its settings
    /// (journal mode, `synchronous`, time-outs) stay as they are.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn from_connection(mut conn: Connection, graph: &Graph) -> Result<Self, Error> {
        create(&mut conn, graph)?;
        let busy: i64 = conn
            .query_row("PRAGMA busy_timeout", [], |row| row.get(0))
            .context(|| "reading the busy time-out of a connection".to_string())?;
        let busy = Duration::from_millis(u64::try_from(busy).unwrap_or_default());
        let options = SqliteOptions::new().busy_timeout(busy);
        Ok(Self::new(conn, graph, &options))
    }

    pub(crate) fn open_with(
        path: &Path,
        graph: &Graph,
        options: &SqliteOptions,
        access: Access,
    ) -> Result<Self, Error> {
        let doing = || format!("opening {}", path.display());
        let mut conn =
            connection::open(path, access.flags(), options.busy_timeout).context(doing)?;
        // Looked at before anything is written, so that a file that is refused stays as it was.
        let found = catalog::check(&conn, graph)?;
        match (access, found) {
            (Access::Create, _) => {
                create(&mut conn, graph)?;
                configure(&conn, options).context(doing)?;
            }
            (Access::Existing | Access::ReadOnly, Found::Nothing) => {
                let message = format!(
                    "{} has no tables of graph `{}`: open it with `open`, which creates them, or open another file",
                    path.display(),
                    graph.name()
                );
                return Err(Error::new(ErrorKind::NotDeltaview, message));
            }
            (Access::Existing, Found::Same) => configure(&conn, options).context(doing)?,
            (Access::ReadOnly, Found::Same) => {
                conn.pragma_update(None, "cache_size", -i64::from(options.cache_kib))
                    .context(doing)?;
            }
        }
        Ok(Self::new(conn, graph, options))
    }

    fn new(conn: Connection, graph: &Graph, options: &SqliteOptions) -> Self {
        conn.set_prepared_statement_cache_capacity(PREPARED);
        Self {
            conn,
            engine: Engine::new(graph),
            state: WorkingSet::partial(graph),
            hot: HotSet::new(options.hot_set),
            readers: Cell::new(0),
            options: options.clone(),
            heart: None,
            name: worker_name(),
            drawn: 0,
        }
    }

    /// Commits a change inside the caller's own transaction, on this database: it and the caller's writes are
    /// committed together, or not at all. `tx` may be of any connection to the file.
    ///
    /// The transaction should be [`Immediate`](TransactionBehavior::Immediate): one that begins by reading may fail with
    /// [`ErrorKind::Busy`] where somebody else has committed in between.
    ///
    /// ```
    /// # use deltaview_graph::{Edit, Graph};
    /// # use deltaview_store::Store;
    /// # use deltaview_store_sqlite::{SqliteStore, rusqlite};
    /// # let (graph, (words, seen)) = Graph::build("words", |g| {
    /// #     let words = g.input::<String>("words");
    /// #     (words.handle(), words.view("seen"))
    /// # })?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("words.db");
    /// let store = SqliteStore::open(&path, &graph)?;
    /// let mut app = rusqlite::Connection::open(&path)?;
    /// app.execute_batch("CREATE TABLE log (line TEXT)")?;
    ///
    /// let tx = app.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    /// tx.execute("INSERT INTO log VALUES ('added a word')", [])?;
    /// store.commit_in(&tx, &graph.change().insert(words, ["one".to_string()]))?;
    /// tx.commit()?;
    ///
    /// assert_eq!(store.view(seen).iter()?.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::commit`]. What the change wrote is taken back to where it began, and the transaction can go on
    /// without it. A transaction on a database that does not have the graph's tables is an error.
    pub fn commit_in(&self, tx: &Transaction<'_>, change: &Change) -> Result<Committed, Error> {
        self.commit_in_with(tx, change, &CommitOptions::default())
    }

    /// [`Self::commit_in`] at a time of one's own, behind a frontier, or under a name.
    ///
    /// # Errors
    ///
    /// As [`Self::commit_in`], and those of [`Store::commit_with`]. Nothing is waited for, as nobody could go on while the
    /// transaction is open: where it had to be, this is an [`ErrorKind::Busy`].
    pub fn commit_in_with(
        &self,
        tx: &Transaction<'_>,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        if let Found::Nothing = catalog::check(tx, &self.engine.graph)? {
            let message = format!(
                "the transaction is on a database without the tables of graph `{}`: use a connection to the store's file",
                self.engine.graph.name()
            );
            return Err(Error::new(ErrorKind::NotDeltaview, message));
        }
        let doing = || "committing inside the caller's transaction".to_string();
        let mut state = WorkingSet::partial(&self.engine.graph);
        tx.execute_batch("SAVEPOINT deltaview").context(doing)?;
        let committed = match self.engine.draw_for(tx, options, false) {
            Ok(Drawn::Time(drawn)) => {
                let ran = self
                    .engine
                    .run(tx, &mut state, change, drawn, &HotSet::none(), true);
                ran.map(|commit| Committed::new(drawn.time, state.absorb(commit)))
            }
            Ok(Drawn::Committed(time)) => Ok(Committed::known_by_name(time)),
            Ok(Drawn::InTurn) => Err(self.not_in_a_transaction(options)),
            Err(error) => Err(error),
        };
        // Whether the caller commits is not known here.
        self.engine.forget_drawn();
        match committed {
            Ok(committed) => {
                tx.execute_batch("RELEASE deltaview").context(doing)?;
                Ok(committed)
            }
            Err(error) => {
                // If even this fails the transaction is broken, and the caller's commit will fail.
                let _ = tx.execute_batch("ROLLBACK TO deltaview; RELEASE deltaview");
                Err(error)
            }
        }
    }

    fn not_in_a_transaction(&self, options: &CommitOptions) -> Error {
        let graph = self.engine.graph.name();
        let why = match options.time().flush {
            Flush::EachTable => {
                "a change that is committed stage by stage can't be a part of a transaction: commit it with \
                 `Flush::AtEnd`, or by `commit_with`"
            }
            Flush::AtEnd => {
                "others go before this change, and can't while the transaction is open: roll it back, and try again"
            }
        };
        Error::new(ErrorKind::Busy, format!("graph `{graph}`: {why}"))
    }

    fn commit_change(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        let committed = self.commit_at_once(change, options);
        if committed.is_err() {
            self.engine.forget_drawn();
        }
        committed
    }

    fn commit_at_once(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        let doing = || {
            format!(
                "committing a change of graph `{}`",
                self.engine.graph.name()
            )
        };
        reached(Work::AtOnce, Moment::Before);
        let tx = WriteTransaction::begin(&self.conn).context(doing)?;
        let begun = self.hot.begin(&self.conn)?;
        if !begun.is_current {
            // Somebody else may have written since: nothing that was read before is trusted.
            self.state.forget();
        }
        let drawn = match self
            .engine
            .draw_for(&self.conn, options, begun.is_current)?
        {
            Drawn::Time(drawn) => drawn,
            Drawn::Committed(time) => return Ok(Committed::known_by_name(time)),
            Drawn::InTurn => {
                drop(tx);
                return self.commit_in_turn(change, options);
            }
        };
        let (conn, state) = (&self.conn, &mut self.state);
        let commit = self
            .engine
            .run(conn, state, change, drawn, &self.hot, false)?;
        reached(Work::AtOnce, Moment::Written);
        tx.commit().context(doing)?;
        reached(Work::AtOnce, Moment::Committed);
        let changes: Changes = self.state.absorb(commit);
        if !self.hot.keep(&self.conn, &begun) {
            self.state.forget();
        }
        Ok(Committed::new(drawn.time, changes))
    }

    /// One state, for as long as it lives.
    pub(crate) fn begin_reading(&self) -> Result<ReadTransaction<'_>, Error> {
        ReadTransaction::begin(&self.conn, &self.readers)
    }

    /// A number that this store has not drawn before.
    pub(crate) fn drawn(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn follow<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: Option<&str>,
        from: Option<(&Table, i64)>,
    ) -> Result<Subscription<T>, Error> {
        let vertex = &self.engine.graph.view_table(view)?.schema().vertex;
        let graph = self.engine.graph.name();
        let cursor = Cursor::open(&self.conn, (graph, vertex), cursor, from, &self.options)?;
        let time = cursor.time();
        Ok(Subscription::new(Follower::new(cursor), time))
    }

    /// The bytes of the stored state that are kept in memory as rows: see [`SqliteOptions::hot_set`].
    pub fn hot_set_bytes(&self) -> usize {
        self.hot.used()
    }

    /// The connection, to read what else is in the file.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// The row of a key of a view, where one statement tells.
    fn one<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>, key: &K) -> Result<One<T>, Error> {
        let graph = &self.engine.graph;
        let table = graph.view_table(view)?;
        if view.index() != 0 || !table.schema().unique {
            return Ok(One::Untold);
        }
        let index = graph.view_index(view)?;
        scan::one(&self.conn, self.engine.table(table.id()), index, key)
    }
}

fn create(conn: &mut Connection, graph: &Graph) -> Result<(), Error> {
    if let Found::Same = catalog::check(conn, graph)? {
        return Ok(());
    }
    let doing = || format!("creating the tables of graph `{}`", graph.name());
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .context(doing)?;
    catalog::create(&tx, graph)?;
    tx.commit().context(doing)
}

impl Store for SqliteStore {
    fn graph(&self) -> &Graph {
        &self.engine.graph
    }

    fn commit_with(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        let watched = Watched::begin(&self.engine.graph, options.time().flush);
        let span = watched.span().clone();
        let result = span.in_scope(|| self.commit_change(change, options));
        if result.is_err() {
            self.state.forget();
            self.hot.clear();
        }
        watched.end(&result);
        result
    }

    fn status(&self) -> Result<Status, Error> {
        // One state: the times in flight are in two tables.
        let _transaction = self.begin_reading()?;
        self.engine.status(&self.conn)
    }

    fn resume(&mut self) -> Result<i64, Error> {
        self.resume_halted()
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.abandon_time(time)
    }

    fn time(&self) -> Result<i64, Error> {
        self.engine.time(&self.conn)
    }

    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        if let (Included(key), Included(end)) = (&bounds.start, &bounds.end)
            && key == end
        {
            match self.one(view, key)? {
                One::Found(row) => return Ok(Rows::new(std::iter::once(Ok((row, 1))))),
                One::NotFound => return Ok(Rows::new(std::iter::empty())),
                One::Untold => {}
            }
        }
        let graph = &self.engine.graph;
        let table = graph.view_table(view)?;
        let index = graph.view_index(view)?;
        let transaction = self.begin_reading()?;
        Ok(Scan::rows(
            &self.conn,
            transaction,
            self.engine.table(table.id()),
            (index, view.index()),
            bounds,
            order,
        ))
    }

    fn look_up<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
    ) -> Result<Option<T>, Error> {
        match self.one(view, key)? {
            One::Found(row) => Ok(Some(row)),
            One::NotFound => Ok(None),
            One::Untold => {
                let mut rows = self.scan(view, Bounds::one(key.clone()), Order::Forward)?;
                Ok(rows.next().transpose()?.map(|(row, _)| row))
            }
        }
    }

    fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Subscription<T>, Error> {
        self.follow(view, None, None)
    }

    fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: &str,
    ) -> Result<Subscription<T>, Error> {
        self.follow(view, Some(cursor), None)
    }

    fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error> {
        let mut watch = Watch::new(self.options.longest_pause);
        let mut reached = None;
        let deadline = Instant::now().checked_add(within);
        loop {
            if watch.has_changed(&self.conn)? {
                let now = self.time()?;
                if now >= time {
                    return Ok(());
                }
                reached = Some(now);
            }
            if !watch.pause(deadline) {
                let reached = reached.unwrap_or_default();
                return Err(not_reached(self.engine.graph.name(), time, reached, within));
            }
        }
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        let mut watch = Watch::new(self.options.longest_pause);
        let deadline = Instant::now().checked_add(self.options.deadline);
        loop {
            let transaction = self.begin_reading()?;
            let ledger = self.engine.ledger(&self.conn)?;
            if ledger.is_idle() {
                return Ok(Box::new(SqliteReading {
                    store: self,
                    _transaction: transaction,
                }));
            }
            drop(transaction);
            if !watch.pause(deadline) {
                let graph = self.engine.graph.name();
                let (last, complete) = (ledger.last(), ledger.complete());
                return Err(not_reached(graph, last, complete, self.options.deadline));
            }
        }
    }

    fn time_at(&self, instant: SystemTime) -> Result<i64, Error> {
        self.past_time_at(instant)
    }

    fn instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error> {
        self.past_instant_of(time)
    }

    fn horizon<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> Result<i64, Error> {
        self.past_horizon(view)
    }

    fn scan_as_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
        time: i64,
    ) -> Result<Rows<'_, T>, Error> {
        self.past_rows(view, (bounds, order), time)
    }

    fn deltas_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        after: i64,
        up_to: i64,
        rows: usize,
    ) -> Result<Vec<Delta<T>>, Error> {
        self.past_deltas(view, (after, up_to), rows)
    }

    fn times_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        before: i64,
        times: usize,
    ) -> Result<Vec<i64>, Error> {
        self.past_times(view, before, times)
    }

    fn versions_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
        at: i64,
        ended_before: Option<i64>,
        rows: usize,
    ) -> Result<Vec<Version<T>>, Error> {
        self.past_versions(view, key, (at, ended_before), rows)
    }

    fn follow_from<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: Option<&str>,
        time: i64,
    ) -> Result<Subscription<T>, Error> {
        let table = table_with_history(&self.engine.graph, view)?;
        self.follow(view, cursor, Some((table, time)))
    }

    fn forget_step<T: Row, K: IndexKey>(
        &mut self,
        view: ViewHandle<T, K>,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error> {
        self.forget_past(view, time, rows)
    }
}

/// The file as it was when reading began: scans join the read transaction.
struct SqliteReading<'s> {
    store: &'s SqliteStore,
    _transaction: ReadTransaction<'s>,
}

impl Reading for SqliteReading<'_> {
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error> {
        self.store.engine.answer(&self.store.conn, fetches)
    }
}
