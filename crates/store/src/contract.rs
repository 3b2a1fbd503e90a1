//! What every store does: [`Store`], the change that is being made of it ([`Pending`]), and what a commit returns.

use deltaview_graph::{Bounds, Change, Changes, Edit, Graph, HandleError, Order, Sink, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::ZSet;

use crate::{Error, Rows, View};

/// The state of one graph, kept somewhere.
pub trait Store: Sized {
    /// The graph.
    fn graph(&self) -> &Graph;

    /// Begins a change: add to it with the methods of [`Edit`], then [`commit`](Pending::commit) it.
    fn change(&mut self) -> Pending<'_, Self> {
        let change = self.graph().change();
        Pending {
            store: self,
            change,
        }
    }

    /// Runs a change as one iteration: all of it, or nothing. It can be committed again where it failed for a reason
    /// that passes.
    ///
    /// # Errors
    ///
    /// The change makes no sense, a closure panics, a weight or a sum overflows, the database can't be written. The
    /// state is as it was before, and the store can be used on. Where several things are wrong, any of them is told.
    fn commit(&mut self, change: &Change) -> Result<Committed, Error>;

    /// The time of the last iteration; 0 before the first.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn time(&self) -> Result<i64, Error>;

    /// Reads a view.
    fn view<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> View<'_, Self, T, K> {
        View::new(self, view)
    }

    /// Reads the rows of a view whose keys are within bounds, in the order of the handle's index, lazily. Rows of one
    /// key come in no particular order. All come from one iteration. [`Self::view`] is the comfortable way.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph, or the database can't be read.
    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error>;
}

/// A change of a store that is not committed yet: made by [`Store::change`], filled by the methods of [`Edit`].
#[must_use = "a change does nothing until it is committed"]
#[derive(Debug)]
pub struct Pending<'s, S> {
    store: &'s mut S,
    change: Change,
}

impl<S: Store> Pending<'_, S> {
    /// Commits the change as one iteration, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn commit(self) -> Result<Committed, Error> {
        self.store.commit(&self.change)
    }
}

impl<S: Store> Edit for Pending<'_, S> {
    fn edited(&mut self) -> &mut Change {
        &mut self.change
    }
}

/// An iteration that was committed: its time, and what it changed.
#[derive(Debug)]
pub struct Committed {
    time: i64,
    changes: Changes,
}

impl Committed {
    /// A commit at a time. For stores.
    pub fn new(time: i64, changes: Changes) -> Self {
        Self { time, changes }
    }

    /// The time of the iteration: positive, and greater than that of every one before it.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The delta of an output or a view.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn get<S: Sink<Row: Row>>(&self, sink: S) -> Result<ZSet<S::Row>, HandleError> {
        self.changes.get(sink)
    }

    /// The number of rows that were written, over all tables.
    pub fn rows_written(&self) -> usize {
        self.changes.rows_written()
    }
}
