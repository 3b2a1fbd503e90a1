//! [`Grouped`]: a stream with the index that it is grouped by. Its aggregates are here and in `agg`, its order in
//! `order`, its windows in `window`.

use std::any::TypeId;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Indexable, OrderedFloat, Row};
use deltaview_zset::{AbelianGroup, Keyed, Weight, ZSet};

use super::agg::{self, Aggregator, Divide};
use super::scope::{Root, Scope};
use super::{Naming, Stream, Work};
use crate::operators::{Aggregate, GroupState, Parts, SpareGroups};

/// A stream grouped by an index: made by [`Stream::group_by`].
///
/// A group is there while the total weight of its rows is not zero: once its rows are all gone it disappears, as in
/// SQL. A sum that happens to be zero does not make it disappear.
///
/// Each aggregate keeps one row a group: its key, the total weight, and what is linear in the rows (DBSP §7). A change
/// reads and writes that one row for each group that it touches. What is not linear (a minimum, a fold) keeps the rows
/// too, arranged by group and order, which every other operator that wants them so shares.
pub struct Grouped<'g, T, K, S = Root> {
    pub(crate) stream: Stream<'g, T, S>,
    pub(crate) index: Index<T, K>,
}

impl<T, K, S> Clone for Grouped<'_, T, K, S> {
    fn clone(&self) -> Self {
        Self {
            stream: self.stream,
            index: self.index.clone(),
        }
    }
}

impl<T, K, S> std::fmt::Debug for Grouped<'_, T, K, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grouped")
            .field("stream", &self.stream)
            .field("index", &self.index)
            .finish()
    }
}

/// An aggregate function, prepared for groups of a scope.
type Prepared<S, T, K, A> = Parts<
    <S as Scope>::Group<K>,
    <S as Scope>::Row<T>,
    <A as Aggregator<T>>::State,
    <A as Aggregator<T>>::Members,
    <A as Aggregator<T>>::Output,
>;

impl<'g, T: Row, K: IndexKey + Row, S: Scope> Grouped<'g, T, K, S> {
    /// The number of rows of each group, copies counted. SQL: `count(*)`. State: one row a group. Cost: that row is
    /// read and written.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (words, counts)) = Graph::build("words", |g| {
    ///     let words = g.input::<String>("words");
    ///     let by_length = Index::new("length", |word: &String| word.len() as i64);
    ///     (words.handle(), words.group_by(by_length).count().view("counts"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(words, ["one".into(), "two".into()]).commit()?;
    /// assert_eq!(store.view(counts).get(&3)?, Some(Keyed::new(3, 2)));
    /// store.change().remove(words, ["one".into(), "two".into()]).commit()?;
    /// assert_eq!(store.view(counts).get(&3)?, None); // the group is gone, as in SQL
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn count(self) -> Stream<'g, Keyed<K, Weight>, S> {
        self.aggregate_as("count", agg::count())
    }

    /// The sum of what the closure makes of each row, as often as its weight says. SQL: `sum(…)`; several sums at once
    /// with a tuple. State: one row a group. Cost: that row is read and written.
    ///
    /// Sums are of any [`AbelianGroup`]: signed integers, Z-sets, tuples of them. Floats are none: their sum depends on
    /// the order of the rows. A sum that overflows its type is an error of the iteration.
    ///
    /// What one change adds to a group must fit the type as well as the group's sum. So the least value of a type, as
    /// `i64::MIN`, can be inserted but not removed, for its negative does not fit: sum into a wider type where such
    /// values occur.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, out)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(char, i64)>("sales"); // shop, price
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (sales.handle(), sales.group_by(by_shop).sum(|sale| sale.1).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [('u', 30), ('u', -30), ('b', 5)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', 0), 1), (Keyed::new('b', 5), 1)])?);
    /// let changed = store.change().remove(sales, [('u', -30), ('b', 5)]).commit()?;
    /// let expected = [(Keyed::new('u', 0), -1), (Keyed::new('u', 30), 1), (Keyed::new('b', 5), -1)];
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs(expected)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn sum<V: AbelianGroup + Row>(
        self,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, V>, S> {
        self.aggregate_as("sum", agg::sum(value))
    }

    /// The mean of an integer that the closure makes of each row: the exact sum divided by the number of rows, as a
    /// double. SQL: `avg(…)`. For a mean of fixed-point numbers divide the sum by the count yourself. State: one row a
    /// group. Cost: that row is read and written. Error: as [`Self::sum`].
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, out)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(char, i64)>("sales"); // shop, price
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (sales.handle(), sales.group_by(by_shop).avg(|sale| sale.1).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [('u', 1), ('u', 2)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', OrderedFloat(1.5)), 1)])?);
    /// let changed = store.change().remove(sales, [('u', 1)]).commit()?;
    /// let expected = [(Keyed::new('u', OrderedFloat(1.5)), -1), (Keyed::new('u', OrderedFloat(2.0)), 1)];
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs(expected)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn avg<V: AbelianGroup + Divide + Row>(
        self,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, OrderedFloat<f64>>, S> {
        self.aggregate_as("avg", agg::avg(value))
    }

    /// Whether the closure holds for any row of the group: whether the total weight of those rows is not zero. SQL:
    /// `bool_or(…)`, in the standard `any`. State: one row a group. Cost: that row is read and written.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, out)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(char, i64)>("sales"); // shop, price
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (sales.handle(), sales.group_by(by_shop).any(|sale| sale.1 > 10).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [('u', 3), ('u', 30)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', true), 1)])?);
    /// let changed = store.change().remove(sales, [('u', 30)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', true), -1), (Keyed::new('u', false), 1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn any(
        self,
        holds: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, bool>, S> {
        self.aggregate_as("any", agg::any(holds))
    }

    /// Whether the closure holds for every row of the group: whether the total weight of those rows is that of the
    /// group. SQL: `bool_and(…)`, `every(…)`. State: one row a group. Cost: that row is read and written.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, out)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(char, i64)>("sales"); // shop, price
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (sales.handle(), sales.group_by(by_shop).every(|sale| sale.1 > 10).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [('u', 3), ('u', 30)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', false), 1)])?);
    /// let changed = store.change().remove(sales, [('u', 3)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', false), -1), (Keyed::new('u', true), 1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn every(
        self,
        holds: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, bool>, S> {
        self.aggregate_as("every", agg::every(holds))
    }

    /// What the closure makes of each row of the group, as a Z-set. SQL: `array_agg(…)`, without an order.
    ///
    /// State: one row a group, with the Z-set in it. Cost: each change of the group reads and writes that row whole:
    /// for small groups. Large ones are better kept as rows, in a view by the group's key.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, out)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(char, i64)>("sales"); // shop, price
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     (sales.handle(), sales.group_by(by_shop).collect(|sale| sale.1).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(sales, [('u', 3), ('u', 3), ('u', 9)]).commit()?;
    /// let (before, after) = (ZSet::from_iter([3, 3, 9]), ZSet::from_iter([3, 9]));
    /// let changed = store.change().remove(sales, [('u', 3)]).commit()?;
    /// let expected = [(Keyed::new('u', before), -1), (Keyed::new('u', after), 1)];
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs(expected)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn collect<U: Row>(
        self,
        value: impl Fn(&T) -> U + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, ZSet<U>>, S> {
        self.aggregate_as("collect", agg::collect(value))
    }

    /// An aggregate in a commutative group of your own: its zero, its addition, and what a row with a weight adds.
    /// Both closures return `None` for an overflow, which is then an error of the iteration. State: one row a group. Cost:
    /// that row is read and written.
    ///
    /// `add` must be associative and commutative with `zero` as its identity, and `scale` must be linear in the weight:
    /// `scale(row, a + b) == add(scale(row, a), scale(row, b))`. The answer is wrong otherwise.
    /// The group below is the integers modulo 7:
    ///
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (numbers, sums)) = Graph::build("modular", |g| {
    ///     let numbers = g.input::<i64>("numbers");
    ///     let sums = numbers.group_by(Index::new("sign", |n: &i64| *n >= 0)).reduce(
    ///         0,
    ///         |a: &i64, b: &i64| Some((a + b).rem_euclid(7)),
    ///         |n, weight| Some((n.rem_euclid(7) * weight.rem_euclid(7)).rem_euclid(7)),
    ///     );
    ///     (numbers.handle(), sums.view("sums"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(numbers, [5, 6, -1]).commit()?;
    /// assert_eq!(store.view(sums).get(&true)?, Some(Keyed::new(true, 4)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn reduce<A: Row>(
        self,
        zero: A,
        add: impl Fn(&A, &A) -> Option<A> + Send + Sync + 'static,
        scale: impl Fn(&T, Weight) -> Option<A> + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, A>, S> {
        self.aggregate_as("reduce", agg::reduce(zero, add, scale))
    }

    /// The number of different keys that the rows of each group have by an index: those whose total weight in the group
    /// is not zero. SQL: `count(DISTINCT …)`.
    ///
    /// State: one row a group, and a count for each key of each group. Cost: a changed row reads and writes the count
    /// of its key and the group's row.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, out)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(char, i64)>("sales"); // shop, price
    ///     let by_shop = Index::new("shop", |sale: &(char, i64)| sale.0);
    ///     let by_price = Index::new("price", |sale: &(char, i64)| sale.1);
    ///     (sales.handle(), sales.group_by(by_shop).count_distinct(by_price).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [('u', 3), ('u', 3), ('u', 9)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', 2), 1)])?);
    /// assert!(store.change().remove(sales, [('u', 3)]).commit()?.get(out)?.is_empty()); // one 3 is left
    /// let changed = store.change().remove(sales, [('u', 3)]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(Keyed::new('u', 2), -1), (Keyed::new('u', 1), 1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn count_distinct<V: IndexKey + Row>(
        self,
        index: Index<T, V>,
    ) -> Stream<'g, Keyed<K, Weight>, S> {
        self.aggregate_as("count_distinct", agg::count_distinct(index))
    }

    /// Any aggregate of the module [`agg`], or several at once as a tuple: one operator, one row a group, and one
    /// arrangement for all that want the rows in the same order.
    /// ```
    /// # use deltaview::prelude::*;
    /// use deltaview::agg;
    ///
    /// let (graph, (sales, stats)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(String, i64)>("sales");
    ///     let by_price = Index::new("price", |sale: &(String, i64)| sale.1);
    ///     let stats = sales.group_by(Index::new("shop", |sale: &(String, i64)| sale.0.clone())).aggregate((
    ///         agg::count(),
    ///         agg::sum(|sale: &(String, i64)| sale.1),
    ///         agg::any(|sale: &(String, i64)| sale.1 > 10),
    ///         agg::count_distinct(by_price),
    ///     ));
    ///     (sales.handle(), stats.view("stats"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(sales, [("Ulm".into(), 3), ("Ulm".into(), 3), ("Ulm".into(), 9)]).commit()?;
    /// assert_eq!(store.view(stats).get(&"Ulm".to_string())?.map(|group| group.value), Some((3, 15, false, 2)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn aggregate<A: Aggregator<T>>(self, aggregator: A) -> Stream<'g, Keyed<K, A::Output>, S> {
        self.aggregate_as("aggregate", aggregator)
    }

    #[track_caller]
    pub(crate) fn aggregate_as<A: Aggregator<T>>(
        self,
        kind: &str,
        aggregator: A,
    ) -> Stream<'g, Keyed<K, A::Output>, S> {
        let builder = self.stream.builder;
        let make = |group: &S::Group<K>, value: A::Output| S::keyed(group, value);
        let out = self.aggregate_into(kind, aggregator, make);
        let by_key = S::group_index(Keyed::<K, A::Output>::default_index());
        builder.drafts.borrow_mut()[out.id.0].unique_by =
            Some((by_key.identity().clone(), TypeId::of::<S::Group<K>>()));
        out
    }

    /// One row a group, made of the group's key and what the aggregator puts out.
    #[track_caller]
    pub(crate) fn aggregate_into<A, U, M>(
        self,
        kind: &str,
        aggregator: A,
        make: M,
    ) -> Stream<'g, U, S>
    where
        A: Aggregator<T>,
        U: Row,
        M: Fn(&S::Group<K>, A::Output) -> S::Row<U> + Send + Sync + 'static,
    {
        let at = Location::caller();
        let builder = self.stream.builder;
        builder.check_name(self.index.name(), at);
        let suffix = format!("{kind}_by_{}", self.index.name());
        let naming = Naming::Derived { suffix };
        let index = S::group_index(self.index.clone());
        let mut inputs = agg::Inputs::new(builder, self.stream.id, at);
        let parts = aggregator.prepare::<K, S>(&self.index, &mut inputs);
        let stream = self.stream.id;
        let outside = |(naming, parts, make)| {
            let state_index = GroupState::<S::Group<K>, A::State>::default_index();
            let table = builder.table_of_groups(state_index);
            let aggregate = Aggregate {
                index: index.clone(),
                parts,
                make: Arc::new(make),
                table,
                spare: SpareGroups::default(),
            };
            let work = Work::operator(aggregate).writing(table);
            let work = inputs.tables.iter().copied().fold(work, Work::reading);
            builder.draft::<S::Row<U>>(naming, kind, &inputs.vertices, work, at)
        };
        let inside = |(naming, parts, make): (Naming, Prepared<S, T, K, A>, M)| {
            let evaluate =
                move |group: &S::Group<K>, rows: &[(S::Row<T>, Weight)], _: &[((), Weight)]| {
                    let value = parts.evaluate(group, rows)?;
                    Ok(value
                        .map(|value| (make(group, value), 1))
                        .into_iter()
                        .collect())
                };
            builder.by_key((naming, kind), (stream, &index), None, evaluate, at)
        };
        let id = S::choose((naming, parts, make), outside, inside);
        self.stream.at(id)
    }
}
