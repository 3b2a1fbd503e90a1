//! The operators on sets and bags.

use std::marker::PhantomData;
use std::panic::Location;

use deltaview_schema::{Index, Row};
use deltaview_zset::Weight;

use super::scope::Scope;
use super::{Naming, Stream, Work};
use crate::operators::{RowByRow, Weigh};
use crate::plan::VertexId;
use crate::state::Whole;

/// The copies of a row that are there.
fn copies(weight: Weight) -> Weight {
    weight.max(0)
}

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// Each row that is there (whose weight is positive), once. SQL: `SELECT DISTINCT`.
    ///
    /// State: the stream, arranged by no key (shared with whoever wants it so). Cost: a changed row reads and writes
    /// its own weight (DBSP §4).
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

    /// The rows that are in either stream, each once. SQL: `UNION`. State and cost: as [`Self::distinct`], of both.
    /// ```
    /// # use deltaview::prelude::*;
    /// # let (graph, (a, b, either, both, only_a)) = Graph::build("sets", |g| {
    /// #     let (a, b) = (g.input::<u8>("a"), g.input::<u8>("b"));
    /// let (either, both, only_a) = (a.union(b), a.intersect(b), a.except(b));
    /// #     (a.handle(), b.handle(), either.view("either"), both.view("both"), only_a.view("only_a"))
    /// # })?;
    /// # let mut store = MemoryStore::new(&graph);
    /// store.change().insert(a, [1, 1, 2]).insert(b, [2, 3]).commit()?;
    /// # let rows = |view| -> Result<Vec<u8>, deltaview::Error> { store.view(view).iter()?.map(|row| Ok(row?.0)).collect() };
    /// assert_eq!((rows(either)?, rows(both)?, rows(only_a)?), (vec![1, 2, 3], vec![2], vec![1]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn union(self, other: impl Into<Self>) -> Self {
        self.row_by_row("union", Some(other.into()), |left, right| {
            Weight::from(left > 0 || right > 0)
        })
    }

    /// The rows that are in both streams, each once. SQL: `INTERSECT`. State and cost: as [`Self::distinct`], of both.
    #[track_caller]
    pub fn intersect(self, other: impl Into<Self>) -> Self {
        self.row_by_row("intersect", Some(other.into()), |left, right| {
            Weight::from(left > 0 && right > 0)
        })
    }

    /// The rows that are in this stream and not in the other, each once. SQL: `EXCEPT`. State and cost: as
    /// [`Self::distinct`], of both.
    #[track_caller]
    pub fn except(self, other: impl Into<Self>) -> Self {
        self.row_by_row("except", Some(other.into()), |left, right| {
            Weight::from(left > 0 && right <= 0)
        })
    }

    /// All copies of the rows of both streams: [`Self::plus`] by its name in SQL, `UNION ALL`. No state.
    #[track_caller]
    pub fn union_all(self, other: impl Into<Self>) -> Self {
        self.plus(other)
    }

    /// As many copies of a row as both streams have. SQL: `INTERSECT ALL`. State and cost: as [`Self::distinct`], of
    /// both.
    /// ```
    /// # use deltaview::prelude::*;
    /// # let (graph, (a, b, both, more)) = Graph::build("bags", |g| {
    /// #     let (a, b) = (g.input::<u8>("a"), g.input::<u8>("b"));
    /// let (both, more) = (a.intersect_all(b), a.except_all(b));
    /// #     (a.handle(), b.handle(), both.view("both"), more.view("more"))
    /// # })?;
    /// # let mut store = MemoryStore::new(&graph);
    /// store.change().insert(a, [1, 1, 1, 2]).insert(b, [1, 1]).commit()?;
    /// assert_eq!(store.view(both).iter()?.into_zset()?.weight(&1), 2);
    /// assert_eq!(store.view(more).iter()?.into_zset()?.weight(&1), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn intersect_all(self, other: impl Into<Self>) -> Self {
        self.row_by_row("intersect_all", Some(other.into()), |left, right| {
            copies(left.min(right))
        })
    }

    /// The copies of a row that this stream has more than the other. SQL: `EXCEPT ALL`. State and cost: as
    /// [`Self::distinct`], of both.
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
        let ids: Vec<VertexId> = [Some(self.id), other.map(|other| other.id)]
            .into_iter()
            .flatten()
            .collect();
        if self.builder.region_of(&ids).is_some() {
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
            let left = (self.id, &by_row);
            let id = self
                .builder
                .by_key((naming, word), left, right, evaluate, at);
            return self.at(id);
        }
        let index = Index::<S::Row<T>, ()>::unkeyed();
        let (vertex, left) = self.builder.arrange(self.id, &index, at);
        let (mut inputs, mut right) = (vec![vertex], None);
        if let Some(other) = other {
            let (vertex, table) = self.builder.arrange(other.id, &index, at);
            inputs.push(vertex);
            right = Some(table);
        }
        let mut work = Work::operator(RowByRow::<S::Row<T>> {
            left,
            right,
            weigh,
            row: PhantomData,
        })
        .reading(left);
        if let Some(right) = right {
            work = work.reading(right);
        }
        let id = self
            .builder
            .draft::<S::Row<T>>(naming, word, &inputs, work, at);
        self.at(id)
    }
}
