//! A key-value map that remembers: each write has a time, and the map can be read as of any of them.
//!
//! [`TimeMap`] is the map; `Snapshot`, `Rows`, `History` and `Times` read it, [`Watch`] waits for its changes. It is kept in
//! memory, in a SQLite file or in a Postgres database, by the tables of versions of
//! [`deltaview_store::versions`]. This crate owns the types in front of them: the order-preserving [`key`] encoding, the
//! clock, and what each question means. It never knows graphs; but what a write changed is a Z-set, so that a map can be
//! an input of one.
//!
//! ```
//! use deltaview_ttkv::TimeMap;
//!
//! let stock: TimeMap<(String, u32), u64> = TimeMap::in_memory("stock")?;
//! let monday = stock.put_many([(("tea".to_string(), 1), 10), (("tea".to_string(), 2), 20)])?;
//! stock.put(&("tea".to_string(), 2), &5)?;
//! let shelf = ("tea".to_string(), 2)..;
//! let then: Vec<_> = stock.range_at(shelf, monday)?.collect::<Result<_, _>>()?;
//! assert_eq!(then, [(("tea".to_string(), 2), 20)]);
//! # Ok::<(), deltaview_ttkv::Error>(())
//! ```
//!
//! The page `docs/time-travel.md` of the repository has what everything costs, and the tables field by field. The feature
//! `cli` makes a command line of the same name.

mod bytes;
mod error;
mod history;
pub mod key;
mod map;
#[cfg(feature = "postgres")]
mod postgres;
mod shape;
mod snapshot;
#[cfg(feature = "sqlite-system")]
mod sqlite;
mod time;
mod watch;

pub use error::Error;
pub use history::{History, Times};
pub use map::TimeMap;
#[cfg(feature = "postgres")]
pub use postgres::{
    BlockingPostgresTimeMap, PostgresForgetting, PostgresHistory, PostgresKeyTimes, PostgresRows,
    PostgresSnapshot, PostgresTimeMap, PostgresTimes, PostgresWatch,
};
pub use snapshot::{Rows, Snapshot};
#[cfg(feature = "sqlite-system")]
pub use sqlite::SqliteTimeMap;
pub use time::{Clock, NotATime, SystemClock, Time};
pub use watch::Watch;

use deltaview_zset::ZSet;

/// What a key was set to, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<V> {
    /// When.
    pub time: Time,
    /// The value; nothing: it was removed.
    pub value: Option<V>,
}

/// A version with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<K, V> {
    /// When.
    pub time: Time,
    /// The key.
    pub key: K,
    /// The value; nothing: it was removed.
    pub value: Option<V>,
}

/// What a write changed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta<K: Ord, V: Ord> {
    /// When.
    pub time: Time,
    /// The rows that are gone, with the weight -1, and those that came, with 1.
    pub rows: ZSet<(K, V)>,
}
