//! What needs the rows of a group in order: the ends, a fold, the first rows.

use std::marker::PhantomData;
use std::panic::Location;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Weight};

use super::agg;
use super::scope::Scope;
use super::{Builder, Grouped, Naming, Stream, Work};
use crate::operators::ordered::{First, Taken, first_of_rows, in_order};
use crate::plan::{TableId, VertexId};
use crate::state::scan::Order;

impl<'g, T: Row, K: IndexKey + Row, S: Scope> Grouped<'g, T, K, S> {
    /// The least key that the rows of each group have by an index. SQL: `min(…)`.
    ///
    /// State: the rows, arranged by the group and the index, besides one row a group. Cost: a change reads the first
    /// rows of the arrangement, also where it takes the least one away: O(log n) of the group (DBSP §7.2).
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, cheapest)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(String, i64)>("sales");
    ///     let by_price = Index::new("price", |sale: &(String, i64)| sale.1);
    ///     let cheapest = sales.group_by(Index::new("shop", |sale: &(String, i64)| sale.0.clone())).min(by_price);
    ///     (sales.handle(), cheapest.view("cheapest"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(sales, [("Ulm".into(), 0), ("Ulm".into(), 9)]).commit()?;
    /// assert_eq!(store.view(cheapest).get(&"Ulm".to_string())?.map(|group| group.value), Some(0));
    /// store.change().remove(sales, [("Ulm".into(), 0)]).commit()?;
    /// assert_eq!(store.view(cheapest).get(&"Ulm".to_string())?.map(|group| group.value), Some(9));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn min<V: IndexKey + Row>(self, index: Index<T, V>) -> Stream<'g, Keyed<K, V>, S> {
        self.aggregate_as("min", agg::min(index))
    }

    /// The greatest key that the rows of each group have by an index. SQL: `max(…)`. State and cost: as [`Self::min`],
    /// which shares the arrangement.
    #[track_caller]
    pub fn max<V: IndexKey + Row>(self, index: Index<T, V>) -> Stream<'g, Keyed<K, V>, S> {
        self.aggregate_as("max", agg::max(index))
    }

    /// The row of each group whose key by an index is the least; of those the least row. SQL: `min_by(…)`,
    /// `DISTINCT ON`. State and cost: as [`Self::min`].
    #[track_caller]
    pub fn min_by<V: IndexKey>(self, index: Index<T, V>) -> Stream<'g, Keyed<K, T>, S> {
        self.aggregate_as("min_by", agg::min_by(index))
    }

    /// The row of each group whose key by an index is the greatest; of those the greatest row. SQL: `max_by(…)`. State
    /// and cost: as [`Self::min`].
    #[track_caller]
    pub fn max_by<V: IndexKey>(self, index: Index<T, V>) -> Stream<'g, Keyed<K, T>, S> {
        self.aggregate_as("max_by", agg::max_by(index))
    }

    /// Folds the rows of each group in the order of an index, rows with one key in their own order; the closure gets
    /// each row once, with its weight. SQL: an aggregate with `ORDER BY` in it, as `string_agg(… ORDER BY …)`.
    ///
    /// State: the rows, arranged by the group and the index. Cost: a change reads and folds all rows of each group that
    /// it touches, twice.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (words, lines)) = Graph::build("poem", |g| {
    ///     let words = g.input::<(u32, u32, String)>("words"); // line, position, word
    ///     let by_position = Index::new("position", |word: &(u32, u32, String)| word.1);
    ///     let lines = words.group_by(Index::new("line", |word: &(u32, u32, String)| word.0)).fold(
    ///         by_position,
    ///         String::new(),
    ///         |line: &mut String, word, _weight| line.push_str(&word.2),
    ///     );
    ///     (words.handle(), lines.view("lines"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(words, [(1, 2, "view".into()), (1, 1, "delta".into())]).commit()?;
    /// assert_eq!(store.view(lines).get(&1)?.map(|line| line.value), Some("deltaview".to_string()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn fold<O: IndexKey, A: Row>(
        self,
        index: Index<T, O>,
        start: A,
        step: impl Fn(&mut A, &T, Weight) + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, A>, S> {
        self.aggregate_as("fold", agg::fold(index, start, step))
    }

    /// The first `n` rows of each group in the order of an index, copies counted; rows with one key in their own order.
    /// SQL: `row_number() OVER (PARTITION BY … ORDER BY …) <= n`.
    ///
    /// State: the rows, arranged by the group and the index. Cost: a change reads the first `n` rows of each group that
    /// it touches, and as many more as it takes away from them; rows with one key are always read together.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, best)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(String, i64)>("sales");
    ///     let by_price = Index::new("price", |sale: &(String, i64)| sale.1);
    ///     let best = sales.group_by(Index::new("shop", |sale: &(String, i64)| sale.0.clone())).top_n(by_price, 2);
    ///     (sales.handle(), best.view("best"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(sales, [3, 9, 5].map(|price| ("Ulm".to_string(), price))).commit()?;
    /// let prices = || -> Result<Vec<i64>, deltaview::Error> { store.view(best).iter()?.map(|row| Ok(row?.0.1)).collect() };
    /// assert_eq!(prices()?, [5, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn first_n<O: IndexKey>(self, index: Index<T, O>, n: u64) -> Stream<'g, T, S> {
        self.first_n_from(index, 0, n)
    }

    /// The last `n` rows of each group in the order of an index: [`Self::first_n`] in the exact reverse, with the same
    /// arrangement. SQL: `… ORDER BY … DESC`.
    #[track_caller]
    pub fn top_n<O: IndexKey>(self, index: Index<T, O>, n: u64) -> Stream<'g, T, S> {
        self.top_n_from(index, 0, n)
    }

    /// [`Self::first_n`] after the first `offset` rows. SQL: `LIMIT n OFFSET offset`. Cost: as of `offset + n` rows.
    #[track_caller]
    pub fn first_n_from<O: IndexKey>(
        self,
        index: Index<T, O>,
        offset: u64,
        n: u64,
    ) -> Stream<'g, T, S> {
        self.taken("first_n", index, (offset, n, Order::Forward))
    }

    /// [`Self::top_n`] after the last `offset` rows.
    #[track_caller]
    pub fn top_n_from<O: IndexKey>(
        self,
        index: Index<T, O>,
        offset: u64,
        n: u64,
    ) -> Stream<'g, T, S> {
        self.taken("top_n", index, (offset, n, Order::Backward))
    }

    #[track_caller]
    fn taken<O: IndexKey>(
        self,
        kind: &str,
        order: Index<T, O>,
        (offset, count, direction): (u64, u64, Order),
    ) -> Stream<'g, T, S> {
        let at = Location::caller();
        let builder = self.stream.builder;
        let taken = Taken {
            offset,
            count,
            order: direction,
        };
        let naming = Naming::Derived {
            suffix: format!("{kind}_by_{}", order.name()),
        };
        let (group, order) = (S::group_index(self.index), S::on_rows(order));
        let id = if builder.region_of(&[self.stream.id]).is_some() {
            let evaluate =
                move |_: &S::Group<K>, rows: &[(S::Row<T>, Weight)], _: &[((), Weight)]| {
                    Ok(first_of_rows(&order, taken, rows))
                };
            let left = (self.stream.id, &group);
            builder.by_key((naming, kind), left, None, evaluate, at)
        } else {
            let (vertex, table) = builder.arrange_in_order(self.stream.id, group, order, at);
            let first = First::<S::Group<K>, S::Row<T>, O> {
                table,
                taken,
                types: PhantomData,
            };
            let work = Work::operator(first).reading(table);
            builder.draft::<S::Row<T>>(naming, kind, &[vertex], work, at)
        };
        self.stream.at(id)
    }
}

impl Builder {
    /// The vertex that arranges a stream by group, and by order within the group, and its table.
    pub(crate) fn arrange_in_order<R: Row, G: IndexKey, O: IndexKey>(
        &self,
        stream: VertexId,
        group: Index<R, G>,
        order: Index<R, O>,
        at: &'static Location<'static>,
    ) -> (VertexId, TableId) {
        self.arrange(stream, &in_order(group, order), at)
    }
}
