//! Reading a view: [`View`] says which rows and in which order, [`Rows`] are they.

use std::ops::RangeBounds;

use deltaview_graph::{Bounds, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Weight, ZSet};

use crate::history::{self, Pages, Version};
use crate::{Delta, Error, Moment, Store, Subscription};

/// A view of a store, to be read: made by [`Store::view`].
pub struct View<'s, S, T, K> {
    store: &'s S,
    handle: ViewHandle<T, K>,
    order: Order,
    /// The time that it is read as of; nothing: the present.
    at: Option<i64>,
}

impl<S, T, K> Clone for View<'_, S, T, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T, K> Copy for View<'_, S, T, K> {}

impl<S, T, K> std::fmt::Debug for View<'_, S, T, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("handle", &self.handle)
            .field("order", &self.order)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<'s, S: Store, T: Row, K: IndexKey> View<'s, S, T, K> {
    pub(crate) fn new(store: &'s S, handle: ViewHandle<T, K>) -> Self {
        Self {
            store,
            handle,
            order: Order::Forward,
            at: None,
        }
    }

    /// A view as of a time that is looked at when it is read.
    pub(crate) fn at(store: &'s S, handle: ViewHandle<T, K>, time: i64) -> Self {
        let at = Some(time);
        Self {
            at,
            ..Self::new(store, handle)
        }
    }

    /// The same view as it was at a time, or at an instant: everything that is read of it is of that time. It must have
    /// [history](deltaview_graph::Builder::with_history).
    ///
    /// Nothing is held open: the past stays as it is, and others commit meanwhile. Where it is forgotten while it is
    /// read, that is an error. Cost: as reading the present, in about log2 of the last time places in the place of one.
    /// ```
    /// # use deltaview::prelude::*;
    /// # use deltaview::Retention;
    /// let (graph, (words, seen)) = Graph::build("words", |g| {
    ///     let words = g.input::<String>("words");
    ///     (words.handle(), g.with_history(words.view("seen"), Retention::Forever))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let first = store.change().insert(words, ["one".into()]).commit()?.time();
    /// let between = std::time::SystemTime::now();
    /// # while std::time::SystemTime::now() < between + std::time::Duration::from_millis(1) {}
    /// store.change().insert(words, ["two".into()]).remove(words, ["one".into()]).commit()?;
    /// let seen = store.view(seen);
    /// assert_eq!(seen.as_of(first)?.iter()?.into_zset()?.weight(&"one".into()), 1);
    /// assert_eq!(seen.as_of(between)?.iter()?.into_zset()?.weight(&"one".into()), 1);
    /// assert_eq!(seen.as_of(0)?.iter()?.count(), 0); // before the first iteration
    /// assert_eq!(seen.between(first, store.time()?)?, ZSet::from_pairs([("one".into(), -1), ("two".into(), 1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoHistory`](crate::ErrorKind::NoHistory), [`Forgotten`](crate::ErrorKind::Forgotten),
    /// [`NotYet`](crate::ErrorKind::NotYet); the handle belongs to another graph, or the database can't be read.
    pub fn as_of(self, moment: impl Into<Moment>) -> Result<Self, Error> {
        let time = history::readable(self.store, self.handle, moment.into())?;
        Ok(Self {
            at: Some(time),
            ..self
        })
    }

    fn scan(self, bounds: Bounds<K>) -> Result<Rows<'s, T>, Error> {
        let Self {
            store,
            handle,
            order,
            at,
        } = self;
        match at {
            None => store.scan(handle, bounds, order),
            Some(time) => store.scan_as_of(handle, bounds, order, time),
        }
    }

    /// The same view, read from the greatest key to the least.
    #[must_use]
    pub fn rev(self) -> Self {
        let order = match self.order {
            Order::Forward => Order::Backward,
            Order::Backward => Order::Forward,
        };
        Self { order, ..self }
    }

    /// All rows, in the order of the index, lazily.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`]; of the past, as [`Store::scan_as_of`].
    pub fn iter(self) -> Result<Rows<'s, T>, Error> {
        self.scan(Bounds::all())
    }

    /// The rows of one key.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`]; of the past, as [`Store::scan_as_of`].
    pub fn key(self, key: &K) -> Result<Rows<'s, T>, Error> {
        self.scan(Bounds::one(key.clone()))
    }

    /// The row of a key, in a view that has one row a key, as `group_by` makes them. Where there are more, any of them.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`]; of the past, as [`Store::scan_as_of`].
    pub fn get(self, key: &K) -> Result<Option<T>, Error> {
        if self.at.is_none() {
            return self.store.look_up(self.handle, key);
        }
        Ok(self.key(key)?.next().transpose()?.map(|(row, _)| row))
    }

    /// The rows of some keys, in the order in which the keys are given; those of a key that is given twice come twice.
    pub fn keys<I>(self, keys: I) -> Rows<'s, T>
    where
        I: IntoIterator<Item = K>,
        I::IntoIter: 's,
    {
        Rows::new(keys.into_iter().flat_map(move |key| match self.key(&key) {
            Ok(rows) => rows,
            Err(error) => Rows::new(std::iter::once(Err(error))),
        }))
    }

    /// The rows whose keys are in a range, in the order of the index, lazily. An empty or upside-down range has no
    /// rows.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`]; of the past, as [`Store::scan_as_of`].
    pub fn range(self, keys: impl RangeBounds<K>) -> Result<Rows<'s, T>, Error> {
        self.scan(Bounds::range(keys))
    }

    /// Follows the view: the deltas of all iterations behind the one that is the last now, as they are committed, by
    /// whatever process. The order of the index has no part in it. [`Subscription`] says how to keep a copy of the view.
    ///
    /// A store in a database logs what changes of a view while somebody follows it, in the transaction of the commit; a
    /// commit costs nothing more for a view that nobody follows. The subscription has a cursor in the database, with a
    /// lease that it renews while it is asked for deltas; who does not ask for longer than the lease lasts gets
    /// [`Lagged`](crate::ErrorKind::Lagged). The log is deleted as it is consumed. The memory store keeps what is not
    /// consumed for as long as the subscription lives.
    ///
    /// Of a view [as of](Self::as_of) a time it is [`Self::since_time`].
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph. The database can't be written
    /// ([`ReadOnly`](crate::ErrorKind::ReadOnly), [`Denied`](crate::ErrorKind::Denied)), or not be opened a second time
    /// ([`NotShared`](crate::ErrorKind::NotShared)).
    pub fn subscribe(self) -> Result<Subscription<T>, Error> {
        match self.at {
            None => self.store.subscribe(self.handle),
            Some(time) => self.store.follow_from(self.handle, None, time),
        }
    }

    /// Follows the view from a cursor with a name, which is kept in the store until it is
    /// [removed](Subscription::remove): where there is none of that name it is made, at the iteration that is the last
    /// now. All that is behind the cursor is logged, whether anybody reads it or not.
    ///
    /// It goes on behind the last [commit](Subscription::commit), however long ago and whatever process made it. So each
    /// delta comes once for each time that it is committed: what was handed out and not committed comes again. In the
    /// memory store the cursor lives as long as the store.
    ///
    /// Of a view [as of](Self::as_of) a time it is [`Self::since_from`].
    ///
    /// # Errors
    ///
    /// As [`Self::subscribe`]; a name that is empty, has more than 200 bytes or has a NUL is an
    /// [`UnsupportedKey`](crate::ErrorKind::UnsupportedKey).
    pub fn since(self, cursor: &str) -> Result<Subscription<T>, Error> {
        match self.at {
            None => self.store.since(self.handle, cursor),
            Some(time) => self.store.follow_from(self.handle, Some(cursor), time),
        }
    }

    /// Follows the view from a past time on: the deltas of all iterations behind it, those that are stored and then
    /// those that come, each once and none missing. Otherwise as [`Self::subscribe`].
    ///
    /// # Errors
    ///
    /// As [`Self::subscribe`] and [`Self::as_of`]; the subscription says [`Forgotten`](crate::ErrorKind::Forgotten) where
    /// a stored delta is forgotten before it was read.
    pub fn since_time(self, moment: impl Into<Moment>) -> Result<Subscription<T>, Error> {
        self.as_of(moment)?.subscribe()
    }

    /// Follows the view from a cursor with a name, which is made at a past time where there is none of that name. One
    /// that is there goes on behind its last [commit](Subscription::commit), whatever the time that is given. Otherwise
    /// as [`Self::since`].
    ///
    /// What is committed after the cursor was made stays for it. What was stored before is a part of the history, and
    /// can be forgotten: then the subscription says so.
    ///
    /// # Errors
    ///
    /// As [`Self::since`] and [`Self::since_time`].
    pub fn since_from(
        self,
        cursor: &str,
        moment: impl Into<Moment>,
    ) -> Result<Subscription<T>, Error> {
        let time = moment.into().time(self.store)?;
        self.store.follow_from(self.handle, Some(cursor), time)
    }

    /// What changed between two times, net: what is added to the state at the first to make that at the second. The
    /// other way round where the first is later. Cost: reads the deltas of all times between the two.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`]; a weight that does not fit 64 bits is a [`Tick`](crate::ErrorKind::Tick).
    pub fn between(self, from: impl Into<Moment>, to: impl Into<Moment>) -> Result<ZSet<T>, Error> {
        history::between(self.store, self.handle, (from.into(), to.into()))
    }

    /// The deltas of the iterations behind one time and up to another, in the order of their times, lazily.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`].
    pub fn deltas(
        self,
        after: impl Into<Moment>,
        up_to: impl Into<Moment>,
    ) -> Result<Pages<'s, Delta<T>>, Error> {
        history::deltas(self.store, self.handle, (after.into(), up_to.into()))
    }

    /// The versions of the rows of a key, back to the horizon: those that are there first, then the others, the one that
    /// ended last before those that ended earlier. Lazily. Of a view [as of](Self::as_of) a time those that were known
    /// then.
    /// ```
    /// # use deltaview::prelude::*;
    /// # use deltaview::{Retention, Version};
    /// # let (graph, (prices, all)) = Graph::build("shop", |g| {
    /// #     let by_name = || Index::new("name", |price: &(String, i64)| price.0.clone());
    /// #     let prices = g.table("prices", by_name());
    /// #     (prices.handle(), g.with_history(prices.view_by("all", by_name()), Retention::Forever))
    /// # })?;
    /// # let mut store = MemoryStore::new(&graph);
    /// store.change().insert(prices, [("tv".into(), 3)]).commit()?; // at time 1
    /// store.change().upsert(prices, [("tv".into(), 4)]).commit()?; // at time 2
    /// let versions: Vec<_> = store.view(all).versions(&"tv".into())?.collect::<Result<_, _>>()?;
    /// assert_eq!(versions[0], Version { row: ("tv".into(), 4), weight: 1, from: 2, until: None });
    /// assert_eq!(versions[1], Version { row: ("tv".into(), 3), weight: 1, from: 1, until: Some(2) });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`].
    pub fn versions(self, key: &K) -> Result<Pages<'s, Version<T>>, Error> {
        history::versions(self.store, self.handle, key, self.at)
    }

    /// The times at which the view changed, back to the horizon, the newest first, lazily. Of a view
    /// [as of](Self::as_of) a time those up to it.
    ///
    /// # Errors
    ///
    /// As [`Self::as_of`].
    pub fn times(self) -> Result<Pages<'s, i64>, Error> {
        history::times(self.store, self.handle, self.at)
    }

    /// The first time that the view can be read as of; 0 where nothing is forgotten.
    ///
    /// # Errors
    ///
    /// As [`Store::horizon`].
    pub fn horizon(self) -> Result<i64, Error> {
        self.store.horizon(self.handle)
    }
}

/// Rows of a view with their weights, read lazily. After an error there are no more.
pub struct Rows<'s, T> {
    rows: Box<dyn Iterator<Item = Result<(T, Weight), Error>> + 's>,
}

impl<T> std::fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl<'s, T> Rows<'s, T> {
    /// Rows from an iterator. For stores.
    pub fn new(rows: impl Iterator<Item = Result<(T, Weight), Error>> + 's) -> Self {
        Self {
            rows: Box::new(rows),
        }
    }
}

impl<T: Row> Rows<'_, T> {
    /// All of them as a Z-set, which forgets their order.
    ///
    /// # Errors
    ///
    /// The first that reading meets.
    pub fn into_zset(self) -> Result<ZSet<T>, Error> {
        let rows = self.collect::<Result<Vec<_>, _>>()?;
        Ok(ZSet::from_pairs(rows).expect("a view has each row once"))
    }
}

impl<T> Iterator for Rows<'_, T> {
    type Item = Result<(T, Weight), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}
