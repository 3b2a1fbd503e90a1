//! [`Stream`]: what flows along an edge, with its row type. Its operators are in the files next to this one.

use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use deltaview_schema::{Index, IndexKey, Indexable, Row};

use super::scope::{Root, Scope};
use super::{Builder, Grouped, Naming, Work};
use crate::error::ProblemKind;
use crate::handle::{InputHandle, OutputHandle, TableHandle, ViewHandle};
use crate::operators::Output;
use crate::plan::VertexId;

/// A stream of changes of rows `T`: a small `Copy` value that names a vertex of the graph that is being built.
///
/// Its methods are the operators. Each makes a new stream, and leaves this one as it is. The closures must be pure:
/// equal rows always give equal results, or what was inserted can't be taken back.
///
/// `S` says where the stream lives: at the top of the graph ([`Root`]), or inside the groups of
/// [`per_group`](Self::per_group) ([`In`](super::In)). The operators are the same.
pub struct Stream<'g, T, S = Root> {
    pub(crate) builder: &'g Builder,
    pub(crate) id: VertexId,
    pub(crate) row: PhantomData<fn() -> (T, S)>,
}

impl<T, S> Clone for Stream<'_, T, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, S> Copy for Stream<'_, T, S> {}

impl<T, S> std::fmt::Debug for Stream<'_, T, S> {
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

    /// Returns the stream's delta from every iteration. No state.
    #[track_caller]
    pub fn output(self, name: impl Into<String>) -> OutputHandle<T> {
        let work = Work::operator(Output::<T>(PhantomData)).ending();
        let at = Location::caller();
        self.builder.must_be_outside(self.id, "output", at);
        let output =
            self.builder
                .draft::<T>(Naming::Given(name.into()), "output", &[self.id], work, at);
        OutputHandle::new(self.builder.target(output))
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
        self.builder.must_be_outside(self.id, "view", at);
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
}

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
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

    /// Groups the rows by an index, to be aggregated, ordered or numbered by group. SQL: `GROUP BY`, `PARTITION BY`.
    pub fn group_by<K: IndexKey + Row>(self, index: Index<T, K>) -> Grouped<'g, T, K, S> {
        Grouped {
            stream: self,
            index,
        }
    }

    /// A stream of a vertex that this builder has.
    pub(crate) fn at<U>(self, id: VertexId) -> Stream<'g, U, S> {
        Stream {
            builder: self.builder,
            id,
            row: PhantomData,
        }
    }

    /// A new vertex that reads this stream alone.
    pub(crate) fn then<U: Row>(
        self,
        kind: &str,
        work: Work,
        at: &'static Location<'static>,
    ) -> Stream<'g, U, S> {
        let naming = Naming::Derived {
            suffix: kind.to_string(),
        };
        let id = self
            .builder
            .draft::<S::Row<U>>(naming, kind, &[self.id], work, at);
        self.at(id)
    }

    /// The other stream, if it is of this graph; otherwise the problem is noted, and a stream of the right type is
    /// none that could be used: building goes on with the one that is there.
    pub(crate) fn ours<R>(
        self,
        other: Stream<'g, R, S>,
        at: &'static Location<'static>,
    ) -> Option<Stream<'g, R, S>> {
        if other.builder.id == self.builder.id {
            return Some(other);
        }
        let message = format!(
            "this combines a stream of graph `{}` with one of another graph: make both with one builder",
            self.builder.name
        );
        self.builder
            .problem(ProblemKind::ForeignStream, at, message);
        None
    }
}
