//! The operators that look at one row at a time, and those that add streams up: linear, without state (DBSP §3); and
//! the operators on streams as such (DBSP §2).

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, Row};
use deltaview_zset::Weight;

use super::scope::Scope;
use super::{Naming, Stream, Work};
use crate::operators::{
    Delay, Differentiate, FilterStage, FlatMapStage, InspectStage, Integrate, MapStage,
    NegateStage, Plus, Stage,
};
use crate::plan::TableId;

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// Each row becomes one other (DBSP §3: lifting of a linear function). SQL: `SELECT f(…)`. No state.
    #[track_caller]
    pub fn map<U: Row>(self, map: impl Fn(T) -> U + Send + Sync + 'static) -> Stream<'g, U, S> {
        let map = move |row: S::Row<T>| S::map(row, &map);
        self.stage("map", MapStage { map: Arc::new(map) })
    }

    /// Rows stay or go. SQL: `WHERE`. No state.
    #[track_caller]
    pub fn filter(self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        let keep = move |row: &S::Row<T>| keep(S::row(row));
        self.stage(
            "filter",
            FilterStage {
                keep: Arc::new(keep),
            },
        )
    }

    /// Each row becomes one other, or goes. No state.
    #[track_caller]
    pub fn filter_map<U: Row>(
        self,
        map: impl Fn(T) -> Option<U> + Send + Sync + 'static,
    ) -> Stream<'g, U, S> {
        self.expand("filter_map", map)
    }

    /// Each row becomes any number of others. SQL: `CROSS JOIN LATERAL unnest(…)`. No state.
    #[track_caller]
    pub fn flat_map<U: Row, I: IntoIterator<Item = U>>(
        self,
        map: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Stream<'g, U, S> {
        self.expand("flat_map", map)
    }

    #[track_caller]
    fn expand<U: Row, I: IntoIterator<Item = U>>(
        self,
        kind: &str,
        map: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Stream<'g, U, S> {
        let each = move |row: S::Row<T>, take: &mut dyn FnMut(S::Row<U>)| {
            for made in map(S::row(&row).clone()) {
                take(S::like::<T, U>(&row, made));
            }
        };
        self.stage(
            kind,
            FlatMapStage {
                flat_map: Arc::new(each),
            },
        )
    }

    /// Shows each changed row with its weight to a closure, for debugging, and passes it on as it is. A row may be
    /// shown several times in one iteration, and again where a transaction is tried again.
    #[track_caller]
    pub fn inspect(self, inspect: impl Fn(&T, Weight) + Send + Sync + 'static) -> Self {
        let inspect = move |row: &S::Row<T>, weight| inspect(S::row(row), weight);
        self.stage(
            "inspect",
            InspectStage {
                inspect: Arc::new(inspect),
            },
        )
    }

    /// The negative of the stream: each weight changes its sign. `a.plus(b.negate())` is `a` minus `b`. No state.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (all, done, open)) = Graph::build("tasks", |g| {
    ///     let all = g.input::<u32>("all");
    ///     let done = g.input::<u32>("done");
    ///     (all.handle(), done.handle(), all.plus(done.negate()).view("open"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(all, [1, 2, 3]).insert(done, [2]).commit()?;
    /// let open: Vec<u32> = store.view(open).iter()?.map(|row| Ok(row?.0)).collect::<Result<_, deltaview::Error>>()?;
    /// assert_eq!(open, [1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn negate(self) -> Self {
        let negate = |_: &S::Row<T>, weight: Weight| weight.checked_neg();
        self.stage(
            "negate",
            NegateStage {
                negate: Arc::new(negate),
            },
        )
    }

    /// The sum of two streams. SQL: `UNION ALL`. No state.
    #[track_caller]
    pub fn plus(self, other: impl Into<Stream<'g, T, S>>) -> Self {
        let at = Location::caller();
        let Some(other) = self.ours(other.into(), at) else {
            return self;
        };
        let work = Work::operator(Plus::<S::Row<T>>(PhantomData));
        let naming = Naming::Between { word: "plus" };
        let id = self
            .builder
            .draft::<S::Row<T>>(naming, "plus", &[self.id, other.id], work, at);
        self.at(id)
    }

    /// The running sum of the stream: at each iteration, all that came so far (DBSP §2, `I`).
    ///
    /// State: that sum. Cost: each iteration reads and puts out all of it.
    #[track_caller]
    pub fn integrate(self) -> Self {
        self.remembering("integrate", "sum", |table| {
            Work::operator(Integrate::<S::Row<T>> {
                table,
                row: PhantomData,
            })
        })
    }

    /// The stream, one iteration later (DBSP §2, `z⁻¹`). State: the last delta.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (words, late)) = Graph::build("late", |g| {
    ///     let words = g.input::<String>("words");
    ///     (words.handle(), words.delay().output("late"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let now = store.change().insert(words, ["word".to_string()]).commit()?;
    /// assert!(now.get(late)?.is_empty());
    /// let next = store.change().commit()?; // an iteration that changes no input
    /// assert_eq!(next.get(late)?.weight(&"word".to_string()), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn delay(self) -> Self {
        self.remembering("delay", "last", |table| {
            Work::operator(Delay::<S::Row<T>> {
                table,
                row: PhantomData,
            })
        })
    }

    /// At each iteration what came, less what came in the one before (DBSP §2, `D`): the inverse of
    /// [`Self::integrate`]. State: the last delta.
    #[track_caller]
    pub fn differentiate(self) -> Self {
        self.remembering("differentiate", "last", |table| {
            Work::operator(Differentiate::<S::Row<T>> {
                table,
                row: PhantomData,
            })
        })
    }

    #[track_caller]
    fn stage<U: Row>(self, kind: &str, stage: impl Stage + 'static) -> Stream<'g, U, S> {
        self.then(kind, Work::Stage(Arc::new(stage)), Location::caller())
    }

    #[track_caller]
    fn remembering(self, kind: &str, role: &str, work: impl FnOnce(TableId) -> Work) -> Self {
        self.builder
            .must_be_outside(self.id, kind, Location::caller());
        let index = Index::<S::Row<T>, ()>::unkeyed();
        let table = self.builder.table_for(index, role, false);
        self.then(kind, work(table).writing(table), Location::caller())
    }
}
