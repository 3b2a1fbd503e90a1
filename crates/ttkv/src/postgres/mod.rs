//! Maps in Postgres databases: [`PostgresTimeMap`], asynchronous, and [`BlockingPostgresTimeMap`] for programs without a
//! runtime. The same as [`TimeMap`], with `.await`; what is read lazily has a `next` to be awaited.

mod read;

pub use read::{
    PostgresForgetting, PostgresHistory, PostgresKeyTimes, PostgresRows, PostgresSnapshot,
    PostgresTimes, PostgresWatch,
};

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use deltaview_store::versions::{Batch, Changed, Version as StoredVersion, VersionsError};
use deltaview_store_postgres::deadpool_postgres::Pool;
use deltaview_store_postgres::tokio_postgres::Transaction;
use deltaview_store_postgres::{BlockingPostgresVersions, PostgresOptions, PostgresVersions};
use deltaview_zset::ZSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes::{self, Translation};
use crate::history::Pages;
use crate::map::{PAGE, over};
use crate::watch::Seen;
use crate::{Clock, Delta, Error, SystemClock, Time, TimeMap, Version};

/// A map in a Postgres database, for programs without a runtime: each call waits.
pub type BlockingPostgresTimeMap<K, V> = TimeMap<K, V, BlockingPostgresVersions>;

impl<K, V> TimeMap<K, V, BlockingPostgresVersions>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// Connects to a map by a URL, `postgres://user:password@host:5432/database`, without TLS, creating it where it is
    /// missing.
    ///
    /// # Errors
    ///
    /// As [`PostgresTimeMap::connect`].
    pub fn connect(url: &str, name: &str, options: &PostgresOptions) -> Result<Self, Error> {
        let spec = bytes::spec::<K, V>(name)?;
        let versions = BlockingPostgresVersions::connect(url, &spec, options, true)?;
        Ok(Self::over(versions))
    }

    /// Connects to a map that the database has, and creates nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`]; and [`ErrorKind::NotDeltaview`](deltaview_store::ErrorKind::NotDeltaview) where the database
    /// does not have the map.
    pub fn connect_existing(
        url: &str,
        name: &str,
        options: &PostgresOptions,
    ) -> Result<Self, Error> {
        let spec = bytes::spec::<K, V>(name)?;
        let versions = BlockingPostgresVersions::connect(url, &spec, options, false)?;
        Ok(Self::over(versions))
    }
}

/// A map in a Postgres database, which may be the application's own, and may have graphs and other maps in it. It is cheap
/// to clone, and its clones are the same map.
///
/// It is [`TimeMap`] with `.await`: what is said there of times, costs and errors holds here. Each question and each plain
/// write is one round trip. Times are by the clock of whoever writes, and are in order all the same, whatever the clocks
/// of several machines say.
///
/// ```no_run
/// use deltaview_ttkv::PostgresTimeMap;
/// use deltaview_store_postgres::deadpool_postgres::Pool;
///
/// # async fn example(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
/// let prices = PostgresTimeMap::<String, i64>::connect(pool, "prices").await?;
/// let time = prices.put(&"tea".to_string(), &3).await?;
/// prices.put(&"tea".to_string(), &4).await?;
/// assert_eq!(prices.get_at(&"tea".to_string(), time).await?, Some(3));
/// let mut rows = prices.iter_at(time).await?;
/// while let Some(row) = rows.next().await {
///     let (name, price) = row?;
///     println!("{name}: {price}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct PostgresTimeMap<K, V> {
    pub(crate) versions: PostgresVersions,
    clock: Arc<dyn Clock>,
    pub(crate) translation: Translation<K, V>,
}

impl<K, V> Clone for PostgresTimeMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            versions: self.versions.clone(),
            clock: Arc::clone(&self.clock),
            translation: self.translation.clone(),
        }
    }
}

impl<K, V> fmt::Debug for PostgresTimeMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresTimeMap")
            .field(&self.versions)
            .finish()
    }
}

impl<K, V> PostgresTimeMap<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// Connects to a map by a pool, in the schema `deltaview`, creating it where it is missing.
    ///
    /// # Errors
    ///
    /// As [`PostgresVersions::connect`].
    pub async fn connect(pool: Pool, name: &str) -> Result<Self, Error> {
        Self::connect_with(pool, name, &PostgresOptions::new()).await
    }

    /// As [`Self::connect`], with options.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect_with(
        pool: Pool,
        name: &str,
        options: &PostgresOptions,
    ) -> Result<Self, Error> {
        let spec = bytes::spec::<K, V>(name)?;
        Ok(Self::over(
            PostgresVersions::connect(pool, &spec, options).await?,
        ))
    }

    /// A map over a table of versions.
    pub fn over(versions: PostgresVersions) -> Self {
        Self {
            translation: Translation::of(versions.name()),
            versions,
            clock: Arc::new(SystemClock),
        }
    }

    /// As [`TimeMap::with_clock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The name of the map.
    pub fn name(&self) -> &str {
        self.versions.name()
    }

    /// As [`TimeMap::last`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn last(&self) -> Result<Option<Time>, Error> {
        let last = Time::from_nanos(self.versions.state().await?.last);
        Ok(Some(last).filter(|last| *last > Time::MIN))
    }

    /// As [`TimeMap::horizon`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn horizon(&self) -> Result<Option<Time>, Error> {
        let horizon = Time::from_nanos(self.versions.state().await?.horizon);
        Ok(Some(horizon).filter(|horizon| *horizon > Time::MIN))
    }

    /// As [`TimeMap::put`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn put(&self, key: &K, value: &V) -> Result<Time, Error> {
        let batch = self.translation.batch([(key, Some(value))])?;
        self.write(&batch).await
    }

    /// As [`TimeMap::put_many`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn put_many<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        entries: impl IntoIterator<Item = (Q, W)>,
    ) -> Result<Time, Error> {
        let entries = entries.into_iter().map(|(key, value)| (key, Some(value)));
        let batch = self.translation.batch(entries)?;
        self.write(&batch).await
    }

    /// As [`TimeMap::remove`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn remove(&self, key: &K) -> Result<Time, Error> {
        let batch = self.translation.batch([(key, None::<V>)])?;
        self.write(&batch).await
    }

    /// As [`TimeMap::compare_and_put`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn compare_and_put(
        &self,
        key: &K,
        expected: Option<Time>,
        value: &V,
    ) -> Result<Time, Error> {
        let batch = self.translation.expecting(key, expected, Some(value))?;
        self.write(&batch).await
    }

    /// As [`TimeMap::compare_and_remove`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn compare_and_remove(&self, key: &K, expected: Time) -> Result<Time, Error> {
        let batch = self.translation.expecting(key, Some(expected), None)?;
        self.write(&batch).await
    }

    async fn write(&self, batch: &Batch) -> Result<Time, Error> {
        let now = self.clock.now().nanos();
        Ok(Time::from_nanos(
            self.versions.write(now, batch).await?.time,
        ))
    }

    /// As [`TimeMap::get`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get(&self, key: &K) -> Result<Option<V>, Error> {
        let version = self.get_version(key).await?;
        Ok(version.and_then(|version| version.value))
    }

    /// As [`TimeMap::get_version`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get_version(&self, key: &K) -> Result<Option<Version<V>>, Error> {
        let key = self.translation.key(key)?;
        let newest = self.versions.newest(&[key], None).await?.pop().flatten();
        newest
            .map(|version| self.translation.version(version))
            .transpose()
    }

    /// As [`TimeMap::get_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get_at(&self, key: &K, time: Time) -> Result<Option<V>, Error> {
        let keys = [self.translation.key(key)?];
        let found = self.newest(&keys, time).await?.pop().flatten();
        self.translation.value(found)
    }

    /// As [`TimeMap::get_many_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get_many_at<Q: Borrow<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
        time: Time,
    ) -> Result<Vec<Option<V>>, Error> {
        let keys = self.translation.keys(keys)?;
        let found = self.newest(&keys, time).await?;
        self.translation.values(found)
    }

    async fn newest(
        &self,
        keys: &[Vec<u8>],
        time: Time,
    ) -> Result<Vec<Option<StoredVersion>>, Error> {
        match self.versions.newest(keys, Some(time.nanos())).await {
            Err(VersionsError::Unsettled { .. }) => {
                self.settle(time).await?;
                Ok(self.versions.newest(keys, Some(time.nanos())).await?)
            }
            other => Ok(other?),
        }
    }

    async fn settle(&self, time: Time) -> Result<(), Error> {
        over(&*self.clock, self.name(), time)?;
        Ok(self.versions.settle(time.nanos()).await?)
    }

    /// Makes sure that a time is over and remembered.
    async fn settled(&self, time: Time) -> Result<(), Error> {
        let state = self.versions.state().await?;
        match state.check(self.name(), time.nanos()) {
            Err(VersionsError::Unsettled { .. }) => self.settle(time).await,
            other => Ok(other?),
        }
    }

    /// As [`TimeMap::range_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn range_at(
        &self,
        keys: impl RangeBounds<K>,
        time: Time,
    ) -> Result<PostgresRows<K, V>, Error> {
        let keys = self.translation.range(&keys)?;
        self.settled(time).await?;
        Ok(PostgresRows::new(self, keys, time))
    }

    /// As [`TimeMap::iter_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn iter_at(&self, time: Time) -> Result<PostgresRows<K, V>, Error> {
        self.range_at(.., time).await
    }

    /// As [`TimeMap::range`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn range(&self, keys: impl RangeBounds<K>) -> Result<PostgresRows<K, V>, Error> {
        let keys = self.translation.range(&keys)?;
        let last = Time::from_nanos(self.versions.state().await?.last);
        Ok(PostgresRows::new(self, keys, last))
    }

    /// As [`TimeMap::iter`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn iter(&self) -> Result<PostgresRows<K, V>, Error> {
        self.range(..).await
    }

    /// As [`TimeMap::snapshot`]. It holds no connection.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn snapshot(&self, time: Time) -> Result<PostgresSnapshot<K, V>, Error> {
        self.settled(time).await?;
        Ok(PostgresSnapshot {
            map: self.clone(),
            time,
        })
    }

    /// As [`TimeMap::times`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn times(&self, key: &K) -> Result<PostgresKeyTimes<K, V>, Error> {
        Ok(PostgresKeyTimes(self.history(key)?))
    }

    /// As [`TimeMap::history`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn history(&self, key: &K) -> Result<PostgresHistory<K, V>, Error> {
        Ok(PostgresHistory {
            key: self.translation.key(key)?,
            map: self.clone(),
            pages: Pages::new(),
        })
    }

    /// As [`TimeMap::times_all`].
    pub fn times_all(&self) -> PostgresTimes<K, V> {
        PostgresTimes {
            map: self.clone(),
            pages: Pages::new(),
        }
    }

    /// As [`TimeMap::forget_before`], in steps of a thousand versions, each a transaction of its own.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn forget_before(&self, time: Time) -> Result<usize, Error> {
        let mut forgetting = self.forget_in_steps(time).await?;
        let mut deleted = 0;
        while let Some(step) = forgetting.next().await {
            deleted += step?;
        }
        Ok(deleted)
    }

    /// As [`TimeMap::forget_in_steps`]: the past is forgotten now, and each step gives back the space of a thousand
    /// versions at most.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn forget_in_steps(&self, time: Time) -> Result<PostgresForgetting<K, V>, Error> {
        match self.versions.forget(time.nanos()).await {
            Err(VersionsError::Unsettled { .. }) => {
                self.settle(time).await?;
                self.versions.forget(time.nanos()).await?;
            }
            other => other?,
        }
        Ok(PostgresForgetting {
            map: self.clone(),
            rest: Some(None),
        })
    }

    /// As [`TimeMap::watch`]: the server is asked at pauses that grow to a quarter of a second.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn watch(&self, keys: impl RangeBounds<K>) -> Result<PostgresWatch<K, V>, Error> {
        Ok(PostgresWatch {
            keys: self.translation.range(&keys)?,
            seen: Seen::upto(self.versions.state().await?.last),
            map: self.clone(),
            waiting: VecDeque::new(),
        })
    }

    /// As [`TimeMap::watch_since`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn watch_since(
        &self,
        keys: impl RangeBounds<K>,
        time: Time,
    ) -> Result<PostgresWatch<K, V>, Error> {
        let keys = self.translation.range(&keys)?;
        self.settled(time).await?;
        Ok(PostgresWatch {
            keys,
            seen: Seen::upto(time.nanos()),
            map: self.clone(),
            waiting: VecDeque::new(),
        })
    }
}

impl<K, V> PostgresTimeMap<K, V>
where
    K: Serialize + DeserializeOwned + Ord,
    V: Serialize + DeserializeOwned + Ord,
{
    /// As [`TimeMap::change`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn change<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        entries: impl IntoIterator<Item = (Q, Option<W>)>,
    ) -> Result<Delta<K, V>, Error> {
        let mut batch = self.translation.batch(entries)?;
        batch.with_old = true;
        let written = self
            .versions
            .write(self.clock.now().nanos(), &batch)
            .await?;
        self.translation.delta(&batch, written)
    }

    /// [`Self::change`] inside of the caller's own transaction, on any connection to the database: it and the caller's
    /// writes are committed together, or not at all. To its end nobody else can write the map. What it returns is what an
    /// input of a graph takes, in the same transaction.
    ///
    /// # Errors
    ///
    /// As there, and as [`PostgresVersions::write_in`].
    pub async fn change_in<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        tx: &Transaction<'_>,
        entries: impl IntoIterator<Item = (Q, Option<W>)>,
    ) -> Result<Delta<K, V>, Error> {
        let mut batch = self.translation.batch(entries)?;
        batch.with_old = true;
        let now = self.clock.now().nanos();
        let written = self.versions.write_in(tx, now, &batch).await?;
        self.translation.delta(&batch, written)
    }

    /// [`Self::change_in`] of one key, which is set.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn put_in(
        &self,
        tx: &Transaction<'_>,
        key: &K,
        value: &V,
    ) -> Result<Delta<K, V>, Error> {
        self.change_in(tx, [(key, Some(value))]).await
    }

    /// [`Self::change_in`] of one key, which is removed.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn remove_in(&self, tx: &Transaction<'_>, key: &K) -> Result<Delta<K, V>, Error> {
        self.change_in(tx, [(key, None::<V>)]).await
    }

    /// As [`TimeMap::between`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn between(&self, from: Time, to: Time) -> Result<ZSet<(K, V)>, Error> {
        let (after, upto) = (from.min(to).nanos(), from.max(to).nanos());
        self.settled(from.max(to)).await?;
        let (mut newest, mut place) = (BTreeMap::new(), None);
        loop {
            let page = self
                .versions
                .changes(after, upto, place.as_ref(), PAGE)
                .await?;
            place = page.items.last().map(Changed::place);
            let items = page.items.into_iter();
            newest.extend(items.map(|changed| (changed.key, changed.version.data)));
            if !page.more {
                break;
            }
        }
        let keys: Vec<Vec<u8>> = newest.keys().cloned().collect();
        let mut old = Vec::new();
        for keys in keys.chunks(PAGE) {
            old.extend(self.versions.newest(keys, Some(after)).await?);
        }
        let rows = bytes::net(&newest, old, from <= to);
        self.translation.difference(rows)
    }
}
