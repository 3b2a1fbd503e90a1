//! [`Stream`]: what flows along an edge, with its row type, and the operators as its methods.

use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Indexable, Row};
use deltaview_zset::{Pair, Weight};

use super::{Builder, Grouped, Naming, Work};
use crate::error::ProblemKind;
use crate::handle::{InputHandle, OutputHandle, TableHandle, ViewHandle};
use crate::operators::{
    Delay, Differentiate, FilterStage, FlatMapStage, InspectStage, Integrate, Join, MapStage,
    NegateStage, Output, Plus, Stage,
};
use crate::plan::VertexId;

/// A stream of changes of rows `T`: a small `Copy` value that names a vertex of the graph that is being built.
///
/// Its methods are the operators. Each makes a new stream, and leaves this one as it is. The closures must be pure:
/// equal rows always give equal results, or what was inserted can't be taken back.
pub struct Stream<'g, T> {
    pub(crate) builder: &'g Builder,
    pub(crate) id: VertexId,
    pub(crate) row: PhantomData<fn() -> T>,
}

impl<T> Clone for Stream<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Stream<'_, T> {}

impl<T> std::fmt::Debug for Stream<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({} of `{}`)", self.id.0, self.builder.name)
    }
}

/// The stream of a keyed table: a [`Stream`] that also gives the table's handle.
pub struct KeyedTableStream<'g, T, K> {
    pub(crate) stream: Stream<'g, T>,
    pub(crate) key: PhantomData<fn() -> K>,
}

impl<T, K> Clone for KeyedTableStream<'_, T, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, K> Copy for KeyedTableStream<'_, T, K> {}

impl<T, K> std::fmt::Debug for KeyedTableStream<'_, T, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stream.fmt(f)
    }
}

impl<'g, T, K> Deref for KeyedTableStream<'g, T, K> {
    type Target = Stream<'g, T>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<'g, T, K> From<KeyedTableStream<'g, T, K>> for Stream<'g, T> {
    fn from(table: KeyedTableStream<'g, T, K>) -> Self {
        table.stream
    }
}

impl<T, K> KeyedTableStream<'_, T, K> {
    /// The handle that changes of the table are made with.
    pub fn handle(&self) -> TableHandle<T, K> {
        TableHandle::new(self.stream.builder.target(self.stream.id))
    }
}

impl<'g, T: Row> Stream<'g, T> {
    /// The handle that changes of this input are made with. Only for the stream of an input.
    #[track_caller]
    pub fn handle(self) -> InputHandle<T> {
        if self.builder.drafts.borrow()[self.id.0].kind != "input" {
            let message = "only the stream of `input` has an input handle".to_string();
            self.builder
                .problem(ProblemKind::ForeignHandle, Location::caller(), message);
        }
        InputHandle::new(self.builder.target(self.id))
    }

    /// Gives the vertex a name of its own, in the place of the one made from its operator and its inputs. Names of
    /// tables begin with it, so a name that stays lets the query around it change.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.builder.check_name(&name, Location::caller());
        let mut drafts = self.builder.drafts.borrow_mut();
        drafts[self.id.0].naming = Naming::Given(name);
        drafts[self.id.0].at = Location::caller();
        drop(drafts);
        self
    }

    /// Each row becomes one other (DBSP §3: lifting of a linear function). SQL: `SELECT f(…)`. No state.
    #[track_caller]
    pub fn map<U: Row>(self, map: impl Fn(T) -> U + Send + Sync + 'static) -> Stream<'g, U> {
        self.stage("map", MapStage { map: Arc::new(map) })
    }

    /// Rows stay or go. SQL: `WHERE`. No state.
    #[track_caller]
    pub fn filter(self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
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
    ) -> Stream<'g, U> {
        let each = move |row: T, take: &mut dyn FnMut(U)| map(row).into_iter().for_each(take);
        self.stage(
            "filter_map",
            FlatMapStage {
                flat_map: Arc::new(each),
            },
        )
    }

    /// Each row becomes any number of others. SQL: `CROSS JOIN LATERAL unnest(…)`. No state.
    #[track_caller]
    pub fn flat_map<U: Row, I: IntoIterator<Item = U>>(
        self,
        map: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Stream<'g, U> {
        let each = move |row: T, take: &mut dyn FnMut(U)| map(row).into_iter().for_each(take);
        self.stage(
            "flat_map",
            FlatMapStage {
                flat_map: Arc::new(each),
            },
        )
    }

    /// Shows each changed row with its weight to a closure, for debugging, and passes it on as it is. A row may be
    /// shown several times in one iteration, and again where a transaction is tried again.
    #[track_caller]
    pub fn inspect(self, inspect: impl Fn(&T, Weight) + Send + Sync + 'static) -> Self {
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
        let negate = |_: &T, weight: Weight| weight.checked_neg();
        self.stage(
            "negate",
            NegateStage {
                negate: Arc::new(negate),
            },
        )
    }

    /// The sum of two streams. SQL: `UNION ALL`. No state.
    #[track_caller]
    pub fn plus(self, other: impl Into<Stream<'g, T>>) -> Self {
        let at = Location::caller();
        let other = self.ours(other.into(), at);
        let work = Work::operator(Plus::<T>(PhantomData));
        let naming = Naming::Between { word: "plus" };
        self.builder
            .draft(naming, "plus", &[self.id, other.id], work, at)
    }

    /// The pairs of rows whose keys are equal. SQL: `JOIN … ON`. Weights are multiplied.
    ///
    /// State: both streams, each arranged by its index; an arrangement that another operator wants too is shared.
    /// Cost: a changed row reads the rows of its key on the other side (DBSP §4: bilinear operators).
    #[track_caller]
    pub fn join<R: Row, K: IndexKey>(
        self,
        right: impl Into<Stream<'g, R>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
    ) -> Stream<'g, Pair<T, R>> {
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
        right: impl Into<Stream<'g, R>>,
        left_index: Index<T, K>,
        right_index: Index<R, K>,
        map: impl Fn(&K, &T, &R) -> U + Send + Sync + 'static,
    ) -> Stream<'g, U> {
        let at = Location::caller();
        let right = right.into();
        let right = if right.belongs_to(self.builder) {
            right
        } else {
            return self.foreign(at);
        };
        let (left_vertex, left) = self.builder.arrange(self.id, &left_index, at);
        let (right_vertex, right_table) = self.builder.arrange(right.id, &right_index, at);
        let join = Join {
            left,
            right: right_table,
            map: Arc::new(map),
        };
        let work = Work::operator(join).reading(left).reading(right_table);
        let naming = Naming::Between { word: "join" };
        self.builder
            .draft(naming, "join", &[left_vertex, right_vertex], work, at)
    }

    /// Groups the rows by an index, to be aggregated. SQL: `GROUP BY`.
    pub fn group_by<K: IndexKey + Row>(self, index: Index<T, K>) -> Grouped<'g, T, K> {
        Grouped {
            stream: self,
            index,
        }
    }

    /// The running sum of the stream: at each iteration, all that came so far (DBSP §2, `I`).
    ///
    /// State: that sum. Cost: each iteration reads and puts out all of it.
    #[track_caller]
    pub fn integrate(self) -> Self {
        self.remembering("integrate", "sum", |table| {
            Work::operator(Integrate::<T> {
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
            Work::operator(Delay::<T> {
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
            Work::operator(Differentiate::<T> {
                table,
                row: PhantomData,
            })
        })
    }

    /// Returns the stream's delta from every iteration. No state.
    #[track_caller]
    pub fn output(self, name: impl Into<String>) -> OutputHandle<T> {
        let work = Work::operator(Output::<T>(PhantomData)).ending();
        let at = Location::caller();
        let output: Stream<'_, T> =
            self.builder
                .draft(Naming::Given(name.into()), "output", &[self.id], work, at);
        OutputHandle::new(self.builder.target(output.id))
    }

    /// Keeps the stream's rows in a table that can be read at any time: by the key of the group for what `group_by`
    /// made, by no key for other rows ([`Indexable::default_index`]).
    #[track_caller]
    pub fn view(self, name: impl Into<String>) -> ViewHandle<T, <T as Indexable>::Key> {
        self.view_by(name, T::default_index())
    }

    /// Keeps the stream's rows in a table that can be read at any time, by an index. [`Builder::also_by`] adds
    /// further ones.
    ///
    /// State: the rows. A view that a join wants by the same index is one table with the join's.
    #[track_caller]
    pub fn view_by<K: IndexKey>(
        self,
        name: impl Into<String>,
        index: Index<T, K>,
    ) -> ViewHandle<T, K> {
        let at = Location::caller();
        let name = name.into();
        self.builder.check_name(&name, at);
        let (vertex, table) = self.builder.arrange(self.id, &index, at);
        let mut drafts = self.builder.drafts.borrow_mut();
        let draft = &mut drafts[vertex.0];
        if let Naming::Given(first) = &draft.naming {
            let message = format!(
                "view `{name}` has the same rows by the same index as view `{first}`: use the handle of that one"
            );
            drop(drafts);
            self.builder
                .problem(ProblemKind::DuplicateName, at, message);
        } else {
            draft.naming = Naming::Given(name);
            draft.kind = "view".to_string();
            draft.at = at;
            draft.work.set_ending();
            self.builder.tables.borrow_mut()[table.0].schema_mut().role = "view".to_string();
        }
        ViewHandle::new(self.builder.target(vertex), 0)
    }

    #[track_caller]
    fn stage<U: Row>(self, kind: &str, stage: impl Stage + 'static) -> Stream<'g, U> {
        let naming = Naming::Derived {
            suffix: kind.to_string(),
        };
        let work = Work::Stage(Arc::new(stage));
        self.builder
            .draft(naming, kind, &[self.id], work, Location::caller())
    }

    #[track_caller]
    fn remembering(
        self,
        kind: &str,
        role: &str,
        work: impl FnOnce(crate::plan::TableId) -> Work,
    ) -> Self {
        let table = self
            .builder
            .table_for(Index::<T, ()>::unkeyed(), role, false);
        let naming = Naming::Derived {
            suffix: kind.to_string(),
        };
        let work = work(table).writing(table);
        self.builder
            .draft(naming, kind, &[self.id], work, Location::caller())
    }

    fn belongs_to(&self, builder: &Builder) -> bool {
        self.builder.id == builder.id
    }

    /// The other stream, if it is of this graph; otherwise the problem is noted.
    fn ours(self, other: Self, at: &'static Location<'static>) -> Self {
        if other.belongs_to(self.builder) {
            return other;
        }
        self.note_foreign(at);
        self
    }

    /// A stream that stands for one that can't be made.
    fn foreign<U: Row>(self, at: &'static Location<'static>) -> Stream<'g, U> {
        self.note_foreign(at);
        Stream {
            builder: self.builder,
            id: self.id,
            row: PhantomData,
        }
    }

    fn note_foreign(&self, at: &'static Location<'static>) {
        let message = format!(
            "this combines a stream of graph `{}` with one of another graph: make both with one builder",
            self.builder.name
        );
        self.builder
            .problem(ProblemKind::ForeignStream, at, message);
    }
}
