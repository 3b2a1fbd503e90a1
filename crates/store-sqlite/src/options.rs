//! How a SQLite store is opened.

use std::path::Path;
use std::time::Duration;

use deltaview_graph::Graph;
use deltaview_store::Error;

use crate::SqliteStore;

/// How safe a commit is when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Synchronous {
    /// A commit that returned survives a loss of power. One fsync a commit.
    #[default]
    Full,
    /// A commit that returned survives a crash of the process. A loss of power may take back the last commits, the
    /// newest first; the database stays whole. Fsyncs only when the write-ahead log is folded in.
    Normal,
    /// Never waits for the disk. A commit that returned survives a crash of the process; a loss of power may damage
    /// the database beyond repair. For databases that can be made again.
    Off,
}

/// How a SQLite store is opened: the busy time-out, how safe a commit is, the cache.
///
/// ```
/// use std::time::Duration;
/// use deltaview_graph::Graph;
/// use deltaview_store_sqlite::{SqliteOptions, Synchronous};
///
/// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
/// let folder = tempfile::tempdir()?;
/// let store = SqliteOptions::new()
///     .synchronous(Synchronous::Normal)
///     .busy_timeout(Duration::from_secs(30))
///     .open(folder.path().join("words.db"), &graph)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a store is opened with them"]
pub struct SqliteOptions {
    pub(crate) synchronous: Synchronous,
    pub(crate) busy_timeout: Duration,
    pub(crate) cache_kib: u32,
    pub(crate) hot_set: usize,
    pub(crate) lease: Duration,
    pub(crate) longest_pause: Duration,
    pub(crate) deadline: Duration,
    pub(crate) worker_lease: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SqliteOptions {
    /// `synchronous` [`Full`](Synchronous::Full), a busy time-out of 5 seconds, a cache of 64 MiB, a hot set of 16 MiB, leases of 5 minutes,
    /// pauses of 20 milliseconds at most, a deadline of 5 seconds, leases of workers of 3 seconds.
    pub fn new() -> Self {
        Self {
            synchronous: Synchronous::Full,
            busy_timeout: Duration::from_secs(5),
            cache_kib: 64 * 1024,
            hot_set: 16 * 1024 * 1024,
            lease: Duration::from_secs(300),
            longest_pause: Duration::from_millis(20),
            deadline: Duration::from_secs(5),
            worker_lease: Duration::from_secs(3),
        }
    }

    /// How safe a commit is when it returns.
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How long a commit waits for another connection that writes.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// The page cache, in KiB.
    pub fn cache_kib(mut self, kib: u32) -> Self {
        self.cache_kib = kib;
        self
    }

    /// How many bytes of the stored state the store may keep in memory as rows, from one change to the next: what a change
    /// has looked up is not looked up again by the next one. What is counted for a row is rather too much. Where a change
    /// makes it more, it is all dropped once the change is committed; so it is where somebody else has written in between,
    /// by another connection or by [`SqliteStore::connection`]. Where it is used up again and again and changes look no less
    /// up, nothing is kept for some changes. 16 MiB, unless another number is given; 0 keeps nothing: for files that several
    /// processes write in turns.
    ///
    /// ```
    /// use deltaview_graph::{Edit, Graph};
    /// use deltaview_schema::Index;
    /// use deltaview_store::Store;
    /// use deltaview_store_sqlite::SqliteOptions;
    ///
    /// let (graph, (words, _)) = Graph::build("words", |g| {
    ///     let words = g.input::<String>("words");
    ///     let by_length = Index::new("length", |word: &String| word.len() as i64);
    ///     (words.handle(), words.group_by(by_length).count().view("lengths"))
    /// })?;
    /// let mut store = SqliteOptions::new().hot_set(1_000_000).open(":memory:", &graph)?;
    /// store.change().insert(words, ["one".to_string()]).commit()?;
    /// assert!(store.hot_set_bytes() > 0 && store.hot_set_bytes() <= 1_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hot_set(mut self, bytes: usize) -> Self {
        self.hot_set = bytes;
        self
    }

    /// How long a [subscription](deltaview_store::Subscription) is waited for that is not asked for deltas: then its cursor
    /// is taken for dead, and what it has missed is not kept. One second at least.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// How long a subscription, or [`wait_for`](deltaview_store::Store::wait_for), pauses at most before it looks again
    /// whether something was committed. The pauses begin with a millisecond and double.
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause.max(Duration::from_millis(1));
        self
    }

    /// How long a change waits for the changes of other workers that go before it, where it has no deadline of its own;
    /// and `verify` for there to be none under way.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long a worker that has died in the middle of a change can hold up others: until then, whoever waits for it has
    /// seen that it is dead and, where the stages that are left take no longer than a third of that, has finished its
    /// change. A living worker gives a sign of life every sixth of it, from a thread of its own, and is taken for dead
    /// after two thirds without one. 50 milliseconds at least; the same for all workers on a file is best.
    pub fn worker_lease(mut self, lease: Duration) -> Self {
        self.worker_lease = lease.max(Duration::from_millis(50));
        self
    }

    /// As [`SqliteStore::open`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(self, path: impl AsRef<Path>, graph: &Graph) -> Result<SqliteStore, Error> {
        SqliteStore::open_with(
            path.as_ref(),
            graph,
            &self,
            crate::connection::Access::Create,
        )
    }

    /// As [`SqliteStore::open_existing`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_existing(
        self,
        path: impl AsRef<Path>,
        graph: &Graph,
    ) -> Result<SqliteStore, Error> {
        SqliteStore::open_with(
            path.as_ref(),
            graph,
            &self,
            crate::connection::Access::Existing,
        )
    }

    /// As [`SqliteStore::open_read_only`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_read_only(
        self,
        path: impl AsRef<Path>,
        graph: &Graph,
    ) -> Result<SqliteStore, Error> {
        SqliteStore::open_with(
            path.as_ref(),
            graph,
            &self,
            crate::connection::Access::ReadOnly,
        )
    }
}
