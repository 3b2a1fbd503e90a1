//! Reading a view: [`View`] says which rows and in which order, [`Rows`] are they.

use std::ops::RangeBounds;

use deltaview_graph::{Bounds, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Weight, ZSet};

use crate::{Error, Store, Subscription};

/// A view of a store, to be read: made by [`Store::view`].
pub struct View<'s, S, T, K> {
    store: &'s S,
    handle: ViewHandle<T, K>,
    order: Order,
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
            .finish()
    }
}

impl<'s, S: Store, T: Row, K: IndexKey> View<'s, S, T, K> {
    pub(crate) fn new(store: &'s S, handle: ViewHandle<T, K>) -> Self {
        Self {
            store,
            handle,
            order: Order::Forward,
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
    /// As [`Store::scan`].
    pub fn iter(self) -> Result<Rows<'s, T>, Error> {
        self.store.scan(self.handle, Bounds::all(), self.order)
    }

    /// The rows of one key.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`].
    pub fn key(self, key: &K) -> Result<Rows<'s, T>, Error> {
        self.store
            .scan(self.handle, Bounds::one(key.clone()), self.order)
    }

    /// The row of a key, in a view that has one row a key, as `group_by` makes them. Where there are more, any of them.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`].
    pub fn get(self, key: &K) -> Result<Option<T>, Error> {
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
    /// As [`Store::scan`].
    pub fn range(self, keys: impl RangeBounds<K>) -> Result<Rows<'s, T>, Error> {
        self.store
            .scan(self.handle, Bounds::range(keys), self.order)
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
    /// # Errors
    ///
    /// The handle belongs to another graph. The database can't be written
    /// ([`ReadOnly`](crate::ErrorKind::ReadOnly), [`Denied`](crate::ErrorKind::Denied)), or not be opened a second time
    /// ([`NotShared`](crate::ErrorKind::NotShared)).
    pub fn subscribe(self) -> Result<Subscription<T>, Error> {
        self.store.subscribe(self.handle)
    }

    /// Follows the view from a cursor with a name, which is kept in the store until it is
    /// [removed](Subscription::remove): where there is none of that name it is made, at the iteration that is the last
    /// now. All that is behind the cursor is logged, whether anybody reads it or not.
    ///
    /// It goes on behind the last [commit](Subscription::commit), however long ago and whatever process made it. So each
    /// delta comes once for each time that it is committed: what was handed out and not committed comes again. In the
    /// memory store the cursor lives as long as the store.
    ///
    /// # Errors
    ///
    /// As [`Self::subscribe`]; a name that is empty, has more than 200 bytes or has a NUL is an
    /// [`UnsupportedKey`](crate::ErrorKind::UnsupportedKey).
    pub fn since(self, cursor: &str) -> Result<Subscription<T>, Error> {
        self.store.since(self.handle, cursor)
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
