//! Aggregates over all rows of a stream: those of [`Grouped`](super::Grouped), of the one group that has no key.

use deltaview_schema::{Index, IndexKey, OrderedFloat, Row};
use deltaview_zset::{AbelianGroup, Weight, ZSet};

use super::agg::{self, Aggregator, Divide};
use super::scope::Scope;
use super::stream::Stream;

/// Aggregates over all rows put out one row, while there are rows: while their total weight is not zero. A view of an
/// empty stream has no row, where SQL has one with a count of 0 and NULL for the rest.
impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// Any aggregate of the module [`agg`] over all rows, or several at once as a tuple. See
    /// [`Grouped::aggregate`](super::Grouped::aggregate).
    /// ```
    /// # use deltaview::prelude::*;
    /// use deltaview::agg;
    ///
    /// let (graph, (numbers, all)) = Graph::build("numbers", |g| {
    ///     let numbers = g.input::<i64>("numbers");
    ///     let all = numbers.aggregate((agg::count(), agg::sum(|n: &i64| *n), agg::avg(|n: &i64| *n)));
    ///     (numbers.handle(), all.view("all"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(numbers, [3, 4]).commit()?;
    /// assert_eq!(store.view(all).get(&())?, Some((2, 7, OrderedFloat(3.5))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn aggregate<A: Aggregator<T>>(self, aggregator: A) -> Stream<'g, A::Output, S> {
        self.all_rows("aggregate", aggregator)
    }

    /// The number of rows, copies counted. SQL: `SELECT count(*)`.
    #[track_caller]
    pub fn count(self) -> Stream<'g, Weight, S> {
        self.all_rows("count", agg::count())
    }

    /// The sum of what the closure makes of each row. See [`Grouped::sum`](super::Grouped::sum).
    #[track_caller]
    pub fn sum<V: AbelianGroup + Row>(
        self,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Stream<'g, V, S> {
        self.all_rows("sum", agg::sum(value))
    }

    /// The mean of what the closure makes of each row. See [`Grouped::avg`](super::Grouped::avg).
    #[track_caller]
    pub fn avg<V: AbelianGroup + Divide + Row>(
        self,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Stream<'g, OrderedFloat<f64>, S> {
        self.all_rows("avg", agg::avg(value))
    }

    /// Whether the closure holds for any row. See [`Grouped::any`](super::Grouped::any).
    #[track_caller]
    pub fn any(self, holds: impl Fn(&T) -> bool + Send + Sync + 'static) -> Stream<'g, bool, S> {
        self.all_rows("any", agg::any(holds))
    }

    /// Whether the closure holds for every row. See [`Grouped::every`](super::Grouped::every).
    #[track_caller]
    pub fn every(self, holds: impl Fn(&T) -> bool + Send + Sync + 'static) -> Stream<'g, bool, S> {
        self.all_rows("every", agg::every(holds))
    }

    /// What the closure makes of each row, as a Z-set. See [`Grouped::collect`](super::Grouped::collect).
    #[track_caller]
    pub fn collect<U: Row>(
        self,
        value: impl Fn(&T) -> U + Send + Sync + 'static,
    ) -> Stream<'g, ZSet<U>, S> {
        self.all_rows("collect", agg::collect(value))
    }

    /// An aggregate in a commutative group of your own. See [`Grouped::reduce`](super::Grouped::reduce).
    #[track_caller]
    pub fn reduce<A: Row>(
        self,
        zero: A,
        add: impl Fn(&A, &A) -> Option<A> + Send + Sync + 'static,
        scale: impl Fn(&T, Weight) -> Option<A> + Send + Sync + 'static,
    ) -> Stream<'g, A, S> {
        self.all_rows("reduce", agg::reduce(zero, add, scale))
    }

    /// The number of different keys that the rows have by an index. See
    /// [`Grouped::count_distinct`](super::Grouped::count_distinct).
    #[track_caller]
    pub fn count_distinct<V: IndexKey + Row>(self, index: Index<T, V>) -> Stream<'g, Weight, S> {
        self.all_rows("count_distinct", agg::count_distinct(index))
    }

    /// The least key that the rows have by an index. See [`Grouped::min`](super::Grouped::min).
    #[track_caller]
    pub fn min<V: IndexKey + Row>(self, index: Index<T, V>) -> Stream<'g, V, S> {
        self.all_rows("min", agg::min(index))
    }

    /// The greatest key that the rows have by an index. See [`Grouped::max`](super::Grouped::max).
    #[track_caller]
    pub fn max<V: IndexKey + Row>(self, index: Index<T, V>) -> Stream<'g, V, S> {
        self.all_rows("max", agg::max(index))
    }

    /// The row whose key by an index is the least. See [`Grouped::min_by`](super::Grouped::min_by).
    #[track_caller]
    pub fn min_by<V: IndexKey>(self, index: Index<T, V>) -> Stream<'g, T, S> {
        self.all_rows("min_by", agg::min_by(index))
    }

    /// The row whose key by an index is the greatest. See [`Grouped::max_by`](super::Grouped::max_by).
    #[track_caller]
    pub fn max_by<V: IndexKey>(self, index: Index<T, V>) -> Stream<'g, T, S> {
        self.all_rows("max_by", agg::max_by(index))
    }

    /// Folds all rows in the order of an index. See [`Grouped::fold`](super::Grouped::fold).
    #[track_caller]
    pub fn fold<O: IndexKey, A: Row>(
        self,
        index: Index<T, O>,
        start: A,
        step: impl Fn(&mut A, &T, Weight) + Send + Sync + 'static,
    ) -> Stream<'g, A, S> {
        self.all_rows("fold", agg::fold(index, start, step))
    }

    /// The first `n` rows in the order of an index. SQL: `ORDER BY … LIMIT n`. See
    /// [`Grouped::first_n`](super::Grouped::first_n).
    #[track_caller]
    pub fn first_n<O: IndexKey>(self, index: Index<T, O>, n: u64) -> Self {
        self.group_by(Index::unkeyed()).first_n(index, n)
    }

    /// The last `n` rows in the order of an index. SQL: `ORDER BY … DESC LIMIT n`. See
    /// [`Grouped::top_n`](super::Grouped::top_n).
    #[track_caller]
    pub fn top_n<O: IndexKey>(self, index: Index<T, O>, n: u64) -> Self {
        self.group_by(Index::unkeyed()).top_n(index, n)
    }

    /// [`Self::first_n`] after the first `offset` rows. SQL: `ORDER BY … LIMIT n OFFSET offset`.
    #[track_caller]
    pub fn first_n_from<O: IndexKey>(self, index: Index<T, O>, offset: u64, n: u64) -> Self {
        self.group_by(Index::unkeyed())
            .first_n_from(index, offset, n)
    }

    /// [`Self::top_n`] after the last `offset` rows. SQL: `ORDER BY … DESC LIMIT n OFFSET offset`.
    #[track_caller]
    pub fn top_n_from<O: IndexKey>(self, index: Index<T, O>, offset: u64, n: u64) -> Self {
        self.group_by(Index::unkeyed()).top_n_from(index, offset, n)
    }

    #[track_caller]
    fn all_rows<A: Aggregator<T>>(self, kind: &str, aggregator: A) -> Stream<'g, A::Output, S> {
        let make = |group: &S::Group<()>, value: A::Output| {
            let keyed = S::keyed::<(), A::Output>(group, value);
            S::map(keyed, |keyed: deltaview_zset::Keyed<(), A::Output>| {
                keyed.value
            })
        };
        self.group_by(Index::unkeyed())
            .aggregate_into(kind, aggregator, make)
    }
}
