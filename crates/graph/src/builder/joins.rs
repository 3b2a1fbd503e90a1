//! The joins.

use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Pair, Weight, WeightOverflow};

use super::scope::Scope;
use super::{Naming, Stream, Work};
use crate::operators::nested::NestedJoin;
use crate::operators::{Join, JoinMap, Present};

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// The pairs of rows whose keys are equal; `None` equals `None`. SQL: `JOIN … ON`. Weights are multiplied.
    ///
    /// State: both streams, each arranged by its index; an arrangement that another operator wants too is shared. Cost:
    /// a changed row reads the rows of its key on the other side, and writes itself (DBSP §3, Theorem 3.4: bilinear
    /// operators). Error: a product of weights that does not fit.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (shops, sales, out)) = Graph::build("sales", |g| {
    ///     let shops = g.input::<(char, String)>("shops");
    ///     let sales = g.input::<(char, i64)>("sales");
    ///     let by_id = Index::new("id", |shop: &(char, String)| shop.0);
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (shops.handle(), sales.handle(), shops.join(sales, by_id, by_shop).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(shops, [('u', "Ulm".into()), ('b', "Bonn".into())]).commit()?;
    /// let changed = store.change().insert(sales, [('u', 30), ('x', 40)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Pair::new(('u', "Ulm".into()), ('u', 30)), 1)])?);
    /// let changed = store.change().remove(sales, [('u', 30)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Pair::new(('u', "Ulm".into()), ('u', 30)), -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// As [`Self::join`], with a closure that makes the row of the key and both rows. State and cost are the same.
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
        let (map, builder) = (Arc::new(map), self.builder);
        let outside = |map| {
            let (left_vertex, left) = builder.arrange(self.id, &left_index, at);
            let (right_vertex, right) = builder.arrange(right.id, &right_index, at);
            let work = Work::operator(Join { left, right, map });
            (
                work.reading(left).reading(right),
                [left_vertex, right_vertex],
            )
        };
        let inside = |map| {
            let (left_vertex, left) = builder.side(self.id, &left_index, at);
            let (right_vertex, right) = builder.side(right.id, &right_index, at);
            let tables = [left.table, right.table];
            let work = Work::nested(NestedJoin { left, right, map });
            let work = tables.into_iter().fold(work, Work::reading);
            (work, [left_vertex, right_vertex])
        };
        let (work, inputs) = S::choose::<Arc<JoinMap<S::Key<K>, S::Row<T>, S::Row<R>, S::Row<U>>>, _>(
            map, outside, inside,
        );
        let naming = Naming::Between { word: "join" };
        let id = self
            .builder
            .draft::<S::Row<U>>(naming, "join", &inputs, work, at);
        self.at(id)
    }

    /// Every row with every row of the other stream. SQL: `CROSS JOIN`, and with a filter behind it a join on anything.
    ///
    /// State: both streams, arranged by no key. Cost: a changed row reads the other side whole, so keep one of them
    /// small (DBSP §4.2).
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.cross_join(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1, 2]).insert(b, [7]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Pair::new(1, 7), 1), (Pair::new(2, 7), 1)])?);
    /// let changed = store.change().remove(a, [2]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Pair::new(2, 7), -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// State: this stream arranged by its index, and a count for each key of the other. Cost: a changed row of this
    /// stream reads the count of its key and writes itself; one of the other stream reads and writes the count, and
    /// where its key comes or goes, reads this side's rows of the key.
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

    /// The rows whose key the other stream does not have: what [`Self::semi_join`] leaves out. SQL: `WHERE NOT EXISTS
    /// (…)`. State and cost are the same.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (shops, sales, out)) = Graph::build("sales", |g| {
    ///     let shops = g.input::<(char, String)>("shops");
    ///     let sales = g.input::<(char, i64)>("sales");
    ///     let by_id = Index::new("id", |shop: &(char, String)| shop.0);
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (shops.handle(), sales.handle(), shops.anti_join(sales, by_id, by_shop).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(shops, [('u', "Ulm".into()), ('b', "Bonn".into())]).commit()?;
    /// let changed = store.change().insert(sales, [('u', 30), ('u', 40)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(('u', "Ulm".into()), -1)])?);
    /// store.change().remove(sales, [('u', 30)]).commit()?; // one sale is left
    /// let changed = store.change().remove(sales, [('u', 40)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(('u', "Ulm".into()), 1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// It is the sum of the join and of the [`Self::anti_join`], which says what a match is: a row with several copies
    /// and no match has as many copies with `None`. State: both streams arranged, and a count for each key of the right
    /// one. Cost: that of the two; what both read is read once.
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

    /// [`Self::join`], and each row of the right side that meets none, with `None`. SQL: `RIGHT JOIN`. State and cost:
    /// as [`Self::left_join`], with the sides exchanged.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (shops, sales, out)) = Graph::build("sales", |g| {
    ///     let shops = g.input::<(char, String)>("shops");
    ///     let sales = g.input::<(char, i64)>("sales");
    ///     let by_id = Index::new("id", |shop: &(char, String)| shop.0);
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (shops.handle(), sales.handle(), shops.right_join(sales, by_id, by_shop).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [('u', 30)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Pair::new(None, ('u', 30)), 1)])?);
    /// let ulm = ('u', "Ulm".to_string());
    /// let changed = store.change().insert(shops, [ulm.clone()]).commit()?;
    /// let expected = [(Pair::new(None, ('u', 30)), -1), (Pair::new(Some(ulm), ('u', 30)), 1)];
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs(expected)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// [`Self::join`], and each row of either side that meets none, with `None`. SQL: `FULL JOIN`. State and cost: as
    /// [`Self::left_join`], with counts for the keys of both sides.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (shops, sales, out)) = Graph::build("sales", |g| {
    ///     let shops = g.input::<(char, String)>("shops");
    ///     let sales = g.input::<(char, i64)>("sales");
    ///     let by_id = Index::new("id", |shop: &(char, String)| shop.0);
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (shops.handle(), sales.handle(), shops.full_join(sales, by_id, by_shop).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let ulm = ('u', "Ulm".to_string());
    /// let changed = store.change().insert(shops, [ulm.clone()]).insert(sales, [('b', 5)]).commit()?;
    /// let expected = [(Pair::new(Some(ulm.clone()), None), 1), (Pair::new(None, Some(('b', 5))), 1)];
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs(expected)?);
    /// let changed = store.change().remove(shops, [ulm.clone()]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Pair::new(Some(ulm), None), -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let builder = self.builder;
        let inside = |naming| {
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
            builder.by_key((naming, word), left, right, evaluate, at)
        };
        let outside = |naming| {
            let (left_vertex, left) = builder.arrange(self.id, &left_index, at);
            let suffix = format!("keys_by_{}", right_index.name());
            let (keys, counts) = builder.count_keys(right.id, &right_index, suffix, at);
            let present = Present::<S::Group<K>, S::Row<T>>::new(left, counts, keep);
            let work = Work::operator(present).reading(left).reading(counts);
            builder.draft::<S::Row<T>>(naming, word, &[left_vertex, keys], work, at)
        };
        self.at(S::choose(Naming::Between { word }, outside, inside))
    }
}

/// What the vertex that counts the keys of a stream puts out.
pub(crate) type KeyCount<K> = Keyed<K, Weight>;
