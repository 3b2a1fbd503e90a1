//! A file for a test, and a clock that does what it is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deltaview_store_sqlite::{SqliteOptions, Synchronous};
use deltaview_ttkv::{Clock, SqliteTimeMap, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A clock that is set by hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn at(now: i64) -> Self {
        Self(Arc::new(AtomicI64::new(now)))
    }

    pub(crate) fn set(&self, now: i64) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// A folder with a database in it.
pub(crate) struct Temp(tempfile::TempDir);

impl Temp {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.0.path().join("test.db")
    }

    /// A map in the database, which does not wait for the disk.
    pub(crate) fn map<K, V>(&self, name: &str) -> SqliteTimeMap<K, V>
    where
        K: Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned,
    {
        SqliteTimeMap::open_with(self.db(), name, &options()).unwrap()
    }
}

pub(crate) fn options() -> SqliteOptions {
    SqliteOptions::new()
        .synchronous(Synchronous::Off)
        .busy_timeout(std::time::Duration::from_secs(60))
}

pub(crate) fn time(nanoseconds: i64) -> Time {
    Time::from_nanos(nanoseconds)
}
