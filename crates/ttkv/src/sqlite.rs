//! Maps in SQLite files.

use std::borrow::Borrow;
use std::path::Path;

use deltaview_store_sqlite::rusqlite::Transaction;
use deltaview_store_sqlite::{SqliteOptions, SqliteVersions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Delta, Error, TimeMap, bytes};

/// A map in a SQLite file, which may be the application's own, and may have graphs and other maps in it.
///
/// ```
/// use deltaview_ttkv::SqliteTimeMap;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("shop.db");
/// let prices = SqliteTimeMap::<String, i64>::open(&path, "prices")?;
/// let time = prices.put(&"tea".to_string(), &3)?;
/// drop(prices);
///
/// let prices = SqliteTimeMap::<String, i64>::open_existing(&path, "prices")?;
/// prices.put(&"tea".to_string(), &4)?;
/// assert_eq!(prices.get_at(&"tea".to_string(), time)?, Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type SqliteTimeMap<K, V> = TimeMap<K, V, SqliteVersions>;

impl<K, V> TimeMap<K, V, SqliteVersions>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// Opens a map of a file, creating both where they are missing. Each commit is on the disk when it returns; for less
    /// than that see [`Self::open_with`].
    ///
    /// # Errors
    ///
    /// The file is no SQLite database, can't be written, or was made by a newer version; it has the map with other types,
    /// only a part of it, or somebody else's table under one of its names
    /// ([`ErrorKind::Mismatch`](deltaview_store::ErrorKind::Mismatch)). It is left as it was.
    pub fn open(path: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        Self::open_with(path, name, &SqliteOptions::new())
    }

    /// As [`Self::open`], with options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_with(
        path: impl AsRef<Path>,
        name: &str,
        options: &SqliteOptions,
    ) -> Result<Self, Error> {
        let spec = bytes::spec::<K, V>(name)?;
        Ok(Self::over(SqliteVersions::open(path, &spec, options)?))
    }

    /// Opens a map that the file has, and creates nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; and [`ErrorKind::NotDeltaview`](deltaview_store::ErrorKind::NotDeltaview) where the file does not
    /// have the map.
    pub fn open_existing(path: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        let (spec, options) = (bytes::spec::<K, V>(name)?, SqliteOptions::new());
        Ok(Self::over(SqliteVersions::open_existing(
            path, &spec, &options,
        )?))
    }

    /// Opens a map that the file has only to read it, while this or another process writes. As nothing can be settled, a
    /// time after the last one of the map is an [`ErrorKind::ReadOnly`](deltaview_store::ErrorKind::ReadOnly).
    ///
    /// # Errors
    ///
    /// As [`Self::open_existing`].
    pub fn open_read_only(path: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        let (spec, options) = (bytes::spec::<K, V>(name)?, SqliteOptions::new());
        Ok(Self::over(SqliteVersions::open_read_only(
            path, &spec, &options,
        )?))
    }
}

impl<K, V> TimeMap<K, V, SqliteVersions>
where
    K: Serialize + DeserializeOwned + Ord,
    V: Serialize + DeserializeOwned + Ord,
{
    /// [`Self::change`] inside of the caller's own transaction, which may be of any connection to the file: it and the
    /// caller's writes are committed together, or not at all. Begin it `Immediate`.
    ///
    /// The delta that it returns is what an input of a graph takes, in the same transaction:
    ///
    /// ```
    /// use deltaview::prelude::*;
    /// use deltaview::sqlite::rusqlite::{Connection, TransactionBehavior};
    /// use deltaview_ttkv::SqliteTimeMap;
    ///
    /// let (graph, (prices, dear)) = Graph::build("shop", |g| {
    ///     let prices = g.input::<(String, i64)>("prices");
    ///     (prices.handle(), prices.filter(|(_, price)| *price > 3).view("dear"))
    /// })?;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("shop.db");
    /// let map = SqliteTimeMap::<String, i64>::open(&path, "prices")?;
    /// let store = SqliteStore::open(&path, &graph)?;
    ///
    /// let mut app = Connection::open(&path)?;
    /// let tx = app.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// let changed = map.change_in(&tx, [("tea".to_string(), Some(4))])?;
    /// store.commit_in(&tx, &graph.change().add(prices, changed.rows))?;
    /// tx.commit()?;
    ///
    /// assert_eq!(store.view(dear).iter()?.count(), 1);
    /// assert_eq!(map.get(&"tea".to_string())?, Some(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::change`]. What was written is taken back to where it began, and the transaction can go on without it. A
    /// transaction on a database that does not have the map is an error.
    pub fn change_in<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        tx: &Transaction<'_>,
        entries: impl IntoIterator<Item = (Q, Option<W>)>,
    ) -> Result<Delta<K, V>, Error> {
        let mut batch = self.translation.batch(entries)?;
        batch.with_old = true;
        let now = self.clock.now().nanos();
        let written = self.versions.write_in(tx, now, &batch)?;
        self.translation.delta(&batch, written)
    }

    /// [`Self::change_in`] of one key, which is set.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn put_in(&self, tx: &Transaction<'_>, key: &K, value: &V) -> Result<Delta<K, V>, Error> {
        self.change_in(tx, [(key, Some(value))])
    }

    /// [`Self::change_in`] of one key, which is removed.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn remove_in(&self, tx: &Transaction<'_>, key: &K) -> Result<Delta<K, V>, Error> {
        self.change_in(tx, [(key, None::<V>)])
    }
}
