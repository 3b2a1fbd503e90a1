//! A change: what is to be done to the inputs of a graph in one iteration. It never touches stored state; the same
//! change can be begun again after a transaction that failed.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use deltaview_schema::Row;
use deltaview_zset::{Weight, ZSet};

use crate::error::{HandleError, TickErrorKind};
use crate::handle::{GraphId, InputHandle, Sealed, Source, TableHandle};
use crate::plan::VertexId;

/// What is to be done to the inputs of a graph in one iteration. Made by [`Graph::change`](crate::Graph::change), or
/// by `change()` of a store; filled by the methods of [`Edit`].
pub struct Change {
    graph: GraphId,
    graph_name: String,
    /// A batch for each source that is touched: `Vec<InputEdit<T>>` or `Vec<TableEdit<T, K>>`.
    edits: BTreeMap<VertexId, Box<dyn Any + Send + Sync>>,
    problem: Option<HandleError>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("graph", &self.graph_name)
            .field("inputs touched", &self.edits.len())
            .finish()
    }
}

/// One step of a change to an input or a keyed table, in the order in which they were asked for.
pub(crate) enum RowEdit<T> {
    /// Add this weight of the row.
    Weigh(T, Weight),
    /// A row to insert.
    Insert(T),
    /// A row to remove.
    Remove(T),
    /// A row to put in the place of the one with its key, if any (keyed tables only).
    Upsert(T),
}

/// One step of a change to a keyed table that names its row by key.
pub(crate) enum KeyEdit<T, K> {
    /// Replace the row by what the closure makes of it.
    Update(K, Arc<dyn Fn(&mut T) + Send + Sync>),
    /// Delete the row.
    Delete(K),
}

/// The steps for one source. Steps by row don't know the key's type; steps by key are held as `KeyEdit<T, K>`.
pub(crate) enum Edited<T> {
    Row(RowEdit<T>),
    /// A `KeyEdit<T, K>`.
    Key(Box<dyn Any + Send + Sync>),
}

pub(crate) type Edits<T> = Vec<Edited<T>>;

impl Change {
    pub(crate) fn new(graph: GraphId, graph_name: &str) -> Self {
        Self {
            graph,
            graph_name: graph_name.to_string(),
            edits: BTreeMap::new(),
            problem: None,
        }
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    pub(crate) fn check(&self, graph: GraphId) -> Result<(), TickErrorKind> {
        match &self.problem {
            _ if self.graph != graph => Err(TickErrorKind::ForeignChange),
            Some(problem) => Err(problem.clone().into()),
            None => Ok(()),
        }
    }

    /// All steps for a source: an `Edits<T>`.
    pub(crate) fn set_edits(&mut self, vertex: VertexId, edits: Box<dyn Any + Send + Sync>) {
        self.edits.insert(vertex, edits);
    }

    pub(crate) fn touches(&self, vertex: VertexId) -> bool {
        self.edits.contains_key(&vertex)
    }

    pub(crate) fn edits_of<T: Row>(&self, vertex: VertexId) -> &[Edited<T>] {
        self.edits
            .get(&vertex)
            .and_then(|edits| edits.downcast_ref::<Edits<T>>())
            .map_or(&[], Vec::as_slice)
    }

    fn edits_mut<T: Row>(&mut self, source: &impl Sealed) -> Option<&mut Edits<T>> {
        match source.target().in_graph(self.graph, &self.graph_name) {
            Ok(vertex) => self
                .edits
                .entry(vertex)
                .or_insert_with(|| Box::<Edits<T>>::default())
                .downcast_mut::<Edits<T>>(),
            Err(error) => {
                self.problem.get_or_insert(error);
                None
            }
        }
    }

    fn rows<T: Row>(
        &mut self,
        source: &impl Sealed,
        rows: impl IntoIterator<Item = T>,
        edit: impl Fn(T) -> RowEdit<T>,
    ) {
        if let Some(edits) = self.edits_mut::<T>(source) {
            edits.extend(rows.into_iter().map(|row| Edited::Row(edit(row))));
        }
    }

    fn key<T: Row, K: Send + Sync + 'static>(&mut self, table: &impl Sealed, edit: KeyEdit<T, K>) {
        if let Some(edits) = self.edits_mut::<T>(table) {
            edits.push(Edited::Key(Box::new(edit)));
        }
    }
}

/// The steps of a change, in any place that builds one: a [`Change`] itself, or what a store's `change()` returns.
///
/// Steps are done in the order in which they are asked for. A handle of another graph is an error when the change is
/// committed.
pub trait Edit: Sized {
    /// The change that is being built.
    #[doc(hidden)]
    fn edited(&mut self) -> &mut Change;

    /// Inserts rows into an input (each with a weight of one) or a keyed table (where a key that is there already
    /// is an error).
    #[must_use]
    fn insert<S: Source<Row: Row>>(
        mut self,
        into: S,
        rows: impl IntoIterator<Item = S::Row>,
    ) -> Self {
        self.edited().rows(&into, rows, RowEdit::Insert);
        self
    }

    /// Removes rows from an input (each with a weight of minus one) or a keyed table (where a row that is not there
    /// is an error).
    #[must_use]
    fn remove<S: Source<Row: Row>>(
        mut self,
        from: S,
        rows: impl IntoIterator<Item = S::Row>,
    ) -> Self {
        self.edited().rows(&from, rows, RowEdit::Remove);
        self
    }

    /// Removes one row and inserts another.
    #[must_use]
    fn replace<S: Source<Row: Row>>(self, source: S, old: S::Row, new: S::Row) -> Self {
        self.remove(source, [old]).insert(source, [new])
    }

    /// Adds a Z-set to an input: rows with any weights.
    #[must_use]
    fn add<T: Row>(mut self, to: InputHandle<T>, rows: ZSet<T>) -> Self {
        let edits = rows
            .into_iter()
            .map(|(row, weight)| RowEdit::Weigh(row, weight));
        if let Some(all) = self.edited().edits_mut::<T>(&to) {
            all.extend(edits.map(Edited::Row));
        }
        self
    }

    /// Puts rows into a keyed table, each in the place of the row with its key, if there is one.
    #[must_use]
    fn upsert<T: Row, K: Send + Sync + 'static>(
        mut self,
        table: TableHandle<T, K>,
        rows: impl IntoIterator<Item = T>,
    ) -> Self {
        self.edited().rows(&table, rows, RowEdit::Upsert);
        self
    }

    /// Replaces the row of a key by what the closure makes of it. A missing row is an error. The closure may run
    /// more than once, where a transaction is tried again.
    #[must_use]
    fn update<T: Row, K: Send + Sync + 'static>(
        mut self,
        table: TableHandle<T, K>,
        key: K,
        update: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Self {
        self.edited()
            .key(&table, KeyEdit::<T, K>::Update(key, Arc::new(update)));
        self
    }

    /// Deletes the row of a key from a keyed table. A missing row is an error.
    #[must_use]
    fn delete<T: Row, K: Send + Sync + 'static>(
        mut self,
        table: TableHandle<T, K>,
        key: K,
    ) -> Self {
        self.edited().key(&table, KeyEdit::<T, K>::Delete(key));
        self
    }
}

impl Edit for Change {
    fn edited(&mut self) -> &mut Change {
        self
    }
}
