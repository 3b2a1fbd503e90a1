//! The operators on sets and bags.

use std::marker::PhantomData;
use std::panic::Location;

use deltaview_schema::{Index, Row};
use deltaview_zset::Weight;

use super::scope::Scope;
use super::{Naming, Stream, Work};
use crate::operators::{RowByRow, Weigh};
use crate::state::Whole;

/// The copies of a row that are there.
fn copies(weight: Weight) -> Weight {
    weight.max(0)
}

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// Each row that is there (whose weight is positive), once (DBSP §4.3, Proposition 4.7). SQL: `SELECT DISTINCT`.
    ///
    /// State: the stream, arranged by no key (shared with whoever wants it so). Cost: a changed row reads and writes
    /// its own weight.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (words, seen)) = Graph::build("words", |g| {
    ///     let words = g.input::<String>("words");
    ///     (words.handle(), words.distinct().output("seen"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(words, ["one".to_string(), "one".to_string()]).commit()?;
    /// assert_eq!(changed.get(seen)?.weight(&"one".to_string()), 1);
    /// let changed = store.change().remove(words, ["one".to_string()]).commit()?;
    /// assert!(changed.get(seen)?.is_empty()); // one copy is still there
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn distinct(self) -> Self {
        self.row_by_row("distinct", None, |weight, _| Weight::from(weight > 0))
    }

    /// The rows that are in either stream, each once. SQL: `UNION`. State: both streams, arranged by no key. Cost: a
    /// changed row reads its weight on both sides, and writes one.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.union(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1, 1, 2]).insert(b, [2, 3]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, 1), (2, 1), (3, 1)])?);
    /// let changed = store.change().remove(a, [1, 2]).remove(b, [3]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(3, -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn union(self, other: impl Into<Self>) -> Self {
        self.row_by_row("union", Some(other.into()), |left, right| {
            Weight::from(left > 0 || right > 0)
        })
    }

    /// The rows that are in both streams, each once. SQL: `INTERSECT`. State: both streams, arranged by no key. Cost: a
    /// changed row reads its weight on both sides, and writes one.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.intersect(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1, 2, 2]).insert(b, [2, 3]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(2, 1)])?);
    /// let changed = store.change().remove(b, [2]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(2, -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn intersect(self, other: impl Into<Self>) -> Self {
        self.row_by_row("intersect", Some(other.into()), |left, right| {
            Weight::from(left > 0 && right > 0)
        })
    }

    /// The rows that are in this stream and not in the other, each once. SQL: `EXCEPT`. State: both streams, arranged
    /// by no key. Cost: a changed row reads its weight on both sides, and writes one.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.except(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1, 1, 2]).insert(b, [2]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, 1)])?);
    /// let changed = store.change().insert(b, [1]).remove(b, [2]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, -1), (2, 1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn except(self, other: impl Into<Self>) -> Self {
        self.row_by_row("except", Some(other.into()), |left, right| {
            Weight::from(left > 0 && right <= 0)
        })
    }

    /// All copies of the rows of both streams: [`Self::plus`] by its name in SQL, `UNION ALL`. State and cost: none.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.union_all(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1]).insert(b, [1]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, 2)])?);
    /// let changed = store.change().remove(a, [1]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn union_all(self, other: impl Into<Self>) -> Self {
        self.plus(other)
    }

    /// As many copies of a row as both streams have. SQL: `INTERSECT ALL`. State: both streams, arranged by no key.
    /// Cost: a changed row reads its weight on both sides, and writes one.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.intersect_all(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1, 1, 1, 2]).insert(b, [1, 1]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, 2)])?);
    /// let changed = store.change().remove(b, [1]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn intersect_all(self, other: impl Into<Self>) -> Self {
        self.row_by_row("intersect_all", Some(other.into()), |left, right| {
            copies(left.min(right))
        })
    }

    /// The copies of a row that this stream has more than the other. SQL: `EXCEPT ALL`. State: both streams, arranged
    /// by no key. Cost: a changed row reads its weight on both sides, and writes one.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (a, b, out)) = Graph::build("bags", |g| {
    ///     let (a, b) = (g.input::<i64>("a"), g.input::<i64>("b"));
    ///     (a.handle(), b.handle(), a.except_all(b).output("out"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(a, [1, 1, 1, 2]).insert(b, [1, 1]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, 1), (2, 1)])?);
    /// let changed = store.change().insert(b, [1]).commit()?;
    /// assert_eq!(changed.get(out)?, ZSet::from_pairs([(1, -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn except_all(self, other: impl Into<Self>) -> Self {
        self.row_by_row("except_all", Some(other.into()), |left, right| {
            copies(copies(left) - copies(right))
        })
    }

    #[track_caller]
    fn row_by_row(self, word: &'static str, other: Option<Self>, weigh: Weigh) -> Self {
        let at = Location::caller();
        let other = match other {
            None => None,
            Some(other) => match self.ours(other, at) {
                None => return self,
                ours => ours,
            },
        };
        let naming = if other.is_some() {
            Naming::Between { word }
        } else {
            Naming::Derived {
                suffix: word.to_string(),
            }
        };
        let builder = self.builder;
        let inside = |naming| {
            let by_row = Whole::<S::Row<T>>::index();
            let evaluate = move |row: &Whole<S::Row<T>>,
                                 left: &[(S::Row<T>, Weight)],
                                 right: &[(S::Row<T>, Weight)]| {
                let weight_of = |rows: &[(S::Row<T>, Weight)]| rows.first().map_or(0, |row| row.1);
                let weight = weigh(weight_of(left), weight_of(right));
                let there = (weight != 0).then(|| (row.0.clone(), weight));
                Ok(there.into_iter().collect())
            };
            let right = other.map(|other| (other.id, &by_row));
            builder.by_key((naming, word), (self.id, &by_row), right, evaluate, at)
        };
        let outside = |naming| {
            let index = Index::<S::Row<T>, ()>::unkeyed();
            let (vertex, left) = builder.arrange(self.id, &index, at);
            let (mut inputs, mut right) = (vec![vertex], None);
            if let Some(other) = other {
                let (vertex, table) = builder.arrange(other.id, &index, at);
                inputs.push(vertex);
                right = Some(table);
            }
            let work = Work::operator(RowByRow::<S::Row<T>> {
                left,
                right,
                weigh,
                row: PhantomData,
            })
            .reading(left);
            let work = right.into_iter().fold(work, Work::reading);
            builder.draft::<S::Row<T>>(naming, word, &inputs, work, at)
        };
        self.at(S::choose(naming, outside, inside))
    }
}
