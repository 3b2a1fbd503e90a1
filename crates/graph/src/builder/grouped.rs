//! [`Grouped`]: a stream with the index that it is grouped by, and the aggregates as its methods.

use std::any::TypeId;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Indexable, Row};
use deltaview_zset::{AbelianGroup, Keyed, Weight};

use super::{Naming, Stream, Work};
use crate::operators::{Aggregate, GroupOperations, GroupState};

/// A stream grouped by an index: made by [`Stream::group_by`].
///
/// A group is there while the total weight of its rows is not zero: once its rows are all gone it disappears, as in
/// SQL. A sum that happens to be zero does not make it disappear.
///
/// Each aggregate keeps one row a group (its key, the total weight, the aggregate), never the rows themselves. A change
/// reads and writes that one row for each group that it touches (DBSP §7).
pub struct Grouped<'g, T, K> {
    pub(crate) stream: Stream<'g, T>,
    pub(crate) index: Index<T, K>,
}

impl<T, K> Clone for Grouped<'_, T, K> {
    fn clone(&self) -> Self {
        Self {
            stream: self.stream,
            index: self.index.clone(),
        }
    }
}

impl<T, K> std::fmt::Debug for Grouped<'_, T, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grouped")
            .field("stream", &self.stream)
            .field("index", &self.index)
            .finish()
    }
}

impl<'g, T: Row, K: IndexKey + Row> Grouped<'g, T, K> {
    /// The number of rows of each group, copies counted. SQL: `count(*)`.
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
    pub fn count(self) -> Stream<'g, Keyed<K, Weight>> {
        let operations = GroupOperations {
            zero: (),
            add: Arc::new(|(), ()| Some(())),
            scale: Arc::new(|_: &T, _| Some(())),
        };
        self.aggregate("count", operations, |weight, ()| weight)
    }

    /// The sum of what the closure makes of each row. SQL: `sum(…)`; several sums at once with a tuple.
    ///
    /// Sums are of any [`AbelianGroup`]: signed integers, Z-sets, tuples of them. A sum that overflows its type is an
    /// error of the iteration. Floats are none: their sum depends on the order of the rows.
    ///
    /// What one change adds to a group must fit the type as well as the group's sum. So the least value of a type, as
    /// `i64::MIN`, can be inserted but not removed, for its negative does not fit: sum into a wider type where such
    /// values occur.
    #[track_caller]
    pub fn sum<V: AbelianGroup + Row>(
        self,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, V>> {
        let operations = GroupOperations {
            zero: V::zero(),
            add: Arc::new(|a: &V, b: &V| a.checked_add(b)),
            scale: Arc::new(move |row: &T, weight| value(row).checked_scale(weight)),
        };
        self.aggregate("sum", operations, |_, sum| sum.clone())
    }

    /// An aggregate in a commutative group of your own: its zero, its addition, and what a row with a weight adds.
    /// Both closures return `None` for an overflow, which is then an error of the iteration.
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
    ) -> Stream<'g, Keyed<K, A>> {
        let operations = GroupOperations {
            zero,
            add: Arc::new(add),
            scale: Arc::new(scale),
        };
        self.aggregate("reduce", operations, |_, aggregate| aggregate.clone())
    }

    #[track_caller]
    fn aggregate<A: Row, V: Row>(
        self,
        kind: &str,
        operations: GroupOperations<T, A>,
        finish: impl Fn(Weight, &A) -> V + Send + Sync + 'static,
    ) -> Stream<'g, Keyed<K, V>> {
        let builder = self.stream.builder;
        builder.check_name(self.index.name(), Location::caller());
        let state_index = GroupState::<K, A>::default_index();
        let table = builder.table_for(state_index, "groups", true);
        let naming = Naming::Derived {
            suffix: format!("{kind}_by_{}", self.index.name()),
        };
        let aggregate = Aggregate {
            index: self.index,
            operations,
            finish: Arc::new(finish),
            table,
        };
        let work = Work::operator(aggregate).writing(table);
        let out: Stream<'g, Keyed<K, V>> =
            builder.draft(naming, kind, &[self.stream.id], work, Location::caller());
        let by_key = Keyed::<K, V>::default_index();
        builder.drafts.borrow_mut()[out.id.0].unique_by =
            Some((by_key.identity().clone(), TypeId::of::<K>()));
        out
    }
}
