//! Between a map's types and the bytes of its table: keys, values, ranges, batches and deltas. It does no IO.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use deltaview_schema::codec;
use deltaview_store::versions::{
    Batch, Changed, Expected, KeyRange, MapSpec, Version as StoredVersion, Written,
};
use deltaview_zset::ZSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Change, Delta, Error, Time, Version, key, shape};

/// The translation of one map.
#[derive(Debug)]
pub(crate) struct Translation<K, V> {
    map: String,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Translation<K, V> {
    fn clone(&self) -> Self {
        Self::of(&self.map)
    }
}

impl<K, V> Translation<K, V> {
    pub(crate) fn of(map: &str) -> Self {
        Self {
            map: map.to_string(),
            types: PhantomData,
        }
    }
}

/// A map of a name, with the shapes of its types as far as they show.
pub(crate) fn spec<K: DeserializeOwned, V: DeserializeOwned>(name: &str) -> Result<MapSpec, Error> {
    Ok(MapSpec {
        key: shape::of::<K>(),
        value: shape::of::<V>(),
        ..MapSpec::new(name)?
    })
}

impl<K, V> Translation<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    pub(crate) fn key(&self, key: &K) -> Result<Vec<u8>, Error> {
        Ok(key::encode(key)?)
    }

    pub(crate) fn keys<Q: Borrow<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        keys.into_iter().map(|key| self.key(key.borrow())).collect()
    }

    pub(crate) fn range(&self, keys: &impl RangeBounds<K>) -> Result<KeyRange, Error> {
        let bound = |bound: Bound<&K>| {
            Ok::<_, Error>(match bound {
                Bound::Included(key) => Bound::Included(self.key(key)?),
                Bound::Excluded(key) => Bound::Excluded(self.key(key)?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        Ok(KeyRange::between(
            bound(keys.start_bound())?,
            bound(keys.end_bound())?,
        ))
    }

    /// Where a key is given twice, the last one counts.
    pub(crate) fn batch<Q: Borrow<K>, W: Borrow<V>>(
        &self,
        entries: impl IntoIterator<Item = (Q, Option<W>)>,
    ) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for (key, value) in entries {
            let data = value.map(|value| codec::encode(value.borrow()).map_err(Error::Value));
            batch
                .writes
                .insert(self.key(key.borrow())?, data.transpose()?);
        }
        Ok(batch)
    }

    pub(crate) fn expecting(
        &self,
        key: &K,
        expected: Option<Time>,
        value: Option<&V>,
    ) -> Result<Batch, Error> {
        let mut batch = self.batch([(key, value)])?;
        batch.expected = Some(Expected {
            key: self.key(key)?,
            time: expected.map(Time::nanos),
        });
        Ok(batch)
    }

    pub(crate) fn stored_key(&self, bytes: &[u8]) -> Result<K, Error> {
        key::decode(bytes).map_err(|error| Error::StoredKey {
            map: self.map.clone(),
            error,
        })
    }

    pub(crate) fn stored_value(&self, bytes: &[u8]) -> Result<V, Error> {
        codec::decode(bytes).map_err(|error| Error::StoredValue {
            map: self.map.clone(),
            error,
        })
    }

    /// The value of a version, if it has one.
    pub(crate) fn value(&self, version: Option<StoredVersion>) -> Result<Option<V>, Error> {
        let data = version.and_then(|version| version.data);
        data.map(|data| self.stored_value(&data)).transpose()
    }

    pub(crate) fn values(
        &self,
        found: Vec<Option<StoredVersion>>,
    ) -> Result<Vec<Option<V>>, Error> {
        let values = found.into_iter().map(|version| self.value(version));
        values.collect()
    }

    pub(crate) fn version(&self, version: StoredVersion) -> Result<Version<V>, Error> {
        Ok(Version {
            time: Time::from_nanos(version.time),
            value: self.value(Some(version))?,
        })
    }

    pub(crate) fn change(&self, changed: Changed) -> Result<Change<K, V>, Error> {
        let Version { time, value } = self.version(changed.version)?;
        Ok(Change {
            time,
            key: self.stored_key(&changed.key)?,
            value,
        })
    }

    pub(crate) fn row(&self, (key, version): (Vec<u8>, StoredVersion)) -> Result<(K, V), Error> {
        let data = version.data.unwrap_or_default();
        Ok((self.stored_key(&key)?, self.stored_value(&data)?))
    }
}

impl<K, V> Translation<K, V>
where
    K: Serialize + DeserializeOwned + Ord,
    V: Serialize + DeserializeOwned + Ord,
{
    /// What writing a batch changed.
    pub(crate) fn delta(&self, batch: &Batch, written: Written) -> Result<Delta<K, V>, Error> {
        let before = written.old.into_iter();
        let keys = batch.writes.iter();
        let rows = keys
            .zip(before)
            .map(|((key, new), old)| (key.as_slice(), old, new.clone()));
        Ok(Delta {
            time: Time::from_nanos(written.time),
            rows: self.difference(rows)?,
        })
    }

    /// Each key with what it had and what it has: the old row goes, the new one comes.
    pub(crate) fn difference<'a>(
        &self,
        rows: impl IntoIterator<Item = Net<'a>>,
    ) -> Result<ZSet<(K, V)>, Error> {
        let mut pairs = Vec::new();
        for (key, old, new) in rows {
            if old == new {
                continue;
            }
            for (data, weight) in [(old, -1), (new, 1)] {
                if let Some(data) = data {
                    let row = (self.stored_key(key)?, self.stored_value(&data)?);
                    pairs.push((row, weight));
                }
            }
        }
        Ok(
            ZSet::from_pairs(pairs)
                .expect("each key has one row at the most before, and one after"),
        )
    }
}

/// What a row has before and after, by key, from what was written in between and what was there before.
pub(crate) type Net<'a> = (&'a [u8], Option<Vec<u8>>, Option<Vec<u8>>);

/// Each key that was written, with what it had before and has after; the other way round, where time runs backward.
pub(crate) fn net(
    newest: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    old: Vec<Option<StoredVersion>>,
    is_forward: bool,
) -> impl Iterator<Item = Net<'_>> {
    let before = old.into_iter().map(|version| version?.data);
    let rows = newest.iter().zip(before);
    rows.map(move |((key, new), old)| {
        let (old, new) = if is_forward {
            (old, new.clone())
        } else {
            (new.clone(), old)
        };
        (key.as_slice(), old, new)
    })
}
