//! The joins.

use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Pair, Weight, WeightOverflow};

use super::scope::Scope;
use super::{Naming, Stream, Work};
use crate::operators::nested::NestedJoin;
use crate::operators::{Join, Present};

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// The pairs of rows whose keys are equal. SQL: `JOIN … ON`. Weights are multiplied.
    ///
    /// State: both streams, each arranged by its index; an arrangement that another operator wants too is shared.
    /// Cost: a changed row reads the rows of its key on the other side (DBSP §4: bilinear operators).
    #[track_caller]
    pub fn join<R: Row, K: IndexKey>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Stream<'g, Pair<T, R>, S> {
        self.join_map(right, left_index, right_index, |_, left: &T, right: &R| {
            Pair::new(left.clone(), right.clone())
        })
    }

    /// As [`Self::join`], with a closure that makes the row of the key and both rows.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (users, orders, spent)) = Graph::build("shop", |g| {
    ///     let users = g.input::<(u32, String)>("users");
    ///     let orders = g.input::<(u32, i64)>("orders");
    ///     let spent = users.join_map(
    ///         orders,
    ///         Index::new("id", |user: &(u32, String)| user.0),
    ///         Index::new("user", |order: &(u32, i64)| order.0),
    ///         |_id, user, order| (user.1.clone(), order.1),
    ///     );
    ///     (users.handle(), orders.handle(), spent.output("spent"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(users, [(7, "ada".into())]).commit()?;
    /// let changed = store.change().insert(orders, [(7, 30), (8, 40)]).commit()?;
    /// assert_eq!(changed.get(spent)?.weight(&("ada".into(), 30)), 1);
    /// assert_eq!(changed.get(spent)?.len(), 1); // nobody is user 8
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn join_map<R: Row, K: IndexKey, U: Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
        map: impl Fn(&K, &T, &R) -> U + Send + Sync + 'static,
    ) -> Stream<'g, U, S> {
        let at = Location::caller();
        let Some(right) = self.ours(right.into(), at) else {
            return self.at(self.id);
        };
        let (left_index, right_index) = (S::index(left_index), S::index(right_index));
        let map = move |key: &S::Key<K>, left: &S::Row<T>, right: &S::Row<R>| {
            S::like::<T, U>(left, map(S::key(key), S::row(left), S::row(right)))
        };
        let map = Arc::new(map);
        let (work, inputs) = if self.builder.region_of(&[self.id, right.id]).is_some() {
            let (left_vertex, left) = self.builder.side(self.id, &left_index, at);
            let (right_vertex, right) = self.builder.side(right.id, &right_index, at);
            let tables = [left.table, right.table];
            let work = Work::nested(NestedJoin { left, right, map });
            let work = tables.into_iter().fold(work, Work::reading);
            (work, [left_vertex, right_vertex])
        } else {
            let (left_vertex, left) = self.builder.arrange(self.id, &left_index, at);
            let (right_vertex, right) = self.builder.arrange(right.id, &right_index, at);
            let work = Work::operator(Join { left, right, map });
            (
                work.reading(left).reading(right),
                [left_vertex, right_vertex],
            )
        };
        let naming = Naming::Between { word: "join" };
        let id = self
            .builder
            .draft::<S::Row<U>>(naming, "join", &inputs, work, at);
        self.at(id)
    }

    /// Every row with every row of the other stream. SQL: `CROSS JOIN`. A changed row reads the other side whole.
    #[track_caller]
    pub fn cross_join<R: Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
    ) -> Stream<'g, Pair<T, R>, S> {
        self.join(right, Index::unkeyed(), Index::unkeyed())
    }

    /// The rows whose key the other stream has. SQL: `WHERE EXISTS (…)`, `WHERE … IN (…)`.
    ///
    /// The other stream has a key while the total weight of its rows with the key is not zero. Each row keeps its own
    /// weight, however many rows it meets.
    ///
    /// State: this stream arranged by its index, and a count for each key of the other. Cost: a changed row reads the
    /// count of its key; a key that comes or goes on the other side reads this side's rows of the key.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (users, orders, buyers)) = Graph::build("shop", |g| {
    ///     let users = g.input::<(u32, String)>("users");
    ///     let orders = g.input::<(u32, i64)>("orders");
    ///     let by_id = Index::new("id", |user: &(u32, String)| user.0);
    ///     let by_user = Index::new("user", |order: &(u32, i64)| order.0);
    ///     (users.handle(), orders.handle(), users.semi_join(orders, by_id, by_user).view("buyers"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(users, [(7, "ada".into()), (8, "bob".into())]).commit()?;
    /// store.change().insert(orders, [(7, 30), (7, 40)]).commit()?;
    /// assert_eq!(store.view(buyers).iter()?.into_zset()?.weight(&(7, "ada".into())), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn semi_join<R: Row, K: IndexKey + Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Self {
        self.present(right.into(), left_index, right_index, true)
    }

    /// The rows whose key the other stream does not have: what [`Self::semi_join`] leaves out. SQL:
    /// `WHERE NOT EXISTS (…)`. State and cost are the same.
    #[track_caller]
    pub fn anti_join<R: Row, K: IndexKey + Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Self {
        self.present(right.into(), left_index, right_index, false)
    }

    /// [`Self::join`], and each row that meets none, with `None`. SQL: `LEFT JOIN`.
    ///
    /// It is the sum of the join and of the [`Self::anti_join`], which says what a match is. State: both streams
    /// arranged, and a count for each key of the right one. Cost: that of the two.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (users, orders, spent)) = Graph::build("shop", |g| {
    ///     let users = g.input::<(u32, String)>("users");
    ///     let orders = g.input::<(u32, i64)>("orders");
    ///     let by_id = Index::new("id", |user: &(u32, String)| user.0);
    ///     let by_user = Index::new("user", |order: &(u32, i64)| order.0);
    ///     (users.handle(), orders.handle(), users.left_join(orders, by_id, by_user).output("spent"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let ada = (7, "ada".to_string());
    /// let changed = store.change().insert(users, [ada.clone()]).commit()?;
    /// assert_eq!(changed.get(spent)?.weight(&Pair::new(ada.clone(), None)), 1);
    /// let changed = store.change().insert(orders, [(7, 30)]).commit()?;
    /// assert_eq!(changed.get(spent)?.weight(&Pair::new(ada.clone(), None)), -1);
    /// assert_eq!(changed.get(spent)?.weight(&Pair::new(ada, Some((7, 30)))), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn left_join<R: Row, K: IndexKey + Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Stream<'g, Pair<T, Option<R>>, S> {
        let right = right.into();
        let alone = self
            .anti_join(right, left_index.clone(), right_index.clone())
            .map(|left| Pair::new(left, None));
        self.join_map(right, left_index, right_index, |_, left: &T, right: &R| {
            Pair::new(left.clone(), Some(right.clone()))
        })
        .plus(alone)
    }

    /// [`Self::join`], and each row of the right side that meets none, with `None`. SQL: `RIGHT JOIN`. See
    /// [`Self::left_join`].
    #[track_caller]
    pub fn right_join<R: Row, K: IndexKey + Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Stream<'g, Pair<Option<T>, R>, S> {
        let right = right.into();
        let alone = right
            .anti_join(self, right_index.clone(), left_index.clone())
            .map(|right| Pair::new(None, right));
        self.join_map(right, left_index, right_index, |_, left: &T, right: &R| {
            Pair::new(Some(left.clone()), right.clone())
        })
        .plus(alone)
    }

    /// [`Self::join`], and each row of either side that meets none, with `None`. SQL: `FULL JOIN`. See
    /// [`Self::left_join`].
    #[track_caller]
    pub fn full_join<R: Row, K: IndexKey + Row>(
        self,
        right: impl Into<Stream<'g, R, S>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Stream<'g, Pair<Option<T>, Option<R>>, S> {
        let right = right.into();
        let left_alone = self
            .anti_join(right, left_index.clone(), right_index.clone())
            .map(|left| Pair::new(Some(left), None));
        let right_alone = right
            .anti_join(self, right_index.clone(), left_index.clone())
            .map(|right| Pair::new(None, Some(right)));
        self.join_map(right, left_index, right_index, |_, left: &T, right: &R| {
            Pair::new(Some(left.clone()), Some(right.clone()))
        })
        .plus(left_alone)
        .plus(right_alone)
    }

    #[track_caller]
    fn present<R: Row, K: IndexKey + Row>(
        self,
        right: Stream<'g, R, S>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
        keep: bool,
    ) -> Self {
        let at = Location::caller();
        let Some(right) = self.ours(right, at) else {
            return self;
        };
        let (left_index, right_index) = (S::group_index(left_index), S::group_index(right_index));
        let word = if keep { "semi_join" } else { "anti_join" };
        let naming = Naming::Between { word };
        if self.builder.region_of(&[self.id, right.id]).is_some() {
            let (left, right) = ((self.id, &left_index), Some((right.id, &right_index)));
            let evaluate = move |_: &S::Group<K>,
                                 left: &[(S::Row<T>, Weight)],
                                 right: &[(S::Row<R>, Weight)]| {
                let total = right
                    .iter()
                    .try_fold(0, |sum: Weight, (_, weight)| sum.checked_add(*weight))
                    .ok_or(WeightOverflow)?;
                Ok(if (total != 0) == keep {
                    left.to_vec()
                } else {
                    Vec::new()
                })
            };
            let id = self
                .builder
                .by_key((naming, word), left, right, evaluate, at);
            return self.at(id);
        }
        let (left_vertex, left) = self.builder.arrange(self.id, &left_index, at);
        let suffix = format!("keys_by_{}", right_index.name());
        let (keys, counts) = right.builder.count_keys(right.id, &right_index, suffix, at);
        let present = Present::<S::Group<K>, S::Row<T>>::new(left, counts, keep);
        let work = Work::operator(present).reading(left).reading(counts);
        let inputs = [left_vertex, keys];
        let id = self
            .builder
            .draft::<S::Row<T>>(naming, word, &inputs, work, at);
        self.at(id)
    }
}

/// What the vertex that counts the keys of a stream puts out.
pub(crate) type KeyCount<K> = Keyed<K, Weight>;
